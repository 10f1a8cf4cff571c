package darktrace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// RetryPolicy says how often a read is sent again after 429, 502, 503, 504 or a
// connection that failed before an answer, and how long the client waits before:
// a random time up to MinBackoff, doubled with each retry up to MaxBackoff, or
// what Retry-After says if that is longer. A wait that would pass the context's
// deadline, or a Retry-After of more than an hour, is not begun: the call ends at
// once with the error it has. After a 429 the other calls of the client wait too.
//
// Writes are never sent again. What is sent again, once and whatever the policy
// and the method, is a request that was refused for its date while the appliance's
// clock differs from ours by a minute or more, or for its signature while it
// differs by 5 minutes or more: signed with the corrected clock. So is one whose
// credentials a Refresher renewed.
//
// The zero policy means no retries, and no waiting for other calls' 429.
type RetryPolicy struct {
	// MaxRetries is how often a read is sent again at most.
	MaxRetries int
	// MinBackoff bounds the wait before the first retry; 0 is the default's, or
	// MaxBackoff if that is less.
	MinBackoff time.Duration
	// MaxBackoff bounds the wait before any retry; 0 is the default's, or
	// MinBackoff if that is more.
	MaxBackoff time.Duration
}

// DefaultRetryPolicy returns the policy of a client that is told none: 3 retries,
// 500 milliseconds, 30 seconds.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{MaxRetries: 3, MinBackoff: 500 * time.Millisecond, MaxBackoff: 30 * time.Second}
}

// longestRetryAfter is the longest Retry-After that is waited for.
const longestRetryAfter = time.Hour

// backoff returns the wait before a retry, counted from 0: full jitter.
func (p RetryPolicy) backoff(retry int) time.Duration {
	limit := p.MaxBackoff
	if shifted := p.MinBackoff << min(retry, 30); shifted > 0 && shifted < limit {
		limit = shifted
	}
	return rand.N(limit) + 1 //nolint:gosec // Jitter needs no secrecy.
}

// send is the one path of every request: sign, send, classify, and again where
// that is safe and may help. The reply must be closed.
func (c *core) send(ctx context.Context, k *call) (*reply, error) {
	if ctx == nil {
		return nil, argument("ctx", "is nil")
	}
	ctx = context.WithValue(ctx, clockKey{}, c.clock)
	var resigned, refreshed bool
	for attempts, retries := 1, 0; ; attempts++ {
		if err := c.waitTurn(ctx, k); err != nil {
			return nil, err
		}
		correction := time.Duration(c.clock.correction.Load())
		reply, err := c.attempt(ctx, k, attempts)
		if err == nil {
			return reply, nil
		}
		var answer *APIError
		errors.As(err, &answer)
		switch {
		case ctx.Err() != nil:
			if !errors.Is(err, ctx.Err()) {
				err = fmt.Errorf("%w: %w", err, contextError(ctx))
			}
			return nil, err
		case answer != nil && !resigned && c.resign(answer, correction):
			resigned = true
			c.log(ctx, slog.LevelWarn, "darktrace: signing again with the corrected clock", k, "error", err.Error())
			continue
		case answer != nil && !refreshed && refusesCredentials(answer, k):
			refreshed = true
			again, refreshErr := c.refresh(ctx, answer)
			if refreshErr != nil {
				return nil, reply.failed(answer.kind, "renewing the credentials failed", errors.Join(answer, refreshErr))
			}
			if again {
				c.log(ctx, slog.LevelWarn, "darktrace: authenticating again", k, "error", err.Error())
				continue
			}
		}
		if err = c.pause(ctx, k, err, answer, retries); err != nil {
			return nil, err
		}
		retries++
	}
}

// pause waits before a retry; where there must be none, it returns the error
// that the call ends with.
func (c *core) pause(ctx context.Context, k *call, err error, answer *APIError, retries int) error {
	wait := c.retry.backoff(retries)
	if answer != nil {
		wait = max(wait, answer.RetryAfter)
	}
	if errors.Is(err, ErrRateLimited) && c.retry.MaxRetries > 0 && wait <= longestRetryAfter {
		c.cooldown.extend(time.Now().Add(wait))
	}
	switch {
	case k.write() || !passes(err, answer) || retries >= c.retry.MaxRetries || wait > longestRetryAfter:
		return err
	case passesDeadline(ctx, wait):
		return fmt.Errorf("%w: waiting %v to try again would pass the deadline: %w",
			err, wait.Round(time.Millisecond), context.DeadlineExceeded)
	}
	c.log(ctx, slog.LevelWarn, "darktrace: trying again", k, "wait", wait, "error", err.Error())
	if ctxErr := sleep(ctx, wait); ctxErr != nil {
		return fmt.Errorf("%w: while waiting to try again: %w", err, ctxErr)
	}
	return nil
}

// passes reports whether a read may succeed if it is sent again.
func passes(err error, answer *APIError) bool {
	if answer == nil {
		var call *callError
		return errors.As(err, &call) && call.unanswered
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// resign corrects the clock after a refusal that differing clocks explain, and
// reports whether it is worth signing again.
func (c *core) resign(answer *APIError, used time.Duration) bool {
	if !answer.dated {
		return false
	}
	switch {
	case errors.Is(answer, ErrDate):
		return c.clock.correct(used, answer.ClockSkew, time.Minute)
	case errors.Is(answer, ErrSignature):
		return c.clock.correct(used, answer.ClockSkew, 5*time.Minute)
	}
	return false
}

// refusesCredentials reports whether credentials may be why an answer refused a
// request. A page with status 200 does not prove that a write was refused.
func refusesCredentials(answer *APIError, k *call) bool {
	if k.write() && answer.StatusCode/100 == 2 {
		return false
	}
	return errors.Is(answer, ErrSignature) || errors.Is(answer, ErrDate) ||
		errors.Is(answer, ErrLogin) || errors.Is(answer, ErrPermission)
}

// refresh asks an Authenticator that can for new credentials.
func (c *core) refresh(ctx context.Context, answer *APIError) (bool, error) {
	refresher, ok := c.auth.(Refresher)
	if !ok {
		return false, nil
	}
	return refresher.Refresh(ctx, answer)
}

// waitTurn waits until other calls' 429 and the rate limit allow a request.
func (c *core) waitTurn(ctx context.Context, k *call) error {
	what := "not sent"
	for {
		if ctx.Err() != nil {
			return failed(ErrConnection, k.method, k.path, what, contextError(ctx), c.redact)
		}
		wait := c.cooldown.left()
		if wait <= 0 && c.limiter != nil {
			wait = c.limiter.take(time.Now())
		}
		if wait <= 0 {
			return nil
		}
		what = fmt.Sprintf("not sent: requests have to wait for %v", wait.Round(time.Millisecond))
		if passesDeadline(ctx, wait) {
			return failed(ErrRateLimited, k.method, k.path, what+", which would pass the deadline", context.DeadlineExceeded, c.redact)
		}
		_ = sleep(ctx, wait)
	}
}

// cooldown is the time before which no request is sent, since a 429 said so.
type cooldown struct {
	mu  sync.Mutex
	end time.Time
}

func (c *cooldown) extend(end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if end.After(c.end) {
		c.end = end
	}
}

func (c *cooldown) left() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end.IsZero() {
		return 0
	}
	return time.Until(c.end)
}

// limiter holds the starts of the last requests, as many as a minute allows.
type limiter struct {
	mu     sync.Mutex
	starts []time.Time
	next   int
}

// take returns how long to wait before asking again; 0 lets a request go now.
func (l *limiter) take(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if oldest := l.starts[l.next]; !oldest.IsZero() && now.Sub(oldest) < time.Minute {
		return time.Minute - now.Sub(oldest)
	}
	l.starts[l.next] = now
	l.next = (l.next + 1) % len(l.starts)
	return 0
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

// contextError returns the context's error together with its cause, if it was
// given one.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
