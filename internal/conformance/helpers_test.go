package conformance_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// Tokens whose values must not appear anywhere.
const (
	publicToken  = "canary-public-5d1f0c7e9b2a4836"
	privateToken = "canary-private-c41e7a90d35b62f8"
)

const baseURL = "https://appliance.example.com"

// Ids of the tests' events.
const (
	id1 = "5b0e3a8c-1d2f-4c6a-9e7b-000000000001"
	id2 = "5b0e3a8c-1d2f-4c6a-9e7b-000000000002"
	id3 = "5b0e3a8c-1d2f-4c6a-9e7b-000000000003"
)

func newAuth(t testing.TB, opts ...darktrace.TokenOption) *darktrace.TokenAuth {
	t.Helper()
	auth, err := darktrace.NewTokenAuth(publicToken, privateToken, opts...)
	require.NoError(t, err)
	return auth
}

// newClient returns a client that sends through a transport, without retries
// unless an option says otherwise.
func newClient(t testing.TB, transport http.RoundTripper, opts ...darktrace.Option) *darktrace.Client {
	t.Helper()
	opts = append([]darktrace.Option{darktrace.WithTransport(transport), darktrace.WithRetryPolicy(darktrace.RetryPolicy{})}, opts...)
	client, err := darktrace.NewClient(baseURL, newAuth(t), opts...)
	require.NoError(t, err)
	return client
}

// sent is a request that a transport received.
type sent struct {
	method, uri, body string
	header            http.Header
}

// recorder notes requests and calls a responder for each.
type recorder struct {
	respond func(*http.Request) (*http.Response, error)

	mu       sync.Mutex
	requests []sent
}

// responding returns a recorder whose response is always the same.
func responding(status int, body string) *recorder {
	return &recorder{respond: httpmock.NewStringResponder(status, body)}
}

// endingWith responds with a body, and calls end when its last byte is read.
func endingWith(end func(), body string) *recorder {
	return &recorder{respond: func(*http.Request) (*http.Response, error) {
		r := iotest.DataErrReader(strings.NewReader(body))
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(readerFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			if err != nil {
				end()
			}
			return n, err
		}))}, nil
	}}
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	s := sent{method: req.Method, uri: req.URL.RequestURI(), header: req.Header.Clone()}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		s.body = string(body)
	}
	r.mu.Lock()
	r.requests = append(r.requests, s)
	r.mu.Unlock()
	return r.respond(req)
}

func (r *recorder) all() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sent(nil), r.requests...)
}

// lines returns the requests as "METHOD uri" and, if there is one, " body".
func (r *recorder) lines() []string {
	var lines []string
	for _, s := range r.all() {
		line := s.method + " " + s.uri
		if s.body != "" {
			line += " " + s.body
		}
		lines = append(lines, line)
	}
	return lines
}

var quiet = slog.New(slog.DiscardHandler)
