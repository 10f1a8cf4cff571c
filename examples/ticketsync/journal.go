package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/darktrace-go/darktrace"
)

// status is the status of a ticket.
type status string

const (
	open    status = "open"
	closing status = "closing" // A person closed it; the appliance does not know yet.
	closed  status = "closed"  // The appliance has the comments and the acknowledgements.
	merged  status = "merged"  // Its incident was merged into another ticket's.
)

// ticket is a ticket as the journal describes it.
type ticket struct {
	id       string
	status   status
	incident string   // last known id of the incident
	events   []string // known ids of its events
	title    string   // of the first event
	closings int      // how often it was closed by a person
	comments []string // of the persons who closed it; the appliance does not have them yet
}

// entry is a line of the journal: something that happened to a ticket.
type entry struct {
	Time     time.Time `json:"time"`
	What     happening `json:"what"`
	Ticket   string    `json:"ticket"`
	Incident string    `json:"incident,omitempty"`
	Event    string    `json:"event,omitempty"`
	Title    string    `json:"title,omitempty"`
	Known    bool      `json:"known,omitempty"` // The event is acknowledged already: don't reopen the ticket.
	Comment  string    `json:"comment,omitempty"`
	Into     string    `json:"into,omitempty"`
}

// happening is the kind of an entry.
type happening string

const (
	hasEvent  happening = "event"  // An event belongs to the ticket; the first opens it.
	wasClosed happening = "close"  // A person closed it.
	wasTold   happening = "closed" // The appliance knows that it is closed.
	wasMerged happening = "merged" // Another ticket has its events from now on.
)

// journal is an append-only file of JSON lines. Several processes may append to it;
// each sees the entries that were there when it began.
type journal struct {
	file    *os.File
	tickets []*ticket // in the order in which they were opened
}

// openJournal reads the journal of a folder and opens it for more entries.
func openJournal(dir string) (*journal, error) {
	j, err := readJournal(dir)
	if err == nil {
		j.file, err = os.OpenFile(pathIn(dir), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	return j, err
}

func pathIn(dir string) string { return filepath.Join(dir, "journal.jsonl") }

// readJournal reads the journal of a folder. Without one there are no tickets.
func readJournal(dir string) (*journal, error) {
	data, err := os.ReadFile(pathIn(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	j := &journal{}
	for line := range bytes.Lines(data) {
		var e entry
		// An incomplete line does not parse, and does not count.
		if json.Unmarshal(line, &e) == nil {
			j.apply(e)
		}
	}
	return j, nil
}

// append writes an entry. The line break comes first, so that an incomplete line
// before it can't spoil the entry.
func (j *journal) append(e entry) error {
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append([]byte{'\n'}, line...)); err != nil {
		return err
	}
	j.apply(e)
	return nil
}

// commit makes sure that even a loss of power keeps what was appended.
func (j *journal) commit() error { return j.file.Sync() }

func (j *journal) close() { _ = j.file.Close() }

func (j *journal) ticket(id string) *ticket {
	i := slices.IndexFunc(j.tickets, func(t *ticket) bool { return t.id == id })
	if i < 0 {
		return nil
	}
	return j.tickets[i]
}

// apply applies an entry to the tickets. If an entry is repeated, it changes
// nothing the second time.
func (j *journal) apply(e entry) {
	t := j.ticket(e.Ticket)
	if t == nil {
		if e.What != hasEvent {
			return
		}
		t = &ticket{id: e.Ticket, status: open, title: e.Title}
		j.tickets = append(j.tickets, t)
	}
	switch e.What {
	case hasEvent:
		t.incident = e.Incident
		if t.add(e.Event) && !e.Known && t.status == closed {
			t.status = open
		}
	case wasClosed:
		if t.status == open {
			t.status = closing
			t.closings++
			t.comments = append(t.comments, fmt.Sprintf("%s [%s/%d]", e.Comment, t.id, t.closings))
		}
	case wasTold:
		if t.status == closing {
			t.status, t.comments = closed, nil
		}
	case wasMerged:
		into := j.ticket(e.Into)
		if into == nil || t.status == merged {
			return
		}
		switch {
		case t.status == open:
			into.status = open
		case t.status == closing && into.status == closed:
			into.status = closing
		}
		t.status = merged
		into.comments = append(into.comments, t.comments...)
		for _, event := range t.events {
			into.add(event)
		}
	}
}

// add adds an event, unless the ticket has it.
func (t *ticket) add(event string) (added bool) {
	if added = !slices.Contains(t.events, event); added {
		t.events = append(t.events, event)
	}
	return added
}

// isAbout reports whether a change is about the ticket's incident.
func (t *ticket) isAbout(change *darktrace.IncidentChange) bool {
	return t.incident == change.ID || slices.Contains(change.PreviousIDs, t.incident) ||
		slices.ContainsFunc(change.Events, func(e *darktrace.IncidentEvent) bool { return slices.Contains(t.events, e.ID) })
}
