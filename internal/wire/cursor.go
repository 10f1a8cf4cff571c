// Package wire reads and writes JSON objects member by member. The code that
// wiregen generates calls it.
package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// Options accept what encoding/json accepts: repeated names in an object, of which
// the last counts, and invalid UTF-8, which becomes U+FFFD.
var Options = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Validate checks that data is one JSON value, not nested deeper than the parser
// allows.
func Validate(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), Options...)
	if err := dec.SkipValue(); err != nil {
		return whole(err)
	}
	return ended(dec)
}

// ended checks that only white space is left.
func ended(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fmt.Errorf("more follows at byte %d, after the end", dec.InputOffset())
	default:
		return &parseError{err}
	}
}

// whole turns an unexpected end of the input into an error that does not look like
// a regular end.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return &parseError{err}
}

// parseError is an error of the parser. Its text leaves out the parser's name,
// which means nothing to callers.
type parseError struct{ cause error }

func (e *parseError) Error() string { return strings.TrimPrefix(e.cause.Error(), "jsontext: ") }
func (e *parseError) Unwrap() error { return e.cause }

// Cursor walks over one JSON value that is known to be valid, so it needs no
// errors: it steps over values that don't fit and records them. Its results don't
// share memory with data, which may be overwritten afterwards.
type Cursor struct {
	Data    []byte
	Pos     int
	Count   int // of the values so far
	Scratch any // state that hand-written readers keep between values

	// If Context ends, the rest of the value is skipped. Nil never ends.
	Context interface{ Err() error }

	steps   int          // of the work so far
	pause   int          // the place at which Context is checked next
	stopped bool         // Context has ended
	plain   []byte       // the text that was unescaped last
	unfit   []int        // offsets of values of an unexpected type
	kept    []keptMember // members that will go into an Extra
	foreign int          // members without a field, in the object that was read last
	seen    int          // bytes of all values so far
	spent   int          // bytes of memory for the values, where they can need more than the data
	names   *stringTable // nil = none
}

// On starts again with another value.
func (c *Cursor) On(data []byte) {
	c.Data, c.Pos, c.unfit = data, 0, c.unfit[:0]
	c.pause = often
	c.Count++
	c.seen += len(data)
	const worthwhile = 2 << 10 // a table costs about as much
	if c.names == nil && c.seen > worthwhile {
		c.names = new(stringTable)
	}
}

// The memory that the values of a cursor may take. A short text such as [{},{}] can
// need a hundred times its size.
const (
	Allowance = 64 << 20 // bytes for any data
	Growth    = 16       // bytes more for each byte of the data
)

// Spend records that a value takes n bytes, and reports whether all values together
// are within the limit. If not, reading goes on, but nothing more is kept.
func (c *Cursor) Spend(n uintptr) bool {
	c.spent += int(n)
	return !c.Overspent()
}

// Overspent reports whether values were left out.
func (c *Cursor) Overspent() bool { return c.spent > Allowance+Growth*c.seen }

// often is the number of bytes or members after which Context is checked again: a
// few milliseconds.
const often = 1 << 16

// Late reports whether Context has ended, so that reading should stop. Code that
// walks over an object or a list of any length calls it before each member.
func (c *Cursor) Late() bool { return c.Pos >= c.pause && c.ended() }

func (c *Cursor) ended() bool {
	if !c.stopped && c.Context != nil {
		c.stopped = c.Context.Err() != nil
	}
	if c.stopped {
		c.pause = 0
	} else {
		c.pause = c.Pos + often
	}
	return c.stopped
}

// Step records that n bytes were examined in addition to reading them.
func (c *Cursor) Step(n int) { c.steps += n }

// Steps returns the amount of work in bytes and objects, which does not depend on
// the machine.
func (c *Cursor) Steps() int { return c.steps }

// Stopped reports whether Context ended the reading.
func (c *Cursor) Stopped() bool { return c.stopped }

// Foreign reports whether no member of the object that was just read has a field.
func (c *Cursor) Foreign() bool {
	members, end := 0, c.Pos
	c.Pos = 0
	for c.Enter('{'); c.More('}'); c.Skip() {
		c.Name()
		if members++; members > c.foreign {
			break
		}
	}
	c.Pos = end
	return members <= c.foreign
}

// Settle sets the result of Foreign for a value that a hand-written reader has
// read.
func (c *Cursor) Settle(known bool) {
	if c.foreign = -1; !known {
		c.foreign = math.MaxInt
	}
}

// Peek moves to the next byte that is not white space and returns it.
func (c *Cursor) Peek() byte {
	for c.Data[c.Pos] <= ' ' {
		c.Pos++
	}
	return c.Data[c.Pos]
}

// Enter steps into the object or array that begins with the given bracket, and
// reports whether there is one.
func (c *Cursor) Enter(bracket byte) bool {
	if c.Peek() != bracket {
		return false
	}
	c.Pos++
	return true
}

// More reports whether another member or element follows. If not, it steps over the
// end bracket.
func (c *Cursor) More(end byte) bool {
	b := c.Peek()
	if b == ',' {
		c.Pos++
		b = c.Peek()
	}
	if b == end {
		c.Pos++
		return false
	}
	return true
}

// Name steps over a member's name and colon and moves to its value.
func (c *Cursor) Name() []byte {
	name, escaped := c.Quoted()
	if escaped {
		name = c.Unquoted(name)
	}
	c.Peek()
	c.Pos++ // the colon
	c.Peek()
	return name
}

// Quoted steps over a string, and returns the text between its quotes and whether
// the text has escapes. The cursor must be at the first quote. It reads eight bytes
// at a time.
func (c *Cursor) Quoted() (text []byte, escaped bool) {
	const ones = 0x0101010101010101
	data, start := c.Data, c.Pos+1
	end := start
	for {
		if len(data)-end >= 8 {
			word := binary.LittleEndian.Uint64(data[end : end+8])
			quote, escape := word^ones*'"', word^ones*'\\' // the zero bytes mark the characters
			found := ((quote-ones)&^quote | (escape-ones)&^escape) & (ones << 7)
			if found == 0 {
				end += 8
				continue
			}
			end += bits.TrailingZeros64(found) / 8
		}
		switch data[end] {
		case '"':
			c.Pos = end + 1
			return data[start:end], escaped
		case '\\':
			escaped = true
			end++
		}
		end++
	}
}

// Unquoted resolves the escapes of a string's text.
func (c *Cursor) Unquoted(text []byte) []byte { return appendUnescaped(nil, text) }

// unescaped is like Unquoted, but returns memory that the next call overwrites.
func (c *Cursor) unescaped(text []byte) []byte {
	c.steps += len(text)
	c.plain = appendUnescaped(c.plain[:0], text)
	return c.plain
}

func appendUnescaped(plain, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(plain, text...)
		}
		plain = append(plain, text[:i]...)
		escape := text[i+1]
		text = text[i+2:]
		switch escape { // A quote, a slash or a backslash stands for itself.
		case 'n':
			escape = '\n'
		case 't':
			escape = '\t'
		case 'r':
			escape = '\r'
		case 'b':
			escape = '\b'
		case 'f':
			escape = '\f'
		case 'u':
			r := unit(text)
			text = text[4:]
			if utf16.IsSurrogate(r) && bytes.HasPrefix(text, []byte(`\u`)) {
				if pair := utf16.DecodeRune(r, unit(text[2:])); pair != utf8.RuneError {
					r, text = pair, text[6:]
				}
			}
			plain = utf8.AppendRune(plain, r) // half a pair gives U+FFFD
			continue
		}
		plain = append(plain, escape)
	}
}

// unit returns the unit of UTF-16 that four hexadecimal digits stand for.
func unit(text []byte) rune {
	v, _ := strconv.ParseUint(string(text[:4]), 16, 16)
	return rune(v)
}

// Skip steps over a value and returns its bytes.
func (c *Cursor) Skip() []byte {
	first := c.Peek()
	start := c.Pos
	switch first {
	case '"':
		c.Quoted()
	case '{', '[':
		c.skipNested()
	default:
		for c.Pos < len(c.Data) && !endsScalar(c.Data[c.Pos]) {
			c.Pos++
		}
	}
	c.steps += c.Pos - start
	return c.Data[start:c.Pos]
}

func (c *Cursor) skipNested() {
	for depth := 0; ; {
		switch c.Data[c.Pos] {
		case '"':
			c.Quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.Pos++
		if depth == 0 {
			return
		}
	}
}

func endsScalar(b byte) bool {
	return b <= ' ' || b == ',' || b == '}' || b == ']'
}

// Misfit records that the next value has an unexpected type.
func (c *Cursor) Misfit() {
	const most = 100 // more of them add no information
	if c.Peek(); len(c.unfit) < most {
		c.unfit = append(c.unfit, c.Pos)
	}
}

// Mark is a position in the data and in the list of misfits.
type Mark struct{ pos, note int }

// Mark returns the place of the next value.
func (c *Cursor) Mark() Mark {
	c.Peek()
	return Mark{c.Pos, len(c.unfit)}
}

// Skipped returns the paths of the misfits in the value at a mark, such as
// "details[0].blocks".
func (c *Cursor) Skipped(mark Mark) []string {
	if len(c.unfit) == mark.note || c.stopped {
		return nil
	}
	// Objects around this one look for the same values again.
	c.Step(c.Pos - mark.pos)
	if !c.Spend(uintptr(c.Pos - mark.pos)) {
		return nil
	}
	noted := slices.Clone(c.unfit[mark.note:])
	slices.Sort(noted)
	noted = slices.Compact(noted)
	end, pause := c.Pos, c.pause
	c.Pos, c.pause = mark.pos, mark.pos+often
	paths := make([]string, 0, len(noted))
	c.findPaths(nil, noted, &paths)
	if c.Pos = end; !c.stopped {
		c.pause = pause
	}
	return paths
}

// findPaths walks over the next value, which has the given path, and adds the paths
// of the noted values.
func (c *Cursor) findPaths(path []byte, noted []int, found *[]string) {
	const longest = 1000 // longer paths are no help
	if c.Peek(); c.Pos == noted[len(*found)] {
		text := strings.TrimPrefix(Valid(path[:min(len(path), longest)]), ".")
		if len(path) > longest {
			text += "…"
		}
		c.Spend(unsafe.Sizeof(text) + uintptr(len(text)))
		*found = append(*found, text)
	}
	done := func() bool { return len(*found) == len(noted) }
	switch {
	case done():
	case c.Enter('{'):
		for !done() && !c.Late() && c.More('}') {
			c.findPaths(append(append(path, '.'), c.Name()...), noted, found)
		}
	case c.Enter('['):
		for i := 0; !done() && !c.Late() && c.More(']'); i++ {
			c.findPaths(fmt.Appendf(path, "[%d]", i), noted, found)
		}
	default:
		c.Skip()
	}
}

// Null steps over a null and reports whether there was one.
func (c *Cursor) Null() bool {
	if c.Peek() != 'n' {
		return false
	}
	c.Pos += len("null")
	return true
}

// The readers below return the next value and step over it if it has the right
// type; otherwise they don't move.

// Text returns the text of a string.
func (c *Cursor) Text() (string, bool) {
	if c.Peek() != '"' {
		return "", false
	}
	text, escaped := c.Quoted()
	if escaped {
		text = c.unescaped(text)
	}
	return c.names.get(text), true
}

// Literal returns the text of a number unchanged.
func (c *Cursor) Literal() (string, bool) {
	if b := c.Peek(); b != '-' && (b < '0' || b > '9') {
		return "", false
	}
	return string(c.Skip()), true
}

// Bool returns true or false.
func (c *Cursor) Bool() (v, ok bool) {
	switch c.Peek() {
	case 't':
		c.Pos += len("true")
		return true, true
	case 'f':
		c.Pos += len("false")
		return false, true
	default:
		return false, false
	}
}

// number returns the text of a number, or of a string that may hold one.
func (c *Cursor) number() (text []byte, ok bool) {
	switch b := c.Peek(); {
	case b == '"':
		text, _ = c.Quoted()
		return text, len(bytes.Trim(text, "+-.0123456789eE")) == 0
	case b == '-' || '0' <= b && b <= '9':
		return c.Skip(), true
	default:
		return nil, false
	}
}

// Int returns a whole number, which may be in a string.
func (c *Cursor) Int() (int64, bool) {
	if v, ok := c.digits(); ok {
		return v, true
	}
	start := c.Pos
	if text, ok := c.number(); ok {
		if v, ok := parseInt(text); ok {
			return v, true
		}
	}
	c.Pos = start
	return 0, false
}

// digits returns a number of digits only. Nearly all numbers are such: ids and
// times.
func (c *Cursor) digits() (v int64, ok bool) {
	const most = 18 // this many always fit
	quoted := c.Peek() == '"'
	begin := c.Pos
	if quoted {
		begin++
	}
	end := begin
	for ; end < len(c.Data) && '0' <= c.Data[end] && c.Data[end] <= '9'; end++ {
		v = v*10 + int64(c.Data[end]-'0')
	}
	switch {
	case end == begin || end > begin+most:
		return 0, false
	case quoted && c.Data[end] == '"':
		c.Pos = end + 1
	case !quoted && (end == len(c.Data) || endsScalar(c.Data[end])):
		c.Pos = end
	default:
		return 0, false
	}
	return v, true
}

// Float returns a number, which may be in a string.
func (c *Cursor) Float() (float64, bool) {
	start := c.Pos
	if text, ok := c.number(); ok {
		if v, err := strconv.ParseFloat(string(text), 64); err == nil {
			return v, true
		}
	}
	c.Pos = start
	return 0, false
}

// parseInt reads a whole number, even if it is written as a float.
func parseInt(text []byte) (int64, bool) {
	if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return v, true
	}
	if digits, zeros, ok := bytes.Cut(text, []byte(".")); ok && len(bytes.Trim(zeros, "0")) == 0 {
		v, err := strconv.ParseInt(string(digits), 10, 64)
		return v, err == nil
	}
	const exact = 1 << 53 // beyond it a float can't represent every whole number
	v, err := strconv.ParseFloat(string(text), 64)
	return int64(v), err == nil && math.Abs(v) <= exact && v == math.Trunc(v)
}

// stringTable keeps strings that occur often, such as keys and types, so that each
// is allocated once.
type stringTable [128]string

// get returns text as a string.
func (t *stringTable) get(text []byte) string {
	const longest = 48
	if t == nil || len(text) > longest {
		return Valid(text)
	}
	known := &t[checksum(text)%uint64(len(t))]
	if *known != string(text) {
		*known = Valid(text)
	}
	return *known
}

// checksum differs for strings that differ in their length, or in their first or
// last eight bytes.
func checksum(text []byte) uint64 {
	const golden = 0x9e3779b97f4a7c15
	mixed := uint64(len(text))
	if len(text) >= 8 {
		mixed += binary.LittleEndian.Uint64(text) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(text[len(text)-8:]), 27)
	} else {
		for _, b := range text {
			mixed = mixed<<8 | uint64(b)
		}
	}
	return mixed * golden >> 32
}

// Valid returns text as a string, with U+FFFD for each byte that is not UTF-8.
func Valid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string([]rune(string(text)))
}
