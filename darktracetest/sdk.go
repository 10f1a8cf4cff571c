package darktracetest

import (
	"encoding/json"
	"time"

	"github.com/darktrace-go/darktrace"
)

// Client returns a client of the SDK that trusts the server, with PublicToken and
// PrivateToken and the clock of WithClock. The options come on top; they can't
// replace the transport, which HTTPClient and darktrace.NewClient are for. It
// panics when an option is refused.
func (s *Server) Client(opts ...darktrace.Option) *darktrace.Client {
	signing := []darktrace.TokenOption{darktrace.TokenClock(s.cfg.clock)}
	if s.cfg.stripPrefix {
		signing = append(signing, darktrace.TokenStripPrefix(s.cfg.prefix))
	}
	auth, err := darktrace.NewTokenAuth(s.PublicToken, s.PrivateToken, signing...)
	if err != nil {
		s.fail("Client: %v", err)
	}
	client, err := darktrace.NewClient(s.URL, auth, append(s.reach(), opts...)...)
	if err != nil {
		s.fail("Client: %v", err)
	}
	return client
}

// reach returns the options that a client needs to get to the server.
func (s *Server) reach() []darktrace.Option {
	switch {
	case s.cfg.inMemory:
		return []darktrace.Option{darktrace.WithTransport(s.transport)}
	case s.ca != nil:
		return []darktrace.Option{darktrace.WithRootCAs(s.CertPool())}
	}
	return nil
}

// AddEvents adds events; see AddEventsJSON for what is filled in.
func (s *Server) AddEvents(events ...*darktrace.IncidentEvent) {
	s.AddEventsAt(time.Time{}, events...)
}

// AddEventsAt adds events that nobody sees before a time on the appliance's
// clock, whatever their own times are: late creation.
func (s *Server) AddEventsAt(visibleFrom time.Time, events ...*darktrace.IncidentEvent) {
	data, err := json.Marshal(events)
	if err == nil {
		err = s.AddEventsJSONAt(visibleFrom, data)
	}
	if err != nil {
		s.fail("adding events: %v", err)
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
