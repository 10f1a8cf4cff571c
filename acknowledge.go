package darktrace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// batchSize is the most bytes of ids in one request.
const batchSize = 32 << 10

// Acknowledge acknowledges events. Ids are sent as comma lists in as few
// requests as possible, and each id once. If any id fails, even the only one,
// the error is a *BatchError with the outcome for each id. If there is no id,
// or one is malformed, Acknowledge returns ErrArgument and sends nothing. It
// needs the permission "Acknowledge Breaches".
//
// Threat Visualizer API: POST /aianalyst/acknowledge.
func (s *AIAnalystService) Acknowledge(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "acknowledge", eventIDs)
}

// Unacknowledge undoes an acknowledgement. Errors and permission are as in
// Acknowledge.
//
// Threat Visualizer API: POST /aianalyst/unacknowledge.
func (s *AIAnalystService) Unacknowledge(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "unacknowledge", eventIDs)
}

// Pin pins events: they are listed independently of the window. Errors are as
// in Acknowledge. It needs the permission "Visualizer".
//
// Threat Visualizer API: POST /aianalyst/pin.
func (s *AIAnalystService) Pin(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "pin", eventIDs)
}

// Unpin undoes Pin. Errors are as in Acknowledge, the permission as in Pin.
//
// Threat Visualizer API: POST /aianalyst/unpin.
func (s *AIAnalystService) Unpin(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "unpin", eventIDs)
}

// AcknowledgeGroup acknowledges every event that an incident has now. The id
// may be the incident's or the id of one of its events, as in GetGroup. Events
// that join the incident later are not acknowledged. The incident's own flag is
// separate and may not change. Errors are those of GetGroup and Acknowledge. If
// an element of the incident has no event id, the events are acknowledged and
// AcknowledgeGroup returns ErrDecode, whose text says what was left out. It
// needs the permissions "Visualizer" and "Acknowledge Breaches".
//
// Threat Visualizer API: GET /aianalyst/groups, POST /aianalyst/acknowledge.
func (s *AIAnalystService) AcknowledgeGroup(ctx context.Context, groupID string) error {
	return s.ofGroup(ctx, groupID, s.Acknowledge)
}

// AcknowledgeGroupVerified acknowledges every event that an incident has now and
// reads them back. Errors are those of AcknowledgeGroup and AcknowledgeVerified,
// the permissions those of AcknowledgeGroup.
//
// Threat Visualizer API: GET /aianalyst/groups, POST /aianalyst/acknowledge, GET
// /aianalyst/incidentevents.
func (s *AIAnalystService) AcknowledgeGroupVerified(ctx context.Context, groupID string) error {
	return s.ofGroup(ctx, groupID, s.AcknowledgeVerified)
}

// ofGroup calls act with the events of an incident.
func (s *AIAnalystService) ofGroup(ctx context.Context, groupID string, act func(context.Context, ...string) error) error {
	group, err := s.GetGroup(ctx, groupID)
	if err != nil {
		return err
	}
	var ids []string
	for _, id := range group.eventIDs() {
		if checkEventID("uuid", id) == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return failed(ErrNotFound, http.MethodGet, groupsPath, "the incident "+group.ID+" has no events", nil, s.client().redact)
	}
	err = act(ctx, ids...)
	if odd := len(group.Events) - len(ids); odd > 0 {
		return failed(ErrDecode, http.MethodGet, groupsPath, fmt.Sprintf(
			"the incident %s has %d elements without an event id, which were left out", group.ID, odd), err, s.client().redact)
	}
	return err
}

// GroupAcknowledged reports whether every event that an incident has now is
// acknowledged. Errors are those of GetGroup and Events. If the response does
// not say whether an event is acknowledged, GroupAcknowledged returns
// ErrDecode.
//
// Threat Visualizer API: GET /aianalyst/groups, GET /aianalyst/incidentevents.
func (s *AIAnalystService) GroupAcknowledged(ctx context.Context, groupID string) (bool, error) {
	all := true
	err := s.ofGroup(ctx, groupID, func(ctx context.Context, ids ...string) error {
		flags, err := s.acknowledged(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			switch flags.of(id) {
			case flagUnread:
				return failed(ErrDecode, http.MethodGet, eventsPath, "the response does not say whether event "+id+" is acknowledged", nil, s.client().redact)
			case flagUnset, flagAbsent:
				all = false
			case flagSet:
			}
		}
		return nil
	})
	return all && err == nil, err
}

// ResolveGroup posts a comment on every event of an incident, unless the event
// has it already, and acknowledges the events. Then it does the same for events
// that have joined the incident meanwhile. The incident's own flag may stay as it
// is, and ListGroups may still list the incident; see GroupAcknowledged. An empty
// comment is not posted. If
// the comment on an event fails, the event is not acknowledged: call
// ResolveGroup again, which repeats only what is missing. If an event fails,
// the error is a *BatchError; other errors are those of GetGroup and
// AcknowledgeGroup. It needs the permissions "Visualizer", "Discuss Breaches"
// and "Acknowledge Breaches".
//
// Threat Visualizer API: GET /aianalyst/groups, GET and POST
// /aianalyst/incident/comments, POST /aianalyst/acknowledge, GET
// /aianalyst/incidentevents.
func (s *AIAnalystService) ResolveGroup(ctx context.Context, groupID, comment string) error {
	total := &BatchError{action: "resolve", Failed: map[string]error{}, Unknown: map[string]error{}}
	for {
		joined := 0
		err := s.ofGroup(ctx, groupID, func(ctx context.Context, ids ...string) error {
			ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(total.order, id) })
			joined = len(ids)
			total.order = append(total.order, ids...)
			return s.resolve(ctx, ids, comment, total)
		})
		switch {
		case joined == 0 && err != nil && total.orNil() != nil && !errors.Is(err, total):
			return &restated{total.Error() + "; then " + unnamed(err), errors.Join(total, err)}
		case joined == 0, len(total.NotSent) > 0, ctx.Err() != nil:
			return err
		}
	}
}

// resolve comments on events and acknowledges those that have the comment.
func (s *AIAnalystService) resolve(ctx context.Context, ids []string, comment string, total *BatchError) error {
	for i, id := range ids {
		if comment == "" {
			break
		}
		if _, err := s.PostCommentOnce(ctx, id, comment); err != nil {
			total.add([]string{id}, err)
			if ctx.Err() != nil || !onlyThese(err) {
				total.NotSent = append(total.NotSent, ids[i+1:]...)
				break
			}
		}
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return total.Failed[id] != nil || total.Unknown[id] != nil || slices.Contains(total.NotSent, id)
	})
	if len(ids) == 0 {
		return total.orNil()
	}
	batch := &BatchError{Done: ids}
	if err := s.AcknowledgeVerified(ctx, ids...); err != nil && !errors.As(err, &batch) {
		return err
	}
	total.Done = append(total.Done, batch.Done...)
	total.NotSent = append(total.NotSent, batch.NotSent...)
	maps.Copy(total.Failed, batch.Failed)
	maps.Copy(total.Unknown, batch.Unknown)
	return total.orNil()
}

// AcknowledgeVerified acknowledges events and reads them back. Errors are as in
// Acknowledge, but what was read back decides:
//
//   - An event that is acknowledged is done, even if the write failed: a
//     colleague may have been first.
//   - If a list was rejected, the events that are not acknowledged are sent
//     again one by one.
//   - ErrNotStored means that the appliance confirmed the write and the event
//     is not acknowledged.
//   - ErrNotFound means that the appliance does not have the event.
//   - ErrOutcomeUnknown means that the event can't be read back.
//
// It needs the permissions "Visualizer" and "Acknowledge Breaches".
//
// Threat Visualizer API: POST /aianalyst/acknowledge, GET
// /aianalyst/incidentevents.
func (s *AIAnalystService) AcknowledgeVerified(ctx context.Context, eventIDs ...string) error {
	written := &BatchError{Done: unique(eventIDs), Failed: map[string]error{}, Unknown: map[string]error{}}
	if err := s.Acknowledge(ctx, eventIDs...); err != nil && !errors.As(err, &written) {
		return err
	}
	flags, readErr := s.acknowledged(ctx, written.sent())
	var again []string
	for id, err := range written.Failed {
		if onlyThese(err) && flags.of(id) == flagUnset && len(written.Failed) > 1 {
			again = append(again, id)
		}
	}
	slices.Sort(again)
	for i, id := range again {
		delete(written.Failed, id)
		err := s.Acknowledge(ctx, id)
		if single, ok := errors.AsType[*BatchError](err); ok {
			err = single.of(id)
		}
		written.add([]string{id}, err)
		if err != nil && (ctx.Err() != nil || !onlyThese(err)) {
			written.NotSent = append(written.NotSent, again[i+1:]...)
			break
		}
	}
	if len(again) > 0 {
		flags, readErr = s.acknowledged(ctx, written.sent())
	}
	return s.verified(ctx, written, unique(eventIDs), flags, readErr).orNil()
}

// sent returns the ids whose writes may have changed something, or were rejected
// for a reason that concerns only them.
func (e *BatchError) sent() []string {
	ids := slices.Clone(e.Done)
	for id := range e.Unknown {
		ids = append(ids, id)
	}
	for id, err := range e.Failed {
		if onlyThese(err) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// verified returns the outcome for each id, from the result of its write and
// what was read back.
func (s *AIAnalystService) verified(ctx context.Context, written *BatchError, ids []string, flags flagStates, readErr error) *BatchError {
	const path = "/aianalyst/acknowledge"
	c := s.client()
	result := &BatchError{action: "acknowledge and verify", order: ids, NotSent: written.NotSent, Failed: map[string]error{}, Unknown: map[string]error{}}
	for _, id := range ids {
		refused, unknown := written.Failed[id], written.Unknown[id]
		switch {
		case slices.Contains(written.NotSent, id):
		case refused != nil && !onlyThese(refused):
			result.Failed[id] = refused
		case flags.of(id) == flagSet:
			result.Done = append(result.Done, id)
		case flags.of(id) == flagUnset && refused != nil:
			result.Failed[id] = refused
		case flags.of(id) == flagUnset:
			result.Failed[id] = c.notStored(path, "event "+id, unknown)
		case flags.of(id) == flagUnread:
			result.Unknown[id] = c.unverified(ctx, path, errors.New("the response does not say whether event "+id+" is acknowledged"), unknown)
		case readErr == nil:
			result.Failed[id] = failed(ErrNotFound, http.MethodPost, path, "no event with id "+id, nil, c.redact)
		case refused != nil:
			result.Failed[id] = refused
		default:
			result.Unknown[id] = c.unverified(ctx, path, readErr, unknown)
		}
	}
	return result
}

// flagState is what a response says about a flag of an event.
type flagState int

const (
	flagAbsent flagState = iota // there is no such event, or it was not read
	flagUnset
	flagSet
	flagUnread // not in the response, or not understood
)

// flagStates holds flags by event id in lower case: an appliance may change the
// case.
type flagStates map[string]flagState

func (t flagStates) of(id string) flagState { return t[strings.ToLower(id)] }

// acknowledged reads whether events are acknowledged.
func (s *AIAnalystService) acknowledged(ctx context.Context, ids []string) (flagStates, error) {
	flags := flagStates{}
	if len(ids) == 0 {
		return flags, nil
	}
	for event, err := range s.Events(ctx, &EventListOptions{EventIDs: ids, KeepRaw: true}) {
		var stated struct{ Acknowledged *json.RawMessage }
		switch {
		case err != nil:
			return flags, err
		case event.Acknowledged:
			flags[strings.ToLower(event.ID)] = flagSet
		case slices.Contains(event.Skipped, "acknowledged"), json.Unmarshal(event.Raw, &stated) != nil, stated.Acknowledged == nil:
			flags[strings.ToLower(event.ID)] = flagUnread
		default:
			flags[strings.ToLower(event.ID)] = flagUnset
		}
	}
	return flags, nil
}

// notStored is the error of a write that reading back does not show.
func (c *core) notStored(path, what string, writeErr error) error {
	if writeErr != nil {
		return failed(ErrNotStored, http.MethodPost, path, what+" does not show it; the write failed with", writeErr, c.redact)
	}
	return failed(ErrNotStored, http.MethodPost, path, what+" does not show it, although the appliance reported success", nil, c.redact)
}

// unverified is the error of a write that can't be read back. It does not have the
// kind of readErr, which says nothing about the write.
func (c *core) unverified(ctx context.Context, path string, readErr, writeErr error) error {
	return failed(ErrOutcomeUnknown, http.MethodPost, path, "reading it back failed: "+unnamed(readErr), alsoEnded(ctx, writeErr), c.redact)
}

// batch sends event ids to an endpoint that accepts lists of them.
func (s *AIAnalystService) batch(ctx context.Context, action string, eventIDs []string) error {
	if len(eventIDs) == 0 {
		return argument("eventIDs", "contains no id")
	}
	if err := checkEventIDs("eventIDs", eventIDs); err != nil {
		return err
	}
	chunk := func(ids []string) int { return fit(ids, batchSize) }
	return inBatches(ctx, action, eventIDs, chunk, func(ids []string) error {
		return s.client().do(ctx, &Request{Method: http.MethodPost, Path: "/aianalyst/" + action, Form: url.Values{"uuid": {strings.Join(ids, ",")}}}, nil)
	})
}

// inBatches sends each id once, as many at a time as chunk returns. The *BatchError
// holds the outcome of each id.
func inBatches(ctx context.Context, action string, ids []string, chunk func([]string) int, send func(ids []string) error) error {
	if ctx == nil {
		return argument("ctx", "is nil")
	}
	ids = unique(ids)
	result := &BatchError{action: action, order: ids, Failed: map[string]error{}, Unknown: map[string]error{}}
	for len(ids) > 0 {
		n := chunk(ids)
		err := send(ids[:n])
		result.add(ids[:n], err)
		ids = ids[n:]
		if err != nil && (ctx.Err() != nil || !onlyThese(err)) {
			result.NotSent = ids
			break
		}
	}
	return result.orNil()
}

// fit counts the ids whose comma list, form-encoded, has at most the given
// size; at least one.
func fit(ids []string, size int) int {
	for n, id := range ids {
		if size -= len(id) + len("%2C"); size < 0 && n > 0 {
			return n
		}
	}
	return len(ids)
}

// onlyThese reports whether a failure may concern only the ids that were sent,
// so that the next ids are worth a request.
func onlyThese(err error) bool {
	if errors.Is(err, ErrLogin) {
		return false
	}
	for _, kind := range []error{ErrOutcomeUnknown, ErrRejected, ErrInput, ErrNotFound, ErrNotStored} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// add records the outcome for ids that were sent together.
func (e *BatchError) add(ids []string, err error) {
	for _, id := range ids {
		switch {
		case err == nil:
			e.Done = append(e.Done, id)
		case errors.Is(err, ErrOutcomeUnknown):
			e.Unknown[id] = err
		default:
			e.Failed[id] = err
		}
	}
}

// orNil returns the result as an error, if it is one.
func (e *BatchError) orNil() error {
	if len(e.Done) == len(e.order) {
		return nil
	}
	return e
}
