package darktracetest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The API signs with HMAC-SHA1.
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	headerToken     = "DTAPI-Token"
	headerDate      = "DTAPI-Date"
	headerSignature = "DTAPI-Signature"

	dateWindow = 30 * time.Minute
)

// signed is what the headers of a request claim and what the appliance makes of it.
type signed struct {
	method, path, query string // as transmitted
	body                []byte
	token, date, given  string
	private             string   // of the pair that token belongs to
	accepted            []string // the strings to sign that the appliance takes, documented one first
}

// targets lists the readings of "what is signed" that the appliance accepts.
// The query of a POST is not signed, its body is.
func targets(p Profile, method, path, query string, body []byte) []string {
	if method == http.MethodPost {
		if len(body) == 0 {
			return []string{path}
		}
		return []string{path + "?" + string(body)}
	}
	if query == "" {
		return []string{path}
	}
	decoded, err := url.QueryUnescape(query)
	if err != nil || decoded == query {
		return []string{path + "?" + query}
	}
	if p < V71 {
		return []string{path + "?" + decoded}
	}
	return []string{path + "?" + decoded, path + "?" + query}
}

func (s *signed) stringToSign(target string) string {
	return target + "\n" + s.token + "\n" + s.date
}

func hexHMAC(key, message string) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *signed) valid() bool {
	return slices.ContainsFunc(s.accepted, func(text string) bool {
		return hmac.Equal([]byte(hexHMAC(s.private, text)), []byte(s.given))
	})
}

// parseDate reads DTAPI-Date in one of the layouts that the appliance takes.
func parseDate(p Profile, date string) (time.Time, error) {
	for _, layout := range p.dateLayouts() {
		at, err := time.Parse(layout, date)
		// time.Parse takes more than the layout says: fractions of a second, and
		// hours of one digit. Only ISO 8601 may have fractions.
		iso := strings.HasPrefix(layout, "2006-01-02T")
		if err == nil && (iso || at.Format(layout) == date) {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is in no layout that %s takes: %q", headerDate, date, p, p.dateLayouts())
}

// checkDate returns an error that tells what is wrong with the date.
func checkDate(p Profile, date string, now time.Time) error {
	at, err := parseDate(p, date)
	if err != nil {
		return err
	}
	if off := at.Sub(now); off.Abs() > dateWindow {
		return fmt.Errorf("%s is %s off the appliance's clock, which shows %s",
			headerDate, off.Round(time.Second), now.UTC().Format(time.DateTime))
	}
	return nil
}

// explain says how a signature that is not valid came about, or at least where
// it differs from the right one.
func (s *signed) explain() string {
	want := s.accepted[0]
	for _, m := range s.mistakes() {
		if text := m.text; !slices.Contains(s.accepted, text) && hexHMAC(s.private, text) == s.given {
			return fmt.Sprintf("%s: signed was %q, expected is %q; %s", m.what, text, want, firstDifference(text, want))
		}
	}
	right := hexHMAC(s.private, want)
	if strings.EqualFold(s.given, right) {
		return "the signature is right but for its case: it must be lower-case hex"
	}
	if len(s.given) != len(right) {
		return fmt.Sprintf("the signature has %d characters, HMAC-SHA1 in hex has %d; the string to sign is %q",
			len(s.given), len(right), want)
	}
	return fmt.Sprintf("the signature of %q is %s, the request has %s; %s. "+
		"If the string is right, the private token is not", want, right, s.given, firstDifference(s.given, right))
}

type mistake struct{ what, text string }

// mistakes lists the strings that clients are known to sign instead of the right one.
func (s *signed) mistakes() []mistake {
	var all []mistake
	target := func(what, target string) { all = append(all, mistake{what, s.stringToSign(target)}) }
	if s.method == http.MethodPost {
		body := string(s.body)
		target("the body is not signed", s.path)
		target("the body is signed without the question mark", s.path+body)
		target("the query of a POST is signed instead of its body", s.path+"?"+s.query)
		target("the query of a POST is signed too", s.path+"?"+s.query+"&"+body)
		target("the query of a POST is signed too", s.path+"?"+s.query+body)
		target("white space around the body is not signed", s.path+"?"+strings.TrimSpace(body))
		if decoded, err := url.QueryUnescape(body); err == nil {
			target("the form is signed decoded", s.path+"?"+decoded)
		}
	} else {
		target("the query is not signed", s.path)
		target("a question mark without a query is signed", s.path+"?")
		target("the query is signed as sent instead of decoded", s.path+"?"+s.query)
		if decoded, err := url.PathUnescape(s.query); err == nil {
			target("a plus sign in the query is not decoded", s.path+"?"+decoded)
		}
		if values, err := url.ParseQuery(s.query); err == nil {
			target("the query is signed in another encoding or order than it is sent", s.path+"?"+values.Encode())
			if sorted, err := url.QueryUnescape(values.Encode()); err == nil {
				target("the query is signed in another order than it is sent", s.path+"?"+sorted)
			}
		}
	}
	if decoded, err := url.PathUnescape(s.path); err == nil {
		for _, accepted := range s.accepted {
			all = append(all, mistake{"the path is signed decoded", decoded + strings.TrimPrefix(accepted, s.path)})
		}
	}
	for _, accepted := range s.accepted {
		all = append(all,
			mistake{"a line feed is signed at the end", accepted + "\n"},
			mistake{"lines are separated by CR LF", strings.ReplaceAll(accepted, "\n", "\r\n")},
			mistake{"the method is signed", s.method + " " + accepted})
		// A path prefix that was left out, one segment at a time.
		for rest := accepted; ; {
			end := strings.IndexAny(rest[1:], "/?\n")
			if end < 0 || rest[1+end] != '/' {
				break
			}
			rest = rest[1+end:]
			all = append(all, mistake{"the beginning of the path is not signed", rest})
		}
	}
	return all
}

// firstDifference names the first byte in which two texts differ.
func firstDifference(got, want string) string {
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	byteAt := func(s string) string {
		if at == len(s) {
			return "the end"
		}
		return fmt.Sprintf("%q", s[at:at+1])
	}
	return fmt.Sprintf("they differ from byte %d on: %s instead of %s", at, byteAt(got), byteAt(want))
}
