package darktracetest

import (
	"encoding/json"
	"time"

	"github.com/darktrace-go/darktrace"
)

// Client returns a client of the SDK that trusts the server. It uses
// PublicToken and PrivateToken, or bearer tokens of a cloud gateway, and the
// clock of WithClock. opts are applied last, and can't replace the transport:
// for that, use HTTPClient and darktrace.NewClient. Client panics if an option
// is invalid.
func (s *Server) Client(opts ...darktrace.Option) *darktrace.Client {
	if s.cfg.gateway {
		return s.client(&bearerAuth{srv: s}, opts)
	}
	signing := []darktrace.TokenOption{darktrace.TokenClock(s.cfg.clock)}
	if s.cfg.stripPrefix {
		signing = append(signing, darktrace.TokenStripPrefix(s.cfg.prefix))
	}
	auth, err := darktrace.NewTokenAuth(s.PublicToken, s.PrivateToken, signing...)
	if err != nil {
		s.fail("Client: %v", err)
	}
	return s.client(auth, opts)
}

func (s *Server) client(auth darktrace.Authenticator, opts []darktrace.Option) *darktrace.Client {
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

// AddEvents adds events; see AddEventsJSON for the fields that are filled in.
func (s *Server) AddEvents(events ...*darktrace.IncidentEvent) {
	s.AddEventsAt(time.Time{}, events...)
}

// AddEventsAt adds events that are invisible before a time on the appliance's
// clock, independent of their own times: late creation.
func (s *Server) AddEventsAt(visibleFrom time.Time, events ...*darktrace.IncidentEvent) {
	data, err := json.Marshal(append([]*darktrace.IncidentEvent{}, events...))
	if err == nil {
		err = s.AddEventsJSONAt(visibleFrom, data)
	}
	if err != nil {
		s.fail("adding events: %v", err)
	}
}

// Event returns an event in its current state, or nil if there is none.
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
