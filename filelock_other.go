//go:build !windows && !darwin && !dragonfly && !freebsd && !illumos && !linux && !netbsd && !openbsd

package darktrace

// tryLock does nothing where there are no locks that end with their program.
// What is stored is compared all the same.
func tryLock(string) (unlock func(), err error) { return func() {}, nil }
