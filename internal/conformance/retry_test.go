package conformance_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

var withRetries = darktrace.WithRetryPolicy(darktrace.DefaultRetryPolicy())

// inTurn gives one response after the other, the last one forever.
func inTurn(responders ...httpmock.Responder) *recorder {
	var mu sync.Mutex
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		respond := responders[0]
		if len(responders) > 1 {
			responders = responders[1:]
		}
		mu.Unlock()
		return respond(req)
	}}
}

func respond(status int, body string, header ...string) httpmock.Responder {
	return func(*http.Request) (*http.Response, error) {
		resp := httpmock.NewStringResponse(status, body)
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, nil
	}
}

func TestReadsAreSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, failure := range map[string]httpmock.Responder{
			"429": respond(429, ""), "502": respond(502, ""), "503": respond(503, ""), "504": respond(504, ""),
			"connection": httpmock.NewErrorResponder(errors.New("connection reset")),
		} {
			r := inTurn(failure, failure, failure, respond(200, "[]"))
			start := time.Now()
			require.NoError(t, newClient(t, r, withRetries).Ping(t.Context()), name)
			assert.Len(t, r.all(), 4, name)
			assert.LessOrEqual(t, time.Since(start), 3500*time.Millisecond, "0.5, 1 and 2 seconds at most")

			err := newClient(t, inTurn(failure), withRetries).Ping(t.Context())
			require.Error(t, err)
			var apiErr *darktrace.APIError
			if errors.As(err, &apiErr) {
				assert.Equal(t, 4, apiErr.Attempts)
				assert.Contains(t, err.Error(), "(after 4 attempts)")
			}
		}
	})
}

func TestWhatIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failing := []httpmock.Responder{
			respond(429, ""), respond(500, ""), respond(502, ""), respond(503, "", "Retry-After", "1"), respond(504, ""),
			httpmock.NewErrorResponder(errors.New("connection reset")),
			respond(200, `{"aianalyst":"ERROR"}`), respond(400, `{"aianalyst":"API SIGNATURE ERROR"}`),
		}
		for i, failure := range failing {
			r := inTurn(failure)
			require.Error(t, newClient(t, r, withRetries).AIAnalyst.PostComment(t.Context(), id1, "once"))
			require.Len(t, r.all(), 1, "write %d", i)
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
				r := inTurn(failure)
				require.Error(t, newClient(t, r, withRetries).Do(t.Context(), &darktrace.Request{Method: method, Path: "/tags/7"}, nil))
				require.Len(t, r.all(), 1, "%s %d", method, i)
			}
		}
		for _, failure := range []httpmock.Responder{
			respond(500, ""), respond(400, ""), respond(403, ""), respond(404, ""), respond(302, ""), respond(200, htmlPage), respond(200, "[{"),
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("["), brokenReader{}))}, nil
			},
		} {
			r := inTurn(failure)
			require.Error(t, newClient(t, r, withRetries).Ping(t.Context()))
			assert.Len(t, r.all(), 1)
		}
	})
}

func TestNoRetriesWithoutAPolicy(t *testing.T) {
	t.Parallel()
	r := inTurn(respond(429, "", "Retry-After", "3600"), respond(200, "[]"))
	client := newClient(t, r)
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrRateLimited)
	require.NoError(t, client.Ping(t.Context()), "a client without retries does not wait for an earlier 429 either")
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		date := func(offset time.Duration) string { return time.Now().UTC().Add(offset).Format(http.TimeFormat) }
		for _, test := range []struct {
			header   []string
			min, max time.Duration
		}{
			// First, because the date counts from now.
			{[]string{"Retry-After", date(50 * time.Second)}, 48 * time.Second, 50 * time.Second},
			{[]string{"Retry-After", "40"}, 40 * time.Second, 40 * time.Second},
			{[]string{"Retry-After", date(50 * time.Second), "Date", date(0)}, 49 * time.Second, 50 * time.Second},
			// The appliance's clock is an hour ahead: its date counts from its own time.
			{[]string{"Retry-After", date(time.Hour + 50*time.Second), "Date", date(time.Hour)}, 49 * time.Second, 50 * time.Second},
			{[]string{"Retry-After", "-5"}, 0, 500 * time.Millisecond},
			{[]string{"Retry-After", date(-time.Hour)}, 0, 500 * time.Millisecond},
			{[]string{"Retry-After", "soon"}, 0, 500 * time.Millisecond},
		} {
			client := newClient(t, inTurn(respond(503, "", test.header...), respond(200, "[]")), withRetries)
			start := time.Now()
			require.NoError(t, client.Ping(t.Context()))
			waited := time.Since(start)
			assert.GreaterOrEqual(t, waited, test.min, test.header)
			assert.LessOrEqual(t, waited, test.max, test.header)
		}
	})
}

func TestAWaitThatWouldPassTheDeadlineIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := inTurn(respond(429, "", "Retry-After", "3600"))
		client := newClient(t, r, withRetries)
		start := time.Now()
		err := client.Ping(ctx)
		assert.Zero(t, time.Since(start), "it waited")
		require.ErrorIs(t, err, darktrace.ErrRateLimited)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var apiErr *darktrace.APIError
		require.ErrorAs(t, err, &apiErr)
		assert.Equal(t, time.Hour, apiErr.RetryAfter)
		assert.ErrorContains(t, err, ": waiting 1h0m0s to try again would outlast the deadline: context deadline exceeded")

		// Another call of the client waits without sending a request.
		err = client.Ping(ctx)
		require.ErrorIs(t, err, darktrace.ErrRateLimited)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "not sent: requests must wait 1h0m0s, which would outlast the deadline")
		assert.Len(t, r.all(), 1)
	})
}

func TestARetryAfterOfMoreThanAnHourIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := inTurn(respond(429, "", "Retry-After", "86400"), respond(200, "[]"))
	client := newClient(t, r, withRetries)
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrRateLimited)
	require.NoError(t, client.Ping(t.Context()))
}

func TestABackoffMayBeLongerThanAnHour(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			r := inTurn(respond(status, ""), respond(status, "", "Retry-After", "60"), respond(200, "[]"))
			policy := darktrace.RetryPolicy{MaxRetries: 2, MinBackoff: 1000 * time.Hour, MaxBackoff: 1000 * time.Hour}
			require.NoError(t, newClient(t, r, darktrace.WithRetryPolicy(policy)).Ping(t.Context()))
			assert.Len(t, r.all(), 3)
		})
	}
}

func TestAfter429AllCallsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := inTurn(respond(429, "", "Retry-After", "40"), respond(200, `{"aianalyst":"SUCCESS"}`))
		client := newClient(t, r, withRetries)
		start := time.Now()
		err := client.AIAnalyst.PostComment(t.Context(), id1, "refused, not carried out")
		require.ErrorIs(t, err, darktrace.ErrRateLimited)
		assert.Zero(t, time.Since(start))
		require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "later"))
		assert.Equal(t, 40*time.Second, time.Since(start))
		assert.Len(t, r.all(), 2)
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		r := inTurn(respond(429, "", "Retry-After", "40"))
		client := newClient(t, r, withRetries)
		time.AfterFunc(3*time.Second, func() { cancel(errors.New("shutting down")) })
		start := time.Now()
		err := client.Ping(ctx)
		assert.Equal(t, 3*time.Second, time.Since(start))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, darktrace.ErrRateLimited)
		require.ErrorContains(t, err, "while waiting to try again: context canceled: shutting down")

		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(nil) })
		err = client.AIAnalyst.PostComment(ctx, id1, "never sent")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, darktrace.ErrConnection)
		require.ErrorContains(t, err, "not sent: requests must wait 37s: the context ended (canceled)")
		assert.Len(t, r.all(), 1)
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Duration
		begin := time.Now()
		r := &recorder{}
		r.respond = func(*http.Request) (*http.Response, error) {
			starts = append(starts, time.Since(begin))
			return httpmock.NewStringResponse(200, "[]"), nil
		}
		client := newClient(t, r, darktrace.WithRateLimit(3))
		for range 7 {
			require.NoError(t, client.Ping(t.Context()))
			time.Sleep(time.Second)
		}
		assert.Equal(t, []time.Duration{0, 1 * time.Second, 2 * time.Second, 60 * time.Second, 61 * time.Second, 62 * time.Second, 120 * time.Second}, starts)
	})
}

// skewed is an appliance whose clock differs. It rejects dates more than 30
// minutes away with the code refusal.
func skewed(skew time.Duration, refusal string) *recorder {
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		now := time.Now().Add(skew).UTC()
		date, err := time.Parse("2006-01-02 15:04:05", req.Header.Get("DTAPI-Date"))
		resp := httpmock.NewStringResponse(200, `[{"id":"`+id1+`","aianalyst":"SUCCESS"}]`)
		if err != nil || now.Sub(date).Abs() > 30*time.Minute {
			resp = httpmock.NewStringResponse(400, `{"aianalyst":"`+refusal+`"}`)
		}
		resp.Header.Set("Date", now.Format(http.TimeFormat))
		return resp, nil
	}}
}

func TestAClockThatDiffers(t *testing.T) {
	t.Parallel()
	for _, refusal := range []string{"API DATE ERROR", "API SIGNATURE ERROR"} {
		for _, skew := range []time.Duration{2 * time.Hour, -5 * time.Hour} {
			t.Run(fmt.Sprint(refusal, skew), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := skewed(skew, refusal)
					client := newClient(t, r)
					require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "once"))
					assert.Len(t, r.all(), 2, "refused once")
					for range 5 {
						time.Sleep(time.Hour)
						_, err := client.AIAnalyst.GetEvent(t.Context(), id1)
						require.NoError(t, err)
						require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), id1))
					}
					assert.Len(t, r.all(), 12, "one extra request in the client's life")
				})
			})
		}
	}
}

func TestConcurrentCallsCorrectTheClockOnce(t *testing.T) {
	t.Parallel()
	r := skewed(3*time.Hour, "API DATE ERROR")
	client := newClient(t, r)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := client.AIAnalyst.GetEvent(t.Context(), id1)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(r.all()), 16)
	before := len(r.all())
	require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), id1))
	assert.Len(t, r.all(), before+1)
}

func TestSigningAgainDoesNotHelpForEver(t *testing.T) {
	t.Parallel()
	refuse := func(skew time.Duration, code string) *recorder {
		return &recorder{respond: func(req *http.Request) (*http.Response, error) {
			return respond(400, `{"aianalyst":"`+code+`"}`, "Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))(req)
		}}
	}
	for _, test := range []struct {
		skew     time.Duration
		code     string
		requests int
	}{
		{0, "API SIGNATURE ERROR", 1},
		{4 * time.Minute, "API SIGNATURE ERROR", 1},
		{time.Hour, "API SIGNATURE ERROR", 2},
		{0, "API DATE ERROR", 1},
		{2 * time.Minute, "API DATE ERROR", 2},
		{time.Hour, "INPUT ERROR", 1},
	} {
		r := refuse(test.skew, test.code)
		err := newClient(t, r, withRetries).Ping(t.Context())
		var apiErr *darktrace.APIError
		require.ErrorAs(t, err, &apiErr)
		assert.Equal(t, test.code, apiErr.Code)
		assert.InDelta(t, test.skew, apiErr.ClockSkew, float64(2*time.Second))
		assert.Len(t, r.all(), test.requests, test)
	}
}

// proxied is an appliance whose clock agrees with the local one, behind a proxy
// that sets the Date of responses by its own clock. It rejects the first request.
func proxied(proxy func() string) *recorder {
	refusals := 1
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		date, err := time.Parse(time.DateTime, req.Header.Get("DTAPI-Date"))
		resp := httpmock.NewStringResponse(200, `[{"id":"`+id1+`","aianalyst":"SUCCESS"}]`)
		switch {
		case err != nil || time.Since(date).Abs() > 30*time.Minute:
			resp = httpmock.NewStringResponse(400, `{"aianalyst":"API DATE ERROR"}`)
		case refusals > 0:
			refusals--
			resp = httpmock.NewStringResponse(400, `{"aianalyst":"API SIGNATURE ERROR"}`)
		}
		resp.Header.Set("Date", proxy())
		return resp, nil
	}}
}

func TestADateOfAProxyLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		date   func() string
		text   string
		logged string
	}{
		"an hour off": {func() string { return time.Now().Add(time.Hour).UTC().Format(http.TimeFormat) },
			"400 Bad Request (API DATE ERROR): date refused: correct the clock; the appliance's clock is 1h0m0s ahead of the local one; the appliance rejected the request with another date as well (after 2 attempts)",
			"using the local clock again"},
		"the year 9999": {func() string { return "Fri, 31 Dec 9999 23:59:59 GMT" },
			"400 Bad Request (API SIGNATURE ERROR): signature refused: ",
			"too far from the local clock to be trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := proxied(test.date)
				var log bytes.Buffer
				client := newClient(t, r, darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				err := client.AIAnalyst.PostComment(t.Context(), id1, "refused")
				require.ErrorContains(t, err, "darktrace: POST /aianalyst/incident/comments: "+test.text)
				assert.Contains(t, log.String(), test.logged)
				before := len(r.all())
				require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "the next one"))
				_, err = client.AIAnalyst.GetEvent(t.Context(), id1)
				require.NoError(t, err)
				assert.Len(t, r.all(), before+2)
				for _, request := range r.all() {
					date, err := time.Parse(time.DateTime, request.header.Get("DTAPI-Date"))
					require.NoError(t, err)
					assert.Less(t, time.Since(date).Abs(), 26*time.Hour, "signed for another day")
				}
			})
		})
	}
}

// rotating is an Authenticator whose token expires.
type rotating struct {
	token     string
	refreshes int
	err       error
}

func (a *rotating) Authenticate(req *http.Request, _ []byte) error {
	req.Header.Set("Authorization", "Bearer "+a.token)
	return nil
}

func (a *rotating) Refresh(_ context.Context, err *darktrace.APIError) (bool, error) {
	a.refreshes++
	a.token = "fresh-token"
	return err.StatusCode == http.StatusUnauthorized, a.err
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	appliance := func(status int) *recorder {
		return &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("Authorization") == "Bearer fresh-token" {
				return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
			}
			return httpmock.NewStringResponse(status, ""), nil
		}}
	}
	post := func(r *recorder, auth *rotating) error {
		client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(r))
		require.NoError(t, err)
		return client.AIAnalyst.PostComment(t.Context(), id1, "once")
	}
	auth := &rotating{token: "stale-token"}
	r := appliance(401)
	require.NoError(t, post(r, auth))
	assert.Len(t, r.all(), 2)
	assert.Equal(t, 1, auth.refreshes)

	auth = &rotating{token: "stale-token"}
	require.ErrorIs(t, post(appliance(403), auth), darktrace.ErrPermission, "the Authenticator did not want another attempt")
	assert.Equal(t, 1, auth.refreshes)

	auth = &rotating{token: "stale-token"}
	require.ErrorIs(t, post(appliance(502), auth), darktrace.ErrOutcomeUnknown)
	assert.Zero(t, auth.refreshes, "a 502 says nothing about the token")

	auth = &rotating{token: "stale-token", err: errors.New("vault sealed")}
	err := post(appliance(401), auth)
	require.ErrorIs(t, err, darktrace.ErrSignature)
	require.ErrorIs(t, err, auth.err)
	assert.ErrorContains(t, err, "vault sealed")

	r = responding(401, "")
	require.ErrorIs(t, post(r, &rotating{}), darktrace.ErrSignature)
	assert.Len(t, r.all(), 2, "refreshed once a call")
}

func TestAnAuthenticatorThatFails(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	broken := errors.New("vault sealed")
	client, err := darktrace.NewClient(baseURL, darktrace.AuthenticatorFunc(func(*http.Request, []byte) error { return broken }),
		darktrace.WithTransport(r))
	require.NoError(t, err)
	err = client.AIAnalyst.PostComment(t.Context(), id1, "never sent")
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, darktrace.ErrConnection)
	require.EqualError(t, err, "darktrace: POST /aianalyst/incident/comments: connection failed: not sent: authentication failed: vault sealed")
	assert.Empty(t, r.all())
}

func TestAnAuthenticatorOfOnesOwnIsToldTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		auth := darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
			req.Header.Set("DTAPI-Date", darktrace.RequestTime(req.Context()).UTC().Format("2006-01-02 15:04:05"))
			return nil
		})
		r := skewed(2*time.Hour, "API DATE ERROR")
		client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(r))
		require.NoError(t, err)
		require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "once"))
		assert.Len(t, r.all(), 2)
	})
}

func TestTheRateLimitIsAFairQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, req.URL.Query().Get("incident_id"))
			return httpmock.NewStringResponse(200, `{"comments":[]}`), nil
		}}
		client := newClient(t, r, darktrace.WithRateLimit(2))
		var want []string
		for i := range 12 {
			id := fmt.Sprintf("event-%02d", i)
			want = append(want, id)
			go func() {
				_, err := client.AIAnalyst.ListComments(t.Context(), id)
				assert.NoError(t, err)
			}()
			time.Sleep(time.Millisecond)
		}
		// If a call could not be sent before its deadline because of its place in the
		// queue, it fails at once.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		start := time.Now()
		err := client.Ping(ctx)
		assert.Zero(t, time.Since(start))
		require.ErrorContains(t, err, "rate limited: not sent: requests must wait 5m59.")
		assert.InDelta(t, 6*time.Minute, darktrace.RetryAfter(err), float64(time.Second))
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, want, order)
	})
}

func TestAfter429WaitingCallsDoNotLeaveAllAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var sent []time.Duration
		r := &recorder{respond: func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if sent = append(sent, time.Since(start)); len(sent) == 1 {
				return respond(429, "", "Retry-After", "100")(nil)
			}
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		}}
		client := newClient(t, r, withRetries)
		require.ErrorIs(t, client.AIAnalyst.PostComment(t.Context(), id1, "refused"), darktrace.ErrRateLimited)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { assert.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "later")) })
		}
		wg.Wait()
		require.Len(t, sent, 51)
		assert.Equal(t, 100*time.Second, sent[1])
		distinct := map[time.Duration]bool{}
		for _, at := range sent[1:] {
			distinct[at] = true
			assert.LessOrEqual(t, at, 111*time.Second)
		}
		assert.Len(t, distinct, 50, "they left at once")
	})
}

func TestAWriteAfter429IsSentAgainIfThePolicySaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := darktrace.DefaultRetryPolicy()
		assert.False(t, policy.RateLimitedWrites)
		policy.RateLimitedWrites = true
		r := inTurn(respond(429, "", "Retry-After", "7"), respond(200, `{"aianalyst":"SUCCESS"}`))
		start := time.Now()
		require.NoError(t, newClient(t, r, darktrace.WithRetryPolicy(policy)).AIAnalyst.PostComment(t.Context(), id1, "once"))
		assert.Equal(t, 7*time.Second, time.Since(start))
		assert.Len(t, r.all(), 2)
		r = inTurn(respond(503, ""))
		require.ErrorIs(t, newClient(t, r, darktrace.WithRetryPolicy(policy)).AIAnalyst.PostComment(t.Context(), id1, "once"), darktrace.ErrOutcomeUnknown)
		assert.Len(t, r.all(), 1)
	})
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{429: true, 500: true, 502: true, 503: true, 408: true, 400: false, 401: false, 403: false, 404: false} {
		assert.Equal(t, want, darktrace.Temporary(newClient(t, responding(status, "")).Ping(t.Context())), status)
	}
	reset := newClient(t, &recorder{respond: httpmock.NewErrorResponder(errors.New("connection reset"))})
	assert.True(t, darktrace.Temporary(reset.Ping(t.Context())))
	assert.False(t, darktrace.Temporary(reset.AIAnalyst.PostComment(t.Context(), id1, "x")), "its outcome is unknown")
	untrusted := newClient(t, &recorder{respond: httpmock.NewErrorResponder(x509.UnknownAuthorityError{})}, withRetries)
	assert.False(t, darktrace.Temporary(untrusted.Ping(t.Context())))
	assert.False(t, darktrace.Temporary(nil))
	assert.False(t, darktrace.Temporary(context.Canceled))
	assert.Zero(t, darktrace.RetryAfter(reset.Ping(t.Context())))
	assert.Equal(t, 9*time.Second, darktrace.RetryAfter(newClient(t, &recorder{respond: respond(503, "", "Retry-After", "9")}).Ping(t.Context())))
}

func TestWhatCannotPassIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, err := range []error{x509.UnknownAuthorityError{}, x509.HostnameError{Certificate: &x509.Certificate{}}, errors.New(`net/http: invalid header field value for "X"`)} {
		r := &recorder{respond: httpmock.NewErrorResponder(err)}
		require.ErrorIs(t, newClient(t, r, withRetries).Ping(t.Context()), darktrace.ErrConnection)
		assert.Len(t, r.all(), 1, err)
	}
}

// TestTemporaryAndTheContext keeps a loop for as long as an error is temporary from
// spinning on a context that has ended.
func TestTemporaryAndTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silent := newClient(t, &recorder{respond: func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}, darktrace.WithTimeout(10*time.Second))
		err := silent.Ping(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.True(t, darktrace.Temporary(err), "an attempt took too long: %v", err)

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for range 2 {
			err = silent.Ping(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, darktrace.ErrConnection)
			require.False(t, darktrace.Temporary(err), "%v", err)
		}
		_, err = silent.AIAnalyst.Poll(ctx, nil, nil)
		require.False(t, darktrace.Temporary(err), "%v", err)

		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err = silent.Do(ctx, &darktrace.Request{Path: "/summarystatistics"}, nil)
		require.EqualError(t, err, "darktrace: GET /summarystatistics: the context ended before a response came (deadline exceeded)")

		busy := newClient(t, responding(503, ""), withRetries)
		cancelled, stop := context.WithCancelCause(t.Context())
		stop(fmt.Errorf("no time left: %w", context.DeadlineExceeded))
		err = busy.Ping(cancelled)
		require.False(t, darktrace.Temporary(err), "%v", err)
	})
}

// TestWritesTellThatTheContextEnded ends it while a write of unknown outcome is
// read back.
func TestWritesTellThatTheContextEnded(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(context.Context, *darktrace.Client) error{
		"comment": func(ctx context.Context, c *darktrace.Client) error {
			_, err := c.AIAnalyst.PostCommentVerified(ctx, id1, "x")
			return err
		},
		"acknowledge": func(ctx context.Context, c *darktrace.Client) error { return c.AIAnalyst.AcknowledgeVerified(ctx, id1) },
		"model alert": func(ctx context.Context, c *darktrace.Client) error {
			return c.ModelBreaches.AcknowledgeVerified(ctx, 1)
		},
		"tag": func(ctx context.Context, c *darktrace.Client) error { return c.Tags.RemoveFromDevice(ctx, 1, "HR") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			wrote := false
			client := newClient(t, &recorder{respond: func(req *http.Request) (*http.Response, error) {
				switch {
				case req.Method != http.MethodGet:
					wrote = true
					return respond(502, "")(req)
				case wrote:
					cancel()
					return nil, ctx.Err()
				case name == "comment":
					return respond(200, `{"comments":[]}`)(req)
				}
				return respond(200, "[]")(req)
			}})
			err := write(ctx, client)
			require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, darktrace.ErrConnection)
		})
	}
}
