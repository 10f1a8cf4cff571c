package darktrace

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The functions below read untyped JSON the way programs without types do. They
// share nothing with the decoder.

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

func asDevice(v any) Device {
	m := v.(map[string]any)
	return Device{
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

// asValue reads a value of a detail; false when a program without types would
// have to give up.
func asValue(kind string, v any) (DetailValue, bool) {
	m, _ := v.(map[string]any)
	switch kind {
	case "string", "username":
		text, ok := v.(string)
		return String(text), ok
	case "device":
		return asDevice(v), true
	case "externalHost":
		return ExternalHost{Hostname: asText(m["hostname"]), Identifier: asText(m["identifier"]), IP: asText(m["ip"])}, true
	case "timestamp":
		return Millis(asInt(v)), true
	case "integer":
		return Integer(asInt(v)), true
	case "float":
		return Float(asFloat(v)), true
	case "percentage":
		return Percentage(asFloat(v)), true
	case "dataVolume":
		return DataVolume(asInt(v)), true
	case "duration":
		return Duration(asInt(v)), true
	case "ratio":
		return Ratio{Value: asText(m["value"]), Percentage: asFloat(m["percentage"])}, true
	case "timestampRange", "timeRange":
		return asPeriod(v), true
	case "integerRange":
		return IntegerRange{Start: asInt(m["start"]), End: asInt(m["end"])}, true
	case "percentageRange":
		return PercentageRange{Start: asFloat(m["start"]), End: asFloat(m["end"])}, true
	case "durationRange":
		return DurationRange{Start: Duration(asInt(m["start"])), End: Duration(asInt(m["end"]))}, true
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
		typed := streamed(t, fixture(t, name), decodeEvent(false))
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
		"mitreTactics":        {asList(m["mitreTactics"], asText), e.MITRETactics},
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
