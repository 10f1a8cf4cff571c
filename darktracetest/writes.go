package darktracetest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// flagEvents serves POST /aianalyst/acknowledge and its three siblings.
func flagEvents(field string, value bool) verb {
	return func(s *Server, c *call) response {
		ids := strings.FieldsFunc(c.text("uuid"), func(r rune) bool { return r == ',' })
		if len(ids) == 0 {
			return c.badInput("there is no uuid in the form")
		}
		var found []*event
		for _, id := range ids {
			if e, ok := s.present(id, c.Time); ok && (!s.cfg.repeatedError || !e.has(field, value)) {
				s.change(e, member{field, mustJSON(value)})
				found = append(found, e)
			}
		}
		return s.written(c, found)
	}
}

// has reports whether an event has a flag already.
func (e *event) has(field string, value bool) bool {
	if field == "pinned" {
		return e.facts.Pinned == value
	}
	return e.facts.Acknowledged == value
}

// written responds to a write: with SUCCESS if there was something to change. A
// Unified View responds for each of its masters.
func (s *Server) written(c *call, found []*event) response {
	if c.CarriedOut = len(found) > 0; !c.CarriedOut {
		c.refuse(Failed, "there is no such event, or nothing to change")
	}
	return s.writeResponse(func(master int64) map[string]string {
		if !slices.ContainsFunc(found, func(e *event) bool { return s.masterOf(e) == master }) {
			return nil
		}
		return map[string]string{"aianalyst": "SUCCESS"}
	})
}

// writeResponse responds to a write with one object or, on a Unified View, with a
// list of one object for each master that the write concerns. If object returns nil
// for every master, the write failed.
func (s *Server) writeResponse(object func(master int64) map[string]string) response {
	failure := map[string]string{"aianalyst": "ERROR"}
	if len(s.cfg.masters) == 0 {
		if made := object(0); made != nil {
			return jsonResponse(http.StatusOK, made)
		}
		return jsonResponse(http.StatusOK, failure)
	}
	var objects []map[string]string
	for _, master := range s.cfg.masters {
		if made := object(master); made != nil {
			objects = append(objects, made)
		}
	}
	if objects == nil {
		objects = slices.Repeat([]map[string]string{failure}, len(s.cfg.masters))
	}
	return jsonResponse(http.StatusOK, objects)
}

// comment is a comment as it is sent.
type comment struct {
	Username   string `json:"username"`
	Time       int64  `json:"time"`
	IncidentID string `json:"incident_id"`
	Message    string `json:"message"`
}

// author is the name of the author of a comment.
func (c *call) author() string { return cmp.Or(c.token.Username, "api.user") }

// AddComment adds a comment that somebody wrote on the screen.
func (s *Server) AddComment(eventID, username, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustEvent(eventID)
	s.comments[eventID] = append(s.comments[eventID], comment{username, s.now().UnixMilli(), eventID, message})
}

// getComments serves GET /aianalyst/incident/comments.
func (s *Server) getComments(c *call) response {
	id := c.params.text("incident_id")
	if id == "" {
		return c.badInput("incident_id is missing")
	}
	found := []comment{}
	if e := s.byID[id]; c.master == 0 || e != nil && c.master == s.masterOf(e) {
		found = append(found, s.comments[id]...)
	}
	body := map[string]any{"comments": found}
	return jsonResponse(http.StatusOK, only(body, c.params.text("responsedata")))
}

// only restricts an object to one field, as responsedata selects it.
func only(body map[string]any, field string) map[string]any {
	if field == "" {
		return body
	}
	if value, ok := body[field]; ok {
		return map[string]any{field: value}
	}
	return map[string]any{}
}

// postComment serves POST /aianalyst/incident/comments.
func (s *Server) postComment(c *call) response {
	var id, message string
	if refused := c.read(map[string]any{"incident_id": &id, "message": &message}); refused != nil {
		return *refused
	}
	if id == "" || message == "" {
		return c.badInput("incident_id and message are both needed")
	}
	if s.cfg.profile == V70 { // reports success for anything and stores nothing
		return s.writeResponse(func(int64) map[string]string { return map[string]string{"aianalyst": "SUCCESS"} })
	}
	e, ok := s.present(id, c.Time)
	if !ok {
		return s.written(c, nil)
	}
	s.comments[id] = append(s.comments[id], comment{c.author(), c.Time.UnixMilli(), id, message})
	return s.written(c, []*event{e})
}
