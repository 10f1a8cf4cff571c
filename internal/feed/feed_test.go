package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const minute = int64(60 * 1000)

// element is an element of the tests' lists.
type element struct {
	id      string
	created int64
	score   float64
	state   string
}

// box lists elements, and may reject windows.
type box struct {
	now      int64
	ours     int64 // error of the local clock
	theirs   int64 // error of the appliance's clock
	ends     bool  // open windows have an end too
	cut      bool  // a window that is refused lists its first element
	elements []*element
	refuses  func(Window) error
	windows  []Window
	asked    [][]string
}

var errRefused = errors.New("refused")

func (b *box) kind() *Kind[element] {
	return &Kind[element]{
		List: func(_ context.Context, w Window, skip func([]byte) bool, yield func(*element)) error {
			b.windows = append(b.windows, w)
			var refused error
			if b.refuses != nil {
				refused = b.refuses(w)
			}
			for _, e := range b.elements {
				if refused != nil && !b.cut {
					return refused
				}
				if e.created >= w.From && (e.created <= w.To || w.Open && !b.ends) && !skip([]byte(e.id)) {
					yield(e)
					if refused != nil {
						return refused
					}
				}
			}
			return refused
		},
		Lookup: func(_ context.Context, ids []string, yield func(*element)) error {
			b.asked = append(b.asked, ids)
			for _, e := range b.elements {
				if slices.Contains(ids, e.id) {
					yield(e)
				}
			}
			return nil
		},
		Chunk: 10, Askable: func(string) bool { return true },
		Divisible: func(err error) bool { return errors.Is(err, errRefused) },
		Unknown:   func(error) bool { return false },
		ID:        func(e *element) string { return e.id },
		Created:   func(e *element) int64 { return e.created },
		Last:      func(e *element) int64 { return e.created },
		Score:     func(e *element) float64 { return e.score },
		Matches:   func(*element) bool { return true },
		State:     func(e *element) string { return "s" + e.state },
		Changed:   func(before, after string) bool { return before != after },
	}
}

func (b *box) options() Options {
	local := func() time.Time { return time.UnixMilli(b.now + b.ours) }
	return Options{
		Overlap: 10 * minute, Sweeps: []Sweep{{15 * minute, 24 * hour}, {hour, 168 * hour}}, Pause: minute,
		Ends: b.ends, Now: local, Own: local, Heard: func() int64 { return b.now + b.theirs },
	}
}

func (b *box) poll(t *testing.T, s *State, o Options) *Result[element] {
	t.Helper()
	result, err := b.kind().Poll(t.Context(), s, o)
	require.NoError(t, err)
	return result
}

func ids(items []Item[element]) []string {
	list := []string{}
	for _, item := range items {
		list = append(list, item.Value.id)
	}
	return list
}

const noon = int64(1_800_000_000_000)

func TestPlanOfPasses(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	s := b.poll(t, nil, b.options()).State
	assert.Equal(t, noon-24*hour, s.Since)
	for minutes := int64(1); minutes <= 60; minutes++ {
		b.now, b.windows = noon+minutes*minute, nil
		s = b.poll(t, s, b.options()).State
		reach := b.now - slices.MinFunc(b.windows, func(x, y Window) int { return int(x.From - y.From) }).From
		want := 12 * minute // Overlap, the pause and slack.
		switch {
		case minutes == 60:
			want = 168*hour + 61*minute
		case minutes%15 == 0:
			want = 24*hour + 16*minute
		}
		require.Equal(t, want, reach, "after %d minutes", minutes)
		require.LessOrEqual(t, len(b.windows), 2)
	}
}

func TestAWindowIsHalvedDownToAMinute(t *testing.T) {
	t.Parallel()
	poison := noon - 5*hour - 15*minute
	b := &box{now: noon, refuses: func(w Window) error {
		if w.From <= poison && poison <= w.To {
			return errRefused
		}
		return nil
	}}
	for i := range int64(48) {
		b.elements = append(b.elements, &element{id: fmt.Sprint(i), created: noon - i*30*minute + 1})
	}
	result := b.poll(t, nil, b.options())
	assert.Len(t, result.Items, 48)
	debt := result.State.Debt()
	require.Len(t, debt, 1)
	assert.LessOrEqual(t, debt[0].width(), 2*minute)
	assert.LessOrEqual(t, debt[0].From, poison)
	assert.GreaterOrEqual(t, debt[0].To, poison)
	require.Len(t, result.Info.Found, 1)
	require.ErrorIs(t, result.Info.Found[0].Cause(), errRefused)
	assert.Less(t, result.Info.Requests, 40)
}

func TestDebtWaitsLongerEachTime(t *testing.T) {
	t.Parallel()
	d := Stretch{Window: Window{From: noon, To: noon + minute}}
	var waits []int64
	for range 11 {
		d = d.failed(noon, errRefused)
		waits = append(waits, (d.Next-noon)/minute)
		assert.False(t, d.ripe(d.Next-1))
		assert.True(t, d.ripe(d.Next))
	}
	assert.Equal(t, []int64{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360}, waits)
	assert.True(t, d.ripe(noon-7*hour), "the clock went back")
}

func TestDebtEndsWhereTheWidestSweepDoes(t *testing.T) {
	t.Parallel()
	s := &State{Due: []Stretch{
		{Window: Window{From: noon, To: noon + minute}, Tries: 1, First: noon},
		{Window: Window{From: noon, To: noon + minute}}, // Never tried.
	}}
	assert.Empty(t, s.expire(noon+minute+hour, hour))
	gone := s.expire(noon+minute+hour+1, hour)
	require.Len(t, gone, 1)
	assert.Equal(t, 1, gone[0].Tries)
	require.Len(t, s.Due, 1)
}

func TestHalvesMeet(t *testing.T) {
	t.Parallel()
	whole := Stretch{Window: Window{noon, noon + hour, true}, Base: true}
	parts := whole.halves()
	newer, older := parts[0], parts[1]
	assert.Equal(t, []int64{noon, noon + hour}, []int64{older.From, newer.To})
	assert.GreaterOrEqual(t, older.To, newer.From)
	assert.True(t, newer.Open)
	assert.False(t, older.Open)
	assert.True(t, newer.Base && older.Base)
}

func TestWhatIsDueIsNotDueTwice(t *testing.T) {
	t.Parallel()
	s := &State{}
	s.addDue(Window{From: noon + hour, To: noon + 2*hour}, false)
	s.addDue(Window{From: noon, To: noon + 3*hour}, false)
	covered := map[int64]bool{}
	width := int64(0)
	for _, d := range s.Due {
		width += d.width()
		for at := d.From / minute; at <= d.To/minute; at++ {
			covered[at] = true
		}
	}
	assert.Len(t, covered, 181)
	assert.LessOrEqual(t, width, int64(3*hour+4*joint))
	n := len(s.Due)
	s.addDue(Window{From: noon + minute, To: noon + hour}, false)
	s.addDue(Window{From: noon + hour, To: noon}, false)
	assert.Len(t, s.Due, n)
	s.Width = hour
	s.addDue(Window{From: noon - 5*hour, To: noon - minute}, false)
	for _, d := range s.Due[n:] {
		assert.LessOrEqual(t, d.width(), int64(hour))
	}
}

func TestTheOrderOfWhatIsDue(t *testing.T) {
	t.Parallel()
	s := &State{Due: []Stretch{
		{Window: Window{From: 9, To: 10}, Base: true}, {Window: Window{From: 7, To: 8}, Tries: 1}, {Window: Window{From: 1, To: 2}}, {Window: Window{From: 3, To: 4}},
	}}
	var order []int64
	for {
		i := s.next(noon)
		if i < 0 {
			break
		}
		order = append(order, s.Due[i].To)
		s.Due = slices.Delete(s.Due, i, i+1)
	}
	assert.Equal(t, []int64{4, 2, 8, 10}, order, "new windows, debt, then what lies before Since")
}

func TestTheMemoryIsAValue(t *testing.T) {
	t.Parallel()
	s := &State{Through: noon}
	for i := range 5000 {
		s.Remember(fmt.Sprint(i), "0:s", Hour(i%3))
	}
	s.seen.tidy()
	c := s.Clone()
	c.Forget("7")
	c.Remember("8", "1:t", 1)
	c.Remember("new", "", 1)
	_, ok := c.Get("7")
	assert.False(t, ok)
	_, ok = s.Get("7")
	assert.True(t, ok, "the copy is another one")
	e, _ := s.Get("8")
	assert.Equal(t, "0:s", e.State)
	assert.Equal(t, []int{5000, 5000}, []int{s.Len(), c.Len()})
	c.seen.forget((hourAfter(noon) + 1).millis())
	assert.Equal(t, 3333, c.Len(), "two of three, without 7 and with the new one")
	data, err := c.AppendJSON(nil)
	require.NoError(t, err)
	again, err := ParseJSON(data, func(string) bool { return true })
	require.NoError(t, err)
	assert.Equal(t, c.Len(), again.Len())
	e, ok = again.Get("8")
	assert.True(t, ok)
	assert.Equal(t, "1:t", e.State)
}

func TestTimesThatNoRequestCanHoldAreRepaired(t *testing.T) {
	t.Parallel()
	s := &State{Since: -5, Through: maxTime + 5, Floor: -1, Due: []Stretch{{Window: Window{From: maxTime + 9, To: -7}}}, Within: Window{From: -9, To: -8}}
	s.repair()
	assert.Equal(t, []int64{minTime, maxTime, minTime}, []int64{s.Since, s.Through, s.Floor})
	assert.Equal(t, Window{From: minTime, To: maxTime}, s.Due[0].Window)
	assert.Equal(t, Window{From: minTime, To: minTime}, s.Within)
}

func TestALimitKeepsBackWhatCountsLess(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	s := b.poll(t, nil, o).State
	b.now += minute
	for i := range int64(6) {
		b.elements = append(b.elements, &element{id: string(rune('a' + i)), created: b.now - i*1000, score: float64([]int{5, 50, 5, 90, 50, 5}[i])})
	}
	o.Limit = 2
	var got [][]string
	for more := true; more; {
		result := b.poll(t, s, o)
		s, more = result.State, result.More
		got = append(got, ids(result.Items))
	}
	assert.Equal(t, [][]string{{"e", "d"}, {"f", "b"}, {"c", "a"}}, got, "by score, then the oldest; handed over the oldest first")
	assert.Zero(t, s.Within)
}

// Whoever polls until nothing more is left has seen what was listed when that began,
// even if another program's pass left just as much to do as one Poll can.
func TestMoreUntilAPassIsMade(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*box, *Options) *State{
		"pending": func(b *box, o *Options) *State {
			for i := range int64(4) {
				b.elements = append(b.elements, &element{id: string(rune('a' + i)), created: b.now - i})
			}
			o.Limit = 2
			return b.poll(t, nil, *o).State
		},
		"due": func(b *box, o *Options) *State {
			s := b.poll(t, nil, *o).State
			s.addDue(Window{From: b.now - 2*hour, To: b.now - hour}, false)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &box{now: noon}
			o := b.options()
			s := leave(b, &o)
			b.now += 1000
			b.elements = append(b.elements, &element{id: "new", created: b.now})
			var got []string
			for polls, more := 0, true; more; polls++ {
				require.Less(t, polls, 5, "it never ends")
				result := b.poll(t, s, o)
				s, more = result.State, result.More
				got = append(got, ids(result.Items)...)
			}
			assert.Contains(t, got, "new")
		})
	}
}

// drain polls until nothing more is left, or an error is returned.
func (b *box) drain(t *testing.T, k *Kind[element], s *State, o Options) (got []string, end *State, err error) {
	t.Helper()
	for polls, more := 0, true; more && err == nil; polls++ {
		require.Less(t, polls, 50, "it never ends")
		var result *Result[element]
		result, err = k.Poll(t.Context(), s, o)
		require.NotNil(t, result)
		s, more = result.State, result.More
		got = append(got, ids(result.Items)...)
		b.now += 10
	}
	return got, s, err
}

// If the appliance does not let the program ask for elements, the list has them too.
func TestPendingThatCannotBeAskedForIsRead(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	for i := range int64(6) {
		b.elements = append(b.elements, &element{id: string(rune('a' + i)), created: b.now - i})
	}
	o := b.options()
	o.Limit = 4
	k := b.kind()
	k.Lookup = func(context.Context, []string, func(*element)) error { return errors.New("forbidden") }
	got, _, err := b.drain(t, k, nil, o)
	require.NoError(t, err)
	slices.Sort(got)
	assert.Equal(t, []string{"a", "b", "c", "d", "e", "f"}, got)
}

// An error that happens again is returned, even if each Poll gets something done, and
// what is not concerned is delivered.
func TestAnErrorThatHappensAgainIsReturned(t *testing.T) {
	t.Parallel()
	forbidden := errors.New("forbidden")
	for name, fail := range map[string]func(*Kind[element], *State, *Options){
		"Follow": func(k *Kind[element], _ *State, o *Options) {
			o.Follow = []string{"a"}
			k.Lookup = func(context.Context, []string, func(*element)) error { return forbidden }
		},
		"debt": func(k *Kind[element], s *State, _ *Options) {
			s.Due = append(s.Due, Stretch{Window: Window{From: noon - 30*hour, To: noon - 29*hour}, Tries: 1, First: noon})
			list := k.List
			k.List = func(ctx context.Context, w Window, skip func([]byte) bool, yield func(*element)) error {
				if w.To < noon-28*hour {
					return forbidden
				}
				return list(ctx, w, skip, yield)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &box{now: noon, elements: []*element{{id: "a", created: noon}}}
			o := b.options()
			_, s := b.all(t, nil, o)
			k := b.kind()
			fail(k, s, &o)
			b.now += 20 * minute
			b.elements = append(b.elements, &element{id: "late", created: noon - 5*hour})
			got, s, err := b.drain(t, k, s, o)
			require.ErrorIs(t, err, forbidden)
			assert.Equal(t, []string{"late"}, got)
			b.now += 20 * minute
			b.elements = append(b.elements, &element{id: "new", created: b.now})
			got, _, err = b.drain(t, k, s, o)
			require.ErrorIs(t, err, forbidden)
			assert.Equal(t, []string{"new"}, got)
		})
	}
}

// Follow that does not fit into the time of a Poll is continued, and holds up nothing.
func TestFollowContinuesWhereTimeRanOut(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{"all": "", "one can't be read": "f07"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := &box{now: noon}
				o := b.options()
				_, s := b.all(t, nil, o)
				began := time.Now()
				for i := range 20 {
					o.Follow = append(o.Follow, fmt.Sprintf("f%02d", i))
				}
				asked := map[string]int{}
				k := b.kind()
				k.Chunk = 1
				k.Lookup = func(ctx context.Context, ids []string, _ func(*element)) error {
					asked[ids[0]]++
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
						return errRefused
					}
					if ids[0] == broken {
						return errRefused
					}
					return nil
				}
				b.elements = append(b.elements, &element{id: "late", created: noon - 5*hour})
				var got []string
				polls := 0
				for more := true; more; polls++ {
					require.Less(t, polls, 10, "it never ends")
					b.now = noon + 20*minute + time.Since(began).Milliseconds()
					o.Deadline = time.Now().Add(9500 * time.Millisecond)
					result, err := k.Poll(t.Context(), s, o)
					require.NoError(t, err)
					s, more = result.State, result.More
					got = append(got, ids(result.Items)...)
				}
				assert.Equal(t, []string{"late"}, got)
				assert.Len(t, asked, 20)
				for id, times := range asked {
					assert.LessOrEqual(t, times, 2, id) // Twice where time ran out.
				}
			})
		})
	}
}

// A pass and a look-up that don't fit into one Poll both get their time.
func TestPendingGetsItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &box{now: noon}
		for i := range int64(6) {
			b.elements = append(b.elements, &element{id: string(rune('a' + i)), created: b.now - i})
		}
		o := b.options()
		o.Limit = 4
		k := b.kind()
		list, lookup := k.List, k.Lookup
		slowly := func(ctx context.Context) error {
			select {
			case <-time.After(6 * time.Second):
				return nil
			case <-ctx.Done():
				return errRefused
			}
		}
		k.List = func(ctx context.Context, w Window, skip func([]byte) bool, yield func(*element)) error {
			if err := slowly(ctx); err != nil {
				return err
			}
			return list(ctx, w, skip, yield)
		}
		k.Lookup = func(ctx context.Context, ids []string, yield func(*element)) error {
			if err := slowly(ctx); err != nil {
				return err
			}
			return lookup(ctx, ids, yield)
		}
		var s *State
		var got []string
		for polls, more := 0, true; more; polls++ {
			require.Less(t, polls, 30, "it never ends")
			o.Deadline = time.Now().Add(10 * time.Second)
			result, err := k.Poll(t.Context(), s, o)
			require.NoError(t, err)
			s, more = result.State, result.More
			got = append(got, ids(result.Items)...)
		}
		assert.Len(t, got, 6)
	})
}

func TestTakenPutsBackWhatWasNotHandled(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "a", created: noon - 2}, {id: "b", created: noon - 1}}}
	o := b.options()
	o.Updates = true
	result := b.poll(t, nil, o)
	require.Equal(t, []string{"a", "b"}, ids(result.Items))
	s := result.Taken(func(i int) bool { return i == 1 })
	_, known := s.Get("a")
	assert.False(t, known)
	require.Len(t, s.Pending, 1)
	again := b.poll(t, s, o)
	require.Equal(t, []string{"a"}, ids(again.Items))
	assert.True(t, again.Items[0].New)
	assert.Equal(t, [][]string{{"a"}}, b.asked)
	assert.Equal(t, 2, result.State.Len(), "the result itself is what it was")
}

// Nothing comes twice if a clock is set back by two hours, also again and again,
// whenever that happens, and even if the options now reach back further.
func TestTwoHoursBackRepeatNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	for i := range int64(10) {
		b.elements = append(b.elements, &element{id: string(rune('a' + i)), created: noon - i*30*minute})
	}
	s := b.poll(t, nil, o).State
	require.Equal(t, 10, s.Len())
	for s.Len() > 0 {
		b.now += 20 * minute
		result := b.poll(t, s, o)
		require.Empty(t, result.Items)
		s = result.State
		for _, furthest := range []int64{168 * hour, 720 * hour} {
			later, after := o, s
			later.Sweeps = []Sweep{{hour, furthest}}
			for range 5 {
				for _, b.theirs = range []int64{0, -2 * hour, 0} {
					result = b.poll(t, after, later)
					require.Empty(t, result.Items, "%d h after the events, back by %d h", (b.now-noon)/hour, furthest/hour)
					after = result.State
				}
			}
		}
		require.Less(t, b.now, noon+200*hour, "the memory forgets nothing")
	}
}

// Elements up to the appliance's present are read, even if the local clock is
// behind: at once if the appliance accepts a signature, and otherwise in the same
// Poll.
func TestReadsUpToTheAppliancesPresent(t *testing.T) {
	t.Parallel()
	for behind, requests := range map[int64]int{20 * minute: 1, 5 * hour: 2} {
		b := &box{now: noon, ends: true, ours: -behind}
		o := b.options()
		o.Sweeps = []Sweep{}
		s := b.poll(t, nil, o).State
		b.now, b.windows = noon+minute, nil
		b.elements = append(b.elements, &element{id: "a", created: b.now})
		assert.Equal(t, []string{"a"}, ids(b.poll(t, s, o).Items), "behind by %d ms", behind)
		assert.Len(t, b.windows, requests, "behind by %d ms", behind)
	}
}

// If the newest window can't be read while the local clock is behind, it is debt up
// to the appliance's present.
func TestDebtReachesToTheAppliancesPresent(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, cut: true}
	o := b.options()
	o.Sweeps = []Sweep{}
	s := b.poll(t, nil, o).State
	b.elements = []*element{{id: "a", created: noon}, {id: "b", created: noon + 10*hour}, {id: "c", created: noon + 11*hour}}
	b.now, b.ours = noon+20*hour, -19*hour
	b.refuses = func(Window) error { return errRefused }
	result := b.poll(t, s, o)
	require.Equal(t, []string{"a", "b"}, ids(result.Items))
	require.NotEmpty(t, result.State.Debt())
	b.now, b.ours, b.refuses = b.now+2*hour, 0, nil
	assert.Equal(t, []string{"c"}, ids(b.poll(t, result.State, o).Items))
}

// What was listed while the appliance's clock was ahead, with times that were right, is
// read as soon as the clock is right too, not by the next sweep.
func TestReadsBackAtOnce(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	o.Sweeps = []Sweep{}
	s := b.poll(t, nil, o).State
	b.theirs = 3 * hour
	for range 60 {
		b.now += minute
		s = b.poll(t, s, o).State
	}
	b.elements = append(b.elements, &element{id: "a", created: noon + 20*minute})
	b.now, b.theirs = b.now+minute, 0
	assert.Equal(t, []string{"a"}, ids(b.poll(t, s, o).Items))
}

// A new element that gives way to a pending one is pending.
func TestWhatGivesWayIsPending(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	s := b.poll(t, nil, o).State
	o.Limit = 1
	b.now += minute
	b.elements = []*element{{id: "a", created: b.now, score: 90}, {id: "b", created: b.now, score: 80}}
	s = b.poll(t, s, o).State
	b.now += minute
	b.elements = append(b.elements, &element{id: "c", created: b.now, score: 10})
	result := b.poll(t, s, o)
	assert.Equal(t, []string{"b"}, ids(result.Items))
	assert.True(t, result.More)
	assert.Equal(t, []Pending{{"c", 10, b.now}}, result.State.Pending)
}

// What was handed over before its stretch became debt does not come again when the
// stretch can be read, days after the widest sweep has passed it.
func TestDebtRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon, elements: []*element{{id: "a", created: noon - hour}}}
	o := b.options()
	result := b.poll(t, nil, o)
	require.Equal(t, []string{"a"}, ids(result.Items))
	hadDebt := false
	for hours := range int64(14 * 24) {
		b.now = noon + hours*hour
		b.refuses = nil
		if hours > 160 && hours < 10*24 {
			b.refuses = func(w Window) error {
				if w.From <= noon-hour && w.To >= noon-hour {
					return errRefused
				}
				return nil
			}
		}
		result = b.poll(t, result.State, o)
		require.Empty(t, result.Items, "after %d hours", hours)
		hadDebt = hadDebt || len(result.State.Debt()) > 0
	}
	assert.True(t, hadDebt)
	assert.Empty(t, result.State.Debt())
	assert.Zero(t, result.State.Len())
}

// When pending elements are read again after weeks, because the filter has changed,
// those that were handed over do not come again.
func TestReadingPendingAgainRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := &box{now: noon}
	o := b.options()
	s := b.poll(t, nil, o).State
	o.Limit = 1
	b.elements = []*element{{id: "least", created: noon, score: 1}}
	for i := range 10 * 24 {
		b.now += hour
		b.elements = append(b.elements, &element{id: fmt.Sprint(i), created: b.now, score: 90})
		result := b.poll(t, s, o)
		require.Equal(t, []string{fmt.Sprint(i)}, ids(result.Items))
		s = result.State
	}
	o.Limit, o.Filter = 0, "another"
	assert.Equal(t, []string{"least"}, ids(b.poll(t, s, o).Items))
}
