package clock

import (
	"context"
	"sync"
	"time"
)

// Signing returns the time that a request would be dated with.
func (c *Clock) Signing() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Add(c.correction)
}

// Heard holds what the first accepted response to the requests of a context shows
// about the appliance's clock.
type Heard struct {
	mu     sync.Mutex
	offset time.Duration // the appliance's clock minus the local clock
	known  bool
}

type heardKey struct{}

// Listen returns a context whose requests report the appliance's clock to Heard.
func Listen(ctx context.Context) (context.Context, *Heard) {
	h := new(Heard)
	return context.WithValue(ctx, heardKey{}, h), h
}

// Tell records an accepted response: its date if it is credible, otherwise the
// earliest time at which the appliance can have accepted the date of the request.
func Tell(ctx context.Context, date time.Time, credible bool) {
	h, _ := ctx.Value(heardKey{}).(*Heard)
	stamp := From(ctx)
	if h == nil || stamp == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known {
		return
	}
	h.known = true
	if h.offset = stamp.clock.Signing().Sub(stamp.clock.now()) - Tolerance; credible {
		h.offset = date.Sub(stamp.clock.now())
	}
}

// At converts a local time to the appliance's clock; false before any response.
func (h *Heard) At(ours time.Time) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return ours.Add(h.offset), h.known
}
