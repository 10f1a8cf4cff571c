package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

const (
	first  = "5d0c7c66-3c1b-4f39-8f0a-0f8e6f0f2a01"
	second = "5d0c7c66-3c1b-4f39-8f0a-0f8e6f0f2a02"
)

// twoEvents is the incident of a device and an e-mail event.
func twoEvents(now time.Time) []byte {
	return fmt.Appendf(nil, `[{
		"id": %[1]q, "title": "Unusual Upload", "createdAt": %[3]d, "aiaScore": 94, "groupScore": 40.666309838880856,
		"category": "critical", "groupCategory": "suspicious", "currentGroup": "g%[1]s", "mitreTactics": ["exfiltration"],
		"summary": "A lot was sent.\n\nNobody had asked for it.", "periods": [{"start": 1735689600250, "end": 1735689660000}],
		"breachDevices": [{"identifier": "ws-1.example.com", "hostname": "ws-1.example.com", "ip": "192.0.2.1", "mac": null, "subnet": null, "did": 7, "sid": 3}],
		"relatedBreaches": [
			{"modelName": "Data / Upload", "pbid": 11, "threatScore": 88.5, "timestamp": 1735689600250},
			{"modelName": "Data / Rare", "pbid": 12, "threatScore": 20, "timestamp": 1735689601000}]
	}, {
		"id": %[2]q, "title": "Unusual Mail", "createdAt": %[3]d, "aiaScore": 52.5, "groupScore": 40.666309838880856,
		"category": "suspicious", "groupCategory": "suspicious", "currentGroup": "g%[1]s", "summary": "A mail came.",
		"sender": "someone@example.org", "periods": [{"start": 1735689700000, "end": 1735689700000}],
		"breachDevices": [], "relatedBreaches": []
	}]`, first, second, now.Add(-time.Hour).UnixMilli())
}

func appliance(t *testing.T, opts ...darktracetest.Option) *darktracetest.Server {
	t.Helper()
	srv := darktracetest.NewServer(opts...)
	t.Cleanup(srv.Close)
	require.NoError(t, srv.AddEventsJSON(twoEvents(srv.Now())))
	return srv
}

// do runs a command as the command line would.
func do(t *testing.T, srv *darktracetest.Server, args ...string) (string, error) {
	t.Helper()
	cmd, values, err := parse(args)
	require.NoError(t, err)
	var out bytes.Buffer
	err = cmd.run(t.Context(), session{srv.Client(), values, time.Now(), &out, io.Discard})
	return out.String(), err
}

func TestEmbedded(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"test-module"}, &out, &stderr))
	assert.Equal(t, "ok\n", out.String())
	assert.Contains(t, stderr.String(), "a fake appliance with invented incidents")
}

func TestHelpListsEveryCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"-h"}} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), args, &out, io.Discard))
		for _, cmd := range commands() {
			assert.Contains(t, out.String(), cmd.name)
		}
	}
}

func TestContextOutput(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"test":        `ok`,
		"test-module": `ok`,
		"get-ai-analyst-incident-event eventId=" + first: `{
			"eventId": "` + first + `", "title": "Unusual Upload", "mitreTactics": ["exfiltration"], "score": "94%",
			"category": "critical", "summary": "A lot was sent.\n\nNobody had asked for it.", "groupId": "g` + first + `",
			"devices": [{"did": 7, "hostname": "ws-1.example.com", "identifier": "ws-1.example.com", "ip": "192.0.2.1", "mac": null, "sid": 3, "subnet": null}],
			"modelBreaches": {
				"0": {"modelName": "Data / Upload", "pbid": 11, "threatScore": 88.5, "timestamp": "2025-01-01T00:00:00.000Z"},
				"1": {"modelName": "Data / Rare", "pbid": 12, "threatScore": 20, "timestamp": "2025-01-01T00:00:01.000Z"}}}`,
		"get-ai-analyst-incident-event eventId=" + second: `{
			"eventId": "` + second + `", "title": "Unusual Mail", "mitreTactics": [], "score": "52.5%", "category": "suspicious",
			"summary": "A mail came.", "groupId": "g` + first + `", "devices": [], "modelBreaches": {}}`,
		"get-ai-analyst-incident-group-from-eventId eventId=" + second: `{
			"groupId": "g` + first + `", "groupScore": 40.7, "groupCategory": "suspicious", "mitreTactics": ["exfiltration"],
			"incidentEvents": [
				{"eventId": "` + first + `", "deviceId": 7, "title": "Unusual Upload", "visible": true, "start": "2025-01-01T00:00:00.000Z"},
				{"eventId": "` + second + `", "deviceId": null, "title": "Unusual Mail", "visible": true, "start": "2025-01-01T00:01:40.000Z"}]}`,
		"get-comments-for-ai-analyst-incident-event eventId=" + first: `[]`,
		"post-comment-to-ai-analyst-incident-event eventId=" + first + " comment=a=b": `{
			"commented": "True", "response": "SUCCESS", "eventId": "` + first + `", "message": "a=b"}`,
		"acknowledge-ai-analyst-incident-event eventId=" + first: `{
			"acknowledged": "True", "response": "SUCCESS", "eventId": "` + first + `"}`,
		"unacknowledge-ai-analyst-incident-event eventId=" + first: `{
			"unacknowledged": "True", "response": "SUCCESS", "eventId": "` + first + `"}`,
	} {
		for _, prefix := range []string{"", "darktrace-"} {
			out, err := do(t, appliance(t), strings.Fields(prefix+args)...)
			require.NoError(t, err, args)
			if want == "ok" {
				assert.Equal(t, "ok\n", out)
				continue
			}
			assert.JSONEq(t, `{"Darktrace.AIAnalyst": `+want+`}`, out, args)
		}
	}
}

func TestScoresAsTheApplianceSendsThem(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string][2]string{
		"52.0":               {"52.0%", "52"},
		"52":                 {"52%", "52"},
		"69.55":              {"69.55%", "69.5"}, // The double is a little less.
		"69.65":              {"69.65%", "69.7"}, // The double is a little more.
		"40.666309838880856": {"40.666309838880856%", "40.7"},
	} {
		srv := darktracetest.NewServer(darktracetest.WithTB(t))
		require.NoError(t, srv.AddEventsJSON(fmt.Appendf(nil, `{"id":%q,"aiaScore":%s,"groupScore":%[2]s}`, first, sent)))
		out, err := do(t, srv, "get-ai-analyst-incident-event", "eventId="+first)
		require.NoError(t, err)
		assert.Contains(t, out, `"score": "`+want[0]+`"`)
		out, err = do(t, srv, "fetch-incidents")
		require.NoError(t, err)
		assert.Contains(t, out, `"score": "`+want[0]+`"`)
		out, err = do(t, srv, "get-ai-analyst-incident-group-from-eventId", "eventId="+first)
		require.NoError(t, err)
		assert.Contains(t, out, `"groupScore": `+want[1]+",")
	}
}

func TestWritesTakeEffect(t *testing.T) {
	t.Parallel()
	srv := appliance(t)
	_, err := do(t, srv, "acknowledge-ai-analyst-incident-event", "eventId="+first)
	require.NoError(t, err)
	assert.True(t, srv.Event(first).Acknowledged)
	_, err = do(t, srv, "unacknowledge-ai-analyst-incident-event", "eventId="+first)
	require.NoError(t, err)
	assert.False(t, srv.Event(first).Acknowledged)

	_, err = do(t, srv, "post-comment-to-ai-analyst-incident-event", "eventId="+first, "comment=Seen, and <b>closed</b>.")
	require.NoError(t, err)
	stored := srv.Comments(first)
	require.Len(t, stored, 1)
	out, err := do(t, srv, "get-comments-for-ai-analyst-incident-event", "eventId="+first)
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{"Darktrace.AIAnalyst": [{"incidet_id": %[1]q, "incident_id": %[1]q, "eventId": %[1]q,
		"message": "Seen, and <b>closed</b>.", "username": "api.user", "time": %q}]}`, first,
		stored[0].Time.Time().UTC().Format("2006-01-02T15:04:05")+".000Z"), out)
}

func TestWhatTheApplianceDidNotDoIsFalse(t *testing.T) {
	t.Parallel()
	dropping := appliance(t, darktracetest.WithProfile(darktracetest.V70))
	out, err := do(t, dropping, "post-comment-to-ai-analyst-incident-event", "eventId="+first, "comment=hello")
	require.ErrorIs(t, err, darktrace.ErrNotStored)
	assert.JSONEq(t, `{"Darktrace.AIAnalyst": {"commented": "False", "response": "SUCCESS", "message": "hello", "eventId": "`+first+`"}}`, out)

	out, err = do(t, appliance(t), "unacknowledge-ai-analyst-incident-event", "eventId=unknown")
	require.ErrorIs(t, err, darktrace.ErrRejected)
	assert.JSONEq(t, `{"Darktrace.AIAnalyst": {"unacknowledged": "False", "response": "ERROR", "eventId": "unknown"}}`, out)
}

func TestUnacknowledgingIsReadBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault darktracetest.Fault
		done  string // "" = no output
		want  error
	}{
		"confirmed and not stored": {darktracetest.Fault{Path: "/aianalyst/unacknowledge", Body: `{"aianalyst":"SUCCESS"}`}, "False", darktrace.ErrNotStored},
		"stored and not confirmed": {darktracetest.Fault{Path: "/aianalyst/unacknowledge", Status: 502, CarryOut: true}, "True", nil},
		"can't be read back":       {darktracetest.Fault{Path: "/aianalyst/incidentevents", Status: 403}, "", darktrace.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := appliance(t)
			srv.Acknowledge(first)
			srv.Inject(test.fault)
			out, err := do(t, srv, "unacknowledge-ai-analyst-incident-event", "eventId="+first)
			require.ErrorIs(t, err, test.want)
			if test.done == "" {
				assert.Empty(t, out)
				return
			}
			assert.JSONEq(t, `{"Darktrace.AIAnalyst": {"unacknowledged": "`+test.done+`", "response": "SUCCESS", "eventId": "`+first+`"}}`, out)
		})
	}
}

func TestErrorsHaveNoOutput(t *testing.T) {
	t.Parallel()
	for _, cmd := range commands() {
		srv := appliance(t)
		srv.Inject(darktracetest.Fault{Status: http.StatusForbidden, Body: `{"error":"Forbidden"}`})
		args := []string{cmd.name}
		for _, key := range cmd.required {
			args = append(args, key+"="+first)
		}
		out, err := do(t, srv, args...)
		require.ErrorIs(t, err, darktrace.ErrPermission, cmd.name)
		assert.Empty(t, out, cmd.name)
		assert.NotContains(t, err.Error(), "\n", cmd.name)
	}
	_, err := do(t, appliance(t), "get-ai-analyst-incident-event", "eventId=unknown")
	require.ErrorIs(t, err, darktrace.ErrNotFound)
}

func TestCommandLineMistakes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"get-everything"},
		{"test", "eventId=1"},
		{"get-ai-analyst-incident-event"},
		{"get-ai-analyst-incident-event", "eventId="},
		{"get-ai-analyst-incident-event", first},
		{"get-ai-analyst-incident-event", "eventid=" + first},
		{"post-comment-to-ai-analyst-incident-event", "eventId=" + first},
	} {
		err := run(t.Context(), args, nil, io.Discard)
		require.Error(t, err, args)
		assert.NotContains(t, err.Error(), "\n", args)
	}
}
