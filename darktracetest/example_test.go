package darktracetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// closeTicket is the automation under test: when a ticket is closed, it says so
// on the event and acknowledges the whole incident.
func closeTicket(ctx context.Context, client *darktrace.Client, eventID, ticket string) error {
	if _, err := client.AIAnalyst.PostCommentVerified(ctx, eventID, "Closed with "+ticket); err != nil {
		return err
	}
	group, err := client.AIAnalyst.GetGroup(ctx, eventID)
	if err != nil {
		return err
	}
	return client.AIAnalyst.AcknowledgeGroup(ctx, group.ID)
}

// Test an automation that acknowledges an incident when its ticket is closed.
func Example() {
	srv := darktracetest.NewServer() // in a test: NewServer(darktracetest.WithTB(t))
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CurrentGroup: "gscan"},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", CurrentGroup: "gscan"},
		&darktrace.IncidentEvent{ID: "mail", Title: "Unusual mail", CurrentGroup: "gmail"},
	)

	err := closeTicket(context.Background(), srv.Client(), "copy", "INC-42")

	fmt.Println("error:", err)
	for _, id := range []string{"scan", "copy", "mail"} {
		fmt.Println(id, "acknowledged:", srv.Event(id).Acknowledged)
	}
	fmt.Println("comment:", srv.Comments("copy")[0].Message)
	// Output:
	// error: <nil>
	// scan acknowledged: true
	// copy acknowledged: true
	// mail acknowledged: false
	// comment: Closed with INC-42
}

// An appliance that asks to slow down: a read is sent again when it may be.
func ExampleTooManyRequests() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(darktracetest.Incidents(1, 5)...)
	srv.Inject(darktracetest.TooManyRequests(0).On("GET", "/aianalyst/incidentevents").Next(1))

	events, err := srv.Client().AIAnalyst.ListEvents(context.Background(), nil)

	fmt.Println(len(events), "events, error:", err)
	for _, r := range srv.Requests() {
		fmt.Println(r.Method, r.Path, r.Status)
	}
	// Output:
	// 5 events, error: <nil>
	// GET /aianalyst/incidentevents 429
	// GET /aianalyst/incidentevents 200
}

// A version that reports success for a comment but stores nothing: only reading
// back tells.
func ExampleWithProfile() {
	srv := darktracetest.NewServer(darktracetest.WithProfile(darktracetest.V70))
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	ctx, client := context.Background(), srv.Client()

	fmt.Println("posted:", client.AIAnalyst.PostComment(ctx, "scan", "Looking into it"))
	err := closeTicket(ctx, client, "scan", "INC-42")
	fmt.Println("noticed:", errors.Is(err, darktrace.ErrNotStored))
	fmt.Println("comments:", len(srv.Comments("scan")))
	// Output:
	// posted: <nil>
	// noticed: true
	// comments: 0
}

// A gateway that loses the response to a write: it was carried out all the same,
// so it must not be sent twice.
func ExampleServer_Inject() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	remove := srv.Inject(darktracetest.BadGateway().On("POST", "/aianalyst/acknowledge"))
	defer remove()

	err := srv.Client().AIAnalyst.Acknowledge(context.Background(), "scan")

	fmt.Println("outcome unknown:", errors.Is(err, darktrace.ErrOutcomeUnknown))
	fmt.Println("acknowledged:", srv.Event("scan").Acknowledged)
	fmt.Println("requests:", len(srv.Requests()))
	// Output:
	// outcome unknown: true
	// acknowledged: true
	// requests: 1
}

// Why is the signature of another client refused?
func ExampleServer_Requests() {
	srv := darktracetest.NewServer(darktracetest.WithTokens("public", "private"))
	defer srv.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, srv.URL+"/aianalyst/groups", nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("DTAPI-Token", "public")
	req.Header.Set("DTAPI-Date", "2026-01-02 03:04:05")
	req.Header.Set("DTAPI-Signature", "e122197e5309dc9d10ad895ac54930520098ca4f")
	resp, err := srv.HTTPClient().Do(req)
	if err != nil {
		panic(err)
	}
	_ = resp.Body.Close()

	r := srv.Requests()[0]
	fmt.Println(r.Status, r.Verdict)
	for _, part := range strings.Split(r.Reason, "; ") {
		fmt.Println(part)
	}
	// Output:
	// 400 API SIGNATURE ERROR
	// a question mark without a query is signed: signed was "/aianalyst/groups?\npublic\n2026-01-02 03:04:05", expected is "/aianalyst/groups\npublic\n2026-01-02 03:04:05"
	// they differ from byte 17 on: "?" instead of "\n"
}
