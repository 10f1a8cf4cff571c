package darktracetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	pathEvents         = "/aianalyst/incidentevents"
	pathGroups         = "/aianalyst/groups"
	pathComments       = "/aianalyst/incident/comments"
	pathStats          = "/aianalyst/stats"
	pathInvestigations = "/aianalyst/investigations"
)

// call is one request while the appliance handles it.
type call struct {
	*Request
	path    string // as transmitted, without the prefix
	outside bool   // the path is not below the prefix
	token   *Token
	params  params
	vars    map[string]string          // of the operation's path
	fields  map[string]json.RawMessage // of the body
	base    string                     // the beginning of links
	master  int64                      // of a Unified View that responds; 0 = all
}

// response is a response whose body can be written more than once.
type response struct {
	status int
	header http.Header
	body   func(io.Writer) error // nil: none
}

func jsonResponse(status int, v any) response {
	return bytesResponse(status, "application/json", mustJSON(v))
}

func bytesResponse(status int, contentType string, body []byte) response {
	return response{
		status: status,
		header: http.Header{"Content-Type": {contentType + "; charset=utf-8"}},
		body:   func(w io.Writer) error { _, err := w.Write(body); return err },
	}
}

// listResponse writes a JSON array element by element.
func listResponse[T any](elements []T, encode func(T) []byte) response {
	a := bytesResponse(http.StatusOK, "application/json", nil)
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

// redirect is the redirect of an appliance built on Express.
func redirect(location string) response {
	a := bytesResponse(http.StatusFound, "text/plain", []byte("Found. Redirecting to "+location))
	a.header.Set("Location", location)
	return a
}

// word is a response of one word; its key is the first segment of the path.
func (c *call) word(status int, word string) response {
	segment, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	return jsonResponse(status, map[string]string{segment: word})
}

// badInput is the response to an invalid argument.
func (c *call) badInput(format string, args ...any) response {
	c.refuse(BadInput, format, args...)
	return c.word(http.StatusBadRequest, "INPUT ERROR")
}

// ServeHTTP responds as the appliance does, with the injected faults.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.handling.Done()
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
	c.base = s.baseURL(r) + s.cfg.prefix
	setResetCode(r, fault.ResetCode)
	a := s.process(c, r, fault)
	if a.header.Get("Date") == "" { // A fault may have set it.
		a.header.Set("Date", c.Time.Add(fault.DateOffset).UTC().Format(http.TimeFormat))
	}
	status := a.status
	if fault.Cut == CutBeforeResponse {
		status = 0
	}
	s.record(c, status)
	if !pause(r.Context(), fault.Delay) || fault.Cut == CutBeforeResponse {
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

func (s *Server) baseURL(r *http.Request) string {
	if s.ca == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// receive removes the prefix from the path, records the appliance's time and finds
// the fault of the request.
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

// process verifies the request and responds. If a fault has its own response, the
// request is not carried out, unless the fault says otherwise.
func (s *Server) process(c *call, r *http.Request, fault Fault) response {
	a, do := s.admit(c, r, fault)
	if do != nil && (fault.CarryOut || !fault.replaces()) {
		a = do()
	}
	return fault.change(a)
}

// admit checks prefix, signature, date, endpoint and permission in this order. It
// returns a function that carries the request out, or the response that rejects it.
func (s *Server) admit(c *call, r *http.Request, fault Fault) (refusal response, do func() response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	accepted := bytesResponse(http.StatusOK, "application/json", nil)
	if c.Method == http.MethodGet && (c.path == "/login" || c.path == "/403") {
		c.refuse(NoEndpoint, "a redirect was followed to a page for people")
		page := LoginPage()
		return page.change(response{}), nil
	}
	if s.cfg.gateway && c.Method == http.MethodPost && c.Path == tokenPath {
		return s.issueToken(c), nil
	}
	if c.outside {
		c.refuse(NoEndpoint, "the path is not below %s/", s.cfg.prefix)
		return redirect("/login"), nil
	}
	if s.cfg.gateway {
		if refused := s.admitBearer(c); refused != nil {
			return *refused, nil
		}
	} else if word := s.verify(c, fault); word != "" {
		return c.word(http.StatusBadRequest, word), nil
	}
	if handler, own := s.handler(c, r); handler != nil {
		c.Verdict, c.Reason = Accepted, ""
		return accepted, func() response { return c.served(handler, own) }
	}
	o, vars := findOperation(c.Method, c.path)
	if o == nil || s.cfg.profile < o.since {
		c.refuse(NoEndpoint, "%s has no such endpoint", s.cfg.profile)
		return redirect("/login"), nil
	}
	if missing := o.needs.missing(c.token); missing != nil {
		c.refuse(NoPermission, "the token's user lacks %s", strings.Trim(fmt.Sprintf("%q", missing), "[]"))
		if s.cfg.profile >= V71 {
			return jsonResponse(http.StatusForbidden, map[string]string{"error": "Forbidden"}), nil
		}
		return redirect("/403"), nil
	}
	c.Verdict, c.Reason, c.vars = Accepted, "", vars
	c.params = params{values: c.Query, known: map[string]bool{}}
	return accepted, func() response {
		s.mu.Lock()
		defer s.mu.Unlock()
		if refused := c.readBody(o.body); refused != nil {
			return *refused
		}
		a := o.do(s, c)
		c.Ignored = c.params.ignored()
		return a
	}
}

// handler finds the handler that the caller has added for a request. It returns it
// with the request as the appliance sees it, without the prefix.
func (s *Server) handler(c *call, r *http.Request) (http.Handler, *http.Request) {
	own := r.Clone(r.Context())
	target, err := url.ParseRequestURI(c.path)
	if err != nil {
		return nil, nil
	}
	target.RawQuery = c.RawQuery
	own.URL, own.RequestURI = target, target.RequestURI()
	own.Body, own.ContentLength = io.NopCloser(bytes.NewReader(c.Body)), int64(len(c.Body))
	if _, pattern := s.mux.Handler(own); pattern == "" {
		return nil, nil
	}
	return s.mux, own
}

// served is the response of a handler.
func (c *call) served(handler http.Handler, r *http.Request) response {
	w := &responseRecorder{header: http.Header{}, status: http.StatusOK}
	handler.ServeHTTP(w, r)
	c.CarriedOut = c.Method != http.MethodGet && w.status < http.StatusMultipleChoices
	return response{status: w.status, header: w.header, body: func(out io.Writer) error {
		_, err := out.Write(w.body.Bytes())
		return err
	}}
}

// responseRecorder keeps the response of a handler, so that faults can change it.
type responseRecorder struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

func (w *responseRecorder) Header() http.Header { return w.header }

func (w *responseRecorder) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
}

func (w *responseRecorder) Write(p []byte) (int, error) {
	w.begun = true
	return w.body.Write(p)
}

// verify checks the authentication headers. It returns the code of the rejection;
// "" = accepted.
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
	if err := s.cfg.checkDate(claim.date, c.Time); err != nil {
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

// hasBody reports whether the body has the given media type.
func (c *call) hasBody(mediaType string) bool {
	got, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	return err == nil && got == mediaType
}

// pause waits. It returns false if the client disconnects or the server closes
// first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done(): // Close ends it too.
		return false
	}
}

// stall takes over an HTTP/1.1 connection, sends 101, and then nothing until one
// side closes the connection.
func (s *Server) stall(w http.ResponseWriter, r *http.Request) bool {
	if r.ProtoMajor != 1 {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.closed:
			_ = conn.Close()
		case <-stop:
		}
	}()
	if _, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"); err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
	return true
}

// write sends the response, with its body changed by the fault.
func (s *Server) write(w http.ResponseWriter, r *http.Request, a response, fault Fault) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status == http.StatusSwitchingProtocols && s.stall(w, r) {
		return
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
	// An HTTP/2 stream can't be cut after its end.
	if err != nil || fault.Cut == CutAfterBody && r.ProtoMajor == 1 {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}
