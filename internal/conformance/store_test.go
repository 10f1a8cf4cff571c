package conformance_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darktrace-go/darktrace/internal/filelock"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestMemoryCheckpoint(t *testing.T) {
	t.Parallel()
	darktracetest.TestCheckpointStore(t, darktrace.MemoryCheckpoint())
}

func TestFileCheckpoint(t *testing.T) {
	t.Parallel()
	darktracetest.TestCheckpointStore(t, darktrace.FileCheckpoint(filepath.Join(t.TempDir(), "checkpoint.json")))
}

// checkpointOf decodes a checkpoint.
func checkpointOf(t testing.TB, data string) *darktrace.Checkpoint {
	t.Helper()
	c := new(darktrace.Checkpoint)
	require.NoError(t, json.Unmarshal([]byte(data), c))
	return c
}

func TestFileCheckpointWritesAFileOfItsOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	store := darktrace.FileCheckpoint(path)
	require.NoError(t, os.WriteFile(path+".tmp", []byte("left over"), 0o600))
	require.NoError(t, store.Save(t.Context(), nil, checkpointOf(t, `{"v":1,"through":5}`)))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{"v":1,"through":5}`+"\n", string(data))
	assert.NoFileExists(t, path+".tmp")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}
}

func TestFileCheckpointNoticesASecondProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	one, two := darktrace.FileCheckpoint(path), darktrace.FileCheckpoint(path)
	first, second := checkpointOf(t, `{"v":1,"through":1}`), checkpointOf(t, `{"v":1,"through":2}`)
	require.NoError(t, one.Save(t.Context(), nil, first))
	err := two.Save(t.Context(), nil, second)
	require.ErrorIs(t, err, darktrace.ErrCheckpointConflict)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "not loaded")
	require.NoError(t, two.Save(t.Context(), first, second))
	err = one.Save(t.Context(), first, second)
	require.ErrorIs(t, err, darktrace.ErrCheckpointConflict)
	require.ErrorContains(t, err, "another program")
	require.NoError(t, os.Remove(path))
	err = one.Save(t.Context(), second, first)
	require.ErrorIs(t, err, darktrace.ErrCheckpointConflict)
	require.ErrorContains(t, err, "removed")
}

func TestFileCheckpointComparesWhatAFileMeans(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	require.NoError(t, os.WriteFile(path, []byte("{\n  \"through\": 5,\n  \"v\": 1\n}\n"), 0o600))
	store := darktrace.FileCheckpoint(path)
	loaded, err := store.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Save(t.Context(), loaded, checkpointOf(t, `{"v":1,"through":6}`)))
}

func TestFileCheckpointKeepsWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "null", "{", "hello", `{"v":3}`, `{"v":1} {"v":1}`} {
		path := filepath.Join(t.TempDir(), "checkpoint.json")
		require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		store := darktrace.FileCheckpoint(path)
		_, err := store.Load(t.Context())
		require.Error(t, err, data)
		require.NotErrorIs(t, err, darktrace.ErrNoCheckpoint, data)
		require.ErrorContains(t, err, path, data)
		next := checkpointOf(t, `{"v":1}`)
		require.Error(t, store.Save(t.Context(), nil, next), data)
		require.Error(t, store.Save(t.Context(), next, next), data)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, data, string(kept))
	}
}

func TestFileCheckpointSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	next := checkpointOf(t, `{"v":1}`)
	missing := darktrace.FileCheckpoint(filepath.Join(t.TempDir(), "no", "such", "folder"))
	_, err := missing.Load(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, darktrace.ErrNoCheckpoint, "it would fail when the first batch is delivered")
	require.ErrorIs(t, missing.Save(t.Context(), nil, next), os.ErrNotExist)

	folder := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Mkdir(folder, 0o700))
	_, err = darktrace.FileCheckpoint(folder).Load(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, darktrace.ErrNoCheckpoint)
	require.Error(t, darktrace.FileCheckpoint(folder).Save(t.Context(), nil, next))

	path := filepath.Join(t.TempDir(), "checkpoint.json")
	require.NoError(t, os.MkdirAll(filepath.Join(path+".tmp", "not", "empty"), 0o700))
	require.ErrorContains(t, darktrace.FileCheckpoint(path).Save(t.Context(), nil, next), ".tmp")

	for _, store := range []darktrace.CheckpointStore{darktrace.MemoryCheckpoint(), darktrace.FileCheckpoint(filepath.Join(t.TempDir(), "a"))} {
		require.ErrorIs(t, store.Save(t.Context(), nil, nil), darktrace.ErrArgument)
	}
}

// TestFileCheckpointWaitsForTheLock holds the lock as another program would.
func TestFileCheckpointWaitsForTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	unlock, err := filelock.Try(path + ".lock")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		store := darktrace.FileCheckpoint(path)
		_, err := store.Load(t.Context())
		require.ErrorContains(t, err, "another program has held "+path+".lock for 10s")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, store.Save(ctx, nil, checkpointOf(t, `{"v":1}`)), context.DeadlineExceeded)

		time.AfterFunc(time.Second, unlock)
		_, err = store.Load(t.Context())
		require.ErrorIs(t, err, darktrace.ErrNoCheckpoint)
	})
	_, err = filelock.Try(filepath.Join(t.TempDir(), strings.Repeat("long", 100)))
	require.Error(t, err)
}

func TestFileCheckpointWithoutAPath(t *testing.T) {
	t.Parallel()
	_, err := darktrace.FileCheckpoint("").Load(t.Context())
	require.ErrorIs(t, err, darktrace.ErrArgument)
	require.ErrorContains(t, err, "FileCheckpoint has no path")
}

func TestFileCheckpointFollowsALink(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link.json"), filepath.Join(dir, "data", "checkpoint.json")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
	require.NoError(t, os.Symlink(filepath.Join("data", "checkpoint.json"), link))
	store := darktrace.FileCheckpoint(link)
	require.NoError(t, store.Save(t.Context(), nil, checkpointOf(t, `{"v":2,"through":5}`)))
	assert.FileExists(t, file)
	target, err := os.Readlink(link)
	require.NoError(t, err, "the link is still one")
	assert.Equal(t, filepath.Join("data", "checkpoint.json"), target)
}

func TestFileCheckpointOfANewerVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "checkpoint.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"v":99}`), 0o600))
	_, err := darktrace.FileCheckpoint(path).Load(t.Context())
	require.ErrorContains(t, err, "newer version of this package; upgrade")
	assert.NotContains(t, err.Error(), "remove it")
}

func TestCheckpointEqual(t *testing.T) {
	t.Parallel()
	const text = `{"v":2,"since":7000,"through":9000,"seen":[{"until":480000,"ids":"AAAAAAAAAAE="}]}`
	c := checkpointOf(t, text)
	var none *darktrace.Checkpoint
	assert.True(t, c.Equal(c))
	assert.True(t, none.Equal(nil))
	assert.True(t, c.Equal(checkpointOf(t, strings.ReplaceAll(text, ",", " ,\n"))), "reformatted")
	for _, other := range []string{
		strings.Replace(text, "9000", "9001", 1), strings.Replace(text, "AE=", "AI=", 1), strings.Replace(text, "480000", "480001", 1),
	} {
		assert.False(t, c.Equal(checkpointOf(t, other)), other)
	}
	assert.False(t, c.Equal(nil))
	assert.False(t, none.Equal(c))
}
