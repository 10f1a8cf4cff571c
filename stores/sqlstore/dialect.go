package sqlstore

import (
	"database/sql"
	"strconv"
	"strings"
)

// Dialect is the SQL that a database understands.
type Dialect int

// The dialects.
const (
	// PostgreSQL is for PostgreSQL 12 or newer.
	PostgreSQL Dialect = iota + 1
	// SQLite is for SQLite 3.24 or newer. Set a busy timeout on its
	// connections, or a store reports "database is locked" while another writes.
	SQLite
	// MySQL is for MySQL 8.0 and MariaDB 10.6, or newer.
	MySQL
)

// String returns the name of the database.
func (d Dialect) String() string {
	if sql, ok := dialects[d]; ok {
		return sql.name
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// Schema returns the statements that create the tables, for a migration tool.
// They are separated by ";\n" and do nothing to tables that exist. It returns
// "" for a dialect that does not exist.
func (d Dialect) Schema() string {
	if _, ok := dialects[d]; !ok {
		return ""
	}
	return strings.Join(dialects[d].schema, ";\n") + ";\n"
}

// syntax holds the differences between databases.
type syntax struct {
	name     string
	schema   []string
	numbered bool               // placeholders are $1, $2, … and not ?
	known    string             // end of an INSERT that ignores rows with a known key
	begin    string             // first statement of a transaction that reads before it writes; "" = none
	skip     string             // end of a SELECT that locks rows and passes over locked ones; "" = begin locks all
	level    sql.IsolationLevel // of each transaction
}

var dialects = map[Dialect]*syntax{
	PostgreSQL: {
		name:     "PostgreSQL",
		schema:   schema("TEXT", "TEXT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", ""),
		numbered: true,
		known:    " ON CONFLICT DO NOTHING",
		skip:     " FOR UPDATE SKIP LOCKED",
		level:    sql.LevelReadCommitted, // At a higher level, whoever loses a race for the checkpoint gets another error than a conflict.
	},
	SQLite: {
		name:   "SQLite",
		schema: schema("TEXT", "TEXT", "INTEGER PRIMARY KEY AUTOINCREMENT", ""),
		known:  " ON CONFLICT DO NOTHING",
		begin:  "UPDATE darktrace_outbox SET handled_at = NULL WHERE FALSE", // A transaction that reads first can't wait for the lock to write.
	},
	MySQL: {
		name: "MySQL",
		// A longer text can't have an index. The collation distinguishes case.
		schema: schema("VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "LONGTEXT CHARACTER SET utf8mb4",
			"BIGINT AUTO_INCREMENT PRIMARY KEY", " ENGINE=InnoDB"),
		known: " ON DUPLICATE KEY UPDATE change_key = change_key",
		skip:  " FOR UPDATE SKIP LOCKED",
		level: sql.LevelReadCommitted, // A higher level also locks gaps between rows, and writers would wait for readers.
	},
}

// schema returns the statements that create the tables.
func schema(text, long, identity, options string) []string {
	fill := strings.NewReplacer("TEXT", text, "LONG", long, "IDENTITY", identity).Replace
	statements := []string{
		fill(`CREATE TABLE IF NOT EXISTS darktrace_checkpoint (
  name TEXT NOT NULL PRIMARY KEY,
  revision BIGINT NOT NULL,
  digest CHAR(64) NOT NULL,
  checkpoint LONG NOT NULL,
  saved_at BIGINT NOT NULL
)`) + options,
		fill(`CREATE TABLE IF NOT EXISTS darktrace_outbox (
  id IDENTITY,
  name TEXT NOT NULL,
  change_key TEXT NOT NULL,
  body LONG NOT NULL,
  created_at BIGINT NOT NULL,
  handled_at BIGINT,
  UNIQUE (name, change_key)
)`) + options,
	}
	const index = "INDEX %darktrace_outbox_open ON darktrace_outbox (name, handled_at, id)"
	if options == "" {
		return append(statements, "CREATE "+strings.Replace(index, "%", "IF NOT EXISTS ", 1))
	}
	// MySQL has no CREATE INDEX IF NOT EXISTS.
	statements[1] = strings.Replace(statements[1], "\n)", ",\n  INDEX darktrace_outbox_open (name, handled_at, id)\n)", 1)
	return statements
}

// text returns a statement with the placeholders of the dialect.
func (s *syntax) text(statement string) string {
	if !s.numbered {
		return statement
	}
	var b strings.Builder
	for i := 1; ; i++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(i))
		statement = after
	}
}
