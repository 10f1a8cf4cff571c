package darktrace

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// reply is one attempt of a call and its answer. data is the whole answer, or
// for a stream its beginning, which Read returns first.
type reply struct {
	client  *core
	call    *call
	ctx     context.Context // the caller's
	req     *http.Request
	resp    *http.Response
	data    []byte
	number  int // counted from 1
	started time.Time

	beginning [snippetSize]byte // holds data at first, for a stream

	cancel context.CancelCauseFunc
	timer  *time.Timer
	left   int64 // bytes that the answer may still have
	size   int64 // bytes read
	err    error // what broke reading, classified
	closed bool
}

// attempt sends a request once and classifies the answer. A reply that it
// returns is success as far as its beginning shows, and must be closed.
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
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reply) exchange() error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	r.cancel = cancel
	headers := r.client.timeout / 2
	r.timer = time.AfterFunc(headers, func() { cancel(timeout(headers)) })
	var trail *trail
	if r.call.write() {
		trail, ctx = traced(ctx)
	}
	r.build(ctx)
	if err := r.authenticate(); err != nil {
		return err
	}
	resp, err := r.client.outer.RoundTrip(r.req) //nolint:bodyclose // finish closes it.
	if err != nil {
		return r.unanswered(err, trail)
	}
	if resp.Body == nil { // Stubs may leave it out.
		resp.Body = http.NoBody
	}
	r.resp = resp
	if r.call.stream {
		r.timer.Stop() // From here on each Read has its own.
	} else {
		r.timer.Reset(r.client.timeout - time.Since(r.started))
	}
	return r.classify()
}

// build makes the attempt's request, all but what authenticates it.
func (r *reply) build(ctx context.Context) {
	k := r.call
	req := (&http.Request{Method: k.method, URL: k.url(r.client.base), Host: r.client.base.Host, Header: r.client.header.Clone()}).WithContext(ctx)
	for key, values := range k.header {
		req.Header[key] = slices.Clone(values)
	}
	if k.body != nil {
		req.Header["Content-Type"] = []string{k.contentType}
		req.ContentLength = int64(len(k.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(k.body))), nil }
		req.Body, _ = req.GetBody()
	}
	r.req = req
}

func (r *reply) authenticate() error {
	err := r.client.auth.Authenticate(r.req, r.call.body)
	if err == nil || errors.Is(err, ErrArgument) {
		return err
	}
	return r.failed(ErrConnection, "not sent: authentication failed", err)
}

// trail is how far the transport got with a request.
type trail struct{ asked, sent atomic.Bool }

// traced lets a transport leave a trail. A transport asks for a connection again
// only when nothing was written on the one before.
func traced(ctx context.Context) (*trail, context.Context) {
	t := &trail{}
	return t, httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true); t.sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { t.sent.Store(true) },
	})
}

// mayBeSent reports whether any byte of a request that failed so may have left.
func (t *trail) mayBeSent(err error) bool {
	if t.asked.Load() {
		return t.sent.Load()
	}
	// A transport that leaves no trail: only an error from before the
	// connection stood proves anything.
	var op *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	dialed := errors.As(err, &op) && op.Op == "dial"
	return !dialed && !errors.As(err, &dns) && !errors.As(err, &certificate)
}

// unanswered classifies an attempt that got no answer.
func (r *reply) unanswered(err error, trail *trail) error {
	err = r.cause(err)
	if trail != nil && trail.mayBeSent(err) {
		return r.failed(ErrOutcomeUnknown, hints[ErrOutcomeUnknown], err)
	}
	failure := r.failed(ErrConnection, connectionAdvice(err), err)
	failure.unanswered = true
	return failure
}

// cause replaces the error of a cancelled attempt by the reason: the caller's
// context, or the timeout.
func (r *reply) cause(err error) error {
	if r.ctx.Err() != nil {
		return contextError(r.ctx)
	}
	if cause := context.Cause(r.req.Context()); cause != nil {
		return cause
	}
	// What url.Error adds to the cause, the method and URL, ours has already.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func timeout(after time.Duration) error {
	return fmt.Errorf("no answer within %v: %w", after, context.DeadlineExceeded)
}

// Read reads the answer, within its size and time, and keeps what breaks it.
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
		return 0, r.broken(ErrConnection, "", contextError(r.ctx))
	}
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	if r.call.stream {
		r.timer.Reset(r.client.timeout)
	}
	n, err := r.resp.Body.Read(p)
	if r.call.stream {
		r.timer.Stop()
	}
	r.size += int64(n)
	r.left -= int64(n)
	switch {
	case r.left < 0:
		return 0, r.broken(ErrTooLarge, "see WithMaxResponseSize", nil)
	case err != nil && err != io.EOF:
		return n, r.broken(ErrConnection, "the answer was cut", r.cause(err))
	}
	return n, err
}

// broken keeps and returns what broke reading. Of a write, that leaves the
// outcome unknown, whatever it was.
func (r *reply) broken(kind error, what string, cause error) error {
	failure := r.failed(kind, what, cause)
	if r.call.write() {
		failure = r.failed(ErrOutcomeUnknown, what, cause)
		if errors.Is(kind, ErrTooLarge) {
			failure = r.failed(ErrOutcomeUnknown, what, kind)
		}
	}
	r.err = failure
	return failure
}

// readAll reads the whole of a single answer into data.
func (r *reply) readAll() error {
	// One byte more than announced, so that the end shows without growing.
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

// readBeginning reads until data holds n bytes, or the answer ends; for a
// stream it stops as soon as enough says so.
func (r *reply) readBeginning(n int, enough func([]byte) bool) error {
	r.data = slices.Grow(r.data, n)
	for len(r.data) < n && !enough(r.data) {
		m, err := r.readBody(r.data[len(r.data):n])
		r.data = r.data[:len(r.data)+m]
		if err == io.EOF { //nolint:errorlint // Readers return it bare.
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// failed makes an error of the given kind about this request.
func (r *reply) failed(kind error, what string, cause error) *callError {
	return failed(kind, r.call.method, r.path(), what, cause, r.redact)
}

// undecoded classifies an answer that is not what was due.
func (r *reply) undecoded(err error) error {
	if r.err != nil {
		return r.err
	}
	if r.call.write() {
		return r.failed(ErrOutcomeUnknown, "", fmt.Errorf("%w: %w", ErrDecode, err))
	}
	return r.failed(ErrDecode, "", err)
}

func (r *reply) path() string { return r.req.URL.EscapedPath() }

// redact blanks what authenticates the request wherever it stands in s: tokens,
// the signature, and any other header value that could be a secret.
func (r *reply) redact(s string) string {
	s = r.client.redact(s)
	for key, values := range r.req.Header {
		switch key {
		case "Accept", "Content-Type", "Dtapi-Date", "User-Agent":
			continue
		}
		for _, value := range values {
			_, credentials, _ := strings.Cut(value, " ")
			for _, secret := range []string{value, credentials} {
				if len(secret) >= 6 {
					s = strings.ReplaceAll(s, secret, "[redacted]")
				}
			}
		}
	}
	return s
}

// finish logs the attempt and frees its connection: for reuse when all was read,
// else by closing it.
func (r *reply) finish(err error) {
	if r.closed {
		return
	}
	r.closed = true
	r.timer.Stop()
	r.cancel(nil)
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
}

// log writes a line about a call, of the query no more than the names.
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
