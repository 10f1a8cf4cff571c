package darktrace

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// IncidentEvent is an AI Analyst incident event: one finding, written up, and
// part of an incident (its group).
//
// Decoding never fails because of one field: see Skipped. Encoding gives the
// wire form back, Extra included, in the form of details that it came in: a
// null or absent field may come back absent, a single value where a list is
// documented as a list of one, a number in a string as a number. Raw and Skipped
// are not encoded. An event made by hand encodes its flags always, and its other
// fields unless they are zero or nil.
//
// Don't embed an event in a struct that goes through encoding/json: the
// struct would get the event's JSON methods, and its other fields would be
// ignored. Give the field a name, or give the struct JSON methods of its own.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
type IncidentEvent struct {
	ID                string                     // Identity of the event; it never changes.
	Title             string                     // Title, localised.
	Summary           Text                       // Summary, localised; paragraphs are separated by blank lines.
	Summariser        string                     // System name of what wrote the event, such as "ScanSummary"; an open set.
	CreatedAt         Millis                     // When the event was made, up to a day after the activity.
	Periods           []Period                   // When the activity took place; may be empty.
	Category          Category                   // Category of the event; "" before 5.2.
	GroupCategory     Category                   // Category of its incident, which may change; "" before 5.2.
	CurrentGroup      string                     // Id of its incident, which changes when incidents merge; "" before 5.2.
	PreviousGroups    []string                   // Ids that its incident had before merges.
	GroupScore        Score                      // Score of its incident, which grows; 0 = unknown.
	AIAScore          Score                      // Score of the event itself; 0 = unknown.
	AttackPhases      []AttackPhase              // Phases of an attack that it belongs to.
	MITRETactics      []string                   // MITRE ATT&CK tactics, such as [TacticLateralMovement]; an open set.
	Acknowledged      bool                       // Somebody acknowledged the event.
	Pinned            bool                       // The event or its incident is pinned.
	UserTriggered     bool                       // A person started the investigation.
	ExternalTriggered bool                       // An outside system started the investigation.
	Sender            string                     // Sender of the mail, for Darktrace/EMAIL events; "" otherwise and before 6.1.
	BreachDevices     []Device                   // Devices that the event is about; empty for e-mail events.
	RelatedBreaches   []RelatedBreach            // Model alerts that belong to the event.
	Details           Details                    // The findings; walk them with AllDetails.
	Children          []string                   // Ids of the events it consists of; its own since 5.2.
	ActivityID        string                     // Legacy grouping: id of the activity.
	GroupingIDs       []string                   // Legacy grouping: ids.
	GroupByActivity   bool                       // Legacy grouping: by activity.
	URL               string                     // Link into the Threat Visualizer; only when asked for with IncludeURL.
	Explanations      json.RawMessage            // Steps of the investigation, block form only; nil otherwise.
	Figures           json.RawMessage            // Figures, block form only; nil otherwise.
	Extra             map[string]json.RawMessage // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Raw               json.RawMessage            // The event as it came; only when asked for with KeepRaw.
	Skipped           []string                   // Paths of what had an unexpected type, such as "relatedBreaches[2].pbid", at most 100; nil = nothing.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// AllDetails walks over every detail with the header of its block, in wire
// order, whichever form the body had. A detail without a key goes on with the one
// before. Where one group of details ends and the next begins does not show; for
// tables walk Details, their Blocks and the Groups of each.
func (e *IncidentEvent) AllDetails() iter.Seq2[string, Detail] {
	return func(yield func(string, Detail) bool) {
		for _, section := range e.Details {
			for _, block := range section.Blocks {
				for _, group := range block.Groups {
					for _, detail := range group {
						if !yield(block.Header, detail) {
							return
						}
					}
				}
			}
		}
	}
}

// FirstActivity returns when the activity began: the earliest start of its
// periods; zero without any.
func (e *IncidentEvent) FirstActivity() Millis {
	var first Millis
	for _, p := range e.Periods {
		if p.Start != 0 && (first == 0 || p.Start < first) {
			first = p.Start
		}
	}
	return first
}

// LastActivity returns when the activity ended: the latest time of its periods;
// zero without any.
func (e *IncidentEvent) LastActivity() Millis {
	var last Millis
	for _, p := range e.Periods {
		last = max(last, p.Start, p.End)
	}
	return last
}

// IsSaaS tells whether the event is about an account of a SaaS service.
func (e *IncidentEvent) IsSaaS() bool { return slices.ContainsFunc(e.BreachDevices, Device.IsSaaS) }

// IsEmail tells whether the event comes from Darktrace/EMAIL; such events have a
// sender and no devices.
func (e *IncidentEvent) IsEmail() bool { return e.Sender != "" }

// GroupIDs returns the ids that the event's incident has and had: the current
// one first, then those before merges.
func (e *IncidentEvent) GroupIDs() []string {
	ids := make([]string, 0, 1+len(e.PreviousGroups))
	for _, id := range append([]string{e.CurrentGroup}, e.PreviousGroups...) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Period is a span of time.
type Period struct {
	Start Millis  // Begin; 0 = unknown.
	End   Millis  // End; 0 = unknown.
	Extra RawJSON // What the fields above can't hold; see [RawJSON].
}

// String renders the period with an en dash, times as RFC 3339 in UTC.
func (p Period) String() string {
	if p.Start == 0 || p.End == 0 {
		return cmp.Or(p.Start, p.End).String()
	}
	return dashed(p.Start, p.End)
}

// RelatedBreach is a model alert that belongs to an event.
type RelatedBreach struct {
	ModelName   string  // Name of the model, its parts joined with " / ".
	PBID        int64   // Id of the model alert on the appliance.
	ThreatScore Score   // Score of the model alert; 0 = unknown.
	Timestamp   Millis  // When the model was breached.
	Extra       RawJSON // What the fields above can't hold; see [RawJSON].
}

// MITRE ATT&CK tactics as the API spells them.
const (
	TacticReconnaissance      = "reconnaissance"       // Reconnaissance.
	TacticResourceDevelopment = "resource-development" // Resource Development.
	TacticInitialAccess       = "initial-access"       // Initial Access.
	TacticExecution           = "execution"            // Execution.
	TacticPersistence         = "persistence"          // Persistence.
	TacticPrivilegeEscalation = "privilege-escalation" // Privilege Escalation.
	TacticDefenseEvasion      = "defense-evasion"      // Defense Evasion.
	// TacticCredentialAccess is Credential Access.
	TacticCredentialAccess  = "credential-access"   //nolint:gosec // A name, no credential.
	TacticDiscovery         = "discovery"           // Discovery.
	TacticLateralMovement   = "lateral-movement"    // Lateral Movement.
	TacticCollection        = "collection"          // Collection.
	TacticCommandAndControl = "command-and-control" // Command and Control.
	TacticExfiltration      = "exfiltration"        // Exfiltration.
	TacticImpact            = "impact"              // Impact.
)

// TacticName returns how MITRE ATT&CK writes a tactic: "Command and Control" for
// "command-and-control". Tactics without a constant here are treated alike.
func TacticName(tactic string) string {
	words := strings.Split(tactic, "-")
	for i, word := range words {
		if word != "and" && word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}
