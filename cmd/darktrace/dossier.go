package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// dossier holds an event or an incident and everything that belongs to it.
type dossier struct {
	Incident *darktrace.IncidentGroup   `json:"incident"`
	Events   []*darktrace.IncidentEvent `json:"events"`
	Comments []*darktrace.Comment       `json:"comments"`
	Missing  []string                   `json:"missing,omitempty"` // what could not be read, and why

	alerts    []*darktrace.ModelBreach
	devices   []*darktrace.Device
	others    []*darktrace.IncidentGroup // other open incidents of its devices
	actions   []*darktrace.AntigenaAction
	endpoints []*darktrace.Endpoint
}

// gather reads an event or an incident and everything that belongs to it. If the
// event or incident itself can't be read, gather returns an error; anything else
// may be missing.
func gather(ctx context.Context, j *job, id string) (*dossier, error) {
	client := j.client.AIAnalyst
	group, err := client.GetGroup(ctx, id)
	if err != nil {
		return nil, err
	}
	d := &dossier{Incident: group, Comments: []*darktrace.Comment{}}
	if isIncident(id) {
		d.Events, err = client.ListEvents(ctx, &darktrace.EventListOptions{GroupIDs: []string{group.ID}, IncludeURL: true})
	} else {
		var event *darktrace.IncidentEvent
		event, err = client.GetEvent(ctx, id)
		d.Events = []*darktrace.IncidentEvent{event}
	}
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(d.Events, func(a, b *darktrace.IncidentEvent) int { return cmp.Compare(began(a), began(b)) })
	for i, event := range d.Events {
		comments, err := client.ListComments(ctx, event.ID)
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			d.miss("comments", err)
		}
		d.Comments = append(d.Comments, comments...)
		j.out.progress.count(i+1, "events read")
	}
	return d, nil
}

// began is when the activity of an event began; 0 = unknown.
func began(e *darktrace.IncidentEvent) darktrace.Millis {
	return cmp.Or(e.FirstActivity(), e.CreatedAt)
}

// enrich reads the alerts, devices, actions and hosts of the events.
func (d *dossier) enrich(ctx context.Context, j *job) error {
	for i, event := range d.Events {
		c, err := j.client.Enrich(ctx, event, &darktrace.EnrichOptions{Connections: -1})
		if err != nil {
			return err
		}
		d.alerts = append(d.alerts, c.Breaches...)
		d.devices = append(d.devices, c.Devices...)
		d.others = append(d.others, c.Incidents...)
		d.actions = append(d.actions, c.Actions...)
		d.endpoints = append(d.endpoints, c.Endpoints...)
		for _, missing := range c.Missing {
			d.miss(strings.TrimSpace(string(missing.Part)+" "+strings.Join(missing.IDs, ", ")), missing.Err)
		}
		j.out.progress.count(i+1, "events looked into")
	}
	d.alerts = once(d.alerts, func(b *darktrace.ModelBreach) int64 { return b.PBID })
	d.devices = once(d.devices, func(d *darktrace.Device) int64 { return d.DID })
	d.others = once(d.others, func(g *darktrace.IncidentGroup) string { return g.ID })
	d.others = slices.DeleteFunc(d.others, func(g *darktrace.IncidentGroup) bool { return g.ID == d.Incident.ID })
	d.actions = once(d.actions, func(a *darktrace.AntigenaAction) int64 { return a.CodeID })
	d.endpoints = once(d.endpoints, func(e *darktrace.Endpoint) string { return cmp.Or(e.Hostname, e.IP) })
	return nil
}

// once returns the elements without those whose key occurred before.
func once[T any, K comparable](elements []T, key func(T) K) []T {
	seen := map[K]bool{}
	return slices.DeleteFunc(elements, func(element T) bool {
		again := seen[key(element)]
		seen[key(element)] = true
		return again
	})
}

// miss records what could not be read and why, once.
func (d *dossier) miss(what string, err error) {
	if text := what + ": " + oneLine(err); !slices.Contains(d.Missing, text) {
		d.Missing = append(d.Missing, text)
	}
}
