package darktrace_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// TestPollSimulation polls an appliance on which everything happens at random,
// and checks the promise: nothing is lost and nothing comes twice.
func TestPollSimulation(t *testing.T) {
	t.Parallel()
	runs, steps := uint64(2), 40
	if *long {
		runs, steps = 6, 200
	}
	for _, by := range readings {
		for run := range runs {
			t.Run(fmt.Sprintf("%s/%d", by, run), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newSimulation(t, run, by)
					for range steps {
						s.step()
					}
					s.finish()
				})
			})
		}
	}
}

// Windows that the simulated feeds may be configured with. Events show up at most
// the smallest SweepOverlap late.
var (
	simulatedOverlaps = []time.Duration{0, 10 * time.Minute, 5 * time.Hour, 3 * 24 * time.Hour}
	simulatedSweeps   = []time.Duration{0, 4 * 24 * time.Hour}
	simulatedEvery    = []time.Duration{0, 10 * time.Minute, 5 * time.Hour}
	simulatedLimits   = []int{0, 0, 1, 7, 50}
	simulatedLateness = 4 * 24 * time.Hour
)

type simulation struct {
	t         testing.TB
	random    *rand.Rand
	appliance *feedAppliance
	opts      darktrace.PollOptions
	since     time.Time // by the appliance's clock
	ready     time.Time // after the first Poll that succeeded

	client     *darktrace.Client
	checkpoint *darktrace.Checkpoint
	delivered  map[string]*feedEvent // as they were delivered last
	matched    map[string]time.Time  // when an event was listed and passed the filter
	created    int
	calm       bool // nothing goes wrong any more
}

func newSimulation(t testing.TB, seed uint64, by reading) *simulation {
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), //nolint:gosec // The same things happen each time.
		delivered: map[string]*feedEvent{}, matched: map[string]time.Time{},
	}
	s.appliance = &feedAppliance{
		reading: by, skew: time.Duration(s.random.IntN(7*3600)-5*3600) * time.Second,
		noLists: s.chance(4), noIDs: s.chance(8), fault: s.fault,
	}
	s.opts.Updates = s.chance(2)
	if s.chance(3) {
		s.opts.Filter.MinGroupScore = 60
	}
	time.Sleep(s.duration(time.Hour)) // Not at a whole second.
	// What is there before the feed begins.
	for range 60 {
		s.arrive(s.appliance.now().Add(-s.duration(10 * 24 * time.Hour)))
	}
	s.since = s.appliance.now().Add(-s.duration(36 * time.Hour)).Truncate(time.Millisecond)
	if s.chance(3) {
		s.since = s.appliance.now().Add(-s.duration(20 * 24 * time.Hour)).Truncate(time.Millisecond)
	}
	s.opts.Since = s.since
	return s
}

func (s *simulation) chance(n int) bool { return s.random.IntN(n) == 0 }

func (s *simulation) duration(limit time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(limit)))
}

func oneOf[T any](s *simulation, list []T) T { return list[s.random.IntN(len(list))] }

func (s *simulation) fault() fault {
	if s.calm || !s.chance(6) {
		return noFault
	}
	return oneOf(s, []fault{unavailable, disconnected, cutShort})
}

// arrive has the appliance list an event from a time on: by the time that its
// window compares not later than promised.
func (s *simulation) arrive(listed time.Time) *feedEvent {
	e := feedEvents(s.created, 1, listed)[0]
	s.created++
	e.start = listed.Add(-s.duration(simulatedLateness))
	e.end = e.start.Add(s.duration(listed.Sub(e.start) + 1))
	e.created = e.end.Add(s.duration(listed.Sub(e.end) + 1))
	if s.chance(2) { // In time.
		e.created, e.start, e.end = listed, listed.Add(-s.duration(time.Hour)), listed
	}
	if e.score = float64(s.random.IntN(100)); e.score >= s.opts.Filter.MinGroupScore {
		s.matched[e.id] = listed
	}
	s.appliance.add(e)
	return e
}

// step lets time pass, things happen and, mostly, a program poll.
func (s *simulation) step() {
	pause := s.duration(2 * time.Hour)
	switch {
	case s.chance(60):
		pause = s.duration(12 * 24 * time.Hour)
	case s.chance(3):
		pause = s.duration(time.Minute)
	}
	time.Sleep(pause)
	now := s.appliance.now()
	for range s.random.IntN(6) {
		s.arrive(now.Add(-s.duration(pause + 1)))
	}
	if s.chance(25) { // A burst, all in the same millisecond.
		first := s.arrive(now)
		for range 129 {
			e := s.arrive(now)
			e.created, e.start, e.end = first.created, first.start, first.end
		}
	}
	s.happen(now)
	s.configure()
	for range 1 + s.random.IntN(3) {
		if !s.poll() {
			break
		}
	}
}

// happen changes events.
func (s *simulation) happen(now time.Time) {
	for range s.random.IntN(8) {
		e := oneOf(s, s.appliance.events[max(0, len(s.appliance.events)-200):])
		if now.Sub(e.listed) > simulatedLateness/2 {
			continue
		}
		switch s.random.IntN(5) {
		case 0:
			if e.score = min(100, e.score+float64(s.random.IntN(60))); e.score >= s.opts.Filter.MinGroupScore && s.matched[e.id].IsZero() {
				s.matched[e.id] = now
			}
		case 1: // The incident of another absorbs it.
			other := oneOf(s, s.appliance.events)
			if e.group != other.group {
				e.previous = append(e.previous, e.group)
				e.group = other.group
			}
		case 2:
			e.acknowledged = !e.acknowledged
		case 3:
			e.pinned = !e.pinned
		case 4:
			e.category = oneOf(s, []darktrace.Category{darktrace.CategoryCompliance, darktrace.CategoryCritical})
		}
	}
}

// configure starts the program anew, perhaps with other options.
func (s *simulation) configure() {
	if s.client == nil || s.chance(2) {
		policy := darktrace.RetryPolicy{}
		if s.chance(2) {
			policy = darktrace.DefaultRetryPolicy()
		}
		s.client = newClient(s.t, s.appliance, darktrace.WithRetryPolicy(policy))
	}
	s.opts.Limit = oneOf(s, simulatedLimits)
	s.opts.Overlap, s.opts.SweepOverlap, s.opts.SweepEvery = oneOf(s, simulatedOverlaps), oneOf(s, simulatedSweeps), oneOf(s, simulatedEvery)
}

// poll polls once and reports whether there is more.
func (s *simulation) poll() bool {
	if s.checkpoint != nil {
		s.checkpoint = roundTrip(s.t, s.checkpoint)
	}
	result, err := s.client.AIAnalyst.Poll(s.t.Context(), s.checkpoint, &s.opts)
	if err != nil {
		require.False(s.t, s.calm, "%v", err)
		require.Nil(s.t, result)
		return false
	}
	if s.opts.Limit > 0 {
		require.LessOrEqual(s.t, len(result.Changes), s.opts.Limit)
	}
	if s.ready.IsZero() {
		s.ready = s.appliance.now()
	}
	for _, change := range result.Changes {
		s.deliver(change)
	}
	s.checkpoint = result.Checkpoint
	return result.More
}

// deliver checks a change against what was delivered before.
func (s *simulation) deliver(change darktrace.EventChange) {
	id := change.Event.ID
	e := s.appliance.byID[id]
	require.NotNil(s.t, e, "an event that nobody has: %s", id)
	before := s.delivered[id]
	now := *e
	s.delivered[id] = &now
	if change.Kind == darktrace.EventNew {
		require.Nil(s.t, before, "%s comes twice", id)
		require.Empty(s.t, change.Fields)
		require.GreaterOrEqual(s.t, e.score, s.opts.Filter.MinGroupScore)
		require.Equal(s.t, e.previous, change.PreviousGroups)
		return
	}
	require.Equal(s.t, darktrace.EventUpdated, change.Kind)
	require.True(s.t, s.opts.Updates)
	require.NotNil(s.t, before, "%s is updated before it is new", id)
	require.Equal(s.t, differences(before, &now), change.Fields, "of %s", id)
	if before.group != now.group {
		require.Contains(s.t, change.PreviousGroups, before.group)
	}
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

// finish polls without faults until nothing is left, and looks for losses.
func (s *simulation) finish() {
	s.calm = true
	for range 3 {
		time.Sleep(6 * time.Hour)
		s.configure()
		for s.poll() {
		}
	}
	now := s.appliance.now()
	owed := 0
	for _, e := range s.appliance.events {
		from, to := e.times(s.appliance.reading)
		if matched := s.matched[e.id]; matched.IsZero() || matched.Sub(to) > simulatedLateness {
			continue
		}
		delivered := s.delivered[e.id]
		if old := e.latest().Before(s.since) && e.listed.Before(s.since); old && s.opts.Filter.MinGroupScore == 0 {
			assert.Nil(s.t, delivered, "%s is from before Since", e.id)
			continue
		}
		if to.Before(s.since) && from.Before(s.since) && e.listed.Before(s.ready) {
			continue // Whether it is delivered depends on what the window compares.
		}
		owed++
		if !assert.NotNil(s.t, delivered, "%s is lost: listed %v, window %v to %v, now %v", e.id, e.listed, from, to, now) {
			continue
		}
		if s.opts.Updates && now.Sub(to) < simulatedLateness-time.Hour {
			assert.Empty(s.t, differences(delivered, e), "an update of %s is lost", e.id)
		}
	}
	require.Greater(s.t, owed, 20, "the simulation does not simulate much")
}
