package darktrace

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	errorBodySize = 8 << 10 // how much of an error's body is read
	envelopeSize  = 4 << 10 // an object that reports an error is smaller
	snippetSize   = 512     // how much of a body an APIError keeps
)

// answer is what classification looks at.
type answer struct {
	write    bool
	status   int
	area     string // the first segment of the path, under which the appliance reports
	host     string // that was asked
	location string
	html     bool   // the Content-Type says so
	body     []byte // its beginning, or all of it
}

// classify reads as much of the answer as it needs to tell success from
// failure: the beginning of a stream or of an error, else everything.
func (r *reply) classify() error {
	a := answer{
		write: r.call.write(), status: r.resp.StatusCode, area: strings.Split(r.call.path, "/")[1], host: r.req.URL.Hostname(),
		location: r.resp.Header.Get("Location"),
		html:     strings.HasPrefix(strings.ToLower(r.resp.Header.Get("Content-Type")), "text/html"),
	}
	var skew time.Duration
	date, err := http.ParseTime(r.resp.Header.Get("Date"))
	dated := err == nil
	if dated {
		skew = r.client.clock.observe(date)
	}
	if a.status/100 != 2 {
		// What broke an error's body never hides the error.
		_ = r.readBeginning(errorBodySize, func([]byte) bool { return false })
	} else if err := r.readSuccess(); err != nil {
		return err
	}
	a.body = r.data
	code, kind := a.classify()
	if kind == nil {
		return nil
	}
	apiErr := &APIError{
		Method: r.call.method, Path: r.path(), StatusCode: a.status, Code: r.snippet([]byte(code)), Body: r.snippet(a.body),
		RetryAfter: retryAfter(r.resp.Header.Get("Retry-After"), date), ClockSkew: skew, Attempts: r.number,
		kind: kind, dated: dated,
	}
	apiErr.hint = apiErr.advice(r.call.write())
	if r.call.write() && a.status/100 == 2 && errors.Is(kind, ErrLogin) { // A page proves nothing.
		apiErr.unproven = true
		apiErr.hint += " If not: " + hints[ErrOutcomeUnknown]
	}
	return apiErr
}

func (r *reply) readSuccess() error {
	if !r.call.stream {
		return r.readAll()
	}
	r.data = r.beginning[:0]
	if err := r.readBeginning(snippetSize, func(data []byte) bool { return len(bytes.TrimSpace(data)) > 0 }); err != nil {
		return err
	}
	if firstByte(r.data) != '{' {
		return nil
	}
	return r.readBeginning(envelopeSize, func([]byte) bool { return false })
}

// classify tells the appliance's own word for a failure, and its kind: nil for
// success.
func (a *answer) classify() (code string, kind error) {
	switch a.status / 100 {
	case 2:
		return a.classifySuccess()
	case 3:
		return a.classifyRedirect()
	}
	code = failureCode(a.body)
	switch {
	case code == "API DATE ERROR" && a.status < 404:
		return code, ErrDate
	case code == "API SIGNATURE ERROR" && a.status < 404, a.status == http.StatusUnauthorized:
		return code, ErrSignature
	case a.status == http.StatusForbidden:
		return code, ErrPermission
	case a.status == http.StatusNotFound:
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
func (a *answer) classifySuccess() (code string, kind error) {
	first := firstByte(a.body)
	switch {
	case first == '<', a.html && first != 0 && first != '[' && first != '{':
		return "", ErrLogin
	case first == '[' && a.write:
		return a.classifyMasters()
	case first != '{' || !a.write && len(a.body) >= envelopeSize:
		return "", nil
	}
	keys := []string{"error", "status", "response", a.area}
	if a.write {
		keys = nil // Whatever it says is about the write.
	}
	if code = failureCode(a.body, keys...); code != "" {
		return code, ErrRejected
	}
	return "", nil
}

// classifyMasters reads a Unified View's answer to a write, an object for each
// master: success when any of them had it.
func (a *answer) classifyMasters() (code string, kind error) {
	var masters []json.RawMessage
	if json.Unmarshal(a.body, &masters) != nil {
		return "", nil // Decoding says what is wrong with it.
	}
	for _, master := range masters {
		word := failureCode(master)
		if word == "" && firstByte(master) == '{' {
			return "", nil
		}
		code = cmp.Or(code, word)
	}
	return code, ErrRejected
}

// classifyRedirect tells where the appliance wants to send a browser.
func (a *answer) classifyRedirect() (code string, kind error) {
	message := failureCode(a.body)
	body := strings.TrimSpace(string(a.body))
	_, target, _ := strings.Cut(body, "Redirecting to ")
	leadsTo := func(path string) bool {
		u, err := url.Parse(a.location)
		return strings.HasSuffix(target, path) || err == nil && strings.HasSuffix(u.Path, path)
	}
	elsewhere, err := url.Parse(a.location)
	otherHost := err == nil && elsewhere.Host != "" && !strings.EqualFold(elsewhere.Hostname(), a.host)
	switch {
	case leadsTo("/403"):
		return message, ErrPermission
	case message != "", otherHost:
		return message, ErrLogin
	case leadsTo("/login"):
		return message, ErrEndpoint
	}
	return message, ErrLogin
}

// failureCode returns the word by which the appliance reports a failure: a value
// of an object, or of one in a list, that is "ERROR" or ends in it, or failing
// that what the key "error" holds; "" for none. It may stand under any key, but
// beside other members only under one of keys, if any are given: there it could
// be data.
func failureCode(body []byte, keys ...string) string {
	var list []json.RawMessage
	if firstByte(body) == '[' && json.Unmarshal(body, &list) == nil {
		for _, element := range list {
			if code := failureCode(element, keys...); code != "" {
				return code
			}
		}
	}
	var members map[string]json.RawMessage
	if firstByte(body) != '{' || json.Unmarshal(body, &members) != nil {
		return ""
	}
	for key, raw := range members {
		var value string
		if json.Unmarshal(raw, &value) == nil && (value == "ERROR" || strings.HasSuffix(value, " ERROR")) &&
			(keys == nil || len(members) == 1 || slices.Contains(keys, key)) {
			return value
		}
	}
	raw := members["error"]
	if len(raw) == 0 || string(raw) == "null" || string(raw) == "false" {
		return ""
	}
	var message string
	if json.Unmarshal(raw, &message) == nil {
		return message
	}
	return string(raw)
}

// firstByte returns the first byte that is not white space; 0 if there is none.
func firstByte(data []byte) byte {
	if data = bytes.TrimSpace(data); len(data) > 0 {
		return data[0]
	}
	return 0
}

// snippet returns the printable beginning of a text, with secrets blanked.
func (r *reply) snippet(text []byte) string {
	if len(text) >= errorBodySize { // The end may be half a secret.
		text = text[:errorBodySize-snippetSize]
	}
	printable := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return ' '
		}
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, r.redact(string(text)))
	printable = r.redact(strings.ToValidUTF8(printable, "")) // What was taken out may have hidden some.
	if len(printable) > snippetSize {
		printable = strings.ToValidUTF8(printable[:snippetSize], "")
	}
	return strings.TrimSpace(printable)
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

// hints say what to do about an error of each kind.
var hints = map[error]string{
	ErrSignature:      "are the tokens swapped, truncated or from another master, or does a proxy rewrite requests?",
	ErrEndpoint:       "is the base URL right, and does this version of the appliance have the endpoint?",
	ErrLogin:          "is the base URL that of the appliance's API, and are the credentials for it?",
	ErrInput:          "the appliance refused an argument; see Body for its words",
	ErrNotFound:       "check the id and the base URL",
	ErrRateLimited:    "send fewer requests, see WithRateLimit",
	ErrServer:         "try again later",
	ErrRejected:       "the appliance did not do it",
	ErrOutcomeUnknown: "the write may or may not have been carried out; read back before sending it again",
}

// permissions names the permission that a path needs beyond Visualizer.
var permissions = map[string]string{
	"/aianalyst/acknowledge":       "Acknowledge Breaches",
	"/aianalyst/unacknowledge":     "Acknowledge Breaches",
	"/aianalyst/incident/comments": "Discuss Breaches",
	"/aianalyst/investigations":    "Create AI Analyst Investigations",
}

// advice says what to do about the error.
func (e *APIError) advice(write bool) string {
	hint := hints[e.kind]
	switch {
	case errors.Is(e, ErrPermission):
		permission := "Visualizer"
		for path, needed := range permissions {
			if write && strings.HasSuffix(e.Path, path) {
				permission = needed
			}
		}
		return fmt.Sprintf("the token's user needs the permission %q", permission)
	case errors.Is(e, ErrDate) && e.dated && e.ClockSkew.Abs() < time.Minute:
		return "the clocks agree, so the appliance refuses the layout of the date; see TokenDateLayout"
	case errors.Is(e, ErrDate):
		return "correct the clock; " + e.skewText()
	case errors.Is(e, ErrSignature) && e.ClockSkew.Abs() > 5*time.Minute:
		return hint + " Or is a clock wrong? " + e.skewText()
	case errors.Is(e, ErrRateLimited) && e.RetryAfter > 0:
		return fmt.Sprintf("the appliance asks to wait %v; %s", e.RetryAfter, hint)
	}
	return hint
}

// connectionAdvice says what to do about a connection that did not come about.
func connectionAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "the certificate's authority is not trusted, see WithRootCAs"
	case errors.As(err, &name):
		return "the certificate is for another name; is the base URL right?"
	case errors.As(err, &record):
		return "the answer is not TLS; is the base URL http, or a proxy in between?"
	case errors.As(err, &dns):
		return "the name can't be resolved; is the base URL right?"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ""
	}
	return "is the base URL right, and is a proxy needed or in the way?"
}

func (e *APIError) skewText() string {
	switch {
	case !e.dated:
		return "the appliance accepts 30 minutes around its own and did not tell its time"
	case e.ClockSkew < 0:
		return fmt.Sprintf("the appliance's is %v behind ours", -e.ClockSkew)
	}
	return fmt.Sprintf("the appliance's is %v ahead of ours", e.ClockSkew)
}
