package darktracetest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file has the objects that an incident points to: model alerts, devices,
// external hosts and actions of RESPOND. Their collections begin as fixtures. Each
// pbid in an event adds an alert, and each did a device.

// derived is a verb over collections that must include the objects of events.
func derived(v verb) verb {
	return func(s *Server, c *call) response {
		s.deriveAll()
		return v(s, c)
	}
}

func (s *Server) deriveAll() {
	for ; s.derivedEvents < len(s.events); s.derivedEvents++ {
		s.derive(s.events[s.derivedEvents])
	}
}

// derive adds the objects that an event names to the collections.
func (s *Server) derive(e *event) {
	var named struct {
		Breaches []wireBreach `json:"relatedBreaches"`
	}
	var all any
	_ = json.Unmarshal(e.raw, &named) // newFacts has checked it.
	_ = json.Unmarshal(e.raw, &all)
	created := e.facts.CreatedAt
	walk(all, func(o map[string]any) {
		did, isDevice := o["did"].(float64)
		name, _ := o["hostname"].(string)
		switch {
		case name == "":
		case isDevice && did > 0:
			s.addOnce("devices", "did", strconv.FormatInt(int64(did), 10), func() any { return s.deviceObject(o, created) })
		case !isDevice:
			s.addOnce("endpointdetails", "hostname", name, func() any { return endpointObject(o, e.facts.first(), created) })
		}
	})
	did := int64(-1)
	if len(e.facts.BreachDevices) > 0 && e.facts.BreachDevices[0].DID != nil {
		did = *e.facts.BreachDevices[0].DID
	}
	for i, breach := range named.Breaches {
		pbid := strconv.FormatInt(breach.PBID, 10)
		s.addOnce("modelbreaches", "pbid", pbid, func() any { return s.breachObject(breach, did) })
		device := s.device(strconv.FormatInt(did, 10))
		if i == 0 && device >= 0 && e.facts.Category == "critical" && s.collection("devices")[device].text("typename") != saasProvider {
			ip := s.collection("devices")[device].text("ip")
			s.addOnce("antigena", "pbid", pbid, func() any { return s.pendingAction(breach, did, ip, created) })
		}
	}
}

// addOnce adds an object unless there is one with the key.
func (s *Server) addOnce(name, key, value string, make func() any) {
	if slices.ContainsFunc(s.collection(name), func(o object) bool { return o.text(key) == value }) {
		return
	}
	o, err := parseObject(mustJSON(make()))
	if err != nil {
		s.fail("an object of %s: %v", name, err)
	}
	s.collections[name] = append(slices.Clip(s.collection(name)), o)
}

const saasProvider = "saasprovider"

// deviceKind gives the devices whose names begin with a prefix their type and
// system, and some of them a tag.
type deviceKind struct{ prefix, typename, typelabel, os, tag string }

var kinds = []deviceKind{
	{"laptop", "laptop", "Laptop", "Windows 11", "Re-Activated Device"},
	{"srv", "server", "Server", "Linux 5.4 and newer", "Internet Facing System"},
	{"dc", "server", "Server", "Windows Server 2022", "Admin"},
	{"printer", "printer", "Printer", "", "Security::Watched"},
	{"", "desktop", "Desktop", "Windows 11", "Admin"}, // Matches all other names.
}

// deviceObject is a device of the inventory, made from one in an event.
func (s *Server) deviceObject(o map[string]any, seen int64) any {
	did, sid := int64(o["did"].(float64)), int64(0)
	if n, ok := o["sid"].(float64); ok {
		sid = int64(n)
	}
	d := map[string]any{
		"id": did, "did": did, "sid": sid, "hostname": o["hostname"], "time": seen - 90*24*time.Hour.Milliseconds(), "endtime": seen, "tags": []any{},
	}
	if sid == -9 {
		d["typename"], d["typelabel"], d["ip"] = saasProvider, "SaaS Provider", ""
		return d
	}
	kind := kinds[slices.IndexFunc(kinds, func(k deviceKind) bool { return strings.HasPrefix(o["hostname"].(string), k.prefix) })]
	d["typename"], d["typelabel"], d["vendor"] = kind.typename, kind.typelabel, ""
	if kind.os != "" {
		d["os"] = kind.os
	}
	if did%3 == 0 {
		for _, tag := range s.collection("tags") {
			if tag.text("name") == kind.tag {
				d["tags"] = []json.RawMessage{tag.encode()}
			}
		}
	}
	if mac, ok := o["mac"].(string); ok {
		d["macaddress"] = mac
	}
	if ip, ok := o["ip"].(string); ok {
		d["ip"] = ip
		d["ips"] = []any{map[string]any{"ip": ip, "timems": seen, "time": dateTime(seen), "sid": sid}}
	}
	return d
}

// endpointObject is an external host, made from one in an event.
func endpointObject(o map[string]any, first, seen int64) any {
	ip, ok := o["ip"].(string)
	if !ok {
		ip = "198.51.100.7"
	}
	return map[string]any{
		"hostname": o["hostname"], "firsttime": first, "devices": []any{}, "popularity": 1, "dgascore": len(fmt.Sprint(o["hostname"])) * 3 % 100,
		"ips":       []any{map[string]any{"ip": ip, "firsttime": first, "lasttime": seen}},
		"locations": []any{map[string]any{"latitude": 51, "longitude": 9.5, "country": "Germany", "city": ""}},
	}
}

func dateTime(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateTime) }

// breachObject is a model alert, made from the related breach in an event.
func (s *Server) breachObject(b wireBreach, did int64) any {
	h := fnv.New32a()
	_, _ = h.Write([]byte(b.ModelName))
	pid := int64(h.Sum32() % 1000)
	priority, category := 4, "Suspicious" // A model has one category for all its alerts.
	switch folder, _, _ := strings.Cut(b.ModelName, " / "); folder {
	case "Compromise":
		priority, category = 5, "Critical"
	case "Device", "Email":
		priority, category = 2, "Informational"
	}
	model := map[string]any{
		"name": strings.ReplaceAll(b.ModelName, " / ", "::"), "pid": pid, "phid": 4000 + pid, "uuid": fmt.Sprintf("7c1d2e3f-0a1b-4c2d-8e3f-%012d", pid),
		"logic":    map[string]any{"data": []int64{9000 + pid}, "type": "componentList", "version": 1},
		"throttle": 3600, "sharedEndpoints": false, "interval": 3600, "delay": 0, "sequenced": false, "active": true,
		"actions": map[string]any{"alert": true, "antigena": map[string]any{}, "breach": true, "model": true, "setPriority": false, "setTag": false, "setType": false},
		"tags":    []string{}, "modified": "2025-02-03 04:05:06",
		"activeTimes":   map[string]any{"devices": map[string]any{}, "tags": map[string]any{}, "type": "exclusions", "version": 2},
		"autoUpdatable": true, "autoUpdate": true, "autoSuppress": true, "description": "A model of the fake appliance.", "behaviour": "decreasing", "defeats": []any{},
		"created": map[string]any{"by": "System"}, "edited": map[string]any{"by": "System"}, "version": 7,
		"priority": priority, "category": category, "compliance": false,
	}
	breach := map[string]any{
		"commentCount": 0, "pbid": b.PBID, "time": b.Timestamp, "creationTime": b.Timestamp + 8000, "acknowledged": false,
		"score": b.ThreatScore / 100, "percentscore": int(b.ThreatScore), "model": map[string]any{"then": model, "now": model},
		"device": map[string]any{"did": did},
		"triggeredComponents": []any{map[string]any{
			"time": b.Timestamp, "cbid": b.PBID, "cid": 9000 + pid, "chid": 9500 + pid, "size": 1, "threshold": 0, "interval": 3600,
			"logic":  map[string]any{"data": map[string]any{"left": "A"}, "version": "v0.1"},
			"metric": map[string]any{"mlid": 17, "name": "externalconnections", "label": "External Connections"},
			"triggeredFilters": []any{map[string]any{
				"cfid": 70001, "id": "A", "filterType": "Direction", "arguments": map[string]any{"value": "out"}, "comparatorType": "is", "trigger": map[string]any{"value": "out"},
			}},
		}},
	}
	if s.cfg.profile < V61 {
		delete(breach, "percentscore")
	}
	if i := slices.IndexFunc(s.collection("devices"), func(o object) bool { return o.text("did") == strconv.FormatInt(did, 10) }); i >= 0 {
		breach["device"] = json.RawMessage(s.elsewhere(s.collection("devices")[i]).encode())
	}
	return breach
}

// elsewhere is a device as all endpoints except /devices spell it.
func (s *Server) elsewhere(device object) object {
	o := slices.Clone(device)
	o.remove("id", "tags", "quarantine")
	for i, m := range o {
		switch m.key {
		case "time":
			o[i].key = "firstSeen"
		case "endtime":
			o[i].key = "lastSeen"
		}
	}
	return o
}

// pendingAction is an action that a model proposes and that waits for confirmation.
func (s *Server) pendingAction(b wireBreach, did int64, ip string, created int64) any {
	return map[string]any{
		"codeid": s.next("antigena", "codeid"), "did": did, "ip": ip, "action": "quarantine", "manual": false, "triggerer": nil,
		"label": "Quarantine device", "detail": "", "score": b.ThreatScore / 100, "pbid": b.PBID, "model": "Antigena / Network / External Threat / " + b.ModelName,
		"modeluuid": "7c1d2e3f-0a1b-4c2d-8e3f-00000000a900", "start": created, "expires": created + 30*24*time.Hour.Milliseconds(),
		"blocked": false, "updated": strconv.FormatInt(created, 10), "agemail": false, "aghost": false, "active": false, "cleared": false,
		"history": []any{map[string]any{"family": "NETWORK", "username": "Darktrace", "action": "created (requires confirmation)", "reason": "", "time": created}},
	}
}
