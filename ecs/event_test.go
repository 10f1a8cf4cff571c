package ecs_test

import (
	"encoding/json"
	"flag"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/ecs"
	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
)

var update = flag.Bool("update", false, "update the golden files")

var options = ecs.Options{
	BaseURL: "https://appliance.example.com/tenant/",
	Version: "7.1.0",
	ReadAt:  time.Date(2024, 11, 1, 12, 0, 0, 5e6, time.FixedZone("CET", 3600)),
}

func ownEvents(t *testing.T) []*darktrace.IncidentEvent {
	t.Helper()
	return siemtest.Read[*darktrace.IncidentEvent](t, siemtest.Events)
}

// everything is the document of an event that has every field.
func everything(t *testing.T) *ecs.Document {
	t.Helper()
	return ecs.FromEvent(ownEvents(t)[0], options)
}

// TestFixtures maps every fixture. All documents pass one checker, so that a
// field has one type in all of them.
func TestFixtures(t *testing.T) {
	t.Parallel()
	checker := newChecker()
	for _, file := range siemtest.EventFiles(t) {
		var docs []*ecs.Document
		for _, e := range siemtest.Read[*darktrace.IncidentEvent](t, file) {
			doc := ecs.FromEvent(e, options)
			assert.Empty(t, checker.check(siemtest.Encode(t, doc)), "%s: %s", file, e.ID)
			assert.Equal(t, e.ID, doc.ID)
			docs = append(docs, doc)
		}
		siemtest.Golden(t, *update, filepath.Base(file), docs)
	}
}

func TestGeneratedEvents(t *testing.T) {
	t.Parallel()
	checker := newChecker()
	for _, e := range darktracetest.Incidents(1, 1000) {
		require.Empty(t, checker.check(siemtest.Encode(t, ecs.FromEvent(e, ecs.Options{}))), e.ID)
	}
}

// TestEveryField names each field of an event's document with a value.
func TestEveryField(t *testing.T) {
	t.Parallel()
	siemtest.HasFields(t, siemtest.Encode(t, everything(t)), map[string]any{
		"@timestamp":                         "2024-10-27T03:50:00.123Z",
		"message":                            "WS-17.example.com scanned the network for asmith.",
		"ecs.version":                        ecs.Version,
		"event.id":                           "51e00001-5e1f-4a71-9c10-000000000001",
		"event.kind":                         "alert",
		"event.category":                     siemtest.List("intrusion_detection", "email"),
		"event.type":                         siemtest.List("info"),
		"event.module":                       "darktrace",
		"event.dataset":                      "darktrace.ai_analyst",
		"event.reason":                       "Everything at Once",
		"event.severity":                     4.0,
		"event.risk_score":                   94.25,
		"event.risk_score_norm":              94.25,
		"event.start":                        "2024-10-26T22:00:00.001Z",
		"event.end":                          "2024-10-27T03:16:40.456Z",
		"event.duration":                     19000455e6,
		"event.created":                      "2024-11-01T11:00:00.005Z",
		"event.url":                          "https://appliance.example.com/#aiaincidentevent/51e00001-5e1f-4a71-9c10-000000000001",
		"host.id":                            "17",
		"host.name":                          "ws-17.example.com",
		"host.hostname":                      "WS-17.example.com",
		"host.ip":                            siemtest.List("192.0.2.17"),
		"host.mac":                           siemtest.List("00-00-5E-00-53-11"),
		"user.name":                          "jdoe@example.com",
		"user.email":                         "jdoe@example.com",
		"email.from.address":                 siemtest.List("billing@mail.example.org"),
		"related.ip":                         siemtest.List("192.0.2.17", "2001:db8::53", "203.0.113.9", "203.0.113.10", "198.51.100.7"),
		"related.hosts":                      siemtest.List("WS-17.example.com", "files.example.net", "links.example.net"),
		"related.user":                       siemtest.List("jdoe@example.com", "asmith", "mmiller"),
		"rule.name":                          "ScanSummary",
		"rule.ruleset":                       "AI Analyst",
		"threat.framework":                   "MITRE ATT&CK",
		"threat.tactic.id":                   siemtest.List("TA0007", "TA0008"),
		"threat.tactic.name":                 siemtest.List("Discovery", "Brand New Tactic", "Lateral Movement"),
		"threat.tactic.reference":            siemtest.List("https://attack.mitre.org/tactics/TA0007/", "https://attack.mitre.org/tactics/TA0008/"),
		"observer.vendor":                    "Darktrace",
		"observer.product":                   "Threat Visualizer",
		"observer.type":                      "ids",
		"observer.hostname":                  "appliance.example.com",
		"observer.version":                   "7.1.0",
		"darktrace.ai_analyst.incident_id":   "g51e00001-5e1f-4a71-9c10-000000000009",
		"darktrace.ai_analyst.current_group": "g51e00001-5e1f-4a71-9c10-000000000009",
		"darktrace.ai_analyst.group_previous_groups":           siemtest.List("g51e00001-5e1f-4a71-9c10-000000000001"),
		"darktrace.ai_analyst.group_category":                  "suspicious",
		"darktrace.ai_analyst.group_score":                     87.5,
		"darktrace.ai_analyst.category":                        "critical",
		"darktrace.ai_analyst.aia_score":                       94.25,
		"darktrace.ai_analyst.summariser":                      "ScanSummary",
		"darktrace.ai_analyst.attack_phases":                   siemtest.List(4.0, 5.0),
		"darktrace.ai_analyst.mitre_tactics":                   siemtest.List("discovery", "brand-new-tactic", "lateral-movement"),
		"darktrace.ai_analyst.acknowledged":                    true,
		"darktrace.ai_analyst.pinned":                          true,
		"darktrace.ai_analyst.user_triggered":                  true,
		"darktrace.ai_analyst.external_triggered":              true,
		"darktrace.ai_analyst.sender":                          "billing@mail.example.org",
		"darktrace.ai_analyst.periods.0.start":                 "2024-10-27T00:46:40.000Z",
		"darktrace.ai_analyst.periods.1.end":                   "2024-10-26T22:00:00.002Z",
		"darktrace.ai_analyst.breach_devices.0.saas_module":    "Office365",
		"darktrace.ai_analyst.breach_devices.0.saas_user":      "jdoe@example.com",
		"darktrace.ai_analyst.breach_devices.0.sid":            -9.0,
		"darktrace.ai_analyst.breach_devices.1.did":            17.0,
		"darktrace.ai_analyst.breach_devices.1.identifier":     "Workstation 17",
		"darktrace.ai_analyst.breach_devices.1.hostname":       "WS-17.example.com",
		"darktrace.ai_analyst.breach_devices.1.ip":             "192.0.2.17",
		"darktrace.ai_analyst.breach_devices.1.mac":            "00:00:5e:00:53:11",
		"darktrace.ai_analyst.breach_devices.1.subnet":         "192.0.2.0/24",
		"darktrace.ai_analyst.breach_devices.2.masked_ip":      "198.51.100.#28445",
		"darktrace.ai_analyst.related_breaches.0.model_name":   "Device / Network Scan",
		"darktrace.ai_analyst.related_breaches.0.pbid":         40017.0,
		"darktrace.ai_analyst.related_breaches.0.threat_score": 55.5,
		"darktrace.ai_analyst.related_breaches.0.timestamp":    "2024-10-27T00:46:40.789Z",
		"darktrace.ai_analyst.details.1.group":                 0.0,
		"darktrace.ai_analyst.details.1.values":                siemtest.List("1–1024"),
		"darktrace.ai_analyst.details.3.key":                   "Actor",
		"darktrace.ai_analyst.details.3.type":                  "username",
		"darktrace.ai_analyst.details.4.group":                 1.0,
		"darktrace.ai_analyst.details.4.header":                "Endpoints",
		"darktrace.ai_analyst.details.4.values":                siemtest.List("files.example.net", "203.0.113.10", "not a host name"),
		"darktrace.ai_analyst.masked_ip":                       siemtest.List("198.51.100.#28445", "198.51.100.0/25"),
		"darktrace.ai_analyst.children":                        siemtest.List("51e00001-5e1f-4a71-9c10-000000000001"),
		"darktrace.ai_analyst.activity_id":                     "act00071",
		"darktrace.ai_analyst.grouping_ids":                    siemtest.List("grp00071"),
		"darktrace.ai_analyst.group_by_activity":               true,
	})
}

// TestNoFieldIsIdle: each field of Document is set by some document.
func TestNoFieldIsIdle(t *testing.T) {
	t.Parallel()
	address := options
	address.BaseURL = "https://192.0.2.1"
	raw := ownEvents(t)[0]
	raw.Raw = json.RawMessage(`{"id":"x"}`)
	docs := []*ecs.Document{everything(t), ecs.FromEvent(raw, address), changed(t)}
	for _, b := range breaches(t) {
		docs = append(docs, ecs.FromBreach(b, options), ecs.FromBreachChange(changedBreach(b), options))
	}
	assert.Equal(t, []string{".Darktrace.ModelBreach.Device.Device.Subnet"}, siemtest.Idle(docs), "which is for events only")
}

func TestLinks(t *testing.T) {
	t.Parallel()
	e := &darktrace.IncidentEvent{ID: "a/b"}
	assert.Empty(t, ecs.FromEvent(e, ecs.Options{}).Event.URL)
	assert.Equal(t, "https://appliance.example.com/tenant/#aiaincidentevent/a%2Fb", ecs.FromEvent(e, options).Event.URL)
	e.BreachDevices = []darktrace.EventDevice{{Identifier: "SaaS::Zoom: jdoe"}}
	doc := ecs.FromEvent(e, ecs.Options{BaseURL: "https://192.0.2.1:8443"})
	assert.Equal(t, "https://192.0.2.1:8443/saas#aiaincidentevent/a%2Fb", doc.Event.URL)
	assert.Equal(t, []string{"192.0.2.1"}, doc.Observer.IP)
	assert.Empty(t, doc.Observer.Hostname)
	assert.Empty(t, ecs.FromEvent(e, ecs.Options{BaseURL: "%"}).Observer.Hostname)
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	const created, start, end = 1730001000123, 1729990000000, 1729999000000
	e := &darktrace.IncidentEvent{CreatedAt: created, Periods: []darktrace.Period{{Start: start, End: end}}}
	assert.Equal(t, "2024-10-27T03:50:00.123Z", ecs.FromEvent(e, options).Timestamp)
	e.CreatedAt = 0
	assert.Equal(t, "2024-10-27T03:16:40.000Z", ecs.FromEvent(e, options).Timestamp)
	e.Periods = nil
	assert.Equal(t, "2024-11-01T11:00:00.005Z", ecs.FromEvent(e, options).Timestamp)
	assert.Equal(t, "1970-01-01T00:00:00.000Z", ecs.FromEvent(e, ecs.Options{}).Timestamp)
}

// TestLongSpans: a duration that no int64 has room for is left out, and one that
// no float64 can tell is exact.
func TestLongSpans(t *testing.T) {
	t.Parallel()
	at := func(year int) darktrace.Millis {
		return darktrace.MillisOf(time.Date(year, 1, 1, 0, 0, 0, 1e6, time.UTC))
	}
	const longest = math.MaxInt64 / int64(time.Millisecond)
	for _, span := range []struct {
		start, end darktrace.Millis
		want       int64
	}{
		{1, 1 + darktrace.Millis(longest), longest * int64(time.Millisecond)},
		{1, 2 + darktrace.Millis(longest), 0},
		{at(1), at(9999), 0},
		{math.MinInt64, math.MaxInt64, 0}, // No calendar has them.
		{at(2024), math.MaxInt64, 0},
		{at(2024), at(2023), 0}, // An end before the start.
	} {
		doc := ecs.FromEvent(&darktrace.IncidentEvent{ID: "x", Periods: []darktrace.Period{{Start: span.start, End: span.end}}}, options)
		assert.Equal(t, span.want, doc.Event.Duration, "%v", span)
		assert.Empty(t, newChecker().check(siemtest.Encode(t, doc)), "%v", span)
	}
}

// TestScores: what no JSON number can be is unknown.
func TestScores(t *testing.T) {
	t.Parallel()
	for _, score := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		e := &darktrace.IncidentEvent{
			ID: "x", AIAScore: darktrace.Score(score), GroupScore: darktrace.Score(score),
			RelatedBreaches: []darktrace.RelatedBreach{{PBID: 1, ThreatScore: darktrace.Score(score)}},
		}
		assert.Empty(t, newChecker().check(siemtest.Encode(t, ecs.FromEvent(e, options))))
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	severity := func(c darktrace.Category) int64 {
		return ecs.FromEvent(&darktrace.IncidentEvent{Category: c}, options).Event.Severity
	}
	assert.EqualValues(t, 4, severity(darktrace.CategoryCritical))
	assert.EqualValues(t, 3, severity(darktrace.CategorySuspicious))
	assert.Zero(t, severity("brand-new"))
	assert.Zero(t, severity(""))
}

// TestNothingIsShared: a document stays as it is when its event changes.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	e := ownEvents(t)[0]
	doc := ecs.FromEvent(e, options)
	before := string(siemtest.Encode(t, doc))
	for _, texts := range [][]string{e.PreviousGroups, e.Children, e.GroupingIDs} {
		texts[0] = "changed"
	}
	e.BreachDevices[1].Hostname = "changed"
	e.Periods[0].Start = 1
	assert.Equal(t, before, string(siemtest.Encode(t, doc)))
}

func changed(t *testing.T) *ecs.Document {
	t.Helper()
	return ecs.FromChange(&darktrace.EventChange{
		Kind:   darktrace.EventUpdated,
		Key:    "key-1",
		Source: "source.example.com:8443",
		Event:  ownEvents(t)[0],
		Fields: []darktrace.FieldChange{
			{Field: "groupScore", Old: darktrace.Score(41.5), New: darktrace.Score(87.5)},
			{Field: "acknowledged", Old: false, New: true},
			{Field: "currentGroup", Old: "g1", New: "g2"},
		},
		PreviousGroups: []string{"g1"},
	}, options)
}

func TestFromChange(t *testing.T) {
	t.Parallel()
	doc := changed(t)
	assert.Empty(t, newChecker().check(siemtest.Encode(t, doc)))
	assert.Equal(t, everything(t).ID, doc.ID, "an update replaces the document")
	assert.Equal(t, "updated", doc.Event.Action)
	assert.Equal(t, "updated", doc.Darktrace.AIAnalyst.Change.Kind)
	assert.Equal(t, "key-1", doc.Darktrace.AIAnalyst.Change.Key)
	assert.Equal(t, "appliance.example.com", doc.Observer.Hostname, "Options come first")
	assert.Equal(t, []ecs.FieldChange{
		{Field: "groupScore", Old: "41.5", New: "87.5"},
		{Field: "acknowledged", Old: "false", New: "true"},
		{Field: "currentGroup", Old: "g1", New: "g2"},
	}, doc.Darktrace.AIAnalyst.Change.Fields)
	assert.Equal(t, []string{"g1"}, doc.Darktrace.AIAnalyst.PreviousGroups)
	siemtest.Golden(t, *update, "change.json", doc)
}

func TestSource(t *testing.T) {
	t.Parallel()
	change := &darktrace.EventChange{Kind: darktrace.EventNew, Event: ownEvents(t)[0], Source: "source.example.com:8443"}
	assert.Equal(t, "source.example.com", ecs.FromChange(change, ecs.Options{}).Observer.Hostname)
	change.Source = "[2001:db8::1]:8443"
	assert.Equal(t, []string{"2001:db8::1"}, ecs.FromChange(change, ecs.Options{}).Observer.IP)
}

func TestNothing(t *testing.T) {
	t.Parallel()
	assert.Nil(t, ecs.FromEvent(nil, options))
	assert.Nil(t, ecs.FromChange(nil, options))
	assert.Nil(t, ecs.FromChange(&darktrace.EventChange{Kind: darktrace.EventNew}, options))
}
