package darktracetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// named takes a variable from the body that other operations have in their path.
func named(key string, v verb) verb {
	return func(s *Server, c *call) response {
		c.vars = map[string]string{key: c.text(key)}
		return v(s, c)
	}
}

// getSummary serves GET /summarystatistics, whose modes exclude each other.
func (s *Server) getSummary(c *call) response {
	switch {
	case c.params.text("eventtype") != "":
		if s.cfg.profile >= V70 {
			return c.badInput("%s refuses eventtype", s.cfg.profile)
		}
		return document("eventstatistics")(s, c)
	case c.params.flag("mitreTactics", false):
		return document("mitrestatistics")(s, c)
	case c.params.text("csensor") != "":
		o := object{{"csensor", json.RawMessage(c.params.text("csensor"))}}
		all := s.collection("summarystatistics")[0]
		return s.object(c, append(o, all[all.index("bandwidth")]))
	}
	return document("summarystatistics")(s, c)
}

// getMetricData serves GET /metricdata: an element for the alerts if they were
// requested, and one for each metric.
func (s *Server) getMetricData(c *call) response {
	names := []string{c.params.text("metric")}
	for i := 1; ; i++ {
		name := c.params.text("metric" + mustString(i))
		if name == "" {
			break
		}
		names = append(names, name)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) == 0 {
		return c.badInput("there is no metric")
	}
	known := s.collection("metricdata")
	var found []object
	if c.params.flag("breachtimes", false) {
		found = append(found, known[0])
	}
	for _, name := range names {
		found = append(found, known[1].with(member{"metric", mustJSON(name)}))
	}
	return s.objects(c, found)
}

func mustString(v any) string { return string(mustJSON(v)) }

// getDomains serves GET /intelfeed.
func (s *Server) getDomains(c *call) response {
	domains := s.collection("intelfeed")
	source := func(o object) string {
		if name := o.text("source"); name != "" {
			return name
		}
		return "Default"
	}
	if c.params.flag("sources", false) {
		sources := []string{"Default"}
		for _, o := range domains {
			if !slices.Contains(sources, source(o)) {
				sources = append(sources, source(o))
			}
		}
		return jsonResponse(http.StatusOK, sources)
	}
	wanted := c.params.text("source")
	if wanted == "" {
		wanted = "default"
	}
	full := c.params.flag("fulldetails", false)
	found := slices.DeleteFunc(slices.Clone(domains), func(o object) bool { return !strings.EqualFold(source(o), wanted) })
	return listResponse(found, func(o object) []byte {
		if !full {
			return mustJSON(o.text("name"))
		}
		o = slices.Clone(o)
		o.remove("source")
		return o.encode()
	})
}

// postDomains serves POST /intelfeed.
func (s *Server) postDomains(c *call) response {
	domains, source := slices.Clone(s.collection("intelfeed")), c.text("source")
	at := func(name string) int {
		return slices.IndexFunc(domains, func(o object) bool {
			return o.text("name") == name && (source == "" || strings.EqualFold(o.text("source"), source))
		})
	}
	entries := strings.FieldsFunc(c.text("addlist")+","+c.text("addentry"), func(r rune) bool { return r == ',' || r == '\n' })
	if len(entries) == 0 && c.text("removeentry") == "" && c.text("removeall") != "true" {
		return c.badInput("there is nothing to add or remove")
	}
	if len(source) > 63 || len(c.text("description")) > 255 {
		return c.badInput("the source or the description is too long")
	}
	if c.text("removeall") == "true" {
		domains = nil // All sources.
	}
	if i := at(c.text("removeentry")); i >= 0 {
		domains = slices.Delete(domains, i, i+1)
	}
	var added, updated int
	for _, name := range entries {
		entry := object{}
		if c.text("hostname") == "true" {
			name = "*" + name
		}
		entry.set("name", name)
		for _, field := range []string{"source", "description", "expiry"} {
			if text := c.text(field); text != "" {
				entry.set(field, text)
			}
		}
		if c.text("iagn") == "true" {
			entry.set("iagn", true)
		}
		if i := at(name); i >= 0 {
			domains[i] = entry
			updated++
			continue
		}
		domains = append(domains, entry)
		added++
	}
	s.collections["intelfeed"] = domains
	c.CarriedOut = true
	return jsonResponse(http.StatusOK, map[string]any{"response": "SUCCESS", "added": added, "updated": updated})
}

// getCaptures serves GET /pcaps. Each request advances unfinished captures by one
// state.
func (s *Server) getCaptures(c *call) response {
	captures := s.collection("pcaps")
	a := s.objects(c, captures)
	moved := slices.Clone(captures)
	for i, o := range moved {
		switch o.text("state") {
		case "pending":
			moved[i] = o.with(member{"state", mustJSON("processing")})
		case "processing":
			moved[i] = o.with(
				member{"state", mustJSON("finished")},
				member{"endTime", mustJSON(c.Time.Unix())},
				member{"filename", mustJSON("/tm/" + o.text("filename"))})
		}
	}
	s.collections["pcaps"] = moved
	return a
}

// postCapture serves POST /pcaps.
func (s *Server) postCapture(c *call) response {
	var start, end int64
	if refused := c.read(map[string]any{"start": &start, "end": &end}); refused != nil {
		return *refused
	}
	switch {
	case start <= 0 || end <= start || end-start > 30*60:
		return c.badInput("start and end must be in seconds, at most 30 minutes apart")
	case c.text("protocol") != "" && (c.text("ip2") == "" || c.text("port2") == ""):
		return c.badInput("protocol needs ip2 and port2")
	}
	id := s.next("pcaps", "tmqid")
	template := object{
		{"tmqid", mustJSON(id)}, {"startTime", mustJSON(c.Time.Unix())}, {"filename", mustJSON("DCIP_" + mustString(id) + ".pcap")},
		{"index", mustJSON("connection1")}, {"state", mustJSON("pending")},
	}
	if protocol := c.text("protocol"); protocol != "" {
		template.set("l3proto", protocol)
	}
	return add("pcaps", "tmqid", string(template.encode()), "ip1", "port1", "ip2", "port2", "start", "end")(s, c)
}

// downloadCapture serves GET /pcaps/{filename}: a file without packets.
func (s *Server) downloadCapture(c *call) response {
	for _, o := range s.collection("pcaps") {
		if o.text("state") == "finished" && strings.TrimPrefix(o.text("filename"), "/tm/") == c.vars["filename"] {
			header := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0}
			a := bytesResponse(http.StatusOK, "", header)
			a.header.Set("Content-Type", "application/vnd.tcpdump.pcap")
			return a
		}
	}
	return c.notFound("there is no finished capture %s", c.vars["filename"])
}

// assignment is the id of a tag's assignment to a device.
func assignment(device, tag object) int64 {
	did, _ := device.number("did")
	tid, _ := tag.number("tid")
	return int64(did)*100_000 + int64(tid)
}

// entitiesResponse responds with the entities that have a tag and, if requested,
// the devices.
func (s *Server) entitiesResponse(c *call, found []object) response {
	if !c.params.flag("fulldevicedetails", false) {
		return s.objects(c, found)
	}
	devices := slices.DeleteFunc(slices.Clone(s.collection("devices")), func(device object) bool {
		return !slices.ContainsFunc(found, func(o object) bool { return o.text("entityValue") == device.text("did") })
	})
	for i := range devices {
		devices[i] = s.elsewhere(devices[i])
	}
	return s.object(c, object{{"entities", encodeObjects(found)}, {"devices", encodeObjects(devices)}})
}

// entitiesOfTag serves GET /tags/{tid}/entities.
func entitiesOfTag(s *Server, c *call) response {
	t := s.at(c, "tags", "tid")
	if t < 0 {
		return c.notFound("there is no tag %s", c.vars["tid"])
	}
	return s.entitiesResponse(c, s.entitiesOf(s.collection("tags")[t]))
}

// assignTag serves POST /tags/{tid}/entities.
func assignTag(s *Server, c *call) response {
	t := s.at(c, "tags", "tid")
	if t < 0 {
		return c.notFound("there is no tag %s", c.vars["tid"])
	}
	var values []string
	var duration int64
	if json.Unmarshal(c.fields["entityValue"], &values) != nil {
		values = []string{""}
		if refused := c.read(map[string]any{"entityValue": &values[0]}); refused != nil {
			return *refused
		}
	}
	if refused := c.read(map[string]any{"expiryDuration": &duration}); refused != nil {
		return *refused
	}
	if c.text("entityType") != "Device" || len(values) == 0 || slices.ContainsFunc(values, func(did string) bool { return s.device(did) < 0 }) {
		return c.badInput("entityType must be Device, and entityValue the ids of devices as text")
	}
	tag := s.collection("tags")[t]
	var made []object
	for _, did := range values {
		i := s.device(did)
		device := s.collection("devices")[i]
		if !slices.ContainsFunc(tagsOf(device), func(o object) bool { return o.text("tid") == tag.text("tid") }) {
			s.replace("devices", i, device.with(member{"tags", encodeObjects(append(tagsOf(device), tag))}))
		}
		o := object{
			{"teid", mustJSON(assignment(device, tag))}, {"tehid", mustJSON(assignment(device, tag))}, {"tid", tag.raw("tid")},
			{"entityType", mustJSON("Device")}, {"entityValue", mustJSON(did)}, {"valid", mustJSON(true)},
		}
		if duration > 0 {
			o.set("expiry", c.Time.UnixMilli()+duration*1000)
		}
		made = append(made, o)
	}
	c.CarriedOut = true
	if len(made) == 1 {
		return s.object(c, made[0])
	}
	return s.objects(c, made)
}

// unassignTag serves DELETE /tags/{tid}/entities/{teid}.
func unassignTag(s *Server, c *call) response {
	t := s.at(c, "tags", "tid")
	for i, device := range s.collection("devices") {
		if t < 0 || mustString(assignment(device, s.collection("tags")[t])) != c.vars["teid"] {
			continue
		}
		left := slices.DeleteFunc(tagsOf(device), func(o object) bool { return o.text("tid") == c.vars["tid"] })
		s.replace("devices", i, device.with(member{"tags", encodeObjects(left)}))
		return s.success(c)
	}
	return remove("entities", "teid")(s, c)
}

// updateDevice serves POST /devices.
func updateDevice(s *Server, c *call) response {
	i := s.device(c.text("did"))
	if i < 0 {
		return c.badInput("there is no device %q", c.text("did"))
	}
	var changes []member
	if label, ok := c.fields["label"]; ok {
		changes = append(changes, member{"devicelabel", label})
	}
	for _, field := range []string{"priority", "type"} {
		if _, ok := c.fields[field]; !ok {
			continue
		}
		n, err := strconv.Atoi(c.text(field))
		if err != nil || field == "priority" && (n < -5 || n > 5) {
			return c.badInput("%s is %q", field, c.text(field))
		}
		if field == "priority" {
			changes = append(changes, member{field, mustJSON(n)})
		}
	}
	s.replace("devices", i, s.collection("devices")[i].with(changes...))
	c.CarriedOut = true
	return jsonResponse(http.StatusOK, map[string]any{"response": "SUCCESS", "device": json.RawMessage(s.elsewhere(s.collection("devices")[i]).encode())})
}

// similarDevices serves GET /similardevices: all other devices, with a similarity.
func similarDevices(s *Server, c *call) response {
	did, full := c.params.text("did"), c.params.flag("fulldevicedetails", false)
	if s.device(did) < 0 {
		return c.badInput("there is no device %q", did)
	}
	found := s.filtered(c, "devices", []filter{func(*call) func(object) bool { return func(o object) bool { return o.text("did") != did } }, limit()})
	for i, o := range found {
		found[i] = s.elsewhere(o).with(member{"score", mustJSON(max(99-i, 1))})
		if !full {
			found[i].remove("tags")
		}
	}
	return s.objects(c, found)
}

// makeAction serves POST /antigena/manual, as an appliance that can only block
// connections.
func makeAction(s *Server, c *call) response {
	var duration int64
	var connections []struct {
		Src, Dst string
		Port     int
	}
	if refused := c.read(map[string]any{"duration": &duration, "connections": &connections}); refused != nil {
		return *refused
	}
	switch i := s.device(c.text("did")); {
	case i < 0:
		return c.badInput("there is no device %q", c.text("did"))
	case c.text("action") != "connection":
		return c.badInput("%q is not for this device", c.text("action"))
	case duration <= 0 || c.text("reason") == "":
		return c.badInput("duration and reason are needed")
	case len(connections) == 0 || connections[0].Src == "" || connections[0].Dst == "":
		return c.badInput("connections are needed, with src and dst")
	}
	id, now := s.next("antigena", "codeid"), s.now().UnixMilli()
	s.collections["antigena"] = append(slices.Clip(s.collection("antigena")), object{
		{"codeid", mustJSON(id)}, {"did", c.fields["did"]}, {"ip", mustJSON("")}, {"action", mustJSON("connection")}, {"manual", mustJSON(true)},
		{"triggerer", mustJSON(map[string]string{"username": c.author(), "reason": c.text("reason")})}, {"label", mustJSON("Block connections")},
		{"detail", mustJSON("")}, {"score", mustJSON(0)}, {"pbid", mustJSON(0)}, {"model", mustJSON("")}, {"modeluuid", mustJSON("")},
		{"start", mustJSON(now)}, {"expires", mustJSON(now + duration*1000)}, {"blocked", mustJSON(false)}, {"active", mustJSON(true)}, {"cleared", mustJSON(false)},
	})
	c.CarriedOut = true
	return jsonResponse(http.StatusOK, map[string]int64{"code": id})
}
