package darktrace

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Version is the version of this package, as its User-Agent gives it.
const Version = "0.1.0"

// nilEventID is an event id that no event has.
const nilEventID = "00000000-0000-0000-0000-000000000000"

// Client talks to one appliance, or to one Unified View. It is immutable and safe
// for concurrent use; share one per appliance, since it holds the connections,
// the corrected clock and the rate limit. NewClient makes one; the zero value is
// of no use.
type Client struct {
	// AIAnalyst holds the methods of the AI Analyst API.
	AIAnalyst *AIAnalystService

	// A closure, since what dumps values would find credentials in the headers
	// and in the transport's buffers.
	core func() *core
}

// core is what a client and its services share.
type core struct {
	base     *url.URL // without a trailing slash
	auth     Authenticator
	outer    http.RoundTripper // what requests go through
	inner    http.RoundTripper // what holds the connections
	ours     bool              // outer is the transport that this package makes
	header   http.Header       // sent with every request
	timeout  time.Duration
	maxSize  int64
	retry    RetryPolicy
	locale   Locale
	logger   *slog.Logger // nil: silent
	clock    *clock
	cooldown *cooldown
	limiter  *limiter // nil: unlimited
}

// NewClient returns a client for the appliance at baseURL, such as
// "https://darktrace.example.com"; without a scheme it is https. The URL may have
// a path prefix, which is sent and signed. It does no network I/O. Anything wrong
// with the URL or the options is an ErrArgument, and so is a nil auth; nil options
// are left out.
func NewClient(baseURL string, auth Authenticator, opts ...Option) (*Client, error) {
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	if auth == nil {
		return nil, argument("auth", "is nil; use NewTokenAuth")
	}
	config := config{
		tls:    &tls.Config{MinVersion: tls.VersionTLS12},
		header: http.Header{"User-Agent": {"darktrace-go/" + Version}, "Accept": {"application/json"}},
		retry:  DefaultRetryPolicy(),
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&config); err != nil {
			return nil, err
		}
	}
	outer, inner, ours, err := config.roundTripper()
	if err != nil {
		return nil, err
	}
	if config.timeout == 0 && config.client != nil {
		config.timeout = config.client.Timeout
	}
	if config.timeout == 0 {
		config.timeout = defaultTimeout
	}
	c := &core{
		base: base, auth: auth, outer: outer, inner: inner, ours: ours, header: config.header,
		timeout: config.timeout, maxSize: config.maxSize, retry: config.retry,
		locale: config.locale, logger: config.logger,
		clock: &clock{now: time.Now}, cooldown: &cooldown{},
	}
	if tokens, ok := auth.(*TokenAuth); ok {
		c.clock.now = tokens.now
	}
	if config.perMinute > 0 {
		c.limiter = &limiter{starts: make([]time.Time, config.perMinute)}
	}
	if config.tls.InsecureSkipVerify {
		c.warnings().Warn("darktrace: the appliance's certificate is not verified", "host", base.Host)
	}
	shared := func() *core { return c }
	return &Client{AIAnalyst: &AIAnalystService{client: shared}, core: shared}, nil
}

// parseBaseURL checks and cleans the URL of an appliance. It never quotes one
// that holds user info.
func parseBaseURL(raw string) (*url.URL, error) {
	const name = "base URL"
	switch {
	case raw == "":
		return nil, argument(name, "is empty")
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, argument(name, "has white space, a line break or a control character")
	}
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil: // It may quote a password.
		return nil, argument(name, "can't be understood; is its port a number, and is a character not escaped?")
	case u.User != nil:
		return nil, argument(name, "has user info; credentials belong in an Authenticator")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, argument(name, "has the scheme %q; http and https are known", u.Scheme)
	case u.Hostname() == "":
		return nil, argument(name, "has no host")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, argument(name, "has a query")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, argument(name, "has a fragment")
	}
	if err := checkSegments(name, u.EscapedPath()); err != nil {
		return nil, err
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// NewClientFromEnv returns a client made from the environment: DARKTRACE_URL,
// DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN, which must be set;
// DARKTRACE_CA_FILE, a PEM file of certificate authorities to trust; and
// DARKTRACE_INSECURE, true to trust any certificate. The proxy comes from
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Options come on top. What is missing or
// wrong is an ErrArgument that says which it is.
func NewClientFromEnv(opts ...Option) (*Client, error) {
	var settings [3]string
	for i, name := range []string{"DARKTRACE_URL", "DARKTRACE_PUBLIC_TOKEN", "DARKTRACE_PRIVATE_TOKEN"} {
		if settings[i] = os.Getenv(name); settings[i] == "" {
			return nil, argument(name, "is not set in the environment")
		}
	}
	auth, err := NewTokenAuth(settings[1], settings[2])
	if err != nil {
		return nil, err
	}
	var fromEnv []Option
	if file := os.Getenv("DARKTRACE_CA_FILE"); file != "" {
		fromEnv = append(fromEnv, WithRootCAFile(file))
	}
	if value := os.Getenv("DARKTRACE_INSECURE"); value != "" {
		insecure, err := strconv.ParseBool(value)
		if err != nil {
			return nil, argument("DARKTRACE_INSECURE", "is %q, which is neither true nor false", value)
		}
		if insecure {
			fromEnv = append(fromEnv, WithInsecureSkipVerify())
		}
	}
	return NewClient(settings[0], auth, append(fromEnv, opts...)...)
}

// Ping proves URL, tokens, clock and read permission with one cheap request for
// an event that can't exist. The error's kind and text say which of them is
// wrong: ErrConnection, ErrEndpoint and ErrLogin point at the URL, ErrSignature
// at the tokens, ErrDate at the clock, ErrPermission at the token's user.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.AIAnalyst.GetEvent(ctx, nilEventID)
	if errors.Is(err, ErrNotFound) {
		var answer *APIError
		if !errors.As(err, &answer) { // An empty list, not a 404.
			return nil
		}
	}
	return err
}

// CloseIdleConnections closes the connections that no request is using.
func (c *Client) CloseIdleConnections() {
	(&http.Client{Transport: c.core().inner}).CloseIdleConnections()
}

// EventURL returns the link to an event in the Threat Visualizer, or in its SaaS
// console when the event is a SaaS one. A nil event gives an empty string.
func (c *Client) EventURL(e *IncidentEvent) string {
	if e == nil {
		return ""
	}
	console := "/#aiaincidentevent/"
	if e.IsSaaS() {
		console = "/saas#aiaincidentevent/"
	}
	return c.core().base.String() + console + url.PathEscape(e.ID)
}

// GroupURL returns the link to an incident in the Threat Visualizer.
func (c *Client) GroupURL(groupID string) string {
	return c.core().base.String() + "/#aiagroup/" + url.PathEscape(groupID)
}

// warnings is where what must not go unseen is logged.
func (c *core) warnings() *slog.Logger {
	if c.logger != nil {
		return c.logger
	}
	return slog.Default()
}

// redact blanks the tokens of a TokenAuth and the values of WithHeader wherever
// they stand in s.
func (c *core) redact(s string) string {
	if tokens, ok := c.auth.(*TokenAuth); ok {
		s = tokens.redact(s)
	}
	for key, values := range c.header {
		if key != "Accept" && key != "User-Agent" {
			s = blank(s, values[0])
		}
	}
	return s
}
