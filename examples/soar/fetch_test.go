package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestFetchEmbedded(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"darktrace-fetch-incidents", "first_fetch=7 days"}, &out, io.Discard))
	assert.Contains(t, out.String(), `"eventId"`)

	out.Reset()
	state := filepath.Join(t.TempDir(), "state.json")
	args := []string{"fetch-incidents", "first_fetch=7 days", "state=" + state}
	require.ErrorContains(t, run(t.Context(), args, &out, io.Discard), "with -fake invented incidents go to the state")
	assert.Empty(t, out.String())
	assert.NoFileExists(t, state)
	require.NoError(t, run(t.Context(), append([]string{"-fake"}, args...), &out, io.Discard))
	assert.FileExists(t, state)
}

// fetch returns the ids of the events that a fetch hands over.
func fetch(t *testing.T, srv *darktracetest.Server, args ...string) []string {
	t.Helper()
	out, err := do(t, srv, append([]string{"fetch-incidents"}, args...)...)
	require.NoError(t, err)
	var output map[string][]struct{ EventID, Name, Occurred string }
	require.NoError(t, json.Unmarshal([]byte(out), &output))
	ids := []string{}
	for _, incident := range output["Darktrace.AIAnalyst"] {
		assert.NotEmpty(t, incident.Name)
		assert.NotEmpty(t, incident.Occurred)
		ids = append(ids, incident.EventID)
	}
	return ids
}

func TestFetchNeitherLosesNorRepeats(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	want := []string{}
	add := func(events ...*darktrace.IncidentEvent) {
		srv.AddEvents(events...)
		for _, event := range events {
			want = append(want, event.ID)
		}
	}
	add(darktracetest.Incidents(1, 120)...)
	state := "state=" + filepath.Join(t.TempDir(), "state.json")

	fetched := fetch(t, srv, "first_fetch=8 days", state)
	assert.Len(t, fetched, mostAlerts, "more than the integration hands over at once")
	for range 10 {
		batch := fetch(t, srv, "first_fetch=8 days", "max_alerts=20", state)
		assert.LessOrEqual(t, len(batch), 20)
		fetched = append(fetched, batch...)
	}
	assertSame(t, want, fetched)

	add(darktracetest.Incidents(2, 1)...)
	fetched = append(fetched, fetch(t, srv, state)...)
	assertSame(t, want, fetched)
	assert.Empty(t, fetch(t, srv, state))
}

// assertSame compares ids in any order, and prints those that differ.
func assertSame(t *testing.T, want, got []string) {
	t.Helper()
	times := map[string]int{}
	for _, id := range want {
		times[id]--
	}
	for _, id := range got {
		times[id]++
	}
	for id, n := range times {
		assert.Zero(t, n, "%s: -1 is lost, 1 is repeated", id)
	}
}

func TestFetchFilters(t *testing.T) {
	t.Parallel()
	srv := appliance(t)
	assert.ElementsMatch(t, []string{first, second}, fetch(t, srv))
	assert.Len(t, fetch(t, srv, "min_score=40.6"), 2, "the score is that of the incident")
	assert.Empty(t, fetch(t, srv, "min_score=41"))
	assert.Empty(t, fetch(t, srv, "first_fetch=30 minutes ago"))
	assert.Len(t, fetch(t, srv, "max_alerts=1"), 1)

	for _, arg := range []string{"min_score=high", "min_score=101", "max_alerts=some", "first_fetch=soon"} {
		_, err := do(t, srv, "fetch-incidents", arg)
		assert.Error(t, err, arg)
	}
}

func TestWhatAFetchHandsOver(t *testing.T) {
	t.Parallel()
	srv := appliance(t)
	out, err := do(t, srv, "fetch-incidents")
	require.NoError(t, err)
	var output map[string][]map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &output))
	for _, i := range output["Darktrace.AIAnalyst"] {
		id, title := i["eventId"].(string), i["title"].(string)
		assert.Equal(t, "DT eventId #"+id+": "+title, i["name"])
		assert.InDelta(t, 3, i["severity"], 0, "the incident is suspicious")
		assert.Equal(t, srv.URL+"/#aiagroup/g"+first, i["link"])
		assert.Equal(t, i["occurred"], i["createdAt"])
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$`, i["occurred"])
		assert.Contains(t, i, "details")
	}
	for category, want := range map[darktrace.Category]int{"compliance": 1, "informational": 2, "suspicious": 3, "critical": 4} {
		assert.Equal(t, want, severity(category))
	}
}

func TestNumbersOutOfRangeFallBack(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"max_alerts=0":   "max_alerts=0 is not from 1 to 50: 50 is used\n",
		"max_alerts=-3":  "max_alerts=-3 is not from 1 to 50: 50 is used\n",
		"max_alerts=500": "max_alerts=500 is not from 1 to 50: 50 is used\n",
		"min_score=-1":   "min_score=-1 is below 0: 0 is used\n",
	} {
		name, value, _ := strings.Cut(arg, "=")
		var out, note bytes.Buffer
		s := session{appliance(t).Client(), map[string]string{name: value}, time.Now(), &out, &note}
		require.NoError(t, fetchIncidents(t.Context(), s), arg)
		assert.Equal(t, want, note.String())
		assert.Contains(t, out.String(), first)
	}
}

func TestAFailedFetchIsFetchedAgain(t *testing.T) {
	t.Parallel()
	srv := appliance(t)
	state := filepath.Join(t.TempDir(), "state.json")
	s := session{srv.Client(), map[string]string{"state": state}, time.Now(), brokenPipe{}, io.Discard}
	require.ErrorIs(t, fetchIncidents(t.Context(), s), errBroken)
	assert.NoFileExists(t, state)
	assert.Len(t, fetch(t, srv, "state="+state), 2)
}

type brokenPipe struct{}

var errBroken = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func TestFirstFetch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]string{
		"1 day ago":                 "2026-03-30T12:00:00Z",
		"12 hours":                  "2026-03-31T00:00:00Z",
		"12 Hours Ago ":             "2026-03-31T00:00:00Z",
		"90 minutes":                "2026-03-31T10:30:00Z",
		"an hour ago":               "2026-03-31T11:00:00Z",
		"a day ago":                 "2026-03-30T12:00:00Z",
		"yesterday":                 "2026-03-30T12:00:00Z",
		"30 seconds":                "2026-03-31T11:59:30Z",
		"1.5 days":                  "2026-03-30T00:00:00Z",
		"0.5 month ago":             "2026-03-16T12:00:00Z",
		"2 weeks ago":               "2026-03-17T12:00:00Z",
		"2 months":                  "2026-01-31T12:00:00Z",
		"1 year":                    "2025-03-31T12:00:00Z",
		"2026-03-01":                "2026-03-01T00:00:00Z",
		"2026-03-01 10:00:00":       "2026-03-01T10:00:00Z",
		"2026-03-01T10:00:00":       "2026-03-01T10:00:00Z",
		"2026-03-01T10:00:00Z":      "2026-03-01T10:00:00Z",
		"2026-03-01T10:00:00+02:00": "2026-03-01T08:00:00Z",
		"1772359200":                "2026-03-01T10:00:00Z",
		"1772359200123":             "2026-03-01T10:00:00.123Z",
	} {
		got, err := parseTime(value, now)
		require.NoError(t, err, value)
		assert.Equal(t, want, got.UTC().Format(time.RFC3339Nano), value)
	}
	for _, value := range []string{"day", "-1 day", "1.5.5 days", "1 fortnight", "2026-13-01", "x"} {
		_, err := parseTime(value, now)
		assert.Error(t, err, value)
	}
}
