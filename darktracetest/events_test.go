package darktracetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

const day = 24 * time.Hour

func ms(t time.Time) int64 { return t.UnixMilli() }

// atNoon is a server whose clock stands still.
func atNoon(t *testing.T, opts ...darktracetest.Option) (*wire, time.Time) {
	t.Helper()
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	return newWire(t, append(opts, darktracetest.WithClock(func() time.Time { return noon }))...), noon
}

func TestWindow(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	for name, back := range map[string]time.Duration{
		"now": 0, "6d": 6 * day, "7d": 7 * day, "8d": 8 * day, "15d": 15 * day, "future": -time.Minute,
	} {
		w.add(name, `"createdAt":%d`, ms(noon.Add(-back)))
	}
	at := func(back time.Duration) string { return fmt.Sprint(ms(noon.Add(-back))) }
	for query, want := range map[string][]string{
		"":                       {"now", "6d", "7d"},
		"endtime=" + at(8*day):   {"8d", "15d"},
		"starttime=" + at(8*day): {"now", "6d", "7d", "8d"},
		"starttime=" + at(7*day) + "&endtime=" + at(6*day): {"6d", "7d"},
		"endtime=" + at(-time.Hour):                        {"now", "6d", "future"},
		"starttime=" + at(0) + "&endtime=" + at(time.Hour): {},
		"starttime=" + at(8 * day)[:10]:                    {"now", "6d", "7d", "8d", "15d"}, // seconds: everything
	} {
		assert.ElementsMatch(t, want, w.ids(eventsPath, query), query)
	}
}

func TestWindowFields(t *testing.T) {
	t.Parallel()
	for field, want := range map[darktracetest.WindowField]string{
		darktracetest.CreatedAt: "created", darktracetest.FirstActivity: "first", darktracetest.LastActivity: "last",
	} {
		w, noon := atNoon(t, darktracetest.WithWindowField(field))
		old, fresh := ms(noon.Add(-20*day)), ms(noon)
		w.add("created", `"createdAt":%d,"periods":[{"start":%d,"end":%d}]`, fresh, old, old)
		w.add("first", `"createdAt":%d,"periods":[{"start":%d,"end":%d},{"start":%d,"end":%d}]`, old, fresh+9, fresh+99, fresh, fresh+5)
		w.add("last", `"createdAt":%d,"periods":[{"start":%d,"end":%d},{"start":%d,"end":%d}]`, old, old+9, fresh, old, old+9)
		w.add("none", `"createdAt":%d,"periods":[]`, old)
		assert.Equal(t, []string{want}, w.ids(eventsPath, fmt.Sprintf("starttime=%d&endtime=%d", fresh-1, fresh+1)))
	}
}

func TestPinned(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	old, fresh := ms(noon.Add(-30*day)), ms(noon)
	w.add("fresh", `"createdAt":%d`, fresh)
	w.add("fresh-pinned", `"createdAt":%d,"pinned":true`, fresh)
	w.add("old", `"createdAt":%d`, old)
	w.add("old-pinned", `"createdAt":%d,"pinned":true`, old)
	w.add("old-member", `"createdAt":%d,"currentGroup":"gpinned"`, old)
	w.srv.SetGroupPinned("gpinned", true)
	for query, want := range map[string][]string{
		"":                        {"fresh", "fresh-pinned", "old-pinned", "old-member"},
		"includeallpinned=true":   {"fresh", "fresh-pinned", "old-pinned", "old-member"},
		"includeallpinned=false":  {"fresh", "fresh-pinned"},
		"includeonlypinned=true":  {"fresh-pinned", "old-pinned", "old-member"},
		"includeonlypinned=false": {"fresh", "fresh-pinned", "old-pinned", "old-member"},
		"includeallpinned=false&includeonlypinned=true": {"fresh-pinned"},
		"includeallpinned=False":                        {"fresh", "fresh-pinned", "old-pinned", "old-member"},
	} {
		assert.ElementsMatch(t, want, w.ids(eventsPath, query), query)
	}
	assert.Equal(t, []string{"includeallpinned"}, func() []string {
		w.get(eventsPath, "includeallpinned=False")
		return w.last().Ignored
	}(), "a value that is not a boolean has no effect, and the record says so")
	assert.Contains(t, w.get(eventsPath, "uuid=old-member").body, `"pinned":true`)
	assert.ElementsMatch(t, []string{"gfresh", "gfresh-pinned", "gold-pinned", "gpinned"}, w.ids(groupsPath, ""))
	assert.ElementsMatch(t, []string{"gfresh", "gfresh-pinned"}, w.ids(groupsPath, "includeallpinned=false"))
	assert.ElementsMatch(t, []string{"gfresh-pinned", "gold-pinned", "gpinned"}, w.ids(groupsPath, "includeonlypinned=true"))
}

// filtered is a server with events that differ in the fields of the filters.
func filtered(t *testing.T, opts ...darktracetest.Option) *wire {
	t.Helper()
	w := newWire(t, opts...)
	w.add("mail", `"category":"critical","aiaScore":90,"groupScore":10,"groupCategory":"compliance","sender":"a@example.com","breachDevices":[]`)
	w.add("desk", `"aiaScore":50,"groupScore":"60.5","groupCategory":"critical","currentGroup":"gtwo","breachDevices":[{"did":1,"sid":7}]`)
	w.add("both", `"aiaScore":40.5,"groupScore":60.5,"groupCategory":"critical","currentGroup":"gtwo","breachDevices":[{"did":2,"sid":7},{"did":3,"sid":null}]`)
	w.add("saas", `"aiaScore":null,"groupScore":30,"groupCategory":"suspicious","breachDevices":[{"did":4,"sid":-9}]`)
	w.add("info", `"aiaScore":20,"groupScore":0,"groupCategory":"informational","breachDevices":[{"identifier":"SaaS::X: y"}]`)
	w.add("done", `"aiaScore":20,"groupScore":1,"groupCategory":"critical","acknowledged":true`)
	return w
}

func TestEventFilters(t *testing.T) {
	t.Parallel()
	w := filtered(t)
	all := []string{"desk", "both", "saas", "mail", "info"}
	for query, want := range map[string][]string{
		"":                         all,
		"includeacknowledged=true": {"desk", "both", "saas", "mail", "done", "info"},
		"groupcritical=true":       {"desk", "both"},
		"groupcritical=true&groupsuspicious=true":  {"desk", "both", "saas"},
		"groupcompliance=true&groupcritical=false": {"mail"},
		"critical=true":                     all,
		"compliance=true&suspicious=true":   all,
		"minscore=50":                       {"desk", "mail"},
		"maxscore=40.5":                     {"both", "saas", "info"},
		"mingroupscore=30":                  {"desk", "both", "saas"},
		"maxgroupscore=10":                  {"mail", "info"},
		"minscore=41&mingroupscore=60":      {"desk"},
		"did=2":                             {"both"},
		"did=3":                             {"both"},
		"excludedid=2":                      {"desk", "saas", "mail", "info"},
		"sid=7":                             {"desk", "both"},
		"excludesid=7":                      {"saas", "mail", "info"},
		"saasonly=true":                     {"saas", "info"},
		"locale=fr_FR":                      all,
		"misspelt=1":                        all,
		"groupid=gtwo&groupcompliance=true": {"desk", "both"},
		"groupid=gtwo,gmail,gnone&starttime=1&endtime=2": {"desk", "both", "mail"},
		"uuid=mail&groupid=gtwo&starttime=1&endtime=2":   {"mail"},
		"uuid=mail,both,none":                            {"both", "mail"},
		"uuid=none":                                      {},
		"uuid=done":                                      {"done"},
		"groupid=gdone":                                  {"done"},
		"groupid=gdone&includeacknowledged=true":         {"done"},
		"uuid=done&includeacknowledged=true":             {"done"},
	} {
		assert.Equal(t, want, w.ids(eventsPath, query), query)
	}
	w.get(eventsPath, "critical=true&locale=xx&groupcritical=true&includegroupurl=true&master=1&empty=")
	assert.Equal(t, []string{"critical", "empty", "includegroupurl", "locale", "master"}, w.last().Ignored)
	assert.Empty(t, w.srv.Unexpected())
}

func TestGroupFilters(t *testing.T) {
	t.Parallel()
	w := filtered(t)
	w.srv.SetGroupAcknowledged("gdone", true)
	all := []string{"gtwo", "gsaas", "gmail", "ginfo"}
	for query, want := range map[string][]string{
		"":                                all,
		"includeacknowledged=true":        {"gtwo", "gsaas", "gmail", "gdone", "ginfo"},
		"critical=true":                   {"gtwo"},
		"critical=true&compliance=true":   {"gtwo", "gmail"},
		"groupcritical=true":              all,
		"minscore=30":                     {"gtwo", "gsaas"},
		"maxscore=10":                     {"gmail", "ginfo"},
		"mingroupscore=60":                all,
		"did=2":                           {"gtwo"},
		"excludedid=2":                    {"gsaas", "gmail", "ginfo"},
		"sid=7":                           {"gtwo"},
		"excludesid=7":                    {"gsaas", "gmail", "ginfo"},
		"saasonly=true":                   {"gsaas", "ginfo"},
		"groupid=gmail&uuid=desk":         {"gmail"},
		"groupid=gmail,gtwo":              {"gtwo", "gmail"},
		"uuid=both&starttime=1&endtime=2": {"gtwo"},
		"uuid=desk,mail":                  {"gtwo", "gmail"},
		"uuid=none":                       {},
		"groupid=gnone":                   {},
		"groupid=gdone":                   {"gdone"},
		"uuid=done":                       {"gdone"},
	} {
		assert.Equal(t, want, w.ids(groupsPath, query), query)
	}
	assert.Empty(t, w.srv.Unexpected())
}

func TestIncidentsAreActiveForADay(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	for age, want := range map[time.Duration]bool{0: true, day - time.Millisecond: true, day: false} {
		w.add("a", `"periods":[{"start":1,"end":%d}]`, ms(noon.Add(-age)))
		assert.Contains(t, w.get(groupsPath, "groupid=ga").body, fmt.Sprintf(`"active":%t`, want), age)
	}
}

func TestGroupWindowIsAnchoredAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.add("a", `"currentGroup":"gold","periods":[{"start":%d,"end":%d}]`, ago(10*day), ago(9*day))
	w.add("b", `"currentGroup":"gold","periods":[{"start":%d,"end":%d}]`, ago(2*time.Hour), ago(time.Hour))
	assert.Len(t, w.ids(eventsPath, ""), 2)
	assert.Empty(t, w.ids(groupsPath, ""))
	assert.Equal(t, []string{"gold"}, w.ids(groupsPath, fmt.Sprintf("starttime=%d", ago(11*day))))
}

func TestNumbersThatMakeNoSenseAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.add("a", `"title":""`)
	for path, queries := range map[string][]string{
		eventsPath:         {"starttime=2026-01-01", "endtime=x", "did=x", "did=7.5,x", "minscore=high", "mingroupscore=x", "minscore=NaN"},
		groupsPath:         {"sid=7.5", "maxscore=x", "maxscore=inf"},
		"/aianalyst/stats": {"starttime=now"},
		investigationPath:  {"endtime=now"},
	} {
		all := w.get(path, "").body
		for _, query := range queries {
			r := w.get(path, query)
			assert.Equal(t, http.StatusOK, r.status, query)
			assert.Len(t, r.body, len(all), query)
			name, _, _ := strings.Cut(query, "=")
			assert.Equal(t, []string{name}, w.last().Ignored)
		}
	}
}

func TestListsOfDevices(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, did := range []string{"7", "8", "9"} {
		w.add("e"+did, `"breachDevices":[{"did":%s,"sid":1%s}]`, did, did)
	}
	assert.ElementsMatch(t, []string{"e9"}, w.ids(eventsPath, "excludedid=7,8"))
	assert.ElementsMatch(t, []string{"e7", "e9"}, w.ids(eventsPath, "did=7,9,x"))
	assert.ElementsMatch(t, []string{"e8", "e9"}, w.ids(eventsPath, "sid=18,19"))
	assert.ElementsMatch(t, []string{"ge7"}, w.ids(groupsPath, "excludesid=18,%2019"))
	assert.Empty(t, w.last().Ignored)
}

func TestAnIDOverridesEverything(t *testing.T) {
	t.Parallel()
	for _, hidden := range []bool{false, true} {
		var opts []darktracetest.Option
		want := []string{"a"}
		if hidden {
			opts, want = append(opts, darktracetest.WithAcknowledgedHidden()), []string{}
		}
		w := newWire(t, opts...)
		w.add("a", `"createdAt":%d,"aiaScore":20`, ago(100*day))
		w.srv.Acknowledge("a")
		w.srv.SetGroupAcknowledged("ga", true)
		assert.Equal(t, want, w.ids(eventsPath, "uuid=a&minscore=50"))
		assert.Equal(t, want, w.ids(eventsPath, "groupid=ga&includeacknowledged=false"))
		assert.Len(t, w.ids(groupsPath, "groupid=ga"), len(want))
		assert.Len(t, w.ids(groupsPath, "uuid=a"), len(want))
		assert.Equal(t, []string{"a"}, w.ids(eventsPath, "uuid=a&includeacknowledged=true"))
		assert.Empty(t, w.ids(eventsPath, fmt.Sprintf("starttime=%d", ago(200*day))), "a window still hides it")
		w.srv.Unacknowledge("a")
		assert.Equal(t, []string{"a"}, w.ids(eventsPath, "uuid=a"))
	}
}

func TestResponsesOfEachMaster(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithUnifiedView(1, 2), darktracetest.WithResponsePerMaster(), darktracetest.WithTB(t))
	w.add("a", `"title":""`)
	w.add("b", `"title":""`)
	w.srv.SetMaster("b", 2)
	w.srv.AddComment("b", "x", "on master 2")
	for _, path := range []string{eventsPath, groupsPath} {
		var lists [][]struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(w.get(path, "").body), &lists))
		require.Len(t, lists, 2)
		assert.Len(t, lists[0], 1)
		assert.Len(t, lists[1], 1)
		assert.NotEqual(t, lists[0], lists[1])
	}
	assert.Regexp(t, `^\[{"comments":\[\]},{"comments":\[{.*on master 2"}\]}\]$`, w.get(commentsPath, "incident_id=b").body)
	assert.Regexp(t, `^\[{.*"positiveInvestigations":1.*},{.*"positiveInvestigations":1.*}\]$`, w.get("/aianalyst/stats", "").body)
	assert.Equal(t, http.StatusBadRequest, w.get(commentsPath, "").status)
	w.srv.ResetRequests()
}

func TestLateEvents(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	w := newWire(t, darktracetest.WithClock(func() time.Time { return now }))
	w.srv.AddEventsAt(now.Add(time.Hour), &darktrace.IncidentEvent{ID: "late", CreatedAt: darktrace.Millis(ms(now.Add(-day)))})
	assert.Empty(t, w.ids(eventsPath, ""))
	assert.Empty(t, w.ids(eventsPath, "uuid=late"))
	assert.Empty(t, w.ids(groupsPath, "uuid=late"))
	w.add("early", `"currentGroup":"glate"`)
	assert.Equal(t, []string{"glate"}, w.ids(groupsPath, "uuid=early"))
	assert.Empty(t, w.ids(groupsPath, "uuid=late"), "an event that nobody sees finds no incident")
	w.srv.Remove("early")
	w.add("late", `"createdAt":%d`, ms(now.Add(-day)))
	assert.Empty(t, w.ids(eventsPath, ""), "a known event stays out of sight")
	w.srv.AddEventsAt(now.Add(-time.Second), &darktrace.IncidentEvent{ID: "late"})
	assert.Equal(t, []string{"late"}, w.ids(eventsPath, ""), "unless an option says otherwise")
	w.srv.AddEventsAt(now.Add(time.Hour), &darktrace.IncidentEvent{ID: "late"})
	now = now.Add(time.Hour)
	assert.Equal(t, []string{"late"}, w.ids(eventsPath, ""))
	assert.Equal(t, []string{"glate"}, w.ids(groupsPath, "uuid=late"))
}

func TestUUIDListsCanBeOff(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithoutEventLists())
	w.add("a", `"title":""`)
	w.add("b", `"title":""`)
	assert.Empty(t, w.ids(eventsPath, "uuid=a,b"))
	assert.Equal(t, []string{"b"}, w.ids(eventsPath, "uuid=b"))
	assert.Empty(t, w.ids(groupsPath, "uuid=a,b"))
	assert.Equal(t, []string{"gb"}, w.ids(groupsPath, "uuid=b"))
	assert.Equal(t, []string{"ga", "gb"}, w.ids(groupsPath, "groupid=ga,gb"))
}

func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithPathPrefix("p"))
	w.add("a", `"incidentEventUrl":"https://elsewhere.example.com"`)
	w.add("s", `"breachDevices":[{"sid":-9}]`)
	body := w.get(eventsPath, "includeincidenteventurl=true").body
	assert.Contains(t, body, `"incidentEventUrl":"`+w.srv.URL+`/#aiaincidentevent/a"`)
	assert.Contains(t, body, `"incidentEventUrl":"`+w.srv.URL+`/saas#aiaincidentevent/s"`)
	assert.Contains(t, w.get(groupsPath, "includegroupurl=true").body, `"groupUrl":"`+w.srv.URL+`/#aiagroup/ga"`)
	assert.NotContains(t, w.get(eventsPath, "").body+w.get(groupsPath, "includeincidenteventurl=true").body, "Url")
	w = newWire(t, darktracetest.WithoutFQDN())
	w.add("a", `"title":""`)
	assert.NotContains(t, w.get(eventsPath, "includeincidenteventurl=true").body+w.get(groupsPath, "includegroupurl=true").body, "Url")
}

func TestEventsKeepTheirText(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	text := `{"unknown":{"b":9007199254740993,"a":1.0},"id":"x","children":["x"],"currentGroup":"gx","groupCategory":"critical",` +
		`"groupScore":1.50,"createdAt":` + fmt.Sprint(ago(0)) + `,"title":{"odd":true},"aiaScore":"7","attackPhases":3,"details":"?"}`
	require.NoError(t, w.srv.AddEventsJSON([]byte("\n"+strings.ReplaceAll(text, ",", " ,\n")+"\n")))
	assert.Equal(t, "["+text+"]", w.get(eventsPath, "").body)
	assert.Equal(t, text, string(w.srv.EventJSON("x")))
	w.srv.SetField("x", "new", "a")
	w.srv.Acknowledge("x")
	assert.Equal(t, strings.TrimSuffix(text, "}")+`,"new":"a","acknowledged":true}`, string(w.srv.EventJSON("x")))
	assert.Contains(t, w.get(groupsPath, "").body, `"title":{"odd":true}`)
	assert.Nil(t, w.srv.EventJSON("y"))
}

func TestMissingFieldsAreFilledIn(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	require.NoError(t, w.srv.AddEventsJSON([]byte(`{"id":"x","category":"critical","aiaScore":7,"currentGroup":null}`)))
	assert.JSONEq(t, fmt.Sprintf(`{"id":"x","category":"critical","aiaScore":7,"currentGroup":"gx","createdAt":%d,
		"children":["x"],"groupCategory":"critical","groupScore":7}`, ms(noon)), string(w.srv.EventJSON("x")))
	require.NoError(t, w.srv.AddEventsJSON([]byte(`[]`)))
	require.NoError(t, w.srv.AddEventsJSON([]byte(`[{"id":"x","title":"again"}]`)))
	assert.Len(t, w.ids(eventsPath, ""), 1, "a known id is replaced")
	for _, odd := range []string{`"NaN"`, `"inf"`, `[]`, `{}`, `true`, `"x"`, `1e999`} {
		assert.NotPanics(t, func() {
			_ = w.srv.AddEventsJSON([]byte(`{"id":"odd","aiaScore":` + odd + `,"groupScore":` + odd + `}`))
		}, odd)
	}
	w.srv.AddEvents()
	for _, wrong := range []string{``, `{`, `[`, `[1]`, `{"title":"no id"}`, `{"id":7}`, `"x"`} {
		assert.Error(t, w.srv.AddEventsJSON([]byte(wrong)), wrong)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.add("a", `"groupScore":40,"groupCategory":"suspicious","mitreTactics":["impact"],"breachDevices":[{"did":9}]`)
	w.add("b", `"groupScore":20,"groupCategory":"critical","mitreTactics":["discovery","impact"],"sender":"x@example.com"`)
	w.add("c", `"currentGroup":"gb","groupPreviousGroups":["gz","ga"],"groupScore":20,"groupCategory":"critical"`)
	w.srv.SetGroupPinned("gb", true)
	w.srv.Merge("gb", "ga")
	assert.Empty(t, w.ids(groupsPath, "groupid=gb"), "the absorbed id is gone")
	assert.Equal(t, []string{"ga"}, w.ids(groupsPath, "uuid=b"))
	assert.Empty(t, w.ids(eventsPath, "groupid=gb"))
	assert.Len(t, w.ids(eventsPath, "groupid=ga"), 3)

	var groups []map[string]any
	require.NoError(t, json.Unmarshal([]byte(w.get(groupsPath, "").body), &groups))
	require.Len(t, groups, 1)
	assert.Equal(t, []any{"gb", "gz"}, groups[0]["previousIds"])
	assert.InDelta(t, 40.0, groups[0]["groupScore"], 0)
	assert.Equal(t, "critical", groups[0]["category"])
	assert.Equal(t, true, groups[0]["pinned"])
	assert.Equal(t, []any{"discovery", "impact"}, groups[0]["mitreTactics"])
	assert.Len(t, groups[0]["incidentEvents"], 3)

	var event map[string]any
	require.NoError(t, json.Unmarshal(w.srv.EventJSON("c"), &event))
	assert.Equal(t, "ga", event["currentGroup"])
	assert.Equal(t, []any{"gz", "ga", "gb"}, event["groupPreviousGroups"])
	assert.InDelta(t, 40.0, event["groupScore"], 0)

	w.srv.SetGroup("ga", 99.5, "critical")
	require.NoError(t, json.Unmarshal(w.srv.EventJSON("b"), &event))
	assert.InDelta(t, 99.5, event["groupScore"], 0)
	w.srv.Remove("a", "b", "c")
	assert.Equal(t, "[]", w.get(eventsPath, "").body)
	assert.Equal(t, "[]", w.get(groupsPath, "").body)
}

func TestGroupsAreDerivedFromEvents(t *testing.T) {
	t.Parallel()
	event := `"id":"a","title":"T","summariser":"S","groupScore":40,"groupCategory":"suspicious","currentGroup":"ga","createdAt":50,
		"periods":[{"start":20,"end":30},{"start":10,"end":15}],"mitreTactics":["impact"],"userTriggered":true,"acknowledged":true,
		"breachDevices":[{"did":9,"identifier":"x","hostname":"x","ip":"192.0.2.9"}],
		"details":[[{"header":"h","contents":[{"key":null,"type":"device","values":[{"did":9,"ip":null},{"did":4,"ip":"192.0.2.4"},{"did":null,"ip":"192.0.2.5"}]},
			{"key":"k","type":"externalHost","values":[{"hostname":"h.example.net","ip":"203.0.113.1"},{"hostname":"","ip":"203.0.113.2"},{"ip":null},{"ip":4}]}]}]]`
	mail := `"id":"m","title":"M","currentGroup":"ga","groupScore":40,"groupCategory":"suspicious","createdAt":60,"sender":"s@example.org","breachDevices":[]`
	fields := map[darktracetest.Profile][2]string{
		darktracetest.V52: {``, ``},
		darktracetest.V60: {`,"mitreTactics":["impact"]`, ``},
		darktracetest.V61: {`,"mitreTactics":["impact"]`, `,"sender":%s,"acknowledged":%t`},
		darktracetest.V71: {`,"mitreTactics":["impact"]`, `,"sender":%s,"acknowledged":%t`},
	}
	for profile, more := range fields {
		w := newWire(t, darktracetest.WithProfile(profile))
		require.NoError(t, w.srv.AddEventsJSON([]byte("[{"+event+"},{"+mail+"}]")))
		first, second, trigger := more[1], more[1], `"triggerDid":null,`
		if first != "" {
			first, second = fmt.Sprintf(first, "null", true), fmt.Sprintf(second, `"s@example.org"`, false)
			trigger = "" // E-mail events have none.
		}
		edge := func(action bool, kind, value string) string {
			return fmt.Sprintf(`{"isAction":%t,"source":{"nodeType":"device","value":9},"target":{"nodeType":%q,"value":%s},
				"start":10,"incidentEvent":"a","description":"T","details":[{"key":null,"type":"string","values":["S"]}]}`, action, kind, value)
		}
		assert.JSONEq(t, `[{"id":"ga","active":false,"acknowledged":false,"pinned":false,"userTriggered":true,
			"externalTriggered":false,"previousIds":[],"devices":[4,9],"initialDevices":[9],"category":"suspicious",
			"groupScore":40,"start":10,"end":60,"incidentEvents":[
			{"uuid":"a","start":10,"title":"T","triggerDid":9,"visible":true`+first+`},
			{"uuid":"m","start":60,"title":"M",`+trigger+`"visible":true`+second+`}],"edges":[`+strings.Join([]string{
			edge(false, "device", "4"), edge(true, "internalIp", `"192.0.2.5"`),
			edge(true, "externalHost", `"h.example.net"`), edge(true, "externalIp", `"203.0.113.2"`),
		}, ",")+`]`+more[0]+`}]`, w.get(groupsPath, "groupid=ga").body, profile)
		body := w.get(eventsPath, "uuid=a,m&includeacknowledged=true").body
		assert.Equal(t, profile >= darktracetest.V60, strings.Contains(body, "mitreTactics"), profile)
		assert.Equal(t, profile >= darktracetest.V61, strings.Contains(body, "sender"), profile)
	}
}

func TestRestrictedTokenGetsAnonymisedData(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.add("a", `"summary":"\"ip\":\"192.0.2.77\"","breachDevices":[{"identifier":"192.0.2.77","hostname":"pc.example.com","ip":"192.0.2.77","did":1,"sid":1},{"hostname":"192.0.2.78"}],
		"details":[[{"header":"","contents":[{"key":null,"type":"externalHost","values":[{"hostname":"","ip":"203.0.113.5"}]},
		{"key":null,"type":"device","values":[{"identifier":null,"ip":"10.9.8.7","did":null}]}]}]]`)
	w.srv.AddToken(darktracetest.Token{
		Public: "narrow", Private: "secret", Permissions: []darktracetest.Permission{darktracetest.Visualizer},
	})
	assert.Contains(t, w.get(eventsPath, "").body, `"ip":"192.0.2.77"`)
	w.public, w.private = "narrow", "secret"
	body := w.get(eventsPath, "includeincidenteventurl=true").body
	assert.Regexp(t, `"identifier":"192\.0\.2\.#\d{5}","hostname":"pc.example.com","ip":"192\.0\.2\.#\d{5}"`, body)
	assert.Regexp(t, `"hostname":"192\.0\.2\.#\d{5}"`, body)
	assert.Contains(t, body, `"summary":"\"ip\":\"192.0.2.77\""`)
	assert.Contains(t, body, `"ip":"203.0.113.5"`, "others' addresses are no secret")
	assert.True(t, json.Valid([]byte(body)))
	assert.Regexp(t, `"nodeType":"internalIp","value":"10\.9\.8\.#\d{5}"`, w.get(groupsPath, "").body)
}

func TestMastersOfAUnifiedView(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithUnifiedView(11, 12))
	w.add("a", `"title":""`)
	w.add("b", `"title":""`)
	w.srv.SetMaster("b", 12)
	assert.Equal(t, []string{"a"}, w.ids(eventsPath, "master=11"))
	assert.Equal(t, []string{"b"}, w.ids(eventsPath, "master=12"))
	assert.Equal(t, []string{"gb"}, w.ids(groupsPath, "master=12"))
	assert.Equal(t, `[{"aianalyst":"SUCCESS"}]`, w.form("/aianalyst/acknowledge", "uuid=b").body)
	assert.Equal(t, `[{"aianalyst":"SUCCESS"},{"aianalyst":"SUCCESS"}]`, w.form("/aianalyst/acknowledge", "uuid=a,b").body)
	assert.Equal(t, `[{"aianalyst":"ERROR"},{"aianalyst":"ERROR"}]`, w.form("/aianalyst/acknowledge", "uuid=c").body)
	assert.Equal(t, `[{"aianalyst":"SUCCESS"}]`, w.json(commentsPath, `{"incident_id":"b","message":"x"}`).body)
	assert.Regexp(t, `^\[\{"investigationId":"[^"]+"\}\]$`,
		w.json(investigationPath, `{"investigateTime":"1700000000","did":1}`).body)
	w.add("b", `"title":"again"`)
	assert.Equal(t, []string{"b"}, w.ids(eventsPath, "master=12&includeacknowledged=true"), "a known event keeps its master")

	w = newWire(t, darktracetest.WithUnifiedView(11, 12), darktracetest.WithProfile(darktracetest.V70))
	assert.Equal(t, `[{"aianalyst":"SUCCESS"},{"aianalyst":"SUCCESS"}]`, w.json(commentsPath, `{"incident_id":"b","message":"x"}`).body)
}

// What a caller hands over stays as it is.
func TestAddingLeavesTheCallersBytesAlone(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.InMemory())
	defer srv.Close()
	for name, add := range map[string]func([]byte) error{
		"events":     srv.AddEventsJSON,
		"collection": func(data []byte) error { return srv.SetCollection("tags", data) },
	} {
		data := []byte(`[{"id":"5b0e3a8c-1d2f-4c6a-9e7b-000000000001"}]`)
		before := string(data)
		require.NoError(t, add(data), name)
		assert.Equal(t, before, string(data), name)
	}
}
