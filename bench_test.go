package darktrace

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // What the appliance asks for.
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/feed"
)

// benchmarkEvents returns a list of n events of about 5.8 KB each, in the token
// form, as a busy appliance sends them.
func benchmarkEvents(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		writeBenchmarkEvent(&b, i)
	}
	b.WriteByte(']')
	return b.Bytes()
}

func writeBenchmarkEvent(b *bytes.Buffer, i int) {
	host := fmt.Sprintf("ws-%d.example.com", i%500)
	address := fmt.Sprintf("192.0.2.%d", i%250)
	id := fmt.Sprintf("0ebe0000-5e1f-4a61-9c10-%012d", i)
	at := 1_700_000_000_000 + int64(i)*1000
	fmt.Fprintf(b, `{"summariser":"SmbWriteSummary","acknowledged":false,"pinned":false,"createdAt":%d,"attackPhases":[5],`+
		`"mitreTactics":["lateral-movement"],"title":"SMB Writes of Suspicious Files","id":"%s","children":["%s"],"category":"suspicious",`+
		`"currentGroup":"g%s","groupCategory":"critical","groupScore":%d.9796746496148376,"groupPreviousGroups":[],"activityId":"%08x",`+
		`"groupingIds":["%08x"],"groupByActivity":false,"userTriggered":false,"externalTriggered":false,"aiaScore":%d.5,`+
		`"summary":"The device %s was seen to write files with suspicious names to several servers over SMB.\n\nSuch writes may be an attempt `+
		`to move through the network, by placing files on other devices and running them there.\n\nConsequently, if nobody expected this, the `+
		`security team may wish to look into the files and into the account that wrote them.","periods":[{"start":%d,"end":%d}],"sender":null,`,
		at, id, id, id, i%90, i, i+7, i%100, host, at-600_000, at-60_000)
	fmt.Fprintf(b, `"breachDevices":[%s],"relatedBreaches":[`, benchmarkDevice(host, address, i))
	for n := range 3 {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"modelName":"Compromise / Suspicious Files / Written to Share %d","pbid":%d,"threatScore":%d.0,"timestamp":%d}`, n, i*3+n, 40+n, at-int64(n)*1000)
	}
	fmt.Fprintf(b, `],"details":[[{"header":"Breaching device","contents":[{"key":"Source device","type":"device","values":[%s]},`+
		`{"key":"Username observed prior to activity","type":"string","values":["user%d"]},{"key":"Source of username","type":"string","values":["NTLM login"]},`+
		`{"key":"Time observed","type":"timestamp","values":[%d]},{"key":"Event UID","type":"string","values":["C%014d"]}]}],[{"header":"Files written","contents":[`,
		benchmarkDevice(host, address, i), i%70, at, i)
	for n := range 7 {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `{"key":"Filename","type":"string","values":["report-%d-%d.txt.locked"]},{"key":"Size","type":"dataVolume","values":[%d]},`+
			`{"key":"Destination device","type":"device","values":[%s]},{"key":"Destination share","type":"string","values":["\\\\%s\\share%d"]},`+
			`{"key":"Time","type":"timestampRange","values":[{"start":%d,"end":%d}]},{"key":null,"type":"integerRange","values":[{"start":"%d","end":"65535"}]}`,
			i, n, i*100+n, benchmarkDevice(fmt.Sprintf("srv-%d.example.com", n), "198.51.100.7", n), host, n, at, at+500, 49152+n)
	}
	b.WriteString(`]}]]}`)
}

func benchmarkDevice(host, address string, id int) string {
	return fmt.Sprintf(`{"identifier":"%[1]s","hostname":"%[1]s","ip":"%[2]s","mac":null,"subnet":null,"did":%[3]d,"sid":4}`, host, address, id)
}

// The floor of the benchmarks: plain structs for encoding/json, with a union for
// the values of details, which is the least that a typed client needs.
type (
	floorEvent struct {
		ID                string           `json:"id"`
		Title             string           `json:"title"`
		Summary           string           `json:"summary"`
		Summariser        string           `json:"summariser"`
		CreatedAt         int64            `json:"createdAt"`
		Periods           []floorRange     `json:"periods"`
		Category          string           `json:"category"`
		GroupCategory     string           `json:"groupCategory"`
		CurrentGroup      string           `json:"currentGroup"`
		PreviousGroups    []string         `json:"groupPreviousGroups"`
		GroupScore        float64          `json:"groupScore"`
		AIAScore          float64          `json:"aiaScore"`
		AttackPhases      []int            `json:"attackPhases"`
		MITRETactics      []string         `json:"mitreTactics"`
		Acknowledged      bool             `json:"acknowledged"`
		Pinned            bool             `json:"pinned"`
		UserTriggered     bool             `json:"userTriggered"`
		ExternalTriggered bool             `json:"externalTriggered"`
		Sender            string           `json:"sender"`
		BreachDevices     []floorDevice    `json:"breachDevices"`
		RelatedBreaches   []floorBreach    `json:"relatedBreaches"`
		Details           [][]floorSection `json:"details"`
		Children          []string         `json:"children"`
		ActivityID        string           `json:"activityId"`
		GroupingIDs       []string         `json:"groupingIds"`
		GroupByActivity   bool             `json:"groupByActivity"`
	}
	floorDevice struct {
		Identifier string `json:"identifier"`
		Hostname   string `json:"hostname"`
		IP         string `json:"ip"`
		MAC        string `json:"mac"`
		Subnet     string `json:"subnet"`
		DID        int64  `json:"did"`
		SID        int64  `json:"sid"`
	}
	floorBreach struct {
		ModelName   string  `json:"modelName"`
		PBID        int64   `json:"pbid"`
		ThreatScore float64 `json:"threatScore"`
		Timestamp   int64   `json:"timestamp"`
	}
	floorSection struct {
		Header   string `json:"header"`
		Contents []struct {
			Key    string       `json:"key"`
			Type   string       `json:"type"`
			Values []floorValue `json:"values"`
		} `json:"contents"`
	}
	floorRange struct {
		Start json.Number `json:"start"`
		End   json.Number `json:"end"`
	}
)

// floorValue is a string, a number, a device or a range.
type floorValue struct {
	Text   string
	Number float64
	Device *floorDevice
	Range  *floorRange
}

func (v *floorValue) UnmarshalJSON(data []byte) error {
	switch {
	case data[0] == '"':
		return json.Unmarshal(data, &v.Text)
	case data[0] == '{' && bytes.Contains(data, []byte(`"start"`)):
		v.Range = new(floorRange)
		return json.Unmarshal(data, v.Range)
	case data[0] == '{':
		v.Device = new(floorDevice)
		return json.Unmarshal(data, v.Device)
	default:
		return json.Unmarshal(data, &v.Number)
	}
}

// The floor of model alerts, with what differs between them left raw.
type (
	floorAlert struct {
		PBID         int64   `json:"pbid"`
		Time         int64   `json:"time"`
		CreationTime int64   `json:"creationTime"`
		CommentCount int64   `json:"commentCount"`
		Percent      int     `json:"percentscore"`
		Score        float64 `json:"score"`
		Acknowledged bool    `json:"acknowledged"`
		URL          string  `json:"breachUrl"`
		Model        struct {
			Then floorModel `json:"then"`
			Now  floorModel `json:"now"`
		} `json:"model"`
		Components []struct {
			Time      int64           `json:"time"`
			CBID      int64           `json:"cbid"`
			CID       int64           `json:"cid"`
			CHID      int64           `json:"chid"`
			Size      float64         `json:"size"`
			Threshold float64         `json:"threshold"`
			Interval  int64           `json:"interval"`
			Logic     json.RawMessage `json:"logic"`
			IP        string          `json:"ip"`
			Port      int64           `json:"port"`
			Metric    struct {
				MLID  int64  `json:"mlid"`
				Name  string `json:"name"`
				Label string `json:"label"`
			} `json:"metric"`
			Filters []struct {
				CFID       int64           `json:"cfid"`
				ID         string          `json:"id"`
				Type       string          `json:"filterType"`
				Arguments  json.RawMessage `json:"arguments"`
				Comparator string          `json:"comparatorType"`
				Trigger    struct {
					Value string `json:"value"`
				} `json:"trigger"`
			} `json:"triggeredFilters"`
		} `json:"triggeredComponents"`
		Device struct {
			floorDevice
			MAC    string `json:"macaddress"`
			Vendor string `json:"vendor"`
			IPs    []struct {
				IP   string `json:"ip"`
				At   int64  `json:"timems"`
				Time string `json:"time"`
				SID  int64  `json:"sid"`
				VLAN int64  `json:"vlan"`
			} `json:"ips"`
			First int64  `json:"firstSeen"`
			Last  int64  `json:"lastSeen"`
			Label string `json:"devicelabel"`
			Type  string `json:"typename"`
			Name  string `json:"typelabel"`
			Tags  []struct {
				TID        int64           `json:"tid"`
				Expiry     int64           `json:"expiry"`
				THID       int64           `json:"thid"`
				Name       string          `json:"name"`
				Restricted bool            `json:"restricted"`
				Data       json.RawMessage `json:"data"`
			} `json:"tags"`
		} `json:"device"`
	}
	floorModel struct {
		Name  string `json:"name"`
		PID   int64  `json:"pid"`
		PHID  int64  `json:"phid"`
		UUID  string `json:"uuid"`
		Logic struct {
			Data []struct {
				CID    int64 `json:"cid"`
				Weight int64 `json:"weight"`
			} `json:"data"`
			Target int64  `json:"targetScore"`
			Type   string `json:"type"`
		} `json:"logic"`
		Throttle    int64           `json:"throttle"`
		Shared      bool            `json:"sharedEndpoints"`
		Actions     json.RawMessage `json:"actions"`
		Tags        []string        `json:"tags"`
		Interval    int64           `json:"interval"`
		Delay       int64           `json:"delay"`
		Active      bool            `json:"active"`
		Modified    string          `json:"modified"`
		ActiveTimes json.RawMessage `json:"activeTimes"`
		Description string          `json:"description"`
		Behaviour   string          `json:"behaviour"`
		Defeats     json.RawMessage `json:"defeats"`
		Version     int64           `json:"version"`
		Priority    int64           `json:"priority"`
		Category    string          `json:"category"`
		Compliance  bool            `json:"compliance"`
		MITRE       struct {
			Tactics    []string `json:"tactics"`
			Techniques []string `json:"techniques"`
		} `json:"mitre"`
		Message string `json:"message"`
	}
)

// BenchmarkAlerts1000 decodes model alerts that have everything one can have.
func BenchmarkAlerts1000(b *testing.B) {
	data, err := os.ReadFile("internal/fixtures/modelbreaches.json")
	if err != nil {
		b.Fatal(err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		b.Fatal(err)
	}
	body := []byte("[" + strings.Repeat(string(all[0])+",", 999) + string(all[0]) + "]")
	benchmarkBoth(b, 1000, body, func() (int, error) {
		var alerts []*floorAlert
		err := json.Unmarshal(body, &alerts)
		return len(alerts), err
	}, func() (count int, err error) {
		err = decodeStream(bytes.NewReader(body), decoderOf[ModelBreach](b.Context()), ignore, func(*ModelBreach) bool {
			count++
			return true
		})
		return count, err
	})
}

func BenchmarkDecode1(b *testing.B)     { benchmarkDecode(b, 1) }
func BenchmarkDecode100(b *testing.B)   { benchmarkDecode(b, 100) }
func BenchmarkDecode10000(b *testing.B) { benchmarkDecode(b, 10_000) }

func benchmarkDecode(b *testing.B, n int) {
	body := benchmarkEvents(n)
	benchmarkBoth(b, n, body, func() (int, error) {
		var events []*floorEvent
		err := json.Unmarshal(body, &events)
		return len(events), err
	}, func() (count int, err error) {
		err = decodeStream(bytes.NewReader(body), decodeEvent(nil, false), ignore, func(*IncidentEvent) bool {
			count++
			return true
		})
		return count, err
	})
}

// benchmarkBoth measures two functions that decode the n elements of a body.
func benchmarkBoth(b *testing.B, n int, body []byte, floor, sdk func() (int, error)) {
	for name, decode := range map[string]func() (int, error){"floor": floor, "sdk": sdk} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if count, err := decode(); err != nil || count != n {
					b.Fatal(count, err)
				}
			}
		})
	}
}

// benchmarkTransport responds to every request with the same body.
type benchmarkTransport []byte

func (body benchmarkTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Date": {"Mon, 01 Mar 2027 10:00:00 GMT"}},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}

// floorList is a list without the SDK: net/http, and a decoder.
func floorList(ctx context.Context, client *http.Client, base, query string, decode func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+eventsPath+query, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return decode(resp.Body)
}

// floorDecode decodes a list whole, floorStream element by element.
func floorDecode(r io.Reader) error {
	var events []*floorEvent
	return json.NewDecoder(r).Decode(&events)
}

func floorStream(r io.Reader) error {
	dec := json.NewDecoder(r)
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		if err := dec.Decode(new(floorEvent)); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

const benchmarkID = "0ebe0000-5e1f-4a61-9c10-000000000000"

func benchmarkClient(b testing.TB, base string, opts ...Option) *Client {
	b.Helper()
	auth, err := NewTokenAuth("benchmark-public-token", "benchmark-private-token")
	if err != nil {
		b.Fatal(err)
	}
	client, err := NewClient(base, auth, opts...)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// floorAndSDK measures the floor and the SDK at the same task.
func floorAndSDK(b *testing.B, floor, sdk func() error) {
	b.Helper()
	b.Run("floor", func(b *testing.B) { benchmark(b, floor) })
	b.Run("sdk", func(b *testing.B) { benchmark(b, sdk) })
}

func benchmark(b *testing.B, run func() error) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
}

// A look-up of one event, without a network.
func BenchmarkCall(b *testing.B) {
	transport := benchmarkTransport(benchmarkEvents(1))
	bare := &http.Client{Transport: transport}
	client := benchmarkClient(b, "https://appliance.example.com", WithTransport(transport))
	floorAndSDK(b, func() error {
		return floorList(b.Context(), bare, "https://appliance.example.com", "?includeacknowledged=true&uuid="+benchmarkID, floorDecode)
	}, func() error {
		_, err := client.AIAnalyst.GetEvent(b.Context(), benchmarkID)
		return err
	})
}

// benchmarkAppliance serves a list over TLS.
func benchmarkAppliance(b testing.TB, body []byte) *httptest.Server {
	b.Helper()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	b.Cleanup(srv.Close)
	return srv
}

// A look-up of one event, over TLS on loopback.
func BenchmarkCallTLS(b *testing.B) {
	srv := benchmarkAppliance(b, benchmarkEvents(1))
	client := benchmarkClient(b, srv.URL, WithHTTPClient(srv.Client()))
	floorAndSDK(b, func() error {
		return floorList(b.Context(), srv.Client(), srv.URL, "?includeacknowledged=true&uuid="+benchmarkID, floorDecode)
	}, func() error {
		_, err := client.AIAnalyst.GetEvent(b.Context(), benchmarkID)
		return err
	})
}

// A list with options, without events and without a network.
func BenchmarkList(b *testing.B) {
	transport := benchmarkTransport("[]")
	bare := &http.Client{Transport: transport}
	client := benchmarkClient(b, "https://appliance.example.com", WithTransport(transport))
	floorAndSDK(b, func() error {
		return floorList(b.Context(), bare, "https://appliance.example.com", "?includeacknowledged=true&minscore=50&starttime=1700000000000", floorDecode)
	}, func() error {
		_, err := client.AIAnalyst.ListEvents(b.Context(), benchmarkOptions())
		return err
	})
}

func benchmarkOptions() *EventListOptions {
	return &EventListOptions{Start: time.UnixMilli(1_700_000_000_000), IncludeAcknowledged: true, MinScore: 50}
}

// Signing, next to HMAC-SHA1 in its plainest form.
func BenchmarkSign(b *testing.B) {
	auth, err := NewTokenAuth("benchmark-public-token", "benchmark-private-token")
	if err != nil {
		b.Fatal(err)
	}
	req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, eventsPath+"?includeacknowledged=true&uuid="+benchmarkID, nil)
	floorAndSDK(b, func() error {
		mac := hmac.New(sha1.New, []byte("benchmark-private-token"))
		_, err := io.WriteString(mac, req.URL.RequestURI()+"\nbenchmark-public-token\n"+time.Now().UTC().Format(time.DateTime))
		req.Header.Set("DTAPI-Signature", hex.EncodeToString(mac.Sum(nil)))
		return err
	}, func() error { return auth.Authenticate(req, nil) })
}

// 10,000 events of 5.8 KB streamed over TLS on loopback.
func BenchmarkStream10000(b *testing.B) {
	srv := benchmarkAppliance(b, benchmarkEvents(10_000))
	client := benchmarkClient(b, srv.URL, WithHTTPClient(srv.Client()))
	floorAndSDK(b, func() error {
		return floorList(b.Context(), srv.Client(), srv.URL, "", floorStream)
	}, func() error {
		for _, err := range client.AIAnalyst.Events(b.Context(), nil) {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// knownEvents is an appliance whose windows list n events, and the checkpoint of
// a feed that knows them all. A response is made while it is read.
type knownEvents int

func (n knownEvents) RoundTrip(req *http.Request) (*http.Response, error) {
	list := &knownList{left: int(n), rest: []byte("[")}
	writeBenchmarkEvent(&list.event, 0)
	list.id = bytes.Index(list.event.Bytes(), []byte(knownID(0))) + len(knownID(0)) - 1
	list.event.WriteByte(',')
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body: io.NopCloser(list), ContentLength: -1, Request: req,
	}, nil
}

func knownID(i int) string { return fmt.Sprintf("0ebe0000-5e1f-4a61-9c10-%012x", i) }

func (n knownEvents) checkpoint() *Checkpoint {
	const hour = 3600 * 1000
	now := time.Now().UnixMilli()
	state := &feed.State{
		Since: now - 7*24*hour, Through: now, Polled: now, Floor: now - 7*24*hour, Filter: fingerprint(EventFilter{}),
		Marks: []feed.Mark{{Back: 24 * hour, At: now}, {Back: 7 * 24 * hour, At: now}},
	}
	for i := range int(n) {
		state.Remember(knownID(i), feed.NoState, -feed.Hour(i%24))
	}
	c := new(Checkpoint) // As after a restart.
	if err := c.UnmarshalJSON(must((&Checkpoint{state}).MarshalJSON())); err != nil {
		panic(err)
	}
	return c
}

// knownList writes the list of known events.
type knownList struct {
	event bytes.Buffer // Any of them, and a comma.
	id    int          // Where its id ends.
	left  int          // Events to come.
	rest  []byte       // Of the event that is being read.
}

func (l *knownList) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.left == 0 {
			return 0, io.EOF
		}
		l.left--
		l.rest = l.event.Bytes()
		for i, n := 0, l.left; i < 12; i, n = i+1, n/16 {
			l.rest[l.id-i] = "0123456789abcdef"[n%16]
		}
		if l.left == 0 {
			l.rest[len(l.rest)-1] = ']'
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func BenchmarkPoll10000(b *testing.B)  { benchmarkPoll(b, 10_000) }
func BenchmarkPoll100000(b *testing.B) { benchmarkPoll(b, 100_000) }

// benchmarkPoll polls with nothing new. The floor decodes every event and looks
// its id up.
func benchmarkPoll(b *testing.B, n knownEvents) {
	checkpoint := n.checkpoint()
	client := benchmarkClient(b, "https://appliance.example.com", WithTransport(n), WithMaxResponseSize(1<<40))
	seen := make(map[string]bool, n)
	for i := range int(n) {
		seen[knownID(i)] = true
	}
	floor := func() error {
		dec := json.NewDecoder(must(n.RoundTrip(nil)).Body)
		if _, err := dec.Token(); err != nil {
			return err
		}
		for dec.More() {
			var event floorEvent
			if err := dec.Decode(&event); err != nil || !seen[event.ID] {
				return errors.Join(err, errors.New("an event that is not known"))
			}
		}
		return nil
	}
	sdk := func() error {
		result, err := client.AIAnalyst.Poll(b.Context(), checkpoint, nil)
		if err == nil && len(result.Changes) > 0 {
			err = errors.New("an event that is not known")
		}
		return err
	}
	for name, run := range map[string]func() error{"floor": floor, "sdk": sdk} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, run)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*int(n)), "ns/event")
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// With nothing new no more is allocated for an event than its place in the next
// checkpoint, which all of them share.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfAPoll(t *testing.T) {
	const n = knownEvents(5000)
	client := benchmarkClient(t, "https://appliance.example.com", WithTransport(n))
	checkpoint := n.checkpoint()
	allocations := testing.AllocsPerRun(2, func() {
		result, err := client.AIAnalyst.Poll(t.Context(), checkpoint, nil)
		require.NoError(t, err)
		require.Empty(t, result.Changes)
	})
	assert.LessOrEqual(t, allocations, 1000.0)
}

// BenchmarkCheckpoint100000 is what a restart with 100,000 ids costs: out to
// JSON and in again.
func BenchmarkCheckpoint100000(b *testing.B) {
	checkpoint := knownEvents(100_000).checkpoint()
	benchmark(b, func() error {
		data, err := json.Marshal(checkpoint)
		b.SetBytes(int64(len(data)))
		return errors.Join(err, json.Unmarshal(data, new(Checkpoint)))
	})
}

// Ids are shared by a checkpoint and the one after it. With -long they are a
// million.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestPeakMemoryOfIDs(t *testing.T) {
	n := knownEvents(50_000)
	if *long {
		n = 1_000_000
	}
	checkpoint := n.checkpoint()
	client := benchmarkClient(t, "https://appliance.example.com", WithTransport(knownEvents(10)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := client.AIAnalyst.Poll(t.Context(), checkpoint, nil)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Empty(t, result.Changes)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(30*int(n))) //nolint:gosec // It is positive.
	store := FileCheckpoint(filepath.Join(t.TempDir(), "checkpoint.json"))
	require.NoError(t, store.Save(t.Context(), nil, checkpoint))
	began := time.Now()
	require.NoError(t, store.Save(t.Context(), checkpoint, result.Checkpoint))
	t.Logf("a Poll allocates %.1f MB, a save takes %v", float64(after.TotalAlloc-before.TotalAlloc)/1e6, time.Since(began).Round(time.Millisecond))
}

// BenchmarkFileCheckpoint1000000 is what a save of a million ids costs: what is
// stored is read and compared, and the next checkpoint is written through to the
// disk. BenchmarkPollOf1000000 has the memory that a Poll takes beside them.
func BenchmarkFileCheckpoint1000000(b *testing.B) {
	checkpoint := knownEvents(1_000_000).checkpoint()
	store := FileCheckpoint(filepath.Join(b.TempDir(), "checkpoint.json"))
	if err := store.Save(b.Context(), nil, checkpoint); err != nil {
		b.Fatal(err)
	}
	benchmark(b, func() error { return store.Save(b.Context(), checkpoint, checkpoint) })
}

// BenchmarkPollOf1000000 polls with a million ids in the checkpoint and ten events
// listed.
func BenchmarkPollOf1000000(b *testing.B) {
	checkpoint := knownEvents(1_000_000).checkpoint()
	client := benchmarkClient(b, "https://appliance.example.com", WithTransport(knownEvents(10)))
	benchmark(b, func() error {
		_, err := client.AIAnalyst.Poll(b.Context(), checkpoint, nil)
		return err
	})
}
