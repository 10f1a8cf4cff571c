// Command otel traces and measures a client with OpenTelemetry: a span and a
// histogram for each call, and a span for each attempt within it. Names and
// attributes hold no ids and no tokens. instrument.go is all that you need.
//
// Here the spans go to standard error and the metrics nowhere: put your own
// exporters in their place. Without configuration it uses a fake appliance and says
// so.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, stderr io.Writer) error {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(stderr), stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	defer func() { _ = traces.Shutdown(context.WithoutCancel(ctx)) }()
	options, err := instrument(traces, noop.NewMeterProvider())
	if err != nil {
		return err
	}
	appliance, err := darktracetest.Connect(stderr, false, "", options...)
	if err != nil {
		return err
	}
	defer appliance.Close()
	events, err := appliance.Client.AIAnalyst.ListEvents(ctx, &darktrace.EventListOptions{MinScore: 60})
	for _, e := range events {
		fmt.Fprintf(out, "%5.1f  %q\n", float64(e.AIAScore), e.Title)
	}
	return err
}
