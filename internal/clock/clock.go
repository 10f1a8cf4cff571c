// Package clock estimates the time on an appliance's clock from the dates of
// responses. A gateway may have written such a date.
package clock

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Tolerance is how far the date of a request may be from the appliance's clock. If
	// a request was accepted, its date was within it.
	Tolerance = 30 * time.Minute
	// Furthest is the largest difference of clocks that is corrected: more than
	// between any two time zones. A larger one would make the client sign for another
	// day.
	Furthest = 26 * time.Hour
)

// Clock holds what a client knows about the appliance's time.
type Clock struct {
	now func() time.Time

	mu         sync.Mutex
	correction time.Duration // added to now for signing; a request with such a date was accepted
	observed   time.Duration // the appliance's clock minus now
	known      bool          // whether observed is set
}

// New returns a clock that corrects now.
func New(now func() time.Time) *Clock { return &Clock{now: now} }

// Now returns the local time.
func (c *Clock) Now() time.Time { return c.now() }

// Appliance returns the time on the appliance's clock. Before the first response it
// returns the local time and false.
func (c *Clock) Appliance() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Add(c.observed), c.known
}

// Stamp dates the attempts of one call.
type Stamp struct {
	clock      *Clock
	base       time.Duration // the clock's correction when the call began
	correction time.Duration // the correction of this stamp
	signed     atomic.Int64  // the time that was requested last, in Unix nanoseconds; 0 = none
	offset     atomic.Int64  // what the signer added to it
}

// Stamp returns a stamp with a correction that is known to be accepted.
func (c *Clock) Stamp() *Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Stamp{clock: c, base: c.correction, correction: c.correction}
}

// Time returns the time to date a request with. offset is what the caller adds to
// it on the wire.
func (s *Stamp) Time(offset time.Duration) time.Time {
	now := s.clock.now().Add(s.correction)
	s.signed.Store(now.UnixNano())
	s.offset.Store(int64(offset))
	return now
}

// Accepted records that a request of the stamp succeeded, which proves that its
// date is accepted. It returns the appliance's time if the response has it. The
// Date of a response is not the appliance's if it is further away than the
// appliance tolerates, or if a cache has kept it.
func (s *Stamp) Accepted(header http.Header) (time.Time, bool) {
	c := s.clock
	date, err := http.ParseTime(header.Get("Date"))
	own := c.now()
	credible := err == nil && header.Get("Age") == ""
	signed := time.Unix(0, s.signed.Load())
	dated := s.signed.Load() != 0
	if dated {
		near := func(t time.Time) bool { // The response arrives some time after the request.
			return date.Sub(t) > -Tolerance && date.Sub(t) < Tolerance+own.Add(s.correction).Sub(signed)
		}
		credible = credible && (near(signed) || near(signed.Add(time.Duration(s.offset.Load()))))
	} else {
		credible = credible && date.Sub(own).Abs() <= Furthest
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if dated && c.correction == s.base {
		c.correction, s.base = s.correction, s.correction
	}
	if credible {
		c.observed, c.known = date.Sub(own).Round(time.Second), true
	}
	return date, credible
}

// Refused returns another stamp with which to sign a rejected request; nil if no
// other date is worth trying. date is the Date of the response, zero if there is
// none. It counts only if it differs from the signed date by atLeast. A correction
// is kept after the call only if it is accepted. A kept correction is dropped if
// both it and another one are rejected.
func (s *Stamp) Refused(date time.Time, atLeast time.Duration) *Stamp {
	c := s.clock
	skew := date.Sub(c.now()).Round(time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	again := &Stamp{clock: c, base: c.correction}
	switch {
	case s.signed.Load() == 0: // The request had no date.
		return nil
	case c.correction != s.base: // Another call has proven a better one.
		again.correction = c.correction
	case s.correction != s.base: // The request had the other date.
		c.correction = 0
		return nil
	case !date.IsZero() && skew.Abs() <= Furthest && (skew-s.correction).Abs() >= atLeast:
		again.correction = skew
	case s.correction != 0:
		again.correction = 0
	default:
		return nil
	}
	return again
}

type key struct{}

// Context returns a context with the stamp.
func (s *Stamp) Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, s) }

// From returns the stamp of a context; nil if it has none.
func From(ctx context.Context) *Stamp {
	s, _ := ctx.Value(key{}).(*Stamp)
	return s
}
