package feed

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Version is the version of the JSON.
const Version = 2

// ErrDamaged is the error of a checkpoint that can't be decoded.
var ErrDamaged = errors.New("checkpoint not understood")

// ErrNewer is the error of a checkpoint from a newer version.
var ErrNewer = errors.New("it was made by a newer version of this package; upgrade to read it")

// wire is the JSON of a state. Times are in milliseconds, except in memories.
type wire struct {
	Version  int           `json:"v"`
	Feed     string        `json:"feed,omitempty"`
	Host     string        `json:"host,omitempty"`
	Since    int64         `json:"since,omitempty"`
	Guessed  bool          `json:"guessed,omitempty"`
	Through  int64         `json:"through,omitempty"`
	Polled   int64         `json:"polled,omitempty"`
	Floor    int64         `json:"floor,omitempty"`
	Known    int64         `json:"known,omitempty"`
	KnownAt  int64         `json:"knownAt,omitempty"`
	Low      int64         `json:"low,omitempty"`
	Marks    []Mark        `json:"sweeps,omitempty"`
	Jumps    []Jump        `json:"jumps,omitempty"`
	Due      []Stretch     `json:"due,omitempty"`
	Width    int64         `json:"width,omitempty"`
	Fits     int64         `json:"fits,omitempty"`
	Pending  *pendingJSON  `json:"pending,omitempty"`
	Hurry    bool          `json:"hurry,omitempty"`
	Failed   bool          `json:"failed,omitempty"`
	Followed int64         `json:"followed,omitempty"`
	Asking   bool          `json:"asking,omitempty"`
	Asked    string        `json:"asked,omitempty"`
	NoLists  bool          `json:"noLists,omitempty"`
	Filter   string        `json:"filter,omitempty"`
	Owner    string        `json:"owner,omitempty"`
	Beat     int64         `json:"beat,omitempty"`
	Seen     []*bucketJSON `json:"seen,omitempty"`
}

// pendingJSON holds columns, which are shorter than a list of objects.
type pendingJSON struct {
	Within  Window    `json:"within"`
	IDs     []string  `json:"ids"`
	Scores  []float64 `json:"scores"`
	Created []int64   `json:"created"`
}

// bucketJSON holds the ids that are remembered until the same hour: 8 bytes of
// each one's hash, big endian and in order.
type bucketJSON struct {
	Until  Hour     `json:"until"`
	IDs    []byte   `json:"ids"`
	States []string `json:"states,omitempty"` // in the order of the ids; nil = NoState for each id

	count int // how many ids will be added
}

// AppendJSON appends the JSON of a state; equal states have equal JSON.
func (s *State) AppendJSON(dst []byte) ([]byte, error) {
	if s.origin != nil {
		return append(dst, s.origin...), nil
	}
	w := wire{
		Version: Version, Feed: s.Feed, Host: s.Host, Since: s.Since, Guessed: s.Guessed, Through: s.Through, Polled: s.Polled, Floor: s.Floor, Known: s.Known, KnownAt: s.KnownAt, Low: s.Low,
		Marks: s.Marks, Jumps: s.Jumps, Due: s.Due, Width: s.Width, Fits: s.Fits, Hurry: s.Hurry, Failed: s.Failed, Followed: s.Followed, Asking: s.Asking, Asked: s.Asked, NoLists: s.NoLists, Filter: s.Filter, Owner: s.Owner, Beat: s.Beat,
	}
	if len(s.Pending) > 0 {
		w.Pending = &pendingJSON{Within: s.Within}
		for _, p := range s.Pending {
			w.Pending.IDs = append(w.Pending.IDs, p.ID)
			w.Pending.Scores = append(w.Pending.Scores, p.Score)
			w.Pending.Created = append(w.Pending.Created, p.Created)
		}
	}
	head, err := json.Marshal(w)
	if err != nil || s.seen.live == 0 {
		return append(dst, head...), err
	}
	// The long parts are written directly, because encoding/json would check them
	// again.
	buckets := s.buckets()
	dst = slices.Grow(dst, len(head)+s.seen.live*11+len(buckets)*32)
	dst = append(append(dst, head[:len(head)-1]...), `,"seen":[`...)
	for i, b := range buckets {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendInt(append(dst, `{"until":`...), int64(b.Until), 10), `,"ids":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, b.IDs), '"')
		if b.States != nil {
			states, err := json.Marshal(b.States)
			if err != nil {
				return nil, err
			}
			dst = append(append(dst, `,"states":`...), states...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']', '}'), nil
}

// buckets returns the memory as buckets in a fixed order.
func (s *State) buckets() []*bucketJSON {
	hours := hourIndex{all: map[Hour]*bucketJSON{}}
	for _, e := range s.seen.all() {
		hours.of(e.Until).count++
	}
	list := make([]*bucketJSON, 0, len(hours.all))
	for _, until := range slices.Sorted(maps.Keys(hours.all)) {
		b := hours.all[until]
		b.IDs = make([]byte, 0, 8*b.count)
		list = append(list, b)
	}
	for h, e := range s.seen.all() {
		b := hours.of(e.Until)
		n := len(b.IDs) / 8
		b.IDs = binary.BigEndian.AppendUint64(b.IDs, uint64(h))
		if e.State != NoState && b.States == nil {
			b.States = make([]string, n, b.count)
		}
		if b.States != nil {
			b.States = append(b.States, e.State)
		}
	}
	return list
}

// hourIndex finds the bucket of an hour. For hours that are close together it does
// not use the map, which is slow for a million ids.
type hourIndex struct {
	all  map[Hour]*bucketJSON
	near [512]*bucketJSON
}

func (x *hourIndex) of(until Hour) *bucketJSON {
	slot := &x.near[uint32(until)%uint32(len(x.near))] //nolint:gosec // Any slot will do.
	if *slot == nil || (*slot).Until != until {
		if x.all[until] == nil {
			x.all[until] = &bucketJSON{Until: until}
		}
		*slot = x.all[until]
	}
	return *slot
}

// ParseJSON returns the state of a JSON text that AppendJSON or version 1 wrote,
// and rejects anything else. valid reports whether a text can be the state of an
// element.
func ParseJSON(data []byte, valid func(state string) bool) (*State, error) {
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("%w: it is not a checkpoint: %w", ErrDamaged, err)
	}
	var s *State
	var err error
	switch {
	case version.V == 1:
		s, err = parseV1(data)
	case version.V == Version:
		s, err = parse(data)
	case version.V > Version:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, ErrNewer)
	default:
		return nil, fmt.Errorf("%w: it is not a checkpoint: it has no version", ErrDamaged)
	}
	if err == nil {
		err = s.check(valid)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: it is damaged: %w", ErrDamaged, err)
	}
	return s, nil
}

func (s *State) check(valid func(state string) bool) error {
	for _, state := range s.seen.states {
		if _, text := splitState(state); state != NoState && state != Silent && !valid(text) {
			return fmt.Errorf("%q is not a state", state)
		}
	}
	if s.Width != 0 && s.Width < narrowest {
		return fmt.Errorf("a width of %d ms", s.Width)
	}
	for _, d := range s.Due {
		if d.Tries < 0 {
			return fmt.Errorf("%d tries", d.Tries)
		}
	}
	return nil
}

func parse(data []byte) (*State, error) {
	var w wire
	if err := strictly(data, &w); err != nil {
		return nil, err
	}
	s := &State{
		Feed: w.Feed, Host: w.Host, Since: w.Since, Guessed: w.Guessed, Through: w.Through, Polled: w.Polled, Floor: w.Floor, Known: w.Known, KnownAt: w.KnownAt, Low: w.Low,
		Marks: w.Marks, Jumps: w.Jumps, Due: w.Due, Width: w.Width, Fits: w.Fits, Hurry: w.Hurry, Failed: w.Failed, Followed: w.Followed, Asking: w.Asking, Asked: w.Asked, NoLists: w.NoLists, Filter: w.Filter, Owner: w.Owner, Beat: w.Beat,
	}
	if p := w.Pending; p != nil {
		if len(p.Scores) != len(p.IDs) || len(p.Created) != len(p.IDs) || len(p.IDs) == 0 {
			return nil, fmt.Errorf("%d pending ids have %d scores and %d times", len(p.IDs), len(p.Scores), len(p.Created))
		}
		s.Within = p.Within
		for i, id := range p.IDs {
			s.Pending = append(s.Pending, Pending{id, p.Scores[i], p.Created[i]})
		}
	}
	n := 0
	for _, b := range w.Seen {
		if b == nil || len(b.IDs)%8 != 0 {
			return nil, errors.New("no list of hashes")
		}
		if b.States != nil && len(b.States) != len(b.IDs)/8 {
			return nil, fmt.Errorf("%d ids have %d states", len(b.IDs)/8, len(b.States))
		}
		n += len(b.IDs) / 8
	}
	rows := make([]row, 0, n)
	for _, b := range w.Seen {
		for i := range len(b.IDs) / 8 {
			e := Entry{Until: b.Until}
			if b.States != nil {
				e.State = b.States[i]
			}
			rows = append(rows, row{Hash(binary.BigEndian.Uint64(b.IDs[8*i:])), e})
		}
	}
	s.seen = remember(rows)
	return s, nil
}

// row is an entry on its way into a memory.
type row struct {
	hash Hash
	Entry
}

// remember makes a memory. If an id is there twice, the later entry counts.
func remember(rows []row) memory {
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.hash < b.hash:
			return -1
		case a.hash > b.hash:
			return 1
		}
		return 0
	})
	var m memory
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].hash == r.hash {
			continue
		}
		if r.State != NoState && m.states == nil {
			m.states = make([]string, len(m.hashes), len(rows))
		}
		m.hashes, m.until = append(m.hashes, r.hash), append(m.until, r.Until)
		if m.states != nil {
			m.states = append(m.states, r.State)
		}
	}
	m.live = len(m.hashes)
	return m
}

// strictly decodes JSON and rejects unknown members.
func strictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
