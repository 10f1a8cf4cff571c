package darktrace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// PollOptions says what a feed delivers and how it reads. The zero value, and
// nil, mean the defaults. All of it may change from one Poll to the next.
type PollOptions struct {
	// Since bounds the first pass: events that the appliance lists already, that
	// match the filter and that were neither created nor active since then are not
	// delivered. Zero means 24 hours before the first Poll. Later it has no effect.
	Since time.Time
	// Overlap is how far each pass reads back behind the one before. 0 means 24
	// hours.
	Overlap time.Duration
	// SweepOverlap is how far a sweep reads back behind the sweep before. 0 means
	// 7 days; less than Overlap means no sweeps.
	SweepOverlap time.Duration
	// SweepEvery is how often a pass is a sweep. 0 means every hour.
	SweepEvery time.Duration
	// Limit is how many changes a Poll returns at most; the next one goes on
	// where it stopped. 0 means no limit: all that is new is then in memory.
	Limit int
	// Updates asks for changes of delivered events too, EventUpdated.
	Updates bool
	// IncludeURL asks for IncidentEvent.URL, as in EventListOptions.
	IncludeURL bool
	// KeepRaw keeps each event's JSON in IncidentEvent.Raw.
	KeepRaw bool
	// Filter says which events are delivered. The zero value means all.
	Filter EventFilter
}

// EventFilter says which events a feed delivers. Fields combine as AND, those of
// a list as OR; zero fields don't filter. What can change during an event's
// life, its incident and the incident's score and category, is matched by this
// package: an event is delivered when it first matches while a pass lists it, and
// later changes don't take that back. The rest never changes and is matched by the appliance.
type EventFilter struct {
	// MinGroupScore is the lowest score of the event's incident, which grows.
	MinGroupScore float64
	// Categories are those of the event's incident; informational can be asked
	// for too. An event of an appliance before 5.2 is matched by its own.
	Categories []Category
	// GroupIDs are incidents, also by ids that they had before merges.
	GroupIDs []string
	// MinScore is the lowest score of the event itself.
	MinScore float64
	// MaxScore is the highest score of the event itself.
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

// PollResult is what a Poll found.
type PollResult struct {
	// Changes are the events to deal with, in no particular order; nil when
	// there are none.
	Changes []EventChange
	// Checkpoint is where the next Poll begins. Keep it once the changes are
	// dealt with.
	Checkpoint *Checkpoint
	// More reports that the pass is not complete: another Poll at once is worth
	// it.
	More bool

	since Millis // what bounds the first pass, if this was a part of it
}

const (
	defaultSince        = 24 * time.Hour
	defaultOverlap      = 24 * time.Hour
	defaultSweepOverlap = 7 * 24 * time.Hour
	defaultSweepEvery   = time.Hour

	// slice is the widest window of one request.
	slice = 48 * millisPerHour
	// slack is what windows overlap beyond what they must, for a Date header
	// has no more than seconds, and takes a while to arrive.
	slack = 60 * 1000
)

// complete fills in the defaults.
func (o *PollOptions) complete() (PollOptions, error) {
	var c PollOptions
	if o != nil {
		c = *o
	}
	for name, d := range map[string]time.Duration{"Overlap": c.Overlap, "SweepOverlap": c.SweepOverlap, "SweepEvery": c.SweepEvery} {
		if d < 0 {
			return c, argument(name, "is negative: %v", d)
		}
	}
	if c.Limit < 0 {
		return c, argument("Limit", "is negative: %d", c.Limit)
	}
	if c.Overlap == 0 {
		c.Overlap = defaultOverlap
	}
	if c.SweepOverlap == 0 {
		c.SweepOverlap = defaultSweepOverlap
	}
	if c.SweepEvery == 0 {
		c.SweepEvery = defaultSweepEvery
	}
	return c, firstError(
		checkWindow(c.Since, time.Time{}),
		checkScores("MinGroupScore", c.Filter.MinGroupScore, "", 0),
		checkIDs("GroupIDs", c.Filter.GroupIDs),
	)
}

// matches reports whether an event passes what is matched on our side.
func (f *EventFilter) matches(e *IncidentEvent) bool {
	category := e.GroupCategory
	if category == "" {
		category = e.Category
	}
	return float64(e.GroupScore) >= f.MinGroupScore &&
		(len(f.Categories) == 0 || slices.Contains(f.Categories, category)) &&
		(len(f.GroupIDs) == 0 || slices.ContainsFunc(e.GroupIDs(), func(id string) bool { return slices.Contains(f.GroupIDs, id) }))
}

// fingerprint tells filters apart.
func (f *EventFilter) fingerprint() string {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%v", *f)
	return fmt.Sprintf("%x", hash.Sum(nil))
}

// listOptions asks for a window.
func (o *PollOptions) listOptions(w window) *EventListOptions {
	f := &o.Filter
	return &EventListOptions{
		Start: w.From.Time(), End: w.To.Time(), IncludeAcknowledged: true, ExcludePinned: true,
		IncludeURL: o.IncludeURL, SaaSOnly: f.SaaSOnly, KeepRaw: o.KeepRaw, Locale: f.Locale, MinScore: f.MinScore, MaxScore: f.MaxScore,
		DeviceID: f.DeviceID, ExcludeDeviceID: f.ExcludeDeviceID, SubnetID: f.SubnetID, ExcludeSubnetID: f.ExcludeSubnetID, Master: f.Master,
	}
}

// Poll makes one pass over the appliance's events, or a part of one, and returns
// what is new since the checkpoint; a nil checkpoint begins a feed, nil options
// mean the defaults. It is for cron jobs and for programs with a loop of their
// own; Watch is the loop.
//
// The promise: every event that the appliance lists and the filter matches is
// delivered at least once, and once only as long as the checkpoint is kept,
// provided that the appliance lists it at most SweepOverlap after the time that
// its windows compare. Neither the order of the list, equal times, scores that
// move, merges, pins, acknowledgements, pauses, restarts, errors nor limits
// change that. These are the rules:
//
//   - Which of an event's times a window compares is not documented, so nothing
//     depends on it. Windows overlap, and an event is known by its id alone.
//   - A pass begins at a time on the appliance's clock, as its Date headers tell
//     it, and reads from Overlap before the pass before it began. Once every
//     SweepEvery it is a sweep, and reads from SweepOverlap before the sweep
//     before it began. After a week off the windows are wider by that week.
//   - The first pass reads from Since, and from SweepOverlap before it began:
//     what that lists and was neither created nor active since Since counts as
//     delivered, so that only what shows up later is new.
//   - Windows are explicit and end a minute ahead of the appliance's clock, which
//     is known to a second only; the first request of a client, which does not
//     know it yet, has no end. A window is read in slices
//     of at most 48 hours, oldest first, each streamed: of events that are known
//     no more than the id is decoded, and none is kept.
//   - Acknowledged events are included; events that are pinned are too, but only
//     by their time.
//   - An id is remembered until no later window can list its event, whichever
//     time it compares: as long as the widest overlap reaches back, rounded up to
//     an hour. Windows never begin before the time up to which ids were forgotten,
//     so that a wider overlap takes effect as time goes by.
//   - With a Limit, what is left over is owed: its ids are in the checkpoint, and
//     the next Poll asks for them by id. When the filter has changed by then, or
//     the appliance no longer has one of them, their window is read again.
//   - A pass that began stays at its time until all its slices are read and all
//     that is owed is delivered; only then does the next one begin, in the same
//     Poll if the Limit leaves room.
//   - With Updates, an event that was delivered and is listed with another
//     groupScore, aiaScore, category, groupCategory, currentGroup, acknowledged or
//     pinned than when it was last delivered is delivered again as EventUpdated,
//     whether the filter still matches it or not. Changes are seen while a pass
//     lists the event. For events from before Updates was on, what is compared
//     begins with the first listing after that.
//   - An error moves nothing: call Poll again with the same checkpoint. When part
//     of the work is done by then, Poll returns that part with More instead, and
//     the error when it happens again. When ctx ends Poll returns its error.
//   - A crash after dealing with changes and before keeping the checkpoint brings
//     these changes again, and loses none.
//
// An event without an id can't be told from others; it is logged and left out.
// Errors are those of Events; ErrArgument for options that can't be.
//
// Threat Visualizer API: GET /aianalyst/incidentevents.
func (s *AIAnalystService) Poll(ctx context.Context, checkpoint *Checkpoint, opts *PollOptions) (*PollResult, error) {
	if ctx == nil {
		return nil, argument("ctx", "is nil")
	}
	o, err := opts.complete()
	if err != nil {
		return nil, err
	}
	p := &poller{service: s, opts: o, next: checkpoint.clone(), filter: o.Filter.fingerprint()}
	if err := p.run(ctx); err != nil && (ctx.Err() != nil || !p.progress) {
		return nil, err
	}
	return &PollResult{p.changes, p.next, p.next.pass != nil, cmp.Or(p.since, p.next.since)}, nil
}

// poller is one Poll at work.
type poller struct {
	service *AIAnalystService
	opts    PollOptions
	filter  string // its fingerprint

	next     *Checkpoint // in the making
	owed     map[string]bool
	changes  []EventChange
	progress bool // something is worth keeping

	began time.Time // when the new pass began, by our clock; zero while an old one goes on
	since Millis    // what bounded the first pass, if it is complete
	from  Millis    // where the new pass began to read
	read  bool      // the new pass has read a slice

	stuck  bool // a slice could not be read to its end for lack of room
	warned bool
}

// run goes on with the pass that is not complete, and then begins a new one.
func (p *poller) run(ctx context.Context) error {
	if p.next.pass != nil {
		p.resume()
		if err := p.advance(ctx); err != nil || p.next.pass != nil {
			return err
		}
	}
	if p.full() {
		return nil
	}
	p.begin()
	return p.advance(ctx)
}

func (p *poller) full() bool { return p.opts.Limit > 0 && len(p.changes) >= p.opts.Limit }

func (p *poller) resume() {
	pass := p.next.pass
	if pass.Filter != p.filter {
		p.relist()
		pass.Filter = p.filter
	}
	p.owed = make(map[string]bool, len(pass.Owed))
	for _, key := range pass.Owed {
		p.owed[key] = true
	}
}

// relist drops what is owed and has its windows read again.
func (p *poller) relist() {
	if pass := p.next.pass; len(pass.Owed) > 0 {
		pass.Todo = append(pass.Todo, pass.Within)
		pass.Owed, pass.Within = nil, window{}
		clear(p.owed)
	}
}

// begin begins a pass.
func (p *poller) begin() {
	clock := p.service.client().clock
	p.began = clock.now()
	p.owed = map[string]bool{}
	if p.next.through != 0 {
		p.from = max(p.next.through-millis(p.opts.Overlap)-slack, p.next.floor)
	} else if p.next.since != 0 {
		p.from = p.next.since
	} else {
		since := p.opts.Since
		if since.IsZero() {
			now, _ := clock.appliance()
			since = now.Add(-defaultSince)
		}
		p.from = Millis(since.UnixMilli())
		p.next.since = p.from
	}
	p.next.pass = &pass{Todo: []window{{From: p.from}}, Filter: p.filter}
	if _, known := clock.appliance(); known {
		p.settle()
	}
}

// settle fixes when the new pass began and what it has to read, now that the
// appliance's clock is known, or that no answer will tell it.
func (p *poller) settle() {
	next, pass := p.next, p.next.pass
	if pass.At != 0 {
		return
	}
	clock := p.service.client().clock
	ours := clock.now()
	theirs, _ := clock.appliance()
	pass.At = Millis(theirs.Add(p.began.Sub(ours)).UnixMilli())
	for i := range pass.Todo {
		if pass.Todo[i].To == 0 {
			pass.Todo[i].To = max(pass.At+slack, pass.Todo[i].From) // So that the newest second is in it.
		}
	}
	reach := millis(p.opts.SweepOverlap) + slack
	if next.floor > pass.At { // The clock was set back: rather repeat than lose.
		next.floor = pass.At - reach
	}
	if next.through == 0 {
		if since := pass.At - millis(defaultSince); p.opts.Since.IsZero() && since < next.since {
			pass.Todo = append(pass.Todo, window{since, next.since})
			next.since = since
		}
		next.floor = min(pass.At-reach, next.since)
		if next.floor < next.since {
			pass.Todo = append(pass.Todo, window{next.floor, next.since - 1})
		}
		pass.Sweep = true
		return
	}
	if pause := pass.At - next.swept; pause >= millis(p.opts.SweepEvery) || pause < 0 {
		pass.Sweep = true
		if from := max(min(next.swept, pass.At)-reach, next.floor); from < p.from {
			pass.Todo = append(pass.Todo, window{from, p.from + slack})
		}
	}
}

// advance works on the pass until it is complete or the limit is reached.
func (p *poller) advance(ctx context.Context) error {
	for {
		pass := p.next.pass
		var err error
		switch baseline := p.baseline(); {
		case baseline >= 0 && !p.stuck: // Before the limit counts, since it has to show what there was in the beginning.
			err = p.readSlice(ctx, baseline)
		case len(pass.Owed) == 0 && len(pass.Todo) == 0:
			p.end()
			return nil
		case p.full():
			return nil
		case len(pass.Owed) > 0:
			err = p.fetchOwed(ctx)
		default:
			err = p.readSlice(ctx, 0)
		}
		if err != nil {
			return err
		}
	}
}

// baseline returns the index of a window from before Since, or -1. The first
// request of a feed is not for it, since it may have to find out the time.
func (p *poller) baseline() int {
	if !p.began.IsZero() && !p.read {
		return -1
	}
	return slices.IndexFunc(p.next.pass.Todo, p.isBaseline)
}

func (p *poller) isBaseline(w window) bool { return w.To != 0 && w.To < p.next.since }

// end completes the pass.
func (p *poller) end() {
	next := p.next
	next.through = next.pass.At
	if next.pass.Sweep {
		next.swept = next.pass.At
	}
	p.since = cmp.Or(p.since, next.since)
	next.since = 0
	p.forget()
	next.pass = nil
	p.progress = true
}

// forget drops the ids that neither this pass nor those after it can meet.
func (p *poller) forget() {
	pass := p.next.pass
	swept := p.next.swept
	if pass.Sweep {
		swept = pass.At
	}
	line := min(pass.At-millis(p.opts.Overlap), swept-millis(p.opts.SweepOverlap)) - slack
	for _, w := range pass.Todo {
		line = min(line, w.From)
	}
	if len(pass.Owed) > 0 {
		line = min(line, pass.Within.From)
	}
	p.next.forget(line)
}

// readSlice reads a window that the pass has to read, or its first slice.
func (p *poller) readSlice(ctx context.Context, index int) error {
	part := p.next.pass.Todo[index]
	switch {
	case part.To != 0:
		part.To = min(part.To, part.From+slice)
	case part.From+slice < Millis(p.began.Add(-24*time.Hour).UnixMilli()): // Past, whatever the clocks say.
		part.To = part.From + slice
	}
	l := listing{poller: p, window: part, baseline: p.isBaseline(part), whole: true}
	err := l.read(ctx)
	p.settle()
	if err != nil || !l.whole {
		p.stuck = true
		return err
	}
	p.read = true
	p.progress = true
	todo := p.next.pass.Todo
	if part.To != 0 && part.To < todo[index].To {
		todo[index].From = part.To - slack
	} else {
		p.next.pass.Todo = slices.Delete(todo, index, index+1)
	}
	p.forget()
	return nil
}

// listing is a slice being read.
type listing struct {
	*poller
	window
	baseline bool // from before Since
	whole    bool // everything that it has to tell was noted

	key   []byte
	state []byte
}

func (l *listing) read(ctx context.Context) error {
	for event, err := range l.service.events(ctx, l.opts.listOptions(l.window), l.decoder()) {
		if err != nil {
			return err
		}
		if event != nil {
			l.note(event)
		}
	}
	return nil
}

// decoder returns a decoder that leaves out, as nil, events that are known.
func (l *listing) decoder() elementDecoder[IncidentEvent] {
	full := decodeEvent(l.opts.KeepRaw)
	return func(element []byte) (*IncidentEvent, error) {
		l.settle() // The Date of the answer is known by now.
		id := cursor{data: element}
		if l.passOver(id.eventID()) {
			return nil, nil //nolint:nilnil // An event that is left out.
		}
		return full(element)
	}
}

// passOver reports whether there is nothing to note of an event of the id.
func (l *listing) passOver(id []byte) bool {
	l.key = appendKey(l.key[:0], id)
	if l.owed[string(l.key)] {
		return true
	}
	known, ok := l.next.seen[string(l.key)]
	if !ok {
		return false
	}
	if known.until.millis() < l.From {
		// Its time has moved, or the window shows more than it should.
		known.until = hoursUp(l.end())
		l.next.seen[string(l.key)] = known
	}
	return !l.opts.Updates || known.state == silentState
}

// note notes an event that may be new or have changed.
func (l *listing) note(e *IncidentEvent) {
	if e.ID == "" {
		l.warn()
		return
	}
	l.key = appendKey(l.key[:0], e.ID)
	key := string(l.key)
	known, ok := l.next.seen[key]
	switch {
	case l.owed[key]:
		return
	case ok && !l.changed(key, known, e):
		return
	case ok:
	case !l.opts.Filter.matches(e):
		return
	case l.baseline && lastTime(e) < l.next.since:
		l.next.seen[key] = memory{l.until(e, l.end()), silentState}
		return
	}
	switch {
	case !l.full():
		l.take(key, e, l.end())
	case canAsk(e.ID):
		l.owe(key)
	default:
		l.whole = false
	}
}

// changed reports whether a known event has to be delivered again.
func (l *listing) changed(key string, known memory, e *IncidentEvent) bool {
	if !l.opts.Updates || known.state == silentState {
		return false
	}
	l.state = appendState(l.state[:0], e)
	if known.state == noState {
		known.state = string(l.state)
		l.next.seen[key] = known
	}
	return known.state != string(l.state)
}

// end returns a time that no event of the listing is later than, whichever of
// its times the window compares.
func (l *listing) end() Millis {
	if l.To != 0 {
		return l.To
	}
	if _, known := l.service.client().clock.appliance(); !known {
		return l.now() + 24*millisPerHour
	}
	return l.now() + slack
}

// owe leaves an event for the next Poll.
func (l *listing) owe(key string) {
	pass := l.next.pass
	if len(pass.Owed) == 0 {
		pass.Within = window{l.From, l.end()}
	}
	pass.Within = window{min(pass.Within.From, l.From), max(pass.Within.To, l.end())}
	pass.Owed = append(pass.Owed, key)
	l.owed[key] = true
}

// fetchOwed delivers what is owed, as far as the limit allows.
func (p *poller) fetchOwed(ctx context.Context) error {
	pass := p.next.pass
	n := len(pass.Owed)
	if p.opts.Limit > 0 {
		n = min(n, p.opts.Limit-len(p.changes))
	}
	ids := make([]string, n)
	for i, key := range pass.Owed[:n] {
		ids[i] = keyID(key)
	}
	opts := &EventListOptions{EventIDs: ids, IncludeURL: p.opts.IncludeURL, KeepRaw: p.opts.KeepRaw, Locale: p.opts.Filter.Locale}
	var err error
	for event, eventErr := range p.service.Events(ctx, opts) {
		if err = eventErr; err != nil {
			break
		}
		// An appliance that does not know the parameter lists what nobody asked for.
		if key := string(appendKey(nil, event.ID)); p.owed[key] && !p.full() {
			delete(p.owed, key)
			p.take(key, event, pass.Within.To)
			p.progress = true
		}
	}
	pass.Owed = slices.DeleteFunc(pass.Owed, func(key string) bool { return !p.owed[key] })
	switch {
	case errors.Is(err, ErrInput), errors.Is(err, ErrNotFound), errors.Is(err, ErrRejected):
		err = nil // It does not have them, or not by id.
	case err != nil:
		return err
	}
	if slices.ContainsFunc(ids, func(id string) bool { return p.owed[string(appendKey(nil, id))] }) {
		p.relist()
	}
	return nil
}

// take delivers an event that a window up to end listed.
func (p *poller) take(key string, e *IncidentEvent, end Millis) {
	change := EventChange{Kind: EventNew, Event: e}
	known, ok := p.next.seen[key]
	var state string
	if p.opts.Updates {
		state = string(appendState(nil, e))
	}
	if ok {
		change.Kind, change.Fields = EventUpdated, stateChanges(known.state, state)
		if len(change.Fields) == 0 { // While it was owed it changed back, or Updates was turned off.
			return
		}
	} else {
		known.until = p.until(e, end)
	}
	known.state = state
	p.next.seen[key] = known
	change.PreviousGroups = previousGroups(e, change.Fields)
	p.changes = append(p.changes, change)
}

// until returns how long an event is remembered that a window up to end listed.
func (p *poller) until(e *IncidentEvent, end Millis) hours {
	return hoursUp(max(end, min(lastTime(e), p.now())))
}

// now returns the time on the appliance's clock, as far as that is known.
func (p *poller) now() Millis {
	now, _ := p.service.client().clock.appliance()
	return Millis(now.UnixMilli())
}

// lastTime returns the latest time that an event has; zero when it has none.
func lastTime(e *IncidentEvent) Millis { return max(e.CreatedAt, e.LastActivity()) }

func (p *poller) warn() {
	if !p.warned {
		p.warned = true
		p.service.client().warnings().Warn("darktrace: the appliance lists an event without an id, which the feed leaves out")
	}
}

func millis(d time.Duration) Millis { return Millis(d.Milliseconds()) }
