//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

// Package filelock locks a file until its program ends.
package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrReadOnly is the error of writing to a read-only file system.
const ErrReadOnly = syscall.EROFS

// Flock is the system call. Tests replace it.
var Flock = syscall.Flock

// Try locks a file that has no other purpose, until unlock is called or the program
// ends. If it returns nil, nil, another program holds the lock. If the file system
// has no locks, it returns errors.ErrUnsupported.
func Try(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The path is the caller's configuration.
	if err != nil {
		return nil, err
	}
	for {
		err = Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return func() {
			// Closing alone leaves the lock to a process that is being started just now.
			_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
			_ = file.Close()
		}, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = nil
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS), errors.Is(err, errors.ErrUnsupported):
		err = fmt.Errorf("locking %s: %w: %w", path, errors.ErrUnsupported, err)
	default:
		err = fmt.Errorf("locking %s: %w", path, err)
	}
	_ = file.Close()
	return nil, err
}
