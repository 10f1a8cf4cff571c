package darktracetest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
)

// getBreaches serves GET /modelbreaches, and with a pbid in the path or the query
// the alert itself.
func getBreaches(s *Server, c *call) response {
	acknowledged := c.params.flag("includeacknowledged", false)
	byCreation := c.params.flag("creationtime", false)
	filters := []filter{equal("pbid", "pbid"), during(map[bool]string{true: "creationTime", false: "time"}[byCreation]), least("minscore", "score"), nested("did", "device", "did"), nested("pid", "model", "then", "pid"), nested("uuid", "model", "then", "uuid")}
	_ = c.params.flag("includesuppressed", false)
	found := s.filtered(c, "modelbreaches", filters)
	if id := c.vars["pbid"]; id != "" {
		found = slices.DeleteFunc(found, func(o object) bool { return o.text("pbid") != id })
	}
	found = slices.DeleteFunc(found, func(o object) bool { return !acknowledged && o.text("acknowledged") == "true" })
	slices.SortStableFunc(found, func(a, b object) int {
		x, _ := a.number("time")
		y, _ := b.number("time")
		return cmp.Compare(x, y)
	})
	minimal, atTop, historic := c.params.flag("minimal", false), c.params.flag("deviceattop", true), c.params.flag("historicmodelonly", false)
	for i, o := range found {
		found[i] = shownBreach(o, minimal, atTop, historic)
		if !acknowledged {
			found[i].remove("acknowledged")
		}
	}
	_ = limit()
	switch one := c.vars["pbid"] != "" || c.params.text("pbid") != ""; {
	case !one:
		return s.objects(c, found)
	case len(found) == 0:
		return c.notFound("there is no such model alert")
	}
	return s.object(c, found[0])
}

// shownBreach is an alert with the members that a request selects.
func shownBreach(o object, minimal, atTop, historic bool) object {
	o = slices.Clone(o)
	if minimal {
		o.set("triggeredComponents", []any{struct{}{}})
		then, _ := parseObject(o.raw("model", "then"))
		then = then.cut([]string{"name", "pid", "phid", "uuid", "priority", "category", "compliance"})
		o.set("model", map[string]json.RawMessage{"then": then.encode(), "now": then.encode()})
	}
	if historic {
		o.set("model", o.raw("model", "then"))
	}
	if !atTop {
		if device := o.raw("device"); device != nil {
			o.set("triggeredComponents", []any{map[string]json.RawMessage{"device": device}})
		}
		o.remove("device")
	}
	return o
}

// raw is a member of a member; nil if it is absent.
func (o object) raw(keys ...string) json.RawMessage {
	var value json.RawMessage
	for n, key := range keys {
		if n > 0 {
			o, _ = parseObject(value) // A value that is not an object has no members.
		}
		i := o.index(key)
		if i < 0 {
			return nil
		}
		value = o[i].value
	}
	return value
}

// nested compares a member of a member with a parameter.
func nested(param string, keys ...string) filter {
	return func(c *call) func(object) bool {
		values := c.params.list(param)
		if values == nil {
			return nil
		}
		return func(o object) bool { return slices.Contains(values, plain(o.raw(keys...))) }
	}
}

// getBreachComments serves GET /modelbreaches/{pbid}/comments.
func getBreachComments(s *Server, c *call) response {
	found := slices.Clone(s.collection("mbcomments"))
	found = slices.DeleteFunc(found, func(o object) bool { return o.text("pbid") != c.vars["pbid"] })
	for i := range found {
		found[i] = slices.Clone(found[i])
		found[i].remove("pbid", "name")
	}
	return s.objects(c, found)
}

// postBreachComment serves POST /modelbreaches/{pbid}/comments. It returns SUCCESS
// or, since 7.1, the stored comment.
func postBreachComment(s *Server, c *call) response {
	i := s.at(c, "modelbreaches", "pbid")
	switch {
	case i < 0:
		return c.notFound("there is no model alert %s", c.vars["pbid"])
	case c.text("message") == "":
		return c.badInput("message is missing")
	}
	breach := s.collection("modelbreaches")[i]
	id := s.next("mbcomments", "commentid")
	stored := object{}
	for _, m := range []struct {
		key   string
		value any
	}{
		{"message", c.text("message")}, {"username", c.author()}, {"time", c.Time.UnixMilli()}, {"pid", breach.raw("model", "then", "pid")},
		{"commentid", id}, {"pbid", breach.raw("pbid")}, {"name", breach.raw("model", "then", "name")},
	} {
		stored.set(m.key, m.value)
	}
	s.collections["mbcomments"] = append([]object{stored}, s.collection("mbcomments")...)
	count, _ := breach.number("commentCount")
	s.replace("modelbreaches", i, breach.with(member{"commentCount", mustJSON(int(count) + 1)}))
	if s.cfg.profile < V71 {
		return s.success(c)
	}
	c.CarriedOut = true
	return listResponse([]object{stored.cut([]string{"message", "username", "time", "pid", "commentid"})}, object.encode)
}

func (s *Server) replace(name string, i int, o object) {
	objects := slices.Clone(s.collection(name))
	objects[i] = o
	s.collections[name] = objects
}

// flagBreach serves POST /modelbreaches/{pbid}/acknowledge and its sibling. A
// Unified View responds without the word SUCCESS.
func flagBreach(field string, value bool) verb {
	return func(s *Server, c *call) response {
		if c.text(field) != "true" {
			return c.badInput("%s must be true", field)
		}
		i := s.at(c, "modelbreaches", "pbid")
		if i < 0 {
			return c.notFound("there is no model alert %s", c.vars["pbid"])
		}
		breach := s.collection("modelbreaches")[i]
		s.replace("modelbreaches", i, breach.with(member{"acknowledged", mustJSON(value)}))
		if len(s.cfg.masters) == 0 {
			return s.success(c)
		}
		c.CarriedOut = true
		score, _ := breach.number("score")
		data := map[string]any{"did": breach.raw("device", "did"), "pid": breach.raw("model", "then", "pid"), "time": c.Time.Unix(), "score": int(100 * score)}
		return jsonResponse(http.StatusOK, []any{map[string]any{"replicate": true, "data": []any{data}}})
	}
}
