package darktrace

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
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonOptions accept what encoding/json accepts: names twice in an object, of
// which the last counts, and invalid UTF-8, which becomes U+FFFD.
var jsonOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// validate checks that data is one JSON value, nested no deeper than the
// parser allows.
func validate(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsonOptions...)
	if err := dec.SkipValue(); err != nil {
		return whole(err)
	}
	return ended(dec)
}

// ended checks that nothing but white space is left.
func ended(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fmt.Errorf("more follows at byte %d, after the end", dec.InputOffset())
	default:
		return err
	}
}

// whole turns an end of the input where more was due into an error that can't
// be taken for a good end.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cursor walks over one JSON value that is known to be valid. That spares it
// every error: what does not fit is stepped over and noted. What it returns
// holds nothing of data, which may be overwritten afterwards.
type cursor struct {
	data  []byte
	pos   int
	unfit []int        // offsets of values of an unexpected type
	kept  []byte       // members on their way into an Extra
	form  *detailForm  // form of the details that are being read
	seen  int          // bytes of all values so far
	names *stringTable // nil = none
	lists detailLists
}

// on starts over with another value.
func (c *cursor) on(data []byte) {
	c.data, c.pos, c.unfit = data, 0, nil
	c.seen += len(data)
	const worthwhile = 2 << 10 // a table costs about as much
	if c.names == nil && c.seen > worthwhile {
		c.names = new(stringTable)
	}
}

// peek moves to the next byte that is not white space and returns it.
func (c *cursor) peek() byte {
	for c.data[c.pos] <= ' ' {
		c.pos++
	}
	return c.data[c.pos]
}

// enter steps into the object or array that begins with the given bracket, and
// tells whether there is one.
func (c *cursor) enter(bracket byte) bool {
	if c.peek() != bracket {
		return false
	}
	c.pos++
	return true
}

// more tells whether another member or element comes before the end bracket,
// which it steps over.
func (c *cursor) more(end byte) bool {
	b := c.peek()
	if b == ',' {
		c.pos++
		b = c.peek()
	}
	if b == end {
		c.pos++
		return false
	}
	return true
}

// name steps over a member's name and colon and moves to its value.
func (c *cursor) name() []byte {
	name, escaped := c.quoted()
	if escaped {
		name = c.unquoted(name)
	}
	c.peek()
	c.pos++ // the colon
	c.peek()
	return name
}

// quoted steps over a string and returns what is between its quotes, and
// whether that has escapes.
func (c *cursor) quoted() (text []byte, escaped bool) {
	c.peek()
	start := c.pos + 1
	end := start + special(c.data[start:])
	for c.data[end] == '\\' {
		escaped = true
		end += 2
		end += special(c.data[end:])
	}
	c.pos = end + 1
	return c.data[start:end], escaped
}

// special returns the place of the first quote or backslash, of which there is
// one. It looks at eight bytes at a time.
func special(text []byte) int {
	const ones = 0x0101010101010101
	i := 0
	for ; len(text)-i >= 8; i += 8 {
		word := binary.LittleEndian.Uint64(text[i:])
		quote, escape := word^ones*'"', word^ones*'\\' // zero bytes are what is looked for
		if found := ((quote-ones)&^quote | (escape-ones)&^escape) & (ones << 7); found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

// unquoted resolves the escapes of what lies between two quotes of the data.
func (c *cursor) unquoted(text []byte) []byte { return unquote(c.data[c.pos-len(text)-2 : c.pos]) }

// unquote resolves the escapes of a string, quotes included.
func unquote(literal []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, literal) // an error means invalid UTF-8, replaced
	return text
}

// skip steps over a value and returns its bytes.
func (c *cursor) skip() []byte {
	first := c.peek()
	start := c.pos
	switch first {
	case '"':
		c.quoted()
	case '{', '[':
		c.skipNested()
	default:
		for c.pos < len(c.data) && !endsScalar(c.data[c.pos]) {
			c.pos++
		}
	}
	return c.data[start:c.pos]
}

func (c *cursor) skipNested() {
	for depth := 0; ; {
		switch c.data[c.pos] {
		case '"':
			c.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.pos++
		if depth == 0 {
			return
		}
	}
}

func endsScalar(b byte) bool {
	return b <= ' ' || b == ',' || b == '}' || b == ']'
}

// misfit notes that the next value has an unexpected type.
func (c *cursor) misfit() {
	const most = 100 // an event full of them tells no more than its first ones
	if c.peek(); len(c.unfit) < most {
		c.unfit = append(c.unfit, c.pos)
	}
}

// skipped returns the paths of what was noted, such as "details[0].blocks".
func (c *cursor) skipped() []string {
	if len(c.unfit) == 0 {
		return nil
	}
	slices.Sort(c.unfit)
	c.unfit = slices.Compact(c.unfit)
	paths := make([]string, 0, len(c.unfit))
	c.pos = 0
	c.findPaths(nil, &paths)
	return paths
}

// findPaths walks over the next value, whose path is given, in search of what
// was noted.
func (c *cursor) findPaths(path []byte, found *[]string) {
	if c.peek(); c.pos == c.unfit[len(*found)] {
		*found = append(*found, strings.TrimPrefix(valid(path), "."))
	}
	done := func() bool { return len(*found) == len(c.unfit) }
	switch {
	case done():
	case c.enter('{'):
		for !done() && c.more('}') {
			c.findPaths(append(append(path, '.'), c.name()...), found)
		}
	case c.enter('['):
		for i := 0; !done() && c.more(']'); i++ {
			c.findPaths(fmt.Appendf(path, "[%d]", i), found)
		}
	default:
		c.skip()
	}
}

// null steps over a null and tells whether there was one.
func (c *cursor) null() bool {
	if c.peek() != 'n' {
		return false
	}
	c.pos += len("null")
	return true
}

// The readers below step over the next value and return it if it has the right
// type; otherwise they stay where they are.

func (c *cursor) string() (string, bool) {
	if c.peek() != '"' {
		return "", false
	}
	text, escaped := c.quoted()
	if escaped {
		text = c.unquoted(text)
	}
	return c.names.get(text), true
}

func (c *cursor) bool() (v, ok bool) {
	switch c.peek() {
	case 't':
		c.pos += len("true")
		return true, true
	case 'f':
		c.pos += len("false")
		return false, true
	default:
		return false, false
	}
}

// number returns the text of a number, or of a string that may hold one.
func (c *cursor) number() (text []byte, ok bool) {
	switch b := c.peek(); {
	case b == '"':
		text, _ = c.quoted()
		return text, len(bytes.Trim(text, "+-.0123456789eE")) == 0
	case b == '-' || '0' <= b && b <= '9':
		return c.skip(), true
	default:
		return nil, false
	}
}

func (c *cursor) int() (int64, bool) {
	start := c.pos
	if text, ok := c.number(); ok {
		if v, ok := parseInt(text); ok {
			return v, true
		}
	}
	c.pos = start
	return 0, false
}

func (c *cursor) float() (float64, bool) {
	start := c.pos
	if text, ok := c.number(); ok {
		if v, err := strconv.ParseFloat(string(text), 64); err == nil {
			return v, true
		}
	}
	c.pos = start
	return 0, false
}

// parseInt reads a whole number, also one that is written as a float.
func parseInt(text []byte) (int64, bool) {
	if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return v, true
	}
	if digits, zeros, ok := bytes.Cut(text, []byte(".")); ok && len(bytes.Trim(zeros, "0")) == 0 {
		v, err := strconv.ParseInt(string(digits), 10, 64)
		return v, err == nil
	}
	const exact = 1 << 53 // beyond it a float no longer tells one whole number from the next
	v, err := strconv.ParseFloat(string(text), 64)
	return int64(v), err == nil && math.Abs(v) <= exact && v == math.Trunc(v)
}

// stringTable keeps strings that come again and again, such as keys and types,
// so that each is allocated once.
type stringTable [128]string

// get returns text as a string.
func (t *stringTable) get(text []byte) string {
	const longest = 48
	if t == nil || len(text) > longest {
		return valid(text)
	}
	known := &t[checksum(text)%uint64(len(t))]
	if *known != string(text) {
		*known = valid(text)
	}
	return *known
}

// checksum spreads strings that differ in their length, or in their first or last
// eight bytes.
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

// valid returns text as a string, with U+FFFD for each byte that is not UTF-8.
func valid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string([]rune(string(text)))
}
