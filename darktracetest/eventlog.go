package darktracetest

import (
	"cmp"
	"encoding/json"
	"slices"
)

// logOfBreach returns the event log of an alert: the alert, and a connection.
func (s *Server) logOfBreach(breach object) []object {
	at, _ := breach.number("time")
	ms := int64(at)
	did := breach.raw("device", "did")
	then, _ := parseObject(breach.raw("model", "then"))
	entries := []map[string]any{
		{
			"time": dateTime(ms), "timems": ms, "pbid": breach.raw("pbid"), "pid": then.raw("pid"), "phid": then.raw("phid"), "eventType": "policybreach", "action": "policybreach",
			"creationTime": ms + 8000, "creationTimestamp": dateTime(ms + 8000), "name": then.raw("name"), "components": []int{}, "didRestrictions": []int{}, "didExclusions": []int{},
			"throttle": 3600, "sharedEndpoints": false, "interval": 3600, "sequenced": false, "active": true, "retired": false, "instanceID": 19000, "acknowledged": false, "state": "New",
			"score": breach.raw("score"), "commentCount": breach.raw("commentCount"), "componentBreaches": []int{}, "componentBreachTimes": []int64{ms}, "devices": []any{did}, "deviceLabels": []string{""},
		},
		{
			"time": dateTime(ms - 1000), "timems": ms - 1000, "action": "connection", "eventType": "connection", "uid": "Cx" + plain(breach.raw("pbid")), "sdid": did,
			"port": 443, "sourcePort": 40000 + ms%1000, "destinationPort": 443, "direction": "out", "applicationprotocol": "HTTPS", "protocol": "TCP",
			"source": cmp.Or(plain(breach.raw("device", "hostname")), "unknown"), "destination": "cdn.example.net", "antigena-email": false,
			"destinationDevice": map[string]any{"ip": "198.51.100.7", "hostname": "cdn.example.net", "longitude": 9.5, "latitude": 51.3, "country": "Germany", "countrycode": "DE", "asn": "AS64500 Example", "region": "Europe", "ippopularity": "0", "connectionippopularity": "0"},
		},
	}
	if device, err := parseObject(breach.raw("device")); err == nil && device.has("firstSeen") {
		source := slices.Clone(device)
		source.set("time", source.text("firstSeen")) // A string here.
		source.remove("firstSeen", "lastSeen")
		entries[1]["sourceDevice"] = json.RawMessage(source.encode())
	}
	objects, _ := parseObjects(mustJSON(entries)) // They are maps.
	return objects
}

// logOfDevice returns the event log of a device, newest first.
func (s *Server) logOfDevice(did string) []object {
	var entries []object
	for _, breach := range s.collection("modelbreaches") {
		if plain(breach.raw("device", "did")) == did && breach.has("model") {
			entries = append(entries, s.logOfBreach(breach)...)
		}
	}
	for _, entry := range s.collection("details") {
		if slices.Contains([]string{entry.text("sdid"), entry.text("ddid"), plain(entry.raw("device", "did")), plain(entry.raw("sourceDevice", "did"))}, did) {
			entries = append(entries, entry)
		}
	}
	slices.SortStableFunc(entries, func(a, b object) int {
		x, _ := a.number("timems")
		y, _ := b.number("timems")
		return cmp.Compare(y, x)
	})
	return entries
}

// logTypes are the entries that the type in a request selects.
var logTypes = map[string]func(object) bool{
	"connection":        func(o object) bool { return o.text("eventType") == "connection" },
	"unusualconnection": func(o object) bool { return o.text("eventType") == "connection" && o.has("info") },
	"newconnection":     func(o object) bool { return o.text("eventType") == "connection" && o.has("info") },
	"notice":            func(o object) bool { return o.text("eventType") == "notice" },
	"devicehistory":     func(o object) bool { return o.text("eventType") == "deviceHistory" },
	"modelbreach":       func(o object) bool { return o.text("eventType") == "policybreach" },
}

// getDetails serves GET /details.
func getDetails(s *Server, c *call) response {
	did, pbid, msg, blocked := c.params.text("did"), c.params.text("pbid"), c.params.text("msg"), c.params.text("blockedconnections")
	selectors := 0
	for _, selector := range []string{did, pbid, msg, blocked} {
		if selector != "" {
			selectors++
		}
	}
	if selectors != 1 {
		return c.badInput("exactly one of did, pbid, msg and blockedconnections is needed")
	}
	var entries []object
	switch {
	case pbid != "":
		for _, breach := range s.collection("modelbreaches") {
			if breach.text("pbid") == pbid && breach.has("model") {
				entries = s.logOfBreach(breach)
			}
		}
	case did != "":
		wanted, ok := logTypes[cmp.Or(c.params.text("eventtype"), "connection")]
		if !ok {
			return c.badInput("there is no eventtype %q", c.params.text("eventtype"))
		}
		for _, entry := range s.logOfDevice(did) {
			if wanted(entry) {
				entries = append(entries, entry)
			}
		}
	default:
		for _, entry := range s.collection("details") {
			if msg != "" && entry.text("msg") == msg || blocked != "" && entry.has("antigenablocked") {
				entries = append(entries, entry)
			}
		}
	}
	for _, f := range []filter{during("timems"), equal("uid", "uid"), equal("destinationport", "destinationPort"), limit()} {
		if passes := f(c); passes != nil {
			entries = slices.DeleteFunc(slices.Clone(entries), func(o object) bool { return !passes(o) })
		}
	}
	return s.objects(c, entries)
}

// getEndpoint serves GET /endpointdetails. An unknown name is not an error.
func getEndpoint(s *Server, c *call) response {
	ip, hostname := c.params.text("ip"), c.params.text("hostname")
	if (ip == "") == (hostname == "") {
		return c.badInput("one of ip and hostname is needed")
	}
	key, value := "ip", ip
	if hostname != "" {
		key, value = "hostname", hostname
	}
	endpoint := object{}
	endpoint.set(key, value)
	for _, o := range s.collection("endpointdetails") {
		if o.text(key) == value {
			endpoint = slices.Clone(o)
		}
	}
	for param, keys := range map[string][]string{"additionalinfo": {"ips", "locations", "iptime", "ipage"}, "devices": {"devices"}, "score": {"popularity", "dgascore"}} {
		if !c.params.flag(param, false) {
			endpoint.remove(keys...)
		}
	}
	return s.object(c, endpoint)
}
