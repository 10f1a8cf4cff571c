package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

type hookKey struct{}

// observed is what a hook received about one call.
type observed struct {
	info   darktrace.CallInfo
	result darktrace.CallResult
	ends   int
}

func TestCallHooks(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(darktracetest.Incidents(1, 5)...)
	var calls []*observed
	attempts := 0
	client := srv.Client(
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 2, MinBackoff: 1, MaxBackoff: 1}),
		darktrace.WithCallHook(func(ctx context.Context, info darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
			c := &observed{info: info}
			calls = append(calls, c)
			return context.WithValue(ctx, hookKey{}, c), func(r darktrace.CallResult) { c.result, c.ends = r, c.ends+1 }
		}),
		darktrace.WithCallHook(func(context.Context, darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
			return nil, nil
		}),
		darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				attempts++
				assert.Same(t, calls[len(calls)-1], r.Context().Value(hookKey{}), "attempts carry the call's context")
				return next.RoundTrip(r)
			})
		}))
	last := func() observed {
		c := calls[len(calls)-1]
		assert.Equal(t, 1, c.ends)
		assert.Positive(t, c.result.Duration)
		return *c
	}

	srv.Inject(darktracetest.Fault{Status: http.StatusServiceUnavailable, Times: 2})
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	c := last()
	assert.Equal(t, darktrace.CallInfo{Operation: "AIAnalyst.Events", Method: "GET", Path: "/aianalyst/incidentevents"}, c.info)
	assert.Equal(t, 3, c.result.Attempts)
	assert.Equal(t, http.StatusOK, c.result.StatusCode)
	assert.Greater(t, c.result.Bytes, int64(10_000))
	require.NoError(t, c.result.Err)
	assert.Equal(t, 3, attempts)

	_, err = client.ModelBreaches.Get(t.Context(), 424242)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	assert.Equal(t, "/modelbreaches/{pbid}", calls[1].info.Path)
	assert.NotContains(t, fmt.Sprint(calls[1].info), "424242")

	srv.Inject(darktracetest.Fault{Method: "POST", Status: http.StatusBadGateway, Times: 1})
	err = client.AIAnalyst.Acknowledge(t.Context(), events[0].ID)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	c = last()
	assert.Equal(t, "AIAnalyst.Acknowledge", c.info.Operation)
	assert.Equal(t, 1, c.result.Attempts)
	assert.Equal(t, http.StatusBadGateway, c.result.StatusCode)
	require.ErrorIs(t, c.result.Err, darktrace.ErrOutcomeUnknown)

	// A stream ends when its caller stops or when it breaks.
	for range client.AIAnalyst.Events(t.Context(), nil) {
		assert.Zero(t, calls[len(calls)-1].ends)
		break
	}
	require.NoError(t, last().result.Err)
	assert.Panics(t, func() {
		for range client.AIAnalyst.Events(t.Context(), nil) {
			panic("in the body of the loop")
		}
	})
	last()
	srv.Inject(darktracetest.Fault{Cut: darktracetest.CutInBody, Times: 1})
	require.ErrorIs(t, client.Do(t.Context(), &darktrace.Request{Path: "/aianalyst/groups"}, io.Discard), darktrace.ErrConnection)
	require.ErrorIs(t, last().result.Err, darktrace.ErrConnection)

	require.NoError(t, client.Do(t.Context(), &darktrace.Request{Path: "/tags"}, nil))
	assert.Equal(t, "Tags.List", last().info.Operation)
	require.Error(t, client.Do(t.Context(), &darktrace.Request{Path: "/nowhere/4711"}, nil))
	assert.Equal(t, darktrace.CallInfo{Operation: "Do", Method: "GET"}, last().info)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, client.Ping(ctx), context.Canceled)
	assert.Zero(t, last().result.Attempts)

	_, err = darktrace.NewClient("https://darktrace.example.com", anyAuth{}, darktrace.WithCallHook(nil))
	assert.ErrorIs(t, err, darktrace.ErrArgument)
}

// TestCallResultsCountWhatWasSent: requests that were never sent don't count, and the
// status is that of the last response, even if a later request got none.
func TestCallResultsCountWhatWasSent(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	var refusals []error // of the Authenticator, by request
	auth := darktrace.AuthenticatorFunc(func(*http.Request, []byte) error {
		refused := refusals[0]
		refusals = refusals[1:]
		return refused
	})
	for name, test := range map[string]struct {
		refusals         []error
		responders       []httpmock.Responder
		attempts, status int
	}{
		"no credentials":                  {[]error{broken}, []httpmock.Responder{respond(200, "[]")}, 0, 0},
		"no credentials the second time":  {[]error{nil, broken}, []httpmock.Responder{respond(503, "")}, 1, 503},
		"no response":                     {[]error{nil, nil}, []httpmock.Responder{httpmock.NewErrorResponder(broken)}, 2, 0},
		"no response the second time":     {[]error{nil, nil}, []httpmock.Responder{respond(503, ""), httpmock.NewErrorResponder(broken)}, 2, 503},
		"another response the first time": {[]error{nil, nil}, []httpmock.Responder{respond(503, ""), respond(200, "[]")}, 2, 200},
	} {
		var result darktrace.CallResult
		client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(inTurn(test.responders...)),
			darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 1, MinBackoff: 1, MaxBackoff: 1}),
			darktrace.WithCallHook(func(ctx context.Context, _ darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
				return ctx, func(r darktrace.CallResult) { result = r }
			}))
		require.NoError(t, err)
		refusals = test.refusals
		_, _ = client.AIAnalyst.ListEvents(t.Context(), nil)
		assert.Equal(t, test.attempts, result.Attempts, name)
		assert.Equal(t, test.status, result.StatusCode, name)
	}
}

// TestCallHooksAreToldOfEachEnd calls every method on an appliance that does what
// it is asked.
func TestCallHooksAreToldOfEachEnd(t *testing.T) {
	t.Parallel()
	var open []string
	client := newClient(t, responding(200, `{"investigationId":"i1","id":"`+id1+`","response":"SUCCESS"}`), darktrace.WithCallHook(
		func(ctx context.Context, info darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
			open = append(open, info.Operation)
			return ctx, func(darktrace.CallResult) { open = open[:len(open)-1] }
		}))
	for _, call := range apiCalls {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_ = call.call(ctx, client)
			assert.Empty(t, open, call.name)
			open = nil
		})
	}
}

type anyAuth struct{}

func (anyAuth) Authenticate(*http.Request, []byte) error { return nil }

// A hook is called once for each call, with the error that the method returns: also
// when a response arrived that was not understood.
func TestCallHooksAreToldWhatWasNotUnderstood(t *testing.T) {
	t.Parallel()
	bodies := []string{``, `[]`, `{}`, `7`, `"x"`, `[{"id":`, `{"id":`, `{"hello":"world"}`, `{"comments":7}`, `<html>`, `no JSON`, `{"error":"no"}`, `{"response":"SUCCESS"}`, `{"response":"SUCCESS","id":7}`}
	for _, body := range bodies {
		var calls []*observed
		client := newClient(t, responding(200, body), darktrace.WithMaxResponseSize(1000), darktrace.WithCallHook(
			func(ctx context.Context, info darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
				c := &observed{info: info}
				calls = append(calls, c)
				return ctx, func(r darktrace.CallResult) { c.result, c.ends = r, c.ends+1 }
			}))
		all := append(slices.Concat(apiCalls, failingCalls()), apiCall{name: "Do", call: func(ctx context.Context, c *darktrace.Client) error {
			var out struct{ ID int }
			return c.Do(ctx, &darktrace.Request{Path: "/a"}, &out)
		}})
		for _, call := range all {
			synctest.Test(t, func(t *testing.T) {
				calls = nil
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := call.call(ctx, client)
				failed := false
				for _, c := range calls {
					assert.Equal(t, 1, c.ends, "%s, %s", call.name, body)
					if c.result.Err != nil {
						failed = true
						assert.NotEmpty(t, kindsOf(c.result.Err), "%s, %s: %v", call.name, body, c.result.Err)
					}
				}
				if len(calls) == 1 && !errors.Is(err, darktrace.ErrNotFound) { // A look-up that finds nothing is a success.
					assert.Equal(t, err == nil, !failed, "%s, %s: %v", call.name, body, err)
				}
				if errors.Is(err, darktrace.ErrDecode) {
					assert.True(t, failed, "%s, %s: %v", call.name, body, err)
				}
			})
		}
	}

	var result darktrace.CallResult
	client := newClient(t, responding(200, `{}`), darktrace.WithCallHook(func(ctx context.Context, _ darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
		return ctx, func(r darktrace.CallResult) { result = r }
	}))
	full := errors.New("disk full")
	err := client.Do(t.Context(), &darktrace.Request{Path: "/a"}, brokenWriter{full})
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, result.Err, full)
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }
