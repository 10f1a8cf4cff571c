package darktrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// knownEvents is an appliance whose windows list n events, and the checkpoint of
// a feed that knows them all. The answer is made while it is read.
type knownEvents int

func (n knownEvents) RoundTrip(req *http.Request) (*http.Response, error) {
	list := &knownList{left: int(n), rest: []byte("[")}
	writeBenchmarkEvent(&list.event, 0)
	list.id = bytes.Index(list.event.Bytes(), []byte(knownID(0))) + len(knownID(0)) - 1
	list.event.WriteByte(',')
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body: io.NopCloser(list), ContentLength: -1, Request: req,
	}, nil
}

func knownID(i int) string { return fmt.Sprintf("0ebe0000-5e1f-4a61-9c10-%012x", i) }

func (n knownEvents) checkpoint() *Checkpoint {
	now := Millis(time.Now().UnixMilli())
	c := &Checkpoint{through: now, swept: now, floor: now - 7*24*millisPerHour, seen: make(map[string]memory, n)}
	for i := range int(n) {
		c.seen[string(appendKey(nil, knownID(i)))] = memory{until: hoursUp(now) - hours(i%24)}
	}
	return c
}

// knownList writes the list of known events.
type knownList struct {
	event bytes.Buffer // Any of them, and a comma.
	id    int          // Where its id ends.
	left  int          // Events to come.
	rest  []byte       // Of the event that is being read.
}

func (l *knownList) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.left == 0 {
			return 0, io.EOF
		}
		l.left--
		l.rest = l.event.Bytes()
		for i, n := 0, l.left; i < 12; i, n = i+1, n/16 {
			l.rest[l.id-i] = "0123456789abcdef"[n%16]
		}
		if l.left == 0 {
			l.rest[len(l.rest)-1] = ']'
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func BenchmarkPoll10000(b *testing.B)  { benchmarkPoll(b, 10_000) }
func BenchmarkPoll100000(b *testing.B) { benchmarkPoll(b, 100_000) }

// benchmarkPoll polls with nothing new. The floor decodes every event and looks
// its id up.
func benchmarkPoll(b *testing.B, n knownEvents) {
	checkpoint := n.checkpoint()
	client := benchmarkClient(b, "https://appliance.example.com", WithTransport(n), WithMaxResponseSize(1<<40))
	seen := make(map[string]bool, n)
	for i := range int(n) {
		seen[knownID(i)] = true
	}
	floor := func() error {
		dec := json.NewDecoder(must(n.RoundTrip(nil)).Body)
		if _, err := dec.Token(); err != nil {
			return err
		}
		for dec.More() {
			var event floorEvent
			if err := dec.Decode(&event); err != nil || !seen[event.ID] {
				return errors.Join(err, errors.New("an event that is not known"))
			}
		}
		return nil
	}
	sdk := func() error {
		result, err := client.AIAnalyst.Poll(b.Context(), checkpoint, nil)
		if err == nil && len(result.Changes) > 0 {
			err = errors.New("an event that is not known")
		}
		return err
	}
	for name, run := range map[string]func() error{"floor": floor, "sdk": sdk} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, run)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*int(n)), "ns/event")
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// With nothing new no more is allocated for an event than its place in the next
// checkpoint, which all of them share.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfAPoll(t *testing.T) {
	const n = knownEvents(5000)
	client := benchmarkClient(t, "https://appliance.example.com", WithTransport(n))
	checkpoint := n.checkpoint()
	allocations := testing.AllocsPerRun(2, func() {
		result, err := client.AIAnalyst.Poll(t.Context(), checkpoint, nil)
		require.NoError(t, err)
		require.Empty(t, result.Changes)
	})
	assert.LessOrEqual(t, allocations, 1000.0)
}

// BenchmarkCheckpoint100000 is what a restart with 100,000 ids costs: out to
// JSON and in again.
func BenchmarkCheckpoint100000(b *testing.B) {
	checkpoint := knownEvents(100_000).checkpoint()
	benchmark(b, func() error {
		data, err := json.Marshal(checkpoint)
		b.SetBytes(int64(len(data)))
		return errors.Join(err, json.Unmarshal(data, new(Checkpoint)))
	})
}
