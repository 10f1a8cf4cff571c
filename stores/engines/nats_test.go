package engines_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/stores/natsstore"
)

// startNATS starts a server in the test process that keeps its data in dir. Port
// -1 stands for any.
func startNATS(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	require.True(t, srv.ReadyForConnections(10*time.Second))
	return srv
}

func connectNATS(t testing.TB, srv *server.Server) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(srv.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	return js
}

// onNATS runs a test with batches and without.
func onNATS(t *testing.T, test func(t *testing.T, js jetstream.JetStream, store *natsstore.Store)) {
	t.Helper()
	for _, batch := range []bool{true, false} {
		t.Run(fmt.Sprint("batch=", batch), func(t *testing.T) {
			t.Parallel()
			js := connectNATS(t, startNATS(t, t.TempDir(), -1))
			store, err := natsstore.New(t.Context(), js, "feed", natsstore.Config{NoBatch: !batch})
			require.NoError(t, err)
			assert.Equal(t, batch, store.Atomic())
			test(t, js, store)
		})
	}
}

// published returns the messages of all changes, in their order.
func published(t testing.TB, js jetstream.JetStream, subject string) []jetstream.Msg {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), "KV_darktrace", jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject + ".>"}})
	require.NoError(t, err)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	var messages []jetstream.Msg
	for range info.NumPending {
		msg, err := consumer.Next(jetstream.FetchMaxWait(5 * time.Second))
		require.NoError(t, err)
		messages = append(messages, msg)
	}
	return messages
}

func publishedChanges(t testing.TB, js jetstream.JetStream) []darktrace.EventChange {
	t.Helper()
	var changes []darktrace.EventChange
	for _, msg := range published(t, js, "darktrace.changes.feed") {
		change, err := natsstore.Change(msg)
		require.NoError(t, err)
		assert.Equal(t, change.Key, msg.Headers().Get(natsstore.KeyHeader))
		changes = append(changes, change)
	}
	return changes
}

func publishedBreaches(t testing.TB, js jetstream.JetStream, feed string) []darktrace.BreachChange {
	t.Helper()
	var changes []darktrace.BreachChange
	for _, msg := range published(t, js, "darktrace.changes."+feed) {
		change, err := natsstore.BreachOf(msg)
		require.NoError(t, err)
		assert.Equal(t, change.Key, msg.Headers().Get(natsstore.KeyHeader))
		changes = append(changes, change)
	}
	return changes
}

func TestNATSCheckpointStore(t *testing.T) {
	t.Parallel()
	onNATS(t, func(t *testing.T, _ jetstream.JetStream, store *natsstore.Store) {
		darktracetest.TestCheckpointStore(t, store)
	})
}

func TestNATSChangeStore(t *testing.T) {
	t.Parallel()
	js := connectNATS(t, startNATS(t, t.TempDir(), -1))
	store, err := natsstore.New(t.Context(), js, "feed", natsstore.Config{})
	require.NoError(t, err)
	darktracetest.TestChangeStore(t, store, func(context.Context) ([]string, error) { return keys(t, js), nil })
}

// A stream of an older server gets batches once the server has them.
func TestNATSUpgradedServer(t *testing.T) {
	t.Parallel()
	js := connectNATS(t, startNATS(t, t.TempDir(), -1))
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "KV_darktrace", Subjects: []string{"$KV.darktrace.>", "darktrace.changes.>"}, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowMsgTTL: true,
	})
	require.NoError(t, err)
	store, err := natsstore.New(t.Context(), js, "feed", natsstore.Config{NoBatch: true})
	require.NoError(t, err)
	assert.False(t, store.Atomic())
	stream, err := js.Stream(t.Context(), "KV_darktrace")
	require.NoError(t, err)
	assert.False(t, stream.CachedInfo().Config.AllowAtomicPublish, "unasked for")
	store, err = natsstore.New(t.Context(), js, "feed", natsstore.Config{})
	require.NoError(t, err)
	assert.True(t, store.Atomic())
	require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes(0, 3)))
	assert.Len(t, keys(t, js), 3)
}

// Model alerts go the same way, on the subjects of their feed.
func TestNATSBreachStore(t *testing.T) {
	t.Parallel()
	onNATS(t, func(t *testing.T, js jetstream.JetStream, events *natsstore.Store) {
		require.NoError(t, events.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes(0, 3)))
		store, err := natsstore.New(t.Context(), js, "alerts", natsstore.Config{NoBatch: !events.Atomic()})
		require.NoError(t, err)
		deliverBreaches(t, store, func() []darktrace.BreachChange { return publishedBreaches(t, js, "alerts") })
		assert.Len(t, keys(t, js), 3, "changes of the other feed")
		require.NoError(t, js.Conn().Publish("darktrace.changes.alerts.broken", []byte("{")))
		require.NoError(t, js.Conn().Flush())
		broken := published(t, js, "darktrace.changes.alerts")
		_, err = natsstore.BreachOf(broken[len(broken)-1])
		assert.ErrorContains(t, err, "natsstore: message on darktrace.changes.alerts.broken: ")
	})
}

// changes returns n changes, with keys that begin at the given number.
func changes(from, n int) []darktrace.EventChange {
	var changes []darktrace.EventChange
	for i := from; i < from+n; i++ {
		changes = append(changes, darktrace.EventChange{Kind: darktrace.EventNew, Key: fmt.Sprintf("key.%04d", i), Event: &darktrace.IncidentEvent{ID: fmt.Sprint("event ", i)}})
	}
	return changes
}

// keys returns the keys of the changes that were published, in their order.
func keys(t *testing.T, js jetstream.JetStream) []string {
	t.Helper()
	var keys []string
	for _, change := range publishedChanges(t, js) {
		keys = append(keys, change.Key)
	}
	return keys
}

// More changes than a batch takes, some of which were published before: each is
// there once, and in order.
func TestNATSManyChanges(t *testing.T) {
	t.Parallel()
	onNATS(t, func(t *testing.T, js jetstream.JetStream, store *natsstore.Store) {
		checkpoint := new(darktrace.Checkpoint)
		require.NoError(t, store.SaveChanges(t.Context(), nil, checkpoint, changes(0, 10)))
		require.NoError(t, store.SaveChanges(t.Context(), checkpoint, checkpoint, changes(5, 1300)))
		require.NoError(t, store.SaveChanges(t.Context(), checkpoint, checkpoint, changes(1300, 10)))
		require.NoError(t, store.SaveChanges(t.Context(), checkpoint, checkpoint, changes(1300, 10)), "all of which are known")
		twice := append(changes(1310, 3), changes(1310, 3)...)
		require.NoError(t, store.SaveChanges(t.Context(), checkpoint, checkpoint, twice), "twice at once")
		var want []string
		for _, change := range changes(0, 1313) {
			want = append(want, change.Key)
		}
		assert.Equal(t, want, keys(t, js))
	})
}

// distant is a connection to a server that is far away.
type distant struct{ net.Conn }

func (d distant) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	time.Sleep(300 * time.Millisecond) // A client gives up a publication that has to wait for 200.
	return n, err
}

func (distant) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address) //nolint:noctx // nats.CustomDialer has no context.
	return distant{conn}, err
}

// Without batches, a backlog is more than a client may have under way at once.
func TestNATSBacklog(t *testing.T) {
	t.Parallel()
	conn, err := nats.Connect(startNATS(t, t.TempDir(), -1).ClientURL(), nats.SetCustomDialer(distant{}))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	const most = 150 // 4,000 by default, which takes longer.
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(most))
	require.NoError(t, err)
	store, err := natsstore.New(t.Context(), js, "feed", natsstore.Config{NoBatch: true})
	require.NoError(t, err)
	require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes(0, 2*most)))
	stream, err := js.Stream(t.Context(), "KV_darktrace")
	require.NoError(t, err)
	assert.EqualValues(t, 2*most+1, stream.CachedInfo().State.Msgs, "the changes and the checkpoint")
}

// A checkpoint that was deleted by hand can be saved for the first time again.
func TestNATSDeletedCheckpoint(t *testing.T) {
	t.Parallel()
	onNATS(t, func(t *testing.T, js jetstream.JetStream, store *natsstore.Store) {
		require.NoError(t, store.Save(t.Context(), nil, new(darktrace.Checkpoint)))
		bucket, err := js.KeyValue(t.Context(), "darktrace")
		require.NoError(t, err)
		entry, err := bucket.Get(t.Context(), "feed")
		require.NoError(t, err)
		assert.NotEmpty(t, entry.Value(), "the checkpoint in the bucket")
		require.NoError(t, bucket.Delete(t.Context(), "feed"))
		_, err = store.Load(t.Context())
		require.ErrorIs(t, err, darktrace.ErrNoCheckpoint)
		assert.ErrorIs(t, store.Save(t.Context(), new(darktrace.Checkpoint), new(darktrace.Checkpoint)), darktrace.ErrCheckpointConflict)
		require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes(0, 2)))
		assert.Len(t, keys(t, js), 2)
	})
}

// What does not fit into a message is refused with both sizes, and nothing of it
// is published.
func TestNATSPayloadLimit(t *testing.T) {
	t.Parallel()
	onNATS(t, func(t *testing.T, js jetstream.JetStream, store *natsstore.Store) {
		large := changes(0, 2)
		large[1].Event.Title = strings.Repeat("a", 1<<20)
		err := store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), large)
		assert.ErrorContains(t, err, `natsstore: saving the checkpoint of "feed": the change key.0001 has 10`)
		assert.ErrorContains(t, err, "bytes, and the server takes 1048576 in a message: raise its max_payload, or narrow the feed")
		assert.Empty(t, keys(t, js))
		_, err = store.Load(t.Context())
		assert.ErrorIs(t, err, darktrace.ErrNoCheckpoint)
	})
}

func TestNATSChangeTTL(t *testing.T) {
	t.Parallel()
	js := connectNATS(t, startNATS(t, t.TempDir(), -1))
	store, err := natsstore.New(t.Context(), js, "feed", natsstore.Config{Subject: "alerts", ChangeTTL: 90 * time.Minute})
	require.NoError(t, err)
	require.NoError(t, store.SaveChanges(t.Context(), nil, new(darktrace.Checkpoint), changes(0, 1)))
	messages := published(t, js, "alerts.feed")
	require.Len(t, messages, 1)
	assert.Equal(t, "5400s", messages[0].Headers().Get(jetstream.MsgTTLHeader))
	_, err = natsstore.Change(messages[0])
	require.NoError(t, err)
}

func TestNATSMistakes(t *testing.T) {
	t.Parallel()
	js := connectNATS(t, startNATS(t, t.TempDir(), -1))
	for want, config := range map[string]natsstore.Config{
		`natsstore: the bucket's name "a.b" has other characters than letters, digits, "-" and "_"`: {Bucket: "a.b"},
		"natsstore: ChangeTTL is -1s": {ChangeTTL: -time.Second},
	} {
		_, err := natsstore.New(t.Context(), js, "feed", config)
		assert.EqualError(t, err, want)
	}
	_, err := natsstore.New(t.Context(), nil, "feed", natsstore.Config{})
	assert.EqualError(t, err, "natsstore: JetStream is nil")
	_, err = natsstore.New(t.Context(), js, "a feed", natsstore.Config{})
	assert.EqualError(t, err, `natsstore: the feed's name "a feed" has other characters than letters, digits, "-" and "_"`)

	// A bucket without the settings that a store needs.
	_, err = js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "plain"})
	require.NoError(t, err)
	_, err = natsstore.New(t.Context(), js, "feed", natsstore.Config{Bucket: "plain"})
	assert.EqualError(t, err, `natsstore: opening the stream of "feed": the stream KV_plain does not take the subject darktrace.changes.feed.>`)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = natsstore.New(ended, js, "feed", natsstore.Config{})
	assert.ErrorIs(t, err, context.Canceled)
}
