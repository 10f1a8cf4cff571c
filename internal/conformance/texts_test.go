package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// oneText asserts that an error has one line, which says once whose it is.
func oneText(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, strings.HasPrefix(err.Error(), "darktrace: "), "%v", err)
	assert.Equal(t, 1, strings.Count(err.Error(), "darktrace:"), "%v", err)
	assert.NotContains(t, err.Error(), "\n", "%v", err)
}

// renewal is an Authenticator that can't renew its credentials.
type renewal struct{ err error }

func (renewal) Authenticate(*http.Request, []byte) error                     { return nil }
func (r renewal) Refresh(context.Context, *darktrace.APIError) (bool, error) { return false, r.err }

// TestErrorsNameThePackageOnce passes errors of the package through everything
// that adds to an error.
func TestErrorsNameThePackageOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	inner := newClient(t, responding(http.StatusForbidden, "{}")).Ping(ctx)
	oneText(t, inner)
	wrapped := fmt.Errorf("audit: %w", inner)

	file := filepath.Join(t.TempDir(), "checkpoint.json")
	require.NoError(t, os.WriteFile(file, []byte("[]"), 0o600))
	_, loading := darktrace.FileCheckpoint(file).Load(ctx)
	next := checkpointOf(t, `{"v":2,"since":1,"through":2}`)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, polling := newClient(t, responding(http.StatusOK, "[]")).AIAnalyst.Poll(ended, nil, nil)
	_, logic := darktrace.ComponentLogic{Data: "[7]"}.Expression()
	refused, err := darktrace.NewClient(baseURL, renewal{wrapped}, darktrace.WithTransport(responding(http.StatusUnauthorized, "{}")))
	require.NoError(t, err)
	failing := newClient(t, responding(http.StatusOK, "[]"), darktrace.WithMiddleware(func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, wrapped })
	}))
	_, verified := failing.AIAnalyst.PostCommentVerified(ctx, id1, "words")
	for what, err := range map[string]error{
		"loading what is no checkpoint":     loading,
		"saving over what is no checkpoint": darktrace.FileCheckpoint(file).Save(ctx, next, next),
		"saving nothing":                    darktrace.MemoryCheckpoint().Save(ctx, nil, nil),
		"saving after the context ended":    darktrace.MemoryCheckpoint().Save(ended, nil, next),
		"decoding what is no checkpoint":    json.Unmarshal([]byte("[]"), new(darktrace.Checkpoint)),
		"polling after the context ended":   polling,
		"a stretch that can't be read":      &darktrace.UnreadError{Err: inner},
		"a component without logic":         logic,
		"credentials that can't be renewed": refused.Ping(ctx),
		"a middleware":                      failing.Ping(ctx),
		"a batch":                           failing.AIAnalyst.Acknowledge(ctx, id1, id2),
		"reading back":                      verified,
		"a writer":                          newClient(t, responding(http.StatusOK, "[]")).Do(ctx, &darktrace.Request{Path: "/status"}, brokenWriter{inner}),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			oneText(t, err)
		})
	}
}

// closing tells when the transport closes a connection.
type closing struct {
	net.Conn

	once   sync.Once
	closed chan struct{}
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// TestErrorsHideWhatNetHTTPSaysOfItself: a server that resets a connection before
// the request is on it.
func TestErrorsHideWhatNetHTTPSaysOfItself(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	dialed, closed := make(chan struct{}), make(chan struct{})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			<-dialed
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		close(dialed)
		return &closing{Conn: conn, closed: closed}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := darktrace.NewClient("http://"+listener.Addr().String(), newAuth(t), darktrace.WithTransport(transport), darktrace.WithRetryPolicy(darktrace.RetryPolicy{}))
	require.NoError(t, err)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { <-closed }})
	err = client.Ping(ctx)
	require.ErrorIs(t, err, darktrace.ErrConnection)
	assert.Regexp(t, `connection failed: the base URL begins with http://, and appliances speak https: begin it with https://: read tcp \S+: `, err.Error())
	assert.NotContains(t, err.Error(), "readLoop")
	assert.NotContains(t, err.Error(), "transport connection broken")
}

// TestChangesDescribeThemselves: in one line for people, and without devices for
// logs.
func TestChangesDescribeThemselves(t *testing.T) {
	t.Parallel()
	const at = 1_767_342_000_000
	acknowledged := true
	e := &darktrace.IncidentEvent{ID: id1, Title: "Port scan", CreatedAt: at, Category: darktrace.CategoryCritical, AIAScore: 87.5, BreachDevices: []darktrace.EventDevice{{Hostname: "ws-17"}}}
	b := &darktrace.ModelBreach{
		PBID: 7, CreationTime: at, Score: 0.57, Acknowledged: &acknowledged,
		Model: darktrace.BreachModel{Now: &darktrace.Model{Name: "Device::Scan"}}, Device: &darktrace.Device{Hostname: "ws-17"},
	}
	fields := []darktrace.FieldChange{{Field: "aiaScore"}, {Field: "pinned"}}
	for _, test := range []struct {
		change any
		text   string
		logged string
	}{
		{
			darktrace.EventChange{Kind: darktrace.EventUpdated, Key: "k", Source: "a.example.com", Event: e, Fields: fields},
			`updated 2026-01-02T08:20:00Z critical 87.5 "Port scan" ws-17 ` + id1,
			`change.kind=updated change.key=k change.source=a.example.com change.fields="aiaScore pinned" change.event.id=` + id1 +
				` change.event.incident="" change.event.created=2026-01-02T08:20:00Z change.event.category=critical change.event.score=87.5 change.event.title="Port scan" change.event.acknowledged=false`,
		},
		{
			darktrace.IncidentChange{Kind: darktrace.IncidentMerged, Key: "k", Source: "a.example.com", ID: "g1", Events: []*darktrace.IncidentEvent{e, e, e}, Score: 90, Category: darktrace.CategoryCritical},
			`merged critical 90 "Port scan" and 2 more g1`,
			`change.kind=merged change.key=k change.source=a.example.com change.fields="" change.id=g1 change.category=critical change.score=90 change.events=3 change.acknowledged=false`,
		},
		{
			darktrace.BreachChange{Kind: darktrace.EventNew, Key: "k", Source: "a.example.com", Breach: b},
			`new 2026-01-02T08:20:00Z 57 "Device::Scan" ws-17 7`,
			`change.kind=new change.key=k change.source=a.example.com change.fields="" change.breach.pbid=7 change.breach.created=2026-01-02T08:20:00Z change.breach.score=57 change.breach.model=Device::Scan change.breach.acknowledged=true`,
		},
		{darktrace.EventChange{Kind: darktrace.EventNew}, "new", `change.kind=new change.key="" change.source="" change.fields="" change.event=<nil>`},
		{darktrace.IncidentChange{Kind: darktrace.IncidentNew, ID: "g1"}, "new g1", `change.kind=new change.key="" change.source="" change.fields="" change.id=g1 change.category="" change.score=0 change.events=0 change.acknowledged=false`},
		{darktrace.BreachChange{Kind: darktrace.EventNew}, "new", `change.kind=new change.key="" change.source="" change.fields="" change.breach=<nil>`},
	} {
		assert.Equal(t, test.text, fmt.Sprint(test.change))
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "change", test.change)
		_, attrs, _ := strings.Cut(log.String(), "msg=x ")
		assert.Equal(t, test.logged, strings.TrimSuffix(attrs, "\n"))
	}
}
