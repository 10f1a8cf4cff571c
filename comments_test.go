package darktrace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestListComments(t *testing.T) {
	t.Parallel()
	r := answering(200, `{"comments":[{"username":"jo","time":1940000000123,"incident_id":"`+id1+`","message":"seen"}]}`)
	comments, err := newClient(t, r).AIAnalyst.ListComments(t.Context(), id1)
	require.NoError(t, err)
	require.Len(t, comments, 1)
	assert.Equal(t, "jo", comments[0].Username)
	assert.Equal(t, "seen", comments[0].Message)
	assert.Equal(t, id1, comments[0].EventID)
	assert.Equal(t, int64(1940000000123), comments[0].Time.Time().UnixMilli())
	assert.Equal(t, []string{"GET /aianalyst/incident/comments?incident_id=" + id1}, r.lines())

	_, err = newClient(t, answering(200, `[]`)).AIAnalyst.ListComments(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrDecode)
}

func TestPostCommentOnTheWire(t *testing.T) {
	t.Parallel()
	r := answering(200, `{"aianalyst":"SUCCESS"}`)
	require.NoError(t, newClient(t, r).AIAnalyst.PostComment(t.Context(), id1, "Tür <b> & 😀\u2028"))
	assert.Equal(t, []string{`POST /aianalyst/incident/comments {"incident_id":"` + id1 + `","message":"T\u00fcr \u003cb\u003e \u0026 \ud83d\ude00\u2028"}`}, r.lines())
	assert.Equal(t, "application/json", r.all()[0].header.Get("Content-Type"))
}

// commentStore is an appliance that keeps comments, as far as write lets it.
func commentStore(write func(store func()) (*http.Response, error), stored ...string) *recorder {
	r := &recorder{}
	r.answer = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return write(func() {
				var body struct{ Message string }
				if err := json.Unmarshal([]byte(r.requests[len(r.requests)-1].body), &body); err == nil {
					stored = append(stored, body.Message)
				}
			})
		}
		var comments []string
		for i, message := range stored {
			text, err := json.Marshal(message)
			if err != nil {
				return nil, err
			}
			comments = append(comments, fmt.Sprintf(`{"username":"jo","time":%d,"incident_id":%q,"message":%s}`, 1940000000000+int64(i), id1, text))
		}
		return httpmock.NewStringResponse(200, `{"comments":[`+strings.Join(comments, ",")+`]}`), nil
	}
	return r
}

func TestPostCommentVerified(t *testing.T) {
	t.Parallel()
	success := func() *http.Response { return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`) }
	lost := func() *http.Response { return httpmock.NewStringResponse(502, "") }
	for name, test := range map[string]struct {
		write func(store func()) (*http.Response, error)
		is    []error
		text  string
	}{
		"stored":                 {func(store func()) (*http.Response, error) { store(); return success(), nil }, nil, ""},
		"unknown but stored":     {func(store func()) (*http.Response, error) { store(); return lost(), nil }, nil, ""},
		"dropped":                {func(func()) (*http.Response, error) { return success(), nil }, []error{darktrace.ErrNotStored}, "does not show it, although the appliance reported success"},
		"unknown and not stored": {func(func()) (*http.Response, error) { return lost(), nil }, []error{darktrace.ErrNotStored, darktrace.ErrOutcomeUnknown}, "does not show it; the write itself had ended so: "},
		"refused":                {func(func()) (*http.Response, error) { return httpmock.NewStringResponse(403, ""), nil }, []error{darktrace.ErrPermission}, "Discuss Breaches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// An older comment of the same text proves nothing.
			r := commentStore(test.write, "isolated", "other")
			comment, err := newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
			posts := 0
			for _, request := range r.all() {
				if request.method == http.MethodPost {
					posts++
				}
			}
			assert.Equal(t, 1, posts)
			if test.is == nil {
				require.NoError(t, err)
				assert.Equal(t, "isolated", comment.Message)
				assert.Equal(t, darktrace.Millis(1940000000002), comment.Time, "the older one")
				return
			}
			assert.Nil(t, comment)
			assert.Equal(t, test.is, kindsOf(err))
			assert.ErrorContains(t, err, test.text)
		})
	}
}

func TestPostCommentVerifiedThatCannotRead(t *testing.T) {
	t.Parallel()
	reads := 0
	r := &recorder{}
	r.answer = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		}
		if reads++; reads > 1 {
			return httpmock.NewStringResponse(503, ""), nil
		}
		return httpmock.NewStringResponse(200, `{"comments":[]}`), nil
	}
	_, err := newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err))
	require.ErrorContains(t, err, "reading it back failed: darktrace: GET /aianalyst/incident/comments: 503 ")

	reads = 0
	success := r.answer
	r.answer = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(502, ""), nil
		}
		return success(req)
	}
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err))
	require.ErrorContains(t, err, "reading it back failed: darktrace: GET /aianalyst/incident/comments: 503 ")
	require.ErrorContains(t, err, "502 Bad Gateway", "how the write itself ended")
	r.answer = success

	reads = 1
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
	require.ErrorIs(t, err, darktrace.ErrServer, "nothing may be posted if the comments can't be read before")

	reads = 0
	ctx, cancel := context.WithCancel(t.Context())
	read := r.answer
	r.answer = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			cancel()
		}
		return read(req)
	}
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(ctx, id1, "isolated")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
}
