package conformance_test

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
	r := responding(200, `{"comments":[{"username":"jo","time":1940000000123,"incident_id":"`+id1+`","message":"seen"}]}`)
	comments, err := newClient(t, r).AIAnalyst.ListComments(t.Context(), id1)
	require.NoError(t, err)
	require.Len(t, comments, 1)
	assert.Equal(t, "jo", comments[0].Username)
	assert.Equal(t, "seen", comments[0].Message)
	assert.Equal(t, id1, comments[0].EventID)
	assert.Equal(t, int64(1940000000123), comments[0].Time.Time().UnixMilli())
	assert.Equal(t, []string{"GET /aianalyst/incident/comments?incident_id=" + id1}, r.lines())

	_, err = newClient(t, responding(200, `[]`)).AIAnalyst.ListComments(t.Context(), id1)
	require.ErrorIs(t, err, darktrace.ErrDecode)
}

func TestPostCommentOnTheWire(t *testing.T) {
	t.Parallel()
	r := responding(200, `{"aianalyst":"SUCCESS"}`)
	require.NoError(t, newClient(t, r).AIAnalyst.PostComment(t.Context(), id1, "Tür <b> & 😀\u2028"))
	assert.Equal(t, []string{`POST /aianalyst/incident/comments {"incident_id":"` + id1 + `","message":"T\u00fcr \u003cb\u003e \u0026 \ud83d\ude00\u2028"}`}, r.lines())
	assert.Equal(t, "application/json", r.all()[0].header.Get("Content-Type"))
}

// commentStore is an appliance that keeps the comments that write lets it store.
func commentStore(write func(store func()) (*http.Response, error), stored ...string) *recorder {
	return commentsIn(&stored, func(text string) (*http.Response, error) {
		return write(func() { stored = append(stored, text) })
	})
}

// commentStoreOf is an appliance that stores comments by calling store.
func commentStoreOf(stored *[]string, store func(text string)) *recorder {
	return commentsIn(stored, func(text string) (*http.Response, error) {
		store(text)
		return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
	})
}

func commentsIn(stored *[]string, post func(text string) (*http.Response, error)) *recorder {
	r := &recorder{}
	r.respond = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			var body struct{ Message string }
			if err := json.Unmarshal([]byte(r.requests[len(r.requests)-1].body), &body); err != nil {
				return nil, err
			}
			return post(body.Message)
		}
		var comments []string
		for i, message := range *stored {
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
		"unknown and not stored": {func(func()) (*http.Response, error) { return lost(), nil }, []error{darktrace.ErrNotStored, darktrace.ErrOutcomeUnknown}, "does not show it; the write failed with: "},
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
	r.respond = func(req *http.Request) (*http.Response, error) {
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
	require.ErrorContains(t, err, "reading it back failed: GET /aianalyst/incident/comments: 503 ")

	reads = 0
	success := r.respond
	r.respond = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(502, ""), nil
		}
		return success(req)
	}
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err))
	require.ErrorContains(t, err, "reading it back failed: GET /aianalyst/incident/comments: 503 ")
	require.ErrorContains(t, err, "502 Bad Gateway", "how the write itself ended")
	r.respond = success

	reads = 1
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(t.Context(), id1, "isolated")
	require.ErrorIs(t, err, darktrace.ErrServer, "nothing may be posted if the comments can't be read before")

	reads = 0
	ctx, cancel := context.WithCancel(t.Context())
	read := r.respond
	r.respond = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			cancel()
		}
		return read(req)
	}
	_, err = newClient(t, r).AIAnalyst.PostCommentVerified(ctx, id1, "isolated")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
}

func TestIncidentsAreNoEvents(t *testing.T) {
	t.Parallel()
	r := responding(200, "[]")
	ai := newClient(t, r).AIAnalyst
	ctx, group := t.Context(), "g"+id1
	_, getErr := ai.GetEvent(ctx, group)
	_, listErr := ai.ListComments(ctx, group)
	_, verifiedErr := ai.PostCommentVerified(ctx, group, "x")
	for _, err := range []error{getErr, listErr, verifiedErr, ai.PostComment(ctx, group, "x")} {
		require.EqualError(t, err, "darktrace: invalid argument: eventID is "+group+", the id of an incident; events have a UUID: see GetGroup")
	}
	for _, write := range []func(context.Context, ...string) error{ai.Acknowledge, ai.Unacknowledge, ai.Pin, ai.Unpin, ai.AcknowledgeVerified} {
		err := write(ctx, id2, group)
		require.ErrorIs(t, err, darktrace.ErrArgument)
		require.ErrorContains(t, err, group+", the id of an incident")
	}
	assert.Empty(t, r.all(), "nothing is sent")
	for _, id := range []string{"g" + id1[1:], "g" + id1 + "0", "gx" + id1[1:], id1} {
		_, err := ai.GetEvent(ctx, id)
		require.ErrorIs(t, err, darktrace.ErrNotFound, id)
		require.ErrorContains(t, err, id)
	}
}
