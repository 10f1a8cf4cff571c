package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestEventParameters(t *testing.T) {
	t.Parallel()
	start, end := time.UnixMilli(1940000000123), time.UnixMilli(1950000000456)
	const path = "GET /aianalyst/incidentevents"
	for _, test := range []struct {
		opts darktrace.EventListOptions
		want string
	}{
		{darktrace.EventListOptions{}, ""},
		{darktrace.EventListOptions{Start: start}, "?starttime=1940000000123"},
		{darktrace.EventListOptions{End: end.In(time.FixedZone("", 3600))}, "?endtime=1950000000456"},
		{darktrace.EventListOptions{Start: start, End: end}, "?endtime=1950000000456&starttime=1940000000123"},
		{darktrace.EventListOptions{IncludeAcknowledged: true}, "?includeacknowledged=true"},
		{darktrace.EventListOptions{ExcludePinned: true}, "?includeallpinned=false"},
		{darktrace.EventListOptions{OnlyPinned: true}, "?includeonlypinned=true"},
		{darktrace.EventListOptions{IncludeURL: true}, "?includeincidenteventurl=true"},
		{darktrace.EventListOptions{SaaSOnly: true}, "?saasonly=true"},
		{darktrace.EventListOptions{KeepRaw: true}, ""},
		{darktrace.EventListOptions{Locale: darktrace.LocaleJapanese}, "?locale=ja_JP"},
		{darktrace.EventListOptions{Categories: []darktrace.Category{darktrace.CategoryCritical, darktrace.CategoryCompliance}}, "?groupcompliance=true&groupcritical=true"},
		{darktrace.EventListOptions{Categories: []darktrace.Category{darktrace.CategorySuspicious}}, "?groupsuspicious=true"},
		{darktrace.EventListOptions{MinScore: 12.5, MaxScore: 99}, "?maxscore=99&minscore=12.5"},
		{darktrace.EventListOptions{MinScore: 0.00001, MinGroupScore: 1e-7}, "?mingroupscore=0.0000001&minscore=0.00001"},
		{darktrace.EventListOptions{MinGroupScore: 20, MaxGroupScore: 100}, "?maxgroupscore=100&mingroupscore=20"},
		{darktrace.EventListOptions{DeviceID: 7, ExcludeDeviceID: 8}, "?did=7&excludedid=8"},
		{darktrace.EventListOptions{SubnetID: -9, ExcludeSubnetID: 3}, "?excludesid=3&sid=-9"},
		{darktrace.EventListOptions{Master: 2}, "?master=2"},
		{darktrace.EventListOptions{GroupIDs: []string{"g" + id1}}, "?groupid=g" + id1 + "&includeacknowledged=true"},
		{darktrace.EventListOptions{EventIDs: []string{id1}, MinScore: 5}, "?includeacknowledged=true&minscore=5&uuid=" + id1},
	} {
		r := responding(200, "[]")
		_, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), &test.opts)
		require.NoError(t, err)
		assert.Equal(t, []string{path + test.want}, r.lines())
	}
	r := responding(200, "[]")
	events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	assert.NotNil(t, events)
	assert.Equal(t, []string{path}, r.lines())
}

func TestGroupParameters(t *testing.T) {
	t.Parallel()
	start, end := time.UnixMilli(1940000000123), time.UnixMilli(1950000000456)
	const path = "GET /aianalyst/groups"
	for _, test := range []struct {
		opts darktrace.GroupListOptions
		want string
	}{
		{darktrace.GroupListOptions{Start: start, End: end}, "?endtime=1950000000456&starttime=1940000000123"},
		{darktrace.GroupListOptions{IncludeAcknowledged: true, ExcludePinned: true, OnlyPinned: true}, "?includeacknowledged=true&includeallpinned=false&includeonlypinned=true"},
		{darktrace.GroupListOptions{IncludeURL: true, SaaSOnly: true, KeepRaw: true}, "?includegroupurl=true&saasonly=true"},
		{darktrace.GroupListOptions{Locale: darktrace.LocaleFrench}, "?locale=fr_FR"},
		{darktrace.GroupListOptions{Categories: []darktrace.Category{darktrace.CategoryCritical, darktrace.CategorySuspicious, darktrace.CategoryCompliance}}, "?compliance=true&critical=true&suspicious=true"},
		{darktrace.GroupListOptions{MinScore: 12.5, MaxScore: 99}, "?maxscore=99&minscore=12.5"},
		{darktrace.GroupListOptions{MinScore: 0.00001}, "?minscore=0.00001"},
		{darktrace.GroupListOptions{DeviceID: 7, ExcludeDeviceID: 8, SubnetID: -9, ExcludeSubnetID: 3, Master: 2}, "?did=7&excludedid=8&excludesid=3&master=2&sid=-9"},
		{darktrace.GroupListOptions{GroupIDs: []string{"g" + id1}}, "?groupid=g" + id1 + "&includeacknowledged=true"},
		{darktrace.GroupListOptions{EventIDs: []string{id1}}, "?includeacknowledged=true&uuid=" + id1},
	} {
		r := responding(200, "[]")
		_, err := newClient(t, r).AIAnalyst.ListGroups(t.Context(), &test.opts)
		require.NoError(t, err)
		assert.Equal(t, []string{path + test.want}, r.lines())
	}
	r := responding(200, "[]")
	groups, err := newClient(t, r).AIAnalyst.ListGroups(t.Context(), nil)
	require.NoError(t, err)
	assert.NotNil(t, groups)
	assert.Equal(t, []string{path}, r.lines())
}

func TestTheClientsLocale(t *testing.T) {
	t.Parallel()
	r := responding(200, `[{"id":"`+id1+`"},{"id":"g`+id1+`"}]`)
	client := newClient(t, r, darktrace.WithLocale(darktrace.LocaleGerman))
	_, err := client.AIAnalyst.GetEvent(t.Context(), id1)
	require.NoError(t, err)
	_, err = client.AIAnalyst.GetGroup(t.Context(), "g"+id1)
	require.NoError(t, err)
	_, err = client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	_, err = client.AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{Locale: darktrace.LocaleKorean})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"GET /aianalyst/incidentevents?includeacknowledged=true&locale=de_DE&uuid=" + id1,
		"GET /aianalyst/groups?groupid=g" + id1 + "&includeacknowledged=true&locale=de_DE",
		"GET /aianalyst/incidentevents?locale=de_DE",
		"GET /aianalyst/incidentevents?locale=ko_KR",
	}, r.lines())
}

// byIDs responds with the listed elements that a request's parameter names. An
// appliance that takes no lists finds nothing for one.
func byIDs(parameter string, takesLists bool, elements map[string]string) *recorder {
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		asked := []string{req.URL.Query().Get(parameter)}
		if takesLists {
			asked = strings.Split(asked[0], ",")
		}
		var found []string
		for _, id := range asked {
			if element, ok := elements[id]; ok {
				found = append(found, element)
			}
		}
		return httpmock.NewStringResponse(200, "["+strings.Join(found, ",")+"]"), nil
	}}
}

func TestEventsByIDs(t *testing.T) {
	t.Parallel()
	elements := map[string]string{id1: `{"id":"` + id1 + `"}`, id2: `{"id":"` + id2 + `"}`}
	const path = "GET /aianalyst/incidentevents?includeacknowledged=true&uuid="
	for takesLists, want := range map[bool][]string{
		true:  {path + id1 + "," + id2 + "," + id3, path + id3},
		false: {path + id1 + "," + id2 + "," + id3, path + id1, path + id2, path + id3},
	} {
		r := byIDs("uuid", takesLists, elements)
		events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{EventIDs: []string{id1, id2, id1, id3}})
		require.NoError(t, err)
		require.Len(t, events, 2)
		assert.Equal(t, id1, events[0].ID)
		assert.Equal(t, id2, events[1].ID)
		assert.Equal(t, want, r.lines())
	}
}

func TestEventsByIDsWhereListsAreRefused(t *testing.T) {
	t.Parallel()
	r := byIDs("uuid", false, map[string]string{id1: `{"id":"` + id1 + `"}`})
	single := r.respond
	r.respond = func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.Query().Get("uuid"), ",") {
			return httpmock.NewStringResponse(400, `{"aianalyst":"INPUT ERROR"}`), nil
		}
		return single(req)
	}
	events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{EventIDs: []string{id1, id2}})
	require.NoError(t, err)
	assert.Len(t, events, 1)
}

func TestManyIDsGoOutInSeveralRequests(t *testing.T) {
	t.Parallel()
	elements := map[string]string{}
	var ids []string
	for i := range 120 {
		id := fmt.Sprintf("7c1d2e3f-0000-4a4a-8b8b-%012d", i)
		ids = append(ids, id)
		elements[id] = `{"id":"` + id + `"}`
	}
	r := byIDs("uuid", true, elements)
	events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{EventIDs: ids})
	require.NoError(t, err)
	require.Len(t, events, 120)
	require.Len(t, r.all(), 3)
	for _, request := range r.all() {
		assert.Less(t, len(request.uri), 2048)
	}
	handled := 0
	for _, err := range newClient(t, r).AIAnalyst.Events(t.Context(), &darktrace.EventListOptions{EventIDs: ids}) {
		require.NoError(t, err)
		if handled++; handled == 60 {
			break
		}
	}
	assert.Len(t, r.all(), 3+2, "went on after the loop had ended")
}

func TestGroupsByIDs(t *testing.T) {
	t.Parallel()
	group := `{"id":"g` + id1 + `","previousIds":["g` + id2 + `"],"incidentEvents":[{"uuid":"` + id1 + `"},{"uuid":"` + id2 + `"}]}`
	r := byIDs("groupid", true, map[string]string{"g" + id1: group, "g" + id2: group})
	groups, err := newClient(t, r).AIAnalyst.ListGroups(t.Context(), &darktrace.GroupListOptions{GroupIDs: []string{"g" + id1, "g" + id2}})
	require.NoError(t, err)
	assert.Len(t, groups, 1, "an incident came twice")
	assert.Len(t, r.all(), 1)

	r = byIDs("uuid", false, map[string]string{id1: group, id2: group})
	groups, err = newClient(t, r).AIAnalyst.ListGroups(t.Context(), &darktrace.GroupListOptions{EventIDs: []string{id1, id2}})
	require.NoError(t, err)
	assert.Len(t, groups, 1)
	assert.Len(t, r.all(), 2, "id2 came back with id1 and was asked for again")
}

func TestEventsOfGroups(t *testing.T) {
	t.Parallel()
	elements := map[string]string{
		"g" + id1: `{"id":"` + id1 + `","currentGroup":"g` + id1 + `"},{"id":"` + id2 + `","currentGroup":"g` + id1 + `","groupPreviousGroups":["g` + id2 + `"]}`,
	}
	r := byIDs("groupid", true, elements)
	events, err := newClient(t, r).AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{GroupIDs: []string{"g" + id1, "g" + id2}})
	require.NoError(t, err)
	assert.Len(t, events, 2)
	assert.Len(t, r.all(), 1)
}

func TestGetEvent(t *testing.T) {
	t.Parallel()
	r := responding(200, `[{"id":"`+id2+`","title":"Other"},{"id":"`+id1+`","title":"Beaconing"}]`)
	event, err := newClient(t, r).AIAnalyst.GetEvent(t.Context(), id1)
	require.NoError(t, err)
	assert.Equal(t, "Beaconing", event.Title)
	assert.Equal(t, []string{"GET /aianalyst/incidentevents?includeacknowledged=true&uuid=" + id1}, r.lines())

	event, err = newClient(t, responding(200, "[]")).AIAnalyst.GetEvent(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	require.EqualError(t, err, "darktrace: GET /aianalyst/incidentevents: not found: no object with id "+id1)
	assert.Nil(t, event)

	_, err = newClient(t, responding(200, `{"events":[]}`)).AIAnalyst.GetEvent(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrDecode)
}

func TestGetGroupFollowsMerges(t *testing.T) {
	t.Parallel()
	survivor := `{"id":"g` + id2 + `","previousIds":["g` + id1 + `"],"incidentEvents":[{"uuid":"` + id2 + `"},{"uuid":"` + id1 + `"}]}`
	r := byIDs("uuid", true, map[string]string{id1: survivor})
	for id, want := range map[string][]string{
		id1: {"GET /aianalyst/groups?includeacknowledged=true&uuid=" + id1},
		"g" + id1: {
			"GET /aianalyst/groups?groupid=g" + id1 + "&includeacknowledged=true",
			"GET /aianalyst/groups?includeacknowledged=true&uuid=" + id1,
		},
	} {
		r := &recorder{respond: r.respond}
		group, err := newClient(t, r).AIAnalyst.GetGroup(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, "g"+id2, group.ID)
		assert.Equal(t, want, r.lines())
	}
	_, err := newClient(t, r).AIAnalyst.GetGroup(t.Context(), "g"+id3)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	assert.Contains(t, err.Error(), "no object with id g"+id3)
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := responding(200, `{"positiveInvestigations":3,"negativeInvestigations":40}`)
	client := newClient(t, r)
	stats, err := client.AIAnalyst.GetStats(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(3), stats.PositiveInvestigations)
	_, err = client.AIAnalyst.GetStats(t.Context(), &darktrace.StatsOptions{Start: time.UnixMilli(1940000000123), End: time.UnixMilli(1950000000456)})
	require.NoError(t, err)
	assert.Equal(t, []string{"GET /aianalyst/stats", "GET /aianalyst/stats?endtime=1950000000456&starttime=1940000000123"}, r.lines())
	_, err = newClient(t, responding(200, `[]`)).AIAnalyst.GetStats(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrDecode)
}

func TestInvestigations(t *testing.T) {
	t.Parallel()
	r := responding(200, `[{"investigationId":"inv-1","status":"finished"}]`)
	client := newClient(t, r)
	investigation, err := client.AIAnalyst.GetInvestigation(t.Context(), "inv-1")
	require.NoError(t, err)
	assert.Equal(t, darktrace.InvestigationFinished, investigation.Status)
	list, err := client.AIAnalyst.ListInvestigations(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, list, 1)
	_, err = client.AIAnalyst.ListInvestigations(t.Context(), &darktrace.InvestigationListOptions{
		Start: time.Unix(1940000000, 1), End: time.Unix(1950000000, 1), ResponseData: "status"})
	require.NoError(t, err)
	// A Unified View returns a list for a write.
	id, err := client.AIAnalyst.StartInvestigation(t.Context(), 4711, time.Unix(1940000000, 999))
	require.NoError(t, err)
	assert.Equal(t, "inv-1", id)
	assert.Equal(t, []string{
		"GET /aianalyst/investigations?investigationId=inv-1",
		"GET /aianalyst/investigations",
		"GET /aianalyst/investigations?endtime=1950000000&responseData=status&starttime=1940000000",
		`POST /aianalyst/investigations {"investigateTime":"1940000000","did":4711}`,
	}, r.lines())

	id, err = newClient(t, responding(200, `{"investigationId":"inv-2"}`)).AIAnalyst.StartInvestigation(t.Context(), 1, time.Now())
	require.NoError(t, err)
	assert.Equal(t, "inv-2", id)
	_, err = newClient(t, responding(200, `{"aianalyst":"SUCCESS"}`)).AIAnalyst.StartInvestigation(t.Context(), 1, time.Now())
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	assert.Contains(t, err.Error(), "the response contains no investigationId")
	_, err = newClient(t, responding(200, `[]`)).AIAnalyst.GetInvestigation(t.Context(), "inv-1")
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}

func TestWaitInvestigation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		r := &recorder{}
		r.respond = func(*http.Request) (*http.Response, error) {
			status := "processing"
			if time.Since(started) > time.Minute {
				status = "finished"
			}
			return httpmock.NewStringResponse(200, `[{"investigationId":"inv-1","status":"`+status+`"}]`), nil
		}
		client := newClient(t, r)
		investigation, err := client.AIAnalyst.WaitInvestigation(t.Context(), "inv-1")
		require.NoError(t, err)
		assert.Equal(t, darktrace.InvestigationFinished, investigation.Status)
		assert.Len(t, r.all(), 7, "2, 4, 8, 16, 30 and 30 seconds")

		started = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = client.AIAnalyst.WaitInvestigation(ctx, "inv-1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "investigation inv-1 is still processing")
	})
}

// methods calls every method of the service with an id and returns its error.
func methods(client *darktrace.Client) map[string]func(ctx context.Context, id string) error {
	s := client.AIAnalyst
	return map[string]func(ctx context.Context, id string) error{
		"GetEvent": func(ctx context.Context, id string) error { _, err := s.GetEvent(ctx, id); return err },
		"ListEvents": func(ctx context.Context, id string) error {
			_, err := s.ListEvents(ctx, &darktrace.EventListOptions{EventIDs: []string{id}})
			return err
		},
		"ListEvents of groups": func(ctx context.Context, id string) error {
			_, err := s.ListEvents(ctx, &darktrace.EventListOptions{GroupIDs: []string{id}})
			return err
		},
		"GetGroup": func(ctx context.Context, id string) error { _, err := s.GetGroup(ctx, id); return err },
		"ListGroups": func(ctx context.Context, id string) error {
			_, err := s.ListGroups(ctx, &darktrace.GroupListOptions{GroupIDs: []string{id}})
			return err
		},
		"ListGroups of events": func(ctx context.Context, id string) error {
			_, err := s.ListGroups(ctx, &darktrace.GroupListOptions{EventIDs: []string{id}})
			return err
		},
		"Acknowledge":              func(ctx context.Context, id string) error { return s.Acknowledge(ctx, id) },
		"AcknowledgeVerified":      func(ctx context.Context, id string) error { return s.AcknowledgeVerified(ctx, id) },
		"AcknowledgeGroup":         s.AcknowledgeGroup,
		"AcknowledgeGroupVerified": s.AcknowledgeGroupVerified,
		"GroupAcknowledged":        func(ctx context.Context, id string) error { _, err := s.GroupAcknowledged(ctx, id); return err },
		"PostCommentOnce":          func(ctx context.Context, id string) error { _, err := s.PostCommentOnce(ctx, id, "x"); return err },
		"ResolveGroup":             func(ctx context.Context, id string) error { return s.ResolveGroup(ctx, id, "x") },
		"Unacknowledge":            func(ctx context.Context, id string) error { return s.Unacknowledge(ctx, id) },
		"Pin":                      func(ctx context.Context, id string) error { return s.Pin(ctx, id) },
		"Unpin":                    func(ctx context.Context, id string) error { return s.Unpin(ctx, id) },
		"ListComments":             func(ctx context.Context, id string) error { _, err := s.ListComments(ctx, id); return err },
		"PostComment":              func(ctx context.Context, id string) error { return s.PostComment(ctx, id, "looking") },
		"PostCommentVerified": func(ctx context.Context, id string) error {
			_, err := s.PostCommentVerified(ctx, id, "looking")
			return err
		},
		"GetInvestigation":  func(ctx context.Context, id string) error { _, err := s.GetInvestigation(ctx, id); return err },
		"WaitInvestigation": func(ctx context.Context, id string) error { _, err := s.WaitInvestigation(ctx, id); return err },
	}
}

// withoutID calls every method that takes no id.
func withoutID(client *darktrace.Client) map[string]func(ctx context.Context) error {
	s := client.AIAnalyst
	return map[string]func(ctx context.Context) error{
		"Ping":               client.Ping,
		"ListEvents":         func(ctx context.Context) error { _, err := s.ListEvents(ctx, nil); return err },
		"ListGroups":         func(ctx context.Context) error { _, err := s.ListGroups(ctx, nil); return err },
		"GetStats":           func(ctx context.Context) error { _, err := s.GetStats(ctx, nil); return err },
		"ListInvestigations": func(ctx context.Context) error { _, err := s.ListInvestigations(ctx, nil); return err },
		"StartInvestigation": func(ctx context.Context) error {
			_, err := s.StartInvestigation(ctx, 7, time.Unix(1940000000, 0))
			return err
		},
		"Do": func(ctx context.Context) error {
			return client.Do(ctx, &darktrace.Request{Path: "/status"}, new(any))
		},
	}
}

func TestEveryMethodRefusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	for name, call := range methods(newClient(t, r)) {
		for _, id := range []string{"", " ", "\t\n", "a/b", "a?b", "../a", "a..b", "a,b", "a&b", "a#b", "a%2Fb", "a\r\nb", "a b", "é", "a\x00b", `a\b`, "a=b", "a+b"} {
			err := call(t.Context(), id)
			require.ErrorIs(t, err, darktrace.ErrArgument, "%s(%q)", name, id)
			require.Regexp(t, `^darktrace: invalid argument: (eventID|eventIDs|id|groupID|EventIDs|GroupIDs) (is empty|is ".*", which is not an id|contains a comma: "a,b"; pass each id as a separate argument)$`,
				err.Error(), "%s(%q)", name, id)
		}
		err := call(nil, id1)
		require.EqualError(t, err, "darktrace: invalid argument: ctx is nil", name)
	}
	for name, call := range withoutID(newClient(t, r)) {
		require.EqualError(t, call(nil), "darktrace: invalid argument: ctx is nil", name)
	}
	assert.Empty(t, r.all(), "something was sent")
}

// TestEveryMethodFails runs all methods through what can go wrong with any of
// them.
func TestEveryMethodFails(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := &recorder{respond: httpmock.NewErrorResponder(fmt.Errorf("wire cut"))}
	for name, call := range allMethods(newClient(t, broken)) {
		require.ErrorIs(t, call(cancelled), context.Canceled, name)
	}
	assert.Empty(t, broken.all(), "something was sent although the context had ended")

	for name, call := range allMethods(newClient(t, broken)) {
		err := call(t.Context())
		require.ErrorContains(t, err, "wire cut", name)
		assert.NotEmpty(t, kindsOf(err), name)
	}
	for name, call := range allMethods(newClient(t, responding(403, `{"error":"Forbidden"}`))) {
		require.ErrorIs(t, call(t.Context()), darktrace.ErrPermission, name)
	}
	for name, call := range allMethods(newClient(t, responding(200, `"surprise`))) {
		err := call(t.Context())
		require.Condition(t, func() bool { return len(kindsOf(err)) > 0 }, "%s: %v", name, err)
		require.ErrorIs(t, err, darktrace.ErrDecode, name)
	}
}

func allMethods(client *darktrace.Client) map[string]func(ctx context.Context) error {
	all := withoutID(client)
	for name, call := range methods(client) {
		all[name+" by id"] = func(ctx context.Context) error { return call(ctx, id1) }
	}
	return all
}

func TestListsRefuseBadOptions(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 7, 9, 6, 5, 4, 0, time.UTC)
	r := responding(200, "[]")
	client := newClient(t, r)
	list := func(opts darktrace.EventListOptions) error {
		_, err := client.AIAnalyst.ListEvents(t.Context(), &opts)
		return err
	}
	groups := func(opts darktrace.GroupListOptions) error {
		_, err := client.AIAnalyst.ListGroups(t.Context(), &opts)
		return err
	}
	nan := func() float64 { zero := 0.0; return zero / zero }()
	_, stats := client.AIAnalyst.GetStats(t.Context(), &darktrace.StatsOptions{Start: now, End: now.Add(-time.Second)})
	_, investigations := client.AIAnalyst.ListInvestigations(t.Context(), &darktrace.InvestigationListOptions{Start: now, End: now.Add(-time.Second)})
	_, noDevice := client.AIAnalyst.StartInvestigation(t.Context(), 0, now)
	_, noTime := client.AIAnalyst.StartInvestigation(t.Context(), 7, time.Time{})
	const order = "Start (2031-07-09T06:05:04Z) is after End (2031-07-09T06:05:03Z)"
	for _, test := range []struct {
		err  error
		want string
	}{
		{list(darktrace.EventListOptions{Start: now, End: now.Add(-time.Second)}), order},
		{groups(darktrace.GroupListOptions{Start: now, End: now.Add(-time.Second)}), order},
		{stats, order},
		{investigations, order},
		{list(darktrace.EventListOptions{Start: time.Unix(-1, 0).UTC()}), "Start is not between 1970 and 2261: 1969-12-31 23:59:59 +0000 UTC"},
		{list(darktrace.EventListOptions{End: time.Unix(-1, 0).UTC()}), "End is not between 1970 and 2261: 1969-12-31 23:59:59 +0000 UTC"},
		{list(darktrace.EventListOptions{MinScore: -1}), "MinScore is -1; scores go from 0 to 100"},
		{list(darktrace.EventListOptions{MaxScore: 100.5}), "MaxScore is 100.5; scores go from 0 to 100"},
		{list(darktrace.EventListOptions{MinGroupScore: nan}), "MinGroupScore is NaN; scores go from 0 to 100"},
		{list(darktrace.EventListOptions{MinGroupScore: 60, MaxGroupScore: 50}), "MinGroupScore (60) is above MaxGroupScore (50)"},
		{groups(darktrace.GroupListOptions{MinScore: 60, MaxScore: 50}), "MinScore (60) is above MaxScore (50)"},
		{list(darktrace.EventListOptions{Categories: []darktrace.Category{darktrace.CategoryInformational}}), "Categories contains informational, for which the appliance has no filter"},
		{groups(darktrace.GroupListOptions{Categories: []darktrace.Category{"urgent"}}), `Categories contains "urgent"; use compliance, suspicious or critical`},
		{list(darktrace.EventListOptions{Locale: "de&x=1"}), `Locale is "de&x=1", which is not a locale`},
		{noDevice, "deviceID is 0; ids of devices are positive"},
		{noTime, "at is zero or before 1970"},
		{client.AIAnalyst.PostComment(t.Context(), id1, " \n"), "message is empty"},
		{client.AIAnalyst.PostComment(t.Context(), id1, "\xff"), "message is not valid UTF-8"},
		{client.AIAnalyst.Acknowledge(t.Context()), "eventIDs contains no id"},
	} {
		require.ErrorIs(t, test.err, darktrace.ErrArgument, test.want)
		assert.EqualError(t, test.err, "darktrace: invalid argument: "+test.want)
	}
	assert.Empty(t, r.all(), "something was sent")
}

func TestByIDsEndsWithTheFirstFailure(t *testing.T) {
	t.Parallel()
	for want, failure := range map[error]httpmock.Responder{
		darktrace.ErrServer: httpmock.NewStringResponder(503, ""),
		darktrace.ErrDecode: httpmock.NewStringResponder(200, `{"message":"the service is starting"}`), // It is no event.
	} {
		found := byIDs("uuid", false, map[string]string{id1: `{"id":"` + id1 + `"}`})
		r := &recorder{}
		r.respond = func(req *http.Request) (*http.Response, error) {
			if req.URL.Query().Get("uuid") == id2 {
				return failure(req)
			}
			return found.respond(req)
		}
		client := newClient(t, r)
		events, err := client.AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{EventIDs: []string{id1, id2, id3}})
		require.ErrorIs(t, err, want)
		assert.Equal(t, []string{id1}, idsOf(events))
		assert.Len(t, r.all(), 3, "id3 was asked for after the failure")
	}
}

func TestListInvestigationsFails(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, responding(503, "")).AIAnalyst.ListInvestigations(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrServer)
}

func TestGetInvestigationPicksTheOneThatWasAskedFor(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, `[{"investigationId":"inv-1"},{"investigationId":"inv-2","status":"pending"}]`))
	investigation, err := client.AIAnalyst.GetInvestigation(t.Context(), "inv-2")
	require.NoError(t, err)
	assert.Equal(t, darktrace.InvestigationPending, investigation.Status)
}

func TestCancelledBetweenEventsThatHaveArrived(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	events := 0
	for _, err := range newClient(t, responding(200, `[{"id":"1"},{"id":"2"}]`)).AIAnalyst.Events(ctx, nil) {
		if last = err; err == nil {
			events++
		}
		cancel()
	}
	assert.Equal(t, 1, events)
	require.ErrorIs(t, last, context.Canceled)
	assert.NotEmpty(t, kindsOf(last))
}

// TestTheTablesAreComplete fails when a method is added that the tests above do
// not run.
func TestTheTablesAreComplete(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, "[]"))
	tested := map[string]bool{
		"Events": true, "Groups": true, // ListEvents and ListGroups run them.
		"Poll": true, "Watch": true, "Deliver": true, "PollIncidents": true, "WatchIncidents": true, // They take no id; see poll_test.go.
	}
	for name := range methods(client) {
		tested[name] = true
	}
	for name := range withoutID(client) {
		tested[name] = true
	}
	service := reflect.TypeFor[*darktrace.AIAnalystService]()
	for i := range service.NumMethod() {
		assert.True(t, tested[service.Method(i).Name], service.Method(i).Name)
	}
}
