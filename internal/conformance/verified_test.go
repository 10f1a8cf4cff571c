package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// fussy is an appliance that responds with ERROR, and changes nothing, if one of
// the ids in a list is unknown or acknowledged already.
type fussy struct {
	*recorder
	flags map[string]string // the flag of each event, as JSON
}

func newFussy(flags map[string]string) *fussy {
	f := &fussy{flags: flags}
	f.recorder = &recorder{respond: func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			form, err := url.ParseQuery(f.requests[len(f.requests)-1].body)
			if err != nil {
				return nil, err
			}
			ids := strings.Split(form.Get("uuid"), ",")
			for _, id := range ids {
				if f.flags[id] != "false" {
					return httpmock.NewStringResponse(200, `{"aianalyst":"ERROR"}`), nil
				}
			}
			for _, id := range ids {
				f.flags[id] = "true"
			}
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		}
		var events []string
		for _, id := range strings.Split(req.URL.Query().Get("uuid"), ",") {
			if flag, ok := f.flags[id]; ok {
				events = append(events, fmt.Sprintf(`{"id":%q,"acknowledged":%s}`, id, flag))
			}
		}
		return httpmock.NewStringResponse(200, "["+strings.Join(events, ",")+"]"), nil
	}}
	return f
}

func TestAcknowledgeVerifiedOfWhatAColleagueAcknowledged(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"true", `{"username":"jo","time":1940000000000}`, `"true"`, "1", `[1]`} {
		r := newFussy(map[string]string{id1: flag, id2: "false"})
		s := newClient(t, r).AIAnalyst
		require.NoError(t, s.AcknowledgeVerified(t.Context(), id1), flag)
		require.NoError(t, s.AcknowledgeVerified(t.Context(), id1, id2), "the list is rejected, each of it is not: "+flag)
		assert.Equal(t, "true", r.flags[id2])
		require.NoError(t, s.AcknowledgeVerified(t.Context(), id2, id1))
	}
}

func TestAcknowledgeVerifiedNamesEachID(t *testing.T) {
	t.Parallel()
	r := newFussy(map[string]string{id1: "false", id2: `"jo"`})
	err := newClient(t, r).AIAnalyst.AcknowledgeVerified(t.Context(), id1, id2, id3)
	var batch *darktrace.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, []string{id1}, batch.Done)
	require.EqualError(t, batch.Failed[id3], "darktrace: POST /aianalyst/acknowledge: not found: no event with id "+id3)
	require.EqualError(t, batch.Unknown[id2], "darktrace: POST /aianalyst/acknowledge: outcome unknown: reading it back failed: the response does not say whether event "+id2+" is acknowledged")
	assert.NotErrorIs(t, err, darktrace.ErrNotStored)

	err = newClient(t, r).AIAnalyst.AcknowledgeVerified(t.Context(), id3)
	assert.Equal(t, []error{darktrace.ErrNotFound}, kindsOf(err), "%v", err)

	refusing := newFussy(map[string]string{id1: "false"})
	inner := refusing.respond
	refusing.respond = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(200, `{"aianalyst":"ERROR"}`), nil
		}
		return inner(req)
	}
	err = newClient(t, refusing).AIAnalyst.AcknowledgeVerified(t.Context(), id1)
	assert.Equal(t, []error{darktrace.ErrRejected}, kindsOf(err), "%v", err)
}

// Of two masters one acknowledges its event. Only reading tells which.
func TestAcknowledgeOnMastersThatDisagree(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[{"aianalyst":"SUCCESS"},{"aianalyst":"ERROR"}]`, `[{"aianalyst":"ERROR"},{"aianalyst":"SUCCESS"}]`} {
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return httpmock.NewStringResponse(200, body), nil
			}
			return httpmock.NewStringResponse(200, `[{"id":"`+id1+`","acknowledged":true},{"id":"`+id2+`","acknowledged":false}]`), nil
		}}
		s := newClient(t, r).AIAnalyst
		var batch *darktrace.BatchError
		require.ErrorAs(t, s.Acknowledge(t.Context(), id1, id2), &batch, body)
		assert.Empty(t, batch.Done)
		assert.Len(t, batch.Unknown, 2)
		require.ErrorAs(t, s.AcknowledgeVerified(t.Context(), id1, id2), &batch, body)
		assert.Equal(t, []string{id1}, batch.Done)
		require.ErrorIs(t, batch.Failed[id2], darktrace.ErrNotStored)
	}
}

func TestAcknowledgeGroupWithOddElements(t *testing.T) {
	t.Parallel()
	r := newFussy(map[string]string{id1: "false", id2: "false"})
	inner := r.respond
	r.respond = func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/aianalyst/groups" {
			return httpmock.NewStringResponse(200, `[{"id":"g`+id1+`","incidentEvents":[{"uuid":"`+id1+`"},"others",{"title":"x"},{"uuid":"`+id2+`"}]}]`), nil
		}
		return inner(req)
	}
	s := newClient(t, r).AIAnalyst
	all, err := s.GroupAcknowledged(t.Context(), "g"+id1)
	assert.False(t, all)
	require.ErrorIs(t, err, darktrace.ErrDecode)
	err = s.AcknowledgeGroup(t.Context(), "g"+id1)
	require.EqualError(t, err, "darktrace: GET /aianalyst/groups: response not understood: the incident g"+id1+" has 2 elements without an event id, which were left out")
	assert.Equal(t, map[string]string{id1: "true", id2: "true"}, r.flags)
	require.ErrorIs(t, s.AcknowledgeGroupVerified(t.Context(), "g"+id1), darktrace.ErrDecode)
}

// storing is an appliance that changes the texts of the comments that it stores.
func storing(change func(string) string) *recorder {
	var stored []string
	store := func(text string) { stored = append(stored, change(text)) }
	return commentStoreOf(&stored, store)
}

func TestWhatSurvivesStoring(t *testing.T) {
	t.Parallel()
	const message = "Ticket 4711: \u00abTür\u00bb <b> & \"it's\" 👍\r\n\r\n  done\u00a0now  "
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	for name, change := range map[string]func(string) string{
		"as it is":        func(s string) string { return s },
		"line ends":       replace("\r\n", "\n"),
		"no line ends":    replace("\r\n", " "),
		"HTML escapes":    replace("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&#34;", "'", "&#39;"),
		"escaped letters": replace("ü", "&uuml;", "«", "&laquo;", "»", "&raquo;", "\u00a0", "&nbsp;"),
		"escaped numbers": func(s string) string {
			var b strings.Builder
			for _, r := range s {
				fmt.Fprintf(&b, "&#x%X;", r)
			}
			return b.String()
		},
		"blanks":          func(s string) string { return strings.Join(strings.Fields(s), " ") },
		"NBSP":            replace("\u00a0", " "),
		"trimmed":         strings.TrimSpace,
		"decomposed":      replace("ü", "u\u0308"),
		"no emoji":        replace("👍", ""),
		"emoji as ?":      replace("👍", "?"),
		"emoji as ????":   replace("👍", "????"),
		"emoji as U+FFFD": replace("👍", "\ufffd"),
		"ASCII only":      replace("👍", "?", "ü", "?", "«", "?", "»", "?"),
	} {
		s := newClient(t, storing(change)).AIAnalyst
		comment, err := s.PostCommentVerified(t.Context(), id1, message)
		require.NoError(t, err, name)
		assert.Equal(t, change(message), comment.Message, name)
		if strings.Contains(name, "emoji") || name == "ASCII only" {
			continue // The rest may be another message's.
		}
		again, err := s.PostCommentOnce(t.Context(), id1, message)
		require.NoError(t, err, name)
		assert.Equal(t, comment, again)
		comments, err := s.ListComments(t.Context(), id1)
		require.NoError(t, err)
		assert.Len(t, comments, 1, name)
	}
	for name, change := range map[string]func(string) string{
		"cut":           func(s string) string { return s[:8] },
		"somebody else": func(string) string { return "I'll have a look" },
	} {
		comment, err := newClient(t, storing(change)).AIAnalyst.PostCommentVerified(t.Context(), id1, message)
		require.EqualError(t, err, "darktrace: POST /aianalyst/incident/comments: outcome unknown: the event's list of comments has a new one with another text; look at it before you post again", name)
		assert.Equal(t, change(message), comment.Message, name)
	}
	// If no letter is ASCII, the others decide.
	_, err := newClient(t, storing(func(string) string { return "??" })).AIAnalyst.PostCommentVerified(t.Context(), id1, "隔離")
	require.NoError(t, err)
	_, err = newClient(t, storing(func(string) string { return "確認" })).AIAnalyst.PostCommentVerified(t.Context(), id1, "隔離")
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
}

// texts are pairs of texts that must not count as the same.
var texts = [][2]string{
	{"Blocked 192.0.2.11", "Blocked 192.0.21.1"},
	{"TICKET-1-23 closed", "TICKET-12-3 closed"},
	{"delta 5", "delta -5"},
	{"INC-7: закрыто", "INC-7: начато"},
	{"INC 7: 完了", "INC 7: 対応中"},
	{"INC-7: pe\u0301re", "INC-7: père"},
	{"INC-7: done?", "INC-7: done??"},
	{"INC-7: да", "INC-7: нет?"},
}

func TestAnotherTextIsAnotherComment(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		there := []string{text[1]}
		s := newClient(t, commentStoreOf(&there, func(text string) { there = append(there, text) })).AIAnalyst
		for range 2 {
			comment, err := s.PostCommentOnce(t.Context(), id1, text[0])
			require.NoError(t, err, text)
			assert.Equal(t, text[0], comment.Message)
			assert.Equal(t, []string{text[1], text[0]}, there)
		}

		comment, err := newClient(t, storing(func(string) string { return text[1] })).AIAnalyst.PostCommentVerified(t.Context(), id1, text[0])
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err), text)
		assert.Equal(t, text[1], comment.Message)
	}
}

func TestAcknowledgeVerifiedWithoutAFlag(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]error{
		``: {darktrace.ErrOutcomeUnknown}, `,"acknowledged":null`: {darktrace.ErrOutcomeUnknown}, `,"acknowledged":"yes"`: {darktrace.ErrOutcomeUnknown},
		`,"acknowledged":"TRUE"`: nil, `,"acknowledged":"False"`: {darktrace.ErrNotStored}, `,"acknowledged":0`: {darktrace.ErrNotStored},
	} {
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
			}
			return httpmock.NewStringResponse(200, `[{"id":"`+id1+`","title":"x"`+flag+`}]`), nil
		}}
		err := newClient(t, r).AIAnalyst.AcknowledgeVerified(t.Context(), id1)
		assert.ElementsMatch(t, want, kindsOf(err), "%s: %v", flag, err)
		err = newClient(t, r).AIAnalyst.AcknowledgeVerified(t.Context(), strings.ToUpper(id1))
		assert.ElementsMatch(t, want, kindsOf(err), "%s: %v", flag, err)
	}
}

func TestPostCommentOnce(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	event := darktracetest.Incidents(1, 1)[0].ID
	s := srv.Client().AIAnalyst
	for range 3 {
		comment, err := s.PostCommentOnce(t.Context(), event, "TICKET-7: isolated")
		require.NoError(t, err)
		assert.Equal(t, "TICKET-7: isolated", comment.Message)
	}
	assert.Len(t, srv.Comments(event), 1)
	_, err := s.PostCommentOnce(t.Context(), event, "TICKET-8: isolated")
	require.NoError(t, err)
	assert.Len(t, srv.Comments(event), 2)
}

func TestResolveGroup(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	s := srv.Client().AIAnalyst
	var group string
	for _, e := range darktracetest.Incidents(1, 20) {
		group = e.CurrentGroup
	}
	all, err := s.GroupAcknowledged(t.Context(), group)
	require.NoError(t, err)
	assert.False(t, all)
	for range 2 {
		require.NoError(t, s.ResolveGroup(t.Context(), group, "TICKET-9: closed"))
	}
	all, err = s.GroupAcknowledged(t.Context(), group)
	require.NoError(t, err)
	assert.True(t, all)
	found, err := s.GetGroup(t.Context(), group)
	require.NoError(t, err)
	for _, event := range found.Events {
		assert.Len(t, srv.Comments(event.ID), 1)
	}
}

func TestResolveGroupTellsWhatBecameOfEachEvent(t *testing.T) {
	t.Parallel()
	r := newFussy(map[string]string{id1: "false", id2: "false", id3: "false"})
	inner := r.respond
	members := []string{id1, id2}
	comments := map[string]int{}
	r.respond = func(req *http.Request) (*http.Response, error) {
		switch {
		case req.URL.Path == "/aianalyst/groups":
			list := ""
			for _, id := range members {
				list += `,{"uuid":"` + id + `"}`
			}
			return httpmock.NewStringResponse(200, `[{"id":"g`+id1+`","incidentEvents":[`+list[1:]+`]}]`), nil
		case strings.HasSuffix(req.URL.Path, "comments") && req.Method == http.MethodGet:
			id := req.URL.Query().Get("incident_id")
			if comments[id] == 0 {
				return httpmock.NewStringResponse(200, `{"comments":[]}`), nil
			}
			return httpmock.NewStringResponse(200, `{"comments":[{"message":"done","time":1}]}`), nil
		case strings.HasSuffix(req.URL.Path, "comments"):
			for _, id := range members {
				if strings.Contains(r.requests[len(r.requests)-1].body, id) && id != id2 {
					comments[id]++
				}
			}
			members = []string{id1, id2, id3} // One joins meanwhile.
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		}
		return inner(req)
	}
	err := newClient(t, r).AIAnalyst.ResolveGroup(t.Context(), "g"+id1, "done")
	var batch *darktrace.BatchError
	require.ErrorAs(t, err, &batch)
	require.ErrorIs(t, batch.Failed[id2], darktrace.ErrNotStored)
	assert.Equal(t, "false", r.flags[id2], "acknowledged without its comment")
	slices.Sort(batch.Done)
	assert.Equal(t, []string{id1, id3}, batch.Done)
	assert.Equal(t, map[string]int{id1: 1, id3: 1}, comments)
}
