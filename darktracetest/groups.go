package darktracetest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// groupState holds the flags of an incident that its events don't have.
type groupState struct{ acknowledged, pinned bool }

func (s *Server) editGroup(id string, edit func(*groupState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustMembers(id)
	g := s.groups[id]
	edit(&g)
	s.groups[id] = g
}

// SetGroupAcknowledged sets the incident's own flag, which acknowledging its
// events does not change.
func (s *Server) SetGroupAcknowledged(groupID string, acknowledged bool) {
	s.editGroup(groupID, func(g *groupState) { g.acknowledged = acknowledged })
}

// SetGroupPinned pins or unpins an incident and its events.
func (s *Server) SetGroupPinned(groupID string, pinned bool) {
	s.editGroup(groupID, func(g *groupState) { g.pinned = pinned })
}

// SetGroup gives every event of an incident this score and category, as when an
// incident grows.
func (s *Server) SetGroup(groupID string, score float64, category string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.mustMembers(groupID) {
		s.change(e, member{"groupScore", mustJSON(score)}, member{"groupCategory", mustJSON(category)})
	}
}

// Merge moves every event of one incident into another, which gets the higher
// score and category. The old id is no longer found. It remains in the previous
// ids of the incident and of the moved events.
func (s *Server) Merge(fromGroup, intoGroup string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.members(fromGroup)
	all := append(s.members(intoGroup), moved...)
	if len(moved) == 0 || len(moved) == len(all) || fromGroup == intoGroup {
		s.fail("there are no events to merge from %q into %q", fromGroup, intoGroup)
		return
	}
	for _, e := range moved {
		s.change(e,
			member{"currentGroup", mustJSON(intoGroup)},
			member{"groupPreviousGroups", mustJSON(append(slices.Clone(e.facts.PreviousGroups), fromGroup))})
	}
	top := incident{events: all}
	score, category := mustJSON(top.score()), mustJSON(top.category())
	for _, e := range all {
		s.change(e, member{"groupScore", score}, member{"groupCategory", category})
	}
	if s.groups[fromGroup].pinned {
		into := s.groups[intoGroup]
		into.pinned = true
		s.groups[intoGroup] = into
	}
	delete(s.groups, fromGroup)
}

func (s *Server) members(groupID string) []*event {
	var found []*event
	for _, e := range s.events {
		if e.facts.CurrentGroup == groupID {
			found = append(found, e)
		}
	}
	return found
}

// mustMembers returns the events of an incident. If there are none, it fails the
// test.
func (s *Server) mustMembers(groupID string) []*event {
	found := s.members(groupID)
	if len(found) == 0 {
		s.fail("there is no incident %q", groupID)
	}
	return found
}

// incident is a group as it is served: its events, and the values that follow from
// them.
type incident struct {
	id     string
	state  groupState
	events []*event // by start
}

func (g incident) score() float64 {
	return float64(slices.MaxFunc(g.events, func(a, b *event) int {
		return cmp.Compare(a.facts.GroupScore, b.facts.GroupScore)
	}).facts.GroupScore)
}

func (g incident) category() string {
	order := []string{"informational", "compliance", "suspicious", "critical"}
	return slices.MaxFunc(g.events, func(a, b *event) int {
		return slices.Index(order, a.facts.GroupCategory) - slices.Index(order, b.facts.GroupCategory)
	}).facts.GroupCategory
}

func (g incident) start() int64 { return g.events[0].facts.first() }

func (g incident) end() int64 {
	end := int64(0)
	for _, e := range g.events {
		end = max(end, e.facts.last())
	}
	return end
}

func (g incident) any(holds func(*event) bool) bool { return slices.ContainsFunc(g.events, holds) }

func (g incident) all(holds func(*event) bool) bool {
	return !g.any(func(e *event) bool { return !holds(e) })
}

// pinned reports whether all events are pinned: to pin an incident is to pin each
// of its events.
func (g incident) pinned() bool {
	return g.state.pinned || g.all(func(e *event) bool { return e.facts.Pinned })
}

// previousIDs are the incidents that were merged into this one.
func (g incident) previousIDs() []string {
	ids := []string{}
	for _, e := range g.events {
		for _, id := range e.facts.PreviousGroups {
			if id != g.id && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// incidents builds the groups of the visible events, in order of their first
// events; want selects the groups.
func (s *Server) incidents(c *call, want func(groupID string) bool) []incident {
	byID := map[string]int{}
	var all []incident
	for e := range s.visible(c) {
		id := e.facts.CurrentGroup
		if !want(id) {
			continue
		}
		i, known := byID[id]
		if !known {
			i, byID[id] = len(all), len(all)
			all = append(all, incident{id: id, state: s.groups[id]})
		}
		all[i].events = append(all[i].events, e)
	}
	for _, g := range all {
		slices.SortStableFunc(g.events, func(a, b *event) int { return cmp.Compare(a.facts.first(), b.facts.first()) })
	}
	return all
}

// getGroups serves GET /aianalyst/groups.
func (s *Server) getGroups(c *call) response {
	q := s.commonQuery(c)
	q.link = c.params.flag("includegroupurl", false)
	q.categories = c.params.categoryFlags("")
	q.minScore, q.maxScore = c.params.scores("minscore", "maxscore")
	want, lookUp := s.wanted(c.Time, q)
	var found []served
	for _, g := range s.incidents(c, want) {
		hidden := g.state.acknowledged && !q.acknowledged && (s.cfg.hideInLookUps || !lookUp)
		if !hidden && (lookUp || s.passes(g, g.start(), g.pinned(), q)) {
			found = append(found, served{mustJSON(s.wireGroup(g, c.Time)), g.score(), s.groupLink(c, q, g.id)})
		}
	}
	return s.list(c, found)
}

// wanted selects the incidents of a look-up by id. On this endpoint groupid
// overrides uuid, which overrides everything else.
func (s *Server) wanted(now time.Time, q query) (want func(groupID string) bool, lookUp bool) {
	ids := q.groupIDs
	if len(ids) == 0 {
		for _, id := range q.eventIDs {
			if e, ok := s.present(id, now); ok {
				ids = append(ids, e.facts.CurrentGroup)
			}
		}
	}
	lookUp = len(q.groupIDs)+len(q.eventIDs) > 0
	return func(groupID string) bool { return !lookUp || slices.Contains(ids, groupID) }, lookUp
}

func (s *Server) groupLink(c *call, q query, id string) member {
	if !q.link || s.cfg.noFQDN {
		return member{}
	}
	return member{"groupUrl", mustJSON(c.base + "/#aiagroup/" + id)}
}

// wireGroup is a group as it is sent.
type wireGroup struct {
	ID             string       `json:"id"`
	Active         bool         `json:"active"`
	Acknowledged   bool         `json:"acknowledged"`
	Pinned         bool         `json:"pinned"`
	UserTriggered  bool         `json:"userTriggered"`
	ExtTriggered   bool         `json:"externalTriggered"`
	PreviousIDs    []string     `json:"previousIds"`
	Events         []groupEvent `json:"incidentEvents"`
	MITRETactics   *[]string    `json:"mitreTactics,omitempty"`
	Devices        []int64      `json:"devices"`
	InitialDevices []int64      `json:"initialDevices"`
	Category       string       `json:"category"`
	GroupScore     float64      `json:"groupScore"`
	Start          int64        `json:"start"`
	End            int64        `json:"end"`
	Edges          []edge       `json:"edges"`
}

type groupEvent struct {
	UUID         string          `json:"uuid"`
	Start        int64           `json:"start"`
	Title        json.RawMessage `json:"title"`
	TriggerDID   json.RawMessage `json:"triggerDid,omitempty"`
	Sender       json.RawMessage `json:"sender,omitempty"`
	Visible      bool            `json:"visible"`
	Acknowledged *bool           `json:"acknowledged,omitempty"`
}

type edge struct {
	IsAction      bool            `json:"isAction"`
	Source        node            `json:"source"`
	Target        node            `json:"target"`
	Start         int64           `json:"start"`
	IncidentEvent string          `json:"incidentEvent"`
	Description   json.RawMessage `json:"description"`
	Details       []content       `json:"details"`
}

type node struct {
	NodeType string `json:"nodeType"`
	Value    any    `json:"value"` // an int64 for devices, a string otherwise
}

func (s *Server) wireGroup(g incident, now time.Time) wireGroup {
	w := wireGroup{
		ID:             g.id,
		Active:         now.UnixMilli()-g.end() < (24 * time.Hour).Milliseconds(),
		Acknowledged:   g.state.acknowledged,
		Pinned:         g.pinned(),
		UserTriggered:  g.any(func(e *event) bool { return e.facts.UserTriggered }),
		ExtTriggered:   g.any(func(e *event) bool { return e.facts.ExtTriggered }),
		PreviousIDs:    g.previousIDs(),
		Devices:        []int64{},
		InitialDevices: append([]int64{}, g.events[0].facts.dids()...),
		Category:       g.category(),
		GroupScore:     g.score(),
		Start:          g.start(),
		End:            g.end(),
		Edges:          []edge{},
	}
	tactics, devices := map[string]bool{}, map[int64]bool{}
	for _, e := range g.events {
		w.Events = append(w.Events, s.wireGroupEvent(e))
		for _, tactic := range e.facts.MITRETactics {
			tactics[tactic] = true
		}
		edges := e.edges()
		w.Edges = append(w.Edges, edges...)
		for _, did := range e.facts.dids() {
			devices[did] = true
		}
		for _, edge := range edges {
			if did, ok := edge.Target.Value.(int64); ok {
				devices[did] = true
			}
		}
	}
	if s.cfg.profile >= V60 {
		names := append([]string{}, slices.Sorted(maps.Keys(tactics))...)
		w.MITRETactics = &names
	}
	w.Devices = append(w.Devices, slices.Sorted(maps.Keys(devices))...)
	return w
}

func (s *Server) wireGroupEvent(e *event) groupEvent {
	f := e.facts
	w := groupEvent{UUID: f.ID, Start: f.first(), Title: f.Title, Visible: true}
	if dids := f.dids(); len(dids) > 0 {
		w.TriggerDID = mustJSON(dids[0])
	} else if f.Sender == nil { // An e-mail event has no devices.
		w.TriggerDID = json.RawMessage("null")
	}
	if s.cfg.profile >= V61 {
		w.Sender, w.Acknowledged = mustJSON(f.Sender), &f.Acknowledged
	}
	if w.Title == nil {
		w.Title = json.RawMessage(`""`)
	}
	return w
}

// dids are the devices that the event is about.
func (f *facts) dids() []int64 {
	var dids []int64
	for _, d := range f.BreachDevices {
		if d.DID != nil {
			dids = append(dids, *d.DID)
		}
	}
	return dids
}

// edges lead from the event's device to every other device and host in its
// details.
func (e *event) edges() []edge {
	sources := e.facts.dids()
	if len(sources) == 0 {
		return nil
	}
	if e.facts.peers == nil {
		e.facts.peers = findPeers(e.raw, sources[0])
	}
	edges := make([]edge, len(e.facts.peers))
	for i, target := range e.facts.peers {
		edges[i] = edge{
			IsAction:      target.NodeType != "device",
			Source:        node{"device", sources[0]},
			Target:        target,
			Start:         e.facts.first(),
			IncidentEvent: e.facts.ID,
			Description:   e.facts.Title,
			Details:       []content{row("", "string", e.facts.Summariser)},
		}
	}
	return edges
}

// findPeers collects the devices and hosts in the details of an event, except the
// event's own device. The result is never nil.
func findPeers(raw []byte, did int64) []node {
	var body struct {
		Details any `json:"details"`
	}
	_ = json.Unmarshal(raw, &body)
	nodes := []node{}
	walk(body.Details, func(peer map[string]any) {
		n := peerNode(peer)
		if n != (node{"device", did}) && n != (node{}) && !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	})
	return nodes
}

// walk visits the devices and hosts in a tree of JSON.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			walk(element, visit)
		}
	case map[string]any:
		for _, key := range []string{"ip", "did", "hostname"} {
			if _, ok := v[key]; ok {
				visit(v)
				return
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(v[key], visit)
		}
	}
}

func peerNode(peer map[string]any) node {
	text := func(key string) string { s, _ := peer[key].(string); return s }
	name, ip := cmp.Or(text("hostname"), text("identifier")), text("ip")
	if did, ok := peer["did"].(float64); ok {
		return node{"device", int64(did)}
	}
	switch {
	case name != "" && name != ip:
		return node{"externalHost", name}
	case internal(ip):
		return node{"internalIp", ip}
	case ip != "":
		return node{"externalIp", ip}
	}
	return node{}
}
