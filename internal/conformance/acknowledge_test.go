package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

func TestAcknowledgeSendsEachIDOnce(t *testing.T) {
	t.Parallel()
	r := responding(200, `{"aianalyst":"SUCCESS"}`)
	s := newClient(t, r).AIAnalyst
	require.NoError(t, s.Acknowledge(t.Context(), id1, id2, id1))
	require.NoError(t, s.Unacknowledge(t.Context(), id1))
	require.NoError(t, s.Pin(t.Context(), id1))
	require.NoError(t, s.Unpin(t.Context(), id1))
	assert.Equal(t, []string{
		"POST /aianalyst/acknowledge uuid=" + id1 + "%2C" + id2,
		"POST /aianalyst/unacknowledge uuid=" + id1,
		"POST /aianalyst/pin uuid=" + id1,
		"POST /aianalyst/unpin uuid=" + id1,
	}, r.lines())
	assert.Equal(t, "application/x-www-form-urlencoded", r.all()[0].header.Get("Content-Type"))
}

func TestAcknowledgeGroup(t *testing.T) {
	t.Parallel()
	r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(200, `[{"aianalyst":"SUCCESS"},{"aianalyst":"SUCCESS"}]`), nil
		}
		return httpmock.NewStringResponse(200, `[{"id":"g`+id1+`","incidentEvents":[{"uuid":"`+id1+`"},{"uuid":"`+id2+`"}]}]`), nil
	}}
	require.NoError(t, newClient(t, r).AIAnalyst.AcknowledgeGroup(t.Context(), "g"+id1))
	assert.Equal(t, "POST /aianalyst/acknowledge uuid="+id1+"%2C"+id2, r.lines()[1])

	err := newClient(t, responding(200, `[{"id":"g`+id1+`","incidentEvents":[]}]`)).AIAnalyst.AcknowledgeGroup(t.Context(), "g"+id1)
	require.ErrorIs(t, err, darktrace.ErrNotFound)
	assert.Contains(t, err.Error(), "the incident g"+id1+" has no events")

	r.respond = func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPost {
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		}
		return httpmock.NewStringResponse(200, `[{"id":"g`+id1+`","incidentEvents":[{"uuid":"`+id1+`"},{"uuid":"g`+id2+`"}]}]`), nil
	}
	err = newClient(t, r).AIAnalyst.AcknowledgeGroup(t.Context(), "g"+id1)
	require.ErrorIs(t, err, darktrace.ErrDecode)
	assert.Contains(t, err.Error(), "1 elements without an event id, which were left out")
	assert.Equal(t, "POST /aianalyst/acknowledge uuid="+id1, r.lines()[len(r.lines())-1])
}

// manyIDs returns ids that need several requests.
func manyIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("9f8e7d6c-0000-4b4b-9c9c-%012d", i)
	}
	return ids
}

// batches gives the nth request the nth response, and notes the ids of each request.
func batches(responses ...string) (*recorder, *[][]string) {
	var chunks [][]string
	r := &recorder{}
	r.respond = func(*http.Request) (*http.Response, error) {
		form, err := url.ParseQuery(r.requests[len(chunks)].body)
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, strings.Split(form.Get("uuid"), ","))
		var status int
		var body string
		_, err = fmt.Sscanf(responses[len(chunks)-1], "%d %s", &status, &body)
		return httpmock.NewStringResponse(status, strings.ReplaceAll(body, "_", " ")), err
	}
	return r, &chunks
}

func TestBatchTellsWhatBecameOfEachID(t *testing.T) {
	t.Parallel()
	const success = `200 {"aianalyst":"SUCCESS"}`
	ids := manyIDs(4000)
	for _, test := range []struct {
		responses []string
		batches   int
		text      string
		is        []error
	}{
		{[]string{success, success, success, success, success}, 5, "", nil},
		{[]string{success, "502 -", `200 {"aianalyst":"ERROR"}`, success, success}, 5,
			"darktrace: acknowledge: 2320 done, 840 failed, 840 unknown, 0 not sent; first 9f8e7d6c-0000-4b4b-9c9c-000000000840: POST /aianalyst/acknowledge: 502 Bad Gateway: outcome unknown: ",
			[]error{darktrace.ErrRejected, darktrace.ErrOutcomeUnknown}},
		{[]string{success, `400 {"aianalyst":"INPUT_ERROR"}`, success, success, success}, 5,
			"darktrace: acknowledge: 3160 done, 840 failed, 0 unknown, 0 not sent; first 9f8e7d6c-0000-4b4b-9c9c-000000000840: POST /aianalyst/acknowledge: 400 Bad Request (INPUT ERROR): ", []error{darktrace.ErrInput}},
		{[]string{success, `400 {"aianalyst":"API_SIGNATURE_ERROR"}`}, 2,
			"darktrace: acknowledge: 840 done, 840 failed, 0 unknown, 2320 not sent; first ", []error{darktrace.ErrSignature}},
		{[]string{`403 {"error":"Forbidden"}`}, 1, "darktrace: acknowledge: 0 done, 840 failed, 0 unknown, 3160 not sent; first ", []error{darktrace.ErrPermission}},
		{[]string{success, success, "429 -"}, 3, "darktrace: acknowledge: 1680 done, 840 failed, 0 unknown, 1480 not sent; first ", []error{darktrace.ErrRateLimited}},
	} {
		r, chunks := batches(test.responses...)
		err := newClient(t, r).AIAnalyst.Acknowledge(t.Context(), append(ids, ids[:9]...)...)
		require.Len(t, *chunks, test.batches)
		for _, request := range r.all() {
			require.LessOrEqual(t, len(request.body), 33<<10)
		}
		if test.text == "" {
			require.NoError(t, err)
			continue
		}
		var batch *darktrace.BatchError
		require.ErrorAs(t, err, &batch)
		require.True(t, strings.HasPrefix(err.Error(), test.text), err.Error())
		assert.Equal(t, test.is, kindsOf(err), err.Error())
		fate := map[string]int{}
		for _, id := range append(append([]string(nil), batch.Done...), batch.NotSent...) {
			fate[id]++
		}
		for _, errs := range []map[string]error{batch.Failed, batch.Unknown} {
			for id, err := range errs {
				fate[id]++
				require.Error(t, err)
			}
		}
		require.Len(t, fate, len(ids))
		for id, times := range fate {
			require.Equal(t, 1, times, id)
		}
		assert.Len(t, batch.Unwrap(), len(test.is), "an error of many ids comes once")
	}
}

// uncomparable is an error of a caller that Go can't compare with another one.
type uncomparable struct{ fields []string }

func (uncomparable) Error() string        { return "no credentials" }
func (uncomparable) Is(target error) bool { return target == darktrace.ErrArgument }

func TestErrorsOfCallersThatCanNotBeCompared(t *testing.T) {
	t.Parallel()
	client, err := darktrace.NewClient(baseURL, darktrace.AuthenticatorFunc(func(*http.Request, []byte) error { return uncomparable{} }))
	require.NoError(t, err)
	err = client.AIAnalyst.AcknowledgeVerified(t.Context(), id1, id2)
	assert.ErrorIs(t, err, darktrace.ErrArgument)
	err = client.ModelBreaches.Acknowledge(t.Context(), 7, 8)
	var batch *darktrace.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Len(t, batch.Unwrap(), 1)
	event := &darktrace.IncidentEvent{ID: id1, RelatedBreaches: []darktrace.RelatedBreach{{PBID: 7}, {PBID: 8}}}
	enriched, err := client.Enrich(t.Context(), event, nil)
	require.NoError(t, err)
	assert.NotEmpty(t, enriched.Missing)
}

func TestBatchStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
		cancel()
		return nil, req.Context().Err()
	}}
	ids := manyIDs(2000)
	err := newClient(t, r).AIAnalyst.Pin(ctx, ids...)
	var batch *darktrace.BatchError
	require.ErrorAs(t, err, &batch)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, darktrace.ErrOutcomeUnknown)
	assert.Equal(t, 840, len(batch.Unknown))
	assert.Equal(t, 1160, len(batch.NotSent))
	inOrder := 0
	for id, err := range batch.Results() {
		inOrder++
		switch {
		case slices.Contains(batch.Done, id):
			require.NoError(t, err)
		case slices.Contains(batch.NotSent, id):
			require.EqualError(t, err, "darktrace: pin: not sent, because an earlier request failed")
			require.ErrorIs(t, err, darktrace.ErrConnection)
		default:
			require.Error(t, err)
		}
	}
	assert.Positive(t, inOrder)
	for range batch.Results() {
		break
	}
}

func TestAcknowledgeVerified(t *testing.T) {
	t.Parallel()
	event := func(id string, acknowledged bool) string {
		return fmt.Sprintf(`{"id":%q,"acknowledged":%v}`, id, acknowledged)
	}
	run := func(t *testing.T, write, read func(*http.Request) (*http.Response, error)) *darktrace.BatchError {
		t.Helper()
		r := &recorder{respond: func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return write(req)
			}
			return read(req)
		}}
		err := newClient(t, r).AIAnalyst.AcknowledgeVerified(t.Context(), id1, id2, id1)
		if err == nil {
			return nil
		}
		var batch *darktrace.BatchError
		require.ErrorAs(t, err, &batch)
		return batch
	}
	text := func(status int, body string) func(*http.Request) (*http.Response, error) {
		return httpmock.NewStringResponder(status, body)
	}
	success, lost := text(200, `{"aianalyst":"SUCCESS"}`), text(502, "")

	t.Run("all stored", func(t *testing.T) {
		t.Parallel()
		assert.Nil(t, run(t, success, text(200, "["+event(id1, true)+","+event(id2, true)+"]")))
	})
	t.Run("one dropped, one unheard of", func(t *testing.T) {
		t.Parallel()
		batch := run(t, success, text(200, "["+event(id1, false)+"]"))
		require.ErrorIs(t, batch.Failed[id1], darktrace.ErrNotStored)
		require.EqualError(t, batch.Failed[id1], "darktrace: POST /aianalyst/acknowledge: not stored: event "+id1+" does not show it, although the appliance reported success")
		require.ErrorIs(t, batch.Failed[id2], darktrace.ErrNotFound)
		assert.EqualError(t, batch.Failed[id2], "darktrace: POST /aianalyst/acknowledge: not found: no event with id "+id2)
	})
	t.Run("unknown, one was carried out", func(t *testing.T) {
		t.Parallel()
		batch := run(t, lost, text(200, "["+event(id1, true)+","+event(id2, false)+"]"))
		assert.Equal(t, []string{id1}, batch.Done)
		require.ErrorIs(t, batch.Failed[id2], darktrace.ErrNotStored)
		require.ErrorIs(t, batch.Failed[id2], darktrace.ErrOutcomeUnknown)
		assert.Contains(t, batch.Failed[id2].Error(), "does not show it; the write failed with: ")
	})
	t.Run("unknown, all were carried out", func(t *testing.T) {
		t.Parallel()
		assert.Nil(t, run(t, lost, text(200, "["+event(id1, true)+","+event(id2, true)+"]")))
	})
	t.Run("can't be read back", func(t *testing.T) {
		t.Parallel()
		batch := run(t, success, text(503, ""))
		require.Len(t, batch.Unknown, 2)
		assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(batch))
		assert.Contains(t, batch.Unknown[id1].Error(), "outcome unknown: reading it back failed: GET /aianalyst/incidentevents: 503 ")
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		batch := run(t, text(403, ""), func(*http.Request) (*http.Response, error) { return nil, errors.New("asked needlessly") })
		assert.Equal(t, []error{darktrace.ErrPermission}, kindsOf(batch))
		assert.Len(t, batch.Failed, 2)
	})
}

func TestAcknowledgeVerifiedReadsOnlyAPartBack(t *testing.T) {
	t.Parallel()
	ids := manyIDs(51) // One more than a read asks for at once.
	client := newClient(t, &recorder{respond: func(req *http.Request) (*http.Response, error) {
		switch asked := strings.Split(req.URL.Query().Get("uuid"), ","); {
		case req.Method == http.MethodPost:
			return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
		case len(asked) == 1:
			return httpmock.NewStringResponse(200, `{"message":"the service is starting"}`), nil
		default:
			return httpmock.NewStringResponse(200, `[{"acknowledged":true,"id":"`+strings.Join(asked, `"},{"acknowledged":true,"id":"`)+`"}]`), nil
		}
	}})
	err := client.AIAnalyst.AcknowledgeVerified(t.Context(), ids...)
	var batch *darktrace.BatchError
	require.ErrorAs(t, err, &batch)
	assert.Equal(t, ids[:50], batch.Done)
	assert.Empty(t, batch.Failed)
	assert.ErrorIs(t, batch.Unknown[ids[50]], darktrace.ErrOutcomeUnknown)
}

func TestAcknowledgeVerifiedIsCancelledWhileReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	client := newClient(t, &recorder{respond: func(req *http.Request) (*http.Response, error) {
		cancel()
		if req.Method == http.MethodGet {
			return nil, errors.New("asked although the context had ended")
		}
		return httpmock.NewStringResponse(200, `{"aianalyst":"SUCCESS"}`), nil
	}})
	err := client.AIAnalyst.AcknowledgeVerified(ctx, id1)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []error{darktrace.ErrOutcomeUnknown}, kindsOf(err))
}
