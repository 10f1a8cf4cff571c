package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// Store keeps the checkpoint of one feed, and the changes that the feed
// delivers, in a database. It is a [darktrace.ChangeStore] and, for model
// alerts, a [darktrace.BreachStore]: a checkpoint and its changes are saved in
// one transaction. It is safe for concurrent use, also by several processes.
// The feed of events and the feed of alerts need different names.
type Store struct {
	db     *sql.DB
	syntax *syntax
	name   string
}

var (
	_ darktrace.ChangeStore = (*Store)(nil)
	_ darktrace.BreachStore = (*Store)(nil)
)

// New returns the store of the feed with the given name, such as
// "prod-incidents", of at most 190 bytes and without a blank at its end. Feeds
// with different names share the tables and nothing else. The tables must exist:
// see [Store.Migrate] and [Dialect.Schema]. New does not use the database.
func New(db *sql.DB, dialect Dialect, name string) (*Store, error) {
	const longest = 190
	syntax, ok := dialects[dialect]
	switch {
	case db == nil:
		return nil, errors.New("sqlstore: the database is nil")
	case !ok:
		return nil, fmt.Errorf("sqlstore: no such dialect: %v", dialect)
	case name == "":
		return nil, errors.New("sqlstore: the feed's name is empty")
	case strings.HasSuffix(name, " "): // MySQL ignores blanks there.
		return nil, fmt.Errorf("sqlstore: the feed's name %q ends with a blank", name)
	case len(name) > longest:
		return nil, fmt.Errorf("sqlstore: the feed's name has %d bytes; at most %d fit", len(name), longest)
	}
	return &Store{db, syntax, name}, nil
}

// Migrate creates the tables, unless they exist. Any number of programs may call
// it at once. If the tables exist, it needs no permission to create them.
func (s *Store) Migrate(ctx context.Context) error {
	var err error
	for range 3 { // Another program may be creating them too.
		if s.migrated(ctx) {
			return nil
		}
		if err = s.create(ctx); err == nil {
			return nil
		}
	}
	return s.failed("creating the tables for", err)
}

// migrated reports whether the tables exist.
func (s *Store) migrated(ctx context.Context) bool {
	for _, table := range []string{"darktrace_checkpoint", "darktrace_outbox"} {
		var name string
		err := s.db.QueryRowContext(ctx, "SELECT name FROM "+table+" WHERE 1 = 0").Scan(&name)
		if !errors.Is(err, sql.ErrNoRows) {
			return false
		}
	}
	return true
}

// create creates the tables and the index. It is one transaction, except with
// MySQL, where the index is part of a table.
func (s *Store) create(ctx context.Context) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		for _, statement := range s.syntax.schema {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// Load returns the checkpoint that was saved last. If there is none, it returns
// darktrace.ErrNoCheckpoint.
func (s *Store) Load(ctx context.Context) (*darktrace.Checkpoint, error) {
	_, checkpoint, err := s.stored(ctx, s.db)
	if err != nil {
		return nil, s.failed("loading the checkpoint of", err)
	}
	return checkpoint, nil
}

// Save replaces prev by next. If anything but prev is stored, it returns
// darktrace.ErrCheckpointConflict.
func (s *Store) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	return s.save(ctx, prev, next, nil)
}

// SaveChanges replaces prev by next and puts changes into the outbox, in one
// transaction. A change whose key is in the outbox already is left out. If
// anything but prev is stored, SaveChanges stores nothing and returns
// darktrace.ErrCheckpointConflict.
func (s *Store) SaveChanges(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.EventChange) error {
	return saveAll(ctx, s, prev, next, changes, func(c *darktrace.EventChange) string { return c.Key })
}

// SaveBreaches is SaveChanges for a feed of model alerts. [Message.Breach]
// decodes what it stores.
func (s *Store) SaveBreaches(ctx context.Context, prev, next *darktrace.Checkpoint, changes []darktrace.BreachChange) error {
	return saveAll(ctx, s, prev, next, changes, func(c *darktrace.BreachChange) string { return c.Key })
}

// saveAll saves changes of any kind.
func saveAll[C any](ctx context.Context, s *Store, prev, next *darktrace.Checkpoint, changes []C, key func(*C) string) error {
	rows := make([]row, len(changes))
	for i := range changes {
		body, err := json.Marshal(changes[i])
		if err != nil {
			return s.failed("saving the changes of", err)
		}
		rows[i] = row{key(&changes[i]), bytes.ToValidUTF8(body, []byte("\uFFFD"))} // Databases reject invalid UTF-8.
	}
	return s.save(ctx, prev, next, rows)
}

// row is a change for the outbox.
type row struct {
	key  string
	body []byte
}

func (s *Store) save(ctx context.Context, prev, next *darktrace.Checkpoint, rows []row) error {
	if next == nil {
		return s.failed("saving the checkpoint of", errors.New("the checkpoint is nil"))
	}
	swapped := false
	err := s.transact(ctx, func(tx *sql.Tx) error {
		if err := s.swap(ctx, tx, prev, next); err != nil {
			return err
		}
		swapped = true
		return s.insert(ctx, tx, rows)
	})
	if err != nil && prev == nil && !swapped { // After the swap, the row may be our own.
		// Databases report differently that a row exists.
		var revision int64
		if s.db.QueryRowContext(ctx, s.syntax.text(`SELECT revision FROM darktrace_checkpoint WHERE name = ?`), s.name).Scan(&revision) == nil {
			err = darktrace.ErrCheckpointConflict
		}
	}
	if err != nil {
		return s.failed("saving the checkpoint of", err)
	}
	return nil
}

// swap replaces prev by next.
func (s *Store) swap(ctx context.Context, tx *sql.Tx, prev, next *darktrace.Checkpoint) error {
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	if prev == nil {
		_, err := tx.ExecContext(ctx, s.syntax.text(`INSERT INTO darktrace_checkpoint
(name, revision, digest, checkpoint, saved_at) VALUES (?, 1, ?, ?, ?)`), s.name, digest(data), string(data), now)
		return err
	}
	before, err := json.Marshal(prev)
	if err != nil {
		return err
	}
	update := func(where string, value any) (bool, error) {
		result, err := tx.ExecContext(ctx, s.syntax.text(`UPDATE darktrace_checkpoint
SET revision = revision + 1, digest = ?, checkpoint = ?, saved_at = ? WHERE name = ? AND `+where), digest(data), string(data), now, s.name, value)
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		return n == 1, err
	}
	if done, err := update("digest = ?", digest(before)); done || err != nil {
		return err
	}
	// The stored text of prev may differ: it was edited, or an older version wrote it.
	revision, stored, err := s.stored(ctx, tx)
	if errors.Is(err, darktrace.ErrNoCheckpoint) {
		return darktrace.ErrCheckpointConflict
	}
	if err != nil {
		return err
	}
	same, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	if string(same) == string(before) {
		if done, err := update("revision = ?", revision); done || err != nil {
			return err
		}
	}
	return darktrace.ErrCheckpointConflict
}

// queryer is a *sql.DB or a *sql.Tx.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// stored returns what is stored.
func (s *Store) stored(ctx context.Context, q queryer) (revision int64, checkpoint *darktrace.Checkpoint, err error) {
	var data []byte
	err = q.QueryRowContext(ctx, s.syntax.text(`SELECT revision, checkpoint FROM darktrace_checkpoint WHERE name = ?`), s.name).Scan(&revision, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, darktrace.ErrNoCheckpoint
	}
	if err != nil {
		return 0, nil, err
	}
	checkpoint = new(darktrace.Checkpoint)
	return revision, checkpoint, json.Unmarshal(data, checkpoint)
}

// atOnce is how many rows a statement writes: databases limit the parameters of a
// statement.
const atOnce = 100

// insert puts changes into the outbox.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, rows []row) error {
	now := time.Now().UnixMilli()
	for some := range slices.Chunk(rows, atOnce) {
		args := make([]any, 0, 4*len(some))
		for _, r := range some {
			args = append(args, s.name, r.key, string(r.body), now)
		}
		statement := `INSERT INTO darktrace_outbox (name, change_key, body, created_at) VALUES ` +
			strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?), ", len(some)), ", ") + s.syntax.known
		if _, err := tx.ExecContext(ctx, s.syntax.text(statement), args...); err != nil {
			return err
		}
	}
	return nil
}

// transact runs do in a transaction.
func (s *Store) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.syntax.level})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // It does nothing after a commit.
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *Store) failed(doing string, err error) error {
	return fmt.Errorf("sqlstore: %s %q: %w", doing, s.name, err)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
