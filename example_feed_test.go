package darktrace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// One pass for each run of a cron job, with the checkpoint kept as JSON in
// between.
func ExampleAIAnalystService_Poll() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	client := srv.Client()
	var kept []byte // Kept in a file, a database or the context of a SOAR integration.

	fetch := func() {
		var checkpoint *darktrace.Checkpoint // nil: the feed begins.
		if kept != nil {
			checkpoint = new(darktrace.Checkpoint)
			if err := json.Unmarshal(kept, checkpoint); err != nil {
				log.Fatal(err)
			}
		}
		result, err := client.AIAnalyst.Poll(context.Background(), checkpoint, &darktrace.PollOptions{Updates: true})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(result.Changes), "changes")
		for _, change := range result.Changes {
			fmt.Println(" ", change.Kind, change.Event.Title)
			for _, field := range change.Fields {
				fmt.Println("   ", field.Field, field.Old, "is now", field.New)
			}
		}
		if kept, err = json.Marshal(result.Checkpoint); err != nil { // After the changes are handled.
			log.Fatal(err)
		}
	}

	created := darktrace.Millis(srv.Now().Add(-time.Minute).UnixMilli())
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CreatedAt: created, GroupScore: 35})
	fetch()
	fetch()
	srv.AddEvents(&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", CreatedAt: created, GroupScore: 60})
	fetch()
	srv.SetGroup("gscan", 70, "critical")
	fetch()
	// Output:
	// 1 changes
	//   new Port scan
	// 0 changes
	// 1 changes
	//   new Files copied
	// 1 changes
	//   updated Port scan
	//     groupScore 35 is now 70
	//     groupCategory  is now critical
}

// A daemon: the loop ends with the context, and the next start goes on where it
// ended.
func ExampleAIAnalystService_Watch() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", GroupScore: 35},
		&darktrace.IncidentEvent{ID: "copy", Title: "Files copied", GroupScore: 80},
	)
	client := srv.Client()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	ctx, stop := context.WithCancel(context.Background()) // Or signal.NotifyContext.
	defer stop()
	store := darktrace.FileCheckpoint(filepath.Join(folder, "incidents.json"))
	options := &darktrace.WatchOptions{PollOptions: darktrace.PollOptions{
		Filter: darktrace.EventFilter{MinGroupScore: 50}, // An incident that reaches this score later is delivered then.
	}}
	for change, err := range client.AIAnalyst.Watch(ctx, store, options) {
		if err != nil {
			fmt.Println("the end:", err)
			break
		}
		fmt.Println(change.Kind, change.Event.Title)
		stop()
	}
	// Output:
	// new Files copied
}
