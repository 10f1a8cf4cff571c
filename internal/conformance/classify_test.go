package conformance_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// kinds are the kinds of error that a request can return.
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
		"any other redirect":             {307, header{"Location": "/elsewhere"}, "", darktrace.ErrLogin, darktrace.ErrOutcomeUnknown, ""},
		"redirect after a write":         {303, header{"Location": "/done"}, "", darktrace.ErrLogin, darktrace.ErrOutcomeUnknown, ""},
		"303 to another host":            {303, header{"Location": "https://sso.example.net/"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"redirect to another port":       {302, header{"Location": baseURL + ":8443/"}, "", darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"redirect to its own port":       {302, header{"Location": baseURL + ":443/"}, "", darktrace.ErrLogin, darktrace.ErrOutcomeUnknown, ""},
		"malformed location":             {302, header{"Location": "http://[broken"}, "", darktrace.ErrLogin, darktrace.ErrOutcomeUnknown, ""},
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
		"empty list":                     {200, nil, `[]`, nil, darktrace.ErrOutcomeUnknown, ""},
		"list of texts":                  {200, nil, `["ok"]`, nil, darktrace.ErrOutcomeUnknown, ""},
		"list of numbers":                {200, nil, `[1,2]`, nil, darktrace.ErrOutcomeUnknown, ""},
		"list of lists":                  {200, nil, `[[{"aianalyst":"ERROR"}]]`, nil, darktrace.ErrOutcomeUnknown, ""},
		"list that does not say":         {200, nil, `[{"replicate":true},{"id":7}]`, nil, nil, ""},
		"list with a failure":            {200, nil, `[{"replicate":true},{"response":"ERROR"}]`, nil, darktrace.ErrOutcomeUnknown, "ERROR"},
		"not replicated":                 {200, nil, `{"replicate":false}`, nil, darktrace.ErrOutcomeUnknown, "replicate: false"},
		"not replicated, in a list":      {200, nil, `[{"replicate":false,"data":[]}]`, nil, darktrace.ErrOutcomeUnknown, "replicate: false"},
		"replicated by one master":       {200, nil, `[{"replicate":true},{"replicate":"false"}]`, nil, darktrace.ErrOutcomeUnknown, "false"},
		"what was stored":                {200, nil, `{"incident_id":"a","message":"false positive, PROXY ERROR"}`, nil, nil, ""},
		"what was stored, in capitals":   {200, nil, `{"tid":7,"name":"HR ERROR"}`, nil, nil, ""},
		"a list of what was stored":      {200, nil, `[{"tid":7,"name":"HR ERROR"}]`, nil, nil, ""},
		"a text alone":                   {200, nil, `{"message":"false positive, PROXY ERROR"}`, nil, nil, ""},
		"a word alone":                   {200, nil, `{"tags":"STORE ERROR"}`, darktrace.ErrRejected, darktrace.ErrRejected, "STORE ERROR"},
		"FAILED":                         {200, nil, `{"aianalyst":"FAILED"}`, nil, darktrace.ErrRejected, "FAILED"},
		"DENIED":                         {200, nil, `{"status":"ACCESS DENIED","id":7}`, nil, darktrace.ErrRejected, "ACCESS DENIED"},
		"PARTIAL":                        {200, nil, `{"response":"PARTIAL","added":1}`, nil, darktrace.ErrOutcomeUnknown, "PARTIAL"},
		"PARTIAL beside an id":           {200, nil, `{"did":7,"response":"PARTIAL"}`, nil, darktrace.ErrOutcomeUnknown, "PARTIAL"},
		"QUEUED":                         {200, nil, `{"aianalyst":"QUEUED"}`, nil, darktrace.ErrOutcomeUnknown, "QUEUED"},
		"IGNORED":                        {200, nil, `{"status":"IGNORED","message":"later"}`, nil, darktrace.ErrOutcomeUnknown, "IGNORED"},
		"a state in capitals":            {200, nil, `{"tid":57,"status":"CREATED"}`, nil, nil, ""},
		"another state in capitals":      {200, nil, `{"tmqid":5,"status":"PENDING"}`, nil, nil, ""},
		"a name under the first segment": {200, nil, `{"incident_id":"a","aianalyst":"HR"}`, nil, nil, ""},
		"states of two masters":          {200, nil, `[{"tid":57,"status":"CREATED"},{"tid":58,"status":"CREATED"}]`, nil, nil, ""},
		"a failure and something else":   {200, nil, `[{"aianalyst":"ERROR"},{"aianalyst":"QUEUED"}]`, nil, darktrace.ErrOutcomeUnknown, "ERROR"},
		"a failure and a stored object":  {200, nil, `[{"aianalyst":"ERROR"},{"id":7}]`, nil, darktrace.ErrOutcomeUnknown, "ERROR"},
		"something else and a success":   {200, nil, `[{"aianalyst":"QUEUED"},{"aianalyst":"SUCCESS"}]`, nil, darktrace.ErrOutcomeUnknown, "QUEUED"},
		"failed, in small letters":       {200, nil, `{"status":"failed"}`, nil, darktrace.ErrOutcomeUnknown, "failed"},
		"a sentence":                     {200, nil, `{"id":7,"status":"the upload has failed"}`, nil, darktrace.ErrOutcomeUnknown, "the upload has failed"},
		"no success":                     {200, nil, `{"success":false,"message":"try later"}`, nil, darktrace.ErrOutcomeUnknown, "success: false"},
		"not ok":                         {200, nil, `{"id":7,"ok":false}`, nil, darktrace.ErrOutcomeUnknown, "ok: false"},
		"errors":                         {200, nil, `{"errors":["no such device"]}`, nil, darktrace.ErrOutcomeUnknown, `errors: ["no such device"]`},
		"no errors":                      {200, nil, `{"errors":[],"id":7}`, nil, nil, ""},
		"no error":                       {200, nil, `{"error":0,"id":7}`, nil, nil, ""},
		"a state":                        {200, nil, `{"investigationId":"a","status":"pending"}`, nil, nil, ""},
		"an object that says nothing":    {200, nil, `{}`, nil, nil, ""},
		"accepted":                       {202, nil, `{"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"SUCCESS and ERROR":              {200, nil, `{"aianalyst":"SUCCESS","aianalyst":"ERROR"}`, nil, darktrace.ErrRejected, "ERROR"},
		"success after a mark":           {200, nil, "\ufeff{\"aianalyst\":\"SUCCESS\"}", nil, nil, ""},
		"failure after a mark":           {200, nil, "\ufeff{\"aianalyst\":\"ERROR\"}", darktrace.ErrRejected, darktrace.ErrRejected, "ERROR"},
		"signature after a mark":         {400, nil, "\ufeff{\"aianalyst\":\"API SIGNATURE ERROR\"}", darktrace.ErrSignature, darktrace.ErrSignature, "API SIGNATURE ERROR"},
		"page after a mark":              {200, nil, "\ufeff" + htmlPage, darktrace.ErrLogin, darktrace.ErrLogin, ""},
		"no such tag":                    {400, nil, `{"tags":"DATANOTFOUND ERROR"}`, darktrace.ErrNotFound, darktrace.ErrNotFound, "DATANOTFOUND ERROR"},
		"conflict":                       {409, nil, `{"error":"held before"}`, darktrace.ErrInput, darktrace.ErrInput, "held before"},
		"a signature in a cut object":    {400, nil, `{"aianalyst":"API SIGNATURE ERROR","more":"`, darktrace.ErrSignature, darktrace.ErrSignature, "API SIGNATURE ERROR"},
		"a failure and a success":        {200, nil, `[{"aianalyst":"ERROR"},{"aianalyst":"SUCCESS"}]`, nil, darktrace.ErrOutcomeUnknown, "ERROR"},
		"a success and a failure":        {200, nil, `[{"aianalyst":"SUCCESS"},{"aianalyst":"ERROR"}]`, nil, darktrace.ErrOutcomeUnknown, "ERROR"},
		"list of successes":              {200, nil, `[{"aianalyst":"SUCCESS"},{"aianalyst":"SUCCESS"}]`, nil, nil, ""},
		"success":                        {200, nil, `{"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"success as text/html":           {200, header{"Content-Type": "text/html"}, `{"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"success without error":          {200, nil, `{"error":null,"aianalyst":"SUCCESS"}`, nil, nil, ""},
		"nothing":                        {204, nil, "", darktrace.ErrDecode, nil, ""},
		"empty":                          {200, nil, " \n", darktrace.ErrDecode, nil, ""},
		"cut JSON":                       {200, nil, `{"aianalyst":"SUC`, darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"more after JSON":                {200, nil, `{"aianalyst":"SUCCESS"} {}`, darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"no JSON":                        {200, nil, "done", darktrace.ErrDecode, darktrace.ErrOutcomeUnknown, ""},
		"a word":                         {200, nil, "OK\n", darktrace.ErrDecode, nil, ""},
		"another word":                   {200, nil, "SUCCESS", darktrace.ErrDecode, nil, ""},
		"a word after a mark":            {200, nil, "\ufeffOK", darktrace.ErrDecode, nil, ""},
		"a word as text/html":            {200, header{"Content-Type": "text/html; charset=utf-8"}, "SUCCESS", darktrace.ErrLogin, nil, ""},
		"a word in quotes":               {200, nil, `"SUCCESS"`, nil, nil, ""},
		"a failure in quotes":            {200, nil, `"ERROR"`, nil, darktrace.ErrOutcomeUnknown, ""},
		"true":                           {200, nil, "true", nil, nil, ""},
		"false":                          {200, nil, "false", nil, darktrace.ErrOutcomeUnknown, ""},
		"null":                           {200, nil, "null", nil, darktrace.ErrOutcomeUnknown, ""},
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
			var apiErr *darktrace.APIError
			if errors.As(err, &apiErr) {
				assert.Equal(t, test.status, apiErr.StatusCode)
				assert.Equal(t, test.code, apiErr.Code)
				assert.Equal(t, 1, apiErr.Attempts)
				assert.Contains(t, err.Error(), apiErr.Method+" "+apiErr.Path+": ")
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{respond: respond(test.status, test.body, headers...)}
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

func TestOneResponseHasOneKind(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]string{
		`{"error":"first","status":"API DATE ERROR","response":"API SIGNATURE ERROR"}`: "API DATE ERROR",
		`{"a":"INPUT ERROR","b":"API DATE ERROR","c":"API SIGNATURE ERROR"}`:           "INPUT ERROR",
	} {
		for range 50 {
			var apiErr *darktrace.APIError
			require.ErrorAs(t, newClient(t, responding(400, body)).Ping(t.Context()), &apiErr)
			require.Equal(t, code, apiErr.Code)
		}
	}
}

// What a response to a write costs grows as its size does, however it is nested.
func TestClassifyingIsLinear(t *testing.T) { //nolint:paralleltest // It counts the process's allocations.
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	allocated := func(body string) float64 {
		client := newClient(t, responding(200, body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			_ = client.AIAnalyst.PostComment(t.Context(), id1, "x")
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	small, large := allocated(nested(500)), allocated(nested(5000))
	assert.Less(t, large, 15*small)
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
		{400, nil, `{"aianalyst":"API SIGNATURE ERROR"}`, "400 Bad Request (API SIGNATURE ERROR): signature refused: check whether the tokens are swapped, truncated or from another appliance, and whether a proxy rewrites requests"},
		{400, date(0), `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: the clocks agree, so the appliance rejects the layout of the date; see TokenDateLayout"},
		{400, nil, `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: correct the clock; the appliance accepts dates within 30 minutes of its own clock, and the response has no Date"},
		{400, date(2 * time.Hour), `{"aianalyst":"API DATE ERROR"}`, "400 Bad Request (API DATE ERROR): date refused: correct the clock; the appliance's clock is 2h0m0s ahead of the local one; the appliance rejected the request with another date as well (after 2 attempts)"},
		{400, date(-5 * time.Hour), `{"aianalyst":"API SIGNATURE ERROR"}`, "400 Bad Request (API SIGNATURE ERROR): signature refused: check whether the tokens are swapped, truncated or from another appliance, and whether a proxy rewrites requests, and the clock: the appliance's clock is 5h0m0s behind the local one; the appliance rejected the request with another date as well (after 2 attempts)"},
		{403, nil, ``, `403 Forbidden: permission missing: the token's user needs the permission "Discuss Breaches"`},
		{302, map[string]string{"Location": "/login"}, ``, "302 Found: unknown endpoint: check the base URL, and whether this version of the appliance has the endpoint"},
		{200, nil, htmlPage, "200 OK: login required: check that the base URL leads to the appliance's API and that the credentials are for it; the write may have been carried out nevertheless: read back before you send it again"},
		{400, nil, `{"aianalyst":"INPUT ERROR"}`, "400 Bad Request (INPUT ERROR): input refused: the appliance rejected an argument"},
		{404, nil, ``, "404 Not Found: not found: check the id and the base URL; the event is " + id1},
		{429, map[string]string{"Retry-After": "90"}, ``, "429 Too Many Requests: rate limited: the appliance asks to wait 1m30s; send fewer requests, see WithRateLimit"},
		{429, nil, ``, "429 Too Many Requests: rate limited: send fewer requests, see WithRateLimit"},
		{502, nil, ``, "502 Bad Gateway: outcome unknown: the write may or may not have been carried out; read back before you send it again"},
		{200, nil, `{"aianalyst":"ERROR"}`, "200 OK (ERROR): rejected: the appliance reported failure although the status of the response is success; the event is " + id1},
	} {
		var headers []string
		for key, value := range test.header {
			headers = append(headers, key, value)
		}
		r := &recorder{respond: respond(test.status, test.body, headers...)}
		client, err := darktrace.NewClient(baseURL, newAuth(t, darktrace.TokenClock(func() time.Time { return now })), darktrace.WithTransport(r))
		require.NoError(t, err)
		err = client.AIAnalyst.PostComment(t.Context(), id1, "looking")
		assert.EqualError(t, err, "darktrace: POST /aianalyst/incident/comments: "+test.want)
	}
}

func TestPermissionsAreNamed(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(403, `{"error":"Forbidden"}`))
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
	err := newClient(t, responding(500, body)).Ping(t.Context())
	var apiErr *darktrace.APIError
	require.ErrorAs(t, err, &apiErr)
	assert.LessOrEqual(t, len(apiErr.Body), 512)
	assert.True(t, strings.HasPrefix(apiErr.Body, "[31mred  über éé"), apiErr.Body)
	assert.NotContains(t, apiErr.Body, "\uFFFD")
}

// A body that breaks does not hide what the status tells. What only the body would
// have said is not guessed.
func TestAnErrorsBodyThatBreaks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status      int
		location    string
		body        string
		read, write error
	}{
		{400, "", `{"aianalyst":"DATANOTF`, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown},
		{400, "", ``, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown},
		{400, "", `{"aianalyst":"API SIGNATURE ERROR"`, darktrace.ErrSignature, darktrace.ErrSignature},
		{302, "", `Found. Red`, darktrace.ErrConnection, darktrace.ErrOutcomeUnknown},
		{302, "", `Found. Redirecting to /403`, darktrace.ErrPermission, darktrace.ErrPermission},
		{302, "/login", `Found. Red`, darktrace.ErrEndpoint, darktrace.ErrEndpoint},
		{403, "", `{"error":"bro`, darktrace.ErrPermission, darktrace.ErrPermission},
		{404, "", `{"error":"bro`, darktrace.ErrNotFound, darktrace.ErrNotFound},
		{500, "", `{"error":"bro`, darktrace.ErrServer, darktrace.ErrOutcomeUnknown},
	} {
		client := newClient(t, &recorder{respond: func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(test.body), brokenReader{})
			return &http.Response{StatusCode: test.status, Body: io.NopCloser(body), Header: http.Header{"Location": {test.location}}}, nil
		}})
		assert.Equal(t, []error{test.read}, kindsOf(client.Ping(t.Context())), "%d %s", test.status, test.body)
		assert.Equal(t, []error{test.write}, kindsOf(client.AIAnalyst.PostComment(t.Context(), id1, "x")), "%d %s", test.status, test.body)
	}
}

func TestWhatWasNotFoundIsNamed(t *testing.T) {
	t.Parallel()
	client := newClient(t, responding(404, ""))
	_, event := client.AIAnalyst.GetEvent(t.Context(), id1)
	_, tag := client.Tags.Get(t.Context(), 57)
	_, breach := client.ModelBreaches.Get(t.Context(), 4711)
	_, device := client.Devices.Get(t.Context(), 42)
	_, investigation := client.AIAnalyst.GetInvestigation(t.Context(), "inv-1")
	_, comments := client.AIAnalyst.ListComments(t.Context(), id1)
	for id, err := range map[string]error{
		"uuid " + id1: event, "/tags/57": tag, "pbid 4711": breach, "did 42": device, "investigationId inv-1": investigation, "incident_id " + id1: comments,
	} {
		require.ErrorIs(t, err, darktrace.ErrNotFound)
		assert.ErrorContains(t, err, id)
	}
}

// brokenReader is a body whose connection breaks.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset by test") }
