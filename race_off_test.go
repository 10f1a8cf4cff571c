//go:build !race

package darktrace

const raceSlack = 0
