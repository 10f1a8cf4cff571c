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
// changes nothing. Signatures are always verified and recorded.
type Fault struct {
	// Method and Path choose the requests; empty means all. The path is without
	// the prefix. A path that ends in * matches every path with that beginning.
	Method, Path string
	// Skip lets this many matching requests pass first.
	Skip int
	// Times is the number of requests that the fault applies to; 0 means until
	// it is removed. With a number, WithTB fails the test if the fault met no
	// request.
	Times int

	// Status replaces the status of the response, and the request is not
	// carried out. 0 means the appliance's own status, or 200 with Body.
	Status int
	// Body replaces the body of the response, and the request is not carried
	// out.
	Body string
	// ContentType is the type of Body, by default JSON. Without Status and Body
	// it mislabels the appliance's own response.
	ContentType string
	// Header is added to the response.
	Header http.Header
	// CarryOut carries the request out before Status, Body or Cut spoil the
	// response.
	CarryOut bool

	// Delay is the pause between carrying out the request and the response.
	Delay time.Duration
	// Drip is the pause between pieces of the body; 0 means none.
	Drip time.Duration
	// DripSize is the size of such a piece in bytes; 0 means 16.
	DripSize int
	// Cut breaks the connection.
	Cut Cut
	// ResetCode is the error code with which Cut resets a stream of HTTP/2,
	// with WithHTTP2; 0 means InternalError. Streams on the same connection may
	// get it too.
	ResetCode ResetCode
	// Truncate ends the body early, as if it were complete.
	Truncate bool
	// After is the number of bytes before Cut or Truncate end the body; 0 means
	// half of it.
	After int
	// Endless repeats Body forever. Without Body the response is a JSON array
	// that never ends.
	Endless bool
	// Gzip compresses the body, for clients that accept it.
	Gzip bool
	// GzipAnyway compresses the body even for clients that don't accept it, as
	// some gateways do.
	GzipAnyway bool
	// Undeclared leaves out the Content-Encoding of a compressed body.
	Undeclared bool
	// BOM puts a byte order mark before the body.
	BOM bool
	// ClockOffset makes the appliance's clock wrong, on top of SetClockOffset.
	ClockOffset time.Duration
	// DateOffset makes only the Date of the response wrong, as a proxy does
	// that sets its own.
	DateOffset time.Duration
}

// Cut is where the connection breaks.
type Cut int

// The places. With HTTP/2 the stream breaks, with RST_STREAM. HTTP/1.1 clients
// keep a connection for their next request: after CutAfterBody, that one may
// fail as well, and is then never recorded.
const (
	NoCut             Cut = iota // the connection holds
	CutBeforeRead                // before a byte of the body was read; nothing is carried out
	CutBeforeResponse            // before the response; carried out only with CarryOut
	CutInBody                    // within the body of the response; carried out
	CutAfterBody                 // after the last byte of the response; carried out; HTTP/1.1 only
)

// TooManyRequests is a 429 with Retry-After, in whole seconds.
func TooManyRequests(retryAfter time.Duration) Fault {
	return Fault{
		Status: http.StatusTooManyRequests,
		Header: http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Round(time.Second) / time.Second))}},
		Body:   `{"error":"Too Many Requests"}`,
	}
}

// Dropped confirms a write and does not carry it out, as 7.0 does with
// comments.
func Dropped() Fault { return Fault{Body: `{"aianalyst":"SUCCESS"}`} }

// BadGateway is the 502 of a gateway that lost the response to a request that
// was carried out.
func BadGateway() Fault {
	return Fault{
		Status: http.StatusBadGateway, CarryOut: true, ContentType: "text/html",
		Body: "<html><head><title>502 Bad Gateway</title></head><body></body></html>",
	}
}

// SwitchingProtocols is a 101 after which nothing comes: the connection stays open
// until the client or the server closes it. It needs HTTP/1.1.
func SwitchingProtocols() Fault { return Fault{Status: http.StatusSwitchingProtocols} }

// LoginPage is an HTML login page with status 200 instead of data.
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

// Inject arms faults, behind those that are armed already: the first one that
// matches a request applies. It returns a function that removes them.
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

// unmet lists the faults with Times that still wait for requests.
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

// replaces reports whether the request does not reach the appliance.
func (f *Fault) replaces() bool {
	return f.Status != 0 || f.Body != "" || f.Endless || f.Cut == CutBeforeResponse
}

// change applies the fault to the appliance's response.
func (f *Fault) change(a response) response {
	contentType := f.ContentType
	if f.Status != 0 || f.Body != "" {
		if contentType == "" {
			contentType = "application/json"
		}
		a = bytesResponse(cmp.Or(f.Status, http.StatusOK), contentType, []byte(f.Body))
	} else if contentType != "" {
		a.header.Set("Content-Type", contentType)
	}
	if f.Endless {
		a.body = endless(f.Body)
	}
	if body := a.body; f.BOM && body != nil {
		a.body = func(w io.Writer) error {
			_, err := io.WriteString(w, "\ufeff")
			return cmp.Or(err, body(w))
		}
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
func (a *response) size() int {
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

// bodyWriter returns the writer for the body of a response. It sets the headers
// that this needs.
func (s *Server) bodyWriter(w http.ResponseWriter, r *http.Request, a *response, f Fault) io.WriteCloser {
	var out io.WriteCloser = &clientWriter{ctx: r.Context(), w: w}
	if f.Drip > 0 {
		out = &dripWriter{clientWriter: clientWriter{r.Context(), w}, size: cmp.Or(f.DripSize, 16), pause: func() bool { return pause(r.Context(), f.Drip) }}
	}
	if f.GzipAnyway || (f.Gzip || s.cfg.gzip) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if !f.Undeclared {
			w.Header().Set("Content-Encoding", "gzip")
		}
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
