//go:build !(linux || darwin || freebsd)

package main

import "os"

// terminal reports whether a file is a terminal: a character device. It returns no
// width, since such terminals wrap lines themselves.
func terminal(f *os.File) (columns int, is bool) {
	info, err := f.Stat()
	return 0, err == nil && info.Mode()&os.ModeCharDevice != 0
}
