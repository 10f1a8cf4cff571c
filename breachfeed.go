package darktrace

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/feed"
)

// BreachFilter says which model alerts a feed delivers. Fields combine as AND,
// the elements of a list as OR; zero fields don't filter.
type BreachFilter struct {
	// MinScore is the lowest score, above 0 to 1.
	MinScore float64
	// Categories are those of the alert's model, as [Model.EffectiveCategory] returns
	// them, in upper or lower case.
	Categories []Category
	// DID asks for the alerts of a device.
	DID int64
	// PID asks for the alerts of a model.
	PID int64
	// UUID asks for the alerts of a model by its id on every appliance.
	UUID string
	// IncludeSuppressed asks for suppressed alerts too.
	IncludeSuppressed bool
	// SaaSOnly asks for alerts about accounts of SaaS services only.
	SaaSOnly bool
}

// BreachPollOptions says what a feed of model alerts delivers and how it reads;
// see PollOptions. The zero value, and nil, mean the defaults.
type BreachPollOptions struct {
	// Since bounds the beginning of the feed; zero means 24 hours before the first
	// Poll.
	Since time.Time
	// Overlap is how far each pass reads back. 0 means 10 minutes.
	Overlap time.Duration
	// Sweeps says how often some passes read back further. Nil means that a pass
	// reads back 24 hours every 15 minutes, and 7 days every hour.
	Sweeps []Sweep
	// Limit is how many changes a Poll returns at most; 0 means no limit.
	Limit int
	// Budget is how long a Poll reads; 0 means no bound.
	Budget time.Duration
	// Updates asks for changes of delivered alerts too.
	Updates bool
	// UpdateFields are the fields whose changes are delivered: acknowledged,
	// commentCount or score. Nil means all.
	UpdateFields []string
	// MinScoreChange is by how much a score, from 0 to 1, must differ, if
	// nothing else has changed. 0 means any change.
	MinScoreChange float64
	// Follow are the ids of alerts whose changes are delivered at any age.
	Follow []int64
	// Minimal leaves out the logic of models and what triggered them.
	Minimal bool
	// Filter says which alerts are delivered. The zero value means all.
	Filter BreachFilter
}

// BreachWatchOptions says what the feed of model alerts delivers, and how often
// it polls; see WatchOptions.
type BreachWatchOptions struct {
	// BreachPollOptions are those of each Poll. A Limit of 0 means 100 here.
	BreachPollOptions
	// Interval is the time between two passes. 0 means a minute.
	Interval time.Duration
	// OnError is called with each error that does not end the loop. Nil means
	// that they are logged.
	OnError func(error)
	// OnPass is called after each Poll. Nil means that it is not called.
	OnPass func(PassInfo)
	// Standby lets a second program wait instead of failing.
	Standby bool
}

// BreachChange is what the feed of model alerts delivers: an alert, and what
// happened to it.
type BreachChange struct {
	// Kind is EventNew or EventUpdated.
	Kind ChangeKind `json:"kind"`
	// Key identifies the change, as EventChange.Key does.
	Key string `json:"key"`
	// Source is the appliance: the host of the client's base URL, in lower case.
	Source string `json:"source"`
	// Breach is the alert in its current state.
	Breach *ModelBreach `json:"breach"`
	// Fields are the fields that have changed: acknowledged (bool),
	// commentCount (int64) or score (Probability). Nil for a new alert.
	Fields []FieldChange `json:"fields,omitempty"`
}

// String describes the change on one line: its kind, and the alert.
func (c BreachChange) String() string {
	if c.Breach == nil {
		return string(c.Kind)
	}
	return oneLine(string(c.Kind), c.Breach.String())
}

// LogValue returns what log/slog writes about the change: its kind and key, the
// names of the changed fields, and what it writes about the alert.
func (c BreachChange) LogValue() slog.Value {
	return slog.GroupValue(append(changeAttrs(string(c.Kind), c.Key, c.Source, c.Fields), slog.Any("breach", c.Breach))...)
}

// BreachPollResult is the result of a Poll of model alerts.
type BreachPollResult struct {
	// Changes are the alerts to handle, the oldest first. Nil means none.
	Changes []BreachChange
	// Checkpoint is where the next Poll begins. Save it once the changes are
	// handled.
	Checkpoint *Checkpoint
	// More reports whether another Poll at once is worthwhile: work is left, or
	// this one did nothing but work that was left and has not looked for new
	// alerts.
	More bool
	// Pass describes this Poll.
	Pass PassInfo

	taken func(n int) *Checkpoint
}

// Taken returns the checkpoint to save if only the first n changes were
// handled.
func (r *BreachPollResult) Taken(n int) *Checkpoint {
	if n >= len(r.Changes) || r.taken == nil {
		return r.Checkpoint
	}
	return r.taken(max(n, 0))
}

// BreachStore is a ChangeStore for model alerts.
type BreachStore interface {
	CheckpointStore
	// SaveBreaches stores changes and replaces prev by next, as
	// ChangeStore.SaveChanges does.
	SaveBreaches(ctx context.Context, prev, next *Checkpoint, changes []BreachChange) error
}

// Poll makes one pass over the appliance's model alerts, including acknowledged
// ones, as AIAnalystService.Poll does over events. Windows select alerts by
// when they were created. The feed needs its own checkpoint.
//
// Threat Visualizer API: GET /modelbreaches.
func (s *ModelBreachService) Poll(ctx context.Context, checkpoint *Checkpoint, opts *BreachPollOptions) (*BreachPollResult, error) {
	o := valueOf(opts)
	out, err := s.feed(&o).poll(ctx, checkpoint, pace{budget: o.Budget})
	if out == nil {
		return nil, err
	}
	out.log(s.client())
	return &BreachPollResult{Changes: out.changes, Checkpoint: out.checkpoint, More: out.more, Pass: out.pass, taken: out.taken}, err
}

// Watch runs Poll until ctx ends, as AIAnalystService.Watch does.
//
// Threat Visualizer API: GET /modelbreaches.
func (s *ModelBreachService) Watch(ctx context.Context, store CheckpointStore, opts *BreachWatchOptions) iter.Seq2[BreachChange, error] {
	o := valueOf(opts)
	return watch(ctx, store, o.pace(), func() *loop[BreachChange] {
		return &loop[BreachChange]{client: s.client(), poll: s.feed(&o.BreachPollOptions).poll}
	})
}

// Deliver runs Watch and passes the changes to store, each batch in one
// transaction with the checkpoint, as AIAnalystService.Deliver does.
//
// Threat Visualizer API: GET /modelbreaches.
func (s *ModelBreachService) Deliver(ctx context.Context, store BreachStore, opts *BreachWatchOptions) error {
	if store == nil {
		return argument("store", "is nil")
	}
	o := valueOf(opts)
	w := o.pace()
	return deliver(ctx, &loop[BreachChange]{
		WatchOptions: *w, client: s.client(), store: store, poll: s.feed(&o.BreachPollOptions).poll, deliver: store.SaveBreaches,
	})
}

// pace returns the part of the options that a loop needs.
func (o *BreachWatchOptions) pace() *WatchOptions {
	if o.Limit == 0 {
		o.Limit = defaultBatch
	}
	return &WatchOptions{
		PollOptions: PollOptions{Budget: o.Budget}, Interval: o.Interval, OnError: o.OnError, OnPass: o.OnPass, Standby: o.Standby,
	}
}

// breachState holds the fields of a model alert that can change.
var breachState = stateFields{
	{"acknowledged", flagValue, decodeValue[bool], false},
	{"commentCount", func(s string) any { n, _ := strconv.ParseInt(s, 10, 64); return n }, decodeValue[int64], false},
	{"score", func(s string) any { p, _ := strconv.ParseFloat(s, 64); return Probability(p) }, decodeValue[Probability], true},
}

func breachStateOf(b *ModelBreach) string {
	acknowledged := b.Acknowledged != nil && *b.Acknowledged
	return strings.Join([]string{flagText(acknowledged), strconv.FormatInt(b.CommentCount, 10), numberText(b.Score)}, stateSeparator)
}

func (f *BreachFilter) check() error {
	for _, category := range f.Categories {
		if category.Severity() == 0 {
			return noCategory(category)
		}
	}
	return nil
}

func (f *BreachFilter) matches(b *ModelBreach) bool {
	if len(f.Categories) == 0 {
		return true
	}
	model := b.Model.Then
	if model == nil {
		model = b.Model.Now
	}
	return model != nil && slices.ContainsFunc(f.Categories, func(c Category) bool { return strings.EqualFold(string(c), string(model.EffectiveCategory())) })
}

func (o *BreachPollOptions) list() *BreachListOptions {
	f := &o.Filter
	return &BreachListOptions{
		CreationTime: true, IncludeAcknowledged: true, Minimal: o.Minimal,
		MinScore: f.MinScore, DID: f.DID, PID: f.PID, UUID: f.UUID, IncludeSuppressed: f.IncludeSuppressed, SaaSOnly: f.SaaSOnly,
	}
}

// feed is the feed of model alerts.
func (s *ModelBreachService) feed(o *BreachPollOptions) *source[ModelBreach, BreachChange] {
	f := &source[ModelBreach, BreachChange]{client: s.client(), telling: telling{breachState, o.UpdateFields, o.MinScoreChange}}
	list := o.list()
	check := firstError(o.Filter.check(), list.check())
	follow := make([]string, len(o.Follow))
	for i, pbid := range o.Follow {
		follow[i] = strconv.FormatInt(pbid, 10)
		if pbid <= 0 {
			check = argument("Follow", "contains %d; ids of model alerts are positive", pbid)
		}
	}
	f.set(reading{o.Since, o.Overlap, o.Sweeps, o.Limit, o.Budget, o.Updates, follow, o.Filter, check})
	f.options.Feed = feedOfBreaches
	f.options.Ends = true // Windows of this list have both ends.
	f.kind.Chunk = 1
	f.kind.List = func(ctx context.Context, w feed.Window, _ func([]byte) bool, yield func(*ModelBreach)) error {
		windowed := *list
		windowed.Start, windowed.End = Millis(w.From).Time(), Millis(w.To).Time()
		query, err := encodeOptions(s.query(windowed))
		if err != nil {
			return err
		}
		full := decoderOf[ModelBreach](ctx)
		return stream(ctx, s.client(), breachesPath, query, func(element []byte) (*ModelBreach, error) {
			f.bytes += int64(len(element)) + 1
			return full(element)
		}, func(b *ModelBreach) bool {
			yield(b)
			return true
		})
	}
	f.kind.Lookup = func(ctx context.Context, ids []string, yield func(*ModelBreach)) error {
		pbid, err := strconv.ParseInt(ids[0], 10, 64)
		if err != nil {
			return errors.Join(ErrNotFound, err)
		}
		b, err := s.Get(ctx, pbid)
		if err == nil {
			yield(b)
		}
		return err
	}
	f.kind.ID = func(b *ModelBreach) string {
		if b.PBID == 0 {
			return ""
		}
		return strconv.FormatInt(b.PBID, 10)
	}
	f.kind.Created = func(b *ModelBreach) int64 { return int64(b.CreationTime) }
	f.kind.Last = func(b *ModelBreach) int64 { return int64(max(b.CreationTime, b.Time)) }
	f.kind.Score = func(b *ModelBreach) float64 { return float64(b.Score) }
	f.kind.Matches = o.Filter.matches
	f.kind.State = breachStateOf
	f.change = func(item *feed.Item[ModelBreach]) BreachChange {
		change := BreachChange{Kind: EventNew, Source: f.client.source(), Breach: item.Value}
		if !item.New {
			change.Kind, change.Fields = EventUpdated, f.telling.changes(item.Before, item.After)
		}
		change.Key = changeKey("breach", change.Source, f.kind.ID(item.Value), strconv.Itoa(item.Updates), f.telling.state(item.After))
		return change
	}
	return f
}
