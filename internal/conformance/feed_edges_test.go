package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// takes watches and returns the changes that it handled: all, or those before the
// nth, in whose body it breaks.
func (w *watchFeed) takes(n int) []darktrace.EventChange {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	var handled []darktrace.EventChange
	for change, err := range w.watch(ctx) {
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		require.NoError(w.t, err)
		if len(handled) == n {
			break
		}
		handled = append(handled, change)
	}
	return handled
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
		handled := 0
		assert.PanicsWithValue(t, "broken body", func() {
			for _, err := range w.watch(t.Context()) {
				require.NoError(t, err)
				if handled == 11 {
					panic("broken body")
				}
				handled++
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
					f.opts.Overlap, f.opts.Sweeps = time.Hour, sweepOf(time.Hour)
				}
				var want, got []string
				f.anyDate = true
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
		f.noDate, f.anyDate, f.skew = true, true, time.Hour
		f.opts.Overlap, f.opts.Sweeps = time.Hour, sweepOf(2*time.Hour)
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

// TestTimeThatComesAgain sets both clocks ahead and back again in ways that no
// single pass can see, as when one machine hosts both.
func TestTimeThatComesAgain(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(f *feed, set func(ahead time.Duration), late func()){
		"nobody polls until it is later than ever": func(f *feed, set func(time.Duration), late func()) {
			set(7 * day)
			f.drain()
			set(0)
			time.Sleep(20 * time.Hour)
			late()
			time.Sleep(11 * day)
		},
		"the appliance can't be reached until then": func(f *feed, set func(time.Duration), late func()) {
			set(7 * day)
			f.drainHourly(8 * 24)
			set(0)
			f.fault = func() fault { return disconnected }
			_, err := f.client.AIAnalyst.Poll(f.t.Context(), f.checkpoint, &f.opts)
			require.Error(f.t, err)
			result, err := f.client.AIAnalyst.Poll(f.t.Context(), f.checkpoint, &f.opts)
			require.Error(f.t, err)
			f.fault, f.checkpoint = nil, roundTrip(f.t, result.Checkpoint)
			late()
			time.Sleep(7*day + 2*time.Hour)
		},
		"it goes back in two steps": func(f *feed, set func(time.Duration), late func()) {
			set(40 * day)
			f.drain()
			set(40*day - 3*time.Hour)
			f.drainHourly(8 * 24)
			set(0)
			time.Sleep(20 * time.Hour)
			late()
			time.Sleep(9 * day)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				set := f.clocks(f)
				f.drainHourly(3)
				var want []string
				script(f, set, func() {
					e := feedEvents(1, 1, f.now())[0]
					e.created = e.created.Add(-23 * time.Hour)
					f.add(e)
					want = append(want, e.id)
				})
				assert.Equal(t, want, f.drain())
			})
		})
	}
}

// clocks makes the feed use a transport, without retries, and returns a function
// that sets both clocks ahead. At first they are right.
func (f *feed) clocks(transport http.RoundTripper) func(ahead time.Duration) {
	var ours time.Duration
	auth := newAuth(f.t, darktrace.TokenClock(func() time.Time { return time.Now().Add(ours) }))
	client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(transport), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(f.t, err)
	f.client, f.skew = client, 0
	return func(ahead time.Duration) { ours, f.skew = ahead, ahead }
}

// What lies in a future that was none is not asked for once the clock is right.
func TestAFutureThatWasNone(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		set := f.clocks(narrow{f.feedAppliance, 8 * time.Hour})
		f.drain()
		f.opts.Budget = time.Minute
		set(400 * day)
		result := f.poll()
		require.True(t, result.More, "it reads 400 days in a minute")
		set(0)
		f.reset()
		for f.poll().More {
		}
		assert.Less(t, len(f.windows), 100)
		last := slices.MaxFunc(f.windows, func(a, b url.Values) int { return strings.Compare(a.Get("starttime"), b.Get("starttime")) })
		assert.Less(t, last.Get("starttime"), strconv.FormatInt(f.now().Add(time.Hour).UnixMilli(), 10))
	})
}

// narrow is an appliance behind a gateway that times out on wide windows.
type narrow struct {
	*feedAppliance
	widest time.Duration
}

func (n narrow) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	resp, err := n.feedAppliance.RoundTrip(req)
	from, to := n.window(req.URL.Query(), n.now())
	if err == nil && time.Duration(to-from)*time.Millisecond > n.widest {
		resp.StatusCode, resp.Body = http.StatusGatewayTimeout, io.NopCloser(strings.NewReader(""))
	}
	return resp, err
}

// hanging is an appliance that does not respond to some requests.
type hanging struct {
	*feedAppliance
	hangs func(query url.Values) bool
}

func (h *hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	if h.hangs(req.URL.Query()) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return h.feedAppliance.RoundTrip(req)
}

// A request that hangs takes the time of the others only once.
func TestRequestsThatHang(t *testing.T) {
	t.Parallel()
	for name, hangs := range map[string]func(f *feed, stuck time.Time, query url.Values) bool{
		"an old minute": func(f *feed, stuck time.Time, query url.Values) bool {
			from, to := f.window(query, f.now())
			return !query.Has("uuid") && from <= stuck.Add(-day).UnixMilli() && to >= stuck.Add(-day).UnixMilli()
		},
		"the newest minute": func(f *feed, stuck time.Time, query url.Values) bool {
			from, to := f.window(query, f.now())
			return !query.Has("uuid") && from <= stuck.UnixMilli() && to >= stuck.UnixMilli() && f.now().After(stuck)
		},
		"look-ups": func(_ *feed, _ time.Time, query url.Values) bool { return query.Has("uuid") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				stuck := f.now().Add(90 * time.Minute)
				f.client = newClient(t, &hanging{f.feedAppliance, func(query url.Values) bool { return hangs(f, stuck, query) }})
				f.opts.Budget, f.opts.Limit = 30*time.Second, 5
				f.opts.Since = f.now().Add(-36 * time.Hour)
				var want, got []string
				delivered := func() {
					result, _ := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, &f.opts)
					got = append(got, changedIDs(result.Changes)...)
					f.checkpoint = roundTrip(t, result.Checkpoint)
				}
				want = f.happens(20)
				for i := range 60 {
					time.Sleep(2*time.Minute + 10*time.Second)
					want = append(want, f.happens(1)...)
					if i == 30 {
						late := feedEvents(9000, 1, f.now())[0]
						late.created = late.created.Add(-30 * time.Hour)
						f.add(late)
						want = append(want, late.id)
					}
					delivered()
				}
				for range 30 {
					time.Sleep(2 * time.Minute)
					delivered()
				}
				assert.Equal(t, sorted(want), sorted(got))
			})
		})
	}
}

// A sweep that is new in the options is made at once, as far as ids are remembered.
func TestSweepsThatAreNewInTheOptions(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Sweeps = sweepOf(10 * day)
		f.drain()
		time.Sleep(10 * day)
		f.drain()
		f.opts.Sweeps = append(f.opts.Sweeps, darktrace.Sweep{Every: day, Back: 30 * day})
		e := feedEvents(1, 1, f.now())[0]
		e.created = e.created.Add(-10*day + time.Hour)
		f.add(e)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{e.id}, f.drain())
	})
}

// A checkpoint is a value: several Polls may begin with it at once.
func TestPollsThatBeginWithOneCheckpoint(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.drain()
		want := f.happens(20)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				result, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, nil)
				assert.NoError(t, err)
				assert.Equal(t, want, changedIDs(result.Changes))
				for n := range 3 {
					group.Go(func() { assert.Equal(t, 20-n, result.Taken(n).Owed()) })
				}
			})
		}
		group.Wait()
	})
}

// A loop with Standby is seen to live while its body is at work.
func TestStandbyWithASlowBody(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		w.opts.Standby, w.opts.Since, w.opts.OnError = true, w.now(), func(error) {}
		want := w.happens(8)
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
		defer cancel()
		var mu sync.Mutex
		var got []string
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for change, err := range w.watch(ctx) {
					if !assert.NoError(t, err) {
						return
					}
					mu.Lock()
					got = append(got, change.Event.ID)
					mu.Unlock()
					time.Sleep(10 * time.Minute)
				}
			})
			time.Sleep(time.Second)
		}
		group.Wait()
		assert.Subset(t, got, want)
		assert.LessOrEqual(t, len(got), len(want)+1, "but for the one that the first loop was at when the second one began")
	})
}
