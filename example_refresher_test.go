package darktrace_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// vaultAuth signs with the token pair that a vault currently holds.
type vaultAuth struct {
	read   func(ctx context.Context) (publicToken, privateToken string, err error)
	tokens atomic.Pointer[darktrace.TokenAuth]
}

func newVaultAuth(ctx context.Context, read func(context.Context) (string, string, error)) (*vaultAuth, error) {
	a := &vaultAuth{read: read}
	return a, a.load(ctx)
}

func (a *vaultAuth) load(ctx context.Context) error {
	publicToken, privateToken, err := a.read(ctx)
	if err != nil {
		return err
	}
	tokens, err := darktrace.NewTokenAuth(publicToken, privateToken)
	if err == nil {
		a.tokens.Store(tokens)
	}
	return err
}

// Authenticate signs an attempt.
func (a *vaultAuth) Authenticate(req *http.Request, body []byte) error {
	return a.tokens.Load().Authenticate(req, body)
}

// Refresh reads the vault again if old tokens explain why the request was rejected.
func (a *vaultAuth) Refresh(ctx context.Context, err *darktrace.APIError) (retry bool, refreshErr error) {
	if !errors.Is(err, darktrace.ErrSignature) {
		return false, nil
	}
	return true, a.load(ctx)
}

// Tokens that rotate: the first request that the appliance refuses has the
// client ask the vault, and is then sent once more.
func ExampleRefresher() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	vault := map[string]string{"public": srv.PublicToken, "private": srv.PrivateToken}
	ctx := context.Background()

	auth, err := newVaultAuth(ctx, func(context.Context) (string, string, error) {
		return vault["public"], vault["private"], nil
	})
	if err != nil {
		log.Fatal(err)
	}
	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithRootCAs(srv.CertPool()))
	if err != nil {
		log.Fatal(err)
	}

	vault["private"] = "0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"
	srv.AddToken(darktracetest.Token{Public: vault["public"], Private: vault["private"]}) // Replaces the pair.
	fmt.Println("error:", client.AIAnalyst.Acknowledge(ctx, "scan"))
	for _, r := range srv.Requests() {
		fmt.Println(r.Status, r.Verdict)
	}
	// Output:
	// error: <nil>
	// 400 API SIGNATURE ERROR
	// 200 accepted
}
