package darktracetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

// explain says how an invalid signature was made or, if it can't tell, what should
// have been signed.
func (s *signed) explain() string {
	want := s.accepted[0]
	for _, m := range s.mistakes() {
		if text := m.text; !slices.Contains(s.accepted, text) && hexHMAC(s.private, text) == s.given {
			return fmt.Sprintf("%s: signed was %q, expected is %q; %s", m.what, text, want, firstDifference(text, want))
		}
	}
	for _, k := range s.wrongKeys() {
		for _, text := range s.accepted {
			if hexHMAC(k.text, text) == s.given {
				return fmt.Sprintf("%s, which is not the key; the string to sign is right: %q", k.what, text)
			}
		}
	}
	right := hexHMAC(s.private, want)
	switch {
	case strings.EqualFold(s.given, right):
		return "the signature is right but for its case: it must be lower-case hex"
	case len(s.given) != len(right):
		return fmt.Sprintf("the signature has %d characters, HMAC-SHA1 in hex has %d; the string to sign is %q",
			len(s.given), len(right), want)
	case agreeing(s.given, right) > len(right)/2:
		return fmt.Sprintf("the signature of %q is %s, the request has %s; %s", want, right, s.given, firstDifference(s.given, right))
	}
	return fmt.Sprintf("no known mistake explains the signature; the string to sign is %q. "+
		"If that is what was signed, the private token is wrong", want)
}

// agreeing counts the equal bytes of two texts of the same length: many if a
// signature was damaged, few if it is the signature of something else.
func agreeing(a, b string) int {
	n := 0
	for i := range len(a) {
		if a[i] == b[i] {
			n++
		}
	}
	return n
}

type mistake struct{ what, text string }

// wrongKeys lists texts that clients are known to use as the key in place of the
// private token.
func (s *signed) wrongKeys() []mistake {
	keys := []mistake{{"the public token is used as the key", s.token}}
	if decoded, err := hex.DecodeString(s.private); err == nil {
		keys = append(keys, mistake{"the private token is decoded from hex", string(decoded)})
	}
	for _, key := range s.otherKeys {
		keys = append(keys, mistake{"the private token of another pair is used as the key", key})
	}
	return keys
}

// mistakes lists the strings that clients are known to sign in place of the right
// one.
func (s *signed) mistakes() []mistake {
	all := s.queryMistakes()
	if s.method == http.MethodPost {
		all = s.bodyMistakes()
	}
	for i := range all {
		all[i].text = s.stringToSign(s.path + all[i].text)
	}
	for _, accepted := range s.accepted {
		all = append(all, s.layoutMistakes(accepted)...)
	}
	return all
}

// queryMistakes lists the known mistakes in a request without a body, as what
// follows the path.
func (s *signed) queryMistakes() []mistake {
	all := []mistake{
		{"the query is not signed", ""},
		{"a question mark without a query is signed", "?"},
		{"the query is signed as sent instead of decoded", "?" + s.query},
	}
	if decoded, err := url.PathUnescape(s.query); err == nil {
		all = append(all, mistake{"a plus sign in the query is not decoded", "?" + decoded})
	}
	return append(all, reordered("query", s.query, unescaped, asSent, escaped, escapedWithPercent)...)
}

// bodyMistakes does the same for a POST.
func (s *signed) bodyMistakes() []mistake {
	if len(s.body) == 0 {
		return []mistake{
			{"a question mark without a body is signed", "?"},
			{"the query of a POST is signed", "?" + s.query},
		}
	}
	body := string(s.body)
	all := []mistake{
		{"the body is not signed", ""},
		{"the body is signed without the question mark", body},
		{"the query of a POST is signed instead of its body", "?" + s.query},
		{"the query of a POST is signed too", "?" + s.query + "&" + body},
		{"the query of a POST is signed too", "?" + s.query + body},
		{"white space around the body is not signed", "?" + strings.TrimSpace(body)},
		{"a line feed is signed after the body that is not sent", "?" + body + "\n"},
	}
	if json.Valid(s.body) {
		for _, text := range respelt(s.body) {
			all = append(all, mistake{"the JSON is signed with other white space or escapes than it is sent", "?" + text})
		}
		return all
	}
	if decoded, err := url.QueryUnescape(body); err == nil {
		all = append(all, mistake{"the form is signed decoded", "?" + decoded})
	}
	return append(all, reordered("form", body, asSent, unescaped, escaped, escapedWithPercent)...)
}

// layoutMistakes lists the known mistakes around a correct target.
func (s *signed) layoutMistakes(accepted string) []mistake {
	target, _, _ := strings.Cut(accepted, "\n"+s.token+"\n")
	all := []mistake{
		{"a line feed is signed at the end", accepted + "\n"},
		{"lines are separated by CR LF", strings.ReplaceAll(accepted, "\n", "\r\n")},
		{"lines are separated by a backslash and an n", strings.ReplaceAll(accepted, "\n", `\n`)},
		{"token and date are swapped", target + "\n" + s.date + "\n" + s.token},
		{"the method is signed", s.method + " " + accepted},
		{"the path prefix is signed, which a proxy removes", s.stripped + accepted},
		{"the whole URL is signed", s.origin + s.stripped + accepted},
	}
	if decoded, err := url.PathUnescape(s.path); err == nil {
		all = append(all, mistake{"the path is signed decoded", decoded + strings.TrimPrefix(accepted, s.path)})
	}
	// A path prefix that was left out, one segment at a time.
	for rest := accepted; ; {
		end := strings.IndexAny(rest[1:], "/?\n")
		if end < 0 || rest[1+end] != '/' {
			return all
		}
		rest = rest[1+end:]
		all = append(all, mistake{"the beginning of the path is not signed", rest})
	}
}

// reordered lists the orders and encodings of up to five parameters; the first
// encoding is the right one.
func reordered(what, parameters string, encodings ...func(string) string) []mistake {
	pieces := strings.Split(parameters, "&")
	if parameters == "" || len(pieces) > 5 {
		return nil
	}
	var all []mistake
	for i, encode := range encodings {
		spelt := make([]string, len(pieces))
		for k, piece := range pieces {
			spelt[k] = encode(piece)
		}
		for _, order := range permutations(spelt) {
			note := "another order"
			switch {
			case slices.Equal(order, spelt):
				note = "another encoding"
			case i > 0:
				note = "another order and encoding"
			}
			all = append(all, mistake{"the " + what + " is signed in " + note + " than it should be", "?" + strings.Join(order, "&")})
		}
	}
	return all
}

func asSent(parameter string) string { return parameter }

func unescaped(parameter string) string {
	text, _ := url.QueryUnescape(parameter)
	return text
}

func escaped(parameter string) string {
	name, value, _ := strings.Cut(parameter, "=")
	return url.QueryEscape(unescaped(name)) + "=" + url.QueryEscape(unescaped(value))
}

func escapedWithPercent(parameter string) string {
	return strings.ReplaceAll(escaped(parameter), "+", "%20")
}

// permutations returns every order, the given one first.
func permutations(pieces []string) [][]string {
	if len(pieces) < 2 {
		return [][]string{pieces}
	}
	var all [][]string
	for i, first := range pieces {
		for _, rest := range permutations(slices.Concat(pieces[:i], pieces[i+1:])) {
			all = append(all, append([]string{first}, rest...))
		}
	}
	return all
}

// respelt writes JSON as different libraries do: with and without spaces, with the
// strings unchanged, in UTF-8, in ASCII, and safe within HTML.
func respelt(data []byte) []string {
	var compact bytes.Buffer
	_ = json.Compact(&compact, data)
	asIs := func(literal string) string { return literal }
	var all []string
	for _, respell := range []func(literal string) string{asIs, inUTF8, inASCII, inHTML} {
		for _, space := range []string{"", " "} {
			all = append(all, rewrite(compact.String(), respell, space))
		}
	}
	return all
}

// rewrite respells the strings of compact JSON and puts space behind its colons
// and commas.
func rewrite(compact string, respell func(literal string) string, space string) string {
	var b strings.Builder
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; c {
		case '"':
			end := i + 1
			for ; compact[end] != '"'; end++ {
				if compact[end] == '\\' {
					end++
				}
			}
			b.WriteString(respell(compact[i : end+1]))
			i = end
		case ':', ',':
			b.WriteByte(c)
			b.WriteString(space)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// inUTF8 writes a JSON string with the fewest escapes.
func inUTF8(literal string) string {
	var text string
	_ = json.Unmarshal([]byte(literal), &text)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text)
	return strings.TrimSuffix(b.String(), "\n")
}

func inASCII(literal string) string {
	var b strings.Builder
	for _, r := range inUTF8(literal) {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func inHTML(literal string) string {
	var text string
	_ = json.Unmarshal([]byte(literal), &text)
	return string(mustJSON(text))
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
