package darktracetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// findings is a testing.TB that collects what a check finds.
type findings struct {
	testing.TB
	list []string
}

func (f *findings) Helper() {}

func (f *findings) Errorf(format string, args ...any) {
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *findings) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(f)
}

// check runs the check on a store and returns what it finds.
func check(t *testing.T, store darktrace.CheckpointStore) string {
	t.Helper()
	return found(t, func(tb testing.TB) { darktracetest.TestCheckpointStore(tb, store) })
}

// found runs a check and returns what it finds.
func found(t *testing.T, check func(testing.TB)) string {
	t.Helper()
	f := &findings{TB: t}
	func() {
		defer func() {
			if stopped := recover(); stopped != nil && stopped != any(f) {
				panic(stopped)
			}
		}()
		check(f)
	}()
	return strings.Join(f.list, "\n")
}

// brokenStore is a good store with some of its methods replaced.
type brokenStore struct {
	darktrace.CheckpointStore
	load func(context.Context, darktrace.CheckpointStore) (*darktrace.Checkpoint, error)
	save func(ctx context.Context, s darktrace.CheckpointStore, prev, next *darktrace.Checkpoint) error
}

func (s *brokenStore) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	if s.load == nil {
		return s.CheckpointStore.Load(ctx)
	}
	return s.load(ctx, s.CheckpointStore)
}

func (s *brokenStore) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	if s.save == nil {
		return s.CheckpointStore.Save(ctx, prev, next)
	}
	return s.save(ctx, s.CheckpointStore, prev, next)
}

func TestTestCheckpointStoreFindsMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		store brokenStore
		want  string
	}{
		"a good one": {brokenStore{}, ""},
		"nil the first time": {brokenStore{load: func(ctx context.Context, s darktrace.CheckpointStore) (*darktrace.Checkpoint, error) {
			c, err := s.Load(ctx)
			if errors.Is(err, darktrace.ErrNoCheckpoint) {
				return nil, nil
			}
			return c, err
		}}, "an empty store: Load returns the error <nil>, not ErrNoCheckpoint"},
		"nil later": {brokenStore{load: func(ctx context.Context, s darktrace.CheckpointStore) (*darktrace.Checkpoint, error) {
			_, err := s.Load(ctx)
			return nil, err
		}}, "Load returns nil without an error"},
		"an error in place of what is stored": {brokenStore{load: func(context.Context, darktrace.CheckpointStore) (*darktrace.Checkpoint, error) {
			return nil, darktrace.ErrNoCheckpoint
		}}, "after the first Save: Load: no checkpoint"},
		"what was never saved": {brokenStore{load: func(ctx context.Context, s darktrace.CheckpointStore) (*darktrace.Checkpoint, error) {
			if _, err := s.Load(ctx); err != nil {
				return nil, err
			}
			return new(darktrace.Checkpoint), nil
		}}, `Load returns {"v":2}, not {"v":2,"since":1,"through":1`},
		"no comparison": {brokenStore{save: func(ctx context.Context, s darktrace.CheckpointStore, _, next *darktrace.Checkpoint) error {
			prev, _ := s.Load(ctx)
			return s.Save(ctx, prev, next)
		}}, "saving for the first time again: Save returns the error <nil>, not ErrCheckpointConflict"},
		"an error of its own": {brokenStore{save: func(ctx context.Context, s darktrace.CheckpointStore, prev, next *darktrace.Checkpoint) error {
			if s.Save(ctx, prev, next) != nil {
				return errors.New("no row was changed")
			}
			return nil
		}}, "one got the error no row was changed"},
		"nothing is saved": {brokenStore{save: func(context.Context, darktrace.CheckpointStore, *darktrace.Checkpoint, *darktrace.Checkpoint) error {
			return nil
		}}, "after the second Save: Load: darktrace: no checkpoint"},
		"no lock": {brokenStore{save: func(ctx context.Context, s darktrace.CheckpointStore, prev, next *darktrace.Checkpoint) error {
			err := s.Save(ctx, prev, next)
			if began, _ := json.Marshal(prev); strings.Contains(string(began), `"through":3,`) {
				return nil // It is the checkpoint with which the race begins.
			}
			return err
		}}, "two succeeded"},
		"saving fails": {brokenStore{save: func(context.Context, darktrace.CheckpointStore, *darktrace.Checkpoint, *darktrace.Checkpoint) error {
			return darktrace.ErrCheckpointConflict
		}}, "saving for the first time: checkpoint conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.store.CheckpointStore = darktrace.MemoryCheckpoint()
			found := check(t, &test.store)
			if test.want == "" {
				assert.Empty(t, found)
			} else {
				assert.Contains(t, found, test.want)
			}
		})
	}
}
