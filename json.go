package darktrace

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unsafe"

	"github.com/darktrace-go/darktrace/internal/wire"
)

//go:generate go run ./internal/wiregen

// fieldSet holds the fields of an object that their values alone would encode
// differently: explicit zeros, absent flags, and fields whose whole value is in
// Extra.
type fieldSet = wire.Bits

// wideFieldSet is for objects with more fields than a fieldSet holds.
type wideFieldSet = [2]wire.Bits

// readable is a pointer to a T, which can be read from JSON.
type readable[T any] interface {
	*T
	readJSON(c *wire.Cursor) wire.Outcome
}

// writable is a pointer to a T, which can be written as JSON.
type writable[T any] interface {
	*T
	writeJSON(w *wire.Writer)
}

// errNotObject is the only error of decoding valid JSON.
var errNotObject = errors.New("expected an object")

// errOverspent is the error of a value that takes far more memory than its
// text.
var errOverspent = fmt.Errorf("it would need more than %d MiB of memory plus %d times its own size", wire.Allowance>>20, wire.Growth)

// errStopped is the error of a value whose context ended while it was decoded.
var errStopped = errors.New("stopped")

// unmarshal decodes data into an empty value.
func unmarshal[T any, P readable[T]](data []byte, v P) error {
	if err := wire.Validate(data); err != nil {
		return fmt.Errorf("decoding %T: %w", *v, err)
	}
	*v = *new(T)
	var c wire.Cursor
	c.On(data)
	if c.Null() {
		return nil // as encoding/json does
	}
	o := v.readJSON(&c)
	switch {
	case c.Overspent():
		*v = *new(T)
		return fmt.Errorf("decoding %T: %w", *v, errOverspent)
	case o == wire.Unfit:
		return fmt.Errorf("decoding %T: %w", *v, errNotObject)
	}
	return nil
}

func marshal[T any, P writable[T]](v P) ([]byte, error) {
	var w wire.Writer
	v.writeJSON(&w)
	data, err := w.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", *v, err)
	}
	return data, nil
}

// unmarshalNumber decodes data into a number.
func unmarshalNumber[T any](data []byte, v *T, read func(*T, *wire.Cursor) wire.Outcome) error {
	if err := wire.Validate(data); err != nil {
		return fmt.Errorf("decoding %T: %w", *v, err)
	}
	var c wire.Cursor
	c.On(data)
	if read(v, &c) == wire.Unfit {
		return fmt.Errorf("decoding %T: expected a number", *v)
	}
	return nil
}

// UnmarshalJSON decodes a number, also one in a string.
func (m *Millis) UnmarshalJSON(data []byte) error {
	return unmarshalNumber(data, m, (*Millis).readJSON)
}

// UnmarshalJSON decodes a number, also one in a string.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	return unmarshalNumber(data, s, (*Seconds).readJSON)
}

// UnmarshalJSON decodes a number, also one in a string.
func (s *Score) UnmarshalJSON(data []byte) error {
	return unmarshalNumber(data, s, wire.FloatOf[Score])
}

func (m *Millis) readJSON(c *wire.Cursor) wire.Outcome {
	return wire.Time((*int64)(m), c, time.Millisecond)
}

func (m *Millis) writeJSON(w *wire.Writer) { w.Int(int64(*m)) }

func (m *Millis) isZero() bool { return *m == 0 }

func (s *Seconds) readJSON(c *wire.Cursor) wire.Outcome {
	return wire.Time((*int64)(s), c, time.Second)
}

func (s *Seconds) writeJSON(w *wire.Writer) { w.Int(int64(*s)) }

func (s *Seconds) isZero() bool { return *s == 0 }

// UnmarshalJSON keeps the JSON unchanged.
func (v *RawJSON) UnmarshalJSON(data []byte) error {
	*v = RawJSON(data)
	return nil
}

// MarshalJSON returns the JSON; empty gives null.
func (v RawJSON) MarshalJSON() ([]byte, error) { return marshal(&v) }

func (v *RawJSON) readJSON(c *wire.Cursor) wire.Outcome { return wire.Raw((*string)(v), c) }

func (v *RawJSON) writeJSON(w *wire.Writer) { w.Raw([]byte(*v)) }

func (v *RawJSON) isZero() bool { return *v == "" }

// elementDecoder decodes one element of a list. The bytes are valid JSON and belong
// to the caller, who overwrites them after the call. The error is errNotObject for
// an element that is not an object, errOverspent or errStopped. If the value has no
// known field, it is returned together with errForeign.
type elementDecoder[T any] func(element []byte) (*T, error)

// errForeign is not an error for the element of a list, which may be empty.
var errForeign = errors.New("expected a list, not an object with other members")

// waiter is a context; nil waits forever.
type waiter interface{ Err() error }

// decoderOf returns a decoder for the elements of one response, which stops
// when ctx ends.
func decoderOf[T any, P readable[T]](ctx waiter) elementDecoder[T] {
	c := wire.Cursor{Context: ctx}
	return func(element []byte) (*T, error) {
		if c.On(element); c.Peek() != '{' {
			return nil, errNotObject
		}
		v := new(T)
		c.Spend(unsafe.Sizeof(*v))
		o := P(v).readJSON(&c)
		switch {
		case c.Stopped():
			return nil, errStopped
		case c.Overspent():
			return nil, errOverspent
		case o != wire.Held:
			return nil, errNotObject
		case c.Foreign() && !c.Stopped():
			return v, errForeign
		}
		return v, nil
	}
}

// objectOf returns a decoder for an endpoint whose response is an object.
func objectOf[T any, P readable[T]](ctx waiter) elementDecoder[T] {
	decode := decoderOf[T, P](ctx)
	return func(element []byte) (*T, error) {
		v, err := decode(element)
		if v != nil {
			return v, nil
		}
		return nil, err
	}
}

// decodeText decodes an element of a list of texts. What is not a text is returned as
// JSON.
func decodeText(element []byte) (*string, error) {
	c := wire.Cursor{Data: element}
	text, ok := c.Text()
	if !ok {
		text = string(element)
	}
	if element[0] == '{' {
		return &text, errForeign
	}
	return &text, nil
}

// decodeStream reads a list and yields its elements one by one, each as soon as it
// has arrived; see [wire.Elements]. Elements that are not objects are skipped. odd is
// called for them and for objects without a known member, with the index and why it is
// odd; if it returns an error, that ends the list. An object counts as a list of one if
// it has a member of such an element.
func decodeStream[T any](r io.Reader, decode elementDecoder[T], odd func(i int, element []byte, why error) error, yield func(*T) bool) error {
	i := -1
	var fatal error
	err := wire.Elements(r, func(element []byte, alone bool) bool {
		i++
		v, err := decode(element)
		switch {
		case err == nil:
			return yield(v)
		case errors.Is(err, errNotObject), errors.Is(err, errForeign) && !alone:
			fatal = odd(i, element, err)
		default:
			fatal = err
		}
		return fatal == nil && (v == nil || yield(v))
	})
	return cmp.Or(fatal, err)
}

// decodeEvent returns a decoder of events for one stream. With keepRaw each
// event keeps its JSON.
func decodeEvent(ctx waiter, keepRaw bool) elementDecoder[IncidentEvent] {
	decode := decoderOf[IncidentEvent](ctx)
	if !keepRaw {
		return decode
	}
	return func(element []byte) (*IncidentEvent, error) {
		e, err := decode(element)
		if e != nil {
			e.Raw = json.RawMessage(string(element))
		}
		return e, err
	}
}

// decodeGroup returns a decoder of groups for one stream. With keepRaw each
// group keeps its JSON.
func decodeGroup(ctx waiter, keepRaw bool) elementDecoder[IncidentGroup] {
	decode := decoderOf[IncidentGroup](ctx)
	if !keepRaw {
		return decode
	}
	return func(element []byte) (*IncidentGroup, error) {
		g, err := decode(element)
		if g != nil {
			g.Raw = json.RawMessage(string(element))
		}
		return g, err
	}
}

// eventID returns the id of an event without decoding the rest; nil if it has none.
func eventID(event []byte) []byte {
	c := wire.Cursor{Data: event}
	if !c.Enter('{') {
		return nil
	}
	for c.More('}') {
		if string(c.Name()) != "id" {
			c.Skip()
			continue
		}
		if c.Peek() != '"' {
			return nil
		}
		id, escaped := c.Quoted()
		if escaped {
			id = c.Unquoted(id)
		}
		return id
	}
	return nil
}
