// Command darktrace works with a Darktrace appliance from a terminal or a
// script: it tests the connection, lists incidents and model alerts, shows one
// in full, acknowledges and comments, follows what is new, and writes a report.
//
//	go install github.com/darktrace-go/darktrace/cmd/darktrace@latest
//	darktrace -fake incidents
//
// With -fake it talks to a fake appliance inside the program. Otherwise the
// environment names the appliance, as for darktrace.NewClientFromEnv. It prints
// tables on a terminal and a line of JSON for each object in a pipe. The page
// docs/command.md has all verbs, flags and exit codes, and so has "darktrace help".
package main

import (
	"context"
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
	p := &program{
		stdout: os.Stdout, stderr: os.Stderr,
		fake: startFake, now: time.Now,
	}
	p.width, p.stdoutTerminal = terminal(os.Stdout)
	_, p.stderrTerminal = terminal(os.Stderr)
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program is one run of the command with its environment.
type program struct {
	stdout, stderr                 io.Writer
	stdoutTerminal, stderrTerminal bool
	width                          int // of the terminal on stdout; 0 = unknown
	fake                           func() (*darktracetest.Server, error)
	now                            func() time.Time
}

// run carries out the command line and returns the exit code. An error is one line
// on stderr.
func (p *program) run(ctx context.Context, args []string) int {
	err := p.do(ctx, args)
	if err == nil {
		return 0
	}
	fmt.Fprintln(p.stderr, "darktrace: "+oneLine(err))
	return exitCode(err)
}

func (p *program) do(ctx context.Context, args []string) (err error) {
	c, err := p.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(p.stdout, help(c.verb))
		return err
	}
	if err != nil {
		return err
	}
	j := &job{settings: c.settings, verb: c.verb, args: c.args, out: newOutput(p, c), now: p.now}
	if !c.verb.local {
		var opts []darktrace.Option
		if c.verb.observes {
			j.seen = new(observer)
			opts = append(opts, darktrace.WithMiddleware(j.seen.wrap))
		}
		if j.appliance, err = p.connect(c.settings, opts...); err != nil {
			return err
		}
		j.out.url = j.url
		defer j.close()
	}
	defer func() {
		j.out.progress.end()
		err = errors.Join(err, j.out.flush())
	}()
	return c.verb.run(ctx, j)
}

// job is a verb while it runs.
type job struct {
	settings

	*appliance
	verb *verb
	args []string
	out  *output
	seen *observer // nil unless the verb observes
	now  func() time.Time
}
