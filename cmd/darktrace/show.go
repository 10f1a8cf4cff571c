package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// show prints an event, an incident or a model alert in full.
func show(ctx context.Context, j *job) error {
	if pbid, ok := alertID(j.args[0]); ok {
		return showAlert(ctx, j, pbid)
	}
	d, err := gather(ctx, j, j.args[0])
	if err != nil {
		return err
	}
	j.out.progress.end()
	if !j.out.table() {
		return j.out.object(d)
	}
	// The requested object comes first.
	if isIncident(j.args[0]) {
		j.showIncident(d.Incident, "Incident")
	}
	for _, e := range d.Events {
		j.showEvent(e, d)
	}
	if !isIncident(j.args[0]) {
		j.showIncident(d.Incident, "Part of the incident")
	}
	for _, missing := range d.Missing {
		j.out.section("Not read", []string{missing})
	}
	return nil
}

func (j *job) showIncident(g *darktrace.IncidentGroup, heading string) {
	j.out.section(heading,
		[]string{"id", g.ID},
		[]string{"score", oneDecimal(g.GroupScore)},
		[]string{"category", string(g.Category)},
		[]string{"events", fmt.Sprint(len(g.Events))},
		[]string{"activity", minute(g.Start) + " – " + minute(g.End) + " UTC"},
		[]string{"state", state(g)},
		[]string{"link", j.client.GroupURL(g.ID)})
}

func (j *job) showEvent(e *darktrace.IncidentEvent, d *dossier) {
	flags := []string{}
	for _, flag := range []struct {
		set  bool
		name string
	}{{e.Acknowledged, "acknowledged"}, {e.Pinned, "pinned"}, {e.UserTriggered, "investigated on request"}} {
		if flag.set {
			flags = append(flags, flag.name)
		}
	}
	tacticNames := make([]string, len(e.MITRETactics))
	for i, tactic := range e.MITRETactics {
		tacticNames[i] = tactic.Name()
	}
	j.out.section(titleOf(e),
		[]string{"id", e.ID},
		[]string{"score", oneDecimal(e.AIAScore)},
		[]string{"created", minute(e.CreatedAt) + " UTC"},
		[]string{"category", string(e.Category)},
		[]string{"tactics", strings.Join(tacticNames, ", ")},
		[]string{"state", strings.Join(flags, ", ")},
		[]string{"link", j.client.EventURL(e)})
	j.out.section("Summary", paragraphs(e.Summary.String())...)

	var rows [][]string
	for _, p := range e.Periods {
		rows = append(rows, []string{minute(p.Start) + " – " + minute(p.End)})
	}
	j.out.section("Periods (UTC)", rows...)

	rows = nil
	for _, device := range e.BreachDevices {
		rows = append(rows, []string{device.Name(), fmt.Sprintf("did %d", device.DID), device.IP, device.MAC})
	}
	if e.Sender != "" {
		rows = append(rows, []string{"mail from " + e.Sender})
	}
	j.out.section("Devices", rows...)

	rows = nil
	for _, alert := range e.RelatedBreaches {
		rows = append(rows, []string{minute(alert.Timestamp), score(alert.ThreatScore), alert.ModelName, fmt.Sprintf("pbid %d", alert.PBID)})
	}
	j.out.section("Model alerts", rows...)

	for _, section := range e.Details {
		for _, block := range section.Blocks {
			rows = nil
			for _, group := range block.Groups {
				for _, detail := range group {
					rows = append(rows, []string{detail.Key, strings.Join(detail.Strings(), ", ")})
				}
			}
			j.out.section(block.Header, rows...)
		}
	}

	rows = nil
	for _, c := range d.Comments {
		if c.EventID == e.ID {
			rows = append(rows, []string{minute(c.Time), c.Username, c.Message})
		}
	}
	j.out.section("Comments", rows...)
}

// paragraphs makes a row of each paragraph of a text.
func paragraphs(text string) [][]string {
	var rows [][]string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if paragraph = strings.TrimSpace(paragraph); paragraph != "" {
			rows = append(rows, []string{paragraph})
		}
	}
	return rows
}

// state describes the state of an incident.
func state(g *darktrace.IncidentGroup) string {
	words := []string{"activity over"}
	if g.Active {
		words[0] = "activity going on"
	}
	if g.Acknowledged {
		words = append(words, "acknowledged")
	}
	if g.Pinned {
		words = append(words, "pinned")
	}
	return strings.Join(words, ", ")
}

// uuid matches an event's id or, with a "g", an incident's.
var uuid = regexp.MustCompile(`^(?i)g?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// plainID is an id as appliances write it: a UUID means the same in capitals.
func plainID(id string) string {
	if uuid.MatchString(id) {
		return strings.ToLower(id)
	}
	return id
}

// isIncident reports whether an id is an incident's: a "g" and the id of its first
// event.
func isIncident(id string) bool { return strings.HasPrefix(id, "g") }
