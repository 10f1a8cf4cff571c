package darktrace

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What errors.Is can ask of every error that the package returns. Each error
// text says what happened and what to do about it.
var (
	// ErrArgument is a mistake of the caller: nothing was sent. The text names
	// the argument.
	ErrArgument = errors.New("invalid argument")
	// ErrSignature means that the appliance refused the signature or the token:
	// tokens swapped, truncated or from another master, or a rewritten request.
	ErrSignature = errors.New("signature refused")
	// ErrDate means that the appliance refused the request's date: the clocks
	// are more than 30 minutes apart, or it does not know the date layout.
	ErrDate = errors.New("date refused")
	// ErrPermission means that the token is valid, but its user may not do this.
	ErrPermission = errors.New("permission missing")
	// ErrEndpoint means that the appliance does not have this endpoint.
	ErrEndpoint = errors.New("unknown endpoint")
	// ErrLogin means that a login page or a redirect came where data was due, or
	// that a proxy wants a password (407).
	ErrLogin = errors.New("login demanded")
	// ErrInput means that the appliance, or a proxy, refused an argument: 400 and
	// every other 4xx that has no kind of its own.
	ErrInput = errors.New("input refused")
	// ErrNotFound means that there is no such event, incident or investigation,
	// or that the answer was a 404.
	ErrNotFound = errors.New("not found")
	// ErrRateLimited means that the appliance, or the gateway before it, asked
	// to slow down. A write that ended so was not carried out.
	ErrRateLimited = errors.New("rate limited")
	// ErrServer is a server error (5xx, or 408) that a read was answered with. A
	// write never ends so: its outcome is unknown, see ErrOutcomeUnknown.
	ErrServer = errors.New("server error")
	// ErrRejected means that the appliance answered 200 and said in the body
	// that it did not do what was asked.
	ErrRejected = errors.New("rejected")
	// ErrNotStored means that reading back did not show what was written.
	ErrNotStored = errors.New("not stored")
	// ErrOutcomeUnknown means that a write was sent and may or may not have been
	// carried out. Read back before you send it again. An error is never both
	// ErrOutcomeUnknown and ErrServer or ErrConnection.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrConnection means that no complete answer came. A write that ended so
	// was not sent: it is safe to send it again.
	ErrConnection = errors.New("connection failed")
	// ErrTooLarge means that the answer is larger than WithMaxResponseSize
	// allows. Of a write it is joined with ErrOutcomeUnknown, and so is ErrDecode.
	ErrTooLarge = errors.New("answer too large")
	// ErrDecode means that the answer is not the JSON that was due.
	ErrDecode = errors.New("answer not understood")
)

// APIError is an answer of the appliance that is not success. errors.Is tells
// its kind, such as ErrSignature, ErrPermission or ErrOutcomeUnknown.
type APIError struct {
	// Method is the HTTP method of the request.
	Method string
	// Path is the URL path of the request, escaped, without its query.
	Path string
	// StatusCode is the HTTP status of the answer. It can be 200: the appliance
	// reports some failures that way.
	StatusCode int
	// Code is the appliance's own word, "API SIGNATURE ERROR" for instance;
	// empty when it used none.
	Code string
	// Body is the beginning of the answer, at most 512 printable bytes, with
	// tokens and signatures blanked.
	Body string
	// RetryAfter is how long the appliance asked to wait; zero when it did not.
	RetryAfter time.Duration
	// ClockSkew is the appliance's clock minus ours, positive when the
	// appliance is ahead; zero when the answer had no Date.
	ClockSkew time.Duration
	// Attempts counts the requests that were sent, this one included.
	Attempts int

	kind     error
	hint     string
	dated    bool // whether the answer had a Date
	unproven bool // whether a write may have been carried out all the same
}

// Error says what was asked, what the appliance answered, and what to do.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "darktrace: %s %s: %s", e.Method, e.Path, strconv.Itoa(e.StatusCode))
	if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteString(" " + text)
	}
	if e.Code != "" {
		b.WriteString(" (" + e.Code + ")")
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

// Is reports whether target is the error's kind, one of the sentinels.
func (e *APIError) Is(target error) bool {
	return e.kind != nil && target == e.kind || e.unproven && errors.Is(ErrOutcomeUnknown, target)
}

// LogValue gives slog the error's parts, without the body.
func (e *APIError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", e.Method), slog.String("path", e.Path),
		slog.Int("status", e.StatusCode), slog.String("code", e.Code),
		slog.Int("attempts", e.Attempts), slog.String("error", e.Error()),
	)
}

// callError is a failure without an answer to blame: its text is fixed, and
// free of secrets, when it is made. Its causes sit in a closure, where nothing
// that dumps values looks: others made them, and they may quote a request.
type callError struct {
	text       string
	causes     func() []error
	unanswered bool // the connection failed before an answer
}

func (e *callError) Error() string   { return e.text }
func (e *callError) Unwrap() []error { return e.causes() }

// unquotable stands for a cause whose text holds a secret: it answers errors.Is,
// and gives nothing else away.
type unquotable struct {
	text string
	is   func(target error) bool
}

func (e *unquotable) Error() string        { return e.text }
func (e *unquotable) Is(target error) bool { return e.is(target) }

func newCallError(text string, causes ...error) *callError {
	return &callError{text: text, causes: func() []error { return causes }}
}

// failed makes an error of the given kind that says what happened to a request.
func failed(kind error, method, path, what string, cause error, redact func(string) string) *callError {
	text := fmt.Sprintf("darktrace: %s %s: %v", method, path, kind)
	if what != "" {
		text += ": " + what
	}
	if cause == nil {
		return newCallError(text, kind)
	}
	said := redact(cause.Error())
	if said != cause.Error() {
		quoting := cause
		cause = &unquotable{said, func(target error) bool { return errors.Is(quoting, target) }}
	}
	return newCallError(text+": "+said, kind, cause)
}

// argument makes an ErrArgument that names the argument.
func argument(name, format string, args ...any) error {
	text := fmt.Sprintf("darktrace: %v: %s %s", ErrArgument, name, fmt.Sprintf(format, args...))
	return newCallError(text, ErrArgument)
}

// BatchError tells what became of each event id that a write was given: every
// id is in exactly one of its fields. errors.Is and errors.As look into the
// errors of all ids.
type BatchError struct {
	// Done holds the ids that the appliance confirmed.
	Done []string
	// NotSent holds the ids that were not sent, because what stopped an earlier
	// request would have stopped theirs.
	NotSent []string
	// Failed holds the ids that were refused, could not be sent or, in
	// AcknowledgeVerified, are unchanged when read back, with the reason.
	Failed map[string]error
	// Unknown holds the ids that were sent and may or may not have been carried
	// out; each error is ErrOutcomeUnknown.
	Unknown map[string]error

	action string
	order  []string
}

// Error counts the ids and gives the first reason.
func (e *BatchError) Error() string {
	text := fmt.Sprintf("darktrace: %s: %d done, %d failed, %d unknown, %d not sent",
		e.action, len(e.Done), len(e.Failed), len(e.Unknown), len(e.NotSent))
	if errs := e.Unwrap(); len(errs) > 0 {
		text += ": " + strings.TrimPrefix(errs[0].Error(), "darktrace: ")
	}
	return text
}

// Unwrap returns the errors of the failed and unknown ids in the order of the
// arguments, each error once.
func (e *BatchError) Unwrap() []error {
	var errs []error
	for _, id := range e.order {
		err := e.Failed[id]
		if err == nil {
			err = e.Unknown[id]
		}
		if err != nil && !slices.Contains(errs, err) {
			errs = append(errs, err)
		}
	}
	return errs
}
