package darktracetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/darktrace-go/darktrace"
)

// The cloud gateway serves an appliance below a path. It takes OAuth bearer tokens
// instead of signatures, and a header names the author of what is written.
const (
	gatewayPath  = "/products/instance-1"
	tokenPath    = "/oauth/token" //nolint:gosec // A path, not a credential.
	headerAuthor = "Sabre-Username"
)

// WithCloudGateway makes the server a cloud gateway with an appliance behind
// it: it accepts bearer tokens instead of signatures, below a path, and
// requires the header Sabre-Username. TokenURL issues bearer tokens for the
// client credentials PublicToken and PrivateToken; see also RevokeBearerTokens.
func WithCloudGateway() Option {
	return func(c *config) { c.gateway, c.prefix = true, cmp.Or(c.prefix, gatewayPath) }
}

// TokenURL is the URL where a cloud gateway issues bearer tokens.
func (s *Server) TokenURL() string { return strings.TrimSuffix(s.URL, s.cfg.prefix) + tokenPath }

// RevokeBearerTokens makes the gateway reject the bearer tokens that it has
// issued.
func (s *Server) RevokeBearerTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bearer := range s.bearers {
		s.bearers[bearer] = false
	}
}

// issueToken serves POST /oauth/token: credentials as basic authentication, or in
// the form.
func (s *Server) issueToken(c *call) response {
	c.Verdict, c.Reason = Accepted, ""
	form, err := url.ParseQuery(string(c.Body))
	id, secret, basic := (&http.Request{Header: c.Header}).BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	token, known := s.tokens[id]
	switch {
	case err != nil || form.Get("grant_type") != "client_credentials":
		c.refuse(BadInput, "grant_type is not client_credentials")
		return jsonResponse(http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
	case !known || token.Private != secret:
		c.refuse(BadSignature, "the client credentials are wrong")
		return jsonResponse(http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
	}
	bearer := fmt.Sprintf("bearer-%d", len(s.bearers)+1)
	s.bearers[bearer] = true
	return jsonResponse(http.StatusOK, map[string]any{"access_token": bearer, "token_type": "Bearer", "expires_in": 3600})
}

// revoked is the beginning of the reason when the test caused the rejection.
const revoked = "the bearer token was revoked"

// admitBearer checks the requirements of the gateway; nil means that they are met.
func (s *Server) admitBearer(c *call) *response {
	bearer, _ := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	good, issued := s.bearers[bearer]
	author := c.Header.Get(headerAuthor)
	var a response
	switch {
	case issued && !good:
		c.refuse(BadSignature, revoked)
		a = jsonResponse(http.StatusUnauthorized, map[string]string{"error": "Unauthorized"})
	case !good:
		c.refuse(BadSignature, "there is no such bearer token")
		a = jsonResponse(http.StatusUnauthorized, map[string]string{"error": "Unauthorized"})
	case author == "":
		c.refuse(NoPermission, "there is no %s header", headerAuthor)
		a = jsonResponse(http.StatusForbidden, map[string]string{"error": "Forbidden"})
	default:
		user := *s.tokens[s.PublicToken]
		user.Username = author
		c.token = &user
		return nil
	}
	return &a
}

// bearerAuth is the Authenticator of the clients of Server.Client behind a gateway.
type bearerAuth struct {
	srv     *Server
	mu      sync.Mutex
	current string
}

// Authenticate implements darktrace.Authenticator.
func (b *bearerAuth) Authenticate(req *http.Request, _ []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == "" {
		var err error
		if b.current, err = b.fetch(req.Context()); err != nil {
			return err
		}
	}
	req.Header.Set("Authorization", "Bearer "+b.current)
	req.Header.Set(headerAuthor, "api.user")
	return nil
}

// Refresh implements darktrace.Refresher.
func (b *bearerAuth) Refresh(_ context.Context, err *darktrace.APIError) (retry bool, refreshErr error) {
	if errors.Is(err, darktrace.ErrPermission) {
		return false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current = ""
	return true, nil
}

func (b *bearerAuth) fetch(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.srv.TokenURL(), strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(b.srv.PublicToken, b.srv.PrivateToken)
	resp, err := b.srv.HTTPClient().Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var token struct {
		Bearer string `json:"access_token"`
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(body, &token)
	}
	return token.Bearer, err
}
