package darktrace_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// Have AI Analyst look at a device, and wait for what it finds.
func ExampleAIAnalystService_StartInvestigation() {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	srv := darktracetest.NewServer(darktracetest.WithInvestigationTime(time.Nanosecond))
	defer srv.Close()
	srv.AddEvents(&darktrace.IncidentEvent{
		ID: "scan", Title: "Port scan", BreachDevices: []darktrace.Device{{DID: 7}},
		Periods: []darktrace.Period{{Start: darktrace.Millis(noon.UnixMilli()), End: darktrace.Millis(noon.UnixMilli())}},
	})
	client := srv.Client()

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	id, err := client.AIAnalyst.StartInvestigation(ctx, 7, noon)
	if err != nil {
		log.Panic(err)
	}
	investigation, err := client.AIAnalyst.WaitInvestigation(ctx, id)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(investigation.Status, "at", investigation.InvestigationTime)
	for _, incident := range investigation.Incidents {
		fmt.Println("found:", incident.EventID)
	}
	// Output:
	// finished at 2026-03-02T12:00:00Z
	// found: scan
}

func ExampleAIAnalystService_GetStats() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(
		&darktrace.IncidentEvent{ID: "scan", Category: darktrace.CategorySuspicious},
		&darktrace.IncidentEvent{ID: "copy", Category: darktrace.CategoryCritical},
	)
	client := srv.Client()

	stats, err := client.AIAnalyst.GetStats(context.Background(), &darktrace.StatsOptions{
		Start: time.Now().AddDate(0, 0, -30),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stats.Groups.Total, "incidents,", stats.Groups.Critical, "critical")
	// Output: 2 incidents, 1 critical
}
