package darktrace

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// batchSize is how many bytes of ids go into one request.
const batchSize = 32 << 10

// Acknowledge acknowledges events. Ids go out as comma lists in as few requests
// as fit, repeated ones once. Any failure, of one id too, is a *BatchError that
// says what became of each id; only ids that can't be ids, and none at all, are
// an ErrArgument of their own, with nothing sent. It needs the permission
// "Acknowledge Breaches".
//
// Threat Visualizer API: POST /aianalyst/acknowledge.
func (s *AIAnalystService) Acknowledge(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "acknowledge", eventIDs)
}

// Unacknowledge takes back an acknowledgement. Errors are as in Acknowledge.
//
// Threat Visualizer API: POST /aianalyst/unacknowledge.
func (s *AIAnalystService) Unacknowledge(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "unacknowledge", eventIDs)
}

// Pin pins events: they are listed whatever the window. Errors are as in
// Acknowledge.
//
// Threat Visualizer API: POST /aianalyst/pin.
func (s *AIAnalystService) Pin(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "pin", eventIDs)
}

// Unpin takes back Pin. Errors are as in Acknowledge.
//
// Threat Visualizer API: POST /aianalyst/unpin.
func (s *AIAnalystService) Unpin(ctx context.Context, eventIDs ...string) error {
	return s.batch(ctx, "unpin", eventIDs)
}

// AcknowledgeGroup acknowledges every event that an incident has now. The id may
// be that of one of its events, as in GetGroup. Events that join the incident
// later are not acknowledged. The incident's own flag is separate, and may stay
// as it is. To have it verified, give AcknowledgeVerified the ids of the events
// that GetGroup returns. Errors are those of GetGroup and Acknowledge.
//
// Threat Visualizer API: GET /aianalyst/groups, POST /aianalyst/acknowledge.
func (s *AIAnalystService) AcknowledgeGroup(ctx context.Context, groupID string) error {
	group, err := s.GetGroup(ctx, groupID)
	if err != nil {
		return err
	}
	if len(group.Events) == 0 {
		return failed(ErrNotFound, http.MethodGet, groupsPath, "the incident "+group.ID+" has no events", nil, s.client().redact)
	}
	return s.Acknowledge(ctx, group.eventIDs()...)
}

// AcknowledgeVerified acknowledges events and reads them back. Errors are as in
// Acknowledge, but nothing is taken on trust: an event that the appliance
// confirmed and did not change is ErrNotStored, one that it does not have is
// ErrNotFound, and one whose write ended unknown counts as what reading back
// shows; ErrOutcomeUnknown remains for what can't be read back.
//
// Threat Visualizer API: POST /aianalyst/acknowledge, GET
// /aianalyst/incidentevents.
func (s *AIAnalystService) AcknowledgeVerified(ctx context.Context, eventIDs ...string) error {
	written := &BatchError{Done: unique(eventIDs)}
	if err := s.Acknowledge(ctx, eventIDs...); err != nil && !errors.As(err, &written) {
		return err
	}
	result := &BatchError{action: "acknowledge, verified", order: unique(eventIDs),
		NotSent: written.NotSent, Failed: map[string]error{}, Unknown: map[string]error{}}
	maps.Copy(result.Failed, written.Failed)
	sent := slices.Concat(written.Done, slices.Collect(maps.Keys(written.Unknown)))
	if len(sent) == 0 {
		return result.orNil()
	}
	acknowledged := map[string]bool{}
	var readErr error
	for event, err := range s.Events(ctx, &EventListOptions{EventIDs: sent}) {
		if readErr = err; err == nil {
			acknowledged[event.ID] = event.Acknowledged
		}
	}
	for _, id := range sent {
		stored, found := acknowledged[id]
		switch {
		case stored:
			result.Done = append(result.Done, id)
		case found:
			result.Failed[id] = s.client().notStored("/aianalyst/acknowledge", "event "+id, written.Unknown[id])
		case readErr != nil:
			result.Unknown[id] = s.client().unverified(ctx, "/aianalyst/acknowledge", readErr, written.Unknown[id])
		default:
			result.Failed[id] = failed(ErrNotFound, http.MethodPost, "/aianalyst/acknowledge", "the appliance has no event "+id, nil, s.client().redact)
		}
	}
	return result.orNil()
}

// notStored is the error of a write that reading back does not show.
func (c *core) notStored(path, what string, writeErr error) error {
	if writeErr != nil {
		return failed(ErrNotStored, http.MethodPost, path, what+" does not show it; the write itself had ended so", writeErr, c.redact)
	}
	return failed(ErrNotStored, http.MethodPost, path, what+" does not show it, although the appliance reported success", nil, c.redact)
}

// unverified is the error of a write that can't be read back. The reason's kind
// stays out of it: it is not what became of the write.
func (c *core) unverified(ctx context.Context, path string, readErr, writeErr error) error {
	cause := writeErr
	if cause == nil && ctx.Err() != nil {
		cause = contextError(ctx)
	}
	return failed(ErrOutcomeUnknown, http.MethodPost, path, "reading it back failed: "+readErr.Error(), cause, c.redact)
}

// batch sends ids to an endpoint that takes lists of them.
func (s *AIAnalystService) batch(ctx context.Context, action string, eventIDs []string) error {
	if len(eventIDs) == 0 {
		return argument("eventIDs", "holds no id")
	}
	if err := checkIDs("eventIDs", eventIDs); err != nil {
		return err
	}
	if ctx == nil {
		return argument("ctx", "is nil")
	}
	ids := unique(eventIDs)
	result := &BatchError{action: action, order: ids, Failed: map[string]error{}, Unknown: map[string]error{}}
	for len(ids) > 0 {
		chunk := ids[:fit(ids, batchSize)]
		ids = ids[len(chunk):]
		err := s.client().do(ctx, &Request{Method: http.MethodPost, Path: "/aianalyst/" + action, Form: url.Values{"uuid": {strings.Join(chunk, ",")}}}, nil)
		result.add(chunk, err)
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

// onlyThese reports whether a failure may be that of the ids it was sent with,
// so that the next ids deserve a request.
func onlyThese(err error) bool {
	if errors.Is(err, ErrLogin) {
		return false
	}
	for _, kind := range []error{ErrOutcomeUnknown, ErrRejected, ErrInput, ErrNotFound} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// add notes what became of ids that were sent together.
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
