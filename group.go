package darktrace

import "encoding/json"

// IncidentGroup is an incident: events that belong together. There is nothing
// to acknowledge, pin or comment on a group itself; act on each of its events.
//
// Threat Visualizer API: GET /aianalyst/groups.
type IncidentGroup struct {
	ID                string                     // Id of the incident; the founding event's id after a "g".
	Active            bool                       // The activity goes on.
	Acknowledged      bool                       // The incident is acknowledged.
	Pinned            bool                       // The incident is pinned.
	UserTriggered     bool                       // A person started an investigation.
	ExternalTriggered bool                       // An outside system started an investigation.
	PreviousIDs       []string                   // Ids of incidents that were merged into this one.
	URL               string                     // Link into the Threat Visualizer; only when asked for with IncludeURL.
	Events            []GroupEvent               // Its events.
	MITRETactics      []string                   // MITRE ATT&CK tactics, such as [TacticLateralMovement]; nil before 6.0.
	Devices           []int64                    // Ids of the devices that take part.
	InitialDevices    []int64                    // Ids of the devices that it began with.
	Category          Category                   // Category.
	GroupScore        Score                      // Score, which grows; 0 = unknown.
	Start             Millis                     // Begin of the activity, which can be long ago.
	End               Millis                     // End of the activity so far.
	Edges             []Edge                     // How its devices and hosts are connected.
	Extra             map[string]json.RawMessage // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Raw               json.RawMessage            // The group as it came; only when asked for with KeepRaw.
	Skipped           []string                   // Paths of what had an unexpected type, such as "edges[2].start", at most 100; nil = nothing.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// GroupEvent is an event as its incident lists it.
type GroupEvent struct {
	ID           string  // Id of the event, for GetEvent.
	Title        string  // Title, localised.
	Start        Millis  // Begin of the activity.
	TriggerDID   int64   // Device that triggered it; 0 for e-mail events.
	Sender       string  // Sender of the mail, for Darktrace/EMAIL events; "" otherwise and before 6.1.
	Visible      bool    // The event shows in the Threat Visualizer; always encoded.
	Acknowledged *bool   // Somebody acknowledged the event; nil = unknown, before 6.1.
	Extra        RawJSON // What the fields above can't hold; see [RawJSON].
}

// Edge connects two nodes of an incident.
type Edge struct {
	IsAction    bool     // The source acted on the target; always encoded.
	Source      Node     // Where it starts.
	Target      Node     // Where it ends.
	Start       Millis   // When; 0 = unknown.
	EventID     string   // Event that it comes from.
	Description string   // What happened, localised; "" = unknown.
	Details     []Detail // Details, in order.
	Extra       RawJSON  // What the fields above can't hold; see [RawJSON].
}

// Node is an end of an [Edge].
type Node struct {
	Type  NodeType    // Kind of node.
	Value DetailValue // [Integer], a device id, or [String], a host or address; nil = none.
	Extra RawJSON     // What the fields above can't hold; see [RawJSON].
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
