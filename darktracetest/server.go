package darktracetest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a fake appliance. It is safe for concurrent use.
type Server struct {
	// URL is the base URL for clients, with the path prefix if there is one.
	URL string
	// PublicToken and PrivateToken are a pair with every permission.
	PublicToken, PrivateToken string

	cfg       config
	http      *http.Server
	ca        *authority // nil without TLS
	transport *http.Transport
	routes    map[string]route // by method, space, path
	closeOnce sync.Once
	observing sync.Mutex // held while an observer is told

	mu             sync.Mutex // guards everything below
	clockOffset    time.Duration
	tokens         map[string]*Token // by public token
	events         []*event          // in the order in which they were added
	byID           map[string]*event
	groups         map[string]groupState
	comments       map[string][]comment // by event id
	investigations []*investigation
	faults         []*armedFault
	requests       []*Request
}

// Token is a pair of API tokens and the user behind it.
type Token struct {
	// Public and Private are the pair.
	Public, Private string
	// Username is the author of what is written with the pair; empty: "api.user".
	Username string
	// Permissions of the user; nil means all.
	Permissions []Permission
}

func (t *Token) may(p Permission) bool {
	return t.Permissions == nil || slices.Contains(t.Permissions, p)
}

// NewServer starts a fake appliance: by default V71, HTTPS on a free loopback
// port, empty. It panics when it cannot listen. Close or WithTB is enough to
// end it.
func NewServer(opts ...Option) *Server {
	s, err := Start(opts...)
	if err != nil {
		panic(err)
	}
	return s
}

// Start is NewServer for programs that rather handle the error of an address
// that cannot be listened on.
func Start(opts ...Option) (*Server, error) {
	cfg := newConfig(opts)
	if cfg.prefix = strings.Trim(cfg.prefix, "/"); cfg.prefix != "" {
		cfg.prefix = "/" + cfg.prefix
	}
	s := &Server{
		PublicToken:  cfg.public,
		PrivateToken: cfg.private,
		cfg:          cfg,
		clockOffset:  cfg.clockOffset,
		tokens:       map[string]*Token{cfg.public: {Public: cfg.public, Private: cfg.private}},
		byID:         map[string]*event{},
		groups:       map[string]groupState{},
		comments:     map[string][]comment{},
	}
	s.routes = s.newRoutes()
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("darktracetest: %w", err)
	}
	if cfg.tb != nil {
		cfg.tb.Cleanup(func() {
			s.Close()
			for _, r := range s.Unexpected() {
				cfg.tb.Errorf("darktracetest: refused: %s", r)
			}
			for _, f := range s.unmet() {
				cfg.tb.Errorf("darktracetest: a fault for the next requests met none: Method %q, Path %q", f.Method, f.Path)
			}
		})
	}
	return s, nil
}

func (s *Server) listen() error {
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		// Handshakes with clients that do not trust the CA are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.transport = &http.Transport{MaxIdleConnsPerHost: 32, ForceAttemptHTTP2: s.cfg.http2}
	if s.cfg.inMemory {
		pipe := newPipeListener()
		s.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return pipe.dial(ctx) }
		s.URL = "http://" + hostname + s.cfg.prefix
		go func() { _ = s.http.Serve(pipe) }()
		return nil
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.cfg.addr)
	if err != nil {
		return err
	}
	if s.cfg.plain {
		s.URL = "http://" + reachable(ln.Addr()) + s.cfg.prefix
		go func() { _ = s.http.Serve(ln) }()
		return nil
	}
	if s.ca, err = newAuthority(s.cfg.addr); err != nil {
		return err
	}
	s.http.TLSConfig = s.ca.serverConfig()
	if !s.cfg.http2 {
		s.http.Protocols = new(http.Protocols)
		s.http.Protocols.SetHTTP1(true)
	}
	s.transport.TLSClientConfig = s.ca.clientConfig()
	s.URL = "https://" + reachable(ln.Addr()) + s.cfg.prefix
	go func() { _ = s.http.ServeTLS(ln, "", "") }()
	return nil
}

// reachable is where clients find a listener: one of all addresses, which no
// certificate names, on loopback.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// Close stops the server and cuts its connections. It may be called more than
// once.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		_ = s.http.Close()
		s.transport.CloseIdleConnections()
	})
}

// HTTPClient returns a client that reaches the server and trusts its
// certificate, for requests that the SDK does not make. It follows no redirects.
func (s *Server) HTTPClient() *http.Client {
	return &http.Client{
		Transport:     s.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CertPool returns the server's own CA, nil for plain HTTP.
func (s *Server) CertPool() *x509.CertPool {
	if s.ca == nil {
		return nil
	}
	return s.ca.pool()
}

// CAPEM returns the certificate of the server's own CA as a PEM file, nil for
// plain HTTP.
func (s *Server) CAPEM() []byte {
	if s.ca == nil {
		return nil
	}
	return s.ca.pem
}

// Now is the time on the appliance's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

func (s *Server) now() time.Time { return s.cfg.clock().Add(s.clockOffset) }

// SetClockOffset makes the appliance's clock wrong from now on: positive is
// ahead, 0 is right.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clockOffset = d
}

// AddToken adds a token pair, or replaces the one with the same public token.
func (s *Server) AddToken(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.Public] = &t
}

// SetPermissions gives a token exactly these permissions.
func (s *Server) SetPermissions(publicToken string, permissions ...Permission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[publicToken]
	if !ok {
		s.fail("there is no token %q", publicToken)
	}
	changed := *t
	changed.Permissions = append([]Permission{}, permissions...)
	s.tokens[publicToken] = &changed
}

// fail ends the test, or panics outside of one: a helper was misused.
func (s *Server) fail(format string, args ...any) {
	text := "darktracetest: " + fmt.Sprintf(format, args...)
	if s.cfg.tb == nil {
		panic(text)
	}
	s.cfg.tb.Helper()
	s.cfg.tb.Fatal(text)
}

// mustJSON encodes values that are known to encode.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
