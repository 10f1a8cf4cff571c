package ocsf_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
	"github.com/darktrace-go/darktrace/ocsf"
)

var update = flag.Bool("update", false, "update the golden files")

var options = ocsf.Options{
	BaseURL: "https://appliance.example.com/tenant/",
	Version: "7.1.0",
	ReadAt:  time.UnixMilli(1730460000005),
}

func ownEvents(t *testing.T) []*darktrace.IncidentEvent {
	t.Helper()
	return siemtest.Read[*darktrace.IncidentEvent](t, siemtest.Events)
}

// everything is the finding of an event that has every field.
func everything(t *testing.T) *ocsf.DetectionFinding {
	t.Helper()
	return ocsf.FromEvent(ownEvents(t)[0], options)
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, file := range siemtest.EventFiles(t) {
		var findings []*ocsf.DetectionFinding
		for _, e := range siemtest.Read[*darktrace.IncidentEvent](t, file) {
			f := ocsf.FromEvent(e, options)
			assert.Empty(t, validate(siemtest.Encode(t, f)), "%s: %s", file, e.ID)
			findings = append(findings, f)
		}
		siemtest.Golden(t, *update, filepath.Base(file), findings)
	}
}

func TestGeneratedEvents(t *testing.T) {
	t.Parallel()
	for _, e := range darktracetest.Incidents(1, 1000) {
		require.Empty(t, validate(siemtest.Encode(t, ocsf.FromEvent(e, ocsf.Options{}))), e.ID)
	}
}

// TestEveryField names each attribute of an event's finding with a value.
func TestEveryField(t *testing.T) {
	t.Parallel()
	const id, url = "51e00001-5e1f-4a71-9c10-000000000001", "https://appliance.example.com/#aiaincidentevent/51e00001-5e1f-4a71-9c10-000000000001"
	const summary = "WS-17.example.com scanned the network for asmith."
	siemtest.HasFields(t, siemtest.Encode(t, everything(t)), map[string]any{
		"activity_id":                                1.0,
		"activity_name":                              "Create",
		"category_uid":                               2.0,
		"category_name":                              "Findings",
		"class_uid":                                  2004.0,
		"class_name":                                 "Detection Finding",
		"type_uid":                                   200401.0,
		"type_name":                                  "Detection Finding: Create",
		"time":                                       1730001000123.0,
		"start_time":                                 1729980000001.0,
		"end_time":                                   1729999000456.0,
		"duration":                                   19000455.0,
		"severity_id":                                5.0,
		"severity":                                   "Critical",
		"status_id":                                  2.0,
		"status":                                     "In Progress",
		"is_alert":                                   true,
		"message":                                    summary,
		"risk_score":                                 94.0,
		"metadata.version":                           ocsf.Version,
		"metadata.uid":                               id,
		"metadata.correlation_uid":                   "g51e00001-5e1f-4a71-9c10-000000000009",
		"metadata.log_provider":                      "appliance.example.com",
		"metadata.processed_time":                    1730460000005.0,
		"metadata.product.name":                      "Darktrace",
		"metadata.product.vendor_name":               "Darktrace",
		"metadata.product.version":                   "7.1.0",
		"metadata.product.feature.name":              "AI Analyst",
		"finding_info.uid":                           id,
		"finding_info.title":                         "Everything at Once",
		"finding_info.desc":                          summary,
		"finding_info.created_time":                  1730001000123.0,
		"finding_info.first_seen_time":               1729980000001.0,
		"finding_info.last_seen_time":                1729999000456.0,
		"finding_info.src_url":                       url,
		"finding_info.types":                         siemtest.List("ScanSummary"),
		"finding_info.analytic.name":                 "ScanSummary",
		"finding_info.analytic.type_id":              4.0,
		"finding_info.analytic.type":                 "Learning (ML/DL)",
		"finding_info.attacks.0.tactic.uid":          "TA0007",
		"finding_info.attacks.0.tactic.name":         "Discovery",
		"finding_info.attacks.0.tactic.src_url":      "https://attack.mitre.org/tactics/TA0007/",
		"finding_info.attacks.1.tactic.name":         "Brand New Tactic",
		"finding_info.related_events.0.uid":          "appliance.example.com/modelbreach/40017",
		"finding_info.related_events.0.title":        "Device / Network Scan",
		"finding_info.related_events.0.type_uid":     200401.0,
		"finding_info.related_events.0.type_name":    "Detection Finding: Create",
		"finding_info.related_events.0.created_time": 1729990000789.0,
		"finding_info.related_events.0.tags.0.name":  "threat_score",
		"finding_info.related_events.0.tags.0.value": "55.5",
		"finding_info.related_events_count":          1.0,
		"device.type_id":                             0.0,
		"device.type":                                "Unknown",
		"device.uid":                                 "17",
		"device.name":                                "Workstation 17",
		"device.hostname":                            "WS-17.example.com",
		"device.ip":                                  "192.0.2.17",
		"device.mac":                                 "00:00:5E:00:53:11",
		"device.subnet":                              "192.0.2.0/24",
		"resources.0.uid":                            "1975",
		"resources.0.name":                           "SaaS::Office365: jdoe@example.com",
		"resources.0.type":                           "Account",
		"resources.0.namespace":                      "Office365",
		"resources.0.owner.name":                     "jdoe@example.com",
		"resources.0.owner.uid":                      "1975",
		"resources.0.owner.email_addr":               "jdoe@example.com",
		"resources.0.owner.domain":                   "Office365",
		"resources.1.type":                           "Device",
		"resources.1.hostname":                       "WS-17.example.com",
		"resources.1.ip":                             "192.0.2.17",
		"resources.2.name":                           "198.51.100.#28445",
		"evidences.0.email.from":                     "billing@mail.example.org",
		"evidences.1.name":                           "Scan",
		"evidences.1.data.details.3.key":             "Actor",
		"evidences.1.data.details.3.type":            "username",
		"evidences.1.data.details.3.values":          siemtest.List("mmiller"),
		"evidences.3.user.name":                      "jdoe@example.com",
		"evidences.4.device.uid":                     "17",
		"unmapped.ai_analyst.category":               "critical",
		"unmapped.ai_analyst.group_category":         "suspicious",
		"unmapped.ai_analyst.aia_score":              94.25,
		"unmapped.ai_analyst.group_score":            87.5,
		"unmapped.ai_analyst.group_previous_groups":  siemtest.List("g" + id),
		"unmapped.ai_analyst.attack_phases":          siemtest.List(4.0, 5.0),
		"unmapped.ai_analyst.mitre_tactics":          siemtest.List("discovery", "brand-new-tactic", "lateral-movement"),
		"unmapped.ai_analyst.acknowledged":           true,
		"unmapped.ai_analyst.pinned":                 true,
		"unmapped.ai_analyst.user_triggered":         true,
		"unmapped.ai_analyst.external_triggered":     true,
		"unmapped.ai_analyst.periods.0.start":        1729990000000.0,
		"unmapped.ai_analyst.periods.1.end":          1729980000002.0,
		"unmapped.ai_analyst.masked_ip":              siemtest.List("198.51.100.#28445", "198.51.100.0/25"),
		"unmapped.ai_analyst.children":               siemtest.List(id),
		"unmapped.ai_analyst.activity_id":            "act00071",
		"unmapped.ai_analyst.grouping_ids":           siemtest.List("grp00071"),
		"unmapped.ai_analyst.group_by_activity":      true,
	})
}

func TestObservables(t *testing.T) {
	t.Parallel()
	type seen struct {
		id    int64
		value string
	}
	var got []seen
	for _, o := range everything(t).Observables {
		got = append(got, seen{o.TypeID, o.Value})
	}
	assert.ElementsMatch(t, []seen{
		{1, "WS-17.example.com"}, {1, "files.example.net"},
		{2, "192.0.2.17"}, {2, "2001:db8::53"}, {2, "203.0.113.9"}, {2, "203.0.113.10"}, {2, "198.51.100.7"},
		{3, "00:00:5E:00:53:11"},
		{4, "jdoe@example.com"}, {4, "asmith"}, {4, "mmiller"},
		{5, "jdoe@example.com"}, {5, "billing@mail.example.org"},
		{6, "https://links.example.net/a"},
	}, got)
}

// TestEndpoints: what an account was used from is a source, what a device talked
// to a destination.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	e := ownEvents(t)[0]
	ends := func() (sources, destinations []string) {
		for _, evidence := range ocsf.FromEvent(e, options).Evidences {
			if evidence.SrcEndpoint != nil {
				sources = append(sources, evidence.SrcEndpoint.Name+evidence.SrcEndpoint.Hostname+evidence.SrcEndpoint.IP)
			}
			if evidence.DstEndpoint != nil {
				destinations = append(destinations, evidence.DstEndpoint.Name+evidence.DstEndpoint.Hostname+evidence.DstEndpoint.IP)
			}
		}
		return sources, destinations
	}
	hosts := []string{"files.example.net203.0.113.9", "203.0.113.10", "not a host name"}
	sources, destinations := ends()
	assert.Equal(t, hosts, sources)
	assert.Empty(t, destinations)
	e.BreachDevices = e.BreachDevices[1:]
	sources, destinations = ends()
	assert.Empty(t, sources)
	assert.Equal(t, hosts, destinations)
}

// TestNoFieldIsIdle: each field of DetectionFinding is set by some finding.
func TestNoFieldIsIdle(t *testing.T) {
	t.Parallel()
	raw := ownEvents(t)[0]
	raw.Raw = json.RawMessage(`{"id":"x"}`)
	raw.BreachDevices = raw.BreachDevices[1:]
	findings := []*ocsf.DetectionFinding{everything(t), ocsf.FromEvent(raw, options), changed(t, darktrace.EventUpdated)}
	for _, b := range breaches(t) {
		findings = append(findings, ocsf.FromBreach(b, options), ocsf.FromBreachChange(changedBreach(b), options))
	}
	idle := slices.DeleteFunc(siemtest.Idle(findings), func(path string) bool {
		return strings.HasPrefix(path, ".Evidences.Device.") // An event has fewer facts about a device than an alert.
	})
	assert.Empty(t, idle)
}

// TestMails: a user name is an address only if it has the form of one.
func TestMails(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"jdoe@example.com": true, "j.doe+x@mail.example.xn--p1ai": true, "o'neil/x=1@a-b.example.com": true,
		"jdoe": false, "jdoe@example": false, "jdoe@example.co-": false, "jdoe@-example.com": false, "jdoe@exam_ple.com": false,
		"jdöe@example.com": false, "j doe@example.com": false, "jdoe@a@example.com": false, "jdoe@192.0.2.1": false, "@example.com": false,
		`"j doe"@example.com`: false, "J. Doe <jdoe@example.com>": false, "jdoe@example..com": false, "jdoe@example.com.": false,
	} {
		f := ocsf.FromEvent(&darktrace.IncidentEvent{ID: "x", BreachDevices: []darktrace.EventDevice{{Identifier: "SaaS::Zoom: " + name}}}, options)
		assert.Empty(t, validate(siemtest.Encode(t, f)), name)
		assert.Equal(t, name, f.Resources[0].Owner.Name)
		assert.Equal(t, want, f.Resources[0].Owner.EmailAddr != "", name)
	}
}

// TestForeignLinks: what is no URL for OCSF is replaced by a link of our own.
func TestForeignLinks(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"https://other.example.com/#x": "https://other.example.com/#x", "HTTPS://other.example.com": "HTTPS://other.example.com",
		"": "", "h.ttps://other.example.com/#x": "", "git+ssh://other.example.com": "", "//other.example.com": "", "x": "", "https:x": "", "https://": "",
	} {
		f := ocsf.FromEvent(&darktrace.IncidentEvent{ID: "x", URL: link}, options)
		assert.Empty(t, validate(siemtest.Encode(t, f)), link)
		assert.Equal(t, cmp.Or(want, "https://appliance.example.com/tenant/#aiaincidentevent/x"), f.FindingInfo.SrcURL)
		f = ocsf.FromBreach(&darktrace.ModelBreach{PBID: 7, BreachURL: link}, options)
		assert.Empty(t, validate(siemtest.Encode(t, f)), link)
		assert.Equal(t, cmp.Or(want, "https://appliance.example.com/tenant/#modelbreach/7"), f.FindingInfo.SrcURL)
	}
}

// TestLongSpans: milliseconds have room for all times that a calendar has.
func TestLongSpans(t *testing.T) {
	t.Parallel()
	at := func(year int) darktrace.Millis {
		return darktrace.MillisOf(time.Date(year, 1, 1, 0, 0, 0, 1e6, time.UTC))
	}
	for _, span := range []struct {
		start, end darktrace.Millis
		want       int64
	}{
		{at(1), at(9999), int64(at(9999) - at(1))},
		{math.MinInt64, math.MaxInt64, 0},
		{at(2024), math.MaxInt64, 0},
		{at(2024), at(2023), 0}, // An end before the start.
	} {
		f := ocsf.FromEvent(&darktrace.IncidentEvent{ID: "x", Periods: []darktrace.Period{{Start: span.start, End: span.end}}}, options)
		assert.Equal(t, span.want, f.Duration, "%v", span)
		assert.Empty(t, validate(siemtest.Encode(t, f)), "%v", span)
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	for category, want := range map[darktrace.Category]struct {
		id   ocsf.Severity
		text string
	}{
		"":              {ocsf.SeverityUnknown, "Unknown"},
		"informational": {ocsf.SeverityInformational, "Informational"},
		"compliance":    {ocsf.SeverityLow, "Low"},
		"suspicious":    {ocsf.SeverityMedium, "Medium"},
		"critical":      {ocsf.SeverityCritical, "Critical"},
		"Critical":      {ocsf.SeverityCritical, "Critical"},
		"brand-new":     {ocsf.SeverityOther, "brand-new"},
	} {
		f := ocsf.FromEvent(&darktrace.IncidentEvent{ID: "x", Category: category}, options)
		assert.Equal(t, want.id, f.SeverityID, category)
		assert.Equal(t, want.text, f.Severity, category)
		assert.Empty(t, validate(siemtest.Encode(t, f)))
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	e := &darktrace.IncidentEvent{ID: "x"}
	f := ocsf.FromEvent(e, options)
	assert.Equal(t, ocsf.StatusNew, f.StatusID)
	assert.Equal(t, "New", f.Status)
	e.Acknowledged = true
	assert.Equal(t, ocsf.StatusInProgress, ocsf.FromEvent(e, options).StatusID)
	for status, text := range map[ocsf.Status]string{
		ocsf.StatusSuppressed: "Suppressed", ocsf.StatusResolved: "Resolved", ocsf.StatusArchived: "Archived",
	} {
		f := ocsf.FromEvent(e, ocsf.Options{Acknowledged: status})
		assert.Equal(t, status, f.StatusID)
		assert.Equal(t, text, f.Status)
		assert.Empty(t, validate(siemtest.Encode(t, f)))
	}
	assert.Equal(t, "Unknown", ocsf.Status(7).String())
	assert.Equal(t, "Unknown", ocsf.Activity(7).String())
}

func TestTime(t *testing.T) {
	t.Parallel()
	const created, start, end darktrace.Millis = 1730001000123, 1729990000000, 1729999000000
	e := &darktrace.IncidentEvent{CreatedAt: created, Periods: []darktrace.Period{{Start: start, End: end}}}
	assert.EqualValues(t, created, ocsf.FromEvent(e, options).Time)
	e.CreatedAt = 0
	assert.EqualValues(t, end, ocsf.FromEvent(e, options).Time)
	e.Periods = nil
	assert.EqualValues(t, options.ReadAt.UnixMilli(), ocsf.FromEvent(e, options).Time)
	assert.Zero(t, ocsf.FromEvent(e, ocsf.Options{}).Time)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	e := &darktrace.IncidentEvent{ID: "a/b", RelatedBreaches: []darktrace.RelatedBreach{{PBID: 7}}}
	f := ocsf.FromEvent(e, ocsf.Options{BaseURL: "%"})
	assert.Empty(t, f.Metadata.LogProvider)
	f = ocsf.FromEvent(e, ocsf.Options{})
	assert.Empty(t, f.FindingInfo.SrcURL)
	assert.Equal(t, "modelbreach/7", f.FindingInfo.RelatedEvents[0].UID)
	assert.Equal(t, "https://appliance.example.com/tenant/#aiaincidentevent/a%2Fb", ocsf.FromEvent(e, options).FindingInfo.SrcURL)
}

// TestScores: what no JSON number can be is unknown.
func TestScores(t *testing.T) {
	t.Parallel()
	for _, score := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		e := &darktrace.IncidentEvent{
			ID: "x", AIAScore: darktrace.Score(score), GroupScore: darktrace.Score(score),
			RelatedBreaches: []darktrace.RelatedBreach{{PBID: 1, ThreatScore: darktrace.Score(score)}},
		}
		assert.Empty(t, validate(siemtest.Encode(t, ocsf.FromEvent(e, options))))
	}
}

// TestNothingIsShared: a finding stays as it is when its event changes.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	e := ownEvents(t)[0]
	f := ocsf.FromEvent(e, options)
	before := string(siemtest.Encode(t, f))
	for _, texts := range [][]string{e.PreviousGroups, e.Children, e.GroupingIDs} {
		texts[0] = "changed"
	}
	e.BreachDevices[1].Hostname = "changed"
	e.Periods[0].Start = 1
	assert.Equal(t, before, string(siemtest.Encode(t, f)))
}

func changed(t *testing.T, kind darktrace.ChangeKind) *ocsf.DetectionFinding {
	t.Helper()
	return ocsf.FromChange(&darktrace.EventChange{
		Kind:   kind,
		Key:    "key-1",
		Source: "source.example.com:8443",
		Event:  ownEvents(t)[0],
		Fields: []darktrace.FieldChange{
			{Field: "groupScore", Old: darktrace.Score(41.5), New: darktrace.Score(87.5)},
			{Field: "acknowledged", Old: false, New: true},
		},
		PreviousGroups: []string{"g1"},
	}, options)
}

func TestFromChange(t *testing.T) {
	t.Parallel()
	assert.Equal(t, ocsf.ActivityCreate, changed(t, darktrace.EventNew).ActivityID)
	f := changed(t, darktrace.EventUpdated)
	assert.Empty(t, validate(siemtest.Encode(t, f)))
	assert.Equal(t, everything(t).FindingInfo.UID, f.FindingInfo.UID, "it is the same finding")
	assert.Equal(t, "key-1", f.Metadata.UID)
	assert.Equal(t, ocsf.ActivityUpdate, f.ActivityID)
	assert.Equal(t, "Detection Finding: Update", f.TypeName)
	assert.Equal(t, []ocsf.FieldChange{
		{Field: "groupScore", Old: "41.5", New: "87.5"}, {Field: "acknowledged", Old: "false", New: "true"},
	}, f.Unmapped.AIAnalyst.Changes)
	assert.Equal(t, []string{"g1"}, f.Unmapped.AIAnalyst.PreviousGroups)
	siemtest.Golden(t, *update, "change.json", f)
}

func TestSource(t *testing.T) {
	t.Parallel()
	change := &darktrace.EventChange{Kind: darktrace.EventNew, Event: ownEvents(t)[0], Source: "source.example.com:8443"}
	f := ocsf.FromChange(change, ocsf.Options{})
	assert.Equal(t, "source.example.com", f.Metadata.LogProvider)
	assert.Equal(t, "source.example.com/modelbreach/40017", f.FindingInfo.RelatedEvents[0].UID)
	assert.Equal(t, f.FindingInfo.UID, f.Metadata.UID, "a change without a key is known by its event")
	assert.Equal(t, "appliance.example.com", ocsf.FromChange(change, options).Metadata.LogProvider)
}

func TestNothing(t *testing.T) {
	t.Parallel()
	assert.Nil(t, ocsf.FromEvent(nil, options))
	assert.Nil(t, ocsf.FromChange(nil, options))
	assert.Nil(t, ocsf.FromChange(&darktrace.EventChange{Kind: darktrace.EventNew}, options))
}
