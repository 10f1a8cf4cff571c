// Package sqlstore keeps the checkpoint of a feed in an SQL database, together
// with an outbox of the changes that the feed delivers. It uses database/sql and
// brings no driver.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, "incidents")
//	err = store.Migrate(ctx)
//	err = client.AIAnalyst.Deliver(ctx, store, nil)
//
// Deliver saves each batch of changes and its checkpoint in one transaction, so that
// no change is lost or stored twice, even after a crash. Run any number of replicas:
// one delivers, and the others stand by. Model alerts go the same way, to a store with
// another name:
//
//	err = client.ModelBreaches.Deliver(ctx, alerts, nil)
//
// Consumers call [Store.Handle]. There may be any number of them, in the same process
// or in others. Writes that a handler makes in its transaction happen exactly once.
// Other effects, such as a call of a ticket system, may happen again after a crash:
// use [Message.Key] to recognise them.
//
// # Tables
//
// The table darktrace_checkpoint has a row for each feed: the checkpoint as JSON,
// a revision that counts the saves, and when it was saved last. The table
// darktrace_outbox has a row for each change; a feed's name and the change's key
// are unique. [Dialect.Schema] returns the statements for a migration tool. Times
// are milliseconds since 1970. Call [Store.Purge] now and then, or the outbox
// grows forever.
package sqlstore
