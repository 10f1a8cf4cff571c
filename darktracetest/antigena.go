package darktracetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// actionState is the state of an action of RESPOND.
func (s *Server) actionState(o object) string {
	expires, _ := o.number("expires")
	switch {
	case o.text("cleared") == "true":
		return "cleared"
	case int64(expires) <= s.now().UnixMilli():
		return "expired"
	case o.text("active") == "true":
		return "active"
	}
	return "pending"
}

// getActions serves GET /antigena.
func getActions(s *Server, c *call) response {
	cleared, history := c.params.flag("includecleared", false), c.params.flag("includehistory", false)
	full, connections := c.params.flag("fulldevicedetails", false), c.params.flag("includeconnections", false)
	confirming := c.params.text("needconfirming")
	found := s.filtered(c, "antigena", []filter{equal("did", "did"), equal("pbid", "pbid"), during("start")})
	recently := float64(s.now().AddDate(0, 0, -14).UnixMilli())
	windowed := c.params.text("starttime") != ""
	found = slices.DeleteFunc(found, func(o object) bool {
		expires, _ := o.number("expires")
		state := s.actionState(o)
		return state == "cleared" && !cleared || state == "expired" && expires < recently && !windowed ||
			confirming == "true" && state != "pending" || confirming == "false" && state == "pending"
	})
	var dids []string
	for i := range found {
		dids = append(dids, found[i].text("did"))
		if !history {
			found[i] = slices.Clone(found[i])
			found[i].remove("history")
		}
	}
	if !full && !connections {
		return s.objects(c, found)
	}
	body := map[string]any{"actions": json.RawMessage(encodeObjects(found))}
	if connections {
		body["connections"] = []any{}
	}
	if full {
		devices := slices.DeleteFunc(slices.Clone(s.collection("devices")), func(o object) bool { return !slices.Contains(dids, o.text("did")) })
		for i := range devices {
			devices[i] = s.elsewhere(devices[i])
		}
		body["devices"] = json.RawMessage(encodeObjects(devices))
	}
	return bytesResponse(http.StatusOK, "application/json", c.shown(mustJSON(body)))
}

// summariseActions serves GET /antigena/summary.
func summariseActions(s *Server, c *call) response {
	counts, dids := map[string]int{}, map[string][]json.RawMessage{"pending": {}, "active": {}}
	for _, o := range s.filtered(c, "antigena", []filter{during("start")}) {
		state := s.actionState(o)
		if state == "pending" && c.params.text("starttime") != "" {
			continue
		}
		counts[state]++
		if did := o.raw("did"); !slices.ContainsFunc(dids[state], func(known json.RawMessage) bool { return string(known) == string(did) }) {
			dids[state] = append(dids[state], did)
		}
	}
	return jsonResponse(http.StatusOK, only(map[string]any{
		"pendingCount": counts["pending"], "activeCount": counts["active"], "pendingActionDevices": dids["pending"], "activeActionDevices": dids["active"],
	}, c.params.text("responsedata")))
}

// changeAction serves POST /antigena, as an appliance that requires a reason.
func changeAction(s *Server, c *call) response {
	i := slices.IndexFunc(s.collection("antigena"), func(o object) bool { return o.text("codeid") == c.text("codeid") })
	activate, clear, duration := c.text("activate") == "true", c.text("clear") == "true", c.text("duration")
	switch {
	case c.text("codeid") == "":
		return c.badInput("codeid is missing")
	case i < 0:
		return c.notFound("there is no action %s", c.text("codeid"))
	case c.text("reason") == "":
		return c.badInput("reason is missing, and Audit Antigena is on")
	case activate && clear:
		return c.badInput("activate and clear exclude each other")
	}
	action := s.collection("antigena")[i]
	state := s.actionState(action)
	seconds := int64(3600)
	if n, err := strconv.ParseInt(duration, 10, 64); err == nil && n > 0 {
		seconds = n
	} else if duration != "" {
		return c.badInput("duration must be in seconds")
	}
	word := map[string]string{"pending": "activated", "active": "extended", "expired": "reactivated (expired)", "cleared": "reactivated (cleared)"}[state]
	changes := []member{
		{"expires", mustJSON(s.now().UnixMilli() + 1000*seconds)}, {"active", json.RawMessage("true")}, {"cleared", json.RawMessage("false")},
		{"updated", mustJSON(strconv.FormatInt(s.now().UnixMilli(), 10))},
	}
	switch {
	case clear:
		word = "cleared"
		changes = []member{{"active", json.RawMessage("false")}, {"cleared", json.RawMessage("true")}}
	case !activate && state != "active":
		return c.badInput("the action is %s: it can't be extended", state)
	case !activate && duration == "", activate && duration == "" && (state == "expired" || state == "cleared"):
		return c.badInput("duration is missing")
	}
	entries := []json.RawMessage{}
	_ = json.Unmarshal(action.raw("history"), &entries) // Without a history there are no entries.
	entries = append(entries, mustJSON(map[string]any{"family": "NETWORK", "username": c.author(), "action": word, "reason": c.text("reason"), "time": s.now().UnixMilli()}))
	s.replace("antigena", i, action.with(append(changes, member{"history", mustJSON(entries)})...))
	return s.success(c)
}
