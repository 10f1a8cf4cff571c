// Package embedded finds the appliance that an example talks to: the one that
// the environment names, or else a fake one inside the program.
package embedded

import (
	"os"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// Appliance is an appliance and a client for it.
type Appliance struct {
	Client *darktrace.Client
	Name   string // What to call it in an output.
	Close  func() // Stops a fake one.
}

// Real reports whether the environment names an appliance.
func Real() bool { return os.Getenv("DARKTRACE_URL") != "" }

// Connect returns the appliance that the environment names, with the settings
// that darktrace.NewClientFromEnv documents. If it names none, it starts a fake
// one on a free port of the loopback interface: HTTPS, every signature verified,
// with incidents of the past days that have the same ids each time.
func Connect() (*Appliance, error) {
	if Real() {
		client, err := darktrace.NewClientFromEnv()
		return &Appliance{Client: client, Name: os.Getenv("DARKTRACE_URL"), Close: func() {}}, err
	}
	srv, err := darktracetest.Start()
	if err != nil {
		return nil, err
	}
	for _, event := range darktracetest.Incidents(seed, count) {
		srv.AddEvents(event)
		srv.AddComment(event.ID, "night.shift", "Not expected. The owner of the device has been asked.")
	}
	name := srv.URL + ", a fake one with invented incidents; DARKTRACE_URL names a real one"
	return &Appliance{Client: srv.Client(), Name: name, Close: srv.Close}, nil
}

// The fake appliance has this many of the incidents that grow from this seed.
const (
	seed  = 7
	count = 12
)
