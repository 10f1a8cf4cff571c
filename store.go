package darktrace

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/darktrace-go/darktrace/internal/feed"
	"github.com/darktrace-go/darktrace/internal/filelock"
)

var (
	// ErrNoCheckpoint is returned by CheckpointStore.Load if nothing has been
	// saved yet.
	ErrNoCheckpoint = errors.New("no checkpoint")
	// ErrCheckpointConflict is returned by CheckpointStore.Save if another
	// program has changed the stored checkpoint. Nothing is saved.
	ErrCheckpointConflict = errors.New("checkpoint conflict")
)

// CheckpointStore keeps the checkpoint of a feed: in a file, a row of a
// database or an object in a bucket. Test your own store with
// darktracetest.TestCheckpointStore.
type CheckpointStore interface {
	// Load returns the checkpoint that was saved last. If there is none, it
	// returns ErrNoCheckpoint. It never returns nil without an error.
	Load(ctx context.Context) (*Checkpoint, error)
	// Save replaces prev by next. If anything but prev is stored, it stores
	// nothing and returns ErrCheckpointConflict, so that two programs can't
	// both move on from the same point. A nil prev means that nothing is
	// stored. Compare with Checkpoint.Equal, because a database may have
	// reformatted the text. When Save returns nil, next survives a crash of the
	// program.
	Save(ctx context.Context, prev, next *Checkpoint) error
}

// MemoryCheckpoint returns a store in memory, which lasts as long as the
// program.
func MemoryCheckpoint() CheckpointStore { return &memoryStore{} }

type memoryStore struct {
	mu   sync.Mutex
	data []byte // nil = nothing
}

func (s *memoryStore) Load(ctx context.Context) (*Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, within("loading the checkpoint", err)
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
		return within("saving the checkpoint", err)
	}
	data, err := encodeNext(next)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkStored(s.data, prev); err != nil {
		return within("saving the checkpoint", err)
	}
	s.data = data
	return nil
}

// FileCheckpoint returns a store that keeps the checkpoint in a file, readable
// by its owner only. The file is replaced atomically and synced to disk, so
// that a crash leaves the old checkpoint or the new one. If path is a symbolic
// link, its target is replaced.
//
// A file with the suffix ".lock" stays beside it. While saving, there is also
// one with the suffix ".tmp". The folder must exist and be writable: in
// a container, mount the folder and not only the file. If the file system has
// no locks, that is logged once; the stored checkpoint is compared
// nevertheless.
//
// If the file is not a checkpoint, or has an unknown version, Load and Save
// return an error and never overwrite it: remove it to begin a new feed. If a
// second program uses the same file, the one that saves later gets
// ErrCheckpointConflict.
func FileCheckpoint(path string) CheckpointStore { return &fileStore{path: path} }

type fileStore struct {
	path     string
	unlocked sync.Once // logs once that there are no locks
}

// target returns the file itself, at the end of symbolic links.
func (s *fileStore) target() string {
	path := s.path
	for range 40 { // As many as operating systems follow.
		next, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return path
}

func (s *fileStore) Load(ctx context.Context) (*Checkpoint, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, within("loading the checkpoint", err)
	}
	defer unlock()
	data, err := s.read()
	switch {
	case err != nil:
		return nil, within("loading the checkpoint", err)
	case data == nil:
		return nil, fmt.Errorf("darktrace: %w: %s", ErrNoCheckpoint, s.path)
	}
	checkpoint, err := decodeCheckpoint(data)
	if err != nil {
		if errors.Is(err, feed.ErrNewer) {
			return nil, within(s.path+" can't be used", err)
		}
		return nil, within(s.path+" can't be used; to begin a new feed, remove it", err)
	}
	return checkpoint, nil
}

func (s *fileStore) Save(ctx context.Context, prev, next *Checkpoint) error {
	data, err := encodeNext(next)
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return within("saving the checkpoint", err)
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
		return within("saving the checkpoint in "+s.path, err)
	}
	return nil
}

// read returns what the file holds, nil when there is none.
func (s *fileStore) read() ([]byte, error) {
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
func (s *fileStore) write(data []byte) error {
	path := s.target()
	temporary := path + ".tmp"
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
		err = os.Rename(temporary, path)
		if errors.Is(err, syscall.EBUSY) {
			err = fmt.Errorf("%w: the file is mounted alone and can't be replaced; mount its folder instead", err)
		}
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename in the folder survive a crash of the machine.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // Windows can't sync folders, and need not.
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

// lock keeps other programs from the file during a Load or Save.
func (s *fileStore) lock(ctx context.Context) (unlock func(), err error) {
	if s.path == "" {
		return nil, argument("FileCheckpoint", "has no path")
	}
	const patience, pause = 10 * time.Second, 5 * time.Millisecond
	for waited := time.Duration(0); waited < patience; waited += pause {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		unlock, err := s.tryLock(ctx)
		if err != nil || unlock != nil {
			return unlock, s.ofFolder(err)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("another program has held %s.lock for %v", s.path, patience)
}

// ofFolder names the folder of the checkpoint in an error of the lock file, which the
// caller does not know, unless the lock file is what another user has created.
func (s *fileStore) ofFolder(err error) error {
	folder, lock := filepath.Dir(s.target()), s.target()+".lock"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &restated{"the folder " + folder + " of the checkpoint does not exist; create it", err}
	case errors.Is(err, fs.ErrPermission):
		if _, statErr := os.Lstat(lock); statErr == nil {
			return &restated{"the lock file " + lock + " is not writable; it belongs to the user who created it", err}
		}
		return &restated{"the folder " + folder + " of the checkpoint is not writable", err}
	case errors.Is(err, filelock.ErrReadOnly):
		return &restated{"the folder " + folder + " of the checkpoint is not writable", err}
	}
	return err
}

// tryLock tries once. It returns when the context ends, even if the file system
// does not respond.
func (s *fileStore) tryLock(ctx context.Context) (unlock func(), err error) {
	type result struct {
		unlock func()
		err    error
	}
	done := make(chan result, 1)
	go func() {
		unlock, err := filelock.Try(s.target() + ".lock")
		done <- result{unlock, err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, errors.ErrUnsupported) {
			s.unlocked.Do(func() {
				slog.Warn("darktrace: the file system has no locks; a second program that uses the checkpoint is only detected when it saves", "path", s.path)
			})
			return func() {}, nil
		}
		return r.unlock, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.unlock != nil {
				r.unlock()
			}
		}()
		return nil, contextError(ctx)
	}
}

func encodeNext(next *Checkpoint) ([]byte, error) {
	if next == nil {
		return nil, argument("next", "is nil")
	}
	return next.MarshalJSON() // encoding/json would check the JSON again.
}

func decodeCheckpoint(data []byte) (*Checkpoint, error) {
	c := new(Checkpoint)
	if err := c.UnmarshalJSON(data); err != nil { // For invalid JSON, encoding/json would return an error without a kind.
		return nil, err
	}
	return c, nil
}

// checkStored checks that the stored checkpoint is prev.
func checkStored(stored []byte, prev *Checkpoint) error {
	switch {
	case stored == nil && prev == nil:
		return nil
	case stored == nil:
		return fmt.Errorf("%w: it has been removed since it was loaded", ErrCheckpointConflict)
	case prev == nil:
		return fmt.Errorf("%w: there is one already that was not loaded", ErrCheckpointConflict)
	}
	began, err := prev.MarshalJSON()
	if err != nil || bytes.Equal(bytes.TrimSpace(stored), began) {
		return err
	}
	current, err := decodeCheckpoint(stored)
	if err != nil {
		return err
	}
	if normal, err := current.MarshalJSON(); err != nil || !bytes.Equal(normal, began) {
		return fmt.Errorf("%w: another program has moved it on; each program needs its own checkpoint", ErrCheckpointConflict)
	}
	return nil
}

// Checkpoint is the position of a feed: the time up to which it has read, the
// ids that it has delivered and may meet again, the stretches that it could not
// read, and the events that are pending. It is a value: Poll returns a new one
// and never changes its argument. A nil Checkpoint is the beginning.
//
// Store it as JSON anywhere. Equal checkpoints have equal JSON, also after a
// round trip. To compare one with a row that a database may have reformatted,
// use Equal. It takes about 11 bytes for each remembered id, about 60 more with
// PollOptions.Updates, and about 60 for each pending event. It holds no other
// data of events. Checkpoints of earlier versions of this package can be read;
// those of later versions are rejected. docs/feed.md describes the format.
type Checkpoint struct{ state *feed.State }

// Through returns the time up to which the feed has read, on the appliance's
// clock: the beginning of the last pass. It is zero before the first pass.
func (c *Checkpoint) Through() time.Time {
	if c == nil || c.state == nil || c.state.Through == 0 {
		return time.Time{}
	}
	return Millis(c.state.Through).Time()
}

// Len returns how many ids the checkpoint remembers.
func (c *Checkpoint) Len() int {
	if c == nil || c.state == nil {
		return 0
	}
	return c.state.Len()
}

// Owed returns how many events are pending: events beyond Limit, which are
// delivered first next time.
func (c *Checkpoint) Owed() int {
	if c == nil || c.state == nil {
		return 0
	}
	return len(c.state.Pending)
}

// Equal reports whether two checkpoints are the same. A nil one equals only
// nil.
func (c *Checkpoint) Equal(other *Checkpoint) bool {
	if c == nil || other == nil || c.state == other.state {
		return c == other || c != nil && other != nil
	}
	a, errA := c.MarshalJSON()
	b, errB := other.MarshalJSON()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// LoadCheckpoint returns the checkpoint of a store, or nil if the store has
// none yet.
func LoadCheckpoint(ctx context.Context, store CheckpointStore) (*Checkpoint, error) {
	checkpoint, err := store.Load(ctx)
	if errors.Is(err, ErrNoCheckpoint) {
		return nil, nil //nolint:nilnil // A feed without a checkpoint is at its beginning.
	}
	return checkpoint, err
}

// MarshalJSON encodes the checkpoint. Equal checkpoints have equal JSON.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	if c.state == nil {
		return (&feed.State{}).AppendJSON(nil)
	}
	return c.state.AppendJSON(nil)
}

// UnmarshalJSON decodes the output of MarshalJSON, and rejects everything else.
func (c *Checkpoint) UnmarshalJSON(data []byte) error {
	state, err := feed.ParseJSON(data, validState)
	if err != nil {
		return fmt.Errorf("darktrace: %w", err)
	}
	c.state = state
	return nil
}

// The kinds of feeds, as they are in the JSON of a checkpoint.
const (
	feedOfEvents    = "events"
	feedOfIncidents = "incidents"
	feedOfBreaches  = "model alerts"
)

// checkOf rejects a checkpoint of another feed or of another appliance: the ids
// that it remembers would hide new elements. It accepts a checkpoint that names
// neither.
func (c *Checkpoint) checkOf(kind, host string) error {
	state := c.stateOf()
	if state == nil || (state.Feed == "" || state.Feed == kind) && (state.Host == "" || strings.EqualFold(state.Host, host)) {
		return nil
	}
	return argument("checkpoint", "is of %s of %s; the feed of %s of %s needs its own checkpoint",
		cmp.Or(state.Feed, "a feed"), cmp.Or(state.Host, "an appliance"), kind, host)
}

func (c *Checkpoint) stateOf() *feed.State {
	if c == nil {
		return nil
	}
	return c.state
}
