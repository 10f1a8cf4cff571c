package main

import (
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// reportOf returns the page about an event or an incident.
func reportOf(t *testing.T, id string, setUp func(*darktracetest.Server)) (page, url string) {
	t.Helper()
	u := &user{t: t, setUp: setUp}
	require.Zero(t, u.types("-fake", "report", id), u.stderr)
	require.Empty(t, u.writes())
	return u.stdout, u.srv.URL
}

func TestReportHasEverything(t *testing.T) {
	t.Parallel()
	var page, url string
	for i, e := range sample { // The events of an incident are adjacent.
		if i == 0 || e.CurrentGroup != sample[i-1].CurrentGroup {
			page, url = reportOf(t, e.CurrentGroup, nil)
		}
		text := html.UnescapeString(page)
		for _, want := range []string{e.ID, e.Title, url + "/#aiagroup/" + e.CurrentGroup, url + "/", "night.shift"} {
			assert.Contains(t, text, want)
		}
		for paragraph := range strings.SplitSeq(e.Summary.String(), "\n\n") {
			assert.Contains(t, text, paragraph)
		}
		for _, device := range e.BreachDevices {
			assert.Contains(t, text, `data-label="Name">`+device.Name())
		}
		for _, alert := range e.RelatedBreaches {
			assert.Contains(t, text, `data-label="Model">`+alert.ModelName+"</td>")
			assert.Contains(t, text, fmt.Sprintf(">%d</a></td>", alert.PBID))
		}
		for header, detail := range e.AllDetails() {
			assert.Contains(t, text, "<h4>"+header+"</h4>")
			assert.Contains(t, text, detail.Key)
			assert.Contains(t, text, values(detail))
		}
		for _, tactic := range e.MITRETactics {
			assert.Regexp(t, `<li class="seen">`+tactic.Name()+"<", page)
		}
	}
}

func TestReportTellsWhatEventsLeadTo(t *testing.T) {
	t.Parallel()
	e := sample[len(sample)-2]
	page, url := reportOf(t, e.ID, func(srv *darktracetest.Server) {
		for _, alert := range e.RelatedBreaches {
			require.NoError(t, srv.Client().ModelBreaches.Acknowledge(t.Context(), alert.PBID))
		}
		require.NoError(t, srv.Client().Tags.AddToDevice(t.Context(), e.BreachDevices[0].DID, "Admin", 0))
		srv.ResetRequests()
	})
	assert.Contains(t, page, `data-label="State">acknowledged</td>`)
	assert.Contains(t, page, `<span class="tag">Admin</span>`)
	assert.Contains(t, page, `href="`+url+fmt.Sprintf("/#modelbreach/%d", e.RelatedBreaches[0].PBID))
	assert.Contains(t, page, `href="`+url+fmt.Sprintf("/#device/%d", e.BreachDevices[0].DID))
	assert.NotContains(t, page, "Not read:")
	critical := sample[1]
	require.Equal(t, darktrace.CategoryCritical, critical.Category)
	page, _ = reportOf(t, critical.ID, nil)
	assert.Contains(t, page, "<h2>What RESPOND did</h2>")
	assert.Contains(t, page, ">pending</td>")
}

func TestReportOfOneEventIsAboutThatEvent(t *testing.T) {
	t.Parallel()
	e := sample[len(sample)-2]
	page, _ := reportOf(t, e.ID, nil)
	assert.Contains(t, page, "<small>Incident event "+e.ID+"</small>")
	assert.Contains(t, page, "as part of an incident of 2 events")
	assert.Equal(t, 1, strings.Count(page, "<article"))
	for _, other := range sample {
		if other.ID != e.ID {
			assert.NotContains(t, page, other.ID)
		}
	}
}

// TestReportOfUntitledMails has an incident without titles and devices, whose events have
// a model alert in common.
func TestReportOfUntitledMails(t *testing.T) {
	t.Parallel()
	page, _ := reportOf(t, sample[len(sample)-2].CurrentGroup, func(srv *darktracetest.Server) {
		for _, e := range sample {
			srv.SetField(e.ID, "title", "")
			srv.SetField(e.ID, "sender", "jo@example.com")
			srv.SetField(e.ID, "breachDevices", []any{})
			srv.SetField(e.ID, "relatedBreaches", []any{map[string]any{"modelName": "Mail", "pbid": 5, "timestamp": 1}})
		}
	})
	assert.Contains(t, page, "<h1>Untitled event and 1 more event</h1>")
	assert.Contains(t, page, "<title>Untitled event and 1 more event</title>")
	assert.Contains(t, page, " 1 model alert led to it.")
}

func TestMarkupShowsAsText(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert(1)</script><img src=x onerror=alert(2)>'</style>{{.}}`
	const hidden = "\x1b\a\u202e\u200b\u0085"
	e := sample[len(sample)-2]
	page, _ := reportOf(t, e.CurrentGroup, func(srv *darktracetest.Server) {
		for _, member := range sample {
			for _, field := range []string{"title", "summary", "category", "groupCategory"} {
				srv.SetField(member.ID, field, hidden+evil)
			}
			srv.SetField(member.ID, "mitreTactics", []string{evil})
			srv.SetField(member.ID, "breachDevices", []any{map[string]any{"identifier": evil, "ip": evil, "mac": evil, "subnet": evil, "hostname": evil, "did": 7}})
			srv.SetField(member.ID, "relatedBreaches", []any{map[string]any{"modelName": evil, "pbid": 5, "timestamp": 1}})
			srv.SetField(member.ID, "details", []any{[]any{map[string]any{"header": evil, "contents": []any{
				map[string]any{"key": evil, "type": "string", "values": []string{evil}},
				map[string]any{"key": evil, "type": "externalHost", "values": []any{map[string]any{"hostname": evil}}},
				map[string]any{"key": evil, "type": "device", "values": []any{map[string]any{"hostname": evil, "identifier": evil, "ip": evil, "did": 8}}},
			}}}})
			for _, field := range []string{"incidentEventUrl", "incidentEventURL", "sender"} {
				srv.SetField(member.ID, field, "javascript:alert(1)")
			}
			srv.AddComment(member.ID, evil+hidden, evil+hidden)
		}
	})
	assert.False(t, strings.ContainsAny(page, hidden), "it has characters that no one sees")
	assert.NotContains(t, page, "<script")
	assert.NotRegexp(t, `(?i)="\s*javascript:|ZgotmplZ`, page)
	assert.NotContains(t, page, "<img")
	assert.Equal(t, 1, strings.Count(page, "</style>"))
	assert.Contains(t, html.UnescapeString(page), "<h1> "+evil, "it shows as it is")
	allowed := regexp.MustCompile(`^(/?(html|head|title|style|body|header|small|h[1-4]|ul|ol|li|span|strong|a|main|p|div|i|svg|defs|marker|path|g|rect|text|table|thead|tbody|tr|th|td|article|footer)|meta|!DOCTYPE)$`)
	for _, tag := range regexp.MustCompile(`<([^\s>]*)`).FindAllStringSubmatch(page, -1) {
		assert.Regexp(t, allowed, tag[1])
	}
}

func TestReportNeedsNothingButItself(t *testing.T) {
	t.Parallel()
	page, url := reportOf(t, sample[0].CurrentGroup, nil)
	assert.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'"`)
	assert.NotRegexp(t, `(?i)<(script|link|img|iframe|object|embed|form|base)\b|\ssrc=|@import|url\((?:[^#])|\son[a-z]+=`, page)
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.True(t, strings.HasPrefix(link[1], url+"/#") || strings.HasPrefix(link[1], url+"/saas#") || strings.HasPrefix(link[1], "#event-"), link[1])
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		assert.Contains(t, page, `id="`+anchor[1]+`"`)
	}
}

func TestReportGoesToAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "report.html")
	u := &user{t: t, terminal: true}
	require.Zero(t, u.types("-fake", "report", "-file", file, sample[0].ID), u.stderr)
	assert.Equal(t, file+" written\n", u.stdout)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(written), "</html>")

	assert.Equal(t, 2, u.types("-fake", "report", sample[0].ID))
	assert.Equal(t, "darktrace: report prints an HTML page: use -file, or redirect the output\n", u.stderr)
	assert.Empty(t, u.srv.Requests())
	assert.Equal(t, 1, u.types("-fake", "report", sample[0].ID, "-file", t.TempDir()))
}

func TestReportNamesWhatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	page, _ := reportOf(t, sample[0].ID, func(srv *darktracetest.Server) {
		srv.Inject(darktracetest.Fault{Path: "/aianalyst/incident/comments", Status: 403, Body: "{}"})
	})
	assert.Regexp(t, "<p>Not read: comments: .*permission missing", page)
}

func TestReportOfAnOldAppliance(t *testing.T) {
	t.Parallel()
	page, _ := reportOf(t, sample[0].ID, func(srv *darktracetest.Server) {
		for _, field := range []string{"periods", "details", "breachDevices", "relatedBreaches", "mitreTactics", "groupCategory", "category", "title"} {
			srv.SetField(sample[0].ID, field, nil)
		}
	})
	assert.Contains(t, page, "no category")
	assert.NotContains(t, page, "NaN")
}

func TestWhatRepeatsBecomesATable(t *testing.T) {
	t.Parallel()
	block := func(keys ...string) pageBlock {
		b := darktrace.DetailBlock{Groups: [][]darktrace.Detail{nil}}
		for i, key := range keys {
			b.Groups[0] = append(b.Groups[0], darktrace.Detail{Key: key, Values: []darktrace.DetailValue{darktrace.IntegerValue(i)}})
		}
		return newPageBlock(b)
	}
	assert.Equal(t, pageBlock{Facts: [][2]string{{"a", "0"}, {"b", "1"}}}, block("a", "b"))
	table := func(columns []pageColumn, texts ...string) *pageTable {
		t := &pageTable{Columns: columns}
		for row := range slices.Chunk(texts, len(columns)) {
			t.add(plain(row...)...)
		}
		return t
	}
	assert.Equal(t, pageBlock{Facts: [][2]string{{"a", "0"}}, Table: table([]pageColumn{{Name: "b"}, {}}, "1", "2", "3", "4", "5", "6")},
		block("a", "b", "", "b", "", "b", ""))
	assert.Equal(t, pageBlock{Table: table([]pageColumn{{Name: "a"}}, "0", "1", "2")}, block("a", "a", "a"))
	assert.Len(t, block("a", "b", "a", "b").Facts, 4, "twice is not a table")
	assert.Equal(t, pageBlock{}, block())
}

func TestTimelineStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	const odd, early, late = math.MaxInt64, -60_000_000_000_000, 250_000_000_000_000
	events := append(slices.Clone(sample),
		&darktrace.IncidentEvent{Periods: []darktrace.Period{{Start: early, End: late}, {Start: -odd, End: 1}, {Start: 1, End: odd}, {Start: odd, End: odd}}})
	line := newTimeline(events)
	require.Len(t, line.Rows, len(events))
	require.Len(t, line.Rows[len(sample)].Bars, 3, "what no calendar has is not drawn")
	for i, tick := range line.Ticks {
		require.InDelta(t, 25*i, tick.At, 0.1)
	}
	for _, row := range append(line.Rows, newTimeline(sample).Rows...) {
		require.NotEmpty(t, row.Bars)
		for _, bar := range append(row.Bars, row.Alerts...) {
			assert.GreaterOrEqual(t, bar.At, 0.0)
			assert.GreaterOrEqual(t, bar.Width, 0.0)
			assert.LessOrEqual(t, bar.At+bar.Width, 100.01)
		}
	}
	assert.Empty(t, newTimeline([]*darktrace.IncidentEvent{{}}).Rows)
	moment := newTimeline([]*darktrace.IncidentEvent{{RelatedBreaches: []darktrace.RelatedBreach{{Timestamp: 1_740_000_000_000}}}})
	assert.InDelta(t, 50, moment.Rows[0].Alerts[0].At, 0.1)
	assert.Equal(t, moment.First, moment.Last)
	labels := map[string]bool{}
	for _, tick := range moment.Ticks {
		labels[tick.Label] = true
	}
	assert.Len(t, labels, len(moment.Ticks), "each tick has a time of its own: %v", moment.Ticks)
	years := newTimeline([]*darktrace.IncidentEvent{{Periods: []darktrace.Period{{Start: 1_700_000_000_000, End: 1_740_000_000_000}}}})
	assert.Equal(t, "14 Nov 2023", years.Ticks[0].Label)
	backwards := newTimeline([]*darktrace.IncidentEvent{{Periods: []darktrace.Period{{Start: 2000, End: 1000}, {Start: 1500}}}})
	assert.InDelta(t, 0, backwards.Rows[0].Bars[0].Width, 0)
}

// TestGraph draws random graphs, with circles and loops: every node that is not
// gathered has a place of its own, and every link ends at its nodes.
func TestGraph(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // A test.
	name := func(n darktrace.Node) (string, string, string) { return n.Value.String(), "", "device" }
	node := func(n int) darktrace.Node { return darktrace.Node{Value: darktrace.IntegerValue(n)} }
	for size := range 60 {
		var edges []darktrace.Edge
		for range random.IntN(3*size + 1) {
			edges = append(edges, darktrace.Edge{Source: node(random.IntN(size + 1)), Target: node(random.IntN(size + 1))})
		}
		g := draw(edges, []darktrace.Node{node(0)}, name)
		used := map[[2]int]bool{}
		for i, n := range g.Nodes {
			assert.GreaterOrEqual(t, min(n.X, n.Y), 0)
			assert.LessOrEqual(t, n.X+nodeWidth, g.Width)
			assert.LessOrEqual(t, n.Y+nodeHeight, g.Height)
			for _, other := range g.Nodes[:i] {
				assert.False(t, other.X == n.X && max(other.Y-n.Y, n.Y-other.Y) < nodeHeight, "%s stands on %s", n.Name, other.Name)
			}
			used[[2]int{n.X, n.Y}] = true
		}
		assert.Len(t, used, len(g.Nodes))
		for _, l := range g.Links {
			assert.Contains(t, g.Nodes, l.From)
			assert.Contains(t, g.Nodes, l.To)
			assert.NotEmpty(t, l.Path)
		}
	}
}

func TestGraphGathersManyLeaves(t *testing.T) {
	t.Parallel()
	name := func(n darktrace.Node) (string, string, string) { return n.Value.String(), "", "device" }
	var edges []darktrace.Edge
	for i := range 100 {
		edges = append(edges, darktrace.Edge{IsAction: true, Source: darktrace.Node{Value: darktrace.IntegerValue(0)}, Target: darktrace.Node{Value: darktrace.IntegerValue(i + 1)}})
	}
	g := draw(edges, nil, name)
	require.Len(t, g.Nodes, 1+shownLeaves+1)
	assert.Equal(t, "and 94 more", g.Nodes[len(g.Nodes)-1].Name)
	assert.Len(t, g.Links, shownLeaves+1)
	g = draw(append(edges[:1:1], edges[0], edges[0]), nil, name)
	assert.Equal(t, 3, g.Links[0].Count)
	assert.Empty(t, draw(nil, nil, name).Nodes)
}

// TestMarkupInWhatTheEventsLeadTo writes markup into everything that the page takes from
// elsewhere than the events: edges, tags, actions, hosts, other incidents.
func TestMarkupInWhatTheEventsLeadTo(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert(1)</script><a href="javascript:alert(2)">' onload='x`
	node := func(value darktrace.DetailValue) darktrace.Node {
		return darktrace.Node{Type: darktrace.NodeExternalHost, Value: value}
	}
	event := &darktrace.IncidentEvent{ID: evil, Title: evil, Category: darktrace.Category(evil), BreachDevices: []darktrace.EventDevice{{DID: 7, Hostname: evil}},
		Periods: []darktrace.Period{{Start: 1000, End: 2000}}, RelatedBreaches: []darktrace.RelatedBreach{{ModelName: evil, Timestamp: 1500}}}
	d := &dossier{
		Incident: &darktrace.IncidentGroup{ID: evil, Category: darktrace.Category(evil), Edges: []darktrace.Edge{
			{Source: node(darktrace.IntegerValue(7)), Target: node(darktrace.TextValue(evil)), Description: evil, IsAction: true},
			{Source: node(darktrace.IntegerValue(7)), Target: node(darktrace.TextValue(evil)), Description: evil + "2"},
		}},
		Events: []*darktrace.IncidentEvent{event}, Missing: []string{evil},
		devices:   []*darktrace.Device{{DID: 7, TypeLabel: evil, OS: evil, IP: evil, Tags: []darktrace.Tag{{Name: evil}}}},
		others:    []*darktrace.IncidentGroup{{ID: evil, Events: []darktrace.GroupEvent{{Title: evil}}}},
		actions:   []*darktrace.AntigenaAction{{Label: evil, Detail: evil, Model: evil, IP: evil}},
		endpoints: []*darktrace.Endpoint{{Hostname: evil, ASN: evil, City: evil}},
	}
	auth, err := darktrace.NewTokenAuth(strings.Repeat("ab", 20), strings.Repeat("cd", 20))
	require.NoError(t, err)
	client, err := darktrace.NewClient("https://darktrace.example.com", auth)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, writePage(&b, (&job{args: []string{"g"}, appliance: &appliance{client: client}, now: time.Now}).page(d)))
	outside := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(b.String(), "") // of attributes
	assert.NotRegexp(t, `(?i)<script|<[^>]*onload|ZgotmplZ`, outside)
	assert.GreaterOrEqual(t, strings.Count(html.UnescapeString(b.String()), evil), 20)
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(b.String(), -1) {
		assert.Regexp(t, `^(https://darktrace\.example\.com/|#event-)`, link[1])
	}
}
