package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := run(&out, strings.NewReader(`goos: linux
BenchmarkDecode/floor-2   1  900 ns/op  40.00 MB/s  200 B/op  30 allocs/op
BenchmarkDecode/floor-2   1  100 ns/op  40.00 MB/s  200 B/op  30 allocs/op
BenchmarkDecode/floor-2   1  400 ns/op  40.00 MB/s  200 B/op  30 allocs/op
BenchmarkDecode/sdk-2     1  100 ns/op  160.0 MB/s   50 B/op  10 allocs/op
BenchmarkPoll/sdk-2       1  100 ns/op  50 B/op  10 allocs/op
PASS`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| Decode | 4.0 | 0.25 | 10 | 30 |\n", "| Poll | – | 50 | 10 | – |\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if err := run(&out, strings.NewReader("PASS")); err == nil {
		t.Error("nothing to compare was not an error")
	}
	if err := run(&out, strings.NewReader("BenchmarkX/sdk-2 1 fast ns/op")); err == nil {
		t.Error("a line that can't be read was not an error")
	}
}
