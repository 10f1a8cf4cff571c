package filelock

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrReadOnly is the error of writing to a read-only file system.
const ErrReadOnly = syscall.EROFS

// Try locks a file that has no other purpose, until unlock is called or the program
// ends. If it returns nil, nil, another program holds the lock.
func Try(path string) (unlock func(), err error) {
	const sharingViolation = syscall.Errno(32)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// A handle that shares nothing is a lock, and ends with its program.
	handle, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, sharingViolation):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = syscall.CloseHandle(handle) }, nil
}
