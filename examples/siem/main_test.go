package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

var long = flag.Bool("long", false, "kill the program 50 times")

// asProgram makes the test binary run as the program itself.
const asProgram = "RUN_AS_SIEM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shipper is the program, shipping from a fake appliance to a file.
type shipper struct {
	t      *testing.T
	srv    *darktracetest.Server
	dir    string
	format string
}

func newShipper(t *testing.T, format string) *shipper {
	t.Helper()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	s := &shipper{t, srv, t.TempDir(), format}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "ca.pem"), srv.CAPEM(), 0o600))
	return s
}

func (s *shipper) out() string { return filepath.Join(s.dir, "out.ndjson") }

func (s *shipper) start() *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], "-format", s.format, "-out", s.out(), "-interval", "5ms", "-since", "200h") //nolint:gosec // The test itself.
	cmd.Env = append(os.Environ(), asProgram+"=1", "DARKTRACE_URL="+s.srv.URL, "DARKTRACE_CA_FILE="+filepath.Join(s.dir, "ca.pem"),
		"DARKTRACE_PUBLIC_TOKEN="+s.srv.PublicToken, "DARKTRACE_PRIVATE_TOKEN="+s.srv.PrivateToken)
	cmd.Stderr = os.Stderr
	require.NoError(s.t, cmd.Start())
	return cmd
}

func (s *shipper) kill(cmd *exec.Cmd) {
	s.t.Helper()
	require.NoError(s.t, cmd.Process.Kill())
	require.Error(s.t, cmd.Wait())
}

// await waits until the file has a number of lines.
func (s *shipper) await(count int) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		data, _ := os.ReadFile(s.out())
		return bytes.Count(data, []byte("\n")) >= count
	}, 30*time.Second, 5*time.Millisecond)
}

// ids returns how often the file has a line about each event.
func (s *shipper) ids() map[string]int {
	s.t.Helper()
	data, err := os.ReadFile(s.out())
	require.NoError(s.t, err)
	ids := map[string]int{}
	for line := range strings.Lines(string(data)) {
		ids[id(s.t, line)]++
	}
	return ids
}

// id returns the id of the event in a line.
func id(t *testing.T, line string) string {
	t.Helper()
	var doc struct {
		Event       struct{ ID string }
		FindingInfo struct{ UID string } `json:"finding_info"`
	}
	require.NoError(t, json.Unmarshal([]byte(line), &doc), line)
	require.NotEmpty(t, keyOf([]byte(line)))
	return doc.Event.ID + doc.FindingInfo.UID
}

func once(events []*darktrace.IncidentEvent) map[string]int {
	ids := map[string]int{}
	for _, e := range events {
		ids[e.ID] = 1
	}
	return ids
}

// TestKill kills the program again and again, and loses its checkpoint once. Every
// event is in the file once.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 4
	if *long {
		kills = 50
	}
	for seed, format := range []string{"ecs", "ocsf"} {
		s := newShipper(t, format)
		events := darktracetest.Incidents(uint64(seed), 40*kills)
		random := rand.New(rand.NewPCG(1, uint64(kills))) //nolint:gosec // Any moment will do.
		for i := range kills {
			cmd := s.start()
			for _, e := range events[40*i : 40*(i+1)] {
				s.srv.AddEvents(e)
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
			s.kill(cmd)
		}
		require.NoError(t, os.RemoveAll(s.out()+".checkpoint"))
		cmd := s.start()
		s.await(len(events))
		s.kill(cmd)
		cmd = s.start() // Once more, when everything is in the file.
		time.Sleep(50 * time.Millisecond)
		s.kill(cmd)
		assert.Equal(t, once(events), s.ids())
	}
}

// TestHalfALine: what a crash cut off is shipped whole.
func TestHalfALine(t *testing.T) {
	t.Parallel()
	s := newShipper(t, "ecs")
	events := darktracetest.Incidents(3, 5)
	s.srv.AddEvents(events...)
	cmd := s.start()
	s.await(5)
	s.kill(cmd)
	info, err := os.Stat(s.out())
	require.NoError(t, err)
	require.NoError(t, os.Truncate(s.out(), info.Size()-20))
	require.NoError(t, os.RemoveAll(s.out()+".checkpoint"))
	cmd = s.start()
	s.await(5)
	s.kill(cmd)
	assert.Equal(t, once(events), s.ids())
}

// TestUpdate: a change of an event is another line about the same event.
func TestUpdate(t *testing.T) {
	t.Parallel()
	s := newShipper(t, "ocsf")
	const changed, other = "51e0e001-5e1f-4a71-9c10-000000000001", "51e0e001-5e1f-4a71-9c10-000000000002"
	for _, id := range []string{changed, other} {
		s.srv.AddEvents(&darktrace.IncidentEvent{ID: id, Title: "Title", CreatedAt: darktrace.Millis(time.Now().UnixMilli())})
	}
	cmd := s.start()
	s.await(2)
	s.srv.Acknowledge(changed)
	s.await(3)
	s.kill(cmd)
	assert.Equal(t, map[string]int{changed: 2, other: 1}, s.ids())
	data, err := os.ReadFile(s.out())
	require.NoError(t, err)
	assert.Contains(t, string(data), `"activity_name":"Update"`)
	assert.Contains(t, string(data), `"changes":[{"field":"acknowledged","old":"false","new":"true"}]`)
}

// until is an output that ends the program after a number of lines.
type until struct {
	bytes.Buffer
	lines int
	stop  func()
}

func (u *until) Write(line []byte) (int, error) {
	if u.lines--; u.lines == 0 {
		u.stop()
	}
	return u.Buffer.Write(line)
}

func TestStandardOutput(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	for format, want := range map[string]string{"ecs": `"@timestamp"`, "ocsf": `"class_uid":2004`} {
		ctx, cancel := context.WithCancel(t.Context())
		out, stderr := &until{lines: 12, stop: cancel}, &bytes.Buffer{}
		require.NoError(t, run(ctx, []string{"-format", format, "-since", "200h"}, out, stderr))
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		assert.Len(t, lines, 12)
		for _, line := range lines {
			assert.Contains(t, line, want)
		}
		assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line says that it is a fake: %s", stderr)
	}
}

// brokenPipe is an output that is closed.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestErrors(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	out := filepath.Join(t.TempDir(), "out.ndjson")
	start := func(args ...string) error { return run(t.Context(), args, brokenPipe{}, io.Discard) }
	require.ErrorContains(t, start("-format", "cef"), "usage")
	require.ErrorContains(t, start("news"), "usage")
	require.ErrorContains(t, start("-since", "200h"), "broken pipe")
	require.ErrorIs(t, start("-out", out), darktrace.ErrArgument, "invented incidents need -fake to get into a file")
	require.NoFileExists(t, out)
	require.ErrorContains(t, start("-fake", "-out", t.TempDir()), "is a directory")
	for _, foreign := range []string{"{}\n", "diary\n", "diary"} {
		require.NoError(t, os.WriteFile(out, []byte(foreign), 0o600))
		require.ErrorContains(t, start("-fake", "-out", out), "this program did not write line 1", foreign)
		data, err := os.ReadFile(out)
		require.NoError(t, err)
		assert.Equal(t, foreign, string(data), "a file of somebody else stays as it is")
	}
	require.ErrorIs(t, start("-help"), flag.ErrHelp)
}
