package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/darktrace-go/darktrace"
)

// state holds the position of the feed and the incidents that were sent. Both are
// in one file, which is replaced as a whole.
type state struct {
	Checkpoint *darktrace.Checkpoint `json:"checkpoint"`
	Sent       map[string]time.Time  `json:"sent"`
}

func loadState(file string) (*state, error) {
	s := &state{Sent: map[string]time.Time{}}
	if file == "" {
		return s, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // The path is the user's own.
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.save(file) // Find out now whether it can be saved, not after the first message.
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", file, err)
	}
	if s.Sent == nil {
		s.Sent = map[string]time.Time{}
	}
	return s, nil
}

func (s *state) save(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".notify-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}

// forget drops incidents that were sent long ago.
func (s *state) forget(before time.Time) {
	maps.DeleteFunc(s.Sent, func(_ string, at time.Time) bool { return at.Before(before) })
}
