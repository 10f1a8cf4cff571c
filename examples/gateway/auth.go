package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/darktrace-go/darktrace"
)

// Config is what the cloud gateway wants to know.
type Config struct {
	TokenURL               string       // Where bearer tokens are had.
	ClientID, ClientSecret string       // The credentials for them.
	Username               string       // Author of what is written.
	HTTPClient             *http.Client // Fetches the tokens; nil means http.DefaultClient.
}

// Auth is a darktrace.Authenticator for the cloud gateway: it fetches a bearer
// token when there is none or the old one expires, and, as a darktrace.Refresher,
// when the gateway refuses one before its time. It is safe for concurrent use.
type Auth struct {
	// Closures, so that nothing that prints an Auth prints a secret.
	token  func(context.Context) (*oauth2.Token, error)
	forget func()

	username string
}

var (
	_ darktrace.Authenticator = (*Auth)(nil)
	_ darktrace.Refresher     = (*Auth)(nil)
)

// NewAuth returns an Auth. It does no network I/O.
func NewAuth(c Config) (*Auth, error) {
	for name, value := range map[string]string{
		"TokenURL": c.TokenURL, "ClientID": c.ClientID, "ClientSecret": c.ClientSecret, "Username": c.Username,
	} {
		if strings.TrimSpace(value) == "" {
			return nil, fmt.Errorf("gateway: %w: %s is empty", darktrace.ErrArgument, name)
		}
	}
	credentials := &clientcredentials.Config{TokenURL: c.TokenURL, ClientID: c.ClientID, ClientSecret: c.ClientSecret}
	current := make(chan *oauth2.Token, 1) // It is empty while a token is fetched, so that callers share it.
	current <- nil
	return &Auth{
		username: c.Username,
		token: func(ctx context.Context) (token *oauth2.Token, err error) {
			select {
			case token = <-current:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			defer func() { current <- token }()
			if token.Valid() {
				return token, nil
			}
			if c.HTTPClient != nil {
				ctx = context.WithValue(ctx, oauth2.HTTPClient, c.HTTPClient)
			}
			return credentials.Token(ctx)
		},
		forget: func() {
			select {
			case <-current:
				current <- nil
			default: // Another call is fetching one.
			}
		},
	}, nil
}

// Authenticate sets the bearer token and the author. Credentials that the token
// endpoint refuses are darktrace.ErrSignature.
func (a *Auth) Authenticate(req *http.Request, _ []byte) error {
	token, err := a.token(req.Context())
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		err = fmt.Errorf("gateway: the token endpoint returned %s", refused.Response.Status)
		if code := refused.Response.StatusCode; code == http.StatusBadRequest || code == http.StatusUnauthorized {
			err = fmt.Errorf("%w: %w", darktrace.ErrSignature, err)
		}
		return err
	case err != nil:
		return err
	}
	token.SetAuthHeader(req)
	req.Header.Set("Sabre-Username", a.username)
	return nil
}

// Refresh forgets a token that the gateway refused, so that the next attempt
// fetches one. A missing permission is not the token's fault.
func (a *Auth) Refresh(_ context.Context, err *darktrace.APIError) (retry bool, refreshErr error) {
	if errors.Is(err, darktrace.ErrPermission) {
		return false, nil
	}
	a.forget()
	return true, nil
}
