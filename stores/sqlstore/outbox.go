package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace"
)

// Message is a change in the outbox.
type Message struct {
	// ID numbers the messages in the order in which they were saved.
	ID int64
	// Key is the key of the change. A repeated change has the same key.
	Key string
	// Created is when the change was saved.
	Created time.Time
	// Body is the change as JSON.
	Body json.RawMessage
}

// Change decodes the change to an incident event.
func (m Message) Change() (darktrace.EventChange, error) { return decode[darktrace.EventChange](m) }

// Breach decodes the change to a model alert.
func (m Message) Breach() (darktrace.BreachChange, error) { return decode[darktrace.BreachChange](m) }

func decode[C any](m Message) (change C, err error) {
	if err := json.Unmarshal(m.Body, &change); err != nil {
		return change, fmt.Errorf("sqlstore: message %d: %w", m.ID, err)
	}
	return change, nil
}

// Handle calls handle with the oldest open messages, at most limit of them, and
// marks them as handled in the same transaction: what handle does with tx and
// the mark happen together or not at all. If handle returns an error, its
// messages stay open, and Handle returns that error. Handle returns how many
// messages were handled; 0 without an error means that none was open.
//
// Several consumers may call Handle at once, in any number of processes; each
// message goes to one of them. With PostgreSQL and MySQL they work side by
// side. SQLite has one writer, so they take turns.
func (s *Store) Handle(ctx context.Context, limit int, handle func(ctx context.Context, tx *sql.Tx, messages []Message) error) (int, error) {
	if limit <= 0 {
		return 0, s.failed("handling the messages of", fmt.Errorf("a limit of %d", limit))
	}
	if handle == nil {
		return 0, s.failed("handling the messages of", errors.New("the handler is nil"))
	}
	var messages []Message
	err := s.transact(ctx, func(tx *sql.Tx) (err error) {
		if s.syntax.begin != "" {
			if _, err := tx.ExecContext(ctx, s.syntax.begin); err != nil {
				return err
			}
		}
		if messages, err = s.open(ctx, tx, limit); err != nil || len(messages) == 0 {
			return err
		}
		if err := handle(ctx, tx, messages); err != nil {
			return err
		}
		return s.mark(ctx, tx, messages)
	})
	if err != nil {
		return 0, s.failed("handling the messages of", err)
	}
	return len(messages), nil
}

// open returns the oldest open messages and locks them.
func (s *Store) open(ctx context.Context, tx *sql.Tx, limit int) ([]Message, error) {
	rows, err := tx.QueryContext(ctx, s.syntax.text(`SELECT id, change_key, body, created_at FROM darktrace_outbox
WHERE name = ? AND handled_at IS NULL ORDER BY id LIMIT ?`+s.syntax.skip), s.name, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err reports the error.
	var messages []Message
	for rows.Next() {
		var m Message
		var body []byte
		var created int64
		if err := rows.Scan(&m.ID, &m.Key, &body, &created); err != nil {
			return nil, err
		}
		m.Body, m.Created = body, time.UnixMilli(created)
		messages = append(messages, m)
	}
	return messages, rows.Err()
}

// mark marks messages as handled.
func (s *Store) mark(ctx context.Context, tx *sql.Tx, messages []Message) error {
	now := time.Now().UnixMilli()
	for some := range slices.Chunk(messages, atOnce) {
		args := []any{now}
		for _, m := range some {
			args = append(args, m.ID)
		}
		places := strings.TrimSuffix(strings.Repeat("?, ", len(some)), ", ")
		statement := `UPDATE darktrace_outbox SET handled_at = ? WHERE id IN (` + places + `)`
		if _, err := tx.ExecContext(ctx, s.syntax.text(statement), args...); err != nil {
			return err
		}
	}
	return nil
}

// Purge deletes messages that were handled longer ago than age, and returns how
// many. A deleted message no longer prevents a repetition. Changes are repeated
// if an older checkpoint is restored, or a clock is set back by more than two
// hours, so keep messages for as long as your backups reach back.
func (s *Store) Purge(ctx context.Context, age time.Duration) (int64, error) {
	result, err := s.db.ExecContext(ctx, s.syntax.text(`DELETE FROM darktrace_outbox WHERE name = ? AND handled_at < ?`), s.name, time.Now().Add(-age).UnixMilli())
	if err != nil {
		return 0, s.failed("purging the messages of", err)
	}
	return result.RowsAffected()
}
