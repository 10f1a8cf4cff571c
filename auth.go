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
	"unicode"

	"github.com/darktrace-go/darktrace/internal/clock"
	"github.com/darktrace-go/darktrace/internal/redact"
)

// Authenticator adds credentials to requests. It is called once per attempt,
// when the URL and the body are final, and must not change either: it sets
// headers. It must be safe for concurrent use. If the credentials contain a
// date, take it from RequestTime(req.Context()).
type Authenticator interface {
	// Authenticate sets the headers that authenticate req, whose body is body.
	// If it returns an error, the request is not sent and the call fails: with
	// that error if it is ErrArgument, otherwise with ErrConnection wrapping
	// it.
	Authenticate(req *http.Request, body []byte) error
}

// AuthenticatorFunc is an Authenticator made of a function.
type AuthenticatorFunc func(req *http.Request, body []byte) error

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(req *http.Request, body []byte) error { return f(req, body) }

// Refresher is an Authenticator whose credentials expire. The client calls
// Refresh at most once per call, when a response rejects the credentials: err
// is ErrSignature, ErrDate, ErrLogin or ErrPermission. It does not call Refresh
// if a write got a login page with a status of success.
//
// If Refresh returns true, the request is authenticated anew and sent once
// more. That includes writes, because a rejected request has done nothing. If
// it returns an error, the call fails with both errors.
//
// Concurrent calls that are rejected each call Refresh. If another call has
// already renewed the credentials, return true without renewing them again.
type Refresher interface {
	// Refresh renews the credentials and reports whether to send the request
	// again.
	Refresh(ctx context.Context, err *APIError) (retry bool, refreshErr error)
}

// RequestTime returns the time to sign a request with: the client's clock,
// corrected to the appliance's once the appliance has accepted a request with
// the corrected date. An Authenticator calls it with the request's context. For
// any other context it returns time.Now().
func RequestTime(ctx context.Context) time.Time {
	if stamp := clock.From(ctx); stamp != nil {
		return stamp.Time(0)
	}
	return time.Now()
}

// TokenAuth signs requests with an API token pair, as the Threat Visualizer API
// documents it: it sets DTAPI-Token, DTAPI-Date and DTAPI-Signature, an
// HMAC-SHA1. It is immutable and safe for concurrent use. The tokens can't be
// read back from it. The zero value is not usable; call NewTokenAuth.
type TokenAuth struct {
	// Closures, because no formatter, encoder or differ looks into them.
	sign    func(req *http.Request, body []byte) error
	now     func() time.Time
	secrets func() []string
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

// TokenDateLayout sets the layout of DTAPI-Date, as in package time. The date
// is always in UTC. The default is "2006-01-02 15:04:05", which every known
// appliance accepts; some reject the compact "20060102T150405".
func TokenDateLayout(layout string) TokenOption {
	return func(c *tokenConfig) { c.layout = layout }
}

// TokenClock sets the clock for the dates of requests. The default is time.Now.
// The client still corrects it to the appliance's clock. A client does not see
// the clock of a TokenAuth that another Authenticator calls, and uses time.Now.
// If now is nil, NewTokenAuth returns ErrArgument.
func TokenClock(now func() time.Time) TokenOption { return func(c *tokenConfig) { c.now = now } }

// TokenClockOffset adds offset to the clock, for an appliance that expects
// dates in another time zone.
func TokenClockOffset(offset time.Duration) TokenOption {
	return func(c *tokenConfig) { c.offset = offset }
}

// TokenStripPrefix removes a prefix from the path before it is signed, for an
// appliance behind a proxy that removes the same prefix from requests.
func TokenStripPrefix(prefix string) TokenOption {
	return func(c *tokenConfig) { c.stripPrefix = prefix }
}

// TokenSignEncodedQuery signs the query as it is sent. The default is to sign
// it decoded, as documented. The two differ only if the query has values that
// need escaping, which no method of AIAnalystService sends.
func TokenSignEncodedQuery() TokenOption { return func(c *tokenConfig) { c.asSent = true } }

// NewTokenAuth returns an Authenticator for an API token pair. If the tokens
// are equal, shorter than 8 characters, or contain white space or other
// characters that no token has, or if an option is invalid, it returns
// ErrArgument. If the runtime forbids HMAC-SHA1 (GODEBUG=fips140=only), it
// returns ErrSignature. No error quotes a token.
func NewTokenAuth(publicToken, privateToken string, opts ...TokenOption) (*TokenAuth, error) {
	for _, token := range []struct{ name, value string }{{"public token", publicToken}, {"private token", privateToken}} {
		if err := checkToken(token.name, token.value); err != nil {
			return nil, err
		}
	}
	if publicToken == privateToken {
		return nil, argument("private token", "is the same as the public token")
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
		return nil, argument("TokenDateLayout", "is empty or contains a line break")
	case config.now == nil:
		return nil, argument("TokenClock", "is nil")
	case config.stripPrefix != "" && config.stripPrefix[0] != '/':
		return nil, argument("TokenStripPrefix", "must begin with a slash")
	}
	if err := trySHA1(); err != nil {
		return nil, err
	}
	return &TokenAuth{
		sign:    signer(publicToken, privateToken, config),
		now:     config.now,
		secrets: func() []string { return []string{privateToken, publicToken} },
	}, nil
}

// shortestToken is shorter than any real token. A shorter one is a placeholder, and
// redacting it would garble every text.
const shortestToken = 8

// checkToken rejects a text that can't be a token, without quoting it.
func checkToken(name, token string) error {
	if token == "" {
		return argument(name, "is empty")
	}
	for i, r := range token {
		switch {
		case r == ' ' || r == '\t' || r == '\r' || r == '\n':
			return argument(name, "has white space at position %d; remove it", i+1)
		case r < ' ' || r > '~':
			return argument(name, "has a character at position %d that no token has", i+1)
		}
	}
	if len(token) < shortestToken {
		return argument(name, "has %d characters, which is too short for a token", len(token))
	}
	return nil
}

// Authenticate sets the three DTAPI headers. It fails only if the query can't
// be decoded or the runtime forbids HMAC-SHA1 (GODEBUG=fips140=only).
func (a *TokenAuth) Authenticate(req *http.Request, body []byte) error {
	if a == nil || a.sign == nil {
		return argument("TokenAuth", "is empty; use NewTokenAuth")
	}
	return a.sign(req, body)
}

func signer(publicToken, privateToken string, config tokenConfig) func(*http.Request, []byte) error {
	key := []byte(privateToken)
	macs := &sync.Pool{New: func() any { return hmac.New(sha1.New, key) }}
	return func(req *http.Request, body []byte) (err error) {
		var now time.Time
		if stamp := clock.From(req.Context()); stamp != nil {
			now = stamp.Time(config.offset)
		} else {
			now = config.now()
		}
		defer recoverSHA1(&err) // Not earlier, since a panic in the caller's clock must reach the caller.
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
		*err = newCallError(fmt.Sprintf("darktrace: can't sign: the appliance requires HMAC-SHA1, which the runtime of this program forbids "+
			"(GODEBUG=fips140=only?): %v", r), ErrSignature)
	}
}

// secrets returns the tokens of a TokenAuth and the values of WithHeader.
func (c *core) secrets() (secrets []string) {
	if tokens, ok := c.auth.(*TokenAuth); ok {
		secrets = tokens.secrets()
	}
	for key, values := range c.header {
		if key != "Accept" && key != "User-Agent" {
			secrets = append(secrets, values...)
		}
	}
	return secrets
}

// redact removes the client's secrets, and the user info of URLs, from s.
func (c *core) redact(s string) string { return redact.UserInfo(redact.Blank(s, c.secrets()...)) }

// redact removes from s the tokens, the signature, and any other header value that
// could be a secret, including values that middlewares set.
func (r *reply) redact(s string) string {
	secrets := r.client.secrets()
	for _, header := range append(r.trail.Headers(), r.req.Header) {
		for key, values := range header {
			switch key {
			case "Accept", "Content-Type", "Dtapi-Date", "User-Agent":
				continue
			}
			for _, value := range values {
				_, credentials, _ := strings.Cut(value, " ")
				secrets = append(secrets, value, credentials)
			}
		}
		req := http.Request{Header: header}
		for _, cookie := range req.Cookies() {
			secrets = append(secrets, cookie.Value)
		}
		if _, password, ok := req.BasicAuth(); ok {
			secrets = append(secrets, password)
		}
	}
	return redact.UserInfo(redact.Blank(s, secrets...))
}

// snippet returns the printable beginning of a text, with secrets redacted.
func (r *reply) snippet(text []byte) string {
	text = text[:min(len(text), 4*snippetSize)]                                             // Some may be unprintable.
	return strings.TrimSpace(cut(r.redact(printable(r.redact(string(text)))), snippetSize)) // An unprintable character may have split a secret.
}

// printable returns a text on one line, without characters that control a terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case !unicode.IsPrint(c), c == unicode.ReplacementChar:
			return -1
		}
		return c
	}, s)
}

// cut returns the whole characters among the first n bytes of a text.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// shorten cuts a text and shows that it did.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return cut(s, n) + "…"
}
