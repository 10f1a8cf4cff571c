//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package darktrace

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// tryLock locks a file that is there for nothing else, until unlock is called or
// the program ends. Without an error, a nil unlock means that another has it.
func tryLock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // The path is the caller's configuration.
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return func() { _ = file.Close() }, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = nil
	default:
		err = fmt.Errorf("locking %s: %w", path, err)
	}
	_ = file.Close()
	return nil, err
}
