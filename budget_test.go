package darktrace

import (
	"bytes"
	"flag"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Allocations are exact, so budgets hold on every machine. These tests can't be
// parallel: they would count the allocations of other tests.

//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfAnEvent(t *testing.T) {
	const events = 100
	body := benchmarkEvents(events)
	require.InDelta(t, 5800, len(body)/events, 300, "bytes an event")
	allocations := testing.AllocsPerRun(5, func() {
		require.NoError(t, decodeStream(bytes.NewReader(body), decodeEvent(nil, false), ignore, func(*IncidentEvent) bool { return true }))
	})
	assert.LessOrEqual(t, allocations/events, 110.0)
}

// A look-up of one event may not pay for what helps long lists.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfASmallEvent(t *testing.T) {
	body := []byte(`[{"id":"a","title":"A title","createdAt":1700000000000,"category":"critical","acknowledged":false}]`)
	allocations := testing.AllocsPerRun(100, func() {
		require.NoError(t, decodeStream(bytes.NewReader(body), decodeEvent(nil, false), ignore, func(*IncidentEvent) bool { return true }))
	})
	assert.LessOrEqual(t, allocations, 14.0)
}

// What a call costs over bare net/http: with the SDK's own decoder, and with
// encoding/json.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfACall(t *testing.T) {
	transport := benchmarkTransport(benchmarkEvents(1))
	bare := &http.Client{Transport: transport}
	client := benchmarkClient(t, "https://appliance.example.com", WithTransport(transport))
	floor := func(decode func(io.Reader) error) func() {
		return func() {
			require.NoError(t, floorList(t.Context(), bare, "https://appliance.example.com", "?includeacknowledged=true&uuid="+benchmarkID, decode))
		}
	}
	own := floor(func(r io.Reader) error {
		return decodeStream(r, decodeEvent(nil, false), ignore, func(*IncidentEvent) bool { return true })
	})
	sdk := func() {
		_, err := client.AIAnalyst.GetEvent(t.Context(), benchmarkID)
		require.NoError(t, err)
	}
	sdkCount, sdkBytes := allocated(sdk)
	ownCount, _ := allocated(own)
	jsonCount, jsonBytes := allocated(floor(floorDecode))
	t.Logf("allocations: %.0f, %.0f with net/http and the same decoder, %.0f with net/http and encoding/json", sdkCount, ownCount, jsonCount)
	t.Logf("bytes: %.0f, %.0f with net/http and encoding/json", sdkBytes, jsonBytes)
	assert.LessOrEqual(t, sdkCount, ownCount+15)
	assert.LessOrEqual(t, sdkCount, jsonCount+15)
	assert.LessOrEqual(t, sdkBytes, jsonBytes+1536)
}

//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfAList(t *testing.T) {
	transport := benchmarkTransport("[]")
	bare := &http.Client{Transport: transport}
	client := benchmarkClient(t, "https://appliance.example.com", WithTransport(transport))
	floor, _ := allocated(func() {
		require.NoError(t, floorList(t.Context(), bare, "https://appliance.example.com", "?includeacknowledged=true&minscore=50&starttime=1700000000000", floorDecode))
	})
	sdk, _ := allocated(func() {
		_, err := client.AIAnalyst.ListEvents(t.Context(), benchmarkOptions())
		require.NoError(t, err)
	})
	t.Logf("allocations: %.0f, %.0f with net/http and encoding/json", sdk, floor)
	assert.LessOrEqual(t, sdk, floor+46+raceSlack)
}

//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfSigning(t *testing.T) {
	auth, err := NewTokenAuth("benchmark-public-token", "benchmark-private-token")
	require.NoError(t, err)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/aianalyst/acknowledge", nil)
	body := []byte("uuid=" + benchmarkID)
	count, _ := allocated(func() { require.NoError(t, auth.Authenticate(req, body)) })
	assert.LessOrEqual(t, count, 8.0)
}

// allocated returns the allocations of a call and their bytes.
func allocated(call func()) (count, bytes float64) {
	const runs = 200
	var before, after runtime.MemStats
	call() // Allocate what is allocated only once.
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return testing.AllocsPerRun(runs, call), float64(after.TotalAlloc-before.TotalAlloc) / runs
}

// The memory in use doesn't depend on how much has gone through.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestMemoryOfAStream(t *testing.T) {
	const events = 40_000
	mail := streamed(t, fixture(t, "events-6.1.json"), decodeEvent(nil, true))[1].Raw
	var early, late uint64
	n := 0
	err := decodeStream(newEventReader(mail, events), decodeEvent(nil, false), ignore, func(*IncidentEvent) bool {
		switch n++; n {
		case 1_000:
			early = liveHeap()
		case events:
			late = liveHeap()
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, events, n)
	assert.Less(t, late, early+1<<20)
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// eventReader gives n times the same event as a list.
type eventReader struct {
	element []byte // the event and a comma
	n       int
	rest    []byte
}

func newEventReader(event []byte, n int) *eventReader {
	return &eventReader{element: append([]byte{','}, event...), n: n - 1, rest: slices.Concat([]byte("["), event)}
}

func (r *eventReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch r.n--; {
		case r.n >= 0:
			r.rest = r.element
		case r.n == -1:
			r.rest = []byte("]")
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// long makes simulations run at their full length; see CONTRIBUTING.md.
var long = flag.Bool("long", false, "run simulations at full length")

func TestADroppedHTTP2ConnectionIsNotUsedForever(t *testing.T) {
	t.Parallel()
	// What matters is that pings are on; net/http does the rest.
	transport := new(config).newTransport()
	require.NotNil(t, transport.HTTP2)
	assert.Positive(t, transport.HTTP2.SendPingTimeout)
	assert.Positive(t, transport.HTTP2.PingTimeout)
	assert.GreaterOrEqual(t, transport.MaxIdleConnsPerHost, 32)
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(escapeNames) {
		text := "a&" + name + ";b&" + name + ";"
		assert.NotContains(t, unescape(text), name)
		assert.Equal(t, html.UnescapeString(text), unescape(text), name)
	}
	for _, text := range []string{
		"", "a&b", "&", "&;", "&#;", "&&amp;", "&amp;lt;", "&nosuch;", "a & b; c", "&amp", "&#39;", "&#x27;", "&#X1F44D;", "&#128077;", "&#x110000;", "&#99999999999;", "&#-1;", "&lt;b&gt;",
	} {
		want := html.UnescapeString(text)
		if text == "&amp" {
			want = text // Stores end an escape.
		}
		assert.Equal(t, want, unescape(text), text)
	}
}
