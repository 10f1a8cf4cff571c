// Package conformance_test tests the promises of the SDK through the exported API
// only.
package conformance_test

import (
	"os"
	"testing"
)

// servers are the functions that this program runs in place of tests, by the name
// of an environment variable. Benchmarks run such a server in a separate process.
var servers = map[string]func() error{}

// The tests run in the root of the module, where testdata is.
func TestMain(m *testing.M) {
	for name, serve := range servers {
		if os.Getenv(name) != "" {
			if err := serve(); err != nil {
				panic(err)
			}
			return
		}
	}
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
