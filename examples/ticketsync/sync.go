package main

import (
	"cmp"
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

// syncer brings tickets and appliance together.
type syncer struct {
	api        *darktrace.AIAnalystService
	checkpoint darktrace.CheckpointStore
	journal    *journal
	out        io.Writer
}

// firstPass is how far back the first pass looks for incidents.
const firstPass = 7 * 24 * time.Hour

// syncOnce is one pass: what is new on the appliance comes first, so that a
// ticket is closed with all that its incident has.
func syncOnce(ctx context.Context, client *darktrace.Client, dir string, out io.Writer) error {
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

// pull takes in what is new. The checkpoint is saved last: if that does not
// happen, the same changes come again, and nothing is done twice.
func (s *syncer) pull(ctx context.Context) error {
	options := &darktrace.PollOptions{Since: time.Now().Add(-firstPass), Limit: 200, Updates: true}
	for more := true; more; {
		before, err := s.checkpoint.Load(ctx)
		if err != nil && !errors.Is(err, darktrace.ErrNoCheckpoint) {
			return err
		}
		result, err := s.api.Poll(ctx, before, options)
		if err != nil {
			return err
		}
		for _, change := range result.Changes {
			if err := s.take(change.Event, change.PreviousGroups); err != nil {
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

// take gives an event to the ticket of its incident, whatever that was called
// before incidents merged. An incident that has none gets one, unless somebody
// has acknowledged the event already.
func (s *syncer) take(e *darktrace.IncidentEvent, previous []string) error {
	incident := cmp.Or(e.CurrentGroup, "g"+e.ID)
	known := []*ticket{}
	for _, t := range s.journal.tickets {
		if t.status != merged && (t.incident == incident ||
			slices.Contains(previous, t.incident) || slices.Contains(t.events, e.ID)) {
			known = append(known, t)
		}
	}
	news := entry{What: hasEvent, Incident: incident, Event: e.ID, Title: e.Title, Known: e.Acknowledged}
	switch {
	case len(known) == 0 && e.Acknowledged:
		return nil
	case len(known) == 0:
		news.Ticket = fmt.Sprintf("T-%d", len(s.journal.tickets)+1)
		fmt.Fprintf(s.out, "%s opened: %s\n", news.Ticket, e.Title)
		return s.journal.append(news)
	}
	t := known[0]
	news.Ticket = t.id
	for _, other := range known[1:] {
		fmt.Fprintf(s.out, "%s has become part of %s\n", other.id, t.id)
		if err := s.journal.append(entry{What: wasMerged, Ticket: other.id, Into: t.id}); err != nil {
			return err
		}
	}
	if t.incident == incident && slices.Contains(t.events, e.ID) {
		return nil
	}
	before := t.status
	if err := s.journal.append(news); err != nil {
		return err
	}
	if t.status != before {
		fmt.Fprintf(s.out, "%s opened again: %s\n", t.id, e.Title)
	}
	return nil
}

// push tells the appliance about closed tickets. One that fails stays closing,
// for the next pass, and does not keep the others waiting.
func (s *syncer) push(ctx context.Context) error {
	var failures []error
	for _, t := range s.journal.tickets {
		if t.status != closing {
			continue
		}
		if err := s.tell(ctx, t); err != nil {
			failures = append(failures, fmt.Errorf("%s stays closing: %w", t.id, err))
		}
	}
	return errors.Join(failures...)
}

// tell comments on every event that the incident has now, acknowledges them, and
// believes neither before it has read it back.
func (s *syncer) tell(ctx context.Context, t *ticket) error {
	group, err := s.group(ctx, t)
	if errors.Is(err, darktrace.ErrNotFound) { // The appliance has forgotten it.
		group, err = &darktrace.IncidentGroup{}, nil
	}
	if err != nil {
		return err
	}
	ids := []string{}
	for _, e := range group.Events {
		if err := s.comment(ctx, t, e.ID); err != nil {
			return err
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

// group finds the incident of a ticket, by any of its events if it must.
func (s *syncer) group(ctx context.Context, t *ticket) (group *darktrace.IncidentGroup, err error) {
	for _, id := range append([]string{t.incident}, t.events...) {
		if group, err = s.api.GetGroup(ctx, id); !errors.Is(err, darktrace.ErrNotFound) {
			break
		}
	}
	return group, err
}

// comment comments on an event. Comments have no id, so that only a mark in the
// text tells whether a pass that was killed had posted it.
func (s *syncer) comment(ctx context.Context, t *ticket, eventID string) error {
	mark := fmt.Sprintf("[%s/%d]", t.id, t.closings)
	comments, err := s.api.ListComments(ctx, eventID)
	if err != nil {
		return err
	}
	for _, c := range comments {
		if strings.HasSuffix(strings.TrimSpace(c.Message), mark) {
			return nil
		}
	}
	_, err = s.api.PostCommentVerified(ctx, eventID, t.comment+" "+mark)
	return err
}
