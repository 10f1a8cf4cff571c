package darktrace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrNoCheckpoint is what a CheckpointStore's Load returns the first time,
	// when nothing was saved yet.
	ErrNoCheckpoint = errors.New("no checkpoint")
	// ErrCheckpointConflict is what a CheckpointStore's Save returns when what is
	// stored is not what the caller began with: somebody else uses the same
	// checkpoint. Nothing is saved.
	ErrCheckpointConflict = errors.New("checkpoint conflict")
)

// CheckpointStore keeps a feed's checkpoint: a file, a row of a database, an
// object in a bucket. Whoever implements one checks it with
// darktracetest.TestCheckpointStore.
type CheckpointStore interface {
	// Load returns what was saved last; ErrNoCheckpoint when nothing was. It
	// never returns nil without an error.
	Load(ctx context.Context) (*Checkpoint, error)
	// Save replaces prev by next, and only prev: when anything else is stored it
	// stores nothing and returns ErrCheckpointConflict, so that two programs
	// can't both move on from the same point. A nil prev means that nothing is
	// stored. Checkpoints are equal when their JSON is. When Save returns nil,
	// next outlives a crash of the program.
	Save(ctx context.Context, prev, next *Checkpoint) error
}

// MemoryCheckpoint returns a store that lasts as long as the program.
func MemoryCheckpoint() CheckpointStore { return &memoryStore{} }

type memoryStore struct {
	mu   sync.Mutex
	data []byte // nil = nothing
}

func (s *memoryStore) Load(ctx context.Context) (*Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("darktrace: loading the checkpoint: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		return nil, fmt.Errorf("darktrace: %w", ErrNoCheckpoint)
	}
	return decodeCheckpoint(s.data)
}

func (s *memoryStore) Save(ctx context.Context, prev, next *Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("darktrace: saving the checkpoint: %w", err)
	}
	data, err := encodeNext(next)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkStored(s.data, prev); err != nil {
		return fmt.Errorf("darktrace: saving the checkpoint: %w", err)
	}
	s.data = data
	return nil
}

// FileCheckpoint returns a store that keeps the checkpoint in a file, readable by
// its owner only. It is replaced as a whole and written through to the disk, so
// that a crash leaves the old one or the new one; a link is replaced by a file. Beside it stands path+".lock",
// which stays, and while saving path+".tmp". The folder has to exist.
//
// A file that is no checkpoint, or of a version that this package does not know,
// is an error and never overwritten: to start afresh, remove it. A second program
// that uses the same file is noticed when it saves: ErrCheckpointConflict.
func FileCheckpoint(path string) CheckpointStore { return fileStore{path} }

type fileStore struct{ path string }

func (s fileStore) Load(ctx context.Context) (*Checkpoint, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("darktrace: loading the checkpoint: %w", err)
	}
	defer unlock()
	data, err := s.read()
	switch {
	case err != nil:
		return nil, fmt.Errorf("darktrace: loading the checkpoint: %w", err)
	case data == nil:
		return nil, fmt.Errorf("darktrace: %w: %s", ErrNoCheckpoint, s.path)
	}
	checkpoint, err := decodeCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%s can't be used; remove it to start afresh: %w", s.path, err)
	}
	return checkpoint, nil
}

func (s fileStore) Save(ctx context.Context, prev, next *Checkpoint) error {
	data, err := encodeNext(next)
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return fmt.Errorf("darktrace: saving the checkpoint: %w", err)
	}
	defer unlock()
	stored, err := s.read()
	if err == nil {
		err = checkStored(stored, prev)
	}
	if err == nil {
		err = s.write(append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("darktrace: saving the checkpoint in %s: %w", s.path, err)
	}
	return nil
}

// read returns what the file holds, nil when there is none.
func (s fileStore) read() ([]byte, error) {
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if data == nil {
		data = []byte{}
	}
	return data, err
}

// write replaces the file.
func (s fileStore) write(data []byte) error {
	temporary := s.path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) { // A crash may have left it.
		return err
	}
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // The path is the caller's configuration.
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary, s.path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return syncFolder(filepath.Dir(s.path))
}

// syncFolder makes a rename in the folder outlive a crash of the machine.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // Folders can't be synced there, nor need to be.
		return nil
	}
	folder, err := os.Open(path) //nolint:gosec // The path is the caller's configuration.
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) { // Some network file systems can't.
		return nil
	}
	return err
}

// lock keeps other programs from the file for the moment of a Load or Save.
func (s fileStore) lock(ctx context.Context) (unlock func(), err error) {
	if s.path == "" {
		return nil, argument("FileCheckpoint", "has no path")
	}
	const patience, pause = 10 * time.Second, 5 * time.Millisecond
	for waited := time.Duration(0); waited < patience; waited += pause {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		unlock, err := tryLock(s.path + ".lock")
		if err != nil || unlock != nil {
			return unlock, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("another program has held %s.lock for %v", s.path, patience)
}

func encodeNext(next *Checkpoint) ([]byte, error) {
	if next == nil {
		return nil, argument("next", "is nil")
	}
	return json.Marshal(next)
}

func decodeCheckpoint(data []byte) (*Checkpoint, error) {
	c := new(Checkpoint)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("darktrace: %w", err)
	}
	return c, nil
}

// checkStored compares what is stored with what the caller began with.
func checkStored(stored []byte, prev *Checkpoint) error {
	switch {
	case stored == nil && prev == nil:
		return nil
	case stored == nil:
		return fmt.Errorf("%w: it has been removed since it was loaded", ErrCheckpointConflict)
	case prev == nil:
		return fmt.Errorf("%w: there is one already, which was not loaded", ErrCheckpointConflict)
	}
	began, err := json.Marshal(prev)
	if err != nil || bytes.Equal(bytes.TrimSpace(stored), began) {
		return err
	}
	current, err := decodeCheckpoint(stored)
	if err != nil {
		return err
	}
	if normal, err := json.Marshal(current); err != nil || !bytes.Equal(normal, began) {
		return fmt.Errorf("%w: another program has moved it on; each needs a checkpoint of its own", ErrCheckpointConflict)
	}
	return nil
}
