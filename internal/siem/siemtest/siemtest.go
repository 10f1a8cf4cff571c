// Package siemtest holds helpers for the tests of the mappings to the schemas of
// SIEMs.
package siemtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Paths of fixtures from a package at the top level.
const (
	Events   = "../internal/siem/testdata/events.json"   // The first event has every field.
	Breaches = "../internal/siem/testdata/breaches.json" // The first alert has every field.
)

// EventFiles lists all fixtures of events.
func EventFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/events-*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append(files, Events)
}

// BreachFiles lists all fixtures of model alerts.
func BreachFiles() []string { return []string{Breaches, "../internal/fixtures/modelbreaches.json"} }

// Read decodes a file of fixtures.
func Read[T any](t testing.TB, file string) []T {
	t.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // A fixture.
	require.NoError(t, err)
	var all []T
	require.NoError(t, json.Unmarshal(data, &all))
	require.NotEmpty(t, all)
	return all
}

// Encode encodes a document.
func Encode(t testing.TB, doc any) []byte {
	t.Helper()
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	return data
}

// Golden compares documents with a file in testdata, or updates the file.
func Golden(t testing.TB, update bool, name string, docs any) {
	t.Helper()
	got, err := json.MarshalIndent(docs, "", "  ")
	require.NoError(t, err)
	file := filepath.Join("testdata", name)
	if update {
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o600))
	}
	want, err := os.ReadFile(file) //nolint:gosec // A fixture.
	require.NoError(t, err)
	lines, wanted := strings.Split(string(got), "\n"), strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	for i := range min(len(lines), len(wanted)) {
		require.Equal(t, wanted[i], lines[i], "%s:%d; if this is right, run the test with -update", file, i+1)
	}
	require.Len(t, lines, len(wanted), "%s; if this is right, run the test with -update", file)
}

// HasFields checks that a document has values at paths of names and indices.
func HasFields(t testing.TB, doc []byte, fields map[string]any) {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(doc, &value))
	for path, want := range fields {
		assert.Equal(t, want, at(value, path), path)
	}
}

func at(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// List is a JSON array.
func List(values ...any) []any { return values }

// Idle lists the fields of a type that none of the documents sets.
func Idle[T any](docs []T) []string {
	set := map[string]bool{}
	for _, doc := range docs {
		gather("", reflect.ValueOf(doc), set)
	}
	var idle []string
	for path, ok := range set {
		if !ok {
			idle = append(idle, path)
		}
	}
	slices.Sort(idle)
	return idle
}

// gather records for each field whether it was ever set.
func gather(path string, v reflect.Value, set map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			gather(path, v.Elem(), set)
		}
	case reflect.Slice:
		for i := range v.Len() {
			gather(path, v.Index(i), set)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := path + "." + v.Type().Field(i).Name
			set[name] = set[name] || !v.Field(i).IsZero()
			gather(name, v.Field(i), set)
		}
	default:
	}
}

// Fuzz calls check for everything that can be decoded. The fixtures are its seeds.
func Fuzz[T any](f *testing.F, files []string, check func(*testing.T, *T)) {
	for _, file := range files {
		for _, element := range Read[json.RawMessage](f, file) {
			f.Add([]byte(element))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v := new(T)
		if json.Unmarshal(data, v) == nil {
			check(t, v)
		}
	})
}
