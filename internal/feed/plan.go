package feed

import (
	"cmp"
	"slices"
)

// Sweep is a pass that reads back by Back, at intervals of Every.
type Sweep struct{ Every, Back int64 }

const (
	// ahead is how far windows end in the future. If an appliance accepts a signature,
	// its clock is at most 30 minutes ahead of the signed date.
	ahead = 31 * 60 * 1000
	// slack is the extra overlap of windows: a Date header has only whole seconds, and
	// takes a while to arrive.
	slack = 60 * 1000
	// margin is how much longer than needed an id is remembered. If a clock is set back
	// by no more, or a response without a usable Date makes it seem so, nothing is
	// handed over twice.
	margin = 2 * hour
	// least is how far back every pass can read.
	least = 11 * 60 * 1000
	// odd is how far the clocks of a pass may differ from those expected after the
	// pass before it.
	odd = 10 * 60 * 1000
	// longest is the longest step of a clock that is doubted, in multiples of the
	// widest sweep.
	longest = 8
	// maxJumps is how many steps of a clock are remembered.
	maxJumps = 16

	defaultSince = 24 * hour
)

// widest returns the sweep that reaches back furthest.
func (o *Options) widest() (widest Sweep) {
	for _, sweep := range o.Sweeps {
		if sweep.Back > widest.Back {
			widest = sweep
		}
	}
	return widest
}

// furthest returns how far passes reach back.
func (o *Options) furthest() int64 { return max(o.Overlap, o.widest().Back) }

// newest returns the window that a pass reads first.
func (s *State) newest(now int64, o *Options) Window {
	from := s.Since
	if s.Through != 0 {
		from = max(min(s.Through, now)-o.Overlap-slack, s.Floor)
	}
	from = clampTime(from)
	return Window{From: from, To: max(from, clampTime(now+ahead))}
}

// turn moves the state on to a pass that has read w. The pass began at the time at
// of the appliance's clock and the time now of the local one. turn also plans what
// the pass still has to read.
func (s *State) turn(at, now int64, w Window, o *Options) {
	if s.Guessed {
		s.Guessed = false
		if since := at - defaultSince; since < s.Since {
			s.addDue(Window{From: clampTime(since), To: s.Since}, false)
			s.Since = clampTime(since)
		}
	}
	if o.Ends && at+slack > w.To { // The local clock was behind.
		s.addDue(Window{From: w.To - joint, To: clampTime(at + ahead)}, false)
	}
	if s.Through == 0 {
		s.begin(at, o)
	} else {
		s.goOn(at, now, w, o)
	}
	s.Through, s.Polled = at, now
}

// begin plans the rest of the first pass.
func (s *State) begin(at int64, o *Options) {
	s.Floor = clampTime(min(at-o.furthest()-slack, s.Since))
	s.Known, s.KnownAt = s.Floor, at
	s.addDue(Window{From: s.Floor, To: s.Since - 1}, true)
	if at-s.Since > defaultSince {
		s.Jumps = []Jump{{s.Since, at}}
	}
	for _, sweep := range o.Sweeps {
		s.mark(sweep.Back, at)
	}
}

// goOn plans the rest of a pass that is not the first one.
func (s *State) goOn(at, now int64, w Window, o *Options) {
	lowest := min(at, s.lowest(at, now, o.furthest()))
	base := s.follow(at, now, lowest, o.furthest())
	from := w.From
	if base < s.Through || at < s.Through {
		s.Floor = min(s.Floor, s.bottom(base, lowest, o))
		if s.Floor < s.Known {
			s.Known, s.KnownAt = s.Floor, base
		}
		for i := range s.Marks {
			s.Marks[i].At = min(s.Marks[i].At, base)
		}
		from = min(from, max(clampTime(base-o.Overlap-slack), s.Floor))
	}
	for _, sweep := range o.Sweeps {
		made := s.made(sweep.Back)
		if since := at - made; since >= sweep.Every || since < 0 {
			from = min(from, max(min(made, at)-sweep.Back-slack, s.Floor))
			s.mark(sweep.Back, at)
		}
	}
	if from = clampTime(from); from < w.From {
		s.addDue(Window{From: from, To: clampTime(w.From + joint)}, false)
	}
}

// bottom returns how far back windows reach after a step of the clock. The list has not
// been seen since base, and lowest is the appliance's lowest time since the pass before.
// If the clock was set back by no more than margin, no window reaches elements that the
// memory does not know: they would come again, or although they are older than the feed.
func (s *State) bottom(base, lowest int64, o *Options) int64 {
	wanted := clampTime(base - o.furthest() - slack)
	switch {
	case s.Known == 0:
		return wanted
	case s.KnownAt-lowest > margin: // As far as if the clock had always been right.
		return max(wanted, clampTime(base-(s.KnownAt-s.Known)))
	}
	return max(wanted, min(s.Known, lowest-least))
}

// follow returns the time from which on the feed has not seen the list: when the
// pass before began, or earlier if a clock was wrong.
func (s *State) follow(at, now, lowest, back int64) int64 {
	step := at - s.Through
	beyond := step - (now - s.Polled) // the part that no pause explains
	expected := s.Polled == 0 || beyond <= odd && beyond >= -odd
	base := min(s.Through, lowest)
	s.Low = 0
	if step >= -slack {
		if !expected || step > 24*hour { // The clock may have been set back and come here again.
			base = min(base, s.doubt(back))
		}
		if step > odd && (!expected || step > 24*hour) {
			s.jump(Jump{s.Through, at})
		}
		return base
	}
	var left []Jump
	for _, j := range s.Jumps {
		if j.To > at {
			base = min(base, j.From)
			j.To = at // A part of it may have been undone.
		}
		if j.To-j.From > odd {
			left = append(left, j)
		}
	}
	if at < s.Since { // The feed began in the future.
		base = min(base, at-back)
	}
	s.Jumps = left
	s.Due = slices.DeleteFunc(s.Due, func(d Stretch) bool { return d.Tries == 0 && d.From > at+ahead })
	for i := range s.Due {
		if s.Due[i].Tries == 0 { // Later passes read the rest.
			s.Due[i].To = min(s.Due[i].To, at+ahead)
		}
	}
	return base
}

// doubt returns when the first of the recent steps ahead began: a wrong clock may
// have made them, and be right again. An error of the clock lasts as long as the
// step, so a very long step was not an error.
func (s *State) doubt(back int64) int64 {
	from := s.Through
	for _, j := range s.Jumps {
		if j.To > s.Through-back && j.From > s.Through-longest*back {
			from = min(from, j.From)
		}
	}
	return from
}

// notice records that the local clock was set back since the last pass. While the
// appliance can't be reached, this is the only sign of it.
func (s *State) notice(now int64) {
	if now < s.Polled && (s.Low == 0 || now < s.Low) {
		s.Low = now
	}
}

// lowest returns the appliance's time when the local clock was at its lowest since
// the last pass. If the clock was further back than two sweeps, it was never right.
func (s *State) lowest(at, now, back int64) int64 {
	low := s.Low + min(at-now, s.Through-s.Polled)
	if s.Low == 0 || low < at-2*back {
		return at
	}
	return low
}

// jump remembers a step ahead, and forgets the smallest one if there are too many.
func (s *State) jump(j Jump) {
	s.Jumps = append(s.Jumps, j)
	if len(s.Jumps) > maxJumps {
		least := 0
		for i, other := range s.Jumps {
			if other.To-other.From < s.Jumps[least].To-s.Jumps[least].From {
				least = i
			}
		}
		s.Jumps = slices.Delete(s.Jumps, least, least+1)
	}
}

// made returns when a sweep was last made; 0 = never, because it is new in the
// options.
func (s *State) made(back int64) int64 {
	for _, m := range s.Marks {
		if m.Back == back {
			return m.At
		}
	}
	return 0
}

func (s *State) mark(back, at int64) {
	for i := range s.Marks {
		if s.Marks[i].Back == back {
			s.Marks[i].At = at
			return
		}
	}
	s.Marks = append(s.Marks, Mark{back, at})
	slices.SortFunc(s.Marks, func(a, b Mark) int { return cmp.Compare(a.Back, b.Back) })
}

// line returns a time before which no later window begins.
func (s *State) line(o *Options) int64 {
	line := s.Through - o.Overlap
	for _, sweep := range o.Sweeps {
		line = min(line, s.made(sweep.Back)-sweep.Back)
	}
	for _, d := range s.Due {
		line = min(line, d.From)
	}
	if len(s.Pending) > 0 {
		line = min(line, s.Within.From)
	}
	if doubt := s.doubt(o.furthest()); doubt < s.Through {
		line = min(line, doubt-o.furthest())
	}
	return line - 2*slack
}

// settle forgets the elements that no window can list any more, once a pass is
// complete.
func (s *State) settle(o *Options) {
	s.Marks = slices.DeleteFunc(s.Marks, func(m Mark) bool {
		return !slices.ContainsFunc(o.Sweeps, func(sweep Sweep) bool { return sweep.Back == m.Back })
	})
	if line := s.line(o); line > s.Floor {
		if hourAfter(line) > hourAfter(s.Floor) {
			gone := clampTime(s.Floor - margin)
			s.seen.forget(gone)
			if gone > s.Known {
				s.Known, s.KnownAt = gone, s.Through
			}
		}
		s.Floor = line
	}
	s.seen.tidy()
}

// narrowest is the smallest width that is recorded.
const narrowest = 6 * hour

// learn records that a window could only be read in halves.
func (s *State) learn(width, at int64) {
	if width >= narrowest {
		s.Width, s.Fits = width, at
	}
}

// relax tries wider windows again, after a day.
func (s *State) relax(at int64) {
	if s.Width > 0 && (at-s.Fits >= 24*hour || at < s.Fits) {
		s.Width, s.Fits = 2*s.Width, at
		if s.Width > 60*24*hour {
			s.Width = 0
		}
	}
}
