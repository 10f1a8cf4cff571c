package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/stores/natsstore"
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

// A message that is not a change is reported once, and the others go on.
func TestBrokenMessage(t *testing.T) {
	t.Parallel()
	srv, stop, err := embed()
	require.NoError(t, err)
	defer stop()
	conn, err := nats.Connect(srv.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = natsstore.New(t.Context(), js, "a", natsstore.Config{})
	require.NoError(t, err)
	reader, writer := io.Pipe()
	var stderr strings.Builder
	consumer, err := consume(t.Context(), js, "a", writer, &stderr)
	require.NoError(t, err)
	require.NoError(t, conn.Publish("darktrace.changes.a.broken", []byte("{")))
	for key := range 3 {
		require.NoError(t, conn.Publish(fmt.Sprint("darktrace.changes.a.", key), []byte(`{"key":"a"}`)))
	}
	lines := bufio.NewReader(reader)
	for range 3 {
		_, err := lines.ReadBytes('\n')
		require.NoError(t, err)
	}
	consumer.Drain()
	<-consumer.Closed()
	assert.Equal(t, 1, strings.Count(stderr.String(), "message on darktrace.changes.a.broken"), stderr.String())
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
