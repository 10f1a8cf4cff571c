package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// eventContext is the context output for an event.
type eventContext struct {
	EventID       string                   `json:"eventId"`
	Title         string                   `json:"title"`
	MITRETactics  []darktrace.Tactic       `json:"mitreTactics"`
	Score         string                   `json:"score"` // of the event itself, as the appliance prints it: "94%", "52.0%"
	Category      string                   `json:"category"`
	Summary       string                   `json:"summary"`
	GroupID       string                   `json:"groupId"`
	Devices       []deviceContext          `json:"devices"`
	ModelBreaches map[string]breachContext `json:"modelBreaches"` // numbered from "0"
}

// deviceContext is a device as the API returns it; null means unknown.
type deviceContext struct {
	DID        *int64  `json:"did"`
	Hostname   *string `json:"hostname"`
	Identifier *string `json:"identifier"`
	IP         *string `json:"ip"`
	MAC        *string `json:"mac"`
	SID        *int64  `json:"sid"`
	Subnet     *string `json:"subnet"`
}

type breachContext struct {
	ModelName   string  `json:"modelName"`
	PBID        int64   `json:"pbid"`
	ThreatScore float64 `json:"threatScore"`
	Timestamp   string  `json:"timestamp"`
}

func newEventContext(e *darktrace.IncidentEvent) eventContext {
	c := eventContext{
		EventID:       e.ID,
		Title:         e.Title,
		MITRETactics:  append([]darktrace.Tactic{}, e.MITRETactics...),
		Score:         printed(e) + "%",
		Category:      string(e.Category),
		Summary:       e.Summary.String(),
		GroupID:       e.CurrentGroup,
		Devices:       []deviceContext{},
		ModelBreaches: map[string]breachContext{},
	}
	for _, d := range e.BreachDevices {
		c.Devices = append(c.Devices, deviceContext{
			known(d.DID), known(d.Hostname), known(d.Identifier), known(d.IP), known(d.MAC), known(d.SID), known(d.Subnet),
		})
	}
	for i, b := range e.RelatedBreaches {
		c.ModelBreaches[strconv.Itoa(i)] = breachContext{b.ModelName, b.PBID, float64(b.ThreatScore), text(b.Timestamp)}
	}
	return c
}

// printed is an event's score with the same digits as on the wire.
func printed(e *darktrace.IncidentEvent) string {
	var wire struct {
		Score json.Number `json:"aiaScore"`
	}
	text := strconv.FormatFloat(float64(e.AIAScore), 'f', -1, 64)
	if json.Unmarshal(e.Raw, &wire) == nil && strings.Contains(wire.Score.String(), ".") && !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// commentContext is the context output for a comment. The integration documents
// incident_id as incidet_id, so it has both.
type commentContext struct {
	IncidetID  string `json:"incidet_id"`
	IncidentID string `json:"incident_id"`
	Message    string `json:"message"`
	EventID    string `json:"eventId"`
	Time       string `json:"time"`
	Username   string `json:"username"`
}

// groupContext is the context output for an incident.
type groupContext struct {
	GroupID        string              `json:"groupId"`
	IncidentEvents []groupEventContext `json:"incidentEvents"`
	MITRETactics   []darktrace.Tactic  `json:"mitreTactics"`
	GroupScore     float64             `json:"groupScore"` // to one digit, as the exact value rounds: 69.55 is 69.5
	GroupCategory  string              `json:"groupCategory"`
}

type groupEventContext struct {
	EventID  string `json:"eventId"`
	DeviceID *int64 `json:"deviceId"` // null for e-mail events
	Title    string `json:"title"`
	Start    string `json:"start"`
	Visible  bool   `json:"visible"`
}

func newGroupContext(g *darktrace.IncidentGroup) groupContext {
	score, _ := strconv.ParseFloat(strconv.FormatFloat(float64(g.GroupScore), 'f', 1, 64), 64)
	c := groupContext{
		GroupID:        g.ID,
		IncidentEvents: []groupEventContext{},
		MITRETactics:   append([]darktrace.Tactic{}, g.MITRETactics...),
		GroupScore:     score,
		GroupCategory:  string(g.Category),
	}
	for _, e := range g.Events {
		c.IncidentEvents = append(c.IncidentEvents, groupEventContext{e.ID, known(e.TriggerDID), e.Title, text(e.Start), e.Visible})
	}
	return c
}

// text is a time in UTC as the integration prints it: to the second.
func text(m darktrace.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().UTC().Format("2006-01-02T15:04:05") + ".000Z"
}

// known is nil, null in JSON, for the zero value.
func known[T comparable](value T) *T {
	var unknown T
	if value == unknown {
		return nil
	}
	return &value
}
