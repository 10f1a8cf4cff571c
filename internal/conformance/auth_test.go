package conformance_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// TestSignatures compares with signatures that were made by another
// implementation; see testdata/README.md.
func TestSignatures(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/signatures.json")
	require.NoError(t, err)
	var known struct {
		PublicToken, PrivateToken string
		Vectors                   []struct {
			Name, Method, Path, Query, Body, Layout, Date, StripPrefix, Signed, Signature string
			SignAsSent                                                                    bool
		}
	}
	require.NoError(t, json.Unmarshal(data, &known))
	require.NotEmpty(t, known.Vectors)
	now := func() time.Time { return time.Date(2031, 7, 9, 6, 5, 4, 0, time.UTC).In(time.FixedZone("", 5*3600)) }
	for _, v := range known.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			opts := []darktrace.TokenOption{darktrace.TokenClock(now), darktrace.TokenDateLayout(v.Layout), darktrace.TokenStripPrefix(v.StripPrefix)}
			if v.SignAsSent {
				opts = append(opts, darktrace.TokenSignEncodedQuery())
			}
			auth, err := darktrace.NewTokenAuth(known.PublicToken, known.PrivateToken, opts...)
			require.NoError(t, err)
			req, err := http.NewRequestWithContext(t.Context(), v.Method, baseURL+v.Path, strings.NewReader(v.Body))
			require.NoError(t, err)
			req.URL.RawQuery = v.Query
			require.NoError(t, auth.Authenticate(req, []byte(v.Body)))
			assert.Equal(t, known.PublicToken, req.Header.Get("DTAPI-Token"))
			assert.Equal(t, v.Date, req.Header.Get("DTAPI-Date"))
			assert.Equal(t, v.Signature, req.Header.Get("DTAPI-Signature"), "signed should be %q", v.Signed)
		})
	}
}

func TestSigningAgainReplacesTheHeaders(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, baseURL, nil)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, newAuth(t).Authenticate(req, nil))
	}
	assert.Len(t, req.Header.Values("DTAPI-Signature"), 1)
}

func TestAQueryThatCannotBeDecodedIsNotSigned(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, baseURL, nil)
	require.NoError(t, err)
	req.URL.RawQuery = "tag=%zz"
	err = newAuth(t).Authenticate(req, nil)
	require.ErrorIs(t, err, darktrace.ErrArgument)
	assert.EqualError(t, err, `darktrace: invalid argument: query can't be decoded to sign it: invalid URL escape "%zz"`)
}

func TestClockOffset(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 7, 9, 6, 5, 4, 0, time.UTC)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, baseURL, nil)
	require.NoError(t, err)
	auth := newAuth(t, darktrace.TokenClock(func() time.Time { return now }), darktrace.TokenClockOffset(-time.Hour))
	require.NoError(t, auth.Authenticate(req, nil))
	assert.Equal(t, "2031-07-09 05:05:04", req.Header.Get("DTAPI-Date"))
}

func TestNewTokenAuthRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		public, private string
		opt             darktrace.TokenOption
		want            string
	}{
		{"", privateToken, nil, "public token is empty"},
		{publicToken, "", nil, "private token is empty"},
		{publicToken + "\n", privateToken, nil, "public token has white space at position 31; remove it"},
		{publicToken, " " + privateToken, nil, "private token has white space at position 1; remove it"},
		{publicToken, "abc\tdef", nil, "private token has white space at position 4; remove it"},
		{"abc\x00", privateToken, nil, "public token has a character at position 4 that no token has"},
		{"tokén", privateToken, nil, "public token has a character at position 4 that no token has"},
		{publicToken, privateToken, darktrace.TokenDateLayout(""), "TokenDateLayout is empty or contains a line break"},
		{publicToken, privateToken, darktrace.TokenClock(nil), "TokenClock is nil"},
		{publicToken, privateToken, darktrace.TokenStripPrefix("edge"), "TokenStripPrefix must begin with a slash"},
	} {
		var opts []darktrace.TokenOption
		if test.opt != nil {
			opts = append(opts, test.opt)
		}
		auth, err := darktrace.NewTokenAuth(test.public, test.private, opts...)
		require.ErrorIs(t, err, darktrace.ErrArgument)
		require.EqualError(t, err, "darktrace: invalid argument: "+test.want)
		assert.Nil(t, auth)
	}
}

func TestRequestTimeOutsideAClient(t *testing.T) {
	t.Parallel()
	assert.WithinDuration(t, time.Now(), darktrace.RequestTime(t.Context()), time.Minute)
}

// TestFIPSOnly runs itself in a process whose runtime refuses HMAC-SHA1.
func TestFIPSOnly(t *testing.T) {
	t.Parallel()
	if os.Getenv("DARKTRACE_TEST_FIPS") != "" {
		_, err := darktrace.NewTokenAuth(publicToken, privateToken)
		require.ErrorIs(t, err, darktrace.ErrSignature)
		assert.Contains(t, err.Error(), "HMAC-SHA1, which the runtime of this program forbids (GODEBUG=fips140=only?)")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSOnly$", "-test.v") //nolint:gosec // Itself.
	cmd.Env = append(os.Environ(), "DARKTRACE_TEST_FIPS=1", "GODEBUG=fips140=only")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	assert.Contains(t, string(output), "--- PASS: TestFIPSOnly")
}
