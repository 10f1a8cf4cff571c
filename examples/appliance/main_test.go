package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// start runs the program and returns the settings that it prints, its further
// lines, and how to stop it.
func start(t *testing.T, args ...string) (settings map[string]string, lines *bufio.Scanner, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, out)
		_ = out.Close()
		done <- err
	}()
	lines = bufio.NewScanner(in)
	settings = map[string]string{}
	for settings["DARKTRACE_PRIVATE_TOKEN"] == "" && lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), "=")
		require.True(t, found, lines.Text())
		settings[name] = value
	}
	return settings, lines, func() error { cancel(); return <-done }
}

func client(t *testing.T, settings map[string]string, private string, opts ...darktrace.Option) *darktrace.Client {
	t.Helper()
	auth, err := darktrace.NewTokenAuth(settings["DARKTRACE_PUBLIC_TOKEN"], private)
	require.NoError(t, err)
	c, err := darktrace.NewClient(settings["DARKTRACE_URL"], auth, opts...)
	require.NoError(t, err)
	return c
}

func TestServes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	settings, lines, stop := start(t, "-ca", ca)
	assert.Equal(t, ca, settings["DARKTRACE_CA_FILE"])
	pem, err := fs.ReadFile(os.DirFS(dir), "ca.pem")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))

	good := client(t, settings, settings["DARKTRACE_PRIVATE_TOKEN"], darktrace.WithRootCAs(pool))
	events, err := good.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, events, 24)

	go func() {
		_ = client(t, settings, "a-wrong-token", darktrace.WithRootCAs(pool), darktrace.WithRetryPolicy(darktrace.RetryPolicy{})).Ping(t.Context())
	}()
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "refused: GET /aianalyst/incidentevents?")
	assert.Contains(t, lines.Text(), "API SIGNATURE ERROR")

	go func() {
		_ = good.Do(t.Context(), &darktrace.Request{
			Method: "GET", Path: "/aianalyst/groups", Query: url.Values{"uuid": {"a"}, "groupcritical": {"true"}},
		}, nil)
	}()
	require.True(t, lines.Scan())
	assert.Equal(t, "ignored: groupcritical: GET /aianalyst/groups?groupcritical=true&uuid=a: accepted", lines.Text())

	go func() { _ = stop() }()
	require.True(t, lines.Scan())
	assert.Equal(t, "stopped", lines.Text())
}

func TestOptions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "events.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"id":"a","title":"from a file"}]`), 0o600))
	settings, lines, stop := start(t, "-http", "-profile", "6.1", "-events", file, "-public", "public-of-test", "-private", "private-of-test")
	assert.True(t, strings.HasPrefix(settings["DARKTRACE_URL"], "http://127.0.0.1:"))
	assert.Equal(t, "public-of-test", settings["DARKTRACE_PUBLIC_TOKEN"])
	e, err := client(t, settings, "private-of-test").AIAnalyst.GetEvent(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "from a file", e.Title)
	go lines.Scan()
	require.NoError(t, stop())
}

func TestEventsHappen(t *testing.T) {
	t.Parallel()
	settings, lines, stop := start(t, "-http", "-every", "1ms")
	c := client(t, settings, settings["DARKTRACE_PRIVATE_TOKEN"])
	require.Eventually(t, func() bool {
		events, err := c.AIAnalyst.ListEvents(t.Context(), nil)
		return err == nil && len(events) > 26
	}, 20*time.Second, time.Millisecond)
	go lines.Scan()
	require.NoError(t, stop())
}

func TestOtherAppliances(t *testing.T) {
	t.Parallel()
	settings, lines, stop := start(t, "-http", "-gateway")
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/oauth/token$`, settings["DARKTRACE_TOKEN_URL"])
	assert.Regexp(t, `/products/[^/]+$`, settings["DARKTRACE_URL"])
	go lines.Scan()
	require.NoError(t, stop())

	settings, lines, stop = start(t, "-http", "-masters", "2")
	var perMaster [][]any
	require.NoError(t, client(t, settings, settings["DARKTRACE_PRIVATE_TOKEN"]).Do(t.Context(),
		&darktrace.Request{Path: "/aianalyst/groups"}, &perMaster))
	assert.Len(t, perMaster, 2)
	go lines.Scan()
	require.NoError(t, stop())
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	used, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, used.Close()) }()
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`[{]`), 0o600))
	for _, tt := range []struct {
		args []string
		want string // empty: the system's words
	}{
		{[]string{"-profile", "8"}, `no profile "8"`},
		{[]string{"-public", "p"}, "must be set together"},
		{[]string{"-addr", used.Addr().String()}, ""},
		{[]string{"-events", broken + "x"}, ""},
		{[]string{"-events", broken}, "invalid character"},
		{[]string{"-http", "-ca", "x"}, "no certificate"},
		{[]string{"-ca", t.TempDir()}, ""},
		{[]string{"-nothing"}, "not defined"},
		{[]string{"-masters", "-2"}, "can't be negative"},
		{[]string{"-every", "-1s"}, "can't be negative"},
		{[]string{"-http", "7.0"}, `"7.0" is not a flag`},
	} {
		assert.ErrorContains(t, run(t.Context(), tt.args, io.Discard), tt.want)
	}
}
