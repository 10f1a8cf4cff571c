// Command watch prints every AI Analyst incident event once, as a line of JSON,
// as soon as it appears:
//
//	go run ./examples/watch -checkpoint seen.json -min-score 60 | jq .event.title
//
// It saves its position in a file and can be stopped or killed at any time. It
// watches the appliance that DARKTRACE_URL and tokens in the environment name.
// Without them it watches a fake appliance inside the program and says so. With a
// checkpoint it does that only with -fake. With -once it prints the new events and
// exits, for cron.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	var opts darktrace.WatchOptions
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	file := flags.String("checkpoint", "", "`file` that saves the position; default: start again each time")
	since := flags.Duration("since", 24*time.Hour, "begin with events of this `age`; only without a checkpoint")
	fake := flags.Bool("fake", false, "watch a fake appliance with invented incidents, even if the environment names one")
	once := flags.Bool("once", false, "print new events and exit")
	flags.Float64Var(&opts.Filter.MinGroupScore, "min-score", 0, "lowest `score` of an event's incident, 0 to 100")
	flags.BoolVar(&opts.Updates, "updates", false, "print changes of events too")
	flags.DurationVar(&opts.Interval, "interval", time.Minute, "`time` between two polls")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	opts.Since = time.Now().Add(-*since)
	store, keeps := darktrace.MemoryCheckpoint(), ""
	if *file != "" {
		store, keeps = darktrace.FileCheckpoint(*file), "the checkpoint"
	}
	appliance, err := darktracetest.Connect(stderr, *fake, keeps)
	if err != nil {
		return err
	}
	defer appliance.Close()
	print := json.NewEncoder(out).Encode // One line at a time, without a buffer.
	if *once {
		return poll(ctx, appliance.Client, store, &opts.PollOptions, print)
	}
	return watch(ctx, appliance.Client, store, &opts, print)
}

// watch prints until ctx ends. If a line can't be printed, its change is not
// handled, and comes again the next time.
func watch(ctx context.Context, client *darktrace.Client, store darktrace.CheckpointStore, opts *darktrace.WatchOptions, print func(any) error) error {
	for change, err := range client.AIAnalyst.Watch(ctx, store, opts) {
		if err == nil {
			err = print(change)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// poll prints new events in batches, and saves the checkpoint after each batch.
func poll(ctx context.Context, client *darktrace.Client, store darktrace.CheckpointStore, opts *darktrace.PollOptions, print func(any) error) error {
	opts.Limit = 100
	checkpoint, err := store.Load(ctx)
	if err != nil && !errors.Is(err, darktrace.ErrNoCheckpoint) {
		return err
	}
	for more := true; more; {
		result, err := client.AIAnalyst.Poll(ctx, checkpoint, opts)
		if err != nil {
			return err
		}
		for _, change := range result.Changes {
			if err := print(change); err != nil {
				return err
			}
		}
		// Save the checkpoint even if the program is being stopped: the events are
		// printed.
		if err := store.Save(context.WithoutCancel(ctx), checkpoint, result.Checkpoint); err != nil {
			return err
		}
		checkpoint, more = result.Checkpoint, result.More
	}
	return nil
}
