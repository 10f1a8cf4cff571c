// Command watch prints every AI Analyst incident event once, as a line of JSON,
// as soon as it appears:
//
//	go run ./examples/watch -checkpoint seen.json -min-score 60 | jq .event.title
//
// It keeps its place in a file and can be stopped, or killed, at any time. Without
// configuration it watches a fake appliance of its own; with DARKTRACE_URL and
// tokens in the environment it watches that one. With -once it prints what is new
// and ends, for cron.
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
	"github.com/darktrace-go/darktrace/examples/internal/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var opts darktrace.WatchOptions
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	file := flags.String("checkpoint", "", "`file` that keeps the place; default: begin anew each time")
	since := flags.Duration("since", 24*time.Hour, "begin with events of this `age`; only without a checkpoint")
	once := flags.Bool("once", false, "print what is new and end")
	flags.Float64Var(&opts.Filter.MinGroupScore, "min-score", 0, "lowest `score` of an event's incident, 0 to 100")
	flags.BoolVar(&opts.Updates, "updates", false, "print changes of events too")
	flags.DurationVar(&opts.Interval, "interval", time.Minute, "`time` between two polls")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	opts.Since = time.Now().Add(-*since)
	store := darktrace.MemoryCheckpoint()
	if *file != "" {
		store = darktrace.FileCheckpoint(*file)
	}
	appliance, err := embedded.Connect()
	if err != nil {
		return err
	}
	defer appliance.Close()
	print := json.NewEncoder(out).Encode // A line at a time, never buffered.
	if *once {
		return poll(ctx, appliance.Client, store, &opts.PollOptions, print)
	}
	return watch(ctx, appliance.Client, store, &opts, print)
}

// watch prints until ctx ends. A line that can't be printed is not taken: its
// change comes again the next time.
func watch(ctx context.Context, client *darktrace.Client, store darktrace.CheckpointStore, opts *darktrace.WatchOptions, print func(any) error) error {
	for change, err := range client.AIAnalyst.Watch(ctx, store, opts) {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil
		}
		if err == nil {
			err = print(change)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// poll prints what is new, in batches that are kept one by one.
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
		// What is printed is kept, even if somebody has just stopped the program.
		if err := store.Save(context.WithoutCancel(ctx), checkpoint, result.Checkpoint); err != nil {
			return err
		}
		checkpoint, more = result.Checkpoint, result.More
	}
	return nil
}
