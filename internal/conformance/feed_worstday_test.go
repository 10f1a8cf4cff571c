package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// through puts a gateway between the feed and its appliance, which may change a
// response. The gateway receives the window in milliseconds; for a request by ids
// it is empty.
func (f *feed) through(gateway func(resp *http.Response, start, end int64), opts ...darktrace.Option) {
	f.client = newClient(f.t, roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := f.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		var start, end int64
		if query := req.URL.Query(); !query.Has("uuid") {
			start, end = f.window(query, f.now())
		}
		gateway(resp, start, end)
		return resp, nil
	}), opts...)
}

// says replaces a response by another one.
func says(resp *http.Response, status int, body string) {
	resp.StatusCode, resp.Body = status, io.NopCloser(strings.NewReader(body))
}

// drainHourly polls once an hour.
func (f *feed) drainHourly(hours int) []string {
	f.t.Helper()
	var got []string
	for range hours {
		time.Sleep(time.Hour)
		got = append(got, f.drain()...)
	}
	return got
}

func TestA503OfAnotherCenturyIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"Thu, 01 Jan 1970 00:00:07 GMT", "Fri, 11 Apr 2262 23:47:16 GMT"} {
		for _, retries := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s, %d retries", date, retries), func(t *testing.T) {
				t.Parallel()
				inFeed(t, func(t *testing.T, f *feed) {
					reboots := false
					f.through(func(resp *http.Response, _, _ int64) {
						if reboots {
							reboots = false
							resp.Header.Set("Date", date)
							says(resp, http.StatusServiceUnavailable, "")
						}
					}, darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: retries, MinBackoff: time.Second, MaxBackoff: time.Second}))
					f.drain()
					var got, want []string
					for i := range 24 {
						time.Sleep(time.Hour)
						want = append(want, f.happens(2)...)
						reboots = i == 5
						result, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, &f.opts)
						if i != 5 {
							require.NoError(t, err, i)
						}
						got = append(got, changedIDs(result.Changes)...)
						f.checkpoint = roundTrip(t, result.Checkpoint)
					}
					assert.Equal(t, sorted(want), sorted(got))
				})
			})
		}
	}
}

func TestACheckpointOfAnotherCenturyIsRepaired(t *testing.T) {
	t.Parallel()
	for name, saved := range map[string]string{
		"version 1, 1970":              `{"v":1,"through":7000,"swept":7000,"floor":-604793000}`,
		"version 1, 1970, in a pass":   `{"v":1,"through":7000,"swept":7000,"floor":-604793000,"pass":{"at":7000,"todo":[{"from":-86393000,"to":7000}]}}`,
		"version 1, 2262":              `{"v":1,"through":9223372036000,"swept":9223372036000,"floor":9222767236000}`,
		"version 1, 2262, in a pass":   `{"v":1,"through":9223372036000,"swept":9223372036000,"floor":9222767236000,"pass":{"at":9223372036000,"todo":[{"from":9223285636000,"to":9223373896000}]}}`,
		"version 2, before 1970":       `{"v":2,"since":-86393000,"through":-7000,"polled":-7000,"floor":-604793000,"due":[{"from":-86393000,"to":-7000}],"sweeps":[{"back":604800000,"at":-7000}]}`,
		"version 2, backwards":         `{"v":2,"since":7000,"through":9223372036000,"polled":9223372036000,"floor":9223372036000,"due":[{"from":9223372036000,"to":7000}]}`,
		"version 2, pending from 1970": `{"v":2,"since":7000,"through":7000,"floor":-7000,"pending":{"within":{"from":-86393000,"to":-7000},"ids":["gone"],"scores":[1],"created":[-5]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				var want []string
				for i := range 10 { // While nothing was read.
					events := feedEvents(i, 1, f.now().Add(-time.Duration(i)*12*time.Hour))
					f.add(events...)
					want = append(want, events[0].id)
				}
				f.checkpoint = new(darktrace.Checkpoint)
				require.NoError(t, json.Unmarshal([]byte(saved), f.checkpoint))
				got := f.drain()
				for range 3 {
					want = append(want, f.happens(2)...)
					got = append(got, f.drainHourly(1)...)
				}
				for _, id := range want {
					assert.Contains(t, got, id)
				}
				assert.Equal(t, f.now().Truncate(time.Second).UTC(), f.checkpoint.Through().UTC())
			})
		})
	}
}

func TestAClockThatWasDaysAheadOnceLosesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		jump        time.Duration
		from, until int  // the passes that are made then
		anyDate     bool // the appliance accepts any signature, as if only the Date were wrong
	}{
		{day, 20, 20, false}, {day, 0, 3, false}, {2 * day, 20, 23, false}, {7 * day, 20, 20, false},
		{day, 20, 20, true}, {2 * day, 0, 0, true}, {4 * day, 20, 23, true}, {7 * day, 20, 20, true},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				f.anyDate = test.anyDate
				f.drain()
				var got, want []string
				for i := range 48 {
					time.Sleep(30 * time.Minute)
					e := feedEvents(i, 1, f.now())[0]
					e.listed = f.now().Add(time.Duration(i*7%48) * 3 * time.Hour) // Late.
					f.add(e)
					want = append(want, e.id)
					ahead := i >= test.from && i <= test.until
					if ahead {
						f.skew += test.jump
					}
					result, err := f.client.AIAnalyst.Poll(t.Context(), f.checkpoint, &f.opts)
					if ahead {
						f.skew -= test.jump
					} else {
						require.NoError(t, err)
					}
					got = append(got, changedIDs(result.Changes)...)
					f.checkpoint = roundTrip(t, result.Checkpoint)
				}
				got = append(got, f.drainHourly(150)...)
				for _, id := range want {
					assert.Contains(t, got, id)
				}
			})
		})
	}
}

func TestAGatewayThatGivesUpOnWideWindows(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.through(func(resp *http.Response, start, end int64) {
			if end-start > day.Milliseconds() {
				says(resp, http.StatusGatewayTimeout, "<html>")
			}
		})
		f.opts.Since = f.now().Add(-10 * day)
		want := []string{feedID(1000)} // It is there from the beginning.
		for i := range 25 {
			events := feedEvents(i, 1, f.now().Add(-time.Duration(i)*9*time.Hour))
			f.add(events...)
			want = append(want, events[0].id)
		}
		assert.Equal(t, sorted(want), f.drain())
		assert.Empty(t, f.poll().Pass.Debt)
		for range 48 {
			want := f.happens(3)
			require.Equal(t, sorted(want), f.drainHourly(1))
		}
		f.reset()
		f.drainHourly(24)
		assert.Less(t, len(f.windows), 24*15, "it asks for what can't be read again and again")
	})
}

func TestAnApplianceOutOfReachAtTheBeginning(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		w.opts.OnError = nil
		w.client = newClient(t, w.feedAppliance, darktrace.WithLogger(quiet))
		var want []string
		for i := range 96 {
			events := feedEvents(i, 1, w.now().Add(time.Duration(i)*time.Hour-23*time.Hour))
			w.add(events...)
			want = append(want, events[0].id)
		}
		began := time.Now()
		w.fault = func() fault {
			if time.Since(began) < 3*day {
				return disconnected
			}
			return noFault
		}
		var got []string
		for range 8 { // Restarts don't move its beginning either.
			ids, err := w.until(10 * time.Hour)
			require.NoError(t, err)
			got = append(got, ids...)
		}
		assert.Equal(t, sorted(want), sorted(got))
	})
}

func TestEveryResponseIsCutAfter60KB(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.through(func(resp *http.Response, _, _ int64) {
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			resp.Body = io.NopCloser(strings.NewReader(string(body)))
			if len(body) > 60_000 {
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(body[:60_000])), failingReader{}))
			}
		})
		f.opts.Since = f.now().Add(-day)
		var want []string
		for i := range 1000 {
			events := feedEvents(i, 1, f.now().Add(-time.Duration(i)*time.Minute))
			f.add(events...)
			want = append(want, events[0].id)
		}
		assert.Equal(t, sorted(want), f.drain())
		assert.Less(t, len(f.windows), 60)
	})
}

func TestARetryAfterOfAYear(t *testing.T) {
	t.Parallel()
	for _, retryAfter := range []string{"31536000", "946684800", "99999999999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"} {
		for _, retries := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s, %d retries", retryAfter, retries), func(t *testing.T) {
				t.Parallel()
				inWatch(t, func(t *testing.T, w *watchFeed) {
					w.opts.OnError = func(err error) { assert.ErrorIs(t, err, darktrace.ErrRateLimited) }
					refuses := true
					w.through(func(resp *http.Response, _, _ int64) {
						if refuses {
							refuses = false
							resp.Header.Set("Retry-After", retryAfter)
							says(resp, http.StatusTooManyRequests, "{}")
						}
					}, darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: retries}))
					want := w.happens(3)
					got, err := w.until(61 * time.Minute)
					require.NoError(t, err)
					assert.Equal(t, want, got)
				})
			})
		}
	}
}

func TestAFeedThatBeginsIn1971(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Since = time.Date(1971, 3, 1, 0, 0, 0, 0, time.UTC)
		want := append(f.happens(3), feedID(1000))
		assert.Equal(t, sorted(want), f.drain())
		assert.LessOrEqual(t, len(f.windows), 4)
	})
}

func TestADateOf2036(t *testing.T) {
	t.Parallel()
	for _, always := range []bool{false, true} {
		t.Run(fmt.Sprintf("always %t", always), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				f.skew = 0
				f.drain()
				wrong := true
				f.through(func(resp *http.Response, _, _ int64) {
					if wrong {
						wrong = always
						resp.Header.Set("Date", "Thu, 07 Feb 2036 06:28:16 GMT")
					}
				})
				f.reset()
				var got, want []string
				for range 60 {
					time.Sleep(time.Minute)
					want = append(want, f.happens(1)...)
					got = append(got, f.drain()...)
				}
				assert.Equal(t, sorted(want), sorted(got))
				assert.Less(t, len(f.windows), 60+10)
			})
		})
	}
}

func TestAnApplianceWithoutListsOfIDs(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.noLists, f.opts.Limit = true, 50
		f.drain()
		f.reset()
		time.Sleep(time.Minute)
		want := f.happens(1000)
		assert.Equal(t, want, f.drain())
		assert.Less(t, len(f.windows)+f.lookups, 60)
	})
}

// A Date that is not the appliance's clock is not a reason for a warning: an accepted
// signature tells the time as well, so that nothing depends on it.
func TestAProxyWhoseDateIsOff(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-26 * time.Hour, -25 * time.Minute, 25 * time.Minute, 26 * time.Hour, 10 * 365 * day} {
		t.Run(off.String(), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				f.skew = 0
				f.through(func(resp *http.Response, _, _ int64) {
					resp.Header.Set("Date", f.now().Add(off).UTC().Format(http.TimeFormat))
				})
				f.drain()
				for range 40 {
					time.Sleep(11 * time.Minute)
					require.Equal(t, f.happens(2), f.drain())
				}
			})
		})
	}
}

func TestAnEventThatIsListedTwiceInTwoStates(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		polls := 0
		f.through(func(resp *http.Response, _, _ int64) {
			if resp.StatusCode != http.StatusOK {
				return
			}
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			var events []map[string]any
			require.NoError(t, json.Unmarshal(body, &events))
			for _, e := range slices.Clone(events) { // A master and its copy, of different age.
				other := map[string]any{}
				for name, value := range e {
					other[name] = value
				}
				other["acknowledged"], other["aiaScore"] = true, 40+polls%2
				events = append(events, other)
			}
			if polls++; polls%2 == 0 {
				slices.Reverse(events)
			}
			body, err = json.Marshal(events)
			require.NoError(t, err)
			says(resp, resp.StatusCode, string(body))
		})
		f.opts.Updates = true
		f.drain()
		want := f.happens(5)
		var news []string
		updates := 0
		for range 6 * 60 {
			time.Sleep(time.Minute)
			for _, change := range f.poll().Changes {
				if change.Kind == darktrace.EventNew {
					news = append(news, change.Event.ID)
				} else {
					updates++
				}
			}
		}
		assert.Equal(t, want, sorted(news))
		assert.LessOrEqual(t, updates, 5)
	})
}

// TestAStoreThatBlinks is about a database that restarts, before or after what it
// was asked for was done.
func TestAStoreThatBlinks(t *testing.T) {
	t.Parallel()
	inWatch(t, func(t *testing.T, w *watchFeed) {
		store := &blinkingStore{CheckpointStore: w.store}
		w.store = store
		w.opts.OnError = func(err error) { assert.ErrorIs(t, err, errBlink) }
		w.opts.Limit = 3
		want := w.happens(40)
		got, err := w.until(2 * time.Hour)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Greater(t, store.calls, 20)
	})
}

var errBlink = errors.New("the database is starting up")

type blinkingStore struct {
	darktrace.CheckpointStore
	calls int
}

func (s *blinkingStore) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	if s.calls++; s.calls%3 == 0 {
		return nil, errBlink
	}
	return s.CheckpointStore.Load(ctx)
}

func (s *blinkingStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	switch s.calls++; s.calls % 4 {
	case 0:
		return errBlink
	case 2: // The write was carried out, but the response is lost.
		if err := s.CheckpointStore.Save(ctx, prev, next); err != nil {
			return err
		}
		return errBlink
	}
	return s.CheckpointStore.Save(ctx, prev, next)
}
