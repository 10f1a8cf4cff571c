package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestFromNothing(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), nil, &out, &stderr))
	assert.Contains(t, stderr.String(), "a fake appliance with invented incidents")
	for _, part := range []string{"Model alerts (3)", "Devices (1)", "Admin", "RESPOND actions (1)", "pending", "Connections (3)", "External hosts (10)", "and 4 more"} {
		assert.Contains(t, out.String(), part)
	}
	assert.NotContains(t, out.String(), "Not read")
	assert.Less(t, strings.Count(out.String(), "\n"), 50, "one screen")
}

// appliance returns a fake appliance with an event, and another incident of its
// device.
func appliance(t *testing.T) (*darktracetest.Server, *darktrace.IncidentEvent) {
	t.Helper()
	srv := darktracetest.NewServer(darktracetest.InMemory())
	t.Cleanup(srv.Close)
	events := darktracetest.Incidents(7, 12)
	srv.AddEvents(events...)
	event, err := choose(t.Context(), srv.Client(), "")
	require.NoError(t, err)
	other := events[0]
	other.ID, other.CurrentGroup, other.Children = "7c1d2e3f-0a1b-4c2d-8e3f-000000000001", "g7c1d2e3f-0a1b-4c2d-8e3f-000000000001", nil
	other.BreachDevices = event.BreachDevices
	srv.AddEvents(other)
	return srv, event
}

func TestWhatCouldNotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	srv, event := appliance(t)
	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	var out bytes.Buffer
	require.NoError(t, enrich(t.Context(), srv.Client(), event.ID, &out))
	assert.Contains(t, out.String(), "Other open incidents of these devices (1)\n  g7c1d2e3f-0a1b-4c2d-8e3f-000000000001")
	assert.Contains(t, out.String(), "Not read (2)\n  10 endpoints")
	assert.Contains(t, out.String(), `needs the permissions "Unrestricted Devices"`)
	assert.Contains(t, out.String(), "3 connections")
	assert.Contains(t, out.String(), "Model alerts (3)")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	srv, _ := appliance(t)
	require.ErrorIs(t, enrich(t.Context(), srv.Client(), "7c1d2e3f-0a1b-4c2d-8e3f-000000000009", new(bytes.Buffer)), darktrace.ErrNotFound)
	require.ErrorContains(t, run(t.Context(), []string{"x"}, nil, nil), `unexpected argument "x"`)
	empty := darktracetest.NewServer(darktracetest.InMemory())
	t.Cleanup(empty.Close)
	require.ErrorContains(t, enrich(t.Context(), empty.Client(), "", nil), "no event of the last 7 days has model alerts")
}
