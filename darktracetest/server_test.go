package darktracetest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

// recorder is a testing.TB that continues after Fatalf.
type recorder struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, a ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, a...))
}
func (r *recorder) Fatal(a ...any) { panic(fmt.Sprint(a...)) }

func TestTBFailsOnRefusedRequests(t *testing.T) {
	t.Parallel()
	tb := &recorder{TB: t}
	w := newWire(t, darktracetest.WithTB(tb))
	w.get(groupsPath, "")
	w.get("/nowhere", "")
	w.form("/aianalyst/pin", "")
	assert.Empty(t, tb.errors, "the test itself may still be running")
	require.Len(t, tb.cleanups, 1)
	tb.cleanups[0]()
	assert.Equal(t, []string{
		"darktracetest: refused: GET /nowhere: unknown endpoint: 7.1 has no such endpoint",
		`darktracetest: refused: POST /aianalyst/pin: INPUT ERROR: there is no uuid in the form`,
	}, tb.errors)
	_, err := w.try(message{path: groupsPath})
	assert.Error(t, err, "the server is closed")
}

func TestTBFailsOnFaultsThatMetNoRequest(t *testing.T) {
	t.Parallel()
	tb := &recorder{TB: t}
	w := newWire(t, darktracetest.WithTB(tb))
	w.srv.Inject(
		darktracetest.BadGateway().On("POST", "aianalyst/acknowledge").Next(1),
		darktracetest.Fault{Method: "GET", Path: groupsPath, Status: 503, Skip: 1, Times: 1},
		darktracetest.Fault{Path: groupsPath, Status: 503, Times: 2},
		darktracetest.Fault{Path: eventsPath, Status: 503},
	)
	w.srv.Inject(darktracetest.Fault{Path: eventsPath, Times: 1})() // Removed.
	assert.Equal(t, http.StatusServiceUnavailable, w.get(groupsPath, "").status)
	tb.cleanups[0]()
	assert.Equal(t, []string{
		`darktracetest: a fault for the next requests met none: Method "POST", Path "aianalyst/acknowledge"`,
		`darktracetest: a fault for the next requests met none: Method "GET", Path "/aianalyst/groups"`,
	}, tb.errors)
}

func TestIntendedRefusalsCanBeForgotten(t *testing.T) {
	t.Parallel()
	tb := &recorder{TB: t}
	w := newWire(t, darktracetest.WithTB(tb))
	w.get("/nowhere", "")
	w.srv.ResetRequests()
	tb.cleanups[0]()
	assert.Empty(t, tb.errors)
}

func TestMisusedHelpersEndTheTest(t *testing.T) {
	t.Parallel()
	for name, misuse := range map[string]func(*darktracetest.Server){
		"event":   func(s *darktracetest.Server) { s.SetField("none", "title", "") },
		"master":  func(s *darktracetest.Server) { s.SetMaster("none", 1) },
		"comment": func(s *darktracetest.Server) { s.AddComment("none", "", "") },
		"id":      func(s *darktracetest.Server) { s.SetField("a", "id", "b") },
		"group":   func(s *darktracetest.Server) { s.SetGroup("gnone", 1, "critical") },
		"pin":     func(s *darktracetest.Server) { s.SetGroupPinned("gnone", true) },
		"ack":     func(s *darktracetest.Server) { s.SetGroupAcknowledged("gnone", true) },
		"token":   func(s *darktracetest.Server) { s.SetPermissions("none") },
		"remove":  func(s *darktracetest.Server) { s.Remove("none") },
		"merge":   func(s *darktracetest.Server) { s.Merge("gnone", "ga") },
		"itself":  func(s *darktracetest.Server) { s.Merge("ga", "ga") },
		"into":    func(s *darktracetest.Server) { s.Merge("ga", "gnone") },
	} {
		for _, opts := range [][]darktracetest.Option{nil, {darktracetest.WithTB(&recorder{TB: t})}} {
			srv := darktracetest.NewServer(append(opts, darktracetest.InMemory())...)
			require.NoError(t, srv.AddEventsJSON([]byte(`{"id":"a"}`)))
			assert.Panics(t, func() { misuse(srv) }, name)
			require.NoError(t, srv.AddEventsJSON([]byte(`{"id":"b"}`)), "%s: nothing stays locked", name)
			srv.Close()
		}
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	var seen []string
	w := newWire(t, darktracetest.WithObserver(func(r darktracetest.Request) { seen = append(seen, r.String()) }))
	w.get(groupsPath, "uuid=a")
	w.get("/nowhere", "")
	assert.Equal(t, []string{
		"GET /aianalyst/groups?uuid=a: accepted", "GET /nowhere: unknown endpoint: 7.1 has no such endpoint",
	}, seen)
	assert.Empty(t, w.srv.Requests())
}

func TestRequestsRecordWhatWasSent(t *testing.T) {
	t.Parallel()
	w, noon := atNoon(t)
	w.send(message{
		method: "POST", path: "/aianalyst/%70in", query: "x=%41", body: "uuid=%2C", contentType: "text/plain", header: http.Header{"X-Y": {"z"}},
	})
	r := w.last()
	assert.Equal(t, noon, r.Time)
	assert.Equal(t, []string{"POST", "/aianalyst/%70in", "x=%41", "uuid=%2C"}, []string{r.Method, r.Path, r.RawQuery, string(r.Body)})
	assert.Equal(t, "A", r.Query.Get("x"))
	assert.Equal(t, "z", r.Header.Get("X-Y"))
	assert.Equal(t, http.StatusFound, r.Status)
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for i, name := range darktracetest.Profiles() {
		for _, text := range []string{name, "V" + name, "v" + strings.ReplaceAll(name, ".", "")} {
			p, err := darktracetest.ParseProfile(text)
			require.NoError(t, err)
			assert.Equal(t, name, p.String())
			assert.Equal(t, darktracetest.V52+darktracetest.Profile(i), p)
		}
	}
	_, err := darktracetest.ParseProfile("8")
	require.ErrorContains(t, err, "5.2, 6.0, 6.1, 7.0, 7.1")
	assert.Equal(t, "Profile(0)", darktracetest.Profile(0).String())
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"localhost:0", "127.0.0.1:0"} {
		w := newWire(t, darktracetest.WithAddr(addr))
		assert.Equal(t, http.StatusOK, w.get(groupsPath, "").status, addr)
	}
	for _, addr := range []string{":0", "0.0.0.0:0"} {
		for _, opts := range [][]darktracetest.Option{nil, {darktracetest.WithHTTP()}} {
			w := newWire(t, append(opts, darktracetest.WithAddr(addr))...)
			assert.Contains(t, w.srv.URL, "://127.0.0.1:")
			assert.Equal(t, http.StatusOK, w.get(groupsPath, "").status, addr)
		}
	}
	_, err := darktracetest.Start(darktracetest.WithAddr("nowhere"))
	assert.Error(t, err)
}

// raw writes bytes to the server and returns the status of its response.
func raw(t *testing.T, srv *darktracetest.Server, text string) (int, error) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithHTTP())
	date := w.srv.Now().UTC().Format("2006-01-02 15:04:05")
	headers := "\r\nHost: x\r\nDTAPI-Token: " + w.public + "\r\nDTAPI-Date: " + date + "\r\nDTAPI-Signature: "
	end := "\r\nConnection: close\r\n"

	status, err := raw(t, w.srv, "GET http://x/aianalyst/groups HTTP/1.1"+headers+w.sign(groupsPath, date)+end+"\r\n")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status, "in the form that proxies are sent")

	status, err = raw(t, w.srv, "GET /aianalyst/groups?x=%zz HTTP/1.1"+headers+w.sign(groupsPath+"?x=%zz", date)+end+"\r\n")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status, "a query that can't be decoded is signed as sent")

	_, err = raw(t, w.srv, "POST /aianalyst/pin HTTP/1.1"+headers+"x\r\nTransfer-Encoding: chunked\r\n"+end+"\r\nnonsense\r\n")
	require.Error(t, err, "there is no response to half a request")
	assert.Equal(t, darktracetest.NeverProcessed, w.last().Verdict)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	require.NoError(t, w.srv.AddEventsJSON(darktracetest.IncidentsJSON(1, 20)))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				w.srv.Inject(darktracetest.Fault{Status: 503}.Next(1))
				for _, m := range []message{
					{path: eventsPath}, {path: groupsPath},
					{method: "POST", path: "/aianalyst/pin", body: "uuid=a", contentType: "application/x-www-form-urlencoded"},
				} {
					_, err := w.try(m)
					assert.NoError(t, err)
				}
				w.srv.SetClockOffset(0)
			}
		})
		w.add("a", `"title":""`)
	}
	all.Wait()
	assert.Len(t, w.srv.Requests(), 8*20*3)
}
