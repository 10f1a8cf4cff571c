package ecs

// Version is the version of the Elastic Common Schema.
const Version = "8.17.0"

// Document is a document of the Elastic Common Schema. Encode it with
// encoding/json; empty fields are left out.
type Document struct {
	// ID identifies the document: index it as _id. It is the id of the event or the
	// model alert, and is not encoded: documents in a file differ by event.id.
	ID        string    `json:"-"`
	Timestamp string    `json:"@timestamp"`        // When the event was created, with milliseconds, in UTC; 1970 if unknown.
	Message   string    `json:"message,omitempty"` // What happened, for people.
	ECS       ECS       `json:"ecs"`               // Version of the schema.
	Event     Event     `json:"event"`             // Kind, severity and times of the event.
	Host      *Host     `json:"host,omitempty"`    // The affected device; nil = none.
	User      *User     `json:"user,omitempty"`    // The affected account; nil = none.
	Email     *Email    `json:"email,omitempty"`   // The e-mail; nil = none.
	Related   *Related  `json:"related,omitempty"` // Addresses, hosts and users, to search by; nil = none.
	Rule      *Rule     `json:"rule,omitempty"`    // What detected it; nil = unknown.
	Threat    *Threat   `json:"threat,omitempty"`  // MITRE ATT&CK; nil = not classified.
	Observer  Observer  `json:"observer"`          // The appliance.
	Darktrace Darktrace `json:"darktrace"`         // Fields that ECS does not have.
}

// ECS is the field set ecs.
type ECS struct {
	Version string `json:"version"` // [Version].
}

// Event is the field set event.
type Event struct {
	ID            string   `json:"id"`                        // Id of the event or model alert.
	Kind          string   `json:"kind"`                      // "alert".
	Category      []string `json:"category"`                  // "intrusion_detection"; "email" as well for e-mail events.
	Type          []string `json:"type"`                      // "info".
	Module        string   `json:"module"`                    // "darktrace".
	Dataset       string   `json:"dataset"`                   // "darktrace.ai_analyst" or "darktrace.model_breach".
	Action        string   `json:"action,omitempty"`          // "new" or "updated", from FromChange and FromBreachChange.
	Reason        string   `json:"reason,omitempty"`          // Title.
	Severity      int64    `json:"severity,omitempty"`        // 1 informational, 2 compliance, 3 suspicious, 4 critical; 0 = unknown.
	RiskScore     float64  `json:"risk_score,omitempty"`      // Score, 0 to 100; 0 = unknown.
	RiskScoreNorm float64  `json:"risk_score_norm,omitempty"` // The same: the scale of the appliance is the normalised one.
	Start         string   `json:"start,omitempty"`           // Start of the activity.
	End           string   `json:"end,omitempty"`             // End of the activity.
	Duration      int64    `json:"duration,omitempty"`        // From Start to End, in nanoseconds; 0 = none, unknown, negative or more than 292 years.
	Created       string   `json:"created,omitempty"`         // When it was read: Options.ReadAt.
	URL           string   `json:"url,omitempty"`             // Link into the Threat Visualizer.
	Original      string   `json:"original,omitempty"`        // The event's JSON, if KeepRaw kept it.
}

// Host is the field set host.
type Host struct {
	ID       string   `json:"id,omitempty"`       // Device id on the appliance.
	Name     string   `json:"name,omitempty"`     // Best name of the device; a host name in lower case.
	Hostname string   `json:"hostname,omitempty"` // Host name.
	IP       []string `json:"ip,omitempty"`       // Valid addresses.
	MAC      []string `json:"mac,omitempty"`      // Valid hardware addresses, such as "00-00-5E-00-53-11".
}

// User is the field set user.
type User struct {
	Name  string `json:"name"`            // Name of the account.
	Email string `json:"email,omitempty"` // The name, if it is an e-mail address.
}

// Email is the field set email.
type Email struct {
	From Addresses `json:"from"` // The sender.
}

// Addresses is a list of e-mail addresses.
type Addresses struct {
	Address []string `json:"address"` // The addresses.
}

// Related is the field set related: values to search by, from any field.
type Related struct {
	IP    []string `json:"ip,omitempty"`    // Valid addresses.
	Hosts []string `json:"hosts,omitempty"` // Names of devices and hosts.
	User  []string `json:"user,omitempty"`  // Names of users and accounts.
}

// Rule is the field set rule.
type Rule struct {
	Name        string `json:"name"`                  // Summariser of the event, or name of the model.
	ID          string `json:"id,omitempty"`          // Id of the model on the appliance.
	UUID        string `json:"uuid,omitempty"`        // Id of the model on every appliance.
	Version     string `json:"version,omitempty"`     // Version of the model.
	Category    string `json:"category,omitempty"`    // Outermost folder of the model.
	Description string `json:"description,omitempty"` // Description of the model.
	Ruleset     string `json:"ruleset,omitempty"`     // "AI Analyst" or "Models".
}

// Threat is the field set threat.
type Threat struct {
	Framework string     `json:"framework"`           // "MITRE ATT&CK".
	Tactic    *Tactic    `json:"tactic,omitempty"`    // Tactics; nil = none.
	Technique *Technique `json:"technique,omitempty"` // Techniques, of model alerts; nil = none.
}

// Tactic is the field set threat.tactic, as parallel lists: the same index is
// the same tactic, unless a tactic has no id.
type Tactic struct {
	ID        []string `json:"id,omitempty"`        // Ids, such as "TA0008".
	Name      []string `json:"name,omitempty"`      // Names, such as "Lateral Movement".
	Reference []string `json:"reference,omitempty"` // Links.
}

// Technique is the field set threat.technique: lists, each technique once.
type Technique struct {
	ID           []string      `json:"id"`                     // Ids, such as "T1071".
	Name         []string      `json:"name,omitempty"`         // Names, if known.
	Reference    []string      `json:"reference"`              // Links.
	Subtechnique *Subtechnique `json:"subtechnique,omitempty"` // Sub-techniques; nil = none.
}

// Subtechnique is the field set threat.technique.subtechnique.
type Subtechnique struct {
	ID        []string `json:"id"`             // Ids, such as "T1071.001".
	Name      []string `json:"name,omitempty"` // Names, if known.
	Reference []string `json:"reference"`      // Links.
}

// Observer is the field set observer: the appliance.
type Observer struct {
	Vendor   string   `json:"vendor"`             // "Darktrace".
	Product  string   `json:"product"`            // "Threat Visualizer".
	Type     string   `json:"type"`               // "ids".
	Hostname string   `json:"hostname,omitempty"` // Host of Options.BaseURL, or the Source of a change.
	IP       []string `json:"ip,omitempty"`       // The same, if it is an address.
	Version  string   `json:"version,omitempty"`  // Options.Version.
}

// Darktrace holds fields that ECS does not have.
type Darktrace struct {
	AIAnalyst   *AIAnalyst   `json:"ai_analyst,omitempty"`   // For an incident event; nil otherwise.
	ModelBreach *ModelBreach `json:"model_breach,omitempty"` // For a model alert; nil otherwise.
}

// AIAnalyst is darktrace.ai_analyst: the fields of an incident event under their
// names on the wire, in snake case.
type AIAnalyst struct {
	IncidentID        string          `json:"incident_id,omitempty"`           // Id of its incident; "" before 5.2.
	CurrentGroup      string          `json:"current_group,omitempty"`         // Id of its incident, unchanged.
	PreviousGroups    []string        `json:"group_previous_groups,omitempty"` // Former and other ids of the incident.
	GroupCategory     string          `json:"group_category,omitempty"`        // Category of the incident.
	GroupScore        float64         `json:"group_score,omitempty"`           // Score of the incident, 0 to 100.
	Category          string          `json:"category,omitempty"`              // Category of the event.
	AIAScore          float64         `json:"aia_score,omitempty"`             // Score of the event, 0 to 100.
	Summariser        string          `json:"summariser,omitempty"`            // Component that wrote the event.
	AttackPhases      []int64         `json:"attack_phases,omitempty"`         // Phases of an attack, 1 to 6.
	MITRETactics      []string        `json:"mitre_tactics,omitempty"`         // Tactics in the spelling of the API.
	Acknowledged      bool            `json:"acknowledged"`                    // Somebody acknowledged the event.
	Pinned            bool            `json:"pinned"`                          // The event or its incident is pinned.
	UserTriggered     bool            `json:"user_triggered"`                  // A person started the investigation.
	ExternalTriggered bool            `json:"external_triggered"`              // An outside system started the investigation.
	Sender            string          `json:"sender,omitempty"`                // Sender of the e-mail.
	Periods           []Period        `json:"periods,omitempty"`               // When the activity took place.
	BreachDevices     []Device        `json:"breach_devices,omitempty"`        // Devices and accounts that the event is about.
	RelatedBreaches   []RelatedBreach `json:"related_breaches,omitempty"`      // Model alerts that belong to it.
	Details           []Detail        `json:"details,omitempty"`               // The findings, in order.
	MaskedIP          []string        `json:"masked_ip,omitempty"`             // Values that are not valid addresses: anonymised ones and ranges.
	Children          []string        `json:"children,omitempty"`              // Ids of the events that it consists of.
	ActivityID        string          `json:"activity_id,omitempty"`           // Legacy grouping.
	GroupingIDs       []string        `json:"grouping_ids,omitempty"`          // Legacy grouping.
	GroupByActivity   bool            `json:"group_by_activity"`               // Legacy grouping.
	Change            *Change         `json:"change,omitempty"`                // From FromChange; nil otherwise.
}

// Period is a span of time.
type Period struct {
	Start string `json:"start,omitempty"` // Start.
	End   string `json:"end,omitempty"`   // End.
}

// Device is a device, or an account of a SaaS service.
type Device struct {
	DID        int64  `json:"did,omitempty"`         // Device id on the appliance.
	SID        int64  `json:"sid,omitempty"`         // Subnet id; -9 for accounts.
	Identifier string `json:"identifier,omitempty"`  // Name that the appliance shows.
	Hostname   string `json:"hostname,omitempty"`    // Host name.
	IP         string `json:"ip,omitempty"`          // Valid address.
	MaskedIP   string `json:"masked_ip,omitempty"`   // Value that is not a valid address.
	MAC        string `json:"mac,omitempty"`         // Hardware address, unchanged.
	Subnet     string `json:"subnet,omitempty"`      // Subnet, as text.
	SaaSModule string `json:"saas_module,omitempty"` // Service of an account, such as "Office365".
	SaaSUser   string `json:"saas_user,omitempty"`   // User of an account.
}

// RelatedBreach is a model alert that belongs to an event.
type RelatedBreach struct {
	ModelName   string  `json:"model_name,omitempty"`   // Name of the model.
	PBID        int64   `json:"pbid,omitempty"`         // Id of the model alert.
	ThreatScore float64 `json:"threat_score,omitempty"` // Score, 0 to 100.
	Timestamp   string  `json:"timestamp,omitempty"`    // When the model was breached.
}

// Detail is a line of the findings.
type Detail struct {
	Group  int64    `json:"group"`            // Number of the group that the detail belongs to, from 0.
	Header string   `json:"header,omitempty"` // Header of its block.
	Key    string   `json:"key,omitempty"`    // Key; "" continues the detail before.
	Type   string   `json:"type,omitempty"`   // Type of the values on the wire.
	Values []string `json:"values,omitempty"` // Values as text for people.
}

// Change describes what has changed; see [darktrace.EventChange].
type Change struct {
	Key    string        `json:"key,omitempty"`    // Key of the change: a repeated change has the same key.
	Kind   string        `json:"kind"`             // "new" or "updated".
	Fields []FieldChange `json:"fields,omitempty"` // What has changed; nil for a new event.
}

// FieldChange is a field that has changed, with its values as text.
type FieldChange struct {
	Field string `json:"field"` // Name of the field on the wire.
	Old   string `json:"old"`   // Value at the last delivery.
	New   string `json:"new"`   // Current value.
}

// ModelBreach is darktrace.model_breach: the fields of a model alert under their
// names on the wire, in snake case.
type ModelBreach struct {
	PBID                int64                `json:"pbid,omitempty"`                 // Id of the alert on the appliance.
	Time                string               `json:"time,omitempty"`                 // First activity that belongs to it.
	CreationTime        string               `json:"creation_time,omitempty"`        // When it was created.
	CommentCount        int64                `json:"comment_count"`                  // Number of comments.
	PercentScore        float64              `json:"percentscore,omitempty"`         // Score of the alert, 0 to 100.
	DeviceScore         float64              `json:"devicescore,omitempty"`          // Score of the device, 0 to 100.
	Acknowledged        *bool                `json:"acknowledged,omitempty"`         // Somebody acknowledged it; nil = unknown.
	Model               BreachModel          `json:"model"`                          // The model at the time of the alert.
	Device              *BreachDevice        `json:"device,omitempty"`               // The device; nil = none.
	TriggeredComponents []TriggeredComponent `json:"triggered_components,omitempty"` // What matched.
	AIAnalystEvents     []string             `json:"aianalyst_events,omitempty"`     // Ids of the incident events that it belongs to; pushed alerts only.
	MaskedIP            []string             `json:"masked_ip,omitempty"`            // Values that are not valid addresses: anonymised ones and ranges.
	Change              *Change              `json:"change,omitempty"`               // From FromBreachChange; nil otherwise.
}

// BreachModel is the model of an alert.
type BreachModel struct {
	Name       string   `json:"name,omitempty"`     // Name; folders are joined by "::".
	PID        int64    `json:"pid,omitempty"`      // Id on the appliance.
	PHID       int64    `json:"phid,omitempty"`     // Id of the revision.
	UUID       string   `json:"uuid,omitempty"`     // Id on every appliance.
	Priority   int64    `json:"priority,omitempty"` // Priority, 0 to 5.
	Category   string   `json:"category,omitempty"` // Category, unchanged.
	Compliance bool     `json:"compliance"`         // It is a compliance model.
	Tags       []string `json:"tags,omitempty"`     // Tags.
	Tactics    []string `json:"tactics,omitempty"`  // MITRE tactics in the spelling of the API.
}

// BreachDevice is the device of a model alert.
type BreachDevice struct {
	Device
	TypeName  string   `json:"typename,omitempty"`   // Type, such as "desktop".
	Vendor    string   `json:"vendor,omitempty"`     // Manufacturer of the network card.
	OS        string   `json:"os,omitempty"`         // Operating system.
	Priority  int64    `json:"priority,omitempty"`   // Priority, -5 to 5.
	FirstSeen string   `json:"first_seen,omitempty"` // When it was first seen.
	LastSeen  string   `json:"last_seen,omitempty"`  // When it was last seen.
	Tags      []string `json:"tags,omitempty"`       // Names of its tags.
}

// TriggeredComponent is a component of a model with what matched it.
type TriggeredComponent struct {
	Time      string            `json:"time,omitempty"`              // When it matched.
	CID       int64             `json:"cid,omitempty"`               // Id of the component.
	Metric    string            `json:"metric,omitempty"`            // What is measured, for people.
	Size      float64           `json:"size"`                        // Measured value.
	Threshold float64           `json:"threshold"`                   // What Size had to exceed.
	Interval  int64             `json:"interval,omitempty"`          // Seconds over which it was measured.
	Port      int64             `json:"port,omitempty"`              // Port.
	Filters   []TriggeredFilter `json:"triggered_filters,omitempty"` // Filters with the values that they matched.
}

// TriggeredFilter is a filter of a component with the value that it matched.
type TriggeredFilter struct {
	ID         string `json:"id,omitempty"`              // Letter in the logic of the component.
	FilterType string `json:"filter_type,omitempty"`     // What is compared, such as "Destination port".
	Comparator string `json:"comparator_type,omitempty"` // How it is compared.
	Argument   string `json:"argument,omitempty"`        // What it is compared with.
	Value      string `json:"value,omitempty"`           // Value that it matched.
}
