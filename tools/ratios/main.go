// Command ratios reads the output of go test -bench. It compares each
// BenchmarkX/sdk with the BenchmarkX/floor of the same run, and prints a Markdown
// table. If there are several runs, it takes the medians.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

// results holds the values of a benchmark by their unit, one for each run.
type results map[string][]float64

func run(w io.Writer, r io.Reader) error {
	var names []string
	all := map[string]results{} // by the full name
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
		if all[name] == nil {
			all[name] = results{}
			if test, side, _ := strings.Cut(name, "/"); side == "sdk" {
				names = append(names, test)
			}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("%q: %w", lines.Text(), err)
			}
			all[name][fields[i+1]] = append(all[name][fields[i+1]], value)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("no benchmark has a side named sdk")
	}
	fmt.Fprintln(w, "| benchmark | speed, floor = 1 | bytes | allocations | allocations of the floor |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, name := range names {
		sdk, floor := all[name+"/sdk"], all[name+"/floor"]
		if floor == nil {
			fmt.Fprintf(w, "| %s | – | %.0f | %.0f | – |\n", name, sdk.median("B/op"), sdk.median("allocs/op"))
			continue
		}
		fmt.Fprintf(w, "| %s | %.1f | %.2f | %.0f | %.0f |\n", name, floor.median("ns/op")/sdk.median("ns/op"),
			sdk.median("B/op")/floor.median("B/op"), sdk.median("allocs/op"), floor.median("allocs/op"))
	}
	return lines.Err()
}

func (r results) median(unit string) float64 {
	values := slices.Sorted(slices.Values(r[unit]))
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}
