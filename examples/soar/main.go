// Command soar does what a SOAR platform's integration does, a command at a
// time: the commands and arguments are those of the Darktrace AI Analyst
// integration for Cortex XSOAR, and each prints its context output as JSON.
//
//	soar get-ai-analyst-incident-event eventId=<id>
//	soar fetch-incidents min_score=40 max_alerts=20 first_fetch="3 days ago" state=seen.json
//
// Without configuration it talks to a fake appliance of its own; see the folder
// above for the settings of a real one.
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
	"github.com/darktrace-go/darktrace/examples/internal/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soar:", strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

// command is one command of the integration. Its name is without the prefix
// "darktrace-", which may be given or left out.
type command struct {
	name     string
	required []string
	optional []string
	run      func(context.Context, session) error
}

// session is what a command works with.
type session struct {
	api  *darktrace.Client
	args map[string]string
	now  time.Time
	out  io.Writer
}

func commands() []command {
	return []command{
		{"test", nil, nil, test},
		{"fetch-incidents", nil, []string{"min_score", "max_alerts", "first_fetch", "state"}, fetchIncidents},
		{"get-ai-analyst-incident-event", []string{"eventId"}, nil, getEvent},
		{"get-comments-for-ai-analyst-incident-event", []string{"eventId"}, nil, getComments},
		{"post-comment-to-ai-analyst-incident-event", []string{"eventId", "message"}, nil, postComment},
		{"acknowledge-ai-analyst-incident-event", []string{"eventId"}, nil, acknowledge},
		{"unacknowledge-ai-analyst-incident-event", []string{"eventId"}, nil, unacknowledge},
		{"get-ai-analyst-incident-group-from-eventId", []string{"eventId"}, nil, getGroup},
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 || slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		usage(out)
		return nil
	}
	cmd, values, err := parse(args)
	if err != nil {
		return err
	}
	appliance, err := embedded.Connect()
	if err != nil {
		return err
	}
	defer appliance.Close()
	return cmd.run(ctx, session{appliance.Client, values, time.Now(), out})
}

func usage(out io.Writer) {
	fmt.Fprintln(out, "usage: soar command [argument=value …]")
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
	i := slices.IndexFunc(commands(), func(c command) bool { return c.name == name })
	if i < 0 {
		return command{}, nil, fmt.Errorf("there is no command %q; soar help lists them", args[0])
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
	event, err := s.api.AIAnalyst.GetEvent(ctx, s.args["eventId"])
	if err != nil {
		return err
	}
	return s.context(newEventContext(event))
}

func getComments(ctx context.Context, s session) error {
	comments, err := s.api.AIAnalyst.ListComments(ctx, s.args["eventId"])
	if err != nil {
		return err
	}
	output := []commentContext{}
	for _, c := range comments {
		output = append(output, commentContext{c.EventID, c.Message, s.args["eventId"], int64(c.Time), c.Username})
	}
	return s.context(output)
}

func postComment(ctx context.Context, s session) error {
	_, err := s.api.AIAnalyst.PostCommentVerified(ctx, s.args["eventId"], s.args["message"])
	return s.written("commented", err, map[string]string{"message": s.args["message"]})
}

func acknowledge(ctx context.Context, s session) error {
	err := s.api.AIAnalyst.AcknowledgeVerified(ctx, s.args["eventId"])
	return s.written("acknowledged", err, nil)
}

func unacknowledge(ctx context.Context, s session) error {
	err := s.api.AIAnalyst.Unacknowledge(ctx, s.args["eventId"])
	return s.written("unacknowledged", err, nil)
}

// written prints what became of a write: "True", or, when the appliance said no
// or did not store it, "False". Every other failure has no output.
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
	var answer *darktrace.APIError
	if errors.As(err, &answer) {
		output["response"] = answer.Code
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
