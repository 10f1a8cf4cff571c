package darktracetest

import (
	"encoding/json"

	"github.com/darktrace-go/darktrace"
)

// AddEvents adds events; see AddEventsJSON for what is filled in.
func (s *Server) AddEvents(events ...*darktrace.IncidentEvent) {
	data, err := json.Marshal(events)
	if err == nil {
		err = s.AddEventsJSON(data)
	}
	if err != nil {
		s.fail("AddEvents: %v", err)
	}
}

// Event returns an event as it is now, nil when there is none.
func (s *Server) Event(id string) *darktrace.IncidentEvent {
	data := s.EventJSON(id)
	if data == nil {
		return nil
	}
	e := new(darktrace.IncidentEvent)
	if err := json.Unmarshal(data, e); err != nil {
		s.fail("Event: %v", err)
	}
	return e
}

// Comments returns the comments of an event, oldest first.
func (s *Server) Comments(eventID string) []*darktrace.Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	var comments []*darktrace.Comment
	for _, c := range s.comments[eventID] {
		comments = append(comments, &darktrace.Comment{
			Username: c.Username, Time: darktrace.Millis(c.Time), EventID: c.IncidentID, Message: c.Message,
		})
	}
	return comments
}
