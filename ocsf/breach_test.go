package ocsf_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
	"github.com/darktrace-go/darktrace/ocsf"
)

func breaches(t *testing.T) []*darktrace.ModelBreach {
	t.Helper()
	return siemtest.Read[*darktrace.ModelBreach](t, siemtest.Breaches)
}

func TestBreaches(t *testing.T) {
	t.Parallel()
	var findings []*ocsf.DetectionFinding
	for _, file := range siemtest.BreachFiles() {
		for _, b := range siemtest.Read[*darktrace.ModelBreach](t, file) {
			f := ocsf.FromBreach(b, options)
			assert.Empty(t, validate(siemtest.Encode(t, f)), "%d", b.PBID)
			findings = append(findings, f)
		}
	}
	siemtest.Golden(t, *update, "breaches.json", findings)
}

// TestEveryBreachField names each attribute of a model alert's finding with a
// value.
func TestEveryBreachField(t *testing.T) {
	t.Parallel()
	const id, name = "appliance.example.com/modelbreach/6000000040017", "Compromise::HTTP::Beaconing to a Rare Host"
	const description = "A device calls a rare host again and again.\n\nAction: look at the host."
	siemtest.HasFields(t, siemtest.Encode(t, ocsf.FromBreach(breaches(t)[0], options)), map[string]any{
		"type_uid":                                          200401.0,
		"time":                                              1729990012123.0,
		"start_time":                                        1729990000789.0,
		"severity_id":                                       3.0,
		"status_id":                                         2.0,
		"message":                                           description,
		"risk_score":                                        67.0,
		"metadata.uid":                                      id,
		"metadata.product.feature.name":                     "Model alerts",
		"finding_info.uid":                                  id,
		"finding_info.title":                                name,
		"finding_info.desc":                                 description,
		"finding_info.created_time":                         1729990012123.0,
		"finding_info.first_seen_time":                      1729990000789.0,
		"finding_info.src_url":                              "https://appliance.example.com/#modelbreach/6000000040017",
		"finding_info.types":                                siemtest.List("Compromise", "HTTP"),
		"finding_info.analytic.name":                        name,
		"finding_info.analytic.uid":                         "51e0b001-5e1f-4a71-9c10-000000000001",
		"finding_info.analytic.desc":                        description,
		"finding_info.analytic.version":                     "23",
		"finding_info.analytic.type_id":                     1.0,
		"finding_info.analytic.type":                        "Rule",
		"finding_info.attacks.0.tactic.uid":                 "TA0011",
		"finding_info.attacks.1.technique.uid":              "T1571",
		"finding_info.attacks.1.technique.name":             "Non-Standard Port",
		"finding_info.attacks.1.technique.src_url":          "https://attack.mitre.org/techniques/T1571/",
		"finding_info.attacks.2.technique.uid":              "T1071",
		"finding_info.attacks.2.sub_technique.uid":          "T1071.001",
		"finding_info.attacks.2.sub_technique.name":         "Web Protocols",
		"finding_info.attacks.2.technique.src_url":          "https://attack.mitre.org/techniques/T1071/",
		"finding_info.attacks.2.sub_technique.src_url":      "https://attack.mitre.org/techniques/T1071/001/",
		"finding_info.related_events.0.uid":                 "51e00001-5e1f-4a71-9c10-000000000001",
		"finding_info.related_events.0.title":               "ScanSummary",
		"finding_info.related_events_count":                 1.0,
		"device.type_id":                                    2.0,
		"device.type":                                       "Desktop",
		"device.uid":                                        "17",
		"device.name":                                       "Workstation 17",
		"device.hostname":                                   "WS-17.example.com",
		"device.ip":                                         "192.0.2.17",
		"device.mac":                                        "00:00:5E:00:53:11",
		"device.vendor_name":                                "Example Networks",
		"device.first_seen_time":                            1700000000000.0,
		"device.last_seen_time":                             1729990000001.0,
		"resources.0.uid":                                   "17",
		"resources.0.type":                                  "Device",
		"evidences.0.user.name":                             "jdoe",
		"evidences.1.name":                                  "External Connections",
		"evidences.1.data.component.time":                   1729990000789.0,
		"evidences.1.data.component.cid":                    2026.0,
		"evidences.1.data.component.metric":                 "External Connections",
		"evidences.1.data.component.size":                   11.5,
		"evidences.1.data.component.threshold":              10.0,
		"evidences.1.data.component.interval":               3600.0,
		"evidences.1.data.component.ip":                     "203.0.113.9",
		"evidences.1.data.component.port":                   8443.0,
		"evidences.1.data.component.triggered_filters.0.id": "A",
		"evidences.1.data.component.triggered_filters.0.filter_type":     "Beaconing score",
		"evidences.1.data.component.triggered_filters.0.comparator_type": ">",
		"evidences.1.data.component.triggered_filters.0.argument":        "60",
		"evidences.1.data.component.triggered_filters.0.value":           "100",
		"unmapped.model_breach.pbid":                                     6000000040017.0,
		"unmapped.model_breach.comment_count":                            2.0,
		"unmapped.model_breach.percentscore":                             67.0,
		"unmapped.model_breach.devicescore":                              50.0,
		"unmapped.model_breach.acknowledged":                             true,
		"unmapped.model_breach.category":                                 "Suspicious",
		"unmapped.model_breach.compliance":                               false,
		"unmapped.model_breach.priority":                                 4.0,
		"unmapped.model_breach.pid":                                      156.0,
		"unmapped.model_breach.phid":                                     1072.0,
		"unmapped.model_breach.tags":                                     siemtest.List("AP: C2 Comms"),
		"unmapped.model_breach.device_tags":                              siemtest.List("Admin"),
	})
}

func TestBreachObservables(t *testing.T) {
	t.Parallel()
	var got []string
	for _, o := range ocsf.FromBreach(breaches(t)[0], options).Observables {
		got = append(got, o.Name+"="+o.Value)
	}
	assert.Equal(t, []string{
		"device.hostname=WS-17.example.com", "device.ip=192.0.2.17", "device.mac=00:00:5E:00:53:11",
		"evidences[0].user.name=jdoe",
		"evidences[1].data.component.ip=203.0.113.9",
		"evidences[1].data.component.triggered_filters[1].value=files.example.net",
		"evidences[1].data.component.triggered_filters[2].value=203.0.113.10",
	}, got)
}

func TestOddBreaches(t *testing.T) {
	t.Parallel()
	all := breaches(t)
	system := ocsf.FromBreach(all[1], options)
	assert.Nil(t, system.Device, "the system is not a device")
	assert.Equal(t, ocsf.SeverityLow, system.SeverityID, "compliance comes before the category")
	assert.EqualValues(t, 100, system.RiskScore)
	assert.Zero(t, system.StatusID, "whether it is acknowledged is unknown")

	anonymised := ocsf.FromBreach(all[2], ocsf.Options{})
	assert.Equal(t, "modelbreach/3", anonymised.FindingInfo.UID)
	assert.Empty(t, anonymised.Device.IP)
	assert.Equal(t, []string{"192.0.2.#54818"}, anonymised.Unmapped.ModelBreach.MaskedIP)
	assert.Equal(t, ocsf.SeverityUnknown, anonymised.SeverityID, "no model, no category")
	assert.Equal(t, ocsf.StatusNew, anonymised.StatusID)

	account := ocsf.FromBreach(all[3], options)
	assert.Nil(t, account.Device)
	assert.Equal(t, "Office365", account.Resources[0].Namespace, "from its component")
	assert.Equal(t, ocsf.SeverityCritical, account.SeverityID, "from its priority")
	assert.EqualValues(t, 75, account.RiskScore, "of the alert, not of the device")

	outside := ocsf.FromBreach(&darktrace.ModelBreach{
		Device:              &darktrace.Device{DID: -7, IP: "192.0.2.0/24"},
		TriggeredComponents: []darktrace.TriggeredComponent{{Device: &darktrace.Device{DID: -3, SID: -9, Hostname: "SaaS::Office365: jdoe@example.com"}}},
	}, options)
	assert.Equal(t, "192.0.2.0/24", outside.Device.Name, "a range has a negative id")
	assert.Equal(t, []string{"192.0.2.0/24"}, outside.Unmapped.ModelBreach.MaskedIP)
	assert.Equal(t, "jdoe@example.com", outside.Resources[1].Owner.Name, "and so may an account")

	assert.Nil(t, ocsf.FromBreach(nil, options))
	empty := ocsf.FromBreach(&darktrace.ModelBreach{DeviceScore: darktrace.Probability(math.NaN()), AIAnalystData: make([]darktrace.BreachEvent, 1)}, options)
	assert.Empty(t, validate(siemtest.Encode(t, empty)))
}

func changedBreach(b *darktrace.ModelBreach) *darktrace.BreachChange {
	return &darktrace.BreachChange{Kind: darktrace.EventUpdated, Key: "key-1", Source: "source.example.com:8443", Breach: b, Fields: []darktrace.FieldChange{
		{Field: "acknowledged", Old: false, New: true},
		{Field: "commentCount", Old: int64(0), New: int64(2)},
		{Field: "score", Old: darktrace.Probability(0.5), New: darktrace.Probability(0.67)},
	}}
}

func TestFromBreachChange(t *testing.T) {
	t.Parallel()
	b := breaches(t)[0]
	change := changedBreach(b)
	f := ocsf.FromBreachChange(change, options)
	assert.Empty(t, validate(siemtest.Encode(t, f)))
	assert.Equal(t, ocsf.FromBreach(b, options).FindingInfo.UID, f.FindingInfo.UID, "it is the same finding")
	assert.Equal(t, "key-1", f.Metadata.UID)
	assert.Equal(t, ocsf.ActivityUpdate, f.ActivityID)
	assert.Equal(t, []ocsf.FieldChange{
		{Field: "acknowledged", Old: "false", New: "true"}, {Field: "commentCount", Old: "0", New: "2"}, {Field: "score", Old: "0.5", New: "0.67"},
	}, f.Unmapped.ModelBreach.Changes)
	siemtest.Golden(t, *update, "breachchange.json", f)

	fresh := ocsf.FromBreachChange(&darktrace.BreachChange{Kind: darktrace.EventNew, Source: change.Source, Breach: b}, ocsf.Options{})
	assert.Equal(t, ocsf.ActivityCreate, fresh.ActivityID)
	assert.Equal(t, "source.example.com/modelbreach/6000000040017", fresh.FindingInfo.UID)
	assert.Equal(t, fresh.FindingInfo.UID, fresh.Metadata.UID, "a change without a key is known by its alert")
	assert.Nil(t, ocsf.FromBreachChange(nil, options))
	assert.Nil(t, ocsf.FromBreachChange(&darktrace.BreachChange{Kind: darktrace.EventNew}, options))
}

func TestDeviceTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		"": 0, "server": 1, "dnsserver": 1, "Desktop": 2, "laptop": 3, "tablet": 4, "mobile": 5, "printer": 99,
	} {
		f := ocsf.FromBreach(&darktrace.ModelBreach{PBID: 1, Device: &darktrace.Device{DID: 1, TypeName: name}}, options)
		assert.Equal(t, want, f.Device.TypeID, name)
		assert.Empty(t, validate(siemtest.Encode(t, f)))
	}
}

// TestFoldersWithoutNames: a model's name that begins with separators, or repeats them.
func TestFoldersWithoutNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{"::Device::::Scan": {"Device"}, "::Scan": {}, "Scan": {}, "A::B::Scan": {"A", "B"}} {
		f := ocsf.FromBreach(&darktrace.ModelBreach{PBID: 7, Model: darktrace.BreachModel{Then: &darktrace.Model{Name: name}}}, options)
		assert.Empty(t, validate(siemtest.Encode(t, f)), name)
		assert.Equal(t, want, f.FindingInfo.Types, name)
	}
}
