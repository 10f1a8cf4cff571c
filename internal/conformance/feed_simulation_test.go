package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// TestFeedSimulation follows an appliance on which everything happens at random,
// while both clocks jump, stretches can't be read, responses are slow or cut, the
// options change and programs end at any moment, and checks the promise: nothing is
// lost that stays listed, except in stretches that the feed reported as given up,
// and nothing comes twice unless a clock was set back.
func TestFeedSimulation(t *testing.T) {
	t.Parallel()
	seeds, steps := uint64(12), 60
	if *long {
		seeds, steps = 200, 100
	}
	simulate(t, seeds, func(s *simulation) {
		for range steps {
			s.step()
		}
	})
}

// TestReplicasSimulation has two replicas deliver what happens there into a store
// that fails before and after it has saved, while replicas are killed.
func TestReplicasSimulation(t *testing.T) {
	t.Parallel()
	seeds, steps := uint64(3), 30
	if *long {
		seeds, steps = 40, 60
	}
	simulate(t, seeds, func(s *simulation) {
		s.work = s.replicas
		s.store = &simulatedStore{CheckpointStore: darktrace.MemoryCheckpoint(), simulation: s}
		for range steps {
			s.step()
		}
	})
}

// simulate runs a simulation for each seed.
func simulate(t *testing.T, seeds uint64, run func(*simulation)) {
	var due, ran atomic.Int64
	t.Cleanup(func() {
		if !t.Failed() {
			assert.GreaterOrEqual(t, due.Load(), 10*ran.Load(), "the simulation does not simulate much")
		}
		t.Logf("%d runs, %d events that had to be delivered", ran.Load(), due.Load())
	})
	for seed := *first; seed < *first+seeds; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				defer func() {
					if t.Failed() { // Stop at once, since the other seeds take minutes.
						fmt.Fprintf(os.Stderr, "%s fails\n", t.Name())
					}
				}()
				s := newSimulation(t, seed)
				run(s)
				s.finish()
				due.Add(int64(s.due))
				ran.Add(1)
			})
		})
	}
}

// trouble is a stretch of the appliance's time that can't be read until it heals.
type trouble struct {
	from, to, heals time.Time
	how             int
}

type simulation struct {
	*feedAppliance
	t      testing.TB
	random *rand.Rand
	opts   darktrace.PollOptions
	since  time.Time
	client *darktrace.Client

	ours     time.Duration // error of the local clock
	jumped   bool          // a clock was set while a Poll was running
	crashed  map[string]bool
	poison   []trouble
	widest   time.Duration // widest window that a gateway lets through; 0 = any
	outage   time.Time     // until when the appliance can't be reached
	most     int           // bytes of a body before it is cut; 0 = any
	calm     bool
	requests int
	turn     sync.Mutex // guards random while replicas run
	strict   float64    // the highest minimum score that was requested
	worth    map[string]float64
	work     func()
	store    *simulatedStore

	checkpoint *darktrace.Checkpoint
	delivered  map[string]*feedEvent
	keys       map[string]string
	created    int
	gaveUp     []darktrace.Stretch // reported by the feed
	due        int                 // events that had to be delivered
}

func newSimulation(t testing.TB, seed uint64) *simulation {
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, 11)), //nolint:gosec // The same things happen each time.
		delivered: map[string]*feedEvent{}, keys: map[string]string{}, crashed: map[string]bool{}, worth: map[string]float64{},
	}
	s.work = s.polls
	s.feedAppliance = &feedAppliance{
		reading: readings[seed%uint64(len(readings))], skew: time.Duration(s.random.IntN(40*60)-20*60) * time.Second,
		noLists: s.chance(4), noIDs: s.chance(8), noDate: s.chance(10),
	}
	if s.chance(4) {
		s.widest = time.Duration(7+s.random.IntN(40)) * time.Hour
	}
	if s.chance(5) {
		s.most = 4000 + s.random.IntN(20_000)
	}
	s.opts.Updates = s.chance(2)
	if s.chance(3) {
		s.outage = time.Now().Add(s.duration(3 * day))
	}
	time.Sleep(s.duration(time.Hour)) // So that times are not whole seconds.
	for range 40 {
		s.arrive(s.now().Add(-s.duration(10 * day)))
	}
	s.since = s.now().Add(-s.duration(36 * time.Hour)).Truncate(time.Millisecond)
	s.opts.Since = s.since
	return s
}

func (s *simulation) chance(n int) bool { return s.random.IntN(n) == 0 }

func (s *simulation) duration(limit time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(limit)))
}

// gaveUp matches what the feed says about a stretch that it gives up.
var gaveUp = regexp.MustCompile(`events of (\S+)–(\S+) could not be read in time`)

// Enabled, Handle, WithAttrs and WithGroup make the simulation the handler of the
// client's log.
func (s *simulation) Enabled(context.Context, slog.Level) bool { return true }

func (s *simulation) Handle(_ context.Context, r slog.Record) error {
	for a := range r.Attrs {
		s.heard(a.Value.String())
	}
	return nil
}

// heard records a stretch that the feed says it gives up.
func (s *simulation) heard(text string) {
	stated := gaveUp.FindStringSubmatch(text)
	if stated == nil {
		return
	}
	var stretch darktrace.Stretch
	for i, at := range []*time.Time{&stretch.From, &stretch.To} {
		var err error
		*at, err = time.Parse(time.RFC3339, stated[i+1])
		require.NoError(s.t, err)
	}
	stretch.To = stretch.To.Add(time.Second) // The text has no fractions of a second.
	s.turn.Lock()
	defer s.turn.Unlock()
	s.gaveUp = append(s.gaveUp, stretch)
}

func (s *simulation) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s *simulation) WithGroup(string) slog.Handler      { return s }

// latency returns how long a request takes: usually a moment, sometimes seconds.
func (s *simulation) latency() time.Duration {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.calm && s.chance(50) {
		return s.duration(10 * time.Second)
	}
	return s.duration(20 * time.Millisecond)
}

// excused reports whether the feed reported that it gave up a time.
func (s *simulation) excused(from, to time.Time) bool {
	return slices.ContainsFunc(s.gaveUp, func(stated darktrace.Stretch) bool { return !from.After(stated.To) && !to.Before(stated.From) })
}

// arrive adds an event that the appliance lists at a time. It was created at most a
// day before.
func (s *simulation) arrive(listed time.Time) {
	e := feedEvents(s.created, 1, listed)[0]
	s.created++
	if s.chance(2) {
		e.created = listed.Add(-s.duration(day))
		e.end = e.created.Add(-s.duration(time.Hour))
		e.start = e.end.Add(-s.duration(time.Hour))
	}
	s.worth[e.id] = e.score
	s.add(e)
}

// RoundTrip is the appliance with the faults in front of it.
func (s *simulation) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(s.latency())
	s.turn.Lock()
	defer s.turn.Unlock()
	s.requests++
	s.reset()
	query := req.URL.Query()
	if !query.Has("uuid") {
		start, err := strconv.ParseInt(query.Get("starttime"), 10, 64)
		require.NoError(s.t, err)
		require.Positive(s.t, start)
		if query.Has("endtime") {
			end, err := strconv.ParseInt(query.Get("endtime"), 10, 64)
			require.NoError(s.t, err)
			require.LessOrEqual(s.t, start, end)
			require.Less(s.t, time.UnixMilli(end).Year(), 2262)
		}
	}
	resp, err := s.feedAppliance.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK || s.calm {
		return resp, err
	}
	if time.Now().Before(s.outage) {
		return nil, errors.New("no route to host")
	}
	respond := func(status int, body string) (*http.Response, error) {
		resp.StatusCode, resp.Body = status, io.NopCloser(strings.NewReader(body))
		return resp, nil
	}
	switch s.random.IntN(60) {
	case 0:
		return nil, errors.New("connection reset")
	case 1:
		resp.Header.Set("Date", "Thu, 01 Jan 1970 00:00:07 GMT")
		return respond(http.StatusServiceUnavailable, "{}")
	case 2:
		resp.Header.Set("Retry-After", "31536000")
		return respond(http.StatusTooManyRequests, "{}")
	case 3:
		resp.Header.Set("Date", time.Now().Add(40*day).UTC().Format(http.TimeFormat)) // A proxy's.
		s.jumped = s.jumped || s.noDate                                               // Nothing contradicts it.
	case 4:
		return respond(http.StatusOK, `[{"id":"half`)
	}
	if query.Has("uuid") {
		return resp, nil
	}
	from, to := s.window(query, s.now())
	if s.widest > 0 && time.Duration(to-from)*time.Millisecond > s.widest {
		return respond(http.StatusGatewayTimeout, "")
	}
	for _, p := range s.poison {
		if p.heals.After(time.Now()) && from <= p.to.UnixMilli() && to >= p.from.UnixMilli() {
			switch p.how {
			case 0:
				return respond(http.StatusInternalServerError, "")
			case 1:
				return respond(http.StatusOK, `[{"id":NaN}]`)
			case 2:
				return respond(http.StatusBadRequest, `{"aianalyst":"INPUT ERROR"}`)
			case 3: // No response.
				s.turn.Unlock()
				<-req.Context().Done()
				s.turn.Lock()
				return nil, req.Context().Err()
			}
		}
	}
	if s.most > 0 {
		data, err := io.ReadAll(resp.Body)
		require.NoError(s.t, err)
		if len(data) > s.most {
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(data[:s.most])), failingReader{}))
			return resp, nil
		}
		resp.Body = io.NopCloser(strings.NewReader(string(data)))
	}
	return resp, nil
}

// step lets time pass, adds and changes events, and polls.
func (s *simulation) step() {
	pause := s.duration(20 * time.Minute)
	switch {
	case s.chance(60):
		pause = s.duration(12 * day)
	case s.chance(5):
		pause = s.duration(5 * time.Hour)
	}
	time.Sleep(pause)
	for range s.random.IntN(5) {
		s.arrive(s.now().Add(-s.duration(pause + 1)))
	}
	if s.chance(30) { // A burst, all in the same millisecond.
		for range 60 {
			s.arrive(s.now())
		}
	}
	if s.chance(15) {
		from := s.now().Add(-s.duration(6 * day))
		s.poison = append(s.poison, trouble{from, from.Add(s.duration(3 * time.Hour)), time.Now().Add(s.duration(2 * day)), s.random.IntN(4)})
	}
	if s.chance(60) {
		s.outage = time.Now().Add(s.duration(2 * day))
	}
	s.setClocks()
	for range s.random.IntN(5) {
		e := s.events[max(0, len(s.events)-1-s.random.IntN(100))]
		switch s.random.IntN(3) {
		case 0:
			e.score = min(100, e.score+float64(s.random.IntN(40)))
		case 1:
			e.acknowledged = !e.acknowledged
		case 2:
			e.pinned = !e.pinned
		}
	}
	s.setOptions()
	s.work()
}

// setOptions changes the options of the program at random.
func (s *simulation) setOptions() {
	if !s.chance(12) {
		return
	}
	s.opts.Filter.MinGroupScore = []float64{0, 20, 40}[s.random.IntN(3)]
	s.strict = max(s.strict, s.opts.Filter.MinGroupScore)
	s.opts.Overlap = []time.Duration{0, time.Minute, 2 * time.Hour}[s.random.IntN(3)]
	s.opts.Sweeps = [][]darktrace.Sweep{
		nil,
		{{Every: 30 * time.Minute, Back: 8 * day}},
		{{Every: 10 * time.Minute, Back: 30 * time.Hour}, {Every: day, Back: 20 * day}},
	}[s.random.IntN(3)]
}

// setClocks sets one clock or both, for one pass or for longer.
func (s *simulation) setClocks() {
	if !s.chance(12) {
		return
	}
	s.jumped = s.jumped || s.checkpoint != nil
	by := time.Duration(s.random.IntN(2*25*60)-25*60) * time.Minute
	switch s.random.IntN(5) {
	case 0: // Back to normal.
		s.skew, s.ours = 0, 0
	case 1:
		s.skew = by
	case 2:
		s.ours = by
	case 3: // Both: the machines share a host.
		far := []time.Duration{7 * day, 40 * day, 800 * day, -5 * day}[s.random.IntN(4)]
		s.skew, s.ours = far, far
	case 4: // Both, for one pass.
		skew, ours := s.skew, s.ours
		s.skew, s.ours = skew+3*day, ours+3*day
		s.work()
		s.skew, s.ours = skew, ours
	}
}

func (s *simulation) newClient() *darktrace.Client {
	auth := newAuth(s.t, darktrace.TokenClock(func() time.Time { return time.Now().Add(s.ours) }))
	policy := darktrace.RetryPolicy{MinBackoff: 1, MaxBackoff: 1} // Without jitter, so that the seed decides everything.
	if s.chance(2) {
		policy.MaxRetries = 3
	}
	client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(s), darktrace.WithLogger(slog.New(s)), darktrace.WithRetryPolicy(policy))
	require.NoError(s.t, err)
	return client
}

func (s *simulation) polls() {
	if s.client == nil || s.chance(3) {
		s.client = s.newClient()
	}
	s.opts.Limit = []int{0, 0, 1, 7, 50}[s.random.IntN(5)]
	s.opts.Budget = []time.Duration{0, time.Second, time.Minute}[s.random.IntN(3)]
	for i := 1 + s.random.IntN(4); i > 0 || s.calm; i-- {
		if !s.poll() {
			return
		}
	}
}

// poll polls once, with a restart before it, and reports whether there is more.
func (s *simulation) poll() bool {
	if s.checkpoint != nil {
		s.checkpoint = roundTrip(s.t, s.checkpoint)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	if !s.calm && s.chance(20) {
		ctx, cancel = context.WithTimeout(ctx, s.duration(2*time.Second))
		defer cancel()
	}
	before := s.requests
	result, err := s.client.AIAnalyst.Poll(ctx, s.checkpoint, &s.opts)
	require.NotNil(s.t, result, "%v", err)
	require.Less(s.t, s.requests-before, 1500, "too many requests")
	if s.calm {
		require.NoError(s.t, err)
	}
	if s.opts.Limit > 0 {
		require.LessOrEqual(s.t, len(result.Changes), s.opts.Limit)
	}
	handled := len(result.Changes)
	switch {
	case s.calm:
	case s.chance(15): // A crash before the checkpoint is saved.
		for _, change := range result.Changes {
			s.deliver(change)
			s.crashed[change.Event.ID] = true
		}
		return false
	case s.chance(5):
		handled = s.random.IntN(handled + 1)
	}
	for _, change := range result.Changes[:handled] {
		s.deliver(change)
	}
	s.checkpoint = result.Taken(handled)
	return err == nil && (result.More || handled < len(result.Changes))
}

func (s *simulation) deliver(change darktrace.EventChange) {
	id := change.Event.ID
	e := s.byID[id]
	require.NotNil(s.t, e, "an unknown event: %s", id)
	before := s.delivered[id]
	now := *e
	s.delivered[id] = &now
	again := s.keys[change.Key] == id
	s.keys[change.Key] = id
	if change.Kind == darktrace.EventNew {
		require.GreaterOrEqual(s.t, now.score, s.opts.Filter.MinGroupScore, "%s is not wanted", id)
		require.True(s.t, before == nil || s.jumped || s.crashed[id], "%s comes twice", id)
		return
	}
	require.NotNil(s.t, before, "%s is updated before it is new", id)
	if s.jumped || s.crashed[id] {
		return
	}
	require.False(s.t, again, "%s has a key that there was already", id)
	require.Equal(s.t, differences(before, &now), change.Fields, "of %s", id)
}

// replicas runs two programs that deliver for a while. They end as if they were
// killed: their later actions have no effect.
func (s *simulation) replicas() {
	ends := s.duration(2 * time.Hour)
	if s.calm {
		ends = 3 * time.Hour
	}
	var programs []func()
	for range 2 {
		client, opts := s.newClient(), darktrace.WatchOptions{PollOptions: s.opts, Interval: 3 * time.Minute, OnError: func(err error) { s.heard(err.Error()) }}
		opts.Limit = []int{0, 1, 7, 50}[s.random.IntN(4)]
		life := ends
		if !s.calm && s.chance(2) {
			life = s.duration(ends)
		}
		programs = append(programs, func() {
			ctx, cancel := context.WithTimeout(s.t.Context(), life)
			defer cancel()
			err := client.AIAnalyst.Deliver(ctx, &replicaStore{s.store, ctx}, &opts)
			for _, fatal := range []error{darktrace.ErrDate, darktrace.ErrInput, errKilled, errRestarts} {
				if errors.Is(err, fatal) {
					return
				}
			}
			assert.NoError(s.t, err)
		})
	}
	var group sync.WaitGroup
	for _, program := range programs {
		group.Go(program)
	}
	group.Wait()
	s.checkpoint = s.store.last
}

var (
	errKilled   = errors.New("killed")
	errRestarts = errors.New("the database restarts")
)

// simulatedStore keeps changes in memory, in one transaction with the checkpoint.
type simulatedStore struct {
	darktrace.CheckpointStore
	simulation *simulation
	last       *darktrace.Checkpoint
}

// replicaStore is the store as one replica sees it while it lives.
type replicaStore struct {
	*simulatedStore
	life context.Context
}

func (s *replicaStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	return s.SaveChanges(ctx, prev, next, nil)
}

func (s *replicaStore) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	if s.fails(30) {
		return nil, errRestarts
	}
	return s.CheckpointStore.Load(ctx)
}

func (s *replicaStore) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	if s.life.Err() != nil {
		return errKilled
	}
	if s.fails(20) {
		return errRestarts
	}
	s.simulation.turn.Lock()
	defer s.simulation.turn.Unlock()
	if err := s.CheckpointStore.Save(ctx, prev, next); err != nil {
		return err
	}
	for _, change := range changes {
		s.simulation.deliver(change)
	}
	s.last = next
	if !s.simulation.calm && s.simulation.chance(20) {
		return fmt.Errorf("%w after the commit", errRestarts)
	}
	return nil
}

// fails reports whether a call fails. If it does, it waits first.
func (s *replicaStore) fails(one int) bool {
	s.simulation.turn.Lock()
	fails := !s.simulation.calm && s.simulation.chance(one)
	var wait time.Duration
	if fails {
		wait = s.simulation.duration(20 * time.Second)
	}
	s.simulation.turn.Unlock()
	time.Sleep(wait)
	return fails
}

// differences returns what a change of an event should name.
func differences(before, now *feedEvent) []darktrace.FieldChange {
	var fields []darktrace.FieldChange
	add := func(name string, was, is any) {
		if was != is {
			fields = append(fields, darktrace.FieldChange{Field: name, Old: was, New: is})
		}
	}
	add("groupScore", darktrace.Score(before.score), darktrace.Score(now.score))
	add("groupCategory", before.category, now.category)
	add("acknowledged", before.acknowledged, now.acknowledged)
	add("pinned", before.pinned, now.pinned)
	add("currentGroup", before.group, now.group)
	return fields
}

// finish polls without faults until nothing is left, and checks that nothing is
// lost.
func (s *simulation) finish() {
	s.calm, s.most, s.widest, s.poison, s.ours = true, 0, 0, nil, 0
	s.skew = 0
	for range 4 {
		time.Sleep(7 * time.Hour)
		s.client = nil
		s.work()
	}
	lost := 0
	for _, e := range s.events {
		from, to := e.times(s.reading)
		if e.listed.After(s.now()) || to.After(s.now()) || to.Before(s.since) || from.Before(s.since) || e.latest().Before(s.since) || s.worth[e.id] < s.strict {
			continue
		}
		s.due++
		if s.delivered[e.id] == nil && !s.excused(from, to) {
			lost++
			s.t.Errorf("%s is lost: listed %v, window %v to %v, now %v", e.id, e.listed, from, to, s.now())
		}
	}
	data, err := json.Marshal(s.checkpoint)
	require.NoError(s.t, err)
	assert.Less(s.t, len(data), 400*len(s.events)+10_000, fmt.Sprint(lost))
}
