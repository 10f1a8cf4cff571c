package engines_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/stores/sqlstore"
)

// engine is a database that the tests run against.
type engine struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	dsn     string
}

// sqlite returns an engine with a new file.
func sqlite(t *testing.T) engine {
	t.Helper()
	return engine{"sqlite", sqlstore.SQLite, "sqlite",
		"file:" + filepath.Join(t.TempDir(), "feed.db") + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"}
}

// on runs a test on each engine.
func on(t *testing.T, test func(t *testing.T, e engine)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqlite(t))
	})
	for _, e := range []engine{
		{"postgres", sqlstore.PostgreSQL, "pgx", os.Getenv("ENGINES_POSTGRES")},
		{"mariadb", sqlstore.MySQL, "mysql", os.Getenv("ENGINES_MARIADB")},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			if e.dsn == "" {
				t.Skipf("no %s here: set ENGINES_%s to the DSN of an empty database", e.name, strings.ToUpper(e.name))
			}
			test(t, e)
		})
	}
}

func (e engine) open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open(e.driver, e.dsn)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// store returns the store of a new feed.
func (e engine) store(t *testing.T, db *sql.DB) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.New(db, e.dialect, fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano()))
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	return store
}

func TestCheckpointStore(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		darktracetest.TestCheckpointStore(t, e.store(t, e.open(t)))
	})
}

func TestChangeStore(t *testing.T) {
	t.Parallel()
	on(t, testChangeStore)
}

// A database may have another isolation level for the transactions that name none.
func TestChangeStoreWithAnotherDefault(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		more := map[string]string{"postgres": "default_transaction_isolation=serializable", "mariadb": "tx_isolation=%27SERIALIZABLE%27"}[e.name]
		if more == "" {
			return // SQLite has one level only.
		}
		separator := "?"
		if strings.Contains(e.dsn, "?") {
			separator = "&"
		}
		e.dsn += separator + more
		testChangeStore(t, e)
	})
}

func testChangeStore(t *testing.T, e engine) {
	t.Helper()
	store := e.store(t, e.open(t))
	darktracetest.TestChangeStore(t, store, func(context.Context) (keys []string, err error) {
		for _, m := range outbox(t, store) {
			change, err := m.Change()
			require.NoError(t, err)
			assert.Equal(t, m.Key, change.Key)
			assert.WithinDuration(t, time.Now(), m.Created, time.Hour)
			keys = append(keys, m.Key)
		}
		return keys, nil
	})
}

// Programs that start together create the tables once, and one that may not create any
// finds them.
func TestMigrate(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		admin := e.open(t)
		user := ""
		switch e.name {
		case "postgres":
			user = "postgres://limited@" + e.dsn[strings.LastIndexByte(e.dsn, '@')+1:]
		case "mariadb":
			user = "limited@" + e.dsn[strings.LastIndexByte(e.dsn, '@')+1:]
		}
		for round := range 5 {
			dsn, limited := sqlite(t).dsn, ""
			if e.name != "sqlite" {
				name := fmt.Sprintf("migrate_%d_%d", time.Now().UnixNano(), round)
				_, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name)
				require.NoError(t, err)
				t.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE " + name) }) //nolint:noctx // The test's context has ended.
				dsn, limited = inDatabase(e.dsn, name), inDatabase(user, name)
			}
			var replicas sync.WaitGroup
			start := make(chan struct{})
			for range 4 {
				store, err := sqlstore.New(engine{driver: e.driver, dsn: dsn}.open(t), e.dialect, "feed")
				require.NoError(t, err)
				replicas.Go(func() {
					<-start
					assert.NoError(t, store.Migrate(t.Context()))
				})
			}
			close(start)
			replicas.Wait()
			if limited == "" || round > 0 {
				continue
			}
			db := engine{driver: e.driver, dsn: dsn}.open(t)
			role, tables := "limited", "darktrace_checkpoint, darktrace_outbox"
			statements := []string{"CREATE ROLE limited LOGIN"}
			if e.name == "mariadb" {
				require.NoError(t, db.QueryRowContext(t.Context(), "SELECT CONCAT('limited@', SUBSTRING_INDEX(CURRENT_USER(), '@', -1))").Scan(&role))
				statements, tables = []string{"CREATE USER " + role}, "*"
			}
			statements = append(statements, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+tables+" TO "+role)
			for _, statement := range statements {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			t.Cleanup(func() { // Before the databases are dropped.
				_, _ = db.Exec("DROP OWNED BY limited") //nolint:noctx // The test's context has ended.
				_, _ = db.Exec("DROP USER " + role)     //nolint:noctx // The test's context has ended.
			})
			store, err := sqlstore.New(engine{driver: e.driver, dsn: limited}.open(t), e.dialect, "feed")
			require.NoError(t, err)
			require.NoError(t, store.Migrate(t.Context()))
			fill(t, store, 3)
		}
	})
}

// inDatabase returns a DSN with another database.
func inDatabase(dsn, name string) string {
	address, parameters, _ := strings.Cut(dsn, "?")
	address = address[:strings.LastIndexByte(address, '/')+1] + name
	if parameters != "" {
		address += "?" + parameters
	}
	return address
}

// Model alerts go through the same transaction, under a name of their own.
func TestBreachStore(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		db := e.open(t)
		events, store := e.store(t, db), e.store(t, db)
		fill(t, events, 3)
		deliverBreaches(t, store, func() (got []darktrace.BreachChange) {
			for _, m := range outbox(t, store) {
				change, err := m.Breach()
				require.NoError(t, err)
				assert.Equal(t, m.Key, change.Key)
				got = append(got, change)
			}
			return got
		})
		assert.Len(t, outbox(t, events), 3, "changes of the other feed")
	})
}

// deliverBreaches delivers model alerts with two replicas, and checks what is
// stored.
func deliverBreaches(t *testing.T, store darktrace.BreachStore, stored func() []darktrace.BreachChange) {
	t.Helper()
	srv := darktracetest.NewServer()
	t.Cleanup(srv.Close)
	var want []int64
	var breaches []*darktrace.ModelBreach
	for i := range int64(230) {
		made := darktrace.MillisOf(srv.Now().Add(-time.Duration(i) * time.Minute))
		breaches = append(breaches, &darktrace.ModelBreach{PBID: 1000 + i, CreationTime: made, Time: made, Score: 0.5})
		want = append(want, 1000+i)
	}
	data, err := json.Marshal(breaches)
	require.NoError(t, err)
	require.NoError(t, srv.SetCollection("modelbreaches", data))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var replicas sync.WaitGroup
	for range 2 {
		client := srv.Client()
		replicas.Go(func() {
			opts := &darktrace.BreachWatchOptions{Interval: time.Second, OnError: func(error) {}}
			assert.NoError(t, client.ModelBreaches.Deliver(ctx, store, opts))
		})
	}
	for deadline := time.Now().Add(5 * time.Minute); len(stored()) < len(want) && time.Now().Before(deadline); {
		time.Sleep(interval)
	}
	time.Sleep(2 * time.Second) // Wait for repetitions.
	cancel()
	replicas.Wait()
	var got []int64
	for _, change := range stored() {
		assert.Equal(t, darktrace.EventNew, change.Kind)
		assert.InDelta(t, 0.5, float64(change.Breach.Score), 0)
		got = append(got, change.Breach.PBID)
	}
	slices.Sort(got)
	assert.Equal(t, want, got)

	// Nothing is stored with a checkpoint that is not the next one, or a second time.
	change := stored()[0]
	fresh := change
	fresh.Key = "another"
	err = store.SaveBreaches(t.Context(), nil, new(darktrace.Checkpoint), []darktrace.BreachChange{fresh})
	require.ErrorIs(t, err, darktrace.ErrCheckpointConflict)
	current, err := store.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.SaveBreaches(t.Context(), current, current, []darktrace.BreachChange{change}))
	assert.Len(t, stored(), len(want))
}

// outbox returns the open messages of a store, and leaves them there.
func outbox(t testing.TB, store *sqlstore.Store) (open []sqlstore.Message) {
	t.Helper()
	leave := errors.New("leave them")
	_, err := store.Handle(t.Context(), 100_000, func(_ context.Context, _ *sql.Tx, messages []sqlstore.Message) error {
		open = messages
		return leave
	})
	if err != nil {
		require.ErrorIs(t, err, leave)
	}
	return open
}

// fill puts n changes into the outbox of a store without a checkpoint, and
// returns their keys.
func fill(t *testing.T, store *sqlstore.Store, n int) []string {
	t.Helper()
	var changes []darktrace.EventChange
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("key-%04d", i))
		changes = append(changes, darktrace.EventChange{Kind: darktrace.EventNew, Key: keys[i], Event: &darktrace.IncidentEvent{ID: fmt.Sprint("event ", i)}})
	}
	require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes))
	return keys
}

// Several consumers share the messages: each message goes to one of them.
func TestConsumers(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		db := e.open(t)
		store := e.store(t, db)
		want := fill(t, store, 250) // Several statements.
		var mu sync.Mutex
		var got []string
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for {
					n, err := store.Handle(t.Context(), 7, func(_ context.Context, _ *sql.Tx, messages []sqlstore.Message) error {
						assert.True(t, slices.IsSortedFunc(messages, func(a, b sqlstore.Message) int { return int(a.ID - b.ID) }))
						mu.Lock()
						defer mu.Unlock()
						for _, m := range messages {
							got = append(got, m.Key)
						}
						return nil
					})
					if !assert.NoError(t, err) || n == 0 {
						return
					}
				}
			})
		}
		group.Wait()
		slices.Sort(got)
		assert.Equal(t, want, got)
	})
}

// A handler's own rows are committed with the mark, or not at all.
func TestHandlerTransaction(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		db := e.open(t)
		store := e.store(t, db)
		fill(t, store, 3)
		table := fmt.Sprint("tickets_", time.Now().UnixNano())
		_, err := db.ExecContext(t.Context(), "CREATE TABLE "+table+" (title VARCHAR(50))")
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = db.Exec("DROP TABLE " + table) }) //nolint:noctx // The test's context has ended.
		count := func() (n int) {
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
			return n
		}
		insert := func(end error) func(context.Context, *sql.Tx, []sqlstore.Message) error {
			return func(ctx context.Context, tx *sql.Tx, _ []sqlstore.Message) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO "+table+" VALUES ('a ticket')")
				return errors.Join(err, end)
			}
		}
		refused := errors.New("the ticket system is down")
		n, err := store.Handle(t.Context(), 2, insert(refused))
		require.ErrorIs(t, err, refused)
		assert.ErrorContains(t, err, `handling the messages of "`)
		assert.Zero(t, n)
		assert.Zero(t, count(), "rows after a failure")
		for _, want := range []int{2, 1, 0} {
			n, err = store.Handle(t.Context(), 2, insert(nil))
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		assert.Equal(t, 2, count())
	})
}

// The outbox keeps a repeated change out, after it was handled too, and until it
// is purged.
func TestRepeats(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		store := e.store(t, e.open(t))
		fill(t, store, 2)
		again := []darktrace.EventChange{{Key: "key-0000", Event: &darktrace.IncidentEvent{}}, {Key: "key-9999", Event: &darktrace.IncidentEvent{}}}
		save := func() {
			checkpoint, err := store.Load(t.Context())
			require.NoError(t, err)
			require.NoError(t, store.SaveChanges(t.Context(), checkpoint, checkpoint, again))
		}
		handle := func() (keys []string) {
			_, err := store.Handle(t.Context(), 10, func(_ context.Context, _ *sql.Tx, messages []sqlstore.Message) error {
				for _, m := range messages {
					keys = append(keys, m.Key)
				}
				return nil
			})
			require.NoError(t, err)
			return keys
		}
		save()
		assert.Equal(t, []string{"key-0000", "key-0001", "key-9999"}, handle())
		save()
		assert.Empty(t, handle())
		n, err := store.Purge(t.Context(), time.Hour)
		require.NoError(t, err)
		assert.Zero(t, n, "messages that were handled an hour ago")
		n, err = store.Purge(t.Context(), -time.Hour)
		require.NoError(t, err)
		assert.EqualValues(t, 3, n)
		save()
		assert.Equal(t, []string{"key-0000", "key-9999"}, handle())
	})
}

// Text that is not UTF-8 is not a reason to deliver nothing.
func TestInvalidText(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		store := e.store(t, e.open(t))
		event := &darktrace.IncidentEvent{ID: "a", Title: "a\xffb\x00", Extra: map[string]json.RawMessage{"new": json.RawMessage("\"a\xffb\"")}}
		require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), []darktrace.EventChange{{Key: "a", Event: event}}))
		open := outbox(t, store)
		require.Len(t, open, 1)
		change, err := open[0].Change()
		require.NoError(t, err)
		assert.JSONEq(t, `"a\uFFFDb"`, string(change.Event.Extra["new"]))
	})
}

// lostCommits is a driver whose commits succeed but return an error.
type lostCommits struct{ driver.Driver }

type lostConn struct{ driver.Conn }

type lostTx struct{ driver.Tx }

func (d lostCommits) Open(dsn string) (driver.Conn, error) {
	conn, err := d.Driver.Open(dsn)
	return lostConn{conn}, err
}

func (c lostConn) Begin() (driver.Tx, error) {
	tx, err := c.Conn.Begin() //nolint:staticcheck // The wrapper has nothing newer.
	return lostTx{tx}, err
}

func (tx lostTx) Commit() error {
	return errors.Join(tx.Tx.Commit(), errors.New("the connection broke after the commit"))
}

// A commit whose result is lost is not a conflict: Watch would end with that.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	e := sqlite(t)
	db := e.open(t)
	e.store(t, db)
	sql.Register(t.Name(), lostCommits{db.Driver()})
	broken, err := sql.Open(t.Name(), e.dsn)
	require.NoError(t, err)
	defer broken.Close() //nolint:errcheck // It is broken.
	for name, save := range map[string]func(*sqlstore.Store) error{
		"checkpoint": func(s *sqlstore.Store) error { return s.Save(t.Context(), nil, new(darktrace.Checkpoint)) },
		"changes": func(s *sqlstore.Store) error {
			return s.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), []darktrace.EventChange{{Key: "a"}})
		},
	} {
		store, err := sqlstore.New(broken, e.dialect, name)
		require.NoError(t, err)
		err = save(store)
		require.ErrorContains(t, err, "the connection broke")
		require.NotErrorIs(t, err, darktrace.ErrCheckpointConflict)
		_, err = store.Load(t.Context())
		require.NoError(t, err)
	}
}

// What counts is what a checkpoint means, not how its row is written.
func TestReformattedRow(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, e engine) {
		db := e.open(t)
		store := e.store(t, db)
		first := new(darktrace.Checkpoint)
		require.NoError(t, store.Save(t.Context(), nil, first))
		var text string
		row := db.QueryRowContext(t.Context(), "SELECT checkpoint FROM darktrace_checkpoint WHERE name LIKE '"+t.Name()+"%'")
		require.NoError(t, row.Scan(&text))
		indented, err := json.MarshalIndent(json.RawMessage(text), "", "  ")
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), "UPDATE darktrace_checkpoint SET digest = 'by hand', checkpoint = '"+string(indented)+"' WHERE name LIKE '"+t.Name()+"%'")
		require.NoError(t, err)
		require.NoError(t, store.Save(t.Context(), first, first))

		_, err = db.ExecContext(t.Context(), "UPDATE darktrace_checkpoint SET digest = 'by hand', checkpoint = 'not JSON' WHERE name LIKE '"+t.Name()+"%'")
		require.NoError(t, err)
		_, err = store.Load(t.Context())
		assert.ErrorContains(t, err, `loading the checkpoint of "`+t.Name())
		assert.Error(t, store.Save(t.Context(), first, first), "over something unreadable")
		assert.ErrorIs(t, store.Save(t.Context(), nil, first), darktrace.ErrCheckpointConflict, "over something unreadable, for the first time")
	})
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	e := sqlite(t)
	db := e.open(t)
	for want, make := range map[string]func() (*sqlstore.Store, error){
		"sqlstore: the database is nil":                            func() (*sqlstore.Store, error) { return sqlstore.New(nil, sqlstore.SQLite, "a") },
		"sqlstore: no such dialect: Dialect(7)":                    func() (*sqlstore.Store, error) { return sqlstore.New(db, 7, "a") },
		"sqlstore: the feed's name is empty":                       func() (*sqlstore.Store, error) { return sqlstore.New(db, sqlstore.SQLite, "") },
		`sqlstore: the feed's name "a " ends with a blank`:         func() (*sqlstore.Store, error) { return sqlstore.New(db, sqlstore.SQLite, "a ") },
		"sqlstore: the feed's name has 191 bytes; at most 190 fit": func() (*sqlstore.Store, error) { return sqlstore.New(db, sqlstore.SQLite, strings.Repeat("a", 191)) },
	} {
		_, err := make()
		assert.EqualError(t, err, want)
	}
	store, err := sqlstore.New(db, sqlstore.SQLite, "feed")
	require.NoError(t, err)
	_, err = store.Load(t.Context())
	assert.ErrorContains(t, err, `sqlstore: loading the checkpoint of "feed": `, "without tables")
	_, err = store.Handle(t.Context(), 0, nil)
	assert.EqualError(t, err, `sqlstore: handling the messages of "feed": a limit of 0`)
	_, err = store.Handle(t.Context(), 1, nil)
	assert.EqualError(t, err, `sqlstore: handling the messages of "feed": the handler is nil`)
	assert.EqualError(t, store.Save(t.Context(), nil, nil), `sqlstore: saving the checkpoint of "feed": the checkpoint is nil`)
	_, err = store.Purge(t.Context(), 0)
	assert.ErrorContains(t, err, `sqlstore: purging the messages of "feed": `)
	assert.ErrorContains(t, store.Save(t.Context(), nil, new(darktrace.Checkpoint)), "no such table")
	_, err = sqlstore.Message{ID: 3, Body: json.RawMessage("{")}.Change()
	assert.ErrorContains(t, err, "sqlstore: message 3: ")
	_, err = sqlstore.Message{ID: 4, Body: json.RawMessage("[]")}.Breach()
	assert.ErrorContains(t, err, "sqlstore: message 4: ")
}

func TestSchema(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "PostgreSQL SQLite MySQL Dialect(0)", fmt.Sprint(sqlstore.PostgreSQL, " ", sqlstore.SQLite, " ", sqlstore.MySQL, " ", sqlstore.Dialect(0)))
	assert.Empty(t, sqlstore.Dialect(0).Schema())
	on(t, func(t *testing.T, e engine) { // Statement by statement, twice.
		db := e.open(t)
		for statement := range strings.SplitSeq(strings.Repeat(e.dialect.Schema(), 2), ";\n") {
			if statement != "" {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
		}
	})
}
