package darktracetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"
)

// AddEventsJSON adds events in wire form: one JSON object or an array of them,
// as GET /aianalyst/incidentevents returns them. An event with a known id
// replaces that event, and keeps its master and the time from which it is
// visible. Missing and null fields are filled in: createdAt (now), children and
// currentGroup (its own), groupCategory (its category), groupScore (its
// aiaScore). Fields that the profile does not have are dropped.
func (s *Server) AddEventsJSON(data []byte) error { return s.AddEventsJSONAt(time.Time{}, data) }

// AddEventsJSONAt is AddEventsJSON for events that are invisible before a time
// on the appliance's clock; see AddEventsAt.
func (s *Server) AddEventsJSONAt(visibleFrom time.Time, data []byte) error {
	elements, err := elementsOf(data)
	if err != nil {
		return fmt.Errorf("darktracetest: %w", err)
	}
	added := make([]*event, len(elements))
	now := s.Now()
	for i, raw := range elements {
		if added[i], err = s.newEvent(raw, now); err != nil {
			return fmt.Errorf("darktracetest: event %d: %w", i, err)
		}
		added[i].visibleFrom = visibleFrom
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range added {
		s.put(e)
	}
	return nil
}

// newEvent completes an event in wire form.
func (s *Server) newEvent(data []byte, now time.Time) (*event, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, err
	}
	raw := compact.Bytes()
	f, err := newFacts(raw)
	if err != nil {
		return nil, err
	}
	dropped := append(s.cfg.profile.unknownFields(), "incidentEventUrl")
	if f.complete() && !slices.ContainsFunc(dropped, func(key string) bool { return bytes.Contains(raw, []byte(`"`+key+`"`)) }) {
		return &event{raw: raw, facts: f}, nil
	}
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	o.remove(dropped...)
	for _, field := range []struct {
		key   string
		value any
	}{
		{"createdAt", now.UnixMilli()},
		{"children", []string{f.ID}},
		{"currentGroup", "g" + f.ID},
		{"groupCategory", f.Category},
		{"groupScore", f.AIAScore},
	} {
		if !o.has(field.key) {
			o.set(field.key, field.value)
		}
	}
	return encodeEvent(o)
}

func encodeEvent(o object) (*event, error) {
	raw := o.encode()
	f, err := newFacts(raw)
	return &event{raw: raw, facts: f}, err
}

func (s *Server) put(e *event) {
	id := e.facts.ID
	if old, ok := s.byID[id]; ok {
		old.raw, old.facts = e.raw, e.facts
		if !e.visibleFrom.IsZero() {
			old.visibleFrom = e.visibleFrom
		}
		return
	}
	s.byID[id] = e
	s.events = append(s.events, e)
}

// change sets fields of an event. It does not change events that were returned
// before.
func (s *Server) change(e *event, fields ...member) {
	o, err := parseObject(e.raw)
	for _, f := range fields {
		o.set(f.key, f.value)
	}
	changed, encodeErr := encodeEvent(o)
	if err = cmp.Or(err, encodeErr); err != nil {
		s.fail("event %s: %v", e.facts.ID, err)
		return
	}
	e.raw, e.facts = changed.raw, changed.facts
}

// present finds an event that is visible at a time.
func (s *Server) present(id string, now time.Time) (*event, bool) {
	e, ok := s.byID[id]
	return e, ok && !e.visibleFrom.After(now)
}

// mustEvent finds an event for a helper.
func (s *Server) mustEvent(id string) *event {
	e, ok := s.byID[id]
	if !ok {
		s.fail("there is no event %q", id)
	}
	return e
}

// EventJSON returns an event in wire form, or nil if there is none.
func (s *Server) EventJSON(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byID[id]
	if !ok {
		return nil
	}
	return slices.Clone(s.servedEvent(e))
}

// SetField sets one field of an event, by its name on the wire. The id can't be
// changed.
func (s *Server) SetField(eventID, field string, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if field == "id" {
		s.fail("the id of an event never changes: %q", eventID)
	}
	s.change(s.mustEvent(eventID), member{field, mustJSON(value)})
}

// SetMaster moves an event to another master of a Unified View.
func (s *Server) SetMaster(eventID string, master int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustEvent(eventID).master = master
}

// Acknowledge marks events as acknowledged, as a colleague would on the screen.
// For other changes, use SetField.
func (s *Server) Acknowledge(eventIDs ...string) {
	for _, id := range eventIDs {
		s.SetField(id, "acknowledged", true)
	}
}

// Unacknowledge undoes Acknowledge.
func (s *Server) Unacknowledge(eventIDs ...string) {
	for _, id := range eventIDs {
		s.SetField(id, "acknowledged", false)
	}
}

// Remove deletes events, as appliances do with old ones.
func (s *Server) Remove(eventIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range eventIDs {
		s.mustEvent(id)
		delete(s.byID, id)
	}
	s.events = slices.DeleteFunc(s.events, func(e *event) bool { return s.byID[e.facts.ID] == nil })
}

// pinned reports whether an event or its incident is pinned.
func (s *Server) pinned(e *event) bool {
	return e.facts.Pinned || s.groups[e.facts.CurrentGroup].pinned
}

// servedEvent is the JSON of an event, with the fields that come from its incident.
func (s *Server) servedEvent(e *event) []byte {
	if s.pinned(e) == e.facts.Pinned {
		return e.raw
	}
	o, _ := parseObject(e.raw)
	o.set("pinned", true)
	return o.encode()
}

// query holds the filters of both endpoints, which have different names for them.
type query struct {
	window                              window
	acknowledged, allPinned, onlyPinned bool
	saas, link                          bool
	categories                          []string // of the incident
	minScore, maxScore                  float64  // of the incident
	did, notDID, sid, notSID, master    []int64  // nil = not in the request
	groupIDs, eventIDs                  []string
}

// commonQuery reads the parameters that have the same name on both endpoints.
func (s *Server) commonQuery(c *call) query {
	p := &c.params
	q := query{
		window:       p.window(c.Time),
		acknowledged: p.flag("includeacknowledged", false),
		allPinned:    p.flag("includeallpinned", true),
		onlyPinned:   p.flag("includeonlypinned", false),
		saas:         p.flag("saasonly", false),
		did:          p.integers("did"),
		notDID:       p.integers("excludedid"),
		sid:          p.integers("sid"),
		notSID:       p.integers("excludesid"),
		groupIDs:     p.list("groupid"),
		eventIDs:     p.list("uuid"),
	}
	if s.cfg.noEventLists && len(q.eventIDs) > 1 {
		q.eventIDs = []string{p.text("uuid")}
	}
	if len(s.cfg.masters) > 0 {
		q.master = p.integers("master")
	}
	p.locale()
	return q
}

// scores reads the bounds of a score. If they are absent, it returns the whole
// range.
func (p *params) scores(lowest, highest string) (low, high float64) {
	return p.number(lowest, 0), p.number(highest, 100)
}

func (p *params) locale() {
	known := []string{
		"de_DE", "en_GB", "en_US", "es_ES", "es_419", "fr_FR", "it_IT", "ja_JP", "ko_KR", "pt_BR", "zh_Hans", "zh_Hant",
	}
	p.known["locale"] = slices.Contains(known, p.values.Get("locale"))
}

// categoryFlags reads one boolean parameter for each category.
func (p *params) categoryFlags(prefix string) []string {
	var categories []string
	for _, category := range []string{"compliance", "suspicious", "critical"} {
		if p.flag(prefix+category, false) {
			categories = append(categories, category)
		}
	}
	return categories
}

// getEvents serves GET /aianalyst/incidentevents.
func (s *Server) getEvents(c *call) response {
	q := s.commonQuery(c)
	q.link = c.params.flag("includeincidenteventurl", false)
	q.categories = c.params.categoryFlags("group")
	q.minScore, q.maxScore = c.params.scores("mingroupscore", "maxgroupscore")
	minScore, maxScore := c.params.scores("minscore", "maxscore")
	lookUp := len(q.groupIDs)+len(q.eventIDs) > 0
	var found []served
	for e := range s.visible(c) {
		if s.listed(e, q) && (lookUp || between(minScore, float64(e.facts.AIAScore), maxScore)) {
			found = append(found, served{s.servedEvent(e), float64(e.facts.GroupScore), s.eventLink(c, q, e)})
		}
	}
	return s.list(c, found)
}

// listed reports whether a query selects an event. The event's own score does not
// count. uuid overrides groupid, which overrides everything else, including
// includeacknowledged unless WithAcknowledgedHidden.
func (s *Server) listed(e *event, q query) bool {
	f := e.facts
	switch {
	case f.Acknowledged && !q.acknowledged && (s.cfg.hideInLookUps || len(q.eventIDs)+len(q.groupIDs) == 0):
		return false
	case len(q.eventIDs) > 0:
		return slices.Contains(q.eventIDs, f.ID)
	case len(q.groupIDs) > 0:
		return slices.Contains(q.groupIDs, f.CurrentGroup)
	}
	return s.passes(incident{events: []*event{e}}, s.windowTime(f), s.pinned(e), q)
}

// passes reports whether an incident, or one event as if it were an incident, is in
// the window and passes the filters.
func (s *Server) passes(g incident, at int64, pinned bool, q query) bool {
	holds := func(ids []int64, has func(*facts, int64) bool) bool {
		return slices.ContainsFunc(ids, func(id int64) bool {
			return g.any(func(e *event) bool { return has(e.facts, id) })
		})
	}
	return (q.window.contains(at) || pinned && q.allPinned) &&
		(pinned || !q.onlyPinned) &&
		(!q.saas || g.any(func(e *event) bool { return e.facts.isSaaS() })) &&
		(len(q.categories) == 0 || slices.Contains(q.categories, g.category())) &&
		between(q.minScore, g.score(), q.maxScore) &&
		(q.did == nil || holds(q.did, (*facts).hasDevice)) &&
		(q.notDID == nil || !holds(q.notDID, (*facts).hasDevice)) &&
		(q.sid == nil || holds(q.sid, (*facts).hasSubnet)) &&
		(q.notSID == nil || !holds(q.notSID, (*facts).hasSubnet)) &&
		(q.master == nil || g.any(func(e *event) bool { return slices.Contains(q.master, s.masterOf(e)) }))
}

func between(low, x, high float64) bool { return low <= x && x <= high }

func (s *Server) windowTime(f *facts) int64 {
	switch s.cfg.window {
	case FirstActivity:
		return f.first()
	case LastActivity:
		return f.last()
	case CreatedAt:
	}
	return f.CreatedAt
}

// visible yields the events that a call can see.
func (s *Server) visible(c *call) iter.Seq[*event] {
	return func(yield func(*event) bool) {
		for _, e := range s.events {
			here := c.master == 0 || c.master == s.masterOf(e)
			if here && !e.visibleFrom.After(c.Time) && !yield(e) {
				return
			}
		}
	}
}

func (s *Server) masterOf(e *event) int64 {
	if e.master == 0 && len(s.cfg.masters) > 0 {
		return s.cfg.masters[0]
	}
	return e.master
}

func (s *Server) eventLink(c *call, q query, e *event) member {
	if !q.link || s.cfg.noFQDN {
		return member{}
	}
	page := "/#aiaincidentevent/"
	if e.facts.isSaaS() {
		page = "/saas#aiaincidentevent/"
	}
	return member{"incidentEventUrl", mustJSON(c.base + page + e.facts.ID)}
}

// served is one element of a list: its JSON, its sort key, and the requested link.
type served struct {
	raw   []byte
	score float64
	link  member
}

// list responds with elements in descending order of score, anonymised if the token
// is restricted.
func (s *Server) list(c *call, found []served) response {
	slices.SortStableFunc(found, func(a, b served) int { return cmp.Compare(b.score, a.score) })
	show := func(raw []byte) []byte { return raw }
	if !c.token.may(UnrestrictedDevices) {
		show = newAnonymiser().hide
	}
	return listResponse(found, func(e served) []byte {
		raw := show(e.raw)
		if e.link.key != "" {
			raw = withMember(raw, e.link.key, e.link.value)
		}
		return raw
	})
}
