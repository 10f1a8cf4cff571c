// Command notify sends one message for each new incident to a webhook, with the
// events that the incident has by then.
//
//	NOTIFY_WEBHOOK=https://chat.example.com/hook/… notify -state notified.json -min-score 60
//
// It can be stopped or killed at any time: the state holds the incidents that were
// sent, and is saved after each of them. If it is killed between the two, it sends
// one incident again, with the same Idempotency-Key. It sends nothing about events
// that join an incident later, or about incidents that merge into one that was
// sent.
//
// Without NOTIFY_WEBHOOK it prints the messages. It uses the appliance that
// DARKTRACE_URL and tokens in the environment name. Without them it uses a fake one
// inside the program and says so. With a webhook or a state it does that only with
// -fake.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "notify:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	flags := flag.NewFlagSet("notify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("state", "", "`file` that keeps the incidents that were sent; default: none")
	since := flags.Duration("since", 24*time.Hour, "send incidents of events of this `age`; only without a state")
	score := flags.Float64("min-score", 0, "lowest `score` of an incident, 0 to 100")
	once := flags.Bool("once", false, "send new incidents and exit")
	interval := flags.Duration("interval", time.Minute, "`time` between two polls")
	fake := flags.Bool("fake", false, "use a fake appliance with invented incidents, even if the environment names one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	keeps := ""
	send := printer(out)
	if hook := os.Getenv("NOTIFY_WEBHOOK"); hook != "" {
		keeps = "the webhook"
		send = webhook(hook, &http.Client{Timeout: 30 * time.Second})
	} else if *file != "" {
		keeps = "the state"
	}
	appliance, err := darktracetest.Connect(stderr, *fake, keeps)
	if err != nil {
		return err
	}
	defer appliance.Close()
	n := &notifier{
		client: appliance.Client, send: send, file: *file,
		opts: darktrace.PollOptions{Since: time.Now().Add(-*since), Limit: 1000, Filter: darktrace.EventFilter{MinGroupScore: *score}},
	}
	for {
		err := n.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case *once || errors.Is(err, darktrace.ErrArgument) || errors.Is(err, darktrace.ErrPermission):
			return err
		case err != nil: // The next pass begins where this one failed.
			fmt.Fprintln(stderr, "notify:", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(*interval):
		}
	}
}
