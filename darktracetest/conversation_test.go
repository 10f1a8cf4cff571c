package darktracetest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestClientReachesTheServer(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]darktracetest.Option{
		"https":    nil,
		"http":     {darktracetest.WithHTTP()},
		"http2":    {darktracetest.WithHTTP2()},
		"prefix":   {darktracetest.WithPathPrefix("/a/b")},
		"stripped": {darktracetest.WithStrippedPathPrefix("/a/b")},
		"memory":   {darktracetest.InMemory()},
		"past":     {darktracetest.WithClock(func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := darktracetest.NewServer(append(opts, darktracetest.WithTB(t))...)
			require.NoError(t, srv.Client().Ping(t.Context()))
			require.Len(t, srv.Requests(), 1)
		})
	}
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	assert.Panics(t, func() { darktracetest.NewServer(darktracetest.WithAddr(srv.URL)) })
	plain := darktracetest.NewServer()
	defer plain.Close()
	assert.Panics(t, func() { plain.Client(darktrace.WithUserAgent("")) })
	bad := darktracetest.NewServer(darktracetest.WithTokens("", ""))
	defer bad.Close()
	assert.Panics(t, func() { bad.Client() })
}

// fixture adds three events to a server: a and b belong to one incident, and m is
// an e-mail event with its own incident.
func fixture(srv *darktracetest.Server) {
	now := darktrace.Millis(srv.Now().Add(-time.Hour).UnixMilli())
	device := []darktrace.EventDevice{{Identifier: "pc.example.com", DID: 7, SID: 3, IP: "192.0.2.7"}}
	srv.AddEvents(
		&darktrace.IncidentEvent{
			ID: "a", Title: "A", CreatedAt: now, CurrentGroup: "ga", GroupScore: 80, AIAScore: 70, BreachDevices: device,
			Category: darktrace.CategoryCritical, MITRETactics: []darktrace.Tactic{darktrace.TacticImpact},
			Periods: []darktrace.Period{{Start: now - 2000, End: now - 1000}},
		},
		&darktrace.IncidentEvent{
			ID: "b", Title: "B", CreatedAt: now, CurrentGroup: "ga", GroupScore: 80, AIAScore: 60, BreachDevices: device,
			Category: darktrace.CategorySuspicious, GroupCategory: darktrace.CategoryCritical,
			Periods: []darktrace.Period{{Start: now - 4000, End: now - 3000}},
		},
		&darktrace.IncidentEvent{ID: "m", Title: "M", CreatedAt: now, AIAScore: 20, Sender: "x@example.org", Category: darktrace.CategoryCompliance},
	)
}

// TestConversation is what a program does all day, on every version and
// transport. WithTB fails it when any request is refused.
func TestConversation(t *testing.T) {
	t.Parallel()
	for profile := darktracetest.V60; profile <= darktracetest.V71; profile++ {
		for name, opts := range map[string][]darktracetest.Option{
			"https":  {darktracetest.WithPathPrefix("/x")},
			"http2":  {darktracetest.WithHTTP2(), darktracetest.WithGzip()},
			"memory": {darktracetest.InMemory()},
		} {
			t.Run(profile.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				srv := darktracetest.NewServer(append(opts, darktracetest.WithProfile(profile), darktracetest.WithTB(t))...)
				fixture(srv)
				converse(t, srv, profile)
				for _, r := range srv.Requests() {
					assert.Empty(t, r.Ignored, "every parameter has an effect: %s", r)
				}
			})
		}
	}
}

func converse(t *testing.T, srv *darktracetest.Server, profile darktracetest.Profile) {
	t.Helper()
	ctx, c := t.Context(), srv.Client(darktrace.WithLocale(darktrace.LocaleGerman))
	aia := c.AIAnalyst
	require.NoError(t, c.Ping(ctx))

	events, err := aia.ListEvents(ctx, &darktrace.EventListOptions{
		Start: srv.Now().Add(-day), End: srv.Now(), IncludeAcknowledged: true, ExcludePinned: true, IncludeURL: true,
		Categories: []darktrace.Category{darktrace.CategoryCritical, darktrace.CategorySuspicious},
		MinScore:   50, MaxScore: 100, MinGroupScore: 50, MaxGroupScore: 100, DeviceID: 7, ExcludeDeviceID: 8, SubnetID: 3, ExcludeSubnetID: 4,
	})
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, c.EventURL(events[0]), events[0].URL)
	assert.Equal(t, darktrace.Score(80), events[0].GroupScore)
	events, err = aia.ListEvents(ctx, &darktrace.EventListOptions{EventIDs: []string{"a", "none", "m"}})
	require.NoError(t, err)
	assert.Len(t, events, 2)
	events, err = aia.ListEvents(ctx, &darktrace.EventListOptions{GroupIDs: []string{"ga"}, OnlyPinned: true, SaaSOnly: true})
	require.NoError(t, err)
	assert.Len(t, events, 2)

	group, err := aia.GetGroup(ctx, "b")
	require.NoError(t, err)
	assert.Equal(t, "ga", group.ID)
	groups, err := aia.ListGroups(ctx, &darktrace.GroupListOptions{
		Start: srv.Now().Add(-day), MinScore: 50, Categories: []darktrace.Category{darktrace.CategoryCritical}, IncludeURL: true, ExcludePinned: true,
	})
	require.NoError(t, err)
	require.Len(t, groups, 1)
	assert.Equal(t, c.GroupURL("ga"), groups[0].URL)
	assert.Equal(t, profile >= darktracetest.V61, groups[0].Events[0].Acknowledged != nil)

	require.NoError(t, aia.AcknowledgeGroup(ctx, "ga"))
	assert.True(t, srv.Event("a").Acknowledged && srv.Event("b").Acknowledged)
	require.NoError(t, aia.Unacknowledge(ctx, "a", "b"))
	require.NoError(t, aia.AcknowledgeVerified(ctx, "m"))
	assert.False(t, srv.Event("a").Acknowledged || srv.Event("b").Acknowledged || !srv.Event("m").Acknowledged)
	event, err := aia.GetEvent(ctx, "m")
	require.NoError(t, err)
	assert.True(t, event.Acknowledged)

	require.NoError(t, aia.PostComment(ctx, "a", "plain"))
	comment, err := aia.PostCommentVerified(ctx, "a", "Grüße & <b>\"日本\"</b> + 100 %")
	comments, listErr := aia.ListComments(ctx, "a")
	require.NoError(t, listErr)
	if profile == darktracetest.V70 {
		assert.ErrorIs(t, err, darktrace.ErrNotStored)
		assert.Empty(t, comments)
	} else {
		require.NoError(t, err)
		assert.Equal(t, "Grüße & <b>\"日本\"</b> + 100 %", comment.Message)
		assert.Len(t, comments, 2)
	}

	stats, err := aia.GetStats(ctx, &darktrace.StatsOptions{Start: srv.Now().Add(-day)})
	require.NoError(t, err)
	assert.EqualValues(t, 3, stats.PositiveInvestigations)

	if profile < darktracetest.V61 {
		return
	}
	require.NoError(t, aia.Pin(ctx, "a", "b"))
	assert.True(t, srv.Event("a").Pinned)
	require.NoError(t, aia.Unpin(ctx, "a"))
	assert.False(t, srv.Event("a").Pinned)
	id, err := aia.StartInvestigation(ctx, 7, srv.Now().Add(-time.Hour))
	require.NoError(t, err)
	all, err := aia.ListInvestigations(ctx, &darktrace.InvestigationListOptions{Start: srv.Now().Add(-day)})
	require.NoError(t, err)
	require.Len(t, all, 1)
	investigation, err := aia.GetInvestigation(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, id, investigation.ID)
}

func TestOldestAppliance(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithProfile(darktracetest.V52))
	defer srv.Close()
	fixture(srv)
	ctx, aia := t.Context(), srv.Client().AIAnalyst
	group, err := aia.GetGroup(ctx, "a")
	require.NoError(t, err)
	assert.Nil(t, group.MITRETactics)
	assert.Nil(t, group.Events[0].Acknowledged)
	require.NoError(t, aia.Acknowledge(ctx, "a"))
	_, err = aia.ListComments(ctx, "a")
	require.NoError(t, err)
	_, statsErr := aia.GetStats(ctx, nil)
	_, startErr := aia.StartInvestigation(ctx, 7, srv.Now())
	_, listErr := aia.ListInvestigations(ctx, nil)
	for _, err := range []error{aia.PostComment(ctx, "a", "x"), aia.Pin(ctx, "a"), statsErr, startErr, listErr} {
		assert.ErrorIs(t, err, darktrace.ErrEndpoint)
	}
	assert.Len(t, srv.Unexpected(), 5)
}

func TestUnifiedViewConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithUnifiedView(1, 2), darktracetest.WithoutEventLists())
	defer srv.Close()
	fixture(srv)
	srv.SetMaster("m", 2)
	ctx, aia := t.Context(), srv.Client().AIAnalyst
	require.NoError(t, aia.Acknowledge(ctx, "m"))
	require.NoError(t, aia.PostComment(ctx, "m", "x"))
	assert.ErrorIs(t, aia.Acknowledge(ctx, "none"), darktrace.ErrRejected)
	events, err := aia.ListEvents(ctx, &darktrace.EventListOptions{Master: 2, IncludeAcknowledged: true})
	require.NoError(t, err)
	require.Len(t, events, 1)
	events, err = aia.ListEvents(ctx, &darktrace.EventListOptions{EventIDs: []string{"a", "m"}})
	require.NoError(t, err)
	assert.Len(t, events, 2)
}

func TestMergedIncidentsAreFollowed(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	fixture(srv)
	srv.Merge("gm", "ga")
	group, err := srv.Client().AIAnalyst.GetGroup(t.Context(), "gm")
	require.NoError(t, err)
	assert.Equal(t, "ga", group.ID)
	assert.Equal(t, []string{"gm"}, group.PreviousIDs)
}

// method is one call of the SDK against the fixture.
type method struct {
	name  string
	write bool
	call  func(context.Context, *darktrace.AIAnalystService) error
}

func methods() []method {
	second := func(_ any, err error) error { return err }
	at := time.Unix(1_700_000_000, 0)
	type service = *darktrace.AIAnalystService
	return []method{
		{"GetEvent", false, func(ctx context.Context, s service) error { return second(s.GetEvent(ctx, "a")) }},
		{"ListEvents", false, func(ctx context.Context, s service) error { return second(s.ListEvents(ctx, nil)) }},
		{"GetGroup", false, func(ctx context.Context, s service) error { return second(s.GetGroup(ctx, "ga")) }},
		{"ListGroups", false, func(ctx context.Context, s service) error { return second(s.ListGroups(ctx, nil)) }},
		{"ListComments", false, func(ctx context.Context, s service) error { return second(s.ListComments(ctx, "a")) }},
		{"GetStats", false, func(ctx context.Context, s service) error { return second(s.GetStats(ctx, nil)) }},
		{"ListInvestigations", false, func(ctx context.Context, s service) error { return second(s.ListInvestigations(ctx, nil)) }},
		{"Acknowledge", true, func(ctx context.Context, s service) error { return s.Acknowledge(ctx, "a", "b") }},
		{"Unacknowledge", true, func(ctx context.Context, s service) error { return s.Unacknowledge(ctx, "a") }},
		{"Pin", true, func(ctx context.Context, s service) error { return s.Pin(ctx, "a") }},
		{"Unpin", true, func(ctx context.Context, s service) error { return s.Unpin(ctx, "a") }},
		{"PostComment", true, func(ctx context.Context, s service) error { return s.PostComment(ctx, "a", "x") }},
		{"StartInvestigation", true, func(ctx context.Context, s service) error { return second(s.StartInvestigation(ctx, 7, at)) }},
	}
}

func TestEveryMethodUnderEveryFault(t *testing.T) {
	t.Parallel()
	nothing := error(nil)
	for name, tt := range map[string]struct {
		fault       darktracetest.Fault
		read, write error
		carriedOut  bool
	}{
		"429":               {darktracetest.TooManyRequests(2 * time.Second), darktrace.ErrRateLimited, darktrace.ErrRateLimited, false},
		"500":               {darktracetest.Fault{Status: 500}, darktrace.ErrServer, darktrace.ErrOutcomeUnknown, false},
		"503":               {darktracetest.Fault{Status: 503}, darktrace.ErrServer, darktrace.ErrOutcomeUnknown, false},
		"502":               {darktracetest.BadGateway(), darktrace.ErrServer, darktrace.ErrOutcomeUnknown, true},
		"cut unread":        {darktracetest.Fault{Cut: darktracetest.CutBeforeRead}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, false},
		"cut":               {darktracetest.Fault{Cut: darktracetest.CutBeforeResponse}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, false},
		"cut when done":     {darktracetest.Fault{Cut: darktracetest.CutBeforeResponse, CarryOut: true}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, true},
		"cut in body":       {darktracetest.Fault{Cut: darktracetest.CutInBody}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, true},
		"cut after body":    {darktracetest.Fault{Cut: darktracetest.CutAfterBody}, nothing, nothing, true},
		"late":              {darktracetest.Fault{Delay: time.Hour}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, true},
		"slow":              {darktracetest.Fault{Drip: time.Hour, DripSize: 1}, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown, true},
		"login page":        {darktracetest.LoginPage(), darktrace.ErrLogin, darktrace.ErrLogin, false},
		"elsewhere":         {darktracetest.Fault{Status: 302, Header: http.Header{"Location": {"https://login.example.com/"}}}, darktrace.ErrLogin, darktrace.ErrLogin, false},
		"forbidden":         {darktracetest.Fault{Status: 403, Body: `{"error":"Forbidden"}`}, darktrace.ErrPermission, darktrace.ErrPermission, false},
		"proxy's bad input": {darktracetest.Fault{Status: 400, ContentType: "text/html", Body: "<html></html>"}, darktrace.ErrInput, darktrace.ErrInput, false},
		"rejected":          {darktracetest.Fault{Body: `{"aianalyst":"ERROR"}`}, darktrace.ErrRejected, darktrace.ErrRejected, false},
		"truncated":         {darktracetest.Fault{Truncate: true}, darktrace.ErrDecode, nil, true},
		"invalid":           {darktracetest.Fault{Body: `[{"id":}]`}, darktrace.ErrDecode, nil, false},
		"gzip":              {darktracetest.Fault{Gzip: true}, nothing, nothing, true},
		"clock ahead":       {darktracetest.Fault{ClockOffset: 2 * time.Hour}, nothing, nothing, true},
		"clock behind":      {darktracetest.Fault{ClockOffset: -5 * time.Hour}, nothing, nothing, true},
	} {
		for _, m := range methods() {
			t.Run(name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
					fixture(srv)
					client := srv.Client()
					defer client.CloseIdleConnections()
					srv.Inject(tt.fault)
					err := m.call(t.Context(), client.AIAnalyst)
					want := tt.read
					if m.write {
						want = tt.write
					}
					switch {
					case want != nil:
						require.ErrorIs(t, err, want)
					case name != "truncated" && name != "invalid":
						require.NoError(t, err)
					default: // A write with a response that can't be read is not a success.
						require.Error(t, err)
					}
					if m.write {
						assert.Equal(t, tt.carriedOut, carriedOut(t, srv, tt.fault.ClockOffset != 0))
					}
				})
			})
		}
	}
}

// carriedOut reports whether the write was carried out. It checks that the write
// was sent once, or twice if the first was rejected for its date.
func carriedOut(t *testing.T, srv *darktracetest.Server, refusedOnce bool) bool {
	t.Helper()
	requests := srv.Requests()
	if refusedOnce {
		require.Len(t, requests, 2)
		assert.Equal(t, darktracetest.BadDate, requests[0].Verdict)
		assert.False(t, requests[0].CarriedOut)
		return requests[1].CarriedOut
	}
	require.Len(t, requests, 1)
	return requests[0].CarriedOut
}

func TestReadsSurviveWhatPasses(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]darktracetest.Fault{
		"429": darktracetest.TooManyRequests(2 * time.Second), "502": {Status: 502}, "503": {Status: 503}, "504": {Status: 504},
		"cut": {Cut: darktracetest.CutBeforeResponse}, "cut unread": {Cut: darktracetest.CutBeforeRead},
	} {
		for _, m := range methods() {
			if m.write {
				continue
			}
			t.Run(name+" "+m.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
					fixture(srv)
					client := srv.Client()
					defer client.CloseIdleConnections()
					srv.Inject(f.Next(2))
					began := time.Now()
					require.NoError(t, m.call(t.Context(), client.AIAnalyst))
					assert.Len(t, srv.Requests(), 3)
					if name == "429" {
						assert.GreaterOrEqual(t, time.Since(began), 4*time.Second)
					}
				})
			})
		}
	}
}

func TestEndlessResponsesAreCapped(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.InMemory())
	defer srv.Close()
	client := srv.Client(darktrace.WithMaxResponseSize(1 << 20))
	for _, m := range methods() {
		remove := srv.Inject(darktracetest.Fault{Endless: true})
		err := m.call(t.Context(), client.AIAnalyst)
		assert.Error(t, err, m.name)
		if !m.write {
			assert.ErrorIs(t, err, darktrace.ErrTooLarge, m.name)
		}
		remove()
	}
}

func TestPermissionsOfTheToken(t *testing.T) {
	t.Parallel()
	for _, profile := range []darktracetest.Profile{darktracetest.V61, darktracetest.V71} {
		srv := darktracetest.NewServer(darktracetest.WithProfile(profile))
		defer srv.Close()
		fixture(srv)
		srv.SetPermissions(srv.PublicToken)
		for _, m := range methods() {
			assert.ErrorIs(t, m.call(t.Context(), srv.Client().AIAnalyst), darktrace.ErrPermission, "%s: %s", profile, m.name)
		}
		srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
		e, err := srv.Client().AIAnalyst.GetEvent(t.Context(), "a")
		require.NoError(t, err)
		assert.Regexp(t, `^192\.0\.2\.#\d{5}$`, e.BreachDevices[0].IP)
	}
}
