package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func newServer(t testing.TB, opts ...darktracetest.Option) *darktracetest.Server {
	t.Helper()
	srv := darktracetest.NewServer(opts...)
	t.Cleanup(srv.Close)
	srv.AddEvents(darktracetest.Incidents(1, 20)...)
	return srv
}

func TestACommentIsReceivedOnce(t *testing.T) {
	t.Parallel()
	status := func(code int) darktracetest.Fault {
		return darktracetest.Fault{Status: code, Body: "{}", CarryOut: true}
	}
	for name, fault := range map[string]darktracetest.Fault{
		"500": status(500), "502": status(502), "503": status(503), "504": status(504),
		"502 after carrying it out":            darktracetest.BadGateway(),
		"cut before the body was read":         {Cut: darktracetest.CutBeforeRead},
		"cut before the response":              {Cut: darktracetest.CutBeforeResponse, CarryOut: true},
		"cut in the response":                  {Cut: darktracetest.CutInBody, CarryOut: true},
		"timeout":                              {Delay: time.Minute, CarryOut: true},
		"response that drips":                  {Drip: time.Minute, DripSize: 1, CarryOut: true},
		"response that never ends":             {Endless: true, CarryOut: true},
		"response cut short, but complete":     {Truncate: true, CarryOut: true},
		"response that is no JSON":             {Body: "done", CarryOut: true},
		"response that is no JSON, compressed": {Body: "done", Gzip: true, CarryOut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			client := srv.Client(withRetries, darktrace.WithTimeout(5*time.Second), darktrace.WithMaxResponseSize(1<<20))
			event := darktracetest.Incidents(1, 1)[0].ID
			srv.Inject(fault.On(http.MethodPost, "/aianalyst/incident/comments"))
			err := client.AIAnalyst.PostComment(t.Context(), event, "isolated")
			require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
			require.NotErrorIs(t, err, darktrace.ErrServer)
			require.NotErrorIs(t, err, darktrace.ErrConnection)
			posts := 0
			for _, request := range srv.Requests() {
				if request.Method == http.MethodPost {
					posts++
				}
			}
			assert.Equal(t, 1, posts)
			if strings.HasPrefix(name, "timeout") {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		})
	}
}

func TestNothingGoesToWhereARedirectLeads(t *testing.T) {
	t.Parallel()
	visited := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.String() }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := newServer(t)
		srv.Inject(darktracetest.Fault{Status: status, Header: http.Header{"Location": {other.URL + "/authorize"}}})
		client := srv.Client()
		require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrLogin)
		require.ErrorIs(t, client.AIAnalyst.PostComment(t.Context(), id1, "x"), darktrace.ErrLogin)
		assert.Len(t, srv.Requests(), 2)
	}
	assert.Empty(t, visited)
}

func TestAConnectionThatIsRefusedSendsNothing(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	client, err := darktrace.NewClient("http://"+address, newAuth(t))
	require.NoError(t, err)
	err = client.AIAnalyst.Acknowledge(t.Context(), id1)
	assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err))
	require.ErrorContains(t, err, "check the base URL, and whether a proxy is required")
	// Also through a transport that calls no trace hooks.
	client, err = darktrace.NewClient("http://"+address, newAuth(t), darktrace.WithTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
		return http.DefaultTransport.RoundTrip(req.WithContext(t.Context()))
	})))
	require.NoError(t, err)
	assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(client.AIAnalyst.Acknowledge(t.Context(), id1)))
	client, err = darktrace.NewClient("http://no-such-host.invalid", newAuth(t), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}),
		darktrace.WithTransport(roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "no-such-host.invalid", IsNotFound: true}
		})))
	require.NoError(t, err)
	err = client.AIAnalyst.Acknowledge(t.Context(), id1)
	assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err))
	assert.ErrorContains(t, err, "the name can't be resolved; check the base URL")
}

func TestReadsTimeOut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]darktracetest.Fault{
		"no response": {Delay: time.Minute},
		"drip":        {Drip: time.Minute, DripSize: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			srv.Inject(fault)
			client := srv.Client(darktrace.WithTimeout(400*time.Millisecond), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
			for call, err := range map[string]error{
				"single": client.Ping(t.Context()),
				"stream": func() error { _, err := client.AIAnalyst.ListEvents(t.Context(), nil); return err }(),
			} {
				require.ErrorIs(t, err, context.DeadlineExceeded, call)
				require.ErrorIs(t, err, darktrace.ErrConnection, call)
				require.ErrorContains(t, err, "no response within ", call)
			}
		})
	}
}

// A stream may take longer than the timeout as long as it goes on, and its
// reader may take its time.
func TestAStreamHasNoTotalTimeout(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.Inject(darktracetest.Fault{Drip: 400 * time.Millisecond, DripSize: 10 << 10})
	client := srv.Client(darktrace.WithTimeout(3 * time.Second))
	events := 0
	for _, err := range client.AIAnalyst.Events(t.Context(), &darktrace.EventListOptions{IncludeAcknowledged: true, Start: time.Unix(1, 0)}) {
		require.NoError(t, err)
		if events++; events == 1 {
			time.Sleep(3200 * time.Millisecond)
		}
	}
	assert.NotZero(t, events)
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.Inject(darktracetest.Fault{Endless: true})
	client := srv.Client(darktrace.WithMaxResponseSize(64 << 10))
	err := client.Ping(t.Context())
	require.ErrorIs(t, err, darktrace.ErrTooLarge)
	require.ErrorContains(t, err, "see WithMaxResponseSize")
	_, err = client.AIAnalyst.ListEvents(t.Context(), nil)
	require.ErrorIs(t, err, darktrace.ErrTooLarge)
	var buffer bytes.Buffer
	require.ErrorIs(t, client.Do(t.Context(), &darktrace.Request{Path: "/aianalyst/stats"}, &buffer), darktrace.ErrTooLarge)

	body := `[{"id":"` + id1 + `"}]`
	_, err = newClient(t, responding(200, body), darktrace.WithMaxResponseSize(int64(len(body)))).AIAnalyst.GetEvent(t.Context(), id1)
	require.NoError(t, err, "exactly as large as allowed")
	_, err = newClient(t, responding(200, body), darktrace.WithMaxResponseSize(int64(len(body)-1))).AIAnalyst.GetEvent(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrTooLarge)
}

func TestStreams(t *testing.T) {
	t.Parallel()
	everything := &darktrace.EventListOptions{IncludeAcknowledged: true, Start: time.Unix(1, 0)}
	t.Run("ranged twice", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t)
		events := srv.Client().AIAnalyst.Events(t.Context(), everything)
		for range 2 {
			n := 0
			for _, err := range events {
				require.NoError(t, err)
				n++
			}
			assert.Equal(t, 20, n)
		}
		assert.Len(t, srv.Requests(), 2)
	})
	t.Run("broken off", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t)
		srv.Inject(darktracetest.Fault{Endless: true, Body: `[{"id":"` + id1 + `"},{"id":"` + id1 + `"},`})
		for event, err := range srv.Client().AIAnalyst.Events(t.Context(), nil) {
			require.NoError(t, err)
			assert.Equal(t, id1, event.ID)
			break
		}
	})
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t)
		srv.Inject(darktracetest.Fault{Cut: darktracetest.CutInBody})
		var events, errs int
		for event, err := range srv.Client().AIAnalyst.Events(t.Context(), everything) {
			require.Zero(t, errs, "something came after the error")
			if err != nil {
				errs++
				assert.Nil(t, event)
				assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err))
				require.ErrorContains(t, err, "the response was cut off")
			} else {
				events++
			}
		}
		assert.Positive(t, events)
		assert.Equal(t, 1, errs)
	})
	t.Run("ended early", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t)
		srv.Inject(darktracetest.Fault{Truncate: true})
		events, err := srv.Client().AIAnalyst.ListEvents(t.Context(), everything)
		assert.NotEmpty(t, events, "what came before")
		assert.Equal(t, []error{darktrace.ErrDecode}, kindsOf(err))
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		srv := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var events int
		var last error
		for _, err := range srv.Client().AIAnalyst.Events(ctx, everything) {
			if last = err; err == nil {
				events++
				cancel()
			}
		}
		assert.Equal(t, 1, events, "went on after the cancellation")
		require.ErrorIs(t, last, context.Canceled)
	})
	t.Run("first event before the last byte", func(t *testing.T) {
		t.Parallel()
		rest := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `[{"id":"`+id1+`"},`)
			_ = http.NewResponseController(w).Flush()
			<-rest
			_, _ = io.WriteString(w, `{"id":"`+id2+`"}]`)
		}))
		t.Cleanup(srv.Close)
		client, err := darktrace.NewClient(srv.URL, newAuth(t))
		require.NoError(t, err)
		var ids []string
		for event, err := range client.AIAnalyst.Events(t.Context(), nil) {
			require.NoError(t, err)
			if ids = append(ids, event.ID); len(ids) == 1 {
				close(rest) // This is never reached if the client waits for the second event.
			}
		}
		assert.Equal(t, []string{id1, id2}, ids)
	})
}

func TestGzip(t *testing.T) {
	t.Parallel()
	srv := newServer(t, darktracetest.WithGzip())
	events, err := srv.Client().AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{IncludeAcknowledged: true, Start: time.Unix(1, 0)})
	require.NoError(t, err)
	assert.Len(t, events, 20)
	assert.Equal(t, "gzip", srv.Requests()[0].Header.Get("Accept-Encoding"))
}

func TestClocksOfARealConversation(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{2 * time.Hour, -5 * time.Hour} {
		srv := newServer(t, darktracetest.WithClockOffset(offset))
		client := srv.Client()
		event := darktracetest.Incidents(1, 1)[0].ID
		require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), event))
		require.NoError(t, client.AIAnalyst.PostComment(t.Context(), event, "isolated"))
		_, err := client.AIAnalyst.GetEvent(t.Context(), event)
		require.NoError(t, err)
		assert.Len(t, srv.Requests(), 4, "one extra request in the client's life")
		assert.Len(t, srv.Comments(event), 1)
	}
}

func TestPathPrefixes(t *testing.T) {
	t.Parallel()
	srv := newServer(t, darktracetest.WithPathPrefix("/products/7"), darktracetest.WithTB(t))
	require.NoError(t, srv.Client().Ping(t.Context()))
	srv = newServer(t, darktracetest.WithStrippedPathPrefix("/edge"), darktracetest.WithTB(t))
	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken, darktrace.TokenStripPrefix("/edge/"))
	require.NoError(t, err)
	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithHTTPClient(srv.HTTPClient()))
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context()))
}

// TestNothingLeaks makes calls fail in every way and compares goroutines and
// connections with those before.
func TestNothingLeaks(t *testing.T) { //nolint:paralleltest // It counts the process's goroutines.
	before := runtime.NumGoroutine()
	srv := darktracetest.NewServer()
	open := make(chan int, 1)
	open <- 0
	count := func(delta int) { open <- <-open + delta }
	dialer := &net.Dialer{}
	transport := srv.HTTPClient().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			count(+1)
			conn = &countedConn{Conn: conn, closed: func() { count(-1) }}
		}
		return conn, err
	}
	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	require.NoError(t, err)
	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithTransport(transport), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}),
		darktrace.WithMaxResponseSize(32<<10), darktrace.WithTimeout(time.Second))
	require.NoError(t, err)
	srv.AddEvents(darktracetest.Incidents(1, 20)...)
	faults := []darktracetest.Fault{
		{Status: 500, Body: strings.Repeat("x", 1<<20)}, darktracetest.BadGateway(), darktracetest.LoginPage(), {Endless: true},
		{Cut: darktracetest.CutBeforeRead}, {Cut: darktracetest.CutBeforeResponse}, {Cut: darktracetest.CutInBody}, {Cut: darktracetest.CutAfterBody},
		{Truncate: true}, {Body: "no JSON"}, {Status: 302}, {ContentType: "text/html"},
	}
	calls := 300
	if *long {
		calls = 2000
	}
	for i := range calls {
		remove := srv.Inject(faults[i%len(faults)])
		switch i % 3 {
		case 0:
			_ = client.Ping(t.Context())
		case 1:
			_ = client.AIAnalyst.PostComment(t.Context(), id1, "x")
		case 2:
			for range client.AIAnalyst.Events(t.Context(), &darktrace.EventListOptions{Start: time.Unix(1, 0)}) {
				break
			}
		}
		remove()
	}
	client.CloseIdleConnections()
	srv.Close()
	for range 1000 {
		connections := <-open
		open <- connections
		if connections == 0 && runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d goroutines before, %d now; %d connections open", before, runtime.NumGoroutine(), <-open)
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	if c.closed != nil {
		c.closed()
		c.closed = nil
	}
	return c.Conn.Close()
}

func TestACallersRoundTripperMayLeaveOutTheBody(t *testing.T) {
	t.Parallel()
	client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}, nil
	}))
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrDecode)
	require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "x"))
}

func TestCausesStayReachable(t *testing.T) {
	t.Parallel()
	cause := errors.New("wire cut")
	client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause }))
	require.ErrorIs(t, client.Ping(t.Context()), cause)
	require.ErrorIs(t, client.AIAnalyst.Acknowledge(t.Context(), id1), cause)
}
