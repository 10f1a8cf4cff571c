package darktracetest

import (
	"testing"
	"time"
)

// Option changes how a Server is made.
type Option func(*config)

type config struct {
	profile        Profile
	clock          func() time.Time
	clockOffset    time.Duration
	addr           string
	plain          bool
	http2          bool
	inMemory       bool
	prefix         string
	stripPrefix    bool
	public         string
	private        string
	window         WindowField
	masters        []int64
	dateAsSign     bool
	noEventLists   bool
	noFQDN         bool
	gzip           bool
	investigations time.Duration
	observe        func(Request)
	tb             testing.TB
}

func newConfig(opts []Option) config {
	cfg := config{
		profile: V71,
		clock:   time.Now,
		addr:    "127.0.0.1:0",
		public:  "0123456789abcdef0123456789abcdef01234567",
		private: "89abcdef0123456789abcdef0123456789abcdef",
		window:  CreatedAt,
	}
	for _, opt := range opts {
		opt(&cfg)
	}
	return cfg
}

// WithProfile chooses the appliance version; default V71.
func WithProfile(p Profile) Option { return func(c *config) { c.profile = p } }

// WithTokens sets the token pair; default is a fixed pair of invented ones.
func WithTokens(public, private string) Option {
	return func(c *config) { c.public, c.private = public, private }
}

// WithClock sets the clock that everybody shares, client included; default
// time.Now. For an appliance whose clock is wrong: WithClockOffset. For incidents
// within the default window of such a server: IncidentsAt(seed, n, srv.Now()).
func WithClock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// WithClockOffset makes the appliance's clock wrong: positive is ahead.
func WithClockOffset(d time.Duration) Option { return func(c *config) { c.clockOffset = d } }

// WithAddr sets the address to listen on; default a free port of 127.0.0.1. A
// server on all addresses ("0.0.0.0:8443") has the URL of 127.0.0.1.
func WithAddr(addr string) Option { return func(c *config) { c.addr = addr } }

// WithHTTP serves plain HTTP instead of HTTPS.
func WithHTTP() Option { return func(c *config) { c.plain = true } }

// WithHTTP2 offers HTTP/2 beside HTTP/1.1. It has no effect on plain HTTP.
func WithHTTP2() Option { return func(c *config) { c.http2 = true } }

// InMemory serves plain HTTP over net.Pipe instead of a socket: only Client and
// HTTPClient reach it. Inside a testing/synctest bubble everything is durably
// blocked when idle; create and close the server inside the bubble.
func InMemory() Option { return func(c *config) { c.inMemory, c.plain = true, true } }

// WithPathPrefix serves the API below a path ("/tenant-7"), which is part of
// what is signed.
func WithPathPrefix(prefix string) Option {
	return func(c *config) { c.prefix, c.stripPrefix = prefix, false }
}

// WithStrippedPathPrefix serves the API below a path that a rewriting proxy
// removes: the appliance verifies the signature of the path without it.
func WithStrippedPathPrefix(prefix string) Option {
	return func(c *config) { c.prefix, c.stripPrefix = prefix, true }
}

// WindowField is the time of an event that starttime and endtime are compared
// with. Nobody outside Darktrace knows which one it is: code that must not miss
// events is tested with each.
type WindowField int

// The readings of the window.
const (
	CreatedAt     WindowField = iota // the creation of the event; the default
	FirstActivity                    // the earliest start of its periods
	LastActivity                     // the latest end of its periods
)

// WithWindowField chooses the time that the window of incidentevents compares.
// An event without periods is compared by its creation.
func WithWindowField(f WindowField) Option { return func(c *config) { c.window = f } }

// WithUnifiedView makes the server the head of several masters: a write is
// answered with a list, one object for each, and the parameter master filters.
// Events belong to the first unless SetMaster says otherwise.
func WithUnifiedView(masters ...int64) Option { return func(c *config) { c.masters = masters } }

// WithDateAsSignatureError reports a refused date as API SIGNATURE ERROR, as
// some 7.1 appliances do.
func WithDateAsSignatureError() Option { return func(c *config) { c.dateAsSign = true } }

// WithoutEventLists makes a comma list in the uuid parameter of a read match
// nothing. That such lists work there is not documented.
func WithoutEventLists() Option { return func(c *config) { c.noEventLists = true } }

// WithoutFQDN is an appliance that does not know its own name: links that were
// asked for stay absent.
func WithoutFQDN() Option { return func(c *config) { c.noFQDN = true } }

// WithGzip compresses answers for clients that accept gzip.
func WithGzip() Option { return func(c *config) { c.gzip = true } }

// WithInvestigationTime makes an investigation take d: pending for the first
// half, processing for the second. Default 0: each read of it moves it one step.
func WithInvestigationTime(d time.Duration) Option {
	return func(c *config) { c.investigations = d }
}

// WithObserver hands every request to observe when its verdict is known, before
// it is answered. Calls do not overlap. They may use the methods of the server,
// but must not send it requests, which would wait for them for ever. Such a server
// does not keep the requests: Requests and Unexpected stay empty, and WithTB does
// not fail the test for what was refused.
func WithObserver(observe func(Request)) Option { return func(c *config) { c.observe = observe } }

// WithTB closes the server when the test ends and fails the test for every
// request that was refused, see Server.Unexpected, and for every Fault with Times
// that met no request. A test of an intended refusal looks at Requests and then
// calls ResetRequests.
func WithTB(tb testing.TB) Option { return func(c *config) { c.tb = tb } }
