package darktrace

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Option changes how NewClient builds a Client.
type Option func(*config) error

type config struct {
	client      *http.Client
	transport   http.RoundTripper
	middlewares []func(http.RoundTripper) http.RoundTripper
	tls         *tls.Config
	proxy       func(*http.Request) (*url.URL, error)
	proxySet    bool
	dialOption  string // the last option that only our own transport can honour
	timeout     time.Duration
	maxSize     int64
	header      http.Header
	retry       RetryPolicy
	perMinute   int
	locale      Locale
	logger      *slog.Logger
}

const (
	defaultTimeout   = 60 * time.Second
	headerTimeout    = 30 * time.Second // of a request with the default timeout
	defaultMaxStream = 1 << 30
	defaultMaxSingle = 64 << 20
	// idlePerHost is enough for 32 callers at once; net/http's 2 would make most
	// of them dial anew.
	idlePerHost = 32
)

// tlsConfig returns the TLS settings of the client's own transport, to be
// changed by the option of that name.
func (c *config) tlsConfig(option string) *tls.Config {
	c.dialOption = option
	return c.tls
}

// WithHTTPClient uses the transport, cookie jar and timeout of an http.Client,
// which is copied and never changed; its redirect policy is not used, since
// redirects are never followed. Its timeout, unless WithTimeout is given too, is
// taken as that of an attempt. It can't be combined with WithTransport or any
// TLS or proxy option.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return argument("WithHTTPClient", "is nil")
		}
		c.client = client
		return nil
	}
}

// WithTransport sends requests through a transport of the caller's. It sees the
// authentication headers. It can't be combined with WithHTTPClient or any TLS or
// proxy option.
func WithTransport(transport http.RoundTripper) Option {
	return func(c *config) error {
		if transport == nil {
			return argument("WithTransport", "is nil")
		}
		c.transport = transport
		return nil
	}
}

// WithMiddleware wraps the transport, whichever it is: tracing, metrics, a
// recorder for tests. It is called once; the first middleware given is the
// outermost. Its round tripper sees each attempt, with the authentication
// headers.
func WithMiddleware(middleware func(http.RoundTripper) http.RoundTripper) Option {
	return func(c *config) error {
		if middleware == nil {
			return argument("WithMiddleware", "is nil")
		}
		c.middlewares = append(c.middlewares, middleware)
		return nil
	}
}

// WithTimeout limits each attempt of a request: all of it for a whole answer,
// and for the answer's headers half of it, or 30 seconds if that is more. A stream is not limited as a whole: the
// timeout is then the longest pause between two reads. 0 is the default of 60
// seconds. Retries have their own: the context limits a call as a whole.
func WithTimeout(timeout time.Duration) Option {
	return func(c *config) error {
		if timeout < 0 {
			return argument("WithTimeout", "is negative: %v", timeout)
		}
		c.timeout = timeout
		return nil
	}
}

// WithRootCAs trusts these certificate authorities instead of the system's: that
// of an appliance whose certificate a private CA signed.
func WithRootCAs(pool *x509.CertPool) Option {
	return func(c *config) error {
		if pool == nil {
			return argument("WithRootCAs", "is nil")
		}
		c.tlsConfig("WithRootCAs").RootCAs = pool
		return nil
	}
}

// WithRootCAFile trusts the certificate authorities of a PEM file, as
// WithRootCAs does. NewClient reads the file.
func WithRootCAFile(path string) Option {
	return func(c *config) error {
		pem, err := os.ReadFile(path) //nolint:gosec // The path is the caller's configuration.
		if err != nil {
			return argument("WithRootCAFile", "can't be read: %v", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return argument("WithRootCAFile", "%s holds no PEM certificate", path)
		}
		c.tlsConfig("WithRootCAFile").RootCAs = pool
		return nil
	}
}

// WithClientCertificate presents a client certificate in the TLS handshake, for a
// gateway that demands one.
func WithClientCertificate(certificate tls.Certificate) Option {
	return func(c *config) error {
		t := c.tlsConfig("WithClientCertificate")
		t.Certificates = append(t.Certificates, certificate)
		return nil
	}
}

// WithInsecureSkipVerify trusts any certificate. Whoever sits between the client
// and the appliance can then read and change everything; prefer WithRootCAs.
// NewClient logs a warning.
func WithInsecureSkipVerify() Option {
	return func(c *config) error {
		c.tlsConfig("WithInsecureSkipVerify").InsecureSkipVerify = true
		return nil
	}
}

// WithProxy chooses the proxy for each request. nil means none. The default is
// http.ProxyFromEnvironment: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func WithProxy(proxy func(*http.Request) (*url.URL, error)) Option {
	return func(c *config) error {
		c.proxy, c.proxySet, c.dialOption = proxy, true, "WithProxy"
		return nil
	}
}

// WithUserAgent replaces the User-Agent, which is "darktrace-go/" and the
// version. It can't be empty: there are gateways that refuse requests without
// one.
func WithUserAgent(userAgent string) Option {
	return func(c *config) error {
		if strings.TrimSpace(userAgent) == "" {
			return argument("WithUserAgent", "is empty")
		}
		return setHeader(c.header, "User-Agent", userAgent, "WithUserAgent")
	}
}

// WithHeader adds a header to every request, such as the one by which a gateway
// learns the author of a write. What can't be set is as in Request.Header.
func WithHeader(key, value string) Option {
	return func(c *config) error { return setHeader(c.header, key, value, "WithHeader") }
}

// setHeader checks a header that a caller gave, and sets it.
func setHeader(header http.Header, key, value, argumentName string) error {
	const separators = "()<>@,;:\\\"/[]?={} \t"
	for _, r := range key {
		if r <= ' ' || r > '~' || strings.ContainsRune(separators, r) {
			return argument(argumentName, "has a key that is no header name: %q", key)
		}
	}
	canonical := http.CanonicalHeaderKey(key)
	switch {
	case key == "":
		return argument(argumentName, "has an empty key")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return argument(argumentName, "has a line break or control character in the value of %s", canonical)
	case canonical == "User-Agent" && strings.TrimSpace(value) == "":
		return argument(argumentName, "has an empty User-Agent, which gateways refuse")
	case strings.HasSuffix(canonical, "Idempotency-Key"):
		return checkIdempotency(http.Header{canonical: nil})
	case strings.HasPrefix(canonical, "Dtapi-"), canonical == "Content-Length", canonical == "Content-Type",
		canonical == "Host", canonical == "Transfer-Encoding":
		return argument(argumentName, "can't set %s, the client does", canonical)
	}
	header[canonical] = []string{value}
	return nil
}

// WithRetryPolicy replaces DefaultRetryPolicy. The zero policy means no retries.
func WithRetryPolicy(policy RetryPolicy) Option {
	return func(c *config) error {
		if policy.MaxRetries < 0 || policy.MinBackoff < 0 || policy.MaxBackoff < 0 {
			return argument("WithRetryPolicy", "has a negative value")
		}
		defaults := DefaultRetryPolicy()
		if policy.MaxBackoff == 0 {
			policy.MaxBackoff = max(defaults.MaxBackoff, policy.MinBackoff)
		}
		if policy.MinBackoff == 0 {
			policy.MinBackoff = min(defaults.MinBackoff, policy.MaxBackoff)
		}
		if policy.MinBackoff > policy.MaxBackoff {
			return argument("WithRetryPolicy", "has MinBackoff above MaxBackoff")
		}
		c.retry = policy
		return nil
	}
}

// WithLogger logs each attempt at debug level and each retry at warn level.
// What is logged is a fixed list: method, path, the names in the query (never
// values), status (0 without an answer), duration, attempt, bytes, the wait before
// a retry, and the text of an error. Without it nothing is logged but warnings
// about skipped verification and in Watch, which go to slog.Default.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return argument("WithLogger", "is nil")
		}
		c.logger = logger
		return nil
	}
}

// WithMaxResponseSize caps an answer's size in bytes after decompression, for
// streams and for single answers. 0 means the defaults: 1 GiB for a stream, 64
// MiB for a single answer. Larger answers are ErrTooLarge. Lists are streams, also
// those that a method collects.
func WithMaxResponseSize(size int64) Option {
	return func(c *config) error {
		if size < 0 {
			return argument("WithMaxResponseSize", "is negative: %d", size)
		}
		c.maxSize = size
		return nil
	}
}

// WithLocale asks for texts in a language wherever the options of a call name
// none. The appliance's default is en_GB: a program that matches on texts should
// say which it wants.
func WithLocale(locale Locale) Option {
	return func(c *config) error {
		c.locale = locale
		return checkLocale("WithLocale", locale)
	}
}

// WithRateLimit holds the client to a number of requests in any minute, retries
// included; calls wait for their turn, and one whose deadline that would pass is
// ErrRateLimited at once. 0 means no limit, 100,000 is the most. The appliance
// publishes none; integrations live with 10 to 120.
func WithRateLimit(perMinute int) Option {
	return func(c *config) error {
		if perMinute < 0 || perMinute > 100_000 {
			return argument("WithRateLimit", "is %d; 0 to 100,000 can be", perMinute)
		}
		c.perMinute = perMinute
		return nil
	}
}

// roundTripper builds what sends the requests, and returns beside it the
// transport that holds the connections, and whether both are the client's own.
func (c *config) roundTripper() (outer, inner http.RoundTripper, ours bool, err error) {
	switch {
	case c.client != nil && c.transport != nil:
		return nil, nil, false, argument("options", "contradict each other: WithHTTPClient and WithTransport")
	case c.client != nil && c.dialOption != "":
		return nil, nil, false, argument("options", "contradict each other: %s can't change the transport of WithHTTPClient; set it there", c.dialOption)
	case c.transport != nil && c.dialOption != "":
		return nil, nil, false, argument("options", "contradict each other: %s can't change the transport of WithTransport; set it there", c.dialOption)
	case c.transport != nil:
		inner = c.transport
	case c.client != nil && c.client.Transport != nil:
		inner = c.client.Transport
	default:
		inner, ours = c.newTransport(), c.client == nil && len(c.middlewares) == 0
	}
	outer = inner
	if c.client != nil && c.client.Jar != nil {
		outer = cookieTransport{c.client.Jar, outer}
	}
	for i := len(c.middlewares) - 1; i >= 0; i-- {
		if outer = c.middlewares[i](outer); outer == nil {
			return nil, nil, false, argument("WithMiddleware", "returned nil")
		}
	}
	return outer, inner, ours, nil
}

// newTransport does what http.DefaultTransport does, for more callers at once
// and with TLS 1.2 at least. It is no clone, since programs replace that one.
func (c *config) newTransport() *http.Transport {
	proxy := http.ProxyFromEnvironment
	if c.proxySet {
		proxy = c.proxy
	}
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       c.tls,
		TLSHandshakeTimeout:   10 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   idlePerHost,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Without pings a connection that a firewall has dropped is used for ever.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// cookieTransport does what http.Client does with its jar; the client sends
// through the transport itself, which follows no redirect.
type cookieTransport struct {
	jar  http.CookieJar
	next http.RoundTripper
}

func (t cookieTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, cookie := range t.jar.Cookies(req.URL) {
		req.AddCookie(cookie)
	}
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		if cookies := resp.Cookies(); len(cookies) > 0 {
			t.jar.SetCookies(req.URL, cookies)
		}
	}
	return resp, err
}
