package ecs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// FromBreach maps a model alert to a document, or nil to nil. The document
// shares no memory with the alert.
func FromBreach(b *darktrace.ModelBreach, opts Options) *Document {
	if b == nil {
		return nil
	}
	m := siem.Model(b)
	doc := opts.document(siem.BreachID(siem.Host(opts.BaseURL, opts.source), b.PBID), "model_breach")
	doc.Timestamp = cmp.Or(siem.Timestamp(b.CreationTime), siem.Timestamp(b.Time), doc.Timestamp)
	doc.Message = cmp.Or(siem.Description(m), m.Name)
	doc.Event.Reason = m.Name
	doc.Event.Severity = int64(siem.Category(m).Severity())
	doc.Event.RiskScore = siem.BreachScore(b)
	doc.Event.RiskScoreNorm = doc.Event.RiskScore
	doc.Event.Start = siem.Timestamp(b.Time)
	doc.Event.URL = siem.BreachURL(opts.BaseURL, b)
	doc.Rule = rule(m)
	doc.Threat = threat(siem.Tactics(m)).with(siem.Techniques(b))
	devices := siem.Devices(b)
	for _, d := range devices {
		doc.subject([]darktrace.EventDevice{*siem.EventDevice(d)})
	}
	doc.Related = relatedToBreach(b, devices)
	doc.Darktrace.ModelBreach = modelBreach(b, devices)
	return doc
}

// FromBreachChange maps a change to the document of the model alert in its
// current state, with the ID that [FromBreach] gives it. event.action and
// darktrace.model_breach.change describe the change. It returns nil for a nil
// change, or one without an alert.
func FromBreachChange(c *darktrace.BreachChange, opts Options) *Document {
	if c == nil || c.Breach == nil {
		return nil
	}
	opts.source = c.Source
	doc := FromBreach(c.Breach, opts)
	doc.Event.Action = c.Kind.String()
	doc.Darktrace.ModelBreach.Change = change(c.Key, c.Kind, c.Fields)
	return doc
}

func rule(m *darktrace.Model) *Rule {
	if m.Name == "" {
		return nil
	}
	r := &Rule{Name: m.Name, Ruleset: "Models", UUID: m.UUID, Description: siem.Description(m)}
	if folders := siem.Folders(m); len(folders) > 0 {
		r.Category = folders[0]
	}
	if m.PID != 0 {
		r.ID = strconv.FormatInt(m.PID, 10)
	}
	if m.Version != 0 {
		r.Version = strconv.FormatInt(m.Version, 10)
	}
	return r
}

// with adds techniques to t, which may be nil. A sub-technique is below its
// technique.
func (t *Threat) with(techniques []siem.Technique) *Threat {
	if len(techniques) == 0 {
		return t
	}
	if t == nil {
		t = &Threat{Framework: framework}
	}
	t.Technique = &Technique{}
	for _, technique := range techniques {
		id, _, isSub := strings.Cut(technique.ID, ".")
		add(&t.Technique.ID, id)
		add(&t.Technique.Reference, siem.TechniqueURL(id))
		if !isSub {
			add(&t.Technique.Name, technique.Name)
			continue
		}
		if t.Technique.Subtechnique == nil {
			t.Technique.Subtechnique = &Subtechnique{}
		}
		sub := t.Technique.Subtechnique
		add(&sub.ID, technique.ID)
		add(&sub.Name, technique.Name)
		add(&sub.Reference, siem.TechniqueURL(technique.ID))
	}
	return t
}

func relatedToBreach(b *darktrace.ModelBreach, devices []*darktrace.Device) *Related {
	var r Related
	for _, d := range devices {
		if _, user, ok := siem.Account(siem.EventDevice(d)); ok {
			add(&r.User, user)
		} else {
			r.host(d.IP, d.Hostname, d.Label)
			for _, address := range d.IPs {
				r.host(address.IP)
			}
		}
		for _, credential := range d.Credentials {
			add(&r.User, credential.Credential)
		}
	}
	r.host(siem.Triggers(b)...)
	return r.orNil()
}

// modelBreach holds the values for which ECS has no field, or only a partial one.
func modelBreach(b *darktrace.ModelBreach, devices []*darktrace.Device) *ModelBreach {
	m := siem.Model(b)
	as := &ModelBreach{
		PBID:         b.PBID,
		Time:         siem.Timestamp(b.Time),
		CreationTime: siem.Timestamp(b.CreationTime),
		CommentCount: b.CommentCount,
		PercentScore: siem.BreachScore(b),
		DeviceScore:  siem.Score(b.DeviceScore.Percent()),
		Model: BreachModel{
			Name: m.Name, PID: m.PID, PHID: m.PHID, UUID: m.UUID, Priority: m.Priority, Category: string(m.Category),
			Compliance: m.Compliance, Tags: slices.Clone(m.Tags), Tactics: siem.Texts(m.MITRE.Tactics),
		},
	}
	if b.Acknowledged != nil {
		acknowledged := *b.Acknowledged
		as.Acknowledged = &acknowledged
	}
	for i, d := range devices {
		add(&as.MaskedIP, masked(d.IP))
		if i == 0 {
			as.Device = breachDevice(d)
		}
	}
	for i := range b.TriggeredComponents {
		if c := component(&b.TriggeredComponents[i]); c.Time != "" {
			as.TriggeredComponents = append(as.TriggeredComponents, c)
		}
	}
	for _, event := range b.AIAnalystData {
		add(&as.AIAnalystEvents, event.EventID)
	}
	return as
}

func breachDevice(d *darktrace.Device) *BreachDevice {
	first, last := d.Seen()
	as := &BreachDevice{
		Device: device(siem.EventDevice(d)), TypeName: d.TypeName, Vendor: d.Vendor, OS: d.OS, Priority: d.Priority,
		FirstSeen: siem.Timestamp(first), LastSeen: siem.Timestamp(last),
	}
	for _, tag := range d.Tags {
		add(&as.Tags, tag.Name)
	}
	return as
}

func component(c *darktrace.TriggeredComponent) TriggeredComponent {
	as := TriggeredComponent{
		Time: siem.Timestamp(c.Time), CID: c.CID, Metric: cmp.Or(c.Metric.Label, c.Metric.Name),
		Size: siem.Number(c.Size), Threshold: siem.Number(c.Threshold), Interval: c.Interval, Port: c.Port,
	}
	for _, f := range c.TriggeredFilters {
		as.Filters = append(as.Filters, TriggeredFilter{f.ID, f.FilterType, f.ComparatorType, f.Arguments.Value.String(), f.Trigger.Value})
	}
	return as
}
