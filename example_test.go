package darktrace_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// List what is open, and link to it.
func Example() {
	srv := darktracetest.NewServer() // A fake appliance; NewClientFromEnv finds yours.
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", GroupScore: 35, GroupCategory: darktrace.CategorySuspicious},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", GroupScore: 80, GroupCategory: darktrace.CategoryCritical},
	)
	client := srv.Client()

	events, err := client.AIAnalyst.ListEvents(context.Background(), &darktrace.EventListOptions{
		Start:         time.Now().Add(-24 * time.Hour),
		MinGroupScore: 30,
		ExcludePinned: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, event := range events {
		fmt.Printf("%v %v: %s\n", event.GroupScore, event.GroupCategory, event.Title)
		_ = client.EventURL(event) // https://…/#aiaincidentevent/copy
	}
	// Output:
	// 80 critical: Files copied
	// 35 suspicious: Port scan
}

func ExampleNewClient() {
	srv := darktracetest.NewServer()
	defer srv.Close()

	auth, err := darktrace.NewTokenAuth(srv.PublicToken, srv.PrivateToken)
	if err != nil {
		log.Fatal(err)
	}
	client, err := darktrace.NewClient(srv.URL, auth,
		darktrace.WithRootCAs(srv.CertPool()),
		darktrace.WithLocale(darktrace.LocaleBritishEnglish),
		darktrace.WithTimeout(2*time.Minute),
		darktrace.WithRateLimit(60),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("URL, tokens, clock and permission:", client.Ping(context.Background()))
	// Output: URL, tokens, clock and permission: <nil>
}

// An endpoint that has no method of its own is signed, retried and classified
// just the same.
func ExampleClient_Do() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.Inject(darktracetest.Fault{Body: `[{"did": 7, "hostname": "ws-007.example.com"}]`}.On("GET", "/devices"))
	client := srv.Client()

	var devices []struct {
		DID      int64  `json:"did"`
		Hostname string `json:"hostname"`
	}
	err := client.Do(context.Background(), &darktrace.Request{
		Path:  "/devices",
		Query: map[string][]string{"seensince": {"1hour"}},
	}, &devices)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(devices[0].DID, devices[0].Hostname)
	// Output: 7 ws-007.example.com
}

// An io.Writer gets the answer as it arrives, once it is clear that it is no
// error.
func ExampleClient_Do_download() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	client := srv.Client()

	err := client.Do(context.Background(), &darktrace.Request{Path: "/aianalyst/incidentevents"}, os.Stdout)
	fmt.Println("\nerror:", err)
	err = client.Do(context.Background(), &darktrace.Request{Path: "/no/such/thing"}, os.Stdout)
	fmt.Println("unknown endpoint:", errors.Is(err, darktrace.ErrEndpoint))
	// Output:
	// []
	// error: <nil>
	// unknown endpoint: true
}

// What to do about an error follows from its kind.
func Example_errors() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	ctx, client := context.Background(), srv.Client(darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))

	whatNow := func(err error) string {
		switch {
		case err == nil:
			return "done"
		case errors.Is(err, darktrace.ErrNotFound):
			return "it is gone: drop it"
		case errors.Is(err, darktrace.ErrOutcomeUnknown):
			return "look whether it was carried out before sending it again"
		case errors.Is(err, darktrace.ErrRateLimited), errors.Is(err, darktrace.ErrServer), errors.Is(err, darktrace.ErrConnection):
			return "try again later"
		default: // Tokens, clock, permission, base URL, arguments: the text says which.
			return "stop, and tell a person"
		}
	}

	_, err := client.AIAnalyst.GetEvent(ctx, "gone")
	fmt.Println(whatNow(err))

	srv.Inject(darktracetest.TooManyRequests(30 * time.Second).Next(1))
	_, err = client.AIAnalyst.ListEvents(ctx, nil)
	fmt.Println(whatNow(err))
	var answer *darktrace.APIError
	if errors.As(err, &answer) {
		fmt.Println("but not before", answer.RetryAfter)
	}

	srv.Inject(darktracetest.BadGateway().Next(1))
	fmt.Println(whatNow(client.AIAnalyst.Acknowledge(ctx, "scan")))

	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	err = client.AIAnalyst.PostComment(ctx, "scan", "Expected, see the change log")
	fmt.Println(whatNow(err))
	fmt.Println(err)
	// Output:
	// it is gone: drop it
	// try again later
	// but not before 30s
	// look whether it was carried out before sending it again
	// stop, and tell a person
	// darktrace: POST /aianalyst/incident/comments: 403 Forbidden (Forbidden): permission missing: the token's user needs the permission "Discuss Breaches"
}
