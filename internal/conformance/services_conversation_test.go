package conformance_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// These tests use the fake appliance, which was written from knowledge of the API
// and not from the SDK.

func TestWatchedDomainsConversation(t *testing.T) {
	t.Parallel()
	s := darktracetest.NewServer(darktracetest.WithTB(t)).Client().WatchedDomains
	ctx := t.Context()
	before, err := s.List(ctx, nil)
	require.NoError(t, err)
	require.NotEmpty(t, before)

	intel := &darktrace.WatchedDomainAddOptions{Source: "Intel Feed", Description: "Phishing", Expires: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	result, err := s.Add(ctx, []string{"one.example.com", "two.example.com"}, intel)
	require.NoError(t, err)
	assert.Equal(t, int64(2), result.Added)
	result, err = s.Add(ctx, []string{"two.example.com"}, intel)
	require.NoError(t, err)
	assert.Equal(t, int64(1), result.Updated)
	sources, err := s.Sources(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"Default", "Intel Feed"}, sources)
	details, err := s.ListDetails(ctx, &darktrace.WatchedDomainOptions{Source: "Intel Feed"})
	require.NoError(t, err)
	require.Len(t, details, 2)
	assert.Equal(t, "Phishing", details[0].Description)
	assert.Equal(t, intel.Expires, details[0].Expires())
	require.NoError(t, s.Remove(ctx, "one.example.com", "Intel Feed"))
	names, err := s.List(ctx, &darktrace.WatchedDomainOptions{Source: "Intel Feed"})
	require.NoError(t, err)
	assert.Equal(t, []string{"two.example.com"}, names)

	_, err = s.ReplaceAll(ctx, []string{"only.example.com"})
	require.NoError(t, err)
	names, err = s.List(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"only.example.com"}, names)
	require.NoError(t, s.RemoveAll(ctx))
	names, err = s.List(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, names)
}

func TestPCAPConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
		client := srv.Client()
		defer client.CloseIdleConnections()
		capture, err := client.PCAPs.Create(t.Context(), &darktrace.PCAPRequest{
			IP1: "192.0.2.14", IP2: "203.0.113.9", Port2: 443, Protocol: "tcp", Start: srv.Now().Add(-time.Minute), End: srv.Now(),
		})
		require.NoError(t, err)
		assert.Equal(t, darktrace.PCAPPending, capture.State)
		assert.Equal(t, "tcp", capture.Protocol)
		capture, err = client.PCAPs.Wait(t.Context(), capture)
		require.NoError(t, err)
		var packets bytes.Buffer
		require.NoError(t, client.PCAPs.Download(t.Context(), capture, &packets))
		assert.Equal(t, 24, packets.Len(), "a header without packets")
		require.ErrorIs(t, client.PCAPs.Download(t.Context(), &darktrace.PCAP{Filename: "other.pcap"}, &packets), darktrace.ErrNotFound)
	})
}

func TestSubnetConversation(t *testing.T) {
	t.Parallel()
	s := darktracetest.NewServer(darktracetest.WithTB(t)).Client().Subnets
	require.NoError(t, s.Update(t.Context(), 3, &darktrace.SubnetUpdate{Label: new("Laboratory")}))
	subnet, err := s.Get(t.Context(), 3)
	require.NoError(t, err)
	assert.Equal(t, "Laboratory", subnet.Label)
	assert.Equal(t, "192.0.2.0/24", subnet.Network)
	_, err = s.Get(t.Context(), 4)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	all, err := s.List(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

func TestStatusConversation(t *testing.T) {
	t.Parallel()
	client := darktracetest.NewServer(darktracetest.WithTB(t)).Client()
	status, err := client.Status.Get(t.Context(), &darktrace.StatusOptions{IncludeChildren: true})
	require.NoError(t, err)
	assert.True(t, status.Version.AtLeast(7, 1))
	assert.Equal(t, time.Date(2026, 1, 2, 9, 30, 0, 0, time.UTC), status.Clock())
	assert.Equal(t, map[string]string{"eth0": "up", "eth1": "up"}, status.InterfaceStates)
	assert.Equal(t, int64(77411299210), status.InterfaceReceived["eth1"])
	assert.Equal(t, "Never", status.MostRecentTraffic["LDAPTraffic"])
	assert.Equal(t, "412 Mbps", status.Bandwidth["CurrentString"].Text())
	kbps, ok := status.Bandwidth["Current"].Number()
	assert.True(t, ok)
	assert.InDelta(t, 412003, kbps, 0)
	assert.True(t, status.Probes["13"].Error)
	assert.Equal(t, darktrace.ApplianceVersion("7.1.0 (0a1b2c3d)"), status.Probes["12"].Version)

	summary, err := client.Status.Summary(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(251), summary.Devices.Total)
	assert.Equal(t, int64(41), summary.Devices.Types["laptop"])
	assert.Equal(t, int64(105), summary.Devices.SaaS["total"])
	bandwidth, err := client.Status.Bandwidth(t.Context(), true)
	require.NoError(t, err)
	assert.True(t, bandwidth.CSensor)
	assert.NotEmpty(t, bandwidth.Days)
	tactics, err := client.Status.TacticSummary(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Credential Access", tactics.Tactics[0].Name)
}

func TestEventSummaryConversation(t *testing.T) {
	t.Parallel()
	opts := &darktrace.EventSummaryOptions{Type: "network"}
	events, err := darktracetest.NewServer(darktracetest.WithTB(t), darktracetest.WithProfile(darktracetest.V61)).Client().Status.EventSummary(t.Context(), opts)
	require.NoError(t, err)
	assert.True(t, events.Events)
	assert.Equal(t, int64(2736675), events.Hours[0].Events)
	_, err = darktracetest.NewServer().Client().Status.EventSummary(t.Context(), opts)
	require.ErrorIs(t, err, darktrace.ErrInput)
}

func TestNetworkConversation(t *testing.T) {
	t.Parallel()
	client := darktracetest.NewServer(darktracetest.WithTB(t)).Client()
	network, err := client.Network.Get(t.Context(), nil)
	require.NoError(t, err)
	rows := network.Statistic("Connection Status")
	require.Len(t, rows, 2)
	in, ok := rows[0].In.Number()
	assert.True(t, ok)
	assert.InDelta(t, 51430, in, 0)
	_, ok = rows[1].In.Number()
	assert.False(t, ok, "false is not a number")
	assert.Nil(t, network.Statistic("Planets"))
	assert.Equal(t, "datatransfervolume", network.Metric.Name)

	metrics, err := client.Metrics.List(t.Context())
	require.NoError(t, err)
	metric, err := client.Metrics.Get(t.Context(), metrics[0].ID)
	require.NoError(t, err)
	assert.Equal(t, metrics[0], metric)
	_, err = client.Metrics.Get(t.Context(), 4711)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	data, err := client.Metrics.Data(t.Context(), &darktrace.MetricDataOptions{Metrics: []string{"connections", "multicasts"}, BreachTimes: true})
	require.NoError(t, err)
	require.Len(t, data, 3)
	assert.NotEmpty(t, data[0].BreachTimes)
	assert.Equal(t, []string{"connections", "multicasts"}, []string{data[1].Metric, data[2].Metric})
}

func TestAdvancedSearchConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	client := srv.Client()
	query := &darktrace.AdvancedQuery{Search: `@type:"x509"`, Start: srv.Now().Add(-48 * time.Hour), End: srv.Now()}
	result, err := client.AdvancedSearch.Search(t.Context(), query)
	require.NoError(t, err)
	require.Len(t, result.Hits.List, 1)
	assert.False(t, result.Partial)
	port, ok := result.Hits.List[0].Source.Int("dest_port")
	assert.True(t, ok)
	assert.Equal(t, int64(443), port)

	query.Search = ""
	hits := 0
	for _, err := range client.AdvancedSearch.All(t.Context(), query) {
		require.NoError(t, err)
		hits++
	}
	assert.Equal(t, 3, hits)
	graph, err := client.AdvancedSearch.Graph(t.Context(), query, darktrace.GraphCount, 0)
	require.NoError(t, err)
	counted := int64(0)
	for _, bar := range graph.Bars {
		counted += bar.Count
	}
	assert.EqualValues(t, 3, counted)
	assert.Len(t, slices.DeleteFunc(srv.Requests(), func(r darktracetest.Request) bool { return !bytes.Contains([]byte(r.Path), []byte("/graph/")) }), 3, "a request for each day")
	analysis, err := client.AdvancedSearch.Analyze(t.Context(), query, "@fields.dest_port", darktrace.AnalysisTerms)
	require.NoError(t, err)
	assert.NotNil(t, analysis.Aggregations.Terms)

	old := darktracetest.NewServer(darktracetest.WithProfile(darktracetest.V60)).Client()
	query.Search = "NOT (" + string(bytes.Repeat([]byte("x OR "), 1000)) + "y)"
	_, err = old.AdvancedSearch.Search(t.Context(), query)
	require.NoError(t, err, "a long query for an appliance that has no POST")
}

func TestEmailConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	for _, prefix := range []string{darktrace.DefaultEmailPrefix, "/agemail/api/v1.0"} {
		s := srv.Client(darktrace.WithEmailPrefix(prefix)).Email
		var found []*darktrace.Email
		for email, err := range s.All(t.Context(), &darktrace.EmailQuery{Start: windowStart, End: windowStart.Add(time.Hour)}) {
			require.NoError(t, err)
			found = append(found, email)
		}
		require.Len(t, found, 2)
		email, err := s.Get(t.Context(), found[0].UUID, &darktrace.EmailGetOptions{Time: found[0].Time})
		require.NoError(t, err)
		assert.Equal(t, "parcels@example.net", email.FromAddress)
		var raw bytes.Buffer
		require.NoError(t, s.Download(t.Context(), email.UUID, &raw))
		assert.Contains(t, raw.String(), "Subject: ")
		_, err = s.Get(t.Context(), "7E1D0A44.1", nil)
		require.ErrorIs(t, err, darktrace.ErrNotFound)
		tags, err := s.ListTags(t.Context())
		require.NoError(t, err)
		assert.Contains(t, email.Recipients[0].Tags, tags[0].Name)
		users, err := s.UserAnomaly(t.Context(), nil)
		require.NoError(t, err)
		assert.Len(t, users, 2)
		_, err = s.AuditEvents(t.Context(), nil)
		require.NoError(t, err)
	}

	s := srv.Client().Email
	const uuid, recipient = "7E1D0A44-5C0B-4B0E-9D8A-1F3E5A7B9C11.1", "user.one@example.com"
	require.NoError(t, s.Release(t.Context(), uuid, recipient))
	email, err := s.Get(t.Context(), uuid, nil)
	require.NoError(t, err)
	assert.Equal(t, "delivered", email.Recipients[0].Status)
	require.NoError(t, s.Hold(t.Context(), uuid, recipient))
	require.ErrorIs(t, s.Hold(t.Context(), uuid, recipient), darktrace.ErrInput)
	srv.ResetRequests()
}

func TestTagConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(1, 5)...)
	client := srv.Client()
	s, ctx := client.Tags, t.Context()
	devices, err := client.Devices.List(ctx, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(devices), 2)
	one, two := devices[0].DID, devices[1].DID

	tag, err := s.Create(ctx, "Case 4711", &darktrace.TagData{Description: "On its way"})
	require.NoError(t, err)
	_, err = s.Create(ctx, "Case 4711", nil)
	require.ErrorIs(t, err, darktrace.ErrInput)
	byName, err := s.GetByName(ctx, "Case 4711")
	require.NoError(t, err)
	assert.Equal(t, tag, byName)
	assigned, err := s.Assign(ctx, tag.TID, one, two)
	require.NoError(t, err)
	require.Len(t, assigned, 2)
	tags, err := s.OfDevice(ctx, two)
	require.NoError(t, err)
	assert.True(t, slices.ContainsFunc(tags, func(other *darktrace.Tag) bool { return other.TID == tag.TID }))
	full, err := s.EntitiesWithDevices(ctx, "Case 4711")
	require.NoError(t, err)
	assert.Len(t, full.Entities, 2)
	assert.Len(t, full.Devices, 2)

	// A gateway that responds with status 502 to every DELETE, although it is carried out.
	srv.Inject(darktracetest.BadGateway().On("DELETE", "/tags/*"))
	require.NoError(t, s.Unassign(ctx, tag.TID, assigned[0].TEID))
	left, err := s.EntitiesOf(ctx, tag.TID)
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, assigned[1].TEID, left[0].TEID)
	require.NoError(t, s.Delete(ctx, tag.TID))
	_, err = s.Get(ctx, tag.TID)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	srv.ResetRequests()
}

func TestADeleteThatWasNotCarriedOut(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.Inject(darktracetest.Fault{Method: "DELETE", Status: 502})
	err := srv.Client().Tags.Delete(t.Context(), 9)
	require.ErrorIs(t, err, darktrace.ErrNotStored)
	require.NoError(t, srv.Client().Tags.Unassign(t.Context(), 9, 4711), "there is no such assignment left")
	srv.ResetRequests()
}

func TestManualActionConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(1, 5)...)
	client, ctx := srv.Client(), t.Context()
	devices, err := client.Devices.List(ctx, nil)
	require.NoError(t, err)
	did := devices[0].DID
	targets := []darktrace.AntigenaTarget{{Source: "192.0.2.14", Destination: "203.0.113.9", Port: 443}}
	action, err := client.Antigena.BlockConnectionsVerified(ctx, did, targets, time.Hour, "case 4711")
	require.NoError(t, err)
	assert.True(t, action.Manual)
	assert.Equal(t, "case 4711", action.Triggerer.Reason)
	cleared, err := client.Antigena.ClearVerified(ctx, action.CodeID, "case closed")
	require.NoError(t, err)
	assert.True(t, cleared.Cleared)

	// The response is lost; the action is found by its reason.
	srv.Inject(darktracetest.BadGateway().On("POST", "/antigena/manual").Next(1))
	action, err = client.Antigena.BlockConnectionsVerified(ctx, did, targets, time.Hour, "case 4712")
	require.NoError(t, err)
	assert.Equal(t, "case 4712", action.Triggerer.Reason)
	srv.Inject(darktracetest.Fault{Method: "POST", Path: "/antigena/manual", Status: 502, Times: 1})
	_, err = client.Antigena.BlockConnectionsVerified(ctx, did, targets, time.Hour, "case 4713")
	require.ErrorIs(t, err, darktrace.ErrNotStored)
	_, err = client.Antigena.ManualVerified(ctx, did, darktrace.AntigenaQuarantine, time.Hour, "case 4714")
	require.ErrorIs(t, err, darktrace.ErrInput)
	srv.ResetRequests()
}

func TestDeviceConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(1, 5)...)
	client, ctx := srv.Client(), t.Context()
	devices, err := client.Devices.List(ctx, nil)
	require.NoError(t, err)
	did := devices[0].DID
	require.NoError(t, client.Devices.Update(ctx, did, &darktrace.DeviceUpdate{Label: new("Reception"), Priority: new(int64(-2))}))
	device, err := client.Devices.Get(ctx, did)
	require.NoError(t, err)
	assert.Equal(t, "Reception", device.Label)
	assert.Equal(t, int64(-2), device.Priority)
	similar, err := client.Devices.Similar(ctx, did, &darktrace.SimilarDevicesOptions{Count: 2})
	require.NoError(t, err)
	require.Len(t, similar, 2)
	assert.Positive(t, similar[0].Likeness)
	connections, err := client.Devices.Connections(ctx, did, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, connections.DeviceInfo)
	report, err := client.Devices.CVEs(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, "CVE-1999-0001", report.Results[0].Platforms[0].CVEs[0].ID)

	alerts, err := client.ModelBreaches.List(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, client.ModelBreaches.PostComment(ctx, alerts[0].PBID, "Looking into it"))
	comments, err := client.ModelBreaches.RecentComments(ctx, &darktrace.RecentCommentsOptions{Count: 1})
	require.NoError(t, err)
	require.Len(t, comments, 1)
	assert.Equal(t, "Looking into it", comments[0].Message)
}

func TestModelConversation(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	client, ctx := srv.Client(), t.Context()
	models, err := client.Models.List(ctx)
	require.NoError(t, err)
	model, err := client.Models.Get(ctx, models[0].PID)
	require.NoError(t, err)
	assert.Equal(t, models[0], model)
	model, err = client.Models.GetByUUID(ctx, models[0].UUID)
	require.NoError(t, err)
	assert.Equal(t, models[0], model)
	for _, unknown := range []error{drop(client.Models.Get(ctx, 4711)), drop(client.Models.GetByUUID(ctx, id1)), drop(client.Models.GetComponent(ctx, 4711))} {
		require.ErrorIs(t, unknown, darktrace.ErrNotFound)
	}
	component, err := client.Models.GetComponent(ctx, 811)
	require.NoError(t, err)
	expression, err := component.Logic.Expression()
	require.NoError(t, err)
	assert.Equal(t, "A AND (B OR C)", expression.String())
	enums, err := client.Models.Enums(ctx)
	require.NoError(t, err)
	assert.Equal(t, "Laptop", enums.Name("Internal source device type", "2"))
	assert.Empty(t, enums.Name("Internal source device type", "99"))
	_, err = client.Models.FilterTypes(ctx)
	require.ErrorIs(t, err, darktrace.ErrEndpoint, "gone in 7.1")
	srv.ResetRequests()
	types, err := darktracetest.NewServer(darktracetest.WithProfile(darktracetest.V70)).Client().Models.FilterTypes(ctx)
	require.NoError(t, err)
	assert.True(t, types[0].Graphable)
}
