package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/stores/sqlstore"
)

// One program delivers, and any number of programs handle what was delivered.
func Example() {
	deliver := func(ctx context.Context, client *darktrace.Client, db *sql.DB) error {
		store, err := sqlstore.New(db, sqlstore.PostgreSQL, "incidents")
		if err != nil {
			return err
		}
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		return client.AIAnalyst.Deliver(ctx, store, nil)
	}
	consume := func(ctx context.Context, store *sqlstore.Store) {
		for ctx.Err() == nil {
			n, err := store.Handle(ctx, 100, func(ctx context.Context, tx *sql.Tx, messages []sqlstore.Message) error {
				for _, m := range messages {
					change, err := m.Change()
					if err != nil {
						return err
					}
					if _, err := tx.ExecContext(ctx, `INSERT INTO tickets (title) VALUES ($1)`, change.Event.Title); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				log.Print(err)
			}
			if n == 0 {
				time.Sleep(time.Second)
			}
		}
	}
	_, _ = deliver, consume
}

// The schema, for a migration tool.
func ExampleDialect_Schema() {
	fmt.Print(sqlstore.SQLite.Schema())
	// Output:
	// CREATE TABLE IF NOT EXISTS darktrace_checkpoint (
	//   name TEXT NOT NULL PRIMARY KEY,
	//   revision BIGINT NOT NULL,
	//   digest CHAR(64) NOT NULL,
	//   checkpoint TEXT NOT NULL,
	//   saved_at BIGINT NOT NULL
	// );
	// CREATE TABLE IF NOT EXISTS darktrace_outbox (
	//   id INTEGER PRIMARY KEY AUTOINCREMENT,
	//   name TEXT NOT NULL,
	//   change_key TEXT NOT NULL,
	//   body TEXT NOT NULL,
	//   created_at BIGINT NOT NULL,
	//   handled_at BIGINT,
	//   UNIQUE (name, change_key)
	// );
	// CREATE INDEX IF NOT EXISTS darktrace_outbox_open ON darktrace_outbox (name, handled_at, id);
}
