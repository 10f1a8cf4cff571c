// Command gateway uses the cloud gateway in place of an appliance: OAuth client
// credentials instead of a token pair, a path in front of the API, and a header
// that names the author of what is written. Auth, in auth.go, is all it takes.
//
// Without configuration it runs against a local gateway, in fake.go, with a fake
// appliance behind it.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	url := os.Getenv("DARKTRACE_GATEWAY_URL") // https://api.darktrace.com/products/<instance id>
	if url == "" {
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
		fmt.Fprintf(out, "%s  %5.1f  %s\n", e.ID, float64(e.AIAScore), e.Title)
	}
	return events, err
}

// demonstrate lists the events behind a local gateway, comments on one, and
// survives the end of its bearer token.
func demonstrate(ctx context.Context, out io.Writer) error {
	gateway := newFakeGateway()
	defer gateway.Close()
	fmt.Fprintln(out, "A local gateway at", gateway.URL, "with invented incidents; DARKTRACE_GATEWAY_URL names a real one.")
	client, err := gateway.client("night.shift@example.com")
	if err != nil {
		return err
	}
	events, err := list(ctx, client, out)
	if err != nil {
		return err
	}
	gateway.revoke()
	comment, err := client.AIAnalyst.PostCommentVerified(ctx, events[0].ID, "Posted through the gateway.")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s commented: %s\n", comment.Username, comment.Message)
	fmt.Fprintf(out, "%d bearer tokens were fetched, since the first was revoked.\n", gateway.issued())
	return nil
}
