package darktrace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
)

// RetryPolicy says how often a read is sent again, and how long the client
// waits before that. A read is sent again after status 429, 502, 503 or 504, or
// if the connection fails before a response. The wait is a random time up to
// MinBackoff, doubled with each retry up to MaxBackoff, or what Retry-After
// says if that is longer. If the wait would outlast the context's deadline, or
// Retry-After is more than an hour, the call returns the error at once.
// Permanent errors, such as an untrusted certificate, are not retried. After a
// 429 whose Retry-After is at most an hour, the other calls of the client wait
// too, and continue one by one within a tenth of the wait.
//
// Writes are not sent again, unless RateLimitedWrites is set. Reads and writes
// that the appliance rejected are sent once more, whatever the policy says, in
// three cases: with a corrected date, if the appliance rejected the date and its clock
// differs by a minute or more, or rejected the signature and its clock differs
// by 5 minutes or more; otherwise with the local clock, if the rejected date had
// an earlier correction; and with new credentials, if a Refresher renewed them.
//
// The zero policy means no retries, and no waiting after the 429 of another
// call.
type RetryPolicy struct {
	// MaxRetries is how often a request is sent again at most.
	MaxRetries int
	// MinBackoff bounds the wait before the first retry. 0 means the default,
	// or MaxBackoff if that is less.
	MinBackoff time.Duration
	// MaxBackoff bounds the wait before any retry. 0 means the default, or
	// MinBackoff if that is more.
	MaxBackoff time.Duration
	// RateLimitedWrites sends writes again after a 429 as well. A 429 means
	// that the write was not carried out. Set this only if you trust everything
	// between the client and the appliance to mean that.
	RateLimitedWrites bool
}

// DefaultRetryPolicy returns the policy of a client without WithRetryPolicy: 3
// retries, with a backoff from 500 milliseconds to 30 seconds.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{MaxRetries: 3, MinBackoff: 500 * time.Millisecond, MaxBackoff: 30 * time.Second}
}

// longestRetryAfter is the longest Retry-After that the client waits for.
const longestRetryAfter = time.Hour

// backoff returns the wait before a retry, counted from 0: full jitter.
func (p RetryPolicy) backoff(retry int) time.Duration {
	limit := p.MaxBackoff
	if shifted := p.MinBackoff << min(retry, 30); shifted > 0 && shifted < limit {
		limit = shifted
	}
	return rand.N(limit) + 1 //nolint:gosec // Jitter needs no secrecy.
}

// send is the path of every request. It signs, sends and classifies, and retries if
// that is safe and may help. The reply must be closed.
func (c *core) send(ctx context.Context, k *call) (*reply, error) {
	if ctx == nil {
		return nil, argument("ctx", "is nil")
	}
	if len(c.hooks) == 0 {
		return c.sendUntil(ctx, k)
	}
	ctx, end := c.begin(ctx, k)
	reply, err := c.sendUntil(ctx, k)
	if err != nil {
		end(nil, err)
	} else {
		reply.end = end // Decoding the response may still fail.
	}
	return reply, err
}

// sendUntil sends a request until it succeeds or must not be sent again.
func (c *core) sendUntil(ctx context.Context, k *call) (*reply, error) {
	caller, stamp := ctx, c.clock.Stamp()
	ctx = stamp.Context(caller)
	var resigned, refreshed bool
	for attempts, retries := 1, 0; ; attempts++ {
		if err := c.waitTurn(ctx, k); err != nil {
			return nil, err
		}
		reply, err := c.attempt(ctx, k, attempts)
		if err == nil {
			return reply, nil
		}
		apiErr, _ := errors.AsType[*APIError](err)
		switch {
		case ctx.Err() != nil:
			return nil, alsoEnded(ctx, err)
		case apiErr != nil && !resigned && c.resign(ctx, k, apiErr, &stamp):
			resigned = true
			ctx = stamp.Context(caller)
			continue
		case apiErr != nil && resigned && dateMatters(apiErr):
			_ = stamp.Refused(apiErr.date, 0)
			stamp = c.clock.Stamp()
			ctx = stamp.Context(caller)
			apiErr.hint += "; the appliance rejected the request with another date as well"
			c.log(ctx, slog.LevelWarn, "darktrace: the appliance rejected the other date as well; using the local clock again", k)
		}
		switch {
		case apiErr != nil && !refreshed && refusesCredentials(apiErr):
			refreshed = true
			again, refreshErr := c.refresh(ctx, apiErr)
			if refreshErr != nil {
				return nil, reply.failed(apiErr.kind, "renewing the credentials failed", errors.Join(apiErr, refreshErr))
			}
			if again {
				c.log(ctx, slog.LevelWarn, "darktrace: authenticating again", k, "error", err.Error())
				continue
			}
		}
		if err = c.pause(ctx, k, err, apiErr, retries); err != nil {
			return nil, err
		}
		retries++
	}
}

// pause waits before a retry. If there must be no retry, it returns the error of
// the call.
func (c *core) pause(ctx context.Context, k *call, err error, apiErr *APIError, retries int) error {
	wait, tooLong := c.retry.backoff(retries), false
	if apiErr != nil {
		wait, tooLong = max(wait, apiErr.RetryAfter), apiErr.RetryAfter > longestRetryAfter
	}
	if errors.Is(err, ErrRateLimited) && c.retry.MaxRetries > 0 && !tooLong {
		c.gate.close(time.Now().Add(wait))
	}
	switch {
	case k.write() && (!c.retry.RateLimitedWrites || !errors.Is(err, ErrRateLimited)), !passes(err, apiErr), retries >= c.retry.MaxRetries, tooLong:
		return err
	case passesDeadline(ctx, wait):
		return fmt.Errorf("%w: waiting %v to try again would outlast the deadline: %w",
			err, wait.Round(time.Millisecond), context.DeadlineExceeded)
	}
	c.log(ctx, slog.LevelWarn, "darktrace: trying again", k, "wait", wait, "error", err.Error())
	if ctxErr := sleep(ctx, wait); ctxErr != nil {
		return fmt.Errorf("%w: while waiting to try again: %w", err, ctxErr)
	}
	return nil
}

// passes reports whether a read may succeed if it is sent again.
func passes(err error, apiErr *APIError) bool {
	if apiErr == nil {
		call, ok := errors.AsType[*callError](err)
		return ok && call.temporary
	}
	switch apiErr.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// resign gives a rejected request another date, and reports whether to sign and
// send it again.
func (c *core) resign(ctx context.Context, k *call, apiErr *APIError, stamp **clock.Stamp) bool {
	if !dateMatters(apiErr) {
		return false
	}
	atLeast := 5 * time.Minute // A difference between the clocks that explains a rejected signature.
	if errors.Is(apiErr, ErrDate) {
		atLeast = time.Minute
	}
	if apiErr.ClockSkew.Abs() > clock.Furthest {
		c.log(ctx, slog.LevelWarn, "darktrace: the date of a response is too far from the local clock to be trusted", k, "skew", apiErr.ClockSkew)
	}
	again := (*stamp).Refused(apiErr.date, atLeast)
	if again == nil {
		return false
	}
	*stamp = again
	c.log(ctx, slog.LevelWarn, "darktrace: signing again with another date", k, "error", apiErr.Error())
	return true
}

// dateMatters reports whether a request may have been rejected for its date.
func dateMatters(apiErr *APIError) bool {
	return errors.Is(apiErr, ErrDate) || errors.Is(apiErr, ErrSignature)
}

// refusesCredentials reports whether a response may have rejected the
// credentials. A page with status 200 does not prove that a write was rejected.
func refusesCredentials(apiErr *APIError) bool {
	if apiErr.unproven {
		return false
	}
	return errors.Is(apiErr, ErrSignature) || errors.Is(apiErr, ErrDate) ||
		errors.Is(apiErr, ErrLogin) || errors.Is(apiErr, ErrPermission)
}

// refresh asks the Authenticator for new credentials, if it is a Refresher.
func (c *core) refresh(ctx context.Context, apiErr *APIError) (bool, error) {
	refresher, ok := c.auth.(Refresher)
	if !ok {
		return false, nil
	}
	return refresher.Refresh(ctx, apiErr)
}

// waitTurn waits until the rate limit, and a 429 that any call received, allow a
// request.
func (c *core) waitTurn(ctx context.Context, k *call) error {
	waited, err := c.gate.pass(ctx)
	if err == nil {
		return nil
	}
	what := "not sent"
	if waited > 0 {
		what += fmt.Sprintf(": requests must wait %v", waited.Round(time.Millisecond))
	}
	if ctx.Err() != nil {
		return failed(ErrConnection, k.method, k.path, what, contextError(ctx), c.redact)
	}
	failure := failed(ErrRateLimited, k.method, k.path, what+", which would outlast the deadline", err, c.redact)
	failure.wait = waited
	return failure
}

func passesDeadline(ctx context.Context, wait time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < wait
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError returns the error of the context together with its cause, if it has
// one. It wraps errEnded; the timeout of an attempt does not.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return &endedError{cause}
	}
	return &endedError{fmt.Errorf("%w: %w", err, cause)}
}

// alsoEnded adds the context's error to err, if the context has ended.
func alsoEnded(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil || errors.Is(err, errEnded):
		return err
	case err == nil:
		return contextError(ctx)
	}
	return fmt.Errorf("%w: %w", err, contextError(ctx))
}

// errEnded means that the caller's context has ended.
var errEnded = errors.New("the context ended")

type endedError struct{ cause error }

func (e *endedError) Error() string        { return e.cause.Error() }
func (e *endedError) Unwrap() error        { return e.cause }
func (e *endedError) Is(target error) bool { return target == errEnded }

// gate lets requests pass in the order in which they came. It delays them for a
// rate limit, and stops all of them after a 429.
type gate struct {
	turn    chan struct{} // held by the first in the queue; channels let waiters go in order
	waiting atomic.Int64

	mu     sync.Mutex
	opens  time.Time   // after a 429
	until  time.Time   // when all waiting requests have passed, one after the other
	gone   int         // how many have passed since it opened
	starts []time.Time // of the last requests, as many as a minute allows; empty: unlimited
	next   int
}

func newGate(perMinute int) *gate {
	return &gate{turn: make(chan struct{}, 1), starts: make([]time.Time, perMinute)}
}

// close stops requests until opens. They then pass spread over a tenth of the wait.
func (g *gate) close(opens time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if opens.After(g.opens) {
		g.opens, g.gone = opens, 0
		g.until = opens.Add(time.Until(opens) / 10)
	}
}

// pass waits for the request's turn. If the context ends, or will end before the
// turn, it returns the context's error and the remaining wait.
func (g *gate) pass(ctx context.Context) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	arrived, ahead := time.Now(), g.waiting.Add(1)-1
	defer g.waiting.Add(-1)
	wait := g.wait(time.Now(), int(ahead))
	if passesDeadline(ctx, wait) {
		return wait, context.DeadlineExceeded
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return wait, ctx.Err()
	}
	for spread := false; ; {
		left := g.wait(time.Now(), 0)
		if left <= 0 && !spread {
			left, spread = g.jitter(arrived), true
		}
		if left <= 0 && g.start(time.Now()) {
			return 0, nil
		}
		if passesDeadline(ctx, left) {
			return left, context.DeadlineExceeded
		}
		if wait = left; sleep(ctx, left) != nil {
			return wait, ctx.Err()
		}
	}
}

// wait returns how long a request has to wait if that many others are ahead of it.
func (g *gate) wait(now time.Time, ahead int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	wait := max(g.opens.Sub(now), 0)
	if n := len(g.starts); n > 0 {
		if turn := g.starts[(g.next+ahead)%n]; !turn.IsZero() {
			wait = max(wait, turn.Add(time.Duration(1+ahead/n)*time.Minute).Sub(now))
		} else if ahead >= n {
			wait = max(wait, time.Duration(ahead/n)*time.Minute)
		}
	}
	return wait
}

// jitter returns the pause between two calls after the gate has opened: the
// more calls wait, the shorter.
func (g *gate) jitter(arrived time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	spread := time.Until(g.until) / time.Duration(max(g.waiting.Load(), 1))
	if g.gone == 0 || spread <= 0 || arrived.After(g.opens) {
		return 0
	}
	return rand.N(spread) + 1 //nolint:gosec // Jitter needs no secrecy.
}

// start records that a request starts, unless the gate has closed again.
func (g *gate) start(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.opens) {
		return false
	}
	g.gone++
	if n := len(g.starts); n > 0 {
		g.starts[g.next] = now
		g.next = (g.next + 1) % n
	}
	return true
}
