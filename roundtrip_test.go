package darktrace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eventFixtures are the files of events, with what each says is skipped.
var eventFixtures = []string{"events-5.2.json", "events-6.1.json", "events-block.json", "events-mistyped.json"}

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	return data
}

// streamed decodes a list as the client does.
func streamed[T any](tb testing.TB, data []byte, one elementDecoder[T]) []*T {
	tb.Helper()
	var all []*T
	require.NoError(tb, decodeStream(bytes.NewReader(data), one, func(v *T) bool {
		all = append(all, v)
		return true
	}))
	return all
}

// untyped decodes JSON without any types, numbers as they stand.
func untyped(tb testing.TB, data []byte) any {
	tb.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	require.NoError(tb, dec.Decode(&v))
	return v
}

// differences lists the paths at which encoded does not give wire back. Nulls
// don't count, a single value may come back as a list of one, and a number in a
// string as a number.
func differences(path string, wire, encoded any) []string {
	if list, ok := encoded.([]any); ok && len(list) == 1 {
		if _, ok := wire.([]any); !ok {
			return differences(path, wire, list[0])
		}
	}
	var paths []string
	switch wire := wire.(type) {
	case map[string]any:
		back, ok := encoded.(map[string]any)
		if !ok {
			return []string{path}
		}
		for name, v := range wire {
			if v != nil {
				paths = append(paths, differences(path+"."+name, v, back[name])...)
			}
		}
		for name, v := range back {
			alwaysWritten := v == false && (name == "visible" || name == "isAction")
			if v != nil && wire[name] == nil && !alwaysWritten {
				paths = append(paths, path+"."+name+" (made up)")
			}
		}
		return paths
	case []any:
		back, ok := encoded.([]any)
		if len(back) != len(wire) {
			wire = slices.DeleteFunc(slices.Clone(wire), func(v any) bool { return v == nil })
		}
		if !ok || len(back) != len(wire) {
			return []string{path}
		}
		for i, v := range wire {
			paths = append(paths, differences(fmt.Sprintf("%s[%d]", path, i), v, back[i])...)
		}
		return paths
	}
	if back, ok := encoded.(json.Number); ok && sameNumber(fmt.Sprint(wire), string(back)) || wire == encoded {
		return nil
	}
	return []string{path}
}

// sameNumber compares whole numbers exactly, and others as floats.
func sameNumber(a, b string) bool {
	x, errX := strconv.ParseInt(a, 10, 64)
	y, errY := strconv.ParseInt(b, 10, 64)
	if errX == nil && errY == nil {
		return x == y
	}
	f, errF := strconv.ParseFloat(a, 64)
	g, errG := strconv.ParseFloat(b, 64)
	return errF == nil && errG == nil && f == g
}

// roundTrip checks that decoding a list and encoding it gives the wire form
// back, and that decoding that gives the same values again.
func roundTrip[T any](t *testing.T, wire []byte, one elementDecoder[T]) {
	t.Helper()
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, wire))
	decoded := streamed(t, compact.Bytes(), one)
	encoded, err := json.Marshal(decoded)
	require.NoError(t, err)
	assert.Empty(t, differences("", untyped(t, wire), untyped(t, encoded)), "mend the type, not the fixture")

	var again []*T
	require.NoError(t, json.Unmarshal(encoded, &again))
	assert.Equal(t, withoutSkipped(decoded), withoutSkipped(again))
}

// withoutSkipped removes the paths of what was skipped: their order is that of
// the wire.
func withoutSkipped[T any](list []*T) []*T {
	for _, v := range list {
		if e, ok := any(v).(*IncidentEvent); ok {
			e.Skipped = nil
		}
		if g, ok := any(v).(*IncidentGroup); ok {
			g.Skipped = nil
		}
	}
	return list
}

func TestRoundTripOfEvents(t *testing.T) {
	t.Parallel()
	for _, name := range eventFixtures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, fixture(t, name), decodeEvent(false))
		})
	}
}

func TestRoundTripOfTheRest(t *testing.T) {
	t.Parallel()
	roundTrip(t, fixture(t, "groups.json"), decodeGroup(false))
	roundTrip(t, fixture(t, "investigations.json"), decodeInvestigation)
	roundTrip(t, wrapped(fixture(t, "stats.json")), func(data []byte) (*Stats, error) { return decodeStats(data) })
}

func wrapped(data []byte) []byte { return slices.Concat([]byte("["), data, []byte("]")) }

// newOf returns a pointer to a zero value of what v points to.
func newOf(v any) any { return reflect.New(reflect.TypeOf(v).Elem()).Interface() }
