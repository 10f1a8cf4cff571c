package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// status is how far a ticket is.
type status string

const (
	open    status = "open"
	closing status = "closing" // Closed by a person; the appliance has yet to know.
	closed  status = "closed"  // The appliance has the comments and the acknowledgements.
	merged  status = "merged"  // Its incident has become part of another ticket's.
)

// ticket is what the journal says about a ticket.
type ticket struct {
	id       string
	status   status
	incident string   // id of the incident, as far as is known
	events   []string // ids of its events, as far as is known
	title    string   // of the first event
	comment  string   // to close it with
	closings int      // how often it was closed by a person
}

// entry is a line of the journal: something that happened to a ticket.
type entry struct {
	Time     time.Time `json:"time"`
	What     happening `json:"what"`
	Ticket   string    `json:"ticket"`
	Incident string    `json:"incident,omitempty"`
	Event    string    `json:"event,omitempty"`
	Title    string    `json:"title,omitempty"`
	Known    bool      `json:"known,omitempty"` // The event is acknowledged: no reason to open a ticket again.
	Comment  string    `json:"comment,omitempty"`
	Into     string    `json:"into,omitempty"`
}

// happening is what an entry is about.
type happening string

const (
	hasEvent  happening = "event"  // An event belongs to the ticket; the first opens it.
	wasClosed happening = "close"  // A person closed it.
	wasTold   happening = "closed" // The appliance knows.
	wasMerged happening = "merged" // Another ticket has its events from now on.
)

// journal is a file of JSON lines that only grows. Several processes may append
// to it; each sees what was there when it began.
type journal struct {
	file    *os.File
	tickets []*ticket // in the order in which they were opened
}

// openJournal reads the journal of a folder, which is made when there is none.
func openJournal(dir string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "journal.jsonl")
	data, err := os.ReadFile(path) //nolint:gosec // The folder is the user's choice.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // As above.
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	for line := range bytes.Lines(data) {
		var e entry
		// A line that was cut short does not parse, and did not happen.
		if json.Unmarshal(line, &e) == nil {
			j.apply(e)
		}
	}
	return j, nil
}

// append writes an entry. The line break comes first, so that what was cut short
// before can't spoil it.
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

// apply changes the tickets by an entry. An entry that comes twice changes
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
			t.status, t.comment = closing, e.Comment
			t.closings++
		}
	case wasTold:
		if t.status == closing {
			t.status = closed
		}
	case wasMerged:
		into := j.ticket(e.Into)
		if into == nil || t.status == merged {
			return
		}
		if t.status != closed { // Its people have not had their say.
			into.status = open
		}
		t.status = merged
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
