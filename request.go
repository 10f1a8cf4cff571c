package darktrace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Request is a request to any endpoint of the appliance, for Client.Do.
type Request struct {
	// Method is the HTTP method; empty means GET. GET and HEAD are reads, which
	// may be sent again; everything else is a write.
	Method string
	// Path is the escaped path below the base URL, beginning with a slash and
	// without a query. "." and ".." segments are refused.
	Path string
	// Query is sent with its keys sorted, escaping only what must be escaped.
	Query url.Values
	// Form is the form-encoded body of a write; nil means none.
	Form url.Values
	// JSON is encoded as the body of a write; nil means none. Form and JSON
	// together are an ErrArgument.
	JSON any
	// Header is added to what the client sends. The headers that authenticate a
	// request and describe its body can't be set, nor an Idempotency-Key, by which
	// net/http would send a write twice.
	Header http.Header
}

// Do sends a request to any endpoint of the appliance: signed, retried and
// classified like those of the typed methods.
//
// out is a pointer that a JSON answer is decoded into, as encoding/json does; a
// *[]byte, which gets the answer as it is; an io.Writer, which gets it as it
// arrives, once its beginning has shown that it is no error and no login page; or
// nil, to drop it. An empty answer to a read is an ErrDecode unless out is nil. An
// error of the io.Writer ends the call and is wrapped.
func (c *Client) Do(ctx context.Context, r *Request, out any) error { return c.core().do(ctx, r, out) }

func (c *core) do(ctx context.Context, r *Request, out any) error {
	k, err := r.call()
	if err != nil {
		return err
	}
	if _, k.stream = out.(io.Writer); !k.stream && out != nil {
		if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
			return argument("out", "is a %T; it has to be a pointer, an io.Writer or nil", out)
		}
	}
	reply, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer reply.finish(nil)
	if len(bytes.TrimSpace(reply.data)) == 0 {
		if k.write() || out == nil {
			return nil
		}
		return reply.undecoded(errEmpty)
	}
	switch out := out.(type) {
	case nil:
		if first := firstByte(reply.data); k.write() && (first != '{' && first != '[' || !json.Valid(reply.data)) {
			return reply.undecoded(errors.New("it is no JSON object"))
		}
	case *[]byte:
		*out = reply.data
	case io.Writer:
		// What broke reading is classified; what is left over is the writer's.
		if _, err := io.Copy(out, reply); err != nil {
			return cmp.Or(reply.err, fmt.Errorf("darktrace: %s %s: writing the answer: %w", k.method, k.path, err))
		}
	default:
		if err := json.Unmarshal(reply.data, out); err != nil {
			return reply.undecoded(err)
		}
	}
	return nil
}

var errEmpty = errors.New("the answer is empty")

// call is a request ready to be sent any number of times.
type call struct {
	method      string
	path        string // escaped, below the base URL
	query       string // encoded
	body        []byte
	contentType string
	header      http.Header
	stream      bool // the answer is read as it arrives
}

// write reports whether sending the request again could do something twice.
func (k *call) write() bool { return k.method != http.MethodGet && k.method != http.MethodHead }

// call checks a caller's request and encodes its body, once.
func (r *Request) call() (*call, error) {
	if r == nil {
		return nil, argument("request", "is nil")
	}
	k := &call{method: r.Method, path: r.Path, query: encodeQuery(r.Query)}
	if k.method == "" {
		k.method = http.MethodGet
	}
	if strings.ContainsFunc(k.method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return nil, argument("Request.Method", "is %q, which is no HTTP method in capitals", k.method)
	}
	if !strings.HasPrefix(k.path, "/") {
		return nil, argument("Request.Path", "must begin with a slash: %q", k.path)
	}
	if err := checkSegments("Request.Path", k.path); err != nil {
		return nil, err
	}
	if len(r.Header) > 0 {
		k.header = make(http.Header, len(r.Header))
		for key, values := range r.Header {
			for _, value := range append(values[:len(values):len(values)], "none") { // So that the key is checked anyway.
				if err := setHeader(k.header, key, value, "Request.Header"); err != nil {
					return nil, err
				}
			}
			k.header[http.CanonicalHeaderKey(key)] = slices.Clone(values)
		}
	}
	return k, k.encodeBody(r.Form, r.JSON)
}

func (k *call) encodeBody(form url.Values, value any) (err error) {
	switch {
	case form == nil && value == nil:
		return nil
	case form != nil && value != nil:
		return argument("Request", "has both Form and JSON")
	case !k.write():
		return argument("Request", "has a body, which a %s can't have", k.method)
	case form != nil:
		k.contentType = "application/x-www-form-urlencoded"
		k.body = []byte(form.Encode())
		return nil
	}
	k.contentType = "application/json"
	if k.body, err = marshalASCII(value); err != nil {
		return argument("Request.JSON", "can't be encoded: %v", err)
	}
	return nil
}

// checkSegments refuses a path that is not escaped, or that leaves its place by
// dot segments, escaped ones too.
func checkSegments(name, path string) error {
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || strings.ContainsAny(path, `?#\`) {
		return argument(name, "must be an escaped path without a query: %q", path)
	}
	if unescaped, err := url.PathUnescape(path); err == nil && (&url.URL{Path: unescaped, RawPath: path}).EscapedPath() != path {
		return argument(name, "must be an escaped path without a query: %q", path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		decoded, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return argument(name, "is not escaped properly: %v", err)
		case slices.ContainsFunc(strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }),
			func(part string) bool { return part == "." || part == ".." }):
			return argument(name, "has a dot segment: %q", path)
		case strings.ContainsAny(decoded, "\r\n\x00"):
			return argument(name, "hides a line break: %q", path)
		}
	}
	return nil
}

// url returns the call's URL below base.
func (k *call) url(base *url.URL) *url.URL {
	u := *base
	escaped := base.EscapedPath() + k.path
	u.Path, u.RawPath = escaped, ""
	if u.EscapedPath() != escaped { // It has escapes, or what net/url would escape.
		u.RawPath = escaped
		u.Path, _ = url.PathUnescape(escaped) // Both parts were checked.
	}
	u.RawQuery = k.query
	return &u
}

// encodeQuery encodes a query with sorted keys. It leaves literal what reads the
// same signed decoded and signed as sent, so that it can't matter which of the
// two an appliance does; url.Values.Encode would escape commas and colons.
func encodeQuery(query url.Values) string {
	if len(query) == 0 {
		return ""
	}
	var few [16]string
	keys := few[:0]
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.Grow(32 * len(keys))
	for _, key := range keys {
		for _, value := range query[key] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			writeEscaped(&b, key)
			b.WriteByte('=')
			writeEscaped(&b, value)
		}
	}
	return b.String()
}

func writeEscaped(b *strings.Builder, s string) {
	const literal = "-._~,:/*@"
	for i := range len(s) {
		if c := s[i]; alphanumeric(rune(c)) || strings.IndexByte(literal, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}

// marshalASCII encodes JSON on one line with all but ASCII escaped, the form
// that is proven against appliances.
func marshalASCII(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil || !bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return data, err
	}
	escaped := make([]byte, 0, len(data)+len(data)/2)
	for _, r := range string(data) {
		switch {
		case r < utf8.RuneSelf:
			escaped = append(escaped, byte(r)) //nolint:gosec // It is ASCII.
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
	}
	return escaped, nil
}
