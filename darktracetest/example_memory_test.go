package darktracetest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// alert is what is to be tested: it sends one line for each new event, until the
// context ends.
func alert(ctx context.Context, client *darktrace.Client, send func(string)) error {
	for change, err := range client.AIAnalyst.Watch(ctx, darktrace.MemoryCheckpoint(), nil) {
		if err != nil {
			return err
		}
		send(change.Event.Title)
	}
	return nil
}

// alertsAtNight is the test; in your package its name is TestAlert.
func alertsAtNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
		client := srv.Client()
		defer client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Hour)
		defer cancel()

		var sent []string
		go func() {
			time.Sleep(5 * time.Hour) // In no time: the clock of the bubble jumps.
			srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CreatedAt: darktrace.MillisOf(time.Now())})
			srv.Inject(darktracetest.BadGateway().Next(3))
		}()
		err := alert(ctx, client, func(title string) { sent = append(sent, title) })

		if err != nil || len(sent) != 1 || sent[0] != "Port scan" {
			t.Errorf("sent %q, error: %v", sent, err)
		}
	})
}

// Test a loop of Watch with the clock of testing/synctest: a night passes in a moment, and
// nothing leaves the process.
func ExampleInMemory() {
	var t *testing.T // of your test
	alertsAtNight(t)
}
