// Appliance serves a fake Darktrace appliance on a port, for clients in any
// language:
//
//	go run ./examples/appliance -addr 127.0.0.1:8443 -ca ca.pem
//
// It prints its URL and tokens. It reports every rejected request with the reason,
// and every query parameter that had no effect. It stops on SIGINT or SIGTERM. A
// script should build it first and run the program itself, since a signal to go run
// may not reach it:
//
//	go build -o appliance ./examples/appliance
//	./appliance -http -every 10s & pid=$!
//	kill -INT $pid
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "appliance:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("appliance", flag.ContinueOnError)
	flags.SetOutput(out)
	addr := flags.String("addr", "127.0.0.1:0", "`address` to listen on; port 0 is any free one")
	plain := flags.Bool("http", false, "serve plain HTTP instead of HTTPS")
	version := flags.String("profile", "7.1", "appliance `version` to behave like: "+strings.Join(darktracetest.Profiles(), ", "))
	file := flags.String("events", "", "JSON `file` with incident events as GET /aianalyst/incidentevents returns them; default: generated ones")
	every := flags.Duration("every", 0, "add an event at this `interval`; default: none")
	gateway := flags.Bool("gateway", false, "serve a cloud gateway: bearer tokens instead of signatures")
	masters := flags.Int64("masters", 0, "be a Unified View of this `number` of masters")
	ca := flags.String("ca", "", "`file` for the certificate of the appliance's CA")
	public := flags.String("public", "", "public `token`; default: one for tests")
	private := flags.String("private", "", "private `token`; default: one for tests")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	profile, err := darktracetest.ParseProfile(*version)
	if err != nil {
		return err
	}
	opts := []darktracetest.Option{
		darktracetest.WithAddr(*addr),
		darktracetest.WithProfile(profile),
		darktracetest.WithObserver(func(r darktracetest.Request) {
			if r.Verdict != darktracetest.Accepted {
				fmt.Fprintln(out, "refused:", r)
			}
			if len(r.Ignored) > 0 {
				fmt.Fprintf(out, "ignored: %s: %s\n", strings.Join(r.Ignored, ", "), r)
			}
		}),
	}
	if *gateway {
		opts = append(opts, darktracetest.WithCloudGateway())
	}
	if *masters > 0 {
		var ids []int64
		for id := range *masters {
			ids = append(ids, id+1)
		}
		opts = append(opts, darktracetest.WithUnifiedView(ids...), darktracetest.WithResponsePerMaster())
	}
	switch {
	case *plain && *ca != "":
		return errors.New("-http has no certificate, so -ca can't write one")
	case *plain:
		opts = append(opts, darktracetest.WithHTTP())
	}
	if *every < 0 || *masters < 0 {
		return errors.New("-every and -masters can't be negative")
	}
	if (*public == "") != (*private == "") {
		return errors.New("-public and -private must be set together")
	}
	if *public != "" {
		opts = append(opts, darktracetest.WithTokens(*public, *private))
	}
	events, err := load(*file)
	if err != nil {
		return err
	}
	srv, err := darktracetest.Start(opts...)
	if err != nil {
		return err
	}
	defer srv.Close()
	if err := srv.AddEventsJSON(events); err != nil {
		return err
	}
	if *ca != "" {
		if err := os.WriteFile(*ca, srv.CAPEM(), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(out, "DARKTRACE_CA_FILE=%s\n", *ca)
	}
	if *gateway {
		fmt.Fprintf(out, "DARKTRACE_TOKEN_URL=%s\n", srv.TokenURL())
	}
	fmt.Fprintf(out, "DARKTRACE_URL=%s\nDARKTRACE_PUBLIC_TOKEN=%s\nDARKTRACE_PRIVATE_TOKEN=%s\n",
		srv.URL, srv.PublicToken, srv.PrivateToken)
	happen(ctx, srv, *every)
	fmt.Fprintln(out, "stopped")
	return nil
}

// happen adds an event at intervals until ctx ends.
func happen(ctx context.Context, srv *darktracetest.Server, every time.Duration) {
	var tick <-chan time.Time
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for seed := uint64(1000); ; seed++ {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			srv.AddEvents(darktracetest.IncidentsAt(seed, 1, srv.Now())...)
		}
	}
}

// load reads the events from a file, or invents some.
func load(file string) ([]byte, error) {
	if file == "" {
		return darktracetest.IncidentsJSON(1, 24), nil
	}
	return os.ReadFile(file) //nolint:gosec // The path is the user's own.
}
