package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// mailbox serves searches page by page; a new e-mail comes before each.
func mailbox(pages, perPage int) *recorder {
	arrived := pages * perPage
	return &recorder{respond: func(req *http.Request) (*http.Response, error) {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		var q struct{ Page, ItemsPerPage int }
		if err := json.NewDecoder(body).Decode(&q); err != nil {
			return nil, err
		}
		var emails []string
		for i := arrived - q.Page*q.ItemsPerPage; i > 0 && len(emails) < q.ItemsPerPage; i-- {
			emails = append(emails, fmt.Sprintf(`{"uuid":"%d.1"}`, i))
		}
		arrived++
		return httpmock.NewStringResponse(200, "["+strings.Join(emails, ",")+"]"), nil
	}}
}

func TestAllEmailsOnceWhileNewOnesArrive(t *testing.T) {
	t.Parallel()
	r := mailbox(3, 5)
	seen := map[string]bool{}
	for email, err := range newClient(t, r).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart, Page: 9, PerPage: 5}) {
		require.NoError(t, err)
		require.False(t, seen[email.UUID], "%s comes twice", email.UUID)
		seen[email.UUID] = true
	}
	assert.Len(t, seen, 15)
	ends := map[string]bool{}
	for _, request := range r.all() {
		_, end, _ := strings.Cut(request.body, `"timeTo":`)
		ends[end] = true
	}
	assert.Len(t, ends, 1, "the window stays as it is")

	for range newClient(t, mailbox(3, 5)).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart, PerPage: 5}) {
		break
	}
	for _, err := range newClient(t, responding(200, `[]`)).Email.All(t.Context(), nil) {
		require.ErrorIs(t, err, darktrace.ErrArgument)
	}
	for _, err := range newClient(t, responding(503, ``)).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart}) {
		require.ErrorIs(t, err, darktrace.ErrServer, "a search reads, although it is posted")
	}
}

// An appliance can give fewer e-mails on a page than were asked for, or the same
// page always.
func TestAllEmailsOfOddPages(t *testing.T) {
	t.Parallel()
	uuid := func(i int) string { return fmt.Sprintf(`{"uuid":"%d.1"}`, i) }
	pages := func(most int, deaf bool, element func(i int) string) *recorder {
		asked := 0
		return &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if asked++; asked > 50 {
				return nil, errors.New("too many requests")
			}
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			var q struct{ Page, ItemsPerPage int }
			if err := json.NewDecoder(body).Decode(&q); err != nil {
				return nil, err
			}
			if deaf {
				q.Page = 0
			}
			size := min(q.ItemsPerPage, most)
			emails := []string{}
			for i := q.Page * q.ItemsPerPage; i < 137 && len(emails) < size; i++ {
				emails = append(emails, element(i))
			}
			return httpmock.NewStringResponse(200, "["+strings.Join(emails, ",")+"]"), nil
		}}
	}
	for _, perPage := range []int{0, 5, 20, 50, 137, 500} {
		emails, err := all(newClient(t, pages(20, false, uuid)).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart, PerPage: perPage}))
		require.NoError(t, err)
		assert.Len(t, emails, 137, "%d on a page", perPage)
	}
	for name, element := range map[string]func(int) string{
		"with a UUID":    uuid,
		"without a UUID": func(i int) string { return fmt.Sprintf(`{"dtime_unix":%d}`, i) },
	} {
		emails, err := all(newClient(t, pages(20, false, element)).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart}))
		require.NoError(t, err, name)
		assert.Len(t, emails, 137, name)
		r := pages(50, true, element)
		emails, err = all(newClient(t, r).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart, PerPage: 50}))
		assert.Len(t, emails, 50, name)
		require.ErrorIs(t, err, darktrace.ErrServer, name)
		require.ErrorContains(t, err, "3 pages in a row contain nothing new: the appliance repeats a page")
		assert.Len(t, r.all(), 4, name)
	}
	for _, odd := range []string{"null", "7", `"text"`, "[]"} {
		emails, err := all(newClient(t, pages(20, false, func(i int) string {
			if i == 5 || 40 <= i && i < 60 { // One, and a whole page.
				return odd
			}
			return uuid(i)
		})).Email.All(t.Context(), &darktrace.EmailQuery{Start: windowStart}))
		require.NoError(t, err, odd)
		assert.Len(t, emails, 137-21, "the e-mails after %s", odd)
	}
}

func TestEmailActionsThatFail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		kind   error
	}{
		{200, `{"code":3,"resp":"No"}`, darktrace.ErrRejected},
		{200, `{"code":"3"}`, darktrace.ErrRejected},
		{200, `[{"code":3}]`, darktrace.ErrRejected},
		{200, `[]`, darktrace.ErrOutcomeUnknown},
		{409, `{"error":"Failed to hold email - Previously Held or Released"}`, darktrace.ErrInput},
		{403, `{"error":"403 Forbidden"}`, darktrace.ErrPermission},
		{404, `{"error":"Email not found"}`, darktrace.ErrNotFound},
		{503, ``, darktrace.ErrOutcomeUnknown},
	} {
		r := responding(tt.status, tt.body)
		require.ErrorIs(t, newClient(t, r).Email.Release(t.Context(), "7E1D0A44.1", "user.one@example.com"), tt.kind, tt.body)
		assert.Len(t, r.all(), 1, "sent once")
	}
	for _, body := range []string{`{"code":0}`, `{"code":"0"}`, `{"code":null}`, `{"resp":"Email added to queue"}`, `[{"code":0}]`, `[{"code":"0"}]`} {
		require.NoError(t, newClient(t, responding(200, body)).Email.Hold(t.Context(), "7E1D0A44.1", "user.one@example.com"), body)
	}
	require.NoError(t, newClient(t, responding(204, "")).Email.Hold(t.Context(), "7E1D0A44.1", "user.one@example.com"))
}

func TestErrorsQuoteNoEmail(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, responding(200, `[{"header_subject":"private words"}`)).Email.Search(t.Context(), &darktrace.EmailQuery{Start: windowStart})
	require.ErrorIs(t, err, darktrace.ErrDecode)
	assert.NotContains(t, err.Error(), "private")
	emails, err := newClient(t, responding(200, `[{"uuid":"1.1","header_subject":"API SIGNATURE ERROR"}]`)).Email.Search(t.Context(), &darktrace.EmailQuery{Start: windowStart})
	require.NoError(t, err, "a subject is not a failure")
	assert.Len(t, emails, 1)
}

// Nor does one below another prefix, or below the usual one in other letters.
func TestErrorsQuoteNoEmailBelowAnyPrefix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{darktrace.DefaultEmailPrefix, "/agemail/api/v1.0", "/AGEMAIL/api/v1.0", "/mail/api/v1.0", "/mail"} {
		for _, body := range []string{`{"error":"can't hold Private Words"}`, `<html>Private Words</html>`, `Private Words`} {
			for _, status := range []int{200, 400, 403, 409, 500} {
				client := newClient(t, responding(status, body), darktrace.WithEmailPrefix(prefix))
				err := client.Email.Hold(t.Context(), "7E1D0A44.1", "user.one@example.com")
				require.Error(t, err)
				require.NotContains(t, err.Error(), "Private", prefix)
				_, err = client.Email.Get(t.Context(), "7E1D0A44.1", nil)
				require.Error(t, err)
				require.NotContains(t, err.Error(), "Private", prefix)
			}
		}
		_, err := newClient(t, responding(403, `{"error":"403 Forbidden"}`), darktrace.WithEmailPrefix(prefix)).Email.ListTags(t.Context())
		require.ErrorContains(t, err, `"Email Logs"`, prefix)
	}
}

func TestWhereTheEmailAPIIs(t *testing.T) {
	t.Parallel()
	var hosts []string
	r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
		hosts = append(hosts, req.URL.Host)
		return httpmock.NewStringResponse(200, `[]`), nil
	}}
	client := newClient(t, r, darktrace.WithEmailPrefix("/agemail/api/v1.0/"), darktrace.WithEmailURL("https://mail.example.com/tenant"))
	_, err := client.Email.ListTags(t.Context())
	require.NoError(t, err)
	_, err = client.Metrics.List(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"GET /tenant/agemail/api/v1.0/resources/tags", "GET /metrics"}, r.lines())
	assert.Equal(t, []string{"mail.example.com", "appliance.example.com"}, hosts)
	for _, option := range []darktrace.Option{
		darktrace.WithEmailPrefix("agemail"), darktrace.WithEmailPrefix("/a/../b"), darktrace.WithEmailPrefix("/a?b"), darktrace.WithEmailPrefix(""),
		darktrace.WithEmailURL("ftp://mail.example.com"), darktrace.WithEmailURL(""),
	} {
		_, err := darktrace.NewClient(baseURL, newAuth(t), option)
		require.ErrorIs(t, err, darktrace.ErrArgument)
	}
}

func TestDownloadOfAnEmail(t *testing.T) {
	t.Parallel()
	const raw = "Received: by mx.example.com\r\nSubject: <html>\r\n\r\nText"
	var b bytes.Buffer
	require.NoError(t, newClient(t, responding(200, raw)).Email.Download(t.Context(), "7E1D0A44.1", &b))
	assert.Equal(t, raw, b.String())
	require.ErrorIs(t, newClient(t, responding(200, "<html><title>Log In")).Email.Download(t.Context(), "7E1D0A44.1", io.Discard), darktrace.ErrLogin)
	full := errors.New("disk full")
	require.ErrorIs(t, newClient(t, responding(200, raw)).Email.Download(t.Context(), "7E1D0A44.1", failingWriter{full}), full)
}

func TestRawEmailResponses(t *testing.T) {
	t.Parallel()
	raw, err := newClient(t, responding(200, `{"any":["thing"]}`)).Email.DashStats(t.Context(), nil)
	require.NoError(t, err)
	assert.JSONEq(t, `{"any":["thing"]}`, string(raw))
	users, err := newClient(t, responding(200, `{"user.one@example.com":{"n_emails":21,"new":1}}`)).Email.UserAnomaly(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(21), users["user.one@example.com"].Emails)
	assert.Equal(t, darktrace.RawJSON(`{"new":1}`), users["user.one@example.com"].Extra)
}
