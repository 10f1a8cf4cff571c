// Package redact removes secrets from text that a peer wrote. The peer may have
// escaped them for a URL, for HTML or for JSON.
package redact

import (
	"slices"
	"strings"
)

// Mark replaces a secret.
const Mark = "[redacted]"

// Shortest is how long a secret must be: a shorter one could be a word.
const Shortest = 6

const (
	// telling is how many of a secret's first characters are enough to be blanked.
	telling = 32
	// layers is how many times a text may have been escaped.
	layers = 3
	// longest is greater than the length of any escape.
	longest = len("&#x0000002B;") + 1
)

// Blank removes secrets from s, in any case and with any of their characters escaped.
// If s ends inside a secret, it removes the part that is there. It leaves secrets that
// are too short.
func Blank(s string, secrets ...string) string {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(secret string) bool { return len(secret) < Shortest })
	begins := escapes + "+ "
	for _, secret := range secrets {
		begins += string([]byte{lower(secret[0]), upper(secret[0])})
	}
	v := newView(s)
	var found []span
	after := make([]int, len(secrets)) // where each was found last
	for at := range len(s) {
		if strings.IndexByte(begins, s[at]) < 0 {
			continue
		}
		for i, secret := range secrets {
			if at < after[i] {
				continue
			}
			if end, ok := v.find(secret, at); ok {
				found = append(found, span{at, end})
				after[i] = end
			}
		}
	}
	return blank(s, found)
}

// UserInfo removes the user and the password from the URLs in s.
func UserInfo(s string) string {
	var found []span
	for at := 0; ; {
		_, rest, ok := strings.Cut(s[at:], "://")
		if !ok {
			return blank(s, found)
		}
		at = len(s) - len(rest)
		if end := strings.IndexFunc(rest, func(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'`<>\\", r) }); end >= 0 {
			rest = rest[:end]
		}
		authority := rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			authority = rest[:end]
		}
		if _, port, ok := strings.Cut(authority, ":"); ok && strings.Trim(port, "0123456789") != "" {
			authority = rest // The text that looks like a port is the beginning of a password.
		}
		if end := strings.LastIndexByte(authority, '@'); end >= 0 {
			found = append(found, span{at, at + end})
		}
	}
}

// span is a part of a text.
type span struct{ from, to int }

// blank replaces the parts that were found, in order. They may overlap.
func blank(s string, found []span) string {
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	done := 0
	for _, f := range found {
		if f.from >= done {
			b.WriteString(s[done:f.from])
			b.WriteString(Mark)
		}
		done = max(done, f.to)
	}
	return b.String() + s[done:]
}

// view is a text, with its unescaped characters from each byte on.
type view struct {
	text       string
	without    [][]char // by the number of layers, less one; nil if there are no escapes
	ends, next []int    // where what was matched so far may end, and with one more character
}

// char is a character without its escapes.
type char struct {
	c    byte
	cut  bool // the text ends inside the escape, or may
	next int  // where the next one begins
}

func newView(text string) *view {
	v := &view{text: text}
	if !strings.ContainsAny(text, escapes) {
		return v
	}
	for range layers {
		under := make([]char, len(text))
		for at := range under {
			under[at] = v.unescape(at)
		}
		v.without = append(v.without, under)
	}
	return v
}

const escapes = `%&\`

// at returns the character at a place, with the given layers of escapes undone.
func (v *view) at(place, layers int) char {
	if layers == 0 {
		return char{v.text[place], false, place + 1}
	}
	return v.without[layers-1][place]
}

// unescape returns the character at a place with one more layer undone.
func (v *view) unescape(place int) char {
	first := v.at(place, len(v.without))
	if first.cut || strings.IndexByte(escapes, first.c) < 0 {
		return first
	}
	var buffer [longest]byte
	var ends [longest + 1]int
	read, end := buffer[:0], place
	ends[0] = place
	for len(read) < longest && end < len(v.text) {
		next := v.at(end, len(v.without))
		if next.cut {
			end = len(v.text)
			break
		}
		read, end = append(read, next.c), next.next
		ends[len(read)] = end
	}
	c, n := unescape(string(read))
	switch ended := end == len(v.text) && len(read) < longest; {
	case n == 0 && ended, n == len(read) && ended && read[n-1] != ';' && strings.HasPrefix(string(read), "&#"):
		return char{0, true, len(v.text)}
	case n == 0:
		return first
	}
	return char{c, false, ends[n]}
}

// find reports whether a secret is at a place, and where it ends.
func (v *view) find(secret string, place int) (end int, ok bool) {
	v.ends = append(v.ends[:0], place)
	for k := range len(secret) {
		v.next = v.next[:0]
		for _, end := range v.ends {
			v.match(end, secret[k], k >= Shortest)
		}
		if len(v.next) == 0 {
			if k < telling {
				return 0, false
			}
			break
		}
		v.ends, v.next = v.next, v.ends
	}
	return slices.Max(v.ends), true
}

// match adds the places after c at a place, in any number of layers, or the text's end
// if that cuts it and may.
func (v *view) match(place int, c byte, cut bool) {
	if place == len(v.text) {
		if cut {
			v.next = append(v.next, place)
		}
		return
	}
	for n := range len(v.without) + 1 {
		char := v.at(place, n)
		same := !char.cut && (lower(char.c) == lower(c) || c == ' ' && char.c == '+' || c == '+' && char.c == ' ')
		if (same || cut && char.cut) && !slices.Contains(v.next, char.next) {
			v.next = append(v.next, char.next)
		}
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// unescape reads the escape that a text begins with: its character, in ASCII, and
// its length; 0 if there is none.
func unescape(text string) (c byte, length int) {
	switch begins := func(prefix string) bool {
		return len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
	}; {
	case begins("%"):
		return hex(text, 1, 2)
	case begins(`\u`):
		return hex(text, 2, 4)
	case begins(`\x`):
		return hex(text, 2, 2)
	case begins(`\`) && strings.IndexByte(`\/"'`, text[1]) >= 0:
		return text[1], 2
	case begins("&#x"):
		return numbered(text, 3, 16)
	case begins("&#"):
		return numbered(text, 2, 10)
	case begins("&"):
		if name, _, ok := strings.Cut(text[1:min(len(text), 10)], ";"); ok {
			if i := slices.IndexFunc(names, func(known string) bool { return strings.EqualFold(known, name) }); i >= 0 {
				return marks[i], len(name) + 2
			}
		}
	}
	return 0, 0
}

// names are HTML's names of punctuation marks.
var names = strings.Fields("amp quot apos lt gt plus sol equals lowbar colon semi comma period excl num dollar percnt ast lpar rpar quest commat lsqb lbrack bsol rsqb rbrack hat grave lcub lbrace verbar vert rcub rbrace")

const marks = "&\"'<>+/=_:;,.!#$%*()?@[[\\]]^`{{||}}"

func hex(text string, begin, digits int) (c byte, length int) {
	if len(text) < begin+digits {
		return 0, 0
	}
	n, ok := number(text[begin:begin+digits], 16)
	if !ok {
		return 0, 0
	}
	return n, begin + digits
}

// numbered reads a reference by number, whose semicolon may be left out.
func numbered(text string, begin int, base int) (c byte, length int) {
	end := begin
	for end < len(text) && digit(text[end]) < base {
		end++
	}
	n, ok := number(text[begin:end], base)
	if !ok {
		return 0, 0
	}
	if end < len(text) && text[end] == ';' {
		end++
	}
	return n, end
}

// number reads a number that is a character in ASCII.
func number(digits string, base int) (c byte, ok bool) {
	n := 0
	for i := range len(digits) {
		d := digit(digits[i])
		if n = n*base + d; d >= base || n > 0x7f {
			return 0, false
		}
	}
	return byte(n), digits != ""
}

func digit(c byte) int {
	switch c = lower(c); {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return 16
}
