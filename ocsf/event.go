package ocsf

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// Options add what an event does not contain. The zero value is ready to use.
type Options struct {
	// BaseURL is the URL of the appliance. Its host becomes
	// metadata.log_provider, and finding_info.src_url is made from it for
	// events without a link. "" leaves both out.
	BaseURL string
	// Version is the version of the appliance, for metadata.product.version; ""
	// leaves it out.
	Version string
	// ReadAt is when the event was read, for metadata.processed_time, and for
	// time of an event without a time. The zero time leaves processed_time out.
	ReadAt time.Time
	// Acknowledged is the status of an acknowledged event; 0 means
	// StatusInProgress.
	Acknowledged Status

	source string // of a change
}

func (o Options) host() string { return siem.Host(o.BaseURL, o.source) }

// FromEvent maps an event to a new finding, or nil to nil. The finding shares
// no memory with the event.
func FromEvent(e *darktrace.IncidentEvent, opts Options) *DetectionFinding {
	if e == nil {
		return nil
	}
	f := opts.finding(e.ID, "AI Analyst")
	f.SeverityID, f.Severity = severity(e.Category)
	f.setStatus(opts.status(e.Acknowledged))
	f.Message = cmp.Or(e.Summary.String(), e.Title)
	f.RiskScore = int64(siem.Score(e.AIAScore))
	f.at(e.CreatedAt, e.FirstActivity(), e.LastActivity())
	f.Metadata.CorrelationUID = e.IncidentID()
	f.FindingInfo.Title = e.Title
	f.FindingInfo.Desc = f.Message
	f.FindingInfo.SrcURL = siem.EventURL(opts.BaseURL, e)
	if e.Summariser != "" {
		f.FindingInfo.Types = []string{e.Summariser}
		f.FindingInfo.Analytic = &Analytic{Name: e.Summariser, TypeID: 4, Type: "Learning (ML/DL)"}
	}
	f.FindingInfo.Attacks = attacks(e.MITRETactics)
	for _, breach := range e.RelatedBreaches {
		f.relate(siem.BreachID(opts.host(), breach.PBID), breach)
	}
	f.resources(e.BreachDevices)
	f.evidences(e)
	f.observe()
	f.Unmapped = &Unmapped{AIAnalyst: analyst(e)}
	f.RawData = string(e.Raw)
	return f
}

// FromChange maps a change of an event to a finding: a new event to a Create,
// any other change to an Update of the finding with the same finding_info.uid.
// metadata.uid is the key of the change, which identifies repetitions. It
// returns nil for a nil change, or one without an event.
func FromChange(c *darktrace.EventChange, opts Options) *DetectionFinding {
	if c == nil || c.Event == nil {
		return nil
	}
	opts.source = c.Source
	f := FromEvent(c.Event, opts)
	f.setChange(c.Kind, c.Key)
	f.Unmapped.AIAnalyst.Changes = fieldChanges(c.Fields)
	f.Unmapped.AIAnalyst.PreviousGroups = slices.Clone(c.PreviousGroups)
	return f
}

func fieldChanges(fields []darktrace.FieldChange) []FieldChange {
	var all []FieldChange
	for _, field := range fields {
		all = append(all, FieldChange{field.Field, fmt.Sprint(field.Old), fmt.Sprint(field.New)})
	}
	return all
}

// setChange tells what kind of change the finding is about, and which one.
func (f *DetectionFinding) setChange(kind darktrace.ChangeKind, key string) {
	if kind != darktrace.EventNew {
		f.setActivity(ActivityUpdate)
	}
	f.Metadata.UID = cmp.Or(key, f.Metadata.UID)
}

// finding is what all findings have.
func (o Options) finding(id, feature string) *DetectionFinding {
	f := &DetectionFinding{
		CategoryUID:  CategoryUID,
		CategoryName: "Findings",
		ClassUID:     ClassUID,
		ClassName:    className,
		IsAlert:      true,
		Metadata: Metadata{
			Version:     Version,
			UID:         id,
			LogProvider: o.host(),
			Product:     Product{Name: "Darktrace", VendorName: "Darktrace", Version: o.Version, Feature: Feature{Name: feature}},
		},
		FindingInfo: FindingInfo{UID: id},
	}
	f.setActivity(ActivityCreate)
	if !o.ReadAt.IsZero() {
		f.Metadata.ProcessedTime = o.ReadAt.UnixMilli()
		f.Time = f.Metadata.ProcessedTime
	}
	return f
}

const className = "Detection Finding"

func (f *DetectionFinding) setActivity(a Activity) {
	f.ActivityID, f.ActivityName = a, a.String()
	f.TypeUID, f.TypeName = typeOf(a)
}

func typeOf(a Activity) (uid int64, name string) {
	return ClassUID*100 + int64(a), className + ": " + a.String()
}

// String returns the name of the activity in OCSF.
func (a Activity) String() string {
	switch a {
	case ActivityCreate:
		return "Create"
	case ActivityUpdate:
		return "Update"
	default:
		return "Unknown"
	}
}

func (o Options) status(acknowledged bool) Status {
	if !acknowledged {
		return StatusNew
	}
	return cmp.Or(o.Acknowledged, StatusInProgress)
}

func (f *DetectionFinding) setStatus(s Status) { f.StatusID, f.Status = s, s.String() }

// String returns the name of the status in OCSF.
func (s Status) String() string {
	switch s {
	case StatusNew:
		return "New"
	case StatusInProgress:
		return "In Progress"
	case StatusSuppressed:
		return "Suppressed"
	case StatusResolved:
		return "Resolved"
	case StatusArchived:
		return "Archived"
	default:
		return "Unknown"
	}
}

// severity gives the severity of a category, whose case varies.
func severity(c darktrace.Category) (Severity, string) {
	switch darktrace.Category(strings.ToLower(string(c))) {
	case "":
		return SeverityUnknown, "Unknown"
	case darktrace.CategoryInformational:
		return SeverityInformational, "Informational"
	case darktrace.CategoryCompliance:
		return SeverityLow, "Low"
	case darktrace.CategorySuspicious:
		return SeverityMedium, "Medium"
	case darktrace.CategoryCritical:
		return SeverityCritical, "Critical"
	default:
		return SeverityOther, string(c)
	}
}

// at sets the times, as far as they are known.
func (f *DetectionFinding) at(created, start, end darktrace.Millis) {
	f.Time = cmp.Or(timestamp(created), timestamp(end), timestamp(start), f.Time)
	f.StartTime, f.EndTime = timestamp(start), timestamp(end)
	if f.StartTime != 0 && f.EndTime != 0 {
		f.Duration = max(0, f.EndTime-f.StartTime)
	}
	f.FindingInfo.CreatedTime, f.FindingInfo.FirstSeenTime, f.FindingInfo.LastSeenTime = timestamp(created), f.StartTime, f.EndTime
}

// timestamp is 0 for times that no calendar has.
func timestamp(m darktrace.Millis) int64 {
	if !siem.Valid(m) {
		return 0
	}
	return int64(m)
}

func attacks(tactics []darktrace.Tactic) []Attack {
	var all []Attack
	for _, t := range tactics {
		if t != "" {
			all = append(all, Attack{Tactic: &Tactic{UID: t.ID(), Name: t.Name(), SrcURL: siem.TacticURL(t)}})
		}
	}
	return all
}

// relate adds a model alert.
func (f *DetectionFinding) relate(id string, b darktrace.RelatedBreach) {
	typeUID, typeName := typeOf(ActivityCreate)
	f.FindingInfo.RelatedEvents = append(f.FindingInfo.RelatedEvents, RelatedEvent{
		UID: id, Title: b.ModelName, TypeUID: typeUID, TypeName: typeName, CreatedTime: timestamp(b.Timestamp),
		Tags: []KeyValue{{"threat_score", strconv.FormatFloat(siem.Score(b.ThreatScore), 'f', -1, 64)}},
	})
	f.FindingInfo.RelatedEventsCount++
}

// resources sets all devices and accounts, and the first device.
func (f *DetectionFinding) resources(devices []darktrace.EventDevice) {
	for i := range devices {
		d := &devices[i]
		if d.Name() == "" {
			continue
		}
		if u := account(d); u != nil {
			f.Resources = append(f.Resources, Resource{UID: u.UID, Name: d.Name(), Type: "Account", Namespace: u.Domain, Owner: u})
			continue
		}
		as := device(d)
		f.Resources = append(f.Resources, Resource{UID: as.UID, Name: as.Name, Type: "Device", Hostname: as.Hostname, IP: as.IP})
		if f.Device == nil {
			f.Device = as
		}
	}
}

func device(d *darktrace.EventDevice) *Device {
	as := &Device{Type: "Unknown", UID: did(d.DID), Name: d.Name()}
	if siem.Hostname(d.Hostname) {
		as.Hostname = d.Hostname
	}
	as.IP, _ = siem.Address(d.IP)
	if mac, ok := siem.MAC(d.MAC); ok {
		as.MAC = strings.ReplaceAll(mac, "-", ":")
	}
	if subnet, err := netip.ParsePrefix(d.Subnet); err == nil {
		as.Subnet = subnet.String()
	}
	return as
}

func did(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// account is the user of an account of a SaaS service; nil for devices.
func account(d *darktrace.EventDevice) *User {
	module, name, ok := siem.Account(d)
	if !ok || name == "" {
		return nil
	}
	u := user(name)
	u.UID, u.Domain = did(d.DID), module
	return u
}

func user(name string) *User {
	u := &User{Name: name}
	if siem.Mail(name) {
		u.EmailAddr = name
	}
	return u
}

// analyst is what OCSF has no field for.
func analyst(e *darktrace.IncidentEvent) *AIAnalyst {
	u := &AIAnalyst{
		Category:          string(e.Category),
		GroupCategory:     string(e.GroupCategory),
		AIAScore:          siem.Score(e.AIAScore),
		GroupScore:        siem.Score(e.GroupScore),
		PreviousGroups:    slices.Clone(e.PreviousGroups),
		MITRETactics:      siem.Texts(e.MITRETactics),
		Acknowledged:      e.Acknowledged,
		Pinned:            e.Pinned,
		UserTriggered:     e.UserTriggered,
		ExternalTriggered: e.ExternalTriggered,
		MaskedIP:          siem.Masked(e),
		Children:          slices.Clone(e.Children),
		ActivityID:        e.ActivityID,
		GroupingIDs:       slices.Clone(e.GroupingIDs),
		GroupByActivity:   e.GroupByActivity,
	}
	for _, phase := range e.AttackPhases {
		u.AttackPhases = append(u.AttackPhases, int64(phase))
	}
	for _, p := range e.Periods {
		u.Periods = append(u.Periods, Period{timestamp(p.Start), timestamp(p.End)})
	}
	return u
}
