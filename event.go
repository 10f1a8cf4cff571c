package darktrace

import (
	"cmp"
	"encoding/json"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// IncidentEvent is an AI Analyst incident event: one finding with its
// explanation. Events that belong together form an incident (their group).
//
// Decoding never fails because of one field: see Skipped. Encoding restores the
// wire form, with Extra and in the form of details that was decoded. Small
// differences are possible: a null field may be left out, a single value where
// a list is documented becomes a list of one, and a number in a string becomes
// a number. Raw and Skipped are not encoded. An event that was not decoded
// always encodes its flags, and other fields only if they are neither zero nor
// nil.
//
// Don't embed an event in a struct that you pass to encoding/json: the struct
// would inherit the event's JSON methods, and its other fields would be
// ignored. Give the field a name, or the struct its own JSON methods.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
type IncidentEvent struct {
	ID                string                     `json:"id,omitzero" wire:"also=uuid"`    // Id of the event, which never changes.
	Title             string                     `json:"title,omitzero"`                  // Title, localised.
	Summary           Text                       `json:"summary,omitzero" wire:"summary"` // Summary, localised; paragraphs are separated by blank lines.
	Summariser        string                     `json:"summariser,omitzero"`             // System name of the component that wrote the event, such as "ScanSummary"; an open set.
	CreatedAt         Millis                     `json:"createdAt,omitzero"`              // When the event was created, up to a day after the activity.
	Periods           []Period                   `json:"periods,omitzero"`                // When the activity took place; may be empty.
	Category          Category                   `json:"category,omitzero"`               // Category of the event; "" before 5.2.
	GroupCategory     Category                   `json:"groupCategory,omitzero"`          // Category of its incident, which may change; "" before 5.2.
	CurrentGroup      string                     `json:"currentGroup,omitzero"`           // Id of its incident, which changes when incidents merge; "" before 5.2.
	PreviousGroups    []string                   `json:"groupPreviousGroups,omitzero"`    // Ids that its incident had before merges.
	GroupScore        Score                      `json:"groupScore,omitzero"`             // Score of its incident, 0 to 100, which grows; 0 = unknown.
	AIAScore          Score                      `json:"aiaScore,omitzero"`               // Score of the event itself, 0 to 100; 0 = unknown.
	AttackPhases      []AttackPhase              `json:"attackPhases,omitzero"`           // Phases of an attack that the event belongs to.
	MITRETactics      []Tactic                   `json:"mitreTactics,omitzero"`           // MITRE ATT&CK tactics, such as [TacticLateralMovement]; an open set.
	Acknowledged      bool                       `json:"acknowledged"`                    // Somebody acknowledged the event.
	Pinned            bool                       `json:"pinned"`                          // The event or its incident is pinned.
	UserTriggered     bool                       `json:"userTriggered"`                   // A person started the investigation.
	ExternalTriggered bool                       `json:"externalTriggered"`               // An outside system started the investigation.
	Sender            string                     `json:"sender,omitzero"`                 // Sender of the mail, for Darktrace/EMAIL events; "" otherwise and before 6.1.
	BreachDevices     []EventDevice              `json:"breachDevices,omitzero"`          // Devices that the event is about; empty for e-mail events.
	RelatedBreaches   []RelatedBreach            `json:"relatedBreaches,omitzero"`        // Model alerts that belong to the event.
	Details           Details                    `json:"details,omitzero" wire:"details"` // The findings; walk them with AllDetails.
	Children          []string                   `json:"children,omitzero"`               // Ids of the events that it consists of; since 5.2 only its own.
	ActivityID        string                     `json:"activityId,omitzero"`             // Legacy grouping: id of the activity.
	GroupingIDs       []string                   `json:"groupingIds,omitzero"`            // Legacy grouping: ids.
	GroupByActivity   bool                       `json:"groupByActivity"`                 // Legacy grouping: by activity.
	URL               string                     `json:"incidentEventUrl,omitzero"`       // Link into the Threat Visualizer; only with IncludeURL.
	Explanations      json.RawMessage            `json:"explanations,omitzero"`           // Steps of the investigation, block form only; nil otherwise.
	Figures           json.RawMessage            `json:"figures,omitzero"`                // Figures, block form only; nil otherwise.
	Extra             map[string]json.RawMessage `json:"-"`                               // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Raw               json.RawMessage            `json:"-"`                               // The event's JSON, unchanged; only with KeepRaw.
	Skipped           []string                   `json:"-"`                               // Paths of values of an unexpected type, such as "relatedBreaches[2].pbid", at most 100; nil = none.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// AllDetails yields every detail with the header of its block, in wire order,
// for both forms of details. A detail without a key continues the one before.
// It does not show where a group of details ends: for tables, walk Details,
// their Blocks and the Groups of each.
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
// periods, or zero if it has none.
func (e *IncidentEvent) FirstActivity() Millis {
	var first Millis
	for _, p := range e.Periods {
		if p.Start != 0 && (first == 0 || p.Start < first) {
			first = p.Start
		}
	}
	return first
}

// LastActivity returns when the activity ended: the latest time of its periods,
// or zero if it has none.
func (e *IncidentEvent) LastActivity() Millis {
	var last Millis
	for _, p := range e.Periods {
		for _, m := range []Millis{p.Start, p.End} {
			if m != 0 {
				last = max(cmp.Or(last, m), m)
			}
		}
	}
	return last
}

// IsSaaS reports whether the event is about an account of a SaaS service.
func (e *IncidentEvent) IsSaaS() bool {
	return slices.ContainsFunc(e.BreachDevices, EventDevice.IsSaaS)
}

// IsEmail reports whether the event comes from Darktrace/EMAIL. Such events
// have a sender and no devices.
func (e *IncidentEvent) IsEmail() bool { return e.Sender != "" }

// GroupIDs returns the ids of the event's incident: the current one first, then
// those from before merges.
func (e *IncidentEvent) GroupIDs() []string {
	ids := make([]string, 0, 1+len(e.PreviousGroups))
	for _, id := range append([]string{e.CurrentGroup}, e.PreviousGroups...) {
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// IncidentID returns the id of the event's incident. If the event has only ids
// from before merges, it returns the first of them; before version 5.2 it
// returns "".
func (e *IncidentEvent) IncidentID() string {
	if ids := e.GroupIDs(); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// String describes the event on one line: when it was created, its category and
// score, its title, its devices or sender, and its id.
func (e *IncidentEvent) String() string {
	about := e.Sender
	for i, device := range e.BreachDevices {
		if i > 0 {
			about += ", "
		}
		about += device.Name()
	}
	return oneLine(e.CreatedAt.String(), string(e.Category), scoreText(e.AIAScore), strconv.Quote(e.Title), about, e.ID)
}

// LogValue returns what log/slog writes about the event: its ids, when it was
// created, its category, score and title, and whether it is acknowledged.
// Devices and details are left out.
func (e *IncidentEvent) LogValue() slog.Value {
	if e == nil {
		return slog.AnyValue(nil)
	}
	return slog.GroupValue(
		slog.String("id", e.ID), slog.String("incident", e.IncidentID()), slog.String("created", e.CreatedAt.String()),
		slog.String("category", string(e.Category)), slog.Float64("score", float64(e.AIAScore)), slog.String("title", e.Title),
		slog.Bool("acknowledged", e.Acknowledged))
}

// oneLine joins the parts that are not empty, without control characters: names
// come from the network.
func oneLine(parts ...string) string {
	return printable(strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " "))
}

func scoreText(s Score) string {
	if s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(s), 'f', -1, 64)
}

// Period is a span of time.
type Period struct {
	Start Millis  `json:"start,omitzero"` // Start; 0 = unknown.
	End   Millis  `json:"end,omitzero"`   // End; 0 = unknown.
	Extra RawJSON `json:"-"`              // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// String returns the period with an en dash, times as RFC 3339 in UTC.
func (p Period) String() string {
	if p.Start == 0 || p.End == 0 {
		return cmp.Or(p.Start, p.End).String()
	}
	return dashed(p.Start, p.End)
}

// RelatedBreach is a model alert that belongs to an event.
// [ModelBreachService.Get] returns all of it.
type RelatedBreach struct {
	ModelName   string  `json:"modelName,omitzero"`   // Name of the model, its parts joined with " / ".
	PBID        int64   `json:"pbid,omitzero"`        // Id of the model alert on the appliance.
	ThreatScore Score   `json:"threatScore,omitzero"` // Score of the model alert, 0 to 100; 0 = unknown.
	Timestamp   Millis  `json:"timestamp,omitzero"`   // When the model was breached.
	Extra       RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// EventDevice is a device, or an account of a SaaS service, that takes part in
// an event. Any field may be empty: the API sends null for unknown values.
type EventDevice struct {
	Identifier string  `json:"identifier,omitzero"` // The name that the appliance shows; "SaaS::<module>: <user>" for an account.
	Hostname   string  `json:"hostname,omitzero"`   // Host name.
	IP         string  `json:"ip,omitzero"`         // Address; may be anonymised ("192.0.2.#28445") or a range ("192.0.2.0/24"), so it isn't parsed.
	MAC        string  `json:"mac,omitzero"`        // Hardware address.
	Subnet     string  `json:"subnet,omitzero"`     // Subnet, as text.
	DID        int64   `json:"did,omitzero"`        // Device id on the appliance; 0 = unknown.
	SID        int64   `json:"sid,omitzero"`        // Subnet id; 0 = unknown, -9 for accounts of SaaS services.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// ExternalHost is a host outside the network.
type ExternalHost struct {
	Hostname   string  `json:"hostname,omitzero"`   // Host name; may hold an address.
	Identifier string  `json:"identifier,omitzero"` // Replaces the host name in the block form.
	IP         string  `json:"ip,omitzero"`         // Address; "" = unknown.
	Extra      RawJSON `json:"-"`                   // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// Name returns the best name of the device: its identifier, host name, address
// or hardware address, or "device 42" with its id. It is empty only if nothing
// is known.
func (d EventDevice) Name() string {
	if name := cmp.Or(d.Identifier, d.Hostname, d.IP, d.MAC); name != "" || d.DID == 0 {
		return name
	}
	return "device " + strconv.FormatInt(d.DID, 10)
}

// String returns the best name of the device, as Name does.
func (d EventDevice) String() string { return d.Name() }

// IsSaaS reports whether the device is an account of a SaaS service.
func (d EventDevice) IsSaaS() bool {
	const saasSubnet = -9
	return d.SID == saasSubnet || strings.HasPrefix(d.Identifier, "SaaS::")
}

// SaaS returns the service and the user name of a SaaS account, taken from the
// identifier: "Office365" and "jo@example.com" for "SaaS::Office365:
// jo@example.com". For other devices ok is false.
func (d EventDevice) SaaS() (module, user string, ok bool) {
	rest, ok := strings.CutPrefix(d.Identifier, "SaaS::")
	if !ok {
		return "", "", false
	}
	module, user, ok = strings.Cut(rest, ":")
	if user = strings.TrimSpace(user); !ok || user == "" {
		return "", "", false
	}
	return module, user, true
}

// String returns the best name of the host: its host name, identifier or
// address.
func (h ExternalHost) String() string { return cmp.Or(h.Hostname, h.Identifier, h.IP) }

// Observable is something in an event that other systems can search for.
type Observable struct {
	Kind  ObservableKind // Kind of the value.
	Value string         // The value, as the event has it.
	Where string         // Where it was found first: "breachDevices", "sender", "summary", or the header and key of a detail.
}

// ObservableKind names the kind of an [Observable].
type ObservableKind string

// Kinds of observables.
const (
	ObservableHost   ObservableKind = "host"   // Name of a device.
	ObservableIP     ObservableKind = "ip"     // An IPv4 or IPv6 address; never an anonymised one or a range.
	ObservableUser   ObservableKind = "user"   // Name of a user, or of an account of a SaaS service.
	ObservableMAC    ObservableKind = "mac"    // A hardware address.
	ObservableDomain ObservableKind = "domain" // Name of a host outside the network.
	ObservableURL    ObservableKind = "url"    // A URL with a scheme and a host.
	ObservableMail   ObservableKind = "mail"   // An e-mail address.
)

// Observables returns the hosts, addresses, users, URLs and e-mail addresses in
// the event's devices, sender, summary and details, each once, in the order of
// the event. A text in the details counts only if the whole text is an address,
// a URL or an e-mail address.
func (e *IncidentEvent) Observables() []Observable {
	f := observableFinder{seen: map[Observable]bool{}, where: "breachDevices"}
	for _, device := range e.BreachDevices {
		f.value("", device)
	}
	f.where = "sender"
	f.add(ObservableMail, e.Sender)
	f.where = "summary"
	f.text(&e.Summary)
	for header, detail := range e.AllDetails() {
		f.where = oneLine(header, detail.Key)
		for _, v := range detail.Values {
			f.value(detail.Type, v)
		}
	}
	return f.found
}

// observableFinder gathers observables.
type observableFinder struct {
	found []Observable
	seen  map[Observable]bool
	where string
}

func (f *observableFinder) add(kind ObservableKind, value string) {
	if key := (Observable{Kind: kind, Value: value}); value != "" && !f.seen[key] {
		f.seen[key] = true
		f.found = append(f.found, Observable{kind, value, f.where})
	}
}

func (f *observableFinder) text(t *Text) {
	if t.isTemplate() {
		f.value(t.Type, t.Value)
	}
	for i := range t.Replacements {
		f.text(&t.Replacements[i])
	}
}

func (f *observableFinder) value(kind DetailType, value DetailValue) {
	switch v := value.(type) {
	case EventDevice:
		if _, user, ok := v.SaaS(); ok {
			f.add(ObservableUser, user)
		} else {
			f.name(ObservableHost, v.Identifier)
		}
		f.name(ObservableHost, v.Hostname)
		f.address(v.IP)
		f.add(ObservableMAC, v.MAC)
	case ExternalHost:
		f.name(ObservableDomain, v.Hostname)
		f.name(ObservableDomain, v.Identifier)
		f.address(v.IP)
	case TextValue:
		switch kind {
		case TypeUsername:
			f.add(ObservableUser, string(v))
		case TypeString:
			f.loose(string(v))
		default:
		}
	}
}

// name adds a name of a host, which may be an address.
func (f *observableFinder) name(kind ObservableKind, name string) {
	if !f.address(name) && !strings.ContainsAny(name, " #/") {
		f.add(kind, name)
	}
}

// address adds an address, and reports whether it is one.
func (f *observableFinder) address(text string) bool {
	if _, err := netip.ParseAddr(text); err != nil {
		return false
	}
	f.add(ObservableIP, text)
	return true
}

// loose adds a text whose form shows which kind of observable it is.
func (f *observableFinder) loose(text string) {
	if f.address(text) {
		return
	}
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" {
		f.add(ObservableURL, text)
		return
	}
	if mac, err := net.ParseMAC(text); err == nil && len(mac) == 6 {
		f.add(ObservableMAC, text)
		return
	}
	if user, domain, ok := strings.Cut(text, "@"); ok && user != "" && strings.Contains(domain, ".") && !strings.ContainsAny(text, " \t\r\n,;<>()\"") && !strings.Contains(domain, "@") {
		f.add(ObservableMail, text)
	}
}
