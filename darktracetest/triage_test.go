package darktracetest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

const triageEvent = `"createdAt":1740000600000,"category":"critical",
	"breachDevices":[{"identifier":"ws-17","hostname":"ws-17.example.com","ip":"192.0.2.18","mac":null,"did":1017,"sid":12}],
	"relatedBreaches":[{"modelName":"Compromise / Beacon","pbid":7001,"threatScore":81,"timestamp":1740000000000}],
	"details":[[{"header":"Hosts","contents":[{"key":"Endpoint","type":"externalHost","values":[{"hostname":"new.example.net","ip":null}]}]}]]`

func triageWire(t *testing.T, opts ...darktracetest.Option) *wire {
	t.Helper()
	w := newWire(t, opts...)
	w.add("beacon", triageEvent)
	return w
}

func TestWhatAnEventNamesCanBeRead(t *testing.T) {
	t.Parallel()
	w := triageWire(t)
	for request, want := range map[[2]string]string{
		{"/modelbreaches/7001", ""}:                                                `"name":"Compromise::Beacon"`,
		{"/modelbreaches", "pbid=7001&includeacknowledged=true"}:                   `"acknowledged":false`,
		{"/modelbreaches", "pbid=7001&responsedata=pbid"}:                          `{"pbid":7001}`,
		{"/modelbreaches", "minscore=0.99&did=1017"}:                               `[]`,
		{"/devices", "did=1017"}:                                                   `"endtime":1740000600000`,
		{"/devices", "did=404"}:                                                    `[]`,
		{"/devicesearch", "query=hostname:%22WS-17*%22&count=1"}:                   `"totalCount":2`,
		{"/devicesearch", "query=tag:%22nothing%22"}:                               `"totalCount":0`,
		{"/devicesearch", "order=desc&orderBy=hostname&offset=999999"}:             `"devices":[]`,
		{"/devicesummary", "did=1017"}:                                             `"modelbreaches":[{`,
		{"/devicesummary", "did=404"}:                                              `"similardevices":{}`,
		{"/details", "pbid=7001"}:                                                  `"eventType":"policybreach"`,
		{"/details", "pbid=1"}:                                                     `[]`,
		{"/details", "did=1017&eventtype=modelbreach"}:                             `"pbid":7001`,
		{"/details", "did=101&eventtype=unusualconnection"}:                        `"info":"A new connection"`,
		{"/details", "msg=Compromise%20/%20Beacon%20to%20Example%20Host"}:          `"type":"DT::ModelBreach"`,
		{"/details", "blockedconnections=all&count=1"}:                             `"antigenablocked":"true"`,
		{"/endpointdetails", "hostname=new.example.net"}:                           `"firsttime":1740000600000`,
		{"/endpointdetails", "ip=203.0.113.5"}:                                     `{"ip":"203.0.113.5"}`,
		{"/antigena", "pbid=7001"}:                                                 `[]`, // It expired long ago.
		{"/antigena", "pbid=7001&starttime=1740000000000&includeconnections=true"}: `"connections":[]`,
		{"/antigena", "needconfirming=true&did=1017"}:                              `[]`,
		{"/antigena/summary", "starttime=1700000000000&endtime=1750000000000"}:     `"pendingCount":0`,
		{"/tags/entities", "did=404"}:                                              `[]`,
	} {
		r := w.get(request[0], request[1])
		require.Equal(t, http.StatusOK, r.status, "%v: %s", request, r.body)
		assert.Contains(t, r.body, want, request)
	}
	assert.NotContains(t, w.get("/modelbreaches", "pbid=7001").body, "acknowledged", "it was not requested")
	assert.Equal(t, http.StatusNotFound, w.get("/modelbreaches/1", "").status)
	assert.Equal(t, http.StatusNotFound, w.get("/tags/entities", "tag=nothing").status)
}

func TestTriageArgumentsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	w := triageWire(t)
	action := `{"codeid":4764,"reason":"why"`
	for name, r := range map[string]reply{
		"two selectors":      w.get("/details", "did=1&pbid=2"),
		"no selector":        w.get("/details", ""),
		"unknown event type": w.get("/details", "did=1&eventtype=all"),
		"no endpoint":        w.get("/endpointdetails", ""),
		"no device":          w.get("/devicesummary", ""),
		"unquoted query":     w.get("/devicesearch", "query=label:admin"),
		"unknown field":      w.get("/devicesearch", "query=colour:%22red%22"),
		"both or neither":    w.get("/tags/entities", ""),
		"no flag":            w.form("/modelbreaches/7001/acknowledge", "acknowledge=false"),
		"no message":         w.json("/modelbreaches/7001/comments", `{"message":""}`),
		"no codeid":          w.json("/antigena", `{"clear":true,"reason":"why"}`),
		"no reason":          w.json("/antigena", `{"codeid":4764,"clear":true}`),
		"both at once":       w.json("/antigena", action+`,"clear":true,"activate":true}`),
		"no duration":        w.json("/antigena", action+`,"activate":true}`),
		"odd duration":       w.json("/antigena", action+`,"activate":true,"duration":-1}`),
		"expired":            w.json("/antigena", action+`,"duration":60}`),
		"unknown tag":        w.form("/tags/entities", "did=1017&tag=nothing"),
		"untag nothing":      w.delete("/tags/entities", "did=404&tag=Admin"),
	} {
		assert.Equal(t, http.StatusBadRequest, r.status, "%s: %s", name, r.body)
	}
	for name, r := range map[string]reply{
		"acknowledge": w.form("/modelbreaches/1/acknowledge", "acknowledge=true"),
		"comment":     w.json("/modelbreaches/1/comments", `{"message":"x"}`),
		"action":      w.json("/antigena", `{"codeid":1,"clear":true,"reason":"why"}`),
	} {
		assert.Equal(t, http.StatusNotFound, r.status, name)
	}
}

// The versions respond differently to a comment, and a Unified View to an acknowledgement.
func TestResponsesToTriageWrites(t *testing.T) {
	t.Parallel()
	w := triageWire(t)
	assert.Contains(t, w.json("/modelbreaches/7001/comments", `{"message":"seen"}`).body, `[{"message":"seen","username":"api.user"`)
	assert.Contains(t, w.json("/modelbreaches/7001/acknowledge", `{"acknowledge":true}`).body, `SUCCESS`)
	assert.Equal(t, `{"tid":31}`, w.form("/tags/entities", "did=1017&tag=Active+Threat").body)
	assert.Contains(t, w.get("/tags/entities", "tag=Active%20Threat").body, `"entityValue":"1017"`)
	assert.Contains(t, w.delete("/tags/entities", "did=1017&tag=Active%20Threat").body, `SUCCESS`)

	old := triageWire(t, darktracetest.WithProfile(darktracetest.V60))
	assert.Contains(t, old.json("/modelbreaches/7001/comments", `{"message":"seen"}`).body, `{"response":"SUCCESS"}`)
	assert.NotContains(t, old.get("/modelbreaches/7001", "").body, "percentscore")
	view := triageWire(t, darktracetest.WithUnifiedView(1, 2))
	assert.Contains(t, view.form("/modelbreaches/7001/acknowledge", "acknowledge=true").body, `"replicate":true`)
}
