package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// Outcome is what happened to a value.
type Outcome uint8

// The outcomes of a value.
const (
	Held    Outcome = iota // a field holds it
	Zero                   // a field holds it, but does not distinguish it from an absent one
	Null                   // there is nothing to hold
	Kept                   // a field holds a part of it, and Extra the whole
	Unfit                  // no field holds it
	Foreign                // no field has that name; the value has not been read
)

// Bits are a set of fields of an object whose values alone don't determine how they
// are encoded.
type Bits uint64

// Fields holds what [Part] and [Whole] must know about the fields of an object.
type Fields struct {
	Names  []string // names of the members that fields are for
	Always Bits     // set: the field was absent; written even when it is zero
	Kept   Bits     // set: Extra has the member
}

// after returns the set after a member with the given bits.
func (f *Fields) after(unusual, bits Bits, o Outcome) Bits {
	switch o {
	case Zero:
		return unusual&^bits | bits&^(f.Always|f.Kept)
	case Null, Unfit:
		return unusual&^bits | bits&f.Always
	case Kept:
		return unusual&^bits | bits&f.Kept
	default:
		return unusual &^ bits
	}
}

// entrySize is about the memory of a map's entry without its value.
const entrySize = 64

// spendEntry is Spend for the entry of a map. The first entry takes room for eight.
func (c *Cursor) spendEntry(first bool, value uintptr) bool {
	n := entrySize + value
	if first {
		n += 8 * (unsafe.Sizeof("") + value)
	}
	return c.Spend(n)
}

// settle handles a name that no field has. It finds the field of that name in
// another case, or steps over the value.
func (f *Fields) settle(c *Cursor, name []byte, member func([]byte) (Bits, Outcome)) ([]byte, Bits, Outcome) {
	for _, known := range f.Names {
		if len(known) == len(name) && strings.EqualFold(known, string(name)) {
			name = []byte(known)
			bits, o := member(name)
			return name, bits, o
		}
	}
	c.Skip()
	return name, 0, Unfit
}

// Whole reads an object whose Extra is a map, member by member. A value that is
// no object does not fit.
func Whole(c *Cursor, extra *map[string]json.RawMessage, unusual *Bits, fields *Fields, member func(name []byte) (Bits, Outcome)) Outcome {
	if !c.Enter('{') {
		return c.Reject()
	}
	set, foreign := fields.Always, 0
	for !c.Late() && c.More('}') {
		name := c.Name()
		start := c.Pos
		bits, o := member(name)
		if o == Foreign {
			if name, bits, o = fields.settle(c, name, member); bits == 0 && o == Unfit {
				foreign++
			}
		}
		if o == Held {
			set &^= bits
		} else {
			set = fields.after(set, bits, o)
		}
		if o == Unfit || o == Kept {
			value := c.Data[start:c.Pos]
			if *extra == nil {
				*extra = make(map[string]json.RawMessage)
			}
			// Objects around this one may keep the same bytes.
			if c.spendEntry(len(*extra) == 0, unsafe.Sizeof(value)) && c.Spend(uintptr(len(value))) {
				(*extra)[Valid(name)] = bytes.Clone(value)
			}
		} else if len(*extra) > 0 { // The last of a name counts.
			delete(*extra, Valid(name))
		}
	}
	if len(*extra) == 0 {
		*extra = nil
	}
	c.steps++
	*unusual, c.foreign = set, foreign
	return Held
}

// Part reads an object whose Extra is JSON text, member by member. A value that
// is not an object goes to extra as a whole.
func Part(c *Cursor, extra *string, unusual *Bits, fields *Fields, member func(name []byte) (Bits, Outcome)) Outcome {
	if !c.Enter('{') {
		if c.Null() {
			return Null
		}
		c.Misfit()
		*extra = string(c.Skip())
		return Held
	}
	first := len(c.kept)
	set, foreign := fields.Always, 0
	for !c.Late() && c.More('}') {
		begin := c.Pos
		name := c.Name()
		value := c.Pos
		bits, o := member(name)
		if o == Foreign {
			own := name
			if name, bits, o = fields.settle(c, name, member); string(own) != string(name) {
				begin = -1
			} else if bits == 0 && o == Unfit {
				foreign++
			}
		}
		if o == Held {
			set &^= bits
		} else {
			set = fields.after(set, bits, o)
		}
		if o == Unfit || o == Kept {
			c.kept = append(c.kept, keptMember{name, begin, value, c.Pos})
		} else if len(c.kept) > first { // The last of a name counts.
			c.kept = append(c.kept, keptMember{name: name})
		}
	}
	if len(c.kept) > first {
		*extra = c.takeKept(first)
	}
	c.steps++
	*unusual, c.foreign = set, foreign
	return Held
}

// keptMember is a member that will go into an Extra, by its position in the data.
// begin is negative if it has another name there. A member that ends at 0 only
// removes an earlier one of its name.
type keptMember struct {
	name              []byte
	begin, value, end int
}

// takeKept returns the members from first on as an object.
func (c *Cursor) takeKept(first int) string {
	members := c.kept[first:]
	c.kept = c.kept[:first]
	const few = 8
	var last map[string]int
	if len(members) > few && !c.stopped {
		last = make(map[string]int, len(members))
		for i, m := range members {
			if i%often == often-1 && c.ended() {
				return ""
			}
			last[string(m.name)] = i
		}
	}
	superseded := func(i int) bool {
		if last != nil {
			return last[string(members[i].name)] != i
		}
		return slices.ContainsFunc(members[i+1:], func(later keptMember) bool { return bytes.Equal(later.name, members[i].name) })
	}
	var object []byte
	for i, m := range members {
		if c.stopped || i%often == often-1 && c.ended() {
			return ""
		}
		c.Step(m.end - m.value)
		switch {
		case m.end == 0 || superseded(i):
			continue
		case object == nil:
			object = append(make([]byte, 0, m.end-members[0].begin+64), '{')
		default:
			object = append(object, ',')
		}
		if m.begin < 0 {
			object, _ = jsontext.AppendQuote(object, m.name)
			object = append(object, ':')
			m.begin = m.value
		}
		object = append(object, c.Data[m.begin:m.end]...)
	}
	if object == nil {
		return ""
	}
	return string(append(object, '}'))
}

// Reject steps over a value of an unexpected type; null is none.
func (c *Cursor) Reject() Outcome {
	if c.Null() {
		return Null
	}
	c.Misfit()
	return c.Unknown()
}

// Unknown steps over a value that no field is for.
func (c *Cursor) Unknown() Outcome {
	c.Skip()
	return Unfit
}

// Text reads a string, or the text of a number.
func Text(field *string, c *Cursor) Outcome {
	v, ok := c.Text()
	if !ok {
		if v, ok = c.Literal(); !ok {
			*field = ""
			return c.Reject()
		}
	}
	*field = v
	if v == "" {
		return Zero
	}
	return Held
}

// Int reads a whole number, also one in a string.
func Int(field *int64, c *Cursor) Outcome {
	v, ok := c.Int()
	*field = v
	switch {
	case !ok:
		return c.Reject()
	case v == 0:
		return Zero
	default:
		return Held
	}
}

// Float reads a number, also one in a string.
func Float(field *float64, c *Cursor) Outcome {
	v, ok := c.Float()
	*field = v
	switch {
	case !ok:
		return c.Reject()
	case v == 0:
		return Zero
	default:
		return Held
	}
}

// Flag reads a boolean, also one in a string. A number other than 0 and an object
// or list that is not empty say that the flag is set, and more, which is kept.
func Flag(field *bool, c *Cursor) Outcome {
	start := c.Pos
	v, ok := c.Bool()
	if !ok {
		return c.looseFlag(field, start)
	}
	*field = v
	if !v {
		return Zero
	}
	return Held
}

func (c *Cursor) looseFlag(field *bool, start int) Outcome {
	*field = false
	switch b := c.Peek(); b {
	case '"':
		text, _ := c.Quoted()
		switch *field = strings.EqualFold(string(text), "true"); {
		case *field:
			return Held
		case strings.EqualFold(string(text), "false"):
			return Zero
		}
	case '{', '[':
		c.Pos++
		*field = c.Peek() != b+2 // the end bracket
	default:
		v, ok := c.Float()
		*field = ok && v != 0
		if ok && !*field {
			c.Pos = start
			c.Skip()
			return Kept
		}
	}
	c.Pos = start
	if o := c.Reject(); o != Unfit || !*field {
		return o
	}
	return Kept
}

// TextOf reads a kind of text; see [Text].
func TextOf[T ~string](field *T, c *Cursor) Outcome {
	var v string
	o := Text(&v, c)
	*field = T(v)
	return o
}

// IntOf reads a kind of whole number; see [Int].
func IntOf[T ~int64](field *T, c *Cursor) Outcome {
	var v int64
	o := Int(&v, c)
	*field = T(v)
	return o
}

// FloatOf reads a kind of number; see [Float].
func FloatOf[T ~float64](field *T, c *Cursor) Outcome {
	var v float64
	o := Float(&v, c)
	*field = T(v)
	return o
}

// FlagOf reads a kind of boolean; see [Flag].
func FlagOf[T ~bool](field *T, c *Cursor) Outcome {
	var v bool
	o := Flag(&v, c)
	*field = T(v)
	return o
}

// Raw keeps any value but null as it is.
func Raw(field *string, c *Cursor) Outcome {
	*field = ""
	if c.Null() {
		return Null
	}
	*field = string(c.Skip())
	return Held
}

// RawBytes keeps any value but null as it is.
func RawBytes(field *json.RawMessage, c *Cursor) Outcome {
	*field = nil
	if c.Null() {
		return Null
	}
	*field = bytes.Clone(c.Skip())
	return Held
}

// Time reads a time in units of a second: a number, also one in a string, or a
// date and time of RFC 3339.
func Time(field *int64, c *Cursor, unit time.Duration) Outcome {
	v, ok := c.Int()
	*field = v
	switch {
	case !ok:
		return c.dateTime(field, unit)
	case v == 0:
		return Zero
	default:
		return Held
	}
}

func (c *Cursor) dateTime(field *int64, unit time.Duration) Outcome {
	start := c.Pos
	if text, ok := c.Text(); ok {
		t, err := time.Parse(time.RFC3339, text)
		if err == nil && t.Unix() != 0 {
			perSecond := int64(time.Second / unit)
			*field = t.Unix()*perSecond + int64(t.Nanosecond())/int64(unit)
			if int64(t.Nanosecond())%int64(unit) != 0 {
				return Kept
			}
			return Held
		}
		c.Pos = start
	}
	return c.Reject()
}

// AsKept returns the outcome of reading a member into a field of another name.
func AsKept(o Outcome) Outcome {
	switch o {
	case Held:
		return Kept
	case Zero:
		return Unfit
	default:
		return o
	}
}

// Beyond notes the outcome for a field that has no place in the first 64 bits.
func Beyond(unusual *Bits, fields *Fields, bits Bits, o Outcome) Outcome {
	*unusual = fields.after(*unusual, bits, o)
	return o
}

// Key returns what follows a prefix in the name of a member.
func Key(name []byte, prefix string) (string, bool) {
	if len(name) < len(prefix) || string(name[:len(prefix)]) != prefix {
		return "", false
	}
	return Valid(name[len(prefix):]), true
}

// OrZero returns the outcome of reading an object into a field, which is zero or not.
func OrZero(o Outcome, zero bool) Outcome {
	if o == Held && zero {
		return Zero
	}
	return o
}

// Optional reads a value into a pointer, which stays nil without one.
func Optional[T any](field **T, c *Cursor, one func(*T, *Cursor) Outcome) Outcome {
	if !c.Spend(unsafe.Sizeof(*new(T))) {
		return c.Unknown()
	}
	v := new(T)
	o := one(v, c)
	if o == Zero {
		o = Held
	}
	if *field = nil; o == Held || o == Kept {
		*field = v
	}
	return o
}

// List reads a list. A single value counts as a list of one, and nulls don't count.
// An element that does not fit is passed over; Extra then has the whole list.
func List[T any](field *[]T, c *Cursor, one func(*T, *Cursor) Outcome) Outcome {
	*field = nil
	if c.Null() {
		return Null
	}
	if !c.Enter('[') {
		return single(field, c, one)
	}
	elements, o, size := []T{}, Held, unsafe.Sizeof(*new(T))
	for !c.Late() && c.More(']') {
		if !c.Spend(size) {
			c.Skip()
			continue
		}
		elements = append(elements, *new(T))
		switch one(&elements[len(elements)-1], c) {
		case Null:
			elements = elements[:len(elements)-1]
		case Unfit:
			elements = elements[:len(elements)-1]
			o = Kept
		case Kept:
			o = Kept
		case Held, Zero, Foreign:
		}
	}
	*field = elements
	return o
}

// single reads an element that came without a list as a list of one.
func single[T any](field *[]T, c *Cursor, one func(*T, *Cursor) Outcome) Outcome {
	elements := make([]T, 1)
	o := one(&elements[0], c)
	if o == Zero {
		o = Held
	}
	if o == Held || o == Kept {
		*field = elements
	}
	return o
}

// Places reads a list whose places count: null and what does not fit leave the
// element zero. With nulls, zero is how null is written.
func Places[T any](field *[]T, c *Cursor, one func(*T, *Cursor) Outcome, nulls bool) Outcome {
	odd := false
	o := List(field, c, func(element *T, c *Cursor) Outcome {
		o := one(element, c)
		odd = odd || o == Unfit || o == Kept || o == Null && !nulls || o == Zero && nulls
		if o == Null || o == Unfit {
			*element = *new(T)
			return Zero
		}
		return o
	})
	if o == Held && odd {
		return Kept
	}
	return o
}

// Map reads an object whose names are data. A value that does not fit is passed
// over; Extra then has the whole object.
func Map[T any](field *map[string]T, c *Cursor, one func(*T, *Cursor) Outcome) Outcome {
	*field = nil
	if !c.Enter('{') {
		return c.Reject()
	}
	values, o := make(map[string]T), Held
	for !c.Late() && c.More('}') {
		name := Valid(c.Name())
		if got := Entry(&values, name, c, one); got == Unfit || got == Kept {
			o = Kept
		}
	}
	*field = values
	return o
}

// Entry reads one value of a map.
func Entry[T any](field *map[string]T, name string, c *Cursor, one func(*T, *Cursor) Outcome) Outcome {
	if !c.spendEntry(len(*field) == 0, unsafe.Sizeof(*new(T))) {
		return c.Unknown()
	}
	v := new(T)
	o := one(v, c)
	if o == Zero {
		o = Held
	}
	delete(*field, name) // The last of a name counts.
	if o == Held || o == Kept {
		if *field == nil {
			*field = make(map[string]T)
		}
		(*field)[name] = *v
	}
	return o
}
