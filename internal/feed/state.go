package feed

import (
	"slices"
)

// State is the position of a feed. It is a value: a Poll works on a copy.
type State struct {
	Since   int64 // beginning of the feed
	Guessed bool  // Since is by the local clock, until the appliance's is known
	Through int64 // when the last pass began, by the appliance's clock; 0 = none yet
	Polled  int64 // the same by the local clock
	Floor   int64 // no window begins earlier, since older ids may be forgotten
	Known   int64 // elements before it may be unknown: they were forgotten, or never read; 0 = not recorded
	KnownAt int64 // the appliance's time when that was so
	Low     int64 // lowest local time since then, if the clock was set back; 0 = it was not

	Marks []Mark // when each sweep was made last
	Jumps []Jump // steps of the clock ahead
	Due   []Stretch
	Width int64 // the widest window that could be read lately; 0 = any
	Fits  int64 // when that was found out

	Pending  []Pending
	Within   Window // window that listed the pending elements
	Hurry    bool   // a request took most of a Poll's time and failed
	Failed   bool   // the last Poll ran out of time, or had an error that it did not return
	Followed int64  // when followed elements were last requested
	Asking   bool   // not all of them were requested
	Asked    string // the last one that was
	NoLists  bool   // the appliance takes one id at a time only
	Filter   string // fingerprint of the filter that pending elements match

	Feed string // what is followed; "" = unknown
	Host string // the appliance that it is read from; "" = unknown

	Owner string // the program that writes the checkpoint
	Beat  int64  // when Owner was last alive, by its clock

	seen   memory
	origin []byte // the JSON of version 1 from which the state was read
}

// Window is a span of the appliance's time, both ends included.
type Window struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Open bool  `json:"-"` // until the appliance's present, which is not after To
}

func (w Window) width() int64 { return w.To - w.From }

// Mark is when a sweep that reaches back by Back was last made.
type Mark struct {
	Back int64 `json:"back"`
	At   int64 `json:"at"`
}

// Jump is a step ahead of the clock that no pause explains.
type Jump struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// The range of times in a request.
const (
	minTime = 1
	maxTime = 9190022400000 // the end of 2260
)

// clampTime limits a time to the range of a request.
func clampTime(at int64) int64 { return min(max(at, minTime), maxTime) }

// Clone returns a copy that can be changed. The clone of nil is the beginning of a
// feed.
func (s *State) Clone() *State {
	if s == nil {
		return &State{}
	}
	c := *s
	c.Marks, c.Jumps, c.Due, c.Pending = slices.Clone(s.Marks), slices.Clone(s.Jumps), slices.Clone(s.Due), slices.Clone(s.Pending)
	c.seen, c.origin = s.seen.clone(), nil
	return &c
}

// Len returns how many ids are remembered.
func (s *State) Len() int { return s.seen.live }

// Get returns the entry of an id.
func (s *State) Get(id string) (Entry, bool) { return s.seen.get(HashOf(id)) }

// Remember adds an entry of the caller, for a number of hours after the last pass.
func (s *State) Remember(id, state string, hours Hour) {
	s.seen.set(HashOf(id), Entry{hourAfter(s.Through) + hours, state})
}

// Forget drops an entry of the caller.
func (s *State) Forget(id string) { s.seen.drop(HashOf(id)) }

// repair corrects times outside of the range of a request, and windows that end
// before they begin. Only a wrong clock can have made them.
func (s *State) repair() {
	for _, at := range []*int64{&s.Since, &s.Through, &s.Floor, &s.Known, &s.KnownAt} {
		if *at != 0 {
			*at = clampTime(*at)
		}
	}
	if s.Through != 0 {
		s.Floor = min(s.Floor, s.Through)
	}
	s.Known = min(s.Known, s.KnownAt)
	for i := range s.Due {
		s.Due[i].Window = s.Due[i].repaired()
	}
	if s.Within != (Window{}) {
		s.Within = s.Within.repaired()
	}
}

func (w Window) repaired() Window {
	from, to := clampTime(w.From), clampTime(w.To)
	return Window{From: min(from, to), To: max(from, to)}
}
