package conformance_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"appliance.example.com":                       "https://appliance.example.com/aianalyst/stats",
		"https://appliance.example.com/":              "https://appliance.example.com/aianalyst/stats",
		"http://192.0.2.1:8080":                       "http://192.0.2.1:8080/aianalyst/stats",
		"https://[2001:db8::1]:8443":                  "https://[2001:db8::1]:8443/aianalyst/stats",
		"https://api.example.com/products/abc/":       "https://api.example.com/products/abc/aianalyst/stats",
		"https://api.example.com/a%2Fb//":             "https://api.example.com/a%2Fb/aianalyst/stats",
		"HTTPS://Appliance.example.com/edge":          "https://Appliance.example.com/edge/aianalyst/stats",
		"https://appliance.example.com/it's(fine)/!*": "https://appliance.example.com/it's(fine)/!*/aianalyst/stats",
	} {
		var got string
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			got = req.URL.String()
			return nil, errors.New("seen")
		}}
		client, err := darktrace.NewClient(given, newAuth(t), darktrace.WithTransport(r), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
		require.NoError(t, err, given)
		_, err = client.AIAnalyst.GetStats(t.Context(), nil)
		require.ErrorContains(t, err, "seen")
		assert.Equal(t, want, got)
	}
}

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	auth := newAuth(t)
	transport := darktrace.WithTransport(responding(200, "[]"))
	for _, test := range []struct {
		url  string
		auth darktrace.Authenticator
		opts []darktrace.Option
		want string
	}{
		{"", auth, nil, "base URL is empty"},
		{"https://", auth, nil, "base URL has no host"},
		{"https://:443", auth, nil, "base URL has no host"},
		{"https://a.example\n", auth, nil, "base URL contains white space or a control character"},
		{"https://a.example?x=1", auth, nil, "base URL has a query"},
		{"https://a.example?", auth, nil, "base URL has a query"},
		{"https://a.example#top", auth, nil, "base URL has a fragment"},
		{"https://jo:secret@a.example", auth, nil, "base URL has user info; pass credentials with an Authenticator"},
		{"ftp://a.example", auth, nil, `base URL has the scheme "ftp"; it must be http or https`},
		{"https://a.example/../b", auth, nil, `base URL has a dot segment: "/../b"`},
		{"https://a.example:port", auth, nil, "base URL can't be parsed; check that the port is a number and that special characters are escaped"},
		{baseURL, auth, []darktrace.Option{darktrace.WithEmailURL("ftp://a.example")}, `WithEmailURL has the scheme "ftp"; it must be http or https`},
		{baseURL, nil, nil, "auth is nil; use NewTokenAuth"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHTTPClient(nil)}, "WithHTTPClient is nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithTransport(nil)}, "WithTransport is nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithMiddleware(nil)}, "WithMiddleware is nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithMiddleware(func(http.RoundTripper) http.RoundTripper { return nil })}, "WithMiddleware returned nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithRootCAs(nil)}, "WithRootCAs is nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithLogger(nil)}, "WithLogger is nil"},
		{baseURL, auth, []darktrace.Option{darktrace.WithTimeout(-time.Second)}, "WithTimeout is negative: -1s"},
		{baseURL, auth, []darktrace.Option{darktrace.WithMaxResponseSize(-1)}, "WithMaxResponseSize is negative: -1"},
		{baseURL, auth, []darktrace.Option{darktrace.WithRateLimit(-1)}, "WithRateLimit is -1; it must be between 0 and 100,000"},
		{baseURL, auth, []darktrace.Option{darktrace.WithUserAgent(" ")}, "WithUserAgent is empty"},
		{baseURL, auth, []darktrace.Option{darktrace.WithUserAgent("a\r\nX: y")}, "WithUserAgent has a line break or control character in the value of User-Agent"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHeader("", "x")}, "WithHeader has an empty key"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHeader("X Y", "x")}, `WithHeader has a key that is not a header name: "X Y"`},
		{baseURL, auth, []darktrace.Option{darktrace.WithHeader("X", "a\nb")}, "WithHeader has a line break or control character in the value of X"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHeader("dtapi-token", "x")}, "WithHeader can't set Dtapi-Token, which the client sets"},
		{baseURL, auth, []darktrace.Option{darktrace.WithLocale("de DE")}, `WithLocale is "de DE", which is not a locale`},
		{baseURL, auth, []darktrace.Option{darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: -1})}, "WithRetryPolicy has a negative value"},
		{baseURL, auth, []darktrace.Option{darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 1, MinBackoff: 2, MaxBackoff: 1})}, "WithRetryPolicy has MinBackoff above MaxBackoff"},
		{baseURL, auth, []darktrace.Option{darktrace.WithRootCAFile("LICENSE")}, "WithRootCAFile LICENSE contains no PEM certificate"},
		{baseURL, auth, []darktrace.Option{transport, darktrace.WithHTTPClient(http.DefaultClient)}, "options contradict each other: WithHTTPClient and WithTransport"},
		{baseURL, auth, []darktrace.Option{transport, darktrace.WithInsecureSkipVerify()}, "options contradict each other: WithInsecureSkipVerify can't change the transport of WithTransport; set it there"},
		{baseURL, auth, []darktrace.Option{transport, darktrace.WithProxy(nil)}, "options contradict each other: WithProxy can't change the transport of WithTransport; set it there"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHTTPClient(http.DefaultClient), darktrace.WithRootCAs(x509.NewCertPool())}, "options contradict each other: WithRootCAs can't change the transport of WithHTTPClient; set it there"},
		{baseURL, auth, []darktrace.Option{darktrace.WithHTTPClient(http.DefaultClient), darktrace.WithClientCertificate(tls.Certificate{})}, "options contradict each other: WithClientCertificate can't change the transport of WithHTTPClient; set it there"},
	} {
		client, err := darktrace.NewClient(test.url, test.auth, test.opts...)
		require.ErrorIs(t, err, darktrace.ErrArgument, test.want)
		require.EqualError(t, err, "darktrace: invalid argument: "+test.want)
		assert.Nil(t, client)
	}
}

func TestNewClientFromEnv(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	good := map[string]string{"DARKTRACE_URL": srv.URL, "DARKTRACE_PUBLIC_TOKEN": publicToken, "DARKTRACE_PRIVATE_TOKEN": privateToken, "DARKTRACE_CA_FILE": ca}
	for _, test := range []struct{ name, value, want string }{
		{"DARKTRACE_URL", "", "darktrace: invalid argument: DARKTRACE_URL is not set in the environment"},
		{"DARKTRACE_PUBLIC_TOKEN", "", "darktrace: invalid argument: DARKTRACE_PUBLIC_TOKEN is not set in the environment"},
		{"DARKTRACE_PRIVATE_TOKEN", "", "darktrace: invalid argument: DARKTRACE_PRIVATE_TOKEN is not set in the environment"},
		{"DARKTRACE_PRIVATE_TOKEN", "abc ", "darktrace: invalid argument: DARKTRACE_PRIVATE_TOKEN has white space at position 4; remove it"},
		{"DARKTRACE_INSECURE", "perhaps", `darktrace: invalid argument: DARKTRACE_INSECURE is "perhaps"; it must be true or false`},
		{"DARKTRACE_CA_FILE", "/nowhere/ca.pem", "darktrace: invalid argument: DARKTRACE_CA_FILE can't be read: open /nowhere/ca.pem: "},
		{"", "", ""},
	} {
		for name, value := range good {
			t.Setenv(name, value)
		}
		t.Setenv("DARKTRACE_INSECURE", "")
		if test.name != "" {
			t.Setenv(test.name, test.value)
		}
		client, err := darktrace.NewClientFromEnv(darktrace.WithUserAgent("test"))
		if test.want != "" {
			require.ErrorIs(t, err, darktrace.ErrArgument)
			require.True(t, strings.HasPrefix(err.Error(), test.want), err.Error())
			continue
		}
		require.NoError(t, err)
		require.NoError(t, client.Ping(t.Context()))
	}
	// An error names the variable or the option that is wrong.
	for want, opt := range map[string]darktrace.Option{
		"WithRootCAFile can't be read: open /nowhere.pem: ":                               darktrace.WithRootCAFile("/nowhere.pem"),
		"WithEmailURL ends in /login, a page for people; remove that":                     darktrace.WithEmailURL("https://mail.example.com/login"),
		"options contradict each other: DARKTRACE_CA_FILE can't change the transport of ": darktrace.WithHTTPClient(srv.Client()),
	} {
		_, err := darktrace.NewClientFromEnv(opt)
		require.ErrorIs(t, err, darktrace.ErrArgument)
		assert.Contains(t, err.Error(), "darktrace: invalid argument: "+want)
	}
	var log bytes.Buffer
	t.Setenv("DARKTRACE_CA_FILE", "")
	t.Setenv("DARKTRACE_INSECURE", "1")
	_, err := darktrace.NewClientFromEnv(darktrace.WithHTTPClient(srv.Client()))
	require.ErrorContains(t, err, "DARKTRACE_INSECURE can't change the transport of WithHTTPClient")
	client, err := darktrace.NewClientFromEnv(darktrace.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context()))
	require.NoError(t, client.Ping(t.Context()))
	assert.Equal(t, 1, strings.Count(log.String(), "the appliance's certificate is not verified"))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	t.Cleanup(srv.Close)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ping := func(opts ...darktrace.Option) error {
		client, err := darktrace.NewClient(srv.URL, newAuth(t), append(opts, darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))...)
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		return client.Ping(t.Context())
	}
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	require.NoError(t, ping(darktrace.WithRootCAs(pool)))
	require.NoError(t, ping(darktrace.WithHTTPClient(srv.Client())))
	err := ping()
	require.ErrorIs(t, err, darktrace.ErrConnection)
	require.ErrorContains(t, err, "the certificate's authority is not trusted; trust it with WithRootCAFile or DARKTRACE_CA_FILE")

	client, err := darktrace.NewClient(srv.URL, newAuth(t))
	require.NoError(t, err)
	err = client.AIAnalyst.PostComment(t.Context(), id1, "never sent")
	assert.Equal(t, []error{darktrace.ErrConnection}, kindsOf(err), "nothing is sent to whom the certificate does not prove")

	plain, err := darktrace.NewClient(strings.Replace(srv.URL, "https", "http", 1), newAuth(t), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	require.ErrorIs(t, plain.Ping(t.Context()), darktrace.ErrInput, "net/http's servers respond to plain HTTP on a TLS port with 400")

	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.Config.ErrorLog = srv.Config.ErrorLog
	old.StartTLS()
	t.Cleanup(old.Close)
	client, err = darktrace.NewClient(old.URL, newAuth(t), darktrace.WithInsecureSkipVerify(), darktrace.WithLogger(slog.New(slog.DiscardHandler)),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrConnection, "TLS 1.1")
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, "[]")
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithRootCAs(pool), darktrace.WithClientCertificate(srv.TLS.Certificates[0]))
	require.NoError(t, err)
	assert.NoError(t, client.Ping(t.Context()))
}

//nolint:paralleltest // It sets the environment.
func TestProxy(t *testing.T) {
	var proxied []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied = append(proxied, r.URL.String())
		_, _ = io.WriteString(w, "[]")
	}))
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	client, err := darktrace.NewClient("http://appliance.example.com", newAuth(t), darktrace.WithProxy(http.ProxyURL(proxyURL)))
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context()))
	assert.Equal(t, []string{"http://appliance.example.com/aianalyst/incidentevents?includeacknowledged=true&uuid=00000000-0000-0000-0000-000000000000"}, proxied)

	direct := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	defer direct.Close()
	client, err = darktrace.NewClient(direct.URL, newAuth(t), darktrace.WithProxy(nil))
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context()))
	assert.Len(t, proxied, 1)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	client := newClient(t, r, darktrace.WithUserAgent("soar/1.2"), darktrace.WithHeader("sabre-username", "jo@example.com"))
	require.NoError(t, client.Do(t.Context(), &darktrace.Request{Path: "/status", Header: http.Header{"X-Trace": {"a", "b"}, "accept": {"text/csv"}}}, nil))
	require.NoError(t, client.Ping(t.Context()))
	first, second := r.all()[0].header, r.all()[1].header
	assert.Equal(t, "soar/1.2", first.Get("User-Agent"))
	assert.Equal(t, "jo@example.com", first.Get("Sabre-Username"))
	assert.Equal(t, []string{"a", "b"}, first.Values("X-Trace"))
	assert.Equal(t, "text/csv", first.Get("Accept"))
	assert.Equal(t, "application/json", second.Get("Accept"), "a request's headers stayed on")
	assert.Empty(t, second.Get("X-Trace"))

	r = responding(200, "[]")
	require.NoError(t, newClient(t, r).Ping(t.Context()))
	assert.Equal(t, "darktrace-go/"+darktrace.Version, r.all()[0].header.Get("User-Agent"))
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	var order []string
	wrap := func(name string) darktrace.Option {
		return darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				order = append(order, name)
				assert.NotEmpty(t, req.Header.Get("DTAPI-Signature"))
				return next.RoundTrip(req)
			})
		})
	}
	require.NoError(t, newClient(t, responding(200, "[]"), wrap("outer"), wrap("inner")).Ping(t.Context()))
	assert.Equal(t, []string{"outer", "inner"}, order)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestHTTPClient(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var cookies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "lb", Value: "node1"}) //nolint:gosec // A load balancer's.
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, "[]")
	}))
	t.Cleanup(srv.Close)
	given := &http.Client{Jar: jar, Timeout: 2 * time.Second}
	client, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithHTTPClient(given), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	require.NoError(t, client.Ping(t.Context()))
	require.NoError(t, client.Ping(t.Context()))
	assert.Equal(t, []string{"", "lb=node1"}, cookies)
	err = client.Do(t.Context(), &darktrace.Request{Path: "/slow"}, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no response within 2s")
	assert.Equal(t, http.Client{Jar: jar, Timeout: 2 * time.Second}, *given, "the caller's client was changed")
}

func TestLinks(t *testing.T) {
	t.Parallel()
	client, err := darktrace.NewClient("https://appliance.example.com/edge/", newAuth(t))
	require.NoError(t, err)
	assert.Equal(t, "https://appliance.example.com/edge/#aiaincidentevent/"+id1, client.EventURL(&darktrace.IncidentEvent{ID: id1}))
	saas := &darktrace.IncidentEvent{ID: id1, BreachDevices: []darktrace.EventDevice{{SID: -9}}}
	assert.Equal(t, "https://appliance.example.com/edge/saas#aiaincidentevent/"+id1, client.EventURL(saas))
	assert.Equal(t, "https://appliance.example.com/edge/#aiagroup/g"+id1, client.GroupURL("g"+id1))
	assert.Equal(t, "https://appliance.example.com/edge/#aiagroup/a%2Fb%3Fc", client.GroupURL("a/b?c"))
	assert.Equal(t, "https://appliance.example.com/edge/#device/42", client.DeviceURL(42))
	assert.Equal(t, "https://appliance.example.com/edge/#modelbreach/4711", client.BreachURL(4711))
	assert.Empty(t, client.EventURL(nil))
}

func TestPing(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	require.NoError(t, newClient(t, r).Ping(t.Context()))
	assert.Equal(t, []string{"GET /aianalyst/incidentevents?includeacknowledged=true&uuid=00000000-0000-0000-0000-000000000000"}, r.lines())
	require.ErrorIs(t, newClient(t, responding(404, "")).Ping(t.Context()), darktrace.ErrNotFound)
}

func TestACertificateForAnotherName(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	client, err := darktrace.NewClient(strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), newAuth(t), darktrace.WithRootCAs(pool),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	require.ErrorContains(t, client.Ping(t.Context()), "the certificate is for another name; use a name that it contains, or reissue it")
}

//nolint:paralleltest // It replaces the program's logger.
func TestWarningsGoToTheDefaultLogger(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	_, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithInsecureSkipVerify())
	require.NoError(t, err)
	assert.Contains(t, log.String(), `msg="darktrace: the appliance's certificate is not verified" host=appliance.example.com`)
	const unencrypted = "http is not encrypted: anyone on the network path can read and change everything"
	assert.NotContains(t, log.String(), unencrypted)
	_, err = darktrace.NewClient(baseURL, newAuth(t), darktrace.WithEmailURL("http://mail.example.com"))
	require.NoError(t, err)
	assert.Contains(t, log.String(), `msg="darktrace: `+unencrypted+`" host=mail.example.com`)
}
