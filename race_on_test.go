//go:build race

package darktrace

// raceSlack is what allocations may exceed a budget by: the race detector has
// sync.Pool lose things.
const raceSlack = 10
