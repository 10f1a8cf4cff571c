package ocsf_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
)

// attribute is OCSF's definition of an attribute: its type, or the object that it
// holds. It has a ! at the end if the attribute is required, and [] at the
// beginning if it is a list. An enumeration lists its ids with their captions.
type attribute struct {
	kind string
	enum map[int64]string
}

// object is OCSF's definition of an object, or of the class.
type object struct {
	attributes map[string]attribute
	atLeastOne []string
}

func is(kind string) attribute { return attribute{kind: kind} }

func oneOf(kind string, captions map[int64]string) attribute { return attribute{kind, captions} }

var (
	types = map[int64]string{0: "Unknown", 1: "Server", 2: "Desktop", 3: "Laptop", 4: "Tablet", 5: "Mobile", 6: "Virtual", 7: "IOT",
		8: "Browser", 9: "Firewall", 10: "Switch", 11: "Hub", 12: "Router", 13: "IDS", 14: "IPS", 15: "Load Balancer", 99: "Other"}
	observables = map[int64]string{0: "Unknown", 1: "Hostname", 2: "IP Address", 3: "MAC Address", 4: "User Name", 5: "Email Address",
		6: "URL String", 7: "File Name", 8: "Hash", 9: "Process Name", 10: "Resource UID", 11: "Port", 12: "Subnet", 20: "Endpoint",
		21: "User", 22: "Email", 23: "Uniform Resource Locator", 99: "Other"}
)

// schema holds class 2004 of OCSF 1.5.0 and the objects in it. It has the
// attributes that our findings use, and all required ones.
var schema = map[string]object{
	"detection_finding": {attributes: map[string]attribute{
		"activity_id":   oneOf("integer!", map[int64]string{0: "Unknown", 1: "Create", 2: "Update", 3: "Close", 99: "Other"}),
		"activity_name": is("string"),
		"category_uid":  oneOf("integer!", map[int64]string{2: "Findings"}),
		"category_name": is("string"),
		"class_uid":     oneOf("integer!", map[int64]string{2004: "Detection Finding"}),
		"class_name":    is("string"),
		"type_uid":      oneOf("long!", map[int64]string{200400: "Detection Finding: Unknown", 200401: "Detection Finding: Create", 200402: "Detection Finding: Update", 200403: "Detection Finding: Close", 200499: "Detection Finding: Other"}),
		"type_name":     is("string"),
		"time":          is("timestamp!"),
		"start_time":    is("timestamp"),
		"end_time":      is("timestamp"),
		"duration":      is("long"),
		"severity_id":   oneOf("integer!", map[int64]string{0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal", 99: "Other"}),
		"severity":      is("string"),
		"status_id":     oneOf("integer", map[int64]string{0: "Unknown", 1: "New", 2: "In Progress", 3: "Suppressed", 4: "Resolved", 5: "Archived", 99: "Other"}),
		"status":        is("string"),
		"is_alert":      is("boolean"),
		"message":       is("string"),
		"risk_score":    is("integer"),
		"metadata":      is("metadata!"),
		"finding_info":  is("finding_info!"),
		"device":        is("device"),
		"resources":     is("[]resource_details"),
		"evidences":     is("[]evidences"),
		"observables":   is("[]observable"),
		"unmapped":      is("json"),
		"raw_data":      is("string"),
	}},
	"metadata": {attributes: map[string]attribute{
		"version": is("string!"), "product": is("product!"), "uid": is("string"), "correlation_uid": is("string"),
		"log_provider": is("string"), "processed_time": is("timestamp"),
	}},
	"product": {attributes: map[string]attribute{
		"name": is("string"), "vendor_name": is("string"), "version": is("string"), "uid": is("string"), "feature": is("feature"),
	}, atLeastOne: []string{"name", "uid"}},
	"feature": {attributes: map[string]attribute{
		"name": is("string"), "uid": is("string"), "version": is("string"),
	}, atLeastOne: []string{"name", "uid"}},
	"finding_info": {attributes: map[string]attribute{
		"uid": is("string!"), "title": is("string"), "desc": is("string"), "created_time": is("timestamp"),
		"first_seen_time": is("timestamp"), "last_seen_time": is("timestamp"), "modified_time": is("timestamp"), "src_url": is("url"),
		"types": is("[]string"), "analytic": is("analytic"), "attacks": is("[]attack"),
		"related_events": is("[]related_event"), "related_events_count": is("integer"),
	}},
	"analytic": {attributes: map[string]attribute{
		"name": is("string"), "uid": is("string"), "desc": is("string"), "category": is("string"), "version": is("string"), "type": is("string"),
		"type_id": oneOf("integer!", map[int64]string{0: "Unknown", 1: "Rule", 2: "Behavioral", 3: "Statistical", 4: "Learning (ML/DL)", 99: "Other"}),
	}, atLeastOne: []string{"name", "uid"}},
	"attack": {attributes: map[string]attribute{
		"tactic": is("tactic"), "technique": is("technique"), "sub_technique": is("sub_technique"), "version": is("string"),
	}, atLeastOne: []string{"tactic", "technique", "sub_technique"}},
	"tactic":        {attributes: map[string]attribute{"uid": is("tactic_uid"), "name": is("string"), "src_url": is("url")}, atLeastOne: []string{"name", "uid"}},
	"technique":     {attributes: map[string]attribute{"uid": is("technique_uid"), "name": is("string"), "src_url": is("url")}, atLeastOne: []string{"name", "uid"}},
	"sub_technique": {attributes: map[string]attribute{"uid": is("sub_technique_uid"), "name": is("string"), "src_url": is("url")}, atLeastOne: []string{"name", "uid"}},
	"related_event": {attributes: map[string]attribute{
		"uid": is("string!"), "title": is("string"), "type_uid": is("long"), "type_name": is("string"), "created_time": is("timestamp"),
		"tags": is("[]key_value_object"),
	}},
	"key_value_object": {attributes: map[string]attribute{
		"name": is("string!"), "value": is("string"), "values": is("[]string"),
	}, atLeastOne: []string{"value", "values"}},
	"device": {attributes: map[string]attribute{
		"type_id": oneOf("integer!", types), "type": is("string"), "uid": is("string"), "name": is("string"), "hostname": is("hostname"),
		"ip": is("ip"), "mac": is("mac"), "subnet": is("subnet"), "vendor_name": is("string"), "desc": is("string"),
		"first_seen_time": is("timestamp"), "last_seen_time": is("timestamp"),
	}, atLeastOne: []string{"ip", "uid", "name", "hostname", "instance_uid", "interface_uid", "interface_name"}},
	"resource_details": {attributes: map[string]attribute{
		"uid": is("string"), "name": is("string"), "type": is("string"), "hostname": is("hostname"), "ip": is("ip"),
		"namespace": is("string"), "owner": is("user"),
	}, atLeastOne: []string{"name", "uid"}},
	"user": {attributes: map[string]attribute{
		"name": is("string"), "uid": is("string"), "email_addr": is("email"), "domain": is("string"),
	}, atLeastOne: []string{"account", "name", "uid"}},
	"evidences": {attributes: map[string]attribute{
		"name": is("string"), "data": is("json"), "device": is("device"), "src_endpoint": is("network_endpoint"),
		"dst_endpoint": is("network_endpoint"), "user": is("user"), "email": is("email_object"),
	}, atLeastOne: []string{"actor", "api", "connection_info", "data", "database", "databucket", "device", "dst_endpoint", "email", "file",
		"process", "query", "src_endpoint", "url", "user", "job", "script"}},
	"network_endpoint": {attributes: map[string]attribute{
		"name": is("string"), "hostname": is("hostname"), "ip": is("ip"), "port": is("integer"), "uid": is("string"),
	}, atLeastOne: []string{"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name"}},
	"email_object": {attributes: map[string]attribute{"from": is("string"), "to": is("[]string"), "subject": is("string")}, atLeastOne: []string{"from", "to"}},
	"observable": {attributes: map[string]attribute{
		"name": is("string!"), "type_id": oneOf("integer!", observables), "type": is("string"), "value": is("string"),
	}},
}

// scalars check the values of the types that have a form.
var scalars = map[string]func(string) bool{
	"string":            func(s string) bool { return s != "" },
	"url":               regexp.MustCompile(`^\w*:?//.`).MatchString,
	"email":             regexp.MustCompile("^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\\.[a-zA-Z0-9-.]+$").MatchString,
	"hostname":          regexp.MustCompile(`^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$`).MatchString,
	"mac":               regexp.MustCompile(`^([0-9A-F]{2}:){5}[0-9A-F]{2}$`).MatchString,
	"tactic_uid":        regexp.MustCompile(`^TA\d{4}$`).MatchString,
	"technique_uid":     regexp.MustCompile(`^T\d{4}$`).MatchString,
	"sub_technique_uid": regexp.MustCompile(`^T\d{4}\.\d{3}$`).MatchString,
	"ip": func(s string) bool {
		addr, err := netip.ParseAddr(s)
		return err == nil && addr.Zone() == ""
	},
	"subnet": func(s string) bool {
		_, err := netip.ParsePrefix(s)
		return err == nil
	},
}

// validator collects the problems of a finding.
type validator struct{ problems []string }

func (v *validator) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// validate returns what is wrong with a finding.
func validate(finding []byte) []string {
	var v validator
	var root map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(finding)))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		return []string{err.Error()}
	}
	v.object("finding", "detection_finding", root)
	v.consistent(root)
	return v.problems
}

func (v *validator) object(path, name string, members map[string]any) {
	rules := schema[name]
	for _, member := range slices.Sorted(maps.Keys(members)) {
		if rule, ok := rules.attributes[member]; ok {
			v.attribute(path+"."+member, rule, members[member])
			v.sibling(path, member, rule.enum, members)
		} else {
			v.problem("%s.%s is not a valid attribute of %s", path, member, name)
		}
	}
	for _, member := range slices.Sorted(maps.Keys(rules.attributes)) {
		if _, ok := members[member]; !ok && strings.HasSuffix(rules.attributes[member].kind, "!") {
			v.problem("%s.%s is missing", path, member)
		}
	}
	if rules.atLeastOne != nil && !slices.ContainsFunc(rules.atLeastOne, func(member string) bool { return members[member] != nil }) {
		v.problem("%s has none of %v", path, rules.atLeastOne)
	}
}

// sibling checks that the text beside an id is the caption of the id, or the
// source's own text if the id is 99.
func (v *validator) sibling(path, member string, captions map[int64]string, members map[string]any) {
	name := strings.TrimSuffix(member, "_id")
	if strings.HasSuffix(member, "_uid") || members[name+"_name"] != nil {
		name = strings.TrimSuffix(name, "_uid") + "_name"
	}
	text, ok := members[name].(string)
	if captions == nil || !ok {
		return
	}
	const other = "99"
	id, _ := members[member].(json.Number)
	number, _ := id.Int64()
	if id.String() != other && text != captions[number] {
		v.problem("%s.%s is %q beside the id %s", path, name, text, id)
	}
}

func (v *validator) attribute(path string, rule attribute, value any) {
	kind := strings.TrimSuffix(rule.kind, "!")
	if element, ok := strings.CutPrefix(kind, "[]"); ok {
		list, isList := value.([]any)
		if !isList || len(list) == 0 {
			v.problem("%s is not a valid list", path)
		}
		for i, item := range list {
			v.attribute(fmt.Sprintf("%s[%d]", path, i), is(element), item)
		}
		return
	}
	if _, ok := schema[kind]; ok {
		members, isObject := value.(map[string]any)
		if !isObject {
			v.problem("%s is not a valid object", path)
			return
		}
		v.object(path, kind, members)
		return
	}
	v.scalar(path, kind, rule.enum, value)
}

func (v *validator) scalar(path, kind string, enum map[int64]string, value any) {
	switch kind {
	case "json":
		if value == nil {
			v.problem("%s is null", path)
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			v.problem("%s: %v is not a valid boolean", path, value)
		}
	case "integer", "long", "timestamp":
		number, _ := value.(json.Number)
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || (kind == "integer" && (n > math.MaxInt32 || n < math.MinInt32)) {
			v.problem("%s: %v is not a valid %s", path, value, kind)
		} else if _, ok := enum[n]; enum != nil && !ok {
			v.problem("%s: %d is not in the enumeration", path, n)
		}
	default:
		text, ok := value.(string)
		if !ok || !scalars[kind](text) {
			v.problem("%s: %q is not a valid %s", path, fmt.Sprint(value), kind)
		}
	}
}

// consistent checks attributes that depend on each other.
func (v *validator) consistent(root map[string]any) {
	number := func(name string) int64 {
		n, _ := root[name].(json.Number)
		i, _ := n.Int64()
		return i
	}
	if want := number("class_uid")*100 + number("activity_id"); number("type_uid") != want {
		v.problem("type_uid is %d, and should be %d", number("type_uid"), want)
	}
	if want := number("end_time") - number("start_time"); number("start_time") != 0 && number("end_time") != 0 && number("duration") != want {
		v.problem("duration is %d, and should be %d", number("duration"), want)
	}
	if score := number("risk_score"); score < 0 || score > 100 {
		v.problem("risk_score: %d is not within 0 and 100", score)
	}
	info, _ := root["finding_info"].(map[string]any)
	related, _ := info["related_events"].([]any)
	if count, _ := info["related_events_count"].(json.Number); len(related) > 0 && count.String() != strconv.Itoa(len(related)) {
		v.problem("finding_info.related_events_count is %s for %d events", count, len(related))
	}
	list, _ := root["observables"].([]any)
	seen := map[string]bool{}
	for _, item := range list {
		o, _ := item.(map[string]any)
		name, _ := o["name"].(string)
		if found := pointed(root, name); found != o["value"] {
			v.problem("observable %s is %v there, and %v here", name, found, o["value"])
		}
		if key := fmt.Sprint(o["type_id"], o["value"]); seen[key] {
			v.problem("observable %v comes twice", o["value"])
		} else {
			seen[key] = true
		}
	}
}

// pointed returns what the name of an observable points to.
func pointed(value any, name string) any {
	for part := range strings.SplitSeq(name, ".") {
		part, index, isIndexed := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		object, _ := value.(map[string]any)
		value = object[part]
		if isIndexed {
			list, _ := value.([]any)
			i, err := strconv.Atoi(index)
			if err != nil || i >= len(list) {
				return nil
			}
			value = list[i]
		}
	}
	return value
}

// TestValidator breaks a good finding in every way that the validator should see.
func TestValidator(t *testing.T) {
	t.Parallel()
	good := siemtest.Encode(t, everything(t))
	require.Empty(t, validate(good))
	for problem, change := range map[string][2]string{
		// The class.
		`finding.activity_id is missing`:                               {`"activity_id":1,`, ``},
		`finding.activity_id: 4 is not in the enumeration`:             {`"activity_id":1`, `"activity_id":4`},
		`finding.activity_name is "Update" beside the id 1`:            {`"activity_name":"Create"`, `"activity_name":"Update"`},
		`finding.category_uid is missing`:                              {`"category_uid":2,`, ``},
		`finding.category_uid: 3 is not in the enumeration`:            {`"category_uid":2`, `"category_uid":3`},
		`finding.class_uid is missing`:                                 {`"class_uid":2004,`, ``},
		`finding.class_uid: 2001 is not in the enumeration`:            {`"class_uid":2004`, `"class_uid":2001`},
		`finding.class_name is "Finding" beside the id 2004`:           {`"class_name":"Detection Finding"`, `"class_name":"Finding"`},
		`finding.type_uid is missing`:                                  {`"type_uid":200401,`, ``},
		`type_uid is 200402, and should be 200401`:                     {`"type_uid":200401`, `"type_uid":200402`},
		`finding.time is missing`:                                      {`"time":1730001000123,`, ``},
		`finding.time: 1.5 is not a valid timestamp`:                   {`"time":1730001000123`, `"time":1.5`},
		`finding.start_time: now is not a valid timestamp`:             {`"start_time":1729980000001`, `"start_time":"now"`},
		`duration is 5, and should be 19000455`:                        {`"duration":19000455`, `"duration":5`},
		`finding.severity_id is missing`:                               {`"severity_id":5,`, ``},
		`finding.severity_id: 7 is not in the enumeration`:             {`"severity_id":5`, `"severity_id":7`},
		`finding.severity is "High" beside the id 5`:                   {`"severity":"Critical"`, `"severity":"High"`},
		`finding.status_id: 6 is not in the enumeration`:               {`"status_id":2`, `"status_id":6`},
		`finding.status is "Acknowledged" beside the id 2`:             {`"status":"In Progress"`, `"status":"Acknowledged"`},
		`finding.is_alert: yes is not a valid boolean`:                 {`"is_alert":true`, `"is_alert":"yes"`},
		`finding.risk_score: 94.25 is not a valid integer`:             {`"risk_score":94`, `"risk_score":94.25`},
		`risk_score: 942 is not within 0 and 100`:                      {`"risk_score":94`, `"risk_score":942`},
		`finding.risk_score: 99999999999 is not a valid integer`:       {`"risk_score":94`, `"risk_score":99999999999`},
		`finding.metadata is missing`:                                  {`"metadata":`, `"unmapped":`},
		`finding.finding_info is missing`:                              {`"finding_info":`, `"unmapped":`},
		`finding.finding_info is not a valid object`:                   {`"finding_info":{`, `"finding_info":"x","unmapped":{`},
		`finding.levity is not a valid attribute of detection_finding`: {`"is_alert"`, `"levity"`},
		// Nested objects.
		`finding.metadata.version is missing`:                                                         {`"metadata":{"version":"1.5.0",`, `"metadata":{`},
		`finding.metadata.product is missing`:                                                         {`"product":{`, `"products":{`},
		`finding.metadata.product has none of [name uid]`:                                             {`"product":{"name":"Darktrace",`, `"product":{`},
		`finding.metadata.product.feature has none of [name uid]`:                                     {`"feature":{"name":"AI Analyst"}`, `"feature":{}`},
		`finding.finding_info.uid is missing`:                                                         {`"finding_info":{"uid":"51e00001-5e1f-4a71-9c10-000000000001",`, `"finding_info":{`},
		`finding.finding_info.uid: "" is not a valid string`:                                          {`"finding_info":{"uid":"51e00001-5e1f-4a71-9c10-000000000001",`, `"finding_info":{"uid":"",`},
		`finding.finding_info.types is not a valid list`:                                              {`"types":["ScanSummary"]`, `"types":"ScanSummary"`},
		`finding.finding_info.src_url: "#x" is not a valid url`:                                       {`"src_url":"https://appliance.example.com/#aiaincidentevent/51e00001-5e1f-4a71-9c10-000000000001"`, `"src_url":"#x"`},
		`finding.finding_info.analytic.type_id is missing`:                                            {`"type_id":4,`, ``},
		`finding.finding_info.analytic.type is "Rule" beside the id 4`:                                {`"type":"Learning (ML/DL)"`, `"type":"Rule"`},
		`finding.finding_info.analytic.type_id: 44 is not in the enumeration`:                         {`"type_id":4,`, `"type_id":44,`},
		`finding.finding_info.attacks[0] has none of [tactic technique sub_technique]`:                {`{"tactic":{"uid":"TA0007"`, `{"version":"17"},{"tactic":{"uid":"TA0007"`},
		`finding.finding_info.attacks[0].tactic.uid: "discovery" is not a valid tactic_uid`:           {`"uid":"TA0007"`, `"uid":"discovery"`},
		`finding.finding_info.attacks[0].tactic has none of [name uid]`:                               {`{"tactic":{"uid":"TA0007","name":"Discovery",`, `{"tactic":{`},
		`finding.finding_info.related_events[0].uid is missing`:                                       {`"related_events":[{"uid":"appliance.example.com/modelbreach/40017",`, `"related_events":[{`},
		`finding.finding_info.related_events[0].tags[0].name is missing`:                              {`{"name":"threat_score",`, `{`},
		`finding.finding_info.related_events[0].tags[0] has none of [value values]`:                   {`{"name":"threat_score","value":"55.5"}`, `{"name":"threat_score"}`},
		`finding_info.related_events_count is 2 for 1 events`:                                         {`"related_events_count":1`, `"related_events_count":2`},
		`finding.device.type_id is missing`:                                                           {`"device":{"type_id":0,`, `"device":{`},
		`finding.device.type_id: 42 is not in the enumeration`:                                        {`"device":{"type_id":0,`, `"device":{"type_id":42,`},
		`finding.device.ip: "192.0.2.#17" is not a valid ip`:                                          {`"ip":"192.0.2.17"`, `"ip":"192.0.2.#17"`},
		`finding.device.mac: "00-00-5E-00-53-11" is not a valid mac`:                                  {`"mac":"00:00:5E:00:53:11"`, `"mac":"00-00-5E-00-53-11"`},
		`finding.device.subnet: "VPN" is not a valid subnet`:                                          {`"subnet":"192.0.2.0/24"`, `"subnet":"VPN"`},
		`finding.device.hostname: "SaaS::Zoom: x" is not a valid hostname`:                            {`"hostname":"WS-17.example.com"`, `"hostname":"SaaS::Zoom: x"`},
		`finding.device has none of [ip uid name hostname instance_uid interface_uid interface_name]`: {`"device":{"type_id":0,`, `"device":{"type_id":0},"unmapped":{"x":0,`},
		`finding.resources[0] has none of [name uid]`:                                                 {`"resources":[{`, `"resources":[{"type":"Account"},{`},
		`finding.resources[0].owner.email_addr: "jdoe" is not a valid email`:                          {`"email_addr":"jdoe@example.com"`, `"email_addr":"jdoe"`},
		`finding.resources[0].owner has none of [account name uid]`:                                   {`"owner":{`, `"owner":{"domain":"x"},"name":{`},
		`finding.evidences is not a valid list`:                                                       {`"evidences":[`, `"evidences":[],"unmapped":[`},
		`finding.evidences[0].email has none of [from to]`:                                            {`"email":{"from":"billing@mail.example.org"}`, `"email":{}`},
		`finding.evidences[0].email.from: "7" is not a valid string`:                                  {`"from":"billing@mail.example.org"`, `"from":7`},
		`finding.evidences[0].mail is not a valid attribute of evidences`:                             {`"email":{"from"`, `"mail":{"from"`},
		`finding.evidences[1].data is null`:                                                           {`"data":{`, `"data":null,"datum":{`},
		`finding.observables[0].name is missing`:                                                      {`"name":"device.hostname",`, ``},
		`finding.observables[0].type_id is missing`:                                                   {`"name":"device.hostname","type_id":1,`, `"name":"device.hostname",`},
		`finding.observables[0].type_id: 77 is not in the enumeration`:                                {`"name":"device.hostname","type_id":1,`, `"name":"device.hostname","type_id":77,`},
		`finding.observables[0].type is "Host" beside the id 1`:                                       {`"type":"Hostname"`, `"type":"Host"`},
		`observable device.mac is 00:00:5E:00:53:11 there, and WS-17.example.com here`:                {`"name":"device.hostname"`, `"name":"device.mac"`},
		`observable resources[99].ip is <nil> there, and WS-17.example.com here`:                      {`"name":"device.hostname"`, `"name":"resources[99].ip"`},
		`observable 192.0.2.17 comes twice`:                                                           {`"observables":[`, `"observables":[{"name":"device.ip","type_id":2,"type":"IP Address","value":"192.0.2.17"},`},
	} {
		broken := strings.Replace(string(good), change[0], change[1], 1)
		require.NotEqual(t, string(good), broken, "%s: nothing to break", problem)
		assert.Contains(t, validate([]byte(broken)), problem)
	}
	assert.NotEmpty(t, validate([]byte("{")))
}
