package ocsf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// FromBreach maps a model alert to a new finding, or nil to nil. The finding
// shares no memory with the alert.
func FromBreach(b *darktrace.ModelBreach, opts Options) *DetectionFinding {
	if b == nil {
		return nil
	}
	m := siem.Model(b)
	f := opts.finding(siem.BreachID(opts.host(), b.PBID), "Model alerts")
	f.SeverityID, f.Severity = severity(siem.Category(m))
	if b.Acknowledged != nil {
		f.setStatus(opts.status(*b.Acknowledged))
	}
	f.Message = cmp.Or(siem.Description(m), m.Name)
	f.RiskScore = int64(siem.BreachScore(b))
	f.at(cmp.Or(b.CreationTime, b.Time), b.Time, 0)
	f.FindingInfo.Title = m.Name
	f.FindingInfo.Desc = f.Message
	f.FindingInfo.SrcURL = siem.BreachURL(opts.BaseURL, b)
	f.FindingInfo.Types = siem.Folders(m)
	f.FindingInfo.Analytic = analytic(m)
	f.FindingInfo.Attacks = append(attacks(siem.Tactics(m)), techniques(siem.Techniques(b))...)
	for _, event := range b.AIAnalystData {
		f.relateEvent(event)
	}
	devices := siem.Devices(b)
	for _, d := range devices {
		f.involve(d)
	}
	for i := range b.TriggeredComponents {
		if c := component(&b.TriggeredComponents[i]); c.Time != 0 {
			f.Evidences = append(f.Evidences, Evidence{Name: c.Metric, Data: &Data{Component: c}})
		}
	}
	f.observe()
	f.Unmapped = &Unmapped{ModelBreach: modelBreach(b, devices)}
	return f
}

// FromBreachChange maps a change of a model alert to a finding, as [FromChange]
// does for an event: a new alert to a Create, any other change to an Update of
// the finding with the same finding_info.uid. It returns nil for a nil change,
// or one without an alert.
func FromBreachChange(c *darktrace.BreachChange, opts Options) *DetectionFinding {
	if c == nil || c.Breach == nil {
		return nil
	}
	opts.source = c.Source
	f := FromBreach(c.Breach, opts)
	f.setChange(c.Kind, c.Key)
	f.Unmapped.ModelBreach.Changes = fieldChanges(c.Fields)
	return f
}

func analytic(m *darktrace.Model) *Analytic {
	if m.Name == "" {
		return nil
	}
	a := &Analytic{Name: m.Name, UID: m.UUID, Desc: siem.Description(m), TypeID: 1, Type: "Rule"}
	if m.Version != 0 {
		a.Version = strconv.FormatInt(m.Version, 10)
	}
	return a
}

func techniques(list []siem.Technique) []Attack {
	var all []Attack
	for _, t := range list {
		technique := &Technique{t.ID, t.Name, siem.TechniqueURL(t.ID)}
		if parent, _, isSub := strings.Cut(t.ID, "."); isSub {
			all = append(all, Attack{Technique: &Technique{UID: parent, SrcURL: siem.TechniqueURL(parent)}, SubTechnique: technique})
		} else {
			all = append(all, Attack{Technique: technique})
		}
	}
	return all
}

// relateEvent adds an incident event.
func (f *DetectionFinding) relateEvent(e darktrace.BreachEvent) {
	if e.EventID == "" {
		return
	}
	typeUID, typeName := typeOf(ActivityCreate)
	f.FindingInfo.RelatedEvents = append(f.FindingInfo.RelatedEvents, RelatedEvent{
		UID: e.EventID, Title: e.Summariser, TypeUID: typeUID, TypeName: typeName,
	})
	f.FindingInfo.RelatedEventsCount++
}

// involve adds a device, and as evidence the users that were seen on it.
func (f *DetectionFinding) involve(d *darktrace.Device) {
	none := f.Device == nil
	f.resources([]darktrace.EventDevice{*siem.EventDevice(d)})
	if none && f.Device != nil {
		first, last := d.Seen()
		f.Device.VendorName, f.Device.FirstSeenTime, f.Device.LastSeenTime = d.Vendor, timestamp(first), timestamp(last)
		f.Device.TypeID, f.Device.Type = deviceType(d.TypeName)
	}
	for _, credential := range d.Credentials {
		if credential.Credential != "" {
			f.Evidences = append(f.Evidences, Evidence{User: user(credential.Credential)})
		}
	}
}

// deviceType returns the type of a device, if OCSF has it.
func deviceType(name string) (id int64, caption string) {
	switch kind := strings.ToLower(name); {
	case kind == "":
		return 0, "Unknown"
	case strings.HasSuffix(kind, "server"):
		return 1, "Server"
	case kind == "desktop":
		return 2, "Desktop"
	case kind == "laptop":
		return 3, "Laptop"
	case kind == "tablet":
		return 4, "Tablet"
	case kind == "mobile":
		return 5, "Mobile"
	default:
		return 99, name
	}
}

func component(c *darktrace.TriggeredComponent) *Component {
	as := &Component{
		Time: timestamp(c.Time), CID: c.CID, Metric: cmp.Or(c.Metric.Label, c.Metric.Name),
		Size: siem.Number(c.Size), Threshold: siem.Number(c.Threshold), Interval: c.Interval, IP: strings.TrimSuffix(c.IP, "/32"), Port: c.Port,
	}
	for _, filter := range c.TriggeredFilters {
		as.Filters = append(as.Filters, Filter{filter.ID, filter.FilterType, filter.ComparatorType, filter.Arguments.Value.String(), filter.Trigger.Value})
	}
	return as
}

// modelBreach is what OCSF has no field for.
func modelBreach(b *darktrace.ModelBreach, devices []*darktrace.Device) *ModelBreach {
	m := siem.Model(b)
	as := &ModelBreach{
		PBID:         b.PBID,
		CommentCount: b.CommentCount,
		PercentScore: siem.BreachScore(b),
		DeviceScore:  siem.Score(b.DeviceScore.Percent()),
		Category:     string(m.Category),
		Compliance:   m.Compliance,
		Priority:     m.Priority,
		PID:          m.PID,
		PHID:         m.PHID,
		Tags:         slices.Clone(m.Tags),
	}
	if b.Acknowledged != nil {
		acknowledged := *b.Acknowledged
		as.Acknowledged = &acknowledged
	}
	for i, d := range devices {
		if _, ok := siem.Address(d.IP); !ok && d.IP != "" {
			as.MaskedIP = append(as.MaskedIP, d.IP)
		}
		for _, tag := range d.Tags {
			if i == 0 && tag.Name != "" {
				as.DeviceTags = append(as.DeviceTags, tag.Name)
			}
		}
	}
	return as
}
