package darktrace

import "encoding/json"

// Investigation is an AI Analyst investigation of one device around one time.
//
// Threat Visualizer API: GET /aianalyst/investigations, since 6.1.
type Investigation struct {
	ID                string                     // Id of the investigation.
	Time              Seconds                    // When the investigation was asked for.
	InvestigationTime Seconds                    // The time that it looks at, about an hour around it.
	DID               int64                      // Device that it looks at.
	Version           float64                    // Version of the analysis.
	Status            InvestigationStatus        // How far it is.
	CreatedBy         string                     // Who asked for it.
	NoticeUID         string                     // Id of the notice behind it.
	PBID              int64                      // Id of its system model alert; it is no model alert of the device.
	IncidentID        string                     // Id of the finding; "" without findings.
	Summariser        string                     // System name of what wrote the finding; "" without findings.
	Incidents         []InvestigationIncident    // Findings; empty when nothing was found.
	Extra             map[string]json.RawMessage // Fields that this type doesn't know, and those of an unexpected type; nil = none.
}

// InvestigationIncident is a finding of an [Investigation].
type InvestigationIncident struct {
	EventID    string  // Id of the event, for GetEvent.
	Related    []int64 // Ids of related model alerts.
	Summariser string  // System name of what wrote the event.
	Extra      RawJSON // What the fields above can't hold; see [RawJSON].
}

// InvestigationStatus tells how far an investigation is. The set is open.
type InvestigationStatus string

// Investigation statuses.
const (
	InvestigationPending    InvestigationStatus = "pending"    // Waiting.
	InvestigationProcessing InvestigationStatus = "processing" // Under way.
	InvestigationFinished   InvestigationStatus = "finished"   // Done.
)
