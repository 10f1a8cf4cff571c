package darktrace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// shown renders a value in every way that programs log and dump values.
func shown(t *testing.T, value any) string {
	t.Helper()
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
		fmt.Fprintf(&b, verb+"\n", value)
		fmt.Fprintf(&b, verb+"\n", []any{value, map[string]any{"nested": value}})
	}
	if data, err := json.Marshal(value); err == nil {
		b.Write(data)
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&b, nil), slog.NewTextHandler(&b, nil)} {
		slog.New(handler).Error("dump", "value", value, "group", slog.GroupValue(slog.Any("nested", value)))
	}
	// What a failed comparison of a test prints.
	failure := &failures{&b}
	assert.Equal(failure, "something else", value)
	func() {
		defer func() { fmt.Fprintln(&b, recover()) }()
		panic(value)
	}()
	return b.String()
}

// failures collects what a failed assertion prints.
type failures struct{ out *strings.Builder }

func (f *failures) Errorf(format string, args ...any) { fmt.Fprintf(f.out, format, args...) }

// secretsIn returns the secrets that show in a text, in plain or in hex.
func secretsIn(text string, more ...string) []string {
	var found []string
	for _, secret := range append(more, publicToken, privateToken) {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%d", []byte(secret))} {
			if strings.Contains(text, form) {
				found = append(found, form)
			}
		}
	}
	return found
}

func TestValuesShowNoSecret(t *testing.T) {
	t.Parallel()
	auth := newAuth(t)
	client := newClient(t, answering(200, "[]"))
	require.NoError(t, client.Ping(t.Context()))
	type settings struct {
		Name string
		Auth darktrace.Authenticator
		auth *darktrace.TokenAuth
	}
	for _, value := range []any{auth, *auth, client, *client, client.AIAnalyst, settings{"a", auth, auth}, &settings{"a", auth, auth}} {
		assert.Empty(t, secretsIn(shown(t, value)), "%T", value)
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	echo := func(status int, contentType string) *recorder {
		return &recorder{answer: func(req *http.Request) (*http.Response, error) {
			dump := fmt.Sprintf(`{"error":"%s %s %s, not %s"}`, req.Header.Get("DTAPI-Token"), req.Header.Get("DTAPI-Signature"), req.Header.Get("X-Gateway-Key"), privateToken)
			resp := httpmock.NewStringResponse(status, dump)
			resp.Header.Set("Content-Type", contentType)
			resp.Header.Set("Location", "https://sso.example.net/?token="+publicToken)
			return resp, nil
		}}
	}
	leaking := &recorder{answer: func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: fmt.Errorf("dump of the request: %v", req.Header)}
	}}
	// A token that lies across the end of the snippet must not be left in part.
	straddling := answering(500, strings.Repeat("x", 505)+publicToken)
	for _, r := range []*recorder{echo(400, ""), echo(500, ""), echo(302, ""), echo(200, ""), echo(200, "text/html"), echo(403, ""), leaking, straddling} {
		var log bytes.Buffer
		client := newClient(t, r, darktrace.WithHeader("X-Gateway-Key", "canary-gateway-key"),
			darktrace.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.Level(-100)}))))
		for name, call := range allMethods(client) {
			err := call(t.Context())
			signature := r.all()[len(r.all())-1].header.Get("DTAPI-Signature")
			if err == nil {
				continue
			}
			text := shown(t, err)
			for _, kind := range []any{new(*darktrace.APIError), new(*darktrace.BatchError)} {
				if errors.As(err, kind) {
					text += shown(t, kind)
				}
			}
			assert.Empty(t, secretsIn(text, signature, "canary-gateway-key", publicToken[:7]), name)
		}
		assert.NotEmpty(t, log.String())
		assert.Empty(t, secretsIn(log.String(), "canary-gateway-key"))
	}
}

func TestWhatIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := inTurn(respond(503, ""), respond(200, "[]"))
	client := newClient(t, r, darktrace.WithLogger(logger),
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 1, MinBackoff: time.Nanosecond, MaxBackoff: time.Nanosecond}))
	_, err := client.AIAnalyst.ListEvents(t.Context(), &darktrace.EventListOptions{EventIDs: []string{id1}, MinScore: 66.125})
	require.NoError(t, err)
	var lines []map[string]any
	for line := range bytes.Lines(log.Bytes()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields))
		lines = append(lines, fields)
	}
	require.Len(t, lines, 3)
	allowed := []string{"time", "level", "msg", "method", "path", "query", "status", "attempt", "duration", "bytes", "error", "wait"}
	for _, fields := range lines {
		for name := range fields {
			assert.Contains(t, allowed, name)
		}
		assert.Equal(t, "includeacknowledged,minscore,uuid", fields["query"])
		assert.Equal(t, "/aianalyst/incidentevents", fields["path"])
	}
	assert.Equal(t, []any{"DEBUG", "WARN", "DEBUG"}, []any{lines[0]["level"], lines[1]["level"], lines[2]["level"]})
	assert.InDelta(t, 503, lines[0]["status"], 0)
	assert.InDelta(t, 2, lines[2]["attempt"], 0)
	assert.InDelta(t, 2, lines[2]["bytes"], 0)
	assert.NotContains(t, log.String(), id1)
	assert.NotContains(t, log.String(), "66.125")
}

func TestAPIErrorLogsItsParts(t *testing.T) {
	t.Parallel()
	err := newClient(t, answering(500, "the body")).Ping(t.Context())
	var answer *darktrace.APIError
	require.ErrorAs(t, err, &answer)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", answer)
	assert.Contains(t, log.String(), "err.method=GET err.path=/aianalyst/incidentevents err.status=500")
	assert.NotContains(t, log.String(), "the body")
}
