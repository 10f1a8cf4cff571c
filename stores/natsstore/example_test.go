package natsstore_test

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/stores/natsstore"
)

// One program delivers, and any number of consumers get what was delivered.
func Example() {
	deliver := func(ctx context.Context, client *darktrace.Client, js jetstream.JetStream) error {
		store, err := natsstore.New(ctx, js, "incidents", natsstore.Config{})
		if err != nil {
			return err
		}
		return client.AIAnalyst.Deliver(ctx, store, nil)
	}
	consume := func(ctx context.Context, js jetstream.JetStream, handle func(darktrace.EventChange) error) (jetstream.ConsumeContext, error) {
		consumer, err := js.CreateOrUpdateConsumer(ctx, "KV_darktrace", jetstream.ConsumerConfig{
			Durable: "tickets", FilterSubject: "darktrace.changes.incidents.>",
		})
		if err != nil {
			return nil, err
		}
		return consumer.Consume(func(msg jetstream.Msg) {
			change, err := natsstore.Change(msg)
			switch {
			case err != nil:
				_ = msg.TermWithReason(err.Error()) // It would be the same the next time.
			case handle(change) != nil: // After a crash it may receive a change again, with the same Key.
				_ = msg.NakWithDelay(time.Minute)
			default:
				_ = msg.Ack()
			}
		})
	}
	_, _ = deliver, consume
}
