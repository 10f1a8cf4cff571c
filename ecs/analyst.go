package ecs

import (
	"slices"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// analyst holds the values for which ECS has no field, or only a partial one.
func analyst(e *darktrace.IncidentEvent) *AIAnalyst {
	a := &AIAnalyst{
		IncidentID:        e.IncidentID(),
		CurrentGroup:      e.CurrentGroup,
		PreviousGroups:    slices.Clone(e.PreviousGroups),
		GroupCategory:     string(e.GroupCategory),
		GroupScore:        siem.Score(e.GroupScore),
		Category:          string(e.Category),
		AIAScore:          siem.Score(e.AIAScore),
		Summariser:        e.Summariser,
		MITRETactics:      siem.Texts(e.MITRETactics),
		Acknowledged:      e.Acknowledged,
		Pinned:            e.Pinned,
		UserTriggered:     e.UserTriggered,
		ExternalTriggered: e.ExternalTriggered,
		Sender:            e.Sender,
		Details:           details(e.Details),
		MaskedIP:          siem.Masked(e),
		Children:          slices.Clone(e.Children),
		ActivityID:        e.ActivityID,
		GroupingIDs:       slices.Clone(e.GroupingIDs),
		GroupByActivity:   e.GroupByActivity,
	}
	for _, phase := range e.AttackPhases {
		a.AttackPhases = append(a.AttackPhases, int64(phase))
	}
	for _, p := range e.Periods {
		a.Periods = append(a.Periods, Period{siem.Timestamp(p.Start), siem.Timestamp(p.End)})
	}
	for i := range e.BreachDevices {
		a.BreachDevices = append(a.BreachDevices, device(&e.BreachDevices[i]))
	}
	for _, b := range e.RelatedBreaches {
		a.RelatedBreaches = append(a.RelatedBreaches, RelatedBreach{b.ModelName, b.PBID, siem.Score(b.ThreatScore), siem.Timestamp(b.Timestamp)})
	}
	return a
}

func device(d *darktrace.EventDevice) Device {
	address, _ := siem.Address(d.IP)
	module, user, _ := siem.Account(d)
	return Device{
		DID: d.DID, SID: d.SID, Identifier: d.Identifier, Hostname: d.Hostname, IP: address, MaskedIP: masked(d.IP),
		MAC: d.MAC, Subnet: d.Subnet, SaaSModule: module, SaaSUser: user,
	}
}

// masked returns the text that stands in place of an address.
func masked(ip string) string {
	if _, ok := siem.Address(ip); ok {
		return ""
	}
	return ip
}

func details(sections darktrace.Details) []Detail {
	var all []Detail
	var group int64
	for _, section := range sections {
		for _, block := range section.Blocks {
			for _, details := range block.Groups {
				for _, d := range details {
					all = append(all, Detail{group, block.Header, d.Key, string(d.Type), d.Strings()})
				}
				group++
			}
		}
	}
	return all
}
