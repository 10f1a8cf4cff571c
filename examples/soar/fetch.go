package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// mostAlerts is how many incidents one fetch hands over at most.
const mostAlerts = 50

// incident is what a SOAR platform opens a case with.
type incident struct {
	Name     string `json:"name"`
	Occurred string `json:"occurred"`
	eventContext
}

// fetchIncidents prints the events that no fetch before it has printed. The rest
// of a large number comes with the next fetch. What was printed is remembered
// in the file that the argument state names; without one, every fetch starts at
// first_fetch.
func fetchIncidents(ctx context.Context, s session) error {
	options, err := fetchOptions(s.args, s.now)
	if err != nil {
		return err
	}
	store := darktrace.MemoryCheckpoint()
	if path := s.args["state"]; path != "" {
		store = darktrace.FileCheckpoint(path)
	}
	before, err := store.Load(ctx)
	if err != nil && !errors.Is(err, darktrace.ErrNoCheckpoint) {
		return err
	}
	result, err := s.api.AIAnalyst.Poll(ctx, before, options)
	if err != nil {
		return err
	}
	incidents := []incident{}
	for _, change := range result.Changes {
		e := change.Event
		incidents = append(incidents, incident{e.Title, text(e.CreatedAt), newEventContext(e)})
	}
	// Printed before it is remembered: a crash in between prints it again, and
	// never loses it.
	if err := s.context(incidents); err != nil {
		return err
	}
	return store.Save(ctx, before, result.Checkpoint)
}

func fetchOptions(args map[string]string, now time.Time) (*darktrace.PollOptions, error) {
	score, err := strconv.ParseFloat(cmp.Or(args["min_score"], "0"), 64)
	if err != nil {
		return nil, fmt.Errorf("min_score is %q, which is no number", args["min_score"])
	}
	limit, err := strconv.Atoi(cmp.Or(args["max_alerts"], strconv.Itoa(mostAlerts)))
	if err != nil || limit < 1 {
		return nil, fmt.Errorf("max_alerts is %q, which is no number from 1 to %d", args["max_alerts"], mostAlerts)
	}
	since, err := parseTime(cmp.Or(args["first_fetch"], "1 day ago"), now)
	if err != nil {
		return nil, fmt.Errorf("first_fetch %w", err)
	}
	return &darktrace.PollOptions{
		Since:  since,
		Limit:  min(limit, mostAlerts),
		Filter: darktrace.EventFilter{MinGroupScore: score},
	}, nil
}

var ago = regexp.MustCompile(`^(\d{1,6}) *(minute|hour|day|week|month|year)s?( ago)?$`)

// parseTime reads a time as people write it: "1 day ago", "12 hours", a date, a
// date and time in UTC, RFC 3339, or seconds or milliseconds since 1970.
func parseTime(value string, now time.Time) (time.Time, error) {
	if match := ago.FindStringSubmatch(strings.ToLower(strings.TrimSpace(value))); match != nil {
		n, _ := strconv.Atoi(match[1])
		switch match[2] {
		case "minute":
			return now.Add(-time.Duration(n) * time.Minute), nil
		case "hour":
			return now.Add(-time.Duration(n) * time.Hour), nil
		case "day":
			return now.AddDate(0, 0, -n), nil
		case "week":
			return now.AddDate(0, 0, -7*n), nil
		case "month":
			return now.AddDate(0, -n, 0), nil
		default:
			return now.AddDate(-n, 0, 0), nil
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
	return time.Time{}, fmt.Errorf(`is %q; write "1 day ago", "12 hours", a date, or a time since 1970`, value)
}
