package darktrace

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// event decodes one event through encoding/json.
func event(tb testing.TB, data string) *IncidentEvent {
	tb.Helper()
	e := new(IncidentEvent)
	require.NoError(tb, json.Unmarshal([]byte(data), e), data)
	return e
}

func encoded(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	require.NoError(tb, err)
	return string(data)
}

func TestEventOf61(t *testing.T) {
	t.Parallel()
	e := streamed(t, fixture(t, "events-6.1.json"), decodeEvent(nil, false))[0]
	details := e.Details
	e.Details = nil
	assert.EqualExportedValues(t, &IncidentEvent{
		ID:             "0e61a001-5e1f-4a61-9c10-000000000001",
		Title:          "Large Upload to a Rare Host",
		Summary:        PlainText("A device sent 1.5 GiB to files.example.net.\n\nThe host had not been seen before."),
		Summariser:     "ExfilSummary",
		CreatedAt:      1730001000000,
		Periods:        []Period{{Start: 1729990000000, End: 1729999000000}},
		Category:       CategoryCritical,
		GroupCategory:  CategoryCritical,
		CurrentGroup:   "g0e61a001-5e1f-4a61-9c10-000000000009",
		PreviousGroups: []string{},
		GroupScore:     87.5,
		AIAScore:       94,
		AttackPhases:   []AttackPhase{PhaseAccomplishMission},
		MITRETactics:   []Tactic{TacticExfiltration, TacticCommandAndControl},
		BreachDevices: []EventDevice{
			{IP: "192.0.2.#28445", Subnet: "192.0.2.0/24", DID: 9007199254740993, SID: 7},
			{Identifier: "db-02.example.com", IP: "198.51.100.0/25", DID: 21, SID: 8, Hostname: "db-02.example.com"},
		},
		RelatedBreaches: []RelatedBreach{
			{ModelName: "Anomalous Connection / Data Sent to Rare Domain", PBID: 9007199254740995, ThreatScore: 100, Timestamp: 1729991000000},
		},
		Children:    []string{"0e61a001-5e1f-4a61-9c10-000000000001"},
		ActivityID:  "act00011",
		GroupingIDs: []string{"grp00011", "grp00012"},
		Extra: map[string]json.RawMessage{
			"futureField": json.RawMessage(`{"nested": [1, 2.5, "x", null, true]}`),
			"anotherOne":  json.RawMessage(`"kept"`),
		},
	}, e)

	require.Len(t, details, 1)
	require.Len(t, details[0].Blocks, 2)
	assert.Equal(t, DetailBlock{Header: "Every documented type", Groups: [][]Detail{{
		{Key: "Text", Type: TypeString, Values: []DetailValue{TextValue("one"), TextValue("two – ü 漢")}},
		{Key: "Device", Type: TypeDevice, Values: []DetailValue{EventDevice{Identifier: "db-02.example.com", IP: "198.51.100.21", DID: 21, SID: 8}}},
		{Key: "Host", Type: TypeExternalHost, Values: []DetailValue{ExternalHost{Hostname: "files.example.net", IP: "203.0.113.9"}, ExternalHost{Hostname: "203.0.113.10"}}},
		{Key: "Seen", Type: TypeTimestamp, Values: []DetailValue{Millis(1729991000000), Millis(1729991000999)}},
		{Key: "Connections", Type: TypeInteger, Values: []DetailValue{IntegerValue(12), IntegerValue(0), IntegerValue(-3)}},
		{Key: "Factor", Type: TypeFloat, Values: []DetailValue{FloatValue(2.5), FloatValue(3)}},
		{Key: "Rarity", Type: TypePercentage, Values: []DetailValue{Percentage(100), Percentage(99.5)}},
		{Key: "Sent", Type: TypeDataVolume, Values: []DetailValue{DataVolume(1610612736)}},
		{Key: "Length", Type: TypeDuration, Values: []DetailValue{DurationValue(5400)}},
		{Key: "Protocols", Type: TypeRatio, Values: []DetailValue{Ratio{Value: "HTTPS", Percentage: 87.5}}},
		{Key: "Time", Type: TypeTimestampRange, Values: []DetailValue{Period{Start: 1729990000000, End: 1729999000000}}},
		{Key: "Ports", Type: TypeIntegerRange, Values: []DetailValue{IntegerRange{Start: 49152, End: 65535}, IntegerRange{Start: 443, End: 443}}},
		{Key: "Share", Type: TypePercentageRange, Values: []DetailValue{PercentageRange{Start: 0, End: 12.5}}},
		{Key: "Lengths", Type: TypeDurationRange, Values: []DetailValue{DurationRange{Start: 1, End: 90}}},
		{Key: "Volumes", Type: TypeDataVolumeRange, Values: []DetailValue{DataVolumeRange{Start: 1024, End: 1048576}}},
		{Key: "Names", Type: TypeStringRange, Values: []DetailValue{StringRange{Start: "ws-01", End: "ws-40"}}},
	}}}, details[0].Blocks[0])
	assert.Equal(t, DetailBlock{Header: "What nobody documented", Groups: [][]Detail{{
		{Key: "Map", Type: "geoPoint", Values: []DetailValue{RawJSON(`{"lat": 52.2, "lon": 0.12}`)}},
		{Key: "Text", Type: TypeString, Values: []DetailValue{TextValue("a scalar")}},
		{Key: "Text", Type: TypeString, Values: []DetailValue{RawJSON("null"), TextValue("after a null")}},
		{Type: "hash", Values: []DetailValue{RawJSON(`"5e1f"`)}},
		{Key: "Nothing", Type: TypeString, Values: []DetailValue{}},
		{Key: "No values", Type: TypeString},
	}}}, details[0].Blocks[1])
}

func TestEventOfTheBlockForm(t *testing.T) {
	t.Parallel()
	e := streamed(t, fixture(t, "events-block.json"), decodeEvent(nil, false))[0]
	account := EventDevice{Identifier: "SaaS::Office365: jdoe@example.com", DID: 77, SID: -9}
	period := Period{Start: 1679990000000, End: 1679990060000}
	assert.Equal(t, Details{
		{BlockType: "single", Blocks: []DetailBlock{{Header: "Account", Groups: [][]Detail{{
			{Key: "Account", Type: TypeDevice, Values: []DetailValue{account}},
			{Key: "Actor", Type: TypeUsername, Values: []DetailValue{TextValue("jdoe@example.com")}},
		}}}}},
		{BlockType: "grouped", Blocks: []DetailBlock{
			{Header: "Agent", Groups: [][]Detail{{
				{Key: "Source", Type: TypeExternalHost, Values: []DetailValue{ExternalHost{Identifier: "203.0.113.77"}}},
				{Key: "Time", Type: TypeTimeRange, Values: []DetailValue{period}},
			}}},
			{Header: "Activity", Groups: [][]Detail{
				{{Key: "Event", Type: TypeString, Values: []DetailValue{TextValue("UserLoggedIn")}}},
				{
					{Key: "Event", Type: TypeString, Values: []DetailValue{TextValue("FileDownloaded")}},
					{Type: TypeString, Values: []DetailValue{TextValue("3"), TextValue("4")}},
				},
			}},
			{Header: "Nothing", Groups: [][]Detail{}},
		}},
	}, e.Details)
	assert.Equal(t, "jdoe@example.com signed in to Office365 from 203.0.113.77 between 2023-03-28T07:53:20Z–2023-03-28T07:54:20Z, "+
		"which SaaS::Office365: jdoe@example.com never did before.\n\nPlease check that this was wanted.", e.Summary.String())
	assert.JSONEq(t, `[]`, string(e.Figures))
	assert.Contains(t, string(e.Explanations), "Comparing with the past.")
	assert.Nil(t, e.Skipped)
	assert.Nil(t, e.Extra)
}

func TestAllDetails(t *testing.T) {
	t.Parallel()
	e := streamed(t, fixture(t, "events-block.json"), decodeEvent(nil, false))[0]
	var keys []string
	for header, detail := range e.AllDetails() {
		keys = append(keys, header+": "+detail.Key)
	}
	assert.Equal(t, []string{"Account: Account", "Account: Actor", "Agent: Source", "Agent: Time", "Activity: Event", "Activity: Event", "Activity: "}, keys)
	for header := range e.AllDetails() {
		assert.Equal(t, "Account", header)
		break
	}
	for range new(IncidentEvent).AllDetails() {
		assert.Fail(t, "there are none")
	}
}

// A mistyped value loses only itself, and Skipped names it.
func TestMistypedEvent(t *testing.T) {
	t.Parallel()
	e := streamed(t, fixture(t, "events-mistyped.json"), decodeEvent(nil, false))[0]
	assert.Equal(t, []string{
		"title", "summariser", "createdAt", "periods[1].start", "periods[2]", "groupScore", "attackPhases[1]",
		"acknowledged", "relatedBreaches[2].pbid", "relatedBreaches[2].threatScore", "relatedBreaches[2].timestamp",
		"details[0][0].contents[0].values[0]", "details[0][0].contents[2].values[0]", "details[0][0].contents[2].values[1]", "details[0][0].contents[2].values[2]",
		"details[0][0].contents[3].key", "details[0][0].contents[4]", "details[0][1]", "details[4]",
	}, e.Skipped)
	assert.Equal(t, map[string]json.RawMessage{
		"title":        json.RawMessage(`{"en": "An object", "de": "Ein Objekt"}`),
		"summariser":   json.RawMessage(`["a", "list"]`),
		"createdAt":    json.RawMessage(`"yesterday"`),
		"groupScore":   json.RawMessage(`"high"`),
		"attackPhases": json.RawMessage(`[1, "two"]`),
		"acknowledged": json.RawMessage(`"yes"`),
	}, e.Extra)
	assert.Equal(t, "0ebad001-5e1f-4a61-9c10-000000000001", e.ID)
	assert.Empty(t, e.Title)
	assert.Equal(t, "17", e.Summary.String())
	assert.Equal(t, Category("3"), e.Category)
	assert.Zero(t, e.CreatedAt)
	assert.Zero(t, e.GroupScore)
	assert.Equal(t, []AttackPhase{1}, e.AttackPhases)
	assert.Equal(t, Score(88), e.AIAScore)
	assert.True(t, e.Pinned)
	assert.Equal(t, []Tactic{TacticLateralMovement}, e.MITRETactics)
	assert.Equal(t, []string{e.ID}, e.Children)
	assert.Equal(t, []Period{{Start: 1700000000000, End: 1700000000000}, {Extra: `{"start": {}}`}, {Extra: `"now"`}}, e.Periods)
	assert.EqualExportedValues(t, []EventDevice{{Identifier: "alone.example.com", DID: 42, SID: 1, Extra: `{"owner": "ops"}`}}, e.BreachDevices)
	assert.EqualExportedValues(t, []RelatedBreach{
		{ModelName: "Device / A", PBID: 1, ThreatScore: 12.5, Timestamp: 1700000000000},
		{ModelName: "Device / B"},
		{ModelName: "Device / C", Extra: `{"pbid": {"value": 3},"threatScore": [1],"timestamp": true,"new": 1}`},
	}, e.RelatedBreaches)
	assert.EqualExportedValues(t, Details{
		{Blocks: []DetailBlock{
			{Groups: [][]Detail{{
				{Key: "Size", Type: TypeDataVolume, Values: []DetailValue{RawJSON(`"big"`), DataVolume(12), DataVolume(1.5), DataVolume(77), DataVolume(1000)}},
				{Key: "The type comes last", Type: TypeInteger, Values: []DetailValue{IntegerValue(443)}},
				{Key: "Ports", Type: TypeIntegerRange, Values: []DetailValue{RawJSON(`{"start": 1}`), RawJSON(`{"start": 1, "end": 2, "step": 1}`), RawJSON(`{"start": 1, "end": "x"}`)}},
				{Type: "9", Values: []DetailValue{RawJSON("1")}, Extra: `{"key": ["not", "text"]}`},
				{Extra: `"no content"`},
				{Key: "Extra", Type: TypeString, Values: []DetailValue{TextValue("v")}, Extra: `{"unit": "bytes"}`},
			}}, Header: "5", Extra: `{"icon": "warning"}`},
			{Extra: `"no subsection"`},
		}},
		{Blocks: []DetailBlock{{Header: "A subsection without its section", Groups: [][]Detail{{{Key: "Alone", Type: TypeString, Values: []DetailValue{TextValue("v")}}}}}}},
		{BlockType: "single", Extra: `{"colour": "red"}`, Blocks: []DetailBlock{{Header: "Alone", Groups: [][]Detail{{{Key: "k", Type: TypeString, Values: []DetailValue{TextValue("v")}}}}}}},
		{Blocks: []DetailBlock{}},
		{Extra: `"no section"`},
	}, e.Details)
}

// Any field may have any type: it costs this field, and comes back.
func TestEveryFieldOfEveryType(t *testing.T) {
	t.Parallel()
	names := []string{
		"id", "children", "title", "summary", "summariser", "createdAt", "periods", "category", "groupCategory", "currentGroup",
		"groupPreviousGroups", "groupScore", "aiaScore", "attackPhases", "mitreTactics", "acknowledged", "pinned", "userTriggered",
		"externalTriggered", "sender", "breachDevices", "relatedBreaches", "details", "activityId", "groupingIds", "groupByActivity",
		"incidentEventUrl", "explanations", "figures", "unknown",
	}
	values := []string{
		`null`, `true`, `false`, `0`, `-0`, `7`, `1.5`, `1e400`, `9223372036854775808`, `""`, `"x"`, `"7"`, `"1.5"`, `"NaN"`, `"0x1p4"`, `"1_0"`,
		`[]`, `[null]`, `[[]]`, `[{}]`, `["x"]`, `["x",7]`, `[7]`, `["7"]`, `[true]`, `[[[]]]`, `[[{}]]`, `{}`, `{"x":1}`, `{"start":{}}`, `{"value":"x"}`, `{"valueType":"string"}`,
		`{"valueType":"","value":[]}`, `{"blocks":null}`, `{"contents":null}`, `[{"contents":{}}]`, `[[{"contents":null}]]`, `[[{"contents":[null,{}]}]]`,
		`[{"blocks":[{"bulletBlocks":[null,[]]}]}]`, `[[null]]`,
	}
	for _, name := range names {
		for _, value := range values {
			wire := `{"id":"kept","` + name + `":` + value + `}`
			e := event(t, wire)
			if name != "id" {
				assert.Equal(t, "kept", e.ID, wire)
			} else {
				wire = `{"id":` + value + `}`
			}
			assert.Empty(t, differences("", withoutNulls(untyped(t, []byte(wire))), withoutNulls(untyped(t, []byte(encoded(t, e))))), wire)
			assert.Equal(t, encoded(t, e), encoded(t, event(t, encoded(t, e))), wire)
		}
	}
}

// withoutNulls removes nulls from lists that hold nothing else.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = withoutNulls(member)
		}
	case []any:
		list := []any{}
		for _, element := range v {
			if element != nil {
				list = append(list, withoutNulls(element))
			}
		}
		return list
	}
	return v
}

// Explicit zeros come back, and what was absent stays absent.
func TestZerosOfEvents(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{
		`{}`,
		`{"id":""}`,
		`{"acknowledged":false,"groupByActivity":false}`,
		`{"title":"","summariser":"","createdAt":0,"category":"","groupCategory":"","currentGroup":"","groupScore":0,"aiaScore":0,"sender":"","activityId":"","incidentEventUrl":"","summary":""}`,
		`{"children":[],"periods":[],"breachDevices":[],"details":[]}`,
		`{"breachDevices":[{"identifier":"","hostname":"","ip":"","mac":"","subnet":"","did":0,"sid":0}],"periods":[{"start":0,"end":0}]}`,
		`{"acknowledged":[]}`,
		`{"title":{}}`,
		`{"groupScore":-0,"aiaScore":1e-7}`,
		`{"groupScore":1e-300,"aiaScore":1.5e300}`,
	} {
		assert.JSONEq(t, wire, encoded(t, event(t, wire)))
	}
	e := event(t, `{"title":"","acknowledged":true,"pinned":{}}`)
	e.Title, e.Acknowledged, e.Pinned = "set", false, true
	assert.JSONEq(t, `{"title":"set","acknowledged":false,"pinned":true}`, encoded(t, e), "what a caller sets counts")
}

// The last one counts of names that come twice.
func TestNamesThatComeTwice(t *testing.T) {
	t.Parallel()
	assert.JSONEq(t, `{"id":"b"}`, encoded(t, event(t, `{"id":"a","id":"b"}`)))
	assert.JSONEq(t, `{"pinned":"x"}`, encoded(t, event(t, `{"pinned":true,"pinned":"x"}`)))
	assert.JSONEq(t, `{"pinned":true}`, encoded(t, event(t, `{"pinned":"x","pinned":true}`)))
	assert.JSONEq(t, `{"title":[]}`, encoded(t, event(t, `{"title":"a","title":[]}`)))
	assert.JSONEq(t, `{"x":2}`, encoded(t, event(t, `{"x":1,"x":2}`)))
	assert.Equal(t, []DetailValue{IntegerValue(5)},
		event(t, `{"details":[[{"contents":[{"type":"string","values":["5"],"type":"integer"}]}]]}`).Details[0].Blocks[0].Groups[0][0].Values)
}

// An event made by hand has the flags that an appliance always sends.
func TestEncodingAnEventMadeByHand(t *testing.T) {
	t.Parallel()
	e := &IncidentEvent{
		ID: "a", Summary: PlainText("text"), Periods: []Period{{Start: 1}},
		Details: Details{{Blocks: []DetailBlock{{Header: "h", Groups: [][]Detail{{{Key: "k", Type: TypeInteger, Values: []DetailValue{IntegerValue(1), nil}}}, {{Key: "l"}}}}}}},
		Extra:   map[string]json.RawMessage{"b": json.RawMessage(`1`), "a": nil, "id": json.RawMessage(`"from Extra"`)},
		Raw:     json.RawMessage(`{}`), Skipped: []string{"x"},
	}
	assert.Equal(t, `{"id":"a","summary":"text","periods":[{"start":1}],"acknowledged":false,"pinned":false,"userTriggered":false,"externalTriggered":false,`+
		`"details":[[{"header":"h","contents":[{"key":"k","type":"integer","values":[1,null]},{"key":"l"}]}]],"groupByActivity":false,"a":null,"b":1}`, encoded(t, *e))

	for _, bad := range []IncidentEvent{
		{Extra: map[string]json.RawMessage{"x": json.RawMessage(`{`)}},
		{Periods: []Period{{Extra: `{"x":`}}},
		{Periods: []Period{{Extra: `oops`}}},
		{Periods: []Period{{Extra: ` `}}},
		{BreachDevices: []EventDevice{{Extra: `{"a":1},{}`}}},
		{GroupScore: Score(math.Inf(-1))},
		{Details: Details{{BlockType: "b", Extra: `[]x`}}},
		{Figures: json.RawMessage(`x`)},
		{GroupScore: Score(math.NaN())},
		{Details: Details{{Blocks: []DetailBlock{{Groups: [][]Detail{{{Values: []DetailValue{foreign{}}}}}}}}}},
	} {
		_, err := bad.MarshalJSON()
		require.ErrorContains(t, err, "encoding darktrace.IncidentEvent: ")
	}
}

// foreign is a detail value that only tests can make.
type foreign struct{ DetailValue }

func TestDecodingWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	e := IncidentEvent{ID: "untouched"}
	require.NoError(t, json.Unmarshal([]byte("null"), &e))
	for _, body := range []string{`5`, `[]`, `"x"`, `{`, `{}{}`, ``, `{"id":}`} {
		require.Error(t, new(IncidentEvent).UnmarshalJSON([]byte(body)), body)
		require.Error(t, new(IncidentGroup).UnmarshalJSON([]byte(body)), body)
	}
	require.NoError(t, json.Unmarshal([]byte(`{"title":"new"}`), &e))
	assert.Empty(t, e.ID, "nothing is left of what was there")
}

// A stream and encoding/json decode the same.
func TestBothWaysToDecode(t *testing.T) {
	t.Parallel()
	for _, name := range eventFixtures {
		var plain []*IncidentEvent
		require.NoError(t, json.Unmarshal(fixture(t, name), &plain))
		assert.Equal(t, streamed(t, fixture(t, name), decodeEvent(nil, false)), plain, name)
	}
	var plain []*IncidentGroup
	require.NoError(t, json.Unmarshal(fixture(t, "groups.json"), &plain))
	assert.Equal(t, streamed(t, fixture(t, "groups.json"), decodeGroup(nil, false)), plain)
}

func TestActivity(t *testing.T) {
	t.Parallel()
	e := &IncidentEvent{Periods: []Period{{Start: 50, End: 60}, {Start: 10, End: 90}, {End: 5}, {Start: 70}}}
	assert.Equal(t, Millis(10), e.FirstActivity())
	assert.Equal(t, Millis(90), e.LastActivity())
	assert.Zero(t, new(IncidentEvent).FirstActivity())
	assert.Zero(t, new(IncidentEvent).LastActivity())
	old := &IncidentEvent{Periods: []Period{{Start: -9}, {End: -5}}} // Before 1970.
	assert.Equal(t, Millis(-9), old.FirstActivity())
	assert.Equal(t, Millis(-5), old.LastActivity())
}

func TestKindsOfEvents(t *testing.T) {
	t.Parallel()
	all := streamed(t, fixture(t, "events-6.1.json"), decodeEvent(nil, false))
	for i, want := range []struct{ saas, email bool }{{false, false}, {false, true}, {true, false}} {
		assert.Equal(t, want.saas, all[i].IsSaaS(), all[i].Title)
		assert.Equal(t, want.email, all[i].IsEmail(), all[i].Title)
	}
}

func TestGroupIDs(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"b", "a", "c"}, (&IncidentEvent{CurrentGroup: "b", PreviousGroups: []string{"a", "", "b", "c", "a"}}).GroupIDs())
	assert.Empty(t, new(IncidentEvent).GroupIDs())
}

func TestTactics(t *testing.T) {
	t.Parallel()
	for tactic, want := range map[Tactic]string{
		TacticCommandAndControl: "Command and Control", TacticImpact: "Impact", TacticLateralMovement: "Lateral Movement",
		"brand-new": "Brand New", "": "", "-": " ",
	} {
		assert.Equal(t, want, tactic.Name())
	}
	for tactic, want := range map[Tactic]string{
		TacticInitialAccess: "TA0001", TacticCommandAndControl: "TA0011", TacticExfiltration: "TA0010", TacticImpact: "TA0040", "brand-new": "",
	} {
		assert.Equal(t, want, tactic.ID(), tactic)
	}
}

func TestIncidentID(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "b", (&IncidentEvent{CurrentGroup: "b", PreviousGroups: []string{"a"}}).IncidentID())
	assert.Equal(t, "a", (&IncidentEvent{PreviousGroups: []string{"", "a"}}).IncidentID())
	assert.Empty(t, new(IncidentEvent).IncidentID())
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	e := streamed(t, fixture(t, "events-6.1.json"), decodeEvent(nil, false))[0]
	assert.Equal(t, `2024-10-27T03:50:00Z critical 94 "Large Upload to a Rare Host" 192.0.2.#28445, db-02.example.com 0e61a001-5e1f-4a61-9c10-000000000001`, e.String())
	assert.Equal(t, `"" a`, (&IncidentEvent{ID: "a"}).String())
	assert.Equal(t, `"a\nb" evil  [31m name i d`, (&IncidentEvent{ID: "i\nd", Title: "a\nb", Sender: "evil\r\u2028\x1b[31m\nname"}).String())
	assert.Equal(t, `1970-01-01T00:00:01Z critical 50.5 "x\ny" and 1 more g`, (&IncidentGroup{
		ID: "g", Start: 1000, Category: CategoryCritical, GroupScore: 50.5, Events: []GroupEvent{{Title: "x\ny"}, {}},
	}).String())

	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("m", "event", e, "incident", &IncidentGroup{ID: "g"}, "none", (*IncidentEvent)(nil), "neither", (*IncidentGroup)(nil))
	assert.Contains(t, log.String(), `event.id=0e61a001-5e1f-4a61-9c10-000000000001 event.incident=g0e61a001-5e1f-4a61-9c10-000000000009 event.created=2024-10-27T03:50:00Z `+
		`event.category=critical event.score=94 event.title="Large Upload to a Rare Host" event.acknowledged=false incident.id=g incident.start="" incident.end="" `+
		`incident.category="" incident.score=0 incident.events=0 incident.devices=0 incident.acknowledged=false none=<nil> neither=<nil>`)
}

func TestObservables(t *testing.T) {
	t.Parallel()
	e := event(t, `{
		"sender": "billing@mail.example.org",
		"breachDevices": [
			{"identifier": "ws-01", "hostname": "ws-01.example.com", "ip": "192.0.2.1", "mac": "00:00:5e:00:53:01"},
			{"identifier": "SaaS::Office365: jo@example.com", "sid": -9},
			{"identifier": "192.0.2.1", "ip": "192.0.2.#28445"}, {"ip": "192.0.2.0/24"}, {"identifier": "some printer"}
		],
		"summary": {"valueType": "formatString", "value": "{}", "replacements": [{"valueType": "username", "value": "asmith"}, {"valueType": "externalHost", "value": {"identifier": "2001:db8::1"}}]},
		"details": [[{"header": "Upload", "contents": [
			{"key": "To", "type": "externalHost", "values": [{"hostname": "files.example.net", "ip": "203.0.113.9"}, {"hostname": "203.0.113.9"}]},
			{"key": "", "type": "string", "values": ["https://files.example.net/x?y=1", "203.0.113.10", "00:00:5e:00:53:02", "jd@example.com", "port 443", "a@b", "mailto:x", "x, y@example.com"]},
			{"key": "n", "type": "integer", "values": [5]}
		]}]]
	}`)
	assert.Equal(t, []Observable{
		{ObservableHost, "ws-01", "breachDevices"},
		{ObservableHost, "ws-01.example.com", "breachDevices"},
		{ObservableIP, "192.0.2.1", "breachDevices"},
		{ObservableMAC, "00:00:5e:00:53:01", "breachDevices"},
		{ObservableUser, "jo@example.com", "breachDevices"},
		{ObservableMail, "billing@mail.example.org", "sender"},
		{ObservableUser, "asmith", "summary"},
		{ObservableIP, "2001:db8::1", "summary"},
		{ObservableDomain, "files.example.net", "Upload To"},
		{ObservableIP, "203.0.113.9", "Upload To"},
		{ObservableURL, "https://files.example.net/x?y=1", "Upload"},
		{ObservableIP, "203.0.113.10", "Upload"},
		{ObservableMAC, "00:00:5e:00:53:02", "Upload"},
		{ObservableMail, "jd@example.com", "Upload"},
	}, e.Observables())
	assert.Empty(t, new(IncidentEvent).Observables())
}

func TestGroupOf52(t *testing.T) {
	t.Parallel()
	assert.Equal(t, &IncidentGroup{
		ID:             "g0e52a001-5e1f-4a52-9c10-000000000001",
		Pinned:         true,
		PreviousIDs:    []string{},
		URL:            "https://appliance.example.com/#aiagroup/g0e52a001-5e1f-4a52-9c10-000000000001",
		Events:         []GroupEvent{{ID: "0e52a001-5e1f-4a52-9c10-000000000001", Title: "Scanning of Multiple Devices", Start: 1699990000000, TriggerDID: 17, Visible: true}},
		Devices:        []int64{17, 4},
		InitialDevices: []int64{17},
		Category:       CategorySuspicious,
		GroupScore:     0.7354018374625341,
		Start:          1699990000000,
		End:            1699999800000,
		Edges: []Edge{{
			IsAction:    true,
			Source:      Node{Type: NodeDevice, Value: IntegerValue(17)},
			Target:      Node{Type: NodeDevice, Value: IntegerValue(4)},
			Start:       1699999200000,
			EventID:     "0e52a001-5e1f-4a52-9c10-000000000001",
			Description: "SMB session",
			Details:     []Detail{{Type: TypeString, Values: []DetailValue{TextValue("445"), TextValue("139")}}},
		}},
	}, streamed(t, fixture(t, "groups.json"), decodeGroup(nil, false))[0])
}

func TestGroupOf61(t *testing.T) {
	t.Parallel()
	g := streamed(t, fixture(t, "groups.json"), decodeGroup(nil, false))[1]
	yes, no := true, false
	assert.Equal(t, []GroupEvent{
		{ID: "0e61a001-5e1f-4a61-9c10-000000000002", Title: "Suspicious Mail", Start: 1730001900000, Sender: "billing@mail.example.org", Visible: true, Acknowledged: &no},
		{ID: "0e61a001-5e1f-4a61-9c10-000000000003", Title: "Unusual Sign-in", Start: 1730002000000, TriggerDID: 1975, Acknowledged: &yes},
		{ID: "0e61a001-5e1f-4a61-9c10-000000000004", Title: "No trigger", Start: 1730002100000, Visible: true, Acknowledged: &yes, Extra: `{"score": 4}`},
	}, g.Events)
	assert.EqualExportedValues(t, []Edge{
		{
			Source:  Node{Type: NodeInternalIP, Value: TextValue("192.0.2.#28445")},
			Target:  Node{Type: NodeExternalHost, Value: TextValue("files.example.net")},
			EventID: "0e61a001-5e1f-4a61-9c10-000000000003", Details: []Detail{},
		},
		{
			IsAction: true,
			Source:   Node{Type: NodeDevice, Value: TextValue("1975")},
			Target:   Node{Type: NodeExternalIP, Value: TextValue("203.0.113.77"), Extra: `{"port": 443}`},
			Start:    1730002000000,
			EventID:  "0e61a001-5e1f-4a61-9c10-000000000003", Description: "Upload",
			Details: []Detail{
				{Key: "Sent", Type: TypeDataVolume, Values: []DetailValue{DataVolume(1048576)}},
				{Key: "To", Type: TypeExternalHost, Values: []DetailValue{ExternalHost{Hostname: "files.example.net", IP: "203.0.113.77"}}},
			},
		},
		{
			IsAction: true,
			Source:   Node{Type: "wormhole", Extra: `{"value": {"depth": 3}}`},
			EventID:  "0e61a001-5e1f-4a61-9c10-000000000004", Description: "Something new",
		},
	}, g.Edges)
	assert.Equal(t, Score(20.5), g.GroupScore)
	assert.Equal(t, []Tactic{TacticInitialAccess, TacticPrivilegeEscalation}, g.MITRETactics)
	assert.Equal(t, []string{"g0e61a001-5e1f-4a61-9c10-000000000003", "g0e61a001-5e1f-4a61-9c10-000000000004"}, g.PreviousIDs)
	assert.Equal(t, []int64{1975, 9007199254740993}, g.Devices)
	assert.Equal(t, map[string]json.RawMessage{"narrative": json.RawMessage(`"kept"`)}, g.Extra)
	assert.Equal(t, []string{"edges[2].source.value"}, g.Skipped)
}

// Any field may have any type: it costs this field, and comes back.
func TestEveryFieldOfGroupsOfEveryType(t *testing.T) {
	t.Parallel()
	names := []string{
		"id", "active", "acknowledged", "pinned", "userTriggered", "externalTriggered", "previousIds", "groupUrl", "incidentEvents",
		"mitreTactics", "devices", "initialDevices", "category", "groupScore", "start", "end", "edges", "unknown",
	}
	values := []string{
		`null`, `true`, `false`, `0`, `7`, `1.5`, `""`, `"x"`, `"7"`, `[]`, `[null]`, `[[]]`, `{}`, `["x"]`, `[7]`, `["7",{}]`,
		`[{"uuid":[],"start":{},"title":3,"triggerDid":"x","sender":[],"visible":3,"acknowledged":"x"}]`,
		`[{"isAction":5,"source":7,"target":[],"start":"x","incidentEvent":{},"description":1,"details":7}]`,
		`[{"isAction":true,"source":null,"target":{"nodeType":5,"value":true},"details":{"key":"k"}}]`,
		`[{"isAction":true,"source":{"value":1.5},"target":{"value":null},"details":["x",null]}]`,
	}
	for _, name := range names {
		for _, value := range values {
			g := new(IncidentGroup)
			wire := `{"` + name + `":` + value + `}`
			require.NoError(t, json.Unmarshal([]byte(wire), g), wire)
			back := encoded(t, g)
			assert.Empty(t, differences("", withoutNulls(untyped(t, []byte(wire))), withoutNulls(untyped(t, []byte(back)))), wire)
			again := new(IncidentGroup)
			require.NoError(t, json.Unmarshal([]byte(back), again), back)
			assert.Equal(t, back, encoded(t, again), wire)
		}
	}
}

func TestEncodingAGroupMadeByHand(t *testing.T) {
	t.Parallel()
	g := IncidentGroup{ID: "ga", Events: []GroupEvent{{ID: "a"}}, Edges: []Edge{{Details: []Detail{{Key: "k"}}}}}
	assert.Equal(t, `{"id":"ga","active":false,"acknowledged":false,"pinned":false,"userTriggered":false,"externalTriggered":false,`+
		`"incidentEvents":[{"uuid":"a","visible":false}],"edges":[{"isAction":false,"details":[{"key":"k"}]}]}`, encoded(t, g))
}
