package darktrace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eventFixtures are the files of events.
var eventFixtures = []string{"events-5.2.json", "events-6.1.json", "events-block.json", "events-mistyped.json"}

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	return data
}

// streamed decodes a list as the client does.
func streamed[T any](tb testing.TB, data []byte, one elementDecoder[T]) []*T {
	tb.Helper()
	var all []*T
	require.NoError(tb, decodeStream(bytes.NewReader(data), one, ignore, func(v *T) bool {
		all = append(all, v)
		return true
	}))
	return all
}

// ignore takes the place of elements that are not objects.
func ignore(int, []byte, error) error { return nil }

// untyped decodes JSON without types, and keeps the text of numbers.
func untyped(tb testing.TB, data []byte) any {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	require.NoError(tb, dec.Decode(&v))
	return v
}

// differences lists the paths at which encoded differs from wire. It ignores nulls.
// A single value may become a list of one, a number in a string a number, and a
// number in a text field a string.
func differences(path string, wire, encoded any) []string {
	if list, ok := encoded.([]any); ok && len(list) == 1 {
		if _, ok := wire.([]any); !ok {
			return differences(path, wire, list[0])
		}
	}
	var paths []string
	switch wire := wire.(type) {
	case map[string]any:
		back, ok := encoded.(map[string]any)
		if !ok {
			return []string{path}
		}
		for name, v := range wire {
			if v != nil {
				paths = append(paths, differences(path+"."+name, v, back[name])...)
			}
		}
		for name, v := range back {
			if v != nil && wire[name] == nil {
				paths = append(paths, path+"."+name+" (made up)")
			}
		}
		return paths
	case []any:
		back, ok := encoded.([]any)
		if len(back) != len(wire) {
			wire = slices.DeleteFunc(slices.Clone(wire), func(v any) bool { return v == nil })
		}
		if !ok || len(back) != len(wire) {
			return []string{path}
		}
		for i, v := range wire {
			paths = append(paths, differences(fmt.Sprintf("%s[%d]", path, i), v, back[i])...)
		}
		return paths
	}
	if number, ok := wire.(json.Number); ok && encoded == string(number) { // the field holds text
		return nil
	}
	if flag, ok := encoded.(bool); ok && wire == strconv.FormatBool(flag) { // the field holds text
		return nil
	}
	if back, ok := encoded.(json.Number); ok && sameNumber(fmt.Sprint(wire), string(back)) || wire == encoded {
		return nil
	}
	return []string{path}
}

// sameNumber compares whole numbers exactly, and others as floats.
func sameNumber(a, b string) bool {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		return x == y
	}
	f, errF := strconv.ParseFloat(a, 64)
	g, errG := strconv.ParseFloat(b, 64)
	return errF == nil && errG == nil && f == g
}

// roundTrip checks that decoding and encoding a list restores the wire form, and
// that decoding the result gives the same values.
func roundTrip[T any](t *testing.T, wire []byte, one elementDecoder[T]) {
	t.Helper()
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, wire))
	decoded := streamed(t, compact.Bytes(), one)
	encoded, err := json.Marshal(decoded)
	require.NoError(t, err)
	assert.Empty(t, differences("", untyped(t, wire), untyped(t, encoded)), "change the type, not the fixture")

	var again []*T
	require.NoError(t, json.Unmarshal(encoded, &again))
	assert.Equal(t, withoutSkipped(decoded), withoutSkipped(again))
}

// withoutSkipped removes the paths of skipped values, whose order depends on the
// wire.
func withoutSkipped[T any](list []*T) []*T {
	for _, v := range list {
		if e, ok := any(v).(*IncidentEvent); ok {
			e.Skipped = nil
		}
		if g, ok := any(v).(*IncidentGroup); ok {
			g.Skipped = nil
		}
	}
	return list
}

func TestRoundTripOfEvents(t *testing.T) {
	t.Parallel()
	for _, name := range eventFixtures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, fixture(t, name), decodeEvent(nil, false))
		})
	}
}

func TestRoundTripOfTheRest(t *testing.T) {
	t.Parallel()
	roundTrip(t, fixture(t, "groups.json"), decodeGroup(nil, false))
	roundTrip(t, fixture(t, "investigations.json"), decoderOf[Investigation](nil))
	roundTrip(t, wrapped(fixture(t, "stats.json")), decoderOf[Stats](nil))
}

func wrapped(data []byte) []byte { return slices.Concat([]byte("["), data, []byte("]")) }

// newOf returns a pointer to a zero value of the type that v points to.
func newOf(v any) any { return reflect.New(reflect.TypeOf(v).Elem()).Interface() }

// The functions below read untyped JSON as programs without types do. They share no
// code with the decoder.

func asText(v any) string {
	text, _ := v.(string)
	return text
}

func asFloat(v any) float64 {
	if n, ok := v.(json.Number); ok {
		v = string(n)
	}
	f, _ := strconv.ParseFloat(asText(v), 64)
	return f
}

func asInt(v any) int64 {
	if n, ok := v.(json.Number); ok {
		v = string(n)
	}
	i, _ := strconv.ParseInt(asText(v), 10, 64)
	return i
}

// asList applies as to each element; nil stays nil, and anything else is a list
// of one.
func asList[T any](v any, as func(any) T) []T {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		list := make([]T, len(v))
		for i := range v {
			list[i] = as(v[i])
		}
		return list
	default:
		return []T{as(v)}
	}
}

func asKind[T ~string](v any) T { return T(asText(v)) }

func asPeriod(v any) Period {
	m := v.(map[string]any)
	return Period{Start: Millis(asInt(m["start"])), End: Millis(asInt(m["end"]))}
}

func asDevice(v any) EventDevice {
	m := v.(map[string]any)
	return EventDevice{
		Identifier: asText(m["identifier"]), Hostname: asText(m["hostname"]), IP: asText(m["ip"]), MAC: asText(m["mac"]),
		Subnet: asText(m["subnet"]), DID: asInt(m["did"]), SID: asInt(m["sid"]),
	}
}

func asBreach(v any) RelatedBreach {
	m := v.(map[string]any)
	return RelatedBreach{
		ModelName: asText(m["modelName"]), PBID: asInt(m["pbid"]),
		ThreatScore: Score(asFloat(m["threatScore"])), Timestamp: Millis(asInt(m["timestamp"])),
	}
}

// asValue reads a value of a detail. It returns false if a program without types
// could not read it.
func asValue(kind string, v any) (DetailValue, bool) {
	m, _ := v.(map[string]any)
	switch kind {
	case "string", "username":
		text, ok := v.(string)
		return TextValue(text), ok
	case "device":
		return asDevice(v), true
	case "externalHost":
		return ExternalHost{Hostname: asText(m["hostname"]), Identifier: asText(m["identifier"]), IP: asText(m["ip"])}, true
	case "timestamp":
		return Millis(asInt(v)), true
	case "integer":
		return IntegerValue(asInt(v)), true
	case "float":
		return FloatValue(asFloat(v)), true
	case "percentage":
		return Percentage(asFloat(v)), true
	case "dataVolume":
		return DataVolume(asInt(v)), true
	case "duration":
		return DurationValue(asFloat(v)), true
	case "ratio":
		return Ratio{Value: asText(m["value"]), Percentage: asFloat(m["percentage"])}, true
	case "timestampRange", "timeRange":
		return asPeriod(v), true
	case "integerRange":
		return IntegerRange{Start: asInt(m["start"]), End: asInt(m["end"])}, true
	case "percentageRange":
		return PercentageRange{Start: asFloat(m["start"]), End: asFloat(m["end"])}, true
	case "durationRange":
		return DurationRange{Start: DurationValue(asFloat(m["start"])), End: DurationValue(asFloat(m["end"]))}, true
	case "dataVolumeRange":
		return DataVolumeRange{Start: DataVolume(asInt(m["start"])), End: DataVolume(asInt(m["end"]))}, true
	case "stringRange":
		return StringRange{Start: asText(m["start"]), End: asText(m["end"])}, true
	default:
		return nil, false
	}
}

type detailRow struct {
	header, key, kind string
	values            []any
}

// asRows walks over details of either form.
func asRows(details any) []detailRow {
	var rows []detailRow
	for _, section := range details.([]any) {
		blocks, isToken := section.([]any)
		if !isToken {
			blocks = section.(map[string]any)["blocks"].([]any)
		}
		for _, v := range blocks {
			block := v.(map[string]any)
			if isToken {
				for _, v := range block["contents"].([]any) {
					detail := v.(map[string]any)
					rows = append(rows, detailRow{asText(block["header"]), asText(detail["key"]), asText(detail["type"]), asList(detail["values"], func(v any) any { return v })})
				}
				continue
			}
			for _, group := range block["bulletBlocks"].([]any) {
				for _, v := range group.([]any) {
					detail := v.(map[string]any)
					rows = append(rows, detailRow{asText(block["blockHeader"]), asText(detail["detailKey"]), asText(detail["valueType"]), asList(detail["detailValues"], func(v any) any { return v })})
				}
			}
		}
	}
	return rows
}

// What the types hold is what the JSON says, value by value.
func TestTypesAgainstMaps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"events-5.2.json", "events-6.1.json", "events-block.json"} {
		maps := untyped(t, fixture(t, name)).([]any)
		typed := streamed(t, fixture(t, name), decodeEvent(nil, false))
		require.Len(t, typed, len(maps))
		for i, e := range typed {
			compareEvent(t, maps[i].(map[string]any), e)
		}
	}
}

func compareEvent(t *testing.T, m map[string]any, e *IncidentEvent) {
	t.Helper()
	for name, pair := range map[string][2]any{
		"id":                  {asText(m["id"]), e.ID},
		"title":               {asText(m["title"]), e.Title},
		"summariser":          {asText(m["summariser"]), e.Summariser},
		"createdAt":           {Millis(asInt(m["createdAt"])), e.CreatedAt},
		"periods":             {asList(m["periods"], asPeriod), e.Periods},
		"category":            {asKind[Category](m["category"]), e.Category},
		"groupCategory":       {asKind[Category](m["groupCategory"]), e.GroupCategory},
		"currentGroup":        {asText(m["currentGroup"]), e.CurrentGroup},
		"groupPreviousGroups": {asList(m["groupPreviousGroups"], asText), e.PreviousGroups},
		"groupScore":          {Score(asFloat(m["groupScore"])), e.GroupScore},
		"aiaScore":            {Score(asFloat(m["aiaScore"])), e.AIAScore},
		"attackPhases":        {asList(m["attackPhases"], func(v any) AttackPhase { return AttackPhase(asInt(v)) }), e.AttackPhases},
		"mitreTactics":        {asList(m["mitreTactics"], asKind[Tactic]), e.MITRETactics},
		"acknowledged":        {m["acknowledged"] == true, e.Acknowledged},
		"pinned":              {m["pinned"] == true, e.Pinned},
		"userTriggered":       {m["userTriggered"] == true, e.UserTriggered},
		"externalTriggered":   {m["externalTriggered"] == true, e.ExternalTriggered},
		"groupByActivity":     {m["groupByActivity"] == true, e.GroupByActivity},
		"sender":              {asText(m["sender"]), e.Sender},
		"breachDevices":       {asList(m["breachDevices"], asDevice), e.BreachDevices},
		"relatedBreaches":     {asList(m["relatedBreaches"], asBreach), e.RelatedBreaches},
		"children":            {asList(m["children"], asText), e.Children},
		"activityId":          {asText(m["activityId"]), e.ActivityID},
		"groupingIds":         {asList(m["groupingIds"], asText), e.GroupingIDs},
		"incidentEventUrl":    {asText(m["incidentEventUrl"]), e.URL},
	} {
		assert.Equal(t, pair[0], pair[1], "%s of %s", name, e.ID)
		delete(m, name)
	}
	if text, ok := m["summary"].(string); ok {
		assert.Equal(t, text, e.Summary.String())
	}
	for _, name := range []string{"summary", "explanations", "figures"} {
		delete(m, name)
	}

	rows := asRows(m["details"])
	delete(m, "details")
	for header, detail := range e.AllDetails() {
		require.NotEmpty(t, rows)
		row := rows[0]
		rows = rows[1:]
		assert.Equal(t, []string{row.header, row.key, row.kind}, []string{header, detail.Key, string(detail.Type)})
		require.Len(t, detail.Values, len(row.values))
		for i, v := range row.values {
			if want, ok := asValue(row.kind, v); ok {
				assert.Equal(t, want, detail.Values[i])
			} else {
				assert.JSONEq(t, encoded(t, v), string(detail.Values[i].(RawJSON)))
			}
		}
	}
	assert.Empty(t, rows)

	assert.Len(t, e.Extra, len(m), "the rest is in Extra")
	for name, v := range m {
		assert.JSONEq(t, encoded(t, v), string(e.Extra[name]))
	}
}

// generator makes events of every shape, with right and wrong values mixed.
type generator struct{ *rand.Rand }

func (g generator) oneOf(choices ...any) any { return choices[g.IntN(len(choices))] }

// many returns a list of values that one makes, or sometimes a single value.
func (g generator) many(one func() any) any {
	list := []any{}
	for range g.IntN(4) {
		list = append(list, one())
	}
	if len(list) == 1 && g.IntN(2) == 0 {
		return list[0]
	}
	return list
}

func (g generator) text() any {
	return g.oneOf("", "a", "ws-1.example.com", "x \"quoted\" \\ \n\t", "漢字 – 😀", "<&>\u2028", fmt.Sprintf("%030d", g.Int64()))
}

func (g generator) number() any {
	n := g.Int64N(1 << 60)
	return g.oneOf(0, n, n%1000, fmt.Sprint(n), fmt.Sprint(n%1000), float64(n%1000), -n)
}

func (g generator) score() any {
	f := g.Float64() * 100
	return g.oneOf(f, fmt.Sprint(f), int(f), "0", nil)
}

func (g generator) flag() any { return g.oneOf(true, false) }

// wrong returns a value that fits nowhere, or everywhere.
func (g generator) wrong() any {
	return g.oneOf(nil, true, 1.5, "wrong", []any{}, map[string]any{}, []any{map[string]any{"x": 1}}, map[string]any{"x": nil}, []any{nil, 7})
}

// object returns an object with members. It leaves some out, and adds wrong and
// unknown ones.
func (g generator) object(members map[string]any) any {
	for name := range members {
		switch g.IntN(12) {
		case 0:
			delete(members, name)
		case 1:
			members[name] = g.wrong()
		case 2:
			members[name] = nil
		}
	}
	if g.IntN(8) == 0 {
		members[fmt.Sprintf("new%d", g.IntN(3))] = g.wrong()
	}
	return members
}

func (g generator) device() any {
	return g.object(map[string]any{
		"identifier": g.text(), "hostname": g.text(), "ip": g.oneOf("192.0.2.1", "192.0.2.#28445", "192.0.2.0/24"), "mac": g.text(),
		"subnet": g.text(), "did": g.number(), "sid": g.oneOf(-9, g.number()),
	})
}

func (g generator) period() any {
	return g.object(map[string]any{"start": g.number(), "end": g.number()})
}

func (g generator) value(kind any) any {
	pair := func(v any) any { return g.object(map[string]any{"start": v, "end": v}) }
	switch kind {
	case "device":
		return g.device()
	case "externalHost":
		return g.object(map[string]any{"hostname": g.text(), "identifier": g.text(), "ip": g.text()})
	case "timestamp", "integer", "dataVolume", "duration":
		return g.number()
	case "float", "percentage":
		return g.score()
	case "ratio":
		return g.object(map[string]any{"value": g.text(), "percentage": g.score()})
	case "timestampRange", "timeRange":
		return g.period()
	case "integerRange", "durationRange", "dataVolumeRange":
		return pair(g.number())
	case "percentageRange":
		return pair(g.score())
	case "stringRange":
		return pair(g.text())
	case "string", "username", "formatString":
		return g.text()
	default:
		return g.wrong()
	}
}

func (g generator) kind() any {
	return g.oneOf("string", "device", "externalHost", "timestamp", "integer", "float", "percentage", "dataVolume", "duration", "ratio",
		"timestampRange", "integerRange", "percentageRange", "durationRange", "dataVolumeRange", "stringRange", "timeRange", "username", "new")
}

func (g generator) detail(key, kind, values string) any {
	of := g.kind()
	return g.object(map[string]any{key: g.text(), kind: of, values: g.many(func() any { return g.value(of) })})
}

func (g generator) tokenSection() any {
	section := []any{}
	for range g.IntN(3) {
		section = append(section, g.object(map[string]any{
			"header":   g.text(),
			"contents": g.many(func() any { return g.detail("key", "type", "values") }),
		}))
	}
	return section
}

func (g generator) blockSection() any {
	group := func() any {
		return []any{g.detail("detailKey", "valueType", "detailValues")}
	}
	return g.object(map[string]any{
		"blockType": g.oneOf("single", "grouped"),
		"blocks": []any{g.object(map[string]any{
			"blockHeader":  g.text(),
			"bulletBlocks": []any{group(), group()},
		})},
	})
}

func (g generator) summary(depth int) any {
	if depth == 0 || g.IntN(3) == 0 {
		return g.text()
	}
	kind := g.oneOf("formatString", "string", "username", "device", "externalHost", "timeRange", "new")
	value := g.value(kind)
	if kind == "formatString" {
		value = g.oneOf("{}", "a {} b {} c", "none", "{{}}")
	}
	return g.object(map[string]any{
		"valueType": kind, "value": value,
		"replacements": []any{g.summary(depth - 1), g.summary(depth - 1)},
	})
}

func (g generator) event(id string) map[string]any {
	texts := func() any { return g.many(g.text) }
	section := g.tokenSection
	if g.IntN(2) == 0 {
		section = g.blockSection
	}
	event := g.object(map[string]any{
		"children": texts(), "title": g.text(), "summary": g.summary(4), "summariser": g.text(), "createdAt": g.number(),
		"periods": g.many(g.period), "category": g.oneOf("critical", "suspicious", "compliance", "informational", "new"),
		"groupCategory": g.text(), "currentGroup": g.text(), "groupPreviousGroups": texts(), "groupScore": g.score(), "aiaScore": g.score(),
		"attackPhases": g.many(func() any { return g.IntN(9) }), "mitreTactics": texts(),
		"acknowledged": g.flag(), "pinned": g.flag(), "userTriggered": g.flag(), "externalTriggered": g.flag(), "groupByActivity": g.flag(),
		"sender": g.text(), "activityId": g.text(), "groupingIds": texts(), "incidentEventUrl": g.text(), "breachDevices": g.many(g.device),
		"relatedBreaches": g.many(func() any {
			return g.object(map[string]any{"modelName": g.text(), "pbid": g.number(), "threatScore": g.score(), "timestamp": g.number()})
		}),
		"details": []any{section(), section()}, "explanations": g.wrong(), "figures": g.wrong(),
	}).(map[string]any)
	event["id"] = id
	return event
}

// Every quirk at once, hundreds of times: nothing fails and nothing is lost.
func TestGeneratedEvents(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(1, 2))} //nolint:gosec // the same events every time
	all := make([]any, 600)
	for i := range all {
		all[i] = g.event(fmt.Sprint("event ", i))
	}
	wire, err := json.Marshal(all)
	require.NoError(t, err)

	decoded := streamed(t, wire, decodeEvent(nil, false))
	require.Len(t, decoded, len(all))
	for i, e := range decoded {
		assert.Equal(t, fmt.Sprint("event ", i), e.ID)
		one, err := json.Marshal(all[i])
		require.NoError(t, err)
		require.Empty(t, differences("", withoutNulls(untyped(t, one)), withoutNulls(untyped(t, []byte(encoded(t, e))))), "%s", one)
		_ = e.Summary.String()
		for _, detail := range e.AllDetails() {
			assert.Len(t, detail.Strings(), len(detail.Values))
		}
	}
}
