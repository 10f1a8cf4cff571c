package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestManyWatchedDomains(t *testing.T) {
	t.Parallel()
	entries := make([]string, 1001)
	for i := range entries {
		entries[i] = fmt.Sprintf("host%d.example.com", i)
	}
	r := responding(200, `{"response":"SUCCESS","added":400,"updated":100}`)
	result, err := newClient(t, r).WatchedDomains.ReplaceAll(t.Context(), entries)
	require.NoError(t, err)
	assert.Equal(t, int64(1200), result.Added)
	assert.Equal(t, int64(300), result.Updated)
	require.Len(t, r.all(), 3)
	for i, request := range r.all() {
		assert.Equal(t, i == 0, strings.Contains(request.body, "removeall"), "only the first request empties the list")
		assert.Equal(t, []int{500, 500, 1}[i], strings.Count(request.body, "example.com"))
	}

	// An empty response is a success: the entries after it are sent.
	r = responding(204, "")
	result, err = newClient(t, r).WatchedDomains.ReplaceAll(t.Context(), entries)
	require.NoError(t, err)
	assert.Zero(t, *result)
	assert.Len(t, r.all(), 3)

	calls := 0
	r = &recorder{respond: func(*http.Request) (*http.Response, error) {
		if calls++; calls == 2 {
			return httpmock.NewStringResponse(502, ""), nil
		}
		return httpmock.NewStringResponse(200, `{"response":"SUCCESS","added":500,"updated":0}`), nil
	}}
	result, err = newClient(t, r).WatchedDomains.Add(t.Context(), entries, nil)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	assert.Equal(t, int64(500), result.Added, "what was done before")
	assert.Len(t, r.all(), 2)

	// Counts of 0 don't say that nothing was done.
	calls = 0
	r = &recorder{respond: func(*http.Request) (*http.Response, error) {
		if calls++; calls == 2 {
			return httpmock.NewStringResponse(502, ""), nil
		}
		return httpmock.NewStringResponse(200, `{"response":"SUCCESS","added":0,"updated":0}`), nil
	}}
	result, err = newClient(t, r).WatchedDomains.Add(t.Context(), entries, nil)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	require.NotNil(t, result)
	assert.Equal(t, "SUCCESS", result.Response)
}

func TestRefusedWatchedDomains(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, responding(200, `{"response":"ERROR"}`)).WatchedDomains.Add(t.Context(), []string{"a.example.com"}, nil)
	require.ErrorIs(t, err, darktrace.ErrRejected)
	require.ErrorIs(t, newClient(t, responding(200, `{"intelfeed":"INPUT ERROR"}`)).WatchedDomains.Remove(t.Context(), "a.example.com", ""), darktrace.ErrRejected)
}

func TestDetailsOfWatchedDomains(t *testing.T) {
	t.Parallel()
	domains, err := newClient(t, responding(200, `[{"name":"a","expiry":"2026-04-03 15:23:20","strength":"100"},{"name":"b","expiry":"2026-12-31T12:00:00","strength":80},{"name":"c"}]`)).
		WatchedDomains.ListDetails(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, domains, 3)
	assert.Equal(t, time.Date(2026, 4, 3, 15, 23, 20, 0, time.UTC), domains[0].Expires())
	assert.Equal(t, time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC), domains[1].Expires())
	assert.True(t, domains[2].Expires().IsZero())
}

// A list of texts is read like a list of objects.
func TestSourcesOfWatchedDomains(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`[]`:                               {},
		`["Default","Intel"]`:              {"Default", "Intel"},
		`[["Default"],null,["\u00fc \n"]]`: {"Default", "ü \n"},
		`[7,{"name": "a"},true,""]`:        {"7", `{"name": "a"}`, "true", ""},
	} {
		names, err := newClient(t, responding(200, body)).WatchedDomains.Sources(t.Context())
		require.NoError(t, err, body)
		assert.Equal(t, want, names, body)
	}
	for _, body := range []string{``, `null`, `"Default"`, `{"name":"a"}`, `["Default"`, `["Default"]]`, `[x]`} {
		names, err := newClient(t, responding(200, body)).WatchedDomains.Sources(t.Context())
		require.ErrorIs(t, err, darktrace.ErrDecode, body)
		assert.Nil(t, names, body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := newClient(t, endingWith(cancel, `["Default","Intel"]`)).WatchedDomains.List(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}
