package conformance_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// http2Peer speaks HTTP/2 frame by frame, so that it can misbehave in ways that an
// http.Server can't: it processes requests and then claims that it has not.
type http2Peer struct {
	address   string
	refuse    func(request int) (code uint32, ok bool)
	goAway    func(request int) (lastStream func(stream uint32) uint32, ok bool)
	mu        sync.Mutex
	requests  int
	messages  map[string]int // how often each comment arrived
	resets    int
	goAways   int
	responses int
}

var messageOf = regexp.MustCompile(`"message":"([^"]*)"`)

const (
	frameData, frameHeaders, frameReset, frameSettings, frameGoAway, frameWindow = 0, 1, 3, 4, 7, 8
	flagEnd, flagAck, flagEndHeaders                                             = 1, 1, 4
	protocolError, refusedStream, silence                                        = 1, 7, 1 << 20 // The last one is not HTTP/2: the peer sends nothing.
)

func (p *http2Peer) start(t *testing.T, overTLS bool) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if overTLS {
		lender := httptest.NewTLSServer(nil)
		listener = tls.NewListener(listener, &tls.Config{Certificates: lender.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
		lender.Close()
	}
	t.Cleanup(func() { _ = listener.Close() })
	p.address, p.messages = listener.Addr().String(), map[string]int{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags} //nolint:gosec // A frame is shorter than 2^24.
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

func word(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (p *http2Peer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	_, _ = io.ReadFull(in, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	_, _ = conn.Write(frame(frameSettings, 0, 0, nil))
	bodies := map[uint32][]byte{}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		switch kind {
		case frameSettings:
			if flags&flagAck == 0 {
				_, _ = conn.Write(frame(frameSettings, flagAck, 0, nil))
			}
		case frameData:
			bodies[stream] = append(bodies[stream], payload...)
			if len(payload) > 0 {
				_, _ = conn.Write(frame(frameWindow, 0, 0, word(uint32(len(payload))))) //nolint:gosec // It is a frame's.
			}
		}
		if (kind == frameData || kind == frameHeaders) && flags&flagEnd != 0 { // All of the request has arrived.
			_, _ = conn.Write(p.reply(stream, bodies[stream]))
			delete(bodies, stream)
		}
	}
}

func (p *http2Peer) reply(stream uint32, body []byte) (out []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if match := messageOf.FindSubmatch(body); match != nil {
		p.messages[string(match[1])]++
	}
	if p.goAway != nil {
		if last, ok := p.goAway(p.requests); ok {
			p.goAways++
			out = append(out, frame(frameGoAway, 0, 0, append(word(last(stream)), word(0)...))...)
		}
	}
	if code, ok := p.refuse(p.requests); ok {
		p.resets++
		if code == silence {
			return out
		}
		return append(out, frame(frameReset, 0, stream, word(code))...)
	}
	p.responses++
	const status200 = 0x88 // An entry of HPACK's static table.
	out = append(out, frame(frameHeaders, flagEndHeaders, stream, []byte{status200})...)
	return append(out, frame(frameData, flagEnd, stream, []byte(`{"aianalyst":"SUCCESS"}`))...)
}

// http2Client returns a client of the peer: through the SDK's own transport, or
// for h2c through one that a caller configured.
func http2Client(t *testing.T, p *http2Peer, overTLS bool, opts ...darktrace.Option) *darktrace.Client {
	t.Helper()
	base := "https://" + p.address
	if overTLS {
		opts = append(opts, darktrace.WithInsecureSkipVerify(), darktrace.WithProxy(nil), darktrace.WithLogger(quiet))
	} else {
		base = "http://" + p.address
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		opts = append(opts, darktrace.WithTransport(transport), darktrace.WithLogger(quiet))
	}
	client, err := darktrace.NewClient(base, newAuth(t), opts...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestHTTP2SendsAWriteOnce(t *testing.T) {
	t.Parallel()
	for _, overTLS := range []bool{true, false} {
		for _, code := range []uint32{protocolError, refusedStream} {
			for _, request := range []*darktrace.Request{{Method: "POST", Path: "/tags", JSON: 1}, {Method: "DELETE", Path: "/tags/1"}, {Method: "QUERY", Path: "/tags/1"}} {
				p := &http2Peer{refuse: func(int) (uint32, bool) { return code, true }}
				p.start(t, overTLS)
				err := http2Client(t, p, overTLS).Do(t.Context(), request, nil)
				assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%v", err)
				p.mu.Lock()
				assert.Equal(t, 1, p.requests, "%s, TLS %v, code %d", request.Method, overTLS, code)
				p.mu.Unlock()
			}
		}
	}
}

// A peer may send GOAWAY and falsely claim that it has processed nothing.
func TestAGOAWAYProvesNothing(t *testing.T) {
	t.Parallel()
	for _, overTLS := range []bool{true, false} {
		p := &http2Peer{
			refuse: func(int) (uint32, bool) { return silence, true },
			goAway: func(int) (func(uint32) uint32, bool) { return func(uint32) uint32 { return 0 }, true },
		}
		p.start(t, overTLS)
		err := http2Client(t, p, overTLS).AIAnalyst.PostComment(t.Context(), id1, "x")
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), "%v", err)
		p.mu.Lock()
		assert.Equal(t, 1, p.requests)
		p.mu.Unlock()
	}
}

// TestSimulationOfHTTP2Writers has many writers on few connections, which is
// when net/http takes a connection for a request that another one has dialed.
func TestSimulationOfHTTP2Writers(t *testing.T) {
	t.Parallel()
	for name, overTLS := range map[string]bool{"h2": true, "h2c": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			duration := 500 * time.Millisecond
			if *long {
				duration = time.Minute
			}
			p := &http2Peer{
				refuse: func(request int) (uint32, bool) { return protocolError, request%20 == 0 },
				goAway: func(request int) (func(uint32) uint32, bool) {
					return func(stream uint32) uint32 {
						if request%2000 == 0 {
							return 0
						}
						return stream
					}, request%1000 == 0
				},
			}
			p.start(t, overTLS)
			client := http2Client(t, p, overTLS)
			end := time.Now().Add(duration)
			var wg sync.WaitGroup
			var confirmed, unsent sync.Map
			var nils, unknowns, notSent, others atomic.Int64
			for writer := range 16 {
				wg.Go(func() {
					for i := 0; i < 10 || time.Now().Before(end); i++ { // Enough for resets on a busy machine too.
						message := fmt.Sprintf("%d of writer %d", i, writer)
						switch err := client.AIAnalyst.PostComment(t.Context(), id1, message); {
						case err == nil:
							nils.Add(1)
							confirmed.Store(message, true)
						case errors.Is(err, darktrace.ErrOutcomeUnknown):
							unknowns.Add(1)
						case errors.Is(err, darktrace.ErrConnection):
							notSent.Add(1)
							unsent.Store(message, err)
						default:
							others.Add(1)
							t.Errorf("%v", err)
						}
					}
				})
			}
			wg.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			for message, times := range p.messages {
				if times > 1 {
					t.Errorf("%q arrived %d times", message, times)
				}
				if err, ok := unsent.Load(message); ok {
					t.Errorf("%q arrived, but was said not to be sent: %v", message, err)
				}
			}
			confirmed.Range(func(message, _ any) bool {
				if p.messages[message.(string)] == 0 { //nolint:forcetypeassert // All are.
					t.Errorf("%q was confirmed and has not arrived", message)
				}
				return true
			})
			t.Logf("%d requests, %d resets, %d GOAWAYs; %d nil, %d unknown, %d not sent", p.requests, p.resets, p.goAways, nils.Load(), unknowns.Load(), notSent.Load())
			assert.NotZero(t, p.resets)
		})
	}
}
