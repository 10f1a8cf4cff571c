package darktracetest

import (
	"fmt"
	"strings"
)

// Profile is the appliance version that a Server behaves like.
type Profile int

// The versions that differ in what they offer or accept.
const (
	// V52 is 5.2: no comments can be posted, no pins, statistics or
	// investigations, no MITRE tactics, no acknowledged flag on the events of a
	// group.
	V52 Profile = iota + 1
	// V60 is 6.0.2: comments can be posted, there are statistics and MITRE
	// tactics.
	V60
	// V61 is 6.1: pins, investigations, e-mail events with their sender.
	V61
	// V70 is 7.0: a posted comment is answered with SUCCESS and stored nowhere.
	V70
	// V71 is 7.1: dates as "2006-01-02 15:04:05" only, the query may be signed
	// as sent, a missing permission is a 403. The default.
	V71
)

func profileNames() [5]string { return [...]string{"5.2", "6.0", "6.1", "7.0", "7.1"} }

// String returns the version as people write it: "7.1".
func (p Profile) String() string {
	if p < V52 || p > V71 {
		return fmt.Sprintf("Profile(%d)", int(p))
	}
	return profileNames()[p-V52]
}

// ParseProfile reads a version as "7.1", "71" or "V71".
func ParseProfile(s string) (Profile, error) {
	bare := strings.ReplaceAll(strings.TrimLeft(s, "vV"), ".", "")
	for i, name := range profileNames() {
		if bare == strings.ReplaceAll(name, ".", "") {
			return V52 + Profile(i), nil
		}
	}
	return 0, fmt.Errorf("darktracetest: no profile %q: it is one of %s", s, strings.Join(Profiles(), ", "))
}

// Profiles lists the versions that ParseProfile knows, oldest first.
func Profiles() []string {
	names := profileNames()
	return names[:]
}

func (p Profile) dateLayouts() []string {
	spaced := "2006-01-02 15:04:05"
	if p >= V71 {
		return []string{spaced}
	}
	// Those of ISO 8601 include fractions of a second; see parseDate.
	return []string{spaced, "20060102T150405", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00"}
}

// unknownFields are the fields of an event that this version does not have.
func (p Profile) unknownFields() []string {
	var fields []string
	if p < V60 {
		fields = append(fields, "mitreTactics")
	}
	if p < V61 {
		fields = append(fields, "sender")
	}
	return fields
}

// Permission is what the user behind a token may do.
type Permission string

// The permissions that AI Analyst asks for, by their names in the user
// administration of an appliance.
const (
	// Visualizer is needed to read anything, and to pin.
	Visualizer Permission = "Visualizer"
	// UnrestrictedDevices is needed to see devices as they are: without it
	// addresses are anonymised.
	UnrestrictedDevices Permission = "Unrestricted Devices"
	// AcknowledgeBreaches is needed to acknowledge and unacknowledge.
	AcknowledgeBreaches Permission = "Acknowledge Breaches"
	// DiscussBreaches is needed to post comments.
	DiscussBreaches Permission = "Discuss Breaches"
	// CreateInvestigations is needed to start an investigation.
	CreateInvestigations Permission = "Create AI Analyst Investigations"
)

// AllPermissions lists every permission: what a token has unless told otherwise.
func AllPermissions() []Permission {
	return []Permission{Visualizer, UnrestrictedDevices, AcknowledgeBreaches, DiscussBreaches, CreateInvestigations}
}
