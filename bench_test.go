package darktrace

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // What the appliance asks for.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
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

func BenchmarkDecode1(b *testing.B)     { benchmarkDecode(b, 1) }
func BenchmarkDecode100(b *testing.B)   { benchmarkDecode(b, 100) }
func BenchmarkDecode10000(b *testing.B) { benchmarkDecode(b, 10_000) }

func benchmarkDecode(b *testing.B, n int) {
	body := benchmarkEvents(n)
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var events []*floorEvent
			if err := json.Unmarshal(body, &events); err != nil || len(events) != n {
				b.Fatal(len(events), err)
			}
		}
	})
	b.Run("sdk", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			count := 0
			if err := decodeStream(bytes.NewReader(body), decodeEvent(false), func(*IncidentEvent) bool {
				count++
				return true
			}); err != nil || count != n {
				b.Fatal(count, err)
			}
		}
	})
}

// benchmarkTransport answers every request with the same body.
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

// floorAndSDK runs two ways to do the same.
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
