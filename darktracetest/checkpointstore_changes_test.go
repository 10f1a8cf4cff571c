package darktracetest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// sink is a ChangeStore in memory, with mistakes that tests ask for.
type sink struct {
	darktrace.CheckpointStore
	mu                           sync.Mutex
	keys                         []string
	twice, early, apart, dropped bool
}

func (s *sink) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.early {
		s.take(changes)
	}
	if err := s.Save(ctx, prev, next); err != nil {
		return err
	}
	if !s.early && !s.dropped {
		s.take(changes)
	}
	if s.apart && len(changes) == 0 {
		return darktrace.ErrCheckpointConflict
	}
	return nil
}

func (s *sink) take(changes []darktrace.EventChange) {
	for _, change := range changes {
		known := false
		for _, key := range s.keys {
			known = known || key == change.Key
		}
		if !known || s.twice {
			s.keys = append(s.keys, change.Key)
		}
	}
}

func (s *sink) delivered(context.Context) ([]string, error) { return s.keys, nil }

func TestTestChangeStoreFindsMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		store *sink
		want  string
	}{
		"a good one":               {&sink{}, ""},
		"keys are not unique":      {&sink{twice: true}, "after a repeated change: the sink has"},
		"changes come first":       {&sink{early: true}, "after three conflicts: the sink has"},
		"changes are lost":         {&sink{dropped: true}, "after three changes: the sink has"},
		"no changes are a problem": {&sink{apart: true}, "saving no changes: checkpoint conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.store.CheckpointStore = darktrace.MemoryCheckpoint()
			found := found(t, func(tb testing.TB) { darktracetest.TestChangeStore(tb, test.store, test.store.delivered) })
			if test.want == "" {
				assert.Empty(t, found)
			} else {
				assert.Contains(t, found, test.want)
			}
		})
	}
}
