package darktrace_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// A BatchError holds the outcome of each id. Here a gateway loses the response: the
// events may or may not be acknowledged, and the program reads them back to find out.
func ExampleAIAnalystService_Acknowledge() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied"},
	)
	srv.Inject(darktracetest.BadGateway().On("POST", "/aianalyst/acknowledge"))
	ctx, client := context.Background(), srv.Client()

	err := client.AIAnalyst.Acknowledge(ctx, "scan", "copy")

	var batch *darktrace.BatchError
	if !errors.As(err, &batch) {
		log.Fatal(err) // nil: all were acknowledged. Otherwise nothing was sent.
	}
	fmt.Println("done:", batch.Done, "not sent:", batch.NotSent)
	for id, err := range batch.Failed {
		fmt.Println(id, "was refused:", err)
	}
	fmt.Println("unknown:", len(batch.Unknown))
	for _, id := range []string{"scan", "copy"} {
		event, err := client.AIAnalyst.GetEvent(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, "acknowledged:", event.Acknowledged)
	}
	// Output:
	// done: [] not sent: []
	// unknown: 2
	// scan acknowledged: true
	// copy acknowledged: true
}

// The same, with the reading back left to the client.
func ExampleAIAnalystService_AcknowledgeVerified() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	srv.Inject(darktracetest.BadGateway().On("POST", "/aianalyst/acknowledge"))
	client := srv.Client()

	err := client.AIAnalyst.AcknowledgeVerified(context.Background(), "scan", "gone")

	var batch *darktrace.BatchError
	if errors.As(err, &batch) {
		fmt.Println("done:", batch.Done)
		fmt.Println("gone:", errors.Is(batch.Failed["gone"], darktrace.ErrNotFound))
	}
	// Output:
	// done: [scan]
	// gone: true
}

// An appliance acknowledges events, not incidents: this acknowledges all that
// the incident has.
func ExampleAIAnalystService_AcknowledgeGroup() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CurrentGroup: "gscan"},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", CurrentGroup: "gscan"},
	)
	ctx, client := context.Background(), srv.Client()

	if err := client.AIAnalyst.AcknowledgeGroup(ctx, "gscan"); err != nil {
		log.Fatal(err)
	}
	open, err := client.AIAnalyst.ListEvents(ctx, nil) // Acknowledged ones are left out.
	fmt.Println(len(open), "open, error:", err)
	// Output: 0 open, error: <nil>
}

// A comment that counts is read back: version 7.0 is known to confirm comments
// and to drop them.
func ExampleAIAnalystService_PostCommentVerified() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"})
	ctx, client := context.Background(), srv.Client()

	if _, err := client.AIAnalyst.PostCommentVerified(ctx, "scan", "Expected: quarterly audit"); err != nil {
		log.Fatal(err)
	}
	comments, err := client.AIAnalyst.ListComments(ctx, "scan")
	if err != nil {
		log.Fatal(err)
	}
	for _, comment := range comments {
		fmt.Printf("%s: %s\n", comment.Username, comment.Message)
	}
	// Output: api.user: Expected: quarterly audit
}
