package darktrace

import (
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
	limit  atomic.Int64 // the duration that timer stands for
	left   int64        // bytes that the answer may still have
	size   int64        // bytes read
	err    error        // what broke reading, classified
	closed bool
}

// attempt sends a request once and classifies the answer. Without an error the
// reply is success as far as its beginning shows, and must be finished.
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
	var trail *writeTrail
	if r.call.write() {
		trail = new(writeTrail)
		ctx = trail.follow(ctx, r.client.outer, cancel)
	}
	r.build(ctx)
	if err := r.authenticate(); err != nil {
		return err
	}
	resp, err := r.client.outer.RoundTrip(r.req) //nolint:bodyclose // finish closes it.
	if err == nil && resp == nil {
		err = errors.New("the transport returned neither an answer nor an error")
	}
	if err != nil {
		return r.unanswered(err, trail)
	}
	if resp.Body == nil { // Stubs may leave it out.
		resp.Body = http.NoBody
	}
	r.resp = resp
	r.limit.Store(int64(r.client.timeout))
	if r.streams() {
		r.timer.Stop() // From here on each Read has its own.
	} else {
		r.timer.Reset(r.client.timeout - time.Since(r.started))
	}
	return r.classify()
}

// streams reports whether the answer is read as it arrives, without a limit to
// its time. An error's body is not.
func (r *reply) streams() bool { return r.call.stream && r.resp.StatusCode/100 == 2 }

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

// checkIdempotency refuses the headers that make net/http send a write again.
func checkIdempotency(header http.Header) error {
	for _, key := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if _, ok := header[key]; ok {
			return argument(key, "can't be sent: net/http takes it for leave to send a write twice")
		}
	}
	return nil
}

// unanswered classifies an attempt that got no answer.
func (r *reply) unanswered(err error, trail *writeTrail) error {
	err = r.cause(err)
	if trail != nil && trail.mayBeSent(err, r.client.ours) {
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
	if int64(len(p))-1 > r.left {
		p = p[:r.left+1]
	}
	if r.streams() {
		r.timer.Reset(r.client.timeout)
	}
	n, err := r.resp.Body.Read(p)
	if r.streams() {
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
			s = blank(blank(s, value), credentials)
		}
	}
	for _, cookie := range r.req.Cookies() {
		s = blank(s, cookie.Value)
	}
	return s
}

// blank takes a secret out of s, unless it is so short that it could be a word.
func blank(s, secret string) string {
	if len(secret) < 6 {
		return s
	}
	return strings.ReplaceAll(s, secret, "[redacted]")
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
