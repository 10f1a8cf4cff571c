// Package operations lists the operations of the Threat Visualizer API, with the
// permissions that each needs.
package operations

import (
	"net/http"
	"strings"
)

// Operation is one operation of the Threat Visualizer API.
type Operation struct {
	Method     string
	Path       string // Segments in braces match any segment.
	Name       string // Name of the method that calls it, for call hooks.
	Permission string // Permission that the token's user needs; see below.
}

// Permissions as the appliance documents them: with a + all are needed, with a |
// one of them.
const (
	visualizer = "Visualizer"
	accounts   = "Visualizer|Platform Accounts Console"
	modelling  = "Visualizer|Platform Accounts Console|View Models|Edit Models"
	inventory  = "Visualizer|Platform Accounts Console|View Models|Edit Models|Device Admin"
	searching  = "Unrestricted Devices+Advanced Search"
	traffic    = "Unrestricted Devices+Visualizer"
	responding = "Darktrace RESPOND+Unrestricted Devices+Visualizer"
	emailLogs  = "Email Logs"
	discuss    = "Discuss Breaches"
	acknowl    = "Acknowledge Breaches"
	editTags   = "Edit Tags"
	domains    = "Edit Domains"
	pcaps      = "Create PCAPs"
)

// emailPath is the first segment of the paths of the e-mail API. One of two
// prefixes follows it, which the table leaves out.
const emailPath = "/agemail"

// Email reports whether a path is below a prefix of the e-mail API, the caller's or
// a known one, and returns the path as it is in the table.
func Email(path, prefix string) (listed string, ok bool) {
	if below, found := strings.CutPrefix(path, prefix+"/"); found {
		return emailPath + "/" + below, true
	}
	if n := len(emailPath) + 1; len(path) < n || !strings.EqualFold(path[:n], emailPath+"/") {
		return path, false
	}
	if _, below, found := strings.Cut(path, "api/v1.0"); found {
		return emailPath + below, true
	}
	return path, true
}

// all is the whole API, with the permissions that its documentation names.
var all = []Operation{
	{http.MethodGet, "/aianalyst/incidentevents", "AIAnalyst.Events", visualizer},
	{http.MethodGet, "/aianalyst/groups", "AIAnalyst.Groups", visualizer},
	{http.MethodPost, "/aianalyst/acknowledge", "AIAnalyst.Acknowledge", acknowl},
	{http.MethodPost, "/aianalyst/unacknowledge", "AIAnalyst.Unacknowledge", acknowl},
	{http.MethodPost, "/aianalyst/pin", "AIAnalyst.Pin", visualizer},
	{http.MethodPost, "/aianalyst/unpin", "AIAnalyst.Unpin", visualizer},
	{http.MethodGet, "/aianalyst/incident/comments", "AIAnalyst.ListComments", visualizer},
	{http.MethodPost, "/aianalyst/incident/comments", "AIAnalyst.PostComment", discuss},
	{http.MethodGet, "/aianalyst/stats", "AIAnalyst.GetStats", visualizer},
	{http.MethodGet, "/aianalyst/investigations", "AIAnalyst.ListInvestigations", visualizer},
	{http.MethodPost, "/aianalyst/investigations", "AIAnalyst.StartInvestigation", "Create AI Analyst Investigations"},

	{http.MethodGet, "/modelbreaches", "ModelBreaches.List", modelling},
	{http.MethodGet, "/modelbreaches/{pbid}", "ModelBreaches.Get", modelling},
	{http.MethodGet, "/modelbreaches/{pbid}/comments", "ModelBreaches.ListComments", accounts},
	{http.MethodPost, "/modelbreaches/{pbid}/comments", "ModelBreaches.PostComment", discuss},
	{http.MethodPost, "/modelbreaches/{pbid}/acknowledge", "ModelBreaches.Acknowledge", acknowl},
	{http.MethodPost, "/modelbreaches/{pbid}/unacknowledge", "ModelBreaches.Unacknowledge", acknowl},
	{http.MethodGet, "/mbcomments", "ModelBreaches.RecentComments", visualizer},
	{http.MethodGet, "/models", "Models.List", modelling},
	{http.MethodGet, "/models/{pid}", "Models.Get", modelling},
	{http.MethodGet, "/components", "Models.ListComponents", modelling},
	{http.MethodGet, "/components/{cid}", "Models.GetComponent", modelling},
	{http.MethodGet, "/filtertypes", "Models.FilterTypes", modelling},
	{http.MethodGet, "/enums", "Models.Enums", modelling},

	{http.MethodGet, "/devices", "Devices.List", inventory},
	{http.MethodPost, "/devices", "Devices.Update", "Device Admin+Unrestricted Devices"},
	{http.MethodGet, "/devicesearch", "Devices.Search", traffic},
	{http.MethodGet, "/devicesummary", "Devices.Summary", inventory},
	{http.MethodGet, "/deviceinfo", "Devices.Connections", traffic},
	{http.MethodGet, "/similardevices", "Devices.Similar", visualizer},
	{http.MethodGet, "/cves", "Devices.CVEs", visualizer},
	{http.MethodGet, "/details", "EventLog.List", "Unrestricted Devices+" + accounts},
	{http.MethodGet, "/endpointdetails", "Endpoints.Get", traffic},
	{http.MethodGet, "/subnets", "Subnets.List", accounts + "|Subnet Admin"},
	{http.MethodPost, "/subnets", "Subnets.Update", "Subnet Admin"},
	{http.MethodGet, "/network", "Network.Get", traffic},
	{http.MethodGet, "/metrics", "Metrics.List", modelling},
	{http.MethodGet, "/metrics/{mlid}", "Metrics.Get", modelling},
	{http.MethodGet, "/metricdata", "Metrics.Data", visualizer},

	{http.MethodGet, "/antigena", "Antigena.ListActions", visualizer},
	{http.MethodPost, "/antigena", "Antigena.Activate", responding},
	{http.MethodPost, "/antigena/manual", "Antigena.Manual", responding},
	{http.MethodGet, "/antigena/summary", "Antigena.Summary", traffic},
	{http.MethodGet, "/tags", "Tags.List", inventory},
	{http.MethodGet, "/tags/{tid}", "Tags.Get", inventory},
	{http.MethodPost, "/tags", "Tags.Create", editTags},
	{http.MethodDelete, "/tags/{tid}", "Tags.Delete", editTags},
	{http.MethodGet, "/tags/entities", "Tags.Entities", inventory},
	{http.MethodPost, "/tags/entities", "Tags.AddToDevice", editTags},
	{http.MethodDelete, "/tags/entities", "Tags.RemoveFromDevice", editTags},
	{http.MethodGet, "/tags/{tid}/entities", "Tags.EntitiesOf", inventory},
	{http.MethodPost, "/tags/{tid}/entities", "Tags.Assign", editTags},
	{http.MethodDelete, "/tags/{tid}/entities/{teid}", "Tags.Unassign", editTags},
	{http.MethodGet, "/intelfeed", "WatchedDomains.List", domains},
	{http.MethodPost, "/intelfeed", "WatchedDomains.Add", domains},
	{http.MethodGet, "/pcaps", "PCAPs.List", pcaps},
	{http.MethodPost, "/pcaps", "PCAPs.Create", pcaps},
	{http.MethodGet, "/pcaps/{filename}", "PCAPs.Download", pcaps + "+Download PCAPs"},

	{http.MethodGet, "/advancedsearch/api/search/{query}", "AdvancedSearch.Search", searching},
	{http.MethodGet, "/advancedsearch/api/search/{query}/{page}", "AdvancedSearch.Search", searching},
	{http.MethodPost, "/advancedsearch/api/search", "AdvancedSearch.Search", searching},
	{http.MethodGet, "/advancedsearch/api/analyze/{field}/{kind}/{query}", "AdvancedSearch.Analyze", searching},
	{http.MethodGet, "/advancedsearch/api/graph/{kind}/{interval}/{query}", "AdvancedSearch.Graph", searching},
	{http.MethodGet, "/advancedsearch/api/graph/{kind}/{interval}/{query}/{page}", "AdvancedSearch.Graph", searching},
	{http.MethodGet, "/status", "Status.Get", "Status"},
	{http.MethodGet, "/summarystatistics", "Status.Summary", visualizer},

	{http.MethodPost, "/agemail/emails/search", "Email.Search", emailLogs},
	{http.MethodGet, "/agemail/emails/{uuid}", "Email.Get", emailLogs},
	{http.MethodPost, "/agemail/emails/{uuid}/action", "Email.Hold", emailLogs + "+Manual Action|Restricted Manual Action"},
	{http.MethodGet, "/agemail/emails/{uuid}/download", "Email.Download", emailLogs + "+Download Email"},
	{http.MethodGet, "/agemail/resources/tags", "Email.ListTags", emailLogs},
	{http.MethodGet, "/agemail/resources/filters", "Email.Filters", emailLogs},
	{http.MethodGet, "/agemail/resources/actions", "Email.Actions", emailLogs},
	{http.MethodGet, "/agemail/dash/user_anomaly", "Email.UserAnomaly", emailLogs},
	{http.MethodGet, "/agemail/dash/action_summary", "Email.ActionSummary", emailLogs},
	{http.MethodGet, "/agemail/dash/dash_stats", "Email.DashStats", emailLogs},
	{http.MethodGet, "/agemail/dash/data_loss", "Email.DataLoss", emailLogs},
	{http.MethodGet, "/agemail/admin/decode_link", "Email.DecodeLink", emailLogs},
	{http.MethodGet, "/agemail/system/audit/eventTypes", "Email.AuditEventTypes", emailLogs + "+Audit Log (Darktrace/Email)"},
	{http.MethodGet, "/agemail/system/audit/events", "Email.AuditEvents", emailLogs + "+Audit Log (Darktrace/Email)"},
}

// Of finds the operation that a request calls. If several match, it returns the one
// with the fewest segments in braces. The zero operation means that none is
// documented.
func Of(method, path, emailPrefix string) (found Operation) {
	path, _ = Email(path, emailPrefix)
	for _, candidate := range all {
		if candidate.Method == method && fits(candidate.Path, path) &&
			(found.Path == "" || strings.Count(candidate.Path, "{") < strings.Count(found.Path, "{")) {
			found = candidate
		}
	}
	return found
}

// fits reports whether a path matches a template.
func fits(template, path string) bool {
	if strings.Count(template, "/") != strings.Count(path, "/") {
		return false
	}
	segments := strings.Split(path, "/")
	for i, segment := range strings.Split(template, "/") {
		if segment != segments[i] && !strings.HasPrefix(segment, "{") {
			return false
		}
	}
	return true
}
