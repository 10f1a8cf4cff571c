package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
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
	require.NoError(t, run(t.Context(), []string{"darktrace-fetch-incidents", "first_fetch=7 days"}, &out))
	assert.Contains(t, out.String(), `"eventId"`)
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

// assertSame compares ids in any order, and tells the ones that differ.
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

	for _, arg := range []string{"min_score=high", "min_score=101", "max_alerts=0", "max_alerts=some", "first_fetch=soon"} {
		_, err := do(t, srv, "fetch-incidents", arg)
		assert.Error(t, err, arg)
	}
}

func TestAFailedFetchIsFetchedAgain(t *testing.T) {
	t.Parallel()
	srv := appliance(t)
	state := filepath.Join(t.TempDir(), "state.json")
	s := session{srv.Client(), map[string]string{"state": state}, time.Now(), brokenPipe{}}
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
	for _, value := range []string{"yesterday", "day", "-1 day", "1 fortnight", "2026-13-01", "x"} {
		_, err := parseTime(value, now)
		assert.Error(t, err, value)
	}
}
