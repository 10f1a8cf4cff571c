package darktracetest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Verdict is what the appliance made of a request.
type Verdict string

// The verdicts.
const (
	Accepted       Verdict = "accepted"            // answered as asked
	BadSignature   Verdict = "API SIGNATURE ERROR" // unknown token, missing header or wrong signature
	BadDate        Verdict = "API DATE ERROR"      // layout refused, or more than 30 minutes off
	NoPermission   Verdict = "permission missing"  // the token's user may not do it
	NoEndpoint     Verdict = "unknown endpoint"    // not in this version, or nowhere
	BadInput       Verdict = "INPUT ERROR"         // an argument that makes no sense
	Failed         Verdict = "ERROR"               // status 200, but the write did nothing
	NeverProcessed Verdict = "not looked at"       // cut by a fault before it was read
)

// Request is what the server received and what became of it.
type Request struct {
	// Time is when it arrived, on the appliance's clock.
	Time time.Time
	// Method, Path and RawQuery are as transmitted: the path escaped and with
	// the prefix, the query without the question mark.
	Method, Path, RawQuery string
	// Query is RawQuery decoded.
	Query url.Values
	// Header is what was sent, the authentication headers included.
	Header http.Header
	// Body is what was sent, nil when a fault kept it from being read.
	Body []byte
	// Verdict is what the appliance made of it, whatever a fault answered.
	Verdict Verdict
	// Reason explains every verdict but Accepted. For a wrong signature it names
	// the byte that differs, and the mistake where that is a known one.
	Reason string
	// StringToSign holds the strings that the appliance would have taken a
	// signature of, the documented one first.
	StringToSign []string
	// Ignored lists the query parameters that had no effect, because of their
	// name or their value: a misspelt filter is no filter.
	Ignored []string
	// CarriedOut tells that a write took effect, whatever was answered.
	CarriedOut bool
	// Faulted tells that an injected fault matched it.
	Faulted bool
	// Status is the status of the answer, 0 when a fault cut the connection
	// before it.
	Status int
}

// String returns the request line with its verdict and reason.
func (r Request) String() string {
	target := r.Path
	if r.RawQuery != "" {
		target += "?" + r.RawQuery
	}
	if r.Verdict == Accepted {
		return fmt.Sprintf("%s %s: %s", r.Method, target, r.Verdict)
	}
	return fmt.Sprintf("%s %s: %s: %s", r.Method, target, r.Verdict, r.Reason)
}

func (r *Request) refuse(v Verdict, format string, args ...any) {
	r.Verdict, r.Reason = v, fmt.Sprintf(format, args...)
}

// Requests returns every request so far, in the order in which the server had
// its verdict on them: one is there before it is answered, and of those that are
// sent at once any may come first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Unexpected returns the requests that an appliance in order would have refused
// or failed: bad signatures, missing permissions, unknown endpoints, bad
// arguments. A date that is refused while the appliance's clock was made wrong
// is expected. A test that intends a refusal and uses WithTB calls ResetRequests
// after it has looked at Requests.
func (s *Server) Unexpected() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool {
		return r.Verdict == Accepted || r.Verdict == NeverProcessed || r.Verdict == BadDate && strings.HasPrefix(r.Reason, wrongClock)
	})
}

// wrongClock begins the reason of a date refusal that the test provoked.
const wrongClock = "the clock of the appliance was made wrong: "
