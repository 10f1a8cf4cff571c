package conformance_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestAWriteBearsNoIdempotencyKey(t *testing.T) {
	t.Parallel()
	const want = "darktrace: invalid argument: Idempotency-Key can't be sent: net/http takes it for leave to send a write twice"
	_, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithHeader("idempotency-key", "k"))
	require.EqualError(t, err, want)
	r := responding(200, "{}")
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
		"an Authenticator that outlives the timeout": {slow, darktrace.WithTimeout(20 * time.Millisecond), "not sent: no response within 20ms"},
		"an Authenticator that sets no header":       {invalid, nil, "invalid header field value"},
	} {
		client, err := darktrace.NewClient(srv.URL, test.auth, test.opt)
		require.NoError(t, err)
		err = client.AIAnalyst.PostComment(t.Context(), id1, "x")
		assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, test.text, name)
	}
}

func TestCallsThatDoNotGoTakeNoPlaceInTheRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, responding(200, "[]"), darktrace.WithRateLimit(1))
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
		r.respond = func(*http.Request) (*http.Response, error) {
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
	r := responding(200, htmlPage)
	auth := &rotating{token: "stale-token"}
	client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(r))
	require.NoError(t, err)
	err = client.AIAnalyst.PostComment(t.Context(), id1, "x")
	assert.Equal(t, []error{darktrace.ErrLogin, darktrace.ErrOutcomeUnknown}, kindsOf(err))
	require.ErrorContains(t, err, "the write may have been carried out nevertheless: read back before you send it again")
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
		err := newClient(t, responding(500, body)).Ping(t.Context())
		assert.Empty(t, secretsIn(shown(t, err), publicToken[:7]))
	}

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	home, err := url.Parse(baseURL)
	require.NoError(t, err)
	jar.SetCookies(home, []*http.Cookie{{Name: "a", Value: "canary-cookie-one"}, {Name: "b", Value: "canary-cookie-two"}}) //nolint:gosec // A test's.
	client, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithHTTPClient(&http.Client{Jar: jar, Transport: responding(500, "canary-cookie-two")}),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	assert.Empty(t, secretsIn(shown(t, client.Ping(t.Context())), "canary-cookie"))

	refresh := &rotating{token: "canary-bearer-token", err: errors.New("refused canary-bearer-token and canary-gateway-key")}
	client, err = darktrace.NewClient(baseURL, refresh, darktrace.WithTransport(responding(401, "")), darktrace.WithHeader("X-Gateway-Key", "canary-gateway-key"))
	require.NoError(t, err)
	err = client.Ping(t.Context())
	require.ErrorIs(t, err, refresh.err)
	assert.Empty(t, secretsIn(shown(t, err), "canary-bearer-token", "canary-gateway-key"))

	// The causes don't quote it either.
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
	require.NoError(t, newClient(t, responding(200, "[]"), darktrace.WithMaxResponseSize(math.MaxInt64)).Ping(t.Context()))
	err := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })).Ping(t.Context()) //nolint:nilnil // What is tested.
	require.ErrorIs(t, err, darktrace.ErrConnection)
	require.ErrorContains(t, err, "the transport returned no response and no error")
	_, err = darktrace.NewClient(baseURL, newAuth(t), darktrace.WithRateLimit(math.MaxInt))
	require.ErrorIs(t, err, darktrace.ErrArgument)
	_, err = darktrace.NewClient(baseURL, newAuth(t), nil)
	require.NoError(t, err)
	_, err = darktrace.NewClient(baseURL, newAuth(t), darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 3, MaxBackoff: 100 * time.Millisecond}))
	require.NoError(t, err)

	r := responding(429, "")
	r.respond = respond(429, "", "Retry-After", "99999999999999999999")
	err = newClient(t, r, withRetries).Ping(t.Context())
	var apiErr *darktrace.APIError
	require.ErrorAs(t, err, &apiErr)
	assert.Greater(t, apiErr.RetryAfter, 24*time.Hour)
	assert.Len(t, r.all(), 1)

	comments, err := newClient(t, responding(200, `{"comments":null}`)).AIAnalyst.ListComments(t.Context(), id1)
	require.NoError(t, err)
	assert.NotNil(t, comments)
}

func TestNothingIsSentDespiteABadArgument(t *testing.T) {
	t.Parallel()
	r := responding(200, "{}")
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
		{do(&darktrace.Request{Path: "/a"}, struct{}{}), "out has the type struct {}; it must be a pointer, an io.Writer or nil"},
		{do(&darktrace.Request{Path: "/a"}, (*int)(nil)), "out is a nil pointer of the type *int"},
		{do(&darktrace.Request{Path: "/tags/" + url.PathEscape("../../admin")}, nil), `Request.Path has a dot segment: "/tags/..%2F..%2Fadmin"`},
		{do(&darktrace.Request{Path: `/tags/a%5C..%5Cb`}, nil), `Request.Path has a dot segment: "/tags/a%5C..%5Cb"`},
		{do(&darktrace.Request{Path: `/tags/a"`}, nil), `Request.Path must be an escaped path without a query: "/tags/a\""`},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"User-Agent": {""}}}, nil), "Request.Header has an empty User-Agent, which some gateways reject"},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"a b": {}}}, nil), `Request.Header has a key that is not a header name: "a b"`},
		{do(&darktrace.Request{Path: "/a", Header: http.Header{"X": {"a\x01b"}}}, nil), "Request.Header has a line break or control character in the value of X"},
	} {
		require.ErrorIs(t, test.err, darktrace.ErrArgument, test.want)
		assert.EqualError(t, test.err, "darktrace: invalid argument: "+test.want)
	}
	assert.Empty(t, r.all())
}

func TestAnObjectThatWasNotAskedForIsNotReturned(t *testing.T) {
	t.Parallel()
	s := newClient(t, responding(200, `[{"id":"`+id2+`","investigationId":"inv-2"}]`)).AIAnalyst
	_, event := s.GetEvent(t.Context(), id1)
	_, group := s.GetGroup(t.Context(), id1)
	_, investigation := s.GetInvestigation(t.Context(), "inv-1")
	for _, err := range []error{event, group, investigation} {
		require.ErrorIs(t, err, darktrace.ErrNotFound)
	}
}

// An object is the requested one if its id says so, or if it is the only one and has
// no id.
func TestObjectsAreLookedUpByID(t *testing.T) {
	t.Parallel()
	uuid := "80010119-6D7F-0000-0305-5E0000000325"
	for name, test := range map[string]struct {
		key, id string
		get     func(c *darktrace.Client) (any, error)
	}{
		"Models.Get":          {"pid", "12", func(c *darktrace.Client) (any, error) { return c.Models.Get(t.Context(), 12) }},
		"Models.GetByUUID":    {"uuid", `"` + strings.ToLower(uuid) + `"`, func(c *darktrace.Client) (any, error) { return c.Models.GetByUUID(t.Context(), uuid) }},
		"Models.GetComponent": {"cid", "12", func(c *darktrace.Client) (any, error) { return c.Models.GetComponent(t.Context(), 12) }},
		"Metrics.Get":         {"mlid", "12", func(c *darktrace.Client) (any, error) { return c.Metrics.Get(t.Context(), 12) }},
		"Tags.Get":            {"tid", "12", func(c *darktrace.Client) (any, error) { return c.Tags.Get(t.Context(), 12) }},
		"Email.Get":           {"uuid", `"` + uuid + `.1"`, func(c *darktrace.Client) (any, error) { return c.Email.Get(t.Context(), uuid+".1", nil) }},
		"ModelBreaches.Get":   {"pbid", "12", func(c *darktrace.Client) (any, error) { return c.ModelBreaches.Get(t.Context(), 12) }},
	} {
		fields := map[string]string{"Metrics.Get": `{"name":"x"}`, "Email.Get": `{"direction":"inbound"}`, "Models.GetComponent": `{"active":true}`, "ModelBreaches.Get": `{"score":1}`}
		nameless := cmp.Or(fields[name], `{"name":"x"}`)
		wanted, other := `{"`+test.key+`":`+test.id+`}`, `{"`+test.key+`":13}`
		for body, kind := range map[string]error{
			wanted:                             nil,
			`[` + wanted + `]`:                 nil,
			`[` + other + `,` + wanted + `]`:   nil,
			nameless:                           nil,
			`[` + nameless + `]`:               nil,
			`[]`:                               darktrace.ErrNotFound,
			`[[],[]]`:                          darktrace.ErrNotFound,
			other:                              darktrace.ErrNotFound,
			`[` + other + `]`:                  darktrace.ErrNotFound,
			`[` + nameless + `,` + other + `]`: darktrace.ErrNotFound,
			`[{}]`:                             darktrace.ErrNotFound,
			`{}`:                               darktrace.ErrDecode,
			`{"hello":"world"}`:                darktrace.ErrDecode,
		} {
			found, err := test.get(newClient(t, responding(200, body)))
			if kind != nil {
				require.ErrorIs(t, err, kind, "%s, %s", name, body)
				assert.Nil(t, found, "%s, %s", name, body)
				continue
			}
			require.NoError(t, err, "%s, %s", name, body)
			encoded, err := json.Marshal(found)
			require.NoError(t, err)
			if !strings.Contains(body, nameless) {
				assert.Contains(t, string(encoded), `"`+test.key+`":`+test.id, "%s, %s", name, body)
			}
		}
	}
	_, err := newClient(t, responding(200, `[]`)).Tags.GetByName(t.Context(), "Active Threat")
	require.EqualError(t, err, "darktrace: GET /tags: not found: no tag named Active Threat")
}

func TestResponsesToWrites(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]error{
		`"ERROR"`:                           {darktrace.ErrOutcomeUnknown, darktrace.ErrDecode},
		`null`:                              {darktrace.ErrOutcomeUnknown, darktrace.ErrDecode},
		`[null]`:                            {darktrace.ErrOutcomeUnknown},
		`[{"aianalyst":"ERROR"},null]`:      {darktrace.ErrRejected},
		`{"did":7,"hostname":"DISK ERROR"}`: nil, // It is what was stored, and not a code of the appliance.
	} {
		assert.Equal(t, want, kindsOf(newClient(t, responding(200, body)).AIAnalyst.PostComment(t.Context(), id1, "x")), body)
	}
	var device struct{ Hostname string }
	require.NoError(t, newClient(t, responding(200, `{"did":7,"hostname":"DISK ERROR"}`)).Do(t.Context(), &darktrace.Request{Path: "/devices"}, &device))
	assert.Equal(t, "DISK ERROR", device.Hostname, "data counted as a failure")
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

// An object of 24 MB whose decoding takes seconds, and some hundred megabytes: a
// call that is cancelled when it has arrived takes no more than its bytes.
//
//nolint:paralleltest // measures
func TestACancelledCallDoesNotDecodeOn(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"id":"` + id1 + `","breachDevices":[{`)
	for i := 0; b.Len() < 24<<20; i++ {
		fmt.Fprintf(&b, `"x%d":1,"did":"x",`, i)
	}
	b.WriteString(`"did":1}]}`)
	whole := b.String()
	for name, call := range map[string]func(context.Context, *darktrace.Client) error{
		"one": func(ctx context.Context, client *darktrace.Client) error {
			_, err := client.AIAnalyst.GetEvent(ctx, id1)
			return err
		},
		"list": func(ctx context.Context, client *darktrace.Client) error {
			_, err := client.AIAnalyst.ListEvents(ctx, nil)
			return err
		},
		"write": func(ctx context.Context, client *darktrace.Client) error {
			return client.AIAnalyst.PostComment(ctx, id1, "x")
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var ended time.Time
		client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
			body := strings.NewReader(whole)
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(readerFunc(func(p []byte) (int, error) {
				n, err := body.Read(p)
				if err != nil || body.Len() == 0 && name == "list" { // which is decoded before its end is read
					cancel()
					ended = time.Now()
				}
				return n, err
			}))}, nil
		}))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := call(ctx, client)
		t.Logf("%s: %v after its context", name, time.Since(ended))
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, context.Canceled, name)
		if name == "write" {
			require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
		}
		assert.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(200), name)
		cancel()
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// hijacking starts a server that passes each connection to serve after the head of
// its request.
func hijacking(t *testing.T, serve func(conn net.Conn)) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			defer func() { _ = conn.Close() }()
			serve(conn)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestSwitchedProtocolsEndACall(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	srv := hijacking(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		<-done
	})
	client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithLogger(quiet))
	require.NoError(t, err)
	err = client.Ping(t.Context())
	require.EqualError(t, err, "darktrace: GET /aianalyst/incidentevents: 101 Switching Protocols: response not understood: the response switches protocols, which the client did not ask for: check what is in front of the appliance")
	assert.Equal(t, []error{darktrace.ErrDecode}, kindsOf(err))
	var streamed strings.Builder
	assert.Equal(t, []error{darktrace.ErrDecode}, kindsOf(client.Do(t.Context(), &darktrace.Request{Path: "/a"}, &streamed)))
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(client.AIAnalyst.PostComment(t.Context(), id1, "x")))
}

func TestWhatIsSafeIsRead(t *testing.T) {
	t.Parallel()
	for _, request := range []*darktrace.Request{
		{Method: "OPTIONS", Path: "/a"}, {Method: "TRACE", Path: "/a"}, {Method: "HEAD", Path: "/a"},
		{Method: "POST", Path: "/search", JSON: 1, Read: true}, {Method: "POST", Path: "/search", Form: url.Values{"a": {"b"}}, Read: true},
	} {
		r := inTurn(respond(503, ""), respond(200, ""))
		client := newClient(t, r, darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 1, MinBackoff: 1, MaxBackoff: 1}))
		require.NoError(t, client.Do(t.Context(), request, nil), request.Method)
		assert.Len(t, r.all(), 2, request.Method)
		assert.Equal(t, []error{darktrace.ErrServer}, kindsOf(newClient(t, responding(503, "")).Do(t.Context(), request, nil)))
	}
	var out any = "as it was"
	require.NoError(t, newClient(t, responding(200, "")).Do(t.Context(), &darktrace.Request{Method: "POST", Path: "/search", JSON: 1, Read: true}, &out))
	assert.Equal(t, "as it was", out)
	require.EqualError(t, newClient(t, responding(200, "")).Do(t.Context(), &darktrace.Request{Method: "OPTIONS", Path: "/a", JSON: 1}, nil),
		"darktrace: invalid argument: Request has a body, which OPTIONS can't have")
}

func TestAnIdempotencyKeyOfAMiddleware(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	client := newClient(t, r, darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Idempotency-Key", "k")
			return next.RoundTrip(req)
		})
	}))
	require.NoError(t, client.Ping(t.Context()))
	require.EqualError(t, client.AIAnalyst.PostComment(t.Context(), id1, "x"),
		"darktrace: invalid argument: WithMiddleware sets a header that can't be sent: Idempotency-Key can't be sent: net/http takes it for leave to send a write twice")
	assert.Len(t, r.all(), 1)
	// Headers whose names only end with it are sent.
	r.respond = respond(200, "{}")
	require.NoError(t, newClient(t, r, darktrace.WithHeader("My-Idempotency-Key", "k")).AIAnalyst.PostComment(t.Context(), id1, "x"))
	assert.Equal(t, "k", r.all()[1].header.Get("My-Idempotency-Key"))
}
