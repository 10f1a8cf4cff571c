// Command gateway uses the cloud gateway in place of an appliance: with OAuth
// client credentials instead of a token pair, a path in front of the API, and a
// header that names the author of comments and other writes. Auth, in auth.go, is
// all that you need.
//
// Without configuration it runs against a fake gateway with a fake appliance behind
// it, and says so.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

func run(ctx context.Context, out, stderr io.Writer) error {
	url := os.Getenv("DARKTRACE_GATEWAY_URL") // https://api.darktrace.com/products/<instance id>
	if url == "" {
		for _, variable := range os.Environ() {
			if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "DARKTRACE_") && value != "" {
				return fmt.Errorf("DARKTRACE_GATEWAY_URL is not set, but %s is", name)
			}
		}
		fmt.Fprintln(stderr, "This is a fake gateway with invented incidents; set DARKTRACE_GATEWAY_URL for a real one.")
		return demonstrate(ctx, out)
	}
	auth, err := NewAuth(Config{
		TokenURL:     cmp.Or(os.Getenv("DARKTRACE_TOKEN_URL"), "https://auth.activeai.darktrace.com/oauth/token"),
		ClientID:     os.Getenv("DARKTRACE_CLIENT_ID"),
		ClientSecret: os.Getenv("DARKTRACE_CLIENT_SECRET"),
		Username:     os.Getenv("DARKTRACE_USERNAME"),
	})
	if err != nil {
		return err
	}
	client, err := darktrace.NewClient(url, auth)
	if err != nil {
		return err
	}
	_, err = list(ctx, client, out)
	return err
}

// list prints the incident events of the last 7 days.
func list(ctx context.Context, client *darktrace.Client, out io.Writer) ([]*darktrace.IncidentEvent, error) {
	events, err := client.AIAnalyst.ListEvents(ctx, nil)
	for _, e := range events {
		fmt.Fprintf(out, "%s  %5.1f  %q\n", e.ID, float64(e.AIAScore), e.Title)
	}
	return events, err
}

// demonstrate lists the events behind a fake gateway, comments on one, and survives
// the end of its bearer token.
func demonstrate(ctx context.Context, out io.Writer) error {
	gateway := darktracetest.NewServer(darktracetest.WithCloudGateway())
	defer gateway.Close()
	gateway.AddEvents(darktracetest.Incidents(7, 6)...)
	client, err := connect(gateway, "night.shift@example.com")
	if err != nil {
		return err
	}
	events, err := list(ctx, client, out)
	if err != nil {
		return err
	}
	gateway.RevokeBearerTokens()
	comment, err := client.AIAnalyst.PostCommentVerified(ctx, events[0].ID, "Posted through the gateway.")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s commented: %q\n", comment.Username, comment.Message)
	return nil
}

// connect returns a client of a fake gateway that writes in the name of a user.
func connect(gateway *darktracetest.Server, username string) (*darktrace.Client, error) {
	auth, err := NewAuth(Config{
		TokenURL: gateway.TokenURL(), ClientID: gateway.PublicToken, ClientSecret: gateway.PrivateToken,
		Username: username, HTTPClient: gateway.HTTPClient(),
	})
	if err != nil {
		return nil, err
	}
	return darktrace.NewClient(gateway.URL, auth, darktrace.WithRootCAs(gateway.CertPool()))
}
