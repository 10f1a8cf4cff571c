package darktrace

import (
	"encoding/json"
	"log/slog"
	"strconv"
)

// IncidentGroup is an incident: a group of events that belong together. A group
// can't be acknowledged, pinned or commented on; act on its events, or call
// AcknowledgeGroup or ResolveGroup.
//
// Threat Visualizer API: GET /aianalyst/groups.
type IncidentGroup struct {
	ID                string                     `json:"id,omitzero" wire:"also=uuid"` // Id of the incident: a "g" and the id of the event that founded it.
	Active            bool                       `json:"active"`                       // The activity continues.
	Acknowledged      bool                       `json:"acknowledged"`                 // The group's own flag, independent of its events; see [AIAnalystService.GroupAcknowledged].
	Pinned            bool                       `json:"pinned"`                       // The incident is pinned.
	UserTriggered     bool                       `json:"userTriggered"`                // A person started an investigation.
	ExternalTriggered bool                       `json:"externalTriggered"`            // An outside system started an investigation.
	PreviousIDs       []string                   `json:"previousIds,omitzero"`         // Ids of incidents that were merged into this one.
	URL               string                     `json:"groupUrl,omitzero"`            // Link into the Threat Visualizer; only with IncludeURL.
	Events            []GroupEvent               `json:"incidentEvents,omitzero"`      // Its events.
	MITRETactics      []Tactic                   `json:"mitreTactics,omitzero"`        // MITRE ATT&CK tactics, such as [TacticLateralMovement]; nil before 6.0.
	Devices           []int64                    `json:"devices,omitzero"`             // Ids of the devices that take part.
	InitialDevices    []int64                    `json:"initialDevices,omitzero"`      // Ids of the devices that it started with.
	Category          Category                   `json:"category,omitzero"`            // Category.
	GroupScore        Score                      `json:"groupScore,omitzero"`          // Score, 0 to 100, which grows; 0 = unknown.
	Start             Millis                     `json:"start,omitzero"`               // Start of the activity, which can be long ago.
	End               Millis                     `json:"end,omitzero"`                 // End of the activity so far.
	Edges             []Edge                     `json:"edges,omitzero"`               // How its devices and hosts are connected.
	Extra             map[string]json.RawMessage `json:"-"`                            // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Raw               json.RawMessage            `json:"-"`                            // The incident's JSON, unchanged; only with KeepRaw.
	Skipped           []string                   `json:"-"`                            // Paths of values of an unexpected type, such as "edges[2].start", at most 100; nil = none.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// String describes the incident on one line: its start, its category and score,
// the title of its first event and how many more there are, and its id.
func (g *IncidentGroup) String() string {
	title := ""
	if len(g.Events) > 0 {
		title = titles(g.Events[0].Title, len(g.Events))
	}
	return oneLine(g.Start.String(), string(g.Category), scoreText(g.GroupScore), title, g.ID)
}

// titles names the first of n events, and how many more there are.
func titles(first string, n int) string {
	title := strconv.Quote(first)
	if n > 1 {
		title += " and " + strconv.Itoa(n-1) + " more"
	}
	return title
}

// LogValue returns what log/slog writes about the incident: its id, span of
// time, category and score, the number of its events and devices, and whether
// it is acknowledged.
func (g *IncidentGroup) LogValue() slog.Value {
	if g == nil {
		return slog.AnyValue(nil)
	}
	return slog.GroupValue(
		slog.String("id", g.ID), slog.String("start", g.Start.String()), slog.String("end", g.End.String()),
		slog.String("category", string(g.Category)), slog.Float64("score", float64(g.GroupScore)),
		slog.Int("events", len(g.Events)), slog.Int("devices", len(g.Devices)), slog.Bool("acknowledged", g.Acknowledged))
}

// GroupEvent is an event as its incident lists it.
type GroupEvent struct {
	ID           string  `json:"uuid,omitzero" wire:"also=id"` // Id of the event, for GetEvent.
	Title        string  `json:"title,omitzero"`               // Title, localised.
	Start        Millis  `json:"start,omitzero"`               // Start of the activity.
	TriggerDID   int64   `json:"triggerDid,omitzero"`          // Device that triggered it; 0 for e-mail events.
	Sender       string  `json:"sender,omitzero"`              // Sender of the mail, for Darktrace/EMAIL events; "" otherwise and before 6.1.
	Visible      bool    `json:"visible"`                      // The event shows in the Threat Visualizer; always encoded.
	Acknowledged *bool   `json:"acknowledged,omitzero"`        // Somebody acknowledged the event; nil = unknown: versions before 6.1 don't tell.
	Extra        RawJSON `json:"-"`                            // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// Edge connects two nodes of an incident.
type Edge struct {
	IsAction    bool     `json:"isAction"`                            // The source acted on the target; always encoded.
	Source      Node     `json:"source,omitzero"`                     // Where it starts.
	Target      Node     `json:"target,omitzero"`                     // Where it ends.
	Start       Millis   `json:"start,omitzero"`                      // When; 0 = unknown.
	EventID     string   `json:"incidentEvent,omitzero"`              // Event that it comes from.
	Description string   `json:"description,omitzero"`                // What happened, localised; "" = unknown.
	Details     []Detail `json:"details,omitzero" wire:"edgeDetails"` // Details, in order.
	Extra       RawJSON  `json:"-"`                                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// Node is an end of an [Edge].
type Node struct {
	Type  NodeType    `json:"nodeType,omitzero"`               // Kind of node.
	Value DetailValue `json:"value,omitzero" wire:"nodeValue"` // [IntegerValue], a device id, or [TextValue], a host or address; nil = none.
	Extra RawJSON     `json:"-"`                               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// NodeType names the kind of a [Node]. The set is open.
type NodeType string

// Node types.
const (
	NodeDevice       NodeType = "device"       // A device; the value is its id.
	NodeInternalIP   NodeType = "internalIp"   // An address inside the network.
	NodeExternalHost NodeType = "externalHost" // A host outside the network.
	NodeExternalIP   NodeType = "externalIp"   // An address outside the network.
)
