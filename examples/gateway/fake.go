package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// fakeGateway is a cloud gateway on the loopback interface: a token endpoint,
// and below a path an appliance that takes bearer tokens.
type fakeGateway struct {
	*httptest.Server
	appliance *darktracetest.Server

	mu     sync.Mutex
	count  int    // tokens issued
	bearer string // the one that is good; "" is none
}

const (
	clientID     = "invented-client"
	clientSecret = "invented-secret"
	product      = "/products/instance-1"
)

func newFakeGateway() *fakeGateway {
	g := &fakeGateway{appliance: darktracetest.NewServer()}
	g.appliance.AddEvents(darktracetest.Incidents(7, 6)...)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", g.token)
	mux.HandleFunc(product+"/", g.forward)
	g.Server = httptest.NewTLSServer(mux)
	return g
}

// Close stops the gateway and the appliance.
func (g *fakeGateway) Close() {
	g.Server.Close()
	g.appliance.Close()
}

// client returns a client that writes in somebody's name.
func (g *fakeGateway) client(username string) (*darktrace.Client, error) {
	auth, err := NewAuth(Config{
		TokenURL: g.URL + "/oauth/token", ClientID: clientID, ClientSecret: clientSecret,
		Username: username, HTTPClient: g.Client(),
	})
	if err != nil {
		return nil, err
	}
	return darktrace.NewClient(g.URL+product, auth, darktrace.WithTransport(g.Client().Transport))
}

// revoke ends the bearer token before its time.
func (g *fakeGateway) revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bearer = ""
}

func (g *fakeGateway) issued() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// token answers a request for a bearer token.
func (g *fakeGateway) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if id != clientID || secret != clientSecret || r.FormValue("grant_type") != "client_credentials" {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count++
	g.bearer = fmt.Sprintf("bearer-%d", g.count)
	answer(w, http.StatusOK, map[string]any{"access_token": g.bearer, "token_type": "Bearer", "expires_in": 3600})
}

// forward signs a request for the appliance and passes it on.
func (g *fakeGateway) forward(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	good := g.bearer != "" && r.Header.Get("Authorization") == "Bearer "+g.bearer
	g.mu.Unlock()
	username := r.Header.Get("Sabre-Username")
	switch {
	case !good:
		answer(w, http.StatusUnauthorized, map[string]any{"error": "Unauthorized"})
		return
	case username == "":
		answer(w, http.StatusForbidden, map[string]any{"error": "Forbidden"})
		return
	}
	resp, err := g.pass(r, username)
	if err != nil {
		answer(w, http.StatusBadGateway, map[string]any{"error": err.Error()})
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (g *fakeGateway) pass(r *http.Request, username string) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	target := g.appliance.URL + strings.TrimPrefix(r.URL.RequestURI(), product)
	req, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body)) //nolint:gosec // The host is the fake appliance.
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	// The appliance knows an author by the tokens.
	g.appliance.AddToken(darktracetest.Token{Public: "of-" + username, Private: "its-private-half", Username: username})
	auth, err := darktrace.NewTokenAuth("of-"+username, "its-private-half")
	if err != nil {
		return nil, err
	}
	if err := auth.Authenticate(req, body); err != nil {
		return nil, err
	}
	return g.appliance.HTTPClient().Do(req) //nolint:gosec // See above.
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
