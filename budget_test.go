package darktrace

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Allocations are exact, so budgets hold on every machine. These tests can't be
// parallel: they would count those of others.

//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfAnEvent(t *testing.T) {
	const events = 100
	body := benchmarkEvents(events)
	require.InDelta(t, 5800, len(body)/events, 300, "bytes an event")
	allocations := testing.AllocsPerRun(5, func() {
		require.NoError(t, decodeStream(bytes.NewReader(body), decodeEvent(false), func(*IncidentEvent) bool { return true }))
	})
	assert.LessOrEqual(t, allocations/events, 115.0)
}

// A look-up of one event may not pay for what helps long lists.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestAllocationsOfASmallEvent(t *testing.T) {
	body := []byte(`[{"id":"a","title":"A title","createdAt":1700000000000,"category":"critical","acknowledged":false}]`)
	allocations := testing.AllocsPerRun(100, func() {
		require.NoError(t, decodeStream(bytes.NewReader(body), decodeEvent(false), func(*IncidentEvent) bool { return true }))
	})
	assert.LessOrEqual(t, allocations, 14.0)
}

// The memory in use doesn't depend on how much has gone through.
//
//nolint:paralleltest // counts what other tests allocate, too
func TestMemoryOfAStream(t *testing.T) {
	const events = 40_000
	mail := streamed(t, fixture(t, "events-6.1.json"), decodeEvent(true))[1].Raw
	var early, late uint64
	n := 0
	err := decodeStream(newEventReader(mail, events), decodeEvent(false), func(*IncidentEvent) bool {
		switch n++; n {
		case 1_000:
			early = liveHeap()
		case events:
			late = liveHeap()
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, events, n)
	assert.Less(t, late, early+1<<20)
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// eventReader gives n times the same event as a list.
type eventReader struct {
	element []byte // the event and a comma
	n       int
	rest    []byte
}

func newEventReader(event []byte, n int) *eventReader {
	return &eventReader{element: append([]byte{','}, event...), n: n - 1, rest: slices.Concat([]byte("["), event)}
}

func (r *eventReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		switch r.n--; {
		case r.n >= 0:
			r.rest = r.element
		case r.n == -1:
			r.rest = []byte("]")
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
