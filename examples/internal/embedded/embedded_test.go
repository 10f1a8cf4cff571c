package embedded_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
	"github.com/darktrace-go/darktrace/examples/internal/embedded"
)

func TestConnectStartsAFakeAppliance(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var ids [2][]string
	for i := range ids {
		appliance, err := embedded.Connect()
		require.NoError(t, err)
		defer appliance.Close()
		require.NoError(t, appliance.Client.Ping(t.Context()))
		events, err := appliance.Client.AIAnalyst.ListEvents(t.Context(), nil)
		require.NoError(t, err)
		require.NotEmpty(t, events)
		for _, event := range events {
			ids[i] = append(ids[i], event.ID)
		}
	}
	assert.Equal(t, ids[0], ids[1], "ids differ from one run to the next")
}

func TestConnectTakesTheAppliance(t *testing.T) {
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, srv.CAPEM(), 0o600))
	t.Setenv("DARKTRACE_URL", srv.URL)
	t.Setenv("DARKTRACE_PUBLIC_TOKEN", srv.PublicToken)
	t.Setenv("DARKTRACE_PRIVATE_TOKEN", srv.PrivateToken)
	t.Setenv("DARKTRACE_CA_FILE", ca)

	appliance, err := embedded.Connect()
	require.NoError(t, err)
	defer appliance.Close()
	require.NoError(t, appliance.Client.Ping(t.Context()))
	assert.True(t, embedded.Real())
	assert.Equal(t, srv.URL, appliance.Name)
	assert.Len(t, srv.Requests(), 1)

	t.Setenv("DARKTRACE_PUBLIC_TOKEN", "")
	_, err = embedded.Connect()
	assert.ErrorIs(t, err, darktrace.ErrArgument)
}
