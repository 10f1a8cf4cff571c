package feed

import (
	"cmp"
	"slices"
)

// Pending is an element beyond the limit.
type Pending struct {
	ID      string
	Score   float64
	Created int64
}

// before orders pending elements: the highest score first, then the oldest.
func (p Pending) before(q Pending) int {
	return cmp.Or(cmp.Compare(q.Score, p.Score), cmp.Compare(p.Created, q.Created), cmp.Compare(p.ID, q.ID))
}

// keepBack adds an element of a window to the pending ones.
func (s *State) keepBack(p Pending, w Window) {
	if len(s.Pending) == 0 {
		s.Within = w
	}
	s.Within = Window{From: min(s.Within.From, w.From), To: max(s.Within.To, w.To)}
	s.Pending = append(s.Pending, p)
}

// relist makes the feed read the window of the pending elements again. It drops the
// elements for which gone returns true: they count as new when they are listed.
func (s *State) relist(gone func(Pending) bool) {
	s.Due = append(s.Due, Stretch{Window: s.Within})
	s.Pending = slices.DeleteFunc(s.Pending, gone)
	if len(s.Pending) == 0 {
		s.Within = Window{}
	}
}
