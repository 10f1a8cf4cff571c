//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lock makes sure that only one sync works in a folder. If a sync is killed, its
// file remains and must be removed.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // The folder is the user's choice.
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another sync is running in %s, or was killed: remove %s then", dir, path)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = errors.Join(file.Close(), os.Remove(path)) }, nil
}
