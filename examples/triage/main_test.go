package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// appliance is a fake appliance with incidents.
func appliance(t *testing.T, opts ...darktracetest.Option) (*darktracetest.Server, []*darktrace.IncidentEvent) {
	t.Helper()
	srv := darktracetest.NewServer(append(opts, darktracetest.WithTB(t))...)
	events := darktracetest.Incidents(1, 24)
	srv.AddEvents(events...)
	return srv, events
}

func lastWeek() settings { return settings{since: time.Now().AddDate(0, 0, -7)} }

// do runs triage and returns its output.
func do(t *testing.T, srv *darktracetest.Server, s settings) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := triage(t.Context(), srv.Client(), s, &out)
	return out.String(), err
}

// writes lists the paths of the requests that were not reads.
func writes(srv *darktracetest.Server) []string {
	paths := []string{}
	for _, r := range srv.Requests() {
		if r.Method != http.MethodGet {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

func TestEmbedded(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &stderr))
	assert.Contains(t, stderr.String(), "a fake appliance with invented incidents")
	assert.Contains(t, out.String(), "night.shift", "the comment that was there")
	assert.Contains(t, out.String(), "api.user", "the comment that was posted")
	assert.Regexp(t, `before +no\n +after Acknowledge +yes\n +after Unacknowledge +no\n$`, out.String())
}

func TestWholeJob(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t)
	s := lastWeek()
	s.write = true
	out, err := do(t, srv, s)
	require.NoError(t, err)

	best := events[0]
	for _, event := range events {
		assert.Contains(t, out, event.CurrentGroup)
		if event.AIAScore >= best.AIAScore {
			best = event
		}
	}
	assert.Contains(t, out, "24 incident events")
	for _, want := range []string{best.ID, best.Title, srv.URL, best.MITRETactics[0].Name(), best.RelatedBreaches[0].ModelName} {
		assert.Contains(t, out, want)
	}
	assert.Equal(t, []string{"/aianalyst/incident/comments", "/aianalyst/acknowledge", "/aianalyst/unacknowledge"}, writes(srv))
	assert.Len(t, srv.Comments(best.ID), 1)
	assert.False(t, srv.Event(best.ID).Acknowledged)
}

func TestReadOnlyWritesNothing(t *testing.T) {
	t.Parallel()
	srv, _ := appliance(t)
	out, err := do(t, srv, lastWeek())
	require.NoError(t, err)
	assert.Contains(t, out, "Read-only")
	assert.Empty(t, writes(srv))
}

func TestAnAcknowledgedEventStaysSo(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t)
	srv.Acknowledge(events[3].ID)
	out, err := do(t, srv, settings{id: events[3].ID, write: true})
	require.NoError(t, err)
	assert.Contains(t, out, "Somebody has acknowledged it already")
	assert.True(t, srv.Event(events[3].ID).Acknowledged)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t)
	list := func(s settings) []*darktrace.IncidentEvent {
		s.json = true
		out, err := do(t, srv, s)
		require.NoError(t, err)
		var listed []*darktrace.IncidentEvent
		require.NoError(t, json.Unmarshal([]byte(out), &listed))
		return listed
	}

	s := lastWeek()
	s.minScore = 60
	high := list(s)
	require.NotEmpty(t, high)
	assert.Less(t, len(high), len(events))
	for _, event := range high {
		assert.GreaterOrEqual(t, event.AIAScore, darktrace.Score(60))
	}
	assert.Len(t, list(settings{since: events[20].CreatedAt.Time()}), 4)
	assert.Empty(t, list(settings{since: time.Now()}))
	assert.Equal(t, events[5].ID, list(settings{id: events[5].ID})[0].ID)
	for _, event := range list(settings{id: events[5].CurrentGroup}) {
		assert.Equal(t, events[5].CurrentGroup, event.CurrentGroup)
	}
	assert.Empty(t, writes(srv))
}

func TestNothingToShow(t *testing.T) {
	t.Parallel()
	out, err := do(t, darktracetest.NewServer(darktracetest.WithTB(t)), lastWeek())
	require.NoError(t, err)
	assert.Contains(t, out, "0 incident events since")
	assert.NotContains(t, out, "INCIDENT")
}

func TestEveryKindOfEventPrints(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t)
	for _, event := range events {
		out, err := do(t, srv, settings{id: event.ID})
		require.NoError(t, err)
		for header, detail := range event.AllDetails() {
			assert.Contains(t, out, header)
			for _, value := range detail.Strings() {
				assert.Contains(t, out, value)
			}
		}
	}
}

func TestOldAppliance(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t, darktracetest.WithProfile(darktracetest.V52))
	out, err := do(t, srv, settings{id: events[0].ID})
	require.NoError(t, err)
	assert.Contains(t, out, "unknown", "whether the group's events are acknowledged")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t, darktracetest.WithProfile(darktracetest.V70))
	_, err := do(t, srv, settings{id: events[0].ID, write: true})
	require.ErrorIs(t, err, darktrace.ErrNotStored)

	_, err = do(t, srv, settings{id: "no-such-event"})
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	_, err = do(t, srv, settings{minScore: 101})
	require.ErrorIs(t, err, darktrace.ErrArgument)

	for path, s := range map[string]settings{
		"/aianalyst/groups":             {id: events[0].ID},
		"/aianalyst/incident/comments":  {id: events[0].ID},
		"/aianalyst/acknowledge":        {id: events[1].ID, write: true},
		"/aianalyst/unacknowledge":      {id: events[1].ID, write: true},
		"/aianalyst/incidentevents":     {since: time.Now()},
		"/aianalyst/incidentevents?x=y": {id: events[1].ID},
	} {
		path, _, later := strings.Cut(path, "?")
		good, _ := appliance(t)
		fault := darktracetest.Fault{Path: path, Status: http.StatusForbidden, Body: `{"error":"Forbidden"}`}
		if later {
			fault.Skip = 2
		}
		good.Inject(fault)
		_, err := do(t, good, s)
		assert.ErrorIs(t, err, darktrace.ErrPermission, "%s %v", path, s)
	}
}

// TestTheAcknowledgementIsAlwaysRemoved: also if the program can't know that it was
// carried out, or is interrupted right after it.
func TestTheAcknowledgementIsAlwaysRemoved(t *testing.T) {
	t.Parallel()
	for _, interrupted := range []bool{false, true} {
		srv, events := appliance(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if !interrupted {
			srv.Inject(darktracetest.Fault{Path: "/aianalyst/acknowledge", Status: http.StatusBadGateway, CarryOut: true})
		}
		client := srv.Client(darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return middleware(func(req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if interrupted && req.URL.Path == "/aianalyst/acknowledge" {
					assert.True(t, srv.Event(events[0].ID).Acknowledged)
					cancel()
				}
				return resp, err
			})
		}))
		require.Error(t, triage(ctx, client, settings{id: events[0].ID, write: true}, io.Discard))
		assert.False(t, srv.Event(events[0].ID).Acknowledged, "interrupted: %v", interrupted)
	}
}

type middleware func(*http.Request) (*http.Response, error)

func (m middleware) RoundTrip(req *http.Request) (*http.Response, error) { return m(req) }

func TestNothingSteersTheTerminal(t *testing.T) {
	t.Parallel()
	srv, events := appliance(t)
	evil := "\x1b[2J\x9b31m\u202eevil\a\r\nname"
	for _, field := range []string{"title", "summary", "category", "summariser", "currentGroup"} {
		srv.SetField(events[0].ID, field, evil)
	}
	out, err := do(t, srv, settings{id: events[0].ID})
	require.NoError(t, err)
	assert.Contains(t, out, "evil")
	for _, r := range out {
		assert.True(t, r == '\n' || unicode.IsPrint(r), "%q", r)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	week := now.AddDate(0, 0, -7)
	for _, c := range []struct {
		args   string
		isReal bool
		want   settings
	}{
		{"", false, settings{since: week, write: true}},
		{"", true, settings{since: week}},
		{"-write", true, settings{since: week, write: true}},
		{"-read-only", true, settings{since: week}},
		{"-read-only", false, settings{since: week}},
		{"-min-score 55.5 -json -id x", true, settings{since: week, minScore: 55.5, json: true, id: "x"}},
		{"-since 90m", true, settings{since: now.Add(-90 * time.Minute)}},
		{"-since 2026-02-01", true, settings{since: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}},
		{"-since 2026-02-01T10:00:00Z", true, settings{since: time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC)}},
	} {
		s, err := parse(strings.Fields(c.args), c.isReal, now, nil)
		require.NoError(t, err, c.args)
		assert.Equal(t, c.want, s, c.args)
	}
	for _, args := range []string{"-since soon", "-since -3h", "-min-score much", "-read-only -write", "-nonsense", "stray"} {
		_, err := parse(strings.Fields(args), true, now, nil)
		require.Error(t, err, args)
		assert.NotContains(t, err.Error(), "\n", args)
	}
	var out bytes.Buffer
	_, err := parse([]string{"-h"}, true, now, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	assert.Contains(t, out.String(), "-min-score")
}
