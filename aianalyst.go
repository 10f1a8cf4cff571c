package darktrace

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AIAnalystService reads, follows, acknowledges, pins and comments on AI
// Analyst incidents and their events, and starts investigations. It is the
// field AIAnalyst of a [Client] and safe for concurrent use. Start with
// [AIAnalystService.Events], or with [AIAnalystService.Watch] to follow new
// events; both have examples.
//
// If an argument is invalid, such as an empty id or a nil context, methods
// return ErrArgument and send nothing. Each method names the errors that need
// explanation; the package page lists those that any method may return.
//
// Methods that read need the permission "Visualizer"; those that write name
// theirs.
type AIAnalystService service

const (
	eventsPath        = "/aianalyst/incidentevents"
	groupsPath        = "/aianalyst/groups"
	commentsPath      = "/aianalyst/incident/comments"
	statsPath         = "/aianalyst/stats"
	investigationPath = "/aianalyst/investigations"
)

// GetEvent returns one incident event, acknowledged or not, in the client's
// locale. If the appliance has no such event, GetEvent returns ErrNotFound.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) GetEvent(ctx context.Context, eventID string) (*IncidentEvent, error) {
	if err := checkEventID("eventID", eventID); err != nil {
		return nil, err
	}
	return lookUp(ctx, s.client(), s.client().byID(eventsPath, "uuid", eventID), decodeEvent(ctx, false), eventID,
		func(e *IncidentEvent) bool { return e.ID == eventID || slices.Contains(e.Children, eventID) })
}

// ListEvents returns the incident events that Events yields, as a list. For
// wide windows, which need much memory, use Events.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) ListEvents(ctx context.Context, opts *EventListOptions) ([]*IncidentEvent, error) {
	return collect(s.Events(ctx, opts))
}

// Events streams incident events: it yields each one as soon as it has arrived,
// so that memory does not grow with the window. The order is the appliance's:
// by the score of the incident, not by time. Nil options mean the
// appliance's defaults: the last 7 days, and pinned events from any time.
//
// An error is yielded last, with a nil event. Breaking out of the loop closes
// the connection. Ranging again sends the request again.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Events(ctx context.Context, opts *EventListOptions) iter.Seq2[*IncidentEvent, error] {
	return func(yield func(*IncidentEvent, error) bool) {
		o := valueOf(opts)
		query, err := o.encode(s.client().locale)
		l := list[IncidentEvent]{eventsPath, query, decodeEvent, o.KeepRaw, "uuid", o.EventIDs, func(e *IncidentEvent) (string, []string) {
			return e.ID, []string{e.ID}
		}}
		if len(o.EventIDs) == 0 {
			l.key, l.ids = "groupid", o.GroupIDs
			l.names = func(e *IncidentEvent) (string, []string) {
				return e.ID, append([]string{e.CurrentGroup}, e.PreviousGroups...)
			}
		}
		if err == nil {
			err = l.each(ctx, s.client(), func(e *IncidentEvent) bool { return yield(e, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// GetGroup returns an incident by its own id or by the id of one of its events.
// It follows merges: an incident that was merged into another one is found by
// the event that founded it. If the appliance has neither, GetGroup returns
// ErrNotFound.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) GetGroup(ctx context.Context, id string) (*IncidentGroup, error) {
	if err := checkID("id", id); err != nil {
		return nil, err
	}
	founding, isGroup := strings.CutPrefix(id, "g")
	if isGroup {
		group, err := lookUp(ctx, s.client(), s.client().byID(groupsPath, "groupid", id), decodeGroup(ctx, false), id,
			func(g *IncidentGroup) bool { return g.ID == id || slices.Contains(g.PreviousIDs, id) })
		if !errors.Is(err, ErrNotFound) || founding == "" {
			return group, err
		}
	}
	return lookUp(ctx, s.client(), s.client().byID(groupsPath, "uuid", founding), decodeGroup(ctx, false), id,
		func(g *IncidentGroup) bool {
			return slices.Contains(g.eventIDs(), founding) || slices.Contains(g.PreviousIDs, id)
		})
}

// ListGroups returns the incidents that Groups yields, as a list.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) ListGroups(ctx context.Context, opts *GroupListOptions) ([]*IncidentGroup, error) {
	return collect(s.Groups(ctx, opts))
}

// Groups streams incidents, as Events streams events. Its window selects
// incidents by the start of their activity, which can be long ago: to learn
// what is new, use WatchIncidents or PollIncidents.
//
// Threat Visualizer API: GET /aianalyst/groups.
func (s *AIAnalystService) Groups(ctx context.Context, opts *GroupListOptions) iter.Seq2[*IncidentGroup, error] {
	return func(yield func(*IncidentGroup, error) bool) {
		o := valueOf(opts)
		query, err := o.encode(s.client().locale)
		l := list[IncidentGroup]{groupsPath, query, decodeGroup, o.KeepRaw, "groupid", o.GroupIDs, func(g *IncidentGroup) (string, []string) {
			return g.ID, append([]string{g.ID}, g.PreviousIDs...)
		}}
		if len(o.GroupIDs) == 0 {
			l.key, l.ids = "uuid", o.EventIDs
			l.names = func(g *IncidentGroup) (string, []string) { return g.ID, g.eventIDs() }
		}
		if err == nil {
			err = l.each(ctx, s.client(), func(g *IncidentGroup) bool { return yield(g, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (g *IncidentGroup) eventIDs() []string {
	ids := make([]string, len(g.Events))
	for i, event := range g.Events {
		ids[i] = event.ID
	}
	return ids
}

// EventListOptions selects incident events. Fields combine as AND. Zero fields
// are not sent, so a score or id of zero can't be requested. EventIDs overrides
// all other fields, GroupIDs all but EventIDs.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
type EventListOptions struct {
	// Start and End bound the window, in milliseconds. Neither: the last 7
	// days. Only End: the 7 days before it. Only Start: until now. The API does
	// not document which time of an event the appliance compares.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// IncludeAcknowledged asks for acknowledged events too.
	IncludeAcknowledged bool `url:"includeacknowledged,omitempty"`
	// ExcludePinned leaves out pinned events outside the window, which the
	// appliance adds by default.
	ExcludePinned bool `url:"-"`
	// OnlyPinned asks for pinned events only.
	OnlyPinned bool `url:"includeonlypinned,omitempty"`
	// IncludeURL asks for IncidentEvent.URL. Only appliances that know their
	// own name send it.
	IncludeURL bool `url:"includeincidenteventurl,omitempty"`
	// SaaSOnly asks for SaaS events only.
	SaaSOnly bool `url:"saasonly,omitempty"`
	// KeepRaw keeps each event's JSON in IncidentEvent.Raw. It is not sent.
	KeepRaw bool `url:"-"`
	// Locale is the language of texts; empty means the client's.
	Locale Locale `url:"locale,omitempty"`
	// Categories are those of the event's incident, combined as OR: compliance,
	// suspicious and critical. The appliance has no filter for informational.
	Categories []Category `url:"-"`
	// MinScore is the lowest score of the event itself, greater than 0, at most 100.
	MinScore float64 `url:"minscore,omitempty"`
	// MaxScore is the highest score of the event itself, greater than 0, at most 100.
	MaxScore float64 `url:"maxscore,omitempty"`
	// MinGroupScore is the lowest score of the event's incident, greater than 0, at most 100.
	MinGroupScore float64 `url:"mingroupscore,omitempty"`
	// MaxGroupScore is the highest score of the event's incident.
	MaxGroupScore float64 `url:"maxgroupscore,omitempty"`
	// DeviceID (did) asks for the events of a device.
	DeviceID int64 `url:"did,omitempty"`
	// ExcludeDeviceID leaves out the events of a device.
	ExcludeDeviceID int64 `url:"excludedid,omitempty"`
	// SubnetID (sid) asks for the events of a subnet.
	SubnetID int64 `url:"sid,omitempty"`
	// ExcludeSubnetID leaves out the events of a subnet.
	ExcludeSubnetID int64 `url:"excludesid,omitempty"`
	// Master asks for the events of one master of a Unified View.
	Master int64 `url:"master,omitempty"`
	// GroupIDs asks for the events of these incidents, acknowledged or not.
	GroupIDs []string `url:"groupid,omitempty,comma"`
	// EventIDs asks for these events, acknowledged or not, in as many requests
	// as needed. Unknown ids are left out.
	EventIDs []string `url:"uuid,omitempty,comma"`
}

// GroupListOptions selects incidents. Fields combine as AND; zero fields are
// not sent. GroupIDs overrides all other fields. EventIDs overrides all fields
// except GroupIDs.
//
// Threat Visualizer API: GET /aianalyst/groups.
type GroupListOptions struct {
	// Start and End bound the window as in EventListOptions. They select by the
	// start of an incident's activity.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
	// IncludeAcknowledged asks for acknowledged incidents too.
	IncludeAcknowledged bool `url:"includeacknowledged,omitempty"`
	// ExcludePinned leaves out pinned incidents from outside the window.
	ExcludePinned bool `url:"-"`
	// OnlyPinned asks for pinned incidents only.
	OnlyPinned bool `url:"includeonlypinned,omitempty"`
	// IncludeURL asks for IncidentGroup.URL.
	IncludeURL bool `url:"includegroupurl,omitempty"`
	// SaaSOnly asks for SaaS incidents only.
	SaaSOnly bool `url:"saasonly,omitempty"`
	// KeepRaw keeps each incident's JSON in IncidentGroup.Raw. It is not sent.
	KeepRaw bool `url:"-"`
	// Locale is the language of texts; empty means the client's.
	Locale Locale `url:"locale,omitempty"`
	// Categories are those of the incident, combined as OR: compliance,
	// suspicious and critical.
	Categories []Category `url:"-"`
	// MinScore is the lowest score of the incident, greater than 0, at most 100.
	MinScore float64 `url:"minscore,omitempty"`
	// MaxScore is the highest score of the incident, greater than 0, at most 100.
	MaxScore float64 `url:"maxscore,omitempty"`
	// DeviceID (did) asks for incidents with an event of a device.
	DeviceID int64 `url:"did,omitempty"`
	// ExcludeDeviceID leaves out incidents with an event of a device.
	ExcludeDeviceID int64 `url:"excludedid,omitempty"`
	// SubnetID (sid) asks for incidents with an event of a subnet.
	SubnetID int64 `url:"sid,omitempty"`
	// ExcludeSubnetID leaves out incidents with an event of a subnet.
	ExcludeSubnetID int64 `url:"excludesid,omitempty"`
	// Master asks for the incidents of one master of a Unified View.
	Master int64 `url:"master,omitempty"`
	// GroupIDs asks for these incidents, acknowledged or not. Unlike GetGroup
	// it does not follow merges.
	GroupIDs []string `url:"groupid,omitempty,comma"`
	// EventIDs asks for the incidents that hold these events.
	EventIDs []string `url:"uuid,omitempty,comma"`
}

func (o *EventListOptions) encode(locale Locale) (url.Values, error) {
	err := firstError(
		checkWindow(o.Start, o.End),
		checkScores("MinScore", o.MinScore, "MaxScore", o.MaxScore),
		checkScores("MinGroupScore", o.MinGroupScore, "MaxGroupScore", o.MaxGroupScore),
		checkLocale("Locale", o.Locale),
		checkIDs("GroupIDs", o.GroupIDs),
		checkIDs("EventIDs", o.EventIDs),
	)
	if err != nil {
		return nil, err
	}
	return complete(parameters(o), "group", o.Categories, o.ExcludePinned, locale)
}

func (o *GroupListOptions) encode(locale Locale) (url.Values, error) {
	err := firstError(
		checkWindow(o.Start, o.End),
		checkScores("MinScore", o.MinScore, "MaxScore", o.MaxScore),
		checkLocale("Locale", o.Locale),
		checkIDs("GroupIDs", o.GroupIDs),
		checkIDs("EventIDs", o.EventIDs),
	)
	if err != nil {
		return nil, err
	}
	return complete(parameters(o), "", o.Categories, o.ExcludePinned, locale)
}

// complete adds the parameters that tags can't express. The two endpoints name the
// categories differently, and ignore the names of the other endpoint.
func complete(values url.Values, prefix string, categories []Category, excludePinned bool, locale Locale) (url.Values, error) {
	for _, category := range categories {
		switch category {
		case CategoryCompliance, CategorySuspicious, CategoryCritical:
			values.Set(prefix+string(category), "true")
		case CategoryInformational:
			return nil, argument("Categories", "contains informational, for which the appliance has no filter")
		default:
			return nil, argument("Categories", "contains %q; use compliance, suspicious or critical", category)
		}
	}
	if excludePinned {
		values.Set("includeallpinned", "false")
	}
	if locale != "" && !values.Has("locale") {
		values.Set("locale", string(locale))
	}
	if values.Has("uuid") || values.Has("groupid") {
		values.Set("includeacknowledged", "true")
	}
	return values, nil
}

// Stats are the figures of AI Analyst over a span of time.
//
// Threat Visualizer API: GET /aianalyst/stats.
type Stats struct {
	EquivalentHumanTime    int64                      `json:"equivalentHumanTime"`    // Time that people would have needed, probably in milliseconds.
	PositiveInvestigations int64                      `json:"positiveInvestigations"` // Investigations that found something.
	NegativeInvestigations int64                      `json:"negativeInvestigations"` // Investigations that found nothing.
	Graph                  StatsGraph                 `json:"graphData,omitzero"`     // The investigations one by one.
	AttackPhases           []StatsPhases              `json:"attackPhases,omitzero"`  // How often which attack phases were seen.
	Groups                 StatsGroups                `json:"groupStats,omitzero"`    // Incidents by category.
	Metadata               json.RawMessage            `json:"metadata,omitzero"`      // Undocumented; nil = none.
	Extra                  map[string]json.RawMessage `json:"-"`                      // Fields that this type doesn't know, and those of an unexpected type; nil = none.

	unusual fieldSet // Fields that the values alone would encode differently.
}

// StatsGraph lists investigations as parallel lists: the elements at the same
// index belong to the same investigation.
type StatsGraph struct {
	BreachTime          []Millis       `json:"breachTime,omitzero" wire:"places"`          // When the model was breached.
	EndTime             []Millis       `json:"endTime,omitzero" wire:"places"`             // When the investigation ended.
	EquivalentHumanTime []int64        `json:"equivalentHumanTime,omitzero" wire:"places"` // Time that people would have needed, probably in milliseconds.
	IsPositive          []bool         `json:"isPositive,omitzero" wire:"places"`          // It found something.
	AIAScore            []*Probability `json:"aiaScore,omitzero" wire:"places"`            // Score, 0 to 1; nil = none.
	Extra               RawJSON        `json:"-"`                                          // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// StatsPhases counts events with the same attack phases.
type StatsPhases struct {
	Phases []AttackPhase `json:"phases,omitzero"` // The phases.
	Count  int64         `json:"count"`           // How many events have them.
	Extra  RawJSON       `json:"-"`               // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// StatsGroups counts incidents.
type StatsGroups struct {
	Total        int64                       `json:"total"`                 // All incidents.
	Compliance   int64                       `json:"compliance"`            // Incidents of category compliance.
	Suspicious   int64                       `json:"suspicious"`            // Incidents of category suspicious.
	Critical     int64                       `json:"critical"`              // Incidents of category critical.
	MITRETactics map[string]map[string]int64 `json:"mitreTactics,omitzero"` // Counts by "total" or category, then by tactic.
	Extra        RawJSON                     `json:"-"`                     // What the fields above can't hold; see [RawJSON].

	unusual fieldSet // Fields that the values alone would encode differently.
}

// StatsOptions bounds the time that GetStats counts. Zero fields are not sent.
type StatsOptions struct {
	// Start and End bound the window; zero for both means the last 7 days.
	Start time.Time `url:"starttime,omitempty,unixmilli"`
	// End is the end of the window; see Start.
	End time.Time `url:"endtime,omitempty,unixmilli"`
}

// GetStats returns what AI Analyst did in a span of time, by all masters of a
// Unified View together. Nil options mean the last 7 days.
//
// Threat Visualizer API: GET /aianalyst/stats.
func (s *AIAnalystService) GetStats(ctx context.Context, opts *StatsOptions) (*Stats, error) {
	return getParts(ctx, s.client(), statsPath, opts, decoderOf[Stats](ctx), nil, (*Stats).join)
}

// join adds what another master did.
func (s *Stats) join(part *Stats) {
	s.EquivalentHumanTime += part.EquivalentHumanTime
	s.PositiveInvestigations += part.PositiveInvestigations
	s.NegativeInvestigations += part.NegativeInvestigations
	s.Graph.join(&part.Graph)
	for _, phases := range part.AttackPhases {
		i := slices.IndexFunc(s.AttackPhases, func(other StatsPhases) bool { return slices.Equal(other.Phases, phases.Phases) })
		if i < 0 {
			s.AttackPhases = append(s.AttackPhases, phases)
		} else {
			s.AttackPhases[i].Count += phases.Count
		}
	}
	s.Groups.Total += part.Groups.Total
	s.Groups.Compliance += part.Groups.Compliance
	s.Groups.Suspicious += part.Groups.Suspicious
	s.Groups.Critical += part.Groups.Critical
	if s.Groups.MITRETactics == nil {
		s.Groups.MITRETactics = part.Groups.MITRETactics
	} else {
		for category, tactics := range part.Groups.MITRETactics {
			if s.Groups.MITRETactics[category] == nil {
				s.Groups.MITRETactics[category] = map[string]int64{}
			}
			for tactic, count := range tactics {
				s.Groups.MITRETactics[category][tactic] += count
			}
		}
	}
	addExtra(&s.Extra, part.Extra)
}

// join adds the investigations of another master. The lists stay parallel.
func (g *StatsGraph) join(part *StatsGraph) {
	before, more := g.len(), part.len()
	g.BreachTime = inPlace(g.BreachTime, before, part.BreachTime, more)
	g.EndTime = inPlace(g.EndTime, before, part.EndTime, more)
	g.EquivalentHumanTime = inPlace(g.EquivalentHumanTime, before, part.EquivalentHumanTime, more)
	g.IsPositive = inPlace(g.IsPositive, before, part.IsPositive, more)
	g.AIAScore = inPlace(g.AIAScore, before, part.AIAScore, more)
}

func (g *StatsGraph) len() int {
	return max(len(g.BreachTime), len(g.EndTime), len(g.EquivalentHumanTime), len(g.IsPositive), len(g.AIAScore))
}

// inPlace joins two lists, of which each is filled up to a length. Two empty lists
// stay empty.
func inPlace[T any](list []T, n int, more []T, m int) []T {
	if len(list)+len(more) == 0 {
		return list
	}
	list = append(list, make([]T, n-len(list))...)
	return append(append(list, more...), make([]T, m-len(more))...)
}

func (o *StatsOptions) check() error { return checkWindow(o.Start, o.End) }
