package darktrace

import (
	"errors"
	"fmt"
	"syscall"
)

// tryLock locks a file that is there for nothing else, until unlock is called or
// the program ends. Without an error, a nil unlock means that another has it.
func tryLock(path string) (unlock func(), err error) {
	const sharingViolation = syscall.Errno(32)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// A handle that shares nothing is a lock that ends with its program.
	handle, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, sharingViolation):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = syscall.CloseHandle(handle) }, nil
}
