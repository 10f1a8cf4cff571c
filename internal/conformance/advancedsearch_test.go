package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// index is an appliance with hits one second apart. It searches them newest first,
// as far as an appliance looks.
type index struct {
	hits    int
	step    time.Duration // between hits
	partial string        // goes into every response
	most    int           // hits on a page; 0 = as many as requested
	before  bool          // the window excludes its end
	deaf    bool          // every page is the first one
	whole   bool          // times are whole seconds
}

// advancedQuery is a query as it is sent.
type advancedQuery struct {
	Offset, Size int
	Time         struct{ From, To time.Time }
}

func readQuery(req *http.Request) (q advancedQuery, err error) {
	segments := strings.Split(req.URL.Path, "/")
	data, err := base64.URLEncoding.DecodeString(segments[len(segments)-1])
	if err != nil {
		return q, err
	}
	return q, json.Unmarshal(data, &q)
}

func (x *index) respond(req *http.Request) (*http.Response, error) {
	q, err := readQuery(req)
	if err != nil {
		return nil, err
	}
	if q.Offset+q.Size > 10_000 {
		return httpmock.NewStringResponse(500, `{"error":"result window is too large"}`), nil
	}
	if x.most > 0 {
		q.Size = min(q.Size, x.most)
	}
	if x.deaf {
		q.Offset = 0
	}
	var hits []string
	total := 0
	for i := range x.hits {
		when := windowEnd.Add(-time.Duration(i) * x.step)
		if x.whole {
			when = when.Truncate(time.Second)
		}
		if when.Before(q.Time.From) || when.After(q.Time.To) || x.before && when.Equal(q.Time.To) {
			continue
		}
		if total++; total > q.Offset && total <= q.Offset+q.Size {
			hits = append(hits, fmt.Sprintf(`{"_index":"i","_id":"%d","_source":{"@type":"conn"},"sort":[%d]}`, i, when.UnixMilli()))
		}
	}
	return httpmock.NewStringResponse(200, fmt.Sprintf(`{"took":1%s,"hits":{"total":%d,"hits":[%s]}}`, x.partial, total, strings.Join(hits, ","))), nil
}

func ids(t *testing.T, client *darktrace.Client, query *darktrace.AdvancedQuery) (ids []string, last error) {
	t.Helper()
	for hit, err := range client.AdvancedSearch.All(t.Context(), query) {
		if last = err; err == nil {
			ids = append(ids, hit.ID)
		}
	}
	return ids, last
}

func TestAllHitsOnceBeyondWhatAnApplianceLooksAt(t *testing.T) {
	t.Parallel()
	x := &index{hits: 23_456, step: 30 * time.Millisecond}
	r := &recorder{respond: x.respond}
	got, err := ids(t, newClient(t, r), &darktrace.AdvancedQuery{Start: windowStart.Add(-time.Hour), End: windowEnd, Size: 3000})
	require.NoError(t, err)
	require.Len(t, got, x.hits)
	for i, id := range got {
		require.Equal(t, fmt.Sprint(i), id)
	}
	assert.LessOrEqual(t, len(r.all()), 13)
}

// Nothing is left out because a page is short, whether or not a window holds the
// moment it ends at.
func TestAllHitsOfPagesThatAreCut(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]*index{
		"short pages":              {hits: 2000, step: time.Millisecond, most: 300},
		"short pages, two windows": {hits: 12_000, step: 100 * time.Millisecond, most: 900},
		"the end is left out":      {hits: 12_000, step: time.Second / 4, whole: true, before: true},
		"the end is kept":          {hits: 12_000, step: time.Second / 4, whole: true},
		"whole seconds, each full": {hits: 21_000, step: time.Second / 7000, whole: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The first hit is inside the window even if the window excludes its end.
			got, err := ids(t, newClient(t, &recorder{respond: x.respond}), &darktrace.AdvancedQuery{Start: windowStart.Add(-3 * time.Hour), End: windowEnd.Add(time.Second)})
			require.NoError(t, err)
			require.Len(t, got, x.hits)
			for i, id := range got {
				require.Equal(t, fmt.Sprint(i), id)
			}
		})
	}
}

// What the appliance counts and does not give is an error.
func TestHitsThatNeverCome(t *testing.T) {
	t.Parallel()
	query := &darktrace.AdvancedQuery{Start: windowStart, End: windowEnd, Size: 100}
	r := &recorder{respond: (&index{hits: 2000, deaf: true}).respond}
	got, err := ids(t, newClient(t, r), query)
	assert.Len(t, got, 100)
	require.ErrorIs(t, err, darktrace.ErrServer)
	assert.ErrorContains(t, err, "the result is incomplete: the appliance returned 100 of 2000 hits")
	assert.LessOrEqual(t, len(r.all()), 4)

	r = responding(200, `{"hits":{"total":7,"hits":[]}}`)
	got, err = ids(t, newClient(t, r), query)
	assert.Empty(t, got)
	require.ErrorIs(t, err, darktrace.ErrServer)
	assert.ErrorContains(t, err, "the appliance returned 0 of 7 hits")
	assert.Len(t, r.all(), 1)
}

func TestTooManyHitsInASecond(t *testing.T) {
	t.Parallel()
	r := &recorder{respond: (&index{hits: 10_001}).respond}
	got, err := ids(t, newClient(t, r), &darktrace.AdvancedQuery{Start: windowStart, End: windowEnd, Size: 5000})
	assert.Len(t, got, 10_000)
	require.ErrorIs(t, err, darktrace.ErrInput)
	assert.ErrorContains(t, err, "more than 10000 hits in one second; narrow the query")
}

func TestPartialResultsShow(t *testing.T) {
	t.Parallel()
	for member, text := range map[string]string{
		`,"darktraceChildError":"Plant"`: `timed out false, 0 parts of the index failed, the probe "Plant" did not respond`,
		`,"timed_out":true`:              "timed out true, 0 parts of the index failed",
		`,"_shards":{"failed":2}`:        "timed out false, 2 parts of the index failed",
	} {
		client := newClient(t, &recorder{respond: (&index{hits: 3, partial: member}).respond})
		query := &darktrace.AdvancedQuery{Start: windowStart, End: windowEnd, Size: 10}
		result, err := client.AdvancedSearch.Search(t.Context(), query)
		require.NoError(t, err)
		assert.True(t, result.Partial, member)
		assert.Len(t, result.Hits.List, 3)
		analysis, err := client.AdvancedSearch.Analyze(t.Context(), query, "@type", darktrace.AnalysisTerms)
		require.NoError(t, err)
		assert.True(t, analysis.Partial, member)
		graph, err := client.AdvancedSearch.Graph(t.Context(), query, darktrace.GraphCount, 0)
		require.NoError(t, err)
		assert.True(t, graph.Partial, member)

		got, err := ids(t, client, query)
		assert.Len(t, got, 3, "its hits come all the same")
		require.ErrorIs(t, err, darktrace.ErrServer)
		assert.ErrorContains(t, err, "the result is incomplete: "+text)
		got, err = ids(t, newClient(t, &recorder{respond: (&index{hits: 12_000, step: 10 * time.Millisecond, partial: member}).respond}), &darktrace.AdvancedQuery{Start: windowStart, End: windowEnd})
		assert.Len(t, got, 12_000, "those of the pages after an incomplete one, too")
		require.ErrorIs(t, err, darktrace.ErrServer)
		assert.ErrorContains(t, err, "the result is incomplete: "+text)
	}
}

func TestLongQueriesGetThroughToOldAppliances(t *testing.T) {
	t.Parallel()
	search := func(respond httpmock.Responder) (*recorder, *darktrace.AdvancedResult, error) {
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return respond(req)
			}
			return httpmock.NewStringResponse(200, `{"hits":{"total":1}}`), nil
		}}
		result, err := newClient(t, r).AdvancedSearch.Search(t.Context(), &darktrace.AdvancedQuery{Search: strings.Repeat("x", 2000)})
		return r, result, err
	}
	for name, refusal := range map[string]httpmock.Responder{
		"404":              respond(404, ""),
		"405":              respond(405, ""),
		"302 to the login": respond(302, "Found. Redirecting to /login"),
		"302 to the start": respond(302, "Found. Redirecting to /", "Location", "/"),
	} {
		r, result, err := search(refusal)
		require.NoError(t, err, name)
		assert.Equal(t, int64(1), result.Hits.Total)
		assert.Len(t, r.all(), 2)
	}
	for name, tt := range map[string]struct {
		refusal httpmock.Responder
		kind    error
	}{
		"302 to another host": {respond(302, "", "Location", "https://sso.example.net/"), darktrace.ErrLogin},
		"302 with a message":  {respond(302, `{"error":"Please login again"}`), darktrace.ErrLogin},
		"302 to /403":         {respond(302, "", "Location", "/403"), darktrace.ErrPermission},
	} {
		r, _, err := search(tt.refusal)
		require.ErrorIs(t, err, tt.kind, name)
		assert.Len(t, r.all(), 1, name)
	}
	// A search is a read although it is a POST: its outcome is never unknown.
	_, err := newClient(t, responding(503, "")).AdvancedSearch.Search(t.Context(), &darktrace.AdvancedQuery{Search: strings.Repeat("x", 2000)})
	require.ErrorIs(t, err, darktrace.ErrServer)
	assert.NotErrorIs(t, err, darktrace.ErrOutcomeUnknown)
}

func TestAnEmptyResponseMeansNoHits(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, ""))
	result, err := client.AdvancedSearch.Search(t.Context(), &darktrace.AdvancedQuery{})
	require.NoError(t, err)
	assert.Empty(t, result.Hits.List)
	assert.False(t, result.Partial)
	got, err := ids(t, client, &darktrace.AdvancedQuery{})
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestGraphOverMidnight(t *testing.T) {
	t.Parallel()
	const day = 24 * 60 * 60 * 1000
	// A page names the next one, or says only that there is one.
	for name, next := range map[string][]int{"numbers": {1, 2, 0}, "flags": {1, 1, 0}} {
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			switch page := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]; page {
			case "1":
				return httpmock.NewStringResponse(200, fmt.Sprintf(`{"aggregations":{"count":{"buckets":[{"key":%d,"doc_count":5}]}},"kibana":{"next":%d}}`, 2*day, next[1])), nil
			case "2":
				return httpmock.NewStringResponse(200, fmt.Sprintf(`{"aggregations":{"count":{"buckets":[{"key":%d,"doc_count":7},{"key":%d,"doc_count":6}]}},"kibana":{"next":%d}}`, day-1, day, next[2])), nil
			default:
				return httpmock.NewStringResponse(200, fmt.Sprintf(`{"aggregations":{"count":{"buckets":[{"key":%d,"doc_count":3}]}},"kibana":{"next":%d}}`, 3*day, next[0])), nil
			}
		}}
		graph, err := newClient(t, r).AdvancedSearch.Graph(t.Context(), &darktrace.AdvancedQuery{Start: windowStart.Add(-72 * time.Hour), End: windowEnd}, darktrace.GraphCount, time.Minute)
		require.NoError(t, err)
		var counts []int64
		for _, bar := range graph.Bars {
			counts = append(counts, bar.Count)
		}
		assert.Equal(t, []int64{7, 6, 5, 3}, counts, "%s: oldest first", name)
		assert.Equal(t, time.Hour, graph.Interval, "raised to what the appliance is made for")
		assert.False(t, graph.Partial)
		lines := r.lines()
		require.Len(t, lines, 3, name)
		assert.Equal(t, []string{lines[0] + "/1", lines[0] + "/2"}, lines[1:])
	}
}

// TestAGraphEnds at the beginning of its window, although the appliance always names
// another page.
func TestAGraphEnds(t *testing.T) {
	t.Parallel()
	for _, growing := range []bool{true, false} {
		page := 1
		r := &recorder{respond: func(*http.Request) (*http.Response, error) {
			response := httpmock.NewStringResponse(200, fmt.Sprintf(`{"aggregations":{},"kibana":{"next":%d}}`, page))
			if growing {
				page++
			}
			return response, nil
		}}
		_, err := newClient(t, r).AdvancedSearch.Graph(t.Context(), &darktrace.AdvancedQuery{Start: windowEnd.Add(-72 * time.Hour), End: windowEnd}, darktrace.GraphCount, 0)
		require.NoError(t, err)
		assert.Len(t, r.lines(), 6, "the days of the window, and two because of time zones")
	}
}

func TestGraphIntervals(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, `{}`))
	for window, want := range map[time.Duration]time.Duration{
		time.Minute: 10 * time.Second, 15 * time.Minute: 10 * time.Second, 16 * time.Minute: 30 * time.Second, time.Hour: 30 * time.Second,
		4 * time.Hour: time.Minute, 12 * time.Hour: 5 * time.Minute, 24 * time.Hour: 5 * time.Minute, 48 * time.Hour: 30 * time.Minute, 49 * time.Hour: time.Hour,
	} {
		for _, asked := range []time.Duration{0, time.Second, want, 2 * want} {
			graph, err := client.AdvancedSearch.Graph(t.Context(), &darktrace.AdvancedQuery{Start: windowEnd.Add(-window), End: windowEnd}, darktrace.GraphCount, asked)
			require.NoError(t, err)
			assert.Equal(t, max(want, asked), graph.Interval, window)
		}
	}
}

func TestFieldsOfARecord(t *testing.T) {
	t.Parallel()
	result, err := newClient(t, responding(200, `{"hits":{"hits":[{"_source":{"@timestamp":"2026-01-02T08:30:20","@fields":{
		"text":"443","number":443,"float":"0.5","flag":true,"list":["a","b"],"mixed":[1,"b"],"null":null}}}]}}`)).AdvancedSearch.Search(t.Context(), &darktrace.AdvancedQuery{})
	require.NoError(t, err)
	record := result.Hits.List[0].Source
	assert.Equal(t, time.Date(2026, 1, 2, 8, 30, 20, 0, time.UTC), record.Time())
	for field, want := range map[string]string{"text": "443", "number": "443", "flag": "true", "list": `["a","b"]`, "null": "", "none": ""} {
		assert.Equal(t, want, record.Text(field), field)
	}
	for field, want := range map[string]int64{"text": 443, "number": 443} {
		n, ok := record.Int(field)
		assert.True(t, ok)
		assert.Equal(t, want, n)
	}
	x, ok := record.Float("float")
	assert.True(t, ok)
	assert.InDelta(t, 0.5, x, 0)
	_, ok = record.Int("flag")
	assert.False(t, ok)
	_, ok = record.Float("none")
	assert.False(t, ok)
	assert.Equal(t, []string{"a", "b"}, record.Texts("list"))
	assert.Equal(t, []string{"443"}, record.Texts("number"))
	assert.Equal(t, []string{`[1,"b"]`}, record.Texts("mixed"))
	assert.Nil(t, record.Texts("none"))
}

func TestValuesOfAnAnalysis(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]int64{
		`{"aggregations":{"terms":{"buckets":[{"key":53,"doc_count":2},{"key":"x","doc_count":1}]}}}`:             {"53": 2, "x": 1},
		`{"hits":{"hits":[{"id":"192.0.2.1","count":5,"start":1,"trend":3.5}]}}`:                                  {"192.0.2.1": 5},
		`{"aggregations":{"score":{"buckets":[{"key":53,"doc_count":2}]}}}`:                                       {"53": 2},
		`{"hits":{"hits":[{"id":53,"count":5}]},"aggregations":{"score":{"buckets":[{"key":53,"doc_count":2}]}}}`: {"53": 5},
		`{"aggregations":{"stats":{"count":3,"min":53,"max":443,"avg":183,"sum":549}},"kibana":{"index":"one"}}`:  {},
	} {
		analysis, err := newClient(t, responding(200, body)).AdvancedSearch.Analyze(t.Context(), &darktrace.AdvancedQuery{}, "@fields.dest_port", darktrace.AnalysisScore)
		require.NoError(t, err)
		got := map[string]int64{}
		for value, count := range analysis.Values() {
			got[value] = count
		}
		assert.Equal(t, want, got, body)
		for range analysis.Values() {
			break
		}
		assert.Empty(t, analysis.Extra)
	}
}
