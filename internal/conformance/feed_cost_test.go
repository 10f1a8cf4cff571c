package conformance_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// TestAnHourOfTheFeed measures what the default options cost with 5,000 events of
// 6 KB a week, and how often an idle hour saves.
func TestAnHourOfTheFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &feedAppliance{reading: byCreation}
		const n = 5000
		for i := range n {
			e := feedEvents(i, 1, a.now().Add(-time.Duration(i)*7*day/n))[0]
			e.previous = []string{strings.Repeat("x", 6000-len(e.wire(nil)))}
			a.add(e)
		}
		client := newClient(t, a)
		store := &countingStore{CheckpointStore: darktrace.MemoryCheckpoint()}
		watch := func(d time.Duration) (bytes int64) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			opts := &darktrace.WatchOptions{OnPass: func(p darktrace.PassInfo) { bytes += p.Bytes }}
			opts.Limit = 10_000
			for _, err := range client.AIAnalyst.Watch(ctx, store, opts) {
				require.NoError(t, err)
			}
			return bytes
		}
		watch(time.Minute)
		time.Sleep(time.Minute)
		store.saves = 0
		got := watch(time.Hour)
		t.Logf("%.1f MB an hour, %d saves", float64(got)/1e6, store.saves)
		assert.Less(t, got, int64(60e6))
		assert.LessOrEqual(t, store.saves, 6, "five in an hour, and one at the end")
		assert.GreaterOrEqual(t, store.saves, 4, "one every quarter of an hour")
	})
}

type countingStore struct {
	darktrace.CheckpointStore
	saves int
}

func (s *countingStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	s.saves++
	return s.CheckpointStore.Save(ctx, prev, next)
}
