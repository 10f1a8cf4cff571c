//go:build !race

package darktrace

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPeakMemory streams lists in processes of their own, this program again,
// and compares the most memory that each had.
func TestPeakMemory(t *testing.T) {
	t.Parallel()
	if url := os.Getenv("DARKTRACE_TEST_STREAM"); url != "" {
		events := 0
		for _, err := range benchmarkClient(t, url).AIAnalyst.Events(t.Context(), nil) {
			require.NoError(t, err)
			events++
		}
		fmt.Printf("events=%d peak=%d\n", events, peakMemory(t))
		return
	}
	counts := []int{1_000, 10_000}
	if *long {
		counts = []int{10_000, 100_000}
	}
	var peaks []int
	for _, count := range counts {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			out := bufio.NewWriter(w)
			_, _ = out.WriteString("[")
			element := benchmarkEvents(1)
			for i := range count {
				if i > 0 {
					_, _ = out.WriteString(",")
				}
				_, _ = out.Write(element[1 : len(element)-1])
			}
			_, _ = out.WriteString("]")
			_ = out.Flush()
		}))
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPeakMemory$", "-test.v") //nolint:gosec // Itself.
		cmd.Env = append(os.Environ(), "DARKTRACE_TEST_STREAM="+srv.URL)
		output, err := cmd.CombinedOutput()
		srv.Close()
		require.NoError(t, err, string(output))
		var events, peak int
		_, after, _ := strings.Cut(string(output), "events=")
		_, err = fmt.Sscanf(after, "%d peak=%d", &events, &peak)
		require.NoError(t, err, string(output))
		require.Equal(t, count, events)
		t.Logf("%d events: %.1f MB", count, float64(peak)/1e6)
		peaks = append(peaks, peak)
	}
	assert.LessOrEqual(t, peaks[0], 24_000_000)
	assert.LessOrEqual(t, peaks[1], peaks[0]*5/4, "memory grows with the list")
}

// peakMemory returns the most memory that this process has had, in bytes.
func peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	require.NoError(t, err)
	return kilobytes * 1024
}
