package darktrace

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/internal/fixtures"
)

// everyKind are values of every kind, right for some field and wrong for others.
var everyKind = []string{
	`null`, `true`, `false`, `"true"`, `"false"`, `0`, `-0`, `7`, `1.5`, `1e400`, `9223372036854775808`, `""`, `"x"`, `"7"`, `"1.5"`, `"NaN"`, `"0x1p4"`, `"1_0"`,
	`[]`, `[null]`, `[[]]`, `[{}]`, `["x"]`, `["x",7]`, `[7,"x",null,0]`, `["7"]`, `[true]`, `[null,true]`, `[[[]]]`, `[[{}]]`, `[[null,{"x":1}],5]`, `{}`, `{"x":1}`, `{"x":{"y":[]}}`, `{"x":"y","z":[1]}`,
	`{"start":{}}`, `{"value":"x"}`, `{"valueType":"string"}`, `{"valueType":"","value":[]}`, `{"replacements":{"value":1}}`, `{"blocks":null}`, `{"contents":null}`, `[{"contents":{}}]`,
	`[[{"contents":null}]]`, `[[{"contents":[null,{}]}]]`, `[{"blocks":[{"bulletBlocks":[null,[]]}]}]`, `[[null]]`,
}

// memberNames returns the names of an object's members, one of each kind.
func memberNames(object any) []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(object).Elem()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		option, value, _ := strings.Cut(field.Tag.Get("wire"), "=")
		switch {
		case option == "prefix":
			names = append(names, value+"x")
		case option == "rest":
			names = append(names, "any other")
		case name != "" && name != "-":
			names = append(names, name)
		}
		if option == "also" {
			names = append(names, value)
		}
	}
	return append(names, "unknown")
}

// Every member of every object may have a value of any kind, in any case of its
// name: nothing fails, nothing is lost and nothing is made up.
func TestEveryMemberOfEveryObject(t *testing.T) {
	t.Parallel()
	for _, make := range wireObjects {
		t.Run(strings.TrimPrefix(fmt.Sprintf("%T", make()), "*darktrace."), func(t *testing.T) {
			t.Parallel()
			names := memberNames(make())
			checkRoundTrip(t, make, `{}`)
			for _, name := range names {
				for _, value := range everyKind {
					checkRoundTrip(t, make, fmt.Sprintf(`{%q:%s}`, name, value))
				}
				checkRoundTrip(t, make, fmt.Sprintf(`{%q:{"x":[7]},%[1]q:null}`, name))
				checkRoundTrip(t, make, fmt.Sprintf(`{%q:true,"unknown":[1],%[1]q:"x"}`, name))
				checkRoundTrip(t, make, fmt.Sprintf(`{%q:[true],"unknown":[1],%[1]q:5}`, name))
			}
			for i := range names[:len(names)-1] {
				mixed := make()
				require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{%q:"a",%q:{"b":1}}`, names[i], names[i+1]), mixed))
				checkRoundTrip(t, make, encoded(t, mixed))
			}
		})
	}
}

func checkRoundTrip(t *testing.T, make func() any, wire string) {
	t.Helper()
	v := make()
	require.NoError(t, json.Unmarshal([]byte(wire), v), wire)
	once := encoded(t, v)
	if !strings.Contains(wire, "null}") || !strings.Contains(wire, "},") {
		require.Empty(t, differences("", withoutNulls(untyped(t, []byte(wire))), withoutNulls(untyped(t, []byte(once)))), "%s gives %s", wire, once)
	}
	again := make()
	require.NoError(t, json.Unmarshal([]byte(once), again), once)
	assert.Equal(t, once, encoded(t, again), wire)
}

// An object of more fields than one set holds: what the second set tells, and
// members whose names hold data, are given back as they came.
func TestObjectOfManyFields(t *testing.T) {
	t.Parallel()
	require.Greater(t, len(wireStatus.Names), 64)
	for data, want := range map[string]string{
		`{}`: `{}`,
		`{"recentUnidirectionalConnections":0,"models":0,"hostname":"","eventsPerMinuteCurrent":0}`: "",
		`{"models":7,"subnets":"x","credentialSources":[5]}`:                                        "",
		`{"models":0,"models":7}`: `{"models":7}`,
		`{"models":7,"models":0}`: `{"models":0}`,
		`{"MODELS":0}`:            `{"models":0}`,
		`{"networkInterfacesState_eth0":"up","networkInterfacesState_":"","networkInterfacesState_eth1":["down"],"models":0,"networkInterfacesAddress_eth0":"192.0.2.1"}`: "",
		`{"networkInterfacesState_eth0":{},"networkInterfacesState_eth0":"up"}`:                                                                                           `{"networkInterfacesState_eth0":"up"}`,
		`{"networkInterfacesState_eth0":"up","networkInterfacesState_eth0":{}}`:                                                                                           `{"networkInterfacesState_eth0":{}}`,
	} {
		if want == "" {
			want = data
		}
		var status Status
		require.NoError(t, json.Unmarshal([]byte(data), &status))
		assert.JSONEq(t, want, encoded(t, &status))
	}
	var status Status
	require.NoError(t, json.Unmarshal([]byte(`{"networkInterfacesReceived_eth0":5,"networkInterfacesReceived_eth1":"6","models":7,"hostname":"a"}`), &status))
	assert.Equal(t, map[string]int64{"eth0": 5, "eth1": 6}, status.InterfaceReceived)
	assert.Equal(t, "a", status.Hostname)
	assert.Equal(t, int64(7), status.Models)
	assert.Empty(t, status.Extra)

	require.NoError(t, json.Unmarshal([]byte(`{"instances":{"a":{"probes":{"1":{"models":"x"}},"subnets":[]}}}`), &status))
	assert.Equal(t, []string{"instances.a.probes.1.models", "instances.a.subnets"}, status.Skipped)
	assert.Equal(t, []string{"probes.1.models", "subnets"}, status.Instances["a"].Skipped)
	assert.Equal(t, []string{"models"}, status.Instances["a"].Probes["1"].Skipped)
}

// collections are the fixtures with the types of their elements.
var collections = map[string]any{
	"advancedsearch":    new([]AdvancedHit),
	"analysis":          new([]AdvancedAnalysis),
	"components":        new([]Component),
	"cves":              new([]CVEReport),
	"emails":            new([]Email),
	"emailtags":         new([]EmailTag),
	"enums":             new([]Enums),
	"eventstatistics":   new([]EventSummary),
	"filtertypes":       new([]FilterType),
	"intelfeed":         new([]WatchedDomain),
	"metricdata":        new([]MetricData),
	"metrics":           new([]Metric),
	"mitrestatistics":   new([]TacticSummary),
	"models":            new([]Model),
	"network":           new([]Network),
	"pcaps":             new([]PCAP),
	"status":            new([]Status),
	"subnets":           new([]Subnet),
	"summarystatistics": new([]Summary),
	"useranomaly":       new([]map[string]EmailUserAnomaly),
	"antigena":          new([]AntigenaAction),
	"antigena-devices":  new([]AntigenaActions),
	"details":           new([]LogEntry),
	"deviceinfo":        new([]DeviceConnections),
	"devices":           new([]Device),
	"endpointdetails":   new([]Endpoint),
	"entities":          new([]TagEntity),
	"mbcomments":        new([]BreachComment),
	"modelbreaches":     new([]ModelBreach),
	"tags":              new([]Tag),
}

// normalised are the members that encoding changes: names get their usual case, and
// the text "null" becomes null.
var normalised = map[string][]string{
	"antigena":         {"[2].triggerer"},
	"antigena-devices": {"[0].devices[0].firstseen", "[0].devices[0].lastseen", "[0].devices[0].firstSeen (made up)", "[0].devices[0].lastSeen (made up)"},
	"devices":          {"[4].firstseen", "[4].lastseen", "[4].firstSeen (made up)", "[4].lastSeen (made up)"},
}

// Every member of a fixture has a field, and encoding restores it.
func TestFixturesHaveNothingUnknown(t *testing.T) {
	t.Parallel()
	files, err := fixtures.Files.ReadDir(".")
	require.NoError(t, err)
	assert.Len(t, collections, len(files), "each file is here")
	for name, list := range collections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := fixtures.Files.ReadFile(name + ".json")
			require.NoError(t, err)
			if data[0] == '{' {
				data = append(append([]byte{'['}, data...), ']')
			}
			require.NoError(t, json.Unmarshal(data, list))
			assert.Empty(t, leftOver(name, reflect.ValueOf(list)))
			encoded, err := json.Marshal(list)
			require.NoError(t, err)
			assert.ElementsMatch(t, normalised[name], differences("", untyped(t, data), untyped(t, encoded)))
		})
	}
}

// leftOver lists the fields Extra and Skipped that are not empty, in a value and
// the values inside it.
func leftOver(path string, v reflect.Value) []string {
	var paths []string
	switch v.Kind() { //nolint:exhaustive // Nothing else has fields.
	case reflect.Pointer:
		if !v.IsNil() {
			return leftOver(path, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			paths = append(paths, leftOver(path, v.Index(i))...)
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			paths = append(paths, leftOver(path+"."+key.String(), value)...)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			switch field.Name {
			case "Extra", "Skipped", "Other":
				if !value.IsZero() {
					paths = append(paths, path+"."+field.Name+": "+value.String())
				}
			default:
				if field.IsExported() {
					paths = append(paths, leftOver(path+"."+field.Name, value)...)
				}
			}
		}
	}
	return paths
}
