package ocsf

import (
	"cmp"
	"encoding/json"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// evidences sets what the event is based on: the mail, each group of details, and
// each device, host and user once.
func (f *DetectionFinding) evidences(e *darktrace.IncidentEvent) {
	if e.IsEmail() {
		f.Evidences = append(f.Evidences, Evidence{Email: &Email{From: e.Sender}})
	}
	for _, section := range e.Details {
		for _, block := range section.Blocks {
			for _, group := range block.Groups {
				if len(group) > 0 {
					f.Evidences = append(f.Evidences, Evidence{Name: block.Header, Data: data(group)})
				}
			}
		}
	}
	seen := map[string]bool{}
	for entity := range siem.Entities(e) {
		evidence := entityEvidence(entity, e.IsSaaS())
		key, _ := json.Marshal(evidence) //nolint:errchkjson // Text only.
		if evidence != (Evidence{}) && !seen[string(key)] {
			seen[string(key)] = true
			f.Evidences = append(f.Evidences, evidence)
		}
	}
}

func data(group []darktrace.Detail) *Data {
	d := &Data{}
	for _, detail := range group {
		d.Details = append(d.Details, Detail{detail.Key, string(detail.Type), detail.Strings()})
	}
	return d
}

// entityEvidence is the evidence that somebody or something takes part; empty when
// nothing is known of it.
func entityEvidence(entity siem.Entity, saas bool) Evidence {
	switch {
	case entity.Device != nil && entity.Device.Name() == "":
		return Evidence{}
	case entity.Device != nil:
		if u := account(entity.Device); u != nil {
			return Evidence{User: u}
		}
		return Evidence{Device: device(entity.Device)}
	case entity.User != "":
		return Evidence{User: user(entity.User)}
	}
	host := endpoint(entity.Host)
	switch {
	case *host == Endpoint{}:
		return Evidence{}
	case saas:
		return Evidence{SrcEndpoint: host}
	default:
		return Evidence{DstEndpoint: host}
	}
}

// endpoint sorts the names of a host by what they are: some are addresses.
func endpoint(h *darktrace.ExternalHost) *Endpoint {
	as := &Endpoint{}
	for _, name := range []string{h.IP, h.Hostname, h.Identifier} {
		if address, ok := siem.Address(name); ok {
			as.IP = cmp.Or(as.IP, address)
		} else if siem.Hostname(name) {
			as.Hostname = cmp.Or(as.Hostname, name)
		} else {
			as.Name = cmp.Or(as.Name, name)
		}
	}
	return as
}
