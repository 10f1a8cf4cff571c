package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// chaos holds the faults that the appliance and the network choose from at random.
var chaos = []darktracetest.Fault{
	darktracetest.TooManyRequests(0), darktracetest.BadGateway(), darktracetest.LoginPage(),
	{Status: 500, CarryOut: true}, {Status: 503}, {Status: 504, CarryOut: true}, {Status: 403, Body: `{"error":"Forbidden"}`}, {Status: 302},
	{Cut: darktracetest.CutBeforeRead}, {Cut: darktracetest.CutBeforeResponse, CarryOut: true}, {Cut: darktracetest.CutInBody},
	{Cut: darktracetest.CutAfterBody}, {Truncate: true, CarryOut: true}, {Body: `{"aianalyst":"ERROR"}`}, {Body: "done", CarryOut: true},
	{Delay: time.Second, CarryOut: true}, {Drip: time.Millisecond, DripSize: 1 << 10}, {Gzip: true}, {ContentType: "text/html"},
	{ClockOffset: 2 * time.Hour}, {ClockOffset: -time.Hour},
}

// TestChaos runs mixed calls at once through faults and compares what the client
// said with what the appliance did.
func TestChaos(t *testing.T) { //nolint:paralleltest // It counts the process's goroutines.
	before := runtime.NumGoroutine()
	rounds := 40
	if *long {
		rounds = 300
	}
	srv := darktracetest.NewServer()
	incidents := darktracetest.Incidents(3, 8*rounds)
	srv.AddEvents(incidents...)
	client := srv.Client(darktrace.WithTimeout(300*time.Millisecond),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 2, MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond}))

	var mu sync.Mutex
	acknowledged, stored := map[string]bool{}, map[string]string{}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker))) //nolint:gosec // Chaos is seeded.
			for round := range rounds {
				event := incidents[worker*rounds+round].ID
				message := fmt.Sprintf("worker %d, round %d", worker, round)
				if random.IntN(3) > 0 {
					srv.Inject(chaos[random.IntN(len(chaos))].Next(1))
				}
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if random.IntN(10) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
				}
				var err error
				switch random.IntN(6) {
				case 0:
					if err = client.AIAnalyst.Acknowledge(ctx, event); err == nil {
						mu.Lock()
						acknowledged[event] = true
						mu.Unlock()
					}
				case 1:
					if err = client.AIAnalyst.AcknowledgeVerified(ctx, event); err == nil {
						mu.Lock()
						acknowledged[event] = true
						mu.Unlock()
					}
				case 2:
					if err = client.AIAnalyst.PostComment(ctx, event, message); err == nil {
						mu.Lock()
						stored[message] = event
						mu.Unlock()
					}
				case 3:
					if _, err = client.AIAnalyst.PostCommentVerified(ctx, event, message); err == nil {
						mu.Lock()
						stored[message] = event
						mu.Unlock()
					}
				case 4:
					_, err = client.AIAnalyst.GetEvent(ctx, event)
				case 5:
					for _, streamErr := range client.AIAnalyst.Events(ctx, &darktrace.EventListOptions{IncludeAcknowledged: true, DeviceID: int64(random.IntN(20))}) {
						if err = streamErr; random.IntN(20) == 0 {
							break
						}
					}
				}
				cancel()
				if err != nil && len(kindsOf(err)) == 0 && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("not classified: %v", err)
				}
			}
		})
	}
	wg.Wait()

	for id := range acknowledged {
		assert.True(t, srv.Event(id).Acknowledged, "%s was confirmed and is not acknowledged", id)
	}
	for message, event := range stored {
		found := 0
		for _, comment := range srv.Comments(event) {
			if comment.Message == message {
				found++
			}
		}
		assert.Equal(t, 1, found, message)
	}
	received := map[string]int{}
	for _, request := range srv.Requests() {
		if request.Method == http.MethodPost && request.Verdict != darktracetest.BadDate {
			received[request.Path+" "+strings.TrimSpace(string(request.Body))]++
		}
	}
	require.NotEmpty(t, received)
	for write, times := range received {
		if !strings.HasSuffix(write, " ") { // Cut before its body was read.
			assert.Equal(t, 1, times, write)
		}
	}
	client.CloseIdleConnections()
	srv.Close()
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d goroutines before, %d now", before, runtime.NumGoroutine())
}
