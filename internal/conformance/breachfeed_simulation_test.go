package conformance_test

import (
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
)

// simulatedAlert is a model alert, in milliseconds since 1970.
type simulatedAlert struct{ made, listed int64 }

// firstPBID is the id of the first alert; the next ones follow.
const firstPBID = 6_000_000_000_000

// alertSimulation is an appliance of model alerts, some of which it lists late. Its
// responses fail at random until it is calm.
type alertSimulation struct {
	random   *rand.Rand
	alerts   []simulatedAlert // by the time when they were made
	calm     bool
	requests int
}

func newAlertSimulation(n int, during time.Duration) *alertSimulation {
	s := &alertSimulation{random: rand.New(rand.NewPCG(50_000, 1))} //nolint:gosec // The same things happen each time.
	for range n {
		made := time.Now().Add(time.Duration(s.random.Int64N(int64(during)))).UnixMilli()
		late := []time.Duration{0, 0, 0, 0, 9 * time.Minute, 23 * time.Hour, 7 * day}[s.random.IntN(7)]
		s.alerts = append(s.alerts, simulatedAlert{made, made + s.random.Int64N(late.Milliseconds()+1)})
	}
	slices.SortFunc(s.alerts, func(a, b simulatedAlert) int { return int(a.made - b.made) })
	return s
}

func (s *alertSimulation) RoundTrip(req *http.Request) (*http.Response, error) {
	s.requests++
	resp := &http.Response{
		StatusCode: http.StatusOK, Request: req,
		Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}},
	}
	body := s.list(req)
	if !s.calm {
		switch s.random.IntN(12) {
		case 0:
			return nil, errors.New("connection reset")
		case 1:
			resp.StatusCode, body = http.StatusServiceUnavailable, "{}"
		case 2:
			body = body[:s.random.IntN(len(body))]
		}
	}
	resp.Body = io.NopCloser(strings.NewReader(body))
	return resp, nil
}

// list returns the alerts of a window, or the alert with an id.
func (s *alertSimulation) list(req *http.Request) string {
	q, now := req.URL.Query(), time.Now().UnixMilli()
	number := func(text string) int64 { n, _ := strconv.ParseInt(text, 10, 64); return n }
	begin, end := 0, 0
	if pbid := max(number(q.Get("pbid")), number(path.Base(req.URL.Path))); pbid != 0 {
		begin = int(pbid - firstPBID)
		end = begin + 1
	} else if q.Get("creationtime") == "true" && q.Get("includeacknowledged") == "true" {
		from, to := number(q.Get("starttime")), number(q.Get("endtime"))
		begin = sort.Search(len(s.alerts), func(i int) bool { return s.alerts[i].made >= from })
		end = sort.Search(len(s.alerts), func(i int) bool { return s.alerts[i].made > to })
	}
	list := []byte{'['}
	for i := begin; i < end; i++ {
		alert := s.alerts[i]
		if alert.listed > now {
			continue
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(strconv.AppendInt(append(list, `{"pbid":`...), firstPBID+int64(i), 10), `,"creationTime":`...)
		list = append(strconv.AppendInt(list, alert.made, 10), `,"score":0.5}`...)
	}
	return string(append(list, ']'))
}

// TestBreachFeedSimulation follows many model alerts over failing responses, late
// listing, restarts, crashes and batches that are handled in part. Each alert comes
// once; one that was handled before a crash may come again, with the same key. With
// -long they are 50,000.
func TestBreachFeedSimulation(t *testing.T) {
	t.Parallel()
	n := 1000
	if *long {
		n = 50_000
	}
	const during = 10 * day // Sweeps of 7 days forget some of it.
	synctest.Test(t, func(t *testing.T) {
		s := newAlertSimulation(n, during)
		client := newClient(t, s, darktrace.WithRetryPolicy(darktrace.RetryPolicy{}), darktrace.WithLogger(slog.New(slog.DiscardHandler)))
		opts := &darktrace.BreachPollOptions{Since: time.Now()}
		var checkpoint *darktrace.Checkpoint
		keys, crashed := map[int64]string{}, map[int64]bool{}
		polls, repeated := 0, 0
		poll := func() bool {
			opts.Limit = []int{0, n / 500, n / 50}[s.random.IntN(3)]
			before := s.requests
			result, err := client.ModelBreaches.Poll(t.Context(), checkpoint, opts)
			require.NotNil(t, result, "%v", err)
			handled := len(result.Changes)
			crash := !s.calm && s.random.IntN(15) == 0
			if !crash && s.random.IntN(4) == 0 {
				handled = s.random.IntN(handled + 1)
			}
			for _, change := range result.Changes[:handled] {
				require.Equal(t, darktrace.EventNew, change.Kind)
				pbid := change.Breach.PBID
				if key, again := keys[pbid]; again {
					repeated++
					require.True(t, crashed[pbid], "alert %d comes again", pbid)
					require.Equal(t, key, change.Key)
				}
				keys[pbid], crashed[pbid] = change.Key, crash
			}
			polls++
			require.LessOrEqual(t, s.requests-before, 150+3*len(result.Changes), "requests of a Poll")
			if !crash {
				checkpoint = roundTrip(t, result.Taken(handled))
			}
			return (result.More || handled < len(result.Changes)) && err == nil
		}
		for end := time.Now().Add(during); time.Now().Before(end); {
			time.Sleep(time.Duration(s.random.Int64N(int64(time.Hour))))
			poll()
		}
		s.calm = true
		for range 8 {
			time.Sleep(day)
			for poll() {
			}
		}
		t.Logf("%d alerts, %d polls, %d requests: %d lost, %d repeated after crashes", n, polls, s.requests, n-len(keys), repeated)
		assert.Len(t, keys, n, "alerts that came")
		assert.NotZero(t, repeated, "crashes that repeat something")
	})
}
