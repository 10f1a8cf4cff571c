package darktracetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/darktrace-go/darktrace"
)

// Incidents returns n believable incident events, oldest first, the last of
// them created minutes ago: scans, lateral movement, command and control, data
// transfers, hijacked cloud accounts, e-mail. Every type of detail occurs, as
// do incidents of several events, merged incidents, and events created up to 23
// hours after the activity. The category matches the score, and the category of
// an incident is the highest of its events. None is acknowledged or pinned. The
// same seed gives the same events, except for their times, which IncidentsAt
// fixes. With WithClock, use IncidentsAt(seed, n, srv.Now()): the default
// window would not show events of another time.
func Incidents(seed uint64, n int, opts ...IncidentOption) []*darktrace.IncidentEvent {
	return IncidentsAt(seed, n, thisMinute(), opts...)
}

// IncidentsAt is Incidents with the last event created within the ten minutes
// before the given time, and the first less than a week before it. It is fully
// deterministic.
func IncidentsAt(seed uint64, n int, end time.Time, opts ...IncidentOption) []*darktrace.IncidentEvent {
	events := make([]*darktrace.IncidentEvent, 0, n)
	for raw := range IncidentsSeq(seed, n, end, opts...) {
		e := new(darktrace.IncidentEvent)
		if err := json.Unmarshal(raw, e); err != nil {
			panic(err)
		}
		events = append(events, e)
	}
	return events
}

// IncidentsJSON returns Incidents in wire form: an array as in the response to
// GET /aianalyst/incidentevents.
func IncidentsJSON(seed uint64, n int, opts ...IncidentOption) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for raw := range IncidentsSeq(seed, n, thisMinute(), opts...) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(raw)
	}
	b.WriteByte(']')
	return b.Bytes()
}

// IncidentsSeq yields the events of IncidentsAt in wire form, one at a time.
func IncidentsSeq(seed uint64, n int, end time.Time, opts ...IncidentOption) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		g := newGenerator(seed, n)
		for _, opt := range opts {
			opt(g)
		}
		step := 6 * 24 * time.Hour / time.Duration(max(n, 1))
		for i := range n {
			// Up to a quarter of a step early, so that they stay in order.
			early := time.Duration(g.Int64N(int64(min(step/4, 10*time.Minute) + 1)))
			if !yield(mustJSON(g.event(end.Add(-time.Duration(n-1-i)*step - early)))) {
				return
			}
		}
	}
}

// IncidentOption changes the events that Incidents and similar functions
// return.
type IncidentOption func(*generator)

// WithBlocks adds events in the block form: a summary with replacements and
// details in blocks. One integration has seen it; many clients can't read it.
func WithBlocks() IncidentOption {
	return func(g *generator) { g.stories = append(g.stories, blockStory()) }
}

func thisMinute() time.Time { return time.Now().Truncate(time.Minute) }

// generator generates events one after the other.
type generator struct {
	*rand.Rand
	stories  []story
	count    int // events made
	total    int // events to make in all
	pbid     int64
	host     host
	incident generatedIncident
}

// generatedIncident holds the values that the events of one incident share.
type generatedIncident struct {
	id, absorbed string // absorbed: the incident that the event was in before
	number       int
	left         int // events still to come
	next         int // events of the incident that will be merged into this one
	score        float64
	category     string
	groupings    []string
}

func newGenerator(seed uint64, total int) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x6461726b)), stories: stories(), total: total} //nolint:gosec // Test data has to be repeatable.
	g.pbid = 1000 * g.between(1, 40_000)
	return g
}

// id is a UUID of version 4.
func (g *generator) id() string {
	a, b := g.Uint64(), g.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%x%03x-%012x",
		a>>32, a>>16&0xffff, a&0xfff, 8+b>>62, b>>48&0xfff, b&0xffffffffffff)
}

func (g *generator) one(options ...string) string { return options[g.IntN(len(options))] }

func (g *generator) between(low, high int64) int64 { return low + g.Int64N(high-low+1) }

// host is a device in the form of the wire.
type host struct {
	Identifier string  `json:"identifier"`
	Hostname   string  `json:"hostname"`
	IP         *string `json:"ip"`
	MAC        *string `json:"mac"`
	Subnet     *string `json:"subnet"`
	DID        int64   `json:"did"`
	SID        int64   `json:"sid"`
}

func (g *generator) device() host {
	number := g.between(10, 240) // Everything else follows from it, so that a device is the same in all events.
	name := fmt.Sprintf("%s-%03d.example.com", []string{"ws", "laptop", "srv", "printer", "dc"}[number%5], number)
	ip := fmt.Sprintf("192.0.2.%d", number)
	d := host{Identifier: name, Hostname: name, IP: &ip, DID: 100 + number, SID: 1 + number%7}
	if number%3 == 0 {
		mac, subnet := fmt.Sprintf("02:00:5e:10:00:%02x", number), "192.0.2.0/24"
		d.MAC, d.Subnet = &mac, &subnet
	}
	return d
}

func (g *generator) account() host {
	number := g.between(1, 60)
	name := fmt.Sprintf("SaaS::%s: user%d@example.com", []string{"Office365", "AzureActiveDirectory", "Zoom"}[number%3], number)
	return host{Identifier: name, Hostname: name, DID: 1900 + number, SID: -9}
}

// wireEvent is an incident event with its fields in the order of appliances.
type wireEvent struct {
	Summariser     string          `json:"summariser"`
	Acknowledged   bool            `json:"acknowledged"`
	Pinned         bool            `json:"pinned"`
	CreatedAt      int64           `json:"createdAt"`
	AttackPhases   []int           `json:"attackPhases"`
	MITRETactics   []string        `json:"mitreTactics"`
	Title          string          `json:"title"`
	ID             string          `json:"id"`
	Children       []string        `json:"children"`
	Category       string          `json:"category"`
	CurrentGroup   string          `json:"currentGroup"`
	GroupCategory  string          `json:"groupCategory"`
	GroupScore     any             `json:"groupScore"` // a number, sometimes in quotes
	PreviousGroups []string        `json:"groupPreviousGroups"`
	ActivityID     string          `json:"activityId"`
	GroupingIDs    []string        `json:"groupingIds"`
	ByActivity     bool            `json:"groupByActivity"`
	UserTriggered  bool            `json:"userTriggered"`
	ExtTriggered   bool            `json:"externalTriggered"`
	AIAScore       float64         `json:"aiaScore"`
	Summary        any             `json:"summary"` // an object in the block form
	Periods        []period        `json:"periods"`
	Sender         *string         `json:"sender"`
	BreachDevices  []host          `json:"breachDevices"`
	Breaches       []wireBreach    `json:"relatedBreaches"`
	Details        any             `json:"details"`
	Explanations   [][]wireNode    `json:"explanations,omitempty"`
	Figures        json.RawMessage `json:"figures,omitempty"`
}

type wireBreach struct {
	ModelName   string  `json:"modelName"`
	PBID        int64   `json:"pbid"`
	ThreatScore float64 `json:"threatScore"`
	Timestamp   int64   `json:"timestamp"`
}

// event makes the next event. Stories take turns, so that a few events show all of
// them.
func (g *generator) event(created time.Time) wireEvent {
	story := g.stories[g.count%len(g.stories)]
	id := g.id()
	if g.incident.left == 0 {
		g.nextIncident(id)
	}
	g.incident.left--
	g.count++
	e := wireEvent{
		Summariser:    story.summariser,
		CreatedAt:     created.UnixMilli(),
		AttackPhases:  story.phases,
		MITRETactics:  story.tactics,
		Title:         story.title,
		ID:            id,
		Children:      []string{id},
		Category:      story.category,
		CurrentGroup:  g.incident.id,
		GroupCategory: g.incident.category,
		GroupScore:    g.incident.score,
		ActivityID:    fmt.Sprintf("%08x", g.Uint32()),
		GroupingIDs:   g.incident.groupings,
		AIAScore:      g.score(story.category, 4),
		BreachDevices: []host{},
	}
	if g.incident.absorbed != "" {
		e.PreviousGroups = []string{g.incident.absorbed}
	} else if g.count%3 > 0 { // null otherwise
		e.PreviousGroups = []string{}
	}
	if g.count%16 == 0 {
		e.GroupScore = fmt.Sprint(g.incident.score)
	}
	e.Periods = g.periods(created)
	e.Breaches = g.breaches(story, e.Periods[0].Start, e.AIAScore)
	story.tell(g, &e)
	return e
}

// categories are in order, each with its range of scores.
var categories = []struct {
	name      string
	low, high int64
}{{"compliance", 5, 39}, {"suspicious", 40, 74}, {"critical", 75, 99}}

func rank(category string) int {
	for i, c := range categories {
		if c.name == category {
			return i
		}
	}
	return -1
}

// score returns a score in the range of a category.
func (g *generator) score(category string, steps int64) float64 {
	c := categories[rank(category)]
	return float64(g.between(c.low*steps, c.high*steps)) / float64(steps)
}

// nextIncident begins an incident of one to three events. Every fourth one is
// merged into the one before it.
func (g *generator) nextIncident(founder string) {
	last := g.incident
	size, next := last.next, 1+g.IntN(3)
	if size == 0 {
		size = 1 + g.IntN(3)
	}
	g.incident = generatedIncident{
		id:        "g" + founder,
		number:    last.number + 1,
		left:      size,
		groupings: []string{fmt.Sprintf("%08x", g.Uint32())},
	}
	together := size // its category is the highest of these events
	if g.incident.number%4 == 1 {
		g.incident.next = next
		together += next
	}
	for i := range min(together, g.total-g.count) {
		if c := g.stories[(g.count+i)%len(g.stories)].category; rank(c) > rank(g.incident.category) {
			g.incident.category = c
		}
	}
	g.incident.score = g.score(g.incident.category, 100)
	g.host = g.device()
	if g.incident.number%4 == 2 {
		g.incident.absorbed = g.incident.id
		g.incident.id, g.incident.score, g.incident.category = last.id, last.score, last.category
	}
}

// periods ends minutes before the creation, for every seventh event hours.
func (g *generator) periods(created time.Time) []period {
	lag, length := g.between(1, 20), g.between(1, 240)
	if g.count%7 == 3 {
		lag, length = g.between(60, 23*60), g.between(600, 4*24*60)
	}
	end := created.Add(-time.Duration(lag) * time.Minute)
	start := end.Add(-time.Duration(length) * time.Minute)
	if length < 60 {
		return []period{{start.UnixMilli(), end.UnixMilli()}}
	}
	pause := start.Add(end.Sub(start) / 3)
	return []period{
		{start.UnixMilli(), pause.UnixMilli()},
		{pause.Add(time.Minute).UnixMilli(), end.UnixMilli()},
	}
}

// breaches are the alerts behind an event. Each has its own number, and none has a
// higher score than the event.
func (g *generator) breaches(s story, at int64, score float64) []wireBreach {
	var all []wireBreach
	for i := range 1 + g.IntN(3) {
		g.pbid++
		all = append(all, wireBreach{
			ModelName:   s.models[i%len(s.models)],
			PBID:        g.pbid,
			ThreatScore: float64(g.between(5, int64(score))),
			Timestamp:   at + int64(i)*61_000,
		})
	}
	return all
}
