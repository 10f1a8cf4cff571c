package darktracetest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace/darktracetest"
)

// The requests of shipped clients, as they sign and send them.
func TestShippedClientsGetThrough(t *testing.T) {
	t.Parallel()
	const (
		isoMicros = "2006-01-02T15:04:05.000000-07:00" // Python's isoformat of an aware time
		isoNaive  = "2006-01-02T15:04:05"
		compact   = "20060102T150405"
	)
	// How the query is written, and what of it is signed.
	decoded := func(values url.Values) (sent, signed string) {
		sent = values.Encode()
		signed, _ = url.QueryUnescape(sent)
		return sent, signed
	}
	asSent := func(values url.Values) (sent, signed string) {
		sent = strings.ReplaceAll(values.Encode(), "+", "%20")
		return sent, sent
	}
	type encoding func(url.Values) (sent, signed string)
	for name, client := range map[string]struct {
		layout   string
		encoding encoding
		body     string // of a comment or an acknowledgement
	}{
		"XSOAR":                 {isoMicros, decoded, `{"incident_id": "a", "message": "x y"}`},
		"Splunk":                {isoMicros, decoded, `uuid=a`},
		"Chronicle":             {isoNaive, asSent, `uuid=a`},
		"SEKOIA":                {compact, decoded, ``},
		"IBM":                   {compact, decoded, `uuid=a`},
		"usp-adapters":          {compact, decoded, ``},
		"elastic":               {compact, decoded, ``},
		"rfizzle":               {time.RFC3339, decoded, ``},
		"LegendEvent":           {time.DateTime, decoded, `uuid=a%2Cb`},
		"nuoframework decoded":  {time.DateTime, decoded, `{"incident_id":"a","message":"ü"}`},
		"nuoframework encoding": {time.DateTime, asSent, `{"incident_id":"a","message":"ü"}`},
	} {
		w := newWire(t, darktracetest.WithTB(t))
		w.add("a", `"title":""`)
		w.add("b", `"title":""`)
		w.layout = client.layout
		date := w.srv.Now().UTC().Format(client.layout)
		for path, values := range map[string]url.Values{
			eventsPath:           {"includeacknowledged": {"true"}, "groupid": {"ga,gb"}, "responsedata": {"a b"}, "starttime": {"1700000000000"}},
			groupsPath:           {"uuid": {"a"}, "includegroupurl": {"true"}},
			"/status":            nil,
			"/summarystatistics": {"responsedata": {"subnets"}},
			"/tags":              {"tag": {"Active Threat"}},
		} {
			query, signed := client.encoding(values)
			target := path
			if signed != "" {
				target += "?" + signed
			}
			r := w.send(message{path: path, query: query, target: target, date: date})
			assert.Equal(t, http.StatusOK, r.status, "%s: %s", name, w.last())
		}
		var r reply
		switch {
		case client.body == "":
			continue
		case client.body[0] == '{':
			r = w.json(commentsPath, client.body)
		default:
			r = w.form("/aianalyst/acknowledge", client.body)
		}
		assert.Equal(t, http.StatusOK, r.status, "%s: %s", name, w.last())
		assert.JSONEq(t, `{"aianalyst":"SUCCESS"}`, r.body, name)
	}
}
