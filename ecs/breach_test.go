package ecs_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/ecs"
	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
)

func breaches(t *testing.T) []*darktrace.ModelBreach {
	t.Helper()
	return siemtest.Read[*darktrace.ModelBreach](t, siemtest.Breaches)
}

func TestBreaches(t *testing.T) {
	t.Parallel()
	checker := newChecker()
	var docs []*ecs.Document
	for _, file := range siemtest.BreachFiles() {
		for _, b := range siemtest.Read[*darktrace.ModelBreach](t, file) {
			doc := ecs.FromBreach(b, options)
			assert.Empty(t, checker.check(siemtest.Encode(t, doc)), "%d", b.PBID)
			docs = append(docs, doc)
		}
	}
	siemtest.Golden(t, *update, "breaches.json", docs)
}

// TestEveryBreachField names each field of a model alert's document with a value.
func TestEveryBreachField(t *testing.T) {
	t.Parallel()
	const id, description = "appliance.example.com/modelbreach/6000000040017", "A device calls a rare host again and again.\n\nAction: look at the host."
	breach := ecs.FromBreach(breaches(t)[0], options)
	assert.Equal(t, id, breach.ID)
	siemtest.HasFields(t, siemtest.Encode(t, breach), map[string]any{
		"@timestamp":                         "2024-10-27T00:46:52.123Z",
		"message":                            description,
		"event.id":                           id,
		"event.kind":                         "alert",
		"event.category":                     siemtest.List("intrusion_detection"),
		"event.type":                         siemtest.List("info"),
		"event.dataset":                      "darktrace.model_breach",
		"event.reason":                       "Compromise::HTTP::Beaconing to a Rare Host",
		"event.severity":                     3.0,
		"event.risk_score":                   67.0,
		"event.risk_score_norm":              67.0,
		"event.start":                        "2024-10-27T00:46:40.789Z",
		"event.url":                          "https://appliance.example.com/#modelbreach/6000000040017",
		"rule.name":                          "Compromise::HTTP::Beaconing to a Rare Host",
		"rule.ruleset":                       "Models",
		"rule.id":                            "156",
		"rule.uuid":                          "51e0b001-5e1f-4a71-9c10-000000000001",
		"rule.version":                       "23",
		"rule.category":                      "Compromise",
		"rule.description":                   description,
		"threat.framework":                   "MITRE ATT&CK",
		"threat.tactic.id":                   siemtest.List("TA0011"),
		"threat.tactic.name":                 siemtest.List("Command and Control"),
		"threat.technique.id":                siemtest.List("T1571", "T1071"),
		"threat.technique.name":              siemtest.List("Non-Standard Port"),
		"threat.technique.reference":         siemtest.List("https://attack.mitre.org/techniques/T1571/", "https://attack.mitre.org/techniques/T1071/"),
		"threat.technique.subtechnique.name": siemtest.List("Web Protocols"),
		"threat.technique.subtechnique.reference":                                       siemtest.List("https://attack.mitre.org/techniques/T1071/001/"),
		"threat.technique.subtechnique.id":                                              siemtest.List("T1071.001"),
		"host.id":                                                                       "17",
		"host.name":                                                                     "ws-17.example.com",
		"host.hostname":                                                                 "WS-17.example.com",
		"host.ip":                                                                       siemtest.List("192.0.2.17"),
		"host.mac":                                                                      siemtest.List("00-00-5E-00-53-11"),
		"related.ip":                                                                    siemtest.List("192.0.2.17", "192.0.2.18", "203.0.113.9", "203.0.113.10"),
		"related.hosts":                                                                 siemtest.List("WS-17.example.com", "files.example.net"),
		"related.user":                                                                  siemtest.List("jdoe"),
		"observer.hostname":                                                             "appliance.example.com",
		"darktrace.model_breach.pbid":                                                   6000000040017.0,
		"darktrace.model_breach.time":                                                   "2024-10-27T00:46:40.789Z",
		"darktrace.model_breach.creation_time":                                          "2024-10-27T00:46:52.123Z",
		"darktrace.model_breach.comment_count":                                          2.0,
		"darktrace.model_breach.percentscore":                                           67.0,
		"darktrace.model_breach.devicescore":                                            50.0,
		"darktrace.model_breach.acknowledged":                                           true,
		"darktrace.model_breach.model.name":                                             "Compromise::HTTP::Beaconing to a Rare Host",
		"darktrace.model_breach.model.pid":                                              156.0,
		"darktrace.model_breach.model.phid":                                             1072.0,
		"darktrace.model_breach.model.uuid":                                             "51e0b001-5e1f-4a71-9c10-000000000001",
		"darktrace.model_breach.model.priority":                                         4.0,
		"darktrace.model_breach.model.category":                                         "Suspicious",
		"darktrace.model_breach.model.compliance":                                       false,
		"darktrace.model_breach.model.tags":                                             siemtest.List("AP: C2 Comms"),
		"darktrace.model_breach.model.tactics":                                          siemtest.List("command-and-control"),
		"darktrace.model_breach.device.did":                                             17.0,
		"darktrace.model_breach.device.sid":                                             3.0,
		"darktrace.model_breach.device.identifier":                                      "Workstation 17",
		"darktrace.model_breach.device.hostname":                                        "WS-17.example.com",
		"darktrace.model_breach.device.ip":                                              "192.0.2.17",
		"darktrace.model_breach.device.mac":                                             "00:00:5e:00:53:11",
		"darktrace.model_breach.device.typename":                                        "desktop",
		"darktrace.model_breach.device.vendor":                                          "Example Networks",
		"darktrace.model_breach.device.os":                                              "Linux",
		"darktrace.model_breach.device.priority":                                        2.0,
		"darktrace.model_breach.device.first_seen":                                      "2023-11-14T22:13:20.000Z",
		"darktrace.model_breach.device.last_seen":                                       "2024-10-27T00:46:40.001Z",
		"darktrace.model_breach.device.tags":                                            siemtest.List("Admin"),
		"darktrace.model_breach.aianalyst_events":                                       siemtest.List("51e00001-5e1f-4a71-9c10-000000000001"),
		"darktrace.model_breach.triggered_components.0.time":                            "2024-10-27T00:46:40.789Z",
		"darktrace.model_breach.triggered_components.0.cid":                             2026.0,
		"darktrace.model_breach.triggered_components.0.metric":                          "External Connections",
		"darktrace.model_breach.triggered_components.0.size":                            11.5,
		"darktrace.model_breach.triggered_components.0.threshold":                       10.0,
		"darktrace.model_breach.triggered_components.0.interval":                        3600.0,
		"darktrace.model_breach.triggered_components.0.port":                            8443.0,
		"darktrace.model_breach.triggered_components.0.triggered_filters.0.id":          "A",
		"darktrace.model_breach.triggered_components.0.triggered_filters.0.filter_type": "Beaconing score",
		"darktrace.model_breach.triggered_components.0.triggered_filters.0.comparator_type": ">",
		"darktrace.model_breach.triggered_components.0.triggered_filters.0.argument":        "60",
		"darktrace.model_breach.triggered_components.0.triggered_filters.0.value":           "100",
	})
}

func TestOddBreaches(t *testing.T) {
	t.Parallel()
	all := breaches(t)
	system := ecs.FromBreach(all[1], options)
	assert.Nil(t, system.Host, "the system is not a host")
	assert.EqualValues(t, 2, system.Event.Severity, "compliance comes before the category")
	assert.EqualValues(t, 100, system.Event.RiskScore)
	assert.Nil(t, system.Darktrace.ModelBreach.Acknowledged)

	anonymised := ecs.FromBreach(all[2], ecs.Options{})
	assert.Equal(t, "modelbreach/3", anonymised.ID)
	assert.Empty(t, anonymised.Host.IP)
	assert.Equal(t, []string{"192.0.2.#54818"}, anonymised.Darktrace.ModelBreach.MaskedIP)
	assert.Zero(t, anonymised.Event.Severity, "no model, no category")
	assert.Nil(t, anonymised.Rule)
	assert.False(t, *anonymised.Darktrace.ModelBreach.Acknowledged)

	account := ecs.FromBreach(all[3], options)
	assert.Nil(t, account.Host)
	assert.Equal(t, &ecs.User{Name: "jdoe@example.com", Email: "jdoe@example.com"}, account.User, "from its component")
	assert.EqualValues(t, 4, account.Event.Severity, "from its priority")
	assert.EqualValues(t, 75, account.Event.RiskScore, "of the alert, not of the device")
	assert.Equal(t, "https://appliance.example.com/tenant/#modelbreach/4", account.Event.URL)

	outside := ecs.FromBreach(&darktrace.ModelBreach{
		Device:              &darktrace.Device{DID: -7, IP: "192.0.2.0/24"},
		TriggeredComponents: []darktrace.TriggeredComponent{{Device: &darktrace.Device{DID: -3, SID: -9, Hostname: "SaaS::Office365: jdoe@example.com"}}},
	}, options)
	assert.Equal(t, &ecs.Host{ID: "-7", Name: "192.0.2.0/24"}, outside.Host, "a range has a negative id")
	assert.Equal(t, []string{"192.0.2.0/24"}, outside.Darktrace.ModelBreach.MaskedIP)
	assert.EqualValues(t, -7, outside.Darktrace.ModelBreach.Device.DID)
	assert.Equal(t, "jdoe@example.com", outside.User.Name, "and so may an account")
	assert.Equal(t, []string{"jdoe@example.com"}, outside.Related.User)

	assert.Nil(t, ecs.FromBreach(nil, options))
	empty := ecs.FromBreach(&darktrace.ModelBreach{DeviceScore: darktrace.Probability(math.NaN())}, options)
	assert.Empty(t, newChecker().check(siemtest.Encode(t, empty)))
	assert.Empty(t, empty.Event.URL)
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
	doc := ecs.FromBreachChange(change, options)
	assert.Empty(t, newChecker().check(siemtest.Encode(t, doc)))
	assert.Equal(t, ecs.FromBreach(b, options).ID, doc.ID, "an update replaces the document")
	assert.Equal(t, doc.ID, doc.Event.ID)
	assert.Equal(t, "updated", doc.Event.Action)
	assert.Equal(t, &ecs.Change{Key: "key-1", Kind: "updated", Fields: []ecs.FieldChange{
		{Field: "acknowledged", Old: "false", New: "true"},
		{Field: "commentCount", Old: "0", New: "2"},
		{Field: "score", Old: "0.5", New: "0.67"},
	}}, doc.Darktrace.ModelBreach.Change)
	siemtest.Golden(t, *update, "breachchange.json", doc)

	fromSource := ecs.FromBreachChange(change, ecs.Options{})
	assert.Equal(t, "source.example.com/modelbreach/6000000040017", fromSource.ID)
	assert.Equal(t, fromSource.ID, ecs.FromBreach(b, ecs.Options{BaseURL: "https://Source.Example.com:8443"}).ID)
	assert.Equal(t, "source.example.com", fromSource.Observer.Hostname)
	assert.Nil(t, ecs.FromBreachChange(nil, options))
	assert.Nil(t, ecs.FromBreachChange(&darktrace.BreachChange{Kind: darktrace.EventNew}, options))
}

// TestBreachSharesNothing: a document stays as it is when its alert changes.
func TestBreachSharesNothing(t *testing.T) {
	t.Parallel()
	b := breaches(t)[0]
	doc := ecs.FromBreach(b, options)
	before := string(siemtest.Encode(t, doc))
	*b.Acknowledged = false
	b.Model.Then.Tags[0] = "changed"
	b.Device.Tags[0].Name = "changed"
	assert.Equal(t, before, string(siemtest.Encode(t, doc)))
}
