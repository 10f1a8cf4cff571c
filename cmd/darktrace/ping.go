package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/darktrace-go/darktrace"
)

// check is one test of ping.
type check struct {
	Name   string `json:"check"`
	Result string `json:"result"`
	Detail string `json:"detail"`
}

// Results of a check.
const (
	passed    = "ok"
	warned    = "warning"
	failed    = "failed"
	notTested = "not tested"
)

const (
	expiresSoon = 30 * 24 * time.Hour
	clockLimit  = 30 * time.Minute // an appliance rejects a request that is further off
)

// ping tests the requirements of a working connection one by one.
func ping(ctx context.Context, j *job) error {
	err := j.client.Ping(ctx)
	checks := []check{j.seen.address(), j.seen.encryption(j.url, j.now()), {"appliance", passed, "responds as a Darktrace appliance"},
		j.seen.clock(), {"tokens", passed, "the signature is accepted"}, {"permission", passed, "may read AI Analyst"}}
	if err != nil {
		broken := j.seen.blame(err)
		for i := range checks {
			switch {
			case i == broken:
				checks[i].Result, checks[i].Detail = failed, oneLine(err)
			case i > broken:
				checks[i].Result, checks[i].Detail = notTested, ""
			}
		}
	} else {
		checks = append(checks, j.status(ctx)...)
	}
	var rows [][]string
	for _, c := range checks {
		if !j.out.table() {
			if err := j.out.object(c); err != nil {
				return err
			}
		}
		rows = append(rows, []string{c.Name, c.Result, c.Detail})
	}
	if j.out.table() {
		j.out.rows(rows...)
	}
	return err
}

// status tests what only GET /status shows. The token's user may lack the
// permission to read it.
func (j *job) status(ctx context.Context) []check {
	status, err := j.client.Status.Get(ctx, &darktrace.StatusOptions{Fast: true})
	if err != nil {
		return []check{{"version", notTested, oneLine(err)}, {"licence", notTested, ""}}
	}
	licence := check{"licence", passed, "until " + status.License}
	day, _, _ := strings.Cut(status.License, " ")
	expires, err := time.Parse(time.DateOnly, day)
	switch {
	case status.License == "":
		licence = check{"licence", warned, "the appliance reports no licence"}
	case err != nil:
	case expires.Before(j.now()):
		licence = check{"licence", warned, "expired on " + status.License}
	case expires.Before(j.now().Add(expiresSoon)):
		licence.Result = warned
	}
	return []check{{"version", passed, strings.TrimSpace(cmp.Or(string(status.Version), "unknown") + " " + status.Hostname)}, licence}
}

// observer observes the requests of the client and the responses.
type observer struct {
	mu     sync.Mutex
	remote string
	state  *tls.ConnectionState // nil until TLS is established
	ready  bool                 // a request can be sent: TLS is established or not used
	date   time.Time
	skew   time.Duration // of the appliance's clock
}

// wrap makes the observer a middleware.
func (o *observer) wrap(next http.RoundTripper) http.RoundTripper { return observing{o, next} }

type observing struct {
	*observer
	next http.RoundTripper
}

func (o observing) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := o.next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.remote, o.ready = address, o.ready || req.URL.Scheme != "https"
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.state, o.ready = &state, true
			}
		},
	})))
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// A date has whole seconds, so the best estimate is half a second later.
		o.date, o.skew = date, date.Add(time.Second/2).Sub(began.Add(time.Since(began)/2))
	}
	return resp, nil
}

// blame returns the number of the check that an error fails.
func (o *observer) blame(err error) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, darktrace.ErrPermission):
		return 5
	case errors.Is(err, darktrace.ErrSignature):
		return 4
	case errors.Is(err, darktrace.ErrDate):
		return 3
	case errors.As(err, &certificate):
		return 1
	case o.ready, !errors.Is(err, darktrace.ErrConnection):
		return 2
	case o.remote != "":
		return 1
	}
	return 0
}

func (o *observer) address() check {
	o.mu.Lock()
	defer o.mu.Unlock()
	return check{"address", passed, "connected to " + o.remote}
}

func (o *observer) encryption(address string, now time.Time) check {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.state == nil && strings.HasPrefix(address, "http://"):
		return check{"tls", warned, "the connection is not encrypted: use https"}
	case o.state == nil || len(o.state.PeerCertificates) == 0:
		return check{"tls", passed, ""}
	}
	leaf := o.state.PeerCertificates[0]
	c := check{"tls", passed, fmt.Sprintf("%s, certificate of %s by %s, until %s", tls.VersionName(o.state.Version),
		cmp.Or(leaf.Subject.CommonName, strings.Join(leaf.DNSNames, " ")), cmp.Or(leaf.Issuer.CommonName, leaf.Issuer.String()), leaf.NotAfter.Format(time.DateOnly))}
	switch {
	case len(o.state.VerifiedChains) == 0:
		c.Result, c.Detail = warned, c.Detail+", which is NOT verified"
	case leaf.NotAfter.Before(now.Add(expiresSoon)):
		c.Result = warned
	}
	return c
}

func (o *observer) clock() check {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.date.IsZero() {
		return check{"clock", warned, "the response has no date to compare with"}
	}
	skew := o.skew.Round(time.Second)
	switch {
	case skew == 0:
		return check{"clock", passed, "agrees with the appliance's"}
	case skew.Abs() > clockLimit:
		return check{"clock", warned, "differs from the appliance's by " + skew.Abs().String() + "; requests carry the appliance's time"}
	case skew > 0:
		return check{"clock", passed, skew.String() + " behind the appliance's"}
	default:
		return check{"clock", passed, (-skew).String() + " ahead of the appliance's"}
	}
}
