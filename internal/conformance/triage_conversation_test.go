package conformance_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// incident returns a fake appliance, a client, and an event that has alerts, a
// device that is not an account, and an external host.
func incident(t *testing.T, opts ...darktracetest.Option) (*darktracetest.Server, *darktrace.Client, *darktrace.IncidentEvent) {
	t.Helper()
	srv := darktracetest.NewServer(append([]darktracetest.Option{darktracetest.InMemory()}, opts...)...)
	t.Cleanup(srv.Close)
	events := darktracetest.Incidents(7, 20)
	srv.AddEvents(events...)
	i := slices.IndexFunc(events, func(e *darktrace.IncidentEvent) bool { return e.Summariser == "HttpAgentSummary" })
	require.GreaterOrEqual(t, i, 0)
	return srv, srv.Client(), events[i]
}

func TestEveryAlertOfAnEventCanBeRead(t *testing.T) {
	t.Parallel()
	_, client, event := incident(t)
	require.NotEmpty(t, event.RelatedBreaches)
	for _, related := range event.RelatedBreaches {
		breach, err := client.ModelBreaches.Get(t.Context(), related.PBID)
		require.NoError(t, err)
		assert.Equal(t, related.PBID, breach.PBID)
		assert.Equal(t, related.Timestamp, breach.Time)
		assert.Equal(t, event.BreachDevices[0].DID, breach.Device.DID)
		assert.NotEmpty(t, breach.Model.Name())
		assert.Empty(t, breach.Extra)
		assert.Empty(t, breach.Skipped)

		log, err := all(client.ModelBreaches.EventLog(t.Context(), related.PBID))
		require.NoError(t, err)
		require.NotNil(t, log[0].PolicyBreach, "the first entry is the alert")
		assert.Equal(t, related.PBID, log[0].PolicyBreach.PBID)
		assert.NotNil(t, log[1].Connection)
	}
	_, err := client.ModelBreaches.Get(t.Context(), 1)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}

func TestAlertsAreFiltered(t *testing.T) {
	t.Parallel()
	_, client, event := incident(t)
	pbid, did := event.RelatedBreaches[0].PBID, event.BreachDevices[0].DID
	list := func(o darktrace.BreachListOptions) []*darktrace.ModelBreach {
		breaches, err := client.ModelBreaches.List(t.Context(), &o)
		require.NoError(t, err)
		return breaches
	}
	for _, breach := range list(darktrace.BreachListOptions{DID: did}) {
		assert.Equal(t, did, breach.Device.DID)
		assert.Nil(t, breach.Acknowledged, "it was not requested")
	}
	for _, breach := range list(darktrace.BreachListOptions{MinScore: 0.7}) {
		assert.GreaterOrEqual(t, float64(breach.Score), 0.7)
	}
	at := event.RelatedBreaches[0].Timestamp.Time()
	holds := func(breaches []*darktrace.ModelBreach) bool {
		return slices.ContainsFunc(breaches, func(b *darktrace.ModelBreach) bool { return b.PBID == pbid })
	}
	assert.True(t, holds(list(darktrace.BreachListOptions{Start: at, End: at})))
	assert.False(t, holds(list(darktrace.BreachListOptions{Start: at, End: at, CreationTime: true})), "it was made later")
	one := list(darktrace.BreachListOptions{PBID: pbid, HistoricModelOnly: true, DeviceInComponents: true, IncludeAcknowledged: true})[0]
	assert.Nil(t, one.Device)
	assert.Equal(t, did, one.TriggeredComponents[0].Device.DID)
	assert.Nil(t, one.Model.Now)
	assert.NotEmpty(t, one.Model.Then.Name)
	assert.False(t, *one.Acknowledged)
	minimal := list(darktrace.BreachListOptions{PBID: pbid, Minimal: true})[0]
	assert.Empty(t, minimal.Model.Then.Description)
	assert.Len(t, minimal.TriggeredComponents, 1)
}

func TestAlertsAreAcknowledgedAndCommentedOn(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]darktracetest.Option{nil, {darktracetest.WithProfile(darktracetest.V61)}, {darktracetest.WithUnifiedView(1, 2)}} {
		srv, client, event := incident(t, opts...)
		s, pbid := client.ModelBreaches, event.RelatedBreaches[0].PBID
		require.NoError(t, s.AcknowledgeVerified(t.Context(), pbid))
		breach, err := s.Get(t.Context(), pbid)
		require.NoError(t, err)
		assert.True(t, *breach.Acknowledged)
		open, err := s.List(t.Context(), nil)
		require.NoError(t, err)
		assert.False(t, slices.ContainsFunc(open, func(b *darktrace.ModelBreach) bool { return b.PBID == pbid }), "hidden once acknowledged")
		require.NoError(t, s.Unacknowledge(t.Context(), pbid))

		comment, err := s.PostCommentVerified(t.Context(), pbid, "Beaconing – ticket 7")
		require.NoError(t, err)
		assert.Equal(t, "Beaconing – ticket 7", comment.Message)
		again, err := s.PostCommentOnce(t.Context(), pbid, "Beaconing  –\r\nticket 7")
		require.NoError(t, err)
		assert.Equal(t, comment, again)
		breach, err = s.Get(t.Context(), pbid)
		require.NoError(t, err)
		assert.EqualValues(t, 1, breach.CommentCount)
		assert.False(t, *breach.Acknowledged)
		second, err := s.PostCommentOnce(t.Context(), pbid, "Beaconing – ticket 8")
		require.NoError(t, err)
		assert.Equal(t, "Beaconing – ticket 8", second.Message)
		comments, err := s.ListComments(t.Context(), pbid)
		require.NoError(t, err)
		assert.Len(t, comments, 2)

		srv.Inject(darktracetest.BadGateway().On(http.MethodPost, breachAck(pbid)).Next(1))
		require.ErrorIs(t, s.Acknowledge(t.Context(), pbid), darktrace.ErrOutcomeUnknown)
		err = s.AcknowledgeVerified(t.Context(), 1, pbid)
		var batch *darktrace.BatchError
		require.ErrorAs(t, err, &batch)
		require.ErrorIs(t, batch.Failed["1"], darktrace.ErrNotFound)
		assert.Len(t, batch.Done, 1)
	}
}

func breachAck(pbid int64) string {
	return "/modelbreaches/" + strconv.FormatInt(pbid, 10) + "/acknowledge"
}

func TestDevicesOfAnEventCanBeRead(t *testing.T) {
	t.Parallel()
	_, client, event := incident(t)
	named := event.BreachDevices[0]
	device, err := client.Devices.Get(t.Context(), named.DID)
	require.NoError(t, err)
	assert.Equal(t, named.Hostname, device.Hostname)
	first, last := device.Seen()
	assert.Less(t, first, last)
	byIP, err := client.Devices.FindByIP(t.Context(), device.IP)
	require.NoError(t, err)
	assert.Equal(t, device, byIP)
	_, err = client.Devices.Get(t.Context(), 999999)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	_, err = client.Devices.FindByMAC(t.Context(), "00:00:5e:00:53:ff")
	require.ErrorIs(t, err, darktrace.ErrNotFound)

	page, err := client.Devices.Search(t.Context(), &darktrace.DeviceSearchOptions{
		Query: darktrace.DeviceQuery{Hostname: []string{named.Hostname, "nothing*"}}, OrderBy: "hostname",
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, page.TotalCount)
	assert.Equal(t, named.DID, page.Devices[0].DID)
	everything, err := client.Devices.List(t.Context(), nil)
	require.NoError(t, err)
	searched, err := all(client.Devices.SearchAll(t.Context(), &darktrace.DeviceSearchOptions{Count: 4}))
	require.NoError(t, err)
	assert.Len(t, searched, len(everything))

	summary, err := client.Devices.Summary(t.Context(), named.DID)
	require.NoError(t, err)
	assert.Equal(t, named.DID, summary.Device.DID)
	assert.NotEmpty(t, summary.ModelBreaches)
	assert.NotEmpty(t, summary.EventLog)
	assert.NotEmpty(t, summary.Connections.DeviceInfo)
	empty, err := client.Devices.Summary(t.Context(), 999999)
	require.NoError(t, err)
	assert.Nil(t, empty.Device)
	assert.Nil(t, empty.Connections)
	assert.Empty(t, empty.SimilarDevices)
	assert.Empty(t, empty.Extra)
}

func TestEventLogOfADevice(t *testing.T) {
	t.Parallel()
	_, client, event := incident(t)
	did := event.BreachDevices[0].DID
	connections, err := client.EventLog.List(t.Context(), &darktrace.EventLogOptions{DID: did})
	require.NoError(t, err)
	require.NotEmpty(t, connections)
	for _, entry := range connections {
		assert.Equal(t, did, entry.Connection.SourceDID)
		assert.Equal(t, did, entry.Connection.SourceDevice.Device.DID)
		assert.Equal(t, "cdn.example.net", entry.Connection.DestinationDevice.External.Hostname)
	}
	alerts, err := client.EventLog.List(t.Context(), &darktrace.EventLogOptions{DID: did, EventType: darktrace.LogTypeModelBreach, Start: event.CreatedAt.Time().AddDate(0, 0, -30)})
	require.NoError(t, err)
	require.NotEmpty(t, alerts)
	assert.NotNil(t, alerts[0].PolicyBreach)
	for kind, holds := range map[string]func(*darktrace.LogEntry) bool{
		darktrace.LogTypeNotice:        func(e *darktrace.LogEntry) bool { return e.Notice != nil },
		darktrace.LogTypeDeviceHistory: func(e *darktrace.LogEntry) bool { return e.DeviceHistory != nil },
	} {
		entries, err := client.EventLog.List(t.Context(), &darktrace.EventLogOptions{DID: 101, EventType: kind})
		require.NoError(t, err)
		require.NotEmpty(t, entries, kind)
		assert.True(t, holds(entries[0]), kind)
		assert.NotZero(t, entries[0].Time())
	}
}

func TestEndpointsAreLookedUp(t *testing.T) {
	t.Parallel()
	_, client, _ := incident(t)
	known, err := client.Endpoints.Get(t.Context(), "cdn.example.net", &darktrace.EndpointOptions{AdditionalInfo: true, Score: true})
	require.NoError(t, err)
	assert.NotEmpty(t, known.IPs)
	assert.NotZero(t, known.DGAScore)
	assert.Empty(t, known.Devices)
	never, err := client.Endpoints.Get(t.Context(), "other.example", nil)
	require.NoError(t, err)
	assert.Zero(t, never.FirstTime)
}

func TestRespondActionsGoThroughTheirStates(t *testing.T) {
	t.Parallel()
	srv, client, event := incident(t)
	s := client.Antigena
	actions, err := s.ListActions(t.Context(), &darktrace.AntigenaListOptions{PBID: event.RelatedBreaches[0].PBID})
	require.NoError(t, err)
	require.Len(t, actions, 1)
	id := actions[0].CodeID
	assert.Equal(t, darktrace.AntigenaPending, actions[0].State(srv.Now()))
	before, err := s.Summary(t.Context(), nil)
	require.NoError(t, err)
	assert.Positive(t, before.PendingCount)
	assert.Contains(t, before.PendingActionDevices, event.BreachDevices[0].DID)

	action, err := s.ActivateVerified(t.Context(), id, 10*time.Minute, "confirmed")
	require.NoError(t, err)
	assert.Equal(t, darktrace.AntigenaActive, action.State(srv.Now()))
	action, err = s.ExtendVerified(t.Context(), id, time.Minute, "a total, so that this cuts it")
	require.NoError(t, err)
	assert.WithinDuration(t, srv.Now().Add(time.Minute), action.Expires.Time(), 10*time.Second)
	_, err = s.ClearVerified(t.Context(), id, "false positive")
	require.NoError(t, err)
	require.ErrorIs(t, s.Extend(t.Context(), id, time.Hour, "it is cleared"), darktrace.ErrInput)
	srv.Inject(darktracetest.Fault{Method: http.MethodPost, Path: "/antigena", Status: http.StatusBadGateway, CarryOut: true, Times: 1})
	action, err = s.ReactivateVerified(t.Context(), id, time.Hour, "after all")
	require.NoError(t, err, "a gateway's 502 is settled by reading")
	assert.Equal(t, darktrace.AntigenaActive, action.State(srv.Now()))

	full, err := s.ListActionsWithDevices(t.Context(), &darktrace.AntigenaListOptions{DID: action.DID, IncludeHistory: true})
	require.NoError(t, err)
	i := slices.IndexFunc(full.Actions, func(a *darktrace.AntigenaAction) bool { return a.CodeID == id })
	var words []string
	for _, change := range full.Actions[i].History {
		words = append(words, change.Action)
	}
	assert.Equal(t, []string{"created (requires confirmation)", "activated", "extended", "cleared", "reactivated (cleared)"}, words)
	assert.NotEmpty(t, full.Devices)
	_, err = s.ClearVerified(t.Context(), 1, "no such action")
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}

func TestTagsComeAndGo(t *testing.T) {
	t.Parallel()
	srv, client, event := incident(t)
	s, did := client.Tags, event.BreachDevices[0].DID
	has := func(name string) bool {
		tags, err := s.OfDevice(t.Context(), did)
		require.NoError(t, err)
		return slices.ContainsFunc(tags, func(tag *darktrace.Tag) bool { return tag.Name == name })
	}
	require.NoError(t, s.AddToDevice(t.Context(), did, "Active Threat", time.Hour))
	require.NoError(t, s.AddToDevice(t.Context(), did, "Active Threat", 0))
	assert.True(t, has("Active Threat"))
	entities, err := s.Entities(t.Context(), "Active Threat")
	require.NoError(t, err)
	assert.True(t, slices.ContainsFunc(entities, func(e *darktrace.TagEntity) bool { return e.Value == strconv.FormatInt(did, 10) && e.Type == "Device" }))
	srv.Inject(darktracetest.Fault{Method: http.MethodDelete, Status: http.StatusBadGateway, CarryOut: true, Times: 1})
	require.NoError(t, s.RemoveFromDevice(t.Context(), did, "Active Threat"), "carried out although the gateway reports an error")
	assert.False(t, has("Active Threat"))
	require.ErrorIs(t, s.AddToDevice(t.Context(), did, "no such tag", 0), darktrace.ErrInput)
	_, err = s.Entities(t.Context(), "no such tag")
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}

func TestEnrichReadsWhatAnEventLeadsTo(t *testing.T) {
	t.Parallel()
	_, client, event := incident(t)
	around, err := client.Enrich(t.Context(), event, nil)
	require.NoError(t, err)
	assert.Empty(t, around.Missing)
	assert.Len(t, around.Breaches, len(event.RelatedBreaches))
	assert.Equal(t, event.RelatedBreaches[0].PBID, around.Breaches[0].PBID)
	assert.Equal(t, event.BreachDevices[0].DID, around.Devices[0].DID)
	assert.NotEmpty(t, around.Actions)
	assert.NotEmpty(t, around.Endpoints)
	assert.NotEmpty(t, around.Connections[event.RelatedBreaches[0].PBID])
	for _, group := range around.Incidents {
		assert.NotContains(t, event.GroupIDs(), group.ID)
	}
}

func TestEnrichNamesWhatItLacks(t *testing.T) {
	t.Parallel()
	srv, client, event := incident(t)
	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	around, err := client.Enrich(t.Context(), event, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, around.Breaches)
	assert.NotEmpty(t, around.Devices)
	var lacking []darktrace.ContextPart
	for _, missing := range around.Missing {
		lacking = append(lacking, missing.Part)
		require.ErrorIs(t, missing.Err, darktrace.ErrPermission)
		assert.NotEmpty(t, missing.IDs)
	}
	assert.Equal(t, []darktrace.ContextPart{darktrace.PartConnections, darktrace.PartEndpoints}, lacking)

	bounded, err := client.Enrich(t.Context(), event, &darktrace.EnrichOptions{Breaches: 1, Connections: -1, Endpoints: -1})
	require.NoError(t, err)
	assert.Len(t, bounded.Breaches, 1)
	assert.Empty(t, bounded.Missing)
	assert.Equal(t, len(event.RelatedBreaches)-1, bounded.LeftOut[darktrace.PartBreaches])
}

func TestEnrichEndsWithItsContext(t *testing.T) {
	t.Parallel()
	srv, client, event := incident(t)
	ctx, cancel := context.WithCancel(t.Context())
	srv.Inject(darktracetest.Fault{Delay: time.Hour})
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := client.Enrich(ctx, event, nil)
	require.ErrorIs(t, err, context.Canceled)
}
