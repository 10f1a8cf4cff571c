//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package conformance_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/filelock"
)

// withFlock replaces the system call for the time of a test.
func withFlock(t *testing.T, flock func(fd, how int) error) {
	before := filelock.Flock
	filelock.Flock = flock
	t.Cleanup(func() { filelock.Flock = before })
}

// TestFileCheckpointWithoutLocks is about network file systems. It replaces what
// is global, so that it does not run in parallel.
//
//nolint:paralleltest // It replaces a system call.
func TestFileCheckpointWithoutLocks(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		t.Run(errno.Error(), func(t *testing.T) {
			withFlock(t, func(int, int) error { return errno })
			var log bytes.Buffer
			before := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			t.Cleanup(func() { slog.SetDefault(before) })

			path := filepath.Join(t.TempDir(), "checkpoint.json")
			store := darktrace.FileCheckpoint(path)
			first, second := checkpointOf(t, `{"v":2,"through":1}`), checkpointOf(t, `{"v":2,"through":2}`)
			require.NoError(t, store.Save(t.Context(), nil, first))
			require.NoError(t, darktrace.FileCheckpoint(path).Save(t.Context(), first, second))
			require.ErrorIs(t, store.Save(t.Context(), first, second), darktrace.ErrCheckpointConflict)
			stored, err := store.Load(t.Context())
			require.NoError(t, err)
			assert.True(t, stored.Equal(second))
			assert.Equal(t, 2, strings.Count(log.String(), "the file system has no locks"), "once for each store")
		})
	}
}

//nolint:paralleltest // It replaces a system call.
func TestFileCheckpointWhoseLockHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		withFlock(t, func(int, int) error { <-hangs; return nil })
		store := darktrace.FileCheckpoint(filepath.Join(t.TempDir(), "checkpoint.json"))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := store.Load(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, store.Save(ctx, nil, checkpointOf(t, `{"v":2}`)), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(began))
		close(hangs)
		synctest.Wait()
		_, err = store.Load(t.Context())
		require.ErrorIs(t, err, darktrace.ErrNoCheckpoint)
	})
}

// TestFileCheckpointThatIsNotWritable replaces the system call, since nothing is
// forbidden to the user that tests may run as.
//
//nolint:paralleltest // It replaces a system call.
func TestFileCheckpointThatIsNotWritable(t *testing.T) {
	for _, test := range []struct {
		reason error
		exists bool // the lock file, of another user
		want   string
	}{
		{syscall.EACCES, false, "the folder FOLDER of the checkpoint is not writable"},
		{syscall.EACCES, true, "the lock file FOLDER/checkpoint.json.lock is not writable; it belongs to the user who created it"},
		{syscall.EROFS, true, "the folder FOLDER of the checkpoint is not writable"},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "checkpoint.json")
		withFlock(t, func(int, int) error {
			if !test.exists {
				require.NoError(t, os.Remove(path+".lock"))
			}
			return test.reason
		})
		_, err := darktrace.FileCheckpoint(path).Load(t.Context())
		require.EqualError(t, err, "darktrace: loading the checkpoint: "+strings.ReplaceAll(test.want, "FOLDER", folder))
		require.ErrorIs(t, err, test.reason)
	}
}
