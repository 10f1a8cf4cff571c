package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// poll is one Poll while it runs.
type poll[T any] struct {
	*Kind[T]
	Options

	state   *State
	pending map[Hash]bool // the ids in state.Pending
	pool    pool[T]
	same    marks // ids that were listed unchanged
	info    Info

	at       int64         // when this Poll began, by the appliance's clock; 0 = not known yet
	arrived  int           // elements that arrived
	good     int           // windows that were read to their end
	failures int           // windows that were not read to their end
	budget   time.Duration // how long this Poll may take; 0 = no limit
	slow     bool          // a request took much of the budget and failed
	proof    int           // failures when the last window was read to its end
	parent   Window
}

// Poll makes a pass or continues one. It returns what it found, together with the
// error that stopped it, if any.
func (k *Kind[T]) Poll(ctx context.Context, before *State, o Options) (*Result[T], error) {
	p := &poll[T]{Kind: k, Options: o, state: before.Clone()}
	p.state.Feed, p.state.Host = o.Feed, o.Host
	p.state.repair()
	p.same.of = &p.state.seen.columns
	p.pool.limit = o.Limit
	limited := ctx
	if !o.Deadline.IsZero() {
		var cancel func()
		limited, cancel = context.WithDeadline(ctx, o.Deadline)
		defer cancel()
	}
	if end, ok := limited.Deadline(); ok {
		p.budget = time.Until(end)
	}
	err := p.run(limited)
	return p.result(err, ctx, p.over(limited))
}

// result returns what a Poll found. late says that its time was up.
func (p *poll[T]) result(err error, ctx context.Context, late bool) (*Result[T], error) {
	s := p.state
	before := s.Failed
	s.Failed = false
	if p.at != 0 {
		p.info.Lost = join(s.expire(p.at, p.furthest()), func(Stretch) bool { return true })
		s.settle(&p.Options)
	}
	p.info.Found = join(p.info.Found, func(Stretch) bool { return true })
	s.Hurry = p.slow && (p.good > 0 || !s.Hurry) // If all requests are slow, they need that time.
	// A Poll without a pass has not looked for anything new.
	more := p.at == 0 || len(s.Pending) > 0 || s.waits()
	switch {
	case err == nil:
	case ctx.Err() == nil && (late || !before) && (p.good > 0 || p.at != 0 || len(p.pool.taken) > 0):
		// Part of the work is done. If the error happens again, the next Poll returns it.
		more, err, s.Failed = true, nil, true
	}
	return &Result[T]{p.pool.taken, s, more, p.info}, err
}

func (p *poll[T]) run(ctx context.Context) error {
	s := p.state
	if s.Since == 0 {
		if s.Since = p.Since; s.Since == 0 {
			s.Since, s.Guessed = p.now()-defaultSince, true
		}
		s.Since = clampTime(s.Since)
	}
	s.notice(p.own())
	if s.Filter != p.Filter {
		if len(s.Pending) > 0 {
			s.relist(func(Pending) bool { return true })
		}
		s.Filter = p.Filter
	}
	if s.NoLists && len(s.Pending) > 0 {
		s.relist(func(Pending) bool { return true })
	}
	p.pending = make(map[Hash]bool, len(s.Pending))
	for _, element := range s.Pending {
		p.pending[HashOf(element.ID)] = true
	}
	err := p.read(ctx)
	if handErr := p.handOver(ctx); err == nil {
		err = handErr
	}
	return err
}

// read makes a new pass if it is time, and reads the stretches that are left.
func (p *poll[T]) read(ctx context.Context) error {
	if p.time() {
		if err := p.pass(ctx); err != nil {
			return err
		}
	}
	err := p.work(ctx)
	if err == nil || p.over(ctx) {
		if followErr := p.follow(ctx); err == nil {
			err = followErr
		}
	}
	return err
}

// now returns the time that a request would be signed with.
func (p *poll[T]) now() int64 { return p.Now().UnixMilli() }

// own returns the local time.
func (p *poll[T]) own() int64 { return p.Own().UnixMilli() }

// present returns the appliance's time, as far as it is known.
func (p *poll[T]) present() int64 {
	if p.at != 0 {
		return p.at
	}
	return max(p.state.Through, p.state.Through+p.own()-p.state.Polled)
}

// time reports whether to begin a pass now: unless there is more other work than
// this Poll can do, or than the last one could.
func (p *poll[T]) time() bool {
	s := p.state
	since := p.own() - s.Polled
	room := p.Limit == 0 || len(s.Pending) <= p.Limit
	return s.Through == 0 || room && !s.waits() && !s.Asking && !s.Failed || since >= p.Pause || since < 0
}

// over reports whether the time of this Poll is up.
func (p *poll[T]) over(ctx context.Context) bool {
	return ctx.Err() != nil || !p.Deadline.IsZero() && !time.Now().Before(p.Deadline)
}

// late returns why a Poll whose time is up ends.
func late(ctx context.Context) error { return cmp.Or(ctx.Err(), context.DeadlineExceeded) }

// slow is the error of a request that took so long that the others could not wait.
type slow struct {
	error
	patience time.Duration
}

func (e slow) Error() string {
	return fmt.Sprintf("no whole response within %v: %v", e.patience, e.error)
}
func (e slow) Unwrap() error { return e.error }

// patient makes a request. Once a request has taken most of a Poll's time and
// failed, no request may take more than a quarter of it. A request that takes
// longer then fails, so that its window is divided and the others have time too.
func (p *poll[T]) patient(ctx context.Context, request func(context.Context) error) error {
	end, _ := ctx.Deadline()
	left, limited := time.Until(end), ctx
	if p.state.Hurry && p.budget > 0 {
		var cancel func()
		limited, cancel = context.WithTimeout(ctx, p.budget/4)
		defer cancel()
	}
	err := request(limited)
	switch {
	case err == nil:
	case p.over(ctx):
		p.slow = p.slow || p.budget > 0 && left > p.budget/2
	case limited.Err() != nil:
		p.slow = true
		return slow{err, (p.budget / 4).Round(time.Millisecond)}
	}
	return err
}

// divisible reports whether an error may concern only this request.
func (p *poll[T]) divisible(err error) bool {
	return isSlow(err) || p.Divisible(err)
}

func isSlow(err error) bool {
	_, ok := errors.AsType[slow](err)
	return ok
}
