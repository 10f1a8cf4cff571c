package darktrace

import (
	"context"
	"sync/atomic"
	"time"
)

// clock is what a client knows of the appliance's time.
type clock struct {
	now        func() time.Time
	correction atomic.Int64 // added to now for signing, since a refusal showed that it must
	observed   atomic.Int64 // the appliance's clock minus now, from the last answer's Date
	known      atomic.Bool  // whether observed holds anything
}

// observe notes an answer's Date and returns the appliance's clock minus ours.
func (c *clock) observe(date time.Time) time.Duration {
	skew := date.Sub(c.now()).Round(time.Second)
	c.observed.Store(int64(skew))
	c.known.Store(true)
	return skew
}

// appliance returns the time on the appliance's clock; false before any answer
// carried a Date.
func (c *clock) appliance() (time.Time, bool) {
	return c.now().Add(time.Duration(c.observed.Load())), c.known.Load()
}

// correct adopts the skew that a refused request showed and reports whether
// signing again can help. used is the correction that the request was signed
// with: if another call has corrected the clock since, that is enough.
func (c *clock) correct(used, skew, atLeast time.Duration) bool {
	if time.Duration(c.correction.Load()) != used {
		return true
	}
	if (skew - used).Abs() < atLeast {
		return false
	}
	c.correction.CompareAndSwap(int64(used), int64(skew))
	return true
}

type clockKey struct{}

// RequestTime returns the time to sign a request with: the client's clock,
// corrected to the appliance's once a refusal has shown that they differ. An
// Authenticator calls it with the request's context; any other context gives
// time.Now().
func RequestTime(ctx context.Context) time.Time {
	if c, ok := ctx.Value(clockKey{}).(*clock); ok {
		return c.now().Add(time.Duration(c.correction.Load()))
	}
	return time.Now()
}
