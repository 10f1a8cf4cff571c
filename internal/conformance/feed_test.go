package conformance_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// reading is the time of an event that a feedAppliance compares with a window.
type reading string

const (
	byCreation reading = "creation"
	byStart    reading = "start of the activity"
	byEnd      reading = "end of the activity"
	bySpan     reading = "activity within the window"
	byListing  reading = "a time that no field shows"
)

var readings = []reading{byCreation, byStart, byEnd, bySpan, byListing}

// feedEvent is an event of a feedAppliance; times are the appliance's.
type feedEvent struct {
	id                  string
	created, start, end time.Time
	listed              time.Time // when the appliance begins to list it
	score               float64
	category            darktrace.Category
	group               string
	previous            []string
	acknowledged        bool
	pinned              bool
	removed             bool
}

// times returns the times of the event to compare with a window.
func (e *feedEvent) times(by reading) (from, to time.Time) {
	switch by {
	case byStart:
		return e.start, e.start
	case byEnd:
		return e.end, e.end
	case bySpan:
		return e.start, e.end
	case byListing:
		return e.listed, e.listed
	case byCreation:
	}
	return e.created, e.created
}

// latest is the latest time that the event shows.
func (e *feedEvent) latest() time.Time {
	if e.end.After(e.created) {
		return e.end
	}
	return e.created
}

// wire appends the event's JSON.
func (e *feedEvent) wire(dst []byte) []byte {
	id, _ := json.Marshal(e.id) // An id may need escapes.
	previous, _ := json.Marshal(e.previous)
	return fmt.Appendf(dst, `{"title":"Title","createdAt":%d,"periods":[{"start":%d,"end":%d}],"groupScore":%g,"aiaScore":50,`+
		`"id":%s,"category":"suspicious","groupCategory":%q,"currentGroup":%q,"groupPreviousGroups":%s,"acknowledged":%t,"pinned":%t}`,
		e.created.UnixMilli(), e.start.UnixMilli(), e.end.UnixMilli(), e.score, id, e.category, e.group, previous, e.acknowledged, e.pinned)
}

// feedAppliance is a fake appliance with the part of the API that a feed needs. It
// shares no code with the package or with darktracetest.
type feedAppliance struct {
	mu      sync.Mutex
	reading reading
	skew    time.Duration // its clock minus the local clock
	noLists bool          // a comma list of ids matches nothing
	noIDs   bool          // asking by id matches nothing
	allIDs  bool          // asking by id is ignored, as an unknown parameter is
	noDate  bool          // responses have no Date
	anyDate bool          // requests may have any date, as if the Date of responses were a proxy's
	fault   func() fault
	events  []*feedEvent
	byID    map[string]*feedEvent

	windows []url.Values // of the requests for a window
	lookups int          // requests for ids
}

// fault is how a response fails.
type fault int

const (
	noFault fault = iota
	unavailable
	disconnected
	cutShort
)

func (a *feedAppliance) now() time.Time { return time.Now().Add(a.skew) }

func (a *feedAppliance) add(events ...*feedEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID = map[string]*feedEvent{}
	}
	for _, e := range events {
		a.events = append(a.events, e)
		a.byID[e.id] = e
	}
}

// later calls do after a while, between two requests.
func (a *feedAppliance) later(wait time.Duration, do func()) {
	time.AfterFunc(wait, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		do()
	})
}

func (a *feedAppliance) RoundTrip(req *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Method != http.MethodGet || req.URL.Path != "/aianalyst/incidentevents" {
		return nil, fmt.Errorf("unexpected request: %s %s", req.Method, req.URL)
	}
	if signed, err := time.Parse(time.DateTime, req.Header.Get("DTAPI-Date")); err != nil || !a.anyDate && a.now().Sub(signed).Abs() > 30*time.Minute {
		resp := httpmock.NewStringResponse(http.StatusBadRequest, `{"aianalyst":"API DATE ERROR"}`)
		if !a.noDate {
			resp.Header.Set("Date", a.now().UTC().Format(http.TimeFormat))
		}
		return resp, nil
	}
	for _, name := range []string{"starttime", "endtime"} { // Years that it can't read.
		if at, _ := strconv.ParseInt(req.URL.Query().Get(name), 10, 64); at < 0 || at > 9223372036854 {
			return httpmock.NewStringResponse(http.StatusBadRequest, `{"aianalyst":"INPUT ERROR"}`), nil
		}
	}
	found := a.find(req.URL.Query())
	var trouble fault
	if a.fault != nil {
		trouble = a.fault()
	}
	resp := &http.Response{StatusCode: http.StatusOK, Request: req, Header: http.Header{"Content-Type": {"application/json"}}}
	if !a.noDate {
		resp.Header.Set("Date", a.now().UTC().Format(http.TimeFormat))
	}
	data := []byte{'['}
	for i, e := range found {
		if i > 0 {
			data = append(data, ',')
		}
		data = e.wire(data)
	}
	data = append(data, ']')
	body := io.Reader(strings.NewReader(string(data)))
	switch trouble {
	case disconnected:
		return nil, errors.New("connection reset")
	case unavailable:
		resp.StatusCode = http.StatusServiceUnavailable
		body = strings.NewReader(`{"error":"Service Unavailable"}`)
	case cutShort:
		body = io.MultiReader(strings.NewReader(string(data[:len(data)*2/3])), failingReader{})
	case noFault:
	}
	resp.Body = io.NopCloser(body)
	return resp, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// find returns what a query selects, as documented: the highest score first.
func (a *feedAppliance) find(query url.Values) []*feedEvent {
	var found []*feedEvent
	now := a.now()
	if query.Has("uuid") && !a.allIDs {
		a.lookups++
		ids := strings.Split(query.Get("uuid"), ",")
		for _, id := range ids {
			e := a.byID[id]
			if e != nil && !e.removed && !e.listed.After(now) && !a.noIDs && (len(ids) == 1 || !a.noLists) {
				found = append(found, e)
			}
		}
		return found
	}
	a.windows = append(a.windows, query)
	start, end := a.window(query, now)
	for _, e := range a.events {
		if e.removed || e.listed.After(now) || e.acknowledged && query.Get("includeacknowledged") != "true" {
			continue
		}
		from, to := e.times(a.reading)
		inside := from.UnixMilli() <= end && to.UnixMilli() >= start
		if inside || e.pinned && query.Get("includeallpinned") != "false" {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(x, y *feedEvent) int { return cmp.Compare(y.score, x.score) })
	return found
}

func (a *feedAppliance) window(query url.Values, now time.Time) (start, end int64) {
	end = now.UnixMilli()
	if query.Has("endtime") {
		end, _ = strconv.ParseInt(query.Get("endtime"), 10, 64)
	}
	start = end - 7*24*time.Hour.Milliseconds()
	if query.Has("starttime") {
		start, _ = strconv.ParseInt(query.Get("starttime"), 10, 64)
	}
	return start, end
}

// reset forgets the requests.
func (a *feedAppliance) reset() { a.windows, a.lookups = nil, 0 }

// feedID returns the id of the nth event: a UUID, or now and then something else.
func feedID(n int) string {
	if n%50 == 49 {
		return fmt.Sprintf("opaque-%d", n)
	}
	r := rand.New(rand.NewPCG(uint64(n), 1)) //nolint:gosec // The same ids each time.
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>20, r.Uint32()>>20, r.Uint64()>>16)
}

// feedEvents returns n events that were created and listed at the same time, an
// hour after their activity began.
func feedEvents(first, n int, at time.Time) []*feedEvent {
	events := make([]*feedEvent, n)
	for i := range events {
		id := feedID(first + i)
		events[i] = &feedEvent{
			id: id, created: at, start: at.Add(-time.Hour), end: at.Add(-time.Minute), listed: at,
			score: float64((first + i) * 37 % 100), category: darktrace.CategorySuspicious, group: "g" + id,
		}
	}
	return events
}

// roundTrip encodes and decodes a checkpoint, as a restart does.
func roundTrip(t testing.TB, checkpoint *darktrace.Checkpoint) *darktrace.Checkpoint {
	t.Helper()
	data, err := json.Marshal(checkpoint)
	require.NoError(t, err)
	restored := new(darktrace.Checkpoint)
	require.NoError(t, json.Unmarshal(data, restored))
	again, err := json.Marshal(restored)
	require.NoError(t, err)
	require.Equal(t, string(data), string(again), "a round trip changes the JSON")
	return restored
}

// changedIDs returns the ids of changes, sorted.
func changedIDs(changes []darktrace.EventChange) []string {
	ids := []string{}
	for _, change := range changes {
		ids = append(ids, change.Event.ID)
	}
	slices.Sort(ids)
	return ids
}

// eventIDs returns the ids of events, sorted.
func eventIDs(events []*feedEvent) []string {
	ids := []string{}
	for _, e := range events {
		ids = append(ids, e.id)
	}
	slices.Sort(ids)
	return ids
}
