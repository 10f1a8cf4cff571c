package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// syncer synchronises tickets and appliance.
type syncer struct {
	api        *darktrace.AIAnalystService
	checkpoint darktrace.CheckpointStore
	journal    *journal
	out        io.Writer
}

// firstPass is how far back the first pass looks for incidents.
const firstPass = 7 * 24 * time.Hour

// syncOnce makes one pass. It first reads changes from the appliance, so that
// closing a ticket includes all events of its incident.
func syncOnce(ctx context.Context, client *darktrace.Client, dir string, out io.Writer) error {
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	j, err := openJournal(dir)
	if err != nil {
		return err
	}
	defer j.close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	s := syncer{client.AIAnalyst, darktrace.FileCheckpoint(filepath.Join(dir, "checkpoint.json")), j, out}
	if err := s.pull(ctx); err != nil {
		return err
	}
	return s.push(ctx)
}

// pull reads new changes. It saves the checkpoint last: if that fails, the same
// changes come again, and nothing is done twice.
func (s *syncer) pull(ctx context.Context) error {
	options := &darktrace.PollOptions{Since: time.Now().Add(-firstPass), Limit: 200}
	for more := true; more; {
		before, err := darktrace.LoadCheckpoint(ctx, s.checkpoint)
		if err != nil {
			return err
		}
		result, err := s.api.PollIncidents(ctx, before, options)
		if err != nil {
			return err
		}
		for i := range result.Changes {
			if err := s.take(&result.Changes[i]); err != nil {
				return err
			}
		}
		if err := s.journal.commit(); err != nil {
			return err
		}
		if err := s.checkpoint.Save(ctx, before, result.Checkpoint); err != nil {
			return err
		}
		more = result.More
	}
	return nil
}

// take adds the events of an incident to its ticket, even if the incident had
// another id before a merge. If there is no ticket, take opens one, unless the
// events are acknowledged already.
func (s *syncer) take(change *darktrace.IncidentChange) error {
	var known []*ticket
	for _, t := range s.journal.tickets {
		if t.status != merged && t.isAbout(change) {
			known = append(known, t)
		}
	}
	if len(known) == 0 && change.Acknowledged {
		return nil
	}
	id, before := fmt.Sprintf("T-%d", len(s.journal.tickets)+1), open
	if len(known) > 0 {
		id, before = known[0].id, known[0].status
		for _, other := range known[1:] {
			fmt.Fprintf(s.out, "%s merged into %s\n", other.id, id)
			if err := s.journal.append(entry{What: wasMerged, Ticket: other.id, Into: id}); err != nil {
				return err
			}
		}
	}
	for _, e := range change.Events {
		if t := s.journal.ticket(id); t != nil && t.incident == change.ID && slices.Contains(t.events, e.ID) {
			continue
		}
		if err := s.journal.append(entry{What: hasEvent, Ticket: id, Incident: change.ID, Event: e.ID, Title: e.Title, Known: e.Acknowledged}); err != nil {
			return err
		}
	}
	switch t := s.journal.ticket(id); {
	case len(known) == 0:
		fmt.Fprintf(s.out, "%s opened: %s\n", id, cell(t.title))
	case t.status == open && before != open:
		fmt.Fprintf(s.out, "%s opened again: %s\n", id, cell(change.Events[len(change.Events)-1].Title))
	}
	return nil
}

// push reports closed tickets to the appliance. If one fails, it stays closing for
// the next pass, and push continues with the others.
func (s *syncer) push(ctx context.Context) error {
	var failures []error
	for _, t := range s.journal.tickets {
		if t.status != closing {
			continue
		}
		if err := s.report(ctx, t); err != nil {
			failures = append(failures, fmt.Errorf("%s stays closing: %w", t.id, err))
		}
	}
	return errors.Join(failures...)
}

// report posts the comments on every event that the incident has now and
// acknowledges the events. It reads both back.
func (s *syncer) report(ctx context.Context, t *ticket) error {
	group, err := s.group(ctx, t)
	if errors.Is(err, darktrace.ErrNotFound) { // The appliance has deleted it.
		group, err = &darktrace.IncidentGroup{}, nil
	}
	if err != nil {
		return err
	}
	ids := []string{}
	for _, e := range group.Events {
		for _, text := range t.comments {
			if err := s.comment(ctx, e.ID, text); err != nil {
				return err
			}
		}
		ids = append(ids, e.ID)
	}
	if len(ids) > 0 {
		if err := s.api.AcknowledgeVerified(ctx, ids...); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "%s closed: %d events have the comment and are acknowledged\n", t.id, len(ids))
	return s.journal.append(entry{What: wasTold, Ticket: t.id})
}

// group finds the incident of a ticket by its id, or else by one of its events.
func (s *syncer) group(ctx context.Context, t *ticket) (group *darktrace.IncidentGroup, err error) {
	for _, id := range append([]string{t.incident}, t.events...) {
		if group, err = s.api.GetGroup(ctx, id); !errors.Is(err, darktrace.ErrNotFound) {
			break
		}
	}
	return group, err
}

// comment posts a comment on an event. Comments have no id, so only the mark at the
// end of the text shows whether a killed pass had posted it.
func (s *syncer) comment(ctx context.Context, eventID, text string) error {
	mark := text[strings.LastIndexByte(text, '['):]
	comments, err := s.api.ListComments(ctx, eventID)
	if err != nil {
		return err
	}
	for _, c := range comments {
		if strings.HasSuffix(strings.TrimSpace(c.Message), mark) {
			return nil
		}
	}
	_, err = s.api.PostCommentVerified(ctx, eventID, text)
	return err
}
