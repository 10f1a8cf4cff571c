package darktrace

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/operations"
	"github.com/darktrace-go/darktrace/internal/trail"
)

// Option changes how NewClient builds a Client.
type Option func(*config) error

type config struct {
	client      *http.Client
	transport   http.RoundTripper
	cookies     func(http.RoundTripper) http.RoundTripper // nil: the client has no jar
	middlewares []func(http.RoundTripper) http.RoundTripper
	hooks       []callHook
	tls         *tls.Config
	proxy       func(*http.Request) (*url.URL, error)
	proxySet    bool
	dialOption  string // the last option that needs the client's own transport
	timeout     time.Duration
	maxSize     int64
	header      http.Header
	retry       RetryPolicy
	perMinute   int
	locale      Locale
	logger      *slog.Logger
	emailBase   *url.URL // nil = the base URL
	emailPrefix string
}

const (
	defaultTimeout   = 60 * time.Second
	headerTimeout    = 30 * time.Second // of a request with the default timeout
	defaultMaxStream = 1 << 30
	defaultMaxSingle = 64 << 20
	// idlePerHost is enough for 32 callers at once; with net/http's 2, most of them
	// would dial anew.
	idlePerHost = 32
)

// tlsConfig returns the TLS settings of the client's own transport, for the
// option of that name to change.
func (c *config) tlsConfig(option string) *tls.Config {
	c.dialOption = option
	return c.tls
}

// WithHTTPClient uses the transport, the cookie jar and the timeout of client,
// which is copied and never changed. Its timeout limits each attempt, unless
// WithTimeout is given. Its redirect policy is ignored: redirects are never
// followed. WithHTTPClient can't be combined with WithTransport or with an
// option for TLS or the proxy.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return argument("WithHTTPClient", "is nil")
		}
		c.client, c.cookies = client, nil
		if client.Jar != nil {
			c.cookies = func(next http.RoundTripper) http.RoundTripper { return cookieTransport{client.Jar, next} }
		}
		return nil
	}
}

// WithTransport sends requests through transport, which sees the authentication
// headers. It can't be combined with WithHTTPClient or with an option for TLS
// or the proxy.
func WithTransport(transport http.RoundTripper) Option {
	return func(c *config) error {
		if transport == nil {
			return argument("WithTransport", "is nil")
		}
		c.transport = transport
		return nil
	}
}

// WithMiddleware wraps the transport, for tracing, metrics or a recorder in
// tests. middleware is called once; the first one is the outermost. The round
// tripper that it returns sees each attempt, with the authentication headers.
//
// A middleware may change a request. It should send it through the round tripper that
// it was given. It may send a read again. A second copy of a write is refused, even if
// it is sent at the same time, with another context, or after the middleware has
// returned; the call then returns ErrOutcomeUnknown. After a response of 401 or 407 a
// write may be sent again.
func WithMiddleware(middleware func(http.RoundTripper) http.RoundTripper) Option {
	return func(c *config) error {
		if middleware == nil {
			return argument("WithMiddleware", "is nil")
		}
		c.middlewares = append(c.middlewares, middleware)
		return nil
	}
}

// WithTimeout limits each attempt of a request. A whole response must arrive
// within the timeout, its headers within half of it or 30 seconds, whichever is
// longer. A stream is not limited as a whole: the timeout is the longest pause
// between two reads. 0 means the default of 60 seconds. Each retry has the full
// timeout: to limit a call as a whole, use its context.
func WithTimeout(timeout time.Duration) Option {
	return func(c *config) error {
		if timeout < 0 {
			return argument("WithTimeout", "is negative: %v", timeout)
		}
		c.timeout = timeout
		return nil
	}
}

// WithRootCAs trusts these certificate authorities instead of the system's. Use
// it if a private CA signed the appliance's certificate.
func WithRootCAs(pool *x509.CertPool) Option {
	return func(c *config) error {
		if pool == nil {
			return argument("WithRootCAs", "is nil")
		}
		c.tlsConfig("WithRootCAs").RootCAs = pool
		return nil
	}
}

// WithRootCAFile is WithRootCAs with the certificate authorities of a PEM file.
// NewClient reads the file.
func WithRootCAFile(path string) Option { return rootCAFile("WithRootCAFile", path) }

// rootCAFile is WithRootCAFile; name is its name in errors.
func rootCAFile(name, path string) Option {
	return func(c *config) error {
		pem, err := os.ReadFile(path) //nolint:gosec // The path is the caller's configuration.
		if err != nil {
			return argument(name, "can't be read: %v", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return argument(name, "%s contains no PEM certificate", path)
		}
		c.tlsConfig(name).RootCAs = pool
		return nil
	}
}

// WithClientCertificate presents a client certificate in the TLS handshake, for
// a gateway that requires one.
func WithClientCertificate(certificate tls.Certificate) Option {
	return func(c *config) error {
		t := c.tlsConfig("WithClientCertificate")
		t.Certificates = append(t.Certificates, certificate)
		return nil
	}
}

// WithInsecureSkipVerify trusts any certificate. Anyone on the network path can
// then read and change everything: prefer WithRootCAs. NewClient logs a
// warning.
func WithInsecureSkipVerify() Option { return insecureSkipVerify("WithInsecureSkipVerify") }

// insecureSkipVerify is WithInsecureSkipVerify; name is its name in errors.
func insecureSkipVerify(name string) Option {
	return func(c *config) error {
		c.tlsConfig(name).InsecureSkipVerify = true
		return nil
	}
}

// WithProxy chooses the proxy for each request; nil means none. The default is
// http.ProxyFromEnvironment, which reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func WithProxy(proxy func(*http.Request) (*url.URL, error)) Option {
	return func(c *config) error {
		c.proxy, c.proxySet, c.dialOption = proxy, true, "WithProxy"
		return nil
	}
}

// WithUserAgent replaces the User-Agent, which is "darktrace-go/" and the
// version. It can't be empty, because some gateways reject requests without
// one.
func WithUserAgent(userAgent string) Option {
	return func(c *config) error {
		if strings.TrimSpace(userAgent) == "" {
			return argument("WithUserAgent", "is empty")
		}
		return setHeader(c.header, "User-Agent", userAgent, "WithUserAgent")
	}
}

// WithHeader adds a header to every request, such as one that tells a gateway
// who the author of a write is. The headers that Request.Header can't set can't
// be set here either.
func WithHeader(key, value string) Option {
	return func(c *config) error { return setHeader(c.header, key, value, "WithHeader") }
}

// setHeader checks and sets a header that the caller passed.
func setHeader(header http.Header, key, value, argumentName string) error {
	const separators = "()<>@,;:\\\"/[]?={} \t"
	for _, r := range key {
		if r <= ' ' || r > '~' || strings.ContainsRune(separators, r) {
			return argument(argumentName, "has a key that is not a header name: %q", key)
		}
	}
	canonical := http.CanonicalHeaderKey(key)
	switch {
	case key == "":
		return argument(argumentName, "has an empty key")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return argument(argumentName, "has a line break or control character in the value of %s", canonical)
	case canonical == "User-Agent" && strings.TrimSpace(value) == "":
		return argument(argumentName, "has an empty User-Agent, which some gateways reject")
	case checkIdempotency(http.Header{canonical: nil}) != nil:
		return checkIdempotency(http.Header{canonical: nil})
	case strings.HasPrefix(canonical, "Dtapi-"), canonical == "Accept-Encoding", canonical == "Content-Encoding", canonical == "Content-Length",
		canonical == "Content-Type", canonical == "Host", canonical == "Transfer-Encoding":
		return argument(argumentName, "can't set %s, which the client sets", canonical)
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

// WithLogger logs each attempt at debug level and each retry at warn level. A
// record holds only the method, the path, the names in the query (never
// values), the status (0 without a response), the duration, the attempt, the
// number of bytes, the wait before a retry, and the text of an error, which may
// quote the beginning of a response that reports a failure or is not JSON,
// except one from the e-mail API. Without a logger, only warnings are logged,
// to slog.Default: about skipped verification, unencrypted http, and problems
// of Watch.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return argument("WithLogger", "is nil")
		}
		c.logger = logger
		return nil
	}
}

// WithMaxResponseSize limits the size of a response in bytes, after
// decompression. 0 means the defaults: 1 GiB for a stream, 64 MiB for any other
// response. Lists are streams, even if a method collects them. If a response is
// larger, the call returns ErrTooLarge.
//
// Memory is limited separately: decoding may use 64 MiB plus 16 times the size
// of the response, which only lists of nearly empty elements and hundreds of
// objects in objects exceed. Beyond it, the call returns ErrTooLarge as well.
// This does not hold for what Do decodes into types of the caller.
func WithMaxResponseSize(size int64) Option {
	return func(c *config) error {
		if size < 0 {
			return argument("WithMaxResponseSize", "is negative: %d", size)
		}
		c.maxSize = size
		return nil
	}
}

// WithLocale asks for texts in a language, unless the options of a call name
// another one. The appliance's default is en_GB. A program that matches texts
// should always set a locale.
func WithLocale(locale Locale) Option {
	return func(c *config) error {
		c.locale = locale
		return checkLocale("WithLocale", locale)
	}
}

// WithRateLimit limits the requests that the client sends in any minute,
// retries included. Calls wait for their turn. If the wait would outlast the
// deadline of a call, the call returns ErrRateLimited at once. 0 means no
// limit; the maximum is 100,000. The appliance publishes no limit; integrations
// use 10 to 120.
func WithRateLimit(perMinute int) Option {
	return func(c *config) error {
		if perMinute < 0 || perMinute > 100_000 {
			return argument("WithRateLimit", "is %d; it must be between 0 and 100,000", perMinute)
		}
		c.perMinute = perMinute
		return nil
	}
}

// WithEmailURL sets the URL for the methods of Client.Email, if the e-mail
// console has another URL than the appliance. Requests to it use the same
// tokens.
func WithEmailURL(baseURL string) Option {
	return func(c *config) (err error) {
		c.emailBase, err = parseBaseURL("WithEmailURL", baseURL)
		return err
	}
}

// WithEmailPrefix sets the path of the e-mail API. Some appliances have it at
// "/agemail/api/v1.0". The default is DefaultEmailPrefix.
func WithEmailPrefix(prefix string) Option {
	return func(c *config) error {
		if c.emailPrefix = strings.TrimRight(prefix, "/"); !strings.HasPrefix(c.emailPrefix, "/") {
			return argument("WithEmailPrefix", "is %q; it must begin with a slash", prefix)
		}
		return checkSegments("WithEmailPrefix", c.emailPrefix)
	}
}

// roundTripper returns the transport, and the guard around the transport that holds
// the connections.
func (c *config) roundTripper() (outer http.RoundTripper, guard *trail.Guard, err error) {
	switch {
	case c.client != nil && c.transport != nil:
		return nil, nil, argument("options", "contradict each other: WithHTTPClient and WithTransport")
	case c.client != nil && c.dialOption != "":
		return nil, nil, argument("options", "contradict each other: %s can't change the transport of WithHTTPClient; set it there", c.dialOption)
	case c.transport != nil && c.dialOption != "":
		return nil, nil, argument("options", "contradict each other: %s can't change the transport of WithTransport; set it there", c.dialOption)
	case c.transport != nil:
		guard = trail.NewGuard(c.transport, false)
	case c.client != nil && c.client.Transport != nil:
		guard = trail.NewGuard(c.client.Transport, false)
	default:
		guard = trail.NewGuard(c.newTransport(), true)
	}
	outer = guard
	if c.cookies != nil {
		outer = c.cookies(outer)
	}
	for i := len(c.middlewares) - 1; i >= 0; i-- {
		if outer = c.middlewares[i](outer); outer == nil {
			return nil, nil, argument("WithMiddleware", "returned nil")
		}
	}
	guard.Wrapped = outer != http.RoundTripper(guard)
	return outer, guard, nil
}

// newTransport returns a transport like http.DefaultTransport, for more
// concurrent callers and with TLS 1.2 or newer. It is not a clone, because
// programs replace http.DefaultTransport.
func (c *config) newTransport() *http.Transport {
	proxy := http.ProxyFromEnvironment
	if c.proxySet {
		proxy = c.proxy
	}
	return &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: refuseConnect,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        c.tls,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		// Without pings a connection that a firewall has dropped is used forever.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// cookieTransport handles cookies as http.Client does; the client uses the
// transport directly, which follows no redirect.
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

// CallInfo says which method is called. It holds no ids and no tokens,
// so it can name spans and metrics.
type CallInfo struct {
	// Operation is the method, such as "ModelBreaches.Get". Methods that
	// request the same path share one operation. It is "Do" if no method
	// requests the path.
	Operation string
	// Method is the HTTP method.
	Method string
	// Path is the path with names for its variables, such as
	// "/modelbreaches/{pbid}"; empty if Operation is "Do".
	Path string
}

// CallResult says how a call ended. The text of its error may hold ids;
// the kind of the error, for errors.Is, does not.
type CallResult struct {
	// Attempts counts the requests that were sent or could not be, because the
	// connection failed; 0 means that the call failed before that.
	Attempts int
	// StatusCode is the HTTP status of the last response; 0 if there was none.
	StatusCode int
	// Err is why the call failed, nil if the response is a success and was
	// understood. It is nil for a look-up that finds nothing.
	Err error
	// Duration is the duration of the whole call: waits, all attempts and, for
	// a stream, the work of the caller between reads.
	Duration time.Duration
	// Bytes is how much of the last successful response was read.
	Bytes int64
}

// WithCallHook calls hook when a call begins, for tracing and metrics. The call
// uses the context that hook returns: its requests carry it, so that spans of
// attempts, made by a WithMiddleware, become children. The function that hook
// returns is called once when the call has ended, unless it is nil. A method
// that sends several different requests makes several calls; retries belong to
// the call. The first of several hooks is the outermost. Hooks run on the
// goroutines of the callers.
func WithCallHook(hook func(ctx context.Context, info CallInfo) (context.Context, func(CallResult))) Option {
	return func(c *config) error {
		if hook == nil {
			return argument("WithCallHook", "is nil")
		}
		c.hooks = append(c.hooks, hook)
		return nil
	}
}

type callHook = func(context.Context, CallInfo) (context.Context, func(CallResult))

// begin calls the hooks of a call, and returns a function that reports to them how
// the call ended.
func (c *core) begin(ctx context.Context, k *call) (context.Context, func(*reply, error)) {
	o := operations.Of(k.method, k.path, c.emailPrefix)
	info, started := CallInfo{Operation: o.Name, Method: k.method, Path: o.Path}, time.Now()
	if info.Operation == "" {
		info.Operation = "Do"
	}
	var ends []func(CallResult)
	for _, hook := range c.hooks {
		hooked, end := hook(ctx, info)
		if hooked != nil {
			ctx = hooked
		}
		if end != nil {
			ends = append(ends, end)
		}
	}
	return ctx, func(r *reply, err error) {
		result := CallResult{Attempts: k.attempts, StatusCode: k.status, Err: err, Duration: time.Since(started)}
		if r != nil {
			result.Bytes = r.size
		}
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](result)
		}
	}
}
