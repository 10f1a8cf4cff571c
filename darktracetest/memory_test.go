package darktracetest_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestExampleInMemory(t *testing.T) {
	t.Parallel()
	alertsAtNight(t)
}

// TestMemoryIsNoNetwork: a client does not warn of HTTP that never leaves the process.
func TestMemoryIsNoNetwork(t *testing.T) { //nolint:paralleltest // It replaces the default logger.
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithTB(t))
	require.NoError(t, srv.Client().Ping(t.Context()))
	assert.Empty(t, log.String())
}
