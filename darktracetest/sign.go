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

// signed holds the authentication headers of a request and the values to check them
// with.
type signed struct {
	method, path, query string // as transmitted, without a prefix that was stripped
	body                []byte
	token, date, given  string
	origin              string   // scheme and host
	stripped            string   // the prefix that the appliance does not see
	private             string   // the private token of the same pair
	otherKeys           []string // the private tokens of the other pairs
	accepted            []string // the strings to sign that the appliance accepts, the documented one first
}

// targets lists the targets to sign that the appliance accepts. For a POST the body
// is signed and not the query.
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

// dateLayouts are the layouts of DTAPI-Date: the documented ones, and the forms of
// ISO 8601 that Darktrace's own integrations send.
func (cfg *config) dateLayouts() []string {
	if cfg.spacedDates {
		return []string{time.DateTime}
	}
	return []string{
		time.DateTime, "20060102T150405", "2006-01-02T15:04:05", time.RFC3339,
		"Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05", time.ANSIC,
	}
}

// parseDate reads DTAPI-Date in one of the layouts that the appliance accepts.
func (cfg *config) parseDate(date string) (time.Time, error) {
	for _, layout := range cfg.dateLayouts() {
		at, err := time.Parse(layout, date)
		// time.Parse accepts more than the layout: fractions of a second, and hours of
		// one digit. Only ISO 8601 may have fractions.
		iso := strings.HasPrefix(layout, "2006-01-02T")
		if err == nil && (iso || at.Format(layout) == date) {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is in no layout that this appliance takes: %q", headerDate, date, cfg.dateLayouts())
}

// checkDate returns an error that says what is wrong with the date.
func (cfg *config) checkDate(date string, now time.Time) error {
	at, err := cfg.parseDate(date)
	if err != nil {
		return err
	}
	if off := at.Sub(now); off.Abs() > dateWindow {
		return fmt.Errorf("%s is %s off the appliance's clock, which shows %s",
			headerDate, off.Round(time.Second), now.UTC().Format(time.DateTime))
	}
	return nil
}
