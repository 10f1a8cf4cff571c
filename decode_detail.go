package darktrace

import (
	"bytes"
	"slices"
)

// detailForm holds the names of one of the two forms of details.
type detailForm struct{ header, contents, key, kind, values string }

// The two forms. A group of the token form is the contents of its block; the
// block form has a list of groups.
var (
	tokenForm = &detailForm{"header", "contents", "key", "type", "values"}
	blockForm = &detailForm{"blockHeader", "bulletBlocks", "detailKey", "valueType", "detailValues"}
)

// detailLists is memory for the lists inside the details of one event, so that
// each need not be allocated on its own.
type detailLists struct {
	blocks  []DetailBlock
	groups  [][]Detail
	details []Detail
	values  []DetailValue
}

// newDetailLists makes room for details that are about to be read.
func newDetailLists(data []byte) detailLists {
	const usual, most = 4, 4096                       // more than that is allocated list by list
	n := min(bytes.Count(data, []byte(`ues"`)), most) // "values" or "detailValues"
	return detailLists{make([]DetailBlock, 0, usual), make([][]Detail, 0, usual), make([]Detail, 0, n), make([]DetailValue, 0, n)}
}

// free returns an empty list that grows into the free part of room.
func free[T any](room []T) []T {
	if room == nil {
		return []T{}
	}
	return room[len(room):]
}

// take marks a list that grew from free as used, unless append had to find
// other room for it.
func take[T any](room *[]T, list []T) []T {
	if used := len(*room) + len(list); used <= cap(*room) {
		*room = (*room)[:used]
	}
	return slices.Clip(list)
}

// gather reads a list into room. Single values and nulls are treated as
// readList does.
func gather[T any](c *cursor, room *[]T, one func(*cursor, *T) outcome) []T {
	if c.null() {
		return nil
	}
	list := free(*room)
	single := !c.enter('[')
	for single || c.more(']') {
		if c.null() {
			continue
		}
		list = append(list, *new(T))
		one(c, &list[len(list)-1])
		if single {
			break
		}
	}
	return take(room, list)
}

func (c *cursor) details(d *Details) outcome {
	*d = nil
	if b := c.peek(); b != '[' && b != '{' {
		return c.reject()
	}
	c.lists = newDetailLists(c.data[c.pos:])
	*d = gather(c, new([]DetailSection), (*cursor).section)
	return held
}

func (c *cursor) edgeDetails(d *[]Detail) outcome {
	*d = nil
	if b := c.peek(); b != '[' && b != '{' {
		return c.reject()
	}
	c.form, c.lists = tokenForm, detailLists{}
	*d = c.detailList()
	return held
}

func (c *cursor) section(s *DetailSection) outcome {
	if c.peek() == '[' {
		c.form = tokenForm
		s.Blocks = c.blockList()
		return held
	}
	if c.form = tokenForm; c.has(c.form.contents) {
		s.Blocks = c.blockList()
		return held
	}
	c.form = blockForm
	c.object(&s.Extra, func(name []byte) outcome {
		switch string(name) {
		case "blockType":
			return readText(c, &s.BlockType)
		case "blocks":
			s.Blocks = c.blockList()
			return held
		default:
			return c.unknown()
		}
	})
	if s.BlockType == "" && s.Extra == "" {
		s.Extra = "{}" // or it would be taken for the token form
	}
	return held
}

// has tells whether the next value is an object with such a member.
func (c *cursor) has(member string) (found bool) {
	start := c.pos
	if c.enter('{') {
		for !found && c.more('}') {
			found = string(c.name()) == member
			c.skip()
		}
	}
	c.pos = start
	return found
}

func (c *cursor) blockList() []DetailBlock { return gather(c, &c.lists.blocks, (*cursor).block) }

func (c *cursor) block(b *DetailBlock) outcome {
	return c.object(&b.Extra, func(name []byte) outcome {
		switch string(name) {
		case c.form.header:
			return readText(c, &b.Header)
		case c.form.contents:
			b.Groups = c.groupList()
			return held
		default:
			return c.unknown()
		}
	})
}

// groupList reads the groups of a block: one in the token form, any number in
// the block form.
func (c *cursor) groupList() [][]Detail {
	if c.form == blockForm {
		return gather(c, &c.lists.groups, func(c *cursor, g *[]Detail) outcome {
			*g = c.detailList()
			return held
		})
	}
	if c.null() {
		return nil
	}
	c.lists.groups = append(c.lists.groups, c.detailList())
	return slices.Clip(c.lists.groups[len(c.lists.groups)-1:])
}

func (c *cursor) detailList() []Detail { return gather(c, &c.lists.details, (*cursor).detail) }

func (c *cursor) detail(d *Detail) outcome {
	at, as := -1, DetailType("")
	c.object(&d.Extra, func(name []byte) outcome {
		switch string(name) {
		case c.form.key:
			return readText(c, &d.Key)
		case c.form.kind:
			return readText(c, &d.Type)
		case c.form.values:
			at, as = c.pos, d.Type
			d.Values = c.valueList(as)
			return held
		default:
			return c.unknown()
		}
	})
	if at >= 0 && as != d.Type { // the type came after the values
		end := c.pos
		c.pos = at
		d.Values = c.valueList(d.Type)
		c.pos = end
	}
	return held
}

// valueList reads the values of a detail. Their places count, so nulls stay.
func (c *cursor) valueList(t DetailType) []DetailValue {
	if c.null() {
		return nil
	}
	list := free(c.lists.values)
	if !c.enter('[') {
		return take(&c.lists.values, append(list, c.value(t)))
	}
	for c.more(']') {
		list = append(list, c.value(t))
	}
	return take(&c.lists.values, list)
}

// value reads a value of the given type, or RawJSON if it isn't what the type
// promises or the type is unknown.
func (c *cursor) value(t DetailType) DetailValue {
	c.peek()
	start := c.pos
	v, ok := c.typedValue(t)
	if ok {
		return v
	}
	c.pos = start
	if v != nil && c.peek() != 'n' {
		c.misfit()
	}
	return RawJSON(c.skip())
}

// typedValue reads a value of the given type. If it isn't one it returns false,
// with a nil value when the type is unknown.
func (c *cursor) typedValue(t DetailType) (DetailValue, bool) {
	switch t {
	case TypeString, TypeFormatString, TypeUsername:
		v, ok := c.string()
		return String(v), ok
	case TypeInteger:
		v, ok := c.int()
		return Integer(v), ok
	case TypeFloat:
		v, ok := c.float()
		return Float(v), ok
	case TypePercentage:
		v, ok := c.float()
		return Percentage(v), ok
	case TypeDataVolume:
		v, ok := c.int()
		return DataVolume(v), ok
	case TypeDuration:
		v, ok := c.int()
		return Duration(v), ok
	case TypeTimestamp:
		v, ok := c.int()
		return Millis(v), ok
	case TypeRatio:
		value, percentage, ok := readPair(c, "value", "percentage", (*cursor).string, (*cursor).float)
		return Ratio{value, percentage}, ok
	case TypeDevice:
		var v Device
		ok := c.peek() == '{' && c.device(&v) == held
		return v, ok
	case TypeExternalHost:
		var v ExternalHost
		ok := c.peek() == '{' && c.externalHost(&v) == held
		return v, ok
	case TypeTimestampRange, TypeTimeRange:
		var v Period
		ok := c.peek() == '{' && c.period(&v) == held
		return v, ok
	case TypeIntegerRange:
		start, end, ok := readSpan(c, (*cursor).int)
		return IntegerRange{start, end}, ok
	case TypePercentageRange:
		start, end, ok := readSpan(c, (*cursor).float)
		return PercentageRange{start, end}, ok
	case TypeDurationRange:
		start, end, ok := readSpan(c, (*cursor).int)
		return DurationRange{Duration(start), Duration(end)}, ok
	case TypeDataVolumeRange:
		start, end, ok := readSpan(c, (*cursor).int)
		return DataVolumeRange{DataVolume(start), DataVolume(end)}, ok
	case TypeStringRange:
		start, end, ok := readSpan(c, (*cursor).string)
		return StringRange{start, end}, ok
	default:
		return nil, false
	}
}

// readSpan reads the object of a range.
func readSpan[T any](c *cursor, one func(*cursor) (T, bool)) (start, end T, ok bool) {
	return readPair(c, "start", "end", one, one)
}

// readPair reads an object of exactly two members.
func readPair[A, B any](c *cursor, nameA, nameB string, readA func(*cursor) (A, bool), readB func(*cursor) (B, bool)) (a A, b B, ok bool) {
	if !c.enter('{') {
		return a, b, false
	}
	hasA, hasB := false, false
	for c.more('}') {
		switch string(c.name()) {
		case nameA:
			a, ok = readA(c)
			hasA = true
		case nameB:
			b, ok = readB(c)
			hasB = true
		default:
			ok = false
		}
		if !ok {
			return a, b, false
		}
	}
	return a, b, hasA && hasB
}

// summary reads a text where only a string or a template will do.
func (c *cursor) summary(t *Text) outcome {
	*t = Text{}
	if b := c.peek(); b != '"' && b != '{' {
		return c.reject()
	}
	return c.text(t)
}

// text reads a string, a template of the block form or, as RawJSON, whatever
// else stands in for one.
func (c *cursor) text(t *Text) outcome {
	if s, ok := c.string(); ok {
		t.Value = String(s)
		return held
	}
	if c.peek() != '{' {
		t.Value = RawJSON(c.skip())
		return held
	}
	at := -1
	c.object(&t.Extra, func(name []byte) outcome {
		switch string(name) {
		case "valueType":
			return readText(c, &t.Type)
		case "value":
			at = c.pos // its type may come later
			c.skip()
			return held
		case "replacements":
			return readList(c, &t.Replacements, (*cursor).text)
		default:
			return c.unknown()
		}
	})
	if t.Type == "" && t.Extra == "" {
		t.Extra = "{}" // or it would be taken for a plain text
	}
	if at >= 0 {
		end := c.pos
		c.pos = at
		t.Value = c.value(t.Type)
		c.pos = end
	}
	return held
}
