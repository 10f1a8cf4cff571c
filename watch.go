package darktrace

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// WatchOptions says what Watch and Deliver deliver, and how often they poll.
type WatchOptions struct {
	// PollOptions are those of each Poll. A Limit of 0 means 100 here. Limit is
	// the size of a batch.
	PollOptions
	// Interval is the time between two passes, give or take a tenth. 0 means a
	// minute.
	Interval time.Duration
	// OnError is called with each temporary error of the appliance or the store
	// before Watch tries again, with each stretch of time that can't be read
	// (*UnreadError), and with an error that can't be yielded because the loop
	// is over. Nil means that they are logged, see WithLogger.
	OnError func(error)
	// OnPass is called after each Poll, successful or not: a heartbeat for logs
	// and dashboards. Nil means that it is not called.
	OnPass func(PassInfo)
	// Standby lets a second program wait instead of failing. If another program
	// has moved the checkpoint on, Watch waits until the checkpoint has not
	// changed for five Intervals, and then takes over. The working program
	// saves at least once an Interval.
	Standby bool
}

const (
	defaultInterval = time.Minute
	defaultBatch    = 100
	minWatchBackoff = time.Second
	maxWatchBackoff = 5 * time.Minute
	storeTimeout    = 30 * time.Second // of one try
	saveEvery       = 15 * time.Minute
	standsStill     = 5 // Intervals
	maxRefused      = 4 // times in a row that a window is refused: gateways have bad moments
)

// Watch runs Poll until ctx ends. It yields every change that Poll returns, one
// by one, and keeps the checkpoint in store. A new feed begins a day ago, see
// PollOptions.Since. The first pass begins at once, the next an Interval later.
//
//   - A change counts as handled when the loop body asks for the next one. If
//     the body breaks out of the loop, its change is delivered again, and so
//     are those behind it.
//   - The checkpoint is saved before anything is delivered, which proves the
//     store; after each batch of at most Limit changes; if there is nothing
//     new, every 15 minutes, or with Standby after each Poll, and every Interval
//     during a long one; and when the loop ends, for any reason. The last save
//     is tried for up to 30 seconds, even after ctx has ended.
//   - A crash repeats at most one batch, the changes handled since the last
//     save, and loses nothing. A repeated change has the same Key. With a Limit
//     of 1 it repeats at most one change.
//   - Temporary errors (see [Temporary]), login pages, responses that make no
//     sense, and unknown errors of the store are reported to OnError. Watch
//     tries again after a second, then after twice as long each time, at most 5
//     minutes, or after what the appliance asks for if that is longer, at most
//     an hour. If it is unknown whether a save succeeded, Watch loads the
//     checkpoint to find out.
//   - Permanent errors are yielded, with a zero EventChange, and end the loop.
//   - When ctx ends, the loop ends without an error once everything that was
//     handled is saved.
//
// Each store, and each file, is for one loop at a time. If a second one starts,
// it takes over, and the first one ends with ErrCheckpointConflict. See Standby
// for programs that take turns.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Watch(ctx context.Context, store CheckpointStore, opts *WatchOptions) iter.Seq2[EventChange, error] {
	o := valueOf(opts)
	return watch(ctx, store, &o, func() *loop[EventChange] {
		if o.Limit == 0 {
			o.Limit = defaultBatch
		}
		f := s.eventFeed(&o.PollOptions)
		return &loop[EventChange]{client: s.client(), poll: f.poll}
	})
}

// watch ranges over a loop that yields its changes.
func watch[C any](ctx context.Context, store CheckpointStore, o *WatchOptions, begin func() *loop[C]) iter.Seq2[C, error] {
	return func(yield func(C, error) bool) {
		l := begin()
		l.WatchOptions, l.store = *o, store
		left := false
		l.hand = func(ctx context.Context, out *polled[C]) (err error) {
			taken := 0
			defer func() { // Also if the body panics or breaks.
				if saveErr := l.save(ctx, out.taken(taken), nil, taken > 0 || left || l.due()); saveErr != nil {
					err = saveErr
				} else if left {
					err = errLeft
				}
			}()
			alive, stop := l.live(ctx)
			defer stop()
			for alive.Err() == nil && taken < len(out.changes) {
				if !yield(out.changes[taken], nil) {
					left = true
					break
				}
				taken++
			}
			return nil
		}
		var none C
		switch err := l.run(ctx); {
		case err == nil, errors.Is(err, errLeft):
		case left:
			l.report(err)
		default:
			yield(none, err)
		}
	}
}

// errLeft ends a loop whose body broke out of it.
var errLeft = errors.New("left")

// loop is a running Watch or Deliver.
type loop[C any] struct {
	WatchOptions
	client *core
	store  CheckpointStore
	poll   func(context.Context, *Checkpoint, pace) (*polled[C], error)
	hand   func(context.Context, *polled[C]) error
	// deliver stores changes with the checkpoint; nil for a store that can't.
	deliver func(ctx context.Context, prev, next *Checkpoint, changes []C) error

	stored  *Checkpoint // what the store holds; nil = nothing
	current *Checkpoint // where the loop is
	saved   time.Time   // when it was saved last
	owner   string
}

// run runs until ctx ends, which is not an error, or until a permanent error.
func (l *loop[C]) run(ctx context.Context) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	err := l.takeOver(ctx)
	for {
		if err == nil {
			err = l.follow(ctx)
		}
		switch {
		case err == nil:
			return nil
		case l.Standby && errors.Is(err, ErrCheckpointConflict) && ctx.Err() == nil:
			l.report(err)
			l.current = l.stored // The other program repeats what was not saved.
			err = l.stand(ctx)
		case ctx.Err() != nil && errors.Is(err, ctx.Err()) && (l.deliver != nil || l.current == l.stored):
			return nil
		case l.deliver != nil && errors.Is(err, ErrCheckpointConflict):
			return nil // Another program goes on, and changes are where the checkpoint is.
		default:
			return err
		}
	}
}

// begin checks the arguments.
func (l *loop[C]) begin(ctx context.Context) error {
	switch {
	case ctx == nil:
		return argument("ctx", "is nil")
	case l.store == nil:
		return argument("store", "is nil")
	case l.Interval < 0:
		return argument("Interval", "is negative: %v", l.Interval)
	}
	if l.Interval == 0 {
		l.Interval = defaultInterval
	}
	l.owner = rand.Text()[:8]
	return nil
}

// takeOver loads the checkpoint and makes it this loop's by a save, which proves
// the store and shows to any other loop that it has been replaced.
func (l *loop[C]) takeOver(ctx context.Context) error {
	var err error
	if l.stored, err = l.load(ctx); err != nil {
		return err
	}
	if l.current, err = l.first(ctx); err != nil {
		return err
	}
	return l.save(ctx, l.current, nil, true)
}

// first returns the checkpoint to begin with, if it is one of this feed. A new
// feed fixes Since before its first request.
func (l *loop[C]) first(ctx context.Context) (*Checkpoint, error) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	out, err := l.poll(over, l.stored, pace{})
	switch {
	case out == nil:
		return nil, err
	case l.stored != nil:
		return l.stored, nil
	}
	return out.checkpoint, nil
}

// follow makes passes.
func (l *loop[C]) follow(ctx context.Context) error {
	failures, refused := 0, 0
	for {
		wait := l.wait()
		alive, stop := l.live(ctx)
		out, err := l.poll(alive, l.current, l.pace(wait))
		stop()
		if cause := context.Cause(alive); errors.Is(cause, ErrCheckpointConflict) {
			return cause
		}
		if out == nil {
			return err
		}
		l.tell(out)
		if handErr := l.hand(ctx, out); handErr != nil {
			return handErr
		}
		switch {
		case ctx.Err() != nil:
			return l.save(ctx, l.current, nil, l.current != l.stored)
		case err == nil:
			if failures, refused = 0, 0; out.more {
				continue
			}
		case lasts(err) && (refused == maxRefused || !divisible(err)):
			if saveErr := l.save(ctx, l.current, nil, l.current != l.stored); saveErr != nil {
				l.report(saveErr)
			}
			return err
		default:
			l.report(err)
			wait = watchBackoff(failures, err)
			failures++
			if refused++; !lasts(err) {
				refused = 0
			}
		}
		switch err := l.sleep(ctx, wait); {
		case ctx.Err() != nil:
			return l.save(ctx, l.current, nil, l.current != l.stored)
		case err != nil:
			return err
		}
	}
}

// wait returns an Interval, give or take a tenth.
func (l *loop[C]) wait() time.Duration {
	return l.Interval - l.Interval/10 + mathrand.N(l.Interval/5+1) //nolint:gosec // Jitter needs no secrecy.
}

// pace returns how the loop polls.
func (l *loop[C]) pace(wait time.Duration) pace {
	p := pace{pause: wait, budget: l.Budget}
	if p.budget == 0 {
		p.budget = max(l.Interval, minBudget)
	}
	return p
}

// tell reports what a Poll met.
func (l *loop[C]) tell(out *polled[C]) {
	out.logNoIDs(l.client)
	for _, err := range out.unread {
		l.report(err)
	}
	if l.OnPass != nil {
		l.OnPass(out.pass)
	}
}

// due reports whether it is time to save although nothing was handed over.
func (l *loop[C]) due() bool {
	return l.Standby || time.Since(l.saved) >= saveEvery
}

// save moves the loop on to a checkpoint, and stores it if that is called for.
func (l *loop[C]) save(ctx context.Context, next *Checkpoint, changes []C, now bool) error {
	l.current = next
	if !now {
		return nil
	}
	next = next.beat(l.owner, l.Standby)
	prev := l.stored
	saving, cancel := outlive(ctx, storeTimeout) // What was handled is saved even then.
	defer cancel()
	doubtful := false
	err := l.insist(saving, func() error {
		trying, cancel := context.WithTimeout(context.WithoutCancel(saving), storeTimeout)
		defer cancel()
		if doubtful {
			if done, err := l.settle(trying, prev, next); done || err != nil {
				return err
			}
		}
		err := l.write(trying, prev, next, changes)
		if doubtful && errors.Is(err, ErrCheckpointConflict) { // An earlier try may have been committed late.
			if done, settleErr := l.settle(trying, prev, next); done || settleErr != nil {
				err = settleErr
			}
		}
		doubtful = err != nil
		return err
	})
	if err == nil {
		l.stored, l.current, l.saved = next, next, time.Now()
	}
	return err
}

// settle reports whether a save that seemed to fail has stored next after all. If
// something else but prev is stored, it returns ErrCheckpointConflict.
func (l *loop[C]) settle(ctx context.Context, prev, next *Checkpoint) (done bool, err error) {
	switch stored, err := LoadCheckpoint(ctx, l.store); {
	case err != nil:
		return false, err
	case stored.Equal(next):
		return true, nil
	case !stored.Equal(prev):
		return false, fmt.Errorf("darktrace: %w: another program has moved the checkpoint on", ErrCheckpointConflict)
	}
	return false, nil
}

func (l *loop[C]) write(ctx context.Context, prev, next *Checkpoint, changes []C) error {
	if len(changes) > 0 {
		return l.deliver(ctx, prev, next, changes)
	}
	return l.store.Save(ctx, prev, next)
}

// outlive returns a context that goes on for a time after ctx has ended.
func outlive(ctx context.Context, d time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		<-longer.Done()
		timer.Stop()
	})
	return longer, func() { stop(); cancel() }
}

// load loads the checkpoint. Each try has a limit: a connection may never respond.
func (l *loop[C]) load(ctx context.Context) (stored *Checkpoint, err error) {
	err = l.insist(ctx, func() (err error) {
		trying, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		stored, err = LoadCheckpoint(trying, l.store)
		return err
	})
	return stored, err
}

// insist does what a store may fail to do for a while.
func (l *loop[C]) insist(ctx context.Context, do func() error) error {
	for failures := 0; ; failures++ {
		err := do()
		if err == nil || lasts(err) || ctx.Err() != nil {
			return err
		}
		l.report(err)
		if sleep(ctx, watchBackoff(failures, err)) != nil {
			return err
		}
	}
}

// sleep waits for the next pass. One that others watch shows meanwhile that it
// is there.
func (l *loop[C]) sleep(ctx context.Context, wait time.Duration) error {
	for l.Standby && wait > l.Interval {
		if err := sleep(ctx, l.Interval); err != nil {
			return err
		}
		wait -= l.Interval
		if err := l.save(ctx, l.current, nil, true); err != nil {
			return err
		}
	}
	return sleep(ctx, wait)
}

// live shows to others that watch that this program is there, during a Poll or while a
// body is at work, until stop is called. The context that it returns ends when another
// program has taken over; its cause is ErrCheckpointConflict then.
func (l *loop[C]) live(ctx context.Context) (alive context.Context, stop func()) {
	if !l.Standby {
		return ctx, func() {}
	}
	alive, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	beating := *l
	beating.OnError = func(error) {} // It would be called beside the body.
	group.Go(func() {
		for sleep(alive, l.Interval) == nil {
			if err := beating.save(alive, beating.current, nil, true); errors.Is(err, ErrCheckpointConflict) {
				cancel(err)
				return
			}
		}
	})
	return alive, func() {
		cancel(nil)
		group.Wait()
		l.stored, l.current, l.saved = beating.stored, beating.current, beating.saved
	}
}

// stand waits until the checkpoint has stood still, and takes it over.
func (l *loop[C]) stand(ctx context.Context) error {
	for {
		var seen *Checkpoint
		for still := 0; still < standsStill; still++ {
			now, err := l.load(ctx)
			if err != nil {
				return err
			}
			if !now.Equal(seen) {
				seen, still = now, 0
			}
			if err := sleep(ctx, l.wait()); err != nil {
				return err
			}
		}
		if err := l.takeOver(ctx); !errors.Is(err, ErrCheckpointConflict) {
			return err
		}
	}
}

func (l *loop[C]) report(err error) {
	if l.OnError != nil {
		l.OnError(err)
		return
	}
	l.client.warnings().Warn("darktrace: watching failed", "error", err.Error())
}

// beat returns the checkpoint with a sign of who writes it and, for others to
// see, when.
func (c *Checkpoint) beat(owner string, seen bool) *Checkpoint {
	state := c.state.Clone()
	state.Owner = owner
	if seen {
		state.Beat = max(time.Now().UnixMilli(), state.Beat+1)
	}
	return &Checkpoint{state}
}

// watchBackoff returns the wait after so many failures in a row.
func watchBackoff(failures int, err error) time.Duration {
	limit := min(minWatchBackoff<<min(failures, 20), maxWatchBackoff)
	wait := limit/2 + mathrand.N(limit/2+1) //nolint:gosec // Jitter needs no secrecy.
	return max(wait, min(RetryAfter(err), longestRetryAfter))
}

// ChangeStore is a CheckpointStore that also stores changes, in one transaction
// with the checkpoint: both are stored, or neither. With it, several programs
// can share a feed, and each change arrives exactly once. Test your own store
// with darktracetest.TestChangeStore.
type ChangeStore interface {
	CheckpointStore
	// SaveChanges stores changes and replaces prev by next, as Save does, in
	// one transaction. If anything but prev is stored, it stores nothing and
	// returns ErrCheckpointConflict. A change whose Key is stored already is
	// not stored again, and is not an error. When SaveChanges returns nil, both
	// survive a crash. changes may be empty.
	SaveChanges(ctx context.Context, prev, next *Checkpoint, changes []EventChange) error
}

// Deliver runs Watch and passes the changes to store, in batches of at most
// Limit, each in one transaction with the checkpoint. Each change is stored
// once, however often the program and its replicas crash. Errors of the
// appliance and the store are handled as in Watch. Deliver always works as with
// Standby, so several replicas can run it: one works, and another takes over
// when it stops.
//
// Deliver returns nil when ctx ends, and otherwise the permanent error that
// stopped it.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Deliver(ctx context.Context, store ChangeStore, opts *WatchOptions) error {
	o := valueOf(opts)
	if store == nil {
		return argument("store", "is nil")
	}
	if o.Limit == 0 {
		o.Limit = defaultBatch
	}
	f := s.eventFeed(&o.PollOptions)
	return deliver(ctx, &loop[EventChange]{WatchOptions: o, client: s.client(), store: store, poll: f.poll, deliver: store.SaveChanges})
}

// deliver runs a loop whose store takes over the changes.
func deliver[C any](ctx context.Context, l *loop[C]) error {
	l.Standby = true
	l.hand = func(ctx context.Context, out *polled[C]) error {
		return l.save(ctx, out.checkpoint, out.changes, true) // Others watch whether it stands still.
	}
	return l.run(ctx)
}
