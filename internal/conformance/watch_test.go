package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// watchFeed is a feed whose program is a loop over Watch.
type watchFeed struct {
	*feed
	store darktrace.CheckpointStore
	opts  darktrace.WatchOptions
}

func inWatch(t *testing.T, test func(*testing.T, *watchFeed)) {
	t.Helper()
	inFeed(t, func(t *testing.T, f *feed) {
		w := &watchFeed{feed: f, store: darktrace.MemoryCheckpoint()}
		w.opts.OnError = func(err error) { t.Errorf("OnError: %v", err) }
		test(t, w)
	})
}

func (w *watchFeed) watch(ctx context.Context) iter.Seq2[darktrace.EventChange, error] {
	return w.client.AIAnalyst.Watch(ctx, w.store, &w.opts)
}

// until watches for a time, and returns the ids and the error that ended the loop.
func (w *watchFeed) until(d time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	ids := []string{}
	for change, err := range w.watch(ctx) {
		if err != nil {
			require.Zero(w.t, change)
			return sorted(ids), err
		}
		ids = append(ids, change.Event.ID)
	}
	return sorted(ids), nil
}

// stored returns what the store holds, as JSON.
func (w *watchFeed) stored() string {
	c, err := w.store.Load(w.t.Context())
	require.NoError(w.t, err)
	data, err := json.Marshal(c)
	require.NoError(w.t, err)
	return string(data)
}

func TestWatchPollsForEver(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		began := time.Now()
		want := w.happens(250)
		late := feedEvents(500, 3, w.now().Add(10*time.Minute)) // Not listed before.
		w.add(late...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var times []time.Duration
		var ids []string
		for change, err := range w.watch(ctx) {
			if len(ids) == 253 {
				assert.ErrorIs(t, err, context.Canceled)
				break
			}
			require.NoError(t, err)
			require.Equal(t, darktrace.EventNew, change.Kind)
			ids = append(ids, change.Event.ID)
			times = append(times, time.Since(began))
			if len(ids) == 253 {
				cancel()
			}
		}
		assert.Equal(t, sorted(slices.Concat(want, eventIDs(late))), sorted(ids))
		assert.Equal(t, make([]time.Duration, 250), times[:250], "at once, although it takes several batches")
		assert.InDelta(t, 10.5, times[252].Minutes(), 0.7)
	})
}

func TestWatchWaitsBetweenPasses(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		w.opts.Interval, w.opts.Sweeps = 10*time.Minute, []darktrace.Sweep{}
		_, err := w.until(time.Second)
		require.NoError(t, err)
		w.reset()
		_, err = w.until(10 * time.Hour)
		require.NoError(t, err)
		assert.InDelta(t, 61, len(w.windows), 3)
		var starts []string
		for _, query := range w.windows[1:] {
			starts = append(starts, query.Get("starttime"))
		}
		assert.Len(t, slices.Compact(starts), len(w.windows)-1)
	})
}

// take watches until more than n changes have arrived, breaks in the body of the
// last one, and returns those before it.
func (w *watchFeed) take(n int, updates bool) []string {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	var ids []string
	for change, err := range w.watch(ctx) {
		if err != nil {
			return ids
		}
		require.Equal(w.t, updates, change.Kind == darktrace.EventUpdated)
		if ids = append(ids, change.Event.ID); len(ids) > n {
			break
		}
	}
	return ids[:min(n, len(ids))]
}

func TestWatchTakesWhatTheLoopAsksFor(t *testing.T) {
	t.Parallel()
	for _, updates := range []bool{false, true} {
		t.Run(map[bool]string{false: "new", true: "updated"}[updates], func(t *testing.T) {
			t.Parallel()
			inWatch(t, func(t *testing.T, w *watchFeed) {
				w.opts.Limit, w.opts.Updates, w.opts.Since = 7, true, w.now().Add(-6*day)
				events := feedEvents(40, 20, w.now().Add(-5*day)) // One of them can't be requested by its id.
				events[5].id = "with blanks"
				w.add(events...)
				if updates {
					ids, err := w.until(time.Second)
					require.NoError(t, err)
					require.Len(t, ids, 20)
					for _, e := range events {
						e.acknowledged = true
					}
				}
				var handled []string
				for stop := 0; len(handled) < 20; stop = (stop + 1) % 5 {
					handled = append(handled, w.take(stop, updates)...)
				}
				assert.Equal(t, eventIDs(events), sorted(handled))
				ids, err := w.until(time.Hour)
				require.NoError(t, err)
				assert.Empty(t, ids)
			})
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		events := feedEvents(0, 20, w.now())
		w.add(events...)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		cause := errors.New("the machine shuts down")
		var handled []string
		for change, err := range w.watch(ctx) {
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, cause)
				break
			}
			if handled = append(handled, change.Event.ID); len(handled) == 5 {
				cancel(cause)
			}
		}
		require.Len(t, handled, 5, "it goes on although its context has ended")
		rest, err := w.until(time.Second)
		require.NoError(t, err)
		assert.Equal(t, eventIDs(events), sorted(append(handled, rest...)))

		ids, err := w.until(-time.Second)
		require.NoError(t, err)
		assert.Empty(t, ids)
	})
}

func TestWatchCrash(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		w.opts.Limit = 7
		events := feedEvents(0, 20, w.now())
		w.add(events...)
		var before, after []string
		kept := w.store
		for change, err := range w.watch(t.Context()) {
			require.NoError(t, err)
			if before = append(before, change.Event.ID); len(before) == 12 {
				// What is saved from now on is lost.
				data := w.stored()
				crashed := new(darktrace.Checkpoint)
				require.NoError(t, json.Unmarshal([]byte(data), crashed))
				kept = darktrace.MemoryCheckpoint()
				require.NoError(t, kept.Save(t.Context(), nil, crashed))
				break
			}
		}
		w.store = kept
		after, err := w.until(time.Second)
		require.NoError(t, err)
		assert.Len(t, after, 13, "what was saved was 7")
		all := slices.Compact(sorted(append(before, after...)))
		assert.Equal(t, eventIDs(events), all)
	})
}

func TestWatchTriesAgain(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		ids := w.happens(3)
		began := time.Now()
		var failures []time.Duration
		w.opts.OnError = func(err error) {
			require.ErrorIs(t, err, darktrace.ErrServer)
			failures = append(failures, time.Since(began))
		}
		w.fault = func() fault {
			if len(failures) < 12 {
				return unavailable
			}
			return noFault
		}
		got, err := w.until(2 * time.Hour)
		require.NoError(t, err)
		assert.Equal(t, ids, got)
		require.Len(t, failures, 12)
		for i := 1; i < len(failures); i++ {
			limit := min(time.Second<<(i-1), 5*time.Minute)
			wait := failures[i] - failures[i-1]
			assert.GreaterOrEqual(t, wait, limit/2, i)
			assert.LessOrEqual(t, wait, limit+time.Millisecond, i)
		}
	})
}

// status responds to every request with a status, and with the body that the appliance sends.
func status(code int, body string, header http.Header) *recorder {
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: code, Header: header, Body: http.NoBody, Request: req}
		if body != "" {
			resp.Body = readCloser{bytes.NewReader([]byte(body))}
		}
		return resp, nil
	}}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestWatchErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code   int
		body   string
		header http.Header
		want   error
		passes bool
	}{
		"signature":    {400, `{"aianalyst":"API SIGNATURE ERROR"}`, nil, darktrace.ErrSignature, false},
		"permission":   {403, `{"error":"Forbidden"}`, nil, darktrace.ErrPermission, false},
		"endpoint":     {302, `Found. Redirecting to /login`, http.Header{"Location": {"/login"}}, darktrace.ErrEndpoint, false},
		"input":        {400, `{"aianalyst":"INPUT ERROR"}`, nil, darktrace.ErrInput, false},
		"date":         {400, `{"aianalyst":"API DATE ERROR"}`, nil, darktrace.ErrDate, true},
		"login":        {200, `<html>`, http.Header{"Content-Type": {"text/html"}}, darktrace.ErrLogin, true},
		"no list":      {200, `{}`, nil, darktrace.ErrDecode, true},
		"rate limited": {429, `{}`, http.Header{"Retry-After": {"600"}}, darktrace.ErrRateLimited, true},
		"server":       {500, ``, nil, darktrace.ErrServer, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := status(test.code, test.body, test.header)
				var reported []error
				opts := &darktrace.WatchOptions{OnError: func(err error) { reported = append(reported, err) }}
				ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
				defer cancel()
				var yielded []error
				for _, err := range newClient(t, r).AIAnalyst.Watch(ctx, darktrace.MemoryCheckpoint(), opts) {
					yielded = append(yielded, err)
				}
				if !test.passes {
					require.Len(t, yielded, 1)
					require.ErrorIs(t, yielded[0], test.want)
					assert.LessOrEqual(t, len(reported), 4)
					return
				}
				require.Empty(t, yielded)
				require.NotEmpty(t, reported)
				require.ErrorIs(t, reported[0], test.want)
				if test.header.Get("Retry-After") != "" {
					assert.Len(t, reported, 1, "it does not wait as long as it is asked to")
				} else {
					assert.Greater(t, len(reported), 5)
				}
			})
		})
	}
}

func TestWatchLogsErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		client := newClient(t, responding(http.StatusInternalServerError, ""), darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, err := range client.AIAnalyst.Watch(ctx, darktrace.MemoryCheckpoint(), nil) {
			require.NoError(t, err)
		}
		assert.Contains(t, log.String(), "watching failed")
	})
}

func TestWatchArguments(t *testing.T) {
	t.Parallel()
	r := responding(http.StatusOK, `[]`)
	watch := newClient(t, r).AIAnalyst.Watch
	for name, all := range map[string]iter.Seq2[darktrace.EventChange, error]{
		"ctx":      watch(nil, darktrace.MemoryCheckpoint(), nil),
		"store":    watch(t.Context(), nil, nil),
		"Interval": watch(t.Context(), darktrace.MemoryCheckpoint(), &darktrace.WatchOptions{Interval: -1}),
		"Limit":    watch(t.Context(), darktrace.MemoryCheckpoint(), &darktrace.WatchOptions{PollOptions: darktrace.PollOptions{Limit: -1}}),
	} {
		yielded := 0
		for _, err := range all {
			yielded++
			require.ErrorIs(t, err, darktrace.ErrArgument)
			require.ErrorContains(t, err, name)
		}
		assert.Equal(t, 1, yielded)
	}
	assert.Empty(t, r.all())
}

// failingStore is a store whose methods fail on demand.
type failingStore struct {
	darktrace.CheckpointStore
	load, save error
	until      time.Time // when save succeeds again; zero = never
}

func (s *failingStore) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	if s.load != nil {
		return nil, s.load
	}
	return s.CheckpointStore.Load(ctx)
}

func (s *failingStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	if _, limited := ctx.Deadline(); !limited || ctx.Err() != nil {
		return errors.New("a context without a limit, or one that has ended")
	}
	if !s.until.IsZero() && !time.Now().Before(s.until) {
		s.save = nil
	}
	if s.save != nil {
		return s.save
	}
	return s.CheckpointStore.Save(ctx, prev, next)
}

func TestWatchAndItsStore(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		blink := errors.New("the database restarts")
		var reported []error
		w.opts.OnError = func(err error) { reported = append(reported, err) }
		store := &failingStore{CheckpointStore: w.store, load: blink, save: nil}
		w.store = store
		_, err := w.until(time.Minute)
		require.ErrorIs(t, err, blink)
		assert.Greater(t, len(reported), 3)
		assert.Empty(t, w.windows, "it polls without a checkpoint")

		// Nothing is delivered before the store has saved once.
		store.load, store.save = nil, blink
		want := w.happens(3)
		got, err := w.until(time.Minute)
		require.ErrorIs(t, err, blink)
		assert.Empty(t, got)
		store.save = &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EBUSY}
		got, err = w.until(time.Minute)
		require.ErrorIs(t, err, syscall.EBUSY, "that does not pass by waiting")
		assert.Empty(t, got)

		// The loop waits for a store that fails for a moment.
		reported, store.save = nil, blink
		store.until = time.Now().Add(20 * time.Second)
		got, err = w.until(time.Minute)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.NotEmpty(t, reported)

		// The same holds for a database behind a socket, which is gone during a restart.
		reported, store.until = nil, time.Now().Add(20*time.Second)
		store.save = &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}
		_, err = w.until(time.Minute)
		require.NoError(t, err)
		assert.NotEmpty(t, reported)

		// Another program takes over the checkpoint.
		w.happens(1)
		for _, err := range w.watch(t.Context()) {
			if err != nil {
				require.ErrorIs(t, err, darktrace.ErrCheckpointConflict)
				break
			}
			_, err := w.until(time.Second)
			require.NoError(t, err)
		}
		assert.Contains(t, w.stored(), `"v":2`)
	})
}

// TestWatchSimulation watches with a program that breaks off, is stopped and
// crashes at random, and checks that nothing is lost, and that nothing comes again
// that was saved.
func TestWatchSimulation(t *testing.T) {
	t.Parallel()
	runs, steps := uint64(3), 40
	if *long {
		runs, steps = 15, 200
	}
	for run := range runs {
		t.Run(strconv.FormatUint(run, 10), func(t *testing.T) {
			t.Parallel()
			inWatch(t, func(t *testing.T, w *watchFeed) {
				random := rand.New(rand.NewPCG(run, 9)) //nolint:gosec // The same things happen each time.
				w.reading = readings[random.IntN(len(readings))]
				w.noIDs = run%5 == 4
				w.fault = func() fault {
					if random.IntN(8) == 0 {
						return unavailable
					}
					return noFault
				}
				w.opts.OnError = func(error) {}
				w.opts.Since = w.now()
				handled, doubtful := map[string]bool{}, map[string]bool{}
				for range steps {
					time.Sleep(time.Duration(random.IntN(3600)) * time.Second)
					w.happens(random.IntN(20))
					w.opts.Limit = []int{0, 1, 7, 50}[random.IntN(4)]
					watchOnce(t, w, random, handled, doubtful)
				}
				w.fault, w.opts.Limit = nil, 0
				time.Sleep(2 * time.Hour)
				ids, err := w.until(10 * time.Minute)
				require.NoError(t, err)
				for _, id := range ids {
					require.True(t, !handled[id] || doubtful[id], "%s comes again", id)
					handled[id] = true
				}
				for _, e := range w.events[1:] {
					require.True(t, handled[e.id], "%s is lost", e.id)
				}
			})
		})
	}
}

// watchOnce runs the program until it ends or crashes. doubtful are the ids that
// were handled after the last save before a crash.
func watchOnce(t *testing.T, w *watchFeed, random *rand.Rand, handled, doubtful map[string]bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(600))*time.Second)
	defer cancel()
	kept := w.store
	saves := &savingStore{CheckpointStore: kept}
	w.store = saves
	defer func() {
		w.store = kept
		if crash := recover(); crash != nil {
			require.Equal(t, "crash", crash)
			for _, id := range saves.since {
				doubtful[id] = true
			}
		}
	}()
	hand := ""
	for change, err := range w.watch(ctx) {
		if hand != "" {
			saves.since = append(saves.since, hand)
			handled[hand] = true
			delete(doubtful, hand)
			hand = ""
		}
		if err != nil {
			return
		}
		id := change.Event.ID
		require.True(t, !handled[id] || doubtful[id], "%s comes again", id)
		hand = id
		switch random.IntN(40) {
		case 0:
			return
		case 1:
			cancel()
		case 2:
			panic("crash")
		}
	}
	if hand != "" { // The loop went on, and ended with its context.
		handled[hand] = true
		delete(doubtful, hand)
	}
}

// savingStore keeps the ids that were handled since the last save.
type savingStore struct {
	darktrace.CheckpointStore
	since []string
}

func (s *savingStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	s.since = nil
	return s.CheckpointStore.Save(ctx, prev, next)
}

// losingStore returns an error from its second Save. save is what happens meanwhile;
// late, if set, is what happens when the third Save waits for the second one's locks.
type losingStore struct {
	darktrace.CheckpointStore
	saves int
	save  func(ctx context.Context, prev, next *darktrace.Checkpoint) error
	late  func() error
}

func (s *losingStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	switch s.saves++; {
	case s.saves == 2:
		return errors.Join(s.save(ctx, prev, next), errors.New("connection lost"))
	case s.saves == 3 && s.late != nil:
		if err := s.late(); err != nil {
			return err
		}
	}
	return s.CheckpointStore.Save(ctx, prev, next)
}

// TestWatchSettlesADoubtfulSave loads the checkpoint to find out the outcome of a
// save whose response was lost.
func TestWatchSettlesADoubtfulSave(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"saved", "not saved", "saved late", "another program"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			inWatch(t, func(t *testing.T, w *watchFeed) {
				w.opts.OnError = func(err error) { require.EqualError(t, err, "connection lost") }
				w.happens(2)
				result, err := w.client.AIAnalyst.Poll(t.Context(), nil, nil)
				require.NoError(t, err)
				store := &losingStore{CheckpointStore: w.store}
				store.save = func(ctx context.Context, prev, next *darktrace.Checkpoint) error {
					switch how {
					case "saved":
						return w.store.Save(ctx, prev, next)
					case "saved late":
						store.late = func() error { return w.store.Save(t.Context(), prev, next) }
					case "another program":
						return w.store.Save(ctx, prev, result.Checkpoint)
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				var errs []error
				handled := 0
				for _, err := range w.client.AIAnalyst.Watch(ctx, store, &w.opts) {
					if err != nil {
						errs = append(errs, err)
						continue
					}
					handled++
				}
				assert.Equal(t, 2, handled)
				if how == "another program" {
					require.Len(t, errs, 1)
					require.ErrorIs(t, errs[0], darktrace.ErrCheckpointConflict)
					require.EqualError(t, errs[0], "darktrace: checkpoint conflict: another program has moved the checkpoint on")
					return
				}
				require.Empty(t, errs)
				if how == "saved" {
					assert.Equal(t, 2, store.saves, "what was saved is not saved again")
				}
			})
		})
	}
}
