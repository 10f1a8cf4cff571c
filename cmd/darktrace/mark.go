package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/darktrace-go/darktrace"
)

// marks are the verbs that set or clear a flag of events and, unless alerts is
// nil, of model alerts.
var marks = map[string]struct {
	done   string
	flag   string // "" = the SDK's write reads back
	value  bool
	events func(*darktrace.AIAnalystService, context.Context, ...string) error
	alerts func(*darktrace.ModelBreachService, context.Context, ...int64) error
}{
	"ack":   {"acknowledged", "", true, (*darktrace.AIAnalystService).AcknowledgeVerified, (*darktrace.ModelBreachService).AcknowledgeVerified},
	"unack": {"no longer acknowledged", "acknowledged", false, (*darktrace.AIAnalystService).Unacknowledge, (*darktrace.ModelBreachService).Unacknowledge},
	"pin":   {"pinned", "pinned", true, (*darktrace.AIAnalystService).Pin, nil},
	"unpin": {"no longer pinned", "pinned", false, (*darktrace.AIAnalystService).Unpin, nil},
}

// written is the outcome of a write to one object.
type written struct {
	Verb    string `json:"verb"`
	ID      string `json:"id"`
	Outcome string `json:"outcome"` // done, failed, unknown or not sent
	Error   string `json:"error,omitempty"`
}

// mark sets or clears a flag of events and alerts, and reads back the outcome of
// each.
func mark(ctx context.Context, j *job) error {
	m := marks[j.verb.name]
	events, alerts, odd, err := j.targets(ctx)
	switch {
	case err != nil:
		return err
	case len(alerts) > 0 && m.alerts == nil:
		return usage("%s takes events and incidents, but %d is a model alert", j.verb.name, alerts[0])
	}
	failures := []error{odd}
	if len(events) > 0 {
		err := m.events(j.client.AIAnalyst, ctx, events...)
		if errors.Is(err, darktrace.ErrArgument) {
			return err // Nothing was sent, and no alert is changed either.
		}
		if done := confirmed(events, err); m.flag != "" && len(done) > 0 {
			err = errors.Join(err, j.eventsShow(ctx, done, m.flag, m.value))
		}
		failures = append(failures, j.outcomes(m.done, events, err))
	}
	if len(alerts) > 0 {
		ids := make([]string, len(alerts))
		for i, pbid := range alerts {
			ids[i] = strconv.FormatInt(pbid, 10)
		}
		err := m.alerts(j.client.ModelBreaches, ctx, alerts...)
		if done := confirmed(ids, err); m.flag != "" && len(done) > 0 {
			err = errors.Join(err, j.alertsShow(ctx, done, m.value))
		}
		failures = append(failures, j.outcomes(m.done, ids, err))
	}
	return errors.Join(failures...)
}

// confirmed are the ids for which the appliance reported success.
func confirmed(ids []string, err error) []string {
	var batch *darktrace.BatchError
	if errors.As(err, &batch) {
		return batch.Done
	}
	if err != nil {
		return nil
	}
	return ids
}

// targets are the events and alerts that the arguments name, the events of
// incidents included. odd says which incidents have elements that can't be changed.
func (j *job) targets(ctx context.Context) (events []string, alerts []int64, odd, err error) {
	for _, id := range j.args {
		if pbid, ok := alertID(id); ok {
			if pbid <= 0 {
				return nil, nil, nil, usage("%d is not the id of a model alert", pbid)
			}
			alerts = append(alerts, pbid)
			continue
		}
		if !isIncident(id) {
			events = append(events, id)
			continue
		}
		group, err := j.client.AIAnalyst.GetGroup(ctx, id)
		if err != nil {
			return nil, nil, nil, err
		}
		left := 0
		for _, event := range group.Events {
			if event.ID == "" || isIncident(event.ID) {
				left++
				continue
			}
			events = append(events, event.ID)
		}
		if left > 0 {
			odd = errors.Join(odd, fmt.Errorf("the incident %s has %d elements without an event id, which were left out: %w", id, left, darktrace.ErrDecode))
		}
	}
	return once(events, same), once(alerts, same), odd, nil
}

func same[T any](id T) T { return id }

// outcomes prints the outcome of each id, and returns the error unchanged.
func (j *job) outcomes(done string, ids []string, failure error) error {
	outcomes := make(map[string]written, len(ids))
	for _, id := range ids {
		outcomes[id] = written{j.verb.name, id, "done", ""}
	}
	var batch *darktrace.BatchError
	var wrong unread
	if failure != nil && !errors.As(failure, &batch) && !errors.As(failure, &wrong) {
		return failure // Nothing was sent.
	}
	if errors.As(failure, &batch) {
		for _, id := range batch.NotSent {
			outcomes[id] = written{j.verb.name, id, "not sent", ""}
		}
		for id, err := range batch.Failed {
			outcomes[id] = written{j.verb.name, id, "failed", err.Error()}
			if errors.Is(err, context.Canceled) { // Of a write that was sent, the outcome is unknown.
				outcomes[id] = written{j.verb.name, id, "not sent", ""}
			}
		}
		for id, err := range batch.Unknown {
			outcomes[id] = written{j.verb.name, id, "unknown", err.Error()}
		}
	}
	errors.As(failure, &wrong)
	for id, err := range wrong {
		what := "failed"
		if errors.Is(err, darktrace.ErrOutcomeUnknown) {
			what = "unknown"
		}
		outcomes[id] = written{j.verb.name, id, what, err.Error()}
	}
	for _, id := range ids {
		if err := j.report(outcomes[id], done); err != nil {
			return err
		}
	}
	return failure
}

// alertID reads the id of a model alert, which is a number.
func alertID(id string) (int64, bool) {
	pbid, err := strconv.ParseInt(id, 10, 64)
	return pbid, err == nil
}

// report prints the outcome of a write.
func (j *job) report(w written, done string) error {
	if !j.out.table() {
		return j.out.object(w)
	}
	switch {
	case w.Outcome == "done":
		j.out.say("%s: %s, and read back", w.ID, done)
	case w.Error == "":
		j.out.say("%s: %s", w.ID, w.Outcome)
	default:
		j.out.say("%s: %s: %s", w.ID, w.Outcome, w.Error)
	}
	return nil
}

// comment comments on an event or an alert and reads the comment back.
func comment(ctx context.Context, j *job) error {
	id, text := j.args[0], j.args[1]
	if uuid.MatchString(id) && isIncident(id) {
		return usage("comment takes an event or an alert, but %s is an incident", id)
	}
	if pbid, ok := alertID(id); ok {
		posted, err := j.client.ModelBreaches.PostCommentVerified(ctx, pbid, text)
		if err != nil {
			return err
		}
		return j.commented(posted, id, posted.Username, posted.Time)
	}
	posted, err := j.client.AIAnalyst.PostCommentVerified(ctx, id, text)
	if err != nil {
		return err
	}
	return j.commented(posted, id, posted.Username, posted.Time)
}

// commented prints a comment that was read back.
func (j *job) commented(posted any, id, username string, at darktrace.Millis) error {
	if !j.out.table() {
		return j.out.object(posted)
	}
	j.out.say("%s: commented as %s at %s UTC, and read back", id, username, minute(at))
	return nil
}
