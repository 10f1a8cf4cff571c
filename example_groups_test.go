package darktrace_test

import (
	"context"
	"fmt"
	"log"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func ExampleAIAnalystService_ListGroups() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CurrentGroup: "gscan", GroupScore: 80},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", CurrentGroup: "gscan", GroupScore: 80},
		&darktrace.IncidentEvent{ID: "mail", Title: "Unusual mail", GroupScore: 20},
	)
	client := srv.Client()

	groups, err := client.AIAnalyst.ListGroups(context.Background(), &darktrace.GroupListOptions{MinScore: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range groups {
		fmt.Printf("incident %s, score %v\n", group.ID, group.GroupScore)
		for _, event := range group.Events {
			fmt.Println(" ", event.Title)
		}
	}
	// Output:
	// incident gscan, score 80
	//   Port scan
	//   Files copied
	// incident gmail, score 20
	//   Unusual mail
}

// The incident of an event is found by the event's id, and by an id that the
// incident had before it was merged into another.
func ExampleAIAnalystService_GetGroup() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan"},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied"},
	)
	srv.Merge("gcopy", "gscan")
	ctx, client := context.Background(), srv.Client()

	for _, id := range []string{"gscan", "copy", "gcopy"} {
		group, err := client.AIAnalyst.GetGroup(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, "is in", group.ID, "of", len(group.Events), "events, before:", group.PreviousIDs)
	}
	// Output:
	// gscan is in gscan of 2 events, before: [gcopy]
	// copy is in gscan of 2 events, before: [gcopy]
	// gcopy is in gscan of 2 events, before: [gcopy]
}
