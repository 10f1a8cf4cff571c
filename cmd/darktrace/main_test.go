package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// user types commands. Each command runs against a new fake appliance, as with the
// flag -fake.
type user struct {
	t        *testing.T
	terminal bool
	columns  int             // of the terminal; 0 = unknown
	progress bool            // stderr is a terminal
	ctx      context.Context // nil = the test's
	options  []darktracetest.Option
	setUp    func(*darktracetest.Server)
	lines    int                   // stdout is closed after this many lines; 0 = never
	onPrint  func()                // called before the command prints; nil = nothing
	srv      *darktracetest.Server // of the last command; nil = none
	stdout   string
	stderr   string
}

// sample holds the incidents of the fake appliance.
var sample = darktracetest.Incidents(7, 24)

// types runs a command and returns its exit code.
func (u *user) types(args ...string) int {
	u.t.Helper()
	var stdout, stderr bytes.Buffer
	u.srv = nil
	ctx := u.ctx
	if ctx == nil {
		ctx = u.t.Context()
	}
	clock := time.Now()
	now := func() time.Time {
		clock = clock.Add(time.Second) // So that progress is always shown.
		return clock
	}
	p := &program{stdout: &reader{&stdout, u.lines, u.onPrint}, stderr: &stderr, stdoutTerminal: u.terminal, width: u.columns, stderrTerminal: u.progress, now: now, fake: func() (*darktracetest.Server, error) {
		u.srv = darktracetest.NewServer(u.options...)
		fill(u.srv, sample)
		if u.setUp != nil {
			u.setUp(u.srv)
		}
		return u.srv, nil
	}}
	code := p.run(ctx, args)
	u.stdout, u.stderr = stdout.String(), stderr.String()
	return code
}

// reader is a pipe that is closed after some lines.
type reader struct {
	*bytes.Buffer
	lines  int
	before func() // nil = nothing
}

func (r *reader) Write(data []byte) (int, error) {
	if r.before != nil {
		r.before()
	}
	if r.lines > 0 && bytes.Count(r.Bytes(), []byte("\n")) >= r.lines {
		return 0, errors.New("broken pipe")
	}
	return r.Buffer.Write(data)
}

// writes lists the paths of the requests that were not reads.
func (u *user) writes() []string {
	paths := []string{}
	if u.srv != nil {
		for _, r := range u.srv.Requests() {
			if r.Method != http.MethodGet {
				paths = append(paths, r.Path)
			}
		}
	}
	return paths
}

// walk has a command for every verb, with its output on a terminal and the writes
// that it sends.
var walk = []struct {
	line   string
	prints []string // regular expressions
	writes []string
}{
	{"ping", []string{`address +ok +connected to 127\.0\.0\.1`, `tls +ok +TLS 1\.3, certificate of`, `clock +ok`, `tokens +ok`, `permission +ok`, `version`, `licence`}, nil},
	{"incidents", []string{`^ACTIVITY \(UTC\) +SCORE +CATEGORY +EVENTS`, `(?m)^2.* critical +2 .*{incident}$`}, nil},
	{"incidents -min-score 50 -category critical,suspicious -since 30d -all", []string{`no incidents|ACTIVITY`}, nil},
	{"events", []string{`^CREATED \(UTC\) +SCORE`, `{event}`}, nil},
	{"events -incident {incident}", []string{`{event}`}, nil},
	{"events -incident {incident} -limit 1 -q", []string{`^CREATED .*\n.*\n$`}, nil},
	{"events -since 1w -until 0.1w", []string{`^no events\n$|^CREATED`}, nil},
	{"events -since 2026-01-31 -did 1 -limit 3", []string{`^no events\n$`}, nil},
	{"show {event}", []string{`^\S.*\n +id +{event}\n`, `(?m)^Part of the incident\n  id +{incident}$`, `night\.shift +Not expected\.`, `(?m)^Summary$`, `(?m)^Model alerts$`}, nil},
	{"show {incident}", []string{`^Incident\n  id +{incident}\n`, `activity +2`, `{event}`}, nil},
	{"ack {event}", []string{`^{event}: acknowledged, and read back\n$`}, []string{"/aianalyst/acknowledge"}},
	{"ack {incident}", []string{`{event}: acknowledged, and read back\n`}, []string{"/aianalyst/acknowledge"}},
	{"unack {event}", []string{`^{event}: no longer acknowledged, and read back\n$`}, []string{"/aianalyst/unacknowledge"}},
	{"pin {event}", []string{`^{event}: pinned, and read back\n$`}, []string{"/aianalyst/pin"}},
	{"unpin {event}", []string{`^{event}: no longer pinned, and read back\n$`}, []string{"/aianalyst/unpin"}},
	{"comment {event} Looked-at", []string{`^{event}: commented as api\.user at .*, and read back\n$`}, []string{"/aianalyst/incident/comments"}},
	{"watch -once -since 8d -updates -checkpoint {temp}/seen.json", []string{`(?m)^new +2.*{event}$`}, nil},
	{"watch alerts -once -since 2w", []string{`(?m)^new +2.* {alert}$`}, nil},
	{"watch events -once -since 1.5w -interval 5s", []string{`(?m)^new +2.*{event}$`}, nil},
	{"-file {temp}/report.html report {event}", []string{`/report\.html written\n$`}, nil},
	{"report {event} -file {temp}/report.html", []string{`/report\.html written\n$`}, nil},
	{"show {alert}", []string{`^\S.*\n +id +{alert}\n`, `(?m)^ +score +`}, nil},
	{"alerts", []string{`^CREATED \(UTC\) +SCORE +CATEGORY +MODEL`, ` {alert}\n`}, nil},
	{"alerts -since 30d -until 1d -min-score 50 -did 1 -all -limit 2", []string{`no alerts`}, nil},
	{"device {did}", []string{`(?m)^ +id +{did}$`, `(?m)^ +tags +`}, nil},
	{"device {address}", []string{`(?m)^ +id +{did}$`}, nil},
	{"device *.example.com", []string{`^NAME +ADDRESS`, ` {did}\n`}, nil},
	{"actions", []string{`^STATE +BEGAN \(UTC\)`, ` {action}\n`}, nil},
	{"actions -pending -all -limit 1 -did 12345", []string{`no actions`}, nil},
	{"search @type:\"dns\" -since 1d", []string{`^TIME \(UTC\) +TYPE +SOURCE`, `(?m)^\d+ .*  dns +192\.0\.2\.15:50124  192\.0\.2\.1:53 `}, nil},
	{"search @type:\"ssl\"", []string{`(?m)^\d+ .*  ssl +192\.0\.2\.14:50125  203\.0\.113\.9:443 `}, nil},
	{"search @type:\"none\"", []string{`^no records\n$`}, nil},
	{"ack {alert}", []string{`^{alert}: acknowledged, and read back\n$`}, []string{"/modelbreaches/{alert}/acknowledge"}},
	{"ack {event} {alert}", []string{`^{event}: acknowledged, and read back\n{alert}: acknowledged, and read back\n$`}, []string{"/aianalyst/acknowledge", "/modelbreaches/{alert}/acknowledge"}},
	{"unack {alert}", []string{`^{alert}: no longer acknowledged, and read back\n$`}, []string{"/modelbreaches/{alert}/unacknowledge"}},
	{"comment {alert} Looked-at", []string{`^{alert}: commented as api\.user at .*, and read back\n$`}, []string{"/modelbreaches/{alert}/comments"}},
	{"respond activate {action} -reason test", []string{`^{action}: activated, and read back: .* active until`}, []string{"/antigena"}},
	{"respond activate {action} -reason test -for 1h", []string{`^{action}: activated, and read back: .* active until`}, []string{"/antigena"}},
	{"respond clear {action} -reason test", []string{`^{action}: cleared, and read back: .*, cleared\n$`}, []string{"/antigena"}},
	{"respond block {did} {address} 203.0.113.9:443 -for 1h -reason test", []string{`: blocked, and read back: .* active until`}, []string{"/antigena/manual"}},
	{"respond block {did} printer.example.com [2001:db8::1] -for 1h -reason test", []string{`: blocked, and read back`}, []string{"/antigena/manual"}},
	{"version", []string{`^darktrace ` + regexp.QuoteMeta(darktrace.Version)}, nil},
	{"completion bash", []string{`complete -F _darktrace darktrace`}, nil},
	{"completion zsh", []string{`^#compdef darktrace`}, nil},
	{"completion fish", []string{`complete -c darktrace`}, nil},
}

// fields splits a line of the walk into arguments and fills in the ids.
func fields(t *testing.T, line string) []string {
	return strings.Fields(filled(t).Replace(line))
}

// filled fills in an event, its incident, device and model alert, and an action of
// RESPOND that waits for confirmation.
func filled(t *testing.T) *strings.Replacer {
	e := sample[len(sample)-2]
	return strings.NewReplacer("{event}", e.ID, "{incident}", e.CurrentGroup, "{temp}", filepath.ToSlash(t.TempDir()),
		"{alert}", fmt.Sprint(e.RelatedBreaches[0].PBID), "{did}", fmt.Sprint(e.BreachDevices[0].DID), "{address}", e.BreachDevices[0].IP,
		"{action}", pendingAction())
}

var pendingAction = sync.OnceValue(func() string {
	srv := darktracetest.NewServer()
	defer srv.Close()
	fill(srv, sample)
	waiting := true
	actions, err := srv.Client().Antigena.ListActions(context.Background(), &darktrace.AntigenaListOptions{NeedConfirming: &waiting})
	if err != nil {
		panic(err)
	}
	return fmt.Sprint(actions[0].CodeID)
})

func TestEveryVerb(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{}
	for _, v := range verbs() {
		missing[v.name] = true
	}
	for _, step := range walk {
		u := &user{t: t, terminal: true}
		require.Zero(t, u.types(append([]string{"-fake"}, fields(t, step.line)...)...), "%s: %s", step.line, u.stderr)
		for _, want := range step.prints {
			assert.Regexp(t, filled(t).Replace(want), u.stdout, step.line)
		}
		assert.Empty(t, u.stderr, step.line)
		writes := []string{}
		for _, path := range step.writes {
			writes = append(writes, filled(t).Replace(path))
		}
		assert.ElementsMatch(t, writes, u.writes(), step.line)
		for _, word := range strings.Fields(step.line) {
			delete(missing, word)
		}
	}
	assert.Empty(t, missing, "verbs that the walk does not have")
}

func TestAPipeGetsALineOfJSONForEachObject(t *testing.T) {
	t.Parallel()
	for _, step := range walk {
		if strings.HasPrefix(step.line, "completion") || strings.Contains(step.line, "report ") {
			continue
		}
		u := &user{t: t}
		require.Zero(t, u.types(append(fields(t, step.line), "-fake")...), step.line)
		for text := range strings.Lines(u.stdout) {
			assert.True(t, json.Valid([]byte(text)), "%s: %s", step.line, text)
		}
	}
	u := &user{t: t}
	require.Zero(t, u.types("-fake", "events", "-limit", "2"))
	lines := strings.Split(strings.TrimSpace(u.stdout), "\n")
	require.Len(t, lines, 2)
	var event darktrace.IncidentEvent
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &event))
	assert.Equal(t, u.srv.Event(event.ID).Title, event.Title)
}

// TestBadInput types what is wrong: one line on stderr, the documented exit
// code, and nothing sent.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, says string }{
		{"", `no verb; "darktrace help" lists all verbs`},
		{"event", `unknown verb "event"; "darktrace help" lists all verbs`},
		{"help events now", "help takes one verb"},
		{"help nothing", `unknown verb "nothing"`},
		{"-nonsense events", "flag provided but not defined: -nonsense"},
		{"events -nonsense", "flag provided but not defined: -nonsense"},
		{"events -checkpoint x", `events takes no -checkpoint; "darktrace help events" has more`},
		{"-checkpoint x events", `events takes no -checkpoint`},
		{"events -o", "flag needs an argument: -o"},
		{"events -o xml", "must be table, json, ecs or ocsf"},
		{"incidents -o ecs", "incidents prints table, json, not ecs"},
		{"events -since soon", "must be an age such as 36h, 7d or 2w, or a date such as 2026-01-31"},
		{"events -since -3h", "must be an age"},
		{"events -since 0001-01-01", "must be between 1970 and 2261"},
		{"alerts -since 90w -until 1960-01-01", "must be between 1970 and 2261"},
		{"search x -until 2300-01-01", "must be between 1970 and 2261"},
		{"incidents -since 2250-01-01", "-since is in the future"},
		{"watch -since 2250-01-01T00:00:00Z", "-since is in the future"},
		{"events -since 40000d", "must be an age"},
		{"events -since 9000w", "must be an age"},
		{"events -since w", "must be an age"},
		{"events -category informational", "critical, suspicious or compliance"},
		{"watch -category informational", "critical, suspicious or compliance"},
		{"watch incidents", `watch can watch events and alerts, not "incidents"`},
		{"watch alerts events", "watch takes [events|alerts]"},
		{"watch alerts -category all", "must be critical, suspicious, compliance or informational"},
		{"events -since 1h -until 2h", "-since is after -until"},
		{"events -min-score much", "must be a number from 0 to 100"},
		{"events -min-score 101", "must be a number from 0 to 100"},
		{"events -min-score NaN", "must be a number from 0 to 100"},
		{"events -category Critical", "must be critical, suspicious, compliance or informational"},
		{"events -limit 0", "must be a number above 0"},
		{"events -did x", `"x" is not a number`},
		{"events -did 0", "0 is not the id of a device"},
		{"actions -did 0", "0 is not the id of a device"},
		{"events -incident a,b", "contains a comma"},
		{"events -incident {incident} -since 1h", "-incident lists all events of the incident: it takes no -since"},
		{"events -all -incident {incident}", "it takes no -all"},
		{"-category critical events -incident {incident} -limit 1", "it takes no -category"},
		{"events -all=maybe", "must be true or false"},
		{"events stray", `events takes no arguments; "darktrace help events" has more`},
		{"show", "show takes <event, incident or alert>"},
		{"show a b", "show takes <event, incident or alert>"},
		{"show ../status", "which is not an id"},
		{"ack", "ack takes <event, incident or alert>..."},
		{"ack a;b", "which is not an id"},
		{"unack {event} a/b", "which is not an id"},
		{"ack {alert} a/b", "which is not an id"},
		{"unack {alert} {event} a/b", "which is not an id"},
		{"pin {event},{event}", "contains a comma"},
		{"comment {event}", "comment takes <event or alert> <text>"},
		{"comment a/b text", "which is not an id"},
		{"comment {incident} text", "comment takes an event or an alert, but {incident} is an incident"},
		{"report", "report takes <event or incident>"},
		{"report -file", "flag needs an argument: -file"},
		{"report {event} -file=", "must not be empty"},
		{"report {event} -o json", "report prints html, not json"},
		{"report {event}", "use -file, or redirect the output"},
		{"ack {event} -- -5", "-5 is not the id of a model alert"},
		{"search", "search takes <query>"},
		{"search a -since 1h -until 2h", "-since is after -until"},
		{"pin 4711", "pin takes events and incidents, but 4711 is a model alert"},
		{"alerts -min-score -1", "must be a number from 0 to 100"},
		{"alerts -did 1.5", `"1.5" is not a number`},
		{"device", "device takes <id, address or name>"},
		{`device a"b`, "can't express quotes"},
		{"actions -pending=perhaps", "must be true or false"},
		{"respond", "respond takes activate|extend|clear|reactivate <action>, block <device> <from> <to>"},
		{"respond activate", "respond takes activate|extend|clear|reactivate <action>, block <device> <from> <to>"},
		{"respond delete 7 -reason x", `respond can activate, extend, clear, reactivate and block, not "delete"`},
		{"respond clear 7 8 -reason x", "respond clear takes an action"},
		{"respond block 7 192.0.2.1 -reason x", "respond block takes a device, and the two ends"},
		{"respond block 7 192.0.2.1 192.0.2.2 -reason x", "respond block needs -for"},
		{"respond block 7 192.0.2.1 192.0.2.2:http -reason x -for 1h", `"http" is not a port`},
		{"respond block 7 192.0.2.1 192.0.2.2:70000 -reason x -for 1h", `"70000" is not a port`},
		{"respond block 7 192.0.2.1 192.0.2.2 -for 1h", "respond needs a -reason"},
		{"respond block 7 192.0.2.1:55 192.0.2.2 -reason x -for 1h", `"192.0.2.1:55" is not an address or the name of a host`},
		{"respond block 7 192.0.2.1 192.0.2.0/24 -reason x -for 1h", `"192.0.2.0/24" is not an address`},
		{"respond block 7 192.0.2.1 192.0.2.299 -reason x -for 1h", `"192.0.2.299" is not an address`},
		{"respond clear seven -reason x", `"seven" is not a number`},
		{"respond clear 7", "respond needs a -reason"},
		{"respond clear 7 -reason x -for 1h", "respond clear takes no -for"},
		{"respond extend 7 -reason x", "respond extend needs -for"},
		{"respond activate 7 -reason x -for soon", "must be a duration such as 30m or 2h"},
		{"respond activate 7 -reason=", "must not be empty"},
		{"watch -interval 0s", "must be a duration such as 30s or 5m"},
		{"watch -interval x", "must be a duration such as 30s or 5m"},
		{"completion tcsh", "completion supports bash, zsh and fish"},
	} {
		u := &user{t: t, terminal: true}
		assert.Equal(t, 2, u.types(append([]string{"-fake"}, fields(t, c.line)...)...), c.line)
		assert.Empty(t, u.stdout, c.line)
		assert.Contains(t, u.stderr, filled(t).Replace(c.says), c.line)
		assert.Equal(t, 1, strings.Count(u.stderr, "\n"), "%s: %q", c.line, u.stderr)
		assert.True(t, strings.HasPrefix(u.stderr, "darktrace: ") && strings.HasSuffix(u.stderr, "\n"), u.stderr)
		if u.srv != nil {
			assert.Empty(t, u.srv.Requests(), c.line)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	unknown := "11111111-1111-1111-1111-111111111111"
	refuse := func(path string, status int, body string) func(*darktracetest.Server) {
		return func(srv *darktracetest.Server) {
			srv.Inject(darktracetest.Fault{Path: path, Status: status, Body: body, ContentType: "application/json"})
		}
	}
	for _, c := range []struct {
		line  string
		setUp func(*darktracetest.Server)
		code  int
		says  string
	}{
		{"show " + unknown, nil, 6, "not found"},
		{"ack {event} " + unknown, nil, 6, "1 done, 1 failed"},
		{"ack " + unknown, nil, 6, "acknowledge and verify " + unknown + ": "},
		{"pin {event} " + unknown, nil, 6, "not found"},
		{"ack g" + unknown, nil, 6, "not found"},
		{"events -incident g" + unknown, nil, 6, "not found"},
		{"events", refuse("/aianalyst/incidentevents", http.StatusForbidden, "{}"), 5, "permission missing"},
		{"ack {event}", func(srv *darktracetest.Server) { srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer) }, 5, acknowledgeBreaches},
		{"events", refuse("/aianalyst/incidentevents", http.StatusBadRequest, `{"error":"API SIGNATURE ERROR"}`), 4, "signature refused"},
		{"events", func(srv *darktracetest.Server) { srv.Inject(darktracetest.LoginPage()) }, 4, "login"},
		{"incidents", refuse("/aianalyst/groups", http.StatusBadRequest, `{"error":"INPUT ERROR"}`), 7, "input refused"},
		{"incidents", refuse("/aianalyst/groups", http.StatusOK, `[{]`), 9, ""},
		{"comment {event} text", func(srv *darktracetest.Server) {
			srv.Inject(darktracetest.Fault{Method: http.MethodPost, Status: http.StatusOK, Body: `{"aianalyst":"SUCCESS"}`})
		}, 3, "not stored"},
		{"pin {event}", refuse("/aianalyst/pin", http.StatusBadGateway, "{}"), 3, "unknown"},
		{"unack {event}", func(srv *darktracetest.Server) {
			srv.Acknowledge(filled(t).Replace("{event}"))
			srv.Inject(darktracetest.Fault{Path: "/aianalyst/unacknowledge", Status: http.StatusOK, Body: `{"aianalyst":"SUCCESS"}`})
		}, 3, "is still acknowledged, although the appliance confirmed the change"},
		{"pin {event}", refuse("/aianalyst/pin", http.StatusOK, `{"aianalyst":"SUCCESS"}`), 3, "is not pinned, although"},
	} {
		u := &user{t: t, setUp: c.setUp}
		assert.Equal(t, c.code, u.types(append([]string{"-fake"}, fields(t, c.line)...)...), "%s: %s", c.line, u.stderr)
		assert.Contains(t, u.stderr, c.says, c.line)
		assert.Equal(t, 1, strings.Count(u.stderr, "\n"), "%s: %q", c.line, u.stderr)
	}
}

// TestAMergedIncidentKeepsItsEvents asks for an incident by the id that it had.
func TestAMergedIncidentKeepsItsEvents(t *testing.T) {
	t.Parallel()
	from := filled(t).Replace("{incident}")
	i := slices.IndexFunc(sample, func(e *darktrace.IncidentEvent) bool { return e.CurrentGroup != from })
	u := &user{t: t, setUp: func(srv *darktracetest.Server) { srv.Merge(from, sample[i].CurrentGroup) }}
	require.Zero(t, u.types("-fake", "events", "-incident", from), u.stderr)
	assert.Contains(t, u.stdout, filled(t).Replace(`"id":"{event}"`))
	assert.Contains(t, u.stdout, `"id":"`+sample[i].ID+`"`)
}

// TestShowWithoutComments shows an event and an alert whose comments can't be read.
func TestShowWithoutComments(t *testing.T) {
	t.Parallel()
	for _, id := range []string{filled(t).Replace("{event}"), filled(t).Replace("{alert}")} {
		u := &user{t: t, setUp: func(srv *darktracetest.Server) {
			for _, path := range []string{"/aianalyst/incident/comments", "/modelbreaches/" + id + "/comments"} {
				srv.Inject(darktracetest.Fault{Path: path, Status: http.StatusForbidden, Body: "{}"})
			}
		}}
		require.Zero(t, u.types("-fake", "show", id), u.stderr)
		assert.Contains(t, u.stdout, id)
		assert.Regexp(t, `"comments":\[\],"missing":\["comments: .*permission missing`, u.stdout)
		u.terminal = true
		require.Zero(t, u.types("-fake", "show", id), u.stderr)
		assert.Regexp(t, `(?m)^ +id +`+id+`$`, u.stdout)
		assert.Regexp(t, `\nNot read\n +comments: .*permission missing`, u.stdout)
	}
}

func TestWithoutAnAppliance(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	u := &user{t: t}
	assert.Equal(t, 2, u.types("events"))
	assert.Equal(t, "darktrace: DARKTRACE_URL is not set; use -fake for a fake appliance\n", u.stderr)
	t.Setenv("DARKTRACE_URL", "https://darktrace.example.com")
	t.Setenv("DARKTRACE_PUBLIC_TOKEN", "")
	assert.Equal(t, 2, u.types("events"))
	assert.Contains(t, u.stderr, "DARKTRACE_PUBLIC_TOKEN and DARKTRACE_PRIVATE_TOKEN are not set")
	assert.Zero(t, u.types("version"), "it needs no appliance")
}

func TestFlagsStandAnywhere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-fake", "-o", "json", "show", sample[0].ID},
		{"show", "-fake", sample[0].ID, "-o=json"},
		{"show", sample[0].ID, "--o", "json", "--fake"},
		{"-fake", "show", "-o", "json", "--", sample[0].ID},
	} {
		u := &user{t: t, terminal: true}
		assert.Zero(t, u.types(args...), "%v: %s", args, u.stderr)
		assert.Contains(t, u.stdout, `"title":`, args)
	}
	u := &user{t: t, terminal: true}
	require.Zero(t, u.types("-fake", "comment", sample[0].ID, "--", "-o json is not a flag here"))
	comments := u.srv.Comments(sample[0].ID)
	assert.Equal(t, "-o json is not a flag here", comments[len(comments)-1].Message)
}

func TestPingSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault darktracetest.Fault
		check string
		code  int
	}{
		{darktracetest.Fault{Status: http.StatusForbidden, Body: "{}"}, "permission", 5},
		{darktracetest.Fault{Status: http.StatusBadRequest, Body: `{"error":"API SIGNATURE ERROR"}`}, "tokens", 4},
		{darktracetest.Fault{Status: http.StatusBadRequest, Body: `{"error":"API DATE ERROR"}`}, "clock", 4},
		{darktracetest.LoginPage(), "appliance", 4},
		{darktracetest.Fault{Cut: darktracetest.CutBeforeRead}, "appliance", exitInterrupted}, // So that it does not try again.
		{darktracetest.Fault{Cut: darktracetest.CutInBody}, "appliance", exitInterrupted},
		{darktracetest.Fault{Delay: time.Hour}, "appliance", exitInterrupted},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		u := &user{t: t, ctx: ctx, setUp: func(srv *darktracetest.Server) { srv.Inject(c.fault) }}
		if c.code == exitInterrupted {
			u.options = []darktracetest.Option{darktracetest.WithObserver(func(darktracetest.Request) { cancel() })}
		}
		assert.Equal(t, c.code, u.types("-fake", "ping"), c.check)
		cancel()
		results := map[string]string{}
		after := false
		for text := range strings.Lines(u.stdout) {
			var line check
			require.NoError(t, json.Unmarshal([]byte(text), &line))
			results[line.Name] = line.Result
			if after {
				assert.Equal(t, notTested, line.Result, "after %s", c.check)
			}
			after = after || line.Result == failed
		}
		assert.Equal(t, failed, results[c.check], u.stdout)
		assert.Equal(t, passed, results["address"], u.stdout)
	}
}

func TestPingLooksAtTheLicence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ licence, result, says string }{
		{time.Now().AddDate(1, 0, 0).Format(time.DateTime), passed, "until"},
		{time.Now().AddDate(0, 0, 3).Format(time.DateOnly), warned, "until"},
		{"2020-01-01 00:00:00", warned, "expired on 2020-01-01"},
		{"", warned, "reports no licence"},
		{"perpetual", passed, "until perpetual"},
	} {
		u := &user{t: t, terminal: true, setUp: func(srv *darktracetest.Server) {
			srv.Inject(darktracetest.Fault{Path: "/status", Status: http.StatusOK, Body: `{"version":"7.1.0","license":"` + c.licence + `"}`})
		}}
		require.Zero(t, u.types("-fake", "ping"))
		assert.Regexp(t, `(?m)^version +ok +7\.1\.0$`, u.stdout)
		assert.Regexp(t, `(?m)^licence +`+c.result+` +.*`+c.says, u.stdout)
	}
	u := &user{t: t, terminal: true, setUp: func(srv *darktracetest.Server) {
		srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	}}
	require.Zero(t, u.types("-fake", "ping"), "the token's user need not see it")
	assert.Regexp(t, `(?m)^version +not tested +.*permission missing`, u.stdout)
}

func TestPingKnowsAddressFromCertificate(t *testing.T) {
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	t.Setenv("DARKTRACE_URL", srv.URL)
	t.Setenv("DARKTRACE_PUBLIC_TOKEN", srv.PublicToken)
	t.Setenv("DARKTRACE_PRIVATE_TOKEN", srv.PrivateToken)
	t.Setenv("DARKTRACE_CA_FILE", "")
	u := &user{t: t, terminal: true}
	assert.Equal(t, 8, u.types("ping"), "a certificate that is not trusted")
	assert.Regexp(t, `(?m)^tls +failed +.*certificate`, u.stdout)
	assert.Regexp(t, `(?m)^address +ok`, u.stdout)

	t.Setenv("DARKTRACE_INSECURE", "true")
	u = &user{t: t, terminal: true}
	assert.Zero(t, u.types("ping"))
	assert.Regexp(t, `(?m)^tls +warning .*NOT verified`, u.stdout)
	srv.ResetRequests()
}

func TestHelpNamesEverything(t *testing.T) {
	t.Parallel()
	u := &user{t: t}
	for _, args := range [][]string{{"help"}, {"-h"}, {"-help"}, {"--help"}} {
		require.Zero(t, u.types(args...))
		assert.Empty(t, u.stderr)
		for _, v := range verbs() {
			assert.Regexp(t, `\n  `+regexp.QuoteMeta(v.usage())+`\s`, u.stdout)
			assert.Regexp(t, `\n.{33}`+regexp.QuoteMeta(v.help)+`\n`, u.stdout, "it stays in its column")
		}
		for _, exit := range exits {
			assert.Contains(t, u.stdout, exit.meaning)
		}
	}
	for _, v := range verbs() {
		require.Zero(t, u.types("help", v.name))
		text := u.stdout
		require.Zero(t, u.types(v.name, "-h"))
		assert.Equal(t, text, u.stdout)
		for _, name := range v.allFlags() {
			assert.Contains(t, text, "  -"+name+" ")
		}
		assert.Contains(t, text, v.permission)
	}
}

func TestEveryFlagIsOfSomeVerb(t *testing.T) {
	t.Parallel()
	used := slices.Clone(everywhere)
	for _, v := range verbs() {
		used = append(used, v.flags...)
	}
	for _, o := range options {
		assert.Contains(t, used, o.name)
	}
}

func TestProgressShowsOnATerminalOnly(t *testing.T) {
	t.Parallel()
	u := &user{t: t, progress: true}
	require.Zero(t, u.types("-fake", "events"))
	assert.Contains(t, u.stderr, "\r24 events")
	assert.True(t, strings.HasSuffix(u.stderr, "\r24 events\r         \r"), "%q: it goes away", u.stderr)
	require.Zero(t, u.types("-fake", "events", "-q"))
	assert.Empty(t, u.stderr)
	u.progress = false
	require.Zero(t, u.types("-fake", "events"))
	assert.Empty(t, u.stderr)
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	u := &user{t: t, ctx: ctx, setUp: func(srv *darktracetest.Server) { cancel() }}
	assert.Equal(t, exitInterrupted, u.types("-fake", "events"))
	assert.Equal(t, 1, strings.Count(u.stderr, "\n"), u.stderr)
	assert.Zero(t, u.types("-fake", "watch"), "this is how it ends: %s", u.stderr)

	// So does what could not be saved.
	for _, line := range []string{"watch", "watch alerts", "watch -once", "watch alerts -once"} {
		folder := filepath.Join(t.TempDir(), "gone")
		require.NoError(t, os.Mkdir(folder, 0o700))
		ctx, cancel := context.WithCancel(t.Context())
		u := &user{t: t, ctx: ctx, onPrint: func() {
			assert.NoError(t, os.RemoveAll(folder))
			cancel()
		}}
		assert.Equal(t, exitOther, u.types(append(strings.Fields(line), "-fake", "-since", "2w", "-checkpoint", filepath.Join(folder, "seen.json"))...), line)
		assert.Contains(t, u.stderr, "does not exist", line)
	}

	// The outcome of a write that was sent matters more than the interrupt.
	ctx, cancel = context.WithCancel(t.Context())
	u = &user{t: t, ctx: ctx, options: []darktracetest.Option{darktracetest.WithObserver(func(darktracetest.Request) { cancel() })},
		setUp: func(srv *darktracetest.Server) {
			srv.Inject(darktracetest.Fault{Path: "/aianalyst/pin", Delay: time.Hour})
		}}
	assert.Equal(t, 3, u.types("-fake", "pin", sample[0].ID))
}

// TestInterruptedWrites says of each object whether its write was sent.
func TestInterruptedWrites(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"ack", "unack"} {
		ctx, cancel := context.WithCancel(t.Context())
		u := &user{t: t, terminal: true, ctx: ctx, options: []darktracetest.Option{darktracetest.WithObserver(func(darktracetest.Request) { cancel() })},
			setUp: func(srv *darktracetest.Server) {
				srv.Inject(darktracetest.Fault{Method: http.MethodPost, Delay: time.Hour})
			}}
		assert.Equal(t, 3, u.types("-fake", verb, sample[0].ID, "4711", "4712"))
		assert.Regexp(t, "^"+sample[0].ID+": unknown: .*\n4711: not sent\n4712: not sent\n$", u.stdout)
	}
}

func TestVerboseTellsNoSecret(t *testing.T) {
	t.Parallel()
	u := &user{t: t}
	require.Zero(t, u.types("-fake", "-v", "events"))
	assert.Contains(t, u.stderr, "path=/aianalyst/incidentevents")
	assert.NotContains(t, u.stderr, u.srv.PublicToken)
	assert.NotContains(t, u.stderr, u.srv.PrivateToken)
}
