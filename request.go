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

	"github.com/darktrace-go/darktrace/internal/trail"
)

// Request is a request to any endpoint of the appliance, for Client.Do.
type Request struct {
	// Method is the HTTP method; empty means GET. GET, HEAD, OPTIONS and TRACE
	// are reads, which may be sent again. All other methods are writes, unless
	// Read is set.
	Method string
	// Read says that the request changes nothing, such as a search by POST.
	// Then it is retried as reads are, a 503 is ErrServer, and an empty
	// response with a status of success means that nothing was found: out keeps
	// its value.
	Read bool
	// Path is the escaped path below the base URL. It begins with a slash, and
	// has no query and no "." or ".." segment.
	Path string
	// Query is sent with sorted keys. Only what must be escaped is escaped.
	Query url.Values
	// Form is the form-encoded body of a write; nil means none.
	Form url.Values
	// JSON is encoded as the body of a write; nil means none. If both Form and
	// JSON are set, Do returns ErrArgument.
	JSON any
	// Header is added to the headers that the client sends; a key without values
	// is ignored. It can't set the headers of the signature and those that
	// describe the request (Accept-Encoding, Content-Encoding, Content-Length,
	// Content-Type, Host and Transfer-Encoding), nor an Idempotency-Key, which
	// would make net/http send a write twice. What the Authenticator sets
	// replaces it.
	Header http.Header
}

// Do sends a request to any endpoint of the appliance. It signs, retries and
// reports errors as the other methods do.
//
// out says what to do with the response:
//
//   - A pointer gets the decoded JSON, as with encoding/json. If that fails, the
//     text of the error quotes no value; errors.As finds the decoder's error.
//     Decoding can't be interrupted: if the context ends meanwhile, Do returns
//     after it, with an error unless the request is a write.
//   - A *[]byte gets the body unchanged.
//   - An io.Writer gets the body as it arrives, once its beginning has shown
//     that it is neither an error nor a login page. If writing fails, Do
//     returns that error, wrapped.
//   - nil drops the body.
//
// If a read gets an empty response, Do returns ErrDecode, unless out is nil. If a
// write gets a response that is neither empty nor a JSON object or list, Do
// returns ErrOutcomeUnknown, and of the kinds of out only a *[]byte gets it.
func (c *Client) Do(ctx context.Context, r *Request, out any) error { return c.core().do(ctx, r, out) }

func (c *core) do(ctx context.Context, r *Request, out any) (err error) {
	k, err := r.call()
	if err != nil {
		return err
	}
	_, k.stream = out.(io.Writer)
	switch {
	case out != nil && isNil(out):
		return argument("out", "is a nil pointer of the type %T", out)
	case !k.stream && out != nil && reflect.ValueOf(out).Kind() != reflect.Pointer:
		return argument("out", "has the type %T; it must be a pointer, an io.Writer or nil", out)
	}
	_, bytewise := out.(*[]byte)
	k.raw = k.stream || bytewise
	reply, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer func() {
		reply.done(err)
		reply.finish(reply.err)
	}()
	if len(bytes.TrimSpace(reply.data)) == 0 && reply.ended {
		if k.write() || k.read || out == nil {
			return nil
		}
		return reply.undecoded(errEmpty)
	}
	if data, ok := out.(*[]byte); ok {
		*data = reply.data
	}
	if k.write() && !confirms(reply.data, reply.ended) {
		return reply.undecoded(errors.New("it is not a JSON object"))
	}
	switch out := out.(type) {
	case nil, *[]byte:
	case io.Writer:
		// An error of reading is in reply.err; any other error is the writer's.
		_, err := io.Copy(out, reply)
		if capture, ok := out.(*captureWriter); ok && !capture.known && (err == nil || errors.Is(err, errNoCapture)) {
			return reply.failed(ErrDecode, errNoCapture.Error(), nil)
		}
		if err != nil {
			return cmp.Or(reply.err, within(k.method+" "+k.path+": writing the response", err))
		}
	default:
		err := json.Unmarshal(reply.data, out)
		switch {
		case ctx.Err() != nil && !k.write():
			return reply.broken(ErrConnection, "", contextError(ctx))
		case err != nil:
			return reply.undecoded(unquoted(err))
		}
	}
	return nil
}

// isNil reports whether v is nil, or a nil pointer of any type.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return v == nil || value.Kind() == reflect.Pointer && value.IsNil()
}

// confirms reports whether the response to a write may be the appliance's, which is
// an object or a list. Of a response that is not complete it checks the beginning.
func confirms(body []byte, complete bool) bool {
	body = bytes.TrimPrefix(body, byteOrderMark)
	first := firstByte(body)
	return complete && succeeded(body) || (first == '{' || first == '[') && (!complete || json.Valid(body))
}

// unquoted returns an error of encoding/json whose text leaves out the value that
// does not fit: it may be personal data.
func unquoted(err error) error {
	text := "a value can't be decoded into its type"
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _, _ := strings.Cut(typed.Value, " ") // Its JSON type, without the number. The field may be the key of a map.
		text = "cannot unmarshal " + kind + " into Go value of type " + typed.Type.String()
	} else if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		text = syntax.Error()
	}
	return &restated{text, err}
}

var errEmpty = errors.New("it is empty")

// call is a request ready to be sent any number of times.
type call struct {
	method      string
	path        string // escaped, below the base URL
	query       string // encoded
	body        []byte
	contentType string
	header      http.Header
	read        bool // it changes nothing although the method is a write's: a search by POST
	stream      bool // the response is read as it arrives
	raw         bool // the caller gets the response unchanged
	attempts    int  // requests sent so far
	status      int  // of the last response; 0 = none
}

// area returns the first segment of the path, which the appliance uses as a key for
// codes.
func (k *call) area() string { return strings.Split(k.path, "/")[1] }

// write reports whether sending the request again could do something twice.
func (k *call) write() bool { return !k.read && !trail.Safe(k.method) }

// ids returns the ids in the query, which the path in an error's text leaves out;
// "" if there are none.
func (k *call) ids() string {
	var ids []string
	for pair := range strings.SplitSeq(k.query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if lower := strings.ToLower(name); strings.HasSuffix(lower, "id") && !strings.HasPrefix(lower, "exclude") {
			ids = append(ids, name+" "+shorten(printable(value), quoted))
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return "the request was for " + strings.Join(ids, ", ")
}

// call checks a caller's request and encodes its body, once.
func (r *Request) call() (*call, error) {
	if r == nil {
		return nil, argument("request", "is nil")
	}
	k := &call{method: r.Method, path: r.Path, query: encodeQuery(r.Query), read: r.Read}
	if k.method == "" {
		k.method = http.MethodGet
	}
	if strings.ContainsFunc(k.method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return nil, argument("Request.Method", "is %q, which is not an HTTP method in capitals", k.method)
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
			for _, value := range append(values[:len(values):len(values)], "none") { // So that the key is checked even without a value.
				if err := setHeader(http.Header{}, key, value, "Request.Header"); err != nil {
					return nil, err
				}
			}
			if len(values) > 0 {
				k.header[http.CanonicalHeaderKey(key)] = slices.Clone(values)
			}
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
	case trail.Safe(k.method):
		return argument("Request", "has a body, which %s can't have", k.method)
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

// checkSegments rejects a path that is not properly escaped, or that has dot
// segments, even escaped ones.
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
			return argument(name, "contains an escaped line break: %q", path)
		}
	}
	return nil
}

// url returns the call's URL below base.
func (k *call) url(base *url.URL) *url.URL {
	u := *base
	escaped := base.EscapedPath() + k.path
	u.Path, u.RawPath = escaped, ""
	if u.EscapedPath() != escaped { // It has escapes, or characters that net/url would escape.
		u.RawPath = escaped
		u.Path, _ = url.PathUnescape(escaped) // Both parts were checked.
	}
	u.RawQuery = k.query
	return &u
}

// encodeQuery encodes a query with sorted keys. An appliance may check the
// signature against the decoded query or against the query as sent. So encodeQuery
// escapes only where it must: url.Values.Encode would also escape commas and
// colons.
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

// marshalASCII encodes JSON on one line and escapes all characters outside of
// ASCII: appliances are known to accept that form.
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
