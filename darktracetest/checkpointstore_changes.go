package darktracetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/darktrace-go/darktrace"
)

// TestChangeStore checks that a ChangeStore does what its interface says. It
// runs TestCheckpointStore, then checks that SaveChanges stores the changes and
// the checkpoint together or not at all, that a change with the same Key is
// stored once, and that one of several programs that save at once succeeds,
// with its changes and no others. delivered returns the keys of the changes
// that are stored so far, in any order, each as often as it is stored. The
// store and the sink must be empty. The effect of a crash is not checked.
func TestChangeStore(t testing.TB, store darktrace.ChangeStore, delivered func(context.Context) ([]string, error)) {
	t.Helper()
	TestCheckpointStore(t, store)
	current, err := store.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	c := changeCheck{storeCheck{t, store}, store, delivered}
	c.has("a sink that got nothing")

	first, second := checkpoint(21), checkpoint(22)
	c.delivers("three changes", current, first, "a", "b", "c")
	c.holds("after three changes", first)
	c.has("after three changes", "a", "b", "c")

	c.conflicts("changes after a checkpoint that was replaced", current, second, "d")
	c.conflicts("changes for the first time", nil, second, "d")
	c.conflicts("what was saved once more, as if its commit were in doubt", current, first, "a", "b", "c")
	c.holds("after three conflicts", first)
	c.has("after three conflicts", "a", "b", "c")

	c.delivers("no changes", first, second)
	c.holds("after no changes", second)
	c.delivers("a change that is there already, and another one", second, first, "b", "e")
	c.holds("after a repeated change", first)
	c.has("after a repeated change", "a", "b", "c", "e")

	c.saves("without changes", first, second)
	c.has("after Save", "a", "b", "c", "e")
	c.raceWithChanges(second, "a", "b", "c", "e")
}

type changeCheck struct {
	storeCheck
	store     darktrace.ChangeStore
	delivered func(context.Context) ([]string, error)
}

// changes returns changes with the given keys.
func changes(keys ...string) []darktrace.EventChange {
	all := make([]darktrace.EventChange, len(keys))
	for i, key := range keys {
		all[i] = darktrace.EventChange{
			Kind: darktrace.EventNew, Key: "key-" + key, Source: "appliance.example.com",
			Event: &darktrace.IncidentEvent{ID: "event-" + key, Title: "Title", CurrentGroup: "gevent-" + key},
		}
	}
	return all
}

func (c changeCheck) delivers(what string, prev, next *darktrace.Checkpoint, keys ...string) {
	c.Helper()
	if err := c.store.SaveChanges(c.Context(), prev, next, changes(keys...)); err != nil {
		c.Errorf("saving %s: %v", what, err)
	}
}

func (c changeCheck) conflicts(what string, prev, next *darktrace.Checkpoint, keys ...string) {
	c.Helper()
	if err := c.store.SaveChanges(c.Context(), prev, next, changes(keys...)); !errors.Is(err, darktrace.ErrCheckpointConflict) {
		c.Errorf("saving %s: SaveChanges returns the error %v, not ErrCheckpointConflict", what, err)
	}
}

// has checks that the sink has the changes with the given keys.
func (c changeCheck) has(when string, keys ...string) {
	c.Helper()
	got, err := c.delivered(c.Context())
	if err != nil {
		c.Fatalf("%s: reading the sink: %v", when, err)
	}
	want := []string{}
	for _, change := range changes(keys...) {
		want = append(want, change.Key)
	}
	if got = slices.Sorted(slices.Values(got)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		c.Errorf("%s: the sink has %q, not %q", when, got, want)
	}
}

// raceWithChanges runs concurrent saves that begin with the same checkpoint.
func (c changeCheck) raceWithChanges(prev *darktrace.Checkpoint, before ...string) {
	c.Helper()
	const programs = 8
	var errs [programs]error
	var group sync.WaitGroup
	name := func(i int) string { return fmt.Sprintf("program-%d", i) }
	for i := range programs {
		group.Go(func() {
			errs[i] = c.store.SaveChanges(c.Context(), prev, checkpoint(30+i), changes(name(i)+"-1", name(i)+"-2"))
		})
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			c.Errorf("of %d programs that saved changes at once, two succeeded", programs)
		case err == nil:
			winner = i
		case !errors.Is(err, darktrace.ErrCheckpointConflict):
			c.Errorf("of %d programs that saved changes at once, one got the error %v, not ErrCheckpointConflict", programs, err)
		}
	}
	if winner < 0 {
		c.Errorf("of %d programs that saved changes at once, none succeeded", programs)
		return
	}
	c.holds("after a race", checkpoint(30+winner))
	c.has("after a race", append(before, name(winner)+"-1", name(winner)+"-2")...)
}
