package darktracetest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"sync/atomic"
)

// net/http resets a stream with INTERNAL_ERROR and offers no other code, but
// clients behave differently for each code. So the server of WithHTTP2 terminates
// TLS itself, and resetConn writes another code into the RST_STREAM frames.

// ResetCode is the error code with which a Cut resets an HTTP/2 stream.
type ResetCode uint32

// The codes that clients treat differently.
const (
	ProtocolError ResetCode = 0x1 // balancers send it when they lose a backend
	InternalError ResetCode = 0x2 // the default
	RefusedStream ResetCode = 0x7 // promises that the request was not processed
)

// tlsListener accepts connections whose TLS is hidden from net/http.
type tlsListener struct {
	net.Listener
	config *tls.Config
}

func (l tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &resetConn{Conn: tls.Server(conn, l.config)}, nil
}

// resetConn is the server's end of a connection; see above.
type resetConn struct {
	net.Conn
	code   atomic.Uint32 // 0 = don't change the frames
	header [9]byte       // of the frame that is being written
	have   int           // bytes of it
	left   int           // bytes of its payload still to come
}

// Write sends frames. A call may begin or end in the middle of a frame. net/http
// does not call Write concurrently.
func (c *resetConn) Write(p []byte) (int, error) {
	if tlsConn, ok := c.Conn.(*tls.Conn); !ok || tlsConn.ConnectionState().NegotiatedProtocol != "h2" {
		return c.Conn.Write(p)
	}
	const resetStream = 3
	out := append([]byte{}, p...)
	for i := 0; i < len(out); {
		if c.left > 0 {
			n := min(c.left, len(out)-i)
			if code := c.code.Load(); code != 0 && c.header[3] == resetStream {
				var bytes [4]byte
				binary.BigEndian.PutUint32(bytes[:], code)
				copy(out[i:i+n], bytes[4-c.left:])
			}
			i, c.left = i+n, c.left-n
			continue
		}
		n := copy(c.header[c.have:], out[i:])
		i, c.have = i+n, c.have+n
		if c.have == len(c.header) {
			c.have, c.left = 0, int(c.header[0])<<16|int(c.header[1])<<8|int(c.header[2])
		}
	}
	return c.Conn.Write(out)
}

type connKey struct{}

// withConn adds a connection to the context of its handlers.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// setResetCode sets the code of resets on a request's connection.
func setResetCode(r *http.Request, code ResetCode) {
	if conn, ok := r.Context().Value(connKey{}).(*resetConn); ok {
		conn.code.Store(uint32(code))
	}
}
