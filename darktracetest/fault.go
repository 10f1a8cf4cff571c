package darktracetest

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes requests go wrong. Its fields combine: a delayed 502 for a write
// that was carried out is one Fault. The zero value matches everything and
// changes nothing. Signatures are verified and recorded whatever a fault answers.
type Fault struct {
	// Method and Path choose the requests; empty: all. The path is without the
	// prefix; one that ends in * matches what begins with it.
	Method, Path string
	// Skip lets this many matching requests pass first.
	Skip int
	// Times is for how many requests the fault lasts; 0: until it is removed. With
	// a number, WithTB fails the test when the fault is still there at its end and
	// met no request.
	Times int

	// Status answers instead of the appliance, which then does not carry the
	// request out; 0: the appliance's own, or 200 with Body.
	Status int
	// Body answers instead of the appliance, as Status does.
	Body string
	// ContentType is that of Body, by default JSON. Without Status and Body it
	// mislabels the appliance's own answer.
	ContentType string
	// Header is added to the answer.
	Header http.Header
	// CarryOut does the work before Status, Body or Cut spoil the answer.
	CarryOut bool

	// Delay is waited before the answer, after the request was carried out.
	Delay time.Duration
	// Drip is the pause between pieces of the body; 0: none.
	Drip time.Duration
	// DripSize is the size of such a piece in bytes; 0: 16.
	DripSize int
	// Cut breaks the connection.
	Cut Cut
	// Truncate ends the body early, as if that were all of it.
	Truncate bool
	// After is the number of bytes before Cut or Truncate end the body; 0: half of it.
	After int
	// Endless repeats Body for ever; without one the answer is a JSON array that
	// never ends.
	Endless bool
	// Gzip compresses the body, for clients that accept it.
	Gzip bool
	// ClockOffset makes the appliance's clock wrong, on top of SetClockOffset.
	ClockOffset time.Duration
}

// Cut is where the connection breaks.
type Cut int

// The places. HTTP/1.1 clients keep a connection for their next request, so that
// one may fail too after CutAfterBody, without ever being recorded.
const (
	NoCut           Cut = iota // the connection holds
	CutBeforeRead              // before a byte of the body was read; nothing is carried out
	CutBeforeAnswer            // before the answer; carried out only with CarryOut
	CutInBody                  // within the body of the answer; carried out
	CutAfterBody               // after the last byte of the answer; carried out; HTTP/1.1 only
)

// TooManyRequests is a 429 with Retry-After, in whole seconds.
func TooManyRequests(retryAfter time.Duration) Fault {
	return Fault{
		Status: http.StatusTooManyRequests,
		Header: http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Round(time.Second) / time.Second))}},
		Body:   `{"error":"Too Many Requests"}`,
	}
}

// Dropped confirms a write and does not carry it out, as 7.0 does with comments.
func Dropped() Fault { return Fault{Body: `{"aianalyst":"SUCCESS"}`} }

// BadGateway is the 502 of a gateway that lost the answer to a request which
// was carried out.
func BadGateway() Fault {
	return Fault{
		Status: http.StatusBadGateway, CarryOut: true, ContentType: "text/html",
		Body: "<html><head><title>502 Bad Gateway</title></head><body></body></html>",
	}
}

// LoginPage is the HTML page that is answered, with status 200, instead of data.
func LoginPage() Fault {
	return Fault{
		ContentType: "text/html",
		Body:        "<!DOCTYPE html><html><head><title>Log In | Darktrace</title></head><body><form></form></body></html>",
	}
}

// On restricts a fault to one method and path; see Fault.
func (f Fault) On(method, path string) Fault {
	f.Method, f.Path = method, path
	return f
}

// Next restricts a fault to the next n requests.
func (f Fault) Next(n int) Fault {
	f.Times = n
	return f
}

type armedFault struct {
	Fault
	seen int
}

// Inject arms faults, after those that are armed already: the first that matches
// a request applies. It returns a function that removes them.
func (s *Server) Inject(faults ...Fault) (remove func()) {
	var armed []*armedFault
	for _, f := range faults {
		armed = append(armed, &armedFault{Fault: f})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, armed...)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(f *armedFault) bool { return slices.Contains(armed, f) })
	}
}

// takeFault finds the first fault that matches and uses one of its times.
func (s *Server) takeFault(method, path string) (fault Fault, matched bool) {
	for i, f := range s.faults {
		if !f.matches(method, path) {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		if f.Times > 0 && f.seen >= f.Skip+f.Times {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f.Fault, true
	}
	return Fault{}, false
}

// unmet lists the faults for a number of requests that no request had.
func (s *Server) unmet() []*armedFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.faults), func(f *armedFault) bool { return f.Times == 0 || f.seen > f.Skip })
}

func (f *Fault) matches(method, path string) bool {
	if f.Method != "" && f.Method != method {
		return false
	}
	if prefix, ok := strings.CutSuffix(f.Path, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return f.Path == "" || f.Path == path
}

// replaces tells that the request does not get as far as the appliance.
func (f *Fault) replaces() bool {
	return f.Status != 0 || f.Body != "" || f.Endless || f.Cut == CutBeforeAnswer
}

// change makes the fault's answer out of the appliance's.
func (f *Fault) change(a answer) answer {
	contentType := f.ContentType
	if f.Status != 0 || f.Body != "" {
		if contentType == "" {
			contentType = "application/json"
		}
		a = bytesAnswer(cmp.Or(f.Status, http.StatusOK), contentType, []byte(f.Body))
	} else if contentType != "" {
		a.header.Set("Content-Type", contentType)
	}
	if f.Endless {
		a.body = endless(f.Body)
	}
	for key, values := range f.Header {
		a.header[http.CanonicalHeaderKey(key)] = values
	}
	return a
}

func endless(body string) func(io.Writer) error {
	return func(w io.Writer) error {
		start, again := "", body
		if body == "" {
			start, again = "[", `{"id":"00000000-0000-4000-8000-000000000000"},`
		}
		_, err := io.WriteString(w, start)
		for err == nil {
			_, err = io.WriteString(w, again)
		}
		return err
	}
}

var (
	errCut       = errors.New("cut")
	errTruncated = errors.New("truncated")
)

// size is the length of the body as JSON or text.
func (a *answer) size() int {
	var n countingWriter
	if a.body != nil {
		_ = a.body(&n)
	}
	return int(n)
}

type countingWriter int

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}

// bodyWriter returns what an answer's body goes through. It sets the headers
// that this needs.
func (s *Server) bodyWriter(w http.ResponseWriter, r *http.Request, a *answer, f Fault) io.WriteCloser {
	var out io.WriteCloser = &clientWriter{ctx: r.Context(), w: w}
	if f.Drip > 0 {
		out = &dripWriter{clientWriter: clientWriter{r.Context(), w}, size: cmp.Or(f.DripSize, 16), pause: func() bool { return pause(r.Context(), f.Drip) }}
	}
	if (f.Gzip || s.cfg.gzip) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		out = gzip.NewWriter(out)
	} else if f.Cut == CutAfterBody && !f.Endless {
		w.Header().Set("Content-Length", strconv.Itoa(a.size()))
	}
	if f.Truncate || f.Cut == CutInBody {
		limited := &limitWriter{WriteCloser: out, left: f.After, end: errTruncated}
		if f.Cut == CutInBody {
			limited.end = errCut
		}
		if limited.left == 0 && !f.Endless {
			limited.left = a.size() / 2
		}
		out = limited
	}
	return out
}

// clientWriter fails when the client has gone away.
type clientWriter struct {
	ctx context.Context //nolint:containedctx // The writer lives as long as the request.
	w   http.ResponseWriter
}

func (c *clientWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

func (c *clientWriter) Close() error { return nil }

// dripWriter sends a few bytes at a time.
type dripWriter struct {
	clientWriter
	size  int
	begun bool
	pause func() bool
}

func (d *dripWriter) Write(p []byte) (int, error) {
	n := 0
	for piece := range slices.Chunk(p, d.size) {
		if d.begun && !d.pause() {
			return n, errCut
		}
		d.begun = true
		if _, err := d.clientWriter.Write(piece); err != nil {
			return n, err
		}
		if err := http.NewResponseController(d.w).Flush(); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// limitWriter ends with an error after some bytes.
type limitWriter struct {
	io.WriteCloser
	left int
	end  error
}

func (l *limitWriter) Write(p []byte) (int, error) {
	n, err := l.WriteCloser.Write(p[:min(l.left, len(p))])
	l.left -= n
	if err == nil && l.left == 0 {
		err = l.end
	}
	return n, err
}
