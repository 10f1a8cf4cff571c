package conformance_test

import (
	"bytes"
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// ticketSync is the ticket sync of README.md.
func ticketSync(ctx context.Context, client *darktrace.Client, openOrUpdate func(string, []string, []*darktrace.IncidentEvent) string) error {
	if err := client.Ping(ctx); err != nil { // a daemon should check its configuration first
		return err
	}
	for change, err := range client.AIAnalyst.WatchIncidents(ctx, darktrace.FileCheckpoint("seen.json"), nil) {
		if err != nil {
			return err // only permanent errors
		}
		ticket := openOrUpdate(change.ID, change.PreviousIDs, change.Events)
		for _, event := range change.Events {
			_, err := client.AIAnalyst.PostCommentOnce(ctx, event.ID, "Ticket "+ticket)
			if ctx.Err() != nil || darktrace.Temporary(err) {
				return err // the next start repeats the change
			} else if err != nil {
				log.Print(err) // go on without the comment
			}
		}
	}
	return nil
}

func TestTheTicketSyncOfTheREADMEIsTheOneTested(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	tested, err := os.ReadFile(filepath.Join("internal", "conformance", "readme_test.go"))
	require.NoError(t, err)
	_, body, _ := strings.Cut(string(tested), "\nfunc ticketSync(")
	_, body, _ = strings.Cut(body, "{\n")
	body, _, _ = strings.Cut(body, "\treturn nil\n}\n")
	assert.Contains(t, string(readme), "```go\n"+strings.ReplaceAll("\n"+body, "\n\t", "\n")[1:]+"```")
}

// TestTicketSyncOfTheREADME: each incident gets one ticket, also if the appliance
// drops a comment, rejects it or is unavailable for a moment.
func TestTicketSyncOfTheREADME(t *testing.T) {
	const comments = "/aianalyst/incident/comments"
	for name, test := range map[string]struct {
		profile  darktracetest.Profile
		fault    *darktracetest.Fault
		comments int // of the three events
		logged   string
	}{
		"as usual":               {profile: darktracetest.V71, comments: 3},
		"comments are dropped":   {profile: darktracetest.V70, logged: "not stored"},
		"a comment is rejected":  {profile: darktracetest.V71, fault: &darktracetest.Fault{Method: "POST", Path: comments, Status: 404, Times: 1}, comments: 2, logged: "not found"},
		"unavailable for a time": {profile: darktracetest.V71, fault: &darktracetest.Fault{Path: comments, Status: 503, Skip: 3, Times: 1}, comments: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var logged bytes.Buffer
			log.SetOutput(&logged)
			defer log.SetOutput(os.Stderr)
			synctest.Test(t, func(t *testing.T) {
				srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t), darktracetest.WithProfile(test.profile))
				now := darktrace.Millis(time.Now().UnixMilli())
				for _, id := range []string{id1, id2, id3} {
					srv.AddEvents(&darktrace.IncidentEvent{ID: id, CurrentGroup: "g" + id, CreatedAt: now})
				}
				if test.fault != nil {
					srv.Inject(*test.fault)
				}
				tickets := map[string]bool{}
				open := func(id string, _ []string, _ []*darktrace.IncidentEvent) string {
					tickets[id] = true
					return id
				}
				client := srv.Client(darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
				for range 3 { // It is started again after an error, and after half a minute.
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					_ = ticketSync(ctx, client, open)
					cancel()
				}
				assert.Equal(t, map[string]bool{"g" + id1: true, "g" + id2: true, "g" + id3: true}, tickets)
				assert.Equal(t, test.comments, len(srv.Comments(id1))+len(srv.Comments(id2))+len(srv.Comments(id3)))
			})
			if test.logged == "" {
				assert.Empty(t, logged.String())
			}
			assert.Contains(t, logged.String(), test.logged)
		})
	}
}
