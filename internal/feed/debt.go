package feed

import (
	"cmp"
	"slices"
)

// Stretch is a window that is left to read: a pass did not reach it, or it is debt
// because reading it failed.
type Stretch struct {
	Window
	Tries int   `json:"tries,omitempty"` // how often reading failed; 0 = not debt
	First int64 `json:"first,omitempty"` // when reading first failed
	Next  int64 `json:"next,omitempty"`  // when to try again
	Base  bool  `json:"base,omitempty"`  // from before Since

	parent Window // the window that failed in this Poll
	again  bool   // it failed in an earlier Poll, and is read in parts
	cause  error
}

const (
	firstPause = int64(60 * 1000)
	maxPause   = int64(6 * hour)
	// shortest is the width at which a window is not halved any more.
	shortest = int64(60 * 1000)
	// joint is the overlap of two halves.
	joint = 1000
)

// halves returns the parts of a stretch, the newer one first.
func (d Stretch) halves() []Stretch {
	middle := d.From + d.width()/2
	newer, older := d, d
	newer.From, older.To, older.Open = middle-joint, middle, false
	newer.parent, older.parent = d.Window, d.Window
	newer.again, older.again = d.Tries > 0, d.Tries > 0
	return []Stretch{newer, older}
}

// failed returns the stretch as debt, after another failure.
func (d Stretch) failed(at int64, cause error) Stretch {
	d.Tries++
	d.First = cmp.Or(d.First, at)
	d.Next = at + min(firstPause<<min(d.Tries-1, 10), maxPause)
	d.parent, d.again, d.cause = Window{}, false, cause
	return d
}

// ripe reports whether it is time to read a stretch.
func (d *Stretch) ripe(at int64) bool {
	return d.Tries == 0 || d.again || d.Next <= at || d.Next > at+maxPause // The clock was set back.
}

// order sorts the stretches to read: first those that were never tried, then those
// that failed, then those before Since. In each group the newest comes first.
func order(a, b Stretch) int {
	rank := func(d Stretch) int {
		switch {
		case d.Base:
			return 2
		case d.Tries > 0:
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.To, a.To), cmp.Compare(b.From, a.From))
}

// next returns the index of the stretch to read next, or -1.
func (s *State) next(at int64) int {
	slices.SortStableFunc(s.Due, order)
	return slices.IndexFunc(s.Due, func(d Stretch) bool { return d.ripe(at) })
}

// waits reports whether there is a stretch to read that was never tried.
func (s *State) waits() bool {
	return slices.ContainsFunc(s.Due, func(d Stretch) bool { return d.Tries == 0 })
}

// addDue adds a window to the stretches to read. It leaves out the parts that are
// among them already, and splits the rest into parts that can be read.
func (s *State) addDue(w Window, base bool) {
	if w.From > w.To {
		return
	}
	for _, part := range s.without(w) {
		for s.Width > 0 && part.width() > s.Width {
			newer := Window{From: part.To - s.Width, To: part.To}
			s.Due = append(s.Due, Stretch{Window: newer, Base: base})
			part.To = newer.From + joint
		}
		s.Due = append(s.Due, Stretch{Window: part, Base: base})
	}
}

// older reports whether a window meets a stretch from before Since that is left to
// read: what the window lists of that time is not new.
func (s *State) older(w Window) bool {
	return slices.ContainsFunc(s.Due, func(d Stretch) bool { return d.Base && d.From <= w.To && d.To >= w.From })
}

// without returns the parts of a window that no stretch to read covers, newest
// first.
func (s *State) without(w Window) []Window {
	parts := []Window{w}
	for _, d := range s.Due {
		if d.Base { // Its elements may not be reported.
			continue
		}
		if d.width() <= 2*joint { // Its neighbours would overlap, and each such stretch would double the number of parts.
			continue
		}
		var rest []Window
		for _, part := range parts {
			if d.To < part.From || d.From > part.To {
				rest = append(rest, part)
				continue
			}
			if d.To < part.To {
				rest = append(rest, Window{From: max(d.To-joint, part.From), To: part.To})
			}
			if d.From > part.From {
				rest = append(rest, Window{From: part.From, To: min(d.From+joint, part.To)})
			}
		}
		parts = rest
	}
	return parts
}

// expire drops and returns the failed stretches that the widest sweep no longer
// reaches.
func (s *State) expire(at, back int64) (gone []Stretch) {
	for i := range s.Due {
		s.Due[i].First = min(s.Due[i].First, at) // The clock may have been ahead.
	}
	s.Due = slices.DeleteFunc(s.Due, func(d Stretch) bool {
		old := d.Tries > 0 && max(d.To, d.First)+back < at
		if old {
			gone = append(gone, d)
		}
		return old
	})
	return gone
}

// Debt returns the stretches that could not be read, joined where they touch,
// oldest first.
func (s *State) Debt() []Stretch { return join(s.Due, func(d Stretch) bool { return d.Tries > 0 }) }

func join(all []Stretch, wanted func(Stretch) bool) []Stretch {
	var list []Stretch
	for _, d := range all {
		if wanted(d) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b Stretch) int { return cmp.Compare(a.From, b.From) })
	var joined []Stretch
	for _, d := range list {
		if n := len(joined); n > 0 && d.From <= joined[n-1].To+joint {
			last := &joined[n-1]
			last.To, last.First, last.Tries = max(last.To, d.To), min(last.First, d.First), max(last.Tries, d.Tries)
			continue
		}
		joined = append(joined, d)
	}
	return joined
}

// Cause returns why a stretch could not be read; nil = not known any more.
func (d *Stretch) Cause() error { return d.cause }
