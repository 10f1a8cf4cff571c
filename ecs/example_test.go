package ecs_test

import (
	"fmt"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/ecs"
)

func Example() {
	event := &darktrace.IncidentEvent{
		ID: "f1e3dcd4-562b-4995-aba9-b643f59d984f", Title: "Port scan", CreatedAt: 1740000000000,
		Category: darktrace.CategoryCritical,
	}
	doc := ecs.FromEvent(event, ecs.Options{BaseURL: "https://darktrace.example.com"})
	fmt.Println(doc.ID, doc.Timestamp, doc.Event.Severity)
	// Output: f1e3dcd4-562b-4995-aba9-b643f59d984f 2025-02-19T21:20:00.000Z 4
}
