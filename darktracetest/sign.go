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
	method, path, query string // as transmitted, but for a prefix that was stripped
	body                []byte
	token, date, given  string
	origin              string   // scheme and host
	stripped            string   // the prefix that the appliance does not see
	private             string   // of the pair that token belongs to
	otherKeys           []string // the private tokens of the other pairs
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
