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
	ca        *authority // nil = no TLS
	transport *http.Transport
	closeOnce sync.Once
	handling  sync.WaitGroup // requests in progress
	closed    chan struct{}
	observing sync.Mutex // held during calls of the observer

	mu             sync.Mutex // guards everything below
	clockOffset    time.Duration
	tokens         map[string]*Token // by public token
	events         []*event          // in the order in which they were added
	byID           map[string]*event
	groups         map[string]groupState
	comments       map[string][]comment // by event id
	collections    map[string][]object  // by the name of their fixture
	derivedEvents  int                  // how many events have been added to the collections
	mux            *http.ServeMux       // handlers of Handle
	bearers        map[string]bool      // of a gateway; false = revoked
	investigations []*investigation
	faults         []*armedFault
	requests       []*Request
}

// Token is a pair of API tokens and the user behind it.
type Token struct {
	// Public and Private are the tokens.
	Public, Private string
	// Username is the author of what is written with the tokens; empty means
	// "api.user".
	Username string
	// Permissions of the user; nil means all.
	Permissions []Permission
}

func (t *Token) may(p Permission) bool {
	return t.Permissions == nil || slices.Contains(t.Permissions, p)
}

// NewServer starts a fake appliance: V71, HTTPS on a free loopback port and no
// incident events, unless options say otherwise. Each collection, such as the
// devices, begins with a few invented objects, see Server.Collection. It panics if it can't listen. To stop it,
// use Close or WithTB.
func NewServer(opts ...Option) *Server {
	s, err := Start(opts...)
	if err != nil {
		panic(err)
	}
	return s
}

// Start is NewServer for programs that handle the error of an address that is
// not free.
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
		collections:  map[string][]object{},
		mux:          http.NewServeMux(),
		bearers:      map[string]bool{},
		closed:       make(chan struct{}),
	}
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
		// Don't log handshakes with clients that do not trust the CA.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.transport = &http.Transport{MaxIdleConnsPerHost: 32, ForceAttemptHTTP2: s.cfg.http2}
	if s.cfg.inMemory {
		pipe := newPipeListener()
		s.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return pipe.dial(ctx) }
		s.URL = "http://localhost" + s.cfg.prefix // Clients warn of plain HTTP that leaves the computer.
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
	s.transport.TLSClientConfig = s.ca.clientConfig()
	s.URL = "https://" + reachable(ln.Addr()) + s.cfg.prefix
	config := s.ca.serverConfig()
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	config.NextProtos = []string{"http/1.1"}
	if s.cfg.http2 {
		s.http.Protocols.SetUnencryptedHTTP2(true)
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	s.http.ConnContext = withConn
	go func() { _ = s.http.Serve(tlsListener{ln, config}) }()
	return nil
}

// reachable is the address at which clients reach a listener. For a listener on all
// addresses it is loopback, because the certificate does not name such an address.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// Close stops the server, cuts its connections, and waits for the requests in
// progress: afterwards no observer or handler is called. It may be called more
// than once, but not by an observer or handler.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		close(s.closed)
		s.mu.Unlock()
		_ = s.http.Close()
		s.transport.CloseIdleConnections()
	})
	s.handling.Wait()
}

// HTTPClient returns a client that reaches the server and trusts its
// certificate, for requests without the SDK. It follows no redirects.
func (s *Server) HTTPClient() *http.Client {
	return &http.Client{
		Transport:     s.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CertPool returns the server's own CA, or nil for plain HTTP.
func (s *Server) CertPool() *x509.CertPool {
	if s.ca == nil {
		return nil
	}
	return s.ca.pool()
}

// CAPEM returns the certificate of the server's own CA in PEM, or nil for plain
// HTTP.
func (s *Server) CAPEM() []byte {
	if s.ca == nil {
		return nil
	}
	return s.ca.pem
}

// Now returns the time on the appliance's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// begin counts a request, unless the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
		s.handling.Add(1)
		return true
	}
}

func (s *Server) now() time.Time { return s.cfg.clock().Add(s.clockOffset) }

// SetClockOffset makes the appliance's clock wrong from now on: positive is
// ahead, 0 is correct.
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

// fail reports that a helper was misused: it ends the test, or panics if there is
// none.
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
