package darktrace

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
	"github.com/darktrace-go/darktrace/internal/trail"
)

// Version is the version of this package, which the default User-Agent
// contains.
const Version = "0.1.0"

// nilEventID is an event id that no event has.
const nilEventID = "00000000-0000-0000-0000-000000000000"

// Client talks to one appliance, or to one Unified View. It is immutable and
// safe for concurrent use. Share one client per appliance: it holds the
// connections, the corrected clock and the rate limit. The zero value is not
// usable; call NewClient.
type Client struct {
	// AIAnalyst reads, follows, acknowledges and comments on incidents.
	AIAnalyst *AIAnalystService
	// ModelBreaches reads, follows, acknowledges and comments on model alerts,
	// which the API calls model breaches.
	ModelBreaches *ModelBreachService
	// Devices reads and changes the devices of the inventory.
	Devices *DeviceService
	// EventLog reads the event log, which the API calls details.
	EventLog *EventLogService
	// Endpoints looks up hosts outside the network.
	Endpoints *EndpointService
	// Antigena reads and controls the actions of RESPOND.
	Antigena *AntigenaService
	// Tags manages tags, and the tags of devices.
	Tags *TagService
	// Models reads models and their parts.
	Models *ModelService
	// WatchedDomains reads and changes the list of watched domains.
	WatchedDomains *WatchedDomainService
	// Subnets reads and changes subnets.
	Subnets *SubnetService
	// PCAPs makes and downloads packet captures.
	PCAPs *PCAPService
	// AdvancedSearch searches the records of connections.
	AdvancedSearch *AdvancedSearchService
	// Network reads traffic by device, port and protocol.
	Network *NetworkService
	// Metrics reads metrics and their values over time.
	Metrics *MetricService
	// Status reads the state of the appliance.
	Status *StatusService
	// Email searches, holds and releases e-mails in Darktrace/EMAIL.
	Email *EmailService

	// A closure, because a dump would show the credentials in the headers and in the
	// transport's buffers.
	core func() *core
}

// service is the content of every service of a client.
type service struct{ client func() *core }

// core is the state that a client and its services share.
type core struct {
	base    *url.URL // without a trailing slash
	auth    Authenticator
	outer   http.RoundTripper // sends the requests
	guard   *trail.Guard      // wraps the transport that holds the connections
	header  http.Header       // sent with every request
	timeout time.Duration
	maxSize int64
	retry   RetryPolicy
	locale  Locale
	logger  *slog.Logger // nil = no logging
	clock   *clock.Clock
	gate    *gate

	hooks []callHook

	emailPrefix string
}

// NewClient returns a client for the appliance at baseURL, such as
// "https://darktrace.example.com". The default scheme is https. The URL may
// have a path prefix, which is sent and signed. NewClient does no network I/O.
// If the URL or an option is invalid, or auth is nil, it returns ErrArgument.
// Nil options are ignored.
func NewClient(baseURL string, auth Authenticator, opts ...Option) (*Client, error) {
	base, err := parseBaseURL("base URL", baseURL)
	if err != nil {
		return nil, err
	}
	switch tokens, ok := auth.(*TokenAuth); {
	case auth == nil:
		return nil, argument("auth", "is nil; use NewTokenAuth")
	case ok && tokens == nil:
		return nil, argument("auth", "is a nil *TokenAuth; use NewTokenAuth")
	case ok && tokens.sign == nil:
		return nil, argument("auth", "is an empty TokenAuth; use NewTokenAuth")
	}
	config := config{
		tls:    &tls.Config{MinVersion: tls.VersionTLS12},
		header: http.Header{"User-Agent": {"darktrace-go/" + Version}, "Accept": {"application/json"}},
		retry:  DefaultRetryPolicy(),

		emailPrefix: DefaultEmailPrefix,
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&config); err != nil {
			return nil, err
		}
	}
	outer, guard, err := config.roundTripper()
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
		base: base, auth: auth, outer: outer, guard: guard, header: config.header,
		timeout: config.timeout, maxSize: config.maxSize, retry: config.retry,
		locale: config.locale, logger: config.logger,
		clock: clock.New(time.Now), gate: newGate(config.perMinute), hooks: config.hooks,
		emailPrefix: config.emailPrefix,
	}
	if tokens, ok := auth.(*TokenAuth); ok {
		c.clock = clock.New(tokens.now)
	}
	for _, u := range []*url.URL{base, config.emailBase} {
		if u != nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			c.warnings().Warn("darktrace: http is not encrypted: anyone on the network path can read and change everything", "host", u.Host)
		}
	}
	if config.tls.InsecureSkipVerify {
		c.warnings().Warn("darktrace: the appliance's certificate is not verified", "host", base.Host)
	}
	shared := &service{client: func() *core { return c }}
	email := shared
	if config.emailBase != nil { // It has its own clock.
		there := *c
		there.base, there.clock = config.emailBase, clock.New(c.clock.Now)
		email = &service{client: func() *core { return &there }}
	}
	return &Client{
		core:           shared.client,
		AIAnalyst:      (*AIAnalystService)(shared),
		ModelBreaches:  (*ModelBreachService)(shared),
		Models:         (*ModelService)(shared),
		Devices:        (*DeviceService)(shared),
		EventLog:       (*EventLogService)(shared),
		Endpoints:      (*EndpointService)(shared),
		Antigena:       (*AntigenaService)(shared),
		Tags:           (*TagService)(shared),
		WatchedDomains: (*WatchedDomainService)(shared),
		Subnets:        (*SubnetService)(shared),
		PCAPs:          (*PCAPService)(shared),
		AdvancedSearch: (*AdvancedSearchService)(shared),
		Network:        (*NetworkService)(shared),
		Metrics:        (*MetricService)(shared),
		Status:         (*StatusService)(shared),
		Email:          (*EmailService)(email),
	}, nil
}

// isLoopback reports whether requests to a host stay on this computer.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseBaseURL checks and cleans the URL of an appliance; name is its name in errors.
// It never quotes a URL that holds user info.
func parseBaseURL(name, raw string) (*url.URL, error) {
	switch {
	case raw == "":
		return nil, argument(name, "is empty")
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, argument(name, "contains white space or a control character")
	}
	if !strings.Contains(raw, "://") {
		if scheme, _, cut := strings.Cut(strings.ToLower(strings.Replace(raw, ":", "/", 1)), "/"); cut && (scheme == "http" || scheme == "https") {
			return nil, argument(name, "has a scheme without ://")
		}
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil: // It may quote a password.
		return nil, argument(name, "can't be parsed; check that the port is a number and that special characters are escaped")
	case u.User != nil:
		return nil, argument(name, "has user info; pass credentials with an Authenticator")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, argument(name, "has the scheme %q; it must be http or https", u.Scheme)
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
	if strings.HasSuffix(strings.ToLower(u.Path), "/login") {
		return nil, argument(name, "ends in /login, a page for people; remove that")
	}
	return u, nil
}

// NewClientFromEnv returns a client configured by environment variables:
//
//   - DARKTRACE_URL is the base URL; it is required.
//   - DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN are the token pair.
//     Instead of either, DARKTRACE_PUBLIC_TOKEN_FILE or
//     DARKTRACE_PRIVATE_TOKEN_FILE may name a file that holds the token, such
//     as a mounted secret. A line break at the end of the file is ignored.
//   - DARKTRACE_CA_FILE is a PEM file of certificate authorities to trust.
//   - DARKTRACE_INSECURE is true to trust any certificate.
//   - HTTPS_PROXY, HTTP_PROXY and NO_PROXY choose the proxy.
//
// opts are applied after the environment. If variables are missing or invalid,
// NewClientFromEnv returns ErrArgument, which names all missing variables or
// the first invalid one.
func NewClientFromEnv(opts ...Option) (*Client, error) {
	var settings [3]string
	var missing []string
	for i, name := range []string{"DARKTRACE_URL", "DARKTRACE_PUBLIC_TOKEN", "DARKTRACE_PRIVATE_TOKEN"} {
		value, err := setting(name, i > 0)
		if err != nil {
			return nil, err
		}
		if settings[i] = value; value == "" {
			missing = append(missing, name)
		}
	}
	switch n := len(missing); n {
	case 0:
	case 1:
		return nil, argument(missing[0], "is not set in the environment")
	default:
		return nil, argument(strings.Join(missing[:n-1], ", ")+" and "+missing[n-1], "are not set in the environment")
	}
	if _, err := parseBaseURL("DARKTRACE_URL", settings[0]); err != nil {
		return nil, err
	}
	auth, err := NewTokenAuth(settings[1], settings[2])
	if err != nil {
		return nil, ofEnvironment(err)
	}
	var fromEnv []Option
	if file := os.Getenv("DARKTRACE_CA_FILE"); file != "" {
		fromEnv = append(fromEnv, rootCAFile("DARKTRACE_CA_FILE", file))
	}
	if value := os.Getenv("DARKTRACE_INSECURE"); value != "" {
		insecure, err := strconv.ParseBool(value)
		if err != nil {
			return nil, argument("DARKTRACE_INSECURE", "is %q; it must be true or false", value)
		}
		if insecure {
			fromEnv = append(fromEnv, insecureSkipVerify("DARKTRACE_INSECURE"))
		}
	}
	return NewClient(settings[0], auth, append(fromEnv, opts...)...)
}

// setting returns an environment variable or, if allowed, the content of the file
// that NAME_FILE names.
func setting(name string, orFile bool) (string, error) {
	value, file := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case !orFile || file == "":
		return value, nil
	case value != "":
		return "", argument(name+" and "+name+"_FILE", "are both set in the environment; set only one")
	}
	data, err := os.ReadFile(file) //nolint:gosec // The path is the caller's configuration.
	if err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok { // The path may be the token itself.
			err = at.Err
		}
		return "", argument(name+"_FILE", "names a file that can't be read: %v", err)
	}
	if value = strings.TrimRight(string(data), "\r\n"); value == "" {
		return "", argument(name+"_FILE", "names an empty file")
	}
	return value, nil
}

// ofEnvironment names the variables of the tokens in an error of NewTokenAuth.
func ofEnvironment(err error) error {
	call, ok := errors.AsType[*callError](err)
	if !ok || !errors.Is(err, ErrArgument) {
		return err
	}
	return newCallError(environment.Replace(call.text), ErrArgument)
}

var environment = strings.NewReplacer("public token", "DARKTRACE_PUBLIC_TOKEN", "private token", "DARKTRACE_PRIVATE_TOKEN")

// Ping checks the URL, the tokens, the clock and the permission to read
// incidents with one small request, for an event that can't exist. The kind and
// the text of the error say which of them is wrong: ErrConnection, ErrEndpoint
// and ErrLogin point at the URL, ErrSignature at the tokens, ErrDate at the
// clock, ErrPermission at the token's user.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.AIAnalyst.GetEvent(ctx, nilEventID)
	if errors.Is(err, ErrNotFound) {
		if !isA[*APIError](err) { // An empty list, not a 404.
			return nil
		}
	}
	return err
}

// CloseIdleConnections closes the connections that are not in use.
func (c *Client) CloseIdleConnections() {
	c.core().guard.CloseIdleConnections()
}

// EventURL returns the link to an event in the Threat Visualizer or, for a SaaS
// event, in the SaaS console. For a nil event it returns "".
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

// DeviceURL returns the link to a device in the Threat Visualizer.
func (c *Client) DeviceURL(did int64) string {
	return c.core().base.String() + "/#device/" + strconv.FormatInt(did, 10)
}

// BreachURL returns the link to a model alert in the Threat Visualizer.
func (c *Client) BreachURL(pbid int64) string {
	return c.core().base.String() + "/#modelbreach/" + strconv.FormatInt(pbid, 10)
}

// warnings returns the logger for warnings, which are logged even without WithLogger.
func (c *core) warnings() *slog.Logger {
	if c.logger != nil {
		return c.logger
	}
	return slog.Default()
}
