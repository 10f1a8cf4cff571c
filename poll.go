package darktrace

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Sweep says how often and how far a feed reads back beyond its Overlap.
type Sweep struct {
	Every time.Duration // Time between two such passes.
	Back  time.Duration // How far each of them reads back.
}

// PollOptions says what a feed delivers and how it reads. The zero value, and
// nil, mean the defaults. Options may change from one Poll to the next.
type PollOptions struct {
	// Since bounds the beginning of the feed. Events that the appliance lists
	// then, and that were neither created nor active since Since, are not
	// delivered. Zero means 24 hours before the first Poll. Once the feed has
	// begun, Since has no effect.
	Since time.Time
	// Overlap is how far each pass reads back behind the pass before it. 0 means
	// 10 minutes.
	Overlap time.Duration
	// Sweeps says how often some passes read back further. Nil means that a pass
	// reads back 24 hours every 15 minutes, and 7 days every hour. An empty list
	// means none.
	Sweeps []Sweep
	// Limit is how many changes a Poll returns at most. Events beyond it are
	// pending: they are kept and delivered next time, those of the incidents
	// with the highest scores first. 0 means no limit: then all that is new is
	// in memory.
	Limit int
	// Budget is how long a Poll reads. When it is used up, Poll returns what it
	// has and sets More. 0 means no bound; in Watch it means an Interval, a
	// minute at least.
	Budget time.Duration
	// Updates asks for changes of delivered events too (EventUpdated).
	Updates bool
	// UpdateFields are the fields whose changes are delivered; see FieldChange.
	// Nil means all.
	UpdateFields []string
	// MinScoreChange is by how much a score, from 0 to 100, must differ from the
	// last delivery, if nothing else has changed. 0 means any change.
	MinScoreChange float64
	// Follow are the ids of events whose changes are delivered at any age, with
	// or without Updates, such as those of open tickets. They are read by id,
	// as often as the widest of the Sweeps.
	Follow []string
	// IncludeURL asks for IncidentEvent.URL, as in EventListOptions.
	IncludeURL bool
	// KeepRaw keeps each event's JSON in IncidentEvent.Raw.
	KeepRaw bool
	// Filter says which events are delivered. The zero value means all.
	Filter EventFilter
}

// EventFilter says which events a feed delivers. Fields combine as AND, the
// elements of a list as OR; zero fields don't filter.
//
// The incident of an event, and the incident's score and category, can change:
// this package compares them. An event is delivered when it first matches in a
// pass that lists it; later changes don't undo that. The other fields never
// change: the appliance compares them.
type EventFilter struct {
	// MinGroupScore is the lowest score of the event's incident, above 0 to
	// 100. The score grows.
	MinGroupScore float64
	// Categories are those of the event's incident, including informational.
	// Before version 5.2 they are those of the event.
	Categories []Category
	// GroupIDs are incidents, also by their ids from before merges.
	GroupIDs []string
	// MinScore is the lowest score of the event itself, greater than 0, at most 100.
	MinScore float64
	// MaxScore is the highest score of the event itself, greater than 0, at most 100.
	MaxScore float64
	// DeviceID (did) asks for the events of a device.
	DeviceID int64
	// ExcludeDeviceID leaves out the events of a device.
	ExcludeDeviceID int64
	// SubnetID (sid) asks for the events of a subnet.
	SubnetID int64
	// ExcludeSubnetID leaves out the events of a subnet.
	ExcludeSubnetID int64
	// Master asks for the events of one master of a Unified View.
	Master int64
	// SaaSOnly asks for SaaS events only.
	SaaSOnly bool
	// Locale is the language of texts; empty means the client's.
	Locale Locale
}

// PollResult is the result of Poll.
type PollResult struct {
	// Changes are the events to handle, the oldest first by CreatedAt. Nil
	// means none.
	Changes []EventChange
	// Checkpoint is where the next Poll begins. Save it once the changes are
	// handled.
	Checkpoint *Checkpoint
	// More reports whether another Poll at once is worthwhile: work is left, or
	// this one did nothing but work that was left and has not looked for new
	// events.
	More bool
	// Pass describes this Poll.
	Pass PassInfo

	taken func(n int) *Checkpoint
}

// Taken returns the checkpoint to save if only the first n changes were
// handled. The others are pending: the next Poll that begins there delivers
// them.
func (r *PollResult) Taken(n int) *Checkpoint {
	if n >= len(r.Changes) || r.taken == nil {
		return r.Checkpoint
	}
	return r.taken(max(n, 0))
}

func (f *EventFilter) check() error {
	for _, category := range f.Categories {
		if category.Severity() == 0 || string(category) != strings.ToLower(string(category)) {
			return noCategory(category)
		}
	}
	return firstError(checkScores("MinGroupScore", f.MinGroupScore, "", 0), checkIDs("GroupIDs", f.GroupIDs))
}

func noCategory(c Category) error {
	return argument("Categories", "contains %q; use informational, compliance, suspicious or critical", c)
}

// matches reports whether an event passes the part of the filter that this package
// applies.
func (f *EventFilter) matches(e *IncidentEvent) bool {
	category := e.GroupCategory
	if category == "" {
		category = e.Category
	}
	return float64(e.GroupScore) >= f.MinGroupScore &&
		(len(f.Categories) == 0 || slices.Contains(f.Categories, category)) &&
		(len(f.GroupIDs) == 0 || slices.ContainsFunc(e.GroupIDs(), func(id string) bool { return slices.Contains(f.GroupIDs, id) }))
}

// fingerprint returns a text that differs between filters.
func fingerprint(filter any) string {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%v", filter)
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// list returns the options of a request for events.
func (o *PollOptions) list() *EventListOptions {
	f := &o.Filter
	return &EventListOptions{
		IncludeAcknowledged: true, ExcludePinned: true,
		IncludeURL: o.IncludeURL, SaaSOnly: f.SaaSOnly, KeepRaw: o.KeepRaw, Locale: f.Locale, MinScore: f.MinScore, MaxScore: f.MaxScore,
		DeviceID: f.DeviceID, ExcludeDeviceID: f.ExcludeDeviceID, SubnetID: f.SubnetID, ExcludeSubnetID: f.ExcludeSubnetID, Master: f.Master,
	}
}

// Poll makes one pass over the appliance's events, or continues one, and
// returns what is new since the checkpoint. A nil checkpoint begins a feed a
// day ago, see PollOptions.Since. Nil options mean the defaults. Poll is for
// cron jobs, and for programs with a loop of their own; Watch is the loop.
//
// The promise of the feed is in
// https://github.com/darktrace-go/darktrace/blob/main/docs/feed.md. In short:
// every event that the appliance lists and the filter matches is delivered at
// least once, and only once as long as the checkpoint is kept and no clock is
// set back by more than two hours.
//
//   - Save PollResult.Checkpoint once the changes are handled. After a crash in
//     between they are delivered again, with the same Key.
//   - Each pass reads the newest events first. A window that can't be read is
//     divided. Stretches that remain unread are in PollResult.Pass.Debt, are
//     logged, and are read by later passes.
//   - If ctx ends, or the first request fails, Poll returns the result so far
//     together with the error: save its checkpoint. If a later request fails,
//     it returns More and no error; the error is returned only if it happens
//     again.
//
// An event without an id is logged and left out, because it can't be distinguished
// from others. Errors are those of Events. If the options are invalid, Poll returns
// ErrArgument and a nil result.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Poll(ctx context.Context, checkpoint *Checkpoint, opts *PollOptions) (*PollResult, error) {
	o := valueOf(opts)
	out, err := s.eventFeed(&o).poll(ctx, checkpoint, pace{budget: o.Budget})
	if out == nil {
		return nil, err
	}
	out.log(s.client())
	return &PollResult{Changes: out.changes, Checkpoint: out.checkpoint, More: out.more, Pass: out.pass, taken: out.taken}, err
}

// PassInfo describes a Poll, for logs and dashboards.
type PassInfo struct {
	// Began is when the pass began, on the appliance's clock. It is zero if
	// this Poll only continued the pass before it, or could not reach the
	// appliance.
	Began time.Time
	// Through is the time up to which the feed has read, on the appliance's
	// clock. Zero before the first pass.
	Through time.Time
	// Duration is how long the Poll took.
	Duration time.Duration
	// Requests is how many requests were made, retries excluded.
	Requests int
	// Bytes is how much JSON of events was read.
	Bytes int64
	// Listed is how many events were listed, including known ones.
	Listed int
	// New is how many changes are new events.
	New int
	// Updated is how many changes are updates.
	Updated int
	// Owed is how many events are pending: events beyond Limit, which are
	// delivered first next time.
	Owed int
	// Debt are the stretches of time that could not be read yet, the oldest
	// first. Nil means none.
	Debt []Stretch
	// Swept is how far back the Poll has read.
	Swept time.Duration
	// Err is the error of the Poll, or nil.
	Err error
}

// Stretch is a span of time, on the appliance's clock.
type Stretch struct {
	From time.Time // Start.
	To   time.Time // End, inclusive.
}

// String returns the stretch with an en dash, and times as RFC 3339 in UTC.
func (s Stretch) String() string { return dashed(Millis(s.From.UnixMilli()), Millis(s.To.UnixMilli())) }

// UnreadError says that the events of a stretch of time can't be read. It is
// reported once when that happens, and once more if the feed gives up, because
// none of its Sweeps reaches back far enough any more.
type UnreadError struct {
	// Stretch is the time whose events can't be read.
	Stretch
	// GaveUp reports whether the feed has given up reading it.
	GaveUp bool
	// Err is why reading it failed; nil if GaveUp.
	Err error
}

// Error names the stretch and the reason.
func (e *UnreadError) Error() string {
	if e.GaveUp {
		return fmt.Sprintf("darktrace: events of %v could not be read in time; the feed goes on without them", e.Stretch)
	}
	return fmt.Sprintf("darktrace: events of %v can't be read now and will be tried again: %s", e.Stretch, unnamed(e.Err))
}

// Unwrap returns why reading failed.
func (e *UnreadError) Unwrap() error { return e.Err }
