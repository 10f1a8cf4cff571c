package darktracetest

import (
	"testing"
	"time"
)

// Option changes how NewServer builds a Server.
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
	spacedDates    bool
	dateAsSign     bool
	hideInLookUps  bool
	repeatedError  bool
	perMaster      bool
	gateway        bool
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

// WithProfile chooses the version of the appliance; the default is V71.
func WithProfile(p Profile) Option { return func(c *config) { c.profile = p } }

// WithTokens sets the token pair; the default is a fixed, invented pair.
func WithTokens(public, private string) Option {
	return func(c *config) { c.public, c.private = public, private }
}

// WithClock sets the clock of the server and its clients; the default is
// time.Now. For an appliance with a wrong clock, use WithClockOffset. For
// incidents within the default window of such a server, use IncidentsAt(seed,
// n, srv.Now()).
func WithClock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// WithClockOffset makes the appliance's clock wrong: positive is ahead.
func WithClockOffset(d time.Duration) Option { return func(c *config) { c.clockOffset = d } }

// WithAddr sets the address to listen on; the default is a free port of
// 127.0.0.1. The URL of a server on all addresses ("0.0.0.0:8443") has the host
// 127.0.0.1.
func WithAddr(addr string) Option { return func(c *config) { c.addr = addr } }

// WithHTTP serves plain HTTP instead of HTTPS.
func WithHTTP() Option { return func(c *config) { c.plain = true } }

// WithHTTP2 offers HTTP/2 besides HTTP/1.1. It has no effect on plain HTTP.
func WithHTTP2() Option { return func(c *config) { c.http2 = true } }

// InMemory serves plain HTTP over net.Pipe instead of a socket: only Client and
// HTTPClient reach it. Inside a testing/synctest bubble an idle server is
// durably blocked; create and close it inside the bubble.
func InMemory() Option { return func(c *config) { c.inMemory, c.plain = true, true } }

// WithPathPrefix serves the API below a path ("/tenant-7"), which is signed as
// well.
func WithPathPrefix(prefix string) Option {
	return func(c *config) { c.prefix, c.stripPrefix = prefix, false }
}

// WithStrippedPathPrefix serves the API below a path that a rewriting proxy
// removes: the appliance verifies the signature of the path without it.
func WithStrippedPathPrefix(prefix string) Option {
	return func(c *config) { c.prefix, c.stripPrefix = prefix, true }
}

// WindowField is the time of an event that starttime and endtime are compared
// with. Nobody outside Darktrace knows which one it is: if your code must not
// miss events, test it with each.
type WindowField int

// The readings of the window.
const (
	CreatedAt     WindowField = iota // when the event was created; the default
	FirstActivity                    // the earliest start of its periods
	LastActivity                     // the latest end of its periods
)

// WithWindowField chooses the time that the window of incidentevents compares.
// For an event without periods it is always the creation.
func WithWindowField(f WindowField) Option { return func(c *config) { c.window = f } }

// WithUnifiedView makes the server the head of several masters: the response to
// a write is a list with one object for each master that the write concerns, and
// the parameter master filters. Events belong to the first master; see SetMaster.
func WithUnifiedView(masters ...int64) Option { return func(c *config) { c.masters = masters } }

// WithResponsePerMaster makes the responses of a Unified View to reads of AI
// Analyst lists too, with one element for each master: a list of events, of
// incidents or of comments.
func WithResponsePerMaster() Option { return func(c *config) { c.perMaster = true } }

// WithSpacedDatesOnly accepts dates as "2006-01-02 15:04:05" only, as one known
// 7.1 appliance does. By default every documented layout works, and ISO 8601
// with an offset and fractions, which Darktrace's own integrations send.
func WithSpacedDatesOnly() Option { return func(c *config) { c.spacedDates = true } }

// WithAcknowledgedHidden makes includeacknowledged=false hide an acknowledged
// event or incident even from look-ups by its id. In the documentation, and by
// default, an id overrides everything else.
func WithAcknowledgedHidden() Option { return func(c *config) { c.hideInLookUps = true } }

// WithRepeatsAsError makes the response to a write that changes nothing ERROR,
// such as acknowledging an acknowledged event. By default it is SUCCESS.
func WithRepeatsAsError() Option { return func(c *config) { c.repeatedError = true } }

// WithDateAsSignatureError reports a rejected date as API SIGNATURE ERROR, as
// some 7.1 appliances do.
func WithDateAsSignatureError() Option { return func(c *config) { c.dateAsSign = true } }

// WithoutEventLists makes a comma list in the uuid parameter of a read match
// nothing: the API does not document such lists.
func WithoutEventLists() Option { return func(c *config) { c.noEventLists = true } }

// WithoutFQDN makes an appliance that does not know its own name: it sends no
// links.
func WithoutFQDN() Option { return func(c *config) { c.noFQDN = true } }

// WithGzip compresses responses for clients that accept gzip.
func WithGzip() Option { return func(c *config) { c.gzip = true } }

// WithInvestigationTime makes an investigation take d: pending for the first
// half, processing for the second. By default each read of it moves it one
// step.
func WithInvestigationTime(d time.Duration) Option {
	return func(c *config) { c.investigations = d }
}

// WithObserver calls observe with every request once its verdict is known,
// before the response. Calls do not overlap. They may use the methods of the
// server, but must not send it requests, which would wait forever. Such a
// server does not keep the requests: Requests and Unexpected stay empty, and
// WithTB does not fail the test for rejected requests.
func WithObserver(observe func(Request)) Option { return func(c *config) { c.observe = observe } }

// WithTB closes the server when the test ends, and fails the test for every
// rejected request, see Server.Unexpected, and for every Fault whose Times is set
// and that no request met. If a test intends a rejection, look at Requests and then call
// ResetRequests.
func WithTB(tb testing.TB) Option { return func(c *config) { c.tb = tb } }
