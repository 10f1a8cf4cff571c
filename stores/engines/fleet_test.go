package engines_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/stores/natsstore"
	"github.com/darktrace-go/darktrace/stores/sqlstore"
)

var (
	kills  = flag.Int("kills", 2, "how often each replica is killed")
	events = flag.Int("events", 300, "how many events there are meanwhile")
)

// Environment of a replica.
const (
	replicaEngine = "ENGINES_REPLICA" // engine's name
	replicaDSN    = "ENGINES_REPLICA_DSN"
	replicaFeed   = "ENGINES_REPLICA_FEED"
)

func TestMain(m *testing.M) {
	if os.Getenv(replicaEngine) != "" {
		for { // Restart it, as a supervisor does.
			log.Print(replica(context.Background()))
			time.Sleep(4 * interval)
		}
	}
	os.Exit(m.Run())
}

// interval is short, so that a replica takes over soon.
const interval = 50 * time.Millisecond

const (
	limit   = 5               // small, so that a kill often interrupts a delivery
	overlap = 5 * time.Second // so that a pass does not list everything again
)

// alertsOf returns the name of the feed of model alerts beside one of events.
func alertsOf(feed string) string { return feed + "-alerts" }

// replica delivers incident events and model alerts until it is killed.
func replica(ctx context.Context) error {
	client, err := darktrace.NewClientFromEnv()
	if err != nil {
		return err
	}
	engine, dsn, feed := os.Getenv(replicaEngine), os.Getenv(replicaDSN), os.Getenv(replicaFeed)
	events, err := replicaStore(ctx, engine, dsn, feed)
	if err != nil {
		return err
	}
	alerts, err := replicaStore(ctx, engine, dsn, alertsOf(feed))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	var eventErr, alertErr error
	group.Go(func() {
		defer stop()
		eventErr = client.AIAnalyst.Deliver(ctx, events, &darktrace.WatchOptions{
			Interval: interval, PollOptions: darktrace.PollOptions{Limit: limit, Overlap: overlap},
		})
	})
	group.Go(func() {
		defer stop()
		alertErr = client.ModelBreaches.Deliver(ctx, alerts, &darktrace.BreachWatchOptions{
			Interval: interval, BreachPollOptions: darktrace.BreachPollOptions{Limit: limit, Overlap: overlap},
		})
	})
	group.Wait()
	return errors.Join(eventErr, alertErr)
}

// store stores the changes of either feed.
type store interface {
	darktrace.ChangeStore
	darktrace.BreachStore
}

func replicaStore(ctx context.Context, engine, dsn, feed string) (store, error) {
	switch engine {
	case "nats", "nats-nobatch":
		conn, err := nats.Connect(dsn, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
		if err != nil {
			return nil, err
		}
		js, err := jetstream.New(conn)
		if err != nil {
			return nil, err
		}
		return natsstore.New(ctx, js, feed, natsstore.Config{NoBatch: engine == "nats-nobatch"})
	}
	driver, dialect := map[string]string{"sqlite": "sqlite", "postgres": "pgx", "mariadb": "mysql"}[engine],
		map[string]sqlstore.Dialect{"sqlite": sqlstore.SQLite, "postgres": sqlstore.PostgreSQL, "mariadb": sqlstore.MySQL}[engine]
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(db, dialect, feed)
}

// fleet is two replicas at work on one engine.
type fleet struct {
	t    *testing.T
	srv  *darktracetest.Server
	env  []string
	log  *os.File // what the replicas print
	runs [2]*exec.Cmd
}

func newFleet(t *testing.T, engine, dsn, feed string) *fleet {
	t.Helper()
	srv := darktracetest.NewServer()
	t.Cleanup(srv.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, srv.CAPEM(), 0o600))
	f := &fleet{t: t, srv: srv, env: append(os.Environ(),
		"DARKTRACE_URL="+srv.URL, "DARKTRACE_PUBLIC_TOKEN="+srv.PublicToken, "DARKTRACE_PRIVATE_TOKEN="+srv.PrivateToken,
		"DARKTRACE_CA_FILE="+ca, replicaEngine+"="+engine, replicaDSN+"="+dsn, replicaFeed+"="+feed)}
	var err error
	f.log, err = os.Create(filepath.Join(t.TempDir(), "replicas.log"))
	require.NoError(t, err)
	for i := range f.runs {
		f.start(i)
	}
	t.Cleanup(func() {
		for i := range f.runs {
			f.kill(i)
		}
		if t.Failed() {
			text, _ := os.ReadFile(f.log.Name())
			t.Logf("the replicas printed:\n%s", text)
		}
	})
	return f
}

func (f *fleet) start(i int) {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), os.Args[0]) //nolint:gosec // It is this test.
	cmd.Env, cmd.Stderr = f.env, f.log
	require.NoError(f.t, cmd.Start())
	f.runs[i] = cmd
}

// kill is kill -9.
func (f *fleet) kill(i int) {
	_ = f.runs[i].Process.Kill()
	_ = f.runs[i].Wait()
}

// happened holds the ids of the incident events and model alerts that were added to
// an appliance.
type happened struct{ events, alerts []string }

// work adds events and alerts continuously. Meanwhile it kills each replica at
// random moments, as often as -kills says, and runs disturb in the middle.
func (f *fleet) work(disturb func()) happened {
	f.t.Helper()
	const portion = 3
	var did happened
	var alerts []string
	steps := (*events + portion - 1) / portion
	victims := map[int]int{} // replicas by steps
	for i, step := range rand.Perm(steps)[:min(2**kills, steps)] {
		victims[step] = i % 2
	}
	for step := range steps {
		now := darktrace.MillisOf(f.srv.Now())
		for range min(portion, *events-len(did.events)) {
			id, pbid := fmt.Sprintf("event-%04d", len(did.events)), strconv.Itoa(1000+len(did.alerts))
			f.srv.AddEvents(&darktrace.IncidentEvent{ID: id, Title: "Beaconing", CreatedAt: now, Periods: []darktrace.Period{{Start: now, End: now}}})
			alerts = append(alerts, fmt.Sprintf(`{"pbid":%s,"creationTime":%d,"time":%d,"score":0.5}`, pbid, now, now))
			did.events, did.alerts = append(did.events, id), append(did.alerts, pbid)
		}
		require.NoError(f.t, f.srv.SetCollection("modelbreaches", []byte("["+strings.Join(alerts, ",")+"]")))
		if step == steps/2 && disturb != nil {
			disturb()
		}
		time.Sleep(time.Duration(20+rand.IntN(40)) * time.Millisecond)
		if victim, ok := victims[step]; ok {
			f.kill(victim)
			f.start(victim)
		}
	}
	return did
}

// delivered waits until everything has arrived, and then a little longer for
// repetitions. On a busy machine a replica may set a window aside that took too
// long. It reads that window again after a minute, and after two more.
func delivered(t *testing.T, want happened, sink func() happened) {
	t.Helper()
	var got happened
	complete := func() bool { return len(got.events) >= len(want.events) && len(got.alerts) >= len(want.alerts) }
	for deadline := time.Now().Add(5 * time.Minute); !complete() && time.Now().Before(deadline); time.Sleep(20 * interval) {
		got = sink()
	}
	got = sink()
	once(t, "events", want.events, got.events)
	once(t, "alerts", want.alerts, got.alerts)
}

// once checks that every event was delivered exactly once.
func once(t *testing.T, what string, want, got []string) {
	t.Helper()
	count := map[string]int{}
	for _, id := range got {
		count[id]++
	}
	var lost, doubled []string
	for _, id := range want {
		switch n := count[id]; {
		case n == 0:
			lost = append(lost, id)
		case n > 1:
			doubled = append(doubled, id)
		}
	}
	t.Logf("%s: %d %s, %d kills: %d lost, %d doubled", t.Name(), len(want), what, 2**kills, len(lost), len(doubled))
	assert.Empty(t, lost)
	assert.Empty(t, doubled)
	assert.Len(t, got, len(want))
}

//nolint:paralleltest // It restarts a server that other tests use.
func TestFleetSQL(t *testing.T) {
	on(t, func(t *testing.T, e engine) {
		db := e.open(t)
		e.store(t, db) // It creates the tables.
		feed := fmt.Sprint("fleet-", time.Now().UnixNano())
		store, err := sqlstore.New(db, e.dialect, feed)
		require.NoError(t, err)
		alerts, err := sqlstore.New(db, e.dialect, alertsOf(feed))
		require.NoError(t, err)
		var restart func()
		if control := os.Getenv("ENGINES_POSTGRES_CONTROL"); e.name == "postgres" && control != "" {
			restart = func() {
				out, err := exec.CommandContext(t.Context(), "sh", "-c", control+" stop && sleep 2 && "+control+" start >/dev/null").CombinedOutput() //nolint:gosec // It is the test's environment.
				require.NoError(t, err, string(out))
			}
		}
		did := newFleet(t, e.name, e.dsn, feed).work(restart)
		delivered(t, did, func() (got happened) {
			for _, m := range outbox(t, store) {
				change, err := m.Change()
				require.NoError(t, err)
				got.events = append(got.events, change.Event.ID)
			}
			for _, m := range outbox(t, alerts) {
				change, err := m.Breach()
				require.NoError(t, err)
				got.alerts = append(got.alerts, strconv.FormatInt(change.Breach.PBID, 10))
			}
			return got
		})
	})
}

//nolint:paralleltest // Replicas of SQL and NATS at once would be too many.
func TestFleetNATS(t *testing.T) {
	for _, name := range []string{"nats", "nats-nobatch"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), freePort(t)
			srv := startNATS(t, dir, port)
			restart := func() {
				srv.Shutdown()
				srv.WaitForShutdown()
				time.Sleep(2 * time.Second)
				srv = startNATS(t, dir, port)
			}
			conn, err := nats.Connect(srv.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
			require.NoError(t, err)
			t.Cleanup(conn.Close)
			js, err := jetstream.New(conn)
			require.NoError(t, err)
			_, err = natsstore.New(t.Context(), js, "feed", natsstore.Config{})
			require.NoError(t, err)
			did := newFleet(t, name, srv.ClientURL(), "feed").work(restart)
			delivered(t, did, func() (got happened) {
				for _, change := range publishedChanges(t, js) {
					got.events = append(got.events, change.Event.ID)
				}
				for _, change := range publishedBreaches(t, js, alertsOf("feed")) {
					got.alerts = append(got.alerts, strconv.FormatInt(change.Breach.PBID, 10))
				}
				return got
			})
		})
	}
}

// freePort returns a port that is free now.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It returns at once.
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // It has served its purpose.
	return listener.Addr().(*net.TCPAddr).Port
}
