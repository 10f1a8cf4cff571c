package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// received is a server that counts the requests that arrive, with its response.
type received struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
}

func receiving(t *testing.T, reply http.HandlerFunc) *received {
	t.Helper()
	s := &received{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path+" "+string(body))
		s.mu.Unlock()
		reply(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *received) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func withStatus(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func cutting(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := http.NewResponseController(w).Hijack()
	_ = conn.Close()
}

// copies are the ways in which middlewares copy a request to send it again.
var copies = map[string]func(req *http.Request, body []byte) *http.Request{
	"its own context": func(req *http.Request, _ []byte) *http.Request { return withBody(req.Clone(req.Context())) },
	"another context": func(req *http.Request, _ []byte) *http.Request {
		return withBody(req.Clone(context.Background()))
	},
	"another context and body": func(req *http.Request, body []byte) *http.Request {
		again := req.WithContext(context.Background())
		again.Body, again.GetBody = io.NopCloser(bytes.NewReader(body)), nil
		return again
	},
	"a new request": func(req *http.Request, body []byte) *http.Request {
		again, _ := http.NewRequest(req.Method, req.URL.String(), bytes.NewReader(body))
		again.Header = req.Header.Clone()
		return again
	},
	"a new request to another path": func(req *http.Request, body []byte) *http.Request {
		again, _ := http.NewRequest(req.Method, req.URL.JoinPath("again").String(), bytes.NewReader(body))
		again.Header = req.Header.Clone()
		return again
	},
}

func withBody(req *http.Request) *http.Request {
	if req.GetBody != nil {
		req.Body, _ = req.GetBody()
	}
	return req
}

func bodyOf(req *http.Request) []byte {
	if req.Body == nil {
		return nil
	}
	body, _ := io.ReadAll(req.Body)
	_ = req.Body.Close()
	return body
}

// resending are middlewares that send a request several times.
var resending = map[string]func(next http.RoundTripper, again func() *http.Request) (*http.Response, error){
	"after a failure": func(next http.RoundTripper, again func() *http.Request) (resp *http.Response, err error) {
		for range 3 {
			resp, err = next.RoundTrip(again())
			if err == nil && resp.StatusCode < 500 {
				break
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		}
		return resp, err
	},
	"at once": func(next http.RoundTripper, again func() *http.Request) (*http.Response, error) {
		errs := make(chan error, 3)
		for range 3 {
			go func(req *http.Request) {
				resp, err := next.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
					err = errors.New("it was received")
				}
				errs <- err
			}(again())
		}
		return nil, errors.Join(<-errs, <-errs, <-errs)
	},
	"later": func(next http.RoundTripper, again func() *http.Request) (*http.Response, error) {
		first, second := again(), again()
		resp, err := next.RoundTrip(first)
		later.Go(func() {
			for range 3 {
				if resp, err := next.RoundTrip(second); err == nil {
					_ = resp.Body.Close()
				}
			}
		})
		return resp, err
	},
}

var later sync.WaitGroup

// wrapped returns a client whose middleware sees each request and its body.
func wrapped(t *testing.T, url string, auth darktrace.Authenticator, middleware func(next http.RoundTripper, req *http.Request, body []byte) (*http.Response, error), opts ...darktrace.Option) *darktrace.Client {
	t.Helper()
	client, err := darktrace.NewClient(url, auth, append(opts, darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) { return middleware(next, req, bodyOf(req)) })
	}))...)
	require.NoError(t, err)
	return client
}

var bearer = darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
	req.Header.Set("Authorization", "Bearer canary-bearer-token")
	return nil
})

// eachWrite calls test for every form of a write.
func eachWrite(t *testing.T, test func(name string, call func(*darktrace.Client) error)) {
	t.Helper()
	test("form", func(c *darktrace.Client) error { return c.AIAnalyst.Acknowledge(t.Context(), id1) })
	test("JSON", func(c *darktrace.Client) error { return c.AIAnalyst.PostComment(t.Context(), id1, "x") })
	for _, method := range []string{"POST", "DELETE"} {
		test(method, func(c *darktrace.Client) error {
			return c.Do(t.Context(), &darktrace.Request{Method: method, Path: "/tags/1"}, nil)
		})
	}
}

func TestNoMiddlewareSendsAWriteTwice(t *testing.T) {
	t.Parallel()
	for reply, handler := range map[string]http.HandlerFunc{"502": withStatus(502), "cut": cutting, "success": withStatus(200)} {
		for how, resend := range resending {
			for copied, again := range copies {
				for _, auth := range []darktrace.Authenticator{newAuth(t), bearer} {
					if _, signed := auth.(*darktrace.TokenAuth); !signed && (how == "later" && strings.HasPrefix(copied, "a new") || strings.HasSuffix(copied, "path")) {
						continue // Such a request can't be recognised.
					}
					eachWrite(t, func(write string, call func(*darktrace.Client) error) {
						srv := receiving(t, handler)
						client := wrapped(t, srv.URL, auth, func(next http.RoundTripper, req *http.Request, body []byte) (*http.Response, error) {
							return resend(next, func() *http.Request { return again(req, body) })
						})
						err := call(client)
						later.Wait()
						name := []string{reply, how, copied, write}
						assert.Len(t, srv.all(), 1, name)
						if reply == "success" && how != "at once" {
							assert.NoError(t, err, name)
							return
						}
						assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%v: %v", name, err)
						if how == "after a failure" {
							assert.ErrorContains(t, err, "the request was about to be sent again", name)
						}
					})
				}
			}
		}
	}
}

// A middleware that gives up while its transport goes on.
func TestAWriteThatIsUnderWayIsUnknown(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(write string, call func(*darktrace.Client) error) {
		dialing, dial := make(chan struct{}), make(chan struct{})
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			close(dialing)
			<-dial
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		srv := receiving(t, withStatus(200))
		var first sync.WaitGroup
		client := wrapped(t, srv.URL, newAuth(t), func(next http.RoundTripper, req *http.Request, body []byte) (*http.Response, error) {
			again := copies["another context and body"]
			first.Go(func() {
				if resp, err := next.RoundTrip(again(req, body)); err == nil {
					_ = resp.Body.Close()
				}
			})
			<-dialing
			return next.RoundTrip(again(req, body)) // The hedge, which is refused first.
		}, darktrace.WithTransport(transport))
		err := call(client)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%s: %v", write, err)
		close(dial)
		first.Wait()
		assert.Len(t, srv.all(), 1, write)
	})
}

// What a middleware begins to send after it has returned an error is not sent.
func TestAWriteThatWasNotSentIsNotSentLater(t *testing.T) {
	t.Parallel()
	for copied, again := range copies {
		eachWrite(t, func(write string, call func(*darktrace.Client) error) {
			srv := receiving(t, withStatus(200))
			ended := make(chan struct{})
			var late sync.WaitGroup
			client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(req *http.Request) (*http.Response, error) {
					late.Go(func() {
						<-ended
						if resp, err := next.RoundTrip(again(req, bodyOf(req))); err == nil {
							_ = resp.Body.Close()
						}
					})
					return nil, errors.New("circuit open")
				})
			}))
			require.NoError(t, err)
			err = call(client)
			assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err), "%s, %s: %v", write, copied, err)
			close(ended)
			late.Wait()
			assert.Empty(t, srv.all(), "%s, %s", write, copied)
		})
	}
}

func TestAMiddlewareMaySendOnceInAnyForm(t *testing.T) {
	t.Parallel()
	for copied, again := range copies {
		for _, auth := range []darktrace.Authenticator{newAuth(t), bearer} {
			eachWrite(t, func(write string, call func(*darktrace.Client) error) {
				demands := 0
				srv := receiving(t, func(w http.ResponseWriter, _ *http.Request) {
					if demands++; demands == 1 {
						w.WriteHeader(http.StatusUnauthorized)
					}
				})
				client := wrapped(t, srv.URL, auth, func(next http.RoundTripper, req *http.Request, body []byte) (*http.Response, error) {
					if resp, err := next.RoundTrip(again(req, body)); err != nil || resp.StatusCode != http.StatusUnauthorized {
						return resp, err
					}
					return next.RoundTrip(again(req, body))
				})
				require.NoError(t, call(client), "%s, %s", write, copied)
				require.NoError(t, call(client), "%s, %s", write, copied)
				assert.Len(t, srv.all(), 3, "%s, %s", write, copied)
			})
		}
	}
}

// A middleware that does not send through the next round tripper.
func TestAWriteThatWentAnotherWayIsUnknown(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(write string, call func(*darktrace.Client) error) {
		srv := receiving(t, cutting)
		client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return &http.Transport{} }))
		require.NoError(t, err)
		err = call(client)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%s: %v", write, err)
		assert.Len(t, srv.all(), 1, write)
	})
}

// A transport may ask for a token by the request's context first.
func TestATransportMayAskForAToken(t *testing.T) {
	t.Parallel()
	tokens := receiving(t, withStatus(200))
	srv := receiving(t, withStatus(200))
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		ask, _ := http.NewRequestWithContext(req.Context(), http.MethodPost, tokens.URL, strings.NewReader("grant"))
		resp, err := http.DefaultClient.Do(ask)
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
		return http.DefaultTransport.RoundTrip(req)
	})
	client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithTransport(transport))
	require.NoError(t, err)
	require.NoError(t, client.AIAnalyst.PostComment(t.Context(), id1, "x"))
	assert.Len(t, srv.all(), 1)
	assert.Len(t, tokens.all(), 1)
}

// A redirect that a middleware follows leads to the response of another request.
func TestARedirectThatAMiddlewareFollows(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(write string, call func(*darktrace.Client) error) {
		for _, code := range []int{302, 303, 307, 308} {
			srv := receiving(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/done" {
					_, _ = io.WriteString(w, `{"aianalyst":"SUCCESS"}`)
					return
				}
				http.Redirect(w, r, "/done", code)
			})
			client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				follower := &http.Client{Transport: next}
				return roundTripper(follower.Do)
			}))
			require.NoError(t, err)
			err = call(client)
			assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%s, %d: %v", write, code, err)
		}
	})
}

func TestSecretsOfMiddlewaresAreBlanked(t *testing.T) {
	t.Parallel()
	srv := receiving(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "refused "+r.Header.Get("X-Key"), http.StatusBadRequest)
	})
	for copied, again := range copies {
		var log bytes.Buffer
		client := wrapped(t, srv.URL, newAuth(t), func(next http.RoundTripper, req *http.Request, body []byte) (*http.Response, error) {
			req = again(req, body)
			req.Header.Set("X-Key", "canary-of-a-middleware")
			return next.RoundTrip(req)
		}, darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		search := &darktrace.Request{Method: "POST", Path: "/search", Read: true, JSON: 1}
		for _, err := range []error{client.Ping(t.Context()), client.AIAnalyst.PostComment(t.Context(), id1, "x"), client.Do(t.Context(), search, nil)} {
			require.ErrorIs(t, err, darktrace.ErrInput, copied)
			require.ErrorContains(t, err, "refused [redacted]", copied)
			assert.Empty(t, secretsIn(shown(t, err)+log.String(), "canary-of-a-middleware"), copied)
		}
	}
}
