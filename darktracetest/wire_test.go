package darktracetest_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The API signs with HMAC-SHA1.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

// wire is a client without the SDK. It sends and signs exactly what a test says.
type wire struct {
	tb      testing.TB
	srv     *darktracetest.Server
	client  *http.Client
	layout  string
	public  string
	private string
}

func newWire(tb testing.TB, opts ...darktracetest.Option) *wire {
	tb.Helper()
	srv := darktracetest.NewServer(opts...)
	tb.Cleanup(srv.Close)
	return &wire{tb, srv, srv.HTTPClient(), time.DateTime, srv.PublicToken, srv.PrivateToken}
}

// message is a request before it is sent; empty fields are derived.
type message struct {
	method, path, query, body, contentType string
	target                                 string // what is signed
	date                                   string
	signature                              string
	header                                 http.Header
}

func (w *wire) sign(target, date string) string {
	mac := hmac.New(sha1.New, []byte(w.private))
	mac.Write([]byte(target + "\n" + w.public + "\n" + date))
	return hex.EncodeToString(mac.Sum(nil))
}

func (w *wire) request(m message) *http.Request {
	w.tb.Helper()
	if m.method == "" {
		m.method = http.MethodGet
	}
	base, err := url.Parse(w.srv.URL)
	require.NoError(w.tb, err)
	path := base.Path + m.path
	if m.target == "" {
		m.target = path
		if m.body != "" {
			m.target += "?" + m.body
		} else if m.query != "" {
			decoded, err := url.QueryUnescape(m.query)
			require.NoError(w.tb, err)
			m.target += "?" + decoded
		}
	}
	if m.date == "" {
		m.date = w.srv.Now().UTC().Format(w.layout)
	}
	if m.signature == "" {
		m.signature = w.sign(m.target, m.date)
	}
	address := w.srv.URL + m.path
	if m.query != "" {
		address += "?" + m.query
	}
	r, err := http.NewRequestWithContext(w.tb.Context(), m.method, address, strings.NewReader(m.body))
	require.NoError(w.tb, err)
	for key, values := range m.header {
		r.Header[key] = values
	}
	if m.contentType != "" {
		r.Header.Set("Content-Type", m.contentType)
	}
	r.Header.Set("DTAPI-Token", w.public)
	r.Header.Set("DTAPI-Date", m.date)
	r.Header.Set("DTAPI-Signature", m.signature)
	return r
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *wire) send(m message) reply {
	w.tb.Helper()
	r, err := w.try(m)
	require.NoError(w.tb, err)
	return r
}

func (w *wire) try(m message) (reply, error) {
	w.tb.Helper()
	resp, err := w.client.Do(w.request(m))
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(body)}, err
}

func (w *wire) get(path, query string) reply {
	w.tb.Helper()
	return w.send(message{path: path, query: query})
}

func (w *wire) form(path, body string) reply {
	w.tb.Helper()
	return w.send(message{method: http.MethodPost, path: path, body: body, contentType: "application/x-www-form-urlencoded"})
}

func (w *wire) json(path, body string) reply {
	w.tb.Helper()
	return w.send(message{method: http.MethodPost, path: path, body: body, contentType: "application/json"})
}

// last returns the record of the last request.
func (w *wire) last() darktracetest.Request {
	w.tb.Helper()
	all := w.srv.Requests()
	require.NotEmpty(w.tb, all)
	return all[len(all)-1]
}

// ids returns the ids of a list of events or groups.
func (w *wire) ids(path, query string) []string {
	w.tb.Helper()
	r := w.get(path, query)
	require.Equal(w.tb, http.StatusOK, r.status, r.body)
	var list []struct {
		ID string `json:"id"`
	}
	require.NoError(w.tb, json.Unmarshal([]byte(r.body), &list))
	ids := []string{}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

const (
	eventsPath        = "/aianalyst/incidentevents"
	groupsPath        = "/aianalyst/groups"
	commentsPath      = "/aianalyst/incident/comments"
	investigationPath = "/aianalyst/investigations"
)

// add adds one event with the given id and other fields as JSON.
func (w *wire) add(id string, fields string, args ...any) {
	w.tb.Helper()
	event := fmt.Sprintf(`{"id":%q,`, id) + fmt.Sprintf(fields, args...) + `}`
	require.NoError(w.tb, w.srv.AddEventsJSON([]byte(event)))
}

func ago(d time.Duration) int64 { return time.Now().Add(-d).UnixMilli() }

func TestRequestsSignedByTheBookAreAccepted(t *testing.T) {
	t.Parallel()
	const id = "11111111-2222-4333-8444-555555555555"
	tests := map[string]message{
		"no query":         {path: eventsPath},
		"query":            {path: eventsPath, query: "uuid=" + id},
		"unsorted query":   {path: eventsPath, query: "uuid=" + id + "&includeacknowledged=true&locale=en_GB"},
		"encoded comma":    {path: groupsPath, query: "groupid=ga%2Cgb"},
		"space as percent": {path: eventsPath, query: "x=a%20b"},
		"space as plus":    {path: eventsPath, query: "x=a+b%3A"},
		"form": {
			method: "POST", path: "/aianalyst/acknowledge", body: "uuid=" + id,
			contentType: "application/x-www-form-urlencoded; charset=utf-8",
		},
		"encoded form": {
			method: "POST", path: "/aianalyst/unpin", body: "uuid=a%2C" + id + "&note=a+b",
			contentType: "application/x-www-form-urlencoded",
		},
		"JSON with spaces": {
			method: "POST", path: commentsPath, contentType: "application/json",
			body: `{"incident_id": "` + id + `", "message": "Z\u00fcrich & <b>"}`,
		},
		"JSON in UTF-8": {
			method: "POST", path: commentsPath, contentType: "application/json; charset=UTF-8",
			body: `{"incident_id":"` + id + `","message":"Zürich"}`,
		},
		"query of a POST": {
			method: "POST", path: "/aianalyst/pin", query: "a=b", body: "uuid=" + id, target: "/aianalyst/pin?uuid=" + id,
			contentType: "application/x-www-form-urlencoded",
		},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, profile := range []darktracetest.Profile{darktracetest.V61, darktracetest.V71} {
				w := newWire(t, darktracetest.WithProfile(profile), darktracetest.WithTB(t))
				w.add(id, `"title":"t"`)
				r := w.send(m)
				assert.Equal(t, http.StatusOK, r.status, r.body)
				assert.Equal(t, darktracetest.Accepted, w.last().Verdict, w.last().Reason)
			}
		})
	}
}

// The vectors that the SDK's own signatures are tested with.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../testdata/signatures.json")
	require.NoError(t, err)
	var file struct {
		PublicToken, PrivateToken string
		Vectors                   []struct {
			Name, Method, Path, Query, Body, Layout, Date, StripPrefix, Signed, Signature string
			SignAsSent                                                                    bool
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		for profile := darktracetest.V52; profile <= darktracetest.V71; profile++ {
			now, err := time.Parse(v.Layout, v.Date)
			require.NoError(t, err)
			w := newWire(t, darktracetest.InMemory(), darktracetest.WithTokens(file.PublicToken, file.PrivateToken),
				darktracetest.WithProfile(profile), darktracetest.WithStrippedPathPrefix(v.StripPrefix),
				darktracetest.WithClock(func() time.Time { return now }))
			path := strings.TrimPrefix(v.Path, v.StripPrefix)
			w.send(message{method: v.Method, path: path, query: v.Query, body: v.Body, date: v.Date, signature: v.Signature})
			want, last := []darktracetest.Verdict{darktracetest.Accepted, darktracetest.NoEndpoint, darktracetest.BadInput, darktracetest.Failed}, w.last()
			switch {
			case v.SignAsSent && profile < darktracetest.V71:
				want = []darktracetest.Verdict{darktracetest.BadSignature}
			}
			assert.Contains(t, want, last.Verdict, "%s: %s: %s", profile, v.Name, last.Reason)
			assert.Equal(t, want[0] != darktracetest.BadSignature,
				slices.Contains(last.StringToSign, v.Signed+"\n"+file.PublicToken+"\n"+v.Date), "%s: %s", profile, v.Name)
		}
	}
}

func TestQuerySignedAsSent(t *testing.T) {
	t.Parallel()
	m := message{path: groupsPath, query: "groupid=ga%2Cgb", target: groupsPath + "?groupid=ga%2Cgb"}
	for profile, status := range map[darktracetest.Profile]int{darktracetest.V61: 400, darktracetest.V71: 200} {
		w := newWire(t, darktracetest.WithProfile(profile))
		assert.Equal(t, status, w.send(m).status, profile)
	}
}

func TestWrongSignaturesAreExplained(t *testing.T) {
	t.Parallel()
	post := message{
		method: "POST", path: "/aianalyst/acknowledge", body: "uuid=a%2Cb", query: "x=y",
		contentType: "application/x-www-form-urlencoded",
	}
	list := message{path: groupsPath, query: "uuid=a&groupid=g%2Ch+i"}
	with := func(m message, target string) message { m.target = target; return m }
	tests := map[string]struct {
		message
		explained string
	}{
		"another byte": {
			with(list, groupsPath+"?uuid=b&groupid=g,h i"),
			`no known mistake explains the signature; the string to sign is "/aianalyst/groups?uuid=a&groupid=g,h i\n0123`,
		},
		"body not signed":      {with(post, post.path), "the body is not signed"},
		"form signed decoded":  {with(post, post.path+"?uuid=a,b"), `the form is signed decoded: signed was "/aianalyst/acknowledge?uuid=a,b\n`},
		"query of a POST":      {with(post, post.path+"?x=y"), "the query of a POST is signed instead of its body"},
		"query of a POST too":  {with(post, post.path+"?x=y&uuid=a%2Cb"), "the query of a POST is signed too"},
		"no question mark":     {with(post, post.path+post.body), "without the question mark"},
		"query not signed":     {with(list, groupsPath), "the query is not signed"},
		"plus not decoded":     {with(list, groupsPath+"?uuid=a&groupid=g,h+i"), "they differ from byte 36 on: \"+\" instead of \" \""},
		"query in other order": {with(list, groupsPath+"?groupid=g,h i&uuid=a"), "another order"},
		"other encoding":       {with(list, groupsPath+"?groupid=g%2Ch+i&uuid=a"), "another order and encoding"},
		"question mark only":   {with(message{path: groupsPath}, groupsPath+"?"), "a question mark without a query"},
		"path without start":   {with(list, "/groups?uuid=a&groupid=g,h i"), "the beginning of the path is not signed"},
		"line feed at the end": {with(message{path: groupsPath}, groupsPath), "a line feed is signed at the end"},
		"with the method":      {with(list, "GET "+groupsPath+"?uuid=a&groupid=g,h i"), "the method is signed"},
		"path decoded":         {with(message{path: "/aianalyst/%67roups"}, groupsPath), "the path is signed decoded"},
		"SHA-256":              {message{path: groupsPath, signature: strings.Repeat("ab", 32)}, "has 64 characters"},
		"upper case":           {message{path: groupsPath, signature: "upper"}, "lower-case hex"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, darktracetest.WithProfile(darktracetest.V71))
			m := tt.message
			date := w.srv.Now().UTC().Format(time.DateTime)
			m.date = date
			switch name {
			case "upper case":
				m.signature = strings.ToUpper(w.sign(groupsPath, date))
			case "line feed at the end":
				m.date = date
				mac := hmac.New(sha1.New, []byte(w.private))
				mac.Write([]byte(groupsPath + "\n" + w.public + "\n" + date + "\n"))
				m.signature = hex.EncodeToString(mac.Sum(nil))
			}
			r := w.send(m)
			assert.Equal(t, http.StatusBadRequest, r.status)
			assert.JSONEq(t, `{"aianalyst":"API SIGNATURE ERROR"}`, r.body)
			last := w.last()
			assert.Equal(t, darktracetest.BadSignature, last.Verdict)
			assert.Contains(t, last.Reason, tt.explained)
			assert.Contains(t, last.String(), tt.explained)
			assert.NotContains(t, last.Reason, w.private)
			assert.Len(t, w.srv.Unexpected(), 1)
		})
	}
}

func TestKnownMistakesAreExplained(t *testing.T) {
	t.Parallel()
	form := func(body string) message {
		return message{method: "POST", path: "/aianalyst/acknowledge", body: body, contentType: "application/x-www-form-urlencoded"}
	}
	comment := func(body string) message {
		return message{method: "POST", path: commentsPath, body: body, contentType: "application/json"}
	}
	const compact, spaced = `{"incident_id":"a,b: c","message":"Zür\"ich\\ <😀>"}`, `{"incident_id": "a,b: c", "message": "Zür\"ich\\ <😀>"}`
	ascii := func(text string) string {
		return strings.NewReplacer("ü", `\u00fc`, "😀", `\ud83d\ude00`).Replace(text)
	}
	html := func(text string) string { return strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(text) }
	five := message{path: groupsPath, query: "uuid=a&minscore=1&did=2&groupid=g%2Ch&sid=3"}
	const otherJSON = "the JSON is signed with other white space or escapes"
	for _, tt := range []struct {
		message
		signed    string // instead of the path and what follows it
		explained string
	}{
		{message{method: "POST", path: "/aianalyst/pin"}, "/aianalyst/pin?", "a question mark without a body is signed"},
		{message{method: "POST", path: "/aianalyst/pin", query: "a=b", target: "x"}, "/aianalyst/pin?a=b", "the query of a POST is signed:"},
		{five, groupsPath + "?did=2&groupid=g,h&minscore=1&sid=3&uuid=a", "the query is signed in another order than"},
		{five, groupsPath + "?did=2&groupid=g%2Ch&minscore=1&sid=3&uuid=a", "the query is signed in another order and encoding"},
		{message{path: groupsPath, query: "groupid=g,h"}, groupsPath + "?groupid=g%2Ch", "the query is signed in another encoding"},
		{message{path: groupsPath, query: "x=a+b"}, groupsPath + "?x=a%20b", "the query is signed in another encoding"},
		{form("uuid=a,b"), "/aianalyst/acknowledge?uuid=a%2Cb", "the form is signed in another encoding"},
		{form("uuid=a%2Cb"), "/aianalyst/acknowledge?uuid=a,b", "the form is signed decoded"},
		{form("uuid=a&note=b"), "/aianalyst/acknowledge?note=b&uuid=a", "the form is signed in another order"},
		{form("uuid=a"), "/aianalyst/acknowledge?uuid=a\n", "a line feed is signed after the body that is not sent"},
		{form("uuid=a\n"), "/aianalyst/acknowledge?uuid=a", "white space around the body is not signed"},
		{comment(compact), commentsPath + "?" + spaced, otherJSON},
		{comment(spaced), commentsPath + "?" + compact, otherJSON},
		{comment(compact), commentsPath + "?" + ascii(spaced), otherJSON},
		{comment(spaced), commentsPath + "?" + ascii(spaced), otherJSON},
		{comment(ascii(spaced)), commentsPath + "?" + compact, otherJSON},
		{comment(ascii(compact)), commentsPath + "?" + ascii(spaced), otherJSON},
		{comment(html(compact)), commentsPath + "?" + compact, otherJSON},
		{comment(compact), commentsPath + "?" + html(compact), otherJSON},
		{form("uuid=a"), "https://HOST/aianalyst/acknowledge?uuid=a", "the whole URL is signed"},
	} {
		w := newWire(t)
		m := tt.message
		m.target = strings.ReplaceAll(tt.signed, "https://HOST", w.srv.URL)
		assert.Equal(t, http.StatusBadRequest, w.send(m).status)
		assert.Contains(t, w.last().Reason, tt.explained, tt.signed)
		assert.Contains(t, w.last().Reason, "expected is ")
	}
	six := message{path: groupsPath, query: "a=1&b=2&c=3&d=4&e=5&f=6", target: groupsPath + "?b=2&a=1&c=3&d=4&e=5&f=6"}
	w := newWire(t)
	w.send(six)
	assert.Contains(t, w.last().Reason, "no known mistake", "there are too many orders")
}

func TestMistakesAroundTheTargetAreExplained(t *testing.T) {
	t.Parallel()
	const date, public = "2026-03-01 12:00:00", "0123456789abcdef0123456789abcdef01234567"
	const path = "/aianalyst/groups"
	right := path + "\n" + public + "\n" + date
	private := "89abcdef0123456789abcdef0123456789abcdef"
	bytes, err := hex.DecodeString(private)
	require.NoError(t, err)
	for _, tt := range []struct {
		key, text, explained string
	}{
		{private, path + `\n` + public + `\n` + date, "lines are separated by a backslash and an n"},
		{private, path + "\r\n" + public + "\r\n" + date, "lines are separated by CR LF"},
		{private, path + "\n" + date + "\n" + public, "token and date are swapped"},
		{private, "/edge" + right, "the path prefix is signed, which a proxy removes"},
		{private, "http://localhost/edge" + right, "the whole URL is signed"},
		{public, right, "the public token is used as the key, which is not the key; the string to sign is right"},
		{string(bytes), right, "the private token is decoded from hex"},
		{"another", right, "the private token of another pair is used as the key"},
		{"unknown", right, "no known mistake explains the signature; the string to sign is "},
	} {
		now, err := time.Parse(time.DateTime, date)
		require.NoError(t, err)
		w := newWire(t, darktracetest.InMemory(), darktracetest.WithStrippedPathPrefix("edge"), darktracetest.WithTokens(public, private),
			darktracetest.WithClock(func() time.Time { return now }))
		w.srv.AddToken(darktracetest.Token{Public: "other", Private: "another"})
		mac := hmac.New(sha1.New, []byte(tt.key))
		mac.Write([]byte(tt.text))
		assert.Equal(t, http.StatusBadRequest, w.send(message{path: path, date: date, signature: hex.EncodeToString(mac.Sum(nil))}).status)
		assert.Contains(t, w.last().Reason, tt.explained)
		assert.Contains(t, w.last().Reason, fmt.Sprintf("%q", right))
		assert.NotContains(t, w.last().Reason, private)
	}
}

func TestOneWrongByteOfTheSignature(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	date := w.srv.Now().UTC().Format(time.DateTime)
	right := w.sign(groupsPath, date)
	for at := range right {
		wrong := []byte(right)
		if wrong[at]++; wrong[at] == '9'+1 || wrong[at] == 'f'+1 {
			wrong[at] -= 2
		}
		r := w.send(message{path: groupsPath, date: date, signature: string(wrong)})
		require.Equal(t, http.StatusBadRequest, r.status)
		assert.Contains(t, w.last().Reason,
			fmt.Sprintf("they differ from byte %d on: %q instead of %q", at, wrong[at:at+1], right[at:at+1]))
		assert.Equal(t, []string{groupsPath + "\n" + w.public + "\n" + date}, w.last().StringToSign)
	}
	assert.Equal(t, 200, w.send(message{path: groupsPath, date: date, signature: right}).status, "a repeated signature is not refused")
}

func TestWrongHeaders(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"DTAPI-Token", "DTAPI-Date", "DTAPI-Signature"} {
		w := newWire(t)
		r := w.request(message{path: groupsPath})
		r.Header.Del(missing)
		resp, err := w.client.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		assert.Equal(t, "there is no "+missing+" header", w.last().Reason)
	}
	w := newWire(t)
	w.public, w.private = w.private, w.public
	assert.Equal(t, http.StatusBadRequest, w.get("/status", "").status)
	assert.Contains(t, w.last().Reason, "swapped")
	assert.JSONEq(t, `{"status":"API SIGNATURE ERROR"}`, w.get("/status", "").body)
	w.public = "nobody"
	assert.Equal(t, http.StatusBadRequest, w.get(groupsPath, "").status)
	assert.Contains(t, w.last().Reason, "unknown public token")
}

func TestDates(t *testing.T) {
	t.Parallel()
	layouts := []string{
		time.DateTime, "20060102T150405", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000000-07:00",
		"2006-01-02T15:04:05.000000", "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05", time.ANSIC,
	}
	for profile := darktracetest.V52; profile <= darktracetest.V71; profile++ {
		w, strict := newWire(t, darktracetest.WithProfile(profile)), newWire(t, darktracetest.WithProfile(profile), darktracetest.WithSpacedDatesOnly())
		for _, layout := range layouts {
			w.layout, strict.layout = layout, layout
			assert.Equal(t, http.StatusOK, w.get(groupsPath, "").status, "%s: %s", profile, layout)
			r := strict.get(groupsPath, "")
			if layout == time.DateTime {
				assert.Equal(t, http.StatusOK, r.status)
				continue
			}
			assert.Equal(t, http.StatusBadRequest, r.status, "%s: %s", profile, layout)
			assert.JSONEq(t, `{"aianalyst":"API DATE ERROR"}`, r.body)
			assert.Contains(t, strict.last().Reason, "in no layout that this appliance takes")
		}
	}
	for _, profile := range []darktracetest.Profile{darktracetest.V61, darktracetest.V71} {
		morning := time.Date(2026, 3, 1, 9, 5, 4, 28_090_000, time.UTC)
		w := newWire(t, darktracetest.WithProfile(profile), darktracetest.WithClock(func() time.Time { return morning }))
		assert.Equal(t, http.StatusOK, w.send(message{path: groupsPath, date: "2026-03-01 09:05:04"}).status)
		for _, date := range []string{
			"2026-03-01 09:05:04.028090", "2026-03-01 9:05:04", "2026-03-01 09:05:04,5", "20260301T90504", "20260301T090504.028",
		} {
			assert.Equal(t, http.StatusBadRequest, w.send(message{path: groupsPath, date: date}).status, "%s: %s", profile, date)
			assert.Equal(t, darktracetest.BadDate, w.last().Verdict)
		}
	}
	w := newWire(t, darktracetest.WithProfile(darktracetest.V61))
	zone := time.FixedZone("", -5*3600)
	r := w.send(message{path: groupsPath, date: w.srv.Now().In(zone).Format("2006-01-02T15:04:05.000000-07:00")})
	assert.Equal(t, http.StatusOK, r.status, "an offset is honoured")
}

func TestDateWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := darktracetest.WithClock(func() time.Time { return now })
	w := newWire(t, clock)
	for off, status := range map[time.Duration]int{
		30 * time.Minute: 200, -30 * time.Minute: 200, 30*time.Minute + time.Second: 400, -30*time.Minute - time.Second: 400,
	} {
		r := w.send(message{path: groupsPath, date: now.Add(off).Format(time.DateTime)})
		assert.Equal(t, status, r.status, off)
		assert.Equal(t, "Sun, 01 Mar 2026 12:00:00 GMT", r.header.Get("Date"))
	}
	assert.Len(t, w.srv.Unexpected(), 2)

	w.srv.SetClockOffset(2 * time.Hour)
	assert.Equal(t, now.Add(2*time.Hour), w.srv.Now())
	r := w.send(message{path: groupsPath, date: now.Format(time.DateTime)})
	assert.Equal(t, http.StatusBadRequest, r.status)
	assert.Equal(t, "Sun, 01 Mar 2026 14:00:00 GMT", r.header.Get("Date"))
	assert.Contains(t, w.last().Reason, "2h0m0s off the appliance's clock, which shows 2026-03-01 14:00:00")
	assert.Len(t, w.srv.Unexpected(), 2, "the test itself made the clock wrong")

	w = newWire(t, clock, darktracetest.WithDateAsSignatureError(), darktracetest.WithClockOffset(-5*time.Hour))
	r = w.send(message{path: groupsPath, date: now.Format(time.DateTime)})
	assert.JSONEq(t, `{"aianalyst":"API SIGNATURE ERROR"}`, r.body)
	assert.Equal(t, "Sun, 01 Mar 2026 07:00:00 GMT", r.header.Get("Date"))
}

func TestPathPrefix(t *testing.T) {
	t.Parallel()
	signed := newWire(t, darktracetest.WithPathPrefix("/tenant-7/"))
	assert.True(t, strings.HasSuffix(signed.srv.URL, "/tenant-7"))
	assert.Equal(t, 200, signed.get(groupsPath, "").status)
	r := signed.send(message{path: groupsPath, target: groupsPath})
	assert.Equal(t, 400, r.status)
	assert.JSONEq(t, `{"aianalyst":"API SIGNATURE ERROR"}`, r.body)
	assert.Contains(t, signed.last().Reason, "the beginning of the path is not signed")

	stripped := newWire(t, darktracetest.WithStrippedPathPrefix("tenant-7"))
	assert.Equal(t, 200, stripped.send(message{path: groupsPath, target: groupsPath}).status)
	assert.Equal(t, 400, stripped.get(groupsPath, "").status)
}

func TestNothingIsServedOutsideThePathPrefix(t *testing.T) {
	t.Parallel()
	for _, opt := range []darktracetest.Option{
		darktracetest.WithPathPrefix("/tenant-7"), darktracetest.WithStrippedPathPrefix("/tenant-7"),
	} {
		w := newWire(t, opt)
		base := strings.TrimSuffix(w.srv.URL, "/tenant-7")
		for _, path := range []string{groupsPath, "/tenant-7x" + groupsPath, "/tenant-7" + groupsPath[1:], "/tenant-7"} {
			r := w.request(message{target: path})
			var err error
			r.URL, err = url.Parse(base + path)
			require.NoError(t, err)
			resp, err := w.client.Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, http.StatusFound, resp.StatusCode, path)
			assert.Equal(t, "/login", resp.Header.Get("Location"))
			assert.Equal(t, darktracetest.NoEndpoint, w.last().Verdict)
			assert.Equal(t, "the path is not below /tenant-7/", w.last().Reason)
		}
	}
}

func TestTransports(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]darktracetest.Option{
		"https":  nil,
		"http":   {darktracetest.WithHTTP()},
		"http2":  {darktracetest.WithHTTP2()},
		"memory": {darktracetest.InMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, opts...)
			plain := name == "http" || name == "memory"
			assert.Equal(t, plain, strings.HasPrefix(w.srv.URL, "http://"))
			assert.Equal(t, plain, w.srv.CertPool() == nil)
			assert.Equal(t, plain, w.srv.CAPEM() == nil)
			resp, err := w.client.Do(w.request(message{path: groupsPath}))
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, "[]", string(bytes.TrimSpace(body)))
			assert.Equal(t, map[bool]int{true: 2, false: 1}[name == "http2"], resp.ProtoMajor)
			w.srv.Close()
			w.srv.Close()
			_, err = w.try(message{path: groupsPath})
			assert.Error(t, err)
		})
	}
}
