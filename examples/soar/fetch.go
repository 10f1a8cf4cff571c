package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// mostAlerts is the most incidents that one fetch returns.
const mostAlerts = 50

// incident is the data with which a SOAR platform opens a case: the context output
// of its event, and the fields that the platform shows in its lists.
type incident struct {
	Name      string          `json:"name"`
	Occurred  string          `json:"occurred"`
	Severity  int             `json:"severity"` // 1 to 4, from the category of the incident
	CreatedAt string          `json:"createdAt"`
	Link      string          `json:"link"` // to the incident in the Threat Visualizer
	Details   json.RawMessage `json:"details"`
	eventContext
}

func newIncident(api *darktrace.Client, e *darktrace.IncidentEvent) (incident, error) {
	details, err := json.Marshal(e.Details)
	return incident{
		Name:         fmt.Sprintf("DT eventId #%s: %s", e.ID, e.Title),
		Occurred:     text(e.CreatedAt),
		Severity:     severity(e.GroupCategory),
		CreatedAt:    text(e.CreatedAt),
		Link:         api.GroupURL(e.CurrentGroup),
		Details:      details,
		eventContext: newEventContext(e),
	}, err
}

// severity is the scale of the integration, which puts compliance below
// informational.
func severity(category darktrace.Category) int {
	switch category {
	case darktrace.CategoryCompliance:
		return 1
	case darktrace.CategoryInformational:
		return 2
	case darktrace.CategorySuspicious:
		return 3
	default:
		return 4
	}
}

// fetchIncidents prints the events that no fetch before it has printed. If there
// are too many, the next fetch prints the rest. The file that the argument state
// names remembers what was printed; without it, every fetch starts at first_fetch.
func fetchIncidents(ctx context.Context, s session) error {
	options, err := fetchOptions(s)
	if err != nil {
		return err
	}
	store := darktrace.MemoryCheckpoint()
	if path := s.args["state"]; path != "" {
		store = darktrace.FileCheckpoint(path)
	}
	before, err := darktrace.LoadCheckpoint(ctx, store)
	if err != nil {
		return err
	}
	result, err := s.api.AIAnalyst.Poll(ctx, before, options)
	if err != nil {
		return err
	}
	incidents := []incident{}
	for _, change := range result.Changes {
		i, err := newIncident(s.api, change.Event)
		if err != nil {
			return err
		}
		incidents = append(incidents, i)
	}
	// Print before saving: after a crash in between, the events are printed again and
	// not lost.
	if err := s.context(incidents); err != nil {
		return err
	}
	return store.Save(ctx, before, result.Checkpoint)
}

// fetchOptions reads the arguments. It replaces numbers that are out of range by
// the defaults, as the integration does, and prints a note.
func fetchOptions(s session) (*darktrace.PollOptions, error) {
	score, err := strconv.ParseFloat(cmp.Or(s.args["min_score"], "0"), 64)
	if err != nil {
		return nil, fmt.Errorf("min_score is %q, which is not a number", s.args["min_score"])
	}
	if score < 0 {
		fmt.Fprintf(s.note, "min_score=%s is below 0: 0 is used\n", s.args["min_score"])
		score = 0
	}
	limit, err := strconv.Atoi(cmp.Or(s.args["max_alerts"], strconv.Itoa(mostAlerts)))
	if err != nil {
		return nil, fmt.Errorf("max_alerts is %q, which is not a number from 1 to %d", s.args["max_alerts"], mostAlerts)
	}
	if limit < 1 || limit > mostAlerts {
		fmt.Fprintf(s.note, "max_alerts=%d is not from 1 to %d: %[2]d is used\n", limit, mostAlerts)
		limit = mostAlerts
	}
	since, err := parseTime(cmp.Or(s.args["first_fetch"], "1 day ago"), s.now)
	if err != nil {
		return nil, fmt.Errorf("first_fetch %w", err)
	}
	return &darktrace.PollOptions{
		Since:   since,
		Limit:   limit,
		KeepRaw: true, // For the score as it is printed.
		Filter:  darktrace.EventFilter{MinGroupScore: score},
	}, nil
}

var ago = regexp.MustCompile(`^(an?|one|\d{1,6}(?:\.\d{1,6})?) *(second|sec|minute|min|hour|hr|day|week|month|year)s?(?: ago)?$`)

// parseTime reads a time: "1 day ago", "an hour ago", "yesterday", "1.5 days", a
// date, a date and time in UTC, RFC 3339, or seconds or milliseconds since 1970.
func parseTime(value string, now time.Time) (time.Time, error) {
	words := strings.ToLower(strings.TrimSpace(value))
	switch words {
	case "now", "today":
		return now, nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	}
	if match := ago.FindStringSubmatch(words); match != nil {
		n, err := strconv.ParseFloat(match[1], 64)
		if err != nil { // A word for one.
			n = 1
		}
		whole := int(n)
		rest := n - float64(whole)
		switch match[2] {
		case "month":
			return now.AddDate(0, -whole, 0).Add(-times(rest, 30*day)), nil
		case "year":
			return now.AddDate(-whole, 0, 0).Add(-times(rest, 365*day)), nil
		case "week":
			return now.AddDate(0, 0, -7*whole).Add(-times(rest, 7*day)), nil
		case "day":
			return now.AddDate(0, 0, -whole).Add(-times(rest, day)), nil
		case "hour", "hr":
			return now.Add(-times(n, time.Hour)), nil
		case "minute", "min":
			return now.Add(-times(n, time.Minute)), nil
		default:
			return now.Add(-times(n, time.Second)), nil
		}
	}
	if epoch, err := strconv.ParseInt(value, 10, 64); err == nil {
		if epoch > 100_000_000_000 { // In seconds that would be the year 5138.
			return time.UnixMilli(epoch).UTC(), nil
		}
		return time.Unix(epoch, 0).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf(`is %q; write "1 day ago", "12 hours", "yesterday", a date, or a time since 1970`, value)
}

const day = 24 * time.Hour

func times(n float64, unit time.Duration) time.Duration { return time.Duration(n * float64(unit)) }
