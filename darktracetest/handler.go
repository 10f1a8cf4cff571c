package darktracetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// route is one operation of the API.
type route struct {
	since      Profile
	permission Permission
	handle     func(*call) answer
}

const (
	pathEvents         = "/aianalyst/incidentevents"
	pathGroups         = "/aianalyst/groups"
	pathComments       = "/aianalyst/incident/comments"
	pathStats          = "/aianalyst/stats"
	pathInvestigations = "/aianalyst/investigations"
)

func (s *Server) newRoutes() map[string]route {
	flag := func(field string, value bool) func(*call) answer {
		return func(c *call) answer { return s.postFlag(c, field, value) }
	}
	return map[string]route{
		"GET " + pathEvents:             {V52, Visualizer, s.getEvents},
		"GET " + pathGroups:             {V52, Visualizer, s.getGroups},
		"POST /aianalyst/acknowledge":   {V52, AcknowledgeBreaches, flag("acknowledged", true)},
		"POST /aianalyst/unacknowledge": {V52, AcknowledgeBreaches, flag("acknowledged", false)},
		"POST /aianalyst/pin":           {V61, Visualizer, flag("pinned", true)},
		"POST /aianalyst/unpin":         {V61, Visualizer, flag("pinned", false)},
		"GET " + pathComments:           {V52, Visualizer, s.getComments},
		"POST " + pathComments:          {V60, DiscussBreaches, s.postComment},
		"GET " + pathStats:              {V60, Visualizer, s.getStats},
		"GET " + pathInvestigations:     {V61, Visualizer, s.getInvestigations},
		"POST " + pathInvestigations:    {V61, CreateInvestigations, s.postInvestigation},
	}
}

// call is one request on its way through the appliance.
type call struct {
	*Request
	path    string // as transmitted, without the prefix
	outside bool   // the path is not below the prefix
	token   *Token
	params  params
	base    string // what links begin with
}

// answer is what goes back. The body may be written more than once.
type answer struct {
	status int
	header http.Header
	body   func(io.Writer) error // nil: none
}

func jsonAnswer(status int, v any) answer {
	return bytesAnswer(status, "application/json", mustJSON(v))
}

func bytesAnswer(status int, contentType string, body []byte) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {contentType + "; charset=utf-8"}},
		body:   func(w io.Writer) error { _, err := w.Write(body); return err },
	}
}

// listAnswer writes a JSON array element by element.
func listAnswer[T any](elements []T, encode func(T) []byte) answer {
	a := bytesAnswer(http.StatusOK, "application/json", nil)
	a.body = func(w io.Writer) error {
		separator := []byte("[")
		for _, e := range elements {
			if _, err := w.Write(separator); err != nil {
				return err
			}
			if _, err := w.Write(encode(e)); err != nil {
				return err
			}
			separator = []byte(",")
		}
		end := "]"
		if len(elements) == 0 {
			end = "[]"
		}
		_, err := io.WriteString(w, end)
		return err
	}
	return a
}

// redirect is what an appliance built on Express answers.
func redirect(location string) answer {
	a := bytesAnswer(http.StatusFound, "text/plain", []byte("Found. Redirecting to "+location))
	a.header.Set("Location", location)
	return a
}

// word is a one-word answer; its key is the first segment of the path.
func (c *call) word(status int, word string) answer {
	segment, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	return jsonAnswer(status, map[string]string{segment: word})
}

// badInput is the answer to an argument that makes no sense.
func (c *call) badInput(format string, args ...any) answer {
	c.refuse(BadInput, format, args...)
	return c.word(http.StatusBadRequest, "INPUT ERROR")
}

// ServeHTTP answers as the appliance does, injected faults included.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(r)
	fault := s.receive(c)
	if fault.Cut == CutBeforeRead {
		s.record(c, 0)
		panic(http.ErrAbortHandler)
	}
	var err error
	if c.Body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20)); err != nil {
		c.refuse(NeverProcessed, "the body could not be read: %v", err)
		s.record(c, 0)
		panic(http.ErrAbortHandler)
	}
	c.base = baseURL(r) + s.cfg.prefix
	a := s.process(c, fault)
	if a.header.Get("Date") == "" { // A fault may have one of its own.
		a.header.Set("Date", c.Time.UTC().Format(http.TimeFormat))
	}
	status := a.status
	if fault.Cut == CutBeforeAnswer {
		status = 0
	}
	s.record(c, status)
	if !pause(r.Context(), fault.Delay) || fault.Cut == CutBeforeAnswer {
		panic(http.ErrAbortHandler)
	}
	s.write(w, r, a, fault)
}

func newCall(r *http.Request) *call {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if i := strings.Index(path, "://"); i >= 0 { // as sent to a proxy
		path = path[i+3:]
		path = path[max(strings.IndexByte(path, '/'), 0):]
	}
	values, _ := url.ParseQuery(query)
	return &call{
		path: path,
		Request: &Request{
			Method: r.Method, Path: path, RawQuery: query, Query: values, Header: r.Header.Clone(),
			Verdict: NeverProcessed, Reason: "cut by a fault before it was read",
		},
	}
}

func baseURL(r *http.Request) string {
	if r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// receive takes the prefix off the path, stamps the request with the appliance's
// time and finds its fault.
func (s *Server) receive(c *call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inside, found := strings.CutPrefix(c.path, s.cfg.prefix); found && strings.HasPrefix(inside, "/") {
		c.path = inside
	} else {
		c.outside = true
	}
	fault, matched := s.takeFault(c.Method, c.path)
	c.Faulted = matched
	c.Time = s.now().Add(fault.ClockOffset)
	return fault
}

func (s *Server) record(c *call, status int) {
	c.Status = status
	if s.cfg.observe != nil {
		s.observing.Lock()
		defer s.observing.Unlock()
		s.cfg.observe(*c.Request)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, c.Request)
}

// process verifies the request and answers it. A fault with an answer of its
// own keeps the request from being carried out, unless it says otherwise.
func (s *Server) process(c *call, fault Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, allowed := s.admit(c, fault)
	if allowed != nil && (fault.CarryOut || !fault.replaces()) {
		a = allowed.handle(c)
		c.Ignored = c.params.ignored()
	}
	return fault.change(a)
}

// admit checks prefix, signature, date, endpoint and permission in this order. It
// returns the route, or the answer of the refusal.
func (s *Server) admit(c *call, fault Fault) (answer, *route) {
	if c.Method == http.MethodGet && (c.path == "/login" || c.path == "/403") {
		c.refuse(NoEndpoint, "a redirect was followed to a page for people")
		page := LoginPage()
		return page.change(answer{}), nil
	}
	if c.outside {
		c.refuse(NoEndpoint, "the path is not below %s/", s.cfg.prefix)
		return redirect("/login"), nil
	}
	if word := s.verify(c, fault); word != "" {
		return c.word(http.StatusBadRequest, word), nil
	}
	route, known := s.routes[c.Method+" "+c.path]
	if !known || s.cfg.profile < route.since {
		c.refuse(NoEndpoint, "%s has no such endpoint", s.cfg.profile)
		return redirect("/login"), nil
	}
	if !c.token.may(route.permission) {
		c.refuse(NoPermission, "the token's user lacks %q", route.permission)
		if s.cfg.profile >= V71 {
			return jsonAnswer(http.StatusForbidden, map[string]string{"error": "Forbidden"}), nil
		}
		return redirect("/403"), nil
	}
	c.Verdict, c.Reason = Accepted, ""
	c.params = params{values: c.Query, known: map[string]bool{}}
	return bytesAnswer(http.StatusOK, "application/json", nil), &route
}

// verify checks the authentication headers. It returns the word of the refusal,
// or nothing.
func (s *Server) verify(c *call, fault Fault) string {
	path := c.Path
	if s.cfg.stripPrefix {
		path = c.path
	}
	claim := signed{
		method: c.Method, path: path, query: c.RawQuery, body: c.Body,
		token: c.Header.Get(headerToken), date: c.Header.Get(headerDate), given: c.Header.Get(headerSignature),
		origin: strings.TrimSuffix(c.base, s.cfg.prefix),
	}
	for _, target := range targets(s.cfg.profile, c.Method, path, c.RawQuery, c.Body) {
		claim.accepted = append(claim.accepted, claim.stringToSign(target))
	}
	c.StringToSign = claim.accepted
	if reason := s.badSignature(c, &claim); reason != "" {
		c.refuse(BadSignature, "%s", reason)
		return string(BadSignature)
	}
	if err := checkDate(s.cfg.profile, claim.date, c.Time); err != nil {
		c.refuse(BadDate, "%v", err)
		if s.clockOffset != 0 || fault.ClockOffset != 0 {
			c.Reason = wrongClock + c.Reason
		}
		if s.cfg.dateAsSign {
			return string(BadSignature)
		}
		return string(BadDate)
	}
	return ""
}

func (s *Server) badSignature(c *call, claim *signed) string {
	for _, name := range []string{headerToken, headerDate, headerSignature} {
		if c.Header.Get(name) == "" {
			return "there is no " + name + " header"
		}
	}
	token, known := s.tokens[claim.token]
	if !known {
		for _, t := range s.tokens {
			if t.Private == claim.token {
				return "public and private token are swapped"
			}
		}
		return "unknown public token: " + firstDifference(claim.token, s.PublicToken) + " of PublicToken"
	}
	c.token, claim.private = token, token.Private
	if claim.valid() {
		return ""
	}
	if s.cfg.stripPrefix {
		claim.stripped = s.cfg.prefix
	}
	for _, t := range s.tokens {
		claim.otherKeys = append(claim.otherKeys, t.Private)
	}
	return claim.explain()
}

// hasBody tells whether the body is of the given media type.
func (c *call) hasBody(mediaType string) bool {
	got, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	return err == nil && got == mediaType
}

// form reads a form body; anything else is refused.
func (c *call) form() (url.Values, *answer) {
	if !c.hasBody("application/x-www-form-urlencoded") {
		a := c.badInput("%s takes a form body only, not %q", c.path, c.Header.Get("Content-Type"))
		return nil, &a
	}
	values, err := url.ParseQuery(string(c.Body))
	if err != nil {
		a := c.badInput("the form is malformed: %v", err)
		return nil, &a
	}
	for name, all := range values {
		if len(all) > 1 {
			a := c.badInput("%s occurs %d times in the form: several ids go as a comma list", name, len(all))
			return nil, &a
		}
	}
	return values, nil
}

// json decodes members of an object, the JSON body, by their exact names. Anything
// else is refused.
func (c *call) json(members map[string]any) *answer {
	if !c.hasBody("application/json") {
		a := c.badInput("%s takes a JSON body only, not %q", c.path, c.Header.Get("Content-Type"))
		return &a
	}
	var body map[string]json.RawMessage // A struct would match names in any case.
	err := json.Unmarshal(c.Body, &body)
	for name, into := range members {
		if value, ok := body[name]; ok && err == nil {
			err = json.Unmarshal(value, into)
		}
	}
	if err != nil {
		a := c.badInput("the JSON is not what %s takes: %v", c.path, err)
		return &a
	}
	return nil
}

// pause waits unless the client goes away first, or the server, which cuts its
// connections.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// write sends the answer through what the fault does to its body.
func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer, fault Fault) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	out := s.bodyWriter(w, r, &a, fault)
	w.WriteHeader(a.status)
	if a.body == nil {
		return
	}
	buffered := bufio.NewWriterSize(out, 32<<10)
	err := a.body(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil || errors.Is(err, errTruncated) {
		err = out.Close()
	}
	// An HTTP/2 stream can't be cut behind its end.
	if err != nil || fault.Cut == CutAfterBody && r.ProtoMajor == 1 {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
