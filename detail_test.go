package darktrace

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStrings(t *testing.T) {
	t.Parallel()
	const start, end = Millis(1730000000000), Millis(1730000060500)
	for _, tt := range []struct {
		value DetailValue
		want  string
	}{
		{TextValue("a text"), "a text"},
		{IntegerValue(-12), "-12"},
		{FloatValue(2.50), "2.5"},
		{FloatValue(1e9), "1000000000"},
		{Percentage(99.5), "99.5%"},
		{Percentage(100), "100%"},
		{DataVolume(0), "0 B"},
		{DataVolume(1023), "1023 B"},
		{DataVolume(4.5), "4.5 B"},
		{DataVolume(-1023), "-1023 B"},
		{DataVolume(1024), "1 KiB"},
		{DataVolume(1048575), "1024 KiB"},
		{DataVolume(1 << 20), "1 MiB"},
		{DataVolume(1610612736), "1.5 GiB"},
		{DataVolume(-1610612736), "-1.5 GiB"},
		{DataVolume(math.MaxInt64), "8 EiB"},
		{DataVolume(math.MinInt64), "-8 EiB"},
		{DataVolume(1 << 80), "1048576 EiB"},
		{DataVolume(math.Inf(-1)), "-Inf EiB"},
		{DurationValue(5400), "1h30m0s"},
		{DurationValue(0.0331), "33.1ms"},
		{Ratio{Value: "HTTPS", Percentage: 87.5}, "HTTPS (87.5%)"},
		{start, "2024-10-27T03:33:20Z"},
		{Millis(0), ""},
		{Period{Start: start, End: end}, "2024-10-27T03:33:20Z–2024-10-27T03:34:20.500Z"},
		{Period{Start: start, End: start}, "2024-10-27T03:33:20Z"},
		{Period{Start: start}, "2024-10-27T03:33:20Z"},
		{Period{End: end}, "2024-10-27T03:34:20.500Z"},
		{Period{}, ""},
		{EventDevice{Identifier: "a.example.com", Hostname: "b", DID: 5}, "a.example.com"},
		{ExternalHost{Hostname: "c.example.net", IP: "192.0.2.1"}, "c.example.net"},
		{ExternalHost{Identifier: "d.example.net", IP: "192.0.2.1"}, "d.example.net"},
		{ExternalHost{IP: "192.0.2.1"}, "192.0.2.1"},
		{IntegerRange{Start: 49152, End: 65535}, "49152–65535"},
		{IntegerRange{Start: 443, End: 443}, "443"},
		{PercentageRange{Start: 0, End: 12.5}, "0%–12.5%"},
		{DurationRange{Start: 1, End: 90}, "1s–1m30s"},
		{DataVolumeRange{Start: 1024, End: 1 << 20}, "1 KiB–1 MiB"},
		{StringRange{Start: "ws-01", End: "ws-40"}, "ws-01–ws-40"},
		{RawJSON(`"text"`), "text"},
		{RawJSON(`null`), ""},
		{RawJSON(``), ""},
		{RawJSON(`{"lat":1}`), `{"lat":1}`},
		{RawJSON(`17`), `17`},
		{nil, ""},
	} {
		assert.Equal(t, []string{tt.want}, Detail{Values: []DetailValue{tt.value}}.Strings(), "%#v", tt.value)
	}
	assert.Empty(t, Detail{}.Strings())
	assert.Equal(t, 90*time.Minute, DurationValue(5400).Duration())
	assert.Equal(t, 33100*time.Microsecond, DurationValue(0.0331).Duration())
	assert.Greater(t, DurationValue(1e300).Duration(), 290*365*24*time.Hour)
	assert.Less(t, DurationValue(-1e300).Duration(), -290*365*24*time.Hour)
}

func TestDeviceName(t *testing.T) {
	t.Parallel()
	d := EventDevice{Identifier: "a", Hostname: "b", IP: "c", MAC: "d", DID: 5}
	for _, tt := range []struct {
		lose *string
		want string
	}{{&d.Identifier, "a"}, {&d.Hostname, "b"}, {&d.IP, "c"}, {&d.MAC, "d"}, {new(string), "device 5"}} {
		assert.Equal(t, tt.want, d.Name())
		assert.Equal(t, tt.want, d.String())
		*tt.lose = ""
	}
	assert.Empty(t, EventDevice{Subnet: "192.0.2.0/24"}.Name())
	assert.True(t, EventDevice{SID: -9}.IsSaaS())
	assert.True(t, EventDevice{Identifier: "SaaS::Box: jdoe"}.IsSaaS())
	assert.False(t, d.IsSaaS())
}

// Every part encodes and decodes on its own, too.
func TestPartsOnTheirOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		wire  string
		value any
	}{
		{`{"identifier":"a","did":1}`, &EventDevice{Identifier: "a", DID: 1}},
		{`{"hostname":"a","ip":"192.0.2.1"}`, &ExternalHost{Hostname: "a", IP: "192.0.2.1"}},
		{`{"start":1,"end":2}`, &Period{Start: 1, End: 2}},
		{`{"modelName":"a / b","pbid":1,"threatScore":2.5,"timestamp":3}`, &RelatedBreach{ModelName: "a / b", PBID: 1, ThreatScore: 2.5, Timestamp: 3}},
		{`{"uuid":"a","visible":true}`, &GroupEvent{ID: "a", Visible: true}},
		{`{"nodeType":"device","value":1}`, &Node{Type: NodeDevice, Value: IntegerValue(1)}},
		{`{"isAction":true,"source":{"nodeType":"device","value":1},"details":[{"key":"k","type":"string","values":["v"]}]}`,
			&Edge{IsAction: true, Source: Node{Type: NodeDevice, Value: IntegerValue(1)}, Details: []Detail{{Key: "k", Type: TypeString, Values: []DetailValue{TextValue("v")}}}}},
		{`{"username":"u","time":1,"incident_id":"a","message":"m"}`, &Comment{Username: "u", Time: 1, EventID: "a", Message: "m"}},
		{`{"key":"k","type":"integer","values":[1]}`, &Detail{Key: "k", Type: TypeInteger, Values: []DetailValue{IntegerValue(1)}}},
		{`{"header":"h","contents":[{"key":"k"}]}`, &DetailBlock{Header: "h", Groups: [][]Detail{{{Key: "k"}}}}},
		{`[{"header":"h"}]`, &DetailSection{Blocks: []DetailBlock{{Header: "h"}}}},
		{`{"blockType":"single","blocks":[{"blockHeader":"h","bulletBlocks":[[{"detailKey":"k"}]]}]}`,
			&DetailSection{BlockType: "single", Blocks: []DetailBlock{{Header: "h", Groups: [][]Detail{{{Key: "k"}}}}}}},
		{`"text"`, &Text{Value: TextValue("text")}},
		{`{"valueType":"username","value":"jdoe"}`, &Text{Type: TypeUsername, Value: TextValue("jdoe")}},
		{`{"uuid":"a","related":[1,2],"summariser":"s"}`, &InvestigationIncident{EventID: "a", Related: []int64{1, 2}, Summariser: "s"}},
		{`{"investigationId":"a","did":1,"status":"pending"}`, &Investigation{ID: "a", DID: 1, Status: InvestigationPending}},
		{`{"breachTime":[1,null]}`, &StatsGraph{BreachTime: []Millis{1, 0}}},
		{`{"phases":[1],"count":0}`, &StatsPhases{Phases: []AttackPhase{1}}},
		{`{"total":1,"compliance":0,"suspicious":0,"critical":0}`, &StatsGroups{Total: 1}},
		{`{"start":1,"end":2}`, &IntegerRange{Start: 1, End: 2}},
		{`{"start":1.5,"end":2}`, &PercentageRange{Start: 1.5, End: 2}},
		{`{"start":1,"end":2}`, &DurationRange{Start: 1, End: 2}},
		{`{"start":1,"end":2}`, &DataVolumeRange{Start: 1, End: 2}},
		{`{"start":"a","end":"b"}`, &StringRange{Start: "a", End: "b"}},
		{`{"value":"v","percentage":2}`, &Ratio{Value: "v", Percentage: 2}},
		{`{"any": "thing"}`, rawJSON(`{"any": "thing"}`)},
	} {
		assert.JSONEq(t, tt.wire, encoded(t, tt.value), "%T", tt.value)
		v := newOf(tt.value)
		require.NoError(t, json.Unmarshal([]byte(tt.wire), v), "%T", tt.value)
		assert.Equal(t, tt.value, v)
	}
	assert.Equal(t, "null", encoded(t, RawJSON("")))
	var d EventDevice
	require.NoError(t, json.Unmarshal([]byte(`17`), &d), "a part holds any value")
	assert.Equal(t, EventDevice{Extra: "17"}, d)
}

func rawJSON(s string) *RawJSON { return (*RawJSON)(&s) }

// Numbers decode from text as well, wherever a caller uses the types.
func TestScalarsOnTheirOwn(t *testing.T) {
	t.Parallel()
	type scalars struct {
		M Millis
		S Seconds
		F Score
	}
	for _, wire := range []string{`{"M":1730000000000,"S":1730000000,"F":12.5}`, `{"M":"1730000000000","S":"1730000000","F":"12.5"}`, `{"M":1.73e12,"S":1730000000.0,"F":1.25e1}`} {
		var v scalars
		require.NoError(t, json.Unmarshal([]byte(wire), &v), wire)
		assert.Equal(t, scalars{M: 1730000000000, S: 1730000000, F: 12.5}, v)
		assert.JSONEq(t, `{"M":1730000000000,"S":1730000000,"F":12.5}`, encoded(t, v))
	}
	var v scalars
	require.NoError(t, json.Unmarshal([]byte(`{"M":null,"S":null,"F":null}`), &v))
	assert.Zero(t, v)
	for _, wire := range []string{`{"M":"x"}`, `{"M":1.5}`, `{"S":[]}`, `{"F":true}`, `{"F":"Infinity"}`, `{"F":""}`, `{"M":"+-1"}`, `{"M":".5"}`} {
		require.ErrorContains(t, json.Unmarshal([]byte(wire), &v), "expected a number", wire)
	}
	require.Error(t, new(Score).UnmarshalJSON([]byte(`1 2`)))
}

func TestTimes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, time.Date(2024, 10, 27, 3, 33, 20, 5e6, time.UTC), Millis(1730000000005).Time())
	assert.Equal(t, time.Date(2024, 10, 27, 3, 33, 20, 0, time.UTC), Seconds(1730000000).Time())
	assert.True(t, Millis(0).Time().IsZero())
	assert.True(t, Seconds(0).Time().IsZero())
	assert.Equal(t, "2024-10-27T03:33:20Z", Seconds(1730000000).String())
	assert.Equal(t, "2024-10-27T03:33:20.005Z", Millis(1730000000005).String())
	assert.Equal(t, Millis(1730000000005), MillisOf(Millis(1730000000005).Time().Local()))
	assert.Zero(t, MillisOf(time.Time{}))
	assert.Empty(t, Seconds(0).String())
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	for want, category := range []Category{"", CategoryInformational, CategoryCompliance, CategorySuspicious, CategoryCritical} {
		assert.Equal(t, want, category.Severity(), category)
		assert.Equal(t, want, Category(strings.ToUpper(string(category))).Severity(), "model alerts capitalise it")
	}
	c, err := ParseCategory(" Critical\n")
	require.NoError(t, err)
	assert.Equal(t, CategoryCritical, c)
	_, err = ParseCategory("severe")
	require.ErrorIs(t, err, ErrArgument)
	require.EqualError(t, err, `darktrace: invalid argument: category is "severe"; it must be informational, compliance, suspicious or critical`)
	assert.Zero(t, Category("brand-new").Severity())
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for p, want := range map[Probability]Score{0: 0, 0.57: 57, 0.941: 94.1, 1: 100, 1.0 / 3: 33.3333333333} {
		assert.Equal(t, want, p.Percent()) //nolint:testifylint // exactly
	}
}

func TestSaaS(t *testing.T) {
	t.Parallel()
	for identifier, want := range map[string][2]string{
		"SaaS::Office365: jo@example.com": {"Office365", "jo@example.com"}, "SaaS::A:b:c": {"A", "b:c"},
		"SaaS::Office365": {}, "SaaS::Office365: ": {}, "ws-01.example.com": {}, "": {},
	} {
		module, user, ok := EventDevice{Identifier: identifier, SID: -9}.SaaS()
		assert.Equal(t, want, [2]string{module, user}, identifier)
		assert.Equal(t, want[1] != "", ok, identifier)
	}
}

func TestPhaseNames(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for p := PhaseInitialInfection; p <= PhaseAccomplishMission; p++ {
		names[p.Name()] = true
	}
	assert.Len(t, names, 6)
	assert.Equal(t, "Lateral Movement", PhaseLateralMovement.Name())
	assert.Equal(t, "phase 9", AttackPhase(9).Name())
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ wire, want string }{
		{`"plain {} text"`, "plain {} text"},
		{`null`, ""},
		{`{"valueType":"formatString","value":"{} and {}","replacements":[{"valueType":"string","value":"a"},{"valueType":"string","value":"b"}]}`, "a and b"},
		{`{"valueType":"formatString","value":"{} and {}","replacements":[{"valueType":"string","value":"{}"}]}`, "{} and {}"},
		{`{"valueType":"formatString","value":"none","replacements":[{"valueType":"string","value":"a"}]}`, "none"},
		{`{"valueType":"formatString","value":"{}{}","replacements":["a",5]}`, "a5"},
		{`{"valueType":"formatString","value":"{}-{}","replacements":[null,"b"]}`, "-b"},
		{`{"valueType":"formatString","value":"<{}>","replacements":{"valueType":"username","value":"jdoe"}}`, "<jdoe>"},
		{`{"replacements":[{"value":"inner","valueType":"string"}],"value":"[{}]","valueType":"formatString"}`, "[inner]"},
		{`{"valueType":"formatString","value":"{}","replacements":[{"valueType":"formatString","value":"{}!","replacements":[{"valueType":"device","value":{"did":5}}]}]}`, "device 5!"},
		{`{"valueType":"externalHost","value":{"identifier":"192.0.2.1","ip":null}}`, "192.0.2.1"},
		{`{"valueType":"brand-new","value":"text"}`, "text"},
		{`{"valueType":"brand-new","value":{"a":1}}`, `{"a":1}`},
		{`{"valueType":"string"}`, ""},
		{`{"valueType":"string","value":null}`, ""},
		{`{"value":"untyped"}`, "untyped"},
		{`{"value":"{}!","replacements":["untyped"]}`, "untyped!"},
		{`{}`, ""},
		{`17`, "17"},
	} {
		var text Text
		require.NoError(t, json.Unmarshal([]byte(tt.wire), &text), tt.wire)
		assert.Equal(t, tt.want, text.String(), tt.wire)
		assert.Empty(t, differences("", untyped(t, []byte(tt.wire)), untyped(t, []byte(encoded(t, text)))), tt.wire)
	}
	assert.Equal(t, "text", PlainText("text").String())
	assert.Equal(t, "null", encoded(t, Text{}))
}
