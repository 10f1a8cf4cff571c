package conformance_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// An unusual value in a response never loses more than itself.

func TestOddElementsOfAList(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	client := newClient(t, responding(200, `[{"id":"a"},"others",null,{"id":"c"},7]`), darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c"}, idsOf(events))
	assert.Contains(t, log.String(), `level=WARN msg="darktrace: skipped an element that is not an object" method=GET path=/aianalyst/incidentevents query="" element=1`)
	assert.Contains(t, log.String(), `element=3`)
	assert.Equal(t, 2, strings.Count(log.String(), "skipped"))
}

func idsOf(events []*darktrace.IncidentEvent) []string {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestBrokenJSONCostsWhatFollows(t *testing.T) {
	t.Parallel()
	for _, rest := range []string{`{"id":"b","groupScore":NaN}]`, `{"id":"b","aiaScore":-Infinity}]`, "{\"id\":\"b\",\"title\":\"a\x01b\"}]", `{"id":"b"`} {
		client := newClient(t, responding(200, `[{"id":"a"},`+rest))
		events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
		require.ErrorIs(t, err, darktrace.ErrDecode, rest)
		assert.Equal(t, []string{"a"}, idsOf(events), rest)
	}
}

func TestObjectsForListsAndListsOfLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"id":"a"}`:                       {"a"},
		`[[{"id":"a"}],[],[{"id":"b"}]]`:   {"a", "b"},
		`[[{"id":"a"},"x"],{"id":"b"}]`:    {"a", "b"},
		"\xef\xbb\xbf[{\"id\":\"a\"}]\r\n": {"a"},
	} {
		events, err := newClient(t, responding(200, body)).AIAnalyst.ListEvents(t.Context(), nil)
		require.NoError(t, err, body)
		assert.Equal(t, want, idsOf(events), body)
	}
	_, err := newClient(t, responding(200, `{"events":[]}`)).AIAnalyst.ListEvents(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrDecode, "nothing may pass for an empty list")
	require.ErrorContains(t, err, "expected a list, not an object with other members")

	comments, err := newClient(t, responding(200, `[{"comments":[{"message":"on master 1"}]},{"comments":[]},{"comments":[{"message":"on master 3"}]}]`)).AIAnalyst.ListComments(t.Context(), id1)
	require.NoError(t, err)
	require.Len(t, comments, 2)
	assert.Equal(t, "on master 3", comments[1].Message)

	stats, err := newClient(t, responding(200, `[{"positiveInvestigations":3}]`)).AIAnalyst.GetStats(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(3), stats.PositiveInvestigations)

	// The figures of masters are added; the lists of investigations stay parallel.
	const first = `{"equivalentHumanTime":10,"positiveInvestigations":1,"negativeInvestigations":2,"graphData":{"breachTime":[1,2],"isPositive":[true,false]},` +
		`"attackPhases":[{"phases":[2],"count":3}],"groupStats":{"total":3,"compliance":1,"suspicious":1,"critical":1,"mitreTactics":{"total":{"discovery":2}}}}`
	const second = `{"equivalentHumanTime":5,"positiveInvestigations":1,"negativeInvestigations":0,"graphData":{"breachTime":[3],"endTime":[4]},` +
		`"attackPhases":[{"phases":[2],"count":1},{"phases":[5],"count":1}],"groupStats":{"total":2,"compliance":0,"suspicious":1,"critical":1,"mitreTactics":{"total":{"discovery":1,"impact":1},"critical":{"impact":1}}}}`
	stats, err = newClient(t, responding(200, "["+first+","+second+"]")).AIAnalyst.GetStats(t.Context(), nil)
	require.NoError(t, err)
	text, err := json.Marshal(stats)
	require.NoError(t, err)
	assert.JSONEq(t, `{"equivalentHumanTime":15,"positiveInvestigations":2,"negativeInvestigations":2,`+
		`"graphData":{"breachTime":[1,2,3],"endTime":[null,null,4],"isPositive":[true,false,false]},"attackPhases":[{"phases":[2],"count":4},{"phases":[5],"count":1}],`+
		`"groupStats":{"total":5,"compliance":1,"suspicious":2,"critical":2,"mitreTactics":{"total":{"discovery":3,"impact":1},"critical":{"impact":1}}}}`, string(text))
}

// What a Unified View returns for each master is joined, or it is an error: never is
// a part taken for the whole.
func TestObjectsInParts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	actions := func(c *darktrace.Client) (*darktrace.AntigenaActions, error) {
		return c.Antigena.ListActionsWithDevices(ctx, nil)
	}
	for body, want := range map[string]string{
		`[{"actions":[{"codeid":1}],"devices":[{"did":1}],"x":1},{"actions":[{"codeid":2}],"connections":[{"did":2}],"x":2,"y":3}]`: `{"actions":[{"codeid":1},{"codeid":2}],"devices":[{"did":1}],"connections":[{"did":2}],"x":1,"y":3}`,
		`[{"codeid":1},{"codeid":2}]`:       `{"actions":[{"codeid":1},{"codeid":2}]}`,
		`[[{"codeid":1}],[{"codeid":2}]]`:   `{"actions":[{"codeid":1},{"codeid":2}]}`,
		`[{"actions":[]},{"actions":null}]`: `{"actions":[]}`,
		`[]`:                                `{}`,
		`{}`:                                `{}`,
	} {
		found, err := actions(newClient(t, responding(200, body)))
		require.NoError(t, err, body)
		encoded, err := json.Marshal(found)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(encoded), body)
	}
	for body, teids := range map[string][]int64{
		`[{"entities":[{"teid":1}],"devices":[]},{"entities":[{"teid":2}],"devices":[]}]`: {1, 2},
		`[{"teid":1},{"teid":2}]`: {1, 2},
		`{"teid":1}`:              {1},
		`[]`:                      nil,
	} {
		found, err := newClient(t, responding(200, body)).Tags.EntitiesWithDevices(ctx, "Admin")
		require.NoError(t, err, body)
		var ids []int64
		for _, e := range found.Entities {
			ids = append(ids, e.TEID)
		}
		assert.Equal(t, teids, ids, body)
		assert.Empty(t, found.Extra, body)
	}
	summary, err := newClient(t, responding(200, `[{"pendingCount":0,"activeCount":1,"activeActionDevices":[7]},{"pendingCount":2,"activeCount":3,"pendingActionDevices":[8,9],"activeActionDevices":[8]}]`)).Antigena.Summary(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, int64(2), summary.PendingCount)
	assert.Equal(t, int64(4), summary.ActiveCount)
	assert.Equal(t, []int64{8, 9}, summary.PendingActionDevices)
	assert.Equal(t, []int64{7, 8}, summary.ActiveActionDevices)

	for body, want := range map[string]string{
		`[{"code":"1","name":"a"},{"code":"2","name":"b"}]`: "the object has no known member",
		`[{"code":"1","name":"a"}]`:                         "the object has no known member",
		`[{"Country":[{"code":"1"}]},{"Country":[]}]`:       "expected one object, not 2",
		`[]`: "the response contains no object",
	} {
		_, err := newClient(t, responding(200, body)).Models.Enums(ctx)
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
		require.ErrorContains(t, err, want, body)
	}
	for _, body := range []string{`[{"hello":1}]`, `{"hello":1}`, `[]`} {
		_, err := newClient(t, responding(200, body)).AIAnalyst.GetStats(ctx, nil)
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
	}
	for _, body := range []string{`{}`, `[{}]`, `{"devices":{"did":5}}`, `{"data":null}`, `{"data":7}`} {
		_, err := newClient(t, responding(200, body)).Devices.Summary(ctx, 5)
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
	}
	page, err := newClient(t, responding(200, `{"data":{"devices":{"did":5},"x":1},"x":2,"y":3}`)).Devices.Summary(ctx, 5)
	require.NoError(t, err)
	assert.Equal(t, int64(5), page.Device.DID)
	assert.Equal(t, map[string]json.RawMessage{"x": json.RawMessage("1"), "y": json.RawMessage("3")}, page.Extra)
}

// A master that failed may have what the caller looks for.
func TestPartsThatReportAFailure(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`[{"comments":[]},{"aianalyst":"ERROR"}]`,
		`[{"error":"not available"},{"comments":[]}]`,
		`[{"comments":[]},{"master":2}]`,
		`[{"comments":[]},{}]`,
	} {
		r := responding(200, body)
		_, err := newClient(t, r).AIAnalyst.PostCommentOnce(t.Context(), id1, "seen")
		assert.Equal(t, []error{darktrace.ErrDecode}, kindsOf(err), body)
		assert.Len(t, r.all(), 1, "it posted although a master may have the comment: "+body)
	}
	for _, body := range []string{`[{"aianalyst":"ERROR"}]`, `[[{"id":"a"}],{"aianalyst":"ERROR"}]`, `[{"id":"a"},{"response":"STORE ERROR"}]`, `[{"id":"a"},{"error":"not available"}]`} {
		events, err := newClient(t, responding(200, body)).AIAnalyst.ListEvents(t.Context(), nil)
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
		assert.Subset(t, []string{"a"}, idsOf(events), body)
		_, err = newClient(t, responding(200, body)).AIAnalyst.GetEvent(t.Context(), "a")
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
		_, err = newClient(t, responding(200, `[{"tid":1,"name":"a"},{"tags":"ERROR"}]`)).Tags.List(t.Context())
		require.EqualError(t, err, "darktrace: GET /tags: response not understood: a part of it reports a failure")
	}
	tags, err := newClient(t, responding(200, `[{"tid":1,"name":"HR ERROR"},{"name":"ERROR"},{"other":"x"},{}]`)).Tags.List(t.Context())
	require.NoError(t, err, "data counted as a failure")
	assert.Len(t, tags, 4)
}

func TestNumbersNamesAndFlagsInOtherForms(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, `[
		{"uuid":"a","Title":404,"currentGroup":77,"createdAt":"2026-03-06T10:11:12Z","breachDevices":[{"hostname":1234,"DID":57}],
		 "acknowledged":{"username":"jdoe","time":1730970000000},"pinned":"true","userTriggered":1,"externalTriggered":[]},
		{"id":12345,"createdAt":"2026-03-06T12:11:12.5+02:00"}]`))
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "12345"}, idsOf(events))
	e := events[0]
	assert.Equal(t, "404", e.Title)
	assert.Equal(t, "77", e.CurrentGroup)
	assert.Equal(t, "2026-03-06T10:11:12Z", e.CreatedAt.String())
	assert.Equal(t, "2026-03-06T10:11:12.500Z", events[1].CreatedAt.String())
	assert.Equal(t, "1234", e.BreachDevices[0].Hostname)
	assert.Equal(t, int64(57), e.BreachDevices[0].DID)
	assert.True(t, e.Acknowledged)
	assert.JSONEq(t, `{"username":"jdoe","time":1730970000000}`, string(e.Extra["acknowledged"]))
	assert.True(t, e.Pinned)
	assert.True(t, e.UserTriggered)
	assert.False(t, e.ExternalTriggered)
	assert.Equal(t, []string{"acknowledged", "userTriggered", "externalTriggered"}, e.Skipped)
}

func TestGroupsWithOddElements(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, `[{"id":"g1","devices":[5,"others",7],"initialDevices":[5,null],"mitreTactics":["discovery",{"name":"T1046"}],
		"incidentEvents":[{"uuid":"a","visible":true},"b",{"id":"c","title":"u"}]}]`))
	groups, err := client.AIAnalyst.ListGroups(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, groups, 1)
	g := groups[0]
	assert.Equal(t, []int64{5, 7}, g.Devices)
	assert.Equal(t, []int64{5}, g.InitialDevices)
	assert.Equal(t, []darktrace.Tactic{darktrace.TacticDiscovery}, g.MITRETactics)
	require.Len(t, g.Events, 3)
	assert.Equal(t, "c", g.Events[2].ID)
	assert.Equal(t, []string{"devices[1]", "mitreTactics[1]", "incidentEvents[1]"}, g.Skipped)
	encoded, err := g.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(encoded), `"devices":[5,"others",7]`)
}

// Details of 2026 have fractions of seconds, and name connections.
func TestDetailsOf2026(t *testing.T) {
	t.Parallel()
	const details = `[{"blockType":"single","blocks":[{"blockHeader":"Connections","bulletBlocks":[[
		{"detailKey":"Length","valueType":"duration","detailValues":[0.0331]},
		{"detailKey":"Lengths","valueType":"durationRange","detailValues":[{"start":9.5e-7,"end":1797.2257}]}]],
		"uids":[{"relatedUids":["Cexample1","Cexample2"],"total":2}]}]}]`
	event, err := newClient(t, responding(200, `[{"id":"`+id1+`","details":`+details+`}]`)).AIAnalyst.GetEvent(t.Context(), id1)
	require.NoError(t, err)
	assert.Empty(t, event.Extra)
	assert.Empty(t, event.Skipped)
	block := event.Details[0].Blocks[0]
	assert.Empty(t, block.Extra)
	assert.Equal(t, []string{"Cexample1", "Cexample2"}, block.UIDs[0].UIDs)
	assert.Equal(t, int64(2), block.UIDs[0].Total)
	assert.Equal(t, darktrace.DurationValue(0.0331), block.Groups[0][0].Values[0])
	assert.Equal(t, darktrace.DurationRange{Start: 9.5e-7, End: 1797.2257}, block.Groups[0][1].Values[0])
	encoded, err := event.Details[0].MarshalJSON()
	require.NoError(t, err)
	assert.JSONEq(t, strings.Trim(details, "[]"), strings.TrimSpace(string(encoded)))
}

func TestCompressionThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(`[{"id":"` + id1 + `"}]`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, coding := range []string{"gzip", ""} {
		r := status(200, packed.String(), http.Header{"Content-Encoding": {coding}})
		event, err := newClient(t, r).AIAnalyst.GetEvent(t.Context(), id1)
		require.NoError(t, err, coding)
		assert.Equal(t, id1, event.ID)
		events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), nil)
		require.NoError(t, err, coding)
		assert.Len(t, events, 1)
		var raw []byte
		require.NoError(t, newClient(t, r).Do(t.Context(), &darktrace.Request{Path: "/x"}, &raw))
		assert.Equal(t, coding == "", string(raw) == packed.String(), "what is not declared may be a file")
	}
	_, err = newClient(t, status(200, packed.String(), http.Header{"Content-Encoding": {"br"}})).AIAnalyst.GetEvent(t.Context(), id1)
	require.EqualError(t, err, `darktrace: GET /aianalyst/incidentevents: response not understood: the response is compressed by "br", which was not asked for; gzip can be undone`)
	_, err = newClient(t, status(403, "x", http.Header{"Content-Encoding": {"br"}})).AIAnalyst.GetEvent(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrPermission)
	_, err = darktrace.NewClient("appliance.example.com", newAuth(t), darktrace.WithHeader("Accept-Encoding", "br"))
	require.EqualError(t, err, "darktrace: invalid argument: WithHeader can't set Accept-Encoding, which the client sets")
}
