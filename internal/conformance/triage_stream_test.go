package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// alertJSON returns an alert with every member.
func alertJSON(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("internal/fixtures/modelbreaches.json")
	require.NoError(t, err)
	end := bytes.Index(data, []byte("\n  },\n  {"))
	return data[bytes.IndexByte(data, '{') : end+len("\n  }")]
}

// The first alert is there while the appliance still makes the next one.
func TestAlertsArriveOneByOne(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "[%s,", alertJSON(t))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprint(w, `{"pbid":2}]`)
	}))
	t.Cleanup(srv.Close)
	client, err := darktrace.NewClient(srv.URL, newAuth(t))
	require.NoError(t, err)
	var pbids []int64
	for breach, err := range client.ModelBreaches.All(t.Context(), nil) {
		require.NoError(t, err)
		if pbids = append(pbids, breach.PBID); len(pbids) == 1 {
			close(seen)
		}
	}
	assert.Equal(t, []int64{95001, 2}, pbids)
}

// closable is a body that knows whether it was closed.
type closable struct {
	io.Reader

	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

// However a loop is left, its response is closed.
func TestLeavingALoopClosesItsResponse(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"a panic": func() { panic("in the body") }, "Goexit": runtime.Goexit} {
		body := &closable{Reader: strings.NewReader(`[{"id":"a"},`)}
		client := newClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
		}))
		left := make(chan struct{})
		go func() {
			defer close(left)
			defer func() { _ = recover() }()
			for range client.AIAnalyst.Events(t.Context(), nil) {
				leave()
			}
		}()
		<-left
		assert.True(t, body.closed, "after %s", name)
	}
}

// repeated is a list of the same element n times.
type repeated struct {
	element []byte
	left    int
	rest    []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch r.left--; {
		case r.left > 0:
			r.rest = append(r.element, ',')
		case r.left == 0:
			r.rest = append(r.element, ']')
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// A year of alerts takes no more memory than a week of them.
func TestAlertsStreamInFlatMemory(t *testing.T) { //nolint:paralleltest // It measures the memory of the process.
	count := 4_000
	if *long {
		count = 100_000
	}
	element := alertJSON(t)
	transport := &recorder{respond: func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(bytes.NewReader([]byte("[")), &repeated{element: bytes.Clone(element), left: count})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body)}, nil
	}}
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	n, early := 0, uint64(0)
	for breach, err := range newClient(t, transport).ModelBreaches.All(t.Context(), nil) {
		require.NoError(t, err)
		require.EqualValues(t, 95001, breach.PBID)
		switch n++; n {
		case count / 10:
			early = live()
		case count:
			late := live()
			t.Logf("%d alerts of %d bytes: %d KB live, then %d KB", n, len(element), early/1024, late/1024)
			assert.Less(t, late, early+512<<10, "memory grows with the list")
		}
	}
	assert.Equal(t, count, n)
}
