package main

import (
	"log/slog"
	"os"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// appliance is the appliance that a run uses.
type appliance struct {
	client *darktrace.Client
	url    string
	close  func()
}

// connect returns a client for the appliance that the environment names, or starts
// a fake one. The incidents of the fake one have the same ids each time.
func (p *program) connect(s settings, opts ...darktrace.Option) (*appliance, error) {
	if s.verbose {
		opts = append(opts, darktrace.WithLogger(slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	if s.fake {
		srv, err := p.fake()
		if err != nil {
			return nil, err
		}
		return &appliance{client: srv.Client(opts...), url: srv.URL, close: srv.Close}, nil
	}
	client, err := darktrace.NewClientFromEnv(opts...)
	if err != nil && os.Getenv("DARKTRACE_URL") == "" {
		return nil, usage("DARKTRACE_URL is not set; use -fake for a fake appliance")
	}
	return &appliance{client: client, url: os.Getenv("DARKTRACE_URL"), close: func() {}}, err
}

// startFake starts the appliance of -fake.
func startFake() (*darktracetest.Server, error) {
	srv, err := darktracetest.Start()
	if err != nil {
		return nil, err
	}
	const seed, count = 7, 24
	fill(srv, darktracetest.Incidents(seed, count))
	return srv, nil
}

func fill(srv *darktracetest.Server, events []*darktrace.IncidentEvent) {
	for _, event := range events {
		srv.AddEvents(event)
		srv.AddComment(event.ID, "night.shift", "Not expected. The owner has been asked.")
	}
}
