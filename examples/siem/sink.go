package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/darktrace-go/darktrace"
)

// sink is a file of documents, one on each line, with the keys of its changes. The
// checkpoint is in a file beside it, and is saved only after the lines are on the
// disk.
type sink struct {
	darktrace.CheckpointStore
	file *os.File
	keys map[string]bool
}

// openSink reads the keys of the changes in a file. If a crash has cut off the last
// line, openSink removes it, and its change is delivered again.
func openSink(name string) (*sink, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // The user names it.
	if err != nil {
		return nil, err
	}
	s := &sink{darktrace.FileCheckpoint(name + ".checkpoint"), file, map[string]bool{}}
	if err := s.read(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *sink) read() error {
	var size int64
	lines := bufio.NewReader(s.file)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && (len(line) == 0 || line[0] == '{'):
			return s.file.Truncate(size)
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		key := keyOf(line)
		if key == "" {
			return fmt.Errorf("this program did not write line %d", number)
		}
		size += int64(len(line))
		s.keys[key] = true
	}
}

// keyOf returns the key of the change in a line.
func keyOf(line []byte) string {
	var doc struct {
		Metadata  struct{ UID string } // OCSF
		Darktrace struct {             // ECS
			AIAnalyst struct {
				Change struct{ Key string }
			} `json:"ai_analyst"`
		}
	}
	if json.Unmarshal(line, &doc) != nil {
		return ""
	}
	return doc.Metadata.UID + doc.Darktrace.AIAnalyst.Change.Key
}

func (s *sink) has(key string) bool { return s.keys[key] }

func (s *sink) write(document any) error {
	line, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	s.keys[keyOf(line)] = true
	return nil
}

// Save writes the lines to the disk before the checkpoint.
func (s *sink) Save(ctx context.Context, prev, next *darktrace.Checkpoint) error {
	if err := s.file.Sync(); err != nil {
		return err
	}
	return s.CheckpointStore.Save(ctx, prev, next)
}
