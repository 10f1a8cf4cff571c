package darktrace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Details are the sections of an event's details, in wire order. Most programs
// read them with [IncidentEvent.AllDetails].
type Details []DetailSection

// DetailSection is a section of the details.
//
// The API has two forms of details. In the token form, which appliances send, a
// section is a list of blocks. In the block form it also has a type. Encoding
// writes the block form if BlockType or Extra is set, and the token form
// otherwise.
type DetailSection struct {
	BlockType string        // Type in the block form, such as "single" or "grouped"; "" in the token form.
	Blocks    []DetailBlock // The blocks of the section; the token form calls them subsections.
	Extra     RawJSON       // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// DetailBlock is a block of details with a header.
type DetailBlock struct {
	Header string      // Header, localised.
	Groups [][]Detail  // Groups of details that belong together; one group in the token form.
	UIDs   []BlockUIDs // Connections that the block is about, since 2026; nil = not sent.
	Extra  RawJSON     // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// BlockUIDs lists connections that a block of details is about.
type BlockUIDs struct {
	UIDs  []string `json:"relatedUids,omitzero"` // Ids of connections in the event log of the appliance.
	Total int64    `json:"total,omitzero"`       // Number of all connections, which can be more.
	Extra RawJSON  `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// Detail is one line of the details: a key and its values. Keys repeat inside a
// block and are often empty, so the order matters; don't make a map of them.
type Detail struct {
	Key    string        // Key, localised; "" where the API sends null.
	Type   DetailType    // Type of the values.
	Values []DetailValue // The values, in order.
	Extra  RawJSON       // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// DetailType names the type of a detail's values. The set is open: the values
// of an unknown type are [RawJSON].
type DetailType string

// Types of detail values, with the Go type of their values.
const (
	TypeString          DetailType = "string"          // [TextValue], often a number as text.
	TypeDevice          DetailType = "device"          // [EventDevice].
	TypeExternalHost    DetailType = "externalHost"    // [ExternalHost].
	TypeTimestamp       DetailType = "timestamp"       // [Millis].
	TypeInteger         DetailType = "integer"         // [IntegerValue].
	TypeFloat           DetailType = "float"           // [FloatValue].
	TypePercentage      DetailType = "percentage"      // [Percentage].
	TypeDataVolume      DetailType = "dataVolume"      // [DataVolume].
	TypeDuration        DetailType = "duration"        // [DurationValue].
	TypeRatio           DetailType = "ratio"           // [Ratio].
	TypeTimestampRange  DetailType = "timestampRange"  // [Period].
	TypeIntegerRange    DetailType = "integerRange"    // [IntegerRange].
	TypePercentageRange DetailType = "percentageRange" // [PercentageRange].
	TypeDurationRange   DetailType = "durationRange"   // [DurationRange].
	TypeDataVolumeRange DetailType = "dataVolumeRange" // [DataVolumeRange].
	TypeStringRange     DetailType = "stringRange"     // [StringRange].
	TypeFormatString    DetailType = "formatString"    // [TextValue], block form: a template of a [Text].
	TypeUsername        DetailType = "username"        // [TextValue], block form.
	TypeTimeRange       DetailType = "timeRange"       // [Period], block form.
)

// DetailValue is a value of a detail: [TextValue], [IntegerValue],
// [FloatValue], [Percentage], [DataVolume], [DurationValue], [Ratio], [Millis],
// [Period], [EventDevice], [ExternalHost], [IntegerRange], [PercentageRange],
// [DurationRange], [DataVolumeRange], [StringRange] or, for everything else,
// [RawJSON]. All of them can be compared with ==. String returns a value as
// text for people.
type DetailValue interface {
	fmt.Stringer
	detailValue()
}

// TextValue is a text value.
type TextValue string

// IntegerValue is a whole number.
type IntegerValue int64

// FloatValue is a number.
type FloatValue float64

// Percentage is a number from 0 to 100.
type Percentage float64

// DataVolume is an amount of data in bytes. Averages and ranges can have
// fractions.
type DataVolume float64

// DurationValue is a duration in seconds. The unit is inferred; the API does
// not document it.
type DurationValue float64

// Duration converts the value, up to about 292 years.
func (d DurationValue) Duration() time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	seconds := min(max(float64(d), -float64(most)), float64(most))
	return time.Duration(math.Round(seconds * float64(time.Second)))
}

// Ratio is a share of something.
type Ratio struct {
	Value      string  `json:"value"`      // What has the share.
	Percentage float64 `json:"percentage"` // The share, 0 to 100.
}

// IntegerRange is a range of whole numbers, such as ports, both ends included.
type IntegerRange struct {
	Start int64 `json:"start"` // First number.
	End   int64 `json:"end"`   // Last number.
}

// PercentageRange is a range of percentages, 0 to 100.
type PercentageRange struct {
	Start float64 `json:"start"` // Lower end.
	End   float64 `json:"end"`   // Upper end.
}

// DurationRange is a range of durations.
type DurationRange struct {
	Start DurationValue `json:"start"` // Lower end.
	End   DurationValue `json:"end"`   // Upper end.
}

// DataVolumeRange is a range of amounts of data.
type DataVolumeRange struct {
	Start DataVolume `json:"start"` // Lower end.
	End   DataVolume `json:"end"`   // Upper end.
}

// StringRange is a range of texts.
type StringRange struct {
	Start string `json:"start"` // First text.
	End   string `json:"end"`   // Last text.
}

func (TextValue) detailValue()       {}
func (IntegerValue) detailValue()    {}
func (FloatValue) detailValue()      {}
func (Percentage) detailValue()      {}
func (DataVolume) detailValue()      {}
func (DurationValue) detailValue()   {}
func (Ratio) detailValue()           {}
func (Millis) detailValue()          {}
func (Period) detailValue()          {}
func (EventDevice) detailValue()     {}
func (ExternalHost) detailValue()    {}
func (IntegerRange) detailValue()    {}
func (PercentageRange) detailValue() {}
func (DurationRange) detailValue()   {}
func (DataVolumeRange) detailValue() {}
func (StringRange) detailValue()     {}
func (RawJSON) detailValue()         {}

// String returns the text.
func (v TextValue) String() string { return string(v) }

// String returns the number as text.
func (v IntegerValue) String() string { return strconv.FormatInt(int64(v), 10) }

// String returns the number as text.
func (v FloatValue) String() string { return strconv.FormatFloat(float64(v), 'f', -1, 64) }

// String returns the percentage with its sign, such as "12.5%".
func (v Percentage) String() string { return FloatValue(v).String() + "%" }

// String returns the amount in binary units, such as "1.5 GiB".
func (v DataVolume) String() string {
	const units = "KMGTPE"
	if -1024 < v && v < 1024 {
		return FloatValue(v).String() + " B"
	}
	amount, unit := float64(v)/1024, 0
	for math.Abs(amount) >= 1024 && unit < len(units)-1 {
		amount /= 1024
		unit++
	}
	return FloatValue(math.Round(amount*100)/100).String() + " " + units[unit:unit+1] + "iB"
}

// String returns the duration in the format of time.Duration, such as "1h2m3s".
func (d DurationValue) String() string { return d.Duration().String() }

// String returns the ratio as text, such as "TCP (12.5%)".
func (v Ratio) String() string { return v.Value + " (" + Percentage(v.Percentage).String() + ")" }

// String returns the range with an en dash.
func (r IntegerRange) String() string { return dashed(IntegerValue(r.Start), IntegerValue(r.End)) }

// String returns the range with an en dash.
func (r PercentageRange) String() string { return dashed(Percentage(r.Start), Percentage(r.End)) }

// String returns the range with an en dash.
func (r DurationRange) String() string { return dashed(r.Start, r.End) }

// String returns the range with an en dash.
func (r DataVolumeRange) String() string { return dashed(r.Start, r.End) }

// String returns the range with an en dash.
func (r StringRange) String() string { return dashed(TextValue(r.Start), TextValue(r.End)) }

// dashed returns a range as text, or a single value if both ends are equal.
func dashed[T DetailValue](start, end T) string {
	from, to := start.String(), end.String()
	if from == to {
		return from
	}
	return from + "–" + to
}

// String returns a JSON string without its quotes, "" for null, and any other
// JSON unchanged.
func (v RawJSON) String() string { return v.Text() }

// Strings returns each value as text for people, in order: sizes in binary
// units, times as RFC 3339 in UTC, ranges with an en dash, devices by their
// best name.
func (d Detail) Strings() []string {
	s := make([]string, len(d.Values))
	for i, v := range d.Values {
		if v != nil {
			s[i] = v.String()
		}
	}
	return s
}

// Text is a text of an event: a plain string or, in the block form, a tree of
// templates with replacements for their placeholders. String returns either as
// plain text.
type Text struct {
	Type         DetailType  // valueType of the block form; "" = plain text.
	Value        DetailValue // The text, the template, or the value that the type names; nil = no text.
	Replacements []Text      // Replacements for the {} of a template, in order.
	Extra        RawJSON     // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// PlainText returns s as a text without a template.
func PlainText(s string) Text { return Text{Value: TextValue(s)} }

// String returns the text for people. Each {} of a template is replaced. If
// there are too few replacements, the {} stays; surplus replacements are
// ignored.
func (t Text) String() string {
	var b strings.Builder
	t.render(&b)
	return b.String()
}

func (t Text) render(b *strings.Builder) {
	if t.Value == nil {
		return
	}
	rest := t.Value.String()
	for _, replacement := range t.Replacements {
		before, after, found := strings.Cut(rest, "{}")
		if !found {
			break
		}
		b.WriteString(before)
		replacement.render(b)
		rest = after
	}
	b.WriteString(rest)
}
