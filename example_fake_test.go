package darktrace_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// escalate is the function under test. It comments on the critical events of the
// last week, and returns how many there are.
func escalate(ctx context.Context, client *darktrace.Client) (int, error) {
	events, err := client.AIAnalyst.ListEvents(ctx, &darktrace.EventListOptions{
		Categories: []darktrace.Category{darktrace.CategoryCritical},
	})
	if err != nil {
		return 0, err
	}
	for i, event := range events {
		if err := client.AIAnalyst.PostComment(ctx, event.ID, "Escalated"); err != nil {
			return i, err
		}
	}
	return len(events), nil
}

// Test your program against a fake appliance, on good days and bad ones.
func Example_testing() {
	srv := darktracetest.NewServer() // In a test: NewServer(darktracetest.WithTB(t)).
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", GroupCategory: darktrace.CategorySuspicious},
		&darktrace.IncidentEvent{ID: "copy", GroupCategory: darktrace.CategoryCritical},
	)
	ctx, client := context.Background(), srv.Client()

	n, err := escalate(ctx, client)
	fmt.Println(n, err)
	fmt.Println(len(srv.Comments("scan")), len(srv.Comments("copy")))

	srv.Inject(darktracetest.Fault{Cut: darktracetest.CutBeforeResponse, CarryOut: true}.On("POST", "/aianalyst/incident/comments"))
	n, err = escalate(ctx, client)
	fmt.Println(n, errors.Is(err, darktrace.ErrOutcomeUnknown))
	fmt.Println(len(srv.Comments("copy"))) // The comment was written, and only once.
	// Output:
	// 1 <nil>
	// 0 1
	// 0 true
	// 2
}
