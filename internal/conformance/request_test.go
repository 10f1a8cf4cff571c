package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestDoOnTheWire(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		request darktrace.Request
		want    string
	}{
		{darktrace.Request{Path: "/status"}, "GET /status"},
		{darktrace.Request{Path: "/status", Query: url.Values{}}, "GET /status"},
		{darktrace.Request{Method: "HEAD", Path: "/"}, "HEAD /"},
		{darktrace.Request{Path: "/search/a%2Fb=="}, "GET /search/a%2Fb=="},
		{darktrace.Request{Path: "/it's(here)!*"}, "GET /it's(here)!*"},
		{darktrace.Request{Path: "/d", Query: url.Values{"b": {"2", "1"}, "a": {"x,y:z/*@~._-"}}}, "GET /d?a=x,y:z/*@~._-&b=2&b=1"},
		{darktrace.Request{Path: "/d", Query: url.Values{"q q": {"a b+c&d=e?f#g%h\"<ü>"}}}, "GET /d?q%20q=a%20b%2Bc%26d%3De%3Ff%23g%25h%22%3C%C3%BC%3E"},
		{darktrace.Request{Path: "/d", Query: url.Values{"crlf": {"a\r\nb"}}}, "GET /d?crlf=a%0D%0Ab"},
		{darktrace.Request{Method: "POST", Path: "/tags", Form: url.Values{"tag": {"Lab Bench,ü"}, "did": {"7"}}}, "POST /tags did=7&tag=Lab+Bench%2C%C3%BC"},
		{darktrace.Request{Method: "POST", Path: "/tags", Query: url.Values{"responsedata": {"name"}}, JSON: map[string]any{"name": "Ł & 𝛑"}}, `POST /tags?responsedata=name {"name":"\u0141 \u0026 \ud835\uded1"}`},
		{darktrace.Request{Method: "DELETE", Path: "/tags/7"}, "DELETE /tags/7"},
	} {
		r := responding(200, "{}")
		require.NoError(t, newClient(t, r).Do(t.Context(), &test.request, nil))
		assert.Equal(t, []string{test.want}, r.lines())
	}
}

func TestDoRefuses(t *testing.T) {
	t.Parallel()
	r := responding(200, "{}")
	client := newClient(t, r)
	for _, test := range []struct {
		request *darktrace.Request
		want    string
	}{
		{nil, "request is nil"},
		{&darktrace.Request{Method: "get", Path: "/a"}, `Request.Method is "get", which is not an HTTP method in capitals`},
		{&darktrace.Request{Method: "GET /x", Path: "/a"}, `Request.Method is "GET /x", which is not an HTTP method in capitals`},
		{&darktrace.Request{Path: ""}, `Request.Path must begin with a slash: ""`},
		{&darktrace.Request{Path: "https://other.example/a"}, `Request.Path must begin with a slash: "https://other.example/a"`},
		{&darktrace.Request{Path: "/a?b"}, `Request.Path must be an escaped path without a query: "/a?b"`},
		{&darktrace.Request{Path: "/a#b"}, `Request.Path must be an escaped path without a query: "/a#b"`},
		{&darktrace.Request{Path: "/a b"}, `Request.Path must be an escaped path without a query: "/a b"`},
		{&darktrace.Request{Path: "/a\r\nb"}, `Request.Path must be an escaped path without a query: "/a\r\nb"`},
		{&darktrace.Request{Path: "/é"}, `Request.Path must be an escaped path without a query: "/é"`},
		{&darktrace.Request{Path: `/a\..\b`}, `Request.Path must be an escaped path without a query: "/a\\..\\b"`},
		{&darktrace.Request{Path: "/a/../b"}, `Request.Path has a dot segment: "/a/../b"`},
		{&darktrace.Request{Path: "/a/./b"}, `Request.Path has a dot segment: "/a/./b"`},
		{&darktrace.Request{Path: "/a/%2e%2E/b"}, `Request.Path has a dot segment: "/a/%2e%2E/b"`},
		{&darktrace.Request{Path: "/a%0d%0ab"}, `Request.Path contains an escaped line break: "/a%0d%0ab"`},
		{&darktrace.Request{Path: "/a%zz"}, `Request.Path is not escaped properly: invalid URL escape "%zz"`},
		{&darktrace.Request{Path: "/a", Header: http.Header{"X": {"a\r\nb"}}}, "Request.Header has a line break or control character in the value of X"},
		{&darktrace.Request{Path: "/a", Header: http.Header{"Dtapi-Date": {"now"}}}, "Request.Header can't set Dtapi-Date, which the client sets"},
		{&darktrace.Request{Path: "/a", Header: http.Header{"content-encoding": {"gzip"}}}, "Request.Header can't set Content-Encoding, which the client sets"},
		{&darktrace.Request{Path: "/a", Header: http.Header{"Host": nil}}, "Request.Header can't set Host, which the client sets"},
		{&darktrace.Request{Path: "/a", Header: http.Header{"A\nB": {"x"}}}, `Request.Header has a key that is not a header name: "A\nB"`},
		{&darktrace.Request{Method: "POST", Path: "/a", Form: url.Values{}, JSON: 1}, "Request has both Form and JSON"},
		{&darktrace.Request{Path: "/a", JSON: 1}, "Request has a body, which GET can't have"},
		{&darktrace.Request{Method: "OPTIONS", Path: "/a", JSON: 1}, "Request has a body, which OPTIONS can't have"},
		{&darktrace.Request{Method: "POST", Path: "/a", JSON: math.Inf(1)}, "Request.JSON can't be encoded: json: unsupported value: +Inf"},
	} {
		err := client.Do(t.Context(), test.request, nil)
		require.ErrorIs(t, err, darktrace.ErrArgument, test.want)
		assert.EqualError(t, err, "darktrace: invalid argument: "+test.want)
	}
	assert.Empty(t, r.all(), "something was sent")
}

// TestHeadersOfARequest: they are added, replace what the client sends, or are sent
// as the Authenticator sets them. None can be removed.
func TestHeadersOfARequest(t *testing.T) {
	t.Parallel()
	r := responding(200, "{}")
	client, err := darktrace.NewClient(baseURL, darktrace.AuthenticatorFunc(func(req *http.Request, _ []byte) error {
		req.Header.Set("Authorization", "Bearer canary")
		return nil
	}), darktrace.WithTransport(r), darktrace.WithHeader("X-Author", "soc"))
	require.NoError(t, err)
	require.NoError(t, client.Do(t.Context(), &darktrace.Request{Path: "/a", Header: http.Header{
		"User-Agent": nil, "X-Author": {}, "accept": {"text/csv"}, "X-Two": {"a", "b"}, "Authorization": {"Basic canary"},
	}}, nil))
	header := r.all()[0].header
	assert.Equal(t, []string{"darktrace-go/" + darktrace.Version}, header["User-Agent"])
	assert.Equal(t, []string{"soc"}, header["X-Author"])
	assert.Equal(t, []string{"text/csv"}, header["Accept"])
	assert.Equal(t, []string{"a", "b"}, header["X-Two"])
	assert.Equal(t, []string{"Bearer canary"}, header["Authorization"])
}

func TestDoDecodes(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(200, ` {"version":"7.1"}`))
	status := &darktrace.Request{Path: "/status"}
	var typed struct{ Version string }
	require.NoError(t, client.Do(t.Context(), status, &typed))
	assert.Equal(t, "7.1", typed.Version)
	var data []byte
	require.NoError(t, client.Do(t.Context(), status, &data))
	assert.Equal(t, ` {"version":"7.1"}`, string(data))
	var buffer bytes.Buffer
	require.NoError(t, client.Do(t.Context(), status, &buffer))
	assert.Equal(t, ` {"version":"7.1"}`, buffer.String())
	require.NoError(t, client.Do(t.Context(), status, nil))
	require.ErrorIs(t, client.Do(t.Context(), status, new(int)), darktrace.ErrDecode)

	full := errors.New("disk full")
	err := client.Do(t.Context(), status, failingWriter{full})
	require.ErrorIs(t, err, full)
	require.EqualError(t, err, "darktrace: GET /status: writing the response: disk full")

	post := &darktrace.Request{Method: "POST", Path: "/tags", JSON: map[string]string{"name": "Lab"}}
	require.NoError(t, newClient(t, responding(204, "")).Do(t.Context(), post, &typed))
	for body, decoding := range map[string]error{`{"version":"7.1"}`: nil, `[7]`: darktrace.ErrOutcomeUnknown} {
		ctx, cancel := context.WithCancel(t.Context())
		require.ErrorIs(t, newClient(t, endingWith(cancel, body)).Do(ctx, post, &typed), decoding, "it was done")
		ctx, cancel = context.WithCancel(t.Context())
		require.ErrorIs(t, newClient(t, endingWith(cancel, body)).Do(ctx, status, &typed), context.Canceled)
	}
	err = newClient(t, responding(200, "{}")).Do(t.Context(), post, new(int))
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "response not understood: cannot unmarshal object into Go value of type int")
}

// TestDoQuotesNoValue decodes into types that the values do not fit.
func TestDoQuotesNoValue(t *testing.T) {
	t.Parallel()
	const words, wrong = "Alice Smith <alice@example.com>", "a value can't be decoded into its type"
	text, number := fmt.Sprintf(`{"Subject":%q}`, words), `{"Subject":4915112345678}`
	for _, test := range []struct {
		body string
		out  any
		want string
	}{
		{text, new(struct{ Subject time.Time }), wrong},
		{text, new(struct{ Subject darktrace.Millis }), wrong},
		{text, new(struct {
			Subject int `json:",string"`
		}), wrong + "|cannot unmarshal number into Go value of type int"}, // It depends on the version of Go.
		{text, new(struct{ Subject int }), "cannot unmarshal string into Go value of type int"},
		{number, new(struct{ Subject int8 }), "cannot unmarshal number into Go value of type int8"},
		{fmt.Sprintf(`{%q:1}`, words), new(map[int]int), "cannot unmarshal number into Go value of type int"},
		{text[:len(text)-1], new(any), "unexpected end of JSON input"},
	} {
		err := newClient(t, responding(200, test.body)).Do(t.Context(), &darktrace.Request{Path: "/agemail/emails/1"}, test.out)
		require.ErrorIs(t, err, darktrace.ErrDecode)
		assert.Regexp(t, "^darktrace: GET /agemail/emails/1: response not understood: ("+test.want+")$", err.Error())
		assert.NotContains(t, shown(t, err), "Alice")
		assert.NotContains(t, shown(t, err), "4915112345678")
	}
	err := newClient(t, responding(200, text)).Do(t.Context(), &darktrace.Request{Path: "/a"}, new(struct{ Subject time.Time }))
	var cause *time.ParseError
	require.ErrorAs(t, err, &cause)
	assert.Contains(t, cause.Value, "Alice")
}

// TestDoOfAWriteNeedsAResponseOfTheAppliance takes nothing else for a success,
// whatever happens to the response.
func TestDoOfAWriteNeedsAResponseOfTheAppliance(t *testing.T) {
	t.Parallel()
	post := &darktrace.Request{Method: "POST", Path: "/tags", JSON: map[string]string{"name": "Lab"}}
	blank := strings.Repeat(" ", 600)
	for body, done := range map[string]bool{
		``: true, ` `: true, `{}`: true, `{"tid":57}`: true, `[{"tid":57}]`: true, "\xef\xbb\xbf{}": true, blank + `{"tid":57}`: true,
		`queued`: false, `Bad Gateway`: false, `"failed"`: false, `false`: false, `57`: false, `null`: false,
		`{"tid":57`: false, `[]`: false, `["failed"]`: false, blank + `queued`: false,
	} {
		var data []byte
		var decoded any
		for name, out := range map[string]any{"nil": nil, "bytes": &data, "writer": new(bytes.Buffer), "pointer": &decoded} {
			slow := &recorder{respond: func(*http.Request) (*http.Response, error) { // One byte at a time.
				return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(body)))}, nil
			}}
			for _, r := range []*recorder{responding(200, body), slow} {
				err := newClient(t, r).Do(t.Context(), post, out)
				if done {
					require.NoError(t, err, "%s, %q", name, body)
				} else {
					require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown, "%s, %q", name, body)
				}
			}
		}
		if body == "queued" {
			assert.Equal(t, body, string(data), "the caller may know what it means")
		}
	}
}

// TestDoOfABodyThatBeginsBlank: some gateways send white space to keep a connection
// open.
func TestDoOfABodyThatBeginsBlank(t *testing.T) {
	t.Parallel()
	blank := strings.Repeat(" \n", 300)
	long := strings.Repeat(blank, 10) + `{"a":1}`
	write := &darktrace.Request{Path: "/a", Method: "POST"}
	for _, r := range []*darktrace.Request{{Path: "/a"}, {Path: "/a", Method: "POST", Read: true}, write} {
		for _, body := range []string{blank + `{"a":1}`, long} {
			if r == write && body == long {
				continue
			}
			var b bytes.Buffer
			require.NoError(t, newClient(t, responding(200, body)).Do(t.Context(), r, &b))
			assert.Equal(t, body, b.String())
		}
		var b bytes.Buffer
		require.ErrorIs(t, newClient(t, responding(200, blank+htmlPage)).Do(t.Context(), r, &b), darktrace.ErrLogin)
		require.ErrorIs(t, newClient(t, responding(200, blank+`{"error":"no data for you"}`)).Do(t.Context(), r, &b), darktrace.ErrRejected)
		assert.Empty(t, b.String())
	}
	require.ErrorIs(t, newClient(t, responding(200, blank)).Do(t.Context(), &darktrace.Request{Path: "/a"}, io.Discard), darktrace.ErrDecode)
	require.ErrorIs(t, newClient(t, responding(200, long)).Do(t.Context(), write, io.Discard), darktrace.ErrOutcomeUnknown, "its beginning says nothing")
}

func TestNilWritersAreRefused(t *testing.T) {
	t.Parallel()
	r := responding(200, "{}")
	client := newClient(t, r)
	var out *bytes.Buffer
	err := client.Do(t.Context(), &darktrace.Request{Method: "POST", Path: "/tags"}, out)
	require.EqualError(t, err, "darktrace: invalid argument: out is a nil pointer of the type *bytes.Buffer")
	err = client.Do(t.Context(), &darktrace.Request{Method: "POST", Path: "/tags"}, (*int)(nil))
	require.EqualError(t, err, "darktrace: invalid argument: out is a nil pointer of the type *int")
	require.EqualError(t, client.Email.Download(t.Context(), "7E1D0A44.1", out), "darktrace: invalid argument: w is nil")
	require.EqualError(t, client.PCAPs.Download(t.Context(), &darktrace.PCAP{Filename: "a.pcap"}, out), "darktrace: invalid argument: w is nil")
	assert.Empty(t, r.all(), "something was sent")
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
