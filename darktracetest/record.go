package darktracetest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Verdict is the appliance's decision about a request.
type Verdict string

// The verdicts.
const (
	Accepted       Verdict = "accepted"            // in order
	BadSignature   Verdict = "API SIGNATURE ERROR" // unknown token, missing header or wrong signature
	BadDate        Verdict = "API DATE ERROR"      // layout rejected, or more than 30 minutes off
	NoPermission   Verdict = "permission missing"  // the token's user lacks the permission
	NoEndpoint     Verdict = "unknown endpoint"    // not in this version, or in none
	BadInput       Verdict = "INPUT ERROR"         // an invalid argument
	Failed         Verdict = "ERROR"               // status 200, but the write did nothing
	NeverProcessed Verdict = "not looked at"       // cut by a fault before it was read
)

// Request is a request that the server received, and its outcome.
type Request struct {
	// Time is when it arrived, on the appliance's clock.
	Time time.Time
	// Method, Path and RawQuery are as transmitted: the path escaped and with
	// the prefix, the query without the question mark.
	Method, Path, RawQuery string
	// Query is RawQuery decoded.
	Query url.Values
	// Header is what was sent, including the authentication headers.
	Header http.Header
	// Body is what was sent; nil if a fault kept it from being read.
	Body []byte
	// Verdict is the appliance's decision, independent of faults.
	Verdict Verdict
	// Reason explains every verdict except Accepted. For a wrong signature it
	// names the byte that differs and, if known, the mistake.
	Reason string
	// StringToSign holds the strings that the appliance accepts the signature
	// of, the documented one first.
	StringToSign []string
	// Ignored lists the query parameters that had no effect, because of their
	// name or their value: a misspelt filter filters nothing.
	Ignored []string
	// CarriedOut reports whether a write took effect, independent of the
	// response.
	CarriedOut bool
	// Faulted reports whether an injected fault matched it.
	Faulted bool
	// Status is the status of the response, 0 if a fault cut the connection
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

// Requests returns every request so far, in the order of their verdicts. A
// request is there before its response is sent; of concurrent requests any may
// come first.
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

// Unexpected returns the requests that a correct appliance would have rejected
// or failed: bad signatures, missing permissions, unknown endpoints, invalid
// arguments. Dates rejected while the appliance's clock was made wrong, and
// revoked bearer tokens, are expected. If a test that uses WithTB intends a
// rejection, look at Requests and then call ResetRequests.
func (s *Server) Unexpected() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool {
		return r.Verdict == Accepted || r.Verdict == NeverProcessed || r.Verdict == BadDate && strings.HasPrefix(r.Reason, wrongClock) || r.Reason == revoked
	})
}

// wrongClock is the beginning of the reason when the test caused the rejection of a
// date.
const wrongClock = "the clock of the appliance was made wrong: "
