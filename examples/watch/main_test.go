package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
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
const asProgram = "RUN_AS_WATCH"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is the example, watching a fake appliance.
type program struct {
	t   *testing.T
	srv *darktracetest.Server
	dir string

	events  int
	printed map[string]bool
}

func newProgram(t *testing.T) *program {
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	p := &program{t: t, srv: srv, dir: t.TempDir(), printed: map[string]bool{}}
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "ca.pem"), srv.CAPEM(), 0o600))
	return p
}

func (p *program) checkpoint() string { return filepath.Join(p.dir, "checkpoint.json") }

// happen has the appliance list n more events.
func (p *program) happen(n int) {
	for range n {
		p.events++
		require.NoError(p.t, p.srv.AddEventsJSON(fmt.Appendf(nil, `{"id":%q,"title":"Title","aiaScore":50}`, id(p.events))))
	}
}

func id(n int) string { return fmt.Sprintf("1d000000-0000-4000-8000-%012x", n) }

// start starts the program with its output in a file.
func (p *program) start(output string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], append([]string{"-checkpoint", p.checkpoint(), "-interval", "5ms"}, args...)...) //nolint:gosec // The test itself.
	cmd.Env = append(os.Environ(), asProgram+"=1", "DARKTRACE_URL="+p.srv.URL, "DARKTRACE_CA_FILE="+filepath.Join(p.dir, "ca.pem"),
		"DARKTRACE_PUBLIC_TOKEN="+p.srv.PublicToken, "DARKTRACE_PRIVATE_TOKEN="+p.srv.PrivateToken)
	file, err := os.Create(filepath.Join(p.dir, output))
	require.NoError(p.t, err)
	cmd.Stdout, cmd.Stderr = file, os.Stderr
	require.NoError(p.t, cmd.Start())
	require.NoError(p.t, file.Close())
	return cmd
}

// output returns the ids of the lines that a program printed.
func (p *program) output(name string) []string {
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	require.NoError(p.t, err)
	var ids []string
	lines := strings.SplitAfter(string(data), "\n")
	for _, line := range lines[:len(lines)-1] { // An incomplete last line does not count.
		var change darktrace.EventChange
		require.NoError(p.t, json.Unmarshal([]byte(line), &change), line)
		ids = append(ids, change.Event.ID)
	}
	return ids
}

// kept returns the hashes of ids in the checkpoint; see docs/feed.md.
func (p *program) kept() map[[8]byte]bool {
	kept := map[[8]byte]bool{}
	data, err := os.ReadFile(p.checkpoint())
	if errors.Is(err, os.ErrNotExist) {
		return kept
	}
	require.NoError(p.t, err)
	var checkpoint struct{ Seen []struct{ IDs []byte } }
	require.NoError(p.t, json.Unmarshal(data, &checkpoint))
	for _, bucket := range checkpoint.Seen {
		for hash := range slices.Chunk(bucket.IDs, 8) {
			kept[[8]byte(hash)] = true
		}
	}
	return kept
}

func hashOf(id string) [8]byte {
	sum := sha256.Sum256([]byte(id))
	return [8]byte(sum[:8])
}

// TestKill kills the program again and again. Nothing may be lost, and nothing
// may come again that was kept before the kill.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := 3
	if *long {
		kills = 50
	}
	p := newProgram(t)
	random := rand.New(rand.NewPCG(1, uint64(kills))) //nolint:gosec // Any moment will do.
	repeated := 0
	for i := range kills {
		kept := p.kept()
		p.happen(random.IntN(150))
		output := fmt.Sprintf("killed-%d", i)
		cmd := p.start(output)
		for range random.IntN(4) {
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			p.happen(random.IntN(50))
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		repeated += p.check(output, kept)
	}
	kept := p.kept()
	require.NoError(t, p.start("last", "-once").Wait())
	repeated += p.check("last", kept)
	var lost []int
	for n := range p.events {
		if !p.printed[id(n+1)] {
			lost = append(lost, n+1)
		}
	}
	assert.Empty(t, lost, "events that are lost")
	t.Logf("%d events, %d of them repeated in %d kills", p.events, repeated, kills)
}

// check compares the output of a program with the checkpoint with which it began.
// It counts the lines that were printed before, by a program that was killed
// between printing and saving.
func (p *program) check(output string, kept map[[8]byte]bool) (repeated int) {
	ids := p.output(output)
	require.Len(p.t, slices.Compact(slices.Sorted(slices.Values(ids))), len(ids), "%s: something comes twice", output)
	for _, id := range ids {
		require.False(p.t, kept[hashOf(id)], "%s: %s was kept, and comes again", output, id)
		if p.printed[id] {
			repeated++
		}
		p.printed[id] = true
	}
	require.LessOrEqual(p.t, repeated, 100, "%s: more than a batch comes again", output)
	return repeated
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Log("programs can't be interrupted there")
		return
	}
	p := newProgram(t)
	p.happen(250)
	cmd := p.start("interrupted")
	require.Eventually(t, func() bool { return len(p.output("interrupted")) > 0 }, 20*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "it does not end well")
	require.NoError(t, p.start("last", "-once").Wait())
	all := append(p.output("interrupted"), p.output("last")...)
	slices.Sort(all)
	assert.Len(t, all, 250)
	assert.Len(t, slices.Compact(all), 250, "something comes twice")
}

func TestOnce(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	args := []string{"-fake", "-once", "-since", "200h", "-min-score", "50", "-checkpoint", filepath.Join(t.TempDir(), "seen.json")}
	var first, second bytes.Buffer
	require.NoError(t, run(t.Context(), args, &first, io.Discard))
	require.NoError(t, run(t.Context(), args, &second, io.Discard))
	lines := strings.SplitAfter(first.String(), "\n")
	require.Greater(t, len(lines), 3)
	for _, line := range lines[:len(lines)-1] {
		var change darktrace.EventChange
		require.NoError(t, json.Unmarshal([]byte(line), &change))
		assert.Equal(t, darktrace.EventNew, change.Kind)
		assert.GreaterOrEqual(t, change.Event.GroupScore, darktrace.Score(50))
	}
	assert.Empty(t, second.String())
}

// The line of cron in an environment that names no appliance.
func TestInventedEventsAreNotKeptUnasked(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	checkpoint := filepath.Join(t.TempDir(), "seen.json")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-once", "-checkpoint", checkpoint) //nolint:gosec // The test itself.
	cmd.Env = []string{asProgram + "=1"}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	require.Error(t, cmd.Run())
	assert.Empty(t, out.String())
	assert.Regexp(t, `^watch: .*DARKTRACE_URL names no appliance.*-fake.*\n$`, stderr.String())
	assert.NoFileExists(t, checkpoint)

	var fake bytes.Buffer
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-once", "-since", "200h"}, &out, &fake))
	assert.Contains(t, fake.String(), "a fake appliance with invented incidents")
	assert.NotEmpty(t, out.String())
}

// brokenPipe is an output that is closed.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestErrors(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	checkpoint := filepath.Join(t.TempDir(), "seen.json")
	for _, once := range []string{"-once", "-once=false"} {
		require.ErrorContains(t, run(t.Context(), []string{once, "-fake", "-since", "200h", "-checkpoint", checkpoint}, brokenPipe{}, io.Discard), "broken pipe")
		require.ErrorContains(t, run(t.Context(), []string{once, "-fake", "-checkpoint", t.TempDir()}, brokenPipe{}, io.Discard), "checkpoint")
		require.ErrorIs(t, run(t.Context(), []string{once, "-min-score", "101"}, brokenPipe{}, io.Discard), darktrace.ErrArgument)
	}
	require.ErrorContains(t, run(t.Context(), []string{"news"}, brokenPipe{}, io.Discard), "news")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, run(ctx, nil, brokenPipe{}, io.Discard), "ending it is not an error")
	t.Setenv("DARKTRACE_URL", "https://darktrace.example.com")
	t.Setenv("DARKTRACE_PUBLIC_TOKEN", "")
	require.ErrorIs(t, run(t.Context(), nil, brokenPipe{}, io.Discard), darktrace.ErrArgument)
}
