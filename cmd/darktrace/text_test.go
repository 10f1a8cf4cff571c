package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestNothingSteersTheTerminal(t *testing.T) {
	t.Parallel()
	evil := "\x1b[2J\x9b31m\u009b1m\u202eevil\a\r\n\U000e0041name"
	event := sample[len(sample)-2]
	for _, terminal := range []bool{true, false} {
		for _, line := range []string{"events", "incidents", "show {event}", "watch -once -since 8d", "watch -once -since 8d -o table", "watch alerts -once -since 8d", "watch alerts -once -since 8d -o table", "alerts", "device 4000"} {
			u := &user{t: t, terminal: terminal, setUp: func(srv *darktracetest.Server) {
				for _, e := range sample {
					for _, field := range []string{"title", "summary", "category", "summariser", "groupCategory"} {
						srv.SetField(e.ID, field, evil)
					}
					alert := e.RelatedBreaches[0]
					srv.SetField(e.ID, "relatedBreaches", []any{map[string]any{"modelName": evil, "pbid": alert.PBID, "threatScore": 50, "timestamp": alert.Timestamp}})
					srv.SetField(e.ID, "breachDevices", []any{map[string]any{"hostname": evil, "identifier": evil, "did": 4000}})
				}
				srv.AddComment(event.ID, evil, evil)
			}}
			require.Zero(t, u.types(append(fields(t, line), "-fake")...), line)
			assert.Contains(t, u.stdout, "evil", line)
			for _, r := range u.stdout {
				require.True(t, r == '\n' || unicode.IsPrint(r), "%s: %q in %q", line, r, u.stdout)
			}
		}
	}
	u := &user{t: t, setUp: func(srv *darktracetest.Server) {
		srv.Inject(darktracetest.Fault{Path: "/aianalyst/incidentevents", Status: http.StatusBadRequest, Body: evil})
	}}
	require.Equal(t, 7, u.types("-fake", "events"))
	for _, r := range strings.TrimSuffix(u.stderr, "\n") {
		require.True(t, unicode.IsPrint(r), "%q", u.stderr)
	}
}

func TestEscapedJSONMeansTheSame(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"plain", "ä – 未払い 🦊", "\x7f\u009b\u202e", "\U000e0041", "\ufeff"} {
		encoded, err := json.Marshal(text)
		require.NoError(t, err)
		safe := printable(encoded)
		var decoded string
		require.NoError(t, json.Unmarshal(safe, &decoded))
		assert.Equal(t, text, decoded)
		assert.False(t, bytes.ContainsFunc(safe, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", safe)
	}
	assert.Equal(t, `"\ufffd31m"`, string(printable([]byte("\"\x9b31m\""))))
}

// TestTablesFitTheTerminal reads tables on narrow terminals: only a last word that
// can't be broken, such as an id or a link, may stand out.
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	setUp := func(srv *darktracetest.Server) {
		for i, title := range []string{strings.Repeat("A very long title ", 40), strings.Repeat("未払い ", 80)} {
			srv.SetField(sample[len(sample)-1-i].ID, "title", title)
		}
	}
	for _, columns := range []int{40, 80} {
		for _, line := range []string{"incidents", "events", "alerts -limit 3", "show {incident}", "show {alert}", "actions", "device {did}", "watch -once", "ping"} {
			u := &user{t: t, terminal: true, columns: columns, setUp: setUp}
			require.Zero(t, u.types(append(fields(t, line), "-fake")...), u.stderr)
			for text := range strings.Lines(u.stdout) {
				text = strings.TrimRight(text, "\n")
				assert.Equal(t, strings.TrimRight(text, " "), text, "blanks at the end")
				assert.LessOrEqual(t, width(text[:strings.LastIndex(text, " ")+1]), columns, "%s: %q", line, text)
			}
		}
	}
	u := &user{t: t, terminal: true, columns: 200}
	require.Zero(t, u.types("-fake", "incidents"))
	assert.Equal(t, 1+strings.Count(u.stdout, " g"), strings.Count(u.stdout, "\n"), "one line for each")
}

func TestAnErrorIsToldOnce(t *testing.T) {
	t.Parallel()
	full := errors.New("darktrace: no space")
	assert.Equal(t, "no space; other", oneLine(errors.Join(full, full, errors.New("other"))))
}

func TestTextsAreMeasuredInCells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "abc": 3, "ä": 1, "a\u0308": 1, "未払い": 6, "🦊": 2, "ｱ": 1} {
		assert.Equal(t, want, width(text), text)
		assert.Equal(t, 10, width(pad(text, 10)), text)
	}
	assert.Equal(t, "未払い", short("未払い", 6))
	assert.Equal(t, "未払…", short("未払いです", 6))
	assert.Equal(t, "abcde…", short("abcdefgh", 6))
	assert.Equal(t, "a"+strings.Repeat("\u0301", 4)+"b", line("a"+strings.Repeat("\u0301", 99)+"b"), "marks that would cover other lines")
	assert.Equal(t, []string{"未払い  x", "a       y"}, align([][]string{{"未払い", "x"}, {"a", "y"}}, 0))
	assert.Equal(t, []string{"one  two", "  three  four", "1    2", "  3      4"}, align([][]string{{"one", "two", "three", "four"}, {"1", "2", "3", "4"}}, 14))
	assert.Equal(t, []string{"tls  ok  a certificate by", "         somebody"}, align([][]string{{"tls", "ok", "a certificate by somebody"}}, 30))
}
