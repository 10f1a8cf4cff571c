package conformance_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// FuzzResponse: whatever a response is, its error is one line that can be printed and
// tells no secret, and a write whose outcome is unknown is not temporary.
func FuzzResponse(f *testing.F) {
	f.Add(200, "application/json", "[]")
	f.Add(200, "text/html; charset=utf-8", "<html><title>Log in</title></html>")
	f.Add(400, "application/json", `{"error":"API SIGNATURE ERROR","details":"`+publicToken+`"}`)
	f.Add(400, "text/plain", "token="+strings.ReplaceAll(publicToken, "-", "%2D")+"&key="+privateToken)
	f.Add(403, "application/json", `{"error":"Forbidden"}`)
	f.Add(404, "application/json", `{"message":"no such thing \u001b[31m"}`)
	f.Add(429, "application/json", `{"error":"Too Many\nRequests"}`)
	f.Add(200, "application/json", `{"aianalyst":"ERROR"}`)
	f.Add(200, "application/json", `{"aianalyst":"SUCCESS"}`)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 200 || status > 599 {
			return
		}
		client := newClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status, Request: req, Header: http.Header{"Content-Type": {contentType}},
				ContentLength: -1, Body: io.NopCloser(strings.NewReader(body)),
			}, nil
		}), darktrace.WithLogger(quiet))
		for name, call := range map[string]func(context.Context) error{
			"list":  func(ctx context.Context) error { return drop(client.AIAnalyst.ListEvents(ctx, nil)) },
			"one":   func(ctx context.Context) error { return drop(client.Devices.Summary(ctx, 7)) },
			"any":   func(ctx context.Context) error { return client.Do(ctx, &darktrace.Request{Path: "/any"}, new(any)) },
			"write": func(ctx context.Context) error { return client.AIAnalyst.Acknowledge(ctx, id1) },
		} {
			err := call(t.Context())
			if err == nil {
				continue
			}
			text := err.Error()
			require.True(t, strings.HasPrefix(text, "darktrace: "), "%s: %q", name, text)
			require.True(t, utf8.ValidString(text), "%s: %q", name, text)
			require.NotContains(t, text, string(utf8.RuneError), name)
			require.Negative(t, strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), "%s: %q", name, text)
			require.Less(t, len(text), 4000, name)
			require.Empty(t, secretsIn(text), name)
			if name == "write" {
				assert.False(t, darktrace.Temporary(err) && status != http.StatusTooManyRequests, text)
			}
		}
	})
}
