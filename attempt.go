package darktrace

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/darktrace-go/darktrace/internal/inflate"
	"github.com/darktrace-go/darktrace/internal/operations"
	"github.com/darktrace-go/darktrace/internal/trail"
)

// reply is one attempt of a call and its response. data is the whole response
// or, for a stream, its beginning, which Read returns first.
type reply struct {
	client  *core
	call    *call
	ctx     context.Context // the caller's
	req     *http.Request
	trail   *trail.Trail // of a write
	resp    *http.Response
	data    []byte
	text    []byte // data's beginning, for errors
	number  int    // counted from 1
	started time.Time
	date    time.Time // when the appliance accepted the request, by its clock,
	dated   bool      // whether the response says so

	beginning [snippetSize]byte // memory for data, for a stream

	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  atomic.Int64 // the duration that timer stands for
	left   int64        // bytes that may still be read
	size   int64        // bytes read
	ended  bool         // reading has come to the end
	err    error        // why reading failed, classified
	closed bool

	end func(*reply, error) // reports to hooks that the call has ended; nil = no hooks, or reported already
}

// attempt sends a request once and classifies the response. If it returns no
// error, the beginning of the response is a success, and the reply must be
// finished.
func (c *core) attempt(ctx context.Context, k *call, number int) (*reply, error) {
	r := &reply{client: c, call: k, ctx: ctx, number: number, started: time.Now(), left: c.maxSize}
	if r.left == 0 {
		if r.left = defaultMaxSingle; k.stream {
			r.left = defaultMaxStream
		}
	}
	err := r.exchange()
	if err != nil || !k.stream {
		r.finish(err)
	}
	return r, err
}

func (r *reply) exchange() error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	r.cancel = cancel
	headers := min(r.client.timeout, max(r.client.timeout/2, headerTimeout))
	r.limit.Store(int64(headers))
	r.timer = time.AfterFunc(headers, func() { cancel(timeout(time.Duration(r.limit.Load()))) })
	if r.call.write() {
		r.trail, ctx = r.client.guard.Follow(ctx, r.call.body)
	} else if r.client.guard.Wrapped || !trail.Safe(r.call.method) {
		r.trail, ctx = r.client.guard.Watch(ctx)
	}
	r.build(ctx)
	if err := r.authenticate(); err != nil {
		return err
	}
	r.call.attempts = r.number
	r.trail.Begin(r.req)
	resp, err := r.client.outer.RoundTrip(r.req)
	if err == nil && resp == nil {
		err = errors.New("the transport returned no response and no error")
	}
	if err != nil {
		return r.noResponse(err)
	}
	if resp.Body == nil { // Stubs may leave it out.
		resp.Body = http.NoBody
	}
	if resp.StatusCode/100 == 1 { // The body of a 101 is the connection, which a context does not close.
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	r.resp, r.call.status = resp, resp.StatusCode
	if resp.Request != nil && resp.Request.Method != r.call.method && r.call.write() {
		return r.broken(ErrOutcomeUnknown, "a middleware followed a redirect: the response is to a "+resp.Request.Method, nil)
	}
	if err := inflate.Declared(resp); err != nil && resp.StatusCode/100 == 2 {
		return r.broken(ErrDecode, "", err)
	}
	r.limit.Store(int64(r.client.timeout))
	if r.streams() {
		r.timer.Stop() // From now on each Read has its own timeout.
	} else {
		r.timer.Reset(r.client.timeout - time.Since(r.started))
	}
	return r.classify()
}

// streams reports whether the response is read as it arrives, without a limit on
// the whole time. The body of an error response is not.
func (r *reply) streams() bool { return r.call.stream && r.resp.StatusCode/100 == 2 }

// build makes the request of the attempt, without authentication.
func (r *reply) build(ctx context.Context) {
	k := r.call
	req := (&http.Request{Method: k.method, URL: k.url(r.client.base), Host: r.client.base.Host, Header: r.client.header.Clone()}).WithContext(ctx)
	for key, values := range k.header {
		req.Header[key] = slices.Clone(values)
	}
	if k.body != nil {
		req.Header["Content-Type"] = []string{k.contentType}
		req.ContentLength = int64(len(k.body))
		if k.write() {
			req.Body, req.GetBody = r.trail.Body()
		} else {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.body)), nil }
			req.Body, _ = req.GetBody()
		}
	}
	r.req = req
}

func (r *reply) authenticate() error {
	err := r.client.auth.Authenticate(r.req, r.call.body)
	switch {
	case errors.Is(err, ErrArgument):
		return err
	case err != nil:
		return r.failed(ErrConnection, "not sent: authentication failed", err)
	case r.req.Context().Err() != nil:
		return r.failed(ErrConnection, "not sent", r.cause(r.req.Context().Err()))
	case r.call.write():
		return checkIdempotency(r.req.Header)
	}
	return nil
}

// checkIdempotency rejects the headers that make net/http send a write again.
func checkIdempotency(header http.Header) error {
	if name, err := trail.CheckHeader(header); err != nil {
		return argument(name, "%v", err)
	}
	return nil
}

// noResponse classifies an attempt without a response.
func (r *reply) noResponse(err error) error {
	err = r.cause(err)
	if r.call.write() && r.trail.End() {
		advice, permanent := connectionAdvice(err, r.req.URL.Scheme)
		if !permanent {
			advice = hints[ErrOutcomeUnknown]
		}
		return r.failed(ErrOutcomeUnknown, advice, err)
	}
	if errors.Is(err, trail.ErrIdempotencyKey) {
		return argument("WithMiddleware", "sets a header that can't be sent: %v", err)
	}
	kind := ErrConnection
	advice, permanent := connectionAdvice(err, r.req.URL.Scheme)
	if proxy, ok := errors.AsType[*proxyRefusal](err); ok && proxy.status == http.StatusProxyAuthRequired || err.Error() == http.StatusText(http.StatusProxyAuthRequired) {
		kind, advice, permanent = ErrLogin, "the proxy requires a user name and a password: put them into its URL, see WithProxy", true
	}
	failure := r.failed(kind, advice, err)
	failure.temporary, failure.permanent = !permanent, permanent
	return failure
}

// cause replaces the error of a cancelled attempt by the reason: the caller's
// context or the timeout.
func (r *reply) cause(err error) error {
	if r.ctx.Err() != nil {
		return contextError(r.ctx)
	}
	if cause := context.Cause(r.req.Context()); cause != nil {
		return cause
	}
	// Our error has the method and the URL already, which url.Error adds.
	if wrapped, ok := errors.AsType[*url.Error](err); ok && !unparsed(err) {
		return wrapped.Err
	}
	return err
}

func timeout(after time.Duration) error {
	return fmt.Errorf("no response within %v: %w", after, context.DeadlineExceeded)
}

// Read reads the response, within its limits of size and time, and remembers a
// failure.
func (r *reply) Read(p []byte) (int, error) {
	if r.call.stream && len(r.data) > 0 {
		n := copy(p, r.data)
		r.data = r.data[n:]
		return n, nil
	}
	return r.readBody(p)
}

func (r *reply) readBody(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, r.broken(ErrConnection, "the response was cut off", contextError(r.ctx))
	}
	if int64(len(p))-1 > r.left {
		p = p[:r.left+1]
	}
	if r.streams() {
		r.timer.Reset(r.client.timeout)
	}
	n, err := r.resp.Body.Read(p)
	if r.size == 0 && !r.call.raw {
		r.resp.Body, n, err = inflate.Undeclared(r.resp.Body, p, n, err)
	}
	if r.streams() {
		r.timer.Stop()
	}
	r.size += int64(n)
	r.left -= int64(n)
	r.ended = err == io.EOF //nolint:errorlint // Readers return it bare.
	switch {
	case r.left < 0:
		return 0, r.broken(ErrTooLarge, "see WithMaxResponseSize", nil)
	case err != nil && err != io.EOF: //nolint:errorlint // Readers return it bare.
		return n, r.broken(ErrConnection, "the response was cut off", r.cause(err))
	}
	return n, err
}

// broken records and returns why reading failed. If the call is a write, its
// outcome is unknown.
func (r *reply) broken(kind error, what string, cause error) error {
	failure := r.failed(kind, what, cause)
	if r.call.write() {
		failure = r.failed(ErrOutcomeUnknown, what, cause)
		if errors.Is(kind, ErrTooLarge) {
			failure = r.failed(ErrOutcomeUnknown, what, kind)
		}
	}
	r.err = failure
	if r.closed {
		r.done(failure)
	}
	return failure
}

// readAll reads a whole response into data.
func (r *reply) readAll() error {
	// One byte more than announced, so that reading finds the end without growing the
	// slice.
	r.data = make([]byte, 0, min(max(r.resp.ContentLength, 511), 1<<20)+1)
	for {
		if len(r.data) == cap(r.data) {
			r.data = slices.Grow(r.data, len(r.data))
		}
		n, err := r.readBody(r.data[len(r.data):cap(r.data)])
		r.data = r.data[:len(r.data)+n]
		if err == io.EOF { //nolint:errorlint // Readers return it bare.
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readBeginning reads until data holds n bytes or the response ends. For a
// stream it stops as soon as enough returns true.
func (r *reply) readBeginning(n int, enough func([]byte) bool) error {
	for len(r.data) < n && !r.ended && !enough(r.data) {
		r.data = slices.Grow(r.data, n-len(r.data))
		m, err := r.readBody(r.data[len(r.data):n])
		r.data = r.data[:len(r.data)+m]
		if err != nil && !r.ended {
			return err
		}
	}
	return nil
}

// failed returns an error of the given kind about this request.
func (r *reply) failed(kind error, what string, cause error) *callError {
	return failed(kind, r.call.method, r.path(), what, cause, r.redact)
}

// undecoded classifies a response that is not the expected one.
func (r *reply) undecoded(err error) error {
	if r.err != nil {
		return r.err
	}
	if text := r.unlikeJSON(); text != "" {
		err = errors.New(text)
	} else {
		err = &restated{decoderNames.Replace(err.Error()), err}
	}
	failure := r.failed(ErrDecode, "", err)
	if r.call.write() {
		failure = r.failed(ErrOutcomeUnknown, "", fmt.Errorf("%w: %w", ErrDecode, err))
	}
	if r.closed {
		r.done(failure)
	}
	return failure
}

// unlikeJSON describes a response that is not JSON. Such a response is not from the
// appliance, so it may be quoted.
func (r *reply) unlikeJSON() string {
	first := firstByte(r.text)
	if _, personal := operations.Email(r.call.path, r.client.emailPrefix); personal || first == 0 || strings.IndexByte(`{["-0123456789tfn`, first) >= 0 {
		return ""
	}
	kind := cmp.Or(shorten(printable(r.resp.Header.Get("Content-Type")), 60), "no content type")
	return fmt.Sprintf("it is not JSON: status %d, %s, beginning with %q; check the base URL", r.resp.StatusCode, kind, shorten(r.snippet(r.text), 60))
}

// decoderNames removes the names of packages from the error of a decoder.
var decoderNames = strings.NewReplacer("jsontext: ", "", "json: ", "")

// restated is an error with another text.
type restated struct {
	text  string
	cause error
}

func (e *restated) Error() string { return e.text }
func (e *restated) Unwrap() error { return e.cause }

func (r *reply) path() string { return r.req.URL.EscapedPath() }

// finish logs the attempt and frees its connection: for reuse if everything was
// read, otherwise by closing it.
func (r *reply) finish(err error) {
	if r.closed {
		return
	}
	r.closed = true
	r.timer.Stop()
	r.cancel(nil)
	r.trail.End()
	status := 0
	if r.resp != nil {
		_ = r.resp.Body.Close()
		status = r.resp.StatusCode
	}
	attrs := []any{"status", status, "attempt", r.number, "duration", time.Since(r.started), "bytes", r.size}
	if err != nil {
		attrs = append(attrs, "error", err.Error())
	}
	r.client.log(r.ctx, slog.LevelDebug, "darktrace: request", r.call, attrs...)
	r.done(err)
}

// done reports to hooks, once, that the call has ended.
func (r *reply) done(err error) {
	if r != nil && r.end != nil {
		end := r.end
		r.end = nil
		end(r, err)
	}
}

// log logs a call with the names of its query parameters, never with their values.
func (c *core) log(ctx context.Context, level slog.Level, message string, k *call, attrs ...any) {
	if c.logger == nil || !c.logger.Enabled(ctx, level) {
		return
	}
	var names []string
	for pair := range strings.SplitSeq(k.query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	c.logger.Log(ctx, level, message, append([]any{"method", k.method, "path", k.path, "query", strings.Join(names, ",")}, attrs...)...)
}
