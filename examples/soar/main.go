// Command soar runs one command of a SOAR platform's integration. It has the
// commands and arguments of the Darktrace AI Analyst integration for Cortex XSOAR.
// Each prints its context output as JSON.
//
//	soar get-ai-analyst-incident-event eventId=<id>
//	soar fetch-incidents min_score=40 max_alerts=20 first_fetch="3 days ago" state=seen.json
//
// It uses the appliance that DARKTRACE_URL and tokens in the environment name.
// Without them it uses a fake one inside the program and says so. With the argument
// state, which keeps what was fetched, it does that only if -fake comes before the
// command.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soar:", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

// command is one command of the integration. Its name lacks the prefix
// "darktrace-", which is optional on the command line.
type command struct {
	name     string
	required []string
	optional []string
	run      func(context.Context, session) error
}

// session is the input and output of a command.
type session struct {
	api  *darktrace.Client
	args map[string]string
	now  time.Time
	out  io.Writer // context output
	note io.Writer // remarks
}

func commands() []command {
	return []command{
		{"test-module", nil, nil, test},
		{"fetch-incidents", nil, []string{"min_score", "max_alerts", "first_fetch", "state"}, fetchIncidents},
		{"get-ai-analyst-incident-event", []string{"eventId"}, nil, getEvent},
		{"get-comments-for-ai-analyst-incident-event", []string{"eventId"}, nil, getComments},
		{"post-comment-to-ai-analyst-incident-event", []string{"eventId", "comment"}, nil, postComment},
		{"acknowledge-ai-analyst-incident-event", []string{"eventId"}, nil, acknowledge},
		{"unacknowledge-ai-analyst-incident-event", []string{"eventId"}, nil, unacknowledge},
		{"get-ai-analyst-incident-group-from-eventId", []string{"eventId"}, nil, getGroup},
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	fake := len(args) > 0 && args[0] == "-fake"
	if fake {
		args = args[1:]
	}
	if len(args) == 0 || slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		usage(out)
		return nil
	}
	cmd, values, err := parse(args)
	if err != nil {
		return err
	}
	keeps := ""
	if values["state"] != "" {
		keeps = "the state"
	}
	appliance, err := darktracetest.Connect(stderr, fake, keeps)
	if err != nil {
		return err
	}
	defer appliance.Close()
	return cmd.run(ctx, session{appliance.Client, values, time.Now(), out, stderr})
}

func usage(out io.Writer) {
	fmt.Fprintln(out, "usage: soar [-fake] command [argument=value …]")
	for _, cmd := range commands() {
		fmt.Fprint(out, "  ", cmd.name)
		for _, name := range cmd.required {
			fmt.Fprintf(out, " %s=…", name)
		}
		for _, name := range cmd.optional {
			fmt.Fprintf(out, " [%s=…]", name)
		}
		fmt.Fprintln(out)
	}
}

// parse finds the command and its arguments.
func parse(args []string) (command, map[string]string, error) {
	name := strings.TrimPrefix(args[0], "darktrace-")
	if name == "test" {
		name = "test-module"
	}
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, nil, fmt.Errorf("unknown command %q; soar help lists all commands", args[0])
	}
	cmd := commands()[i]
	values := map[string]string{}
	for _, arg := range args[1:] {
		key, value, found := strings.Cut(arg, "=")
		if !found || !slices.Contains(slices.Concat(cmd.required, cmd.optional), key) {
			return cmd, nil, fmt.Errorf("%s does not take %q; soar help lists the arguments", cmd.name, arg)
		}
		values[key] = value
	}
	for _, key := range cmd.required {
		if values[key] == "" {
			return cmd, nil, fmt.Errorf("%s needs %s=…", cmd.name, key)
		}
	}
	return cmd, values, nil
}

// context prints context output.
func (s session) context(output any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"Darktrace.AIAnalyst": output})
}

func test(ctx context.Context, s session) error {
	if err := s.api.Ping(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "ok")
	return nil
}

func getEvent(ctx context.Context, s session) error {
	// ListEvents, because it can keep the JSON, which shows whether a score is 52 or
	// 52.0.
	events, err := s.api.AIAnalyst.ListEvents(ctx, &darktrace.EventListOptions{EventIDs: []string{s.args["eventId"]}, KeepRaw: true})
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return fmt.Errorf("%w: no event with id %s", darktrace.ErrNotFound, s.args["eventId"])
	}
	return s.context(newEventContext(events[0]))
}

func getComments(ctx context.Context, s session) error {
	comments, err := s.api.AIAnalyst.ListComments(ctx, s.args["eventId"])
	if err != nil {
		return err
	}
	output := []commentContext{}
	for _, c := range comments {
		output = append(output, commentContext{c.EventID, c.EventID, c.Message, s.args["eventId"], text(c.Time), c.Username})
	}
	return s.context(output)
}

func postComment(ctx context.Context, s session) error {
	_, err := s.api.AIAnalyst.PostCommentVerified(ctx, s.args["eventId"], s.args["comment"])
	return s.written("commented", err, map[string]string{"message": s.args["comment"]})
}

func acknowledge(ctx context.Context, s session) error {
	err := s.api.AIAnalyst.AcknowledgeVerified(ctx, s.args["eventId"])
	return s.written("acknowledged", err, nil)
}

func unacknowledge(ctx context.Context, s session) error {
	id := s.args["eventId"]
	err := s.api.AIAnalyst.Unacknowledge(ctx, id)
	if err == nil || errors.Is(err, darktrace.ErrOutcomeUnknown) { // What is read back decides.
		event, readErr := s.api.AIAnalyst.GetEvent(ctx, id)
		switch {
		case readErr != nil:
			return fmt.Errorf("%w: reading it back failed: %w", darktrace.ErrOutcomeUnknown, readErr)
		case event.Acknowledged:
			err = fmt.Errorf("%w: event %s is still acknowledged", darktrace.ErrNotStored, id)
		default:
			err = nil
		}
	}
	return s.written("unacknowledged", err, nil)
}

// written prints the outcome of a write: "True", or "False" if the appliance
// rejected or did not store it. Any other failure has no output.
func (s session) written(what string, err error, output map[string]string) error {
	if err != nil && !errors.Is(err, darktrace.ErrRejected) && !errors.Is(err, darktrace.ErrNotStored) {
		return err
	}
	if output == nil {
		output = map[string]string{}
	}
	output["eventId"] = s.args["eventId"]
	output[what], output["response"] = "True", "SUCCESS"
	if err != nil {
		output[what] = "False"
	}
	var apiErr *darktrace.APIError
	if errors.As(err, &apiErr) {
		output["response"] = apiErr.Code
	}
	return errors.Join(s.context(output), err)
}

func getGroup(ctx context.Context, s session) error {
	group, err := s.api.AIAnalyst.GetGroup(ctx, s.args["eventId"])
	if err != nil {
		return err
	}
	return s.context(newGroupContext(group))
}
