package darktracetest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// operation is one operation of the API: its method and path, its first version,
// the permissions that the token's user needs, the kind of its body, and the verb
// that carries it out.
//
// To add one, add a line to allOperations. If the appliance stores the objects of
// the response, add them as internal/fixtures/<collection>.json and use a verb of
// collections.go. Otherwise write a verb: a function of the server and the call
// that returns the response. The server is locked while a verb runs.
type operation struct {
	method, path string // a segment {name} of the path matches any text, which is in call.vars
	since        Profile
	needs        needs
	body         bodyKind
	do           verb
}

type verb func(*Server, *call) response

// needs are the permissions of an operation: one of each list.
type needs [][]Permission

// each requires all of the permissions.
func each(permissions ...Permission) needs {
	var n needs
	for _, p := range permissions {
		n = append(n, []Permission{p})
	}
	return n
}

// oneOf requires one of the permissions, in addition to n.
func (n needs) oneOf(permissions ...Permission) needs { return append(slices.Clip(n), permissions) }

// missing returns the permissions of which one is needed; nil if nothing is
// missing.
func (n needs) missing(t *Token) []Permission {
	for _, any := range n {
		if !slices.ContainsFunc(any, t.may) {
			return any
		}
	}
	return nil
}

// bodyKind is how the body of a request is sent. Fields of both kinds end up in
// call.fields, those of a form as JSON strings.
type bodyKind int

const (
	noBody bodyKind = iota // there is none, or it is ignored
	formBody
	jsonBody
	formOrJSON
)

// table is every operation, in the order of allOperations.
var table = sync.OnceValue(allOperations)

func allOperations() []operation {
	var (
		view     = each(Visualizer)
		ack      = each(AcknowledgeBreaches)
		tags     = needs{}.oneOf(Visualizer, PlatformAccounts, ViewModels, EditModels, DeviceAdmin)
		alerts   = needs{}.oneOf(Visualizer, PlatformAccounts, ViewModels, EditModels)
		editTags = each(EditTags)
		models   = needs{}.oneOf(Visualizer, PlatformAccounts, ViewModels, EditModels)
		subnets  = needs{}.oneOf(Visualizer, PlatformAccounts, SubnetAdmin)
		unmasked = each(UnrestrictedDevices, Visualizer)
		domains  = each(EditDomains)
		captures = each(CreatePCAPs)
		search   = each(UseAdvancedSearch, UnrestrictedDevices)
		email    = each(EmailLogs)
	)
	const none = noBody
	return []operation{
		// AI Analyst
		{"GET", pathEvents, V52, view, none, perMaster((*Server).getEvents)},
		{"GET", pathGroups, V52, view, none, perMaster((*Server).getGroups)},
		{"POST", "/aianalyst/acknowledge", V52, ack, formBody, flagEvents("acknowledged", true)},
		{"POST", "/aianalyst/unacknowledge", V52, ack, formBody, flagEvents("acknowledged", false)},
		{"POST", "/aianalyst/pin", V61, view, formBody, flagEvents("pinned", true)},
		{"POST", "/aianalyst/unpin", V61, view, formBody, flagEvents("pinned", false)},
		{"GET", pathComments, V52, view, none, perMaster((*Server).getComments)},
		{"POST", pathComments, V60, each(DiscussBreaches), jsonBody, (*Server).postComment},
		{"GET", pathStats, V60, view, none, perMaster((*Server).getStats)},
		{"GET", pathInvestigations, V61, view, none, (*Server).getInvestigations},
		{"POST", pathInvestigations, V61, each(CreateInvestigations), jsonBody, (*Server).postInvestigation},

		// The appliance itself
		{"GET", "/status", V52, each(ReadStatus), none, document("status")},
		{"GET", "/summarystatistics", V52, view, none, (*Server).getSummary},

		// Models and what they are made of
		{"GET", "/models", V52, models, none, pick("models", "uuid", "uuid")},
		{"GET", "/models/{pid}", V61, models, none, get("models", "pid")},
		{"GET", "/components", V52, models, none, pick("components", "cid", "cid")},
		{"GET", "/components/{cid}", V61, models, none, get("components", "cid")},
		{"GET", "/filtertypes", V52, models, none, until(V70, list("filtertypes"))},
		{"GET", "/enums", V52, models, none, document("enums")},

		// The network and its subnets
		{"GET", "/network", V52, unmasked, none, document("network")},
		{"GET", "/metrics", V52, models, none, list("metrics")},
		{"GET", "/metrics/{mlid}", V61, models, none, get("metrics", "mlid")},
		{"GET", "/metricdata", V52, view, none, (*Server).getMetricData},
		{"GET", "/subnets", V52, subnets, none, list("subnets", equal("sid", "sid"))},
		{"POST", "/subnets", V52, each(SubnetAdmin), formOrJSON, named("sid", update("subnets", "sid",
			"label", "network", "longitude", "latitude", "dhcp", "uniqueUsernames", "uniqueHostnames"))},
		{"GET", "/cves", V61, view, none, document("cves")},

		// Watched domains and packet captures
		{"GET", "/intelfeed", V52, domains, none, (*Server).getDomains},
		{"POST", "/intelfeed", V52, domains, formOrJSON, (*Server).postDomains},
		{"GET", "/pcaps", V52, captures, none, (*Server).getCaptures},
		{"POST", "/pcaps", V52, captures, jsonBody, (*Server).postCapture},
		{"GET", "/pcaps/{filename}", V52, each(CreatePCAPs, DownloadPCAPs), none, (*Server).downloadCapture},

		// Advanced Search
		{"GET", "/advancedsearch/api/search/{query}", V52, search, none, (*Server).advancedSearch},
		{"POST", "/advancedsearch/api/search", V61, search, jsonBody, (*Server).advancedSearch},
		{"GET", "/advancedsearch/api/analyze/{field}/{kind}/{query}", V52, search, none, document("analysis")},
		{"GET", "/advancedsearch/api/graph/{kind}/{interval}/{query...}", V52, search, none, (*Server).advancedGraph},

		// Darktrace/EMAIL
		{"POST", pathEmail + "/emails/search", V61, email, jsonBody, (*Server).searchEmails},
		{"GET", pathEmail + "/emails/{uuid}", V61, email, none, get("emails", "uuid")},
		{"GET", pathEmail + "/emails/{uuid}/download", V61, each(EmailLogs, DownloadEmail), none, (*Server).downloadEmail},
		{"POST", pathEmail + "/emails/{uuid}/action", V61, each(EmailLogs, ManualAction), jsonBody, (*Server).actOnEmail},
		{"GET", pathEmail + "/resources/tags", V61, email, none, list("emailtags")},
		{"GET", pathEmail + "/resources/actions", V61, email, none, unknown},
		{"GET", pathEmail + "/resources/filters", V61, email, none, unknown},
		{"GET", pathEmail + "/dash/user_anomaly", V61, email, none, document("useranomaly")},
		{"GET", pathEmail + "/dash/action_summary", V61, email, none, unknown},
		{"GET", pathEmail + "/dash/dash_stats", V61, email, none, unknown},
		{"GET", pathEmail + "/dash/data_loss", V61, email, none, unknown},
		{"GET", pathEmail + "/admin/decode_link", V61, email, none, unknown},
		{"GET", pathEmail + "/system/audit/eventTypes", V61, each(EmailLogs, EmailAuditLog), none, unknown},
		{"GET", pathEmail + "/system/audit/events", V61, each(EmailLogs, EmailAuditLog), none, unknown},

		// Model alerts
		{"GET", "/modelbreaches", V52, alerts, none, derived(getBreaches)},
		{"GET", "/modelbreaches/{pbid}", V52, alerts, none, derived(getBreaches)},
		{"GET", "/modelbreaches/{pbid}/comments", V52, needs{}.oneOf(Visualizer, PlatformAccounts), none, derived(getBreachComments)},
		{"POST", "/modelbreaches/{pbid}/comments", V52, each(DiscussBreaches), jsonBody, derived(postBreachComment)},
		{"POST", "/modelbreaches/{pbid}/acknowledge", V52, ack, formOrJSON, derived(flagBreach("acknowledge", true))},
		{"POST", "/modelbreaches/{pbid}/unacknowledge", V52, ack, formOrJSON, derived(flagBreach("unacknowledge", false))},
		{"GET", "/details", V52, each(UnrestrictedDevices).oneOf(Visualizer, PlatformAccounts), none, derived(getDetails)},

		{"GET", "/mbcomments", V52, view, none, list("mbcomments", equal("pbid", "pbid"), during("time"), limit())},

		// Devices and endpoints
		{"GET", "/devices", V52, tags, none, derived(getDevices)},
		{"GET", "/devicesearch", V52, each(Visualizer, UnrestrictedDevices), none, derived(searchDevices)},
		{"GET", "/devicesummary", V52, tags, none, derived(summariseDevice)},
		{"POST", "/devices", V52, each(DeviceAdmin, UnrestrictedDevices), formOrJSON, derived(updateDevice)},
		{"GET", "/deviceinfo", V52, unmasked, none, document("deviceinfo")},
		{"GET", "/similardevices", V52, view, none, derived(similarDevices)},
		{"GET", "/endpointdetails", V52, each(UnrestrictedDevices, Visualizer), none, derived(getEndpoint)},

		// RESPOND
		{"GET", "/antigena", V52, view, none, derived(getActions)},
		{"POST", "/antigena", V60, each(Respond, UnrestrictedDevices, Visualizer), jsonBody, derived(changeAction)},
		{"POST", "/antigena/manual", V60, each(Respond, UnrestrictedDevices, Visualizer), jsonBody, derived(makeAction)},
		{"GET", "/antigena/summary", V60, each(UnrestrictedDevices, Visualizer), none, derived(summariseActions)},

		// Tags
		{"GET", "/tags/entities", V52, tags, none, derived(getEntities)},
		{"POST", "/tags/entities", V52, editTags, formBody, derived(tagDevice)},
		{"DELETE", "/tags/entities", V52, editTags, none, derived(untagDevice)},
		{"GET", "/tags", V52, tags, none, pick("tags", "tag", "name")},
		{"GET", "/tags/{tid}", V52, tags, none, get("tags", "tid")},
		{"POST", "/tags", V52, editTags, jsonBody, unique("tags", "name", add("tags", "tid",
			`{"tid":0,"expiry":0,"thid":0,"name":"","restricted":false,"data":{},"isReferenced":false}`, "name", "data"))},
		{"DELETE", "/tags/{tid}", V52, editTags, none, remove("tags", "tid")},
		{"GET", "/tags/{tid}/entities", V61, tags, none, derived(entitiesOfTag)},
		{"POST", "/tags/{tid}/entities", V61, editTags, jsonBody, derived(assignTag)},
		{"DELETE", "/tags/{tid}/entities/{teid}", V61, editTags, none, derived(unassignTag)},
	}
}

// Operation is an operation of the API that the fake appliance has.
type Operation struct {
	// Method and Path identify it; {name} in the path is a variable.
	Method, Path string
	// Since is the oldest version that has it.
	Since Profile
	// Permissions are what the token's user needs: one of each list.
	Permissions [][]Permission
}

// Operations lists the operations of the fake appliance, without those added by
// Handle.
func Operations() []Operation {
	all := make([]Operation, len(table()))
	for i, o := range table() {
		all[i] = Operation{o.method, o.path, o.since, o.needs}
	}
	return all
}

// findOperation returns the operation that a request asks for and the variables of its path.
func findOperation(method, path string) (*operation, map[string]string) {
	if rest, other := strings.CutPrefix(path, pathEmailToo+"/"); other {
		path = pathEmail + "/" + rest
	}
	var found *operation
	var vars map[string]string
	for i := range table() {
		o := &table()[i]
		if o.method != method {
			continue
		}
		if o.path == path { // "/tags/entities" is not a "/tags/{tid}".
			return o, nil
		}
		if v, ok := matchPath(o.path, path); ok && found == nil {
			found, vars = o, v
		}
	}
	return found, vars
}

// matchPath compares an escaped path with a pattern. {name...} at the end of a pattern
// stands for one or more segments.
func matchPath(pattern, path string) (vars map[string]string, ok bool) {
	segments, want := strings.Split(path, "/"), strings.Split(pattern, "/")
	if n := len(want); strings.HasSuffix(pattern, "...}") && len(segments) > n {
		segments = append(segments[:n-1:n-1], strings.Join(segments[n-1:], "/"))
	}
	if len(segments) != len(want) {
		return nil, false
	}
	vars = map[string]string{}
	for i, segment := range segments {
		name, variable := strings.CutPrefix(want[i], "{")
		if !variable {
			if segment != want[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segment)
		if err != nil || value == "" {
			return nil, false
		}
		vars[strings.TrimRight(name, ".}")] = value
	}
	return vars, true
}

// readBody reads the fields of the body. It rejects a body of another kind.
func (c *call) readBody(kind bodyKind) *response {
	isForm, isJSON := c.hasBody("application/x-www-form-urlencoded"), c.hasBody("application/json")
	switch {
	case kind == noBody:
		return nil
	case isForm && kind != jsonBody:
		return c.readForm()
	case isJSON && kind != formBody:
		return c.readJSON()
	}
	what := map[bodyKind]string{formBody: "a form body only", jsonBody: "a JSON body only", formOrJSON: "a form or JSON"}[kind]
	a := c.badInput("%s takes %s, not %q", c.path, what, c.Header.Get("Content-Type"))
	return &a
}

func (c *call) readForm() *response {
	values, err := url.ParseQuery(string(c.Body))
	if err != nil {
		a := c.badInput("the form is malformed: %v", err)
		return &a
	}
	c.fields = map[string]json.RawMessage{}
	for name, all := range values {
		if len(all) > 1 {
			a := c.badInput("%s occurs %d times in the form: several ids go as a comma list", name, len(all))
			return &a
		}
		c.fields[name] = mustJSON(all[0])
	}
	return nil
}

func (c *call) readJSON() *response {
	if err := json.Unmarshal(c.Body, &c.fields); err != nil {
		a := c.badInput("the JSON is not what %s takes: %v", c.path, err)
		return &a
	}
	return nil
}

// read decodes fields of the body by their exact names. It rejects a field of
// another type.
func (c *call) read(fields map[string]any) *response {
	for name, into := range fields {
		if value, ok := c.fields[name]; ok {
			if err := json.Unmarshal(value, into); err != nil {
				a := c.badInput("the JSON is not what %s takes: %v", c.path, err)
				return &a
			}
		}
	}
	return nil
}

// text is a field of the body as text; numbers and booleans keep their form.
func (c *call) text(name string) string { return plain(c.fields[name]) }

// plain is JSON as text: a string without its quotes, and "" for null.
func plain(raw json.RawMessage) string {
	var s string
	if string(raw) == "null" || json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// perMaster returns a list of the responses of all masters if WithResponsePerMaster
// is set.
func perMaster(v verb) verb {
	return func(s *Server, c *call) response {
		if !s.cfg.perMaster || len(s.cfg.masters) == 0 {
			return v(s, c)
		}
		var parts []response
		for _, c.master = range s.cfg.masters {
			a := v(s, c)
			if a.status != http.StatusOK {
				return a
			}
			parts = append(parts, a)
		}
		return listResponse(parts, func(a response) []byte {
			var b bytes.Buffer
			_ = a.body(&b)
			return b.Bytes()
		})
	}
}

// Handle adds a handler for requests that the fake appliance has no operation
// for, or replaces an operation. The pattern is one of http.ServeMux, without
// the path prefix ("GET /newendpoint/{id}"). The handler gets only requests
// with a valid signature, and faults apply to its responses. It may use the
// methods of the server.
func (s *Server) Handle(pattern string, handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mux.Handle(pattern, handler)
}
