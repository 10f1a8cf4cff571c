package darktracetest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// noEnvironment unsets the environment variables about appliances.
func noEnvironment(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "DARKTRACE_") {
			t.Setenv(name, "")
		}
	}
}

func TestConnectStartsAFakeAppliance(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	noEnvironment(t)
	var ids [2][]string
	for i := range ids {
		var stderr bytes.Buffer
		c, err := darktracetest.Connect(&stderr, false, "")
		require.NoError(t, err)
		defer c.Close()
		assert.Regexp(t, `^This is a fake appliance .*\n$`, stderr.String())
		events, err := c.Client.AIAnalyst.ListEvents(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, events, 12)
		for _, event := range events {
			ids[i] = append(ids[i], event.ID)
			assert.Len(t, c.Fake.Comments(event.ID), 1)
		}
	}
	assert.Equal(t, ids[0], ids[1], "ids differ from one run to the next")
}

func TestConnectDeceivesNobody(t *testing.T) {
	noEnvironment(t)
	var stderr bytes.Buffer
	_, err := darktracetest.Connect(&stderr, false, "the checkpoint")
	require.ErrorIs(t, err, darktrace.ErrArgument)
	assert.ErrorContains(t, err, "DARKTRACE_URL names no appliance; with -fake invented incidents go to the checkpoint")

	t.Setenv("DARKTRACE_PUBLIC_TOKEN", "0123456789")
	_, err = darktracetest.Connect(&stderr, false, "")
	require.ErrorIs(t, err, darktrace.ErrArgument)
	assert.ErrorContains(t, err, "DARKTRACE_URL is not set, but DARKTRACE_PUBLIC_TOKEN is")
	assert.Empty(t, stderr.String())

	c, err := darktracetest.Connect(&stderr, true, "the checkpoint")
	require.NoError(t, err, "when it is asked for")
	c.Close()
	assert.NotEmpty(t, stderr.String())
}

func TestConnectTakesTheAppliance(t *testing.T) {
	noEnvironment(t)
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, srv.CAPEM(), 0o600))
	t.Setenv("DARKTRACE_URL", srv.URL)
	t.Setenv("DARKTRACE_PUBLIC_TOKEN", srv.PublicToken)
	t.Setenv("DARKTRACE_PRIVATE_TOKEN", srv.PrivateToken)
	t.Setenv("DARKTRACE_CA_FILE", ca)

	var stderr bytes.Buffer
	c, err := darktracetest.Connect(&stderr, false, "the checkpoint")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Client.Ping(t.Context()))
	assert.Nil(t, c.Fake)
	assert.Empty(t, stderr.String())
	assert.Len(t, srv.Requests(), 1)

	t.Setenv("DARKTRACE_PUBLIC_TOKEN", "")
	_, err = darktracetest.Connect(&stderr, false, "")
	assert.ErrorIs(t, err, darktrace.ErrArgument)
}
