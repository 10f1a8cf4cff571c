package darktrace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// inTurn answers with one response after the other, the last one for ever.
func inTurn(responders ...httpmock.Responder) *recorder {
	var mu sync.Mutex
	return &recorder{answer: func(req *http.Request) (*http.Response, error) {
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
			var answer *darktrace.APIError
			if errors.As(err, &answer) {
				assert.Equal(t, 4, answer.Attempts)
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
			// First, since it counts from now.
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
		var answer *darktrace.APIError
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, time.Hour, answer.RetryAfter)
		assert.ErrorContains(t, err, ": waiting 1h0m0s to try again would pass the deadline: context deadline exceeded")

		// Another call of the client knows of it without asking.
		err = client.Ping(ctx)
		require.ErrorIs(t, err, darktrace.ErrRateLimited)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "not sent: requests have to wait for 1h0m0s, which would pass the deadline")
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
		require.ErrorContains(t, err, "not sent: requests have to wait for 37s: context canceled")
		assert.Len(t, r.all(), 1)
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Duration
		begin := time.Now()
		r := &recorder{}
		r.answer = func(*http.Request) (*http.Response, error) {
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

// skewed is an appliance whose clock differs, and which answers as it is told
// to dates more than 30 minutes away.
func skewed(skew time.Duration, refusal string) *recorder {
	return &recorder{answer: func(req *http.Request) (*http.Response, error) {
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
		return &recorder{answer: func(req *http.Request) (*http.Response, error) {
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
		var answer *darktrace.APIError
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, test.code, answer.Code)
		assert.InDelta(t, test.skew, answer.ClockSkew, float64(2*time.Second))
		assert.Len(t, r.all(), test.requests, test)
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
		return &recorder{answer: func(req *http.Request) (*http.Response, error) {
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

	r = answering(401, "")
	require.ErrorIs(t, post(r, &rotating{}), darktrace.ErrSignature)
	assert.Len(t, r.all(), 2, "refreshed once a call")
}

func TestAnAuthenticatorThatFails(t *testing.T) {
	t.Parallel()
	r := answering(200, "[]")
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
