package darktrace

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AdvancedSearchService searches the records that the appliance keeps of
// connections, as the Advanced Search console does, and analyses them. It is
// the field AdvancedSearch of a [Client] and safe for concurrent use. See the
// example of [AdvancedSearchService.All].
//
// Its methods need the permissions "Advanced Search" and "Unrestricted
// Devices".
type AdvancedSearchService service

// AdvancedQuery is a query of Advanced Search.
type AdvancedQuery struct {
	// Search is the query, in a language like Lucene's, such as `@type:"ssl"
	// AND @fields.dest_port:"443"`. Empty matches everything.
	Search string
	// Start and End bound the window, in whole seconds with End rounded up. Only
	// Start: until now. Neither: the last 15 minutes.
	Start time.Time
	// End is the end of the window, which needs Start.
	End time.Time
	// Size is how many hits Search returns, at most 10,000; 0 means 50. All
	// requests that many at a time.
	Size int
	// Offset is how many hits Search skips. Offset and Size together are at
	// most 10,000: to see more, narrow the window or use All.
	Offset int
	// Field is the field whose mean GraphMean draws, such as
	// "@fields.orig_bytes". It is required there and ignored elsewhere.
	Field string
}

// mostHits is how many hits of a result an appliance can reach.
const mostHits = 10_000

const defaultTimeframe = 15 * time.Minute

// fixed returns the query with a window that does not move from one request to
// the next.
func (q *AdvancedQuery) fixed(now time.Time) AdvancedQuery {
	fixed := *q
	if fixed.Start.IsZero() && fixed.End.IsZero() {
		fixed.Start = now.Add(-defaultTimeframe)
	}
	fixed.End = completed(fixed.Start, fixed.End, now)
	return fixed
}

// hash encodes the query in the form of the appliance: JSON in base64.
func (q *AdvancedQuery) hash(now time.Time) (string, error) {
	if q == nil {
		return "", argument("query", "is nil")
	}
	type window struct {
		From     string `json:"from"`
		To       string `json:"to"`
		Interval string `json:"user_interval"`
	}
	wire := struct {
		Search    string   `json:"search"`
		Fields    []string `json:"fields"` // Required, and empty.
		Offset    int      `json:"offset"`
		Size      int      `json:"size,omitzero"`
		Timeframe string   `json:"timeframe"`
		Time      *window  `json:"time,omitempty"`
		Field     string   `json:"analyze_field,omitzero"`
	}{q.Search, []string{}, q.Offset, q.Size, strconv.Itoa(int(defaultTimeframe / time.Second)), nil, q.Field}
	switch {
	case q.Size < 0 || q.Offset < 0 || q.Offset > mostHits-cmp.Or(q.Size, 50):
		return "", argument("Size", "and Offset are %d and %d; together they must be between 0 and %d", q.Size, q.Offset, mostHits)
	case !q.Start.IsZero() || !q.End.IsZero():
		end := completed(q.Start, q.End, now)
		if err := checkPair(q.Start, end); err != nil {
			return "", err
		}
		wire.Timeframe = "custom"
		wire.Time = &window{q.Start.UTC().Format(time.RFC3339), time.Unix(ceilSeconds(end), 0).UTC().Format(time.RFC3339), "0"}
	}
	data, err := marshalASCII(wire)
	if err != nil {
		return "", argument("query", "can't be encoded: %v", err)
	}
	return base64.URLEncoding.EncodeToString(data), nil
}

// AdvancedResult is the result of a search.
//
// Threat Visualizer API: GET /advancedsearch/api/search/{query}.
type AdvancedResult struct {
	Took     int64                      `json:"took,omitzero"`                // How long the search took, in milliseconds.
	TimedOut bool                       `json:"timed_out,omitzero"`           // The search ran out of time; see Partial.
	Shards   AdvancedShards             `json:"_shards,omitzero"`             // Parts of the index; see Partial.
	Hits     AdvancedHits               `json:"hits,omitzero"`                // The hits.
	Missing  string                     `json:"darktraceChildError,omitzero"` // Name of a probe that did not respond; see Partial.
	Frame    AdvancedFrame              `json:"kibana,omitzero"`              // What was searched.
	Partial  bool                       `json:"-"`                            // The result is incomplete: a probe or a part of the index is missing, or time ran out. Set by Search.
	Extra    map[string]json.RawMessage `json:"-"`                            // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped  []string                   `json:"-"`                            // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// AdvancedShards counts the parts of the index.
type AdvancedShards struct {
	Total      int64   `json:"total,omitzero"`      // All parts.
	Successful int64   `json:"successful,omitzero"` // Searched parts.
	Unneeded   int64   `json:"skipped,omitzero"`    // Parts that can't contain a hit.
	Failed     int64   `json:"failed,omitzero"`     // Parts missing in the result.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AdvancedHits are the hits of a search.
type AdvancedHits struct {
	Total    int64         `json:"total,omitzero"`     // Number of all hits, including those that are not in List.
	MaxScore *float64      `json:"max_score,omitzero"` // Undocumented; nil = none.
	List     []AdvancedHit `json:"hits,omitzero"`      // The requested hits.
	Extra    RawJSON       `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AdvancedHit is a hit of a search.
type AdvancedHit struct {
	Index  string         `json:"_index,omitzero"`  // Part of the index, one for each day.
	Kind   string         `json:"_type,omitzero"`   // "doc".
	ID     string         `json:"_id,omitzero"`     // Id within the index.
	Score  *float64       `json:"_score,omitzero"`  // Undocumented; nil = none.
	Source AdvancedRecord `json:"_source,omitzero"` // The record.
	Sort   []Millis       `json:"sort,omitzero"`    // The sort key: the time of the hit.
	Extra  RawJSON        `json:"-"`                // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AdvancedRecord is the record of a connection.
type AdvancedRecord struct {
	Type      string                     `json:"@type,omitzero"`            // Protocol or kind of record, such as "conn", "ssl" or "x509".
	Timestamp string                     `json:"@timestamp,omitzero"`       // When it happened, "2006-01-02T15:04:05" in UTC; see Time.
	Message   string                     `json:"@message,omitzero"`         // All fields in one line, separated by tabs.
	Probe     string                     `json:"@darktrace_probe,omitzero"` // Probe that recorded it; "" = the master.
	Fields    map[string]json.RawMessage `json:"@fields,omitzero"`          // The fields, which differ by type and version; see Text, Int, Float and Texts.
	Extra     RawJSON                    `json:"-"`                         // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Time returns when it happened, or the zero time if that is unknown.
func (r *AdvancedRecord) Time() time.Time { return clockTime(r.Timestamp) }

// Text returns a field as text: a number or a flag as it was sent, a list as
// JSON, and "" if there is no such field.
func (r *AdvancedRecord) Text(field string) string {
	raw := r.Fields[field]
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// Int returns a field as a whole number, sent as a number or as text: that
// differs between types of records.
func (r *AdvancedRecord) Int(field string) (n int64, ok bool) {
	n, err := strconv.ParseInt(r.Text(field), 10, 64)
	return n, err == nil
}

// Float returns a field as a number, sent as a number or as text.
func (r *AdvancedRecord) Float(field string) (x float64, ok bool) {
	x, err := strconv.ParseFloat(r.Text(field), 64)
	return x, err == nil
}

// Texts returns a field that is a list of texts. It returns any other field as
// a list of one, and nil if there is no such field.
func (r *AdvancedRecord) Texts(field string) []string {
	raw, ok := r.Fields[field]
	if !ok {
		return nil
	}
	var texts []string
	if json.Unmarshal(raw, &texts) == nil {
		return texts
	}
	return []string{r.Text(field)}
}

// AdvancedFrame describes what was searched.
type AdvancedFrame struct {
	Index         []string       `json:"index,omitzero"`          // Parts of the index, one for each day.
	PerPage       int64          `json:"per_page,omitzero"`       // Meaningless: always 50.
	Time          AdvancedWindow `json:"time,omitzero"`           // The window.
	DefaultFields []string       `json:"default_fields,omitzero"` // Fields shown by the console.
	Next          int64          `json:"next,omitzero"`           // Page of a graph that continues a day earlier; 0 = none. Graph follows it.
	Extra         RawJSON        `json:"-"`                       // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AdvancedWindow is the window of a search, as RFC 3339.
type AdvancedWindow struct {
	From  string  `json:"from,omitzero"` // Start of the window.
	To    string  `json:"to,omitzero"`   // End of the window.
	Extra RawJSON `json:"-"`             // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// partial tells whether a result is incomplete.
func partial(timedOut bool, shards AdvancedShards, missing string) bool {
	return timedOut || shards.Failed > 0 || missing != ""
}

// Search returns one page of the hits of a query. The result can be incomplete
// without an error: look at Partial.
//
// Long queries are sent by POST. Appliances before 6.1 don't accept that: for
// them the query is sent in the path.
//
// Threat Visualizer API: GET /advancedsearch/api/search/{query}, POST
// /advancedsearch/api/search since 6.1.
func (s *AdvancedSearchService) Search(ctx context.Context, query *AdvancedQuery) (*AdvancedResult, error) {
	c := s.client()
	hash, err := query.hash(c.now())
	if err != nil {
		return nil, err
	}
	const path, long = "/advancedsearch/api/search", 2 << 10
	var result *AdvancedResult
	get := len(hash) <= long
	if !get {
		result, err = oneOrNone[AdvancedResult](ctx, c, &Request{Method: http.MethodPost, Path: path, Read: true, JSON: map[string]string{"hash": hash}})
		get = unknownEndpoint(err)
	}
	if get {
		result, err = oneOrNone[AdvancedResult](ctx, c, &Request{Path: pathOf("advancedsearch", "api", "search", hash)})
	}
	if err != nil {
		return nil, err
	}
	result.Partial = partial(result.TimedOut, result.Shards, result.Missing)
	return result, nil
}

// unknownEndpoint reports whether an appliance may have failed with err because
// it does not have the endpoint.
func unknownEndpoint(err error) bool {
	refusal, ok := errors.AsType[*APIError](err)
	return errors.Is(err, ErrEndpoint) || errors.Is(err, ErrNotFound) || ok && (refusal.StatusCode == http.StatusMethodNotAllowed ||
		refusal.StatusCode == http.StatusFound && errors.Is(err, ErrLogin) && refusal.Code == "" && !refusal.elsewhere)
}

// All streams every hit of a query, newest first, however many there are. It
// reads page by page and, beyond 10,000 hits, continues with the time before
// the last hit. It begins at Offset. Each hit is yielded once.
//
// If a page is incomplete, All reads on. It yields what there is and then
// ErrServer, whose text says what the first incomplete page lacks. If the
// appliance returns fewer hits than it counts, All returns ErrServer too. An
// error is yielded last, with a nil hit.
//
// Threat Visualizer API: GET /advancedsearch/api/search/{query}, POST
// /advancedsearch/api/search since 6.1.
func (s *AdvancedSearchService) All(ctx context.Context, query *AdvancedQuery) iter.Seq2[*AdvancedHit, error] {
	return func(yield func(*AdvancedHit, error) bool) {
		if err := s.all(ctx, query, func(hit *AdvancedHit) bool { return yield(hit, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

func (s *AdvancedSearchService) all(ctx context.Context, query *AdvancedQuery, yield func(*AdvancedHit) bool) error {
	if query == nil {
		return argument("query", "is nil")
	}
	c := s.client()
	q := query.fixed(c.now())
	q.Size = cmp.Or(q.Size, 1000)
	lost := ""               // What is missing on the first incomplete page.
	const patience = 3       // pages without a new hit that All tolerates
	seen := map[string]int{} // Hits, with the last window that held them.
	inclusive := false       // Whether a window includes the moment at which it ends.
	skip, window := q.Offset, 1
	had, total, barren := 0, int64(math.MaxInt64), 0 // Of this window: hits read, all hits, pages in a row without a new one.
	for {
		page, err := s.Search(ctx, &q)
		if err != nil {
			return err
		}
		before, end := had, ceilSeconds(q.End)
		var oldest Millis
		for i := range page.Hits.List {
			hit := &page.Hits.List[i]
			if len(hit.Sort) > 0 {
				oldest = hit.Sort[0]
				inclusive = inclusive || int64(oldest) >= end*1000
			}
			key := hit.Index + "\n" + hit.ID
			last := seen[key]
			if last < window {
				had++
			}
			if hit.ID != "" {
				seen[key] = window
			}
			if last == 0 && !yield(hit) {
				return nil
			}
		}
		total = min(total, page.Hits.Total) // More can come while All reads.
		barren++
		if had > before {
			barren = 0
		}
		if page.Partial && lost == "" {
			lost = fmt.Sprintf("timed out %v, %d parts of the index failed", page.TimedOut, page.Shards.Failed)
			if page.Missing != "" {
				lost += fmt.Sprintf(", the probe %q did not respond", page.Missing)
			}
		}
		read := q.Offset + len(page.Hits.List)
		final := len(page.Hits.List) < q.Size && int64(read) >= page.Hits.Total
		switch {
		case final && int64(skip+had) >= total && lost == "":
			return nil
		case final, len(page.Hits.List) == 0, barren == patience:
			what := cmp.Or(lost, fmt.Sprintf("the appliance returned %d of %d hits", had, total-int64(skip)))
			return failed(ErrServer, http.MethodGet, "/advancedsearch/api/search", "the result is incomplete: "+what, nil, c.redact)
		}
		if q.Offset = read; q.Offset < mostHits {
			q.Size = min(q.Size, mostHits-q.Offset) // The last page is a short one.
			continue
		}
		// The documentation does not say whether a window includes the moment at which it
		// ends.
		next := time.Unix(ceilSeconds(oldest.Time()), 0)
		if !inclusive {
			next = oldest.Time().Truncate(time.Second).Add(time.Second)
		}
		if oldest == 0 || next.Unix() >= end || !next.After(q.Start) {
			return failed(ErrInput, http.MethodGet, "/advancedsearch/api/search", fmt.Sprintf("more than %d hits in one second; narrow the query", mostHits), nil, c.redact)
		}
		q.End, q.Offset, q.Size = next, 0, cmp.Or(query.Size, 1000)
		skip, had, total, barren = 0, 0, math.MaxInt64, 0
		window++
	}
}

// AnalysisKind says what Analyze computes.
type AnalysisKind string

// Kinds of analysis.
const (
	AnalysisMean  AnalysisKind = "mean"  // Count, minimum, maximum, mean and sum of a number.
	AnalysisTerms AnalysisKind = "terms" // The most frequent values.
	AnalysisTrend AnalysisKind = "trend" // The values whose frequency changed most.
	AnalysisScore AnalysisKind = "score" // The most frequent values among the latest hits.
)

// AdvancedAnalysis is the result of Analyze.
//
// Threat Visualizer API: GET
// /advancedsearch/api/analyze/{field}/{kind}/{query}.
type AdvancedAnalysis struct {
	Took         int64                      `json:"took,omitzero"`                // How long the search took, in milliseconds.
	TimedOut     bool                       `json:"timed_out,omitzero"`           // The search ran out of time; see Partial.
	Shards       AdvancedShards             `json:"_shards,omitzero"`             // Parts of the index; see Partial.
	Hits         AnalysisHits               `json:"hits,omitzero"`                // Values, with AnalysisTrend and AnalysisScore; see Values.
	Aggregations AnalysisFigures            `json:"aggregations,omitzero"`        // The other results; see Values.
	Missing      string                     `json:"darktraceChildError,omitzero"` // Name of a probe that did not respond; see Partial.
	Frame        AdvancedFrame              `json:"kibana,omitzero"`              // What was searched.
	Partial      bool                       `json:"-"`                            // The result is incomplete, as in AdvancedResult. Set by Analyze.
	Extra        map[string]json.RawMessage `json:"-"`                            // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped      []string                   `json:"-"`                            // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// AnalysisHits are the values of a trend or a score.
type AnalysisHits struct {
	Total    int64           `json:"total,omitzero"`     // Number of all hits.
	Count    int64           `json:"count,omitzero"`     // Number of analysed hits.
	MaxScore *float64        `json:"max_score,omitzero"` // Undocumented; nil = none.
	List     []AnalysisValue `json:"hits,omitzero"`      // The values.
	Extra    RawJSON         `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AnalysisValue is a value and how often it occurs.
type AnalysisValue struct {
	Value string  `json:"id,omitzero"`    // The value, a number as text.
	Count int64   `json:"count,omitzero"` // How often it occurs.
	Start RawJSON `json:"start,omitzero"` // How often it occurred at the start of the window; only with AnalysisTrend.
	Trend RawJSON `json:"trend,omitzero"` // How that changed; only with AnalysisTrend.
	Extra RawJSON `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AnalysisFigures are the results of a mean or of terms.
type AnalysisFigures struct {
	Stats *AdvancedStats  `json:"stats,omitzero"` // Only with AnalysisMean.
	Terms *AnalysisBucket `json:"terms,omitzero"` // Only with AnalysisTerms.
	Score *AnalysisBucket `json:"score,omitzero"` // With AnalysisScore on some appliances.
	Extra RawJSON         `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AnalysisBucket lists the most frequent values.
type AnalysisBucket struct {
	Buckets []AnalysisTerm `json:"buckets,omitzero"`                     // The values.
	Others  int64          `json:"sum_other_doc_count,omitzero"`         // How often all other values occur.
	Error   int64          `json:"doc_count_error_upper_bound,omitzero"` // Maximum error of a count.
	Extra   RawJSON        `json:"-"`                                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AnalysisTerm is a value and how often it occurs.
type AnalysisTerm struct {
	Value string  `json:"key,omitzero"`       // The value, a number as text.
	Count int64   `json:"doc_count,omitzero"` // How often it occurs.
	Extra RawJSON `json:"-"`                  // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// AdvancedStats are statistics of a number.
type AdvancedStats struct {
	Count   int64    `json:"count,omitzero"` // Number of values.
	Min     *float64 `json:"min,omitzero"`   // Minimum; nil = no value.
	Max     *float64 `json:"max,omitzero"`   // Maximum; nil = no value.
	Average *float64 `json:"avg,omitzero"`   // Mean; nil = no value.
	Sum     *float64 `json:"sum,omitzero"`   // Sum; nil = no value.
	Extra   RawJSON  `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// Values yields the values with how often they occur, independently of where
// the appliance put them. A mean has none: see Aggregations.Stats.
func (a *AdvancedAnalysis) Values() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for _, bucket := range []*AnalysisBucket{a.Aggregations.Terms, a.Aggregations.Score} {
			if bucket == nil || bucket == a.Aggregations.Score && len(a.Hits.List) > 0 {
				continue
			}
			for _, term := range bucket.Buckets {
				if !yield(term.Value, term.Count) {
					return
				}
			}
		}
		for _, value := range a.Hits.List {
			if !yield(value.Value, value.Count) {
				return
			}
		}
	}
}

// Analyze computes statistics of a field, such as "@fields.dest_port", over all
// hits of a query. The result can be incomplete without an error: look at
// Partial.
//
// Threat Visualizer API: GET
// /advancedsearch/api/analyze/{field}/{kind}/{query}.
func (s *AdvancedSearchService) Analyze(ctx context.Context, query *AdvancedQuery, field string, kind AnalysisKind) (*AdvancedAnalysis, error) {
	hash, err := query.hash(s.client().now())
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(field) == "" {
		return nil, argument("field", "is empty")
	}
	if kind == "" {
		return nil, argument("kind", "is empty")
	}
	analysis, err := oneOrNone[AdvancedAnalysis](ctx, s.client(), &Request{Path: pathOf("advancedsearch", "api", "analyze", field, kind, hash)})
	if err != nil {
		return nil, err
	}
	analysis.Partial = partial(analysis.TimedOut, analysis.Shards, analysis.Missing)
	return analysis, nil
}

// GraphKind says what Graph draws.
type GraphKind string

// Kinds of graph.
const (
	GraphCount GraphKind = "count" // The number of hits.
	GraphMean  GraphKind = "mean"  // The mean of AdvancedQuery.Field.
)

// AdvancedGraph is a series over time.
//
// Threat Visualizer API: GET
// /advancedsearch/api/graph/{kind}/{interval}/{query}.
type AdvancedGraph struct {
	Bars     []GraphBar    // The series, oldest first.
	Interval time.Duration // Width of a bar.
	Partial  bool          // The series is incomplete, as in AdvancedResult.
}

// GraphBar is one bar of a graph.
type GraphBar struct {
	Time  Millis         `json:"key,omitzero"`           // Start of the bar.
	Text  string         `json:"key_as_string,omitzero"` // The same as text; only with GraphMean.
	Count int64          `json:"doc_count,omitzero"`     // Hits in it.
	Stats *AdvancedStats `json:"mean_stats,omitzero"`    // Only with GraphMean; nil = no hit.
	Extra RawJSON        `json:"-"`                      // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// graphPage is one day of a graph.
type graphPage struct {
	Took         int64                      `json:"took,omitzero"`
	TimedOut     bool                       `json:"timed_out,omitzero"`
	Shards       AdvancedShards             `json:"_shards,omitzero"`
	Hits         AdvancedHits               `json:"hits,omitzero"`
	Aggregations map[string]graphBars       `json:"aggregations,omitzero"`
	Missing      string                     `json:"darktraceChildError,omitzero"`
	Frame        AdvancedFrame              `json:"kibana,omitzero"`
	Extra        map[string]json.RawMessage `json:"-"`
	Skipped      []string                   `json:"-"` // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

type graphBars struct {
	Buckets []GraphBar `json:"buckets,omitzero"`
	Extra   RawJSON    `json:"-"`

	unusual fieldSet
}

// graphSteps are the smallest documented intervals, by the length of the
// window.
var graphSteps = []struct{ window, interval time.Duration }{
	{15 * time.Minute, 10 * time.Second},
	{time.Hour, 30 * time.Second},
	{4 * time.Hour, time.Minute},
	{24 * time.Hour, 5 * time.Minute},
	{48 * time.Hour, 30 * time.Minute},
}

// graphInterval raises an interval to the smallest one for a window.
func graphInterval(window, interval time.Duration) time.Duration {
	for _, step := range graphSteps {
		if window <= step.window {
			return max(interval, step.interval)
		}
	}
	return max(interval, time.Hour)
}

// Graph returns a series over the window of a query, with one bar for each
// interval. The appliance splits a graph into days; Graph requests all of them,
// one after the other. The result can be incomplete without an error: look at
// Partial.
//
// The smallest interval depends on the window: 10 seconds up to 15 minutes, 30
// seconds up to an hour, 1 minute up to 4 hours, 5 minutes up to a day, 30
// minutes up to two days, and an hour beyond. A smaller interval is
// raised to this minimum. 0 means the smallest interval.
//
// Threat Visualizer API: GET
// /advancedsearch/api/graph/{kind}/{interval}/{query}.
func (s *AdvancedSearchService) Graph(ctx context.Context, query *AdvancedQuery, kind GraphKind, interval time.Duration) (*AdvancedGraph, error) {
	switch {
	case query == nil:
		return nil, argument("query", "is nil")
	case kind == "":
		return nil, argument("kind", "is empty")
	case kind == GraphMean && query.Field == "":
		return nil, argument("Field", "is empty; a graph of means requires it")
	case interval < 0:
		return nil, argument("interval", "is negative: %v", interval)
	}
	now := s.client().now()
	q := query.fixed(now)
	hash, err := q.hash(now)
	if err != nil {
		return nil, err
	}
	graph := &AdvancedGraph{Interval: graphInterval(q.End.Sub(q.Start), interval)}
	path := pathOf("advancedsearch", "api", "graph", kind, graph.Interval.Milliseconds(), hash)
	first := int64(q.End.Sub(q.Start)/(24*time.Hour)) + 2 // The page of the first day, in any time zone.
	for day, next := int64(0), path; next != ""; {
		page, err := oneOrNone[graphPage](ctx, s.client(), &Request{Path: next})
		if err != nil {
			return nil, err
		}
		for _, bars := range page.Aggregations {
			graph.Bars = append(graph.Bars, bars.Buckets...)
		}
		graph.Partial = graph.Partial || partial(page.TimedOut, page.Shards, page.Missing)
		if next = ""; page.Frame.Next > 0 && day < first { // It can be 1 on every page.
			day = max(day+1, page.Frame.Next)
			next = path + "/" + strconv.FormatInt(day, 10)
		}
	}
	slices.SortStableFunc(graph.Bars, func(a, b GraphBar) int { return cmp.Compare(a.Time, b.Time) })
	return graph, nil
}
