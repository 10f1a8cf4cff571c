// Package natsstore keeps the checkpoint of a feed in a NATS key-value bucket, and
// publishes the changes that the feed delivers to JetStream.
//
//	conn, err := nats.Connect(url)
//	js, err := jetstream.New(conn)
//	store, err := natsstore.New(ctx, js, "incidents", natsstore.Config{})
//	err = client.AIAnalyst.Deliver(ctx, store, nil)
//
// Each change has its own subject, "darktrace.changes.<feed>.<key>". The server keeps
// one message for each subject, so a repeated change is not published again. The header
// [KeyHeader] holds its key. Read the changes with a durable consumer of the stream
// "KV_darktrace" that is filtered by "darktrace.changes.<feed>.>", and decode them with
// [Change]. Model alerts work the same way: ModelBreaches.Deliver takes a store with
// another name, and [BreachOf] decodes its messages.
//
// With nats-server 2.12 or newer a batch of changes and its checkpoint are stored
// together or not at all ([Store.Atomic]). With an older server the changes are
// published first. After a crash they are published again with the same keys, and
// the server refuses them while it keeps the first ones.
//
// # Limits
//
// A checkpoint is one message, and so is each change. Each must fit into the
// server's max_payload, 1 MiB unless configured otherwise. If one does not fit,
// saving returns an error with both sizes and stores nothing, and Deliver tries
// again. So a change that does not fit holds up all changes behind it: raise
// max_payload, or narrow the feed. Changes are kept until they are deleted, or for [Config.ChangeTTL].
package natsstore
