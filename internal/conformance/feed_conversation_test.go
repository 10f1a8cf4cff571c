package conformance_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// TestWatchAConversation watches a fake appliance through days on which incidents
// turn up late, merge and are dealt with, while the network fails and the program
// is stopped every few hours.
func TestWatchAConversation(t *testing.T) {
	t.Parallel()
	for field, profile := range map[darktracetest.WindowField]darktracetest.Profile{
		darktracetest.CreatedAt: darktracetest.V71, darktracetest.FirstActivity: darktracetest.V52, darktracetest.LastActivity: darktracetest.V61,
	} {
		t.Run(profile.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				opts := []darktracetest.Option{darktracetest.InMemory(), darktracetest.WithTB(t), darktracetest.WithProfile(profile),
					darktracetest.WithWindowField(field), darktracetest.WithClockOffset(-5 * time.Hour)}
				if profile == darktracetest.V52 {
					opts = append(opts, darktracetest.WithoutEventLists())
				}
				converse(t, darktracetest.NewServer(opts...))
			})
		})
	}
}

func converse(t *testing.T, srv *darktracetest.Server) {
	defer srv.Close()
	// Sometimes another event appears that was created and active before.
	events := darktracetest.IncidentsAt(11, 60, srv.Now().Add(6*24*time.Hour))
	visible := map[string]time.Time{}
	for _, e := range events {
		visible[e.ID] = e.CreatedAt.Time().Add(time.Duration(len(visible)%7) * time.Hour)
		srv.AddEventsAt(visible[e.ID], e)
	}
	store := darktrace.MemoryCheckpoint()
	opts := &darktrace.WatchOptions{OnError: func(error) {}}
	opts.Since, opts.Limit, opts.Updates = srv.Now(), 3, true
	opts.Interval, opts.Overlap = 40*time.Minute, 24*time.Hour
	opts.Sweeps = []darktrace.Sweep{{Every: 5 * time.Hour, Back: 7 * 24 * time.Hour}}
	kinds := map[string][]darktrace.ChangeKind{}
	other := ""
	for i := range 45 {
		switch i % 5 {
		case 1:
			srv.Inject(darktracetest.TooManyRequests(time.Minute).Next(3))
		case 2:
			srv.Inject(darktracetest.Fault{Status: http.StatusServiceUnavailable}.Next(9))
		case 3:
			srv.Inject(darktracetest.Fault{Cut: darktracetest.CutInBody, Times: 4})
		}
		client := srv.Client()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		for change, err := range client.AIAnalyst.Watch(ctx, store, opts) {
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			require.NoError(t, err)
			id := change.Event.ID
			require.False(t, visible[id].After(srv.Now()))
			kinds[id] = append(kinds[id], change.Kind)
			switch {
			case len(change.Fields) > 0:
			case other == "":
				other = id
			case i%3 == 0:
				from, into := srv.Event(other).CurrentGroup, srv.Event(id).CurrentGroup
				if other = id; from != into {
					srv.Merge(from, into)
				}
			case i%3 == 1:
				require.NoError(t, client.AIAnalyst.AcknowledgeGroup(t.Context(), id))
			}
		}
		cancel()
		client.CloseIdleConnections()
		synctest.Wait()
	}
	updates := 0
	for _, e := range events {
		if visible[e.ID].After(srv.Now().Add(-2*time.Hour)) || visible[e.ID].Before(opts.Since) {
			continue
		}
		require.NotEmpty(t, kinds[e.ID], "%s is lost", e.ID)
		assert.Equal(t, darktrace.EventNew, kinds[e.ID][0])
		assert.NotContains(t, kinds[e.ID][1:], darktrace.EventNew, "%s comes twice", e.ID)
		updates += len(kinds[e.ID]) - 1
	}
	assert.Greater(t, updates, 5)
	assert.Greater(t, len(kinds), 40)
}
