// Command ticketsync keeps a ticket for each incident, both ways: new incidents
// open a ticket, and closing a ticket comments on the whole incident and
// acknowledges it.
//
//	ticketsync sync                     one pass, for cron
//	ticketsync list
//	ticketsync close T-1 "False alarm"  the next sync reports it to the appliance
//
// It may be killed at any time: tickets are in a journal (journal.go), and sync can
// repeat its work (sync.go). A lock keeps a second sync out of the same folder
// (lock.go). Without a command, and without an appliance in the environment, it
// demonstrates all this on a fake one.
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
	"unicode"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ticketsync:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

const usage = `usage: ticketsync [-dir folder] command
  sync                  open tickets for new incidents, close the incidents of closed tickets
  list                  list the tickets
  close TICKET COMMENT  close a ticket; the next sync reports it to the appliance
  demo                  demonstrate this in a temporary folder; the default without DARKTRACE_URL
  -dir folder           folder of the tickets (default tickets)
  -fake                 use a fake appliance with invented incidents
`

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	flags := flag.NewFlagSet("ticketsync", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // Errors are one line, and main prints it.
	dir := flags.String("dir", "tickets", "")
	fake := flags.Bool("fake", false, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(out, usage)
		return err
	} else if err != nil {
		return err
	}
	switch command, n := flags.Arg(0), flags.NArg(); {
	case command == "sync" && n == 1:
		appliance, err := darktracetest.Connect(stderr, *fake, "the tickets")
		if err != nil {
			return err
		}
		defer appliance.Close()
		return syncOnce(ctx, appliance.Client, *dir, out)
	case command == "list" && n == 1:
		return list(*dir, out)
	case command == "close" && n == 3:
		return closeTicket(*dir, flags.Arg(1), flags.Arg(2), out)
	case command == "demo" && n == 1, n == 0 && os.Getenv("DARKTRACE_URL") == "":
		return demonstrate(ctx, out, stderr)
	}
	return errors.New("the commands are sync, list, close TICKET COMMENT and demo; see -h")
}

// list prints the tickets.
func list(dir string, out io.Writer) error {
	j, err := readJournal(dir)
	if err != nil {
		return err
	}
	for _, t := range j.tickets {
		fmt.Fprintf(out, "%-5s %-8s %3d events  %s  %s\n", t.id, t.status, len(t.events), cell(t.incident), cell(t.title))
	}
	return nil
}

// cell returns a text on one line without control characters: titles contain names
// that strangers chose.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}

// closeTicket records that a person has closed a ticket.
func closeTicket(dir, id, comment string, out io.Writer) error {
	j, err := openJournal(dir)
	if err != nil {
		return err
	}
	defer j.close()
	t := j.ticket(id)
	switch {
	case t == nil:
		return fmt.Errorf("no ticket %q", id)
	case t.status != open:
		return fmt.Errorf("%s is %s", id, t.status)
	case strings.TrimSpace(comment) == "":
		return errors.New("the comment is empty")
	}
	if err := errors.Join(j.append(entry{What: wasClosed, Ticket: id, Comment: comment}), j.commit()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is closing; the next sync reports it to the appliance\n", id)
	return nil
}

// demonstrate opens tickets, closes one, and shows the result on the appliance.
func demonstrate(ctx context.Context, out, stderr io.Writer) error {
	appliance, err := darktracetest.Connect(stderr, false, "")
	if err != nil {
		return err
	}
	defer appliance.Close()
	if appliance.Fake == nil {
		return errors.New("demo writes comments, so it runs only without DARKTRACE_URL")
	}
	dir, err := os.MkdirTemp("", "ticketsync")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	step := func(title string, do func() error) {
		if err == nil {
			fmt.Fprintf(out, "\n$ ticketsync %s\n", title)
			err = do()
		}
	}
	step("sync", func() error { return syncOnce(ctx, appliance.Client, dir, out) })
	step(`close T-1 "False alarm: the quarterly scan."`, func() error {
		return closeTicket(dir, "T-1", "False alarm: the quarterly scan.", out)
	})
	step("sync", func() error { return syncOnce(ctx, appliance.Client, dir, out) })
	step("list", func() error { return list(dir, out) })
	return err
}
