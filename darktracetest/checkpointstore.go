package darktracetest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/darktrace-go/darktrace"
)

// TestCheckpointStore checks that a CheckpointStore does what its interface
// says:
//
//   - Load returns unchanged what was saved, even if it is large.
//   - Save replaces only what the caller began with, whether that value was
//     saved or loaded.
//   - Save rejects what is saved already, which makes a program whose commit is
//     in doubt load it.
//   - If several programs save at once, one of them succeeds.
//
// The store must be empty. The effect of a crash is not checked.
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
	c.refuses("saving again what was saved, as if its commit were in doubt", first, second)
	c.holds("after three refusals", second)
	c.saves("the same again", second, second)
	loaded, err := store.Load(ctx)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	large := checkpoint(10_000)
	c.saves("after what was loaded", loaded, large)
	c.holds("a large checkpoint", large)
	c.saves("after what was loaded in another layout", reformatted(large), third)
	c.race(third)
}

type storeCheck struct {
	testing.TB
	store darktrace.CheckpointStore
}

// reformatted returns an equal checkpoint, from JSON that a database has
// reformatted.
func reformatted(c *darktrace.Checkpoint) *darktrace.Checkpoint {
	var members map[string]json.RawMessage // Encoding sorts them.
	again := new(darktrace.Checkpoint)
	err := json.Unmarshal(mustJSON(c), &members)
	if err == nil {
		var data []byte
		if data, err = json.MarshalIndent(members, "", "\t"); err == nil {
			err = json.Unmarshal(data, again)
		}
	}
	if err != nil {
		panic(err) // A checkpoint of this package's making.
	}
	return again
}

// checkpoint returns a checkpoint that remembers n ids.
func checkpoint(n int) *darktrace.Checkpoint {
	ids := make([]byte, 0, 8*n)
	for i := range n {
		ids = binary.BigEndian.AppendUint64(ids, uint64(i))
	}
	data := fmt.Sprintf(`{"v":2,"since":1,"through":%d,"seen":[{"until":1,"ids":%s}]}`, n, mustJSON(ids))
	c := new(darktrace.Checkpoint)
	if err := json.Unmarshal([]byte(data), c); err != nil {
		panic(err) // A checkpoint of this package's making.
	}
	return c
}

// holds checks what the store returns; nil means that nothing is stored.
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

// race runs concurrent saves that begin with the same checkpoint.
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
