// Command enrich shows an incident event on one screen with everything that belongs
// to it: its model alerts and their connections, its devices with their tags, other
// open incidents of these devices, actions of RESPOND, and the external hosts. At
// the end it lists what could not be read, with the reason.
//
// Without configuration it uses a fake appliance inside the program, and says so.
// With DARKTRACE_URL and tokens in the environment it uses that appliance. It only
// reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "enrich:", cell(err.Error()))
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	flags := flag.NewFlagSet("enrich", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Errors are one line, and main prints it.
	id := flags.String("id", "", "show the event of this `id`; default: the one of the last 7 days with most model alerts")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(out, "usage: enrich [flags]")
		flags.SetOutput(out)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	appliance, err := darktracetest.Connect(stderr, false, "")
	if err != nil {
		return err
	}
	defer appliance.Close()
	return enrich(ctx, appliance.Client, *id, out)
}

// enrich reads an event and everything around it, and prints it.
func enrich(ctx context.Context, client *darktrace.Client, id string, out io.Writer) error {
	event, err := choose(ctx, client, id)
	if err != nil {
		return err
	}
	around, err := client.Enrich(ctx, event, nil)
	if err != nil {
		return err
	}
	show(out, around, time.Now())
	return nil
}

// choose reads the event with an id, or else finds an interesting one.
func choose(ctx context.Context, client *darktrace.Client, id string) (*darktrace.IncidentEvent, error) {
	if id != "" {
		return client.AIAnalyst.GetEvent(ctx, id)
	}
	var best *darktrace.IncidentEvent
	for event, err := range client.AIAnalyst.Events(ctx, nil) {
		if err != nil {
			return nil, err
		}
		worth := func(e *darktrace.IncidentEvent) float64 {
			return 100*float64(len(e.RelatedBreaches)) + float64(e.AIAScore)
		}
		if len(event.RelatedBreaches) > 0 && len(event.BreachDevices) > 0 && (best == nil || worth(event) > worth(best)) {
			best = event
		}
	}
	if best == nil {
		return nil, errors.New("no event of the last 7 days has model alerts; name one with -id")
	}
	return best, nil
}
