package darktrace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
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
	names *stringTable // nil = none
	lists detailLists
}

// on starts over with another value.
func (c *cursor) on(data []byte) {
	c.data, c.pos, c.unfit = data, 0, nil
}

// peek moves to the next byte that is not white space and returns it; 0 at the
// end.
func (c *cursor) peek() byte {
	for c.pos < len(c.data) {
		if b := c.data[c.pos]; b > ' ' {
			return b
		}
		c.pos++
	}
	return 0
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
	name, plain := c.quoted()
	if !plain {
		name = unquote(name)
	}
	c.peek()
	c.pos++ // the colon
	c.peek()
	return name
}

// quoted steps over a string and returns what is between its quotes, and
// whether that has no escapes.
func (c *cursor) quoted() (text []byte, plain bool) {
	c.peek()
	c.pos++
	rest := c.data[c.pos:]
	end := bytes.IndexByte(rest, '"')
	if plain = bytes.IndexByte(rest[:end], '\\') < 0; !plain {
		for end = 0; rest[end] != '"'; end++ {
			if rest[end] == '\\' {
				end++
			}
		}
	}
	c.pos += end + 1
	return rest[:end], plain
}

// unquote resolves the escapes of what quoted returned.
func unquote(text []byte) []byte {
	literal := append(append([]byte{'"'}, text...), '"')
	unquoted, _ := jsontext.AppendUnquote(nil, literal) // an error means invalid UTF-8, replaced
	return unquoted
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
	text, plain := c.quoted()
	if !plain {
		return string(unquote(text)), true
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
	hash := uint32(len(text))
	for _, b := range text {
		hash = hash*31 + uint32(b)
	}
	known := &t[(hash^hash>>16)%uint32(len(t))]
	if *known != string(text) {
		*known = valid(text)
	}
	return *known
}

// valid returns text as a string, with U+FFFD for each byte that is not UTF-8.
func valid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string(unquote(text))
}
