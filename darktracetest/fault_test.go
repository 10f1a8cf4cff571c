package darktracetest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestFaultResponses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault       darktracetest.Fault
		status      int
		body        string
		contentType string
		header      http.Header
	}{
		"429": {
			darktracetest.TooManyRequests(90 * time.Second), 429, `{"error":"Too Many Requests"}`, "application/json; charset=utf-8",
			http.Header{"Retry-After": {"90"}},
		},
		"503": {darktracetest.Fault{Status: 503}, 503, "", "application/json; charset=utf-8", nil},
		"date": {
			darktracetest.Fault{Header: http.Header{"Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}}}, 200, "[]",
			"application/json; charset=utf-8", http.Header{"Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}},
		},
		"redirect": {
			darktracetest.Fault{Status: 302, Header: http.Header{"Location": {"https://login.example.com/"}}}, 302, "",
			"application/json; charset=utf-8", http.Header{"Location": {"https://login.example.com/"}},
		},
		"login page": {
			darktracetest.LoginPage(), 200,
			"<!DOCTYPE html><html><head><title>Log In | Darktrace</title></head><body><form></form></body></html>", "text/html; charset=utf-8", nil,
		},
		"mislabelled":  {darktracetest.Fault{ContentType: "text/plain"}, 200, "[]", "text/plain", nil},
		"invalid JSON": {darktracetest.Fault{Body: `[{"id":}]`}, 200, `[{"id":}]`, "application/json; charset=utf-8", nil},
		"truncated":    {darktracetest.Fault{Truncate: true}, 200, "[", "application/json; charset=utf-8", nil},
		"nothing":      {darktracetest.Fault{}, 200, "[]", "application/json; charset=utf-8", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, darktracetest.WithTB(t))
			w.srv.Inject(tt.fault.Next(1))
			r := w.get(eventsPath, "")
			assert.Equal(t, tt.status, r.status)
			assert.Equal(t, tt.body, r.body)
			assert.Equal(t, tt.contentType, r.header.Get("Content-Type"))
			for key := range tt.header {
				assert.Equal(t, tt.header[key], r.header[key])
			}
			assert.Equal(t, darktracetest.Accepted, w.last().Verdict)
			assert.Equal(t, tt.status, w.last().Status)
			assert.True(t, w.last().Faulted)
			assert.Equal(t, "[]", w.get(eventsPath, "").body)
			assert.False(t, w.last().Faulted)
		})
	}
}

func TestFaultsMatch(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithPathPrefix("p"))
	remove := w.srv.Inject(
		darktracetest.Fault{Method: "POST", Status: 500},
		darktracetest.Fault{Path: groupsPath, Status: 501, Skip: 1, Times: 2},
		darktracetest.Fault{Path: "/aianalyst/inc*", Status: 502},
		darktracetest.Fault{Status: 503}.On("GET", groupsPath).Next(1),
	)
	status := func(path string) int { return w.get(path, "").status }
	assert.Equal(t, []int{503, 501, 501, 200, 200}, []int{
		status(groupsPath), status(groupsPath), status(groupsPath), status(groupsPath), status(groupsPath),
	})
	assert.Equal(t, 502, status(eventsPath))
	assert.Equal(t, 502, status(commentsPath))
	assert.Equal(t, 500, w.form("/aianalyst/pin", "uuid=a").status)
	remove()
	assert.Equal(t, 200, status(eventsPath))
}

func TestFaultsDoNotHideBadSignatures(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.srv.Inject(darktracetest.Fault{Status: 503})
	assert.Equal(t, 503, w.send(message{path: groupsPath, signature: "x"}).status)
	assert.Equal(t, darktracetest.BadSignature, w.last().Verdict)
	assert.Len(t, w.srv.Unexpected(), 1)
}

func TestCarriedOutOrNot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  darktracetest.Fault
		status int // 0: no response
		done   bool
	}{
		"503":                        {darktracetest.Fault{Status: 503}, 503, false},
		"502, carried out":           {darktracetest.BadGateway(), 502, true},
		"200 with other body":        {darktracetest.Fault{Body: "{}", CarryOut: true}, 200, true},
		"endless":                    {darktracetest.Fault{Endless: true, Truncate: true, After: 9}, 200, false},
		"login page":                 {darktracetest.LoginPage(), 200, false},
		"cut before read":            {darktracetest.Fault{Cut: darktracetest.CutBeforeRead}, 0, false},
		"cut before response":        {darktracetest.Fault{Cut: darktracetest.CutBeforeResponse}, 0, false},
		"cut before response, after": {darktracetest.Fault{Cut: darktracetest.CutBeforeResponse, CarryOut: true}, 0, true},
		"cut in body":                {darktracetest.Fault{Cut: darktracetest.CutInBody}, 0, true},
		"cut after body":             {darktracetest.Fault{Cut: darktracetest.CutAfterBody}, 200, true},
		"wrong clock":                {darktracetest.Fault{ClockOffset: -time.Hour}, 400, false},
	} {
		for transport, opt := range map[string]darktracetest.Option{
			"memory": darktracetest.InMemory(), "http": darktracetest.WithHTTP(), "http2": darktracetest.WithHTTP2(),
		} {
			t.Run(name+" "+transport, func(t *testing.T) {
				t.Parallel()
				w := newWire(t, opt)
				w.add("a", `"title":""`)
				w.srv.Inject(tt.fault.On("POST", "").Next(1))
				r, err := w.try(message{
					method: "POST", path: "/aianalyst/acknowledge", body: "uuid=a", contentType: "application/x-www-form-urlencoded",
				})
				if tt.status == 0 {
					assert.Error(t, err)
				} else {
					require.NoError(t, err)
					assert.Equal(t, tt.status, r.status)
				}
				assert.Equal(t, tt.done, w.field("a", "acknowledged") == true)
				assert.Equal(t, tt.done, w.last().CarriedOut)
				assert.Empty(t, w.srv.Unexpected(), "what a fault provoked is not the client's fault")
				w.client.CloseIdleConnections() // The client would reuse the connection that was cut.
				assert.Equal(t, 200, w.get(eventsPath, "").status, "the server goes on")
			})
		}
	}
}

func TestCutAndTruncatedBodies(t *testing.T) {
	t.Parallel()
	for _, gzipped := range []bool{false, true} {
		w := newWire(t)
		require.NoError(t, w.srv.AddEventsJSON(darktracetest.IncidentsJSON(1, 30)))
		whole := w.get(eventsPath, "").body
		for name, f := range map[string]darktracetest.Fault{
			"half": {Cut: darktracetest.CutInBody}, "9": {Cut: darktracetest.CutInBody, After: 9},
			"truncated half": {Truncate: true}, "truncated 9": {Truncate: true, After: 9},
		} {
			f.Gzip = gzipped
			w.srv.Inject(f.Next(1))
			r, err := w.try(message{path: eventsPath})
			if f.Truncate {
				require.NoError(t, err, name)
			} else {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			}
			length := len(whole) / 2
			if f.After > 0 {
				length = f.After
			}
			if f.Truncate || !gzipped {
				assert.Equal(t, whole[:length], r.body, name)
			}
		}
		w.srv.Inject(darktracetest.Fault{Cut: darktracetest.CutAfterBody, Gzip: gzipped}.Next(1))
		r, err := w.try(message{path: eventsPath})
		if !gzipped {
			require.NoError(t, err)
		}
		assert.Equal(t, whole, r.body)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]*wire{"option": newWire(t, darktracetest.WithGzip()), "fault": newWire(t)} {
		require.NoError(t, w.srv.AddEventsJSON(darktracetest.IncidentsJSON(1, 5)))
		if name == "fault" {
			w.srv.Inject(darktracetest.Fault{Gzip: true})
		}
		r := w.send(message{path: eventsPath, header: http.Header{"Accept-Encoding": {"gzip"}}})
		assert.Equal(t, "gzip", r.header.Get("Content-Encoding"))
		z, err := gzip.NewReader(strings.NewReader(r.body))
		require.NoError(t, err)
		plain, err := io.ReadAll(z)
		require.NoError(t, err)
		r = w.send(message{path: eventsPath, header: http.Header{"Accept-Encoding": {"identity"}}})
		assert.Empty(t, r.header.Get("Content-Encoding"))
		assert.Equal(t, r.body, string(plain))
	}
}

func TestEndlessBodies(t *testing.T) {
	t.Parallel()
	for start, f := range map[string]darktracetest.Fault{
		`[{"id":"00000000-0000-4000-8000-000000000000"},{"id":`: {Endless: true},
		`abcabcabc`: {Endless: true, Body: "abc", ContentType: "text/html"},
		`abcabcab`:  {Endless: true, Body: "abc", Gzip: true},
	} {
		w := newWire(t)
		w.srv.Inject(f)
		resp, err := w.client.Do(w.request(message{path: eventsPath}))
		require.NoError(t, err)
		head := make([]byte, len(start))
		_, err = io.ReadFull(resp.Body, head)
		require.NoError(t, err)
		assert.Equal(t, start, string(head))
		n, err := io.CopyN(io.Discard, resp.Body, 1<<20)
		require.NoError(t, err)
		assert.Equal(t, int64(1<<20), n)
		require.NoError(t, resp.Body.Close())
	}
	w := newWire(t)
	w.srv.Inject(darktracetest.Fault{Endless: true, Body: "abc", Truncate: true, After: 1000, Times: 1})
	assert.Len(t, w.get(eventsPath, "").body, 1000)
}

func TestSlowResponsesInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, darktracetest.InMemory())
		w.add("a", `"title":""`)
		began := time.Now()
		took := func() time.Duration { d := time.Since(began); began = time.Now(); return d }

		w.srv.Inject(darktracetest.Fault{Delay: time.Hour, Times: 1})
		assert.Equal(t, []string{"a"}, w.ids(eventsPath, "uuid=a"))
		assert.Equal(t, time.Hour, took())

		w.srv.Inject(darktracetest.Fault{Drip: time.Minute, DripSize: 1, Body: "0123456789", Times: 1})
		assert.Equal(t, "0123456789", w.get(eventsPath, "").body)
		assert.Equal(t, 9*time.Minute, took())

		w.srv.Inject(darktracetest.Fault{Drip: time.Minute, Body: strings.Repeat("x", 33), Times: 1})
		assert.Len(t, w.get(eventsPath, "").body, 33)
		assert.Equal(t, 2*time.Minute, took())

		// Carried out, but the response is too late.
		w.srv.Inject(darktracetest.Fault{Delay: time.Hour, Times: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := w.request(message{method: "POST", path: "/aianalyst/pin", body: "uuid=a", contentType: "application/x-www-form-urlencoded"})
		resp, err := w.client.Do(r.WithContext(ctx))
		if !assert.ErrorIs(t, err, context.DeadlineExceeded) {
			require.NoError(t, resp.Body.Close())
		}
		assert.Equal(t, time.Minute, took())
		assert.Equal(t, true, w.field("a", "pinned"))

		// The client leaves in the middle of a drip; nothing stays behind.
		w.srv.Inject(darktracetest.Fault{Drip: time.Hour, Times: 1})
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		resp, err = w.client.Do(w.request(message{path: eventsPath, query: "uuid=a"}).WithContext(ctx))
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		assert.Equal(t, time.Minute, took())
	})
}

func TestFaultsOfWhatStandsInBetween(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	w.add("a", `"title":""`)
	plain := w.get(eventsPath, "").body

	w.srv.Inject(darktracetest.Fault{DateOffset: 26 * time.Hour, Times: 1})
	r := w.get(eventsPath, "")
	date, err := http.ParseTime(r.header.Get("Date"))
	require.NoError(t, err)
	assert.InDelta(t, 26*time.Hour, time.Until(date), float64(time.Minute))
	assert.Equal(t, darktracetest.Accepted, w.last().Verdict, "the appliance's own clock is right")

	w.srv.Inject(darktracetest.Fault{BOM: true, Times: 1})
	assert.Equal(t, "\ufeff"+plain, w.get(eventsPath, "").body)

	for _, undeclared := range []bool{false, true} {
		w.srv.Inject(darktracetest.Fault{GzipAnyway: true, Undeclared: undeclared, Times: 1})
		m := message{path: eventsPath, header: http.Header{"Accept-Encoding": {"identity"}}}
		r = w.send(m)
		assert.Equal(t, !undeclared, r.header.Get("Content-Encoding") == "gzip")
		unzipped, err := gzip.NewReader(strings.NewReader(r.body))
		require.NoError(t, err)
		body, err := io.ReadAll(unzipped)
		require.NoError(t, err)
		assert.Equal(t, plain, string(body))
	}

	h2 := newWire(t, darktracetest.WithHTTP2())
	h2.add("a", `"title":""`)
	for code, name := range map[darktracetest.ResetCode]string{
		0: "INTERNAL_ERROR", darktracetest.InternalError: "INTERNAL_ERROR", darktracetest.ProtocolError: "PROTOCOL_ERROR",
	} {
		h2.srv.Inject(darktracetest.Fault{Method: "POST", Cut: darktracetest.CutInBody, After: 1, ResetCode: code, Times: 1})
		_, err = h2.try(message{method: "POST", path: "/aianalyst/acknowledge", body: "uuid=a", contentType: "application/x-www-form-urlencoded"})
		require.ErrorContains(t, err, "stream error")
		assert.ErrorContains(t, err, name)
		assert.True(t, h2.last().CarriedOut)
		assert.Contains(t, h2.get(eventsPath, "uuid=a").body, `"acknowledged":true`, "the connection goes on")
	}
	assert.Contains(t, h2.get(eventsPath, "uuid=a&includeincidenteventurl=true").body, `"incidentEventUrl":"https://`)

	// net/http sends a refused request again.
	h2.srv.ResetRequests()
	h2.srv.Inject(darktracetest.Fault{Cut: darktracetest.CutBeforeResponse, ResetCode: darktracetest.RefusedStream, Times: 1})
	assert.Equal(t, http.StatusOK, h2.get(eventsPath, "").status)
	assert.Len(t, h2.srv.Requests(), 2)
}

func TestSwitchingProtocolsStalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, darktracetest.InMemory())
		w.srv.Inject(darktracetest.SwitchingProtocols().Next(2))
		for _, leave := range []func(*http.Response) error{
			func(resp *http.Response) error { return resp.Body.Close() },
			func(*http.Response) error { w.srv.Close(); return nil },
		} {
			resp, err := w.client.Do(w.request(message{path: eventsPath}))
			require.NoError(t, err)
			assert.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
			read := make(chan error, 1)
			go func() {
				_, err := resp.Body.Read(make([]byte, 1))
				read <- err
			}()
			time.Sleep(time.Hour)
			assert.Empty(t, read, "nothing comes")
			require.NoError(t, leave(resp))
			assert.Error(t, <-read)
			_ = resp.Body.Close()
		}
	})
}

func TestCloseWaitsForHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leave, finished, closed := make(chan struct{}), false, false
		srv := darktracetest.NewServer(darktracetest.InMemory(), darktracetest.WithObserver(func(darktracetest.Request) {
			<-leave
			finished = true
		}))
		go func() {
			resp, err := srv.HTTPClient().Get(srv.URL) //nolint:noctx // The server ends it.
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		synctest.Wait()
		go func() {
			srv.Close()
			closed = finished
		}()
		synctest.Wait()
		assert.False(t, closed)
		close(leave)
		synctest.Wait()
		assert.True(t, closed)
		srv.Close()
	})
}

func TestCloseEndsDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, darktracetest.InMemory())
		w.srv.Inject(darktracetest.Fault{Delay: time.Hour})
		began := time.Now()
		time.AfterFunc(time.Second, w.srv.Close)
		_, err := w.try(message{path: eventsPath})
		require.Error(t, err)
		assert.Equal(t, time.Second, time.Since(began))
		_, err = w.try(message{path: eventsPath})
		assert.True(t, err != nil && !errors.Is(err, context.DeadlineExceeded))
	})
}

func TestDialInMemoryHonoursItsContext(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.InMemory())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	resp, err := w.client.Do(w.request(message{path: eventsPath}).WithContext(ctx))
	if !assert.ErrorIs(t, err, context.Canceled) {
		require.NoError(t, resp.Body.Close())
	}
}

func TestDroppedConfirmsAndDoesNothing(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(1, 1)...)
	id := darktracetest.Incidents(1, 1)[0].ID
	srv.Inject(darktracetest.Dropped().On(http.MethodPost, "/aianalyst/acknowledge").Next(1))
	if err := srv.Client().AIAnalyst.Acknowledge(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if srv.Event(id).Acknowledged {
		t.Error("the write was carried out")
	}
}
