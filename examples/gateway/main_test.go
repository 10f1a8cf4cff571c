package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

const author = "night.shift@example.com"

// start starts a fake gateway and a client for it.
func start(t *testing.T) (*darktracetest.Server, *darktrace.Client) {
	t.Helper()
	gateway := darktracetest.NewServer(darktracetest.WithCloudGateway())
	t.Cleanup(gateway.Close)
	gateway.AddEvents(darktracetest.Incidents(7, 6)...)
	client, err := connect(gateway, author)
	require.NoError(t, err)
	return gateway, client
}

// issued counts the bearer tokens that were fetched.
func issued(gateway *darktracetest.Server) int {
	n := 0
	for _, r := range gateway.Requests() {
		if r.Path == "/oauth/token" {
			n++
		}
	}
	return n
}

func TestDemonstration(t *testing.T) {
	t.Setenv("DARKTRACE_GATEWAY_URL", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), &out, &stderr))
	assert.Contains(t, out.String(), author+" commented")
	assert.Contains(t, stderr.String(), "a fake gateway with invented incidents")

	t.Setenv("DARKTRACE_CLIENT_ID", "set")
	require.ErrorContains(t, run(t.Context(), &out, &stderr), "DARKTRACE_GATEWAY_URL is not set, but DARKTRACE_CLIENT_ID is")
}

func TestSettingsAreNeeded(t *testing.T) {
	t.Setenv("DARKTRACE_GATEWAY_URL", "https://gateway.example.com/products/instance-1")
	t.Setenv("DARKTRACE_CLIENT_ID", "")
	require.ErrorIs(t, run(t.Context(), &bytes.Buffer{}, &bytes.Buffer{}), darktrace.ErrArgument)
}

func TestOneTokenServesManyRequests(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(t, client.Ping(t.Context())) })
	}
	wg.Wait()
	assert.Equal(t, 1, issued(gateway))
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.NotEmpty(t, events)

	gateway.RevokeBearerTokens()
	require.NoError(t, client.AIAnalyst.Acknowledge(t.Context(), events[0].ID), "a refused write is safe to send again")
	assert.True(t, gateway.Event(events[0].ID).Acknowledged)
	assert.Equal(t, 2, issued(gateway))
}

func TestWritesCarryTheirAuthor(t *testing.T) {
	t.Parallel()
	gateway, client := start(t)
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, client.AIAnalyst.PostComment(t.Context(), events[0].ID, "Seen."))
	comments := gateway.Comments(events[0].ID)
	require.Len(t, comments, 1)
	assert.Equal(t, author, comments[0].Username)
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	gateway, _ := start(t)
	auth, err := NewAuth(Config{
		TokenURL: gateway.TokenURL(), ClientID: gateway.PublicToken, ClientSecret: "canary-secret",
		Username: author, HTTPClient: gateway.HTTPClient(),
	})
	require.NoError(t, err)
	client, err := darktrace.NewClient(gateway.URL, auth, darktrace.WithRootCAs(gateway.CertPool()))
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
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":"Forbidden"}`))
	}))
	defer forbidden.Close()
	gateway, _ := start(t)
	auth, err := NewAuth(Config{
		TokenURL: gateway.TokenURL(), ClientID: gateway.PublicToken, ClientSecret: gateway.PrivateToken,
		Username: author, HTTPClient: gateway.HTTPClient(),
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
	assert.Zero(t, issued(gateway))

	_, err := NewAuth(Config{TokenURL: gateway.URL, ClientID: "id", ClientSecret: "secret", Username: " "})
	require.ErrorIs(t, err, darktrace.ErrArgument)
}

// behind returns a client of a gateway that fetches its tokens from a handler.
func behind(t *testing.T, gateway *darktracetest.Server, handler http.HandlerFunc) *darktrace.Client {
	t.Helper()
	tokens := httptest.NewServer(handler)
	t.Cleanup(tokens.Close)
	auth, err := NewAuth(Config{TokenURL: tokens.URL, ClientID: "id", ClientSecret: "canary-secret", Username: author})
	require.NoError(t, err)
	client, err := darktrace.NewClient(gateway.URL, auth, darktrace.WithRootCAs(gateway.CertPool()), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	return client
}

// Only 400 and 401 mean that the credentials are wrong: a loop would end with that.
func TestTokenEndpointRefuses(t *testing.T) {
	t.Parallel()
	gateway, _ := start(t)
	for status, wrong := range map[int]bool{400: true, 401: true, 404: false, 408: false, 429: false, 500: false} {
		client := behind(t, gateway, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("canary-body"))
		})
		err := client.Ping(t.Context())
		require.ErrorContains(t, err, fmt.Sprint("the token endpoint returned ", status))
		assert.Equal(t, wrong, errors.Is(err, darktrace.ErrSignature), err)
		assert.NotContains(t, err.Error(), "canary")
	}
}

// No call waits longer than its context for a token that another call fetches.
func TestTokenEndpointHangs(t *testing.T) {
	t.Parallel()
	gateway, _ := start(t)
	arrived := make(chan struct{}, 9)
	client := behind(t, gateway, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Only then the server sees when the client leaves.
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	long, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	first := make(chan error, 1)
	go func() { first <- client.Ping(long) }()
	<-arrived
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, client.Ping(short), context.DeadlineExceeded)
	select {
	case err := <-first:
		t.Error("the second call has waited for the first one:", err)
	default:
	}
	stop()
	require.ErrorIs(t, <-first, context.Canceled)
}
