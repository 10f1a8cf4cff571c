package darktrace

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
	"github.com/darktrace-go/darktrace/internal/operations"
	"github.com/darktrace-go/darktrace/internal/wire"
)

const (
	errorBodySize = 8 << 10 // bytes of an error's body that are read
	envelopeSize  = 4 << 10 // an object that reports an error is smaller
	snippetSize   = 512     // bytes of a body that an APIError keeps
)

// response holds what classification needs of a request and its response.
type response struct {
	ctx      context.Context // the caller's
	write    bool
	status   int
	area     string   // see call.area
	asked    *url.URL // of the request
	location string
	html     bool   // by its Content-Type
	body     []byte // its beginning, or all of it
}

// classify reads as much of the response as it needs to tell success from
// failure: the beginning of a stream or of an error, otherwise everything.
func (r *reply) classify() error {
	a := response{
		ctx:   r.ctx,
		write: r.call.write(), status: r.resp.StatusCode, area: r.call.area(), asked: r.req.URL,
		location: r.resp.Header.Get("Location"),
		html:     strings.HasPrefix(strings.ToLower(r.resp.Header.Get("Content-Type")), "text/html"),
	}
	var bodyErr error
	if a.status/100 != 2 {
		bodyErr = r.readBeginning(errorBodySize, func([]byte) bool { return false })
	} else if err := r.readSuccess(); err != nil {
		return err
	}
	a.body = bytes.TrimPrefix(r.data, byteOrderMark)
	if !r.call.raw {
		r.data = a.body
	}
	r.text = a.body[:min(len(a.body), snippetSize)]
	code, kind := a.classify()
	if a.stopped() {
		return r.broken(ErrConnection, "", contextError(r.ctx))
	}
	if bodyErr != nil && code == "" && (a.status == http.StatusBadRequest || a.status/100 == 3 && a.location == "" && !bytes.Contains(a.body, []byte("Redirecting to /"))) {
		return bodyErr // The status alone does not decide the kind. With any other status, a broken body does not hide the error.
	}
	if kind == nil {
		r.date, r.dated = clock.From(r.ctx).Accepted(r.resp.Header)
		clock.Tell(r.ctx, r.date, r.dated)
		return nil
	}
	date, err := http.ParseTime(r.resp.Header.Get("Date"))
	var skew time.Duration
	if err == nil {
		skew = date.Sub(r.client.clock.Now()).Round(time.Second)
	}
	_, personal := operations.Email(r.call.path, r.client.emailPrefix)
	e := &APIError{
		Method: r.call.method, Path: r.path(), StatusCode: a.status, Code: r.snippet([]byte(code)), Body: r.snippet(a.body),
		RetryAfter: retryAfter(r.resp.Header.Get("Retry-After"), date), ClockSkew: skew, Attempts: r.number,
		kind: kind, date: date, personal: personal, elsewhere: a.elsewhere(),
	}
	// A page proves nothing about a write, and a 303 means that the write was carried
	// out.
	e.unproven = a.write && (a.status == http.StatusSeeOther || a.status/100 == 2 && kind == ErrLogin) && kind != ErrOutcomeUnknown //nolint:errorlint // They are the sentinels themselves.
	e.hint = r.advice(&a, e)
	return e
}

// byteOrderMark precedes the JSON of some gateways.
var byteOrderMark = []byte("\xef\xbb\xbf")

func (r *reply) readSuccess() error {
	if !r.call.stream {
		return r.readAll()
	}
	r.data = r.beginning[:0]
	begun := func(data []byte) bool {
		text := bytes.TrimPrefix(data, byteOrderMark)
		return len(bytes.TrimSpace(text)) > 0 && !bytes.HasPrefix(byteOrderMark, text)
	}
	for _, n := range []int{snippetSize, envelopeSize} { // It may begin with much white space.
		if err := r.readBeginning(n, begun); err != nil {
			return err
		}
	}
	if firstByte(bytes.TrimPrefix(r.data, byteOrderMark)) != '{' && !r.call.write() {
		return nil
	}
	return r.readBeginning(envelopeSize, func([]byte) bool { return false })
}

// stopped tells whether the context ended, so that a large body may not have been
// read to its end.
func (a *response) stopped() bool { return !quick(a.body) && a.ctx.Err() != nil }

// classify returns the appliance's code for a failure, and its kind: nil for
// success.
func (a *response) classify() (code string, kind error) {
	switch a.status / 100 {
	case 1:
		if a.write {
			return "", ErrOutcomeUnknown
		}
		return "", ErrDecode
	case 2:
		return a.classifySuccess()
	}
	code = a.failure()
	if a.status/100 == 3 {
		return code, a.classifyRedirect(code)
	}
	switch {
	case code == "API DATE ERROR" && a.status < 404:
		return code, ErrDate
	case code == "API SIGNATURE ERROR" && a.status < 404, a.status == http.StatusUnauthorized:
		return code, ErrSignature
	case a.status == http.StatusForbidden:
		return code, ErrPermission
	case a.status == http.StatusNotFound, a.status == http.StatusBadRequest && code == "DATANOTFOUND ERROR":
		return code, ErrNotFound
	case a.status == http.StatusProxyAuthRequired:
		return code, ErrLogin
	case a.status == http.StatusTooManyRequests:
		return code, ErrRateLimited
	case a.status < 500 && a.status != http.StatusRequestTimeout:
		return code, ErrInput
	case a.write:
		return code, ErrOutcomeUnknown
	}
	return code, ErrServer
}

// classifySuccess looks for the failures that come with a status of success.
func (a *response) classifySuccess() (code string, kind error) {
	first := firstByte(a.body)
	switch {
	case a.write && succeeded(a.body):
		return "", nil
	case first == '<' && !bytes.HasPrefix(a.body, pcapng), a.html && first != 0 && first != '[' && first != '{':
		return "", ErrLogin
	case first == '[' && a.write:
		return a.classifyMasters()
	case first != '{' || !a.write && len(a.body) >= envelopeSize:
		return "", nil
	}
	v := a.verdict(a.body)
	switch code = v.failed(a.write); {
	case code != "":
		return code, ErrRejected
	case a.write && !v.success && v.unclear != "":
		return v.unclear, ErrOutcomeUnknown
	}
	return "", nil
}

// classifyMasters reads a Unified View's response to a write, which has an
// object for each master. It is a success if none reports a failure, and a
// failure if all do. A mix proves nothing, nor does a list that is empty or holds
// something else.
func (a *response) classifyMasters() (code string, kind error) {
	masters, failures, success, silent, unclear := 0, 0, false, false, ""
	valid := wire.Parts(a.body, func(_ string, master []byte) bool {
		if master[0] == 'n' { // null is no element.
			return true
		}
		masters++
		v := a.verdict(master)
		switch failure := v.failed(true); {
		case failure != "":
			failures++
			setFirst(&code, failure)
		case v.success:
			success = true
		default:
			silent = silent || master[0] != '{'
			setFirst(&unclear, v.unclear)
		}
		return !a.stopped()
	})
	switch {
	case !valid: // Decoding will say what is wrong with it.
		return "", nil
	case masters > 0 && failures == masters:
		return code, ErrRejected
	case failures > 0, unclear != "", !success && (silent || masters == 0):
		return cmp.Or(code, unclear), ErrOutcomeUnknown
	}
	return "", nil
}

// classifyRedirect returns the kind of a redirect, by where it leads.
func (a *response) classifyRedirect(message string) error {
	_, target, _ := strings.Cut(strings.TrimSpace(string(a.body)), "Redirecting to ")
	location, err := url.Parse(a.location)
	leadsTo := func(path string) bool {
		return strings.HasSuffix(target, path) || err == nil && strings.HasSuffix(location.Path, path)
	}
	switch {
	case leadsTo("/403"):
		return ErrPermission
	case message != "", a.elsewhere(), a.toHTTPS():
		return ErrLogin
	case leadsTo("/login"):
		return ErrEndpoint
	case a.write:
		return ErrOutcomeUnknown
	}
	return ErrLogin
}

// elsewhere reports whether the response leads to another host.
func (a *response) elsewhere() bool {
	location, err := url.Parse(a.location)
	return err == nil && location.Host != "" && !strings.EqualFold(origin(location), origin(a.asked))
}

// origin is a URL's host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "http" {
		port = "80"
	}
	return u.Hostname() + ":" + cmp.Or(port, "443")
}

// toHTTPS reports whether a redirect leads from http to https.
func (a *response) toHTTPS() bool {
	return a.status/100 == 3 && a.asked.Scheme == "http" && strings.HasPrefix(strings.ToLower(a.location), "https:")
}

// failure returns the appliance's code for a failure, from the body of an
// error: an object, or the first of a list that has one.
func (a *response) failure() string {
	code := func(object []byte) string {
		v := a.verdict(object)
		return cmp.Or(v.failed(false), v.other)
	}
	if firstByte(a.body) != '[' {
		return code(a.body)
	}
	found := ""
	wire.Parts(a.body, func(_ string, element []byte) bool {
		found = code(element)
		return found == ""
	})
	return found
}

// verdict is what an object reports about success and failure.
type verdict struct {
	success bool   // a telling member holds SUCCESS
	word    string // the first ERROR of a telling member, or of the only one
	refusal string // the first other word for a failure in a telling member, such as FAILED
	unclear string // a text that is neither SUCCESS nor a failure
	message string // the value of the member "error"
	other   string // the first ERROR of any other member
}

// failed returns the code or the message of a failure; "" for none. In the response
// to a read a word like FAILED is data.
func (v *verdict) failed(write bool) string {
	switch {
	case v.word != "":
		return v.word
	case v.message != "":
		return v.message
	case write:
		return v.refusal
	}
	return ""
}

// verdict reads the members of an object, up to where it may be cut off. The
// appliance reports under "response", "status", "error" or the first segment of the
// path. A failure under another key counts only if it is the only member: otherwise
// it is data. Unknown words count only in an object without an id: an object with
// an id is what was stored.
func (a *response) verdict(object []byte) (v verdict) {
	if firstByte(object) != '{' {
		return v
	}
	members, stored, unknown := 0, false, ""
	wire.Parts(object, func(name string, value []byte) bool {
		members++
		text, _ := wire.Unquote(value)
		word := isWord(text)
		failure := word && (text == "ERROR" || strings.HasSuffix(text, " ERROR"))
		switch telling := name == "response" || name == "status" || name == "error" || name == a.area; {
		case failure && !telling:
			setFirst(&v.other, text)
		case failure:
			setFirst(&v.word, text)
		case telling && word && (text == "OK" || strings.HasPrefix(text, "SUCCESS")):
			v.success = true
		case name == "error" && !slices.Contains(nothing, string(value)):
			setFirst(&v.message, cmp.Or(text, string(value)))
		case telling && word && refuses(text):
			setFirst(&v.refusal, text)
		case telling && refuses(text), (name == "success" || name == "ok" || name == "replicate") && (text == "false" || slices.Contains(nothing, string(value))),
			name == "errors" && !slices.Contains(nothing, string(value)):
			setFirst(&v.unclear, cmp.Or(text, name+": "+string(value)))
		case name == "response" && word:
			setFirst(&v.unclear, text)
		case telling && word:
			setFirst(&unknown, text)
		case strings.HasSuffix(strings.ToLower(name), "id"):
			stored = true
		}
		return !a.stopped()
	})
	if members == 1 {
		setFirst(&v.word, v.other)
	}
	if !stored {
		setFirst(&v.unclear, unknown)
	}
	return v
}

// nothing lists the values of a member "error" that mean no error.
var nothing = []string{`null`, `false`, `0`, `""`, `{}`, `[]`}

// refuses reports whether a text ends in a word which means that something
// was not done, in any case.
func refuses(text string) bool {
	last := text[strings.LastIndexAny(text, " _-")+1:]
	return slices.ContainsFunc(refusals, func(word string) bool { return strings.EqualFold(last, word) })
}

var refusals = []string{"ERROR", "FAILED", "FAILURE", "DENIED", "REFUSED", "REJECTED", "FORBIDDEN"}

// setFirst keeps the first text that is not empty.
func setFirst(kept *string, text string) {
	if *kept == "" {
		*kept = text
	}
}

// isWord reports whether a text looks like a code of the appliance, in
// capitals.
func isWord(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' && c != '_' && c != '-' {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 64 && text[0] >= 'A' && text[0] <= 'Z'
}

// succeeded reports whether the response to a write contains only that it was
// carried out: it is empty, or a word.
func succeeded(body []byte) bool {
	switch string(bytes.TrimSpace(body)) {
	case "", "true", "OK", `"OK"`, "SUCCESS", `"SUCCESS"`:
		return true
	}
	return false
}

// firstByte returns the first byte that is not white space; 0 if there is none.
func firstByte(data []byte) byte {
	if data = bytes.TrimSpace(data); len(data) > 0 {
		return data[0]
	}
	return 0
}

// retryAfter reads a Retry-After header: seconds, or a date on the appliance's
// clock.
func retryAfter(header string, now time.Time) time.Duration {
	const most = math.MaxInt64 / int64(time.Second)
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	if now.IsZero() {
		now = time.Now()
	}
	return max(date.Sub(now), 0)
}
