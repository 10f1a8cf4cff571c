package conformance_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestBreachesAreAcknowledgedOneByOne(t *testing.T) {
	t.Parallel()
	r := responding(200, `{"response":"SUCCESS"}`)
	s := newClient(t, r).ModelBreaches
	require.NoError(t, s.Acknowledge(t.Context(), 7, 6000000053951, 7))
	require.NoError(t, s.Unacknowledge(t.Context(), 7))
	assert.Equal(t, []string{
		"POST /modelbreaches/7/acknowledge acknowledge=true",
		"POST /modelbreaches/6000000053951/acknowledge acknowledge=true",
		"POST /modelbreaches/7/unacknowledge unacknowledge=true",
	}, r.lines())
	assert.Equal(t, "application/x-www-form-urlencoded", r.all()[0].header.Get("Content-Type"))
}

func TestAcknowledgeTellsWhatBecameOfEachBreach(t *testing.T) {
	t.Parallel()
	r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
		switch req.URL.Path {
		case "/modelbreaches/1/acknowledge": // As a Unified View does.
			return httpmock.NewStringResponse(200, `[{"replicate":true,"data":[{"did":1000000000001,"pid":601,"time":1732571994,"score":73}]}]`), nil
		case "/modelbreaches/2/acknowledge":
			return httpmock.NewStringResponse(404, `{"error":"no such breach"}`), nil
		case "/modelbreaches/3/acknowledge":
			return httpmock.NewStringResponse(502, "Bad Gateway"), nil
		}
		return httpmock.NewStringResponse(302, "Found. Redirecting to /403"), nil
	}}
	err := newClient(t, r).ModelBreaches.Acknowledge(t.Context(), 1, 2, 3, 4, 5)
	var batch *darktrace.BatchError
	require.True(t, errors.As(err, &batch))
	assert.Equal(t, []string{"1"}, batch.Done)
	require.ErrorIs(t, batch.Failed["2"], darktrace.ErrNotFound)
	require.ErrorIs(t, batch.Unknown["3"], darktrace.ErrOutcomeUnknown)
	require.ErrorIs(t, batch.Failed["4"], darktrace.ErrPermission)
	assert.Equal(t, []string{"5"}, batch.NotSent)
	assert.Len(t, r.all(), 4)
}

func TestPostBreachComment(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"response":"SUCCESS"}`,
		`[{"message":"Seen","username":"analyst","time":1727202568000,"pid":2509,"commentid":570}]`,
		`{"commentid":570}`, `[{"replicate":true,"data":[]}]`, ` `,
	} {
		r := responding(200, body)
		require.NoError(t, newClient(t, r).ModelBreaches.PostComment(t.Context(), 7, "Seen, “later”"))
		assert.Equal(t, []string{`POST /modelbreaches/7/comments {"message":"Seen, \u201clater\u201d"}`}, r.lines())
		assert.Equal(t, "application/json", r.all()[0].header.Get("Content-Type"))
	}
	for _, body := range []string{`{}`, `[{"foo":1}]`, `{"foo":"bar"}`, `[{"replicate":false}]`, `[{"response":"SUCCESS"},{"foo":1}]`} {
		err := newClient(t, responding(200, body)).ModelBreaches.PostComment(t.Context(), 7, "Seen")
		require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown, body)
	}
}

func TestBreachArguments(t *testing.T) {
	t.Parallel()
	r := responding(200, `{}`)
	s := newClient(t, r).ModelBreaches
	for want, err := range map[string]error{
		"darktrace: invalid argument: pbids contains no id":                         s.Acknowledge(t.Context()),
		"darktrace: invalid argument: pbid is 0; ids of model alerts are positive":  s.Unacknowledge(t.Context(), 1, 0),
		"darktrace: invalid argument: pbid is -1; ids of model alerts are positive": s.PostComment(t.Context(), -1, "x"),
		"darktrace: invalid argument: message is empty":                             s.PostComment(t.Context(), 1, " "),
		"darktrace: invalid argument: message is not valid UTF-8":                   s.PostComment(t.Context(), 1, "\xff"),
		"darktrace: invalid argument: ctx is nil":                                   s.Acknowledge(nil, 1), //nolint:staticcheck // The test's point.
	} {
		require.ErrorIs(t, err, darktrace.ErrArgument)
		assert.Equal(t, want, err.Error())
	}
	assert.Empty(t, r.all())
}
