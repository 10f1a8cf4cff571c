// Package inflate undoes the compression of responses that net/http leaves
// compressed: some gateways compress although the request did not ask for it.
package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Declared decompresses a response's body if a header says that it is compressed.
// If it can't undo the coding, it returns an error that names it.
func Declared(resp *http.Response) error {
	declared := false
	for coding := range strings.SplitSeq(resp.Header.Get("Content-Encoding"), ",") {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
		case "", "identity":
		case "gzip", "x-gzip":
			if declared {
				return errors.New("the response is compressed twice")
			}
			declared = true
		default:
			return fmt.Errorf("the response is compressed by %q, which was not asked for; gzip can be undone", coding)
		}
	}
	if declared {
		resp.Body = &body{Reader: resp.Body, Closer: resp.Body}
	}
	return nil
}

// Undeclared decompresses a body if its first bytes show that it is compressed.
// p[:n] and err are the result of the first Read; Undeclared returns what they
// become, and the body to continue with.
func Undeclared(rest io.ReadCloser, p []byte, n int, err error) (io.ReadCloser, int, error) {
	if n == 0 || p[0] != magic[0] {
		return rest, n, err
	}
	b := &body{Reader: rest, Closer: rest}
	n, err = b.begin(p, n, err)
	return b, n, err
}

// magic is how gzip begins. JSON never begins like this.
const magic = "\x1f\x8b"

// body undoes gzip if the data begins like gzip.
type body struct {
	io.Reader
	io.Closer
	begun bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.begun || n == 0 {
		return n, err
	}
	return b.begin(p, n, err)
}

func (b *body) begin(p []byte, n int, err error) (int, error) {
	b.begun = true
	if !strings.HasPrefix(magic, string(p[:min(n, len(magic))])) {
		return n, err
	}
	rest := b.Reader
	if err != nil {
		rest = errReader{err}
	}
	unpacked, err := gzip.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(p[:n])), rest))
	if err != nil {
		return 0, fmt.Errorf("undoing gzip: %w", err)
	}
	b.Reader = unpacked
	return unpacked.Read(p)
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
