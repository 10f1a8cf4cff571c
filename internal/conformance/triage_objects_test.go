package conformance_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestLogicOfComponents(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"left":"A"}`: "A",
		`{"left":"A","operator":"AND","right":{}}`: "A",
		`{"right":"B"}`:     "B",
		`{"Left":"A"}`:      "A",
		`{}`:                "",
		`{"left":null}`:     "",
		`{"operator":null}`: "",
		`"A"`:               "A",
		`{"left":"A","left":null,"right":{"x":[1],"left":"B","operator":"OR","right":"C"}}`:                                                                          "B OR C",
		`{"left":"A","operator":"AND","right":"AA"}`:                                                                                                                 "A AND AA",
		`{"left":"A","operator":"OR","right":{"left":"B","operator":"OR","right":"C"}}`:                                                                              "A OR B OR C",
		`{"left":{"left":"A","operator":"AND","right":{"left":"C","operator":"AND","right":"D"}},"operator":"OR","right":{"left":"B","operator":"AND","right":"C"}}`: "(A AND C AND D) OR (B AND C)",
	} {
		e, err := darktrace.ComponentLogic{Data: darktrace.RawJSON(data)}.Expression()
		require.NoError(t, err, data)
		assert.Equal(t, want, e.String(), data)
	}
	none, err := darktrace.ComponentLogic{}.Expression()
	require.NoError(t, err)
	assert.Empty(t, none.String())
	for _, data := range []darktrace.RawJSON{`{"left":[1]}`, `7`, `{"left":"A","operator":[],"right":"B"}`, `{"right":{"right":false}}`} {
		_, err = darktrace.ComponentLogic{Data: data}.Expression()
		require.EqualError(t, err, "darktrace: logic of a component: an expression is a letter or an object", data)
	}
	_, err = darktrace.ComponentLogic{Data: `{"left":`}.Expression()
	require.ErrorContains(t, err, "unexpected end of JSON input")
}

func TestTheCategoryThatCounts(t *testing.T) {
	t.Parallel()
	for want, models := range map[darktrace.Category][]darktrace.Model{
		darktrace.CategoryCompliance:    {{Compliance: true, Category: "Critical"}},
		darktrace.CategoryCritical:      {{Category: "Critical"}, {Priority: 5}},
		darktrace.CategorySuspicious:    {{Category: "Suspicious", Priority: 5}, {Priority: 4}},
		darktrace.CategoryInformational: {{Category: "Informational"}, {Priority: 3}, {}},
	} {
		for _, m := range models {
			assert.Equal(t, want, m.EffectiveCategory())
		}
	}
}

func TestEntriesOfTheEventLog(t *testing.T) {
	t.Parallel()
	for body, holds := range map[string]func(darktrace.LogEntry) bool{
		`{"timems":7,"eventType":"connection","uid":"Cx1"}`:                           func(e darktrace.LogEntry) bool { return e.Connection.UID == "Cx1" },
		`{"timems":7,"eventType":"notice","detail":{"a":[1]}}`:                        func(e darktrace.LogEntry) bool { return e.Notice.Detail == `{"a":[1]}` },
		`{"timems":7,"action":"policybreach","pbid":9}`:                               func(e darktrace.LogEntry) bool { return e.PolicyBreach.PBID == 9 },
		`{"timems":7,"eventType":"unusualconnection","action":"connection","port":1}`: func(e darktrace.LogEntry) bool { return e.Connection.Port == 1 },
		`{"timems":7,"eventType":"deviceHistory","device":{"did":-1}}`:                func(e darktrace.LogEntry) bool { return e.DeviceHistory.Device.DID == -1 },
	} {
		var e darktrace.LogEntry
		require.NoError(t, json.Unmarshal([]byte(body), &e))
		assert.True(t, holds(e), body)
		assert.EqualValues(t, 7, e.Time())
		encoded, err := json.Marshal(e)
		require.NoError(t, err)
		assert.JSONEq(t, body, string(encoded))
	}
	for _, body := range []string{`{"eventType":"oracle","x":1}`, `{"action":7}`, `{}`} {
		var e darktrace.LogEntry
		require.NoError(t, json.Unmarshal([]byte(body), &e))
		assert.JSONEq(t, body, string(e.Other))
		assert.Zero(t, e.Time())
		encoded, err := json.Marshal(e)
		require.NoError(t, err)
		assert.JSONEq(t, body, string(encoded))
	}
	require.Error(t, json.Unmarshal([]byte(`"others"`), new(darktrace.LogEntry)))

	const common = `"source":"a","destination":"b","sourceDevice":{"did":1},"destinationDevice":{"ip":"192.0.2.1"},"proxy":"c","proxyPort":3128,"proxyDevice":{"ip":"192.0.2.2"},"antigena-email":true`
	var alert, change darktrace.LogEntry
	require.NoError(t, json.Unmarshal([]byte(`{"eventType":"policybreach",`+common+`}`), &alert))
	require.NoError(t, json.Unmarshal([]byte(`{"eventType":"deviceHistory",`+common+`}`), &change))
	assert.Empty(t, alert.PolicyBreach.Extra)
	assert.Empty(t, change.DeviceHistory.Extra)
	assert.Equal(t, "192.0.2.2", alert.PolicyBreach.ProxyDevice.IP)
	assert.Equal(t, "192.0.2.1", change.DeviceHistory.DestinationDevice.External.IP)

	device := &darktrace.EventLogOptions{DID: 1}
	entries, err := newClient(t, responding(200, `{"eventType":"oracle","x":1}`)).EventLog.List(t.Context(), device)
	require.NoError(t, err)
	assert.Equal(t, []*darktrace.LogEntry{{Other: `{"eventType":"oracle","x":1}`}}, entries)
	_, err = newClient(t, responding(200, `{"message":"maintenance"}`)).EventLog.List(t.Context(), device)
	require.ErrorIs(t, err, darktrace.ErrDecode)
	require.ErrorContains(t, err, "expected a list, not an object with other members")
}

func TestSidesOfAConnection(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"did":7,"ip":"192.0.2.1"}`, `{"ip":"198.51.100.7","ippopularity":20}`} {
		var h darktrace.LogHost
		require.NoError(t, json.Unmarshal([]byte(body), &h))
		assert.NotEqual(t, h.Device == nil, h.External == nil)
		encoded, err := json.Marshal(h)
		require.NoError(t, err)
		assert.JSONEq(t, body, string(encoded))
	}
	encoded, err := json.Marshal(darktrace.LogHost{})
	require.NoError(t, err)
	assert.Equal(t, "null", string(encoded))
}

// What the appliance tells in another form than the guide has it is understood,
// and goes back as it came.
func TestAcknowledgedInEveryForm(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for body, want := range map[string]*bool{
		`{}`:                                  nil,
		`{"acknowledged":null}`:               nil,
		`{"acknowledged":true}`:               &yes,
		`{"acknowledged":false}`:              &no,
		`{"acknowledged":"true"}`:             &yes,
		`{"acknowledged":1}`:                  &yes,
		`{"acknowledged":{"username":"ana"}}`: &yes,
	} {
		var b darktrace.ModelBreach
		require.NoError(t, json.Unmarshal([]byte(body), &b))
		assert.Equal(t, want, b.Acknowledged, body)
	}
	var b darktrace.ModelBreach
	require.NoError(t, json.Unmarshal([]byte(`{"acknowledged":{"username":"ana"}}`), &b))
	assert.JSONEq(t, `{"username":"ana"}`, string(b.Extra["acknowledged"]))
}
