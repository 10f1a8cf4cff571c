package conformance_test

import (
	"context"
	"encoding/base64"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

var (
	windowStart = time.Unix(1767342000, 0) // 2026-01-02 08:20:00 UTC
	windowEnd   = windowStart.Add(15 * time.Minute)
)

// drop calls a method for its error only.
func drop[T any](_ T, err error) error { return err }

// justError is drop for a method whose value can't be nil.
func justError[T any](_ T, err error) (any, error) { return nil, err }

func hash(query string) string { return base64.URLEncoding.EncodeToString([]byte(query)) }

// serviceCall is a call of a method, its response, and the request that it sends.
type serviceCall struct {
	method, permission, response string
	call                         func(context.Context, *darktrace.Client) (any, error)
	sent                         []string
}

func serviceCalls() []serviceCall {
	const window = `"time":{"from":"2026-01-02T08:20:00Z","to":"2026-01-02T08:35:00Z","user_interval":"0"}}`
	custom := &darktrace.AdvancedQuery{Search: `@type:"ssl"`, Start: windowStart, End: windowEnd}
	graph := *custom
	graph.Field = "@fields.orig_bytes"
	return []serviceCall{
		{"ModelBreaches.RecentComments", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.ModelBreaches.RecentComments(ctx, &darktrace.RecentCommentsOptions{Start: windowStart, End: windowEnd, PBID: 7, Count: 5})
		}, []string{"GET /mbcomments?count=5&endtime=1767342900000&pbid=7&starttime=1767342000000"}},

		{"Devices.Connections", "Unrestricted Devices", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Devices.Connections(ctx, -5, nil)
		}, []string{"GET /deviceinfo?datatype=co&did=-5"}},
		{"Devices.Connections", "Unrestricted Devices", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Devices.Connections(ctx, 101, &darktrace.DeviceConnectionsOptions{
				DataType: "sizeout", OtherDeviceID: new(int64(0)), ExternalDomain: "example.com", Port: 443, IntervalHours: 24, SimilarDevices: 3,
				ShowAllGraphData: true, FullDeviceDetails: true,
			})
		}, []string{"GET /deviceinfo?datatype=sizeout&did=101&externaldomain=example.com&fulldevicedetails=true&intervalhours=24&odid=0&port=443&showallgraphdata=true&similardevices=3"}},
		{"Devices.Similar", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Devices.Similar(ctx, 101, &darktrace.SimilarDevicesOptions{Count: 5, FullDeviceDetails: true})
		}, []string{"GET /similardevices?count=5&did=101&fulldevicedetails=true"}},
		{"Devices.Update", "Device Admin", `{"response":"SUCCESS","device":{"did":101,"devicelabel":"PRINT ERROR"}}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Devices.Update(ctx, 101, &darktrace.DeviceUpdate{Label: new("PRINT ERROR"), Priority: new(int64(0)), Type: new(int64(12))})
		}, []string{"POST /devices did=101&label=PRINT+ERROR&priority=0&type=12"}},
		{"Devices.CVEs", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Devices.CVEs(ctx, &darktrace.CVEOptions{DID: 101, FullDeviceDetails: true})
		}, []string{"GET /cves?did=101&fulldevicedetails=true"}},

		{"Antigena.BlockConnections", "Darktrace RESPOND", `{"code":10170}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return justError(c.Antigena.BlockConnections(ctx, 101, []darktrace.AntigenaTarget{{Source: "192.0.2.14", Destination: "example.com", Port: 443}, {Source: "a", Destination: "b"}}, time.Hour, "why"))
		}, []string{`POST /antigena/manual {"did":101,"action":"connection","duration":3600,"reason":"why","connections":[{"src":"192.0.2.14","dst":"example.com","port":443},{"src":"a","dst":"b"}]}`}},
		{"Antigena.Manual", "Darktrace RESPOND", ``, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return justError(c.Antigena.Manual(ctx, 101, darktrace.AntigenaQuarantine, time.Minute, "why"))
		}, []string{`POST /antigena/manual {"did":101,"action":"quarantine","duration":60,"reason":"why"}`}},

		{"Tags.List", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.List(ctx) }, []string{"GET /tags"}},
		{"Tags.Get", "Visualizer", `{"tid":9}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.Get(ctx, 9) }, []string{"GET /tags/9"}},
		{"Tags.GetByName", "Visualizer", `{"tid":31,"name":"Active Threat"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Tags.GetByName(ctx, "Active Threat")
		}, []string{"GET /tags?tag=Active%20Threat"}},
		{"Tags.Create", "Edit Tags", `{"tid":143,"name":"AN ERROR"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Tags.Create(ctx, "AN ERROR", nil)
		}, []string{`POST /tags {"name":"AN ERROR","data":{}}`}},
		{"Tags.Create", "Edit Tags", `[{"tid":143}]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Tags.Create(ctx, "Mine", &darktrace.TagData{Color: new(int64(200)), Description: "Why", Visibility: "Public"})
		}, []string{`POST /tags {"name":"Mine","data":{"color":200,"description":"Why","visibility":"Public"}}`}},
		{"Tags.Delete", "Edit Tags", ``, func(ctx context.Context, c *darktrace.Client) (any, error) { return nil, c.Tags.Delete(ctx, 143) }, []string{"DELETE /tags/143"}},
		{"Tags.EntitiesWithDevices", "Visualizer", `{"entities":[],"devices":[]}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Tags.EntitiesWithDevices(ctx, "Admin")
		}, []string{"GET /tags/entities?fulldevicedetails=true&tag=Admin"}},
		{"Tags.EntitiesOf", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.EntitiesOf(ctx, 9) }, []string{"GET /tags/9/entities"}},
		{"Tags.Assign", "Edit Tags", `{"teid":1,"entityValue":"101"}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Tags.Assign(ctx, 9, 101) }, []string{`POST /tags/9/entities {"entityType":"Device","entityValue":"101"}`}},
		{"Tags.AssignFor", "Edit Tags", `{"response":"SUCCESS"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Tags.AssignFor(ctx, 9, time.Hour, 101, 102)
		}, []string{`POST /tags/9/entities {"entityType":"Device","entityValue":["101","102"],"expiryDuration":3600}`}},
		{"Tags.Unassign", "Edit Tags", ``, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Tags.Unassign(ctx, 9, 325684)
		}, []string{"DELETE /tags/9/entities/325684"}},

		{"Models.List", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.List(ctx) }, []string{"GET /models"}},
		{"Models.Get", "Visualizer", `{"pid":12}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.Get(ctx, 12) }, []string{"GET /models/12"}},
		{"Models.GetByUUID", "Visualizer", `[{"pid":12}]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Models.GetByUUID(ctx, "80010119-6d7f-0000-0305-5e0000000325")
		}, []string{"GET /models?uuid=80010119-6d7f-0000-0305-5e0000000325"}},
		{"Models.ListComponents", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.ListComponents(ctx) }, []string{"GET /components"}},
		{"Models.GetComponent", "Visualizer", `{"cid":811}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.GetComponent(ctx, 811) }, []string{"GET /components/811"}},
		{"Models.FilterTypes", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.FilterTypes(ctx) }, []string{"GET /filtertypes"}},
		{"Models.Enums", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Models.Enums(ctx) }, []string{"GET /enums"}},

		{"Subnets.List", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Subnets.List(ctx, nil) }, []string{"GET /subnets"}},
		{"Subnets.Get", "Visualizer", `[{"sid":-6}]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Subnets.Get(ctx, -6) }, []string{"GET /subnets?sid=-6"}},
		{"Subnets.Update", "Subnet Admin", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Subnets.Update(ctx, 3, &darktrace.SubnetUpdate{Label: new("Office & Lab")})
		}, []string{"POST /subnets label=Office+%26+Lab&sid=3"}},
		{"Subnets.Update", "Subnet Admin", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Subnets.Update(ctx, 3, &darktrace.SubnetUpdate{
				Label: new(""), UniqueHostnames: new(false), UniqueUsernames: new(true), DHCP: new(false), Network: new("192.0.2.0/24"),
				Position: &darktrace.Position{Latitude: 10, Longitude: -0.25},
			})
		}, []string{"POST /subnets dhcp=false&label=&latitude=10.0&longitude=-0.25&network=192.0.2.0%2F24&sid=3&uniqueHostnames=false&uniqueUsernames=true"}},
		{"Subnets.ExcludeFromMonitoring", "Subnet Admin", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Subnets.ExcludeFromMonitoring(ctx, 3, darktrace.SubnetExclusions{ModelExcluded: new(true)})
		}, []string{"POST /subnets modelExcluded=true&sid=3"}},

		{"WatchedDomains.List", "Edit Domains", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.WatchedDomains.List(ctx, nil) }, []string{"GET /intelfeed"}},
		{"WatchedDomains.ListDetails", "Edit Domains", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.WatchedDomains.ListDetails(ctx, &darktrace.WatchedDomainOptions{Source: "Threat Intel"})
		}, []string{"GET /intelfeed?fulldetails=true&source=Threat%20Intel"}},
		{"WatchedDomains.Sources", "Edit Domains", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.WatchedDomains.Sources(ctx) }, []string{"GET /intelfeed?sources=true"}},
		{"WatchedDomains.Add", "Edit Domains", `{"response":"SUCCESS","added":1,"updated":1}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.WatchedDomains.Add(ctx, []string{"bad.example.com", "203.0.113.66"}, &darktrace.WatchedDomainAddOptions{
				Source: "Intel", Description: "Phishing", Expires: windowEnd.In(time.FixedZone("", 3600)), ExactHostnames: true, Respond: true,
			})
		}, []string{"POST /intelfeed addlist=bad.example.com%2C203.0.113.66&description=Phishing&expiry=2026-01-02T08%3A35%3A00&hostname=true&iagn=true&source=Intel"}},
		{"WatchedDomains.Remove", "Edit Domains", `{"response":"SUCCESS"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.WatchedDomains.Remove(ctx, "bad.example.com", "Intel")
		}, []string{"POST /intelfeed removeentry=bad.example.com&source=Intel"}},
		{"WatchedDomains.ReplaceAll", "Edit Domains", `{"response":"SUCCESS","added":1,"updated":0}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.WatchedDomains.ReplaceAll(ctx, []string{"bad.example.com"})
		}, []string{"POST /intelfeed addlist=bad.example.com&removeall=true"}},
		{"WatchedDomains.RemoveAll", "Edit Domains", `{"response":"SUCCESS"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.WatchedDomains.RemoveAll(ctx)
		}, []string{"POST /intelfeed removeall=true"}},

		{"Network.Get", "Unrestricted Devices", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Network.Get(ctx, nil) }, []string{"GET /network"}},
		{"Network.Get", "Unrestricted Devices", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Network.Get(ctx, &darktrace.NetworkOptions{
				Start: windowStart, End: windowEnd, DeviceID: 212, IP: "192.0.2.14", SubnetID: -6, Metric: "connections", Port: 1, SourcePort: 2, DestinationPort: 3,
				Protocol: "6", ApplicationProtocol: "27", IntExt: "external",
			})
		}, []string{"GET /network?applicationprotocol=27&destinationport=3&did=212&endtime=1767342900000&intext=external&ip=192.0.2.14&metric=connections&port=1&protocol=6&sourceport=2&starttime=1767342000000&viewsubnet=-6"}},
		{"Metrics.List", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Metrics.List(ctx) }, []string{"GET /metrics"}},
		{"Metrics.Get", "Visualizer", `{"mlid":4}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Metrics.Get(ctx, 4) }, []string{"GET /metrics/4"}},
		{"Metrics.Data", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Metrics.Data(ctx, &darktrace.MetricDataOptions{Metrics: []string{"connections"}, DeviceID: 212, BreachTimes: true})
		}, []string{"GET /metricdata?breachtimes=true&did=212&metric=connections"}},
		{"Metrics.Data", "Visualizer", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Metrics.Data(ctx, &darktrace.MetricDataOptions{
				Metrics: []string{"connections", "multicasts"}, Start: windowStart, End: windowEnd, Interval: 2 * time.Minute,
				DestinationDeviceID: 1, OtherDeviceID: -1, Port: 4, SourcePort: 5, DestinationPort: 6, Protocol: "6", ApplicationProtocol: "27",
			})
		}, []string{"GET /metricdata?applicationprotocol=27&ddid=1&destinationport=6&endtime=1767342900000&interval=120&metric1=connections&metric2=multicasts&odid=-1&port=4&protocol=6&sourceport=5&starttime=1767342000000"}},

		{"PCAPs.List", "Create PCAPs", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.PCAPs.List(ctx) }, []string{"GET /pcaps"}},
		{"PCAPs.Create", "Create PCAPs", `{"tmqid":1,"state":"pending"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "192.0.2.14", Start: windowStart, End: windowEnd.Add(-time.Millisecond)})
		}, []string{`POST /pcaps {"ip1":"192.0.2.14","start":1767342000,"end":1767342900}`}},
		{"PCAPs.Create", "Create PCAPs", `{"tmqid":1,"state":"pending"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			end := windowEnd.Add(600 * time.Millisecond) // Exactly 30 minutes, in the middle of a second.
			return c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "192.0.2.14", Start: end.Add(-30 * time.Minute), End: end})
		}, []string{`POST /pcaps {"ip1":"192.0.2.14","start":1767341100,"end":1767342900}`}},
		{"PCAPs.Create", "Create PCAPs", `{"tmqid":1,"state":"pending"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "192.0.2.14", Port1: 50123, IP2: "203.0.113.9", Port2: 443, Protocol: "tcp", Start: windowStart, End: windowEnd})
		}, []string{`POST /pcaps {"ip1":"192.0.2.14","ip2":"203.0.113.9","port1":50123,"port2":443,"start":1767342000,"end":1767342900,"protocol":"tcp"}`}},
		{"PCAPs.Download", "Download PCAPs", "\xd4\xc3\xb2\xa1", func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.PCAPs.Download(ctx, &darktrace.PCAP{Filename: "/tm/DCIP_20260102 1.pcap"}, io.Discard)
		}, []string{"GET /pcaps/DCIP_20260102%201.pcap"}},

		{"Status.Get", "Status", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Status.Get(ctx, nil) }, []string{"GET /status"}},
		{"Status.Get", "Status", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Status.Get(ctx, &darktrace.StatusOptions{IncludeChildren: true, Fast: true})
		}, []string{"GET /status?fast=true&includechildren=true"}},
		{"Status.Summary", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Status.Summary(ctx) }, []string{"GET /summarystatistics"}},
		{"Status.Bandwidth", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Status.Bandwidth(ctx, true) }, []string{"GET /summarystatistics?csensor=true"}},
		{"Status.Bandwidth", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Status.Bandwidth(ctx, false) }, []string{"GET /summarystatistics?csensor=false"}},
		{"Status.TacticSummary", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Status.TacticSummary(ctx) }, []string{"GET /summarystatistics?mitreTactics=true"}},
		{"Status.EventSummary", "Visualizer", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Status.EventSummary(ctx, &darktrace.EventSummaryOptions{Type: "networknotices", End: windowEnd, Hours: 5})
		}, []string{"GET /summarystatistics?endtime=1767342900000&eventtype=networknotices&hours=5"}},

		{"AdvancedSearch.Search", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{Search: `@type:"ssl"`, Size: 10_000})
		}, []string{"GET /advancedsearch/api/search/" + hash(`{"search":"@type:\"ssl\"","fields":[],"offset":0,"size":10000,"timeframe":"900"}`)}},
		{"AdvancedSearch.Search", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Search(ctx, custom)
		},
			[]string{"GET /advancedsearch/api/search/" + hash(`{"search":"@type:\"ssl\"","fields":[],"offset":0,"timeframe":"custom",`+window)}},
		{"AdvancedSearch.Search", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{Search: strings.Repeat("x", 2000)})
		}, []string{`POST /advancedsearch/api/search {"hash":"` + hash(`{"search":"`+strings.Repeat("x", 2000)+`","fields":[],"offset":0,"timeframe":"900"}`) + `"}`}},
		{"AdvancedSearch.Analyze", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Analyze(ctx, custom, "@fields.dest_port", darktrace.AnalysisTerms)
		}, []string{"GET /advancedsearch/api/analyze/@fields.dest_port/terms/" + hash(`{"search":"@type:\"ssl\"","fields":[],"offset":0,"timeframe":"custom",`+window)}},
		{"AdvancedSearch.Graph", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Graph(ctx, custom, darktrace.GraphCount, 0)
		}, []string{"GET /advancedsearch/api/graph/count/10000/" + hash(`{"search":"@type:\"ssl\"","fields":[],"offset":0,"timeframe":"custom",`+window)}},
		{"AdvancedSearch.Graph", "Advanced Search", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.AdvancedSearch.Graph(ctx, &graph, darktrace.GraphMean, time.Minute)
		}, []string{"GET /advancedsearch/api/graph/mean/60000/" + hash(`{"search":"@type:\"ssl\"","fields":[],"offset":0,"timeframe":"custom",`+strings.TrimSuffix(window, "}")+`,"analyze_field":"@fields.orig_bytes"}`)}},

		{"Email.Search", "Email Logs", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Email.Search(ctx, &darktrace.EmailQuery{Start: windowStart, End: windowEnd, Page: 2, Criteria: []darktrace.EmailCriterion{
				{Filter: darktrace.EmailFilterScore, Value: "60", Operator: darktrace.EmailAbove},
			}})
		}, []string{`POST /agemail/api/ep/api/v1.0/emails/search {"page":2,"itemsPerPage":20,"timeFrom":1767342000,"timeTo":1767342900,"query":{"criteriaList":[{"apiFilter":"Email.Antigena Email Anomaly","value":"60","operator":"\u003e"}],"mode":"and"}}`}},
		{"Email.Get", "Email Logs", `{"uuid":"7E1D0A44-5C0B-4B0E-9D8A-1F3E5A7B9C11.1"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Email.Get(ctx, "7E1D0A44-5C0B-4B0E-9D8A-1F3E5A7B9C11.1", &darktrace.EmailGetOptions{Time: 1767344127341, IncludeHeaders: true})
		}, []string{"GET /agemail/api/ep/api/v1.0/emails/7E1D0A44-5C0B-4B0E-9D8A-1F3E5A7B9C11.1?dtime=1767344127341&include_headers=true"}},
		{"Email.Hold", "Manual Action", `{"code":0,"resp":"Held Email"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Email.Hold(ctx, "7E1D0A44.1", "user.one@example.com", "user.two@example.com")
		}, []string{`POST /agemail/api/ep/api/v1.0/emails/7E1D0A44.1/action {"action":"hold","recipients":["user.one@example.com","user.two@example.com"]}`}},
		{"Email.Release", "Manual Action", `{"resp":"Email added to queue"}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Email.Release(ctx, "7E1D0A44.1", "user.one@example.com")
		}, []string{`POST /agemail/api/ep/api/v1.0/emails/7E1D0A44.1/action {"action":"release","recipients":["user.one@example.com"]}`}},
		{"Email.Download", "Download Email", "Received: by mx.example.com", func(ctx context.Context, c *darktrace.Client) (any, error) {
			return nil, c.Email.Download(ctx, "7E1D0A44.1", io.Discard)
		}, []string{"GET /agemail/api/ep/api/v1.0/emails/7E1D0A44.1/download"}},
		{"Email.ListTags", "Email Logs", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.ListTags(ctx) }, []string{"GET /agemail/api/ep/api/v1.0/resources/tags"}},
		{"Email.UserAnomaly", "Email Logs", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Email.UserAnomaly(ctx, &darktrace.EmailDashboardOptions{Days: 7, Limit: 3})
		}, []string{"GET /agemail/api/ep/api/v1.0/dash/user_anomaly?days=7&limit=3"}},
		{"Email.ActionSummary", "Email Logs", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.ActionSummary(ctx, nil) }, []string{"GET /agemail/api/ep/api/v1.0/dash/action_summary"}},
		{"Email.DashStats", "Email Logs", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.DashStats(ctx, nil) }, []string{"GET /agemail/api/ep/api/v1.0/dash/dash_stats"}},
		{"Email.DataLoss", "Email Logs", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.DataLoss(ctx, nil) }, []string{"GET /agemail/api/ep/api/v1.0/dash/data_loss"}},
		{"Email.Actions", "Email Logs", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.Actions(ctx) }, []string{"GET /agemail/api/ep/api/v1.0/resources/actions"}},
		{"Email.Filters", "Email Logs", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.Filters(ctx) }, []string{"GET /agemail/api/ep/api/v1.0/resources/filters"}},
		{"Email.DecodeLink", "Email Logs", `{}`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Email.DecodeLink(ctx, "https://r.example.com/?u=a&b")
		}, []string{"GET /agemail/api/ep/api/v1.0/admin/decode_link?link=https://r.example.com/%3Fu%3Da%26b"}},
		{"Email.AuditEventTypes", "Audit Log (Darktrace/Email)", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) { return c.Email.AuditEventTypes(ctx) }, []string{"GET /agemail/api/ep/api/v1.0/system/audit/eventTypes"}},
		{"Email.AuditEvents", "Audit Log (Darktrace/Email)", `[]`, func(ctx context.Context, c *darktrace.Client) (any, error) {
			return c.Email.AuditEvents(ctx, &darktrace.EmailAuditOptions{EventType: "login", Limit: 5, Offset: 10})
		}, []string{"GET /agemail/api/ep/api/v1.0/system/audit/events?eventType=login&limit=5&offset=10"}},
	}
}

// failingCalls returns a call of each method of serviceCalls, and of the methods
// that yield.
func failingCalls() []apiCall {
	type client = *darktrace.Client
	query := &darktrace.AdvancedQuery{}
	calls := []apiCall{
		{"Models.All", "Visualizer", ranged(func(ctx context.Context, c client) iter.Seq2[*darktrace.Model, error] { return c.Models.All(ctx) })},
		{"Models.AllComponents", "Visualizer", ranged(func(ctx context.Context, c client) iter.Seq2[*darktrace.Component, error] {
			return c.Models.AllComponents(ctx)
		})},
		{"Metrics.All", "Visualizer", ranged(func(ctx context.Context, c client) iter.Seq2[*darktrace.Metric, error] { return c.Metrics.All(ctx) })},
		{"AdvancedSearch.All", "Advanced Search", ranged(func(ctx context.Context, c client) iter.Seq2[*darktrace.AdvancedHit, error] {
			return c.AdvancedSearch.All(ctx, query)
		})},
		{"Email.All", "Email Logs", ranged(func(ctx context.Context, c client) iter.Seq2[*darktrace.Email, error] {
			return c.Email.All(ctx, &darktrace.EmailQuery{Start: windowStart})
		})},
		{"Antigena.BlockConnectionsVerified", "Visualizer", read(func(ctx context.Context, c client) (any, error) {
			return c.Antigena.BlockConnectionsVerified(ctx, 101, []darktrace.AntigenaTarget{{Source: "a", Destination: "b"}}, time.Hour, "why")
		})},
		{"Antigena.ManualVerified", "Visualizer", read(func(ctx context.Context, c client) (any, error) {
			return c.Antigena.ManualVerified(ctx, 101, darktrace.AntigenaQuarantine, time.Hour, "why")
		})},
		{"PCAPs.Wait", "Create PCAPs", read(func(ctx context.Context, c client) (any, error) { return c.PCAPs.Wait(ctx, &darktrace.PCAP{ID: 98}) })},
	}
	seen := map[string]bool{"Email.Download": true} // See email_test.go: any response is an e-mail.
	for _, c := range serviceCalls() {
		if !seen[c.method] {
			calls = append(calls, apiCall{c.method, c.permission, read(c.call)})
		}
		seen[c.method] = true
	}
	return calls
}

// TestRequestsOfTheServices shows what each method sends, and that it sends
// nothing else.
func TestRequestsOfTheServices(t *testing.T) {
	t.Parallel()
	for _, tt := range serviceCalls() {
		t.Run(tt.method, func(t *testing.T) {
			t.Parallel()
			r := responding(200, tt.response)
			_, err := tt.call(t.Context(), newClient(t, r))
			require.NoError(t, err)
			assert.Equal(t, tt.sent, r.lines())
		})
	}
}

// TestWritesWithoutAnObject have succeeded, unless the caller needs the id in it.
func TestWritesWithoutAnObject(t *testing.T) {
	t.Parallel()
	needed := map[string]bool{"Tags.Create": true, "PCAPs.Create": true}
	for _, tt := range serviceCalls() {
		if strings.HasPrefix(tt.sent[0], "GET ") || strings.Contains(tt.sent[0], "/search ") {
			continue
		}
		for body, status := range map[string]int{"": 204, " \n": 200, "SUCCESS": 200, `"OK"`: 200, "true": 200} {
			r := responding(status, body)
			_, err := tt.call(t.Context(), newClient(t, r))
			if needed[tt.method] {
				require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown, "%s, %q", tt.method, body)
			} else {
				require.NoError(t, err, "%s, %q", tt.method, body)
			}
			require.Equal(t, tt.sent, r.lines())
		}
	}
}

func TestArgumentsOfTheServices(t *testing.T) {
	t.Parallel()
	r := responding(200, `{}`)
	c, ctx := newClient(t, r), t.Context()
	long := strings.Repeat("x", 256)
	for want, err := range map[string]error{
		"uuid is empty": drop(c.Models.GetByUUID(ctx, "")),

		"did is 0, which stands for everything external":                  c.Devices.Update(ctx, 0, &darktrace.DeviceUpdate{Label: new("x")}),
		"Priority is 6; priorities go from -5 to 5":                       c.Devices.Update(ctx, 1, &darktrace.DeviceUpdate{Priority: new(int64(6))}),
		"IntervalHours is -1; it must not be negative":                    drop(c.Devices.Connections(ctx, 1, &darktrace.DeviceConnectionsOptions{IntervalHours: -1})),
		"Count is -1; it must not be negative":                            drop(c.Devices.Similar(ctx, 1, &darktrace.SimilarDevicesOptions{Count: -1})),
		"connections contains no connection":                              drop(c.Antigena.BlockConnections(ctx, 1, nil, time.Hour, "why")),
		"connections contains a connection without Source or Destination": drop(c.Antigena.BlockConnections(ctx, 1, []darktrace.AntigenaTarget{{Source: "a"}}, time.Hour, "why")),
		"connections contains 65536, which is not a port":                 drop(c.Antigena.BlockConnections(ctx, 1, []darktrace.AntigenaTarget{{Source: "a", Destination: "b", Port: 65536}}, time.Hour, "why")),
		"action is empty": drop(c.Antigena.Manual(ctx, 1, "", time.Hour, "why")),
		`action is "connection"; use BlockConnections`:             drop(c.Antigena.Manual(ctx, 1, darktrace.AntigenaConnection, time.Hour, "why")),
		"did is -1; ids of devices are positive":                   drop(c.Antigena.Manual(ctx, -1, darktrace.AntigenaQuarantine, time.Hour, "why")),
		"reason is empty; appliances can demand one":               drop(c.Antigena.Manual(ctx, 1, darktrace.AntigenaQuarantine, time.Hour, "")),
		"duration is 0; set how long the action lasts from now on": drop(c.Antigena.Manual(ctx, 1, darktrace.AntigenaQuarantine, 0, "why")),
		"name is empty":                        drop(c.Tags.Create(ctx, " ", nil)),
		"dids contains no device":              drop(c.Tags.Assign(ctx, 9)),
		"ttl is -1s; it must be whole seconds": drop(c.Tags.AssignFor(ctx, 9, -time.Second, 1)),

		"update is nil":              c.Subnets.Update(ctx, 3, nil),
		"update changes nothing":     c.Subnets.Update(ctx, 3, &darktrace.SubnetUpdate{}),
		"exclusions changes nothing": c.Subnets.ExcludeFromMonitoring(ctx, 3, darktrace.SubnetExclusions{}),
		"Position is {Latitude:91 Longitude:0}, which is not a place": c.Subnets.Update(ctx, 3, &darktrace.SubnetUpdate{Position: &darktrace.Position{Latitude: 91}}),

		"entries contains no entry":                                   drop(c.WatchedDomains.Add(ctx, nil, nil)),
		"entries contains no entry; to empty the list, use RemoveAll": drop(c.WatchedDomains.ReplaceAll(ctx, nil)),
		`entry is "a,b"; it must be one domain, host name or address`: drop(c.WatchedDomains.Add(ctx, []string{"a,b"}, nil)),
		`entry is ""; it must be one domain, host name or address`:    c.WatchedDomains.Remove(ctx, "", ""),
		"Source has more than 63 characters":                          drop(c.WatchedDomains.Add(ctx, []string{"a"}, &darktrace.WatchedDomainAddOptions{Source: long})),
		"Description has more than 255 characters":                    drop(c.WatchedDomains.Add(ctx, []string{"a"}, &darktrace.WatchedDomainAddOptions{Description: long})),
		"Metrics contains no name of a metric":                        drop(c.Metrics.Data(ctx, nil)),
		"Interval is 1.5s; it must be whole seconds":                  drop(c.Metrics.Data(ctx, &darktrace.MetricDataOptions{Metrics: []string{"x"}, Interval: 1500 * time.Millisecond})),
		"request is nil":                            drop(c.PCAPs.Create(ctx, nil)),
		"IP1 is empty":                              drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{Start: windowStart, End: windowEnd})),
		"Port1 is 65536, which is not a port":       drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Port1: 65536})),
		"Port2 is -1, which is not a port":          drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Port2: -1})),
		`Protocol is "icmp"; it must be tcp or udp`: drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Protocol: "icmp"})),
		"Protocol requires IP2 and Port2":           drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Protocol: "tcp"})),
		"Start and End are both required":           drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Start: windowStart})),
		"Start (2026-01-02T08:35:00Z) is not before End (2026-01-02T08:20:00Z)": drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Start: windowEnd, End: windowStart})),
		"End is more than 30 minutes after Start":                               drop(c.PCAPs.Create(ctx, &darktrace.PCAPRequest{IP1: "x", Start: windowStart, End: windowStart.Add(30*time.Minute + 1)})),
		"capture is nil": c.PCAPs.Download(ctx, nil, io.Discard),
		"w is nil":       c.PCAPs.Download(ctx, &darktrace.PCAP{Filename: "x"}, nil),
		`capture has the file name "a/b"; only a finished capture can be downloaded`: c.PCAPs.Download(ctx, &darktrace.PCAP{Filename: "a/b"}, io.Discard),

		"Type is empty":                         drop(c.Status.EventSummary(ctx, nil)),
		"Hours is -5; it must not be negative":  drop(c.Status.EventSummary(ctx, &darktrace.EventSummaryOptions{Type: "network", Hours: -5})),
		"Days is -1; it must not be negative":   drop(c.Email.UserAnomaly(ctx, &darktrace.EmailDashboardOptions{Days: -1})),
		"Limit is -1; it must not be negative":  drop(c.Email.DataLoss(ctx, &darktrace.EmailDashboardOptions{Limit: -1})),
		"Offset is -1; it must not be negative": drop(c.Email.AuditEvents(ctx, &darktrace.EmailAuditOptions{Offset: -1})),

		"query is nil": drop(c.AdvancedSearch.Search(ctx, nil)),
		"Size and Offset are 5000 and 5001; together they must be between 0 and 10000":                           drop(c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{Size: 5000, Offset: 5001})),
		"Size and Offset are 1 and " + strconv.Itoa(math.MaxInt) + "; together they must be between 0 and 10000": drop(c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{Size: 1, Offset: math.MaxInt})),
		"End needs Start": drop(c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{End: windowEnd})),
		"field is empty":  drop(c.AdvancedSearch.Analyze(ctx, &darktrace.AdvancedQuery{}, "", "terms")),
		"kind is empty":   drop(c.AdvancedSearch.Graph(ctx, &darktrace.AdvancedQuery{}, "", 0)),
		"Field is empty; a graph of means requires it":                   drop(c.AdvancedSearch.Graph(ctx, &darktrace.AdvancedQuery{}, darktrace.GraphMean, 0)),
		"interval is negative: -1s":                                      drop(c.AdvancedSearch.Graph(ctx, &darktrace.AdvancedQuery{}, darktrace.GraphCount, -time.Second)),
		"Start is zero":                                                  drop(c.Email.Search(ctx, &darktrace.EmailQuery{})),
		"Page and PerPage must not be negative":                          drop(c.Email.Search(ctx, &darktrace.EmailQuery{Start: windowStart, Page: -1})),
		"recipients must contain at least one address, and no empty one": c.Email.Hold(ctx, "7E1D0A44.1"),
		"link is empty":                                                  drop(c.Email.DecodeLink(ctx, " ")),
	} {
		require.ErrorIs(t, err, darktrace.ErrArgument, want)
		assert.Equal(t, "darktrace: invalid argument: "+want, err.Error())
	}
	assert.Empty(t, r.all(), "nothing was sent")
}

func TestApplianceVersion(t *testing.T) {
	t.Parallel()
	versions := []darktrace.ApplianceVersion{"7.1.0 (4ff13d8c)", "", "6.1.23 (f35936c6)", "7.0", "6.0.46", "unknown", "7.1.10"}
	slices.SortStableFunc(versions, darktrace.ApplianceVersion.Compare)
	assert.Equal(t, []darktrace.ApplianceVersion{"", "unknown", "6.0.46", "6.1.23 (f35936c6)", "7.0", "7.1.0 (4ff13d8c)", "7.1.10"}, versions)
	major, minor, patch, build, ok := darktrace.ApplianceVersion("6.1.23 (f35936c6)").Parts()
	assert.Equal(t, []any{6, 1, 23, "f35936c6", true}, []any{major, minor, patch, build, ok})
	for version, want := range map[darktrace.ApplianceVersion]bool{
		"7.1.0 (4ff13d8c)": true, "7.1": true, "7.2.0-beta": true, "8.0.0": true, "10.0": true,
		"7.0.42": false, "6.9.9": false, "": false, "7": false, "seven.one": false, "7.1x.0": false,
	} {
		assert.Equal(t, want, version.AtLeast(7, 1), version)
	}
}
