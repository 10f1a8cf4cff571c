package darktracetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The e-mail API is below two equivalent prefixes.
const (
	pathEmail    = "/agemail/api/ep/api/v1.0"
	pathEmailToo = "/agemail/api/v1.0"
)

// searchQuery is a decoded query of Advanced Search.
type searchQuery struct {
	Search    *string
	Fields    *[]string
	Offset    int
	Size      int
	Timeframe string
	Time      struct{ From, To time.Time }
}

// searchQuery reads the query in the path or the body.
func (c *call) searchQuery(encoded string) (searchQuery, *response) {
	q := searchQuery{Size: 50}
	data, err := base64.URLEncoding.DecodeString(encoded)
	if err != nil {
		data, err = base64.StdEncoding.DecodeString(encoded)
	}
	if err == nil {
		err = json.Unmarshal(data, &q)
	}
	switch {
	case err != nil:
	case q.Search == nil, q.Fields == nil, q.Timeframe == "":
		err = fmt.Errorf("search, fields or timeframe is missing: %s", data)
	case q.Offset < 0, q.Size < 0:
		err = fmt.Errorf("offset or size is negative")
	case q.Offset > 10_000-q.Size:
		err = fmt.Errorf("hits beyond 10000 are not shown")
	case q.Timeframe == "custom":
		if q.Time.From.IsZero() || q.Time.To.IsZero() {
			err = fmt.Errorf("time is missing: %s", data)
		}
	default:
		var seconds int64
		seconds, err = strconv.ParseInt(q.Timeframe, 10, 64)
		q.Time.From, q.Time.To = c.Time.Add(-time.Duration(seconds)*time.Second), c.Time
	}
	if err != nil {
		a := c.badInput("the query: %v", err)
		return q, &a
	}
	return q, nil
}

// frame holds the members that all responses of Advanced Search have.
func frame(total int) object {
	return object{
		{"took", mustJSON(1)}, {"timed_out", mustJSON(false)}, {"_shards", json.RawMessage(`{"total":2,"successful":2,"skipped":0,"failed":0}`)},
		{"hits", json.RawMessage(fmt.Sprintf(`{"total":%d,"max_score":null,"hits":[]}`, total))}, {"darktraceChildError", mustJSON("")},
	}
}

// advancedSearch serves both forms of a search. It returns the records of the
// window that contain all quoted words of the query.
func (s *Server) advancedSearch(c *call) response {
	encoded := c.vars["query"]
	if c.Method == http.MethodPost {
		encoded = c.text("hash")
	}
	q, refused := c.searchQuery(encoded)
	if refused != nil {
		return *refused
	}
	found := s.records(q)
	page := found[min(q.Offset, len(found)):min(q.Offset+q.Size, len(found))]
	o := frame(len(found))
	o.set("hits", json.RawMessage(fmt.Sprintf(`{"total":%d,"max_score":null,"hits":%s}`, len(found), encodeObjects(page))))
	o.set("kibana", map[string]any{
		"index": []string{"logstash-darktrace-" + q.Time.To.Format("2006.01.02")}, "per_page": 50,
		"time": map[string]time.Time{"from": q.Time.From, "to": q.Time.To}, "default_fields": []string{"@type", "@message"},
	})
	return s.object(c, o)
}

// records returns the records of a window that contain the quoted words of the
// query, newest first.
func (s *Server) records(q searchQuery) []object {
	words := strings.Split(*q.Search, `"`)
	found := slices.DeleteFunc(slices.Clone(s.collection("advancedsearch")), func(o object) bool {
		text := string(o.encode())
		for i := 1; i < len(words); i += 2 {
			if !strings.Contains(text, words[i]) {
				return true
			}
		}
		when := time.UnixMilli(recordTime(o))
		return when.Before(q.Time.From) || when.After(q.Time.To)
	})
	slices.SortStableFunc(found, func(a, b object) int { return int(recordTime(b) - recordTime(a)) })
	return found
}

// recent moves records in time: the newest is ten minutes old, so that common
// windows contain it.
func (s *Server) recent(records []object) {
	var newest int64
	for _, o := range records {
		newest = max(newest, recordTime(o))
	}
	move := s.now().Truncate(time.Second).Add(-10*time.Minute).UnixMilli() - newest
	for i, o := range records {
		when := time.UnixMilli(recordTime(o) + move).UTC()
		source, err := parseObject([]byte(o.text("_source")))
		if err != nil {
			s.fail("a record of advancedsearch: %v", err)
		}
		fields, err := parseObject([]byte(source.text("@fields")))
		if err != nil {
			s.fail("the fields of a record of advancedsearch: %v", err)
		}
		date, _ := fields.number("epochdate")
		date = math.Round(date*1000+float64(move)) / 1000
		_, message, _ := strings.Cut(source.text("@message"), "\t")
		fields.set("epochdate", date)
		source.set("@fields", json.RawMessage(fields.encode()))
		source.set("@timestamp", when.Format("2006-01-02T15:04:05"))
		source.set("@message", strconv.FormatFloat(date, 'f', -1, 64)+"\t"+message)
		index, _, _ := strings.Cut(o.text("_index"), "2")
		records[i] = o.with(member{"_index", mustJSON(index + when.Format("2006.01.02"))},
			member{"_source", source.encode()}, member{"sort", mustJSON([]int64{when.UnixMilli()})})
	}
}

func recordTime(o object) int64 {
	n, _ := strconv.ParseInt(strings.Trim(o.text("sort"), "[]"), 10, 64)
	return n
}

// advancedGraph serves GET /advancedsearch/api/graph: one day of the window, the
// last one first.
func (s *Server) advancedGraph(c *call) response {
	encoded, text, paged := strings.Cut(c.vars["query"], "/")
	page, err := strconv.Atoi(text)
	if paged && (err != nil || page < 0) {
		return c.badInput("%q is not a page", text)
	}
	q, refused := c.searchQuery(encoded)
	if refused != nil {
		return *refused
	}
	interval, err := strconv.ParseInt(c.vars["interval"], 10, 64)
	if err != nil || interval <= 0 || c.vars["kind"] != "count" && c.vars["kind"] != "mean" {
		return c.badInput("a graph is count or mean, and its interval in milliseconds")
	}
	const day = 24 * time.Hour
	begin := q.Time.To.Truncate(day).Add(-time.Duration(page) * day)
	counts := map[int64]int{}
	for _, o := range s.records(q) {
		if t := recordTime(o); t >= begin.UnixMilli() && t < begin.Add(day).UnixMilli() {
			counts[t-t%interval]++
		}
	}
	bars := []map[string]int64{}
	for key, count := range counts {
		bars = append(bars, map[string]int64{"key": key, "doc_count": int64(count)})
	}
	slices.SortFunc(bars, func(a, b map[string]int64) int { return int(a["key"] - b["key"]) })
	o := frame(len(counts))
	o.set("aggregations", map[string]any{c.vars["kind"]: map[string]any{"buckets": bars}})
	kibana := map[string]any{"index": []string{"logstash-darktrace-" + begin.Format("2006.01.02")}, "per_page": 50}
	if q.Time.From.Before(begin) {
		kibana["next"] = page + 1
	}
	o.set("kibana", kibana)
	return s.object(c, o)
}

// searchEmails serves POST emails/search: the e-mails of the window, newest first,
// without the members that only the read of a single e-mail returns. Criteria have
// no effect.
func (s *Server) searchEmails(c *call) response {
	var page, perPage int
	var start, end int64
	var query struct {
		CriteriaList *[]map[string]string `json:"criteriaList"`
		Mode         string               `json:"mode"`
	}
	if refused := c.read(map[string]any{"page": &page, "itemsPerPage": &perPage, "timeFrom": &start, "timeTo": &end, "query": &query}); refused != nil {
		return *refused
	}
	if page < 0 || perPage <= 0 || start <= 0 || end < start || end > 1e11 || query.CriteriaList == nil || query.Mode != "and" {
		return c.badInput("page, itemsPerPage, timeFrom and timeTo in seconds, and query must be valid")
	}
	found := slices.DeleteFunc(slices.Clone(s.collection("emails")), func(o object) bool {
		when, _ := o.number("dtime_unix")
		return when < float64(start)*1000 || when > float64(end)*1000
	})
	slices.SortStableFunc(found, func(a, b object) int {
		x, _ := a.number("dtime_unix")
		y, _ := b.number("dtime_unix")
		return int(y - x)
	})
	found = found[min(page*perPage, len(found)):min((page+1)*perPage, len(found))]
	return s.objects(c, slices.Collect(func(yield func(object) bool) {
		for _, o := range found {
			o = slices.Clone(o)
			o.remove("campaign_id", "headers")
			if !yield(o) {
				return
			}
		}
	}))
}

// actOnEmail serves POST emails/{uuid}/action.
func (s *Server) actOnEmail(c *call) response {
	i := s.at(c, "emails", "uuid")
	if i < 0 {
		return c.notFound("there is no e-mail %s", c.vars["uuid"])
	}
	var recipients []string
	if refused := c.read(map[string]any{"recipients": &recipients}); refused != nil {
		return *refused
	}
	status, ok := map[string]string{"hold": "held", "release": "delivered"}[c.text("action")]
	if !ok || len(recipients) == 0 {
		return c.badInput("the action must be hold or release, with at least one recipient")
	}
	o := s.collection("emails")[i]
	parsed, err := parseObjects([]byte(o.text("rcpts")))
	if err != nil {
		s.fail("the recipients of %s: %v", c.vars["uuid"], err)
	}
	changed := false
	for j, recipient := range parsed {
		if slices.Contains(recipients, recipient.text("rcpt_to")) && recipient.text("rcpt_status") != status {
			parsed[j] = recipient.with(member{"rcpt_status", mustJSON(status)})
			changed = true
		}
	}
	if !changed {
		c.refuse(Failed, "it is %s already", status)
		return jsonResponse(http.StatusConflict, map[string]string{"error": "Failed to " + c.text("action") + " email - Previously Held or Released"})
	}
	emails := slices.Clone(s.collection("emails"))
	emails[i] = o.with(member{"rcpts", encodeObjects(parsed)})
	s.collections["emails"] = emails
	c.CarriedOut = true
	if status == "held" {
		return jsonResponse(http.StatusOK, map[string]any{"code": 0, "resp": "Held Email"})
	}
	return jsonResponse(http.StatusOK, map[string]any{"resp": "Email added to queue"})
}

// downloadEmail serves GET emails/{uuid}/download.
func (s *Server) downloadEmail(c *call) response {
	i := s.at(c, "emails", "uuid")
	if i < 0 {
		return c.notFound("there is no e-mail %s", c.vars["uuid"])
	}
	o := s.collection("emails")[i]
	return bytesResponse(http.StatusOK, "message/rfc822", []byte("From: "+o.text("header_from")+"\r\nSubject: "+o.text("header_subject")+"\r\n\r\nInvented.\r\n"))
}

// unknown responds to undescribed requests with an empty list.
func unknown(*Server, *call) response { return jsonResponse(http.StatusOK, []string{}) }
