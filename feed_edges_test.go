package darktrace_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// takes watches and returns the changes it took: all, or those before the one in
// whose body it breaks off.
func (w *watchFeed) takes(n int) []darktrace.EventChange {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	var taken []darktrace.EventChange
	for change, err := range w.watch(ctx) {
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		require.NoError(w.t, err)
		if len(taken) == n {
			break
		}
		taken = append(taken, change)
	}
	return taken
}

func TestWhatABreakLeavesIsNotLost(t *testing.T) {
	t.Parallel()
	for name, afterwards := range map[string]func(*watchFeed){
		"nothing else":                   func(*watchFeed) {},
		"another filter":                 func(w *watchFeed) { w.opts.Filter.MaxScore = 99 },
		"ids can't be asked for":         func(w *watchFeed) { w.noIDs = true },
		"neither, and a later beginning": func(w *watchFeed) { w.noIDs, w.opts.Since = true, time.Time{} },
	} {
		for _, limit := range []int{0, 4} {
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				t.Parallel()
				inWatch(t, func(t *testing.T, w *watchFeed) {
					w.opts.Since, w.opts.Limit = w.now().Add(-40*day), limit
					want := []string{feedID(1000)} // It is there from the beginning.
					for i := range 10 {
						events := feedEvents(i, 1, w.now().Add(-time.Duration(i+1)*3*day))
						w.add(events...)
						want = append(want, events[0].id)
					}
					got := changedIDs(w.takes(1))
					afterwards(w)
					got = append(got, changedIDs(w.takes(-1))...)
					assert.Equal(t, sorted(want), sorted(got))
				})
			})
		}
	}
}

func TestABreakDoesNotMakeAnUpdatedEventNew(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		w.opts.Updates, w.opts.Limit = true, 3
		ids := w.happens(5)
		first := w.takes(3)
		require.Len(t, first, 3)
		time.Sleep(2 * time.Minute)
		for _, e := range w.events {
			e.score++
		}
		w.opts.Limit = 50
		kinds := map[string][]darktrace.ChangeKind{}
		for _, change := range append(append(first, w.takes(3)...), w.takes(-1)...) {
			kinds[change.Event.ID] = append(kinds[change.Event.ID], change.Kind)
		}
		for _, id := range ids {
			news := 0
			for _, kind := range kinds[id] {
				if kind == darktrace.EventNew {
					news++
				}
			}
			assert.Equal(t, 1, news, "%v", kinds[id])
		}
	})
}

func TestWatchSavesWhenTheBodyPanics(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		events := feedEvents(0, 20, w.now())
		w.add(events...)
		taken := 0
		assert.PanicsWithValue(t, "broken body", func() {
			for _, err := range w.watch(t.Context()) {
				require.NoError(t, err)
				if taken == 11 {
					panic("broken body")
				}
				taken++
			}
		})
		assert.Len(t, w.takes(-1), 9)
	})
}

func TestADateThatWasAheadOnceLosesNothing(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{2 * time.Hour, 10 * day} {
		t.Run(jump.String(), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				if jump < day {
					f.opts.Overlap, f.opts.SweepOverlap = time.Hour, time.Hour
				}
				var want, got []string
				skew := f.skew
				for i := range 12 {
					if f.skew = skew; i == 3 {
						f.skew += jump
					}
					got = append(got, f.drain()...)
					f.skew = skew
					time.Sleep(2 * time.Minute)
					want = append(want, f.happens(1)...)
					time.Sleep(3 * time.Minute)
				}
				got = append(got, f.drain()...)
				for _, id := range want {
					assert.Contains(t, got, id)
				}
			})
		})
	}
}

func TestAWindowThatAsksForMoreRoomIsReadOnce(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.reading = byStart
		for i := range 3 {
			e := feedEvents(i, 1, f.now().Add(-time.Second))[0]
			e.id, e.start = "with a blank "+e.id, f.now().Add(-48*time.Hour)
			f.add(e)
		}
		f.opts.Limit = 1
		var got []string
		for more := true; more; {
			f.reset()
			result := f.poll()
			require.Less(t, len(f.windows), 20, "it reads the same again and again")
			got = append(got, changedIDs(result.Changes)...)
			more = result.More
		}
		assert.Len(t, got, 3)
	})
}

func TestAnApplianceAheadWithoutADate(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.noDate, f.skew = true, time.Hour
		f.opts.Overlap, f.opts.SweepOverlap = time.Hour, 2*time.Hour
		got := f.drain()
		want := []string{}
		for range 40 {
			want = append(want, f.happens(1)...)
			time.Sleep(13 * time.Minute)
			got = append(got, f.drain()...)
		}
		assert.Equal(t, sorted(want), sorted(got))
	})
}
