package darktrace_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// kinds are all sentinels that a request can end with.
var kinds = []error{
	darktrace.ErrArgument, darktrace.ErrSignature, darktrace.ErrDate, darktrace.ErrPermission, darktrace.ErrEndpoint,
	darktrace.ErrLogin, darktrace.ErrInput, darktrace.ErrNotFound, darktrace.ErrRateLimited, darktrace.ErrServer,
	darktrace.ErrRejected, darktrace.ErrNotStored, darktrace.ErrOutcomeUnknown, darktrace.ErrConnection,
	darktrace.ErrTooLarge, darktrace.ErrDecode,
}

func kindsOf(err error) []error {
	var found []error
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			found = append(found, kind)
		}
	}
	return found
}

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Log In | Darktrace</title></head></html>"

func TestClassification(t *testing.T) {
	t.Parallel()
	type header = map[string]string
	for name, test := range map[string]struct {
		status      int
		header      header
		body        string
		read, write error // nil: success
		code        string
	}{
		"signature":                      {400, nil, `{"aianalyst":"API SIGNATURE ERROR"}`, darktrace.ErrSignature, darktrace.ErrSignature, "API SIGNATURE ERROR"},
		"signature under another key":    {400, nil, `{"status":"API SIGNATURE ERROR"}`, darktrace.ErrSignature, darktrace.ErrSignature, "API SIGNATURE ERROR"},
		"signature in a list":            {400, nil, `[{"response":"API SIGNATURE ERROR"}]`, darktrace.ErrSignature, darktrace.ErrSignature, "API SIGNATURE ERROR"},
		"date":                           {400, nil, `{"response":"API DATE ERROR"}`, darktrace.ErrDate, darktrace.ErrDate, "API DATE ERROR"},
		"input":                          {400, nil, `{"aianalyst":"INPUT ERROR"}`, darktrace.ErrInput, darktrace.ErrInput, "INPUT ERROR"},
		"400 with other JSON":            {400, nil, `{"error":"did is no number"}`, darktrace.ErrInput, darktrace.ErrInput, "did is no number"},
		"400 with an error object":       {400, nil, `{"error":{"code":7}}`, darktrace.ErrInput, darktrace.ErrInput, `{"code":7}`},
		"400 with HTML":                  {400, nil, "<html>Bad Request</html>", darktrace.ErrInput, darktrace.ErrInput, ""},
		"400 with nothing":               {400, nil, "", darktrace.ErrInput, darktrace.ErrInput, ""},
		"413":                            {413, nil, "", darktrace.ErrInput, darktrace.ErrInput, ""},
		"redirect to 403 by body":        {302, nil, "Found. Redirecting to /403", darktrace.ErrPermission, darktrace.ErrPermission, ""},
		"redirect to 403 by location":    {302, header{"Location": "/403"}, "", darktrace.ErrPermission, darktrace.ErrPermission, ""},
		"redirect to an absolute 403":    {302, header{"Location": baseURL + "/403"}, "", darktrace.ErrPermission, darktrace.ErrPermission, ""},
		"redirect to login by body":      {302, nil, "Found. Redirecting to /login", darktrace.ErrEndpoint, darktrace.ErrEndpoint, ""},
		"redirect to login by location":  {302, header{"Location": "/login"}, "", darktrace.ErrEndpoint, darktrace.ErrEndpoint, ""},
		"redirect to login with a query": {302, header{"Location": "/login?next=%2Fx"}, "", darktrace.ErrEndpoint, darktrace.ErrEndpoint, ""},
		"redirect to another host":       {302, header{"Location": "https://sso.example.net/authorize"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"redirect to another's login":    {302, header{"Location": "https://sso.example.net/login"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"login again":                    {302, header{"Location": "/login"}, `{"error":"Please login again"}`, darktrace.ErrLogin, darktrace.ErrLogin, "Please login again"},
		"any other redirect":             {307, header{"Location": "/elsewhere"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"malformed location":             {302, header{"Location": "http://[broken"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"login page":                     {200, header{"Content-Type": "text/html"}, htmlPage, darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"page without a type":            {200, nil, "\n " + htmlPage, darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"HTML without a tag":             {200, header{"Content-Type": "Text/HTML; charset=utf-8"}, "please log in", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"401":                            {401, nil, "", darktrace.ErrSignature, darktrace.ErrSignature, ""},
		"403":                            {403, nil, `{"error":"Forbidden"}`, darktrace.ErrPermission, darktrace.ErrPermission, "Forbidden"},
		"404":                            {404, nil, "", darktrace.ErrNotFound, darktrace.ErrNotFound, ""},
		"429":                            {429, nil, "", darktrace.ErrRateLimited, darktrace.ErrRateLimited, ""},
		"408":                            {408, nil, "", darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
		"500":                            {500, nil, `{"error":"oops"}`, darktrace.ErrServer, darktrace.ErrOutcomeUnknown, "oops"},
		"502":                            {502, nil, htmlPage, darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
		"503":                            {503, nil, "", darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
		"504":                            {504, nil, "", darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
		"599":                            {599, nil, "", darktrace.ErrServer, darktrace.ErrOutcomeUnknown, ""},
		"200 with ERROR":                 {200, nil, `{"aianalyst":"ERROR"}`, darktrace.ErrRejected, darktrace.ErrRejected, "ERROR"},
		"200 with a longer ERROR":        {200, nil, `{"response":"STORE ERROR"}`, darktrace.ErrRejected, darktrace.ErrRejected, "STORE ERROR"},
		"200 with an error":              {200, nil, `{"error":"no data for you"}`, darktrace.ErrRejected, darktrace.ErrRejected, "no data for you"},
		"list without success":           {200, nil, `[{"aianalyst":"ERROR"},{"aianalyst":"ERROR"}]`, nil, darktrace.ErrRejected, "ERROR"},
		"empty list":                     {200, nil, `[]`, nil, darktrace.ErrRejected, ""},
		"list with a success":            {200, nil, `[{"aianalyst":"ERROR"},{"aianalyst":"SUCCESS"}]`, nil, nil, ""},
		"success":                        {200, nil, `{"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"success as text/html":           {200, header{"Content-Type": "text/html"}, `{"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"success without error":          {200, nil, `{"error":null,"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"nothing":                        {204, nil, "", darktrace.ErrDecode, nil, ""},
		"empty":                          {200, nil, " \n", darktrace.ErrDecode, nil, ""},
		"cut JSON":                       {200, nil, `{"aianalyst":"SUC`, darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"more after JSON":                {200, nil, `{"aianalyst":"SUCCESS"} {}`, darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"no JSON":                        {200, nil, "OK", darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"cut list":                       {200, nil, `[{"aianalyst":"SUCCESS"}`, darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
	} {
		var headers []string
		for key, value := range test.header {
			headers = append(headers, key, value)
		}
		check := func(t *testing.T, err, kind error) {
			t.Helper()
			if kind == nil {
				require.NoError(t, err)
				return
			}
			found := kindsOf(err)
			require.NotEmpty(t, found, "%v", err)
			assert.Equal(t, kind, found[0], "%v", err)
			for _, other := range found[1:] {
				assert.Contains(t, []error{darktrace.ErrDecode, darktrace.ErrOutcomeUnknown}, other, "%v", err)
			}
			var answer *darktrace.APIError
			if errors.As(err, &answer) {
				assert.Equal(t, test.status, answer.StatusCode)
				assert.Equal(t, test.code, answer.Code)
				assert.Equal(t, 1, answer.Attempts)
				assert.Contains(t, err.Error(), answer.Method+" "+answer.Path+": ")
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{answer: respond(test.status, test.body, headers...)}
			client := newClient(t, r)
			var out any
			check(t, client.Do(t.Context(), &darktrace.Request{Path: "/status"}, &out), test.read)
			var streamed bytes.Buffer
			err := client.Do(t.Context(), &darktrace.Request{Path: "/status"}, &streamed)
			if test.read == nil {
				check(t, err, nil)
				assert.Equal(t, test.body, streamed.String())
			} else if test.read != darktrace.ErrDecode { //nolint:errorlint // The table's own values.
				check(t, err, test.read)
				assert.Empty(t, streamed.String(), "the writer saw an error's body")
			}
			check(t, client.AIAnalyst.PostComment(t.Context(), id1, "looking"), test.write)
			assert.Len(t, r.all(), 3, "something was sent again")
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 7, 9, 6, 5, 4, 0, time.UTC)
	date := func(offset time.Duration) map[string]string {
		return map[string]string{"Date": now.Add(offset).Format(http.TimeFormat)}
	}
	for _, test := range []struct {
		status int
		header map[string]string
		body   string
		want   string
	}{
		{400, nil, `{"aianalyst":"API SIGNATURE ERROR"}`, "400 Bad Request (API SIGNATURE ERROR): signature refused: are the tokens swapped, truncated or from another master, or does a proxy rewrite requests?"},
		{400, date(0), `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: the clocks agree, so the appliance refuses the layout of the date; see TokenDateLayout"},
		{400, nil, `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: correct the clock; the appliance accepts 30 minutes around its own and did not tell its time"},
		{400, date(2 * time.Hour), `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: correct the clock; the appliance's is 2h0m0s ahead of ours (after 2 attempts)"},
		{400, date(-5 * time.Hour), `{"aianalyst":"API SIGNATURE ERROR"}`, "400 Bad Request (API SIGNATURE ERROR): signature refused: are the tokens swapped, truncated or from another master, or does a proxy rewrite requests? Or is a clock wrong? the appliance's is 5h0m0s behind ours (after 2 attempts)"},
		{403, nil, ``, `403 Forbidden: permission missing: the token's user needs the permission "Discuss Breaches"`},
		{302, map[string]string{"Location": "/login"}, ``, "302 Found: unknown endpoint: is the base URL right, and does this version of the appliance have the endpoint?"},
		{200, nil, htmlPage, "200 OK: login demanded: is the base URL that of the appliance's API, and are the credentials for it? If not: the write may or may not have been carried out; read back before sending it again"},
		{400, nil, `{"aianalyst":"INPUT ERROR"}`, "400 Bad Request (INPUT ERROR): input refused: the appliance refused an argument; see Body for its words"},
		{404, nil, ``, "404 Not Found: not found: check the id and the base URL"},
		{429, map[string]string{"Retry-After": "90"}, ``, "429 Too Many Requests: rate limited: the appliance asks to wait 1m30s; send fewer requests, see WithRateLimit"},
		{429, nil, ``, "429 Too Many Requests: rate limited: send fewer requests, see WithRateLimit"},
		{502, nil, ``, "502 Bad Gateway: outcome unknown: the write may or may not have been carried out; read back before sending it again"},
		{200, nil, `{"aianalyst":"ERROR"}`, "200 OK (ERROR): rejected: the appliance did not do it"},
	} {
		var headers []string
		for key, value := range test.header {
			headers = append(headers, key, value)
		}
		r := &recorder{answer: respond(test.status, test.body, headers...)}
		client, err := darktrace.NewClient(baseURL, newAuth(t, darktrace.TokenClock(func() time.Time { return now })), darktrace.WithTransport(r))
		require.NoError(t, err)
		err = client.AIAnalyst.PostComment(t.Context(), id1, "looking")
		assert.EqualError(t, err, "darktrace: POST /aianalyst/incident/comments: "+test.want)
	}
}

func TestPermissionsAreNamed(t *testing.T) {
	t.Parallel()
	client := newClient(t, answering(403, `{"error":"Forbidden"}`))
	_, read := client.AIAnalyst.ListComments(t.Context(), id1)
	_, investigate := client.AIAnalyst.StartInvestigation(t.Context(), 7, time.Now())
	for permission, err := range map[string]error{
		"Visualizer":                       read,
		"Acknowledge Breaches":             client.AIAnalyst.Unacknowledge(t.Context(), id1),
		"Create AI Analyst Investigations": investigate,
	} {
		require.ErrorIs(t, err, darktrace.ErrPermission)
		assert.Contains(t, err.Error(), `the token's user needs the permission "`+permission+`"`)
	}
}

func TestAnErrorsBodyIsShortAndPrintable(t *testing.T) {
	t.Parallel()
	body := "\x1b[31mred\x00\n\tüber " + strings.Repeat("é", 5000)
	err := newClient(t, answering(500, body)).Ping(t.Context())
	var answer *darktrace.APIError
	require.ErrorAs(t, err, &answer)
	assert.LessOrEqual(t, len(answer.Body), 512)
	assert.True(t, strings.HasPrefix(answer.Body, "[31mred  über éé"), answer.Body)
	assert.NotContains(t, answer.Body, "\uFFFD")
}

func TestAnErrorsBodyThatBreaksDoesNotHideIt(t *testing.T) {
	t.Parallel()
	client := newClient(t, &recorder{answer: func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"error":"bro`), brokenReader{})
		return &http.Response{StatusCode: http.StatusForbidden, Body: io.NopCloser(body), Header: http.Header{}}, nil
	}})
	require.ErrorIs(t, client.Ping(t.Context()), darktrace.ErrPermission)
}

// brokenReader is a body whose connection breaks.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by test") }
