// Package trail follows a write through an HTTP transport. It reports whether any
// part of the write may have been sent, and keeps it from being sent twice.
package trail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrResent is the error of a write that was about to be sent a second time.
var ErrResent = errors.New("the request was about to be sent again, which a write must not be")

// ErrIdempotencyKey is the error of a write with a header by which net/http
// would send it again.
var ErrIdempotencyKey = errors.New("can't be sent: net/http takes it for leave to send a write twice")

// CheckHeader rejects the headers that make net/http send a write again.
func CheckHeader(header http.Header) (name string, err error) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if _, ok := header[name]; ok {
			return name, ErrIdempotencyKey
		}
	}
	return "", nil
}

// Safe reports whether net/http, and any transport, may send a request with this
// method again: RFC 9110, section 9.2.1.
func Safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// Guard is the round tripper directly around a transport, inside all wrappers of
// callers. Reads pass unchanged; writes leave a trail.
type Guard struct {
	// Wrapped is whether the guard is inside a wrapper, which may change requests.
	Wrapped bool

	next   http.RoundTripper
	direct bool        // next is net/http's transport itself
	own    bool        // and made by the SDK, so that an open connection can't be HTTP/2
	strays atomic.Bool // writes without a trail arrived

	mu   sync.Mutex
	open map[string]*Trail // trails that have not ended, by their marks
	last int               // number of the last mark
}

// NewGuard returns a guard for a transport. own is whether the SDK made it.
func NewGuard(next http.RoundTripper, own bool) *Guard {
	_, direct := next.(*http.Transport)
	return &Guard{next: next, direct: direct, own: own, open: map[string]*Trail{}}
}

// CloseIdleConnections closes the idle connections of the transport.
func (g *Guard) CloseIdleConnections() { (&http.Client{Transport: g.next}).CloseIdleConnections() }

// Trail records how far one attempt of a write got.
type Trail struct {
	guard *Guard
	body  string
	safe  bool // the request may be sent again

	mark, method, path, signature string // of the request

	mu      sync.Mutex
	reached bool          // it has reached the guard
	ended   bool          // the call has ended
	headers []http.Header // of each request that reached the guard

	busy    atomic.Bool // the guard is passing it on
	outside atomic.Bool // a transport that is not behind the guard was asked to send something
	asked   atomic.Bool // for a connection
	sent    atomic.Bool // perhaps sent: there was a connection for it
	http1   atomic.Bool // that connection is known to be HTTP/1.1
	read    atomic.Bool // some of the body was read
	stopped atomic.Bool // the guard stopped a second sending
}

type key struct{}

// Follow begins the trail of a write. The request must have the returned context.
func (g *Guard) Follow(ctx context.Context, body []byte) (*Trail, context.Context) {
	t := &Trail{guard: g, body: string(body)}
	if g.Wrapped {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) {
			if !t.busy.Load() {
				t.outside.Store(true)
			}
		}})
	}
	return t, context.WithValue(ctx, key{}, t)
}

// Watch begins the trail of a request that may be sent again with any method. The
// trail only records what was sent.
func (g *Guard) Watch(ctx context.Context) (*Trail, context.Context) {
	t := &Trail{guard: g, safe: true}
	return t, context.WithValue(ctx, key{}, t)
}

// Begin marks the request, so that the guard recognises it and copies without its
// context. The mark is in RemoteAddr, which HTTP clients ignore.
func (t *Trail) Begin(req *http.Request) {
	if t == nil {
		return
	}
	t.method, t.path, t.signature = req.Method, req.URL.EscapedPath(), req.Header.Get("Dtapi-Signature")
	t.guard.mu.Lock()
	defer t.guard.mu.Unlock()
	t.guard.last++
	t.mark = marks + strconv.Itoa(t.guard.last)
	t.guard.open[t.mark] = t
	req.RemoteAddr = t.mark
}

const marks = "darktrace attempt "

// End ends the attempt, and reports whether any part of a write may have been sent.
// After End nothing more is sent.
func (t *Trail) End() (mayBeSent bool) {
	if t == nil {
		return false
	}
	t.guard.mu.Lock()
	delete(t.guard.open, t.mark)
	t.guard.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	return t.busy.Load() || t.mayBeSent()
}

// Headers returns the headers of the request as it was sent, for each time.
func (t *Trail) Headers() []http.Header {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.headers)
}

// RoundTrip passes a request on, but a write only once: not again after a failed
// attempt or during another one. After a demand for credentials a write may pass
// again.
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if !g.Wrapped && Safe(req.Method) {
		return g.next.RoundTrip(req)
	}
	t := g.trailOf(req)
	if t != nil {
		t.note(req.Header)
	}
	switch {
	case Safe(req.Method), t != nil && t.safe:
		return g.next.RoundTrip(req)
	case t == nil: // A middleware made it.
		g.strays.Store(true)
		t = &Trail{guard: g}
	}
	if name, err := CheckHeader(req.Header); err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	if !t.enter() {
		return nil, ErrResent
	}
	defer t.busy.Store(false)
	ctx, cancel := context.WithCancelCause(req.Context())
	resp, err := g.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, t.trace(cancel))))
	switch {
	case err != nil && t.stopped.Load():
		return nil, ErrResent
	case err == nil && resp != nil && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusProxyAuthRequired):
		t.sent.Store(false)
		t.read.Store(false)
	}
	return resp, err
}

// trailOf returns the trail of a request; nil if it has none. It looks at the
// context, the body and the mark, since middlewares may have replaced some of them,
// and finally compares what the request asks for.
func (g *Guard) trailOf(req *http.Request) *Trail {
	if t, ok := req.Context().Value(key{}).(*Trail); ok && t.guard == g {
		return t
	}
	if b, ok := req.Body.(*bodyReader); ok && b.trail.guard == g {
		return b.trail
	}
	gone := &Trail{guard: g, ended: true}
	g.mu.Lock()
	marked, open := g.open[req.RemoteAddr], slices.Collect(maps.Values(g.open))
	g.mu.Unlock()
	switch {
	case marked != nil:
		return marked
	case strings.HasPrefix(req.RemoteAddr, marks):
		return gone
	}
	signature := req.Header.Get("Dtapi-Signature")
	var found *Trail
	for _, t := range open {
		if t.signature != signature || signature == "" && !t.asks(req) {
			continue
		}
		if found != nil { // Either may be the right one.
			g.strays.Store(true)
		}
		if found == nil || found.begun() {
			found = t
		}
	}
	if found == nil && signature != "" {
		return gone
	}
	return found
}

// asks reports whether a request without the trail's context, body and mark asks
// for the same.
func (t *Trail) asks(req *http.Request) bool {
	if t.method != req.Method || t.path != req.URL.EscapedPath() {
		return false
	}
	if req.Body == nil || Safe(t.method) {
		return t.body == ""
	}
	body := make([]byte, len(t.body)+1)
	n, err := io.ReadFull(req.Body, body)
	req.Body = &rest{io.MultiReader(bytes.NewReader(body[:n]), req.Body), req.Body}
	return (err == io.EOF || err == io.ErrUnexpectedEOF) && string(body[:n]) == t.body
}

// rest is a body that was read in part.
type rest struct {
	io.Reader
	io.Closer
}

func (t *Trail) note(header http.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.headers = append(t.headers, header.Clone())
}

func (t *Trail) begun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reached
}

// enter reports whether a write may be passed on.
func (t *Trail) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.busy.Load() || t.reached && t.mayBeSent() {
		return false
	}
	t.reached = true
	t.busy.Store(true)
	return true
}

// trace keeps a transport from sending a write again. HTTP/1.1 sends again only if
// nothing was written. So if net/http's transport itself asks for a second
// connection, nothing was sent; a wrapper around it proves nothing. HTTP/2 also
// sends again after errors that prove nothing. It uses a connection that it asks
// for, or one that another request has just dialed: then only GotConn is called.
func (t *Trail) trace(cancel context.CancelCauseFunc) *httptrace.ClientTrace {
	again := func() bool {
		// A request for a connection before the body was read may come from a transport
		// that fetches a token.
		if !t.sent.Load() || t.http1.Load() || !t.guard.direct && t.body != "" && !t.read.Load() {
			return false
		}
		t.stopped.Store(true)
		cancel(ErrResent)
		return true
	}
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			t.asked.Store(true)
			if !again() {
				t.sent.Store(false)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			if !again() {
				t.http1.Store(t.guard.http1(info))
				t.sent.Store(true)
			}
		},
	}
}

// http1 reports whether a connection is certainly HTTP/1.1. In a transport that the
// SDK did not configure, a connection without TLS can be HTTP/2.
func (g *Guard) http1(info httptrace.GotConnInfo) bool {
	secure, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return g.own
	}
	return g.direct && secure.ConnectionState().NegotiatedProtocol != "h2"
}

// mayBeSent reports whether any part of a failed write may have been sent.
func (t *Trail) mayBeSent() bool {
	switch {
	case t.sent.Load():
		return true
	case t.reached && t.guard.direct:
		return false
	case t.body != "": // The transport calls no hooks. A body that was not read was not sent.
		return t.read.Load()
	case !t.reached && !t.guard.strays.Load():
		return t.outside.Load()
	}
	return !t.asked.Load()
}

// Body returns the reader of the request's body, and a function that returns
// another one, except to a transport that may have sent the first.
func (t *Trail) Body() (first io.ReadCloser, again func() (io.ReadCloser, error)) {
	reader := func() io.ReadCloser { return &bodyReader{strings.NewReader(t.body), t} }
	return reader(), func() (io.ReadCloser, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.busy.Load() && t.read.Load() && !t.http1.Load() && t.mayBeSent() {
			return nil, ErrResent
		}
		return reader(), nil
	}
}

// bodyReader records that it is read.
type bodyReader struct {
	text  *strings.Reader
	trail *Trail
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.trail.stopped.Load() {
		return 0, ErrResent
	}
	b.trail.read.Store(true)
	return b.text.Read(p)
}

func (b *bodyReader) Close() error { return nil }
