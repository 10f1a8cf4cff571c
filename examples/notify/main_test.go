package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// chat is a webhook that fails sometimes.
type chat struct {
	*httptest.Server
	mu       sync.Mutex
	failNext int
	sent     []message
}

func newChat(t *testing.T) *chat {
	t.Helper()
	c := &chat{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failNext--; c.failNext == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var m message
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&m))
		assert.Equal(t, m.Incident, r.Header.Get("Idempotency-Key"))
		c.sent = append(c.sent, m)
	}))
	t.Cleanup(c.Close)
	return c
}

// look starts a new notifier, as after a crash, and runs one pass.
func (c *chat) look(t *testing.T, srv *darktracetest.Server, file string) error {
	t.Helper()
	n := &notifier{
		client: srv.Client(), send: webhook(c.URL+"/secret", c.Client()), file: file,
		opts: darktrace.PollOptions{Since: time.Now().Add(-200 * time.Hour), Limit: 3},
	}
	return n.pass(t.Context())
}

func TestEachIncidentOnce(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	events := darktracetest.Incidents(4, 40)
	events[0].Title = "\x1b[2J\u202eevil\a\r\n- nothing"
	incidents := map[string]int{}
	for _, e := range events {
		incidents[e.CurrentGroup]++
		e.CreatedAt = darktrace.Millis(srv.Now().UnixMilli()) // They appear as they are added.
	}
	c, file := newChat(t), filepath.Join(t.TempDir(), "state.json")
	failures := 0
	for i := 0; i < len(events); i += 10 {
		srv.AddEvents(events[i : i+10]...)
		c.failNext = 2
		if c.look(t, srv, file) != nil { // It fails midway, and starts again.
			failures++
		}
		require.NoError(t, c.look(t, srv, file))
	}
	assert.Positive(t, failures)
	require.NoError(t, c.look(t, srv, file))

	seen := map[string]bool{}
	for _, m := range c.sent {
		assert.False(t, seen[m.Incident], "%s is sent twice", m.Incident)
		seen[m.Incident] = true
		assert.NotEmpty(t, m.Events)
		assert.Contains(t, m.Text, m.URL)
		assert.Contains(t, m.Text, cell(m.Events[0].Title))
		assert.Equal(t, len(m.Events), strings.Count(m.Text, "\n"), "%q", m.Text)
		for _, r := range m.Text {
			assert.True(t, r == '\n' || unicode.IsPrint(r), "%q", m.Text)
		}
	}
	assert.Len(t, seen, len(incidents))
}

func TestMergesAreNoNews(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	add := func(id, group string) {
		require.NoError(t, srv.AddEventsJSON([]byte(`{"id":"`+id+`","title":"T","aiaScore":50,"currentGroup":"`+group+`"}`)))
	}
	add("a", "ga")
	add("b", "gb")
	c, file := newChat(t), filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, c.look(t, srv, file))
	require.Len(t, c.sent, 2)
	srv.Merge("ga", "gb")
	add("c", "gb")
	require.NoError(t, c.look(t, srv, file))
	assert.Len(t, c.sent, 2, "an event that joins is no news")
}

func TestTheWebhookStaysSecret(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(4, 1)...)
	c := newChat(t)
	c.failNext = 1
	err := c.look(t, srv, "")
	require.ErrorContains(t, err, "the webhook returned 503")
	c.Close()
	err = c.look(t, srv, "")
	require.ErrorContains(t, err, "the webhook: ")
	assert.NotContains(t, err.Error(), "secret")
}

func TestCommandLine(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	t.Setenv("NOTIFY_WEBHOOK", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-once", "-since", "200h"}, &out, &stderr))
	assert.Contains(t, stderr.String(), "a fake appliance with invented incidents")
	assert.Equal(t, 4, strings.Count(out.String(), "New incident"), out.String())

	file := filepath.Join(t.TempDir(), "state.json")
	require.ErrorContains(t, run(t.Context(), []string{"-once", "-state", file}, &out, &stderr), "with -fake invented incidents go to the state")
	assert.NoFileExists(t, file)
	t.Setenv("NOTIFY_WEBHOOK", "https://chat.example.com/hook")
	require.ErrorContains(t, run(t.Context(), []string{"-once"}, &out, &stderr), "with -fake invented incidents go to the webhook")
	t.Setenv("NOTIFY_WEBHOOK", "")

	for range 2 {
		out.Reset()
		require.NoError(t, run(t.Context(), []string{"-fake", "-once", "-since", "200h", "-state", file}, &out, io.Discard))
	}
	assert.Empty(t, out.String(), "sent the first time")
	require.ErrorContains(t, run(t.Context(), []string{"now"}, &out, io.Discard), "now")
	require.Error(t, run(t.Context(), []string{"-fake", "-once", "-state", filepath.Join(file, "x")}, &out, io.Discard))
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	require.ErrorContains(t, run(t.Context(), []string{"-fake", "-once", "-state", file}, &out, io.Discard), "state ")
}
