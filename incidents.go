package darktrace

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace/internal/feed"
)

// IncidentChangeKind tells what happened to an incident.
type IncidentChangeKind string

// The kinds of changes of incidents.
const (
	// IncidentNew is an incident that was not delivered before.
	IncidentNew IncidentChangeKind = "new"
	// IncidentUpdated is an incident that was delivered before and has new
	// events or, with PollOptions.Updates, has changed.
	IncidentUpdated IncidentChangeKind = "updated"
	// IncidentMerged is an incident that has absorbed incidents that were
	// delivered before. Their ids are in PreviousIDs.
	IncidentMerged IncidentChangeKind = "merged"
)

// String returns "new", "updated" or "merged".
func (k IncidentChangeKind) String() string { return string(k) }

// IncidentChange is what PollIncidents and WatchIncidents deliver: an incident,
// and what happened to it. Before version 5.2 each event is a separate
// incident.
type IncidentChange struct {
	// Kind is IncidentNew, IncidentUpdated or IncidentMerged.
	Kind IncidentChangeKind `json:"kind"`
	// Key identifies the change, as EventChange.Key does.
	Key string `json:"key"`
	// Source is the appliance: the host of the client's base URL, in lower case.
	Source string `json:"source"`
	// ID is the incident's id; see IncidentEvent.CurrentGroup.
	ID string `json:"id"`
	// PreviousIDs are the ids that the incident had before, and those of
	// incidents that it has absorbed. Nil means none.
	PreviousIDs []string `json:"previousIds,omitempty"`
	// Events are the events of the incident that are new or have changed, the
	// oldest first.
	Events []*IncidentEvent `json:"events"`
	// Fields are the changes of the incident itself: groupScore, groupCategory
	// or acknowledged. Nil for IncidentNew.
	Fields []FieldChange `json:"fields,omitempty"`
	// Score is the incident's score, 0 to 100; 0 means unknown.
	Score Score `json:"score"`
	// Category is the incident's category, before version 5.2 the category of its
	// event.
	Category Category `json:"category"`
	// Acknowledged reports whether all of Events are acknowledged.
	Acknowledged bool `json:"acknowledged"`
}

// String describes the change on one line: its kind, the incident's category
// and score, the title of the first of Events and how many more there are, and
// the incident's id.
func (c IncidentChange) String() string {
	title := ""
	if len(c.Events) > 0 && c.Events[0] != nil {
		title = titles(c.Events[0].Title, len(c.Events))
	}
	return oneLine(string(c.Kind), string(c.Category), scoreText(c.Score), title, c.ID)
}

// LogValue returns what log/slog writes about the change: its kind and key, the
// names of the changed fields, and the incident's id, category and score, the
// number of Events, and whether they are acknowledged.
func (c IncidentChange) LogValue() slog.Value {
	return slog.GroupValue(append(changeAttrs(string(c.Kind), c.Key, c.Source, c.Fields),
		slog.String("id", c.ID), slog.String("category", string(c.Category)), slog.Float64("score", float64(c.Score)),
		slog.Int("events", len(c.Events)), slog.Bool("acknowledged", c.Acknowledged))...)
}

// IncidentPollResult is the result of PollIncidents.
type IncidentPollResult struct {
	// Changes are the incidents to handle, at most one change for each. Nil
	// means none.
	Changes []IncidentChange
	// Checkpoint is where the next PollIncidents begins. Save it once the
	// changes are handled.
	Checkpoint *Checkpoint
	// More reports whether another call at once is worthwhile: work is left, or
	// this one did nothing but work that was left and has not looked for new
	// events.
	More bool
	// Pass describes this poll, counted in events.
	Pass PassInfo

	taken func(n int) *Checkpoint
}

// Taken returns the checkpoint to save if only the first n changes were
// handled. A PollIncidents that begins there delivers the others.
func (r *IncidentPollResult) Taken(n int) *Checkpoint {
	if n >= len(r.Changes) || r.taken == nil {
		return r.Checkpoint
	}
	return r.taken(max(n, 0))
}

// PollIncidents is Poll for whole incidents, for example for a ticket system.
// It delivers at most one change for each incident, with the events that are
// new or have changed, also one for a merge without new events. Limit counts
// incidents. An incident with many events may be delivered in parts, by several
// calls; all but the first part are IncidentUpdated. The feed needs its own
// checkpoint. Errors are those of Poll.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) PollIncidents(ctx context.Context, checkpoint *Checkpoint, opts *PollOptions) (*IncidentPollResult, error) {
	o := valueOf(opts)
	out, err := s.incidentFeed(&o)(ctx, checkpoint, pace{budget: o.Budget})
	if out == nil {
		return nil, err
	}
	out.log(s.client())
	return &IncidentPollResult{Changes: out.changes, Checkpoint: out.checkpoint, More: out.more, Pass: out.pass, taken: out.taken}, err
}

// WatchIncidents is Watch for whole incidents; see PollIncidents.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) WatchIncidents(ctx context.Context, store CheckpointStore, opts *WatchOptions) iter.Seq2[IncidentChange, error] {
	o := valueOf(opts)
	return watch(ctx, store, &o, func() *loop[IncidentChange] {
		if o.Limit == 0 {
			o.Limit = defaultBatch
		}
		return &loop[IncidentChange]{client: s.client(), poll: s.incidentFeed(&o.PollOptions)}
	})
}

const (
	eventsPerIncident = 10
	minIncidentEvents = 500
	// incidentMemory is how long an incident is remembered after its last change.
	incidentMemory = feed.Hour(90 * 24)
	incidentPrefix = "incident\x00" // of the ids under which incidents are remembered
)

// incidentState holds the fields that are remembered of an incident.
var incidentState = stateFields{
	{"groupScore", scoreValue, decodeValue[Score], true},
	{"groupCategory", categoryValue, decodeValue[Category], false},
	{"acknowledged", flagValue, decodeValue[bool], false},
}

// state returns the state of the incident, to compare it later.
func (c *IncidentChange) state() string {
	return "0:" + strings.Join([]string{numberText(c.Score), categoryText(c.Category), flagText(c.Acknowledged)}, stateSeparator)
}

// incidentFeed returns a function that polls the feed of incidents: the feed of
// events, in groups.
func (s *AIAnalystService) incidentFeed(o *PollOptions) func(context.Context, *Checkpoint, pace) (*polled[IncidentChange], error) {
	limit, of := o.Limit, *o
	if limit > 0 {
		of.Limit = max(limit*eventsPerIncident, minIncidentEvents)
	}
	if of.Updates = true; !o.Updates {
		of.UpdateFields = []string{"currentGroup"}
	}
	events := s.eventFeed(&of)
	events.options.Feed = feedOfIncidents
	return func(ctx context.Context, checkpoint *Checkpoint, p pace) (*polled[IncidentChange], error) {
		out, err := events.poll(ctx, checkpoint, p)
		if out == nil {
			return nil, err
		}
		return incidentsOf(out, limit), err
	}
}

// incidentsOf groups the changes of events.
func incidentsOf(out *polled[EventChange], limit int) *polled[IncidentChange] {
	var incidents []IncidentChange
	var members [][]int // the changes of each incident's events
	index := map[string]int{}
	for i, change := range out.changes {
		id := cmp.Or(change.Event.CurrentGroup, "g"+change.Event.ID)
		n, ok := index[id]
		if !ok {
			n = len(incidents)
			index[id] = n
			incidents, members = append(incidents, IncidentChange{ID: id, Source: change.Source, Acknowledged: true}), append(members, nil)
		}
		incidents[n].add(&change)
		members[n] = append(members[n], i)
	}
	for n := range incidents {
		keys := []string{"incident", incidents[n].Source, incidents[n].ID}
		for _, i := range members[n] {
			keys = append(keys, out.changes[i].Key)
		}
		incidents[n].finish(out.checkpoint.state, keys)
	}
	return grouped(out, incidents, members, limit)
}

// grouped returns the incidents to deliver. If there are more than the limit, it
// returns those with the highest scores, and the events of the others are pending.
func grouped(out *polled[EventChange], incidents []IncidentChange, members [][]int, limit int) *polled[IncidentChange] {
	order := make([]int, len(incidents))
	for n := range order {
		order[n] = n
	}
	if limit > 0 && len(order) > limit {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(incidents[b].Score, incidents[a].Score) })
		slices.Sort(order[:limit])
	} else {
		limit = len(order)
	}
	taken := func(count int) *Checkpoint {
		kept := map[int]bool{}
		for _, n := range order[:count] {
			for _, i := range members[n] {
				kept[i] = true
			}
		}
		next := out.keeping(func(i int) bool { return kept[i] })
		for _, n := range order[:count] {
			for _, id := range incidents[n].PreviousIDs {
				next.state.Forget(incidentPrefix + id)
			}
			next.state.Remember(incidentPrefix+incidents[n].ID, incidents[n].state(), incidentMemory)
		}
		return next
	}
	result := &polled[IncidentChange]{
		checkpoint: taken(limit), more: out.more || limit < len(order), pass: out.pass, unread: out.unread, noIDs: out.noIDs, taken: taken,
	}
	for _, n := range order[:limit] {
		result.changes = append(result.changes, incidents[n])
	}
	result.pass.Owed = result.checkpoint.Owed()
	return result
}

// add adds a change of one of the incident's events.
func (c *IncidentChange) add(change *EventChange) {
	e := change.Event
	c.Events = append(c.Events, e)
	if c.Acknowledged = c.Acknowledged && e.Acknowledged; e.GroupScore >= c.Score {
		c.Score, c.Category = e.GroupScore, cmp.Or(e.GroupCategory, e.Category)
	}
	for _, id := range change.PreviousGroups {
		if id != c.ID && !slices.Contains(c.PreviousIDs, id) {
			c.PreviousIDs = append(c.PreviousIDs, id)
		}
	}
}

// finish compares the incident with its remembered state, and sets what happened to
// it.
func (c *IncidentChange) finish(state *feed.State, keys []string) {
	c.Kind, c.Key = IncidentNew, changeKey(append(keys, c.PreviousIDs...)...)
	if known, ok := state.Get(incidentPrefix + c.ID); ok {
		c.Kind, c.Fields = IncidentUpdated, incidentState.changes(strings.TrimPrefix(known.State, "0:"), strings.TrimPrefix(c.state(), "0:"))
	}
	for _, id := range c.PreviousIDs {
		if _, ok := state.Get(incidentPrefix + id); ok {
			c.Kind = IncidentMerged
		}
	}
}
