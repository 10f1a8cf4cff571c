package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestWatchGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	checkpoint := filepath.Join(t.TempDir(), "seen.json")
	u := &user{t: t}
	args := []string{"-fake", "watch", "-once", "-since", "8d", "-checkpoint", checkpoint}
	require.Zero(t, u.types(args...))
	assert.Equal(t, len(sample), strings.Count(u.stdout, "\n"))
	require.Zero(t, u.types(args...))
	assert.Empty(t, u.stdout)
	u.setUp = func(srv *darktracetest.Server) { srv.SetGroup(sample[3].CurrentGroup, 99, "critical") }
	require.Zero(t, u.types(append(args, "-updates")...))
	require.Zero(t, u.types(append(args, "-updates", "-o", "table")...))
}

func TestWatchPrintsAgainWhatNobodyRead(t *testing.T) {
	t.Parallel()
	args := []string{"-fake", "watch", "-once", "-since", "8d", "-checkpoint", filepath.Join(t.TempDir(), "seen.json")}
	u := &user{t: t, lines: 5}
	require.Equal(t, 1, u.types(args...))
	assert.Contains(t, u.stderr, "broken pipe")
	first := u.stdout
	u.lines = 0
	require.Zero(t, u.types(args...))
	ids := map[string]bool{}
	for text := range strings.Lines(first + u.stdout) {
		var change darktrace.EventChange
		require.NoError(t, json.Unmarshal([]byte(text), &change))
		assert.False(t, ids[change.Event.ID], "it comes twice")
		ids[change.Event.ID] = true
	}
	assert.Len(t, ids, len(sample))
}

func TestWatchProvesTheCheckpointFirst(t *testing.T) {
	t.Parallel()
	for _, once := range []string{"-once", "-once=false"} {
		u := &user{t: t}
		assert.Equal(t, 1, u.types("-fake", "watch", once, "-since", "8d", "-checkpoint", t.TempDir()), u.stderr)
		assert.Empty(t, u.stdout)
	}
}

// alertsOf counts the model alerts of the sample that pass.
func alertsOf(passes func(darktrace.RelatedBreach) bool) int {
	n := 0
	for _, e := range sample {
		for _, alert := range e.RelatedBreaches {
			if passes(alert) {
				n++
			}
		}
	}
	return n
}

func TestWatchAlertsGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	const recent = 987654
	add := func(srv *darktracetest.Server) {
		srv.SetField(sample[3].ID, "relatedBreaches", []any{map[string]any{"modelName": "Device / New", "pbid": recent, "threatScore": 50, "timestamp": time.Now().UnixMilli()}})
	}
	all := alertsOf(func(darktrace.RelatedBreach) bool { return true }) - len(sample[3].RelatedBreaches) + 1
	args := []string{"-fake", "watch", "alerts", "-once", "-since", "2w", "-updates", "-checkpoint", filepath.Join(t.TempDir(), "seen.json")}
	u := &user{t: t, lines: 5, setUp: add}
	require.Equal(t, 1, u.types(args...), "nobody reads the rest")
	first := u.stdout
	u.lines = 0
	require.Zero(t, u.types(args...), u.stderr)
	keys := map[string]bool{}
	for text := range strings.Lines(first + u.stdout) {
		var change darktrace.BreachChange
		require.NoError(t, json.Unmarshal([]byte(text), &change))
		assert.Equal(t, darktrace.EventNew, change.Kind)
		assert.False(t, keys[change.Key], "it comes twice")
		keys[change.Key] = true
	}
	assert.Len(t, keys, all)
	require.Zero(t, u.types(args...))
	assert.Empty(t, u.stdout)

	u.setUp = func(srv *darktracetest.Server) {
		add(srv)
		require.NoError(t, srv.Client().ModelBreaches.Acknowledge(t.Context(), recent))
	}
	require.Zero(t, u.types(append(args, "-o", "table")...), u.stderr)
	assert.Regexp(t, fmt.Sprintf(`(?m)^updated .* %d$\n  acknowledged: false → true$`, recent), u.stdout)
}

func TestWatchAlertsFilters(t *testing.T) {
	t.Parallel()
	u := &user{t: t}
	for filter, passes := range map[string]func(darktrace.RelatedBreach) bool{
		"-min-score 60":           func(a darktrace.RelatedBreach) bool { return a.ThreatScore >= 60 },
		"-category informational": nil,
		"-category suspicious":    nil,
	} {
		require.Zero(t, u.types(append(strings.Fields("-fake watch alerts -once -since 2w"), strings.Fields(filter)...)...), u.stderr)
		if passes != nil {
			assert.Equal(t, alertsOf(passes), strings.Count(u.stdout, "\n"), filter)
		}
		assert.NotEmpty(t, u.stdout, filter)
		for text := range strings.Lines(u.stdout) {
			var change darktrace.BreachChange
			require.NoError(t, json.Unmarshal([]byte(text), &change))
			if _, category, ok := strings.Cut(filter, "-category "); ok {
				assert.EqualValues(t, category, alertCategory(change.Breach))
			}
		}
	}
}
