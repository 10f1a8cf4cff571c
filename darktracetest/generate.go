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

// Incidents returns n believable incident events, oldest first, the last of them
// created within the past hour: scans, lateral movement, command and control,
// data transfers, hijacked cloud accounts, e-mail. Every type of detail occurs,
// details in block form, incidents of several events and merged ones, and events
// created up to 23 hours after the activity. None is acknowledged or pinned. The
// same seed gives the same events but for their times, which IncidentsAt fixes.
// With WithClock, use IncidentsAt(seed, n, srv.Now()): the default window would
// not show events of another time.
func Incidents(seed uint64, n int) []*darktrace.IncidentEvent {
	return IncidentsAt(seed, n, thisHour())
}

// IncidentsAt is Incidents with the last event created shortly before a given
// time, and the first less than a week before it. It is fully deterministic.
func IncidentsAt(seed uint64, n int, end time.Time) []*darktrace.IncidentEvent {
	events := make([]*darktrace.IncidentEvent, 0, n)
	for raw := range IncidentsSeq(seed, n, end) {
		e := new(darktrace.IncidentEvent)
		if err := json.Unmarshal(raw, e); err != nil {
			panic(err)
		}
		events = append(events, e)
	}
	return events
}

// IncidentsJSON is Incidents in wire form: an array as GET
// /aianalyst/incidentevents answers it.
func IncidentsJSON(seed uint64, n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for raw := range IncidentsSeq(seed, n, thisHour()) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(raw)
	}
	b.WriteByte(']')
	return b.Bytes()
}

// IncidentsSeq yields the events of IncidentsAt in wire form, one at a time.
func IncidentsSeq(seed uint64, n int, end time.Time) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		g := newGenerator(seed)
		for i := range n {
			step := 6 * 24 * time.Hour / time.Duration(n)
			created := end.Add(-time.Duration(n-1-i)*step - time.Duration(g.Int64N(int64(step/4+1))))
			if !yield(mustJSON(g.event(created))) {
				return
			}
		}
	}
}

func thisHour() time.Time { return time.Now().Truncate(time.Hour) }

// generator makes events one after the other.
type generator struct {
	*rand.Rand
	count    int
	host     host
	incident generatedIncident
}

// generatedIncident is what the events of one incident share.
type generatedIncident struct {
	id, absorbed string // absorbed: the incident that the event was in before
	number       int
	left         int // events still to come
	score        float64
	category     string
	groupings    []string
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0x6461726b))} //nolint:gosec // Test data has to be repeatable.
}

// id is a UUID of version 4.
func (g *generator) id() string {
	a, b := g.Uint64(), g.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%x%03x-%012x",
		a>>32, a>>16&0xffff, a&0xfff, 8+b>>62, b>>48&0xfff, b&0xffffffffffff)
}

func (g *generator) one(options ...string) string { return options[g.IntN(len(options))] }

func (g *generator) between(low, high int64) int64 { return low + g.Int64N(high-low+1) }

// host is a device as the wire has it.
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
	number := g.between(10, 240)
	name := fmt.Sprintf("%s-%03d.example.com", g.one("ws", "laptop", "srv", "printer", "dc"), number)
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
	name := fmt.Sprintf("SaaS::%s: user%d@example.com", g.one("Office365", "AzureActiveDirectory", "Zoom"), number)
	return host{Identifier: name, Hostname: name, DID: 1900 + number, SID: -9}
}

// wireEvent is an incident event in the order of fields that appliances have.
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
	GroupScore     any             `json:"groupScore"` // a number, now and then in quotes
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

// event makes the next event. Stories follow each other in turn, so that a few
// events show them all.
func (g *generator) event(created time.Time) wireEvent {
	story := stories()[g.count%len(stories())]
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
		AIAScore:      float64(g.between(20, 400)) / 4,
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
	e.Breaches = g.breaches(story, e.Periods[0].Start)
	story.tell(g, &e)
	return e
}

// nextIncident begins an incident of one to three events. Every fourth one is
// merged into the one before it.
func (g *generator) nextIncident(founder string) {
	last := g.incident
	g.incident = generatedIncident{
		id:        "g" + founder,
		number:    last.number + 1,
		left:      1 + g.IntN(3),
		score:     float64(g.between(100, 9900)) / 100,
		category:  g.one("suspicious", "critical", "suspicious", "compliance"),
		groupings: []string{fmt.Sprintf("%08x", g.Uint32())},
	}
	g.host = g.device()
	if last.id != "" && g.incident.number%4 == 2 {
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

func (g *generator) breaches(s story, at int64) []wireBreach {
	var all []wireBreach
	for i := range 1 + g.IntN(3) {
		all = append(all, wireBreach{
			ModelName:   s.models[i%len(s.models)],
			PBID:        g.between(1000, 99999),
			ThreatScore: float64(g.between(10, 100)),
			Timestamp:   at + int64(i)*61_000,
		})
	}
	return all
}
