package feed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const day = 24 * hour

// all polls until nothing is left to read, and returns the ids.
func (b *box) all(t *testing.T, s *State, o Options) ([]string, *State) {
	t.Helper()
	result := b.poll(t, s, o)
	got := ids(result.Items)
	for result.More {
		result = b.poll(t, result.State, o)
		got = append(got, ids(result.Items)...)
	}
	return got, result.State
}

// narrow refuses windows that are wider.
func narrow(width int64) func(Window) error {
	return func(w Window) error {
		if w.width() > width {
			return errRefused
		}
		return nil
	}
}

// hole refuses windows that contain a time.
func hole(at int64) func(Window) error {
	return func(w Window) error {
		if w.From <= at && (at <= w.To || w.Open && at > w.To) {
			return errRefused
		}
		return nil
	}
}

// What is older than the feed stays older, although a pause or a response without a
// usable Date makes the feed read again from its beginning.
func TestWhatIsOlderThanTheFeedStaysOlder(t *testing.T) {
	t.Parallel()
	for what, later := range map[string]func(*box){
		"after a pause":  func(b *box) { b.now += 25 * hour },
		"without a Date": func(b *box) { b.now, b.theirs = noon+minute, -30*minute },
	} {
		b := &box{now: noon, elements: []*element{{id: "old", created: noon - 8*day}}}
		o := b.options()
		o.Since = noon - 5*day
		got, s := b.all(t, nil, o)
		require.Empty(t, got)
		later(b)
		got, _ = b.all(t, s, o)
		assert.Empty(t, got, what)
	}
}

// A local clock that is behind when the feed begins does not make old elements new.
func TestTheFeedBeginsWithALateClock(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, ours: -5 * hour, elements: []*element{{id: "old", created: noon - 3*hour}, {id: "a", created: noon - minute}}}
	o := b.options()
	o.Since = noon - hour
	got, _ := b.all(t, nil, o)
	assert.Equal(t, []string{"a"}, got)
}

// Elements from before Since that could not be listed at first are old nevertheless,
// even if a sweep lists them first.
func TestOldElementsBehindATroubleAreOld(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "old", created: noon - 2*day}}}
	b.refuses = func(w Window) error {
		if w.From < noon-day-minute {
			return errRefused
		}
		return nil
	}
	o := b.options()
	s := b.poll(t, nil, o).State
	for i := range 70 {
		if b.now += minute; i == 50 {
			b.refuses = nil
		}
		result := b.poll(t, s, o)
		require.Empty(t, result.Items, "after %d minutes", i+1)
		s = result.State
	}
}

// Elements from before Since are old even if they match the filter only later.
func TestOldElementsThatMatchLaterAreOld(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "old", created: noon - 3*day}}}
	kind := b.kind()
	kind.Matches = func(e *element) bool { return e.score > 50 }
	result, err := kind.Poll(t.Context(), nil, b.options())
	require.NoError(t, err)
	b.elements[0].score = 60
	b.now += hour
	result, err = kind.Poll(t.Context(), result.State, b.options())
	require.NoError(t, err)
	assert.Empty(t, result.Items)
}

// Options that reach back further, and a pause after them, repeat nothing.
func TestWiderSweepsAndAPauseRepeatNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "a", created: noon - 4*day}}}
	o := b.options()
	o.Since, o.Sweeps = noon-5*day, []Sweep{{15 * minute, day}}
	got, s := b.all(t, nil, o)
	require.Equal(t, []string{"a"}, got)
	for range 48 {
		b.now += hour
		s = b.poll(t, s, o).State
	}
	o.Sweeps = b.options().Sweeps
	b.now += 25 * hour
	got, _ = b.all(t, s, o)
	assert.Empty(t, got)
}

// The same goes for a longer Overlap.
func TestALongerOverlapRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "a", created: noon - hour}}}
	o := b.options()
	o.Sweeps = []Sweep{}
	got, s := b.all(t, nil, o)
	require.Equal(t, []string{"a"}, got)
	for range 10 {
		b.now += hour
		s = b.poll(t, s, o).State
	}
	o.Overlap = day
	b.now, b.theirs = b.now+minute, -2*minute
	got, _ = b.all(t, s, o)
	assert.Empty(t, got)
}

// A feed that began long ago repeats nothing when the clock is set back a little,
// soon after its beginning or when its beginning is a sweep away.
func TestALongBeginningRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ since, created, width, then, back int64 }{
		{60 * day, 40 * day, 10 * day, 65 * minute, 70 * minute},
		{5 * day, 4 * day, day, 7*day + 100*minute, 2 * hour},
	} {
		b := &box{now: noon, elements: []*element{{id: "a", created: noon - c.created}}, refuses: narrow(c.width)}
		o := b.options()
		o.Since = noon - c.since
		got, s := b.all(t, nil, o)
		require.Equal(t, []string{"a"}, got)
		b.refuses = nil
		for b.now < noon+c.then {
			b.now += 20 * minute
			got, s = b.all(t, s, o)
			require.Empty(t, got)
		}
		for _, b.theirs = range []int64{-c.back, 0} {
			got, s = b.all(t, s, o)
			assert.Empty(t, got, "%d days", c.since/day)
		}
	}
}

// A local clock that is always behind repeats nothing, however short the memory is.
func TestALateClockRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, ours: -20 * hour, elements: []*element{{id: "a", created: noon}}}
	o := b.options()
	o.Sweeps = []Sweep{}
	got, s := b.all(t, nil, o)
	require.Equal(t, []string{"a"}, got)
	for i := range 60 {
		b.now += 10 * minute
		got, s = b.all(t, s, o)
		require.Empty(t, got, "after %d minutes", 10*(i+1))
	}
}

// Debt that was found while the clock was a year ahead ends when it would otherwise.
func TestDebtOfAWrongClockEnds(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	s := b.poll(t, nil, o).State
	b.refuses = hole(noon - 5*hour)
	b.now, b.theirs, b.ours = b.now+minute, 365*day, 365*day
	s = b.poll(t, s, o).State
	b.theirs, b.ours = 0, 0
	for range 24 * 20 {
		b.now += hour
		s = b.poll(t, s, o).State
	}
	assert.Empty(t, s.Debt())
}

// A checkpoint whose floor lies in the future does not stop the feed.
func TestAFloorInTheFutureIsRepaired(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		fmt.Sprintf(`{"v":1,"through":%d,"swept":%d,"floor":%d,"since":%d}`, noon, noon, noon+20*day, noon-day),
		fmt.Sprintf(`{"v":2,"through":%d,"floor":%d,"since":%d}`, noon, noon+20*day, noon-day),
		fmt.Sprintf(`{"v":2,"through":%d,"floor":%d,"known":%d,"knownAt":%d,"since":%d}`, noon, noon-day, noon+20*day, noon, noon-day),
	} {
		b := &box{now: noon + minute, elements: []*element{{id: "a", created: noon + 1}}}
		s, err := ParseJSON([]byte(text), func(string) bool { return true })
		require.NoError(t, err)
		got, s := b.all(t, s, b.options())
		assert.Equal(t, []string{"a"}, got, text)
		b.now, b.theirs = b.now+2*minute, -minute
		b.elements = append(b.elements, &element{id: "b", created: noon + minute})
		got, _ = b.all(t, s, b.options())
		assert.Equal(t, []string{"b"}, got, text)
	}
}

// An unreadable element that is dated in the future is in every window without an end.
// What lies before the present is read nevertheless.
func TestTroubleInTheFutureStopsNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	s := b.poll(t, nil, o).State
	b.refuses = hole(noon + 3*day)
	b.elements = []*element{{id: "a", created: noon + minute}}
	b.now += 2 * minute
	got, s := b.all(t, s, o)
	assert.Equal(t, []string{"a"}, got)
	b.refuses = nil
	b.elements = append(b.elements, &element{id: "b", created: noon + 3*day})
	b.now += 2 * minute
	got, _ = b.all(t, s, o)
	assert.Equal(t, []string{"b"}, got)
}
