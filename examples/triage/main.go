// Command triage does the work of an analyst: it tests the connection, lists
// important incident events, shows one in full with its incident, comments on it,
// acknowledges it, and removes the acknowledgement.
//
// Without configuration it uses a fake appliance inside the program, and says so.
// With DARKTRACE_URL and tokens in the environment it uses that appliance, and
// changes nothing without -write.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "triage:", cell(err.Error()))
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	minScore float64
	since    time.Time
	id       string
	json     bool
	write    bool
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	url := os.Getenv("DARKTRACE_URL")
	s, err := parse(args, url != "", time.Now(), out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	appliance, err := darktracetest.Connect(stderr, false, "")
	if err != nil {
		return err
	}
	defer appliance.Close()
	if !s.json {
		fmt.Fprintln(out, "Appliance  ", cell(cmp.Or(url, "a fake one")))
	}
	return triage(ctx, appliance.Client, s, out)
}

func parse(args []string, isReal bool, now time.Time, out io.Writer) (settings, error) {
	s := settings{since: now.AddDate(0, 0, -7)}
	flags := flag.NewFlagSet("triage", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Errors are one line, and main prints it.
	flags.Float64Var(&s.minScore, "min-score", 0, "list events with at least this `score`, 0 to 100")
	flags.StringVar(&s.id, "id", "", "show the event, or the incident, of this `id`; default: the highest score")
	flags.BoolVar(&s.json, "json", false, "print the events as JSON and stop")
	flags.BoolVar(&s.write, "write", !isReal, "comment and acknowledge; default: only on the fake appliance")
	readOnly := flags.Bool("read-only", false, "change nothing; the default on a real appliance")
	flags.Func("since", "list events since `when`: 36h, 2026-01-31 or 2026-01-31T08:00:00Z (default 168h)", func(value string) error {
		since, err := parseSince(value, now)
		s.since = since
		return err
	})
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(out, "usage: triage [flags]")
		flags.SetOutput(out)
		flags.PrintDefaults()
		return s, err
	case err != nil:
		return s, err
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *readOnly && s.write && isReal:
		return s, errors.New("-read-only and -write contradict each other")
	}
	s.write = s.write && !*readOnly
	return s, nil
}

func parseSince(value string, now time.Time) (time.Time, error) {
	if age, err := time.ParseDuration(value); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("must be an age such as 36h or a date such as 2026-01-31")
}

// which describes the listed events in words.
func (s settings) which() string {
	if s.id != "" {
		return "by the id " + s.id
	}
	return fmt.Sprintf("since %s with a score of at least %g", s.since.UTC().Format("2006-01-02 15:04 UTC"), s.minScore)
}

// triage runs all steps.
func triage(ctx context.Context, client *darktrace.Client, s settings, out io.Writer) error {
	if err := client.Ping(ctx); err != nil {
		return err
	}
	events, err := list(ctx, client, s)
	if err != nil {
		return err
	}
	if s.json {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(events)
	}
	p := printer{out}
	p.line("Connection  URL, tokens, clock and permission are right")
	p.events(events, s.which())
	if len(events) == 0 {
		return nil
	}
	event := events[0]
	p.event(event, client.EventURL(event))
	if err := showGroup(ctx, client, event, p); err != nil {
		return err
	}
	if err := comment(ctx, client, event.ID, s.write, p); err != nil {
		return err
	}
	return acknowledge(ctx, client, event.ID, s.write, p)
}

// list returns the selected events, the highest score first. An id of an event or
// incident overrides score and time.
func list(ctx context.Context, client *darktrace.Client, s settings) ([]*darktrace.IncidentEvent, error) {
	options := &darktrace.EventListOptions{Start: s.since, MinScore: s.minScore, ExcludePinned: true, IncludeAcknowledged: true}
	if s.id != "" {
		event, err := client.AIAnalyst.GetEvent(ctx, s.id)
		if err == nil {
			return []*darktrace.IncidentEvent{event}, nil
		}
		if !errors.Is(err, darktrace.ErrArgument) && !errors.Is(err, darktrace.ErrNotFound) { // It may be an incident's.
			return nil, err
		}
		group, err := client.AIAnalyst.GetGroup(ctx, s.id)
		if err != nil {
			return nil, err
		}
		options = &darktrace.EventListOptions{GroupIDs: []string{group.ID}}
	}
	events, err := client.AIAnalyst.ListEvents(ctx, options)
	slices.SortStableFunc(events, func(a, b *darktrace.IncidentEvent) int {
		return cmp.Or(cmp.Compare(b.AIAScore, a.AIAScore), cmp.Compare(b.CreatedAt, a.CreatedAt))
	})
	return events, err
}

func showGroup(ctx context.Context, client *darktrace.Client, event *darktrace.IncidentEvent, p printer) error {
	group, err := client.AIAnalyst.GetGroup(ctx, event.ID)
	if err != nil {
		return err
	}
	p.group(group, client.GroupURL(group.ID))
	return nil
}

// comment shows the comments on an event and, if write is set, adds one.
func comment(ctx context.Context, client *darktrace.Client, eventID string, write bool, p printer) error {
	comments, err := client.AIAnalyst.ListComments(ctx, eventID)
	if err != nil {
		return err
	}
	p.comments("Comments", comments)
	if !write {
		return nil
	}
	posted, err := client.AIAnalyst.PostCommentVerified(ctx, eventID, "Looked at by the triage example.")
	if err != nil {
		return err
	}
	p.comments("Comment posted, and read back", []*darktrace.Comment{posted})
	return nil
}

// acknowledge acknowledges an event, shows that it is acknowledged, and removes the
// acknowledgement. It does not touch an event that somebody else has acknowledged.
func acknowledge(ctx context.Context, client *darktrace.Client, eventID string, write bool, p printer) error {
	before, err := client.AIAnalyst.GetEvent(ctx, eventID)
	if err != nil {
		return err
	}
	p.title("Acknowledgement")
	if !write || before.Acknowledged {
		p.rows([]string{"acknowledged", yesNo(before.Acknowledged)})
		p.line("\n" + whyNot(write))
		return nil
	}
	err = client.AIAnalyst.Acknowledge(ctx, eventID)
	if err != nil && !errors.Is(err, darktrace.ErrOutcomeUnknown) {
		return err
	}
	after, readErr := client.AIAnalyst.GetEvent(ctx, eventID)
	// Remove it in any case, even after an interrupt, and if it may have been carried out.
	if err := errors.Join(err, readErr, client.AIAnalyst.Unacknowledge(context.WithoutCancel(ctx), eventID)); err != nil {
		return err
	}
	undone, err := client.AIAnalyst.GetEvent(ctx, eventID)
	if err != nil {
		return err
	}
	p.rows(
		[]string{"before", yesNo(before.Acknowledged)},
		[]string{"after Acknowledge", yesNo(after.Acknowledged)},
		[]string{"after Unacknowledge", yesNo(undone.Acknowledged)})
	return nil
}

func whyNot(write bool) string {
	if write {
		return "Somebody has acknowledged it already, so it stays that way."
	}
	return "Read-only: no comment was posted and nothing acknowledged; -write does both."
}
