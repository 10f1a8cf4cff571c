package darktracetest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// humanTime is the time that an analyst would need for one event.
const humanTime = 3 * time.Hour

// getStats serves GET /aianalyst/stats, from the events created in the window.
func (s *Server) getStats(c *call) response {
	w := c.params.window(c.Time)
	var events []*facts
	for e := range s.visible(c) {
		if w.contains(e.facts.CreatedAt) {
			events = append(events, e.facts)
		}
	}
	slices.SortStableFunc(events, func(a, b *facts) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) })
	positive := len(events)
	return jsonResponse(http.StatusOK, map[string]any{
		"equivalentHumanTime":    humanTime.Milliseconds() * int64(positive),
		"positiveInvestigations": positive,
		"negativeInvestigations": 3 * positive,
		"graphData":              graphData(events),
		"attackPhases":           attackPhases(events),
		"groupStats":             groupStats(s.groupsOf(c, events)),
		"metadata":               map[string]any{"starttime": w.start, "endtime": w.end},
	})
}

func graphData(events []*facts) map[string]any {
	n := len(events)
	breach, end, human := make([]int64, n), make([]int64, n), make([]int64, n)
	isPositive, score := make([]bool, n), make([]any, n)
	for i, f := range events {
		breach[i], end[i], human[i] = f.first(), f.CreatedAt, humanTime.Milliseconds()
		isPositive[i] = true
		if f.AIAScore != 0 { // 0..1 here, and null for unknown
			score[i] = float64(f.AIAScore) / 100
		}
	}
	return map[string]any{
		"breachTime": breach, "endTime": end, "equivalentHumanTime": human, "isPositive": isPositive, "aiaScore": score,
	}
}

type phaseCount struct {
	Phases []int `json:"phases"`
	Count  int   `json:"count"`
}

func attackPhases(events []*facts) []phaseCount {
	counts := []phaseCount{}
	for _, f := range events {
		i := slices.IndexFunc(counts, func(p phaseCount) bool { return slices.Equal(p.Phases, f.AttackPhases) })
		if i < 0 {
			i = len(counts)
			counts = append(counts, phaseCount{Phases: append([]int{}, f.AttackPhases...)})
		}
		counts[i].Count++
	}
	return counts
}

// groupsOf returns the incidents that these events belong to.
func (s *Server) groupsOf(c *call, events []*facts) []incident {
	ids := map[string]bool{}
	for _, f := range events {
		ids[f.CurrentGroup] = true
	}
	return s.incidents(c, func(id string) bool { return ids[id] })
}

func groupStats(groups []incident) map[string]any {
	stats := map[string]int{"total": 0, "compliance": 0, "suspicious": 0, "critical": 0}
	tactics := map[string]map[string]int{"total": {}, "compliance": {}, "suspicious": {}, "critical": {}}
	for _, g := range groups {
		names := map[string]bool{}
		for _, e := range g.events {
			for _, tactic := range e.facts.MITRETactics {
				names[tactic] = true
			}
		}
		for _, key := range []string{"total", g.category()} {
			if _, counted := stats[key]; !counted {
				continue
			}
			stats[key]++
			for tactic := range names {
				tactics[key][tactic]++
			}
		}
	}
	body := map[string]any{"mitreTactics": tactics}
	for key, n := range stats {
		body[key] = n
	}
	return body
}

// investigation is an investigation that was started.
type investigation struct {
	id        string
	created   time.Time // on the appliance's clock
	at        int64     // epoch seconds
	did       int64
	createdBy string
	reads     int
}

// postInvestigation serves POST /aianalyst/investigations.
func (s *Server) postInvestigation(c *call) response {
	var epoch *string
	var did *int64
	if refused := c.read(map[string]any{"investigateTime": &epoch, "did": &did}); refused != nil {
		return *refused
	}
	if epoch == nil || did == nil {
		return c.badInput("investigateTime and did are both needed")
	}
	at, err := strconv.ParseInt(*epoch, 10, 64)
	if err != nil || at > 1e11 {
		return c.badInput("investigateTime %q is not a time in epoch seconds", *epoch)
	}
	i := &investigation{
		id:        fmt.Sprintf("00000000-0000-4000-a000-%012d", len(s.investigations)+1),
		created:   c.Time,
		at:        at,
		did:       *did,
		createdBy: c.author(),
	}
	s.investigations = append(s.investigations, i)
	c.CarriedOut = true
	return s.writeResponse(func(master int64) map[string]string {
		if len(s.cfg.masters) > 0 && master != s.cfg.masters[0] {
			return nil
		}
		return map[string]string{"investigationId": i.id}
	})
}

// getInvestigations serves GET /aianalyst/investigations. The documentation does
// not say whether its window is in seconds or milliseconds, so both work.
func (s *Server) getInvestigations(c *call) response {
	id, field := c.params.text("investigationId"), c.params.text("responseData")
	start, end := c.params.integer("starttime"), c.params.integer("endtime")
	found := []map[string]any{}
	for _, i := range s.investigations {
		if id != "" && id != i.id ||
			start != nil && i.created.Before(eitherUnit(*start)) || end != nil && i.created.After(eitherUnit(*end)) {
			continue
		}
		found = append(found, only(s.wireInvestigation(c, i), field))
	}
	return jsonResponse(http.StatusOK, found)
}

func eitherUnit(t int64) time.Time {
	if t > 1e11 {
		return time.UnixMilli(t)
	}
	return time.Unix(t, 0)
}

// status moves from pending through processing to finished, with time or by one
// step for each request.
func (s *Server) status(i *investigation, now time.Time) string {
	step := i.reads
	i.reads++
	if total := s.cfg.investigations; total > 0 {
		step = int(2 * now.Sub(i.created) / total)
	}
	return []string{"pending", "processing", "finished"}[min(max(step, 0), 2)]
}

func (s *Server) wireInvestigation(c *call, i *investigation) map[string]any {
	status := s.status(i, c.Time)
	w := map[string]any{
		"investigationId":   i.id,
		"time":              i.created.Unix(),
		"investigationTime": i.at,
		"did":               i.did,
		"version":           1,
		"status":            status,
		"createdBy":         i.createdBy,
		"noticeUid":         "",
		"incidents":         []any{},
	}
	if status != "finished" {
		return w
	}
	var findings []map[string]any
	for e := range s.visible(c) {
		f := e.facts
		around := window{(i.at - 1800) * 1000, (i.at + 1800) * 1000}
		if !f.hasDevice(i.did) || f.last() < around.start || f.first() > around.end {
			continue
		}
		related := []int64{}
		for _, b := range f.RelatedBreaches {
			related = append(related, b.PBID)
		}
		findings = append(findings, map[string]any{"uuid": f.ID, "related": related, "summariser": f.Summariser})
		w["incidentId"], w["summarizer"] = f.CurrentGroup, f.Summariser
	}
	if findings != nil {
		w["incidents"] = findings
	}
	return w
}
