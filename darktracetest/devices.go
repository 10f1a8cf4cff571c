package darktracetest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// getDevices serves GET /devices: one device as an object.
func getDevices(s *Server, c *call) response {
	tags := c.params.flag("includetags", false)
	found := s.filtered(c, "devices", []filter{equal("did", "did"), equal("ip", "ip"), equal("mac", "macaddress"), equal("sid", "sid"), limit()})
	_ = c.params.text("seensince")
	if !tags {
		for i := range found {
			found[i] = slices.Clone(found[i])
			found[i].remove("tags")
		}
	}
	if len(found) == 1 && c.params.text("did")+c.params.text("ip")+c.params.text("mac") != "" {
		return s.object(c, found[0])
	}
	return s.objects(c, found)
}

// searchTerm is one term of the search language: a field, if it has one, and a
// value in quotes.
var searchTerm = regexp.MustCompile(`(?:(\w+):)?"([^"]*)"`)

// searchFields are the fields of the search language, with the members that they
// search.
var searchFields = map[string][]string{
	"":      {"devicelabel", "typelabel", "hostname", "ip", "macaddress", "vendor", "os", "tags"},
	"label": {"devicelabel"}, "tag": {"tags"}, "type": {"typelabel"}, "hostname": {"hostname"}, "ip": {"ip"}, "mac": {"macaddress"}, "vendor": {"vendor"}, "os": {"os"},
}

// searchDevices serves GET /devicesearch.
func searchDevices(s *Server, c *call) response {
	query := c.params.text("query")
	_ = c.params.text("seensince")
	if strings.TrimSpace(searchTerm.ReplaceAllString(query, "")) != "" {
		return c.badInput("the query %q is not understood", query)
	}
	wanted := map[string][]*regexp.Regexp{}
	for _, term := range searchTerm.FindAllStringSubmatch(query, -1) {
		if searchFields[term[1]] == nil {
			return c.badInput("there is no field %q to search", term[1])
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(term[2]), `\*`, `.*`)
		wanted[term[1]] = append(wanted[term[1]], regexp.MustCompile("(?i)^"+pattern+"$"))
	}
	var found []object
	for _, device := range s.collection("devices") {
		if matchesSearch(device, wanted) {
			tags := device.raw("tags")
			device = s.elsewhere(device)
			if tags != nil {
				device.set("tags", tags)
			}
			found = append(found, device)
		}
	}
	key := cmp.Or(c.params.text("orderBy"), "lastSeen")
	slices.SortStableFunc(found, func(a, b object) int {
		x, xOK := a.number(key)
		y, yOK := b.number(key)
		if xOK && yOK {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(a.text(key), b.text(key))
	})
	if c.params.text("order") == "desc" {
		slices.Reverse(found)
	}
	total, count, offset := len(found), 100, 0
	if n := c.params.integer("count"); n != nil {
		count = int(min(*n, 300))
	}
	if n := c.params.integer("offset"); n != nil {
		offset = min(int(*n), total)
	}
	found = found[offset:min(offset+count, total)]
	page := map[string]any{"totalCount": total, "devices": json.RawMessage(c.shown(encodeObjects(found)))}
	return jsonResponse(http.StatusOK, only(page, c.params.text("responsedata")))
}

// matchesSearch reports whether a device has one of the values of each field.
func matchesSearch(device object, wanted map[string][]*regexp.Regexp) bool {
	for field, patterns := range wanted {
		var values []string
		for _, key := range searchFields[field] {
			if key != "tags" {
				values = append(values, device.text(key))
				continue
			}
			for _, tag := range tagsOf(device) {
				values = append(values, tag.text("name"))
			}
		}
		if !slices.ContainsFunc(values, func(value string) bool {
			return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(value) })
		}) {
			return false
		}
	}
	return true
}

func tagsOf(device object) []object {
	tags, err := parseObjects(device.raw("tags"))
	if err != nil || device.raw("tags") == nil {
		return nil
	}
	return tags
}

// device finds the device that a parameter or a field of the body names.
func (s *Server) device(did string) int {
	return slices.IndexFunc(s.collection("devices"), func(o object) bool { return o.text("did") == did })
}

// summariseDevice serves GET /devicesummary. An empty part may be a list in place
// of an object, or an object in place of a list.
func summariseDevice(s *Server, c *call) response {
	did := c.params.text("did")
	if did == "" {
		return c.badInput("did is missing")
	}
	data := map[string]any{"devices": []any{}, "similardevices": struct{}{}, "deviceinfo": []any{}, "details": []any{}, "modelbreaches": []any{}}
	if i := s.device(did); i >= 0 {
		data["devices"] = json.RawMessage(s.collection("devices")[i].encode())
		data["deviceinfo"] = json.RawMessage(s.collection("deviceinfo")[0].encode())
		var breaches []object
		for _, o := range s.collection("modelbreaches") {
			if plain(o.raw("device", "did")) == did {
				breaches = append(breaches, shownBreach(o, false, false, false))
			}
		}
		data["modelbreaches"] = json.RawMessage(encodeObjects(breaches))
		data["details"] = json.RawMessage(encodeObjects(s.logOfDevice(did)))
	}
	return bytesResponse(http.StatusOK, "application/json", c.shown(mustJSON(map[string]any{"data": data})))
}
