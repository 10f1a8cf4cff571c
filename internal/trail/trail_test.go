package trail_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/trail"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// attempt sends a write through a guarded transport, wrapped by wrap.
func attempt(t *testing.T, url, body string, guard *trail.Guard, wrap func(http.RoundTripper) http.RoundTripper) (*trail.Trail, error) {
	t.Helper()
	guard.Wrapped = wrap != nil
	followed, ctx := guard.Follow(t.Context(), []byte(body))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	require.NoError(t, err)
	if body != "" {
		req.ContentLength = int64(len(body))
		req.Body, req.GetBody = followed.Body()
	}
	followed.Begin(req)
	var outer http.RoundTripper = guard
	if wrap != nil {
		outer = wrap(guard)
	}
	resp, err := outer.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return followed, err
}

// cutter counts requests and closes the connection of each.
func cutter(t *testing.T) (url string, received *atomic.Int32) {
	t.Helper()
	received = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		received.Add(1)
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.Close()
	}))
	t.Cleanup(srv.Close)
	return srv.URL, received
}

func again(req *http.Request, ctx context.Context) *http.Request {
	second := req.Clone(ctx)
	if req.GetBody != nil {
		second.Body, _ = req.GetBody()
	}
	return second
}

func TestAWriteThatFailedIsNotSentAgainByAnybody(t *testing.T) {
	t.Parallel()
	retrying := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil {
				return next.RoundTrip(again(req, req.Context()))
			}
			return resp, nil
		})
	}
	hedging := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			errs := make(chan error, 2)
			for _, req := range []*http.Request{req, again(req, req.Context())} {
				go func() {
					resp, err := next.RoundTrip(req)
					if err == nil {
						_ = resp.Body.Close()
					}
					errs <- err
				}()
			}
			return nil, errors.Join(<-errs, <-errs)
		})
	}
	for _, body := range []string{"", "x"} {
		for _, wrap := range []func(http.RoundTripper) http.RoundTripper{retrying, hedging} {
			url, received := cutter(t)
			followed, err := attempt(t, url, body, trail.NewGuard(&http.Transport{}, true), wrap)
			require.Error(t, err)
			assert.True(t, followed.End())
			assert.Equal(t, int32(1), received.Load(), "body %q", body)
		}
	}
}

func TestADemandForCredentialsMayBeMet(t *testing.T) {
	t.Parallel()
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if len(bodies) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(srv.Close)
	_, err := attempt(t, srv.URL, "x", trail.NewGuard(&http.Transport{}, true), func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil && resp.StatusCode == http.StatusUnauthorized {
				_ = resp.Body.Close()
				return next.RoundTrip(again(req, req.Context()))
			}
			return resp, err
		})
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"x", "x"}, bodies)
}

// With a transport of somebody else's, only an error before anything was handed
// over proves that nothing was sent.
func TestWhatProvesThatNothingWasSent(t *testing.T) {
	t.Parallel()
	refused := &http.Transport{DialContext: nil}
	const nobody = "http://127.0.0.1:1"
	url, _ := cutter(t)
	lost, dead := &http.Transport{}, errors.New("dial tcp: connection refused")
	failover := roundTripper(func(req *http.Request) (*http.Response, error) {
		ctx := context.Background() //nolint:usetesting // As one that traces nothing.
		first := req.Clone(ctx)
		if _, err := lost.RoundTrip(first); err != nil {
			return nil, dead
		}
		return nil, errors.New("it did not fail")
	})
	dropping := func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			return next.RoundTrip(req.WithContext(context.Background())) //nolint:usetesting // It has nothing of the test's.
		})
	}
	breaker := func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("circuit open") })
	}
	for name, test := range map[string]struct {
		url, body string
		inner     http.RoundTripper
		wrap      func(http.RoundTripper) http.RoundTripper
		sent      bool
	}{
		"refused":                          {nobody, "x", refused, nil, false},
		"refused, no body":                 {nobody, "", refused, nil, false},
		"cut":                              {url, "x", lost, nil, true},
		"cut, no body":                     {url, "", lost, nil, true},
		"failover whose second dial fails": {url, "x", failover, nil, true},
		"failover whose second dial fails, no body": {url, "", failover, nil, true},
		"failover whose first dial fails":           {nobody, "x", failover, nil, false},
		"a context that a middleware replaced":      {url, "x", lost, dropping, true},
		"the same, no body":                         {url, "", lost, dropping, true},
		"a circuit breaker":                         {url, "x", lost, breaker, false},
		"a circuit breaker, no body":                {url, "", lost, breaker, false},
	} {
		followed, err := attempt(t, test.url, test.body, trail.NewGuard(test.inner, false), test.wrap)
		require.Error(t, err, name)
		assert.Equal(t, test.sent, followed.End(), name)
	}
}

func TestAnIdempotencyKeyIsRefusedLast(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		url, received := cutter(t)
		followed, err := attempt(t, url, "x", trail.NewGuard(&http.Transport{}, true), func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				req.Header.Set(header, "k")
				return next.RoundTrip(req)
			})
		})
		require.ErrorIs(t, err, trail.ErrIdempotencyKey)
		require.True(t, strings.HasPrefix(err.Error(), header+" can't be sent"), err)
		assert.False(t, followed.End())
		assert.Zero(t, received.Load())
	}
}

func TestReadsPass(t *testing.T) {
	t.Parallel()
	url, received := cutter(t)
	guard := trail.NewGuard(&http.Transport{}, true)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPost} {
		ctx := t.Context()
		if method == http.MethodPost {
			_, ctx = guard.Watch(ctx)
		}
		req, err := http.NewRequestWithContext(ctx, method, url, nil)
		require.NoError(t, err)
		for range 2 {
			_, err = guard.RoundTrip(req)
			require.Error(t, err)
			require.NotErrorIs(t, err, trail.ErrResent)
		}
	}
	assert.Equal(t, int32(10), received.Load())
}
