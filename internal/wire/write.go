package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Writer builds JSON. Its methods that take a name write a member, which they leave
// out if the value is zero, unless always is set.
type Writer struct {
	buf     []byte
	written []string // names of the fields so far, of the objects that are open
	err     error
	steps   int // of the work so far
}

// Steps returns how much was done, in names and bytes, which does not depend on the
// machine.
func (w *Writer) Steps() int { return w.steps + len(w.buf) }

// Bytes returns what was written, or the first error.
func (w *Writer) Bytes() ([]byte, error) { return w.buf, w.err }

// Fail keeps the first error.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// separate writes the separator after the value before, if there is one.
func (w *Writer) separate() {
	if n := len(w.buf); n > 0 && w.buf[n-1] != '{' && w.buf[n-1] != '[' && w.buf[n-1] != ':' {
		w.buf = append(w.buf, ',')
	}
}

// Name begins a member.
func (w *Writer) Name(name string) {
	w.separate()
	w.buf, _ = jsontext.AppendQuote(w.buf, name) // an error means invalid UTF-8, replaced
	w.buf = append(w.buf, ':')
	w.written = append(w.written, name)
}

// String writes a string.
func (w *Writer) String(s string) {
	w.separate()
	w.buf, _ = jsontext.AppendQuote(w.buf, s) // an error means invalid UTF-8, replaced
}

// Int writes a whole number.
func (w *Writer) Int(i int64) {
	w.separate()
	w.buf = strconv.AppendInt(w.buf, i, 10)
}

// Float writes a number.
func (w *Writer) Float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.Fail(fmt.Errorf("JSON has no number for %v", f))
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.separate()
	w.buf = strconv.AppendFloat(w.buf, f, format, -1, 64)
}

// Bool writes a boolean.
func (w *Writer) Bool(b bool) {
	w.separate()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Null writes null.
func (w *Writer) Null() {
	w.separate()
	w.buf = append(w.buf, "null"...)
}

// Raw writes JSON that came from outside.
func (w *Writer) Raw(value []byte) {
	if len(value) == 0 {
		w.Null()
		return
	}
	if err := w.validate(value); err != nil {
		w.Fail(fmt.Errorf("raw JSON: %w", err))
	}
	w.separate()
	w.buf = append(w.buf, value...)
}

func (w *Writer) validate(value []byte) error {
	w.steps += len(value)
	return Validate(value)
}

// fieldsFrom returns a function that reports whether a field of that name was
// written since an object began. A search through all fields would be slow if the
// data has a name for each.
func (w *Writer) fieldsFrom(outer int) func(name string) bool {
	const few = 64
	fields := w.written[outer:len(w.written):len(w.written)]
	if len(fields) > few {
		w.steps += len(fields)
		fields = slices.Sorted(slices.Values(fields))
		return func(name string) bool {
			w.steps++
			_, found := slices.BinarySearch(fields, name)
			return found
		}
	}
	return func(name string) bool {
		w.steps += len(fields)
		return slices.Contains(fields, name)
	}
}

// PutText writes a member that is text.
func (w *Writer) PutText(name, v string, zeroToo bool) {
	if v != "" || zeroToo {
		w.Name(name)
		w.String(v)
	}
}

// PutInt writes a member that is a whole number.
func (w *Writer) PutInt(name string, v int64, zeroToo bool) {
	if v != 0 || zeroToo {
		w.Name(name)
		w.Int(v)
	}
}

// PutFloat writes a member that is a number.
func (w *Writer) PutFloat(name string, v float64, zeroToo bool) {
	if v != 0 || zeroToo {
		w.Name(name)
		w.Float(v)
	}
}

// PutFlag writes a member that is a boolean.
func (w *Writer) PutFlag(name string, v, falseToo bool) {
	if v || falseToo {
		w.Name(name)
		w.Bool(v)
	}
}

// PutRawBytes writes a member that is JSON from outside.
func (w *Writer) PutRawBytes(name string, v json.RawMessage) {
	if v != nil {
		w.Name(name)
		w.Raw(v)
	}
}

// PutList writes a member that is a list; nil is left out.
func PutList[T any](w *Writer, name string, list []T, one func(*T, *Writer)) {
	if list != nil {
		w.Name(name)
		WriteList(w, list, one)
	}
}

// PutMap writes a member that is an object whose names are data; nil is left out.
func PutMap[T any](w *Writer, name string, values map[string]T, one func(*T, *Writer)) {
	if values != nil {
		w.Name(name)
		WriteMap(w, values, one)
	}
}

// PutEntries writes a member for each value of a map, their names behind a prefix.
func PutEntries[T any](w *Writer, prefix string, values map[string]T, one func(*T, *Writer)) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		w.Name(prefix + name)
		one(&v, w)
	}
}

// PutOptional writes a member unless it is nil.
func PutOptional[T any](w *Writer, name string, v *T, one func(*T, *Writer)) {
	if v != nil {
		w.Name(name)
		one(v, w)
	}
}

// WriteList writes a list.
func WriteList[T any](w *Writer, list []T, one func(*T, *Writer)) {
	w.separate()
	w.buf = append(w.buf, '[')
	for i := range list {
		one(&list[i], w)
	}
	w.buf = append(w.buf, ']')
}

// WriteMap writes an object whose names are data, sorted.
func WriteMap[T any](w *Writer, values map[string]T, one func(*T, *Writer)) {
	w.Object(func() { PutEntries(w, "", values, one) })
}

// WriteText writes a kind of text.
func WriteText[T ~string](v *T, w *Writer) { w.String(string(*v)) }

// WriteInt writes a kind of whole number.
func WriteInt[T ~int64](v *T, w *Writer) { w.Int(int64(*v)) }

// WriteFloat writes a kind of number.
func WriteFloat[T ~float64](v *T, w *Writer) { w.Float(float64(*v)) }

// WriteFlag writes a kind of boolean.
func WriteFlag[T ~bool](v *T, w *Writer) { w.Bool(bool(*v)) }

// WriteRawBytes writes JSON from outside.
func WriteRawBytes(v *json.RawMessage, w *Writer) { w.Raw(*v) }

// WritePointer writes what a pointer points to; nil is null.
func WritePointer[T any](w *Writer, v **T, one func(*T, *Writer)) {
	if *v == nil {
		w.Null()
	} else {
		one(*v, w)
	}
}

// Object writes an object.
func (w *Writer) Object(members func()) {
	outer := len(w.written)
	w.separate()
	w.buf = append(w.buf, '{')
	members()
	w.buf = append(w.buf, '}')
	w.written = w.written[:outer]
}

// Part writes an object whose Extra is JSON text, which holds the whole of what
// is not an object at all. Members of extra that members wrote are left out.
func (w *Writer) Part(extra string, members func()) {
	if extra == "" {
		w.Object(members)
		return
	}
	if err := w.validate([]byte(extra)); err != nil {
		w.Fail(fmt.Errorf("extra JSON: %w", err))
		return
	}
	c := Cursor{Data: []byte(extra)}
	if !c.Enter('{') {
		w.Raw([]byte(extra))
		return
	}
	outer := len(w.written)
	w.Object(func() {
		members()
		isField := w.fieldsFrom(outer)
		for c.More('}') {
			begin := c.Pos
			name := c.Name()
			c.Skip()
			if !isField(Valid(name)) {
				w.separate()
				w.buf = append(w.buf, c.Data[begin:c.Pos]...)
			}
		}
	})
}

// Whole writes an object whose Extra is a map. Members of extra that members
// wrote are left out.
func (w *Writer) Whole(extra map[string]json.RawMessage, members func()) {
	if len(extra) == 0 {
		w.Object(members)
		return
	}
	outer := len(w.written)
	w.Object(func() {
		members()
		isField := w.fieldsFrom(outer)
		for _, name := range slices.Sorted(maps.Keys(extra)) {
			if !isField(name) {
				w.Name(name)
				w.Raw(extra[name])
			}
		}
	})
}

// InPart tells whether the Extra of a part has a member.
func InPart(extra, member string) bool {
	if extra == "" || Validate([]byte(extra)) != nil {
		return false
	}
	c := Cursor{Data: []byte(extra)}
	return c.Has(member)
}

// InWhole tells whether an Extra has a member.
func InWhole(extra map[string]json.RawMessage, member string) bool {
	_, ok := extra[member]
	return ok
}

// Has tells whether the next value is an object with such a member.
func (c *Cursor) Has(member string) (found bool) {
	start := c.Pos
	if c.Enter('{') {
		for !found && c.More('}') {
			found = string(c.Name()) == member
			c.Skip()
		}
	}
	c.Pos = start
	return found
}

// ErrNoObject is the only error of decoding valid JSON.
var ErrNoObject = errors.New("expected an object")

// Decode reads data, one JSON value, into an empty value; null leaves it empty, as
// encoding/json does.
func Decode(data []byte, read func(*Cursor) Outcome) error {
	if err := Validate(data); err != nil {
		return err
	}
	var c Cursor
	c.On(data)
	if c.Null() {
		return nil
	}
	if read(&c) == Unfit {
		return ErrNoObject
	}
	return nil
}
