package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"strings"
)

// fixture decodes a file of testdata.
func fixture[T any](t testing.TB, name string) T {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var v T
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

// all collects the elements of an iterator.
func all[T any](elements iter.Seq2[*T, error]) ([]*T, error) {
	var list []*T
	for element, err := range elements {
		if err != nil {
			return list, err
		}
		list = append(list, element)
	}
	return list, nil
}

// wireTest is a call and the exact request that it must send.
type wireTest struct {
	call     func(context.Context, *darktrace.Client) (any, error)
	response string
	want     string
}

func (test wireTest) run(t *testing.T) {
	t.Helper()
	r := responding(200, test.response)
	_, err := test.call(t.Context(), newClient(t, r))
	require.NoError(t, err, test.want)
	assert.Equal(t, []string{test.want}, r.lines())
}

var (
	from = time.UnixMilli(1740000000123)
	till = time.UnixMilli(1740003600000)
)

func TestReadsOfTriageOnTheWire(t *testing.T) {
	t.Parallel()
	type ctx = context.Context
	type client = *darktrace.Client
	no := false
	for _, test := range []wireTest{
		{func(x ctx, c client) (any, error) { return c.ModelBreaches.List(x, nil) }, `[]`, "GET /modelbreaches?deviceattop=true"},
		{func(x ctx, c client) (any, error) {
			return c.ModelBreaches.List(x, &darktrace.BreachListOptions{
				Start: from, End: till, CreationTime: true, DID: -1, PID: 2, UUID: id1, PBID: 3, MinScore: 0.00001, IncludeAcknowledged: true,
				IncludeSuppressed: true, SaaSOnly: true, SaaSFilter: []string{"office365*", "zoom*"}, GroupByDevice: true, DeviceInComponents: true,
				Minimal: true, HistoricModelOnly: true, ExpandEnums: true, IncludeBreachURL: true, Count: 4, Order: "ASC",
			})
		}, `[]`, "GET /modelbreaches?count=4&creationtime=true&deviceattop=false&did=-1&endtime=1740003600000&expandenums=true&group=device&historicmodelonly=true" +
			"&includeacknowledged=true&includebreachurl=true&includesuppressed=true&minimal=true&minscore=0.00001&order=ASC&pbid=3&pid=2" +
			"&saasfilter=office365*&saasfilter=zoom*&saasonly=true&starttime=1740000000123&uuid=" + id1},
		{func(x ctx, c client) (any, error) { return c.ModelBreaches.Get(x, 6000000095002) }, `{"pbid":6000000095002}`,
			"GET /modelbreaches/6000000095002?deviceattop=true&includeacknowledged=true"},
		{func(x ctx, c client) (any, error) { return c.ModelBreaches.ListComments(x, 7) }, `[]`, "GET /modelbreaches/7/comments"},
		{func(x ctx, c client) (any, error) { return all(c.ModelBreaches.EventLog(x, 7)) }, `[]`, "GET /details?pbid=7"},

		{func(x ctx, c client) (any, error) { return c.Devices.List(x, nil) }, `[]`, "GET /devices"},
		{func(x ctx, c client) (any, error) {
			return c.Devices.List(x, &darktrace.DeviceListOptions{
				DID: -5, IP: "2001:db8::1", IPTime: "2025-02-19 21:20:00", MAC: "00:00:5e:00:53:01", SID: -9, SeenSince: 48 * time.Hour, Count: 7,
				IncludeTags: true, CloudSecurity: true, SaaSFilter: []string{"office365*"},
			})
		}, `[]`, "GET /devices?cloudsecurity=true&count=7&did=-5&includetags=true&ip=2001:db8::1&iptime=2025-02-19%2021:20:00&mac=00:00:5e:00:53:01" +
			"&saasfilter=office365*&seensince=172800&sid=-9"},
		{func(x ctx, c client) (any, error) { return c.Devices.Get(x, 101) }, `{"did":101}`, "GET /devices?did=101&includetags=true"},
		{func(x ctx, c client) (any, error) { return c.Devices.FindByIP(x, "192.0.2.17") }, `[{"did":101}]`, "GET /devices?includetags=true&ip=192.0.2.17"},
		{func(x ctx, c client) (any, error) { return c.Devices.FindByMAC(x, "00:00:5e:00:53:01") }, `{"did":101}`, "GET /devices?includetags=true&mac=00:00:5e:00:53:01"},
		{func(x ctx, c client) (any, error) { return c.Devices.Search(x, nil) }, `{"totalCount":0,"devices":[]}`, "GET /devicesearch"},
		{func(x ctx, c client) (any, error) {
			return c.Devices.Search(x, &darktrace.DeviceSearchOptions{
				Query: darktrace.DeviceQuery{Tag: []string{"Active Threat", "Admin"}, OS: []string{"Windows*"}}, SeenSince: time.Hour,
				OrderBy: "hostname", Order: "desc", Offset: 300, Count: 100,
			})
		}, `{"totalCount":0,"devices":[]}`, "GET /devicesearch?count=100&offset=300&order=desc&orderBy=hostname" +
			"&query=tag:%22Active%20Threat%22%20tag:%22Admin%22%20os:%22Windows*%22&seensince=3600"},
		{func(x ctx, c client) (any, error) { return all(c.Devices.SearchAll(x, nil)) }, `{"totalCount":0,"devices":[]}`,
			"GET /devicesearch?count=300&order=asc&orderBy=firstSeen"},
		{func(x ctx, c client) (any, error) { return c.Devices.Summary(x, 101) }, `{"data":{}}`, "GET /devicesummary?did=101"},

		{func(x ctx, c client) (any, error) {
			return c.EventLog.List(x, &darktrace.EventLogOptions{
				DID: 101, EventType: darktrace.LogTypeUnusualConnection, Start: from, End: till, DDID: 1, ODID: -3, ExternalHostname: "example.com",
				InternalExternal: "external", UID: "Cx1", Port: 1, SourcePort: 2, DestinationPort: 3, Protocol: "6", ApplicationProtocol: "25",
				Deduplicate: true, FullDeviceDetails: true, IncludeTotalBytes: true, Order: "desc", Offset: 10,
			})
		}, `[]`, "GET /details?applicationprotocol=25&ddid=1&deduplicate=true&destinationport=3&did=101&endtime=1740003600000&eventtype=unusualconnection" +
			"&externalhostname=example.com&fulldevicedetails=true&includetotalbytes=true&intext=external&odid=-3&offset=10&order=desc&port=1&protocol=6" +
			"&sourceport=2&starttime=1740000000123&uid=Cx1"},
		{func(x ctx, c client) (any, error) {
			return all(c.EventLog.All(x, &darktrace.EventLogOptions{PBID: 7, Count: 50}))
		}, `[]`, "GET /details?count=50&pbid=7"},
		{func(x ctx, c client) (any, error) {
			return c.EventLog.List(x, &darktrace.EventLogOptions{Message: "a b"})
		}, `[]`, "GET /details?msg=a%20b"},
		{func(x ctx, c client) (any, error) {
			return c.EventLog.List(x, &darktrace.EventLogOptions{BlockedConnections: "all"})
		}, `[]`, "GET /details?blockedconnections=all"},

		{func(x ctx, c client) (any, error) { return c.Endpoints.Get(x, "example.com", nil) }, `{}`, "GET /endpointdetails?hostname=example.com"},
		{func(x ctx, c client) (any, error) {
			return c.Endpoints.Get(x, "2001:db8::1", &darktrace.EndpointOptions{AdditionalInfo: true, Devices: true, Score: true})
		}, `{}`, "GET /endpointdetails?additionalinfo=true&devices=true&ip=2001:db8::1&score=true"},

		{func(x ctx, c client) (any, error) { return c.Antigena.ListActions(x, nil) }, `[]`, "GET /antigena"},
		{func(x ctx, c client) (any, error) {
			return c.Antigena.ListActions(x, &darktrace.AntigenaListOptions{
				Start: from, End: till, DID: 101, PBID: 7, NeedConfirming: &no, IncludeCleared: true, IncludeHistory: true,
			})
		}, `[]`, "GET /antigena?did=101&endtime=1740003600000&includecleared=true&includehistory=true&needconfirming=false&pbid=7&starttime=1740000000123"},
		{func(x ctx, c client) (any, error) {
			return c.Antigena.ListActionsWithDevices(x, &darktrace.AntigenaListOptions{DID: 101})
		}, `{}`, "GET /antigena?did=101&fulldevicedetails=true&includeconnections=true"},
		{func(x ctx, c client) (any, error) { return c.Antigena.Summary(x, nil) }, `{}`, "GET /antigena/summary"},
		{func(x ctx, c client) (any, error) {
			return c.Antigena.Summary(x, &darktrace.AntigenaSummaryOptions{Start: from, End: till})
		}, `{}`, "GET /antigena/summary?endtime=1740003600000&starttime=1740000000123"},

		{func(x ctx, c client) (any, error) { return c.Tags.OfDevice(x, 101) }, `[]`, "GET /tags/entities?did=101"},
		{func(x ctx, c client) (any, error) { return c.Tags.Entities(x, "Active Threat") }, `[]`, "GET /tags/entities?tag=Active%20Threat"},
	} {
		test.run(t)
	}
}

func TestWritesOfTriageOnTheWire(t *testing.T) {
	t.Parallel()
	type ctx = context.Context
	type client = *darktrace.Client
	const done = `{"response":"SUCCESS"}`
	for _, test := range []wireTest{
		{func(x ctx, c client) (any, error) { return nil, c.Antigena.Activate(x, 4764, 0, "confirmed") }, done,
			`POST /antigena {"codeid":4764,"activate":true,"reason":"confirmed"}`},
		{func(x ctx, c client) (any, error) { return nil, c.Antigena.Activate(x, 4764, time.Minute, "confirmed") }, done,
			`POST /antigena {"codeid":4764,"activate":true,"duration":60,"reason":"confirmed"}`},
		{func(x ctx, c client) (any, error) { return nil, c.Antigena.Extend(x, 4764, 2*time.Hour, "ticket 7") }, done,
			`POST /antigena {"codeid":4764,"duration":7200,"reason":"ticket 7"}`},
		{func(x ctx, c client) (any, error) { return nil, c.Antigena.Clear(x, 4764, "false positive") }, done,
			`POST /antigena {"codeid":4764,"clear":true,"reason":"false positive"}`},
		{func(x ctx, c client) (any, error) { return nil, c.Antigena.Reactivate(x, 4764, time.Hour, "again") }, done,
			`POST /antigena {"codeid":4764,"activate":true,"duration":3600,"reason":"again"}`},
		{func(x ctx, c client) (any, error) { return nil, c.Tags.AddToDevice(x, 101, "Active Threat", 0) }, `{"tid":57}`,
			`POST /tags/entities did=101&tag=Active+Threat`},
		{func(x ctx, c client) (any, error) { return nil, c.Tags.AddToDevice(x, 101, "a::b, c", time.Hour) }, `{"tid":57}`,
			`POST /tags/entities did=101&duration=3600&tag=a%3A%3Ab%2C+c`},
		{func(x ctx, c client) (any, error) { return nil, c.Tags.RemoveFromDevice(x, 101, "Active Threat") }, done,
			`DELETE /tags/entities?did=101&tag=Active%20Threat`},
	} {
		test.run(t)
	}
}

// A window without an end ends now, on the appliance's clock: the guide wants
// both. The newest entries are in it although that clock is not known yet.
func TestWindowsOfTriageHaveTwoEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now() // 946684800000
		for _, call := range []func(*darktrace.Client, time.Time) error{
			func(c *darktrace.Client, start time.Time) error {
				return drop(c.ModelBreaches.List(t.Context(), &darktrace.BreachListOptions{Start: start}))
			},
			func(c *darktrace.Client, start time.Time) error {
				return drop(c.EventLog.List(t.Context(), &darktrace.EventLogOptions{DID: 1, Start: start}))
			},
			func(c *darktrace.Client, start time.Time) error {
				return drop(c.Antigena.ListActions(t.Context(), &darktrace.AntigenaListOptions{Start: start}))
			},
		} {
			behind := time.Now().Add(-20 * time.Second).UTC().Format(http.TimeFormat)
			r := &recorder{respond: respond(200, `[]`, "Date", behind)}
			client := newClient(t, r)
			for _, start := range []time.Time{now.Add(-time.Hour), now.Add(-time.Hour), now.Add(-10 * time.Second)} {
				require.NoError(t, call(client, start))
			}
			for i, window := range [][]string{
				{"starttime=946681200000", "endtime=946686600000"}, // The appliance may be 30 minutes ahead.
				{"starttime=946681200000", "endtime=946684780000"},
				{"starttime=946684790000", "endtime=946684790000"}, // Its clock has not come to the start.
			} {
				assert.Contains(t, r.lines()[i], window[0])
				assert.Contains(t, r.lines()[i], window[1])
			}
			start := now.Add(-10 * time.Second)
			require.NoError(t, drop(client.Metrics.Data(t.Context(), &darktrace.MetricDataOptions{Metrics: []string{"connections"}, Start: start})))
			require.NoError(t, drop(client.Email.Search(t.Context(), &darktrace.EmailQuery{Start: start})))
			assert.Contains(t, r.lines()[4], `"timeFrom":946684790,"timeTo":946684790`)
			require.NotErrorIs(t, drop(client.AdvancedSearch.Search(t.Context(), &darktrace.AdvancedQuery{Start: start})), darktrace.ErrArgument)
		}
	})
}

func TestTriageArguments(t *testing.T) {
	t.Parallel()
	r := responding(200, `[]`)
	c := newClient(t, r)
	ctx := t.Context()
	get := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		"pbids contains no id":                                     c.ModelBreaches.Acknowledge(ctx),
		"pbid is 0; ids of model alerts are positive":              c.ModelBreaches.Unacknowledge(ctx, 1, 0),
		"pbid is -1; ids of model alerts are positive":             get(c.ModelBreaches.Get(ctx, -1)),
		"message is empty":                                         c.ModelBreaches.PostComment(ctx, 1, " "),
		"MinScore is 50; scores of model alerts go from 0 to 1":    get(c.ModelBreaches.List(ctx, &darktrace.BreachListOptions{MinScore: 50})),
		"End needs Start":                                          get(c.ModelBreaches.List(ctx, &darktrace.BreachListOptions{End: till})),
		`Order is "asc"; it must be ASC or DESC`:                   get(c.ModelBreaches.List(ctx, &darktrace.BreachListOptions{Order: "asc"})),
		`SaaSFilter contains "office365", which does not end in *`: get(c.ModelBreaches.List(ctx, &darktrace.BreachListOptions{SaaSFilter: []string{"office365"}})),
		"did is 0, which stands for everything external":           get(c.Devices.Get(ctx, 0)),
		"ip is empty": get(c.Devices.FindByIP(ctx, "")),
		"SeenSince is 1.5s; it must be whole seconds":  get(c.Devices.List(ctx, &darktrace.DeviceListOptions{SeenSince: 1500 * time.Millisecond})),
		"Count is -5; it must not be negative":         get(all(c.Devices.SearchAll(ctx, &darktrace.DeviceSearchOptions{Count: -5}))),
		"Count is 301; a page has at most 300 devices": get(c.Devices.Search(ctx, &darktrace.DeviceSearchOptions{Count: 301})),
		`Query has the value tag:"a\"b"; the search language can't express quotes, backslashes and control characters`: get(c.Devices.Search(ctx, &darktrace.DeviceSearchOptions{Query: darktrace.DeviceQuery{Tag: []string{`a"b`}}})),
		`Query has the value "a\\"; the search language can't express quotes, backslashes and control characters`:      get(all(c.Devices.SearchAll(ctx, &darktrace.DeviceSearchOptions{Query: darktrace.DeviceQuery{Text: []string{`a\`}}}))),
		"Query has an empty value": get(c.Devices.Search(ctx, &darktrace.DeviceSearchOptions{Query: darktrace.DeviceQuery{OS: []string{" "}}})),
		"EventLogOptions must have exactly one of DID, PBID, Message and BlockedConnections, and has 0": get(c.EventLog.List(ctx, nil)),
		"EventLogOptions must have exactly one of DID, PBID, Message and BlockedConnections, and has 2": get(c.EventLog.List(ctx, &darktrace.EventLogOptions{DID: 1, PBID: 2})),
		"Count can't be combined with Start":                       get(c.EventLog.List(ctx, &darktrace.EventLogOptions{DID: 1, Count: 2, Start: from})),
		"ipOrHost is empty":                                        get(c.Endpoints.Get(ctx, " ", nil)),
		"codeID is 0; ids of actions are positive":                 c.Antigena.Clear(ctx, 0, "why"),
		"reason is empty; appliances can demand one":               c.Antigena.Activate(ctx, 1, 0, ""),
		"duration is 0; set how long the action lasts from now on": c.Antigena.Extend(ctx, 1, 0, "why"),
		"duration is -1s; it must be whole seconds":                c.Antigena.Reactivate(ctx, 1, -time.Second, "why"),
		"name is empty":                        c.Tags.RemoveFromDevice(ctx, 1, ""),
		"ttl is 1ms; it must be whole seconds": c.Tags.AddToDevice(ctx, 1, "x", time.Millisecond),
		"event is nil":                         get(c.Enrich(ctx, nil, nil)),
		fmt.Sprintf("Size and Offset are 0 and %d; together they must be between 0 and 10000", math.MaxInt): get(c.AdvancedSearch.Search(ctx, &darktrace.AdvancedQuery{Offset: math.MaxInt})),
	} {
		require.ErrorIs(t, err, darktrace.ErrArgument, want)
		assert.Equal(t, "darktrace: invalid argument: "+want, err.Error())
	}
	assert.Empty(t, r.all())
}

// sequence gives each request its own response.
func sequence(responses ...string) *recorder {
	r := &recorder{}
	r.respond = func(req *http.Request) (*http.Response, error) {
		n := len(r.all()) - 1
		if n >= len(responses) {
			return nil, errors.New("a request too many")
		}
		if responses[n] == "502" {
			return httpmock.NewStringResponse(502, "Bad Gateway"), nil
		}
		if responses[n] == "404" {
			return httpmock.NewStringResponse(404, `{"error":"unknown"}`), nil
		}
		return httpmock.NewStringResponse(200, responses[n]), nil
	}
	return r
}

func TestGetBreachTriesBothForms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		responses []string
		found     bool
	}{
		"object":               {[]string{`{"pbid":7}`}, true},
		"list of one":          {[]string{`[{"pbid":7}]`}, true},
		"only the old form":    {[]string{"404", `{"pbid":7}`}, true},
		"unknown":              {[]string{"404", `[]`}, false},
		"unknown to both":      {[]string{"404", "404"}, false},
		"a word says so":       {[]string{`{"modelbreaches":"DATANOTFOUND ERROR"}`}, false},
		"parameter is ignored": {[]string{"404", `[{"pbid":6},{"pbid":8}]`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sequence(test.responses...)
			breach, err := newClient(t, r).ModelBreaches.Get(t.Context(), 7)
			assert.Len(t, r.all(), len(test.responses))
			if !test.found {
				require.ErrorIs(t, err, darktrace.ErrNotFound)
				assert.Nil(t, breach)
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, 7, breach.PBID)
		})
	}
}

func TestAcknowledgeBreachVerified(t *testing.T) {
	t.Parallel()
	const done = `{"response":"SUCCESS"}`
	for name, test := range map[string]struct {
		responses []string
		want      error
	}{
		"stored":               {[]string{done, `{"pbid":7,"acknowledged":true}`}, nil},
		"stated as an object":  {[]string{done, `{"pbid":7,"acknowledged":{"username":"analyst.one","time":1740000000000}}`}, nil},
		"was already":          {[]string{`{"response":"ERROR"}`, `{"pbid":7,"acknowledged":true}`}, nil},
		"gateway":              {[]string{"502", `{"pbid":7,"acknowledged":true}`}, nil},
		"dropped":              {[]string{done, `{"pbid":7,"acknowledged":false}`}, darktrace.ErrNotStored},
		"no such alert":        {[]string{done, "404", `[]`}, darktrace.ErrNotFound},
		"flag is absent":       {[]string{done, `{"pbid":7}`}, darktrace.ErrOutcomeUnknown},
		"can't be read":        {[]string{done, "502"}, darktrace.ErrOutcomeUnknown},
		"gateway, and no read": {[]string{"502", "502"}, darktrace.ErrOutcomeUnknown},
		"not found at once":    {[]string{"404"}, darktrace.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sequence(test.responses...)
			err := newClient(t, r).ModelBreaches.AcknowledgeVerified(t.Context(), 7)
			assert.Len(t, r.all(), len(test.responses))
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, test.want)
			var batch *darktrace.BatchError
			require.ErrorAs(t, err, &batch)
			assert.Len(t, batch.Unknown, map[bool]int{true: 1}[errors.Is(test.want, darktrace.ErrOutcomeUnknown)])
		})
	}
}

func TestPostBreachCommentVerified(t *testing.T) {
	t.Parallel()
	const done, old = `{"response":"SUCCESS"}`, `{"message":"Seen","username":"a","time":1}`
	comment, err := newClient(t, sequence(`[`+old+`]`, done, `[`+old+`,{"message":"Seen","username":"b","time":2}]`)).ModelBreaches.PostCommentVerified(t.Context(), 7, "Seen")
	require.NoError(t, err)
	assert.Equal(t, "b", comment.Username)
	for want, responses := range map[error][]string{
		darktrace.ErrNotStored:      {`[` + old + `]`, done, `[` + old + `]`},
		darktrace.ErrOutcomeUnknown: {`[]`, done, "502"},
		darktrace.ErrNotFound:       {"404"},
	} {
		_, err := newClient(t, sequence(responses...)).ModelBreaches.PostCommentVerified(t.Context(), 7, "Seen")
		require.ErrorIs(t, err, want)
	}
}

func TestRespondActionsAreReadBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // It is 2000-01-01 00:00 UTC: 946684800000.
		type call func(*darktrace.AntigenaService) (*darktrace.AntigenaAction, error)
		activate := func(s *darktrace.AntigenaService) (*darktrace.AntigenaAction, error) {
			return s.ActivateVerified(t.Context(), 4764, time.Hour, "why")
		}
		byModel := func(s *darktrace.AntigenaService) (*darktrace.AntigenaAction, error) {
			return s.ActivateVerified(t.Context(), 4764, 0, "why")
		}
		extend := func(s *darktrace.AntigenaService) (*darktrace.AntigenaAction, error) {
			return s.ExtendVerified(t.Context(), 4764, time.Hour, "why")
		}
		clear := func(s *darktrace.AntigenaService) (*darktrace.AntigenaAction, error) {
			return s.ClearVerified(t.Context(), 4764, "why")
		}
		reactivate := func(s *darktrace.AntigenaService) (*darktrace.AntigenaAction, error) {
			return s.ReactivateVerified(t.Context(), 4764, time.Hour, "why")
		}
		const done = `{"response":"SUCCESS"}`
		const active = `[{"codeid":1},{"codeid":4764,"active":true,"cleared":false,"expires":946688400000}]`
		const pending = `[{"codeid":4764,"active":false,"cleared":false,"expires":946688400000}]`
		const late = `[{"codeid":4764,"active":true,"cleared":false,"expires":946692000000}]`
		const expired = `[{"codeid":4764,"active":true,"cleared":false,"expires":946684000000}]`
		const cleared = `[{"codeid":4764,"active":false,"cleared":true,"expires":946688400000}]`
		const lost, refused = "502", `{"response":"ERROR"}`
		const soon = `[{"codeid":4764,"active":true,"cleared":false,"expires":946684900000}]` // In 100 seconds.
		const near = `[{"codeid":4764,"active":true,"cleared":false,"expires":946688370000}]` // In an hour, but for 30 seconds.
		unknown := darktrace.ErrOutcomeUnknown
		for name, test := range map[string]struct {
			call                    call
			before, response, after string
			want                    []error
		}{
			"activate":                           {activate, pending, done, active, nil},
			"activate, gateway":                  {activate, expired, lost, active, nil},
			"activate, still pending":            {activate, pending, done, pending, []error{darktrace.ErrNotStored}},
			"activate, other duration":           {activate, pending, done, late, []error{unknown}}, // Or a clock is wrong.
			"activate, new to the list":          {activate, `[]`, done, active, nil},
			"activate, model's time":             {byModel, pending, done, late, nil},
			"activate, gone":                     {activate, pending, done, `[]`, []error{unknown}},
			"clear, not listed":                  {clear, `[]`, done, `[{"codeid":1}]`, []error{unknown}}, // It expired long ago.
			"clear, not listed, gateway":         {clear, `[]`, lost, `[]`, []error{unknown}},
			"clear, no such action":              {clear, `[]`, refused, `[]`, []error{darktrace.ErrNotFound}},
			"activate, unreadable":               {activate, pending, done, lost, []error{unknown}},
			"unreadable before":                  {activate, lost, "", "", []error{darktrace.ErrServer}},
			"extend":                             {extend, soon, done, active, nil},
			"extend, had that end":               {extend, active, done, active, nil},
			"extend, ignored":                    {extend, soon, done, soon, []error{unknown}}, // The clock is not known.
			"extend, refused":                    {extend, soon, refused, soon, []error{darktrace.ErrRejected}},
			"extend, refused, ends nearly then":  {extend, near, refused, near, []error{darktrace.ErrRejected}},
			"extend, refused, a colleague's end": {extend, soon, refused, active, []error{darktrace.ErrRejected}},
			"extend, gateway, ends nearly then":  {extend, near, lost, near, []error{darktrace.ErrNotStored, unknown}},
			"extend, ignored, ends nearly then":  {extend, near, done, near, []error{unknown}},
			"clear":                              {clear, active, done, cleared, nil},
			"clear, refused but it was":          {clear, active, refused, cleared, nil},
			"clear, ignored":                     {clear, active, done, active, []error{darktrace.ErrNotStored}},
			"reactivate":                         {reactivate, expired, done, active, nil},
			"reactivate, ignored":                {reactivate, cleared, done, cleared, []error{darktrace.ErrNotStored}},
		} {
			r := sequence(test.before, test.response, test.after)
			action, err := test.call(newClient(t, r).Antigena)
			assert.Equal(t, "GET /antigena?includecleared=true", r.lines()[0], name)
			assert.ElementsMatch(t, test.want, kindsOf(err), "%s: %v", name, err)
			if test.want == nil {
				assert.EqualValues(t, 4764, action.CodeID, name)
			}
		}

		// The appliance's clock counts once it is known.
		r := sequence(soon, done, soon)
		inner := r.respond
		r.respond = func(req *http.Request) (*http.Response, error) {
			resp, err := inner(req)
			resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
			return resp, err
		}
		action, err := extend(newClient(t, r).Antigena)
		require.EqualError(t, err, "darktrace: POST /antigena: not stored: action 4764 does not show it, although the appliance reported success")
		assert.EqualValues(t, 4764, action.CodeID)
		_, err = activate(newClient(t, sequence(pending, done, late)).Antigena)
		require.EqualError(t, err, "darktrace: POST /antigena: outcome unknown: action 4764 ends at 2000-01-01T02:00:00Z, which is not the requested time by the local clock")
	})
}

func TestManualActionsAreTheNewOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// began is in minutes from now; the clocks may differ.
		action := func(code, began int, reason string) string {
			start := time.Now().Add(time.Duration(began) * time.Minute)
			text, err := json.Marshal(reason)
			require.NoError(t, err)
			return fmt.Sprintf(`{"codeid":%d,"did":101,"action":"connection","manual":true,"triggerer":{"username":"jo","reason":%s},"active":true,"cleared":false,"start":%d,"expires":%d}`,
				code, text, start.UnixMilli(), start.Add(time.Hour).UnixMilli())
		}
		list := func(actions ...string) string { return "[" + strings.Join(actions, ",") + "]" }
		const lost = "502"
		older := action(8, 0, "INC 7: <Türen>")
		for name, test := range map[string]struct {
			before, response, after string
			want                    []error
			code                    int64
		}{
			"response lost":         {list(), lost, list(action(9, 0, "INC 7: <Türen>")), nil, 9},
			"escaped, composed":     {list(), lost, list(action(9, 0, "INC  7: &lt;Tu\u0308ren&gt; ")), nil, 9},
			"clock behind":          {list(), lost, list(action(9, -10, "INC 7: <Türen>")), nil, 9},
			"beside an older one":   {list(older), lost, list(older, action(9, 0, "INC 7: <Türen>")), nil, 9},
			"only an older one":     {list(older), lost, list(older), []error{darktrace.ErrNotStored, darktrace.ErrOutcomeUnknown}, 0},
			"only older, confirmed": {list(older), `{"code":9}`, list(older), []error{darktrace.ErrNotStored}, 0},
			"refused":               {list(older), `{"response":"ERROR"}`, list(older), []error{darktrace.ErrRejected}, 0},
			"named":                 {list(older), `{"code":9}`, list(older, action(9, -10, "?")), nil, 9},
			"another's":             {list(), lost, list(action(9, 0, "INC 8")), []error{darktrace.ErrOutcomeUnknown}, 9},
		} {
			r := sequence(test.before, test.response, test.after)
			made, err := newClient(t, r).Antigena.BlockConnectionsVerified(t.Context(), 101, []darktrace.AntigenaTarget{{Source: "192.0.2.1", Destination: "203.0.113.9"}}, time.Hour, "INC 7: <Türen>")
			assert.ElementsMatch(t, test.want, kindsOf(err), "%s: %v", name, err)
			if test.code == 0 {
				assert.Nil(t, made, name)
			} else if assert.NotNil(t, made, name) {
				assert.Equal(t, test.code, made.CodeID, name)
			}
		}
	})
}

func TestStatesOfRespondActions(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1740000000000)
	for want, action := range map[darktrace.AntigenaState]darktrace.AntigenaAction{
		darktrace.AntigenaPending: {Expires: 1740000000001},
		darktrace.AntigenaActive:  {Expires: 1740000000001, Active: true},
		darktrace.AntigenaExpired: {Expires: 1740000000000, Active: true},
		darktrace.AntigenaCleared: {Expires: 1740000000001, Cleared: true},
	} {
		assert.Equal(t, want, action.State(now))
	}
	assert.Equal(t, darktrace.AntigenaExpired, (&darktrace.AntigenaAction{Expires: 1}).State(now), "never activated")
}

func TestUnknownRemovalOfATagIsSettledByReading(t *testing.T) {
	t.Parallel()
	remove := func(responses ...string) error {
		r := sequence(responses...)
		err := newClient(t, r).Tags.RemoveFromDevice(t.Context(), 101, "Admin")
		assert.Len(t, r.all(), len(responses))
		return err
	}
	require.NoError(t, remove("502", `[{"tid":1,"name":"admin"}]`))
	require.NoError(t, remove("502", "404"), "the device is gone, and so is its tag")
	for _, list := range []string{`{"teid":6,"name":"HR"}`, `[null,{"teid":6,"name":"HR"}]`, `[[{"teid":6,"name":"HR"}],[]]`, `[{"teid":"6","name":57}]`} {
		require.NoError(t, remove("502", list), list)
		require.NoError(t, newClient(t, sequence("502", list)).Tags.Unassign(t.Context(), 1, 5), list)
	}
	require.ErrorIs(t, remove("502", `{"tid":9,"name":"Admin"}`), darktrace.ErrNotStored)
	for _, odd := range []string{
		`null`, `7`, `{"message":"Internal problem"}`, `{}`, `["Admin"]`, `[["Admin"]]`, `[{"tags":"ERROR"}]`, `[{"tid":1,"name":{"en":"Admin"}}]`, `[{"tid":1,"name":null}]`,
		`{"name":null}`, `[{"tid":1,"tagname":"Admin"}]`, `{"1":{"tid":1,"name":"Admin"}}`,
	} {
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(remove("502", odd)), odd)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(newClient(t, sequence("502", odd)).Tags.Unassign(t.Context(), 1, 5)), odd)
	}
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(newClient(t, sequence("502", `[{"teid":{}}]`)).Tags.Unassign(t.Context(), 1, 5)))
	require.NoError(t, newClient(t, sequence("502", "404")).Tags.Unassign(t.Context(), 1, 5), "the tag is gone")
	require.ErrorIs(t, newClient(t, sequence("502", `[{"teid":5}]`)).Tags.Unassign(t.Context(), 1, 5), darktrace.ErrNotStored)
	require.NoError(t, newClient(t, sequence("502", `[{"teid":6}]`)).Tags.Unassign(t.Context(), 1, 5))
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(newClient(t, sequence("502", `{"tid":2}`)).Tags.Delete(t.Context(), 1)))
	for name, stored := range map[string]string{"Ka\u0308se": "Käse", "HR ": "HR", "A&B": "A&amp;B"} {
		err := newClient(t, sequence("502", `[{"tid":1,"name":"`+stored+`"}]`)).Tags.RemoveFromDevice(t.Context(), 101, name)
		require.ErrorIs(t, err, darktrace.ErrNotStored, name)
	}
	require.ErrorIs(t, remove("404"), darktrace.ErrNotFound)
	err := remove("502", `[{"tid":9,"name":"Admin"}]`)
	require.ErrorIs(t, err, darktrace.ErrNotStored)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	assert.Contains(t, err.Error(), "DELETE /tags/entities: not stored: device 101 still has it; the write failed with")
	err = remove("502", "502")
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	require.NotErrorIs(t, err, darktrace.ErrNotStored)
}

// Devices come and go while they are paged: each that stays is given, once.
func TestSearchAllSurvivesMoves(t *testing.T) {
	t.Parallel()
	const count = 40
	for name, change := range map[string]func(page int, devices []int64) []int64{
		"nothing moves": func(_ int, devices []int64) []int64 { return devices },
		"some expire":   func(page int, devices []int64) []int64 { return append(devices[:3:3], devices[3+page:]...) },
		"many expire":   func(_ int, devices []int64) []int64 { return devices[min(len(devices)/2, 35):] },
		"some come":     func(page int, devices []int64) []int64 { return append(devices, int64(1000+page)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devices := make([]int64, 205)
			for i := range devices {
				devices[i] = int64(i + 1)
			}
			pages := 0
			r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
				var offset int
				_, _ = fmt.Sscan(req.URL.Query().Get("offset"), &offset)
				if pages++; pages > 1 && pages < 6 {
					devices = change(pages, devices)
				}
				end := min(offset+count, len(devices))
				page := struct {
					TotalCount int                `json:"totalCount"`
					Devices    []map[string]int64 `json:"devices"`
				}{TotalCount: 1}
				for _, did := range devices[min(offset, end):end] {
					page.Devices = append(page.Devices, map[string]int64{"did": did})
				}
				return httpmock.NewJsonResponse(200, page)
			}}
			found, err := all(newClient(t, r).Devices.SearchAll(t.Context(), &darktrace.DeviceSearchOptions{Count: count, OrderBy: "ip", Offset: 7}))
			require.NoError(t, err)
			seen := map[int64]int{}
			for _, device := range found {
				seen[device.DID]++
				assert.Equal(t, 1, seen[device.DID], "device %d again", device.DID)
			}
			for _, did := range devices {
				assert.Contains(t, seen, did)
			}
			assert.Less(t, pages, 20)
		})
	}
}

// SearchAll reads again what it missed, and always ends.
func TestSearchAllOfOddAppliances(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		page func(asked, offset, count int) (dids []int)
		want int
		text string
	}{
		"one firstSeen, any order": {want: 500, page: func(asked, offset, count int) (dids []int) {
			for i := offset; i < min(offset+count, 500); i++ {
				dids = append(dids, (i*7+asked*13)%500+1)
			}
			return dids
		}},
		"short pages": {want: 500, page: func(_, offset, count int) (dids []int) {
			for i := offset; i < min(offset+count, offset+30, 500); i++ {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"no offset": {want: 500, page: func(int, int, int) (dids []int) {
			for i := range 500 {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"no offset, one page": {want: 100, text: "the appliance returned 100 of 500 devices", page: func(_, _, count int) (dids []int) {
			for i := range count {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"nothing later": {want: 100, text: "the appliance returned 100 of 500 devices", page: func(_, offset, count int) (dids []int) {
			for i := range count {
				if offset == 0 {
					dids = append(dids, i+1)
				}
			}
			return dids
		}},
		"one too few": {want: 499, text: "the appliance returned 499 of 500 devices", page: func(_, offset, count int) (dids []int) {
			for i := offset; i < min(offset+count, 499); i++ {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"half of them": {want: 250, text: "the appliance returned 250 of 500 devices", page: func(_, offset, count int) (dids []int) {
			for i := offset; i < min(offset+count, 250); i++ {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"offsets in whole pages": {want: 500, page: func(_, offset, count int) (dids []int) {
			for i := (offset + count - 1) / count * count; i < 500 && len(dids) < count; i++ {
				dids = append(dids, i+1)
			}
			return dids
		}},
		"nothing": {text: "the appliance returned 0 of 500 devices", page: func(int, int, int) []int { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 100 // requests
			asked := 0
			r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
				var offset, count int
				_, _ = fmt.Sscan(req.URL.Query().Get("offset"), &offset)
				_, _ = fmt.Sscan(req.URL.Query().Get("count"), &count)
				if asked++; asked > most {
					return nil, errors.New("too many requests")
				}
				devices := []map[string]int{}
				for _, did := range tt.page(asked, offset, count) {
					devices = append(devices, map[string]int{"did": did, "firstSeen": 5})
				}
				return httpmock.NewJsonResponse(200, map[string]any{"totalCount": 500, "devices": devices})
			}}
			found, err := all(newClient(t, r).Devices.SearchAll(t.Context(), &darktrace.DeviceSearchOptions{Count: 100}))
			seen := map[int64]bool{}
			for _, device := range found {
				assert.False(t, seen[device.DID], "device %d again", device.DID)
				seen[device.DID] = true
			}
			assert.Len(t, seen, tt.want)
			if tt.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, darktrace.ErrServer)
			assert.ErrorContains(t, err, tt.text)
		})
	}
}

// An appliance that ignores a parameter lists every device.
func TestFindDeviceAmongOthers(t *testing.T) {
	t.Parallel()
	const list = `[{"did":1,"ip":"192.0.2.1","endtime":9},{"did":2,"ip":"192.0.2.9","ips":[{"ip":"192.0.2.2"}],"endtime":3},{"did":3,"ip":"192.0.2.2","macaddress":"00:00:5E:00:53:03","endtime":5}]`
	s := newClient(t, responding(200, list)).Devices
	device, err := s.FindByIP(t.Context(), "192.0.2.2")
	require.NoError(t, err)
	assert.EqualValues(t, 3, device.DID, "the one seen last")
	device, err = s.FindByMAC(t.Context(), "00:00:5e:00:53:03")
	require.NoError(t, err)
	assert.EqualValues(t, 3, device.DID)
	_, err = s.FindByIP(t.Context(), "192.0.2.77")
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	assert.EqualError(t, err, "darktrace: GET /devices: not found: no device with the ip 192.0.2.77")
	_, err = s.Get(t.Context(), 4)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}
