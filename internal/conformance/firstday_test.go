package conformance_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// certificate issues a certificate for 127.0.0.1, which change may change, and
// returns it with a pool that trusts it.
func certificate(t *testing.T, change func(*x509.Certificate)) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// secure starts a server with a TLS configuration.
func secure(t *testing.T, config *tls.Config) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.TLS = config
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// plainly starts an HTTP server with a fixed response.
func plainly(t *testing.T, status int, body string, header ...string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// rawly starts a server that sends the same bytes for any request.
func rawly(t *testing.T, response string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, response)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

var ports = regexp.MustCompile(`127\.0\.0\.1:[0-9]+(->127\.0\.0\.1:[0-9]+)?`)

// TestFirstDay makes the mistakes that people make on their first day, against
// real servers, and asserts the text that they see.
func TestFirstDay(t *testing.T) { //nolint:paralleltest // It sets environment variables.
	ping := func(base string, opts ...darktrace.Option) error {
		client, err := darktrace.NewClient(base, newAuth(t), append([]darktrace.Option{darktrace.WithProxy(nil), darktrace.WithLogger(quiet), darktrace.WithRetryPolicy(darktrace.RetryPolicy{})}, opts...)...)
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		return client.Ping(t.Context())
	}
	certified := func(change func(*x509.Certificate)) error {
		issued, pool := certificate(t, change)
		return ping(secure(t, &tls.Config{Certificates: []tls.Certificate{issued}, MinVersion: tls.VersionTLS12}), darktrace.WithRootCAs(pool))
	}
	proper, pool := certificate(t, func(*x509.Certificate) {})
	trusted := secure(t, &tls.Config{Certificates: []tls.Certificate{proper}, MinVersion: tls.VersionTLS12})
	proxied := func(response string) error {
		proxy := &url.URL{Scheme: "http", Host: rawly(t, response)}
		return ping("https://appliance.example.com", darktrace.WithProxy(http.ProxyURL(proxy)))
	}
	env := func(settings ...string) error {
		for _, name := range []string{"URL", "PUBLIC_TOKEN", "PRIVATE_TOKEN", "PUBLIC_TOKEN_FILE", "PRIVATE_TOKEN_FILE", "CA_FILE", "INSECURE"} {
			t.Setenv("DARKTRACE_"+name, "")
		}
		for i := 0; i < len(settings); i += 2 {
			t.Setenv("DARKTRACE_"+settings[i], settings[i+1])
		}
		_, err := darktrace.NewClientFromEnv()
		return err
	}
	base := func(raw string) error {
		_, err := darktrace.NewClient(raw, newAuth(t), darktrace.WithLogger(quiet))
		return err
	}
	tokens := func(public, private string) error {
		_, err := darktrace.NewTokenAuth(public, private)
		return err
	}
	srv := newServer(t, darktracetest.WithClockOffset(0))
	wrong, err := darktrace.NewClient(srv.URL, newAuth(t), darktrace.WithHTTPClient(srv.HTTPClient()), darktrace.WithLogger(quiet))
	require.NoError(t, err)
	bearer, err := darktrace.NewClient(plainly(t, 401, `{"error":"expired"}`), darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
		req.Header.Set("Authorization", "Bearer canary-bearer-token")
		return nil
	}), darktrace.WithProxy(nil))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("canary\n"), 0o600))
	const (
		failed = "darktrace: GET /aianalyst/incidentevents: connection failed: "
		got    = "darktrace: GET /aianalyst/incidentevents: "
		wrongs = "darktrace: invalid argument: "
	)
	var seen bytes.Buffer
	for _, test := range []struct {
		mistake string
		err     error
		want    string
	}{
		{"http:// on the TLS port", ping(strings.Replace(trusted, "https:", "http:", 1)), got + `400 Bad Request: input refused: the port speaks TLS: begin the base URL with https://; the response begins with "Client sent an HTTP request to an HTTPS server."`},
		{"http:// on the TLS port of another server", ping("http://" + rawly(t, "\x15\x03\x01\x00\x02\x02\x16")), failed + `the port speaks TLS: begin the base URL with https://: malformed HTTP response "\x15\x03\x01\x00\x02\x02\x16"`},
		{"http:// on the TLS port of a server that hangs up", ping("http://" + rawly(t, "")), failed + `the base URL begins with http://, and appliances speak https: begin it with https://: EOF`},
		{"https:// on the port of plain HTTP", ping(strings.Replace(plainly(t, 200, "[]"), "http:", "https:", 1)), failed + "the port does not speak TLS; check the port and whether a proxy is in between, and begin the base URL with http:// if you mean it: tls: first record does not look like a TLS handshake"},
		{"another web server", ping(plainly(t, 200, "hello, world", "Content-Type", "text/plain")), got + `response not understood: it is not JSON: status 200, text/plain, beginning with "hello, world"; check the base URL`},
		{"another web server's page", ping(plainly(t, 200, "<html>Welcome to nginx!</html>")), got + "200 OK: login required: check that the base URL leads to the appliance's API and that the credentials are for it"},
		{"another JSON service", ping(plainly(t, 200, `{"hello":"world"}`)), got + "response not understood: expected a list, not an object with other members"},
		{"a server that redirects to https", ping(plainly(t, 301, "", "Location", "https://appliance.example.com/aianalyst/incidentevents")), got + "301 Moved Permanently: login required: the server requires https: begin the base URL with https://"},
		{"a certificate of an unknown authority", ping(trusted), failed + "the certificate's authority is not trusted; trust it with WithRootCAFile or DARKTRACE_CA_FILE: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"a certificate with a common name only", certified(func(c *x509.Certificate) { c.IPAddresses = nil }), failed + "the certificate has only a common name, which is ignored; reissue it with a subject alternative name: tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead"},
		{"a certificate for another name", certified(func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"appliance.example.com"} }), failed + "the certificate is for another name; use a name that it contains, or reissue it: tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"},
		{"a certificate that has expired", certified(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), failed + "the certificate has expired or is not valid yet; check it, and this computer's clock: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time TIME is after TIME"},
		{"a certificate of the future", certified(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), failed + "the certificate has expired or is not valid yet; check it, and this computer's clock: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time TIME is before TIME"},
		{"TLS 1.1", ping(secure(t, &tls.Config{Certificates: []tls.Certificate{proper}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), darktrace.WithRootCAs(pool)), failed + "the appliance or a proxy only speaks TLS older than 1.2, which is not secure: remote error: tls: protocol version not supported"},
		{"no client certificate, TLS 1.2", ping(secure(t, &tls.Config{Certificates: []tls.Certificate{proper}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}), darktrace.WithRootCAs(pool)), failed + "the appliance or a proxy offers no TLS version or cipher that this program accepts, or requires a client certificate: remote error: tls: handshake failure"},
		{"no client certificate, TLS 1.3", ping(secure(t, &tls.Config{Certificates: []tls.Certificate{proper}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}), darktrace.WithRootCAs(pool)), failed + "the appliance or a gateway requires a client certificate, see WithClientCertificate: remote error: tls: certificate required"},
		{"a web application firewall", ping(plainly(t, 403, "<html><title>Request blocked</title></html>")), got + `403 Forbidden: permission missing: the response is a page that is not from the appliance: check the firewall or proxy in between; the response begins with "<html><title>Request blocked</title></html>"`},
		{"a missing permission", ping(plainly(t, 403, `{"error":"Forbidden"}`)), got + `403 Forbidden (Forbidden): permission missing: the token's user needs the permission "Visualizer"`},
		{"a proxy that wants a password", ping(plainly(t, 407, "")), got + "407 Proxy Authentication Required: login required: the proxy requires a user name and a password: put them into its URL, see WithProxy"},
		{"a proxy that wants a password to connect", proxied("HTTP/1.1 407 Proxy \x1b[31mAuthentication\r\n\r\n"), got + `login required: the proxy requires a user name and a password: put them into its URL, see WithProxy: the proxy's response to CONNECT is 407 Proxy [31mAuthentication`},
		{"a proxy's password with a special character", ping("https://appliance.example.com", darktrace.WithProxy(func(*http.Request) (*url.URL, error) {
			return url.Parse(fmt.Sprintf("http://user:%s@proxy.example.com:3128", "Secret#1"))
		})), failed + "check the URL of the proxy, and that its special characters are escaped: a URL can't be parsed"},
		{"a proxy that refuses to connect", proxied("HTTP/1.1 403 Forbidden\r\n\r\n"), failed + "the proxy refused to connect to the appliance: the proxy's response to CONNECT is 403 Forbidden"},
		{"a captive portal", ping(plainly(t, 511, "<html>Sign in</html>")), got + "511 Network Authentication Required: server error: try again later; the network requires a sign-in before requests can reach the appliance"},
		{"nobody listens", ping("http://127.0.0.1:1"), failed + "check the base URL, and whether a proxy is required: dial tcp ADDRESS: connect: connection refused"},
		{"wrong tokens", wrong.Ping(t.Context()), got + "400 Bad Request (API SIGNATURE ERROR): signature refused: check whether the tokens are swapped, truncated or from another appliance, and whether a proxy rewrites requests"},
		{"an expired bearer token", bearer.Ping(t.Context()), got + "401 Unauthorized (expired): signature refused: the credentials were rejected: check whether they have expired or belong to another appliance"},
		{"an error that explains itself", ping(plainly(t, 400, "did is \x1b[1mno\x1b[0m number\r\n")), got + `400 Bad Request: input refused: the appliance rejected an argument; the response begins with "did is [1mno[0m number"`},
		{"no settings", env(), wrongs + "DARKTRACE_URL, DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN are not set in the environment"},
		{"one setting missing", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken), wrongs + "DARKTRACE_PRIVATE_TOKEN is not set in the environment"},
		{"a setting that is no URL", env("URL", "ftp://a.example.com", "PUBLIC_TOKEN", publicToken, "PRIVATE_TOKEN", privateToken), wrongs + `DARKTRACE_URL has the scheme "ftp"; it must be http or https`},
		{"a token copied with a blank", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken+" ", "PRIVATE_TOKEN", privateToken), wrongs + "DARKTRACE_PUBLIC_TOKEN has white space at position 31; remove it"},
		{"a file of certificates that is not there", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken, "PRIVATE_TOKEN", privateToken, "CA_FILE", "/no/such/file"), wrongs + "DARKTRACE_CA_FILE can't be read: open /no/such/file: no such file or directory"},
		{"a file of tokens that is not there", env("URL", "a.example.com", "PUBLIC_TOKEN_FILE", "/no/such/file", "PRIVATE_TOKEN", privateToken), wrongs + "DARKTRACE_PUBLIC_TOKEN_FILE names a file that can't be read: no such file or directory"},
		{"a token in place of its file", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken, "PRIVATE_TOKEN_FILE", privateToken), wrongs + "DARKTRACE_PRIVATE_TOKEN_FILE names a file that can't be read: no such file or directory"},
		{"a file of tokens that is empty", env("URL", "a.example.com", "PUBLIC_TOKEN_FILE", os.DevNull, "PRIVATE_TOKEN", privateToken), wrongs + "DARKTRACE_PUBLIC_TOKEN_FILE names an empty file"},
		{"a token and a file of it", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken, "PUBLIC_TOKEN_FILE", file, "PRIVATE_TOKEN", privateToken), wrongs + "DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PUBLIC_TOKEN_FILE are both set in the environment; set only one"},
		{"a switch that is neither", env("URL", "a.example.com", "PUBLIC_TOKEN", publicToken, "PRIVATE_TOKEN", privateToken, "INSECURE", "maybe"), wrongs + `DARKTRACE_INSECURE is "maybe"; it must be true or false`},
		{"a token that is a placeholder", tokens("public", privateToken), wrongs + "public token has 6 characters, which is too short for a token"},
		{"the same token twice", tokens(publicToken, publicToken), wrongs + "private token is the same as the public token"},
		{"a scheme with one slash", base("https:/appliance.example.com"), wrongs + "base URL has a scheme without ://"},
		{"a scheme without a colon", base("https//appliance.example.com"), wrongs + "base URL has a scheme without ://"},
		{"the URL of the login page", base("https://appliance.example.com/login"), wrongs + "base URL ends in /login, a page for people; remove that"},
		{"no Authenticator", func() error { _, err := darktrace.NewClient(baseURL, (*darktrace.TokenAuth)(nil)); return err }(), wrongs + "auth is a nil *TokenAuth; use NewTokenAuth"},
		{"an empty Authenticator", func() error { _, err := darktrace.NewClient(baseURL, new(darktrace.TokenAuth)); return err }(), wrongs + "auth is an empty TokenAuth; use NewTokenAuth"},
		{"a value instead of a pointer", wrong.Do(t.Context(), &darktrace.Request{Path: "/status"}, 7), wrongs + "out has the type int; it must be a pointer, an io.Writer or nil"},
		{"an event that can't be changed", newClient(t, responding(403, `{"error":"Forbidden"}`)).AIAnalyst.Acknowledge(t.Context(), id1), "darktrace: acknowledge " + id1 + `: POST /aianalyst/acknowledge: 403 Forbidden (Forbidden): permission missing: the token's user needs the permission "Acknowledge Breaches"`},
	} {
		require.Error(t, test.err, test.mistake)
		text := ports.ReplaceAllString(test.err.Error(), "ADDRESS")
		text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:+\-]+Z?`).ReplaceAllString(text, "TIME")
		text = strings.ReplaceAll(text, "127.0.0.1:1", "ADDRESS")
		assert.Equal(t, test.want, text, test.mistake)
		assert.NotContains(t, text, "\x1b", test.mistake)
		assert.NotContains(t, text, "\n", test.mistake)
		assert.NotContains(t, strings.TrimPrefix(text, "darktrace: "), "darktrace: ", test.mistake)
		fmt.Fprintf(&seen, "| %s | `%s` |\n", test.mistake, text)
	}
	if path := os.Getenv("FIRST_DAY_TABLE"); path != "" { // For docs/.
		require.NoError(t, os.WriteFile(path, seen.Bytes(), 0o600))
	}
}
