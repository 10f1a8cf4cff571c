package darktracetest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// postFlag answers POST /aianalyst/acknowledge and its three siblings.
func (s *Server) postFlag(c *call, field string, value bool) answer {
	form, refused := c.form()
	if refused != nil {
		return *refused
	}
	ids := strings.FieldsFunc(form.Get("uuid"), func(r rune) bool { return r == ',' })
	if len(ids) == 0 {
		return c.badInput("there is no uuid in the form")
	}
	var found []*event
	for _, id := range ids {
		if e, ok := s.present(id, c.Time); ok {
			s.change(e, member{field, mustJSON(value)})
			found = append(found, e)
		}
	}
	return s.written(c, found)
}

// written answers a write: SUCCESS when there was something to change. A Unified
// View answers for each of its masters.
func (s *Server) written(c *call, found []*event) answer {
	if c.CarriedOut = len(found) > 0; !c.CarriedOut {
		c.refuse(Failed, "there is no such event")
	}
	word := func(ok bool) string {
		if ok {
			return "SUCCESS"
		}
		return "ERROR"
	}
	return s.writeAnswer(func(master int64) map[string]string {
		concerned := slices.ContainsFunc(found, func(e *event) bool { return s.masterOf(e) == master })
		return map[string]string{"aianalyst": word(concerned)}
	})
}

// writeAnswer answers a write with one object or, on a Unified View, with a list
// of one for each master.
func (s *Server) writeAnswer(object func(master int64) map[string]string) answer {
	if len(s.cfg.masters) == 0 {
		return jsonAnswer(http.StatusOK, object(0))
	}
	objects := make([]map[string]string, len(s.cfg.masters))
	for i, master := range s.cfg.masters {
		objects[i] = object(master)
	}
	return jsonAnswer(http.StatusOK, objects)
}

// comment is a comment as it is sent.
type comment struct {
	Username   string `json:"username"`
	Time       int64  `json:"time"`
	IncidentID string `json:"incident_id"`
	Message    string `json:"message"`
}

// author is the name that is put under what the token's user writes.
func (c *call) author() string { return cmp.Or(c.token.Username, "api.user") }

// AddComment adds a comment that someone wrote on the screen.
func (s *Server) AddComment(eventID, username, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustEvent(eventID)
	s.comments[eventID] = append(s.comments[eventID], comment{username, s.now().UnixMilli(), eventID, message})
}

// getComments answers GET /aianalyst/incident/comments.
func (s *Server) getComments(c *call) answer {
	id := c.params.text("incident_id")
	if id == "" {
		return c.badInput("incident_id is missing")
	}
	body := map[string]any{"comments": append([]comment{}, s.comments[id]...)}
	return jsonAnswer(http.StatusOK, only(body, c.params.text("responsedata")))
}

// only restricts an object to one of its fields, as responsedata asks for.
func only(body map[string]any, field string) map[string]any {
	if field == "" {
		return body
	}
	if value, ok := body[field]; ok {
		return map[string]any{field: value}
	}
	return map[string]any{}
}

// postComment answers POST /aianalyst/incident/comments.
func (s *Server) postComment(c *call) answer {
	var id, message string
	if refused := c.json(map[string]any{"incident_id": &id, "message": &message}); refused != nil {
		return *refused
	}
	if id == "" || message == "" {
		return c.badInput("incident_id and message are both needed")
	}
	if s.cfg.profile == V70 { // says yes to anything and stores nothing
		return s.writeAnswer(func(int64) map[string]string { return map[string]string{"aianalyst": "SUCCESS"} })
	}
	e, ok := s.present(id, c.Time)
	if !ok {
		return s.written(c, nil)
	}
	s.comments[id] = append(s.comments[id], comment{c.author(), c.Time.UnixMilli(), id, message})
	return s.written(c, []*event{e})
}
