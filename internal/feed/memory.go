package feed

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// Hash is the part of an id that the memory keeps: the first 8 bytes of its
// SHA-256. Among a million ids, two are equal with a probability of 1 in 37
// million. A new id equals one of a million with a probability of 1 in 18 million
// million.
type Hash uint64

// HashOf returns the hash of an id.
func HashOf[S string | []byte](id S) Hash {
	sum := sha256.Sum256([]byte(id))
	return Hash(binary.BigEndian.Uint64(sum[:8]))
}

// Hour counts hours since 1970 UTC: the precision of the memory.
type Hour int32

const hour = 3600 * 1000

// hourAfter rounds a time up to the hour.
func hourAfter(at int64) Hour { return Hour((at + hour - 1) / hour) } //nolint:gosec // Enough for 245,000 years.

func (h Hour) millis() int64 { return int64(h) * hour }

// Entry is the memory of an element that was listed.
type Entry struct {
	Until Hour   // No window that begins later lists the element.
	State string // NoState, Silent, or its state when it was handed over.
}

const (
	// NoState is the state of an element whose changes are not reported.
	NoState = ""
	// Silent is the state of an element that was never handed over.
	Silent = "-"
)

const dropped = Hour(-1 << 31) // Until of an entry that was dropped

// memory holds an entry for each id. Most are in sorted columns, which its copies
// share and which never change. A few recent ones are in a map beside them.
type memory struct {
	columns
	recent map[Hash]Entry
	shared bool // another memory may share recent
	live   int  // the number of entries
}

type columns struct {
	hashes []Hash
	until  []Hour
	states []string // nil = NoState for each
}

// clone returns a copy that can be changed. The original must not be changed any
// more.
func (m *memory) clone() memory {
	c := *m
	c.shared = true
	return c
}

// place returns the index of a hash in the columns.
func (c *columns) place(h Hash) (int, bool) { return slices.BinarySearch(c.hashes, h) }

func (c *columns) at(i int) Entry {
	e := Entry{Until: c.until[i]}
	if c.states != nil {
		e.State = c.states[i]
	}
	return e
}

func (m *memory) get(h Hash) (Entry, bool) {
	if e, ok := m.recent[h]; ok {
		return e, e.Until != dropped
	}
	if i, ok := m.place(h); ok {
		return m.at(i), true
	}
	return Entry{}, false
}

func (m *memory) set(h Hash, e Entry) {
	if _, known := m.get(h); !known && e.Until != dropped {
		m.live++
	} else if known && e.Until == dropped {
		m.live--
	}
	if m.shared || m.recent == nil {
		m.recent = maps.Clone(m.recent)
		if m.recent == nil {
			m.recent = map[Hash]Entry{}
		}
		m.shared = false
	}
	m.recent[h] = e
}

func (m *memory) drop(h Hash) {
	if _, known := m.get(h); known {
		m.set(h, Entry{Until: dropped})
	}
}

// tidy moves recent entries into the columns if there are many.
func (m *memory) tidy() {
	if len(m.recent) > 1024+len(m.hashes)/64 {
		m.keep(func(Entry) bool { return true })
	}
}

// forget drops the entries of elements that no window from line on lists.
func (m *memory) forget(line int64) {
	old := func(e Entry) bool { return e.Until != dropped && e.Until.millis() < line }
	stale := slices.ContainsFunc(m.until, func(until Hour) bool { return until.millis() < line })
	for _, e := range m.recent {
		stale = stale || old(e)
	}
	if stale {
		m.keep(func(e Entry) bool { return !old(e) })
	}
}

// keep rebuilds the columns from the wanted entries, and merges the recent ones
// into them.
func (m *memory) keep(wanted func(Entry) bool) {
	var next columns
	next.hashes = make([]Hash, 0, m.live)
	next.until = make([]Hour, 0, m.live)
	for h, e := range m.all() {
		if !wanted(e) {
			continue
		}
		if e.State != NoState && next.states == nil {
			next.states = make([]string, len(next.hashes), m.live)
		}
		next.hashes, next.until = append(next.hashes, h), append(next.until, e.Until)
		if next.states != nil {
			next.states = append(next.states, e.State)
		}
	}
	*m = memory{columns: next, live: len(next.hashes)}
}

// all walks over the entries in the order of their hashes.
func (m *memory) all() func(yield func(Hash, Entry) bool) {
	return func(yield func(Hash, Entry) bool) {
		recent := slices.Sorted(maps.Keys(m.recent))
		for i := 0; i < len(m.hashes) || len(recent) > 0; {
			order := -1
			switch {
			case i == len(m.hashes):
				order = 1
			case len(recent) > 0:
				order = cmp.Compare(m.hashes[i], recent[0])
			}
			var h Hash
			var e Entry
			if order < 0 {
				h, e = m.hashes[i], m.at(i)
			} else {
				h, e = recent[0], m.recent[recent[0]]
				recent = recent[1:]
			}
			if order <= 0 {
				i++
			}
			if e.Until != dropped && !yield(h, e) {
				return
			}
		}
	}
}

// marks is a set of ids of a memory, with one bit for each.
type marks struct {
	of    *columns
	bits  []uint64
	other map[Hash]bool
}

func (s *marks) set(h Hash) {
	if i, ok := s.of.place(h); ok {
		if s.bits == nil {
			s.bits = make([]uint64, len(s.of.hashes)/64+1)
		}
		s.bits[i/64] |= 1 << (i % 64)
		return
	}
	if s.other == nil {
		s.other = map[Hash]bool{}
	}
	s.other[h] = true
}

func (s *marks) has(h Hash) bool {
	if i, ok := s.of.place(h); ok {
		return s.bits != nil && s.bits[i/64]&(1<<(i%64)) != 0
	}
	return s.other[h]
}
