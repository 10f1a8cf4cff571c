package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/darktrace-go/darktrace"
)

// incidents lists incidents.
func incidents(ctx context.Context, j *job) error {
	groups := j.client.AIAnalyst.Groups(ctx, &darktrace.GroupListOptions{
		Start: j.since, End: j.until, MinScore: j.minScore, Categories: j.categories, DeviceID: j.deviceID,
		IncludeAcknowledged: j.all, ExcludePinned: true, IncludeURL: true,
	})
	return list(j, "incidents", groups, []column[*darktrace.IncidentGroup]{
		{"ACTIVITY (UTC)", func(g *darktrace.IncidentGroup) string { return minute(g.Start) + " – " + minute(g.End) }},
		{"SCORE", func(g *darktrace.IncidentGroup) string { return score(g.GroupScore) }},
		{"CATEGORY", func(g *darktrace.IncidentGroup) string { return string(g.Category) }},
		{"EVENTS", func(g *darktrace.IncidentGroup) string { return fmt.Sprintf("%6d", len(g.Events)) }},
		{"DEVICES", func(g *darktrace.IncidentGroup) string { return fmt.Sprintf("%7d", len(g.Devices)) }},
		{"FIRST EVENT", func(g *darktrace.IncidentGroup) string { return short(firstTitle(g), 48) }},
		{"ID", func(g *darktrace.IncidentGroup) string { return g.ID }},
	})
}

// events lists incident events.
func events(ctx context.Context, j *job) error {
	opts := &darktrace.EventListOptions{
		Start: j.since, End: j.until, MinScore: j.minScore, Categories: j.categories, DeviceID: j.deviceID,
		IncludeAcknowledged: j.all, ExcludePinned: true, IncludeURL: true,
	}
	if j.incident != "" {
		group, err := j.client.AIAnalyst.GetGroup(ctx, j.incident) // It follows merges.
		if err != nil {
			return err
		}
		opts = &darktrace.EventListOptions{GroupIDs: []string{group.ID}, IncludeURL: true}
	}
	return list(j, "events", j.client.AIAnalyst.Events(ctx, opts), eventColumns)
}

var eventColumns = []column[*darktrace.IncidentEvent]{
	{"CREATED (UTC)", func(e *darktrace.IncidentEvent) string { return minute(e.CreatedAt) }},
	{"SCORE", func(e *darktrace.IncidentEvent) string { return score(e.AIAScore) }},
	{"CATEGORY", func(e *darktrace.IncidentEvent) string { return string(e.Category) }},
	{"TITLE", func(e *darktrace.IncidentEvent) string { return short(e.Title, 52) }},
	{"DEVICE", func(e *darktrace.IncidentEvent) string { return short(subject(e), 36) }},
	{"ID", func(e *darktrace.IncidentEvent) string { return e.ID }},
}

func titleOf(e *darktrace.IncidentEvent) string { return cmp.Or(e.Title, "Untitled event") }

func firstTitle(g *darktrace.IncidentGroup) string {
	if len(g.Events) == 0 {
		return ""
	}
	return g.Events[0].Title
}

// subject names the first device of an event, or the sender of an e-mail.
func subject(e *darktrace.IncidentEvent) string {
	if len(e.BreachDevices) > 0 {
		return e.BreachDevices[0].Name()
	}
	return e.Sender
}

func minute(m darktrace.Millis) string {
	if m == 0 {
		return "unknown"
	}
	return m.Time().Format("2006-01-02 15:04")
}

// score is a score as text of a fixed width.
func score(s darktrace.Score) string { return fmt.Sprintf("%5.1f", float64(s)) }
