package darktrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamIDs returns the ids of the events in a stream, and the error that ended it.
func streamIDs(r io.Reader) (ids []string, err error) {
	err = decodeStream(r, decodeEvent(nil, false), ignore, func(e *IncidentEvent) bool {
		ids = append(ids, e.ID)
		return true
	})
	return ids, err
}

func TestStreamEndsWell(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		ids  []string
	}{
		{`[]`, nil},
		{" \r\n\t[ ] \n", nil},
		{`[{"id":"a"}]`, []string{"a"}},
		{`[{"id":"a"},null,{"id":"b"}]` + "\n", []string{"a", "b"}},
		{`[{}]`, []string{""}},
		{`{"id":"a"}`, []string{"a"}},
		{`[{"id":"a"},5,"others",[7,{"id":"b"}],{"id":"c"}]`, []string{"a", "b", "c"}},
		{`[[{"id":"a"}],[],[{"id":"b"}]]`, []string{"a", "b"}},
		{`[{"id":"a","id":"b"}]`, []string{"b"}},
		{"[{\"id\":\"a\xff\"}]", []string{"a\uFFFD"}},
		{`[{"\u0069d":"\ud83d\ude00\n\ud800"}]`, []string{"😀\n\uFFFD"}},
	} {
		ids, err := streamIDs(strings.NewReader(tt.body))
		require.NoError(t, err, tt.body)
		assert.Equal(t, tt.ids, ids, tt.body)

		ids, err = streamIDs(iotest.OneByteReader(strings.NewReader(tt.body)))
		require.NoError(t, err, tt.body)
		assert.Equal(t, tt.ids, ids, tt.body)
	}
}

func TestStreamEndsBadly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body, text string
		yielded    int
	}{
		{``, "unexpected EOF", 0},
		{` `, "unexpected EOF", 0},
		{`[`, "unexpected EOF", 0},
		{`[{"id":"a"}`, "unexpected EOF", 1},
		{`[{"id":"a"},`, "unexpected EOF", 1},
		{`[{"id":"a"},{"id":`, "unexpected EOF", 1},
		{`[{"id":"a"}{`, "after array element", 1},
		{`[{"id":"a"},]`, "", 1},
		{`[{"id":"a"}]]`, "", 1},
		{`[{"id":"a"}]{}`, "more follows at byte", 1},
		{`[{"id":"a"}] x`, "", 1},
		{`null`, "expected a list, not null", 0},
		{`"x"`, "expected a list, not string", 0},
		{`<html>`, "invalid character '<'", 0},
		{`[{"id":tru}]`, "", 0},
		{`[{"x":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `}]`, "exceeded max depth", 0},
		{`[{"summary":` + strings.Repeat(`{"replacements":[`, 10_000), "exceeded max depth", 0},
	} {
		ids, err := streamIDs(strings.NewReader(tt.body))
		require.Error(t, err, tt.body)
		require.NotErrorIs(t, err, io.EOF, "would pass for a good end")
		assert.Contains(t, err.Error(), tt.text, "%.80s", tt.body)
		assert.Len(t, ids, tt.yielded, "%.80s", tt.body)
	}
}

func TestStreamPassesReadErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	ids, err := streamIDs(io.MultiReader(strings.NewReader(`[{"id":"a"},{"id"`), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"a"}, ids)
}

// The first event is there before the appliance sends the second.
func TestStreamYieldsBeforeTheNextByte(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	yielded := make(chan string)
	ended := make(chan error)
	go func() {
		ended <- decodeStream(r, decodeEvent(nil, false), ignore, func(e *IncidentEvent) bool {
			yielded <- e.ID
			return true
		})
	}()
	for _, part := range []string{`[{"id":"a"}`, `,{"id":"b"}`} {
		_, err := io.WriteString(w, part)
		require.NoError(t, err)
		assert.Contains(t, part, <-yielded)
	}
	_, err := io.WriteString(w, "]")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, <-ended)
}

func TestStreamStops(t *testing.T) {
	t.Parallel()
	n := 0
	err := decodeStream(strings.NewReader(`[{},{},<`), decodeEvent(nil, false), ignore, func(*IncidentEvent) bool {
		n++
		return n < 2
	})
	require.NoError(t, err)
	assert.Equal(t, 2, n)
}

func TestKeepRaw(t *testing.T) {
	t.Parallel()
	const a, b = `{"id":"a", "x" : 1.50}`, `{"id":"b"}`
	events := streamed(t, []byte(`[`+a+` ,`+b+`]`), decodeEvent(nil, true))
	require.Len(t, events, 2)
	assert.Equal(t, json.RawMessage(a), events[0].Raw, "the second may not overwrite it")
	assert.Equal(t, json.RawMessage(b), events[1].Raw)
	groups := streamed(t, []byte(`[`+a+` ,`+b+`]`), decodeGroup(nil, true))
	require.Len(t, groups, 2)
	assert.Equal(t, json.RawMessage(a), groups[0].Raw)
	assert.Equal(t, json.RawMessage(b), groups[1].Raw)

	assert.Nil(t, streamed(t, []byte(`[{}]`), decodeEvent(nil, false))[0].Raw)
	assert.Nil(t, streamed(t, []byte(`[{}]`), decodeGroup(nil, false))[0].Raw)
}

// What an event keeps may not lie in the buffer that the next one overwrites.
func TestElementsKeepNothingOfTheBuffer(t *testing.T) {
	t.Parallel()
	for _, name := range eventFixtures {
		one := decodeEvent(nil, true)
		for _, want := range streamed(t, fixture(t, name), decodeEvent(nil, true)) {
			element := bytes.Clone(want.Raw)
			got, err := one(element)
			require.NoError(t, err)
			for i := range element {
				element[i] = 'x'
			}
			_, err = one([]byte(`{"details":[[{"contents":[{"values":[1,2,3]}]}]]}`))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
}

func TestDecodeComments(t *testing.T) {
	t.Parallel()
	list := streamed(t, fixture(t, "comments.json"), decoderOf[commentList](nil))[0]
	comments := list.comments
	assert.EqualExportedValues(t, []*Comment{
		{Username: "jdoe", Time: 1730004000000, EventID: "0e61a001-5e1f-4a61-9c10-000000000001", Message: "Looking at it."},
		{Username: "asmith", Time: 1730004100000, EventID: "0e61a001-5e1f-4a61-9c10-000000000001", Message: "Blocked – see ticket #4711 & close.", Extra: `{"edited": false}`},
		{Time: 1730004200000, EventID: "0e61a001-5e1f-4a61-9c10-000000000001"},
	}, comments)
	assert.Empty(t, differences("", untyped(t, fixture(t, "comments.json")), untyped(t, []byte(encoded(t, map[string]any{"comments": comments})))))

	for body, want := range map[string][]*Comment{
		`{"comments":[]}`:                            {},
		`{"comments":null}`:                          nil,
		`{"took":1,"comments":{"message":"x"}}`:      {{Message: "x"}},
		`{"comments":[null,{"message":[1]},"what"]}`: {{Extra: `{"message":[1]}`}, {Extra: `"what"`}},
	} {
		assert.EqualExportedValues(t, want, streamed(t, []byte(body), decoderOf[commentList](nil))[0].comments, body)
	}
}

func TestDecodeStats(t *testing.T) {
	t.Parallel()
	stats, err := decoderOf[Stats](nil)(fixture(t, "stats.json"))
	require.NoError(t, err)
	score, none := Probability(0.94), Probability(0)
	assert.EqualExportedValues(t, &Stats{
		EquivalentHumanTime: 86400000, PositiveInvestigations: 3, NegativeInvestigations: 39,
		Graph: StatsGraph{
			BreachTime:          []Millis{1730000000000, 1730000100000, 1730000200000},
			EndTime:             []Millis{1730000060000, 0, 1730000260000},
			EquivalentHumanTime: []int64{3600000, 0, 7200000},
			IsPositive:          []bool{true, false, true},
			AIAScore:            []*Probability{&score, nil, &none},
		},
		AttackPhases: []StatsPhases{{Phases: []AttackPhase{4, 5}, Count: 2}, {Phases: []AttackPhase{}}},
		Groups: StatsGroups{
			Total: 3, Suspicious: 1, Critical: 2,
			MITRETactics: map[string]map[string]int64{
				"total": {"exfiltration": 2, "discovery": 1}, "compliance": {}, "suspicious": {"discovery": 1}, "critical": {"exfiltration": 2},
			},
			Extra: `{"informational": 0}`,
		},
		Metadata: json.RawMessage(`{"took": 12}`),
		Extra:    map[string]json.RawMessage{"newFigure": json.RawMessage("5")},
	}, stats)

	stats, err = decoderOf[Stats](nil)([]byte(`{"positiveInvestigations":"7","groupStats":[],"graphData":{"aiaScore":["x"]},"attackPhases":null,"metadata":null}`))
	require.NoError(t, err)
	assert.Equal(t, int64(7), stats.PositiveInvestigations)
	assert.Equal(t, RawJSON(`[]`), stats.Groups.Extra)
	assert.Equal(t, RawJSON(`{"aiaScore":["x"]}`), stats.Graph.Extra)

	const unknown = `{"attackPhases":[{"new":1}],"graphData":{"new":2}}`
	stats, err = decoderOf[Stats](nil)([]byte(unknown))
	require.NoError(t, err)
	assert.JSONEq(t, unknown, encoded(t, stats), "nothing is made up")

	stats, err = decoderOf[Stats](nil)([]byte(`{"groupStats":{"mitreTactics":{"total":{"discovery":"2","impact":null},"critical":null}}}`))
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]int64{"total": {"discovery": 2}}, stats.Groups.MITRETactics)

	stats, err = decoderOf[Stats](nil)([]byte(`{"groupStats":{"mitreTactics":{"total":{"discovery":"many","impact":1}}}}`))
	require.NoError(t, err)
	assert.Equal(t, map[string]map[string]int64{"total": {"impact": 1}}, stats.Groups.MITRETactics)
	assert.Equal(t, RawJSON(`{"mitreTactics":{"total":{"discovery":"many","impact":1}}}`), stats.Groups.Extra)

	for _, body := range []string{`[]`, `null`, `5`} {
		_, err := decoderOf[Stats](nil)([]byte(body))
		require.Error(t, err, body)
	}
}

func TestDecodeInvestigations(t *testing.T) {
	t.Parallel()
	all := streamed(t, fixture(t, "investigations.json"), decoderOf[Investigation](nil))
	require.Len(t, all, 3)
	assert.Equal(t, InvestigationPending, all[0].Status)
	assert.Empty(t, all[0].Incidents)
	assert.EqualExportedValues(t, &Investigation{
		ID: "0eaaa001-5e1f-4a61-9c10-000000000002", Time: 1730004000, InvestigationTime: 1730000000, DID: 9007199254740993, Version: 2.5,
		Status: InvestigationFinished, CreatedBy: "asmith", NoticeUID: "Cexample0002", PBID: 40020,
		IncidentID: "0e61a001-5e1f-4a61-9c10-000000000001", Summariser: "ExfilSummary",
		Incidents: []InvestigationIncident{{EventID: "0e61a001-5e1f-4a61-9c10-000000000001", Related: []int64{40017, 40018}, Summariser: "ExfilSummary", Extra: `{"score": 94}`}},
		Extra:     map[string]json.RawMessage{"priority": json.RawMessage(`"high"`)},
	}, all[1])
	assert.Equal(t, InvestigationProcessing, all[2].Status)
	_, err := decoderOf[Investigation](nil)([]byte(`[]`))
	require.Error(t, err)
}

// Texts may be nested as deeply as JSON may, and each can be skipped and named.
func TestDeepTexts(t *testing.T) {
	t.Parallel()
	const levels = 2_000
	body := `[{"id":"deep","summary":` + strings.Repeat(`{"valueType":"formatString","value":"{}.","replacements":[`, levels) +
		`{"valueType":[5],"value":"in"}` + strings.Repeat(`]}`, levels) + `}]`
	e := streamed(t, []byte(body), decodeEvent(nil, false))[0]
	assert.Equal(t, "in"+strings.Repeat(".", levels), e.Summary.String())
	require.Len(t, e.Skipped, 1, "and a long path is cut")
	assert.Equal(t, ("summary" + strings.Repeat(".replacements[0]", levels))[:999]+"…", e.Skipped[0])
	assert.Empty(t, differences("", untyped(t, []byte(body)), untyped(t, []byte(encoded(t, []*IncidentEvent{e})))))
}

func TestSkippedIsBounded(t *testing.T) {
	t.Parallel()
	body := `[{"breachDevices":[` + strings.Repeat(`{"did":"x","sid":{"did":{}}},`, 1000) + `{}]}]`
	e := streamed(t, []byte(body), decodeEvent(nil, false))[0]
	assert.Len(t, e.Skipped, 100)
	assert.Equal(t, "breachDevices[49].sid", e.Skipped[99])
	assert.Len(t, e.BreachDevices, 1001)
}
