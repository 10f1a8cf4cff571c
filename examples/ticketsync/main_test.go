package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// TestMain lets the test binary be the program, for the test that kills it.
func TestMain(m *testing.M) {
	if os.Getenv("TICKETSYNC_VICTIM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// desk is a folder of tickets and their appliance.
type desk struct {
	*testing.T
	srv *darktracetest.Server
	dir string
}

func newDesk(t *testing.T, opts ...darktracetest.Option) desk {
	t.Helper()
	srv := darktracetest.NewServer(append(opts, darktracetest.WithTB(t))...)
	return desk{t, srv, t.TempDir()}
}

func (d desk) sync(opts ...darktrace.Option) (string, error) {
	var out bytes.Buffer
	client := d.srv.Client(append(opts, darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))...)
	defer client.CloseIdleConnections()
	err := syncOnce(d.Context(), client, d.dir, &out)
	return out.String(), err
}

func (d desk) mustSync() string {
	d.Helper()
	out, err := d.sync()
	require.NoError(d, err)
	return out
}

func (d desk) close(id, comment string) {
	d.Helper()
	require.NoError(d, closeTicket(d.dir, id, comment, io.Discard))
}

func (d desk) tickets() []*ticket {
	d.Helper()
	j, err := readJournal(d.dir)
	require.NoError(d, err)
	return j.tickets
}

// add adds a minimal event of an incident.
func (d desk) add(id, incident string) {
	d.Helper()
	require.NoError(d, d.srv.AddEventsJSON(fmt.Appendf(nil,
		`{"id":%q,"currentGroup":%q,"title":"About %s","category":"critical","aiaScore":50,"createdAt":%d}`,
		id, incident, id, d.srv.Now().Add(-time.Minute).UnixMilli())))
}

// writes counts the requests that were not reads.
func (d desk) writes() int {
	return len(slices.DeleteFunc(d.srv.Requests(), func(r darktracetest.Request) bool { return r.Method == http.MethodGet }))
}

// checkClosed checks that the appliance has one comment about a closing.
func (d desk) checkClosed(comment string, eventIDs ...string) {
	d.Helper()
	for _, id := range eventIDs {
		assert.True(d, d.srv.Event(id).Acknowledged, "event %s is not acknowledged", id)
		found := 0
		for _, c := range d.srv.Comments(id) {
			if strings.HasPrefix(c.Message, comment) {
				found++
			}
		}
		assert.Equal(d, 1, found, "comments on event %s", id)
	}
}

func TestDemonstration(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, io.Discard))
	assert.Contains(t, out.String(), "T-2 opened")
	assert.Regexp(t, `T-1 closed: [1-9]`, out.String())
	assert.Regexp(t, `T-1 +closed +`, out.String())

	t.Setenv("DARKTRACE_URL", "https://appliance.example.com")
	require.Error(t, run(t.Context(), nil, &out, io.Discard), "a real appliance is not for demonstrations")
}

func TestCommandLine(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	dir := filepath.Join(t.TempDir(), "new")
	var out bytes.Buffer
	do := func(args ...string) error {
		out.Reset()
		return run(t.Context(), append([]string{"-dir", dir}, args...), &out, io.Discard)
	}
	require.NoError(t, do("-h"))
	assert.Equal(t, usage, out.String())
	require.NoError(t, do("list"))
	assert.Empty(t, out.String())
	require.ErrorIs(t, do("close", "T-1", "Done."), os.ErrNotExist)
	assert.NoDirExists(t, dir, "nothing was to be stored")
	require.ErrorContains(t, do("sync"), "with -fake invented incidents go to the tickets")
	require.NoError(t, do("-fake", "sync"))
	require.NoError(t, do("close", "T-1", "Done."))
	require.NoError(t, do("list"))
	assert.Regexp(t, `^T-1 +closing`, out.String())

	for _, args := range [][]string{
		{"close", "T-1", "Done."}, {"close", "T-99", "Done."}, {"close", "T-2", " "}, {"close", "T-2"}, {"sync", "now"}, {"-nonsense"},
	} {
		err := do(args...)
		require.Error(t, err, args)
		assert.NotContains(t, err.Error(), "\n", args)
	}
}

func TestOneTicketForEachIncident(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	events := darktracetest.Incidents(3, 40)
	d.srv.AddEvents(events...)
	d.srv.Acknowledge(events[39].ID)
	want := map[string]bool{}
	for _, e := range events[:39] {
		want[e.CurrentGroup] = true
	}

	first := d.mustSync()
	assert.Equal(t, len(want), strings.Count(first, "opened"))
	assert.Empty(t, d.mustSync(), "a second pass finds nothing new")
	tickets := d.tickets()
	assert.Len(t, tickets, len(want))
	for _, ticket := range tickets {
		assert.True(t, want[ticket.incident], ticket.incident)
		assert.Equal(t, open, ticket.status)
	}
	assert.Zero(t, d.writes())
}

func TestASecondSyncIsLockedOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	var second error
	out, err := d.sync(darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return middleware(func(req *http.Request) (*http.Response, error) {
			if second == nil { // While the first one is running.
				_, second = d.sync()
			}
			return next.RoundTrip(req)
		})
	}))
	require.NoError(t, err)
	assert.Contains(t, out, "T-1 opened")
	require.EqualError(t, second, "another sync is running in "+d.dir)
	assert.Len(t, d.tickets(), 1)
	assert.Empty(t, d.mustSync(), "it is unlocked again")
}

type middleware func(*http.Request) (*http.Response, error)

func (m middleware) RoundTrip(req *http.Request) (*http.Response, error) { return m(req) }

func TestClosingTellsTheWholeIncident(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.add("a2", "ga1")
	d.add("b1", "gb1")
	d.mustSync()
	d.close("T-1", "False alarm.")
	d.add("a3", "ga1") // Not seen yet when the ticket is closed.
	d.mustSync()

	d.checkClosed("False alarm.", "a1", "a2", "a3")
	assert.False(t, d.srv.Event("b1").Acknowledged)
	assert.Empty(t, d.srv.Comments("b1"))
	assert.Equal(t, closed, d.tickets()[0].status)

	writes := d.writes()
	assert.Empty(t, d.mustSync())
	assert.Equal(t, writes, d.writes())
}

func TestAnotherEventOpensTheTicketAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.mustSync()
	d.close("T-1", "First closing.")
	d.mustSync()

	d.add("a2", "ga1")
	assert.Contains(t, d.mustSync(), "T-1 opened again")
	d.close("T-1", "Second closing.")
	d.mustSync()
	d.checkClosed("First closing.", "a1")
	d.checkClosed("Second closing.", "a1", "a2")

	d.add("a3", "ga1")
	d.srv.Acknowledge("a3")
	assert.Empty(t, d.mustSync(), "an acknowledged event is not a reason")
	assert.Equal(t, closed, d.tickets()[0].status)
}

func TestMergedIncidentsShareATicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.add("b1", "gb1")
	d.mustSync()
	require.Len(t, d.tickets(), 2)

	d.srv.Merge("gb1", "ga1")
	assert.Contains(t, d.mustSync(), "T-2 merged into T-1")
	d.close("T-1", "Both.")
	d.mustSync()
	d.checkClosed("Both.", "a1", "b1")
	tickets := d.tickets()
	assert.Equal(t, closed, tickets[0].status)
	assert.Equal(t, merged, tickets[1].status)
	assert.Empty(t, d.mustSync())
}

// TestAMergeWithoutANewEventIsNoticedLater: every 15 minutes the feed lists the events
// of the last day again.
func TestAMergeWithoutANewEventIsNoticedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, darktracetest.InMemory())
		d.add("a1", "ga1")
		d.add("b1", "gb1")
		d.mustSync()
		time.Sleep(time.Hour)
		d.mustSync()
		d.srv.Merge("gb1", "ga1")
		assert.Empty(t, d.mustSync())
		time.Sleep(15 * time.Minute)
		assert.Contains(t, d.mustSync(), "T-2 merged into T-1")
	})
}

func TestAnUnclosedTicketOpensTheOneItJoins(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.add("b1", "gb1")
	d.mustSync()
	d.close("T-1", "Done.")
	d.mustSync()
	d.srv.Merge("gb1", "ga1")
	d.mustSync()
	assert.Equal(t, open, d.tickets()[0].status)
	assert.False(t, d.srv.Event("b1").Acknowledged)
}

// TestClosedTicketsThatMerge: no comment is lost, whichever of two tickets the
// appliance knows to be closed when their incidents merge.
func TestClosedTicketsThatMerge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first, second status // when their incidents merge
		want          status
	}{
		"both closed since the last sync": {closing, closing, closed},
		"the first is closed already":     {closed, closing, closed},
		"the second is closed already":    {closing, closed, closed},
		"the second is not closed":        {closing, open, open},
		"the first is not closed":         {open, closing, open},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.add("a1", "ga1")
			d.add("b1", "gb1")
			d.mustSync()
			for _, status := range []status{closed, closing} {
				if test.first == status {
					d.close("T-1", "One.")
				}
				if test.second == status {
					d.close("T-2", "Two.")
				}
				if status == closed {
					d.mustSync()
				}
			}
			ids := []string{d.tickets()[0].events[0], d.tickets()[1].events[0]}
			d.srv.Merge("g"+ids[1], "g"+ids[0])
			d.add("c1", "g"+ids[0])
			out := d.mustSync()
			assert.Contains(t, out, "T-2 merged into T-1")
			tickets := d.tickets()
			assert.Equal(t, test.want, tickets[0].status)
			assert.Equal(t, test.first != open && test.want == open, strings.Contains(out, "T-1 opened again"), out)
			if test.want == open {
				d.close("T-1", "Both.")
				d.mustSync()
				d.checkClosed("Both.", "a1", "b1", "c1")
			}
			if test.first == closing {
				d.checkClosed("One.", "a1", "b1", "c1")
			}
			if test.second == closing {
				d.checkClosed("Two.", "a1", "b1", "c1")
			}
			assert.Empty(t, d.mustSync())
		})
	}
}

func TestAMergeAfterClosingIsFollowed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("b1", "gb1")
	d.mustSync()
	d.close("T-1", "Done.")
	d.add("a1", "ga1")
	d.srv.Acknowledge("a1")
	d.srv.Merge("gb1", "ga1")
	d.mustSync()
	d.checkClosed("Done.", "a1", "b1")
}

func TestANewEventOfAMergedIncidentFindsItsTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("b1", "gb1")
	d.mustSync()
	d.add("b2", "gb1")
	d.add("a1", "ga1")
	d.srv.Acknowledge("a1")
	d.srv.Merge("gb1", "ga1")
	d.srv.Remove("b1") // Only b2 shows the merge.
	d.mustSync()
	tickets := d.tickets()
	require.Len(t, tickets, 1)
	assert.Equal(t, "ga1", tickets[0].incident)
	assert.Contains(t, tickets[0].events, "b2")
}

func TestNothingSteersTheTerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, id := range []string{"a1", "a2"} {
		d.add(id, "ga1")
		d.srv.SetField(id, "title", "\x1b[2J\u202eevil\a\r\nT-9 opened: nothing")
		out := d.mustSync()
		var listed bytes.Buffer
		require.NoError(t, list(d.dir, &listed))
		for _, text := range []string{out, listed.String()} {
			assert.Contains(t, text, "evil")
			assert.Equal(t, 1, strings.Count(text, "\n"), "%q", text)
			for _, r := range text {
				assert.True(t, r == '\n' || unicode.IsPrint(r), "%q", text)
			}
		}
		if id == "a1" {
			d.close("T-1", "Done.")
			d.mustSync()
		}
	}
}

func TestWhatIsNotInTheJournalComesAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	broken, err := openJournal(d.dir)
	require.NoError(t, err)
	broken.close()
	s := syncer{d.srv.Client().AIAnalyst, darktrace.FileCheckpoint(filepath.Join(d.dir, "checkpoint.json")), broken, io.Discard}
	require.ErrorIs(t, s.pull(t.Context()), os.ErrClosed)
	assert.Contains(t, d.mustSync(), "T-1 opened")
}

func TestWhatIsNotStoredIsNotClosed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, darktracetest.WithProfile(darktracetest.V70))
	d.add("a1", "ga1")
	d.mustSync()
	d.close("T-1", "Done.")
	_, err := d.sync()
	require.ErrorIs(t, err, darktrace.ErrNotStored)
	require.ErrorContains(t, err, "T-1 stays closing")
	assert.Equal(t, closing, d.tickets()[0].status)
	assert.False(t, d.srv.Event("a1").Acknowledged)
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, id := range []string{"a1", "b1"} {
		d.add(id, "g"+id)
	}
	d.mustSync()
	tickets := d.tickets()
	d.close("T-1", "Done.")
	d.close("T-2", "Done.")
	d.srv.Inject(darktracetest.Fault{Method: http.MethodPost, Status: http.StatusForbidden, Body: `{"error":"Forbidden"}`}.Next(1))
	_, err := d.sync()
	require.ErrorIs(t, err, darktrace.ErrPermission)
	d.checkClosed("Done.", tickets[1].events...)
	d.mustSync()
	d.checkClosed("Done.", "a1", "b1")
}

func TestAForgottenIncidentCanBeClosed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.mustSync()
	d.srv.Remove("a1")
	d.close("T-1", "Done.")
	assert.Contains(t, d.mustSync(), "T-1 closed: 0 events")
}

func TestALineThatWasCutShortDidNotHappen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.add("a1", "ga1")
	d.mustSync()
	path := filepath.Join(d.dir, "journal.jsonl")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	d.close("T-1", "Done.")
	line, err := os.ReadFile(path)
	require.NoError(t, err)

	for end := len(whole); end < len(line); end++ {
		require.NoError(t, os.WriteFile(path, line[:end], 0o600))
		require.Equal(t, open, d.tickets()[0].status, "cut at %d", end)
		d.close("T-1", "Done.")
		require.Equal(t, closing, d.tickets()[0].status, "cut at %d", end)
	}
}

var errKilled = errors.New("killed")

// killer fails every request from a certain one on. The appliance may or may not
// carry out that one; its response is lost either way.
type killer struct {
	next       http.RoundTripper
	left       int
	carriesOut bool
}

func (k *killer) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.left--; k.left > 0 {
		return k.next.RoundTrip(req)
	}
	if k.left == 0 && k.carriesOut {
		resp, err := k.next.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, errKilled
}

// TestKilledAtEveryRequest kills a pass that opens one ticket and closes two at
// each of its requests, and checks that the next pass makes it good.
func TestKilledAtEveryRequest(t *testing.T) {
	t.Parallel()
	for _, carriesOut := range []bool{false, true} {
		t.Run(fmt.Sprint("carriesOut=", carriesOut), func(t *testing.T) {
			t.Parallel()
			killed := true
			for n := 1; killed; n++ {
				killed = killedAt(t, n, carriesOut)
				require.Less(t, n, 100, "the pass does not end")
				if !killed {
					assert.Greater(t, n, 20, "the pass has more requests than that")
				}
			}
		})
	}
}

// killedAt reports whether the pass was killed at its n-th request, or had fewer.
func killedAt(t *testing.T, n int, carriesOut bool) (killed bool) {
	t.Helper()
	d := newDesk(t, darktracetest.InMemory())
	d.add("a1", "ga1")
	d.add("a2", "ga1")
	d.add("b1", "gb1")
	d.mustSync()
	d.close("T-1", "Done.")
	d.close("T-2", "Done.")
	d.add("c1", "gc1")

	_, err := d.sync(darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return &killer{next: next, left: n, carriesOut: carriesOut}
	}))
	d.mustSync()
	d.checkClosed("Done.", "a1", "a2", "b1")
	tickets := d.tickets()
	require.Len(t, tickets, 3, "killed at request %d", n)
	assert.Equal(t, []status{closed, closed, open}, []status{tickets[0].status, tickets[1].status, tickets[2].status})
	assert.Empty(t, d.srv.Comments("c1"))
	return err != nil
}

// TestKilledForReal kills the program itself, again and again, while tickets are
// opened and closed, and checks the end.
func TestKilledForReal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	events := darktracetest.Incidents(5, 16)
	d.srv.AddEvents(events...)
	d.srv.Inject(darktracetest.Fault{Delay: 2 * time.Millisecond})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, d.srv.CAPEM(), 0o600))

	for _, requests := range []int{1, 2, 2, 3, 5, 8, 4, 13, 6, 21, 9, 30} {
		d.killAfter(requests, ca)
		for _, ticket := range d.tickets() {
			if ticket.status == open {
				d.close(ticket.id, "Done.")
			}
		}
	}
	d.mustSync()
	for _, ticket := range d.tickets() {
		if ticket.status == open {
			d.close(ticket.id, "Done.")
		}
	}
	d.mustSync()

	incidents := map[string]bool{}
	for _, event := range events {
		incidents[event.CurrentGroup] = true
		d.checkClosed("Done.", event.ID)
	}
	tickets := d.tickets()
	assert.Len(t, tickets, len(incidents))
	for _, ticket := range tickets {
		assert.Equal(t, closed, ticket.status, ticket.id)
	}
}

// killAfter runs the program and kills it when the appliance has seen a number
// of its requests.
func (d desk) killAfter(requests int, ca string) {
	d.Helper()
	self, err := os.Executable()
	require.NoError(d, err)
	cmd := exec.CommandContext(d.Context(), self, "-dir", d.dir, "sync") //nolint:gosec // The program is this one.
	cmd.Env = append(os.Environ(), "TICKETSYNC_VICTIM=1", "DARKTRACE_URL="+d.srv.URL, "DARKTRACE_CA_FILE="+ca,
		"DARKTRACE_PUBLIC_TOKEN="+d.srv.PublicToken, "DARKTRACE_PRIVATE_TOKEN="+d.srv.PrivateToken)
	d.srv.ResetRequests()
	require.NoError(d, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for len(d.srv.Requests()) < requests {
		select {
		case err := <-ended: // It had fewer requests to send.
			require.NoError(d, err)
			return
		case <-time.After(time.Millisecond):
		}
	}
	_ = cmd.Process.Kill()
	<-ended
}
