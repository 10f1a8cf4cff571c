//go:build linux || darwin || freebsd

package main

import (
	"os"
	"syscall"
	"unsafe"
)

// terminal reports whether a file is a terminal, and how many columns it has; 0 =
// unknown. Other character devices such as /dev/null are not terminals.
func terminal(f *os.File) (columns int, is bool) {
	var size struct{ rows, columns, x, y uint16 }
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size))) //nolint:gosec // The kernel fills it in.
	return int(size.columns), failed == 0
}
