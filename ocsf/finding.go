package ocsf

// Version is the version of the OCSF schema.
const Version = "1.5.0"

// ClassUID and CategoryUID identify the class Detection Finding.
const (
	ClassUID    = 2004 // Detection Finding.
	CategoryUID = 2    // Findings.
)

// Activity says what happened to a finding.
type Activity int64

// The activities of findings that are mapped.
const (
	ActivityCreate Activity = 1 // The finding is new.
	ActivityUpdate Activity = 2 // The finding was delivered before, and has changed.
)

// Severity is the severity of a finding.
type Severity int64

// The severities that categories are mapped to.
const (
	SeverityUnknown       Severity = 0  // The appliance sent no category.
	SeverityInformational Severity = 1  // Category informational.
	SeverityLow           Severity = 2  // Category compliance.
	SeverityMedium        Severity = 3  // Category suspicious.
	SeverityCritical      Severity = 5  // Category critical.
	SeverityOther         Severity = 99 // A category that has no constant.
)

// Status is the progress of the work on a finding.
type Status int64

// The statuses that OCSF has.
const (
	StatusNew        Status = 1 // Nobody has looked at it.
	StatusInProgress Status = 2 // Somebody is looking at it.
	StatusSuppressed Status = 3 // It was found benign or false.
	StatusResolved   Status = 4 // The work is done.
	StatusArchived   Status = 5 // It is archived.
)

// DetectionFinding is an event of class 2004. Encode it with encoding/json; empty
// optional fields are left out. Times are in milliseconds since 1970 UTC.
type DetectionFinding struct {
	ActivityID   Activity     `json:"activity_id"`           // What happened to the finding.
	ActivityName string       `json:"activity_name"`         // The same as text.
	CategoryUID  int64        `json:"category_uid"`          // [CategoryUID].
	CategoryName string       `json:"category_name"`         // "Findings".
	ClassUID     int64        `json:"class_uid"`             // [ClassUID].
	ClassName    string       `json:"class_name"`            // "Detection Finding".
	TypeUID      int64        `json:"type_uid"`              // ClassUID * 100 + ActivityID.
	TypeName     string       `json:"type_name"`             // "Detection Finding: Create" or "…: Update".
	Time         int64        `json:"time"`                  // When the finding was created; 0 if unknown.
	StartTime    int64        `json:"start_time,omitempty"`  // Start of the activity; 0 = unknown.
	EndTime      int64        `json:"end_time,omitempty"`    // End of the activity; 0 = unknown.
	Duration     int64        `json:"duration,omitempty"`    // From StartTime to EndTime; 0 = none or unknown.
	SeverityID   Severity     `json:"severity_id"`           // Severity.
	Severity     string       `json:"severity"`              // The same as text.
	StatusID     Status       `json:"status_id,omitempty"`   // Progress of the work on it; 0 = unknown.
	Status       string       `json:"status,omitempty"`      // The same as text.
	IsAlert      bool         `json:"is_alert"`              // True: it needs attention.
	Message      string       `json:"message,omitempty"`     // What happened, for people.
	RiskScore    int64        `json:"risk_score,omitempty"`  // Score, 0 to 100; 0 = unknown.
	Metadata     Metadata     `json:"metadata"`              // Origin of the finding.
	FindingInfo  FindingInfo  `json:"finding_info"`          // The finding itself.
	Device       *Device      `json:"device,omitempty"`      // The affected device; nil = none.
	Resources    []Resource   `json:"resources,omitempty"`   // All affected devices and accounts.
	Evidences    []Evidence   `json:"evidences,omitempty"`   // Evidence for the finding.
	Observables  []Observable `json:"observables,omitempty"` // Values to search by, from any field.
	Unmapped     *Unmapped    `json:"unmapped,omitempty"`    // Fields that OCSF does not have.
	RawData      string       `json:"raw_data,omitempty"`    // The event's JSON, if KeepRaw kept it.
}

// Metadata is the origin of a finding.
type Metadata struct {
	Version        string  `json:"version"`                   // [Version].
	UID            string  `json:"uid"`                       // Id of this message: finding_info.uid, or the key of a change.
	CorrelationUID string  `json:"correlation_uid,omitempty"` // Id of the incident.
	Product        Product `json:"product"`                   // Darktrace.
	LogProvider    string  `json:"log_provider,omitempty"`    // Host of the appliance: the host of Options.BaseURL, or the Source of a change.
	ProcessedTime  int64   `json:"processed_time,omitempty"`  // Options.ReadAt.
}

// Product is the product that found it.
type Product struct {
	Name       string  `json:"name"`              // "Darktrace".
	VendorName string  `json:"vendor_name"`       // "Darktrace".
	Version    string  `json:"version,omitempty"` // Options.Version.
	Feature    Feature `json:"feature"`           // The part of the product.
}

// Feature is a part of a product.
type Feature struct {
	Name string `json:"name"` // "AI Analyst" or "Model alerts".
}

// FindingInfo is the finding itself.
type FindingInfo struct {
	UID                string         `json:"uid"`                            // Id of the finding, which never changes.
	Title              string         `json:"title,omitempty"`                // Title.
	Desc               string         `json:"desc,omitempty"`                 // What happened, for people.
	CreatedTime        int64          `json:"created_time,omitempty"`         // When it was created.
	FirstSeenTime      int64          `json:"first_seen_time,omitempty"`      // Start of the activity.
	LastSeenTime       int64          `json:"last_seen_time,omitempty"`       // End of the activity.
	SrcURL             string         `json:"src_url,omitempty"`              // Link into the Threat Visualizer.
	Types              []string       `json:"types,omitempty"`                // Summariser of the event, or folders of the model.
	Analytic           *Analytic      `json:"analytic,omitempty"`             // Analytic that found it; nil = unknown.
	Attacks            []Attack       `json:"attacks,omitempty"`              // MITRE ATT&CK.
	RelatedEvents      []RelatedEvent `json:"related_events,omitempty"`       // Model alerts of an event, or events of a model alert.
	RelatedEventsCount int64          `json:"related_events_count,omitempty"` // Number of RelatedEvents.
}

// Analytic is the rule or method that found it.
type Analytic struct {
	Name    string `json:"name,omitempty"`    // Summariser of the event, or name of the model.
	UID     string `json:"uid,omitempty"`     // Id of the model on every appliance; "" for events.
	Desc    string `json:"desc,omitempty"`    // Description of the model; "" for events.
	Version string `json:"version,omitempty"` // Version of the model; "" for events.
	TypeID  int64  `json:"type_id"`           // 4 Learning for events, 1 Rule for models.
	Type    string `json:"type"`              // The same as text.
}

// Attack is a tactic or a technique of MITRE ATT&CK.
type Attack struct {
	Tactic       *Tactic    `json:"tactic,omitempty"`        // The tactic; nil = none.
	Technique    *Technique `json:"technique,omitempty"`     // The technique, of model alerts; nil = none.
	SubTechnique *Technique `json:"sub_technique,omitempty"` // The sub-technique; nil = none.
}

// Tactic is a tactic of MITRE ATT&CK.
type Tactic struct {
	UID    string `json:"uid,omitempty"`     // Id, such as "TA0008".
	Name   string `json:"name,omitempty"`    // Name, such as "Lateral Movement".
	SrcURL string `json:"src_url,omitempty"` // Link.
}

// Technique is a technique or a sub-technique of MITRE ATT&CK.
type Technique struct {
	UID    string `json:"uid"`               // Id, such as "T1071", or "T1071.001" for a sub-technique.
	Name   string `json:"name,omitempty"`    // Name; "" = unknown.
	SrcURL string `json:"src_url,omitempty"` // Link.
}

// RelatedEvent is another finding that belongs to a finding.
type RelatedEvent struct {
	UID         string     `json:"uid"`                    // The finding_info.uid of the finding.
	Title       string     `json:"title,omitempty"`        // Name of the model, or title.
	TypeUID     int64      `json:"type_uid"`               // 200401: a new detection finding.
	TypeName    string     `json:"type_name"`              // The same as text.
	CreatedTime int64      `json:"created_time,omitempty"` // When it was created.
	Tags        []KeyValue `json:"tags,omitempty"`         // Its score on the appliance, as threat_score.
}

// KeyValue is a name with a value.
type KeyValue struct {
	Name  string `json:"name"`  // Name.
	Value string `json:"value"` // Value.
}

// Device is a device.
type Device struct {
	TypeID        int64  `json:"type_id"`                   // Type; 0, because events do not contain it.
	Type          string `json:"type"`                      // The same as text.
	UID           string `json:"uid,omitempty"`             // Device id on the appliance.
	Name          string `json:"name,omitempty"`            // Best name.
	Hostname      string `json:"hostname,omitempty"`        // Host name.
	IP            string `json:"ip,omitempty"`              // Valid address.
	MAC           string `json:"mac,omitempty"`             // Valid hardware address, such as "00:00:5E:00:53:11".
	Subnet        string `json:"subnet,omitempty"`          // Subnet, if it is a range of addresses.
	VendorName    string `json:"vendor_name,omitempty"`     // Manufacturer of the network card; only for model alerts.
	FirstSeenTime int64  `json:"first_seen_time,omitempty"` // When it was first seen; only for model alerts.
	LastSeenTime  int64  `json:"last_seen_time,omitempty"`  // When it was last seen; only for model alerts.
}

// Resource is a device or an account of a SaaS service.
type Resource struct {
	UID       string `json:"uid,omitempty"`       // Device id on the appliance.
	Name      string `json:"name,omitempty"`      // Best name.
	Type      string `json:"type"`                // "Device" or "Account".
	Hostname  string `json:"hostname,omitempty"`  // Host name.
	IP        string `json:"ip,omitempty"`        // Valid address.
	Namespace string `json:"namespace,omitempty"` // Service of an account, such as "Office365".
	Owner     *User  `json:"owner,omitempty"`     // User of an account; nil for devices.
}

// User is a user.
type User struct {
	Name      string `json:"name"`                 // Name.
	UID       string `json:"uid,omitempty"`        // Device id of an account on the appliance.
	EmailAddr string `json:"email_addr,omitempty"` // The name, if it is an e-mail address.
	Domain    string `json:"domain,omitempty"`     // Service of an account, such as "Office365".
}

// Evidence is evidence for a finding.
type Evidence struct {
	Name        string    `json:"name,omitempty"`         // Header of the details.
	Data        *Data     `json:"data,omitempty"`         // A group of details; nil = none.
	Device      *Device   `json:"device,omitempty"`       // A device; nil = none.
	SrcEndpoint *Endpoint `json:"src_endpoint,omitempty"` // An external host of an event about an account; nil = none.
	DstEndpoint *Endpoint `json:"dst_endpoint,omitempty"` // An external host of any other event; nil = none.
	User        *User     `json:"user,omitempty"`         // A user; nil = none.
	Email       *Email    `json:"email,omitempty"`        // An e-mail; nil = none.
}

// Data is a group of details.
type Data struct {
	Details   []Detail   `json:"details,omitempty"`   // The details of an event, in order.
	Component *Component `json:"component,omitempty"` // A component of a model alert; nil for events.
}

// Detail is a line of the findings.
type Detail struct {
	Key    string   `json:"key,omitempty"`    // Key; "" continues the detail before.
	Type   string   `json:"type,omitempty"`   // Type of the values on the wire.
	Values []string `json:"values,omitempty"` // Values as text for people.
}

// Component is a component of a model with what matched it.
type Component struct {
	Time      int64    `json:"time,omitempty"`              // When it matched.
	CID       int64    `json:"cid,omitempty"`               // Id of the component.
	Metric    string   `json:"metric,omitempty"`            // What is measured, for people.
	Size      float64  `json:"size"`                        // Measured value.
	Threshold float64  `json:"threshold"`                   // What Size had to exceed.
	Interval  int64    `json:"interval,omitempty"`          // Seconds over which it was measured.
	IP        string   `json:"ip,omitempty"`                // Address, or a range.
	Port      int64    `json:"port,omitempty"`              // Port.
	Filters   []Filter `json:"triggered_filters,omitempty"` // Filters with the values that they matched.
}

// Filter is a filter of a component with the value that it matched.
type Filter struct {
	ID         string `json:"id,omitempty"`              // Letter in the logic of the component.
	FilterType string `json:"filter_type,omitempty"`     // What is compared, such as "Destination port".
	Comparator string `json:"comparator_type,omitempty"` // How it is compared.
	Argument   string `json:"argument,omitempty"`        // What it is compared with.
	Value      string `json:"value,omitempty"`           // Value that it matched.
}

// Endpoint is a host outside the network.
type Endpoint struct {
	Name     string `json:"name,omitempty"`     // Name, if it is neither host name nor address.
	Hostname string `json:"hostname,omitempty"` // Host name.
	IP       string `json:"ip,omitempty"`       // Valid address.
}

// Email is an e-mail.
type Email struct {
	From string `json:"from"` // The sender.
}

// Observable is a value to search by.
type Observable struct {
	Name   string `json:"name"`    // Path of the value in the finding, such as "device.ip".
	TypeID int64  `json:"type_id"` // Type: 1 hostname, 2 IP address, 3 MAC address, 4 user name, 5 e-mail address, 6 URL.
	Type   string `json:"type"`    // The same as text.
	Value  string `json:"value"`   // The value.
}

// Unmapped holds fields that OCSF does not have.
type Unmapped struct {
	AIAnalyst   *AIAnalyst   `json:"ai_analyst,omitempty"`   // For an incident event; nil otherwise.
	ModelBreach *ModelBreach `json:"model_breach,omitempty"` // For a model alert; nil otherwise.
}

// AIAnalyst holds the fields of an incident event that OCSF does not have,
// under their names on the wire in snake case.
type AIAnalyst struct {
	Category          string        `json:"category,omitempty"`              // Category of the event.
	GroupCategory     string        `json:"group_category,omitempty"`        // Category of the incident.
	AIAScore          float64       `json:"aia_score,omitempty"`             // Score of the event, 0 to 100.
	GroupScore        float64       `json:"group_score,omitempty"`           // Score of the incident, 0 to 100.
	PreviousGroups    []string      `json:"group_previous_groups,omitempty"` // Former and other ids of the incident.
	AttackPhases      []int64       `json:"attack_phases,omitempty"`         // Phases of an attack, 1 to 6.
	MITRETactics      []string      `json:"mitre_tactics,omitempty"`         // Tactics in the spelling of the API.
	Acknowledged      bool          `json:"acknowledged"`                    // Somebody acknowledged the event.
	Pinned            bool          `json:"pinned"`                          // The event or its incident is pinned.
	UserTriggered     bool          `json:"user_triggered"`                  // A person started the investigation.
	ExternalTriggered bool          `json:"external_triggered"`              // An outside system started the investigation.
	Periods           []Period      `json:"periods,omitempty"`               // When the activity took place.
	MaskedIP          []string      `json:"masked_ip,omitempty"`             // Values that are not valid addresses: anonymised ones and ranges.
	Children          []string      `json:"children,omitempty"`              // Ids of the events that it consists of.
	ActivityID        string        `json:"activity_id,omitempty"`           // Legacy grouping.
	GroupingIDs       []string      `json:"grouping_ids,omitempty"`          // Legacy grouping.
	GroupByActivity   bool          `json:"group_by_activity"`               // Legacy grouping.
	Changes           []FieldChange `json:"changes,omitempty"`               // What has changed, from FromChange; nil otherwise.
}

// ModelBreach holds the fields of a model alert that OCSF does not have, under
// their names on the wire in snake case.
type ModelBreach struct {
	PBID         int64         `json:"pbid,omitempty"`         // Id of the alert on the appliance.
	CommentCount int64         `json:"comment_count"`          // Number of comments.
	PercentScore float64       `json:"percentscore,omitempty"` // Score of the alert, 0 to 100.
	DeviceScore  float64       `json:"devicescore,omitempty"`  // Score of the device, 0 to 100.
	Acknowledged *bool         `json:"acknowledged,omitempty"` // Somebody acknowledged it; nil = unknown.
	Category     string        `json:"category,omitempty"`     // Category of the model, unchanged.
	Compliance   bool          `json:"compliance"`             // It is a compliance model.
	Priority     int64         `json:"priority,omitempty"`     // Priority of the model, 0 to 5.
	PID          int64         `json:"pid,omitempty"`          // Id of the model on the appliance.
	PHID         int64         `json:"phid,omitempty"`         // Id of the revision of the model.
	Tags         []string      `json:"tags,omitempty"`         // Tags of the model.
	DeviceTags   []string      `json:"device_tags,omitempty"`  // Names of the tags of the device.
	MaskedIP     []string      `json:"masked_ip,omitempty"`    // Values that are not valid addresses: anonymised ones and ranges.
	Changes      []FieldChange `json:"changes,omitempty"`      // What has changed, from FromBreachChange; nil otherwise.
}

// Period is a span of time.
type Period struct {
	Start int64 `json:"start,omitempty"` // Start.
	End   int64 `json:"end,omitempty"`   // End.
}

// FieldChange is a field that has changed, with its values as text.
type FieldChange struct {
	Field string `json:"field"` // Name of the field on the wire.
	Old   string `json:"old"`   // Value at the last delivery.
	New   string `json:"new"`   // Current value.
}
