package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// wireV1 is the JSON of version 1, which held whole ids and one sweep.
type wireV1 struct {
	Version int        `json:"v"`
	Through int64      `json:"through"`
	Swept   int64      `json:"swept"`
	Floor   int64      `json:"floor"`
	Since   int64      `json:"since"`
	Pass    *passV1    `json:"pass"`
	Seen    []bucketV1 `json:"seen"`
}

type passV1 struct {
	At     int64    `json:"at"`
	Sweep  bool     `json:"sweep"`
	Todo   []Window `json:"todo"`
	Owed   idsV1    `json:"owed"`
	Within Window   `json:"within"`
	Filter string   `json:"filter"`
}

type bucketV1 struct {
	Until  Hour     `json:"until"`
	IDs    idsV1    `json:"ids"`
	States []string `json:"states"`
}

type idsV1 struct {
	UUIDs  []byte   `json:"uuids"`
	Others []string `json:"others"`
}

func (l *idsV1) all() []string {
	const size = 16
	var ids []string
	for u := l.UUIDs; len(u) >= size; u = u[size:] {
		ids = append(ids, fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:size]))
	}
	return append(ids, l.Others...)
}

// parseV1 reads version 1. Until the state changes, it encodes to the same JSON, so
// that a store that compares texts finds it.
func parseV1(data []byte) (*State, error) {
	var w wireV1
	if err := strictly(data, &w); err != nil {
		return nil, err
	}
	const day = 24 * hour
	s := &State{Since: w.Since, Through: w.Through, Floor: w.Floor, Known: w.Floor, KnownAt: w.Through}
	if s.Since == 0 {
		s.Since = w.Through
	}
	if w.Through != 0 {
		s.Marks = []Mark{{day, w.Through}, {7 * day, w.Swept}}
	}
	if p := w.Pass; p != nil && p.At != 0 {
		s.Through = p.At
		s.Marks = []Mark{{day, p.At}, {7 * day, w.Swept}}
		if p.Sweep {
			s.Marks[1].At = p.At
		}
		for _, todo := range p.Todo {
			if todo.To == 0 {
				todo.To = p.At + ahead
			}
			s.Due = append(s.Due, Stretch{Window: todo, Base: w.Since != 0 && todo.To < w.Since})
		}
		if s.Filter = p.Filter; len(p.Owed.all()) > 0 {
			s.Within = p.Within
			for _, id := range p.Owed.all() {
				s.Pending = append(s.Pending, Pending{ID: id})
			}
		}
	}
	var rows []row
	for _, b := range w.Seen {
		ids := b.IDs.all()
		if len(b.IDs.UUIDs)%16 != 0 {
			return nil, fmt.Errorf("%d bytes are not a list of UUIDs", len(b.IDs.UUIDs))
		}
		if b.States != nil && len(b.States) != len(ids) {
			return nil, fmt.Errorf("%d ids have %d states", len(ids), len(b.States))
		}
		for i, id := range ids {
			e := Entry{Until: b.Until}
			if b.States != nil && b.States[i] != NoState {
				if e.State = b.States[i]; e.State != Silent {
					e.State = joinState(0, e.State)
				}
			}
			rows = append(rows, row{HashOf(id), e})
		}
	}
	s.seen = remember(rows)
	var origin bytes.Buffer
	if err := json.Compact(&origin, data); err != nil {
		return nil, err
	}
	s.origin = origin.Bytes()
	return s, nil
}
