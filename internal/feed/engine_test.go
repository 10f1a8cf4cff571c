package feed

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Many narrow stretches in one place don't multiply what a window is split into.
func TestOweBesideNarrowDebt(t *testing.T) {
	t.Parallel()
	for width := range int64(4) {
		s := &State{}
		for i := range int64(64) {
			from := 5*hour + i
			s.Due = append(s.Due, Stretch{Window: Window{From: from, To: from + width*joint}, Tries: 1})
		}
		s.addDue(Window{From: 1 * hour, To: 9 * hour}, false)
		parts := s.Due[64:]
		assert.LessOrEqual(t, len(parts), 66, "parts beside stretches of %d s", width)
		lowest, highest := int64(9*hour), int64(1*hour)
		for _, part := range parts {
			lowest, highest = min(lowest, part.From), max(highest, part.To)
		}
		assert.EqualValues(t, 1*hour, lowest)
		assert.EqualValues(t, 9*hour, highest)
	}
}

// Hours that are far apart keep their ids apart.
func TestHoursFarApart(t *testing.T) {
	t.Parallel()
	s := &State{Since: 1, Through: 1000 * hour}
	for i, id := range []string{"a", "b", "c", "d", "e", "f"} {
		s.Remember(id, NoState, Hour(512*(i%3)))
	}
	data, err := s.AppendJSON(nil)
	assert.NoError(t, err)
	restored, err := ParseJSON(data, func(string) bool { return true })
	assert.NoError(t, err)
	for i, id := range []string{"a", "b", "c", "d", "e", "f"} {
		e, ok := restored.Get(id)
		assert.True(t, ok)
		assert.Equal(t, Hour(1000+512*(i%3)), e.Until)
	}
}

// What is due already is not due once more, and halves leave no gap.
func TestStretchesMeet(t *testing.T) {
	t.Parallel()
	s := &State{Due: []Stretch{{Window: Window{From: 2 * hour, To: 4 * hour}}}}
	s.addDue(Window{From: 1 * hour, To: 5 * hour}, false)
	assert.Equal(t, []Stretch{
		{Window: Window{From: 4*hour - joint, To: 5 * hour}}, {Window: Window{From: 1 * hour, To: 2*hour + joint}},
	}, s.Due[1:])
	halves := s.Due[0].halves()
	assert.EqualValues(t, 4*hour, halves[0].To)
	assert.EqualValues(t, 2*hour, halves[1].From)
	assert.Equal(t, halves[1].To-joint, halves[0].From)
}

// thing is something that a feed lists.
type thing struct{ id, state string }

// listing polls an appliance that lists elements, with updates.
func listing(t *testing.T, before *State, at int64, list ...thing) *Result[thing] {
	t.Helper()
	kind := &Kind[thing]{
		List: func(_ context.Context, _ Window, _ func([]byte) bool, yield func(*thing)) error {
			for _, e := range list {
				yield(&e)
			}
			return nil
		},
		Chunk: 1, Askable: func(string) bool { return true },
		ID: func(e *thing) string { return e.id }, State: func(e *thing) string { return e.state },
		Created: func(*thing) int64 { return 1000 * hour }, Last: func(*thing) int64 { return 1000 * hour },
		Score: func(*thing) float64 { return 0 }, Matches: func(*thing) bool { return true },
		Changed: func(before, after string) bool { return before != after },
	}
	result, err := kind.Poll(t.Context(), before, Options{
		Since: 999 * hour, Overlap: hour, Updates: true, Sweeps: []Sweep{{hour, 24 * hour}},
		Now: func() time.Time { return time.UnixMilli(at) }, Own: func() time.Time { return time.UnixMilli(at) }, Heard: func() int64 { return at },
	})
	require.NoError(t, err)
	return result
}

// An element that a body has twice, once as it was, has not changed: whichever
// comes first. A state that comes back is another update.
func TestUpdatesOfElements(t *testing.T) {
	t.Parallel()
	at := int64(1000 * hour)
	result := listing(t, nil, at, thing{"a", "calm"})
	require.Len(t, result.Items, 1)
	for _, twice := range [][]thing{{{"a", "calm"}, {"a", "loud"}}, {{"a", "loud"}, {"a", "calm"}}} {
		at += 60_000
		result = listing(t, result.State, at, twice...)
		assert.Empty(t, result.Items, "%v", twice)
	}
	for i, state := range []string{"loud", "calm", "loud"} {
		at += 60_000
		result = listing(t, result.State, at, thing{"a", state})
		require.Len(t, result.Items, 1)
		assert.Equal(t, state, result.Items[0].After)
		assert.Equal(t, i+1, result.Items[0].Updates)
		assert.False(t, result.Items[0].New)
	}
}

// What is pending does not hold up the next pass for longer than a pause.
func TestPassesBesidePending(t *testing.T) {
	t.Parallel()
	s := &State{
		Since: 999 * hour, Through: 1000 * hour, Polled: 1000 * hour, Floor: 900 * hour,
		Pending: []Pending{{ID: "a"}, {ID: "b"}}, Within: Window{From: 999 * hour, To: 1000 * hour},
	}
	for pause, want := range map[int64]bool{59_999: false, 60_000: true, -1: true} {
		p := poll[thing]{state: s, Options: Options{Limit: 1, Pause: 60_000, Own: func() time.Time { return time.UnixMilli(1000*hour + pause) }}}
		assert.Equal(t, want, p.time(), "after %d ms", pause)
	}
}

// What is newest comes first, however far apart the parts of a window are.
func TestTheNewestPartOfAWindowComesFirst(t *testing.T) {
	t.Parallel()
	const now = 1000 * 24 * hour
	s := &State{Width: 30 * 24 * hour}
	parts := s.whole(Window{From: now - 90*24*hour, To: now})
	require.Len(t, parts, 4)
	assert.True(t, slices.IsSortedFunc(parts, func(a, b Window) int { return cmp.Compare(b.To, a.To) }), parts)
}
