package darktracetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func (w *wire) field(id, name string) any {
	w.tb.Helper()
	var event map[string]any
	require.NoError(w.tb, json.Unmarshal(w.srv.EventJSON(id), &event))
	return event[name]
}

func TestAcknowledgeAndPin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		field, do, undo string
	}{
		{"acknowledged", "/aianalyst/acknowledge", "/aianalyst/unacknowledge"},
		{"pinned", "/aianalyst/pin", "/aianalyst/unpin"},
	} {
		w := newWire(t)
		for _, id := range []string{"a", "b", "c"} {
			w.add(id, `"currentGroup":"g"`)
		}
		r := w.form(tt.do, "uuid=a%2Cb%2Cnone")
		assert.Equal(t, http.StatusOK, r.status)
		assert.Equal(t, `{"aianalyst":"SUCCESS"}`, r.body)
		assert.True(t, w.last().CarriedOut)
		assert.Equal(t, []any{true, true, nil}, []any{w.field("a", tt.field), w.field("b", tt.field), w.field("c", tt.field)})
		assert.Contains(t, w.get(groupsPath, "groupid=g").body, `"`+tt.field+`":false`, "the flag of the group is its own")
		w.form(tt.do, "uuid=c")
		assert.Equal(t, true, w.field("c", tt.field))
		w.form(tt.undo, "uuid=a")
		assert.Equal(t, false, w.field("a", tt.field))
		assert.Empty(t, w.srv.Unexpected())

		r = w.form(tt.do, "uuid=none")
		assert.Equal(t, http.StatusOK, r.status)
		assert.Equal(t, `{"aianalyst":"ERROR"}`, r.body)
		assert.Equal(t, darktracetest.Failed, w.last().Verdict)
		assert.Len(t, w.srv.Unexpected(), 1, "a write that did nothing is not a success")
		assert.False(t, w.last().CarriedOut)
		for _, r := range []reply{
			w.json(tt.do, `{"uuid":"a"}`), w.form(tt.do, "id=a"), w.form(tt.do, "uuid=,"), w.form(tt.do, "uuid=%zz"),
			w.form(tt.do, "uuid=a&uuid=b"), w.form(tt.do, "uuid=a&x=1&x=2"),
			w.send(message{method: "POST", path: tt.do, body: "uuid=a"}), w.send(message{method: "POST", path: tt.do}),
		} {
			assert.Equal(t, http.StatusBadRequest, r.status)
			assert.JSONEq(t, `{"aianalyst":"INPUT ERROR"}`, r.body)
			assert.Equal(t, darktracetest.BadInput, w.last().Verdict)
		}
		for _, method := range []string{"GET", "PUT", "DELETE", "HEAD"} {
			assert.Equal(t, http.StatusFound, w.send(message{method: method, path: tt.do}).status, method)
		}
	}
}

func TestRepeatsAsError(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithRepeatsAsError())
	w.add("a", `"title":""`)
	w.add("b", `"title":""`)
	for _, action := range []string{"acknowledge", "pin", "unacknowledge", "unpin"} {
		path := "/aianalyst/" + action
		assert.JSONEq(t, `{"aianalyst":"SUCCESS"}`, w.form(path, "uuid=a").body, path)
		assert.JSONEq(t, `{"aianalyst":"ERROR"}`, w.form(path, "uuid=a").body, path)
		assert.JSONEq(t, `{"aianalyst":"SUCCESS"}`, w.form(path, "uuid=a,b").body, "%s: one of them changes", path)
	}
}

func TestPinningEveryEventPinsTheIncident(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.add("a", `"currentGroup":"g"`)
	w.add("b", `"currentGroup":"g"`)
	w.form("/aianalyst/pin", "uuid=a,b")
	assert.Contains(t, w.get(groupsPath, "groupid=g").body, `"pinned":true`)
}

func TestComments(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	w.add("a", `"title":""`)
	assert.Equal(t, `{"comments":[]}`, w.get(commentsPath, "incident_id=a").body)
	assert.Equal(t, `{"comments":[]}`, w.get(commentsPath, "incident_id=none").body)
	w.srv.AddComment("a", "analyst", "first")
	w.srv.AddToken(darktracetest.Token{Public: "p", Private: "q", Username: "bot"})
	w.public, w.private = "p", "q"
	r := w.json(commentsPath, `{"incident_id": "a", "message": "Z\u00fcrich"}`)
	assert.Equal(t, `{"aianalyst":"SUCCESS"}`, r.body)
	want := fmt.Sprintf(`[{"username":"analyst","time":%[1]d,"incident_id":"a","message":"first"},
		{"username":"bot","time":%[1]d,"incident_id":"a","message":"Zürich"}]`, ms(noon))
	assert.JSONEq(t, `{"comments":`+want+`}`, w.get(commentsPath, "incident_id=a").body)
	assert.JSONEq(t, `{"comments":`+want+`}`, w.get(commentsPath, "incident_id=a&responsedata=comments").body)
	assert.JSONEq(t, `{}`, w.get(commentsPath, "incident_id=a&responsedata=other").body)
	require.Len(t, w.srv.Comments("a"), 2)
	assert.Equal(t, "Zürich", w.srv.Comments("a")[1].Message)
	assert.Equal(t, "bot", w.srv.Comments("a")[1].Username)
	assert.Equal(t, noon, w.srv.Comments("a")[1].Time.Time())
	assert.Equal(t, "a", w.srv.Comments("a")[1].EventID)
	assert.Empty(t, w.srv.Unexpected())

	assert.JSONEq(t, `{"aianalyst":"ERROR"}`, w.json(commentsPath, `{"incident_id":"none","message":"x"}`).body)
	for _, r := range []reply{
		w.form(commentsPath, "incident_id=a&message=x"), w.json(commentsPath, `{"incident_id":"a"}`), w.json(commentsPath, `{"message":"x"}`),
		w.json(commentsPath, `{"incident_id":7,"message":"x"}`), w.json(commentsPath, `{`), w.get(commentsPath, ""),
		w.json(commentsPath, `{"Incident_ID":"a","message":"x"}`), w.json(commentsPath, `{"incident_id":"a","message":"x"}{}`),
		w.json(commentsPath, `["incident_id","message"]`), w.json(commentsPath, `null`),
		w.send(message{method: "POST", path: commentsPath, body: `{"incident_id":"a","message":"x"}`, contentType: "text/json"}),
	} {
		assert.Equal(t, http.StatusBadRequest, r.status)
		assert.JSONEq(t, `{"aianalyst":"INPUT ERROR"}`, r.body)
	}
	assert.Len(t, w.srv.Comments("a"), 2)
}

func TestNobodyActsOnWhatNobodySeesYet(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	require.NoError(t, w.srv.AddEventsJSONAt(time.Now().Add(time.Hour), []byte(`{"id":"late"}`)))
	for _, r := range []reply{
		w.form("/aianalyst/acknowledge", "uuid=late"), w.form("/aianalyst/pin", "uuid=late"),
		w.json(commentsPath, `{"incident_id":"late","message":"x"}`),
	} {
		assert.JSONEq(t, `{"aianalyst":"ERROR"}`, r.body)
		assert.False(t, w.last().CarriedOut)
	}
	assert.Nil(t, w.field("late", "acknowledged"))
	assert.Empty(t, w.srv.Comments("late"))
}

func TestV70DropsComments(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithProfile(darktracetest.V70))
	w.add("a", `"title":""`)
	for _, id := range []string{"a", "none"} {
		r := w.json(commentsPath, `{"incident_id":"`+id+`","message":"x"}`)
		assert.Equal(t, `{"aianalyst":"SUCCESS"}`, r.body)
		assert.False(t, w.last().CarriedOut)
		assert.Equal(t, `{"comments":[]}`, w.get(commentsPath, "incident_id="+id).body)
	}
}

// operations lists each operation with its first version and the permission that it
// needs.
func operations() []struct {
	message
	since      darktracetest.Profile
	permission darktracetest.Permission
} {
	form, json := "application/x-www-form-urlencoded", "application/json"
	return []struct {
		message
		since      darktracetest.Profile
		permission darktracetest.Permission
	}{
		{message{path: eventsPath}, darktracetest.V52, darktracetest.Visualizer},
		{message{path: groupsPath}, darktracetest.V52, darktracetest.Visualizer},
		{message{path: commentsPath, query: "incident_id=a"}, darktracetest.V52, darktracetest.Visualizer},
		{message{path: "/aianalyst/stats"}, darktracetest.V60, darktracetest.Visualizer},
		{message{path: investigationPath}, darktracetest.V61, darktracetest.Visualizer},
		{message{method: "POST", path: "/aianalyst/acknowledge", body: "uuid=a", contentType: form}, darktracetest.V52, darktracetest.AcknowledgeBreaches},
		{message{method: "POST", path: "/aianalyst/unacknowledge", body: "uuid=a", contentType: form}, darktracetest.V52, darktracetest.AcknowledgeBreaches},
		{message{method: "POST", path: "/aianalyst/pin", body: "uuid=a", contentType: form}, darktracetest.V61, darktracetest.Visualizer},
		{message{method: "POST", path: "/aianalyst/unpin", body: "uuid=a", contentType: form}, darktracetest.V61, darktracetest.Visualizer},
		{message{method: "POST", path: commentsPath, body: `{"incident_id":"a","message":"x"}`, contentType: json}, darktracetest.V60, darktracetest.DiscussBreaches},
		{message{method: "POST", path: investigationPath, body: `{"investigateTime":"1700000000","did":1}`, contentType: json}, darktracetest.V61, darktracetest.CreateInvestigations},
	}
}

func TestOperationsBelongToVersions(t *testing.T) {
	t.Parallel()
	for profile := darktracetest.V52; profile <= darktracetest.V71; profile++ {
		w := newWire(t, darktracetest.WithProfile(profile))
		w.add("a", `"title":""`)
		for _, op := range operations() {
			r := w.send(op.message)
			if profile >= op.since {
				assert.Equal(t, http.StatusOK, r.status, "%s: %s %s", profile, op.method, op.path)
				continue
			}
			assert.Equal(t, http.StatusFound, r.status, "%s: %s %s", profile, op.method, op.path)
			assert.Equal(t, darktracetest.NoEndpoint, w.last().Verdict)
		}
	}
}

func TestIntegrationsWithISODates(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"2006-01-02T15:04:05.000000-07:00", "2006-01-02T15:04:05-07:00"} {
		w := newWire(t, darktracetest.WithProfile(darktracetest.V61), darktracetest.WithTB(t))
		w.layout = layout
		w.add("a", `"title":""`)
		for _, op := range operations() {
			assert.Equal(t, http.StatusOK, w.send(op.message).status, op.path)
		}
	}
}

func TestUnknownEndpoints(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, path := range []string{"/", "/aianalyst", "/aianalyst/incidents", "/aianalyst/groups/", "/AIANALYST/groups", "/nowhere"} {
		r := w.get(path, "")
		assert.Equal(t, http.StatusFound, r.status, path)
		assert.Equal(t, "Found. Redirecting to /login", r.body)
		assert.Equal(t, "/login", r.header.Get("Location"))
	}
	assert.Len(t, w.srv.Unexpected(), 6)
	for _, page := range []string{"/login", "/403"} {
		r := w.send(message{path: page, signature: "none"})
		assert.Equal(t, http.StatusOK, r.status, "where a client ends up that follows redirects")
		assert.Contains(t, r.body, "<title>Log In | Darktrace</title>")
		assert.Contains(t, w.last().Reason, "a redirect was followed")
	}
	r := w.form("/login", "user=a")
	assert.Equal(t, http.StatusFound, r.status, "only a GET ends up there")
	assert.Equal(t, "7.1 has no such endpoint", w.last().Reason)
	w.srv.ResetRequests()
	assert.Empty(t, w.srv.Requests())
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	for _, profile := range []darktracetest.Profile{darktracetest.V61, darktracetest.V70, darktracetest.V71} {
		for _, op := range operations() {
			w := newWire(t, darktracetest.WithProfile(profile))
			w.add("a", `"title":""`)
			var others []darktracetest.Permission
			for _, p := range darktracetest.AllPermissions() {
				if p != op.permission {
					others = append(others, p)
				}
			}
			w.srv.SetPermissions(w.public, others...)
			r := w.send(op.message)
			if profile == darktracetest.V71 {
				assert.Equal(t, http.StatusForbidden, r.status)
				assert.JSONEq(t, `{"error":"Forbidden"}`, r.body)
			} else {
				assert.Equal(t, http.StatusFound, r.status)
				assert.Equal(t, "Found. Redirecting to /403", r.body)
				assert.Equal(t, "/403", r.header.Get("Location"))
			}
			assert.Equal(t, darktracetest.NoPermission, w.last().Verdict)
			assert.Contains(t, w.last().Reason, string(op.permission))
			w.srv.SetPermissions(w.public, op.permission)
			assert.Equal(t, http.StatusOK, w.send(op.message).status)
			w.srv.SetPermissions(w.public)
			assert.NotEqual(t, http.StatusOK, w.send(op.message).status)
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	w.add("a", `"createdAt":%d,"groupCategory":"critical","aiaScore":50,"attackPhases":[1,2],"mitreTactics":["impact"],"periods":[{"start":5,"end":6}]`, ms(noon)-1)
	w.add("b", `"createdAt":%d,"currentGroup":"ga","groupCategory":"critical","attackPhases":null,"mitreTactics":["impact"]`, ms(noon)-2)
	w.add("c", `"createdAt":%d,"groupCategory":"informational","attackPhases":[1,2]`, ms(noon)-3)
	w.add("old", `"createdAt":%d,"groupCategory":"compliance"`, ms(noon.Add(-8*day)))
	want := func(start int64) string {
		return fmt.Sprintf(`{"equivalentHumanTime":32400000,"positiveInvestigations":3,"negativeInvestigations":9,
		"graphData":{"breachTime":[%[1]d,%[2]d,5],"endTime":[%[1]d,%[2]d,%[3]d],"equivalentHumanTime":[10800000,10800000,10800000],
			"isPositive":[true,true,true],"aiaScore":[null,null,0.5]},
		"attackPhases":[{"phases":[1,2],"count":2},{"phases":[],"count":1}],
		"groupStats":{"total":2,"compliance":0,"suspicious":0,"critical":1,
			"mitreTactics":{"total":{"impact":1},"compliance":{},"suspicious":{},"critical":{"impact":1}}},
		"metadata":{"starttime":%[4]d,"endtime":%[5]d}}`, ms(noon)-3, ms(noon)-2, ms(noon)-1, start, ms(noon))
	}
	assert.JSONEq(t, want(ms(noon.Add(-7*day))), w.get("/aianalyst/stats", "").body)
	start := ms(noon.Add(-time.Hour))
	assert.JSONEq(t, want(start), w.get("/aianalyst/stats", fmt.Sprintf("starttime=%d&endtime=%d", start, ms(noon))).body)
	assert.Contains(t, w.get("/aianalyst/stats", fmt.Sprintf("endtime=%d", ms(noon.Add(-8*day)))).body, `"positiveInvestigations":1`)
}

type investigation struct {
	InvestigationID         string
	Time, InvestigationTime int64
	DID                     int64
	Status, CreatedBy       string
	IncidentID, Summarizer  *string
	Incidents               []struct {
		UUID, Summariser string
		Related          []int64
	}
}

func (w *wire) investigations(query string) []investigation {
	w.tb.Helper()
	r := w.get(investigationPath, query)
	require.Equal(w.tb, http.StatusOK, r.status, r.body)
	var all []investigation
	require.NoError(w.tb, json.Unmarshal([]byte(r.body), &all))
	return all
}

func (w *wire) investigate(at time.Time, did int64) string {
	w.tb.Helper()
	r := w.json(investigationPath, fmt.Sprintf(`{"investigateTime":"%d","did":%d}`, at.Unix(), did))
	var started investigation
	require.NoError(w.tb, json.Unmarshal([]byte(r.body), &started))
	require.NotEmpty(w.tb, started.InvestigationID, r.body)
	return started.InvestigationID
}

func TestInvestigations(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	w.add("a", `"summariser":"S","breachDevices":[{"did":7}],"relatedBreaches":[{"pbid":3}],"periods":[{"start":%d,"end":%d}]`,
		ms(noon.Add(-3*time.Hour)), ms(noon.Add(-time.Hour)))
	w.add("b", `"breachDevices":[{"did":7}],"periods":[{"start":%d,"end":%d}]`, ms(noon.Add(-9*time.Hour)), ms(noon.Add(-8*time.Hour)))
	found := w.investigate(noon.Add(-time.Hour), 7)
	empty := w.investigate(noon, 8)
	assert.NotEqual(t, found, empty)
	for _, want := range []string{"pending", "processing", "finished", "finished"} {
		all := w.investigations("investigationId=" + found)
		require.Len(t, all, 1)
		got := all[0]
		assert.Equal(t, want, got.Status)
		assert.Equal(t, noon.Add(-time.Hour).Unix(), got.InvestigationTime)
		assert.Equal(t, noon.Unix(), got.Time)
		assert.Equal(t, int64(7), got.DID)
		assert.Equal(t, "api.user", got.CreatedBy)
		if want != "finished" {
			assert.Empty(t, got.Incidents)
			continue
		}
		require.Len(t, got.Incidents, 1)
		assert.Equal(t, "a", got.Incidents[0].UUID)
		assert.Equal(t, []int64{3}, got.Incidents[0].Related)
		assert.Equal(t, "ga", *got.IncidentID)
		assert.Equal(t, "S", *got.Summarizer)
	}
	all := w.investigations("")
	require.Len(t, all, 2)
	assert.Equal(t, "pending", all[1].Status)
	w.investigations("")
	all = w.investigations("responseData=status")
	assert.Equal(t, "finished", all[1].Status)
	assert.Empty(t, all[1].InvestigationID)
	last := w.get(investigationPath, "investigationId="+empty).body
	assert.NotContains(t, last, "incidentId")
	assert.NotContains(t, last, "summarizer")
	assert.Contains(t, last, `"incidents":[]`)
	assert.Empty(t, w.investigations("investigationId=none"))

	for _, unit := range []int64{1, 1000} {
		assert.Len(t, w.investigations(fmt.Sprintf("starttime=%d", noon.Unix()*unit)), 2)
		assert.Empty(t, w.investigations(fmt.Sprintf("starttime=%d", (noon.Unix()+1)*unit)))
		assert.Empty(t, w.investigations(fmt.Sprintf("endtime=%d", (noon.Unix()-1)*unit)))
	}
	assert.Empty(t, w.srv.Unexpected())
	for _, body := range []string{
		`{"investigateTime":1700000000,"did":1}`, `{"investigateTime":"1700000000000","did":1}`, `{"investigateTime":"now","did":1}`,
		`{"investigateTime":"1700000000"}`, `{"did":1}`, `{"investigateTime":"1700000000","did":"1"}`,
		`{"investigatetime":"1700000000","did":1}`, `{"investigateTime":"1700000000","DID":1}`, `{"investigateTime":"1700000000","did":1} x`,
	} {
		assert.Equal(t, http.StatusBadRequest, w.json(investigationPath, body).status, body)
	}
	assert.Equal(t, http.StatusBadRequest, w.form(investigationPath, `{"investigateTime":"1700000000","did":1}`).status)
}

func TestInvestigationsLookAtOneHour(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	at := noon.Add(-5 * time.Hour)
	for name, span := range map[string][2]time.Duration{
		"too early": {-2 * time.Hour, -31 * time.Minute}, "before": {-2 * time.Hour, -30 * time.Minute},
		"after": {30 * time.Minute, time.Hour}, "too late": {31 * time.Minute, time.Hour},
	} {
		w.add(name, `"breachDevices":[{"did":7}],"periods":[{"start":%d,"end":%d}]`, ms(at.Add(span[0])), ms(at.Add(span[1])))
	}
	id := w.investigate(at, 7)
	var found []string
	for range 3 {
		for _, finding := range w.investigations("investigationId=" + id)[0].Incidents {
			found = append(found, finding.UUID)
		}
	}
	assert.ElementsMatch(t, []string{"before", "after"}, found)
}

func TestInvestigationsTakeTheirTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	w := newWire(t, darktracetest.WithClock(func() time.Time { return now }), darktracetest.WithInvestigationTime(time.Minute))
	id := w.investigate(now, 1)
	for _, want := range []string{"pending", "processing", "finished", "finished"} {
		assert.Equal(t, want, w.investigations("investigationId=" + id)[0].Status)
		assert.Equal(t, want, w.investigations("")[0].Status)
		now = now.Add(30 * time.Second)
	}
}
