// Command siem ships incident events to a SIEM, as lines of JSON in the Elastic
// Common Schema or in OCSF:
//
//	go run ./examples/siem -fake -format ecs -out incidents.ndjson
//
// Each change of an event is in the file once, even if the program is killed or the
// checkpoint is lost: a change that is delivered again has the same key, and the
// program knows the keys in its file. Without -out the lines go to standard output.
// If the program is killed, some may be repeated: recognise a change by its key and
// an event by its id.
//
// It watches the appliance that DARKTRACE_URL and tokens in the environment name.
// Without them it watches a fake appliance inside the program and says so. With a
// file it does that only with -fake.
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
	"github.com/darktrace-go/darktrace/ecs"
	"github.com/darktrace-go/darktrace/ocsf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "siem:", err)
		os.Exit(1)
	}
}

// formats map a change to a document.
var formats = map[string]func(*darktrace.EventChange, string) any{
	"ecs": func(c *darktrace.EventChange, baseURL string) any {
		return ecs.FromChange(c, ecs.Options{BaseURL: baseURL, ReadAt: time.Now()})
	},
	"ocsf": func(c *darktrace.EventChange, baseURL string) any {
		return ocsf.FromChange(c, ocsf.Options{BaseURL: baseURL, ReadAt: time.Now()})
	},
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts := darktrace.WatchOptions{PollOptions: darktrace.PollOptions{Updates: true}}
	flags := flag.NewFlagSet("siem", flag.ContinueOnError)
	flags.SetOutput(stderr)
	format := flags.String("format", "ecs", "`schema` of the documents: ecs or ocsf")
	name := flags.String("out", "", "`file` that documents are added to; default: standard output")
	since := flags.Duration("since", 24*time.Hour, "begin with events of this `age`; only the first time")
	fake := flags.Bool("fake", false, "watch a fake appliance with invented incidents, even if the environment names one")
	flags.DurationVar(&opts.Interval, "interval", time.Minute, "`time` between two polls")
	if err := flags.Parse(args); err != nil {
		return err
	}
	document, ok := formats[*format]
	if !ok || flags.NArg() > 0 {
		return fmt.Errorf("usage: siem [-format ecs|ocsf] [-out file]; see -help")
	}
	opts.Since = time.Now().Add(-*since)
	keeps := ""
	if *name != "" {
		keeps = *name
	}
	appliance, err := darktracetest.Connect(stderr, *fake, keeps)
	if err != nil {
		return err
	}
	defer appliance.Close()
	baseURL := os.Getenv("DARKTRACE_URL")
	if appliance.Fake != nil {
		baseURL = appliance.Fake.URL
	}
	store, write := darktrace.MemoryCheckpoint(), json.NewEncoder(stdout).Encode
	has := func(string) bool { return false }
	if *name != "" {
		sink, err := openSink(*name)
		if err != nil {
			return err
		}
		defer func() { _ = sink.file.Close() }()
		store, write, has = sink, sink.write, sink.has
	}
	for change, err := range appliance.Client.AIAnalyst.Watch(ctx, store, &opts) {
		if err == nil && !has(change.Key) {
			err = write(document(&change, baseURL))
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}
