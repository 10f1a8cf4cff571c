package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// One program with an empty store prints each event once, and ends when it is
// stopped.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	var stderr strings.Builder
	done := make(chan error)
	go func() { done <- run(ctx, []string{"-fake", "-since", "200h"}, writer, &stderr) }()
	seen := map[string]bool{}
	for lines := bufio.NewReader(reader); len(seen) < 5; {
		line, err := lines.ReadBytes('\n')
		require.NoError(t, err)
		var change darktrace.EventChange
		require.NoError(t, json.Unmarshal(line, &change))
		assert.False(t, seen[change.Key], "again: %s", change.Event.ID)
		seen[change.Key] = true
	}
	cancel()
	go io.Copy(io.Discard, reader) //nolint:errcheck // The rest.
	require.NoError(t, <-done)
	assert.Contains(t, stderr.String(), "fake appliance")
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), []string{"-nats", "nats://127.0.0.1:1"}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, "-fake")
	err = run(t.Context(), []string{"-fake", "-nats", "nats://127.0.0.1:1"}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, "connecting to NATS")
	err = run(t.Context(), []string{"-fake", "-feed", "a b"}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, `the feed's name "a b"`)
}
