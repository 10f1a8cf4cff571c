package redact_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace/internal/redact"
)

// each escapes every character of a text separately.
func each(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text[1 : len(text)-1])
}

func replaced(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }

var escapes = map[string]func(string) string{
	"nothing":                 func(s string) string { return s },
	"a query":                 url.QueryEscape,
	"a path":                  url.PathEscape,
	"a query, lower case":     func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"all, percent":            each("%%%02x"),
	"all, decimal":            each("&#%d;"),
	"all, no semicolons":      each("&#%05d"),
	"all, hexadecimal":        each("&#x%x;"),
	"all, long":               each("&#X%04X;"),
	"all, JSON":               each(`\u%04x`),
	"all, JSON in upper case": each(`\u%04X`),
	"all, Go":                 each(`\x%02x`),
	"HTML":                    html.EscapeString,
	"JSON":                    quoted,
	"JSON of PHP":             func(s string) string { return strings.ReplaceAll(quoted(s), "/", `\/`) },
	"quoted by Go":            func(s string) string { q := strconv.Quote(s); return q[1 : len(q)-1] },
	"names":                   replaced("&", "&amp;", "+", "&plus;", "/", "&sol;", "=", "&equals;", `"`, "&quot;", "_", "&lowbar;"),
	"some":                    replaced("+", "%2b", "/", `\/`, "=", "&#61;"),
	"upper case":              strings.ToUpper,
}

func TestASecretIsBlankedHoweverItIsEscaped(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{`canary+a/b==`, `canary"<&>'\c_%2B~`, "Basic canary+/=", `%41&amp;\u0041`} {
		for name, first := range escapes {
			for again, second := range escapes {
				echo := second(first(secret))
				if !strings.HasPrefix(again, "all") {
					for n := range 10 { // The echo may be cut anywhere but at its beginning.
						cut := "refused: " + echo[:len(echo)-min(n, len(echo)/4)]
						assert.Equal(t, "refused: "+redact.Mark, redact.Blank(cut, secret), "%s in %s: %s", name, again, cut)
					}
				}
				assert.Equal(t, "the "+redact.Mark+" was refused, the "+redact.Mark, redact.Blank("the "+echo+" was refused, the "+echo, secret), "%s in %s: %s", name, again, echo)
			}
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "%", "&", `\`, "100% &c. \\", "canar", "canary-other+text", "a+b", "canary+a/", "%zz&#;&#xg;&nothing;\\u00"} {
		assert.Equal(t, s+" ", redact.Blank(s+" ", `canary+a/b==`))
	}
	assert.Equal(t, "short words", redact.Blank("short words", "short"))
}

func TestUserInfoIsBlanked(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		`proxy "http://user:pass@proxy:3128": refused`:      `proxy "http://[redacted]@proxy:3128": refused`,
		"https://a:b@c@host/x, http://u@h":                  "https://[redacted]@host/x, http://[redacted]@h",
		"http://user:pa/ss@proxy":                           "http://[redacted]@proxy",
		"https://host/devicesearch?query=someone@a.example": "https://host/devicesearch?query=someone@a.example",
		"https://host:8443/a@b":                             "https://host:8443/a@b",
		"someone@a.example ://":                             "someone@a.example ://",
	} {
		assert.Equal(t, want, redact.UserInfo(s))
	}
}
