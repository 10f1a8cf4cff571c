package darktrace

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Comment is a comment that somebody wrote on an event. Comments have no id and
// can't be changed or deleted through the API.
//
// Threat Visualizer API: GET /aianalyst/incident/comments.
type Comment struct {
	Username string  // Who wrote it.
	Message  string  // What it says.
	EventID  string  // Event that it belongs to.
	Time     Millis  // When it was written.
	Extra    RawJSON // What the fields above can't hold; see [RawJSON].
}

// ListComments returns the comments on an event, in the appliance's order; none
// is an empty list, also for an id that the appliance does not know.
//
// Threat Visualizer API: GET /aianalyst/incident/comments.
func (s *AIAnalystService) ListComments(ctx context.Context, eventID string) ([]*Comment, error) {
	if err := checkID("eventID", eventID); err != nil {
		return nil, err
	}
	reply, err := s.client().send(ctx, &call{method: http.MethodGet, path: commentsPath, query: "incident_id=" + eventID})
	if err != nil {
		return nil, err
	}
	comments, err := decodeComments(reply.data)
	if err != nil {
		return nil, reply.undecoded(err)
	}
	if comments == nil {
		comments = []*Comment{}
	}
	return comments, nil
}

// PostComment writes a comment on an event. A nil error means that the appliance
// confirmed it; version 7.0 is known to confirm comments and drop them, see
// PostCommentVerified. For an event that the appliance does not have, versions
// differ: ErrRejected, or a success that means nothing. Comments have no id: after
// an ErrOutcomeUnknown look for the whole text in ListComments before posting
// again, and put something into it that only you write, such as a ticket's
// number. It needs the permission "Discuss Breaches".
//
// Threat Visualizer API: POST /aianalyst/incident/comments, since 6.0.2.
func (s *AIAnalystService) PostComment(ctx context.Context, eventID, message string) error {
	if err := checkComment(eventID, message); err != nil {
		return err
	}
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: commentsPath, JSON: struct {
		EventID string `json:"incident_id"`
		Message string `json:"message"`
	}{eventID, message}}, nil)
}

// PostCommentVerified writes a comment and reads it back, with two more requests:
// comments have no id, so that only one more of the same text than before proves
// it. ErrNotStored when the comment does not show, also when the write itself
// ended unknown (errors.Is then finds ErrOutcomeUnknown too, since a slow
// appliance may store it yet); ErrOutcomeUnknown alone when it was sent and can't
// be read back.
//
// Threat Visualizer API: GET and POST /aianalyst/incident/comments.
func (s *AIAnalystService) PostCommentVerified(ctx context.Context, eventID, message string) (*Comment, error) {
	if err := checkComment(eventID, message); err != nil {
		return nil, err
	}
	before, err := s.sameComments(ctx, eventID, message)
	if err != nil {
		return nil, err
	}
	writeErr := s.PostComment(ctx, eventID, message)
	if writeErr != nil && !errors.Is(writeErr, ErrOutcomeUnknown) {
		return nil, writeErr
	}
	after, err := s.sameComments(ctx, eventID, message)
	switch {
	case err != nil:
		return nil, s.client().unverified(ctx, commentsPath, err, writeErr)
	case len(after) <= len(before):
		return nil, s.client().notStored(commentsPath, "the event's list of comments", writeErr)
	}
	return slices.MaxFunc(after, func(a, b *Comment) int { return cmp.Compare(a.Time, b.Time) }), nil
}

func checkComment(eventID, message string) error {
	switch {
	case strings.TrimSpace(message) == "":
		return argument("message", "is empty")
	case !utf8.ValidString(message):
		return argument("message", "is not valid UTF-8")
	}
	return checkID("eventID", eventID)
}

// sameComments returns the comments on an event that read as message does.
func (s *AIAnalystService) sameComments(ctx context.Context, eventID, message string) ([]*Comment, error) {
	comments, err := s.ListComments(ctx, eventID)
	return slices.DeleteFunc(comments, func(c *Comment) bool {
		return strings.TrimSpace(c.Message) != strings.TrimSpace(message)
	}), err
}
