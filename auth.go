package darktrace

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The appliance's signature is HMAC-SHA1.
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Authenticator proves to the appliance who sends a request. It is called once
// per attempt, after URL and body are final, and must not change either; it
// sets headers. It must be safe for concurrent use. A request that carries a
// date takes it from RequestTime(req.Context()).
type Authenticator interface {
	// Authenticate sets what proves the sender. An error keeps the request from
	// being sent and ends the call: as it is if it is an ErrArgument, else joined
	// with ErrConnection.
	Authenticate(req *http.Request, body []byte) error
}

// AuthenticatorFunc is a function that is an Authenticator.
type AuthenticatorFunc func(req *http.Request, body []byte) error

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(req *http.Request, body []byte) error { return f(req, body) }

// Refresher is what an Authenticator may also be: one whose credentials expire.
// Refresh is called when a request was refused for its credentials (err is
// ErrSignature, ErrDate, ErrLogin or ErrPermission), at most once per call; not
// for a write that got a login page with a status of success. When it returns
// true, the request is authenticated anew and sent once more, writes too, because
// a refused request has done nothing. An error that it returns ends the call and
// is joined with err. Concurrent calls that are refused each call it: where
// another one has renewed the credentials already, return true without doing it
// again.
type Refresher interface {
	// Refresh renews the credentials and reports whether that was worth another
	// attempt.
	Refresh(ctx context.Context, err *APIError) (retry bool, refreshErr error)
}

// TokenAuth signs requests with an API token pair, as the Threat Visualizer API
// documents it: DTAPI-Token, DTAPI-Date and DTAPI-Signature, an HMAC-SHA1. It is
// immutable and safe for concurrent use. The tokens can't be had back from it.
// NewTokenAuth makes one; the zero value is of no use.
type TokenAuth struct {
	// Closures, because no formatter, encoder or differ looks into them.
	sign   func(req *http.Request, body []byte) error
	now    func() time.Time
	redact func(string) string
}

// TokenOption changes how NewTokenAuth signs.
type TokenOption func(*tokenConfig)

type tokenConfig struct {
	layout      string
	now         func() time.Time
	offset      time.Duration
	stripPrefix string
	asSent      bool
}

// TokenDateLayout sets the layout of DTAPI-Date, in the form of package time.
// The date is always in UTC. The default, "2006-01-02 15:04:05", is the one that
// every appliance known takes; some refuse the compact "20060102T150405".
func TokenDateLayout(layout string) TokenOption {
	return func(c *tokenConfig) { c.layout = layout }
}

// TokenClock sets the clock that requests are dated with, instead of time.Now.
// The client still corrects it to the appliance's. nil is an ErrArgument.
func TokenClock(now func() time.Time) TokenOption { return func(c *tokenConfig) { c.now = now } }

// TokenClockOffset is added to the clock, for an appliance that expects dates in
// a zone of its own.
func TokenClockOffset(offset time.Duration) TokenOption {
	return func(c *tokenConfig) { c.offset = offset }
}

// TokenStripPrefix takes a prefix off the path before it is signed, for an
// appliance behind a proxy that takes the same prefix off before it passes the
// request on.
func TokenStripPrefix(prefix string) TokenOption {
	return func(c *tokenConfig) { c.stripPrefix = prefix }
}

// TokenSignEncodedQuery signs a query as it is sent. The default is to sign it
// decoded, as documented. The two differ only for values that need escaping,
// which no method of AIAnalystService sends.
func TokenSignEncodedQuery() TokenOption { return func(c *tokenConfig) { c.asSent = true } }

// NewTokenAuth returns an Authenticator for an API token pair. Tokens that are
// empty or hold white space, line breaks or other characters no token has are an
// ErrArgument, as are options that make no sense. Where the runtime refuses
// HMAC-SHA1 (GODEBUG=fips140=only) it is an ErrSignature. No error quotes a token.
func NewTokenAuth(publicToken, privateToken string, opts ...TokenOption) (*TokenAuth, error) {
	for _, token := range []struct{ name, value string }{{"public token", publicToken}, {"private token", privateToken}} {
		if err := checkToken(token.name, token.value); err != nil {
			return nil, err
		}
	}
	config := tokenConfig{layout: "2006-01-02 15:04:05", now: time.Now}
	for _, opt := range opts {
		if opt != nil {
			opt(&config)
		}
	}
	config.stripPrefix = strings.TrimRight(config.stripPrefix, "/")
	switch {
	case config.layout == "" || strings.ContainsAny(config.layout, "\r\n"):
		return nil, argument("TokenDateLayout", "is empty or holds a line break")
	case config.now == nil:
		return nil, argument("TokenClock", "is nil")
	case config.stripPrefix != "" && config.stripPrefix[0] != '/':
		return nil, argument("TokenStripPrefix", "must begin with a slash")
	}
	if err := trySHA1(); err != nil {
		return nil, err
	}
	return &TokenAuth{
		sign: signer(publicToken, privateToken, config),
		now:  config.now,
		redact: func(s string) string {
			return strings.NewReplacer(privateToken, "[redacted]", publicToken, "[redacted]").Replace(s)
		},
	}, nil
}

// checkToken refuses what can't be a token, without quoting it.
func checkToken(name, token string) error {
	if token == "" {
		return argument(name, "is empty")
	}
	for i, r := range token {
		switch {
		case r == ' ' || r == '\t' || r == '\r' || r == '\n':
			return argument(name, "has white space or a line break at position %d; was it copied with it?", i+1)
		case r < ' ' || r > '~':
			return argument(name, "has a character at position %d that no token has", i+1)
		}
	}
	return nil
}

// Authenticate sets the three DTAPI headers. It fails only if the query can't be
// decoded or the runtime refuses HMAC-SHA1 (GODEBUG=fips140=only).
func (a *TokenAuth) Authenticate(req *http.Request, body []byte) error { return a.sign(req, body) }

func signer(publicToken, privateToken string, config tokenConfig) func(*http.Request, []byte) error {
	key := []byte(privateToken)
	macs := &sync.Pool{New: func() any { return hmac.New(sha1.New, key) }}
	return func(req *http.Request, body []byte) (err error) {
		defer recoverSHA1(&err)
		now := config.now()
		if c, ok := req.Context().Value(clockKey{}).(*clock); ok {
			now = now.Add(time.Duration(c.correction.Load()))
		}
		date := now.Add(config.offset).UTC().Format(config.layout)
		message, err := appendTarget(make([]byte, 0, 256+len(body)), req, body, config)
		if err != nil {
			return err
		}
		message = append(append(append(append(message, '\n'), publicToken...), '\n'), date...)
		mac := macs.Get().(hash.Hash)
		defer macs.Put(mac)
		mac.Reset()
		mac.Write(message)
		// One array for the three values, instead of a slice for each.
		sum := mac.Sum(message[:0])
		values := [3]string{publicToken, date, string(hex.AppendEncode(sum, sum)[len(sum):])}
		req.Header["Dtapi-Token"] = values[0:1:1]
		req.Header["Dtapi-Date"] = values[1:2:2]
		req.Header["Dtapi-Signature"] = values[2:3:3]
		return nil
	}
}

// appendTarget appends the first line of the string to sign: the path as it is
// sent, and after a question mark the body, or else the query. The query of a
// request with a body is not signed.
func appendTarget(dst []byte, req *http.Request, body []byte, config tokenConfig) ([]byte, error) {
	path := req.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(path, config.stripPrefix); ok && strings.HasPrefix(rest, "/") {
		path = rest
	}
	if path == "" {
		path = "/"
	}
	dst = append(dst, path...)
	query := req.URL.RawQuery
	switch {
	case len(body) > 0:
		return append(append(dst, '?'), body...), nil
	case query == "":
		return dst, nil
	case !config.asSent && strings.ContainsAny(query, "%+"):
		decoded, err := url.QueryUnescape(query)
		if err != nil {
			return nil, argument("query", "can't be decoded to sign it: %v", err)
		}
		query = decoded
	}
	return append(append(dst, '?'), query...), nil
}

// trySHA1 finds out early whether the runtime allows HMAC-SHA1.
func trySHA1() (err error) {
	defer recoverSHA1(&err)
	mac := hmac.New(sha1.New, []byte("key"))
	mac.Write([]byte("message"))
	mac.Sum(nil)
	return nil
}

func recoverSHA1(err *error) {
	if r := recover(); r != nil {
		*err = newCallError(fmt.Sprintf("darktrace: can't sign: the appliance wants HMAC-SHA1, which this program's runtime refuses "+
			"(GODEBUG=fips140=only?): %v", r), ErrSignature)
	}
}
