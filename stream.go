package darktrace

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// elementDecoder decodes one element of a list. The bytes are valid JSON and
// belong to the caller, who overwrites them after the call.
type elementDecoder[T any] func(element []byte) (*T, error)

// decodeStream reads a JSON array and yields its elements one by one, each
// before a byte after it is needed. It returns nil when the array has ended and
// nothing but white space follows, or when yield returns false. A null is no
// element.
func decodeStream[T any](r io.Reader, one elementDecoder[T], yield func(*T) bool) error {
	dec := jsontext.NewDecoder(r, jsonOptions...)
	switch token, err := dec.ReadToken(); {
	case err != nil:
		return whole(err)
	case token.Kind() != '[':
		return fmt.Errorf("expected a list, not %v", token.Kind())
	}
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return whole(err)
		}
		if element.Kind() == 'n' {
			continue
		}
		v, err := one(element)
		if err != nil {
			return fmt.Errorf("in the list before byte %d: %w", dec.InputOffset(), err)
		}
		if !yield(v) {
			return nil
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return whole(err)
	}
	return ended(dec)
}

// decodeEvent returns a decoder of events, for one stream. With keepRaw each
// event keeps its bytes.
func decodeEvent(keepRaw bool) elementDecoder[IncidentEvent] {
	var c cursor
	return func(element []byte) (*IncidentEvent, error) {
		e := new(IncidentEvent)
		if keepRaw {
			e.Raw = bytes.Clone(element)
		}
		c.on(element)
		return e, c.event(e)
	}
}

// decodeGroup returns a decoder of groups, for one stream. With keepRaw each
// group keeps its bytes.
func decodeGroup(keepRaw bool) elementDecoder[IncidentGroup] {
	var c cursor
	return func(element []byte) (*IncidentGroup, error) {
		g := new(IncidentGroup)
		if keepRaw {
			g.Raw = bytes.Clone(element)
		}
		c.on(element)
		return g, c.group(g)
	}
}

// decodeInvestigation decodes an investigation.
func decodeInvestigation(element []byte) (*Investigation, error) {
	c := cursor{data: element}
	i := new(Investigation)
	return i, c.investigation(i)
}

// decodeComments decodes the answer of the comments endpoint.
func decodeComments(data []byte) ([]*Comment, error) {
	if err := validate(data); err != nil {
		return nil, err
	}
	c := cursor{data: data}
	if !c.enter('{') {
		return nil, errNotObject
	}
	var comments []*Comment
	found := false
	for c.more('}') {
		if string(c.name()) != "comments" {
			c.skip()
			continue
		}
		found = true
		readList(&c, &comments, func(c *cursor, m **Comment) outcome {
			*m = new(Comment)
			return c.comment(*m)
		})
	}
	if !found {
		return nil, errors.New("no comments in the answer")
	}
	return comments, nil
}

// decodeStats decodes the answer of the stats endpoint.
func decodeStats(data []byte) (*Stats, error) {
	if err := validate(data); err != nil {
		return nil, err
	}
	c := cursor{data: data}
	s := new(Stats)
	return s, c.stats(s)
}
