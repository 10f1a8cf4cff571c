package darktrace

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"
)

// WatchOptions says what Watch delivers, and how often it looks.
type WatchOptions struct {
	// PollOptions are those of each Poll. A Limit of 0 means 100 here: it is the
	// size of a batch.
	PollOptions
	// Interval is the time between a pass and the next, give or take a tenth. 0
	// means a minute.
	Interval time.Duration
	// OnError is told of each error that will pass, before Watch tries again; nil
	// means that it is logged, see WithLogger.
	OnError func(error)
}

const (
	defaultInterval = time.Minute
	defaultBatch    = 100
	minWatchBackoff = time.Second
	maxWatchBackoff = 5 * time.Minute
	saveTimeout     = 30 * time.Second
)

// Watch is Poll for ever: it yields every change as Poll promises, one by one,
// and keeps the checkpoint in store. The first pass begins at once, the next an
// Interval after the one before. These are the rules:
//
//   - A change is taken when the loop body asks for the next one. One whose body
//     breaks off comes again, as do those behind it.
//   - The checkpoint is saved after each batch, of at most Limit changes, and when
//     the loop ends, whatever ends it: at break, or when ctx ends, with what was
//     taken until then. That is tried for up to 30 seconds, ctx or not.
//     Catching up on tens of thousands of events is faster with a larger Limit.
//   - A crash repeats what was taken since the last save, one batch at most, and
//     loses nothing.
//   - What will pass by waiting is told to OnError and tried again: after a second
//     at first, twice as long each time, 5 minutes at most, or what the appliance
//     asks for if that is longer.
//   - What will not pass is yielded, with a zero EventChange, and ends the loop:
//     the end of ctx, any error of the store, ErrArgument, ErrSignature,
//     ErrPermission and ErrEndpoint.
//
// Each store, and each file, is for one loop at a time: a second one ends with
// ErrCheckpointConflict. An error that can't be yielded, since the loop is over,
// is told to OnError.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Watch(ctx context.Context, store CheckpointStore, opts *WatchOptions) iter.Seq2[EventChange, error] {
	return func(yield func(EventChange, error) bool) {
		w := &watcher{service: s, store: store, yield: yield}
		if opts != nil {
			w.opts = *opts
		}
		if err := w.run(ctx); err != nil && !w.left {
			yield(EventChange{}, err)
		} else if err != nil {
			w.report(err)
		}
	}
}

// watcher is one Watch at work.
type watcher struct {
	service    *AIAnalystService
	store      CheckpointStore
	opts       WatchOptions
	yield      func(EventChange, error) bool
	checkpoint *Checkpoint // what the store holds; nil = nothing
	left       bool        // the loop body broke off
}

func (w *watcher) run(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	failures := 0
	for {
		wait := w.opts.Interval*9/10 + rand.N(w.opts.Interval/5+1) //nolint:gosec // Jitter needs no secrecy.
		result, err := w.service.Poll(ctx, w.checkpoint, &w.opts.PollOptions)
		switch {
		case ctx.Err() != nil:
			return contextError(ctx)
		case err == nil:
			failures = 0
			if err := w.deliver(ctx, result); err != nil || w.left {
				return err
			}
			if result.More {
				continue
			}
		case !willPass(err):
			return err
		default:
			w.report(err)
			wait = watchBackoff(failures, err)
			failures++
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// begin checks the arguments and loads the checkpoint.
func (w *watcher) begin(ctx context.Context) error {
	switch {
	case ctx == nil:
		return argument("ctx", "is nil")
	case w.store == nil:
		return argument("store", "is nil")
	case w.opts.Interval < 0:
		return argument("Interval", "is negative: %v", w.opts.Interval)
	}
	if w.opts.Interval == 0 {
		w.opts.Interval = defaultInterval
	}
	if w.opts.Limit == 0 {
		w.opts.Limit = defaultBatch
	}
	checkpoint, err := w.store.Load(ctx)
	if err != nil && !errors.Is(err, ErrNoCheckpoint) {
		return err
	}
	w.checkpoint = checkpoint
	return nil
}

// deliver yields the changes of a Poll and saves what was taken.
func (w *watcher) deliver(ctx context.Context, result *PollResult) (err error) {
	taken := 0
	defer func() {
		next := result.Checkpoint
		if taken < len(result.Changes) {
			next = w.checkpoint.take(result.Changes[:taken], next, result.since)
		}
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		if err = w.store.Save(saving, w.checkpoint, next); err != nil {
			return
		}
		w.checkpoint = next
		if !w.left && ctx.Err() != nil {
			err = contextError(ctx)
		}
	}()
	for ctx.Err() == nil && taken < len(result.Changes) {
		if !w.yield(result.Changes[taken], nil) {
			w.left = true
			break
		}
		taken++
	}
	return nil
}

func (w *watcher) report(err error) {
	if w.opts.OnError != nil {
		w.opts.OnError(err)
		return
	}
	w.service.client().warnings().Warn("darktrace: watching failed", "error", err.Error())
}

// willPass reports whether waiting may help.
func willPass(err error) bool {
	for _, kind := range []error{ErrArgument, ErrSignature, ErrPermission, ErrEndpoint} {
		if errors.Is(err, kind) {
			return false
		}
	}
	return true
}

// watchBackoff returns the wait after so many failures in a row.
func watchBackoff(failures int, err error) time.Duration {
	limit := min(minWatchBackoff<<min(failures, 20), maxWatchBackoff)
	wait := limit/2 + rand.N(limit/2+1) //nolint:gosec // Jitter needs no secrecy.
	var answer *APIError
	if errors.As(err, &answer) {
		wait = max(wait, answer.RetryAfter)
	}
	return wait
}
