package darktrace

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Details are the details of an event, section by section, in wire order. Most
// programs walk them with [IncidentEvent.AllDetails].
type Details []DetailSection

// DetailSection is a section of the details.
//
// The API has two forms of details. In the token form, which appliances send, a
// section is a list of blocks and nothing more. In the block form it also has a
// type. Encoding writes the block form when BlockType or Extra is set, and the
// token form otherwise.
type DetailSection struct {
	BlockType string        // Type in the block form, such as "single" or "grouped"; "" in the token form.
	Blocks    []DetailBlock // The blocks of the section; the token form calls them subsections.
	Extra     RawJSON       // What the fields above can't hold; see [RawJSON].
}

// DetailBlock is a block of details below one header.
type DetailBlock struct {
	Header string     // Header, localised.
	Groups [][]Detail // Groups of details that belong together; one group in the token form.
	Extra  RawJSON    // What the fields above can't hold; see [RawJSON].
}

// Detail is one line of the details: a key and its values. Keys repeat inside a
// block and are often empty, so the order counts; don't make a map of them.
type Detail struct {
	Key    string        // Key, localised; "" where the API sends null.
	Type   DetailType    // Type of the values.
	Values []DetailValue // The values, in order.
	Extra  RawJSON       // What the fields above can't hold; see [RawJSON].
}

// DetailType names the type of a detail's values. The set is open: the values
// of an unknown type are [RawJSON].
type DetailType string

// Types of detail values, with the Go type of their values.
const (
	TypeString          DetailType = "string"          // [String], often a number as text.
	TypeDevice          DetailType = "device"          // [Device].
	TypeExternalHost    DetailType = "externalHost"    // [ExternalHost].
	TypeTimestamp       DetailType = "timestamp"       // [Millis].
	TypeInteger         DetailType = "integer"         // [Integer].
	TypeFloat           DetailType = "float"           // [Float].
	TypePercentage      DetailType = "percentage"      // [Percentage].
	TypeDataVolume      DetailType = "dataVolume"      // [DataVolume].
	TypeDuration        DetailType = "duration"        // [Duration].
	TypeRatio           DetailType = "ratio"           // [Ratio].
	TypeTimestampRange  DetailType = "timestampRange"  // [Period].
	TypeIntegerRange    DetailType = "integerRange"    // [IntegerRange].
	TypePercentageRange DetailType = "percentageRange" // [PercentageRange].
	TypeDurationRange   DetailType = "durationRange"   // [DurationRange].
	TypeDataVolumeRange DetailType = "dataVolumeRange" // [DataVolumeRange].
	TypeStringRange     DetailType = "stringRange"     // [StringRange].
	TypeFormatString    DetailType = "formatString"    // [String], block form: a template of a [Text].
	TypeUsername        DetailType = "username"        // [String], block form.
	TypeTimeRange       DetailType = "timeRange"       // [Period], block form.
)

// DetailValue is a value of a detail: [String], [Integer], [Float],
// [Percentage], [DataVolume], [Duration], [Ratio], [Millis], [Period],
// [Device], [ExternalHost], [IntegerRange], [PercentageRange], [DurationRange],
// [DataVolumeRange], [StringRange] or, for everything else, [RawJSON]. All of
// them can be compared with ==. String renders a value for people.
type DetailValue interface {
	fmt.Stringer
	detailValue()
}

// String is a text value.
type String string

// Integer is a whole number.
type Integer int64

// Float is a number.
type Float float64

// Percentage is a number from 0 to 100.
type Percentage float64

// DataVolume is an amount of data in bytes.
type DataVolume int64

// Duration is a length of time in seconds; the unit is inferred, the API does
// not document it.
type Duration int64

// Duration returns the length of time as Go has it.
func (d Duration) Duration() time.Duration { return time.Duration(d) * time.Second }

// Ratio is a share of something.
type Ratio struct {
	Value      string  `json:"value"`      // What has the share.
	Percentage float64 `json:"percentage"` // The share, 0 to 100.
}

// IntegerRange is a range of whole numbers, such as ports; both ends belong to it.
type IntegerRange struct {
	Start int64 `json:"start"` // First number.
	End   int64 `json:"end"`   // Last number.
}

// PercentageRange is a range of percentages, 0 to 100.
type PercentageRange struct {
	Start float64 `json:"start"` // Lower end.
	End   float64 `json:"end"`   // Upper end.
}

// DurationRange is a range of lengths of time.
type DurationRange struct {
	Start Duration `json:"start"` // Lower end.
	End   Duration `json:"end"`   // Upper end.
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

func (String) detailValue()          {}
func (Integer) detailValue()         {}
func (Float) detailValue()           {}
func (Percentage) detailValue()      {}
func (DataVolume) detailValue()      {}
func (Duration) detailValue()        {}
func (Ratio) detailValue()           {}
func (Millis) detailValue()          {}
func (Period) detailValue()          {}
func (Device) detailValue()          {}
func (ExternalHost) detailValue()    {}
func (IntegerRange) detailValue()    {}
func (PercentageRange) detailValue() {}
func (DurationRange) detailValue()   {}
func (DataVolumeRange) detailValue() {}
func (StringRange) detailValue()     {}
func (RawJSON) detailValue()         {}

// String returns the text.
func (v String) String() string { return string(v) }

// String renders the number.
func (v Integer) String() string { return strconv.FormatInt(int64(v), 10) }

// String renders the number.
func (v Float) String() string { return strconv.FormatFloat(float64(v), 'f', -1, 64) }

// String renders the percentage with its sign, such as "12.5%".
func (v Percentage) String() string { return Float(v).String() + "%" }

// String renders the amount in binary units, such as "1.5 GiB".
func (v DataVolume) String() string {
	const units = "KMGTPE"
	if -1024 < v && v < 1024 {
		return Integer(v).String() + " B"
	}
	amount, unit := float64(v)/1024, 0
	for math.Abs(amount) >= 1024 {
		amount /= 1024
		unit++
	}
	return Float(math.Round(amount*100)/100).String() + " " + units[unit:unit+1] + "iB"
}

// String renders the length of time as Go does, such as "1h2m3s".
func (d Duration) String() string { return d.Duration().String() }

// String renders the ratio, such as "TCP (12.5%)".
func (v Ratio) String() string { return v.Value + " (" + Percentage(v.Percentage).String() + ")" }

// String renders the range with an en dash.
func (r IntegerRange) String() string { return dashed(Integer(r.Start), Integer(r.End)) }

// String renders the range with an en dash.
func (r PercentageRange) String() string { return dashed(Percentage(r.Start), Percentage(r.End)) }

// String renders the range with an en dash.
func (r DurationRange) String() string { return dashed(r.Start, r.End) }

// String renders the range with an en dash.
func (r DataVolumeRange) String() string { return dashed(r.Start, r.End) }

// String renders the range with an en dash.
func (r StringRange) String() string { return dashed(String(r.Start), String(r.End)) }

// dashed renders a range; one without a length as a single value.
func dashed[T DetailValue](start, end T) string {
	from, to := start.String(), end.String()
	if from == to {
		return from
	}
	return from + "–" + to
}

// String returns the text of a JSON string, nothing for null, and other JSON as
// it came.
func (v RawJSON) String() string {
	if v == "null" {
		return ""
	}
	var text string
	if json.Unmarshal([]byte(v), &text) == nil {
		return text
	}
	return string(v)
}

// Strings renders each value for people, in order: sizes in binary units, times
// as RFC 3339 in UTC, ranges with an en dash, devices by their best name.
func (d Detail) Strings() []string {
	s := make([]string, len(d.Values))
	for i, v := range d.Values {
		if v != nil {
			s[i] = v.String()
		}
	}
	return s
}
