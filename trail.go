package darktrace

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// writeTrail is how far the transport got with a write: whether any byte of it may
// have left.
type writeTrail struct {
	asked atomic.Bool // for a connection
	sent  atomic.Bool // perhaps: there was a connection to send it on
	http2 atomic.Bool // that connection's protocol
}

var errResent = errors.New("the connection failed and the transport was about to send the request again")

// follow lets a transport leave a trail, and keeps it from sending a write again.
// HTTP/1.1 does that only when nothing was written, so that a second request for
// a connection means that nothing was sent; but only when it is the transport
// itself that asks, and not a wrapper around it. HTTP/2 does it after errors that
// prove nothing, so that it must not.
func (t *writeTrail) follow(ctx context.Context, outer http.RoundTripper, cancel context.CancelCauseFunc) context.Context {
	_, direct := outer.(*http.Transport)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			t.asked.Store(true)
			if t.sent.Load() && t.http2.Load() {
				cancel(errResent)
			} else if direct {
				t.sent.Store(false)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.sent.Store(true)
			secure, ok := info.Conn.(*tls.Conn)
			t.http2.Store(ok && secure.ConnectionState().NegotiatedProtocol == "h2")
		},
	})
}

// mayBeSent reports whether any byte of a request that failed so may have left.
// ours is whether the transport is the client's own, without wrappers.
func (t *writeTrail) mayBeSent(err error, ours bool) bool {
	if t.asked.Load() || ours {
		return t.sent.Load()
	}
	// A transport that leaves no trail: only an error from before the
	// connection stood proves anything.
	var op *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	dialed := errors.As(err, &op) && op.Op == "dial"
	return !dialed && !errors.As(err, &dns) && !errors.As(err, &certificate)
}
