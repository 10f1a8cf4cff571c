// Command fleet delivers incident events through NATS: any number of copies run at
// once, one of them delivers, and each event arrives at the consumer once.
//
//	go -C examples/fleet run . -nats embedded           # everything in one program
//	go -C examples/fleet run . -nats nats://127.0.0.1   # with your own server
//
// It watches the appliance that DARKTRACE_URL and tokens in the environment name.
// Without them, or with -fake, it watches a fake appliance inside the program and
// says so. Your own server would keep the invented events, so it then requires
// -fake.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/stores/natsstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, stderr io.Writer) error {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	url := flags.String("nats", "embedded", "`URL` of a NATS server, or embedded")
	feed := flags.String("feed", "incidents", "`name` of the feed; copies share it")
	since := flags.Duration("since", 24*time.Hour, "begin with events of this `age`")
	fake := flags.Bool("fake", false, "watch a fake appliance with invented incidents")
	if err := flags.Parse(args); err != nil {
		return err
	}
	keeps := ""
	if *url != "embedded" {
		keeps = "the NATS server"
	}
	appliance, err := darktracetest.Connect(stderr, *fake, keeps)
	if err != nil {
		return err
	}
	defer appliance.Close()
	if *url == "embedded" {
		srv, stop, err := embed()
		if err != nil {
			return err
		}
		defer stop()
		*url = srv.ClientURL()
	}
	conn, err := nats.Connect(*url, nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	store, err := natsstore.New(ctx, js, *feed, natsstore.Config{})
	if err != nil {
		return err
	}
	consumer, err := consume(ctx, js, *feed, out, stderr)
	if err != nil {
		return err
	}
	defer consumer.Stop()
	return appliance.Client.AIAnalyst.Deliver(ctx, store, &darktrace.WatchOptions{
		PollOptions: darktrace.PollOptions{Since: time.Now().Add(-*since)},
	})
}

// embed starts a NATS server in this program, on any port. Its data is deleted when
// it stops.
func embed() (srv *server.Server, stop func(), err error) {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return nil, nil, err
	}
	srv, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop = func() {
		srv.Shutdown()
		srv.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		stop()
		return nil, nil, errors.New("the embedded NATS server did not start")
	}
	return srv, stop, nil
}

// consume prints each change as a line of JSON. Copies share one durable consumer.
func consume(ctx context.Context, js jetstream.JetStream, feed string, out, stderr io.Writer) (jetstream.ConsumeContext, error) {
	consumer, err := js.CreateOrUpdateConsumer(ctx, "KV_darktrace", jetstream.ConsumerConfig{
		Durable: feed + "-printer", FilterSubject: "darktrace.changes." + feed + ".>",
	})
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	print := json.NewEncoder(out).Encode
	return consumer.Consume(func(msg jetstream.Msg) {
		mu.Lock()
		defer mu.Unlock()
		change, err := natsstore.Change(msg)
		switch {
		case err != nil:
			fmt.Fprintln(stderr, "fleet:", err)
			_ = msg.TermWithReason(err.Error()) // It would be the same the next time.
		case print(change) != nil:
			_ = msg.NakWithDelay(time.Second) // The server delivers it again.
		default:
			_ = msg.Ack()
		}
	})
}
