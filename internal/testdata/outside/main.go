// Command outside is a program in a separate module, as users write it. It
// acknowledges an event on a fake appliance.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	const id = "6f0f3c52-5b0a-4f0e-9a55-2f7f1a6f3c01"
	appliance := darktracetest.NewServer()
	defer appliance.Close()
	now := darktrace.Millis(time.Now().UnixMilli())
	appliance.AddEvents(&darktrace.IncidentEvent{ID: id, CurrentGroup: "g" + id, Title: "Scan", CreatedAt: now,
		Periods: []darktrace.Period{{Start: now, End: now}}})

	client := appliance.Client()
	if err := client.AIAnalyst.Acknowledge(ctx, id); err != nil {
		return err
	}
	event, err := client.AIAnalyst.GetEvent(ctx, id)
	if err != nil {
		return err
	}
	if !event.Acknowledged {
		return fmt.Errorf("event %s is not acknowledged", id)
	}
	fmt.Println("outside:", event.Title, "is acknowledged")
	return nil
}
