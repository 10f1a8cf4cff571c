package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestPollIncidents(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		var checkpoint *darktrace.Checkpoint
		poll := func() []darktrace.IncidentChange {
			t.Helper()
			result, err := f.client.AIAnalyst.PollIncidents(t.Context(), checkpoint, &f.opts)
			require.NoError(t, err)
			checkpoint = roundTrip(t, result.Checkpoint)
			return result.Changes
		}
		f.opts.Updates = true
		require.Empty(t, poll())
		events := feedEvents(0, 4, f.now())
		for i, e := range events {
			e.group, e.score = []string{"gA", "gA", "gB", "gB"}[i], []float64{60, 60, 80, 80}[i]
		}
		f.add(events[0], events[2], events[3])
		changes := poll()
		require.Len(t, changes, 2)
		assert.Equal(t, []darktrace.IncidentChangeKind{"new", "new"}, []darktrace.IncidentChangeKind{changes[0].Kind, changes[1].Kind})
		byID := map[string]darktrace.IncidentChange{changes[0].ID: changes[0], changes[1].ID: changes[1]}
		assert.Len(t, byID["gB"].Events, 2)
		assert.Equal(t, darktrace.Score(60), byID["gA"].Score)
		require.Empty(t, poll())

		time.Sleep(time.Minute)
		f.add(events[1])
		changes = poll()
		require.Len(t, changes, 1)
		assert.Equal(t, darktrace.IncidentUpdated, changes[0].Kind)
		assert.Equal(t, "gA", changes[0].ID)
		assert.Len(t, changes[0].Events, 1)

		time.Sleep(time.Hour)
		for _, e := range events[2:] { // gA absorbs gB.
			e.group, e.previous = "gA", []string{"gB"}
		}
		for _, e := range events {
			e.score = 90
		}
		changes = poll()
		require.Len(t, changes, 1, "at most one change for each incident")
		assert.Equal(t, darktrace.IncidentMerged, changes[0].Kind)
		assert.Equal(t, []string{"gB"}, changes[0].PreviousIDs)
		assert.Equal(t, 5, checkpoint.Len(), "four events and one incident")
		assert.Equal(t, []darktrace.FieldChange{{Field: "groupScore", Old: darktrace.Score(60), New: darktrace.Score(90)}}, changes[0].Fields)
		time.Sleep(time.Hour)
		require.Empty(t, poll())
	})
}

// An unknown category may contain the separator of the parts of a state.
func TestIncidentsOfAnOddCategory(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Updates = true
		event := feedEvents(0, 1, f.now())[0]
		event.category = "odd|one"
		f.add(event)
		first, err := f.client.AIAnalyst.PollIncidents(t.Context(), nil, &f.opts)
		require.NoError(t, err)
		require.Len(t, first.Changes, 1)
		assert.Equal(t, darktrace.Category("odd|one"), first.Changes[0].Category)
		event.acknowledged = true
		time.Sleep(time.Hour)
		second, err := f.client.AIAnalyst.PollIncidents(t.Context(), first.Checkpoint, &f.opts)
		require.NoError(t, err)
		require.Len(t, second.Changes, 1)
		assert.Equal(t, []darktrace.FieldChange{{Field: "acknowledged", Old: false, New: true}}, second.Changes[0].Fields)
	})
}

func TestPollIncidentsWithALimit(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.opts.Limit = 2
		f.happens(7)
		seen := map[string]bool{}
		var checkpoint *darktrace.Checkpoint
		for more := true; more; {
			result, err := f.client.AIAnalyst.PollIncidents(t.Context(), checkpoint, &f.opts)
			require.NoError(t, err)
			require.LessOrEqual(t, len(result.Changes), 2)
			for _, change := range result.Changes {
				assert.False(t, seen[change.ID])
				assert.Equal(t, darktrace.IncidentNew, change.Kind)
				seen[change.ID] = true
			}
			checkpoint, more = roundTrip(t, result.Checkpoint), result.More
		}
		assert.Len(t, seen, 7)
		again, err := f.client.AIAnalyst.PollIncidents(t.Context(), nil, &f.opts)
		require.NoError(t, err)
		rest, err := f.client.AIAnalyst.PollIncidents(t.Context(), again.Taken(1), &f.opts)
		require.NoError(t, err)
		assert.NotContains(t, []string{rest.Changes[0].ID, rest.Changes[1].ID}, again.Changes[0].ID)
	})
}

// breachAppliance lists model alerts.
type breachAppliance struct {
	mu     sync.Mutex
	made   map[int64]time.Time
	counts map[int64]int
	query  string
}

func (a *breachAppliance) RoundTrip(req *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := req.URL.Query()
	a.query = req.URL.RawQuery
	from, _ := strconv.ParseInt(q.Get("starttime"), 10, 64)
	to, _ := strconv.ParseInt(q.Get("endtime"), 10, 64)
	var list []string
	for pbid, made := range a.made {
		if q.Get("pbid") == strconv.FormatInt(pbid, 10) || strings.HasSuffix(req.URL.Path, fmt.Sprint("/", pbid)) ||
			q.Get("creationtime") == "true" && q.Get("includeacknowledged") == "true" && made.UnixMilli() >= from && made.UnixMilli() <= to {
			list = append(list, fmt.Sprintf(`{"pbid":%d,"creationTime":%d,"time":%d,"commentCount":%d,"score":0.5,"acknowledged":false}`,
				pbid, made.UnixMilli(), made.UnixMilli()-9000, a.counts[pbid]))
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader("[" + strings.Join(list, ",") + "]")), Request: req,
	}, nil
}

// breachSink is a BreachStore in memory.
type breachSink struct {
	darktrace.CheckpointStore
	keys map[string]int64
}

func (s *breachSink) SaveBreaches(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.BreachChange) error {
	if err := s.Save(ctx, prev, next); err != nil {
		return err
	}
	for _, change := range changes {
		s.keys[change.Key] = change.Breach.PBID
	}
	return nil
}

func TestTheFeedOfModelAlerts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &breachAppliance{made: map[int64]time.Time{}, counts: map[int64]int{}}
		client := newClient(t, a)
		opts := &darktrace.BreachPollOptions{Updates: true, Limit: 30}
		for i := range int64(100) {
			a.made[6_000_000_000_000+i] = time.Now().Add(-time.Duration(i) * time.Minute)
		}
		var checkpoint *darktrace.Checkpoint
		seen := map[int64]bool{}
		poll := func() (changes []darktrace.BreachChange) {
			for more := true; more; {
				result, err := client.ModelBreaches.Poll(t.Context(), checkpoint, opts)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, result.Pass.Bytes, int64(10*result.Pass.Listed))
				checkpoint, more = roundTrip(t, result.Checkpoint), result.More
				changes = append(changes, result.Changes...)
			}
			return changes
		}
		for _, change := range poll() {
			require.Equal(t, darktrace.EventNew, change.Kind)
			require.False(t, seen[change.Breach.PBID])
			seen[change.Breach.PBID] = true
		}
		assert.Len(t, seen, 100)
		a.counts[6_000_000_000_005] = 2
		time.Sleep(time.Hour)
		changes := poll()
		require.Len(t, changes, 1)
		assert.Equal(t, []darktrace.FieldChange{{Field: "commentCount", Old: int64(0), New: int64(2)}}, changes[0].Fields)
		data, err := json.Marshal(changes[0].Fields)
		require.NoError(t, err)
		var fields []darktrace.FieldChange
		require.NoError(t, json.Unmarshal(data, &fields))
		assert.Equal(t, changes[0].Fields, fields)

		sink := &breachSink{darktrace.MemoryCheckpoint(), map[string]int64{}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, client.ModelBreaches.Deliver(ctx, sink, nil))
		assert.Len(t, sink.keys, 100)
	})
}

func TestArgumentsOfTheFeedOfModelAlerts(t *testing.T) {
	t.Parallel()
	r := responding(http.StatusOK, `[]`)
	for name, opts := range map[string]*darktrace.BreachPollOptions{
		"Follow":     {Follow: []int64{1, 0}},
		"Categories": {Filter: darktrace.BreachFilter{Categories: []darktrace.Category{"Critical", "kritical"}}},
		"MinScore":   {Filter: darktrace.BreachFilter{MinScore: 60}},
	} {
		result, err := newClient(t, r).ModelBreaches.Poll(t.Context(), nil, opts)
		require.ErrorIs(t, err, darktrace.ErrArgument, name)
		require.ErrorContains(t, err, name)
		assert.Nil(t, result)
	}
	assert.Empty(t, r.all())
	_, err := newClient(t, r).ModelBreaches.Poll(t.Context(), nil, &darktrace.BreachPollOptions{
		Follow: []int64{1}, Filter: darktrace.BreachFilter{Categories: []darktrace.Category{"Critical", "suspicious"}},
	})
	require.NoError(t, err)
}

func TestPollKeepsToItsBudget(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		f.fault = func() fault { time.Sleep(2 * time.Second); return noFault }
		f.opts.Budget = 3 * time.Second
		want := f.happens(10)
		f.opts.Since = f.now().Add(-time.Hour)
		began := time.Now()
		result := f.poll()
		assert.LessOrEqual(t, time.Since(began), 7*time.Second)
		assert.Equal(t, want, changedIDs(result.Changes), "the newest come first")
		assert.True(t, result.More)
		assert.Empty(t, f.drain())
	})
}

func TestPollReadsBesideWhatItCannot(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		poison := f.now().Add(-5 * day)
		f.client = newClient(t, poisoned{f.feedAppliance, poison})
		f.opts.Since = f.now().Add(-7 * day)
		old := feedEvents(0, 3, f.now().Add(-3*day))
		stuck := feedEvents(5000, 1, poison)
		f.add(old...)
		f.add(stuck...)
		want := append(eventIDs(old), f.happens(5)...)
		result := f.poll()
		got := changedIDs(result.Changes)
		assert.Equal(t, sorted(want), got)
		require.Len(t, result.Pass.Debt, 1)
		assert.LessOrEqual(t, result.Pass.Debt[0].To.Sub(result.Pass.Debt[0].From), 3*time.Minute)
		for range 60 { // New ones appear meanwhile.
			time.Sleep(time.Hour)
			want := f.happens(2)
			require.Equal(t, want, f.drain())
		}
		f.client = newClient(t, f)
		time.Sleep(7 * time.Hour)
		assert.Equal(t, eventIDs(stuck), f.drain(), "it heals")
	})
}

// poisoned responds with status 500 to every window that holds a time.
type poisoned struct {
	*feedAppliance
	at time.Time
}

func (p poisoned) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.feedAppliance.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusOK && !req.URL.Query().Has("uuid") {
		from, to := p.window(req.URL.Query(), p.now())
		if from <= p.at.UnixMilli() && to >= p.at.UnixMilli() {
			resp.StatusCode, resp.Body = http.StatusInternalServerError, io.NopCloser(strings.NewReader(""))
		}
	}
	return resp, err
}

// deliverySink is a ChangeStore in memory that fails after it has stored, now and
// then, and whose connection may be lost during a Load without a trace.
type deliverySink struct {
	darktrace.CheckpointStore
	mu       sync.Mutex
	ids      []string
	doubtful int
	loads    int
	hang     int // the number of the Load that hangs; 0 = none
}

func (s *deliverySink) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	s.mu.Lock()
	s.loads++
	hangs := s.loads == s.hang
	s.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.CheckpointStore.Load(ctx)
}

func (s *deliverySink) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Save(ctx, prev, next); err != nil {
		return err
	}
	for _, change := range changes {
		s.ids = append(s.ids, change.Event.ID)
	}
	if s.doubtful++; s.doubtful%3 == 0 {
		return fmt.Errorf("the connection broke after the commit")
	}
	return nil
}

func TestDeliverWithReplicas(t *testing.T) {
	t.Parallel()
	inFeed(t, func(t *testing.T, f *feed) {
		sink := &deliverySink{CheckpointStore: darktrace.MemoryCheckpoint()}
		opts := &darktrace.WatchOptions{OnError: func(error) {}, Interval: time.Minute}
		opts.Since, opts.Limit = f.now(), 7
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		run := func(ctx context.Context) {
			group.Go(func() {
				client := newClient(t, f)
				assert.NoError(t, client.AIAnalyst.Deliver(ctx, sink, opts))
			})
		}
		run(ctx)
		run(ctx)
		for i := range 20 { // A third one appears and disappears.
			third, stop := context.WithTimeout(ctx, 7*time.Minute)
			if i%3 == 0 {
				run(third)
			}
			time.Sleep(13 * time.Minute)
			stop()
			f.add(feedEvents(100*i, 20, f.now())...)
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		cancel()
		group.Wait()
		assert.Equal(t, eventIDs(f.events[1:]), sorted(sink.ids))
	})
}

// Both replicas live, and a Poll takes longer than the time after which one takes
// over from another.
func TestReplicasOfASlowAppliance(t *testing.T) {
	t.Parallel()
	for _, budget := range []time.Duration{0, 2 * time.Minute} {
		t.Run(fmt.Sprint("Budget ", budget), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				slow := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
					select {
					case <-time.After(28 * time.Second):
						return f.RoundTrip(req)
					case <-req.Context().Done():
						return nil, req.Context().Err()
					}
				}))
				want := f.happens(20)
				sink := &deliverySink{CheckpointStore: darktrace.MemoryCheckpoint()}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var mu sync.Mutex
				var conflicts []time.Duration // after the second one began
				var began time.Time
				opts := &darktrace.WatchOptions{Interval: 5 * time.Second, PollOptions: darktrace.PollOptions{Budget: budget}}
				opts.OnError = func(err error) {
					mu.Lock()
					defer mu.Unlock()
					if errors.Is(err, darktrace.ErrCheckpointConflict) {
						conflicts = append(conflicts, time.Since(began))
					}
				}
				var group sync.WaitGroup
				for range 2 {
					time.Sleep(7 * time.Second)
					began = time.Now()
					group.Go(func() { assert.NoError(t, slow.AIAnalyst.Deliver(ctx, sink, opts)) })
				}
				group.Wait()
				assert.Equal(t, sorted(want), sorted(sink.ids))
				require.Len(t, conflicts, 1, "the second one takes over when it begins, and keeps the feed")
				assert.LessOrEqual(t, conflicts[0], opts.Interval, "the first one goes on with a Poll in vain")
			})
		})
	}
}

// A Load that hangs once stops no replica.
func TestReplicasOfAStoreThatHangs(t *testing.T) {
	t.Parallel()
	for hang := range 6 {
		t.Run(fmt.Sprint("Load ", hang+1), func(t *testing.T) {
			t.Parallel()
			inFeed(t, func(t *testing.T, f *feed) {
				sink := &deliverySink{CheckpointStore: darktrace.MemoryCheckpoint(), hang: hang + 1}
				opts := &darktrace.WatchOptions{OnError: func(error) {}}
				both, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var group sync.WaitGroup
				for _, life := range []time.Duration{time.Hour, 10 * time.Minute} {
					group.Go(func() {
						ctx, cancel := context.WithTimeout(both, life)
						defer cancel()
						assert.NoError(t, f.client.AIAnalyst.Deliver(ctx, sink, opts))
					})
					time.Sleep(time.Second)
				}
				time.Sleep(20 * time.Minute)
				want := f.happens(3)
				group.Wait()
				assert.Equal(t, sorted(want), sorted(sink.ids))
			})
		})
	}
}
