package conformance_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// stalls holds what a peer sends before it stops sending and keeps the connection
// open.
var stalls = map[string]string{
	"silence":                           "",
	"half a status line":                "HTTP/1.1 2",
	"a status line":                     "HTTP/1.1 200 OK\r\n",
	"half a header":                     "HTTP/1.1 200 OK\r\nContent-Ty",
	"headers without their end":         "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n",
	"headers":                           "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
	"headers of an unknown length":      "HTTP/1.1 200 OK\r\n\r\n",
	"headers of chunks":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"half the size of a chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1",
	"the size of a chunk":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n",
	"half a chunk":                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{",
	"a chunk without its end":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]",
	"no last chunk":                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
	"no trailer":                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\n[]\r\n0\r\n",
	"one byte":                          "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
	"blanks":                            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n    ",
	"half a byte order mark":            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\xef\xbb",
	"half an element":                   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"id\":\"",
	"an element":                        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"id\":\"a\"}",
	"all but the end":                   "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]",
	"an object":                         "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"aianalyst\":\"SUCCESS\"}",
	"half a page":                       "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\n<html>",
	"half of gzip's head":               "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b",
	"half of gzip":                      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x8a",
	"an error's headers":                "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\n",
	"half an error":                     "HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\n{\"aian",
	"a date that was refused":           "HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\n{\"aianalyst\":\"API DATE ERROR\"}",
	"an unavailable service's headers":  "HTTP/1.1 503 Later\r\nContent-Length: 100\r\n\r\n",
	"a rate limit":                      "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n",
	"a redirect":                        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 100\r\n\r\nFound",
	"no content, and then some":         "HTTP/1.1 204 None\r\n",
	"continue":                          "HTTP/1.1 100 Continue\r\n\r\n",
	"processing":                        "HTTP/1.1 102 Processing\r\n\r\n",
	"early hints":                       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	"half of early hints":               "HTTP/1.1 103 Early Hints\r\nLink: ",
	"switched protocols":                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"switched protocols, and something": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nabc",
	"half of switched protocols":        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n",
}

// staller listens and lets serve hold each connection until the test ends.
func staller(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		close(done)
		_ = listener.Close()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				<-done
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// TestNoCallOutlivesItsContext has peers stall in every way that there is, and
// ends the context of reads, writes, streams and Watch meanwhile.
func TestNoCallOutlivesItsContext(t *testing.T) {
	t.Parallel()
	type peer struct {
		base string
		opts []darktrace.Option
	}
	peers := map[string]peer{}
	for name, beginning := range stalls {
		peers[name] = peer{base: "http://" + staller(t, func(conn net.Conn) {
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer)
			_, _ = io.WriteString(conn, beginning)
		})}
	}
	mute := staller(t, func(net.Conn) {})
	insecure := darktrace.WithInsecureSkipVerify()
	peers["a TLS handshake"] = peer{"https://" + mute, []darktrace.Option{insecure}}
	peers["half a TLS handshake"] = peer{"https://" + staller(t, func(conn net.Conn) { _, _ = conn.Write([]byte{22, 3, 3, 0, 100, 2}) }), []darktrace.Option{insecure}}
	proxy := func(address string) darktrace.Option {
		return darktrace.WithProxy(http.ProxyURL(&url.URL{Scheme: "http", Host: address}))
	}
	peers["CONNECT"] = peer{"https://appliance.example.com", []darktrace.Option{proxy(mute)}}
	peers["half a response to CONNECT"] = peer{"https://appliance.example.com", []darktrace.Option{proxy(staller(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200") }))}}
	peers["TLS behind CONNECT"] = peer{"https://appliance.example.com", []darktrace.Option{proxy(staller(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") }))}}
	lender := httptest.NewTLSServer(nil)
	certificates := lender.TLS.Certificates
	lender.Close()
	over2 := func(frames ...[]byte) peer {
		return peer{"https://" + staller(t, func(conn net.Conn) {
			secure := tls.Server(conn, &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
			if secure.HandshakeContext(t.Context()) == nil {
				for _, frame := range frames {
					_, _ = secure.Write(frame)
				}
				_, _ = io.Copy(io.Discard, secure)
			}
		}), []darktrace.Option{insecure}}
	}
	settings := frame(frameSettings, 0, 0, nil)
	peers["HTTP/2 without settings"] = over2()
	peers["HTTP/2 settings"] = over2(settings)
	peers["half an HTTP/2 frame"] = over2(settings, []byte{0, 0, 9})
	peers["an HTTP/2 window of nothing"] = over2(frame(frameSettings, 0, 0, []byte{0, 4, 0, 0, 0, 0}))
	peers["no HTTP/2 streams"] = over2(frame(frameSettings, 0, 0, []byte{0, 3, 0, 0, 0, 0}))
	require.GreaterOrEqual(t, len(peers), 40)
	t.Logf("%d ways of stalling", len(peers))

	const life, grace = 300 * time.Millisecond, 250 * time.Millisecond
	var wg sync.WaitGroup
	many, writes := make(chan struct{}, 48), make(chan struct{}, 4) // A write prepares a large body first: a second of work on a busy core.
	if *long {                                                      // Without slack, the machine itself must not be slow.
		many, writes = make(chan struct{}, 4), make(chan struct{}, 2)
	}
	for name, p := range peers {
		client, err := darktrace.NewClient(p.base, newAuth(t), append([]darktrace.Option{darktrace.WithProxy(nil), darktrace.WithLogger(quiet)}, p.opts...)...)
		require.NoError(t, err)
		t.Cleanup(client.CloseIdleConnections)
		for kind, call := range map[string]func(context.Context) error{
			"read": client.Ping,
			"write": func(ctx context.Context) error {
				return client.AIAnalyst.PostComment(ctx, id1, strings.Repeat("x", 1<<20))
			},
			"stream": func(ctx context.Context) (last error) {
				for _, err := range client.AIAnalyst.Events(ctx, nil) {
					last = err
				}
				return last
			},
			"bytes": func(ctx context.Context) error {
				return client.Do(ctx, &darktrace.Request{Path: "/pcaps/a"}, io.Discard)
			},
			"Watch": func(ctx context.Context) (last error) {
				for _, err := range client.AIAnalyst.Watch(ctx, darktrace.MemoryCheckpoint(), nil) {
					last = err
				}
				return last
			},
		} {
			places := many
			if kind == "write" {
				places = writes
			}
			wg.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				ctx, cancel := context.WithTimeout(t.Context(), life)
				defer cancel()
				err := call(ctx)
				deadline, _ := ctx.Deadline()
				late := time.Since(deadline)
				assert.Less(t, late, slack()+grace, "%s, %s: %v", kind, name, err)
			})
		}
	}
	wg.Wait()
}

// slack is the time that a machine that runs other tests may add to a wait. The
// long run has the machine for itself, and needs none.
func slack() time.Duration {
	if *long {
		return 0
	}
	return 10 * time.Second
}
