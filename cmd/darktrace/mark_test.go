package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestSeveralWritesAreReportedOneByOne(t *testing.T) {
	t.Parallel()
	u := &user{t: t, terminal: true}
	unknown := "11111111-1111-1111-1111-111111111111"
	require.Equal(t, 6, u.types("-fake", "unpin", sample[0].ID, unknown, sample[1].ID))
	lines := strings.Split(u.stdout, "\n")
	assert.Equal(t, sample[0].ID+": no longer pinned, and read back", lines[0])
	assert.Regexp(t, "^"+unknown+": failed: .*not found", lines[1])
	assert.Equal(t, sample[1].ID+": no longer pinned, and read back", lines[2])
}

// TestWhatWasWrittenIsReadBackBesideWhatFailed has the second of two requests
// fail: the first is confirmed, and not done.
func TestWhatWasWrittenIsReadBackBesideWhatFailed(t *testing.T) {
	t.Parallel()
	unknown := "4294967"
	alert := fmt.Sprint(sample[0].RelatedBreaches[0].PBID)
	u := &user{t: t, setUp: func(srv *darktracetest.Server) {
		srv.Inject(darktracetest.Fault{Path: "/modelbreaches/" + alert + "/unacknowledge", Status: http.StatusOK, Body: `{"response":"SUCCESS"}`})
		pbid, err := strconv.ParseInt(alert, 10, 64)
		require.NoError(t, err)
		require.NoError(t, srv.Client().ModelBreaches.Acknowledge(t.Context(), pbid))
	}}
	assert.Equal(t, 3, u.types("-fake", "unack", alert, unknown))
	outcomes := map[string]string{}
	for text := range strings.Lines(u.stdout) {
		var w written
		require.NoError(t, json.Unmarshal([]byte(text), &w))
		outcomes[w.ID] = w.Outcome
	}
	assert.Equal(t, map[string]string{alert: "failed", unknown: "failed"}, outcomes)
	assert.Contains(t, u.stderr, "alert "+alert+" is still acknowledged, although the appliance confirmed the change")
}

// TestAFlagThatIsNotStatedProvesNothing takes back flags that the appliance then
// leaves out, or writes in an unknown form.
func TestAFlagThatIsNotStatedProvesNothing(t *testing.T) {
	t.Parallel()
	id, other := sample[0].ID, sample[1].ID
	alert := fmt.Sprint(sample[0].RelatedBreaches[0].PBID)
	for _, flag := range []string{"", `,"%[2]s":null`, `,"%[2]s":"perhaps"`, `,"%[2]s":{}`} {
		for verb, name := range map[string]string{"unack": "acknowledged", "unpin": "pinned", "pin": "pinned"} {
			known := fmt.Sprintf(`{"id":"%s","%s":%t}`, strings.ToUpper(other), name, verb == "pin")
			body := fmt.Sprintf(`[{"id":"%[1]s"`+flag+`},`, id, name)
			body, _, _ = strings.Cut(body, "%!(EXTRA")
			u := &user{t: t, setUp: func(srv *darktracetest.Server) {
				srv.Inject(darktracetest.Fault{Path: "/aianalyst/incidentevents", Status: http.StatusOK, Body: strings.TrimSuffix(body, ",") + "," + known + "]", ContentType: "application/json"})
			}}
			assert.Equal(t, 3, u.types("-fake", verb, id, other), "%s %s", verb, body)
			assert.Contains(t, u.stderr, "event "+id+" could not be verified: the response does not say whether it is "+name)
			assert.Contains(t, u.stdout, `{"verb":"`+verb+`","id":"`+id+`","outcome":"unknown"`)
			assert.Contains(t, u.stdout, `{"verb":"`+verb+`","id":"`+other+`","outcome":"done"}`)
		}
	}
	u := &user{t: t, setUp: func(srv *darktracetest.Server) {
		srv.Inject(darktracetest.Fault{Method: http.MethodGet, Path: "/modelbreaches/" + alert, Status: http.StatusOK, Body: `{"pbid":` + alert + `}`, ContentType: "application/json"})
	}}
	assert.Equal(t, 3, u.types("-fake", "unack", alert))
	assert.Contains(t, u.stderr, "alert "+alert+" could not be verified")
	assert.Contains(t, u.stdout, `"outcome":"unknown"`)
}

func TestIDsInCapitals(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"show", "ack", "unack", "pin", "unpin", "report", "comment", "events -incident"} {
		for _, id := range []string{"{event}", "{incident}"} {
			if verb == "comment" && id == "{incident}" || verb == "events -incident" && id == "{event}" {
				continue
			}
			id = filled(t).Replace(id)
			args := append([]string{"-fake"}, append(strings.Fields(verb), strings.ToUpper(id))...)
			if verb == "comment" {
				args = append(args, "LEFT AS IT IS")
			}
			u := &user{t: t}
			require.Zero(t, u.types(args...), "%s: %s", verb, u.stderr)
			assert.Contains(t, u.stdout, strings.TrimPrefix(id, "g"), verb)
		}
	}
}

// TestAnElementWithoutAnID of an incident does not keep its other events from being
// acknowledged.
func TestAnElementWithoutAnID(t *testing.T) {
	t.Parallel()
	e := sample[0]
	u := &user{t: t, setUp: func(srv *darktracetest.Server) {
		srv.Inject(darktracetest.Fault{Path: "/aianalyst/groups", Status: http.StatusOK, Body: fmt.Sprintf(
			`[{"id":"%s","incidentEvents":[{"uuid":"%s"},{"title":"odd"},{"uuid":"%s"}]}]`, e.CurrentGroup, e.ID, e.CurrentGroup)})
	}}
	assert.Equal(t, 9, u.types("-fake", "ack", e.CurrentGroup))
	assert.Equal(t, `{"verb":"ack","id":"`+e.ID+`","outcome":"done"}`+"\n", u.stdout)
	assert.Contains(t, u.stderr, "the incident "+e.CurrentGroup+" has 2 elements without an event id, which were left out: response not understood")
}
