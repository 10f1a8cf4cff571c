package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

const author = "night.shift@example.com"

// start starts a local gateway and a client for it.
func start(t *testing.T) (*fakeGateway, *darktrace.Client) {
	t.Helper()
	gateway := newFakeGateway()
	t.Cleanup(gateway.Close)
	client, err := gateway.client(author)
	require.NoError(t, err)
	return gateway, client
}

func TestDemonstration(t *testing.T) {
	t.Setenv("DARKTRACE_GATEWAY_URL", "")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	assert.Contains(t, out.String(), author+" commented")
	assert.Contains(t, out.String(), "2 bearer tokens")
}

func TestSettingsAreNeeded(t *testing.T) {
	t.Setenv("DARKTRACE_GATEWAY_URL", "https://gateway.example.com/products/instance-1")
	t.Setenv("DARKTRACE_CLIENT_ID", "")
	require.ErrorIs(t, run(t.Context(), &bytes.Buffer{}), darktrace.ErrArgument)
}

func TestOneTokenServesManyRequests(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(t, client.Ping(t.Context())) })
	}
	wg.Wait()
	assert.Equal(t, 1, gateway.issued())
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.NotEmpty(t, events)

	gateway.revoke()
	require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), events[0].ID), "a refused write is safe to send again")
	assert.True(t, gateway.appliance.Event(events[0].ID).Acknowledged)
	assert.Equal(t, 2, gateway.issued())
}

func TestWritesCarryTheirAuthor(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, client.AIAnalyst.PostComment(t.Context(), events[0].ID, "Seen."))
	comments := gateway.appliance.Comments(events[0].ID)
	require.Len(t, comments, 1)
	assert.Equal(t, author, comments[0].Username)
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	gateway, _ := start(t)
	auth, err := NewAuth(Config{
		TokenURL: gateway.URL + "/oauth/token", ClientID: clientID, ClientSecret: "canary-secret",
		Username: author, HTTPClient: gateway.Client(),
	})
	require.NoError(t, err)
	client, err := darktrace.NewClient(gateway.URL+product, auth, darktrace.WithTransport(gateway.Client().Transport))
	require.NoError(t, err)

	err = client.Ping(t.Context())
	require.ErrorIs(t, err, darktrace.ErrSignature)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %+v %#v", err, auth, auth, client, err), "canary-secret")
}

func TestAMissingPermissionIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	requests := 0
	forbidden := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		answer(w, http.StatusForbidden, map[string]any{"error": "Forbidden"})
	}))
	defer forbidden.Close()
	gateway, _ := start(t)
	auth, err := NewAuth(Config{
		TokenURL: gateway.URL + "/oauth/token", ClientID: clientID, ClientSecret: clientSecret,
		Username: author, HTTPClient: gateway.Client(),
	})
	require.NoError(t, err)
	client, err := darktrace.NewClient(forbidden.URL, auth, darktrace.WithTransport(forbidden.Client().Transport))
	require.NoError(t, err)
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrPermission)
	assert.Equal(t, 1, requests)
}

func TestTokenEndpointAway(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, client.Ping(ctx), context.Canceled)
	assert.Zero(t, gateway.issued())

	_, err := NewAuth(Config{TokenURL: gateway.URL, ClientID: clientID, ClientSecret: clientSecret, Username: " "})
	require.ErrorIs(t, err, darktrace.ErrArgument)
}
