package conformance_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// updates returns "id: field old>new" for each change of a delivered event.
func updates(changes []darktrace.EventChange) []string {
	list := []string{}
	for _, change := range changes {
		if change.Kind == darktrace.EventUpdated {
			line := change.Event.ID + ":"
			for _, field := range change.Fields {
				line += " " + field.Field
			}
			list = append(list, line)
		}
	}
	return list
}

func TestFollowTellsOfEventsThatNoWindowLists(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		inFeed(t, func(t *testing.T, f *feed) {
			f.opts.Updates, f.noLists = i%2 == 1, i/2 == 1
			ids := f.happens(2)
			require.Equal(t, ids, f.drain())
			time.Sleep(20 * day)
			require.Empty(t, f.drain())
			f.opts.Follow = []string{ids[0], "never-seen", ids[0]}
			time.Sleep(time.Hour)
			require.Empty(t, f.drain(), "what it was is learned first")
			for _, id := range ids {
				f.byID[id].acknowledged = true
			}
			time.Sleep(time.Hour)
			changes := f.poll().Changes
			assert.Equal(t, []string{ids[0] + ": acknowledged"}, updates(changes))
			assert.Equal(t, darktrace.FieldChange{Field: "acknowledged", Old: false, New: true}, changes[0].Fields[0])
			first := changes[0].Key
			for range 3 {
				time.Sleep(time.Hour)
				require.Empty(t, f.drain())
			}
			f.byID[ids[0]].acknowledged = false
			time.Sleep(time.Hour)
			assert.Equal(t, []string{ids[0] + ": acknowledged"}, updates(f.poll().Changes))
			f.byID[ids[0]].acknowledged = true
			time.Sleep(time.Hour)
			changes = f.poll().Changes
			require.Len(t, changes, 1)
			assert.NotEqual(t, first, changes[0].Key, "it is another change")
			f.reset()
			f.poll()
			assert.Zero(t, f.lookups, "they are asked for with the widest sweep only")
		})
	}
}

func TestFollowTellsOfRecentEventsWithoutUpdates(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		ids := f.happens(2)
		f.opts.Follow = ids[:1]
		require.Equal(t, ids, f.drain())
		for _, id := range ids {
			f.byID[id].score = 99.5
		}
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0] + ": groupScore"}, updates(f.poll().Changes))
	})
}

func TestUpdateFields(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates, f.opts.UpdateFields = true, []string{"acknowledged", "currentGroup"}
		id := f.happens(1)[0]
		require.Len(t, f.drain(), 1)
		e := f.byID[id]
		poll := func() []darktrace.EventChange {
			time.Sleep(time.Minute)
			return f.poll().Changes
		}
		e.score = 90
		assert.Empty(t, poll(), "scores are not followed")
		e.acknowledged, e.score = true, 91
		changes := poll()
		assert.Equal(t, []string{id + ": acknowledged"}, updates(changes))
		before := e.group
		e.group = "gOther"
		changes = poll()
		require.Len(t, changes, 1)
		assert.Equal(t, []darktrace.FieldChange{{Field: "currentGroup", Old: before, New: "gOther"}}, changes[0].Fields)
		assert.Contains(t, changes[0].PreviousGroups, before)
		f.opts.UpdateFields = nil
		e.pinned = true
		assert.Equal(t, []string{id + ": pinned"}, updates(poll()), "what changed before was known")
	})
}

func TestMinScoreChange(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates, f.opts.MinScoreChange = true, 5
		id := f.happens(1)[0]
		e := f.byID[id]
		e.score = 50
		require.Len(t, f.drain(), 1)
		var reported [][2]any
		for e.score = 51; e.score <= 62; e.score++ {
			time.Sleep(time.Minute)
			for _, change := range f.poll().Changes {
				reported = append(reported, [2]any{change.Fields[0].Old, change.Fields[0].New})
			}
		}
		assert.Equal(t, [][2]any{{darktrace.Score(50), darktrace.Score(55)}, {darktrace.Score(55), darktrace.Score(60)}}, reported,
			"changes count from the value that was reported last, so that a slow rise is reported")
		e.score, e.acknowledged = 61, true
		time.Sleep(15 * time.Minute)
		assert.Equal(t, []string{id + ": groupScore acknowledged"}, updates(f.poll().Changes), "something else has changed")
	})
}

func TestOnPass(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		var passes []darktrace.PassInfo
		w.opts.OnPass = func(p darktrace.PassInfo) { passes = append(passes, p) }
		w.opts.OnError = func(error) {}
		w.opts.Updates, w.opts.Limit = true, 3
		ids := w.happens(4)
		w.later(10*time.Minute, func() { w.byID[ids[0]].acknowledged = true })
		failing := false
		w.later(20*time.Minute, func() { failing = true })
		w.fault = func() fault {
			if failing {
				return unavailable
			}
			return noFault
		}
		_, err := w.until(30 * time.Minute)
		require.NoError(t, err)
		first, second := passes[0], passes[1]
		assert.Equal(t, []int{3, 0, 1}, []int{first.New, first.Updated, first.Owed})
		assert.Equal(t, []int{1, 0, 0}, []int{second.New, second.Updated, second.Owed})
		assert.Positive(t, first.Bytes)
		assert.GreaterOrEqual(t, first.Listed, 4)
		assert.Positive(t, first.Requests)
		assert.Equal(t, first.Began, first.Through)
		assert.GreaterOrEqual(t, first.Swept, 7*day, "the first one learns what is old")
		updated, failed := 0, 0
		for _, p := range passes {
			updated += p.Updated
			if p.Err != nil {
				failed++
				require.ErrorIs(t, p.Err, darktrace.ErrServer)
				assert.Zero(t, p.Began)
				assert.LessOrEqual(t, w.now().Sub(p.Through), 12*time.Minute, "the lag shows")
			}
		}
		assert.Equal(t, 1, updated)
		assert.Greater(t, failed, 3)
		assert.Greater(t, len(passes), 20)
	})
}

func TestTaken(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates = true
		ids := f.happens(6)
		result := f.poll()
		require.Len(t, result.Changes, 6)
		assert.Equal(t, result.Checkpoint, result.Taken(6))
		assert.Equal(t, result.Checkpoint, result.Taken(99))
		for _, n := range []int{-1, 0, 2, 5} {
			f.checkpoint = roundTrip(t, result.Taken(n))
			n = max(n, 0)
			assert.Equal(t, 6-n, f.checkpoint.Owed())
			again := f.poll()
			assert.Equal(t, changedIDs(result.Changes[n:]), changedIDs(again.Changes))
			for _, change := range again.Changes {
				i := slices.IndexFunc(result.Changes, func(c darktrace.EventChange) bool { return c.Event.ID == change.Event.ID })
				assert.Equal(t, result.Changes[i].Key, change.Key, "it is the same change")
			}
			assert.Zero(t, f.checkpoint.Owed())
			assert.Equal(t, len(ids), f.checkpoint.Len())
			assert.Empty(t, f.drain())
		}
	})
}

func TestLoadCheckpoint(t *testing.T) {
	t.Parallel()
	store := darktrace.MemoryCheckpoint()
	c, err := darktrace.LoadCheckpoint(t.Context(), store)
	require.NoError(t, err)
	assert.Nil(t, c)
	assert.Zero(t, c.Len())
	assert.Zero(t, c.Owed())
	assert.True(t, c.Through().IsZero())
	next := checkpointOf(t, `{"v":2,"through":5}`)
	require.NoError(t, store.Save(t.Context(), nil, next))
	c, err = darktrace.LoadCheckpoint(t.Context(), store)
	require.NoError(t, err)
	assert.True(t, c.Equal(next))
	assert.False(t, c.Equal(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = darktrace.LoadCheckpoint(ctx, store)
	require.ErrorIs(t, err, context.Canceled)
}

func TestACleanStopIsNoError(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]time.Duration{"within a pass": 3 * time.Second, "between passes": 30 * time.Second, "after a day": day} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWatch(t, func(t *testing.T, w *watchFeed) {
				w.fault = func() fault { time.Sleep(2 * time.Second); return noFault }
				want := w.happens(5)
				got, err := w.until(stop)
				require.NoError(t, err)
				rest, err := w.until(time.Hour)
				require.NoError(t, err)
				assert.Equal(t, want, sorted(append(got, rest...)), "each once")
			})
		})
	}
}

func TestAStopWhoseSaveFailsIsAnError(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		store := &fullStore{CheckpointStore: w.store}
		w.store, w.opts.OnError = store, func(error) {}
		w.happens(5)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var ended error
		for _, err := range w.watch(ctx) {
			if err != nil {
				ended = err
				break
			}
			store.full = true
			cancel()
		}
		require.ErrorIs(t, ended, errFull)

		// Nor does the end of the context hide it.
		store.full = false
		_, err := w.until(time.Second)
		require.NoError(t, err)
		w.happens(5)
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		ended = nil
		for _, err := range w.watch(ctx) {
			if err != nil {
				ended = err
				break
			}
			store.full, store.failure = true, fmt.Errorf("the pool is closed: %w", context.Canceled)
			cancel()
		}
		require.ErrorIs(t, ended, context.Canceled)
		require.ErrorContains(t, ended, "the pool is closed")
	})
}

// TestTheEndOfTheLoopIsSaved ends it while nothing is new.
func TestTheEndOfTheLoopIsSaved(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		through := func() time.Time {
			c, err := w.store.Load(t.Context())
			require.NoError(t, err)
			return c.Through()
		}
		var last time.Time
		w.opts.OnPass = func(p darktrace.PassInfo) { last = p.Through }
		_, err := w.until(10*time.Minute + 30*time.Second)
		require.NoError(t, err)
		assert.Equal(t, last, through(), "by its context")

		time.Sleep(time.Hour)
		w.happens(3)
		for _, err := range w.watch(t.Context()) {
			require.NoError(t, err)
			break
		}
		assert.Equal(t, last, through(), "by its body")
	})
}

var errFull = errors.New("no space left on device")

// fullStore is a store on a disk that may be full.
type fullStore struct {
	darktrace.CheckpointStore
	full    bool
	failure error // nil = errFull
}

func (s *fullStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	if s.full {
		return cmp.Or(s.failure, errFull)
	}
	return s.CheckpointStore.Save(ctx, prev, next)
}

func TestWatchIncidentsMerges(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		events := feedEvents(0, 3, w.now())
		for i, e := range events {
			e.group, e.score = []string{"gA", "gB", "gC"}[i], 60
		}
		w.add(events...)
		merge := func(into string, gone ...string) func() {
			return func() {
				for _, e := range w.events {
					if slices.Contains(gone, e.group) {
						e.previous, e.group = append(slices.Clone(e.previous), e.group), into
					}
				}
			}
		}
		w.later(time.Hour, merge("gA", "gB"))
		w.later(2*time.Hour, merge("gD", "gA", "gC")) // Merged under a new id.
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour)
		defer cancel()
		var kinds []string
		var last darktrace.IncidentChange
		keys := map[string]bool{}
		for change, err := range w.client.AIAnalyst.WatchIncidents(ctx, w.store, &w.opts) {
			require.NoError(t, err)
			kinds = append(kinds, string(change.Kind)+" "+change.ID)
			require.False(t, keys[change.Key], "%s comes twice", change.Key)
			keys[change.Key] = true
			last = change
		}
		slices.Sort(kinds[:3])
		assert.Equal(t, []string{"new gA", "new gB", "new gC", "merged gA", "merged gD"}, kinds)
		assert.Equal(t, []string{"gA", "gB", "gC"}, sorted(last.PreviousIDs))
		assert.Len(t, last.Events, 3)
	})
}
