package ecs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
)

// fieldTypes are the fields of ECS 8.17 that documents may have, with their
// types. A * after the type is a field that ECS wants as a list.
var fieldTypes = map[string]string{
	"@timestamp":                         "date",
	"message":                            "match_only_text",
	"ecs.version":                        "keyword",
	"event.action":                       "keyword",
	"event.category":                     "keyword*",
	"event.created":                      "date",
	"event.dataset":                      "keyword",
	"event.duration":                     "long",
	"event.end":                          "date",
	"event.id":                           "keyword",
	"event.kind":                         "keyword",
	"event.module":                       "keyword",
	"event.original":                     "keyword",
	"event.reason":                       "keyword",
	"event.risk_score":                   "float",
	"event.risk_score_norm":              "float",
	"event.severity":                     "long",
	"event.start":                        "date",
	"event.type":                         "keyword*",
	"event.url":                          "keyword",
	"email.from.address":                 "keyword*",
	"host.hostname":                      "keyword",
	"host.id":                            "keyword",
	"host.ip":                            "ip*",
	"host.mac":                           "keyword*",
	"host.name":                          "keyword",
	"observer.hostname":                  "keyword",
	"observer.ip":                        "ip*",
	"observer.product":                   "keyword",
	"observer.type":                      "keyword",
	"observer.vendor":                    "keyword",
	"observer.version":                   "keyword",
	"related.hosts":                      "keyword*",
	"related.ip":                         "ip*",
	"related.user":                       "keyword*",
	"rule.category":                      "keyword",
	"rule.description":                   "keyword",
	"rule.id":                            "keyword",
	"rule.name":                          "keyword",
	"rule.ruleset":                       "keyword",
	"rule.uuid":                          "keyword",
	"rule.version":                       "keyword",
	"threat.framework":                   "keyword",
	"threat.tactic.id":                   "keyword*",
	"threat.tactic.name":                 "keyword*",
	"threat.tactic.reference":            "keyword*",
	"threat.technique.id":                "keyword*",
	"threat.technique.name":              "keyword*",
	"threat.technique.reference":         "keyword*",
	"threat.technique.subtechnique.id":   "keyword*",
	"threat.technique.subtechnique.name": "keyword*",
	"threat.technique.subtechnique.reference": "keyword*",
	"user.email": "keyword",
	"user.name":  "keyword",
}

// requiredFields are the fields by which a document is found as an alert.
var requiredFields = []string{
	"@timestamp", "ecs.version", "event.id", "event.kind", "event.category", "event.type", "event.module", "event.dataset",
	"observer.vendor", "observer.product",
}

// eventKinds, and the event types that ECS expects of each event category.
var (
	eventKinds = []string{"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}
	eventTypes = map[string][]string{
		"intrusion_detection": {"allowed", "denied", "info"},
		"email":               {"info"},
		"iam":                 {"admin", "change", "creation", "deletion", "group", "info", "user"},
		"network":             {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
		"threat":              {"indicator"},
	}
)

var (
	isTactic    = regexp.MustCompile(`^TA00\d\d$`)
	isTechnique = regexp.MustCompile(`^T\d{4}$`)
	isSub       = regexp.MustCompile(`^T\d{4}\.\d{3}$`)
	isMAC       = regexp.MustCompile(`^([0-9A-F]{2}-){5}[0-9A-F]{2}$`)
	isSnakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// checker checks documents one by one, and checks that our own fields have the same
// type in all documents.
type checker struct {
	problems []string
	ours     map[string]string // types that Elasticsearch would give fields below darktrace
	seen     map[string]bool
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// check returns what is wrong with a document.
func (c *checker) check(doc []byte) []string {
	c.problems, c.seen = nil, map[string]bool{}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber() // A float64 is exact up to 2^53 only.
	if err := decoder.Decode(&fields); err != nil {
		return []string{err.Error()}
	}
	c.walk("", fields)
	for _, name := range requiredFields {
		if !c.seen[name] {
			c.problem("%s is missing", name)
		}
	}
	c.consistent(fields)
	return c.problems
}

func (c *checker) walk(path string, value any) {
	if object, ok := value.(map[string]any); ok && fieldTypes[path] == "" {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			c.walk(strings.TrimPrefix(path+"."+name, "."), object[name])
		}
		return
	}
	if strings.HasPrefix(path, "darktrace.") {
		c.own(path, value)
		return
	}
	kind, list := strings.CutSuffix(fieldTypes[path], "*")
	if kind == "" {
		c.problem("%s is not a valid field of ECS", path)
		return
	}
	c.seen[path] = true
	values, isList := value.([]any)
	if isList != list {
		c.problem("%s: a list is %t, and should be %t", path, isList, list)
		return
	}
	if !isList {
		values = []any{value}
	}
	if len(values) == 0 {
		c.problem("%s is empty", path)
	}
	for i, value := range values {
		c.value(path, kind, value)
		if slices.Contains(values[:i], value) && strings.HasPrefix(path, "related.") {
			c.problem("%s: %v comes twice", path, value)
		}
	}
}

// own checks a field that ECS doesn't have.
func (c *checker) own(path string, value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			c.own(path, element)
		}
		return
	case map[string]any:
		for name, element := range v {
			c.own(path+"."+name, element)
		}
		return
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if !isSnakeCase.MatchString(name) {
		c.problem("%s is not in snake case", path)
	}
	kind := fmt.Sprintf("%T", value)
	switch name {
	case "ip":
		kind = "ip"
	case "start", "end", "timestamp", "time", "creation_time":
		kind = "date"
	}
	if known := c.ours[path]; known != "" && known != kind {
		c.problem("%s is %s here, and %s elsewhere", path, kind, known)
	}
	c.ours[path] = kind
	if kind == "ip" || kind == "date" {
		c.value(path, kind, value)
	}
}

func (c *checker) value(path, kind string, value any) {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	_, notWhole := number.Int64()
	switch {
	case (kind == "keyword" || kind == "match_only_text" || kind == "date" || kind == "ip") && !isText:
		c.problem("%s: %v is not a valid text", path, value)
	case (kind == "long" || kind == "float") && !isNumber:
		c.problem("%s: %v is not a valid number", path, value)
	case isText && text == "":
		c.problem("%s is empty", path)
	case kind == "long" && notWhole != nil:
		c.problem("%s: %v is not a valid whole number", path, value)
	case kind == "ip":
		if addr, err := netip.ParseAddr(text); err != nil || addr.Zone() != "" {
			c.problem("%s: %q is not a valid address", path, text)
		}
	case kind == "date":
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", text); err != nil {
			c.problem("%s: %q is not a valid time with milliseconds", path, text)
		}
	}
	form := map[string]*regexp.Regexp{
		"threat.tactic.id": isTactic, "threat.technique.id": isTechnique, "threat.technique.subtechnique.id": isSub, "host.mac": isMAC,
	}[path]
	if form != nil && !form.MatchString(text) {
		c.problem("%s: %q has not the form of one", path, text)
	}
}

// consistent checks fields that depend on each other.
func (c *checker) consistent(doc map[string]any) {
	event, _ := doc["event"].(map[string]any)
	if kind, _ := event["kind"].(string); !slices.Contains(eventKinds, kind) {
		c.problem("event.kind: %q is not allowed", kind)
	}
	types, _ := event["type"].([]any)
	categories, _ := event["category"].([]any)
	for _, category := range categories {
		expected, ok := eventTypes[fmt.Sprint(category)]
		if !ok {
			c.problem("event.category: %q is not allowed", category)
		}
		for _, kind := range types {
			if ok && !slices.Contains(expected, fmt.Sprint(kind)) {
				c.problem("event.type: %q does not go with %q", kind, category)
			}
		}
	}
	start, end := parsed(event["start"]), parsed(event["end"])
	number, _ := event["duration"].(json.Number)
	duration, _ := number.Int64()
	want, longest := end.UnixMilli()-start.UnixMilli(), int64(math.MaxInt64/time.Millisecond)
	if start.IsZero() || end.IsZero() || want > longest || want < -longest {
		want = 0 // No int64 has room for it in nanoseconds.
	}
	if want *= int64(time.Millisecond); duration != want {
		c.problem("event.duration is %d, and should be %d", duration, want)
	}
	number, _ = event["risk_score_norm"].(json.Number)
	if score, _ := number.Float64(); score < 0 || score > 100 {
		c.problem("event.risk_score_norm: %v is not within 0 and 100", score)
	}
}

func parsed(value any) time.Time {
	text, _ := value.(string)
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// TestChecker breaks a good document in every way that the checker should see.
func TestChecker(t *testing.T) {
	t.Parallel()
	good := siemtest.Encode(t, everything(t))
	require.Empty(t, newChecker().check(good))
	for problem, change := range map[string][2]string{
		`@timestamp is missing`: {`"@timestamp":`, `"darktrace.timestamp":`},
		`@timestamp: "2024-10-27T03:50:00Z" is not a valid time with milliseconds`: {`03:50:00.123Z`, `03:50:00Z`},
		`event.kind is missing`:                                                           {`"kind":"alert",`, ``},
		`event.kind: "alarm" is not allowed`:                                              {`"kind":"alert"`, `"kind":"alarm"`},
		`event.category: "mail" is not allowed`:                                           {`["intrusion_detection","email"]`, `["mail"]`},
		`event.category: a list is false, and should be true`:                             {`["intrusion_detection","email"]`, `"email"`},
		`event.type: "indicator" does not go with "email"`:                                {`["info"]`, `["indicator"]`},
		`event.type is empty`:                                                             {`["info"]`, `[]`},
		`event.id is empty`:                                                               {`"event":{"id":"51e00001-5e1f-4a71-9c10-000000000001"`, `"event":{"id":""`},
		`event.severity: critical is not a valid number`:                                  {`"severity":4`, `"severity":"critical"`},
		`event.severity: 4.5 is not a valid whole number`:                                 {`"severity":4`, `"severity":4.5`},
		`event.risk_score_norm: 942.5 is not within 0 and 100`:                            {`"risk_score_norm":94.25`, `"risk_score_norm":942.5`},
		`event.duration is 19, and should be 19000455000000`:                              {`"duration":19000455000000`, `"duration":19`},
		`event.levity is not a valid field of ECS`:                                        {`"severity"`, `"levity"`},
		`host.ip: "192.0.2.#17" is not a valid address`:                                   {`"ip":["192.0.2.17"]`, `"ip":["192.0.2.#17"]`},
		`host.mac: "00:00:5e:00:53:11" has not the form of one`:                           {`00-00-5E-00-53-11`, `00:00:5e:00:53:11`},
		`related.ip: "2001:db8::53%eth0" is not a valid address`:                          {`"2001:db8::53"`, `"2001:db8::53%eth0"`},
		`related.user: jdoe@example.com comes twice`:                                      {`"user":["jdoe@example.com","asmith"`, `"user":["jdoe@example.com","jdoe@example.com"`},
		`threat.tactic.id: "discovery" has not the form of one`:                           {`"TA0007","TA0008"]`, `"discovery"]`},
		`message: 7 is not a valid text`:                                                  {`"message":"WS-17.example.com scanned the network for asmith."`, `"message":7`},
		`rule is not a valid field of ECS`:                                                {`"rule":{`, `"rule":"x","rules":{`},
		`darktrace.ai_analyst.aiaScore is not in snake case`:                              {`"aia_score"`, `"aiaScore"`},
		`darktrace.ai_analyst.breach_devices.ip: "VPN" is not a valid address`:            {`"ip":"192.0.2.17"`, `"ip":"VPN"`},
		`darktrace.ai_analyst.periods.start: "now" is not a valid time with milliseconds`: {`"periods":[{"start":"2024-10-27T00:46:40.000Z"`, `"periods":[{"start":"now"`},
		`darktrace.ai_analyst.periods.end: 7 is not a valid text`:                         {`"end":"2024-10-27T03:16:40.456Z"},{`, `"end":7},{`},
		`darktrace.ai_analyst.attack_phases is json.Number here, and string elsewhere`:    {`"attack_phases":[4,5]`, `"attack_phases":["four",5]`},
	} {
		broken := strings.Replace(string(good), change[0], change[1], 1)
		require.NotEqual(t, string(good), broken, "%s: nothing to break", problem)
		assert.Contains(t, newChecker().check([]byte(broken)), problem)
	}
	assert.NotEmpty(t, newChecker().check([]byte("{")))
}

func newChecker() *checker { return &checker{ours: map[string]string{}} }
