package conformance_test

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// appliances is how many BenchmarkAppliances polls.
const appliances = 200

// servesAppliances is set in the environment of a process that serves them.
const servesAppliances = "CONFORMANCE_SERVES_APPLIANCES"

func init() { servers[servesAppliances] = serveAppliances }

type appliance struct {
	URL, Public, Private string
	CA                   []byte
}

// serveAppliances serves appliances, each with a week of events, until the
// standard input ends.
func serveAppliances() error {
	encoder := json.NewEncoder(os.Stdout)
	for i := range appliances {
		srv, err := darktracetest.Start()
		if err != nil {
			return err
		}
		defer srv.Close()
		srv.AddEvents(darktracetest.Incidents(uint64(i), 300)...)
		if err := encoder.Encode(appliance{srv.URL, srv.PublicToken, srv.PrivateToken, srv.CAPEM()}); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkAppliances polls many appliances at once from one process: what a pass
// with nothing new costs for all of them. docs/scale.md has the figures.
func BenchmarkAppliances(b *testing.B) {
	server := exec.CommandContext(b.Context(), os.Args[0]) //nolint:gosec // It is this test.
	server.Env, server.Stderr = append(os.Environ(), servesAppliances+"=1"), os.Stderr
	stdin, err := server.StdinPipe()
	require.NoError(b, err)
	stdout, err := server.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, server.Start())
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})

	var received atomic.Int64
	clients := make([]*darktrace.Client, appliances)
	checkpoints := make([]*darktrace.Checkpoint, appliances)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for i := range clients {
		require.True(b, lines.Scan(), lines.Err())
		var a appliance
		require.NoError(b, json.Unmarshal(lines.Bytes(), &a))
		auth, err := darktrace.NewTokenAuth(a.Public, a.Private)
		require.NoError(b, err)
		pool := x509.NewCertPool()
		require.True(b, pool.AppendCertsFromPEM(a.CA))
		clients[i], err = darktrace.NewClient(a.URL, auth, darktrace.WithRootCAs(pool),
			darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper { return &counting{next, &received} }))
		require.NoError(b, err)
	}
	pass := func(opts *darktrace.PollOptions) (changes int64) {
		var group sync.WaitGroup
		for i := range clients {
			group.Go(func() {
				result, err := clients[i].AIAnalyst.Poll(b.Context(), checkpoints[i], opts)
				if err != nil {
					b.Error(err)
					return
				}
				checkpoints[i] = result.Checkpoint
				atomic.AddInt64(&changes, int64(len(result.Changes)))
			})
		}
		group.Wait()
		return changes
	}
	week := &darktrace.PollOptions{Since: time.Now().Add(-8 * 24 * time.Hour)}
	require.Positive(b, pass(week))

	received.Store(0)
	before := processorTime()
	for b.Loop() {
		pass(week)
	}
	perPass := float64(b.N) * appliances
	b.ReportMetric((processorTime()-before).Seconds()*1e3/perPass, "cpu-ms/appliance")
	b.ReportMetric(float64(received.Load())/perPass, "B/appliance")
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapAlloc)/(1<<20), "heap-MiB")
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	b.ReportMetric(float64(usage.Maxrss)/(1<<10), "peak-MiB")
}

// processorTime returns the processor time that this process has used.
func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// counting counts the bytes of response bodies.
type counting struct {
	next  http.RoundTripper
	bytes *atomic.Int64
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		resp.Body = &countingBody{resp.Body, c.bytes}
	}
	return resp, err
}

type countingBody struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c *countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
