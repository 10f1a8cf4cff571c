package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
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

// shown renders a value in every way in which programs log and dump values.
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

// secretsIn returns the secrets in a text, as plain text or in hex.
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
	client := newClient(t, responding(200, "[]"))
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
		return &recorder{respond: func(req *http.Request) (*http.Response, error) {
			dump := fmt.Sprintf(`{"error":"%s %s %s, not %s"}`, req.Header.Get("DTAPI-Token"), req.Header.Get("DTAPI-Signature"), req.Header.Get("X-Gateway-Key"), privateToken)
			resp := httpmock.NewStringResponse(status, dump)
			resp.Header.Set("Content-Type", contentType)
			resp.Header.Set("Location", "https://sso.example.net/?token="+publicToken)
			return resp, nil
		}}
	}
	leaking := &recorder{respond: func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: fmt.Errorf("dump of the request: %v", req.Header)}
	}}
	// A token across the end of the snippet must not remain in part.
	straddling := responding(500, strings.Repeat("x", 505)+publicToken)
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
	err := newClient(t, responding(500, "the body")).Ping(t.Context())
	var apiErr *darktrace.APIError
	require.ErrorAs(t, err, &apiErr)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", apiErr)
	assert.Contains(t, log.String(), "err.method=GET err.path=/aianalyst/incidentevents err.status=500")
	assert.NotContains(t, log.String(), "the body")
}

// What a peer echoes is blanked in the forms in which servers escape text.
func TestEscapedEchoesShowNoSecret(t *testing.T) {
	t.Parallel()
	const public, private, gateway = `canary+public/qxzv"wkjq=`, `canary+private/vqkx"zjwx=`, `canary+gateway/&xkqz"jvqw`
	lower := func(s string) string { return strings.ToLower(url.QueryEscape(s)) }
	inJSON := func(s string) string {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		return strings.Trim(string(text), `"`)
	}
	for name, escape := range map[string]func(string) string{
		"query":       url.QueryEscape,
		"lower case":  lower,
		"HTML":        html.EscapeString,
		"hexadecimal": strings.NewReplacer("&", "&amp;", "+", "&#x2b;", "/", "&#x2F;", `"`, "&quot;", "=", "&#61;").Replace,
		"JSON":        inJSON,
		"JSON of PHP": func(s string) string { return strings.ReplaceAll(inJSON(s), "/", `\/`) },
		"all escaped": strings.NewReplacer("+", `\u002b`, "/", `\u002F`, `"`, `\u0022`, "=", `\u003d`).Replace,
		"twice":       func(s string) string { return html.EscapeString(lower(lower(s))) },
	} {
		for _, status := range []int{200, 302, 400, 403, 404, 500} {
			for _, form := range []string{`{"error":"refused %s %s %s, not %s"}`, `<p>refused %s %s %s, not %s</p>`, `refused %s %s %s, not %s`, strings.Repeat("x", 440) + ` refused %s %s %s, not %s`} {
				r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
					echo := fmt.Sprintf(form, escape(public), req.Header.Get("Dtapi-Signature"), escape(gateway), escape(private))
					return httpmock.NewStringResponse(status, echo), nil
				}}
				auth, err := darktrace.NewTokenAuth(public, private)
				require.NoError(t, err)
				var log bytes.Buffer
				client, err := darktrace.NewClient(baseURL, auth, darktrace.WithTransport(r), darktrace.WithHeader("X-Gateway-Key", gateway), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}),
					darktrace.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
				require.NoError(t, err)
				for _, err := range []error{client.Ping(t.Context()), client.AIAnalyst.Acknowledge(t.Context(), id1)} {
					require.Error(t, err)
					text := err.Error() + log.String()
					var apiErr *darktrace.APIError
					if errors.As(err, &apiErr) {
						text += apiErr.Body + apiErr.Code
					}
					for _, secret := range []string{"qxzv", "wkjq", "vqkx", "zjwx", "xkqz", "jvqw", r.all()[len(r.all())-1].header.Get("Dtapi-Signature")} {
						assert.NotContains(t, text, secret, "%s, %d: %s", name, status, form)
					}
				}
			}
		}
	}
}

func TestLogsQuoteNoEmail(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"error":"can't hold Private Words"}`, `<html>Private Words</html>`, `Private Words`, `[{"header_subject":"Private Words"}`, `{"response":"PRIVATE WORDS"}`} {
		for _, status := range []int{200, 302, 400, 403, 404, 409, 500} {
			var log bytes.Buffer
			client := newClient(t, responding(status, body), darktrace.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			_, search := client.Email.Search(t.Context(), &darktrace.EmailQuery{Start: windowStart})
			_, get := client.Email.Get(t.Context(), "7E1D0A44.1", nil)
			hold := client.Email.Hold(t.Context(), "7E1D0A44.1", "user.one@example.com")
			download := client.Email.Download(t.Context(), "7E1D0A44.1", new(bytes.Buffer))
			for _, err := range []error{search, get, hold, download} {
				if err != nil {
					slog.New(slog.NewJSONHandler(&log, nil)).Error("failed", "err", err)
				}
			}
			assert.NotContains(t, strings.ToLower(log.String()), "private words", "%d %s", status, body)
		}
	}
}

func TestCredentialsInURLsAreNotShown(t *testing.T) { //nolint:paralleltest // It replaces the default logger.
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	_, err := darktrace.NewClient("http://canary-user:canary-password@appliance.example.com", newAuth(t))
	require.ErrorIs(t, err, darktrace.ErrArgument)
	assert.NotContains(t, err.Error()+log.String(), "canary")
	_, err = darktrace.NewClient("http://appliance.example.com/canary-path", newAuth(t), darktrace.WithInsecureSkipVerify())
	require.NoError(t, err)
	assert.Contains(t, log.String(), "http is not encrypted")
	assert.NotContains(t, log.String(), "canary")

	for _, proxy := range []string{
		"http://canary-user:canary%zzpassword@proxy.example.com", "http://canary-user:canary-password#1@proxy.example.com:3128",
		"http://canary-user:canary-password@127.0.0.1:1",
	} {
		for _, wrap := range []func(error) error{
			func(err error) error { return err },
			func(err error) error { return fmt.Errorf("invalid proxy address %q: %w", proxy, err) }, // As http.ProxyFromEnvironment has it.
			func(err error) error { return &url.Error{Op: "Get", URL: baseURL, Err: err} },
		} {
			client, err := darktrace.NewClient(baseURL, newAuth(t), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}),
				darktrace.WithProxy(func(*http.Request) (*url.URL, error) {
					u, err := url.Parse(proxy)
					if err != nil {
						return nil, wrap(err)
					}
					return u, nil
				}))
			require.NoError(t, err)
			err = client.Ping(t.Context())
			require.ErrorIs(t, err, darktrace.ErrConnection)
			assert.NotContains(t, shown(t, err), "canary", "%v", err)
		}
	}

	_, unparsed := url.Parse(fmt.Sprintf("https://canary-user:%s@signing.example.com:8443", "canary-password#1"))
	client, err := darktrace.NewClient(baseURL, darktrace.AuthenticatorFunc(func(*http.Request, []byte) error { return unparsed }))
	require.NoError(t, err)
	err = client.Ping(t.Context())
	require.ErrorContains(t, err, "authentication failed: a URL can't be parsed")
	assert.NotContains(t, shown(t, err), "canary")
}
