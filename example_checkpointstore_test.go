package darktrace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"sync"
	"testing"
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

// Load returns the checkpoint that was saved last.
func (s rowStore) Load(context.Context) (*darktrace.Checkpoint, error) {
	return decodeRow(s.db.read(s.name)) // SELECT value FROM checkpoints WHERE name = ?
}

// Save replaces prev by next if prev is stored. It compares checkpoints and not
// texts, because a column of type jsonb does not keep the text.
func (s rowStore) Save(_ context.Context, prev, next *darktrace.Checkpoint) error {
	row, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return s.db.transact(func() error { // SELECT value … FOR UPDATE, UPDATE or INSERT, COMMIT
		stored, err := decodeRow(s.db.rows[s.name])
		if err != nil && !errors.Is(err, darktrace.ErrNoCheckpoint) {
			return err
		}
		if !stored.Equal(prev) {
			return darktrace.ErrCheckpointConflict
		}
		s.db.write(s.name, row)
		return nil
	})
}

func decodeRow(row string) (*darktrace.Checkpoint, error) {
	if row == "" {
		return nil, darktrace.ErrNoCheckpoint
	}
	checkpoint := new(darktrace.Checkpoint)
	if err := json.Unmarshal([]byte(row), checkpoint); err != nil {
		return nil, err
	}
	return checkpoint, nil
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

// outbox keeps changes in the same database as the checkpoint.
type outbox struct {
	rowStore
	delivered chan<- string // Stands for a table with a unique column for the key.
}

// SaveChanges stores the changes and the checkpoint in one transaction.
func (o outbox) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	if err := o.Save(ctx, prev, next); err != nil {
		return err // BEGIN … ROLLBACK
	}
	for _, change := range changes { // INSERT … ON CONFLICT (key) DO NOTHING; COMMIT
		o.delivered <- change.Event.Title
	}
	return nil
}

// Deliver hands each change to the store, in one transaction with the checkpoint.
func ExampleChangeStore() {
	srv := darktracetest.NewServer()
	defer srv.Close()
	created := darktrace.Millis(srv.Now().Add(-time.Minute).UnixMilli())
	srv.AddEvents(&darktrace.IncidentEvent{ID: "scan", Title: "Port scan", CreatedAt: created})

	ctx, cancel := context.WithCancel(context.Background())
	delivered, ended := make(chan string), make(chan error)
	go func() {
		ended <- srv.Client().AIAnalyst.Deliver(ctx, outbox{rowStore{new(database), "incidents"}, delivered}, nil)
	}()
	fmt.Println(<-delivered)
	cancel()
	fmt.Println(<-ended)
	// Output:
	// Port scan
	// <nil>
}

func TestRowStore(t *testing.T) {
	t.Parallel()
	darktracetest.TestCheckpointStore(t, rowStore{new(database), "incidents"})
}

// database stands for a table of names and values.
type database struct {
	mu   sync.Mutex
	rows map[string]string
}

func (d *database) read(name string) (value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rows[name]
}

func (d *database) transact(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return do()
}

// write keeps the value but not its text, as jsonb does.
func (d *database) write(name string, value []byte) {
	var text bytes.Buffer
	if err := json.Indent(&text, value, "", " "); err != nil {
		panic(err)
	}
	if d.rows == nil {
		d.rows = map[string]string{}
	}
	d.rows[name] = text.String()
}
