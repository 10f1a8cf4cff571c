package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestBody(t *testing.T) {
	t.Parallel()
	const text = `[{"id":"a"}]`
	for name, test := range map[string]struct {
		coding string
		guess  bool
		body   string
		want   string
	}{
		"plain":                 {"", true, text, text},
		"identity":              {"identity", true, text, text},
		"declared":              {"gzip", false, packed(t, text), text},
		"declared, capitals":    {"GZIP", false, packed(t, text), text},
		"declared and not done": {"gzip", false, text, text},
		"not declared":          {"", true, packed(t, text), text},
		"a file":                {"", false, packed(t, text), packed(t, text)},
		"empty":                 {"gzip", true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, split := range []func(io.Reader) io.Reader{iotest.HalfReader, iotest.DataErrReader, iotest.OneByteReader} {
				resp := &http.Response{Header: http.Header{"Content-Encoding": {test.coding}}, Body: io.NopCloser(split(strings.NewReader(test.body)))}
				require.NoError(t, Declared(resp))
				first := make([]byte, 8)
				n, err := resp.Body.Read(first)
				if test.guess {
					resp.Body, n, err = Undeclared(resp.Body, first, n, err)
				}
				got := first[:n]
				if err == nil {
					var rest []byte
					rest, err = io.ReadAll(resp.Body)
					got = append(got, rest...)
				}
				if !errors.Is(err, io.EOF) {
					require.NoError(t, err)
				}
				assert.Equal(t, test.want, string(got))
				require.NoError(t, resp.Body.Close())
			}
		})
	}
}

func TestWhatCanNotBeUndone(t *testing.T) {
	t.Parallel()
	for coding, text := range map[string]string{
		"br":         `the response is compressed by "br", which was not asked for; gzip can be undone`,
		"gzip, zstd": `the response is compressed by "zstd", which was not asked for; gzip can be undone`,
		"gzip, gzip": "the response is compressed twice",
	} {
		require.EqualError(t, Declared(&http.Response{Header: http.Header{"Content-Encoding": {coding}}}), text)
	}
	resp := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(strings.NewReader("\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x00\x00"))}
	require.NoError(t, Declared(resp))
	_, err := io.ReadAll(resp.Body)
	require.ErrorContains(t, err, "undoing gzip: gzip: invalid header")

	broken := errors.New("broken pipe")
	resp = &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: io.NopCloser(io.MultiReader(strings.NewReader(packed(t, "text")[:15]), iotest.ErrReader(broken)))}
	require.NoError(t, Declared(resp))
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, broken)
}
