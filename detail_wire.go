package darktrace

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// detailForm holds the names of one of the two forms of details.
type detailForm struct{ header, contents, key, kind, values string }

// The two forms. A group of the token form is the contents of its block; the
// block form has a list of groups.
var (
	tokenForm = &detailForm{"header", "contents", "key", "type", "values"}
	blockForm = &detailForm{"blockHeader", "bulletBlocks", "detailKey", "valueType", "detailValues"}
)

// detailReader reads details. It knows their form, and has memory for the lists
// inside them, so that each need not be allocated on its own.
type detailReader struct {
	form    *detailForm
	event   int // the value of the cursor that the memory is for
	blocks  []DetailBlock
	groups  [][]Detail
	details []Detail
	values  []DetailValue
}

func detailsOf(c *wire.Cursor) *detailReader {
	r, ok := c.Scratch.(*detailReader)
	if !ok {
		r = &detailReader{form: tokenForm}
		c.Scratch = r
	}
	return r
}

// makeRoom allocates room for the details that come next, once for each event:
// an event can have details several times.
func (r *detailReader) makeRoom(c *wire.Cursor) {
	const usual, most = 4, 4096 // longer lists are allocated one by one
	n := 0
	if r.event != c.Count {
		c.Step(len(c.Data) - c.Pos)
		n = min(bytes.Count(c.Data[c.Pos:], []byte(`ues"`)), most) // "values" or "detailValues"
	}
	r.event = c.Count
	r.blocks, r.groups = make([]DetailBlock, 0, usual), make([][]Detail, 0, usual)
	r.details, r.values = make([]Detail, 0, n), make([]DetailValue, 0, n)
}

// free returns an empty list whose capacity is the free part of room.
func free[T any](room []T) []T {
	if room == nil {
		return []T{}
	}
	return room[len(room):]
}

// take marks the memory of a list that began as free(*room) as used, unless append
// has allocated other memory.
func take[T any](room *[]T, list []T) []T {
	if used := len(*room) + len(list); used <= cap(*room) {
		*room = (*room)[:used]
	}
	return slices.Clip(list)
}

// gather reads a list into room. A single value counts as a list of one, and nulls
// don't count.
func gather[T any](c *wire.Cursor, room *[]T, one func(*T, *wire.Cursor) wire.Outcome) []T {
	if c.Null() {
		return nil
	}
	list, size := free(*room), unsafe.Sizeof(*new(T))
	single := !c.Enter('[')
	for single || !c.Late() && c.More(']') {
		if c.Null() {
			continue
		}
		if !c.Spend(size) {
			c.Skip()
			if single {
				break
			}
			continue
		}
		list = append(list, *new(T))
		one(&list[len(list)-1], c)
		if single {
			break
		}
	}
	return take(room, list)
}

func readDetails(d *Details, c *wire.Cursor) wire.Outcome {
	*d = nil
	if b := c.Peek(); b != '[' && b != '{' {
		return c.Reject()
	}
	detailsOf(c).makeRoom(c)
	*d = gather(c, new([]DetailSection), (*DetailSection).readJSON)
	return wire.Held
}

func writeDetails(d *Details, w *wire.Writer) { wire.WriteList(w, *d, (*DetailSection).writeJSON) }

func readEdgeDetails(d *[]Detail, c *wire.Cursor) wire.Outcome {
	*d = nil
	if b := c.Peek(); b != '[' && b != '{' {
		return c.Reject()
	}
	*detailsOf(c) = detailReader{form: tokenForm}
	*d = gather(c, new([]Detail), readDetail)
	return wire.Held
}

func (s *DetailSection) readJSON(c *wire.Cursor) wire.Outcome {
	r := detailsOf(c)
	if c.Peek() == '[' || c.Has(tokenForm.contents) {
		r.form = tokenForm
		s.Blocks = gather(c, &r.blocks, readBlock)
		return wire.Held
	}
	r.form = blockForm
	wire.Part(c, (*string)(&s.Extra), &s.unusual, &sectionFields, func(name []byte) (wire.Bits, wire.Outcome) {
		switch string(name) {
		case "blockType":
			return 1, wire.Text(&s.BlockType, c)
		case "blocks":
			s.Blocks = gather(c, &r.blocks, readBlock)
			return 0, wire.Held
		}
		return 0, wire.Foreign
	})
	if s.BlockType == "" && s.Extra == "" && s.unusual == 0 {
		s.unusual = bareBlockForm // or it would look like the token form
	}
	return wire.Held
}

// bareBlockForm is the bit of a section in the block form whose members don't show
// the form.
const bareBlockForm = 2

// keptUIDs is the bit of a block whose Extra holds its uids.
const keptUIDs = 2

var sectionFields, blockFields, detailFields, textFields = wire.Fields{}, wire.Fields{Kept: keptUIDs}, wire.Fields{}, wire.Fields{}

func (s *DetailSection) writeJSON(w *wire.Writer) {
	if s.BlockType == "" && s.Extra == "" && s.unusual == 0 {
		wire.WriteList(w, s.Blocks, tokenForm.writeBlock)
		return
	}
	w.Part(string(s.Extra), func() {
		w.PutText("blockType", s.BlockType, s.unusual&1 != 0)
		wire.PutList(w, "blocks", s.Blocks, blockForm.writeBlock)
	})
}

func readBlock(b *DetailBlock, c *wire.Cursor) wire.Outcome {
	r := detailsOf(c)
	return wire.Part(c, (*string)(&b.Extra), &b.unusual, &blockFields, func(name []byte) (wire.Bits, wire.Outcome) {
		switch string(name) {
		case r.form.header:
			return 1, wire.Text(&b.Header, c)
		case r.form.contents:
			b.Groups = r.readGroups(c)
			return 0, wire.Held
		case "uids":
			return keptUIDs, wire.List(&b.UIDs, c, (*BlockUIDs).readJSON)
		}
		return 0, wire.Foreign
	})
}

func (f *detailForm) writeBlock(b *DetailBlock, w *wire.Writer) {
	w.Part(string(b.Extra), func() {
		w.PutText(f.header, b.Header, b.unusual&1 != 0)
		if f == blockForm {
			wire.PutList(w, f.contents, b.Groups, f.writeGroup)
		} else if b.Groups != nil {
			w.Name(f.contents)
			wire.WriteList(w, slices.Concat(b.Groups...), f.writeDetail)
		}
		if b.unusual&keptUIDs == 0 || !wire.InPart(string(b.Extra), "uids") {
			wire.PutList(w, "uids", b.UIDs, (*BlockUIDs).writeJSON)
		}
	})
}

func (f *detailForm) writeGroup(g *[]Detail, w *wire.Writer) { wire.WriteList(w, *g, f.writeDetail) }

// readGroups reads the groups of a block: one in the token form, any number in
// the block form.
func (r *detailReader) readGroups(c *wire.Cursor) [][]Detail {
	if r.form == blockForm {
		return gather(c, &r.groups, readGroup)
	}
	if c.Null() {
		return nil
	}
	r.groups = append(r.groups, gather(c, &r.details, readDetail))
	return slices.Clip(r.groups[len(r.groups)-1:])
}

func readGroup(g *[]Detail, c *wire.Cursor) wire.Outcome {
	*g = gather(c, &detailsOf(c).details, readDetail)
	return wire.Held
}

func readDetail(d *Detail, c *wire.Cursor) wire.Outcome {
	r := detailsOf(c)
	at, as := -1, DetailType("")
	o := wire.Part(c, (*string)(&d.Extra), &d.unusual, &detailFields, func(name []byte) (wire.Bits, wire.Outcome) {
		switch string(name) {
		case r.form.key:
			return 1, wire.Text(&d.Key, c)
		case r.form.kind:
			return 2, wire.Text((*string)(&d.Type), c)
		case r.form.values:
			at, as = c.Pos, d.Type
			d.Values = r.readValues(c, as)
			return 0, wire.Held
		}
		return 0, wire.Foreign
	})
	if at >= 0 && as != d.Type { // The type came after the values.
		end := c.Pos
		c.Pos = at
		d.Values = r.readValues(c, d.Type)
		c.Pos = end
	}
	return o
}

func (f *detailForm) writeDetail(d *Detail, w *wire.Writer) {
	w.Part(string(d.Extra), func() {
		w.PutText(f.key, d.Key, d.unusual&1 != 0)
		w.PutText(f.kind, string(d.Type), d.unusual&2 != 0)
		wire.PutList(w, f.values, d.Values, writeValue)
	})
}

// readValues reads the values of a detail. It keeps nulls, because the position of
// a value has a meaning.
func (r *detailReader) readValues(c *wire.Cursor, t DetailType) []DetailValue {
	if c.Null() {
		return nil
	}
	list := free(r.values)
	if !c.Enter('[') {
		return take(&r.values, append(list, readValue(c, t)))
	}
	for !c.Late() && c.More(']') {
		list = append(list, readValue(c, t))
	}
	return take(&r.values, list)
}

// readValue reads a value of the given type, or RawJSON if the type is unknown
// or the value has another one.
func readValue(c *wire.Cursor, t DetailType) DetailValue {
	c.Peek()
	start := c.Pos
	v, ok := readTyped(c, t)
	if ok {
		return v
	}
	c.Pos = start
	if v != nil && c.Peek() != 'n' {
		c.Misfit()
	}
	return RawJSON(c.Skip())
}

// readTyped reads a value of the given type. If the value has another type it
// returns false, with a nil value if the type is unknown.
func readTyped(c *wire.Cursor, t DetailType) (DetailValue, bool) {
	switch t {
	case TypeString, TypeFormatString, TypeUsername:
		v, ok := c.Text()
		return TextValue(v), ok
	case TypeInteger:
		v, ok := c.Int()
		return IntegerValue(v), ok
	case TypeFloat:
		v, ok := c.Float()
		return FloatValue(v), ok
	case TypePercentage:
		v, ok := c.Float()
		return Percentage(v), ok
	case TypeDataVolume:
		v, ok := readAmount(c)
		return DataVolume(v), ok
	case TypeDuration:
		v, ok := readAmount(c)
		return DurationValue(v), ok
	case TypeTimestamp:
		v, ok := c.Int()
		return Millis(v), ok
	case TypeRatio:
		value, percentage, ok := readPair(c, "value", "percentage", (*wire.Cursor).Text, (*wire.Cursor).Float)
		return Ratio{value, percentage}, ok
	case TypeDevice:
		var v EventDevice
		ok := c.Peek() == '{' && c.Spend(unsafe.Sizeof(v)) && v.readJSON(c) == wire.Held
		return v, ok
	case TypeExternalHost:
		var v ExternalHost
		ok := c.Peek() == '{' && c.Spend(unsafe.Sizeof(v)) && v.readJSON(c) == wire.Held
		return v, ok
	case TypeTimestampRange, TypeTimeRange:
		var v Period
		ok := c.Peek() == '{' && c.Spend(unsafe.Sizeof(v)) && v.readJSON(c) == wire.Held
		return v, ok
	case TypeIntegerRange:
		start, end, ok := readSpan(c, (*wire.Cursor).Int)
		return IntegerRange{start, end}, ok
	case TypePercentageRange:
		start, end, ok := readSpan(c, (*wire.Cursor).Float)
		return PercentageRange{start, end}, ok
	case TypeDurationRange:
		start, end, ok := readSpan(c, readAmount)
		return DurationRange{DurationValue(start), DurationValue(end)}, ok
	case TypeDataVolumeRange:
		start, end, ok := readSpan(c, readAmount)
		return DataVolumeRange{DataVolume(start), DataVolume(end)}, ok
	case TypeStringRange:
		start, end, ok := readSpan(c, (*wire.Cursor).Text)
		return StringRange{start, end}, ok
	default:
		return nil, false
	}
}

// readAmount reads a length of time or an amount of data, unless it is so large that
// a float would change it.
func readAmount(c *wire.Cursor) (float64, bool) {
	v, ok := c.Float()
	return v, ok && math.Abs(v) <= 1<<53
}

// readSpan reads the object of a range.
func readSpan[T any](c *wire.Cursor, one func(*wire.Cursor) (T, bool)) (start, end T, ok bool) {
	return readPair(c, "start", "end", one, one)
}

// readPair reads an object of exactly two members.
func readPair[A, B any](c *wire.Cursor, nameA, nameB string, readA func(*wire.Cursor) (A, bool), readB func(*wire.Cursor) (B, bool)) (a A, b B, ok bool) {
	if !c.Enter('{') {
		return a, b, false
	}
	hasA, hasB := false, false
	for c.More('}') {
		switch string(c.Name()) {
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

func writeValue(v *DetailValue, w *wire.Writer) {
	switch v := (*v).(type) {
	case nil:
		w.Null()
	case TextValue:
		w.String(string(v))
	case IntegerValue:
		w.Int(int64(v))
	case FloatValue:
		w.Float(float64(v))
	case Percentage:
		w.Float(float64(v))
	case DataVolume:
		w.Float(float64(v))
	case DurationValue:
		w.Float(float64(v))
	case Millis:
		w.Int(int64(v))
	case Ratio:
		w.Object(func() {
			w.PutText("value", v.Value, true)
			w.PutFloat("percentage", v.Percentage, true)
		})
	case Period:
		v.writeJSON(w)
	case EventDevice:
		v.writeJSON(w)
	case ExternalHost:
		v.writeJSON(w)
	case IntegerRange:
		writeSpan(w, &v.Start, &v.End, wire.WriteInt)
	case PercentageRange:
		writeSpan(w, &v.Start, &v.End, wire.WriteFloat)
	case DurationRange:
		writeSpan(w, &v.Start, &v.End, wire.WriteFloat)
	case DataVolumeRange:
		writeSpan(w, &v.Start, &v.End, wire.WriteFloat)
	case StringRange:
		writeSpan(w, &v.Start, &v.End, wire.WriteText)
	case RawJSON:
		w.Raw([]byte(v))
	default:
		w.Fail(fmt.Errorf("no JSON for a detail value of type %T", v))
	}
}

func writeSpan[T any](w *wire.Writer, start, end *T, one func(*T, *wire.Writer)) {
	w.Object(func() {
		w.Name("start")
		one(start, w)
		w.Name("end")
		one(end, w)
	})
}

func readNodeValue(v *DetailValue, c *wire.Cursor) wire.Outcome {
	if s, ok := c.Text(); ok {
		*v = TextValue(s)
		return wire.Held
	}
	if i, ok := c.Int(); ok {
		*v = IntegerValue(i)
		return wire.Held
	}
	*v = nil
	return c.Reject()
}

func writeNodeValue(v *DetailValue, w *wire.Writer) { writeValue(v, w) }

// readSummary reads a text: a string, a template, or a number instead.
func readSummary(t *Text, c *wire.Cursor) wire.Outcome {
	*t = Text{}
	if s, ok := c.Literal(); ok {
		t.Value = TextValue(s)
		return wire.Held
	}
	if b := c.Peek(); b != '"' && b != '{' {
		return c.Reject()
	}
	return t.readJSON(c)
}

// isTemplate reports whether the text is an object on the wire.
func (t *Text) isTemplate() bool {
	return t.Type != "" || t.Replacements != nil || t.Extra != "" || t.unusual != 0
}

func (t *Text) isZero() bool { return t.Value == nil && !t.isTemplate() }

// readJSON reads a string, a template of the block form or, as RawJSON,
// anything else.
func (t *Text) readJSON(c *wire.Cursor) wire.Outcome {
	if s, ok := c.Text(); ok {
		t.Value = TextValue(s)
		return wire.Held
	}
	if c.Peek() != '{' {
		t.Value = RawJSON(c.Skip())
		return wire.Held
	}
	at, alone := -1, false
	wire.Part(c, (*string)(&t.Extra), &t.unusual, &textFields, func(name []byte) (wire.Bits, wire.Outcome) {
		switch string(name) {
		case "valueType":
			return 1, wire.Text((*string)(&t.Type), c)
		case "value":
			at = c.Pos // its type may come later
			c.Skip()
			return 0, wire.Held
		case "replacements":
			alone = c.Peek() == '{'
			return 0, wire.List(&t.Replacements, c, (*Text).readJSON)
		}
		return 0, wire.Foreign
	})
	if !t.isTemplate() {
		t.unusual = bareTemplate // or it would look like a plain text
	}
	if alone {
		t.unusual |= aloneReplacement
	}
	if at >= 0 {
		end := c.Pos
		c.Pos = at
		t.Value = readValue(c, t.Type)
		c.Pos = end
	}
	return wire.Held
}

const (
	bareTemplate     = 2 // the bit of a template whose members don't show that it is one
	aloneReplacement = 4 // the bit of a template whose replacement came without a list
)

func (t *Text) writeJSON(w *wire.Writer) {
	if !t.isTemplate() {
		writeValue(&t.Value, w)
		return
	}
	w.Part(string(t.Extra), func() {
		w.PutText("valueType", string(t.Type), t.unusual&1 != 0)
		if t.Value != nil {
			w.Name("value")
			writeValue(&t.Value, w)
		}
		if t.unusual&aloneReplacement != 0 && len(t.Replacements) == 1 {
			w.Name("replacements")
			t.Replacements[0].writeJSON(w)
			return
		}
		wire.PutList(w, "replacements", t.Replacements, (*Text).writeJSON)
	})
}

func (b *DetailBlock) readJSON(c *wire.Cursor) wire.Outcome { return readBlock(b, c) }

func (b *DetailBlock) writeJSON(w *wire.Writer) { tokenForm.writeBlock(b, w) }

func (d *Detail) readJSON(c *wire.Cursor) wire.Outcome { return readDetail(d, c) }

func (d *Detail) writeJSON(w *wire.Writer) { tokenForm.writeDetail(d, w) }

// UnmarshalJSON decodes a section of either form.
func (s *DetailSection) UnmarshalJSON(data []byte) error { return unmarshal(data, s) }

// MarshalJSON encodes the section in its form.
func (s DetailSection) MarshalJSON() ([]byte, error) { return marshal(&s) }

// UnmarshalJSON decodes the token form; the block form is decoded by its section.
func (b *DetailBlock) UnmarshalJSON(data []byte) error { return unmarshal(data, b) }

// MarshalJSON encodes the token form; the block form is encoded by its section.
func (b DetailBlock) MarshalJSON() ([]byte, error) { return marshal(&b) }

// UnmarshalJSON decodes the token form; the block form is decoded by its section.
func (d *Detail) UnmarshalJSON(data []byte) error { return unmarshal(data, d) }

// MarshalJSON encodes the token form; the block form is encoded by its section.
func (d Detail) MarshalJSON() ([]byte, error) { return marshal(&d) }

// UnmarshalJSON decodes the wire form.
func (t *Text) UnmarshalJSON(data []byte) error { return unmarshal(data, t) }

// MarshalJSON encodes the wire form.
func (t Text) MarshalJSON() ([]byte, error) { return marshal(&t) }

// Values that the API spells in more than one way, which a tag can't express.

// bare marks an object that came as a plain value and is encoded as one. The
// generated code numbers fields from the other end.
const bare fieldSet = 1 << 63

// hasMember reports whether the next value is an object with a member of one of
// the names.
func hasMember(c *wire.Cursor, names ...string) bool {
	start := c.Pos
	defer func() { c.Pos = start }()
	if !c.Enter('{') {
		return false
	}
	for c.More('}') {
		if slices.Contains(names, string(c.Name())) {
			return true
		}
		c.Skip()
	}
	return false
}

// readBreachModel reads {then, now} or a model alone.
func readBreachModel(m *BreachModel, c *wire.Cursor) wire.Outcome {
	*m = BreachModel{}
	if c.Peek() != '{' || hasMember(c, "then", "now") || !hasMember(c, "name", "pid", "uuid") {
		return wire.OrZero(m.readJSON(c), m.isZero())
	}
	m.Then, m.unusual = new(Model), bare
	return m.Then.readJSON(c)
}

func (m *BreachModel) isZero() bool { return *m == BreachModel{} }

func writeBreachModel(m *BreachModel, w *wire.Writer) {
	if m.unusual&bare != 0 && m.Then != nil {
		m.Then.writeJSON(w)
		return
	}
	m.writeJSON(w)
}

// readLogicData reads a list of ids, or of objects with weights.
func readLogicData(components *[]LogicComponent, c *wire.Cursor) wire.Outcome {
	return wire.List(components, c, func(l *LogicComponent, c *wire.Cursor) wire.Outcome {
		if c.Peek() == '{' {
			return l.readJSON(c)
		}
		l.unusual = bare
		return wire.Int(&l.CID, c)
	})
}

func writeLogicData(components *[]LogicComponent, w *wire.Writer) {
	wire.WriteList(w, *components, func(l *LogicComponent, w *wire.Writer) {
		if l.unusual&bare != 0 {
			w.Int(l.CID)
			return
		}
		l.writeJSON(w)
	})
}

// readAddresses reads a list of objects or of plain addresses.
func readAddresses(addresses *[]DeviceAddress, c *wire.Cursor) wire.Outcome {
	return wire.List(addresses, c, func(a *DeviceAddress, c *wire.Cursor) wire.Outcome {
		if c.Peek() == '"' {
			a.unusual = bare
			return wire.Text(&a.IP, c)
		}
		return a.readJSON(c)
	})
}

func writeAddresses(addresses *[]DeviceAddress, w *wire.Writer) {
	wire.WriteList(w, *addresses, func(a *DeviceAddress, w *wire.Writer) {
		if a.unusual&bare != 0 {
			w.String(a.IP)
			return
		}
		a.writeJSON(w)
	})
}

// readCredentials reads a list of objects or of plain user names.
func readCredentials(credentials *[]DeviceCredential, c *wire.Cursor) wire.Outcome {
	return wire.List(credentials, c, func(d *DeviceCredential, c *wire.Cursor) wire.Outcome {
		if c.Peek() == '"' {
			d.unusual = bare
			return wire.Text(&d.Credential, c)
		}
		return d.readJSON(c)
	})
}

func writeCredentials(credentials *[]DeviceCredential, w *wire.Writer) {
	wire.WriteList(w, *credentials, func(d *DeviceCredential, w *wire.Writer) {
		if d.unusual&bare != 0 {
			w.String(d.Credential)
			return
		}
		d.writeJSON(w)
	})
}

// readTriggerer reads an object, null, or the text "null".
func readTriggerer(t **AntigenaTriggerer, c *wire.Cursor) wire.Outcome {
	start := c.Pos
	if text, ok := c.Text(); ok && text == "null" {
		*t = nil
		return wire.Null
	}
	c.Pos = start
	return wire.Optional(t, c, (*AntigenaTriggerer).readJSON)
}

const others = "others"

// readDeviceAndPort reads an object, or the text "others".
func readDeviceAndPort(d *DeviceAndPort, c *wire.Cursor) wire.Outcome {
	*d = DeviceAndPort{}
	start := c.Pos
	if text, ok := c.Text(); ok && text == others {
		d.Others = true
		return wire.Held
	}
	c.Pos = start
	return wire.OrZero(d.readJSON(c), d.isZero())
}

func (d *DeviceAndPort) isZero() bool { return *d == DeviceAndPort{} }

func writeDeviceAndPort(d *DeviceAndPort, w *wire.Writer) {
	if d.Others {
		w.String(others)
		return
	}
	d.writeJSON(w)
}

// readPart reads an object. An empty list counts as an empty object.
func readPart[T any, P readable[T]](field **T, c *wire.Cursor) wire.Outcome {
	*field = nil
	start := c.Pos
	if c.Enter('[') && !c.More(']') {
		return wire.Zero
	}
	c.Pos = start
	return wire.Optional(field, c, func(v *T, c *wire.Cursor) wire.Outcome { return P(v).readJSON(c) })
}

func writePart[T any, P writable[T]](field **T, w *wire.Writer) {
	if *field == nil {
		wire.WriteList[T](w, nil, nil)
		return
	}
	P(*field).writeJSON(w)
}

// readParts reads a list. An empty object counts as an empty list.
func readParts[T any, P readable[T]](field *[]*T, c *wire.Cursor) wire.Outcome {
	*field = nil
	start := c.Pos
	if c.Enter('{') && !c.More('}') {
		return wire.Zero
	}
	c.Pos = start
	return wire.List(field, c, func(v **T, c *wire.Cursor) wire.Outcome {
		return wire.Optional(v, c, func(v *T, c *wire.Cursor) wire.Outcome { return P(v).readJSON(c) })
	})
}

func writeParts[T any, P writable[T]](field *[]*T, w *wire.Writer) {
	if *field == nil {
		w.Object(func() {})
		return
	}
	wire.WriteList(w, *field, func(v **T, w *wire.Writer) { P(*v).writeJSON(w) })
}

// readJSON reads a device, or else a host outside the network.
func (h *LogHost) readJSON(c *wire.Cursor) wire.Outcome {
	*h = LogHost{}
	if hasMember(c, "did", "id") {
		return wire.Optional(&h.Device, c, (*Device).readJSON)
	}
	return wire.Optional(&h.External, c, (*LogExternal).readJSON)
}

func (h *LogHost) writeJSON(w *wire.Writer) {
	switch {
	case h.Device != nil:
		h.Device.writeJSON(w)
	case h.External != nil:
		h.External.writeJSON(w)
	default:
		w.Null()
	}
}

// UnmarshalJSON decodes the wire form.
func (h *LogHost) UnmarshalJSON(data []byte) error { return unmarshal(data, h) }

// MarshalJSON encodes the wire form.
func (h LogHost) MarshalJSON() ([]byte, error) { return marshal(&h) }

// readJSON reads an entry by its eventType, or else by its action.
func (e *LogEntry) readJSON(c *wire.Cursor) wire.Outcome {
	*e = LogEntry{}
	if c.Peek() != '{' {
		return c.Reject()
	}
	kinds := entryKinds(c)
	for _, kind := range kinds {
		switch strings.ToLower(kind) {
		case "connection":
			return wire.Optional(&e.Connection, c, (*LogConnection).readJSON)
		case "notice":
			return wire.Optional(&e.Notice, c, (*LogNotice).readJSON)
		case "policybreach":
			return wire.Optional(&e.PolicyBreach, c, (*LogBreach).readJSON)
		case "devicehistory":
			return wire.Optional(&e.DeviceHistory, c, (*LogDeviceHistory).readJSON)
		}
	}
	o := e.Other.readJSON(c)
	c.Settle(kinds != [2]string{})
	return o
}

// entryKinds returns the eventType and the action of the entry that comes next.
func entryKinds(c *wire.Cursor) (kinds [2]string) {
	start := c.Pos
	defer func() { c.Pos = start }()
	c.Enter('{')
	for c.More('}') {
		name := string(c.Name())
		text, ok := c.Text()
		switch {
		case !ok:
			c.Skip()
		case strings.EqualFold(name, "eventType"):
			kinds[0] = text
		case name == "action":
			kinds[1] = text
		}
	}
	return kinds
}

func (e *LogEntry) writeJSON(w *wire.Writer) {
	switch {
	case e.Connection != nil:
		e.Connection.writeJSON(w)
	case e.Notice != nil:
		e.Notice.writeJSON(w)
	case e.PolicyBreach != nil:
		e.PolicyBreach.writeJSON(w)
	case e.DeviceHistory != nil:
		e.DeviceHistory.writeJSON(w)
	default:
		w.Raw([]byte(e.Other))
	}
}

// UnmarshalJSON decodes the wire form.
func (e *LogEntry) UnmarshalJSON(data []byte) error { return unmarshal(data, e) }

// MarshalJSON encodes the wire form.
func (e LogEntry) MarshalJSON() ([]byte, error) { return marshal(&e) }
