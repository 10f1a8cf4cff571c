package darktrace_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// rowStore keeps a feed's checkpoint in a row of a database that several
// replicas share. darktracetest.TestCheckpointStore checks such a type.
type rowStore struct {
	db   *database
	name string
}

// Load returns what was saved last.
func (s rowStore) Load(context.Context) (*darktrace.Checkpoint, error) {
	row, ok := s.db.read(s.name) // SELECT value FROM checkpoints WHERE name = ?
	if !ok {
		return nil, darktrace.ErrNoCheckpoint
	}
	checkpoint := new(darktrace.Checkpoint)
	if err := json.Unmarshal([]byte(row), checkpoint); err != nil {
		return nil, err
	}
	return checkpoint, nil
}

// Save replaces prev by next, and only prev: equal checkpoints have equal JSON.
func (s rowStore) Save(_ context.Context, prev, next *darktrace.Checkpoint) error {
	row, err := json.Marshal(next)
	if err != nil {
		return err
	}
	var before []byte // nil: there is no row yet.
	if prev != nil {
		if before, err = json.Marshal(prev); err != nil {
			return err
		}
	}
	// UPDATE checkpoints SET value = ? WHERE name = ? AND value = ?, or INSERT.
	if !s.db.replace(s.name, string(before), string(row)) {
		return darktrace.ErrCheckpointConflict
	}
	return nil
}

// Two replicas can't both move on: one of them saves, the other one learns that
// it came too late and goes on from what is stored.
func ExampleCheckpointStore() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	created := darktrace.Millis(srv.Now().Add(-time.Minute).UnixMilli())
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CreatedAt: created})
	ctx, client, store := context.Background(), srv.Client(), rowStore{new(database), "incidents"}

	for replica := range 2 {
		result, err := client.AIAnalyst.Poll(ctx, nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		err = store.Save(ctx, nil, result.Checkpoint)
		fmt.Printf("replica %d: %d changes, too late: %t\n", replica, len(result.Changes), errors.Is(err, darktrace.ErrCheckpointConflict))
	}
	stored, err := store.Load(ctx)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.AIAnalyst.Poll(ctx, stored, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("replica 1: %d changes\n", len(result.Changes))
	// Output:
	// replica 0: 1 changes, too late: false
	// replica 1: 1 changes, too late: true
	// replica 1: 0 changes
}

// database stands for a table of names and values.
type database struct {
	mu   sync.Mutex
	rows map[string]string
}

func (d *database) read(name string) (value string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok = d.rows[name]
	return value, ok
}

func (d *database) replace(name, before, value string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows[name] != before {
		return false
	}
	if d.rows == nil {
		d.rows = map[string]string{}
	}
	d.rows[name] = value
	return true
}
