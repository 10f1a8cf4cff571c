package darktracetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/darktrace-go/darktrace"
)

// TestCheckpointStore checks that a CheckpointStore does what its interface
// says: that it gives back what was saved, as it was, also when it is large; that
// Save replaces nothing but what the caller began with, whether that value was
// saved or loaded; and that of programs that save at once one wins. The store has
// to be empty. What a crash does to it is not checked.
func TestCheckpointStore(t testing.TB, store darktrace.CheckpointStore) {
	t.Helper()
	c := storeCheck{t, store}
	ctx := t.Context()
	first, second, third := checkpoint(1), checkpoint(2), checkpoint(3)

	c.holds("an empty store", nil)
	c.refuses("saving in an empty store what was loaded", first, second)
	c.holds("after a refusal", nil)
	c.saves("for the first time", nil, first)
	c.holds("after the first Save", first)
	c.refuses("saving for the first time again", nil, second)
	c.holds("after a refusal", first)
	c.saves("after what was saved", first, second)
	c.holds("after the second Save", second)
	c.refuses("saving after what was replaced", first, third)
	c.refuses("saving again what was replaced", first, first)
	c.holds("after two refusals", second)
	c.saves("the same again", second, second)
	loaded, err := store.Load(ctx)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	large := checkpoint(10_000)
	c.saves("after what was loaded", loaded, large)
	c.holds("a large checkpoint", large)
	c.saves("after it", large, third)
	c.race(third)
}

type storeCheck struct {
	testing.TB
	store darktrace.CheckpointStore
}

// checkpoint returns one that remembers n ids.
func checkpoint(n int) *darktrace.Checkpoint {
	const size = 16
	ids := make([]byte, 0, size*n)
	for i := range n {
		ids = fmt.Appendf(ids, "%0*d", size, i)
	}
	data := fmt.Sprintf(`{"v":1,"through":%d,"seen":[{"until":1,"ids":{"uuids":%s}}]}`, n, mustJSON(ids))
	c := new(darktrace.Checkpoint)
	if err := json.Unmarshal([]byte(data), c); err != nil {
		panic(err) // A checkpoint of this package's making.
	}
	return c
}

// holds checks what the store gives back; nil stands for nothing.
func (c storeCheck) holds(when string, want *darktrace.Checkpoint) {
	c.Helper()
	got, err := c.store.Load(c.Context())
	switch {
	case want == nil && !errors.Is(err, darktrace.ErrNoCheckpoint):
		c.Errorf("%s: Load returns the error %v, not ErrNoCheckpoint", when, err)
	case want == nil:
	case err != nil:
		c.Errorf("%s: Load: %v", when, err)
	case got == nil:
		c.Errorf("%s: Load returns nil without an error", when)
	case !bytes.Equal(mustJSON(got), mustJSON(want)):
		c.Errorf("%s: Load returns %.200s, not %.200s", when, mustJSON(got), mustJSON(want))
	}
}

func (c storeCheck) saves(what string, prev, next *darktrace.Checkpoint) {
	c.Helper()
	if err := c.store.Save(c.Context(), prev, next); err != nil {
		c.Errorf("saving %s: %v", what, err)
	}
}

func (c storeCheck) refuses(what string, prev, next *darktrace.Checkpoint) {
	c.Helper()
	if err := c.store.Save(c.Context(), prev, next); !errors.Is(err, darktrace.ErrCheckpointConflict) {
		c.Errorf("%s: Save returns the error %v, not ErrCheckpointConflict", what, err)
	}
}

// race lets programs save at once that began with the same checkpoint.
func (c storeCheck) race(prev *darktrace.Checkpoint) {
	c.Helper()
	const programs = 8
	var errs [programs]error
	var group sync.WaitGroup
	for i := range programs {
		group.Go(func() { errs[i] = c.store.Save(c.Context(), prev, checkpoint(10+i)) })
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			c.Errorf("of %d programs that saved at once, two succeeded", programs)
		case err == nil:
			winner = i
		case !errors.Is(err, darktrace.ErrCheckpointConflict):
			c.Errorf("of %d programs that saved at once, one got the error %v, not ErrCheckpointConflict", programs, err)
		}
	}
	if winner < 0 {
		c.Errorf("of %d programs that saved at once, none succeeded", programs)
		return
	}
	c.holds("after a race", checkpoint(10+winner))
}
