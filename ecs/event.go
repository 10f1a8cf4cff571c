package ecs

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// Options add what an event does not contain. The zero value is ready to use.
type Options struct {
	// BaseURL is the URL of the appliance. Its host becomes observer.hostname,
	// and event.url is made from it for events without a link. "" leaves both
	// out.
	BaseURL string
	// Version is the version of the appliance, for observer.version; "" leaves it
	// out.
	Version string
	// ReadAt is when the event was read, for event.created, and for @timestamp
	// of an event without a time. The zero time leaves event.created out.
	ReadAt time.Time

	source string // of a change
}

// FromEvent maps an event to a document, or nil to nil. The document shares no
// memory with the event.
func FromEvent(e *darktrace.IncidentEvent, opts Options) *Document {
	if e == nil {
		return nil
	}
	doc := opts.document(e.ID, "ai_analyst")
	doc.Timestamp = cmp.Or(siem.Timestamp(e.CreatedAt), siem.Timestamp(e.LastActivity()), siem.Timestamp(e.FirstActivity()), doc.Timestamp)
	doc.Message = cmp.Or(e.Summary.String(), e.Title)
	doc.Event.Reason = e.Title
	doc.Event.Severity = int64(e.Category.Severity())
	doc.Event.RiskScore = siem.Score(e.AIAScore)
	doc.Event.RiskScoreNorm = siem.Score(e.AIAScore)
	doc.Event.span(e.FirstActivity(), e.LastActivity())
	doc.Event.URL = siem.EventURL(opts.BaseURL, e)
	doc.Event.Original = string(e.Raw)
	if e.IsEmail() {
		doc.Event.Category = append(doc.Event.Category, "email")
		doc.Email = &Email{From: Addresses{Address: []string{e.Sender}}}
	}
	if e.Summariser != "" {
		doc.Rule = &Rule{Name: e.Summariser, Ruleset: "AI Analyst"}
	}
	doc.Threat = threat(e.MITRETactics)
	doc.subject(e.BreachDevices)
	doc.Related = related(e.Observables())
	doc.Darktrace.AIAnalyst = analyst(e)
	return doc
}

// FromChange maps a change to the document of the event in its current state.
// event.action and darktrace.ai_analyst.change describe the change. It returns
// nil for a nil change, or one without an event.
func FromChange(c *darktrace.EventChange, opts Options) *Document {
	if c == nil || c.Event == nil {
		return nil
	}
	opts.source = c.Source
	doc := FromEvent(c.Event, opts)
	doc.Event.Action = c.Kind.String()
	doc.Darktrace.AIAnalyst.Change = change(c.Key, c.Kind, c.Fields)
	doc.Darktrace.AIAnalyst.PreviousGroups = slices.Clone(c.PreviousGroups)
	return doc
}

func change(key string, kind darktrace.ChangeKind, fields []darktrace.FieldChange) *Change {
	as := &Change{Key: key, Kind: kind.String()}
	for _, field := range fields {
		as.Fields = append(as.Fields, FieldChange{field.Field, fmt.Sprint(field.Old), fmt.Sprint(field.New)})
	}
	return as
}

// document is what all documents have.
func (o Options) document(id, dataset string) *Document {
	doc := &Document{
		ID:        id,
		Timestamp: time.UnixMilli(0).UTC().Format(siem.Layout),
		ECS:       ECS{Version: Version},
		Event: Event{
			ID: id, Kind: "alert", Category: []string{"intrusion_detection"}, Type: []string{"info"},
			Module: "darktrace", Dataset: "darktrace." + dataset,
		},
		Observer: Observer{Vendor: "Darktrace", Product: "Threat Visualizer", Type: "ids", Version: o.Version},
	}
	doc.Observer.at(siem.Host(o.BaseURL, o.source))
	if !o.ReadAt.IsZero() {
		doc.Event.Created = o.ReadAt.UTC().Format(siem.Layout)
		doc.Timestamp = doc.Event.Created
	}
	return doc
}

// at says where the appliance is.
func (o *Observer) at(host string) {
	if address, ok := siem.Address(host); ok {
		o.IP = []string{address}
		return
	}
	o.Hostname = host
}

// span sets begin, end and duration, as far as they are known.
func (e *Event) span(start, end darktrace.Millis) {
	e.Start, e.End = siem.Timestamp(start), siem.Timestamp(end)
	length := end.Time().Sub(start.Time())
	if fits := start.Time().Add(length).Equal(end.Time()); fits && length > 0 && e.Start != "" && e.End != "" {
		e.Duration = int64(length)
	}
}

// subject sets host and user: the first device and the first account.
func (doc *Document) subject(devices []darktrace.EventDevice) {
	for i := range devices {
		d := &devices[i]
		if _, user, ok := siem.Account(d); ok {
			if doc.User == nil && user != "" {
				doc.User = &User{Name: user}
				if siem.Mail(user) {
					doc.User.Email = user
				}
			}
			continue
		}
		if doc.Host == nil && d.Name() != "" {
			doc.Host = host(d)
		}
	}
}

func host(d *darktrace.EventDevice) *Host {
	h := &Host{Name: d.Name(), Hostname: d.Hostname}
	if d.Hostname != "" {
		h.Name = strings.ToLower(d.Hostname)
	}
	if d.DID != 0 {
		h.ID = strconv.FormatInt(d.DID, 10)
	}
	if address, ok := siem.Address(d.IP); ok {
		h.IP = []string{address}
	}
	if mac, ok := siem.MAC(d.MAC); ok {
		h.MAC = []string{mac}
	}
	return h
}

// related gathers what to search by; nil when there is nothing.
func related(observables []darktrace.Observable) *Related {
	var r Related
	for _, o := range observables {
		switch o.Kind {
		case darktrace.ObservableUser:
			add(&r.User, o.Value)
		case darktrace.ObservableIP, darktrace.ObservableHost, darktrace.ObservableDomain:
			r.host(o.Value)
		case darktrace.ObservableURL:
			if u, err := url.Parse(o.Value); err == nil {
				r.host(u.Hostname())
			}
		default: // ECS relates by neither hardware nor e-mail addresses.
		}
	}
	return r.orNil()
}

// orNil returns nil when there is nothing.
func (r *Related) orNil() *Related {
	if r.IP == nil && r.Hosts == nil && r.User == nil {
		return nil
	}
	return r
}

// host adds names of a host, each of which may be an address.
func (r *Related) host(names ...string) {
	for _, name := range names {
		if address, ok := siem.Address(name); ok {
			add(&r.IP, address)
		} else if siem.Hostname(name) {
			add(&r.Hosts, name)
		}
	}
}

// add adds what is not there yet.
func add(list *[]string, value string) {
	if value != "" && !slices.Contains(*list, value) {
		*list = append(*list, value)
	}
}

func threat(tactics []darktrace.Tactic) *Threat {
	t := &Tactic{}
	for _, tactic := range tactics {
		if tactic == "" {
			continue
		}
		t.Name = append(t.Name, tactic.Name())
		if id := tactic.ID(); id != "" {
			t.ID = append(t.ID, id)
			t.Reference = append(t.Reference, siem.TacticURL(tactic))
		}
	}
	if t.Name == nil {
		return nil
	}
	return &Threat{Framework: framework, Tactic: t}
}

const framework = "MITRE ATT&CK"
