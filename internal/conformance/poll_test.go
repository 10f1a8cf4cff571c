package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

const day = 24 * time.Hour

// sweepOf is a sweep once an hour.
func sweepOf(back time.Duration) []darktrace.Sweep {
	return []darktrace.Sweep{{Every: time.Hour, Back: back}}
}

// feed is a client that polls an appliance, in the time of a synctest bubble.
type feed struct {
	*feedAppliance
	t          *testing.T
	client     *darktrace.Client
	opts       darktrace.PollOptions
	checkpoint *darktrace.Checkpoint
}

// inFeed runs a test with a feed before its first Poll. The appliance's clock is
// two hours ahead, and it has an event that is 10 days old.
func inFeed(t *testing.T, test func(*testing.T, *feed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &feedAppliance{reading: byCreation, skew: 2 * time.Hour}
		a.add(feedEvents(1000, 1, a.now().Add(-10*day))...)
		test(t, &feed{feedAppliance: a, t: t, client: newClient(t, a)})
	})
}

// inFeeds runs a test for each of the times that a window may compare.
func inFeeds(t *testing.T, test func(*testing.T, *feed)) {
	t.Helper()
	for _, by := range readings {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				f.reading = by
				test(t, f)
			})
		})
	}
}

// poll polls once without an error, and restarts the program.
func (f *feed) poll() *darktrace.PollResult {
	f.t.Helper()
	result, err := f.client.AIAnalyst.Poll(f.t.Context(), f.checkpoint, &f.opts)
	require.NoError(f.t, err)
	f.checkpoint = roundTrip(f.t, result.Checkpoint)
	return result
}

// drain polls until there is no more and returns the sorted ids.
func (f *feed) drain() []string {
	f.t.Helper()
	var changes []darktrace.EventChange
	for more := true; more; {
		result := f.poll()
		changes = append(changes, result.Changes...)
		more = result.More
	}
	return changedIDs(changes)
}

// happens adds n events that the appliance lists now.
func (f *feed) happens(n int) []string {
	events := feedEvents(len(f.events), n, f.now())
	f.add(events...)
	return eventIDs(events)
}

// asked returns the windows that were requested since reset, as hours before the
// appliance's present.
func (f *feed) asked() []string {
	var windows []string
	for _, query := range f.windows {
		windows = append(windows, f.hours(query.Get("starttime"))+" to "+f.hours(query.Get("endtime")))
	}
	return windows
}

func (f *feed) hours(millis string) string {
	if millis == "" {
		return "open"
	}
	at, err := strconv.ParseInt(millis, 10, 64)
	require.NoError(f.t, err)
	return fmt.Sprintf("%.2f", time.UnixMilli(at).Sub(f.now()).Hours())
}

func TestPollReadsWindows(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Since = f.now().Add(-12 * time.Hour)
		f.poll()
		assert.Equal(t, []string{"-12.00 to open", "-168.02 to -12.00"}, f.asked(), "what may be new, then what is old")
		assert.Equal(t, url.Values{
			"includeacknowledged": {"true"}, "includeallpinned": {"false"},
			"starttime": {strconv.FormatInt(f.now().Add(-12*time.Hour).UnixMilli(), 10)},
		}, f.windows[0])

		ask := func(pause time.Duration, want ...string) {
			t.Helper()
			time.Sleep(pause)
			f.reset()
			f.poll()
			assert.Equal(t, want, f.asked())
		}
		ask(time.Minute, "-0.20 to open") // From a minute plus Overlap before the pass before.
		ask(9*time.Minute, "-0.33 to open")
		ask(5*time.Minute, "-0.27 to open", "-24.27 to -0.27") // Every 15 minutes, back 24 hours.
		ask(10*time.Minute, "-0.35 to open")
		ask(35*time.Minute, "-0.77 to open", "-169.02 to -0.77") // Every hour, back 7 days, which includes the other sweep.
		ask(14*time.Minute, "-0.42 to open")
		f.client = newClient(t, f)
		ask(7*day, "-168.18 to open", "-336.25 to -168.18") // After a week off.
	})
}

func TestPollReadsSweepsOfItsOptions(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Overlap, f.opts.Sweeps = time.Hour, []darktrace.Sweep{{Every: 24 * time.Hour, Back: 30 * day}}
		f.poll()
		f.reset()
		for range 24 {
			time.Sleep(time.Hour)
			f.poll()
		}
		assert.Len(t, f.windows, 25)
		assert.Equal(t, "-744.02 to -2.02", f.asked()[24])
		f.opts.Sweeps = []darktrace.Sweep{}
		time.Sleep(10 * day)
		f.reset()
		f.poll()
		assert.Len(t, f.windows, 1)
	})
}

func TestPollFirstPass(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		since time.Duration // before the appliance's now; 0 = zero
		skew  time.Duration
		want  []time.Duration // ages of the events that are delivered
	}{
		{"a day by default", 0, 2 * time.Hour, []time.Duration{time.Minute, 23 * time.Hour}},
		{"a day by the appliance's clock when ours is ahead", 0, -5 * time.Hour, []time.Duration{time.Minute, 23 * time.Hour}},
		{"bounded", 12 * time.Hour, 0, []time.Duration{time.Minute}},
		{"from now on", time.Nanosecond, 0, []time.Duration{}},
		{"ahead of the clock", -time.Hour, 0, []time.Duration{}},
		{"long ago", 30 * day, 0, []time.Duration{time.Minute, 23 * time.Hour, 27 * time.Hour, 6 * day, 20 * day}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				f.events, f.skew = nil, test.skew
				ids := map[time.Duration]string{}
				for i, age := range []time.Duration{time.Minute, 23 * time.Hour, 27 * time.Hour, 6 * day, 20 * day, 40 * day} {
					e := feedEvents(i, 1, f.now().Add(-age))[0]
					f.add(e)
					ids[age] = e.id
				}
				if test.since != 0 {
					f.opts.Since = f.now().Add(-test.since)
				}
				want := []string{}
				for _, age := range test.want {
					want = append(want, ids[age])
				}
				slices.Sort(want)
				assert.Equal(t, want, changedIDs(f.poll().Changes))
				for range 30 { // Windows that reach back to any time.
					time.Sleep(8 * time.Hour)
					require.Empty(t, f.poll().Changes)
				}
			})
		})
	}
}

func TestPollDeliversWhatShowsUpLate(t *testing.T) {
	t.Parallel()
	inFeeds(t, func(t *testing.T, f *feed) {
		f.poll()
		time.Sleep(10 * time.Minute)
		// An event that is created now, about days that the feed never saw.
		e := feedEvents(0, 1, f.now())[0]
		e.start, e.end = f.now().Add(-6*day), f.now().Add(-5*day)
		f.add(e)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{e.id}, changedIDs(f.poll().Changes))
		time.Sleep(time.Hour)
		assert.Empty(t, f.poll().Changes)
	})
}

func TestPollDeliversWhatReachesBeyondSince(t *testing.T) {
	t.Parallel()
	inFeeds(t, func(t *testing.T, f *feed) {
		f.opts.Since, f.opts.Limit = f.now().Add(-day), 1
		recent := feedEvents(0, 5, f.now().Add(-time.Hour)) // Created an hour ago, about the days before Since.
		old := feedEvents(5, 5, f.now().Add(-30*time.Hour))
		for _, e := range slices.Concat(recent, old) {
			e.start, e.end = f.now().Add(-6*day-time.Hour), f.now().Add(-30*time.Hour)
		}
		f.add(recent...)
		f.add(old...)
		got := f.drain()
		time.Sleep(9 * day)
		got = append(got, f.drain()...)
		for range 24 {
			time.Sleep(12 * time.Hour)
			got = append(got, f.drain()...)
		}
		if f.reading == byListing { // Before Since, if the window compares that time.
			got = slices.DeleteFunc(got, func(id string) bool { return slices.Contains(eventIDs(old), id) })
		}
		assert.Equal(t, eventIDs(recent), sorted(got))
	})
}

func TestPollGoesOnAfterAPause(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.reading = bySpan
		f.poll()
		f.opts.Limit, f.opts.Overlap, f.opts.Sweeps = 1, time.Hour, sweepOf(time.Hour)
		events := feedEvents(0, 2, f.now())
		f.add(events...)
		got := changedIDs(f.poll().Changes)
		for _, e := range events {
			e.end = f.now().Add(5 * day)
		}
		time.Sleep(10 * day)
		got = append(got, f.drain()...)
		time.Sleep(day)
		got = append(got, f.drain()...)
		assert.Equal(t, eventIDs(events), sorted(got))
	})
}

func TestPollLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 7, 50, 130, 500} {
		for name, noLists := range map[string]bool{"": false, ", no lists of ids": true} {
			t.Run(strconv.Itoa(limit)+name, func(t *testing.T) {
				t.Parallel()
				inFeed(t, func(t *testing.T, f *feed) {
					f.poll()
					time.Sleep(time.Minute)
					f.noLists = noLists
					f.opts.Limit = limit
					want := f.happens(130)
					f.reset()
					var got []darktrace.EventChange
					polls := 0
					for more := true; more; polls++ {
						result := f.poll()
						require.LessOrEqual(t, len(result.Changes), limit)
						rest := 130 - len(got) - len(result.Changes)
						if rest > 0 || !noLists {
							require.Equal(t, rest > 0, result.More)
						}
						got = append(got, result.Changes...)
						more = result.More
					}
					assert.Equal(t, want, changedIDs(got))
					if noLists { // Then the feed reads the window for each batch, and makes a pass at the end.
						assert.LessOrEqual(t, polls, (130+limit-1)/limit+2)
						assert.LessOrEqual(t, len(f.windows)+f.lookups, 2*polls)
						return
					}
					assert.Equal(t, (130+limit-1)/limit, polls)
					assert.LessOrEqual(t, len(f.windows), 2, "the window is read again and again")
					assert.LessOrEqual(t, f.lookups, polls+2)
				})
			})
		}
	}
}

func TestPollGoesOnAfterTheRest(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.poll()
		time.Sleep(time.Minute)
		f.opts.Limit = 7
		first := f.happens(10)
		require.True(t, f.poll().More)
		time.Sleep(time.Minute)
		second := f.happens(2)
		result := f.poll()
		assert.Len(t, result.Changes, 5, "the rest, and what has come since")
		assert.False(t, result.More)
		assert.Subset(t, changedIDs(result.Changes), second)
		assert.NotEmpty(t, first)
	})
}

func TestPollReadsAgainWhatCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	t.Run("the appliance does not know the parameter", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.poll()
			f.noIDs = true
			f.opts.Limit = 7
			assert.Equal(t, f.happens(30), f.drain())
		})
	})
	t.Run("the appliance ignores the parameter", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.poll()
			f.allIDs = true
			f.opts.Limit = 7
			assert.Equal(t, f.happens(30), f.drain())
		})
	})
	t.Run("long ago", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.noIDs = true
			f.opts.Since, f.opts.Limit = f.now().Add(-20*day), 1
			f.events = nil
			f.add(feedEvents(0, 3, f.now().Add(-19*day))...)
			f.add(feedEvents(3, 1, f.now().Add(-18*day-30*time.Second))...) // At the border of two parts.
			f.add(feedEvents(4, 3, f.now().Add(-17*day))...)
			f.add(feedEvents(7, 1, f.now().Add(-16*day-90*time.Second))...)
			f.add(feedEvents(8, 3, f.now().Add(-15*day))...)
			assert.Equal(t, eventIDs(f.events), f.drain())
		})
	})
	t.Run("an id that is none", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.poll()
			f.opts.Limit = 1
			events := feedEvents(0, 3, f.now())
			for i, e := range events {
				e.id = fmt.Sprintf("number %d, with blanks", i)
			}
			f.add(events...)
			assert.Equal(t, eventIDs(events), f.drain())
			assert.Zero(t, f.lookups)
		})
	})
	t.Run("an event that is gone", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.poll()
			f.opts.Limit = 1
			ids := f.happens(3)
			first := f.poll()
			for _, e := range f.events {
				e.removed = !slices.Contains(changedIDs(first.Changes), e.id) && e.id != ids[0]
			}
			got := f.drain()
			assert.LessOrEqual(t, len(got), 1)
			assert.False(t, f.poll().More)
		})
	})
	t.Run("another filter", func(t *testing.T) {
		t.Parallel()
		inFeed(t, func(t *testing.T, f *feed) {
			f.poll()
			f.opts.Limit = 1
			events := feedEvents(0, 20, f.now())
			f.add(events...)
			first := f.poll().Changes[0].Event.ID
			f.opts.Filter.MinGroupScore = 50
			var want []*feedEvent
			for _, e := range events {
				if e.score >= 50 && e.id != first {
					want = append(want, e)
				}
			}
			assert.Equal(t, eventIDs(want), f.drain())
		})
	})
}

func TestPollFilter(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Filter = darktrace.EventFilter{
			MinGroupScore: 70, Categories: []darktrace.Category{darktrace.CategoryCritical, darktrace.CategoryInformational}, GroupIDs: []string{"g1", "g2"},
			MinScore: 20, MaxScore: 90, DeviceID: 1, ExcludeDeviceID: 2, SubnetID: 3, ExcludeSubnetID: 4, Master: 5, SaaSOnly: true,
			Locale: darktrace.LocaleJapanese,
		}
		f.opts.IncludeURL = true
		f.poll()
		assert.Equal(t, url.Values{
			"includeacknowledged": {"true"}, "includeallpinned": {"false"}, "includeincidenteventurl": {"true"},
			"starttime": f.windows[0]["starttime"], "locale": {"ja_JP"},
			"minscore": {"20"}, "maxscore": {"90"}, "did": {"1"}, "excludedid": {"2"}, "sid": {"3"}, "excludesid": {"4"}, "master": {"5"}, "saasonly": {"true"},
		}, f.windows[0], "what can change is matched on our side")

		e := feedEvents(0, 1, f.now())[0]
		e.score, e.category, e.group = 60, darktrace.CategorySuspicious, "g3"
		f.add(e)
		for _, change := range []func(){
			func() {},
			func() { e.score = 70 },
			func() { e.category = darktrace.CategoryCritical },
		} {
			time.Sleep(day)
			change()
			require.Empty(t, f.poll().Changes)
		}
		time.Sleep(day)
		e.group, e.previous = "g4", []string{"g1"}
		change := f.poll().Changes
		require.Len(t, change, 1, "it matches for the first time, days later")
		assert.Equal(t, darktrace.EventNew, change[0].Kind)
		assert.Equal(t, []string{"g1"}, change[0].PreviousGroups)
		e.score = 10
		time.Sleep(time.Hour)
		assert.Empty(t, f.poll().Changes)
	})
}

func TestPollFilterFallsBackOnTheOwnCategory(t *testing.T) {
	t.Parallel()
	r := responding(http.StatusOK, `[{"id":"`+id1+`","category":"critical"},{"id":"`+id2+`","category":"compliance"}]`)
	opts := &darktrace.PollOptions{Filter: darktrace.EventFilter{Categories: []darktrace.Category{darktrace.CategoryCritical}}}
	result, err := newClient(t, r).AIAnalyst.Poll(t.Context(), nil, opts)
	require.NoError(t, err)
	assert.Equal(t, []string{id1}, changedIDs(result.Changes))
}

func TestPollArguments(t *testing.T) {
	t.Parallel()
	r := responding(http.StatusOK, `[]`)
	poll := newClient(t, r).AIAnalyst.Poll
	for name, opts := range map[string]*darktrace.PollOptions{
		"Overlap":        {Overlap: -1},
		"Sweeps":         {Sweeps: []darktrace.Sweep{{Every: time.Hour, Back: 0}}},
		"Budget":         {Budget: -1},
		"UpdateFields":   {UpdateFields: []string{"title"}},
		"MinScoreChange": {MinScoreChange: -1},
		"Follow":         {Follow: []string{"a b"}},
		"Categories":     {Filter: darktrace.EventFilter{Categories: []darktrace.Category{"Critical"}}},
		"Limit":          {Limit: -1},
		"Since":          {Since: time.Unix(-5, 0)},
		"MinGroupScore":  {Filter: darktrace.EventFilter{MinGroupScore: 101}},
		"MinScore":       {Filter: darktrace.EventFilter{MinScore: 101}},
		"GroupIDs":       {Filter: darktrace.EventFilter{GroupIDs: []string{""}}},
		"Locale":         {Filter: darktrace.EventFilter{Locale: "&"}},
	} {
		_, err := poll(t.Context(), nil, opts)
		require.ErrorIs(t, err, darktrace.ErrArgument, name)
		assert.ErrorContains(t, err, name)
	}
	_, err := poll(nil, nil, nil)
	require.ErrorIs(t, err, darktrace.ErrArgument)
	assert.Empty(t, r.all())
}

func TestPollUpdates(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates = true
		f.poll()
		e := feedEvents(0, 1, f.now())[0]
		e.score, e.group = 40, "g-small"
		f.add(e)
		require.Equal(t, darktrace.EventNew, f.poll().Changes[0].Kind)
		require.Empty(t, f.poll().Changes)

		e.score, e.category, e.acknowledged, e.pinned = 67.5, darktrace.CategoryCritical, true, true
		e.group, e.previous = "g-large", []string{"g-older"}
		time.Sleep(time.Hour)
		changes := f.poll().Changes
		require.Len(t, changes, 1)
		assert.Equal(t, darktrace.EventUpdated, changes[0].Kind)
		assert.Equal(t, darktrace.Score(67.5), changes[0].Event.GroupScore)
		assert.Equal(t, []darktrace.FieldChange{
			{Field: "groupScore", Old: darktrace.Score(40), New: darktrace.Score(67.5)},
			{Field: "groupCategory", Old: darktrace.CategorySuspicious, New: darktrace.CategoryCritical},
			{Field: "acknowledged", Old: false, New: true},
			{Field: "pinned", Old: false, New: true},
			{Field: "currentGroup", Old: "g-small", New: "g-large"},
		}, changes[0].Fields)
		assert.Equal(t, []string{"g-older", "g-small"}, changes[0].PreviousGroups)
		require.Empty(t, f.poll().Changes)

		// Updates are off and on again: the changes in between are one update.
		time.Sleep(time.Hour)
		f.opts.Updates = false
		e.score = 80
		require.Empty(t, f.poll().Changes)
		time.Sleep(time.Hour)
		f.opts.Updates = true
		require.Len(t, f.poll().Changes, 1)
	})
}

func TestPollUpdatesWithALimit(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates = true
		f.poll()
		events := feedEvents(0, 10, f.now())
		f.add(events...)
		require.Len(t, f.poll().Changes, 10)
		for _, e := range events {
			e.pinned = true
		}
		f.opts.Limit = 3
		require.True(t, f.poll().More)
		events[9].pinned, events[8].pinned = false, false // Before all of them are delivered.
		got := f.drain()
		assert.GreaterOrEqual(t, len(got), 5)
		assert.LessOrEqual(t, len(got), 7)

		for _, e := range events {
			e.acknowledged = true
		}
		require.True(t, f.poll().More)
		f.opts.Updates = false
		assert.Empty(t, f.drain(), "the rest is no longer wanted")
	})
}

func TestPollUpdatesTurnedOnLater(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		old := feedEvents(500, 1, f.now().Add(-3*day))[0]
		f.add(old)
		f.poll()
		e := feedEvents(0, 1, f.now())[0]
		f.add(e)
		require.Len(t, f.poll().Changes, 1)
		f.opts.Updates = true
		e.score, old.score = 98, 98
		time.Sleep(time.Hour)
		require.Empty(t, f.poll().Changes, "comparing begins now")
		e.score, old.score = 99, 99
		time.Sleep(time.Hour)
		changes := f.poll().Changes
		require.Equal(t, []string{e.id}, changedIDs(changes), "what was never delivered is not updated")
		assert.Equal(t, darktrace.Score(98), changes[0].Fields[0].Old)
	})
}

func TestPollWithChangedOverlaps(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Since = f.now().Add(-time.Hour)
		f.opts.Overlap, f.opts.Sweeps = time.Hour, sweepOf(2*time.Hour)
		var got []string
		for range 20 {
			time.Sleep(3 * time.Hour)
			f.happens(1)
			got = append(got, f.drain()...)
		}
		f.opts.Overlap, f.opts.Sweeps = 5*day, sweepOf(9*day)
		for range 20 {
			time.Sleep(12 * time.Hour)
			f.happens(1)
			got = append(got, f.drain()...)
		}
		f.opts.Overlap, f.opts.Sweeps = 9*day, sweepOf(time.Hour)
		got = append(got, f.drain()...)
		slices.Sort(got)
		assert.Equal(t, eventIDs(f.events[1:]), got)
	})
}

func TestPollIsAFunctionOfItsCheckpoint(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Limit, f.opts.Updates = 4, true
		f.happens(20)
		f.poll()
		began, err := json.Marshal(f.checkpoint)
		require.NoError(t, err)
		first, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, &f.opts)
		require.NoError(t, err)
		second, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, &f.opts)
		require.NoError(t, err)
		assert.Equal(t, changedIDs(first.Changes), changedIDs(second.Changes))
		after, err := json.Marshal(f.checkpoint)
		require.NoError(t, err)
		assert.Equal(t, string(began), string(after), "a checkpoint has changed")
	})
}

func TestPollErrors(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.poll()
		time.Sleep(time.Minute)
		ids := f.happens(10)
		for _, trouble := range []fault{unavailable, disconnected, cutShort} {
			f.fault = func() fault { return trouble }
			result, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, nil)
			if trouble == cutShort { // The elements that arrived count.
				require.NoError(t, err)
				assert.Len(t, result.Changes, 6)
				continue
			}
			require.Error(t, err)
			assert.Empty(t, result.Changes)
			assert.Equal(t, err, result.Pass.Err)
		}
		// If a sweep breaks, what was read before is kept.
		time.Sleep(time.Hour)
		f.reset()
		f.fault = func() fault {
			if len(f.windows) > 1 {
				return unavailable
			}
			return noFault
		}
		result := f.poll()
		assert.Equal(t, ids, changedIDs(result.Changes))
		assert.True(t, result.More)
		_, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, nil)
		require.ErrorIs(t, err, darktrace.ErrServer)
		f.fault = nil
		assert.Empty(t, f.drain())
	})
}

func TestPollIsCancelled(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.poll()
		time.Sleep(3 * day)
		f.happens(10)
		ctx, cancel := context.WithCancel(t.Context())
		f.reset()
		f.fault = func() fault {
			if len(f.windows) == 2 {
				cancel()
			}
			return noFault
		}
		result, err := f.client.AIAnalyst.Poll(ctx, f.checkpoint, nil)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, f.windows, 2, "it went on")
		assert.Len(t, result.Changes, 10, "what was read counts")
		assert.True(t, result.More)
		f.checkpoint = result.Checkpoint
		assert.Empty(t, f.drain())
	})
}

func TestPollWithoutDates(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.skew, f.noDate = 0, true
		var got []string
		for range 50 {
			got = append(got, f.drain()...)
			time.Sleep(7 * time.Hour)
			f.happens(2)
		}
		assert.Equal(t, eventIDs(f.events[1:len(f.events)-2]), sorted(got))
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func TestPollWhileTheClockIsSet(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		var got []string
		for i, skew := range []time.Duration{0, 25 * time.Hour, 0, 5 * time.Hour, -5 * time.Hour, -25 * time.Hour, 0} {
			f.skew = skew
			for range 2 {
				f.happens(2)
				got = append(got, f.drain()...)
				time.Sleep(time.Minute)
				if i%2 == 0 {
					f.client = newClient(t, f)
				}
			}
		}
		assert.Subset(t, got, eventIDs(f.events[1:]), "some are lost")

		// Sweeps go on although the last one seems to be in the future.
		f.skew = 25 * time.Hour
		f.drain()
		f.skew = 0
		f.drain()
		late := feedEvents(500, 1, f.now())[0]
		late.created = f.now().Add(-3 * day)
		f.add(late)
		time.Sleep(2 * time.Hour)
		assert.Contains(t, f.drain(), late.id)
	})
}

func TestPollForgets(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Since = f.now().Add(-60 * day)
		f.events = nil
		for i := range 60 {
			f.add(feedEvents(100*i, 100, f.now().Add(-60*day).Add(time.Duration(i)*day))...)
		}
		largest := 0
		f.opts.Limit = 50
		for more := true; more; {
			more = f.poll().More
			data, err := json.Marshal(f.checkpoint)
			require.NoError(t, err)
			largest = max(largest, len(data))
		}
		assert.Less(t, largest, 60*100*60, "more is remembered than there is")
		for range 40 {
			time.Sleep(day)
			f.happens(10)
			f.drain()
		}
		data, err := json.Marshal(f.checkpoint)
		require.NoError(t, err)
		assert.Less(t, len(data), 10*10*30+1000)
	})
}

func TestPollRemembersWhatKeepsBeingListed(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		// An appliance that lists pinned events in any window, and one whose activity
		// never ends.
		f.reading = byEnd
		e := feedEvents(0, 1, f.now())[0]
		f.add(e)
		require.Len(t, f.poll().Changes, 1)
		for range 60 {
			time.Sleep(12 * time.Hour)
			e.end = f.now()
			require.Empty(t, f.poll().Changes)
		}
	})
}

func TestPollLeavesOutWhatHasNoID(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := responding(http.StatusOK, `[{"title":"a"},{"id":null},{"id":7},{"id":"`+id1+`"},{"id":"es\u0063aped"},{"title":"b","id":"last"}]`)
	client := newClient(t, r, darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	result, err := client.AIAnalyst.Poll(t.Context(), nil, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{id1, "7", "escaped", "last"}, changedIDs(result.Changes))
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("without an id")), "%s", log.String())
	result, err = client.AIAnalyst.Poll(t.Context(), result.Checkpoint, nil)
	require.NoError(t, err)
	assert.Nil(t, result.Changes)
}

func TestPollKeepsRaw(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.KeepRaw, f.opts.Limit = true, 1
		f.happens(2)
		for range 2 {
			change := f.poll().Changes[0]
			var event darktrace.IncidentEvent
			require.NoError(t, json.Unmarshal(change.Event.Raw, &event))
			assert.Equal(t, change.Event.ID, event.ID)
		}
	})
}
