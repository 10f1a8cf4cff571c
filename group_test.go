package darktrace

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGroupOf52(t *testing.T) {
	t.Parallel()
	assert.Equal(t, &IncidentGroup{
		ID:             "g0e52a001-5e1f-4a52-9c10-000000000001",
		Pinned:         true,
		PreviousIDs:    []string{},
		URL:            "https://appliance.example.com/#aiagroup/g0e52a001-5e1f-4a52-9c10-000000000001",
		Events:         []GroupEvent{{ID: "0e52a001-5e1f-4a52-9c10-000000000001", Title: "Scanning of Multiple Devices", Start: 1699990000000, TriggerDID: 17, Visible: true}},
		Devices:        []int64{17, 4},
		InitialDevices: []int64{17},
		Category:       CategorySuspicious,
		GroupScore:     0.7354018374625341,
		Start:          1699990000000,
		End:            1699999800000,
		Edges: []Edge{{
			IsAction:    true,
			Source:      Node{Type: NodeDevice, Value: Integer(17)},
			Target:      Node{Type: NodeDevice, Value: Integer(4)},
			Start:       1699999200000,
			EventID:     "0e52a001-5e1f-4a52-9c10-000000000001",
			Description: "SMB session",
			Details:     []Detail{{Type: TypeString, Values: []DetailValue{String("445"), String("139")}}},
		}},
	}, streamed(t, fixture(t, "groups.json"), decodeGroup(false))[0])
}

func TestGroupOf61(t *testing.T) {
	t.Parallel()
	g := streamed(t, fixture(t, "groups.json"), decodeGroup(false))[1]
	yes, no := true, false
	assert.Equal(t, []GroupEvent{
		{ID: "0e61a001-5e1f-4a61-9c10-000000000002", Title: "Suspicious Mail", Start: 1730001900000, Sender: "billing@mail.example.org", Visible: true, Acknowledged: &no},
		{ID: "0e61a001-5e1f-4a61-9c10-000000000003", Title: "Unusual Sign-in", Start: 1730002000000, TriggerDID: 1975, Acknowledged: &yes},
		{ID: "0e61a001-5e1f-4a61-9c10-000000000004", Title: "No trigger", Start: 1730002100000, Visible: true, Acknowledged: &yes, Extra: `{"score": 4}`},
	}, g.Events)
	assert.Equal(t, []Edge{
		{
			Source:  Node{Type: NodeInternalIP, Value: String("192.0.2.#28445")},
			Target:  Node{Type: NodeExternalHost, Value: String("files.example.net")},
			EventID: "0e61a001-5e1f-4a61-9c10-000000000003", Details: []Detail{},
		},
		{
			IsAction: true,
			Source:   Node{Type: NodeDevice, Value: String("1975")},
			Target:   Node{Type: NodeExternalIP, Value: String("203.0.113.77"), Extra: `{"port": 443}`},
			Start:    1730002000000,
			EventID:  "0e61a001-5e1f-4a61-9c10-000000000003", Description: "Upload",
			Details: []Detail{
				{Key: "Sent", Type: TypeDataVolume, Values: []DetailValue{DataVolume(1048576)}},
				{Key: "To", Type: TypeExternalHost, Values: []DetailValue{ExternalHost{Hostname: "files.example.net", IP: "203.0.113.77"}}},
			},
		},
		{
			IsAction: true,
			Source:   Node{Type: "wormhole", Extra: `{"value": {"depth": 3}}`},
			Target:   Node{Extra: "{}"},
			EventID:  "0e61a001-5e1f-4a61-9c10-000000000004", Description: "Something new",
			Extra: `{"start": 0}`,
		},
	}, g.Edges)
	assert.Equal(t, Score(20.5), g.GroupScore)
	assert.Equal(t, []string{TacticInitialAccess, TacticPrivilegeEscalation}, g.MITRETactics)
	assert.Equal(t, []string{"g0e61a001-5e1f-4a61-9c10-000000000003", "g0e61a001-5e1f-4a61-9c10-000000000004"}, g.PreviousIDs)
	assert.Equal(t, []int64{1975, 9007199254740993}, g.Devices)
	assert.Equal(t, map[string]json.RawMessage{"narrative": json.RawMessage(`"kept"`)}, g.Extra)
	assert.Equal(t, []string{"edges[2].source.value"}, g.Skipped)
}

// Any field may have any type: it costs this field, and comes back.
func TestEveryFieldOfGroupsOfEveryType(t *testing.T) {
	t.Parallel()
	names := []string{
		"id", "active", "acknowledged", "pinned", "userTriggered", "externalTriggered", "previousIds", "groupUrl", "incidentEvents",
		"mitreTactics", "devices", "initialDevices", "category", "groupScore", "start", "end", "edges", "unknown",
	}
	values := []string{
		`null`, `true`, `false`, `0`, `7`, `1.5`, `""`, `"x"`, `"7"`, `[]`, `[null]`, `[[]]`, `{}`, `["x"]`, `[7]`, `["7",{}]`,
		`[{"uuid":[],"start":{},"title":3,"triggerDid":"x","sender":[],"visible":3,"acknowledged":"x"}]`,
		`[{"isAction":5,"source":7,"target":[],"start":"x","incidentEvent":{},"description":1,"details":7}]`,
		`[{"isAction":true,"source":null,"target":{"nodeType":5,"value":true},"details":{"key":"k"}}]`,
		`[{"isAction":true,"source":{"value":1.5},"target":{"value":null},"details":["x",null]}]`,
	}
	for _, name := range names {
		for _, value := range values {
			g := new(IncidentGroup)
			wire := `{"` + name + `":` + value + `}`
			require.NoError(t, json.Unmarshal([]byte(wire), g), wire)
			back := encoded(t, g)
			assert.Empty(t, differences("", withoutNulls(untyped(t, []byte(wire))), withoutNulls(untyped(t, []byte(back)))), wire)
			again := new(IncidentGroup)
			require.NoError(t, json.Unmarshal([]byte(back), again), back)
			assert.Equal(t, back, encoded(t, again), wire)
		}
	}
}

func TestEncodingAGroupMadeByHand(t *testing.T) {
	t.Parallel()
	g := IncidentGroup{ID: "ga", Events: []GroupEvent{{ID: "a"}}, Edges: []Edge{{Details: []Detail{{Key: "k"}}}}}
	assert.Equal(t, `{"id":"ga","active":false,"acknowledged":false,"pinned":false,"userTriggered":false,"externalTriggered":false,`+
		`"incidentEvents":[{"uuid":"a","visible":false}],"edges":[{"isAction":false,"details":[{"key":"k"}]}]}`, encoded(t, g))
}
