package darktrace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/wire"
)

// hostile are events of about n bytes that are made to cost more than their size.
var hostile = map[string]func(n int) string{
	"lists in lists": func(n int) string {
		return `{"x":[` + repeat(strings.Repeat("[", 5000)+strings.Repeat("]", 5000), n) + `]}`
	},
	"objects in objects": func(n int) string {
		return `{"x":[` + repeat(strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000), n) + `]}`
	},
	"texts in texts": func(n int) string {
		return `{"summary":{"replacements":[` + repeat(strings.Repeat(`{"replacements":[`, 2000)+strings.Repeat("]}", 2000), n) + `]}}`
	},
	"repeated details": func(n int) string {
		return "{" + repeat(`"details":[[{"contents":[{"values":[1],"type":"x"}]}]]`, n) + "}"
	},
	"repeated members": func(n int) string { return "{" + repeat(`"title":[],"title":"a","pinned":{},"x":[1]`, n) + "}" },
	"unknown members": func(n int) string {
		return "{" + numbered(`"x%d":1`, n) + "}"
	},
	"unknown members of parts": func(n int) string { return `{"breachDevices":[{` + numbered(`"x%d":1`, n) + `}]}` },
	"mistyped members of parts": func(n int) string {
		return `{"breachDevices":[{` + numbered(`"x%d":1,"did":"x","ip":{}`, n) + `}]}`
	},
	"empty parts":  func(n int) string { return `{"periods":[` + repeat("{}", n) + `]}` },
	"odd elements": func(n int) string { return `{"attackPhases":[` + repeat(`"x"`, n) + `]}` },
	"empty values": func(n int) string { return `{"details":[[{"contents":[` + repeat(`{"values":[]}`, n) + `]}]]}` },
	"types that come late": func(n int) string {
		return `{"details":[[{"contents":[` + repeat(`{"values":["1","2"],"type":"integer","values":["3"],"type":"float"}`, n) + `]}]]}`
	},
	"a long text": func(n int) string { return `{"title":"` + strings.Repeat(`\"ü`, n/4) + `"}` },
	"long names": func(n int) string {
		return `{"` + strings.Repeat("x", n/2) + `":{"` + strings.Repeat("y", n/2) + `":[1]}}`
	},
	"unfit values in probes in probes": func(n int) string {
		return strings.Repeat(`{"probes":{"b":1,"a":`, 1000) + `{"hostname":"` + strings.Repeat("x", n) + `"}` + strings.Repeat("}}", 1000)
	},
	"odd elements in probes in probes": func(n int) string {
		return strings.Repeat(`{"probes":{"a":`, 4000) + `{"subnetData":[` + repeat("1", 200) + `],"hostname":"` + strings.Repeat("x", n) + `"}` + strings.Repeat("}}", 4000)
	},
	"names by prefix": func(n int) string { return "{" + numbered(`"networkInterfacesState_%d":"up","x%[1]d":2`, n) + "}" },
}

// repeat joins copies of a text by commas, up to n bytes.
func repeat(text string, n int) string {
	return strings.Repeat(text+",", max(n/(len(text)+1), 1)) + text
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, format+",", i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// Decoding and encoding take work and memory in proportion to the size: where it
// doubles, they at most triple. The work is counted, since time depends on what else
// the machine does.
//
//nolint:paralleltest // measures
func TestGrowth(t *testing.T) {
	for name, body := range hostile {
		t.Run(name, func(t *testing.T) {
			const smallest, doublings = 1 << 18, 2
			var before [3]cost
			for doubled := range doublings + 1 {
				text := body(smallest << doubled)
				costs := [...]cost{decoding(text), readingInPieces(text), encoding(t, text)}
				for i, what := range []string{"decoding", "reading in pieces", "encoding"} {
					if doubled > 0 {
						assert.LessOrEqual(t, costs[i].steps, 3*before[i].steps, what)
						assert.LessOrEqual(t, costs[i].bytes, 3*before[i].bytes+1<<20, what)
					}
				}
				assert.LessOrEqual(t, costs[0].bytes, uint64(4*(wire.Allowance+wire.Growth*len(text))))
				before = costs
			}
		})
	}
}

// So does the expression of a component, as a tree and as text, however deep it is.
//
//nolint:paralleltest // measures
func TestGrowthOfExpressions(t *testing.T) {
	used := func(depth int) uint64 {
		data := strings.Repeat(`{"operator":"AND","right":"B","left":`, depth) + `"A"` + strings.Repeat("}", depth)
		return memoryOf(func() {
			e, err := ComponentLogic{Data: RawJSON(data)}.Expression()
			require.NoError(t, err)
			assert.Equal(t, "A"+strings.Repeat(" AND B", depth), e.String())
		})
	}
	const depth = 2000
	assert.LessOrEqual(t, used(2*depth), 3*used(depth))
}

// So does a comment that is full of what may be HTML escapes.
//
//nolint:paralleltest // measures
func TestGrowthOfUnescaping(t *testing.T) {
	used := func(n int) uint64 {
		text := strings.Repeat("&A", n) + ";"
		return memoryOf(func() { assert.Equal(t, text, unescape(text)) })
	}
	const n = 8000
	assert.LessOrEqual(t, used(2*n), 3*used(n)+1<<16)
}

// cost is the cost of some work: steps of the codec, and bytes of memory.
type cost struct {
	steps int
	bytes uint64
}

// both are an event and a system's status, which has members by prefix of their names.
type both struct {
	event  IncidentEvent
	status Status
}

func (b *both) read(text string) (steps int) {
	for _, read := range []func(*wire.Cursor) wire.Outcome{b.event.readJSON, b.status.readJSON} {
		var c wire.Cursor
		c.On([]byte(text))
		read(&c)
		steps += c.Steps()
	}
	return steps
}

func (b *both) write() (steps int) {
	for _, write := range []func(*wire.Writer){b.event.writeJSON, b.status.writeJSON} {
		var w wire.Writer
		write(&w)
		steps += w.Steps()
	}
	return steps
}

func decoding(text string) (c cost) {
	c.bytes = memoryOf(func() { c.steps = new(both).read(text) })
	return c
}

func readingInPieces(text string) (c cost) {
	c.bytes = memoryOf(func() {
		r := &pieces{Reader: strings.NewReader("[" + text + "]")}
		_ = decodeStream(r, decodeEvent(nil, false), ignore, func(*IncidentEvent) bool { return true })
		c.steps = r.n
	})
	return c
}

// pieces is a reader that returns data in small pieces, like a slow network, n
// times.
type pieces struct {
	io.Reader

	n int
}

func (r *pieces) Read(p []byte) (int, error) {
	r.n++
	return r.Reader.Read(p[:min(len(p), 1400)])
}

func encoding(t *testing.T, text string) (c cost) {
	t.Helper()
	var b both
	b.read(text)
	c.bytes = memoryOf(func() { c.steps = b.write() })
	return c
}

// Whoever no longer waits for a response need not wait for the rest of its decoding.
func TestDecodingStops(t *testing.T) {
	t.Parallel()
	for name, body := range hostile {
		text := body(1 << 20)
		for after := range 4 {
			asked, at := 0, 0
			var c wire.Cursor
			c.Context = asking{t.Context(), func() bool {
				asked++
				at = c.Steps()
				return asked > after
			}}
			c.On([]byte(text))
			new(IncidentEvent).readJSON(&c)
			const unwinding = 10_000 // of two thousand levels
			assert.True(t, asked <= after || c.Steps() <= at+unwinding, "%s: %d steps after %d", name, c.Steps()-at, at)
		}
	}
}

// asking is a context that counts how often Err is called.
type asking struct {
	context.Context
	ended func() bool
}

func (a asking) Err() error {
	if a.ended() {
		return context.Canceled
	}
	return nil
}

func memoryOf(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A response of next to nothing, a few kilobytes on the network, takes no gigabytes.
//
//nolint:paralleltest // measures
func TestMemoryOfNextToNothing(t *testing.T) {
	const n = 3 << 20
	for name, body := range map[string]string{
		"events":        "[" + repeat("{}", n) + "]",
		"parts":         `[{"relatedBreaches":[` + repeat("{}", n) + "]}]",
		"texts":         `[{"summary":{"replacements":[` + repeat("1", n) + "]}}]",
		"unknown":       "[" + "{" + numbered(`"%d":0`, 2*n) + "}]",
		"parts of many": "[" + repeat(`{"periods":[`+repeat("{}", 1000)+`],"relatedBreaches":[`+repeat("{}", 1000)+"]}", n) + "]",
	} {
		var events []*IncidentEvent
		var err error
		used := memoryOf(func() {
			err = decodeStream(bytes.NewReader([]byte(body)), decodeEvent(nil, false), ignore, func(e *IncidentEvent) bool {
				events = append(events, e)
				return true
			})
		})
		if name == "events" || name == "texts" {
			require.EqualError(t, err, "it would need more than 64 MiB of memory plus 16 times its own size", name)
		}
		assert.Less(t, used>>20, uint64(1200), name)
	}
	for _, body := range []string{
		`{"summary":{"replacements":[` + repeat("1", n) + "]}}",
		hostile["unfit values in probes in probes"](1 << 20),
		hostile["odd elements in probes in probes"](1 << 20),
		`{"statistics":[` + repeat(`{"":[]}`, n) + "]}",
		`{"details":[[{"contents":[{"type":"device","values":[` + repeat("{}", n) + "]}]}]]}",
	} {
		e, n, s := IncidentEvent{}, Network{}, Status{}
		require.ErrorContains(t, errors.Join(json.Unmarshal([]byte(body), &e), json.Unmarshal([]byte(body), &n), json.Unmarshal([]byte(body), &s)), "it would need more than 64 MiB")
		assert.Zero(t, e.Summary.String())
		assert.Nil(t, n.Statistics)
		assert.Nil(t, s.Probes)
	}
}
