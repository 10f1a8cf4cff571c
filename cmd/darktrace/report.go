package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace"
)

//go:embed report.html
var reportPage string

// report writes one self-contained HTML page about an event or an incident.
func report(ctx context.Context, j *job) error {
	if j.file == "" && j.out.terminal {
		return usage("report prints an HTML page: use -file, or redirect the output")
	}
	d, err := gather(ctx, j, j.args[0])
	if err != nil {
		return err
	}
	if err := d.enrich(ctx, j); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := writePage(&b, j.page(d)); err != nil {
		return err
	}
	j.out.progress.end()
	if j.file == "" {
		_, err = j.out.w.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(j.file, b.Bytes(), 0o600); err != nil {
		return err
	}
	if j.out.terminal {
		j.out.say("%s written", j.file)
	}
	return nil
}

func writePage(w io.Writer, p page) error {
	t, err := template.New("report").Parse(reportPage)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return err
	}
	_, err = io.WriteString(w, readable(b.String(), "\n\t"))
	return err
}

// page is the data of the template.
type page struct {
	Title, Kind, ID, Link  string
	Category, Score, State string
	Made, First, Last      string
	Lead                   string
	Events                 []pageEvent
	Tactics                []pageTactic
	Timeline               timeline
	Graph                  *graph
	NodeWidth, NodeHeight  int
	Tables                 []*pageTable
	Connections            *pageTable // nil = none
	Missing                []string
}

type pageEvent struct {
	Anchor, Title, ID, Link, Category, Score, Created string
	Acknowledged                                      bool
	Summary                                           []string
	Facts                                             [][2]string
	Blocks                                            []pageBlock
}

// pageBlock is a block of details: single facts, and a table of repeated ones.
type pageBlock struct {
	Header string
	Facts  [][2]string
	Table  *pageTable // nil = nothing repeats
}

type pageTactic struct {
	Name, ID string
	Events   int
}

func (j *job) page(d *dossier) page {
	g := d.Incident
	p := page{
		Kind: "Incident", ID: g.ID, Link: j.client.GroupURL(g.ID), Category: string(g.Category), Score: oneDecimal(g.GroupScore),
		State: state(g), Made: j.now().UTC().Format(dateTime), Missing: d.Missing,
		NodeWidth: nodeWidth, NodeHeight: nodeHeight,
	}
	p.Title = p.Kind
	if len(d.Events) > 0 {
		p.Title = titleOf(d.Events[0])
	}
	if !isIncident(j.args[0]) {
		e := d.Events[0]
		p.Kind, p.ID, p.Link, p.Category, p.Score = "Incident event", e.ID, j.client.EventURL(e), string(e.Category), oneDecimal(e.AIAScore)
	} else if others := len(d.Events) - 1; others > 0 {
		p.Title += fmt.Sprintf(" and %s", plural(others, "more event"))
	}
	for i, e := range d.Events {
		p.Events = append(p.Events, j.pageEvent(i, e))
	}
	names := d.deviceNames()
	p.Tactics = tactics(d.Events)
	p.Timeline = newTimeline(d.Events)
	p.First, p.Last = p.Timeline.First, p.Timeline.Last
	edges := d.edges()
	p.Graph = draw(edges, d.centre(), names.ofNode)
	p.Connections = d.connections(edges, names)
	devices, took, connected := j.devices(d, names)
	p.Tables = slices.DeleteFunc([]*pageTable{devices, j.alerts(d), j.actions(d, names), d.hosts(), j.others(d), d.comments()},
		func(t *pageTable) bool { return t == nil })
	p.Lead = p.lead(d, took, connected)
	return p
}

// lead summarises the page in one paragraph.
func (p *page) lead(d *dossier, took, connected int) string {
	var b strings.Builder
	g := d.Incident
	if p.Kind == "Incident" {
		fmt.Fprintf(&b, "AI Analyst sees %s as one incident", plural(len(d.Events), "event"))
	} else {
		fmt.Fprintf(&b, "AI Analyst wrote this event up as part of an incident of %s", plural(len(g.Events), "event"))
	}
	fmt.Fprintf(&b, ", category %s, with a score of %s of 100.", cmp.Or(string(g.Category), "unknown"), oneDecimal(g.GroupScore))
	if p.First != "" {
		fmt.Fprintf(&b, " The activity began on %s and was last seen on %s (UTC).", p.First, p.Last)
	}
	if took > 0 {
		fmt.Fprintf(&b, " %s took part", plural(took, "device or account", "devices and accounts"))
		if connected > 0 {
			fmt.Fprintf(&b, " and had to do with %s", plural(connected, "other"))
		}
		b.WriteString(".")
	}
	alerts := map[int64]bool{}
	for _, e := range d.Events {
		for _, alert := range e.RelatedBreaches {
			alerts[alert.PBID] = true
		}
	}
	if len(alerts) > 0 {
		fmt.Fprintf(&b, " %s led to it.", plural(len(alerts), "model alert"))
	}
	acknowledged := 0
	for _, e := range d.Events {
		if e.Acknowledged {
			acknowledged++
		}
	}
	switch {
	case acknowledged == 0:
		b.WriteString(" Nobody has acknowledged it yet.")
	case acknowledged == len(d.Events):
		b.WriteString(" It has been acknowledged.")
	default:
		fmt.Fprintf(&b, " %d of its events have been acknowledged.", acknowledged)
	}
	return b.String()
}

func (j *job) pageEvent(i int, e *darktrace.IncidentEvent) pageEvent {
	v := pageEvent{
		Anchor: fmt.Sprintf("event-%d", i+1), Title: titleOf(e), ID: e.ID, Link: j.client.EventURL(e), Category: string(e.Category),
		Score: oneDecimal(e.AIAScore), Created: clock(e.CreatedAt), Acknowledged: e.Acknowledged,
	}
	for paragraph := range strings.SplitSeq(e.Summary.String(), "\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			v.Summary = append(v.Summary, paragraph)
		}
	}
	phases := make([]string, len(e.AttackPhases))
	for i, phase := range e.AttackPhases {
		phases[i] = phase.Name()
	}
	if len(phases) > 0 {
		v.Facts = append(v.Facts, [2]string{"Attack phases", strings.Join(phases, ", ")})
	}
	if e.Sender != "" {
		v.Facts = append(v.Facts, [2]string{"Sender", e.Sender})
	}
	for _, section := range e.Details {
		for _, block := range section.Blocks {
			v.Blocks = append(v.Blocks, newPageBlock(block))
		}
	}
	return v
}

// newPageBlock makes a table of the repetition at the end of a block: the same keys
// in the same order at least three times.
func newPageBlock(block darktrace.DetailBlock) pageBlock {
	b := pageBlock{Header: block.Header}
	details := slices.Concat(block.Groups...)
	start, width := repeated(details)
	for _, detail := range details[:start] {
		b.Facts = append(b.Facts, [2]string{detail.Key, values(detail)})
	}
	if start < len(details) {
		b.Table = &pageTable{}
		for _, detail := range details[start : start+width] {
			b.Table.Columns = append(b.Table.Columns, pageColumn{Name: detail.Key})
		}
		for ; start < len(details); start += width {
			cells := make([]pageCell, width)
			for i, detail := range details[start : start+width] {
				cells[i] = pageCell{Text: values(detail)}
			}
			b.Table.add(cells...)
		}
	}
	return b
}

// values renders the values of a detail. Times have the format of the page.
func values(detail darktrace.Detail) string {
	texts := detail.Strings()
	for i, value := range detail.Values {
		switch value := value.(type) {
		case darktrace.Millis:
			texts[i] = second(value)
		case darktrace.Period:
			texts[i] = second(value.Start) + " – " + second(value.End)
		}
	}
	return strings.Join(texts, ", ")
}

// repeated finds a repetition of keys that lasts until the end. It returns where
// the repetition begins and how many keys it has.
func repeated(details []darktrace.Detail) (start, width int) {
	const times = 3
	for start = range details {
		rest := details[start:]
		for width = 1; width*times <= len(rest); width++ {
			if len(rest)%width != 0 || rest[0].Key == "" {
				continue
			}
			same := true
			for i := width; i < len(rest) && same; i++ {
				same = rest[i].Key == rest[i-width].Key
			}
			if same {
				return start, width
			}
		}
	}
	return len(details), 1
}

// title is the title of an event; "" for an event that is not on the page.
func (d *dossier) title(eventID string) string {
	for _, e := range d.Events {
		if e.ID == eventID {
			return e.Title
		}
	}
	return ""
}

// edges are the edges of the events on the page.
func (d *dossier) edges() []darktrace.Edge {
	return slices.DeleteFunc(slices.Clone(d.Incident.Edges), func(e darktrace.Edge) bool {
		return e.EventID != "" && !slices.ContainsFunc(d.Events, func(event *darktrace.IncidentEvent) bool { return event.ID == e.EventID })
	})
}

// centre are the devices that the events are about: the graph begins with them.
func (d *dossier) centre() []darktrace.Node {
	var nodes []darktrace.Node
	for _, e := range d.Events {
		for _, device := range e.BreachDevices {
			if device.DID != 0 {
				nodes = append(nodes, darktrace.Node{Type: darktrace.NodeDevice, Value: darktrace.IntegerValue(device.DID)})
			}
		}
	}
	return nodes
}

// names holds the known facts about devices, by id.
type names map[int64]darktrace.EventDevice

func (d *dossier) deviceNames() names {
	known := names{}
	note := func(device darktrace.EventDevice) {
		if device.DID != 0 && known[device.DID].Name() == "" {
			known[device.DID] = device
		}
	}
	for _, e := range d.Events {
		for _, device := range e.BreachDevices {
			note(device)
		}
		for _, detail := range e.AllDetails() {
			for _, value := range detail.Values {
				if device, ok := value.(darktrace.EventDevice); ok {
					note(device)
				}
			}
		}
	}
	return known
}

// ofNode returns the label of a node of the graph.
func (n names) ofNode(node darktrace.Node) (name, note, kind string) {
	if did, ok := node.Value.(darktrace.IntegerValue); ok {
		device, known := n[int64(did)]
		if !known {
			return "device " + did.String(), "", "device"
		}
		if module, user, ok := device.SaaS(); ok {
			return cmp.Or(user, device.Name()), strings.TrimSpace("account " + module), "account"
		}
		return device.Name(), device.IP, "device"
	}
	if node.Value == nil {
		return "unknown", "", "external"
	}
	switch node.Type {
	case darktrace.NodeInternalIP:
		return node.Value.String(), "internal address", "internal"
	case darktrace.NodeExternalIP:
		return node.Value.String(), "external address", "external"
	default:
		return node.Value.String(), "external host", "external"
	}
}

// of is the name of a device, or else its address.
func (n names) of(did int64, address string) string {
	if device, ok := n[did]; ok {
		return device.Name()
	}
	return address
}

// killChain are the tactics of MITRE ATT&CK in the order of an attack.
var killChain = []darktrace.Tactic{
	darktrace.TacticReconnaissance, darktrace.TacticResourceDevelopment, darktrace.TacticInitialAccess, darktrace.TacticExecution,
	darktrace.TacticPersistence, darktrace.TacticPrivilegeEscalation, darktrace.TacticDefenseEvasion, darktrace.TacticCredentialAccess,
	darktrace.TacticDiscovery, darktrace.TacticLateralMovement, darktrace.TacticCollection, darktrace.TacticCommandAndControl,
	darktrace.TacticExfiltration, darktrace.TacticImpact,
}

// tactics counts the events of each tactic along the kill chain; other tactics come
// last.
func tactics(events []*darktrace.IncidentEvent) []pageTactic {
	counts := map[darktrace.Tactic]int{}
	order := slices.Clone(killChain)
	for _, e := range events {
		for _, tactic := range e.MITRETactics {
			if counts[tactic]++; !slices.Contains(order, tactic) {
				order = append(order, tactic)
			}
		}
	}
	rows := make([]pageTactic, len(order))
	for i, tactic := range order {
		rows[i] = pageTactic{Name: tactic.Name(), ID: tactic.ID(), Events: counts[tactic]}
	}
	return rows
}

const dateTime = "2 Jan 2006 15:04"

func clock(m darktrace.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().Format(dateTime)
}

func second(m darktrace.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().Format("2 Jan 2006 15:04:05")
}

func oneDecimal(s darktrace.Score) string { return strings.TrimSpace(score(s)) }

func round(f float64) float64 { return float64(int(f*100)) / 100 }

// plural counts things: "1 event", "2 events".
func plural(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, cmp.Or(append(many, one+"s")...))
}
