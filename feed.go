package darktrace

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
	"github.com/darktrace-go/darktrace/internal/feed"
	"github.com/darktrace-go/darktrace/internal/filelock"
)

const (
	defaultOverlap = 10 * time.Minute
	minBudget      = time.Minute
	defaultPause   = time.Minute
)

func defaultSweeps() []Sweep {
	return []Sweep{{15 * time.Minute, 24 * time.Hour}, {time.Hour, 7 * 24 * time.Hour}}
}

// permanent lists the errors that waiting does not fix. A feed treats all others as
// temporary, even if Temporary returns false for them: an error of a store, or a
// login page.
var permanent = []error{
	ErrArgument, ErrSignature, ErrPermission, ErrEndpoint, ErrInput, ErrTooLarge, ErrNotFound, ErrRejected, ErrNotStored, ErrOutcomeUnknown,
	ErrCheckpointConflict, ErrNoCheckpoint, feed.ErrDamaged, fs.ErrPermission, fs.ErrNotExist, syscall.EBUSY, syscall.EISDIR, filelock.ErrReadOnly,
}

// lasts reports whether an error is permanent. A socket that does not exist belongs to
// a database that restarts.
func lasts(err error) bool {
	var connection *net.OpError
	return !Temporary(err) && slices.ContainsFunc(permanent, func(kind error) bool { return errors.Is(err, kind) }) &&
		(!errors.Is(err, fs.ErrNotExist) || !errors.As(err, &connection))
}

// source is a feed: it lists elements and turns them into changes.
type source[T, C any] struct {
	client  *core
	options feed.Options
	check   error // of the options
	telling telling
	kind    feed.Kind[T]
	change  func(*feed.Item[T]) C
	isNew   func(*C) bool
	bytes   int64 // that this Poll has read
}

// reading are the options that all feeds share.
type reading struct {
	since        time.Time
	overlap      time.Duration
	sweeps       []Sweep
	limit        int
	budget       time.Duration
	updates      bool
	follow       []string
	filter       any
	checkFilters error
}

// pace holds the settings of a loop.
type pace struct {
	pause  time.Duration // between two passes, while there is other work
	budget time.Duration // of a Poll, unless the options have one
}

// polled is the result of a Poll.
type polled[C any] struct {
	changes    []C
	checkpoint *Checkpoint
	more       bool
	pass       PassInfo
	unread     []*UnreadError
	noIDs      int
	taken      func(n int) *Checkpoint
	keeping    func(keep func(i int) bool) *Checkpoint
	items      int
}

// set turns the options into those of the engine.
func (s *source[T, C]) set(o reading) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Overlap", o.overlap}, {"Budget", o.budget}} {
		if d.value < 0 {
			s.check = argument(d.name, "is negative: %v", d.value)
		}
	}
	if o.overlap == 0 {
		o.overlap = defaultOverlap
	}
	if o.sweeps == nil {
		o.sweeps = defaultSweeps()
	}
	for _, sweep := range o.sweeps {
		if sweep.Every <= 0 || sweep.Back <= 0 {
			s.check = argument("Sweeps", "contains %v by %v; both must be positive", sweep.Every, sweep.Back)
		}
		s.options.Sweeps = append(s.options.Sweeps, feed.Sweep{Every: sweep.Every.Milliseconds(), Back: sweep.Back.Milliseconds()})
	}
	if o.limit < 0 {
		s.check = argument("Limit", "is negative: %d", o.limit)
	}
	if !o.since.IsZero() {
		if checkWindow(o.since, time.Time{}) != nil {
			s.check = argument("Since", "is not between 1970 and %d: %v", lastYear, o.since)
		}
		s.options.Since = o.since.UnixMilli()
	}
	s.check = firstError(s.check, s.telling.check(), o.checkFilters)
	s.options.Overlap, s.options.Limit, s.options.Updates = o.overlap.Milliseconds(), o.limit, o.updates
	s.options.Host = s.client.base.Hostname()
	s.options.Follow, s.options.Filter = o.follow, fingerprint(o.filter)
	s.kind.Changed = func(before, after string) bool { return s.telling.changes(before, after) != nil }
	s.kind.Chunk = idsPerRequest
	s.kind.Askable = func(id string) bool { return checkID("", id) == nil }
	s.kind.Divisible = divisible
	s.kind.Unknown = func(err error) bool {
		return errors.Is(err, ErrInput) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrRejected)
	}
}

// divisible reports whether an error may be due to the window, so that it is worth
// reading the window in parts.
func divisible(err error) bool {
	for _, kind := range []error{ErrServer, ErrDecode, ErrTooLarge, ErrInput, ErrConnection} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// poll runs one Poll. The result is nil only if the Poll could not begin.
func (s *source[T, C]) poll(ctx context.Context, checkpoint *Checkpoint, p pace) (*polled[C], error) {
	if ctx == nil {
		return nil, argument("ctx", "is nil")
	}
	if s.check != nil {
		return nil, s.check
	}
	o := s.options
	if err := checkpoint.checkOf(o.Feed, o.Host); err != nil {
		return nil, err
	}
	began := time.Now()
	o.Pause = max(p.pause, 0).Milliseconds()
	if p.pause == 0 {
		o.Pause = defaultPause.Milliseconds()
	}
	if p.budget > 0 {
		o.Deadline = began.Add(p.budget)
	}
	ours := s.client.clock.Now()
	listening, heard := clock.Listen(ctx)
	o.Now, o.Own = s.client.clock.Signing, s.client.clock.Now
	o.Heard = func() int64 {
		at, known := heard.At(ours)
		if !known {
			return 0
		}
		return at.UnixMilli()
	}
	s.bytes = 0
	result, err := s.kind.Poll(listening, checkpoint.stateOf(), o)
	if ctx.Err() != nil && err != nil && !errors.Is(err, ctx.Err()) {
		err = alsoEnded(ctx, err)
	}
	return s.found(result, began, err), err
}

// found turns the result of the engine into changes.
func (s *source[T, C]) found(result *feed.Result[T], began time.Time, err error) *polled[C] {
	out := &polled[C]{checkpoint: &Checkpoint{result.State}, more: result.More, noIDs: result.Info.NoIDs}
	info := result.Info
	out.pass = PassInfo{
		Began: instant(info.Began), Through: out.checkpoint.Through(), Duration: time.Since(began), Requests: info.Requests, Bytes: s.bytes,
		Listed: info.Listed, Owed: out.checkpoint.Owed(), Swept: time.Duration(info.Swept) * time.Millisecond, Err: err,
	}
	for _, d := range result.State.Debt() {
		out.pass.Debt = append(out.pass.Debt, stretchOf(d))
	}
	for _, d := range info.Found {
		out.unread = append(out.unread, &UnreadError{Stretch: stretchOf(d), Err: d.Cause()})
	}
	for _, d := range info.Lost {
		out.unread = append(out.unread, &UnreadError{Stretch: stretchOf(d), GaveUp: true})
	}
	for i := range result.Items {
		change := s.change(&result.Items[i])
		if result.Items[i].New {
			out.pass.New++
		} else {
			out.pass.Updated++
		}
		out.changes = append(out.changes, change)
	}
	out.keeping = func(keep func(int) bool) *Checkpoint { return &Checkpoint{result.Taken(keep)} }
	out.taken = func(n int) *Checkpoint { return out.keeping(func(i int) bool { return i < n }) }
	return out
}

func stretchOf(d feed.Stretch) Stretch { return Stretch{instant(d.From), instant(d.To)} }

func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return Millis(millis).Time()
}

// log logs the errors that a loop would report to OnError.
func (o *polled[C]) log(c *core) {
	o.logNoIDs(c)
	for _, err := range o.unread {
		c.warnings().Warn("darktrace: the feed can't read everything", "error", err.Error())
	}
}

func (o *polled[C]) logNoIDs(c *core) {
	if o.noIDs > 0 {
		c.warnings().Warn("darktrace: the appliance lists an event without an id, which the feed leaves out")
	}
}

// eventFeed is the feed of incident events.
func (s *AIAnalystService) eventFeed(o *PollOptions) *source[IncidentEvent, EventChange] {
	f := &source[IncidentEvent, EventChange]{client: s.client(), telling: telling{eventState, o.UpdateFields, o.MinScoreChange}}
	f.options.Feed = feedOfEvents
	list := o.list()
	_, listErr := list.encode(f.client.locale)
	f.set(reading{
		o.Since, o.Overlap, o.Sweeps, o.Limit, o.Budget, o.Updates, o.Follow, o.Filter,
		firstError(o.Filter.check(), listErr, checkEventIDs("Follow", o.Follow)),
	})
	f.kind.List = func(ctx context.Context, w feed.Window, skip func([]byte) bool, yield func(*IncidentEvent)) error {
		windowed := *list
		windowed.Start = Millis(w.From).Time()
		if !w.Open {
			windowed.End = Millis(w.To).Time()
		}
		return f.events(ctx, &windowed, skip, yield)
	}
	f.kind.Lookup = func(ctx context.Context, ids []string, yield func(*IncidentEvent)) error {
		return f.events(ctx, &EventListOptions{EventIDs: ids, IncludeURL: o.IncludeURL, KeepRaw: o.KeepRaw, Locale: o.Filter.Locale}, nil, yield)
	}
	f.kind.ID = func(e *IncidentEvent) string { return e.ID }
	f.kind.Created = func(e *IncidentEvent) int64 { return int64(e.CreatedAt) }
	f.kind.Last = func(e *IncidentEvent) int64 { return int64(max(e.CreatedAt, e.LastActivity())) }
	f.kind.Score = func(e *IncidentEvent) float64 { return float64(e.GroupScore) }
	f.kind.Matches = o.Filter.matches
	f.kind.State = eventStateOf
	f.change = func(item *feed.Item[IncidentEvent]) EventChange {
		e := item.Value
		change := EventChange{Kind: EventNew, Source: f.client.source(), Event: e}
		if !item.New {
			change.Kind, change.Fields = EventUpdated, f.telling.changes(item.Before, item.After)
		}
		change.Key = changeKey("event", change.Source, e.ID, strconv.Itoa(item.Updates), f.telling.state(item.After))
		change.PreviousGroups = previousGroups(e, change.Fields)
		return change
	}
	return f
}

// events sends one request and yields its events, except those whose id skip
// selects.
func (s *source[T, C]) events(ctx context.Context, o *EventListOptions, skip func([]byte) bool, yield func(*IncidentEvent)) error {
	query, err := o.encode(s.client.locale)
	if err != nil {
		return err
	}
	full := decodeEvent(ctx, o.KeepRaw)
	return stream(ctx, s.client, eventsPath, encodeQuery(query), func(element []byte) (*IncidentEvent, error) {
		s.bytes += int64(len(element)) + 1
		if skip != nil {
			if id := eventID(element); len(id) > 0 && skip(id) {
				return nil, nil //nolint:nilnil // The event is left out.
			}
		}
		return full(element)
	}, func(e *IncidentEvent) bool {
		if e != nil {
			yield(e)
		}
		return true
	})
}
