package darktracetest

import (
	"fmt"
	"strings"
)

// Profile is the appliance version that a Server behaves like.
type Profile int

// The versions that differ in what they offer or accept.
const (
	// V52 is 5.2: it has no pins, statistics, investigations or MITRE tactics,
	// no flag on the events of a group, and comments can't be posted.
	V52 Profile = iota + 1
	// V60 is 6.0.2: it adds posting of comments, statistics and MITRE tactics.
	V60
	// V61 is 6.1: it adds pins, investigations, the flag on the events of a
	// group, and e-mail events with their sender.
	V61
	// V70 is 7.0: a posted comment gets the response SUCCESS and is not stored.
	V70
	// V71 is 7.1: the query may be signed as sent, and a missing permission is
	// a 403. It is the default.
	V71
)

func profileNames() [5]string { return [...]string{"5.2", "6.0", "6.1", "7.0", "7.1"} }

// String returns the version in the usual form: "7.1".
func (p Profile) String() string {
	if p < V52 || p > V71 {
		return fmt.Sprintf("Profile(%d)", int(p))
	}
	return profileNames()[p-V52]
}

// ParseProfile parses a version such as "7.1", "71" or "V71".
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

// The permissions that operations ask for, by their names in the user
// administration of an appliance.
const (
	// Visualizer is needed to read most things, and to pin.
	Visualizer Permission = "Visualizer"
	// UnrestrictedDevices is needed to see devices as they are: without it
	// addresses are anonymised, or nothing is shown.
	UnrestrictedDevices Permission = "Unrestricted Devices"
	// AcknowledgeBreaches is needed to acknowledge and unacknowledge.
	AcknowledgeBreaches Permission = "Acknowledge Breaches"
	// DiscussBreaches is needed to post comments.
	DiscussBreaches Permission = "Discuss Breaches"
	// CreateInvestigations is needed to start an investigation.
	CreateInvestigations Permission = "Create AI Analyst Investigations"
	// PlatformAccounts is enough to read models, alerts, devices and tags.
	PlatformAccounts Permission = "Platform Accounts Console"
	// ViewModels is enough to read models, alerts, tags and metrics.
	ViewModels Permission = "View Models"
	// EditModels is enough to read what ViewModels can read.
	EditModels Permission = "Edit Models"
	// DeviceAdmin is needed to change devices, and enough to read them and tags.
	DeviceAdmin Permission = "Device Admin"
	// SubnetAdmin is needed to change subnets.
	SubnetAdmin Permission = "Subnet Admin"
	// EditTags is needed to create, delete, assign and remove tags.
	EditTags Permission = "Edit Tags"
	// EditDomains is needed to read and change watched domains.
	EditDomains Permission = "Edit Domains"
	// CreatePCAPs is needed to list and create packet captures.
	CreatePCAPs Permission = "Create PCAPs"
	// DownloadPCAPs is needed, with CreatePCAPs, to download them.
	DownloadPCAPs Permission = "Download PCAPs"
	// UseAdvancedSearch is needed, with UnrestrictedDevices, for Advanced Search.
	UseAdvancedSearch Permission = "Advanced Search"
	// ReadStatus is needed to read the appliance's status.
	ReadStatus Permission = "Status"
	// Respond is needed, with Visualizer and UnrestrictedDevices, to act on devices.
	Respond Permission = "Darktrace RESPOND"
	// EmailLogs is needed for everything in Darktrace/EMAIL.
	EmailLogs Permission = "Email Logs"
	// ManualAction is needed to hold and release e-mails.
	ManualAction Permission = "Manual Action"
	// DownloadEmail is needed to download e-mails.
	DownloadEmail Permission = "Download Email"
	// EmailAuditLog is needed to read the audit log of Darktrace/EMAIL.
	EmailAuditLog Permission = "Audit Log (Darktrace/Email)"
)

// AllPermissions lists every permission, which is what a token has by default.
func AllPermissions() []Permission {
	return []Permission{
		Visualizer, UnrestrictedDevices, AcknowledgeBreaches, DiscussBreaches, CreateInvestigations,
		PlatformAccounts, ViewModels, EditModels, DeviceAdmin, SubnetAdmin, EditTags, EditDomains,
		CreatePCAPs, DownloadPCAPs, UseAdvancedSearch, ReadStatus, Respond,
		EmailLogs, ManualAction, DownloadEmail, EmailAuditLog,
	}
}
