package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// unread holds the errors of reading back, by id.
type unread map[string]error

func (u unread) Error() string {
	for _, id := range slices.Sorted(maps.Keys(u)) {
		return u[id].Error()
	}
	return ""
}

func (u unread) Unwrap() []error { return slices.Collect(maps.Values(u)) }

func (u unread) orNil() error {
	if len(u) == 0 {
		return nil
	}
	return u
}

// eventsShow checks whether events have the flag that was written to them.
func (j *job) eventsShow(ctx context.Context, ids []string, flag string, want bool) error {
	found := map[string]*darktrace.IncidentEvent{}
	var failure error
	for event, err := range j.client.AIAnalyst.Events(ctx, &darktrace.EventListOptions{EventIDs: ids, KeepRaw: true}) {
		if failure = err; err == nil {
			found[strings.ToLower(event.ID)] = event
		}
	}
	wrong := unread{}
	for _, id := range ids {
		event := found[strings.ToLower(id)]
		switch {
		case event == nil && failure != nil:
			wrong[id] = unreadable("event", id, failure)
		case event == nil:
			wrong[id] = fmt.Errorf("%w: there is no event %s", darktrace.ErrNotFound, id)
		default:
			value, stated := flagOf(event, flag)
			if err := shows("event", id, flag, want, value, stated); err != nil {
				wrong[id] = err
			}
		}
	}
	return wrong.orNil()
}

// flagOf returns a flag of an event, and whether the appliance stated it: a flag
// that is left out or can't be read decodes to false.
func flagOf(event *darktrace.IncidentEvent, flag string) (value, stated bool) {
	value = event.Acknowledged
	if flag == "pinned" {
		value = event.Pinned
	}
	var members map[string]json.RawMessage
	if slices.Contains(event.Skipped, flag) || json.Unmarshal(event.Raw, &members) != nil {
		return value, value
	}
	for name, raw := range members {
		stated = stated || strings.EqualFold(name, flag) && string(raw) != "null"
	}
	return value, value || stated
}

// alertsShow checks whether model alerts have the flag that was written to them.
func (j *job) alertsShow(ctx context.Context, ids []string, acknowledged bool) error {
	wrong := unread{}
	for _, id := range ids {
		pbid, _ := alertID(id)
		alert, err := j.client.ModelBreaches.Get(ctx, pbid)
		switch {
		case errors.Is(err, darktrace.ErrNotFound):
		case err != nil:
			err = unreadable("alert", id, err)
		default:
			stated := alert.Acknowledged != nil
			err = shows("alert", id, "acknowledged", acknowledged, stated && *alert.Acknowledged, stated)
		}
		if err != nil {
			wrong[id] = err
		}
	}
	return wrong.orNil()
}

// shows returns the error that reading back a flag proves.
func shows(what, id, flag string, want, value, stated bool) error {
	switch {
	case !stated:
		return unreadable(what, id, fmt.Errorf("the response does not say whether it is %s", flag))
	case value != want:
		state := map[bool]string{true: "still " + flag, false: "not " + flag}[value]
		return fmt.Errorf("%w: %s %s is %s, although the appliance confirmed the change", darktrace.ErrNotStored, what, id, state)
	}
	return nil
}

// unreadable returns an error that does not have the kind of the reason, which says
// nothing about the write.
func unreadable(what, id string, reason error) error {
	return fmt.Errorf("%w: the appliance confirmed it, but %s %s could not be verified: %s", darktrace.ErrOutcomeUnknown, what, id, reason.Error())
}
