package darktrace

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generator makes events of every shape, right and wrong ones mixed.
type generator struct{ *rand.Rand }

func (g generator) oneOf(choices ...any) any { return choices[g.IntN(len(choices))] }

// many returns a list of what one makes, sometimes as a single value.
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

// object gives members to an object: leaves some out, puts wrong ones and
// unknown ones in.
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

	decoded := streamed(t, wire, decodeEvent(false))
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
