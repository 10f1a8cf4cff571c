package darktrace_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// tracing marks each attempt with a trace id and reports its result. It sees the
// headers that authenticate the request: don't log them.
type tracing struct {
	traceID string
	report  func(method, path, result string, took time.Duration)
	next    http.RoundTripper
}

func (t tracing) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // A round tripper must not change what it was given.
	req.Header.Set("Traceparent", t.traceID)
	start := time.Now()
	resp, err := t.next.RoundTrip(req)
	result := "no response"
	if err == nil {
		result = resp.Status
	}
	t.report(req.Method, req.URL.Path, result, time.Since(start))
	return resp, err
}

// Trace every attempt, retries included.
func ExampleWithMiddleware() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.Inject(darktracetest.TooManyRequests(0).Next(1))

	client := srv.Client(
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 1, MinBackoff: time.Millisecond}),
		darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return tracing{
				traceID: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
				report: func(method, path, result string, _ time.Duration) {
					fmt.Printf("%s %s: %s\n", method, path, result)
				},
				next: next,
			}
		}),
	)
	if err := client.Ping(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("traced:", srv.Requests()[1].Header.Get("Traceparent") != "")
	// Output:
	// GET /aianalyst/incidentevents: 429 Too Many Requests
	// GET /aianalyst/incidentevents: 200 OK
	// traced: true
}
