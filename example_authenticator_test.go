package darktrace_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The appliance's signature is HMAC-SHA1.
	"encoding/hex"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// The cloud gateway wants a bearer token, and the author of what is written.
// Where tokens come from and how they are renewed: examples/gateway.
func ExampleAuthenticatorFunc() {
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path)
		fmt.Println(r.Header.Get("Authorization"), "for", r.Header.Get("Sabre-Username"))
		_, _ = w.Write([]byte("[]"))
	}))
	defer gateway.Close()
	bearerToken := func(context.Context) (string, error) { return "example", nil }

	auth := darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
		token, err := bearerToken(req.Context())
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Sabre-Username", "ticket.sync")
		return nil
	})
	client, err := darktrace.NewClient(gateway.URL+"/products/appliance-7", auth)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Ping(context.Background()))
	// Output:
	// /products/appliance-7/aianalyst/incidentevents
	// Bearer example for ticket.sync
	// <nil>
}

// The private token stays in a signing service; only what is to be signed goes
// there. RequestTime knows the appliance's time after the first refusal.
func ExampleRequestTime() {
	srv := darktracetest.NewServer(darktracetest.WithClockOffset(-5 * time.Hour))
	defer srv.Close()
	signingService := func(message string) string {
		mac := hmac.New(sha1.New, []byte(srv.PrivateToken))
		mac.Write([]byte(message))
		return hex.EncodeToString(mac.Sum(nil))
	}

	auth := darktrace.AuthenticatorFunc(func(req *http.Request, body []byte) error {
		target := req.URL.EscapedPath()
		switch {
		case len(body) > 0:
			target += "?" + string(body)
		case req.URL.RawQuery != "":
			target += "?" + req.URL.RawQuery
		}
		date := darktrace.RequestTime(req.Context()).UTC().Format(time.DateTime)
		req.Header.Set("DTAPI-Token", srv.PublicToken)
		req.Header.Set("DTAPI-Date", date)
		req.Header.Set("DTAPI-Signature", signingService(target+"\n"+srv.PublicToken+"\n"+date))
		return nil
	})
	client, err := darktrace.NewClient(srv.URL, auth, darktrace.WithRootCAs(srv.CertPool()))
	if err != nil {
		log.Fatal(err)
	}

	for range 2 {
		fmt.Println("error:", client.Ping(context.Background()))
	}
	for _, r := range srv.Requests() {
		fmt.Println(r.Status, r.Verdict)
	}
	// Output:
	// error: <nil>
	// error: <nil>
	// 400 API DATE ERROR
	// 200 accepted
	// 200 accepted
}
