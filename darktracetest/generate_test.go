package darktracetest_test

import (
	"encoding/json"
	"fmt"
	"maps"
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

func generated(seed uint64, n int, end time.Time) []string {
	var all []string
	for raw := range darktracetest.IncidentsSeq(seed, n, end) {
		all = append(all, string(raw))
	}
	return all
}

func TestIncidentsAreDeterministic(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	first := generated(1, 50, end)
	assert.Len(t, first, 50)
	assert.Equal(t, first, generated(1, 50, end))
	assert.NotEqual(t, first, generated(2, 50, end))

	times := regexp.MustCompile(`1\d{12}`)
	assert.Equal(t, times.ReplaceAllString(first[7], "T"),
		times.ReplaceAllString(generated(1, 50, end.AddDate(1, 0, 0))[7], "T"), "only the times move")
	for range darktracetest.IncidentsSeq(1, 3, end) {
		break
	}
}

func TestIncidentsAreBelievable(t *testing.T) {
	t.Parallel()
	type event struct {
		ID, CurrentGroup, Title string
		Sender                  *string
		CreatedAt               int64
		GroupScore              any
		GroupCategory           string
		GroupPreviousGroups     []string
		Periods                 []struct{ Start, End int64 }
		BreachDevices           []struct{ SID int }
		Acknowledged, Pinned    bool
	}
	end := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	seen := map[string]int{}
	incidents := map[string]string{}
	total := 0
	created := end.Add(-7 * 24 * time.Hour).UnixMilli()
	for raw := range darktracetest.IncidentsSeq(3, 160, end) {
		var e event
		require.NoError(t, json.Unmarshal(raw, &e))
		total += len(raw)
		for _, kind := range regexp.MustCompile(`"(?:type|valueType)":"(\w+)"`).FindAllStringSubmatch(string(raw), -1) {
			seen[kind[1]]++
		}
		require.NotEmpty(t, e.Periods)
		last := e.Periods[len(e.Periods)-1]
		lag := time.Duration(e.CreatedAt-last.End) * time.Millisecond
		for fact, holds := range map[string]bool{
			"mail":      e.Sender != nil && len(e.BreachDevices) == 0,
			"SaaS":      len(e.BreachDevices) > 0 && e.BreachDevices[0].SID == -9,
			"merged":    slices.Contains(e.GroupPreviousGroups, "g"+e.ID),
			"late":      lag > 6*time.Hour,
			"long":      time.Duration(e.CreatedAt-e.Periods[0].Start)*time.Millisecond > 48*time.Hour,
			"in quotes": fmt.Sprintf("%T", e.GroupScore) == "string",
		} {
			if holds {
				seen[fact]++
			}
		}
		require.Less(t, created, e.CreatedAt, "oldest first")
		created = e.CreatedAt
		assert.LessOrEqual(t, lag, 23*time.Hour)
		assert.Greater(t, lag, time.Duration(0))
		assert.False(t, e.Acknowledged || e.Pinned)
		state := fmt.Sprint(e.GroupScore, e.GroupCategory)
		if known, ok := incidents[e.CurrentGroup]; ok {
			assert.Equal(t, known, state, "the events of an incident agree on it")
		}
		incidents[e.CurrentGroup] = state
	}
	assert.LessOrEqual(t, created, end.UnixMilli())
	assert.InDelta(t, 5500, total/160, 600, "bytes an event")
	assert.Less(t, len(incidents), 120)
	for _, want := range []string{
		"string", "device", "externalHost", "timestamp", "integer", "float", "percentage", "dataVolume", "duration",
		"ratio", "timestampRange", "integerRange", "percentageRange", "durationRange", "dataVolumeRange", "stringRange",
		"mail", "SaaS", "merged", "late", "long", "in quotes",
	} {
		assert.Positive(t, seen[want], want)
	}
	assert.Zero(t, seen["formatString"], "no block form unless it is asked for")
}

func TestIncidentsInBlocks(t *testing.T) {
	t.Parallel()
	all := string(darktracetest.IncidentsJSON(3, 20, darktracetest.WithBlocks()))
	for _, want := range []string{"formatString", "username", "timeRange"} {
		assert.Contains(t, all, `"valueType":"`+want+`"`)
	}
	assert.Contains(t, all, `"bulletBlocks":`)
	assert.Len(t, darktracetest.Incidents(3, 20, darktracetest.WithBlocks()), 20)
}

func TestIncidentsAreFreshAndFitTogether(t *testing.T) {
	t.Parallel()
	now := time.Now()
	order := []darktrace.Category{darktrace.CategoryCompliance, darktrace.CategorySuspicious, darktrace.CategoryCritical}
	devices := map[int64]darktrace.EventDevice{}
	for seed := range uint64(20) {
		for _, n := range []int{1, 3, 24} {
			events := darktracetest.Incidents(seed, n)
			age := now.Sub(events[n-1].CreatedAt.Time())
			assert.Less(t, age, 12*time.Minute, "seed %d, n %d: the newest is minutes old", seed, n)
			assert.Less(t, now.Sub(events[0].CreatedAt.Time()), 7*24*time.Hour)
			highest, alerts := map[string]int{}, map[int64]bool{}
			for _, e := range events {
				level := slices.Index(order, e.Category)
				require.GreaterOrEqual(t, level, 0, "%q", e.Category)
				highest[e.CurrentGroup] = max(highest[e.CurrentGroup], level)
				assert.Equal(t, level, scoreLevel(e.AIAScore), "%s %v", e.Category, e.AIAScore)
				for _, b := range e.RelatedBreaches {
					assert.False(t, alerts[b.PBID], "two events share alert %d", b.PBID)
					alerts[b.PBID] = true
					assert.LessOrEqual(t, b.ThreatScore, e.AIAScore)
				}
				for _, d := range e.BreachDevices {
					if known, ok := devices[d.DID]; ok {
						assert.Equal(t, known, d, "one did is one device")
					}
					devices[d.DID] = d
				}
			}
			for _, e := range events {
				assert.Equal(t, order[highest[e.CurrentGroup]], e.GroupCategory, "seed %d, n %d", seed, n)
				assert.Equal(t, highest[e.CurrentGroup], scoreLevel(e.GroupScore))
			}
		}
	}
}

// scoreLevel is 0, 1 or 2 for the score of a compliance, suspicious or critical event.
func scoreLevel(s darktrace.Score) int {
	switch {
	case s < 40:
		return 0
	case s < 75:
		return 1
	default:
		return 2
	}
}

func TestIncidentsShowInTheDefaultWindow(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	require.NoError(t, w.srv.AddEventsJSON(darktracetest.IncidentsJSON(5, 24)))
	assert.Len(t, w.ids(eventsPath, ""), 24)

	// Incidents that were merged by the generator are merged here.
	previous := map[string][]string{}
	var groups []struct {
		ID             string
		PreviousIDs    []string
		IncidentEvents []struct{ UUID string }
	}
	require.NoError(t, json.Unmarshal([]byte(w.get(groupsPath, fmt.Sprintf("starttime=%d", ago(30*24*time.Hour))).body), &groups))
	events := 0
	for _, g := range groups {
		events += len(g.IncidentEvents)
		if len(g.PreviousIDs) > 0 {
			previous[g.ID] = g.PreviousIDs
		}
	}
	assert.Equal(t, 24, events)
	require.NotEmpty(t, previous)
	for _, absorbed := range slices.Collect(maps.Values(previous)) {
		assert.True(t, strings.HasPrefix(absorbed[0], "g"))
		assert.Empty(t, w.ids(groupsPath, "groupid="+absorbed[0]))
	}
}

func TestTypedIncidentsAreTheWireForm(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	typed := darktracetest.IncidentsAt(1, 40, end)
	require.Len(t, typed, 40)
	assert.Len(t, darktracetest.Incidents(1, 3), 3)
	w := newWire(t)
	w.srv.AddEvents(typed...)
	for i, raw := range generated(1, 40, end) {
		assert.Contains(t, raw, typed[i].ID)
		assert.Empty(t, typed[i].Skipped)
		assert.Equal(t, typed[i], w.srv.Event(typed[i].ID))
	}
	assert.Nil(t, w.srv.Event("none"))
	assert.Panics(t, func() { w.srv.AddEvents(nil) })
	assert.Panics(t, func() { w.srv.Acknowledge("none") })
}
