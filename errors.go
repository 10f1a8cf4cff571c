package darktrace

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darktrace-go/darktrace/internal/clock"
	"github.com/darktrace-go/darktrace/internal/operations"
)

// The kinds of errors that the package returns, for errors.Is. The text of an
// error says what happened and what to do about it.
var (
	// ErrArgument means that an argument is invalid. Nothing was sent. The text
	// names the argument.
	ErrArgument = errors.New("invalid argument")
	// ErrSignature means that the appliance rejected the signature or the
	// token: the tokens are swapped, truncated or from another master, or
	// something rewrote the request.
	ErrSignature = errors.New("signature refused")
	// ErrDate means that the appliance rejected the date of the request: the
	// clocks are more than 30 minutes apart, or the appliance does not know the
	// date layout.
	ErrDate = errors.New("date refused")
	// ErrPermission means that the token is valid, but its user lacks the
	// permission.
	ErrPermission = errors.New("permission missing")
	// ErrEndpoint means that the appliance does not have this endpoint.
	ErrEndpoint = errors.New("unknown endpoint")
	// ErrLogin means that the response is a login page or a redirect instead of
	// data, or that a proxy requires a password (407).
	ErrLogin = errors.New("login required")
	// ErrInput means that the appliance, or a proxy, rejected an argument:
	// status 400, and every other 4xx that has no kind.
	ErrInput = errors.New("input refused")
	// ErrNotFound means that there is no such event, incident or other object,
	// or that the status is 404.
	ErrNotFound = errors.New("not found")
	// ErrRateLimited means that the appliance, or the gateway in front of it,
	// asked the client to slow down. If a write fails with it, the write was
	// not carried out.
	ErrRateLimited = errors.New("rate limited")
	// ErrServer means that a read failed with a server error: 5xx or 408. After
	// the same status the outcome of a write is unknown: see ErrOutcomeUnknown.
	ErrServer = errors.New("server error")
	// ErrRejected means that the status is 200, but the body says that the
	// appliance did not do what was asked.
	ErrRejected = errors.New("rejected")
	// ErrNotStored means that reading back did not show what was written.
	ErrNotStored = errors.New("not stored")
	// ErrOutcomeUnknown means that a write was sent and may or may not have
	// been carried out. Read back before you send it again. An error that is
	// ErrOutcomeUnknown is never ErrServer or ErrConnection.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrConnection means that no complete response arrived. If a write fails
	// with it, the write was not sent: it is safe to send it again.
	ErrConnection = errors.New("connection failed")
	// ErrTooLarge means that the response is larger than WithMaxResponseSize
	// allows. If the call is a write, the error is ErrOutcomeUnknown as well.
	ErrTooLarge = errors.New("response too large")
	// ErrDecode means that the response is not the expected JSON. If the call
	// is a write, the error is ErrOutcomeUnknown as well.
	ErrDecode = errors.New("response not understood")
)

// APIError is a response that reports a failure. errors.Is tells its kind, such
// as ErrSignature, ErrPermission or ErrOutcomeUnknown.
type APIError struct {
	// Method is the HTTP method of the request.
	Method string
	// Path is the URL path of the request, escaped, without its query.
	Path string
	// StatusCode is the HTTP status of the response. It can be 200: the
	// appliance reports some failures that way.
	StatusCode int
	// Code is what the appliance calls the failure, such as "API SIGNATURE
	// ERROR"; empty if the response has no code.
	Code string
	// Body is the beginning of the response body, at most 512 printable bytes,
	// with tokens and signatures redacted.
	Body string
	// RetryAfter is how long the appliance asked to wait; zero if it did not
	// ask.
	RetryAfter time.Duration
	// ClockSkew is the appliance's clock minus the local one, positive if the
	// appliance is ahead; zero if the response has no Date.
	ClockSkew time.Duration
	// Attempts counts the requests that were sent, this one included.
	Attempts int

	kind      error
	hint      string
	date      time.Time // the response's Date; zero if it has none
	personal  bool      // the body can hold personal data, and is not quoted
	unproven  bool      // the write may have been carried out
	elsewhere bool      // the response leads to another host
}

// Error says what was requested, how the appliance responded, and what to do.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "darktrace: %s %s: %s", e.Method, e.Path, strconv.Itoa(e.StatusCode))
	if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteString(" " + text)
	}
	if code := e.code(); code != "" {
		b.WriteString(" (" + shorten(code, quoted) + ")")
	}
	if e.kind != nil {
		b.WriteString(": " + e.kind.Error())
	}
	if e.hint != "" {
		b.WriteString(": " + e.hint)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	return b.String()
}

// Is reports whether target is the kind of the error, one of the Err variables.
func (e *APIError) Is(target error) bool {
	return e.kind != nil && target == e.kind || e.unproven && errors.Is(ErrOutcomeUnknown, target)
}

// code returns the appliance's code, unless it may be personal data.
func (e *APIError) code() string {
	if e.personal && (!isWord(e.Code) || !refuses(e.Code)) {
		return ""
	}
	return e.Code
}

// LogValue returns the parts of the error for log/slog. Of the body it holds
// only what Error quotes.
func (e *APIError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", e.Method), slog.String("path", e.Path),
		slog.Int("status", e.StatusCode), slog.String("code", shorten(e.code(), quoted)),
		slog.Int("attempts", e.Attempts), slog.String("error", e.Error()),
	)
}

// callError is a failure without a response. Its text is made once and holds no
// secrets. Its causes may quote a request, so they are in a closure, which no
// formatter or encoder prints.
type callError struct {
	text      string
	causes    func() []error
	permanent bool          // a retry can't help
	temporary bool          // the connection failed before a response, and a retry may help
	wait      time.Duration // before a retry is worthwhile; 0 = unknown
}

func (e *callError) Error() string   { return e.text }
func (e *callError) Unwrap() []error { return e.causes() }

// unquotable stands for a cause whose text holds a secret. It supports errors.Is
// and reveals nothing else.
type unquotable struct {
	text string
	is   func(target error) bool
}

func (e *unquotable) Error() string        { return e.text }
func (e *unquotable) Is(target error) bool { return e.is(target) }

func newCallError(text string, causes ...error) *callError {
	return &callError{text: text, causes: func() []error { return causes }}
}

// failed returns an error of the given kind that says what happened to a
// request.
func failed(kind error, method, path, what string, cause error, redact func(string) string) *callError {
	text := fmt.Sprintf("darktrace: %s %s: %v", method, path, kind)
	if what != "" {
		what = printable(redact(what))
		text += ": " + what
	}
	if cause == nil {
		return newCallError(text, kind)
	}
	said := shorten(printable(redact(netHTTP.Replace(unnamed(cause)))), 4*snippetSize)
	if unparsed(cause) {
		said = "a URL can't be parsed"
	}
	if unparsed(cause) || redact(cause.Error()) != cause.Error() {
		quoting := cause
		cause = &unquotable{said, func(target error) bool { return errors.Is(quoting, target) }}
	}
	if errors.Is(kind, ErrConnection) && errors.Is(cause, errEnded) {
		return newCallError(endedText(method, path, what, said), kind, cause)
	}
	return newCallError(text+": "+said, kind, cause)
}

// unparsed reports whether an error is about a URL that can't be parsed. Its text may
// quote a password.
func unparsed(err error) bool {
	wrapped, ok := errors.AsType[*url.Error](err)
	return ok && (wrapped.Op == "parse" || unparsed(wrapped.Err))
}

// netHTTP removes what net/http says about itself.
var netHTTP = strings.NewReplacer("readLoopPeekFailLocked: ", "", "net/http: HTTP/1.x transport connection broken: ", "")

// unnamed returns the text of an error without the name of the package, with which the
// text around it begins.
func unnamed(err error) string { return strings.ReplaceAll(err.Error(), "darktrace: ", "") }

// within returns an error that also says what failed.
func within(what string, err error) error {
	return &restated{"darktrace: " + what + ": " + unnamed(err), err}
}

// endedText is the text of an error when the context ended and the connection did
// not fail.
func endedText(method, path, what, said string) string {
	text := "the context ended before a response came"
	if what != "" {
		text = what + ": the context ended"
	}
	return fmt.Sprintf("darktrace: %s %s: %s (%s)", method, path, text, strings.TrimPrefix(said, "context "))
}

// argument returns an error of the kind ErrArgument that names the argument.
func argument(name, format string, args ...any) error {
	text := fmt.Sprintf("darktrace: %v: %s %s", ErrArgument, name, fmt.Sprintf(format, args...))
	return newCallError(printable(text), ErrArgument)
}

// Temporary reports whether the same call may succeed later although nobody
// changes anything: after a rate limit, a server error, or a temporary failure
// of the connection. It returns false for a write whose outcome is unknown
// (read back first) and for a call whose context has ended.
func Temporary(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errEnded) || errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	if errors.Is(err, ErrServer) || errors.Is(err, ErrRateLimited) {
		return true
	}
	call, ok := errors.AsType[*callError](err)
	return ok && errors.Is(err, ErrConnection) && !call.permanent
}

// RetryAfter returns how long to wait before the call is worth trying again:
// what the appliance asked for, or what the client's own rate limit requires. 0
// means unknown.
func RetryAfter(err error) time.Duration {
	if apiErr, ok := errors.AsType[*APIError](err); ok {
		return apiErr.RetryAfter
	}
	if call, ok := errors.AsType[*callError](err); ok {
		return call.wait
	}
	return 0
}

// BatchError reports the outcome of a write for each of its ids: every id is in
// exactly one field. errors.Is and errors.As look into the errors of all ids.
type BatchError struct {
	// Done holds the ids that the appliance confirmed.
	Done []string
	// NotSent holds the ids that were not sent, because an earlier request
	// failed for a reason that applies to them too.
	NotSent []string
	// Failed holds the ids that were rejected or could not be sent, each with
	// the reason. After AcknowledgeVerified it also holds those that are
	// unchanged when read back.
	Failed map[string]error
	// Unknown holds the ids that were sent and may or may not have been carried
	// out. Each error is ErrOutcomeUnknown.
	Unknown map[string]error

	action string
	order  []string
}

// Error counts the ids, and gives the first id that failed with the reason.
func (e *BatchError) Error() string {
	text := "darktrace: " + e.action
	for _, id := range e.order {
		err := e.of(id)
		if err == nil {
			continue
		}
		if len(e.order) > 1 {
			text += fmt.Sprintf(": %d done, %d failed, %d unknown, %d not sent; first", len(e.Done), len(e.Failed), len(e.Unknown), len(e.NotSent))
		}
		return text + " " + shorten(printable(id), quoted) + ": " + unnamed(err)
	}
	return text + fmt.Sprintf(": %d done, %d not sent", len(e.Done), len(e.NotSent))
}

// Results yields the ids in the order of the arguments, each with its error:
// nil if it is done, ErrConnection if it was not sent.
func (e *BatchError) Results() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		notSent := make(map[string]bool, len(e.NotSent))
		for _, id := range e.NotSent {
			notSent[id] = true
		}
		for _, id := range e.order {
			err := e.of(id)
			if notSent[id] {
				err = newCallError("darktrace: "+e.action+": not sent, because an earlier request failed", ErrConnection)
			}
			if !yield(id, err) {
				return
			}
		}
	}
}

// of returns the error of a failed or unknown id; nil if there is none.
func (e *BatchError) of(id string) error { return cmp.Or(e.Failed[id], e.Unknown[id]) }

// Unwrap returns the errors of the failed and unknown ids, in the order of the
// arguments, each error once.
func (e *BatchError) Unwrap() []error {
	var errs []error
	for _, id := range e.order {
		err := e.of(id)
		if err != nil && !slices.ContainsFunc(errs, func(other error) bool { return same(err, other) }) {
			errs = append(errs, err)
		}
	}
	return errs
}

// same reports whether two errors are the very same one. Go can't compare every
// error of a caller.
func same(a, b error) bool {
	return reflect.ValueOf(a).Comparable() && a == b //nolint:errorlint // The very same error.
}

// hints holds advice for each kind of error.
var hints = map[error]string{
	ErrSignature:      "check whether the tokens are swapped, truncated or from another appliance, and whether a proxy rewrites requests",
	ErrEndpoint:       "check the base URL, and whether this version of the appliance has the endpoint",
	ErrLogin:          "check that the base URL leads to the appliance's API and that the credentials are for it",
	ErrInput:          "the appliance rejected an argument",
	ErrNotFound:       "check the id and the base URL",
	ErrRateLimited:    "send fewer requests, see WithRateLimit",
	ErrServer:         "try again later",
	ErrRejected:       "the appliance reported failure although the status of the response is success",
	ErrOutcomeUnknown: "the write may or may not have been carried out; read back before you send it again",
}

// advice returns advice for an error response.
func (r *reply) advice(a *response, e *APIError) string {
	hint := r.adviceOfKind(a, e)
	if e.unproven {
		return hint + "; the write may have been carried out nevertheless: read back before you send it again"
	}
	return hint
}

func (r *reply) adviceOfKind(a *response, e *APIError) string {
	_, tokens := r.client.auth.(*TokenAuth)
	page := firstByte(a.body) == '<'
	hint := hints[e.kind]
	switch {
	case a.status == http.StatusSwitchingProtocols:
		return also(hint, "the response switches protocols, which the client did not ask for: check what is in front of the appliance")
	case a.status == http.StatusProxyAuthRequired:
		return "the proxy requires a user name and a password: put them into its URL, see WithProxy"
	case a.status == http.StatusNetworkAuthenticationRequired:
		return also(hint, "the network requires a sign-in before requests can reach the appliance")
	case a.toHTTPS():
		return "the server requires https: begin the base URL with https://"
	case a.asked.Scheme == "http" && a.status == http.StatusBadRequest && strings.Contains(strings.ToLower(string(a.body)), "https"):
		return "the port speaks TLS: begin the base URL with https://" + r.quote(a, e)
	case errors.Is(e, ErrPermission) && page:
		return "the response is a page that is not from the appliance: check the firewall or proxy in between" + r.quote(a, e)
	case errors.Is(e, ErrPermission):
		return needs(operations.Of(r.call.method, r.call.path, r.client.emailPrefix).Permission)
	case errors.Is(e, ErrDate) && !e.date.IsZero() && e.ClockSkew.Abs() < time.Minute:
		return "the clocks agree, so the appliance rejects the layout of the date; see TokenDateLayout"
	case errors.Is(e, ErrDate):
		return "correct the clock; " + e.skewText()
	case errors.Is(e, ErrSignature) && !tokens:
		return "the credentials were rejected: check whether they have expired or belong to another appliance"
	case errors.Is(e, ErrSignature) && e.ClockSkew.Abs() > 5*time.Minute:
		return hint + ", and the clock: " + e.skewText()
	case errors.Is(e, ErrRateLimited) && e.RetryAfter > 0:
		return fmt.Sprintf("the appliance asks to wait %v; %s", e.RetryAfter, hint)
	case a.status == http.StatusConflict:
		return "conflict: it may have been done before" + r.quote(a, e)
	case errors.Is(e, ErrInput):
		return hint + r.quote(a, e)
	case errors.Is(e, ErrNotFound) && r.call.ids() != "":
		return also(hint, r.call.ids())
	}
	return hint
}

func also(hint, more string) string {
	if hint == "" {
		return more
	}
	return hint + "; " + more
}

// needs names the permissions that a rejected request needs.
func needs(permission string) string {
	if permission == "" {
		return "the token's user lacks a permission, or the appliance lacks a licence"
	}
	all := strings.Split(permission, "+")
	noun := "permission"
	if len(all) > 1 {
		noun = "permissions"
	}
	text := strings.ReplaceAll(strings.Join(all, `", "`), "|", `" or "`)
	return fmt.Sprintf(`the token's user needs the %s "%s"`, noun, text)
}

// quoted is how many bytes of a body an error's text quotes.
const quoted = 120

// quote returns the beginning of an error's body, unless the code says it all
// or the body may hold personal data.
func (r *reply) quote(a *response, e *APIError) string {
	if e.Body == "" || e.personal || a.status/100 == 2 || e.Code != "" && len(e.Body) < len(e.Code)+40 {
		return ""
	}
	return fmt.Sprintf("; the response begins with %q", shorten(e.Body, quoted))
}

// connectionAdvice returns advice for a connection that failed, and whether the
// failure is permanent. scheme is the scheme of the base URL.
func connectionAdvice(err error, scheme string) (advice string, permanent bool) {
	name, misnamed := errors.AsType[x509.HostnameError](err)
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "", false
	case isA[x509.UnknownAuthorityError](err):
		return "the certificate's authority is not trusted; trust it with WithRootCAFile or DARKTRACE_CA_FILE", true
	case misnamed && len(name.Certificate.DNSNames)+len(name.Certificate.IPAddresses) == 0:
		return "the certificate has only a common name, which is ignored; reissue it with a subject alternative name", true
	case misnamed:
		return "the certificate is for another name; use a name that it contains, or reissue it", true
	case invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet; check it, and this computer's clock", true
	case isA[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return "the port does not speak TLS; check the port and whether a proxy is in between, and begin the base URL with http:// if you mean it", true
	case isA[*proxyRefusal](err):
		return "the proxy refused to connect to the appliance", true
	case unparsed(err):
		return "check the URL of the proxy, and that its special characters are escaped", true
	case isA[*net.DNSError](err):
		return "the name can't be resolved; check the base URL", false
	}
	for _, known := range []struct{ text, advice string }{
		{"certificate required", "the appliance or a gateway requires a client certificate, see WithClientCertificate"},
		{"tls: bad certificate", "the appliance or a gateway rejected the client certificate or requires one, see WithClientCertificate"},
		{"unsupported protocol version", "the appliance or a proxy only speaks TLS older than 1.2, which is not secure"},
		{"protocol version not supported", "the appliance or a proxy only speaks TLS older than 1.2, which is not secure"},
		{"tls: handshake failure", "the appliance or a proxy offers no TLS version or cipher that this program accepts, or requires a client certificate"},
		{`malformed HTTP response "\x15\x03`, "the port speaks TLS: begin the base URL with https://"},
		{`malformed HTTP`, "the port does not speak HTTP; check the base URL"},
		{"invalid header", "a header can't be sent; check the Authenticator, WithHeader and middlewares"},
		{"failed to verify certificate", "the certificate can't be trusted"},
	} {
		if strings.Contains(err.Error(), known.text) {
			return known.advice, true
		}
	}
	if scheme == "http" && endedAbruptly(err) {
		return "the base URL begins with http://, and appliances speak https: begin it with https://", false
	}
	return "check the base URL, and whether a proxy is required", false
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// endedAbruptly reports whether the peer closed the connection without a response, as
// servers do that expect TLS.
func endedAbruptly(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	// The texts of Unix and Windows; not every system has the error numbers.
	return slices.ContainsFunc([]string{"connection reset", "broken pipe", "forcibly closed"}, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// proxyRefusal is a proxy's response to CONNECT that is not success.
type proxyRefusal struct {
	status int
	text   string
}

func (e *proxyRefusal) Error() string { return "the proxy's response to CONNECT is " + e.text }

// refuseConnect keeps a proxy's response to CONNECT, of which net/http keeps only
// a few words.
func refuseConnect(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{resp.StatusCode, shorten(printable(resp.Status), quoted)}
}

func (e *APIError) skewText() string {
	switch {
	case e.date.IsZero():
		return "the appliance accepts dates within 30 minutes of its own clock, and the response has no Date"
	case e.ClockSkew.Abs() > clock.Furthest:
		return fmt.Sprintf("the response is dated %s, too far from the local clock to be trusted", e.date.UTC().Format(time.DateTime))
	case e.ClockSkew < 0:
		return fmt.Sprintf("the appliance's clock is %v behind the local one", -e.ClockSkew)
	}
	return fmt.Sprintf("the appliance's clock is %v ahead of the local one", e.ClockSkew)
}
