package ocsf_test

import (
	"fmt"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/ocsf"
)

func Example() {
	event := &darktrace.IncidentEvent{
		ID: "f1e3dcd4-562b-4995-aba9-b643f59d984f", Title: "Port scan", CreatedAt: 1740000000000,
		Category: darktrace.CategoryCritical,
	}
	finding := ocsf.FromEvent(event, ocsf.Options{BaseURL: "https://darktrace.example.com"})
	fmt.Println(finding.FindingInfo.UID, finding.SeverityID, finding.StatusID)
	// Output: f1e3dcd4-562b-4995-aba9-b643f59d984f 5 New
}
