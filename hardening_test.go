package darktrace_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// http2Refuser takes requests over HTTP/2 and breaks each of their streams off
// with an error that proves nothing about what was done. It counts the requests.
func http2Refuser(t *testing.T) (address string, received *atomic.Int32) {
	t.Helper()
	lender := httptest.NewTLSServer(nil)
	certificates := lender.TLS.Certificates
	lender.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	received = new(atomic.Int32)
	const settings, ack, endStream, data, headers = 4, 1, 1, 0, 1
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		_, _ = io.ReadFull(conn, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
		_, _ = conn.Write([]byte{0, 0, 0, settings, 0, 0, 0, 0, 0})
		head := make([]byte, 9)
		for {
			if _, err := io.ReadFull(conn, head); err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2])))
			switch kind, flags := head[3], head[4]; {
			case kind == settings && flags&ack == 0:
				_, _ = conn.Write([]byte{0, 0, 0, settings, ack, 0, 0, 0, 0})
			case (kind == data || kind == headers) && flags&endStream != 0: // All of the request has arrived.
				received.Add(1)
				reset := append([]byte{0, 0, 4, 3, 0}, head[5:9]...)
				_, _ = conn.Write(binary.BigEndian.AppendUint32(reset, 1)) // PROTOCOL_ERROR
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String(), received
}

func TestHTTP2SendsAWriteOnce(t *testing.T) {
	t.Parallel()
	for _, request := range []*darktrace.Request{{Method: "POST", Path: "/tags", JSON: 1}, {Method: "DELETE", Path: "/tags/1"}} {
		address, received := http2Refuser(t)
		client, err := darktrace.NewClient("https://"+address, newAuth(t), darktrace.WithHTTPClient(&http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}})) //nolint:gosec // A test's server.
		require.NoError(t, err)
		err = client.Do(t.Context(), request, nil)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%v", err)
		assert.Equal(t, int32(1), received.Load(), request.Method)
	}
}

func TestAWriteBearsNoIdempotencyKey(t *testing.T) {
	t.Parallel()
	const want = "darktrace: invalid argument: Idempotency-Key can't be sent: net/http takes it for leave to send a write twice"
	_, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithHeader("idempotency-key", "k"))
	require.EqualError(t, err, want)
	r := answering(200, "{}")
	err = newClient(t, r).Do(t.Context(), &darktrace.Request{Method: "POST", Path: "/tags", JSON: 1, Header: http.Header{"X-Idempotency-Key": {"k"}}}, nil)
	require.ErrorIs(t, err, darktrace.ErrArgument)
	client, err := darktrace.NewClient(baseURL, darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
		req.Header.Set("Idempotency-Key", "k")
		return nil
	}), darktrace.WithTransport(r))
	require.NoError(t, err)
	require.EqualError(t, client.AIAnalyst.PostComment(t.Context(), id1, "x"), want)
	assert.Empty(t, r.all())
}

func TestAMiddlewareThatSendsAgainDoesNotHideThatAWriteWasSent(t *testing.T) {
	t.Parallel()
	retrying := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				again := req.Clone(req.Context())
				again.Body, _ = req.GetBody()
				return next.RoundTrip(again)
			}
			return resp, nil
		})
	}
	for _, option := range []darktrace.Option{darktrace.WithMiddleware(retrying), darktrace.WithTransport(retrying(&http.Transport{}))} {
		var srv *httptest.Server
		srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			_ = srv.Listener.Close() // The second attempt will be refused.
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}))
		client, err := darktrace.NewClient(srv.URL, newAuth(t), option)
		require.NoError(t, err)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(client.AIAnalyst.PostComment(t.Context(), id1, "x")))
		srv.Close()
	}
}

func TestWhatFailsBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	t.Cleanup(srv.Close)
	noProxy := darktrace.WithProxy(func(*http.Request) (*url.URL, error) { return nil, errors.New("no PAC file") })
	slow := darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error { <-req.Context().Done(); return nil })
	invalid := darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
		req.Header.Set("Authorization", "Bearer line\nbreak")
		return nil
	})
	for name, test := range map[string]struct {
		auth darktrace.Authenticator
		opt  darktrace.Option
		text string
	}{
		"a proxy that can't be found":                {newAuth(t), noProxy, "no PAC file"},
		"an Authenticator that outlives the timeout": {slow, darktrace.WithTimeout(20 * time.Millisecond), "not sent: no answer within 20ms"},
		"an Authenticator that sets no header":       {invalid, nil, "invalid header field value"},
	} {
		client, err := darktrace.NewClient(srv.URL, test.auth, test.opt)
		require.NoError(t, err)
		err = client.AIAnalyst.PostComment(t.Context(), id1, "x")
		assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, test.text, name)
	}
}

func TestADroppedHTTP2ConnectionIsNotUsedForEver(t *testing.T) {
	t.Parallel()
	// What matters is that pings are on; net/http does the rest.
	var seen *http.Transport
	_, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		seen, _ = next.(*http.Transport)
		return next
	}))
	require.NoError(t, err)
	require.NotNil(t, seen.HTTP2)
	assert.Positive(t, seen.HTTP2.SendPingTimeout)
	assert.Positive(t, seen.HTTP2.PingTimeout)
	assert.GreaterOrEqual(t, seen.MaxIdleConnsPerHost, 32)
}

func TestCallsThatDoNotGoTakeNoPlaceInTheRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, answering(200, "[]"), darktrace.WithRateLimit(1))
		start := time.Now()
		require.NoError(t, client.Ping(t.Context()))
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, client.Ping(ctx), darktrace.ErrRateLimited)
			cancel()
		}
		require.NoError(t, client.Ping(t.Context()))
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestACallThatWaitsForItsTurnHeedsALater429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var sent []time.Duration
		r := &recorder{}
		r.answer = func(*http.Request) (*http.Response, error) {
			sent = append(sent, time.Since(start))
			if len(sent) == 1 {
				time.Sleep(20 * time.Second)
				return respond(429, "", "Retry-After", "600")(nil)
			}
			return httpmock.NewStringResponse(200, "[]"), nil
		}
		client := newClient(t, r, withRetries, darktrace.WithRateLimit(1))
		done := make(chan error, 1)
		go func() { done <- client.Ping(t.Context()) }()
		synctest.Wait()
		require.NoError(t, client.Ping(t.Context()))
		require.NoError(t, <-done)
		assert.Equal(t, 620*time.Second, sent[1])
	})
}

func TestAnErrorsBodyMayNotTakeForEver(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}))
	t.Cleanup(srv.Close)
	client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithTimeout(time.Second), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	_, err = client.AIAnalyst.ListEvents(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrServer)

	client, err = darktrace.NewClient(srv.URL, newAuth(t))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err = client.Ping(ctx)
	require.ErrorIs(t, err, darktrace.ErrServer)
	require.ErrorIs(t, err, context.DeadlineExceeded, "the context's error was lost")
}

func TestAPageDoesNotProveThatAWriteWasRefused(t *testing.T) {
	t.Parallel()
	r := answering(200, htmlPage)
	auth := &rotating{token: "stale-token"}
	client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(r))
	require.NoError(t, err)
	err = client.AIAnalyst.PostComment(t.Context(), id1, "x")
	assert.Equal(t, []error{darktrace.ErrLogin, darktrace.ErrOutcomeUnknown}, kindsOf(err))
	require.ErrorContains(t, err, "If not: the write may or may not have been carried out; read back before sending it again")
	assert.Len(t, r.all(), 1)
	assert.Zero(t, auth.refreshes)

	srv := newServer(t)
	event := darktracetest.Incidents(1, 1)[0].ID
	page := darktracetest.LoginPage().On(http.MethodPost, "*")
	page.CarryOut = true
	srv.Inject(page)
	require.NoError(t, srv.Client().AIAnalyst.AcknowledgeVerified(t.Context(), event), "reading back shows that it was carried out")
	_, err = srv.Client().AIAnalyst.PostCommentVerified(t.Context(), event, "isolated")
	require.NoError(t, err)
}

func TestSecretsThatHide(t *testing.T) {
	t.Parallel()
	spread := strings.Join(strings.Split(publicToken, ""), "\x00")
	soft := publicToken[:9] + "\u00ad" + publicToken[9:]
	for _, body := range []string{spread, soft, strings.Repeat("\x00", 8172) + publicToken, strings.Repeat("x", 510) + publicToken} {
		err := newClient(t, answering(500, body)).Ping(t.Context())
		assert.Empty(t, secretsIn(shown(t, err), publicToken[:7]))
	}

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	home, err := url.Parse(baseURL)
	require.NoError(t, err)
	jar.SetCookies(home, []*http.Cookie{{Name: "a", Value: "canary-cookie-one"}, {Name: "b", Value: "canary-cookie-two"}}) //nolint:gosec // A test's.
	client, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithHTTPClient(&http.Client{Jar: jar, Transport: answering(500, "canary-cookie-two")}),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	assert.Empty(t, secretsIn(shown(t, client.Ping(t.Context())), "canary-cookie"))

	refresh := &rotating{token: "canary-bearer-token", err: errors.New("refused canary-bearer-token and canary-gateway-key")}
	client, err = darktrace.NewClient(baseURL, refresh, darktrace.WithTransport(answering(401, "")), darktrace.WithHeader("X-Gateway-Key", "canary-gateway-key"))
	require.NoError(t, err)
	err = client.Ping(t.Context())
	require.ErrorIs(t, err, refresh.err)
	assert.Empty(t, secretsIn(shown(t, err), "canary-bearer-token", "canary-gateway-key"))

	// Nor do the causes quote what the text does not.
	quoting := roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("malformed status %q", publicToken)
	})
	for err := newClient(t, quoting).Ping(t.Context()); err != nil; {
		assert.Empty(t, secretsIn(err.Error()))
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			break
		}
		causes := joined.Unwrap()
		err = causes[len(causes)-1]
	}

	_, err = darktrace.NewClient("https://admin:hunter2#x@appliance.example.com", newAuth(t))
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestValuesAtTheEdge(t *testing.T) {
	t.Parallel()
	require.NoError(t, newClient(t, answering(200, "[]"), darktrace.WithMaxResponseSize(math.MaxInt64)).Ping(t.Context()))
	err := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })).Ping(t.Context()) //nolint:nilnil // What is tested.
	require.ErrorIs(t, err, darktrace.ErrConnection)
	require.ErrorContains(t, err, "the transport returned neither an answer nor an error")
	_, err = darktrace.NewClient(baseURL, newAuth(t), darktrace.WithRateLimit(math.MaxInt))
	require.ErrorIs(t, err, darktrace.ErrArgument)
	_, err = darktrace.NewClient(baseURL, newAuth(t), nil)
	require.NoError(t, err)
	_, err = darktrace.NewClient(baseURL, newAuth(t), darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 3, MaxBackoff: 100 * time.Millisecond}))
	require.NoError(t, err)

	r := answering(429, "")
	r.answer = respond(429, "", "Retry-After", "99999999999999999999")
	err = newClient(t, r, withRetries).Ping(t.Context())
	var answer *darktrace.APIError
	require.ErrorAs(t, err, &answer)
	assert.Greater(t, answer.RetryAfter, 24*time.Hour)
	assert.Len(t, r.all(), 1)

	comments, err := newClient(t, answering(200, `{"comments":null}`)).AIAnalyst.ListComments(t.Context(), id1)
	require.NoError(t, err)
	assert.NotNil(t, comments)
}

func TestNothingIsSentDespiteABadArgument(t *testing.T) {
	t.Parallel()
	r := answering(200, "{}")
	client := newClient(t, r)
	_, comment := client.AIAnalyst.PostCommentVerified(t.Context(), id1, " ")
	_, far := client.AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{End: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)})
	do := func(r *darktrace.Request, out any) error { return client.Do(t.Context(), r, out) }
	for _, test := range []struct {
		err  error
		want string
	}{
		{comment, "message is empty"},
		{far, "End is not between 1970 and 2261: 9999-12-31 00:00:00 +0000 UTC"},
		{do(&darktrace.Request{Path: "/a"}, struct{}{}), "out is a struct {}; it has to be a pointer, an io.Writer or nil"},
		{do(&darktrace.Request{Path: "/a"}, (*int)(nil)), "out is a *int; it has to be a pointer, an io.Writer or nil"},
		{do(&darktrace.Request{Path: "/tags/" + url.PathEscape("../../admin")}, nil), `Request.Path has a dot segment: "/tags/..%2F..%2Fadmin"`},
		{do(&darktrace.Request{Path: `/tags/a%5C..%5Cb`}, nil), `Request.Path has a dot segment: "/tags/a%5C..%5Cb"`},
		{do(&darktrace.Request{Path: `/tags/a"`}, nil), `Request.Path must be an escaped path without a query: "/tags/a\""`},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"User-Agent": {""}}}, nil), "Request.Header has an empty User-Agent, which gateways refuse"},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"a b": {}}}, nil), `Request.Header has a key that is no header name: "a b"`},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"X": {"a\x01b"}}}, nil), "Request.Header has a line break or control character in the value of X"},
	} {
		require.ErrorIs(t, test.err, darktrace.ErrArgument, test.want)
		assert.EqualError(t, test.err, "darktrace: invalid argument: "+test.want)
	}
	assert.Empty(t, r.all())
}

func TestAnObjectThatWasNotAskedForIsNotReturned(t *testing.T) {
	t.Parallel()
	s := newClient(t, answering(200, `[{"id":"`+id2+`","investigationId":"inv-2"}]`)).AIAnalyst
	_, event := s.GetEvent(t.Context(), id1)
	_, group := s.GetGroup(t.Context(), id1)
	_, investigation := s.GetInvestigation(t.Context(), "inv-1")
	for _, err := range []error{event, group, investigation} {
		require.ErrorIs(t, err, darktrace.ErrNotFound)
	}
}

func TestAnswersToWrites(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]error{
		`"ERROR"`:                           {darktrace.ErrOutcomeUnknown, darktrace.ErrDecode},
		`null`:                              {darktrace.ErrOutcomeUnknown, darktrace.ErrDecode},
		`[null]`:                            {darktrace.ErrRejected},
		`[{"aianalyst":"ERROR"},null]`:      {darktrace.ErrRejected},
		`{"did":7,"hostname":"DISK ERROR"}`: {darktrace.ErrRejected},
	} {
		assert.Equal(t, want, kindsOf(newClient(t, answering(200, body)).AIAnalyst.PostComment(t.Context(), id1, "x")), body)
	}
	var device struct{ Hostname string }
	require.NoError(t, newClient(t, answering(200, `{"did":7,"hostname":"DISK ERROR"}`)).Do(t.Context(), &darktrace.Request{Path: "/devices"}, &device))
	assert.Equal(t, "DISK ERROR", device.Hostname, "data was taken for a failure")
}

func TestACancelledLookUpDoesNotDecodeOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
		body := strings.NewReader(`[{"id":"` + id1 + `"}]`)
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(readerFunc(func(p []byte) (int, error) {
			n, err := body.Read(p)
			if err != nil {
				cancel()
			}
			return n, err
		}))}, nil
	}))
	_, err := client.AIAnalyst.GetEvent(ctx, id1)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotEmpty(t, kindsOf(err))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
