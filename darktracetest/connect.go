package darktracetest

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// Connection is a client and the appliance that it talks to.
type Connection struct {
	// Client is ready to use.
	Client *darktrace.Client
	// Fake is the fake appliance; nil for a real one.
	Fake *Server
}

// Close stops the fake appliance, if there is one.
func (c *Connection) Close() {
	if c.Fake != nil {
		c.Fake.Close()
	}
}

// Connect is for programs that can show what they do without an appliance, such
// as the examples. It returns a client of the appliance that the environment
// names, as darktrace.NewClientFromEnv does with these options. If the
// environment names none, or fake is set, Connect starts a fake appliance with
// twelve invented incident events, and says so in one line on stderr, so that nobody
// takes them for real ones. Their ids are always the same.
//
// keeps names what the program stores, such as "the checkpoint"; empty means
// nothing. Invented incidents must not get there by accident: if
// keeps is set, the environment names no appliance and fake is not set, Connect
// returns ErrArgument. If the environment has other DARKTRACE_ variables but no
// appliance, it always returns ErrArgument.
func Connect(stderr io.Writer, fake bool, keeps string, opts ...darktrace.Option) (*Connection, error) {
	switch others := otherVariables(); {
	case fake:
	case os.Getenv("DARKTRACE_URL") != "":
		client, err := darktrace.NewClientFromEnv(opts...)
		return &Connection{Client: client}, err
	case len(others) > 0:
		return nil, fmt.Errorf("%w: DARKTRACE_URL is not set, but %s is", darktrace.ErrArgument, strings.Join(others, ", "))
	case keeps != "":
		return nil, fmt.Errorf("%w: DARKTRACE_URL names no appliance; with -fake invented incidents go to %s", darktrace.ErrArgument, keeps)
	}
	srv, err := Start()
	if err != nil {
		return nil, err
	}
	for _, event := range Incidents(7, 12) {
		srv.AddEvents(event)
		srv.AddComment(event.ID, "night.shift", "Not expected. The owner of the device has been asked.")
	}
	_, err = fmt.Fprintln(stderr, "This is a fake appliance with invented incidents; set DARKTRACE_URL and tokens for a real one.")
	return &Connection{Client: srv.Client(opts...), Fake: srv}, err
}

// otherVariables names the environment variables of an appliance that are set,
// except its URL.
func otherVariables() []string {
	var names []string
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "DARKTRACE_") && value != "" {
			names = append(names, name)
		}
	}
	return names
}
