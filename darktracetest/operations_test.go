package darktracetest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace/darktracetest"
)

// delete sends a DELETE.
func (w *wire) delete(path, query string) reply {
	w.tb.Helper()
	return w.send(message{method: http.MethodDelete, path: path, query: query})
}

// names returns one member of each object in a list, as text.
func (w *wire) names(body, key string) []string {
	w.tb.Helper()
	var list []map[string]any
	require.NoError(w.tb, json.Unmarshal([]byte(body), &list), body)
	var names []string
	for _, o := range list {
		name, _ := o[key].(string)
		names = append(names, name)
	}
	return names
}

func TestOperationsAreListedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range darktracetest.Operations() {
		assert.False(t, seen[o.Method+" "+o.Path], "%s %s is there twice", o.Method, o.Path)
		seen[o.Method+" "+o.Path] = true
		assert.NotEmpty(t, o.Permissions, o.Path)
		assert.GreaterOrEqual(t, o.Since, darktracetest.V52, o.Path)
	}
	assert.True(t, seen["GET /aianalyst/groups"])
	assert.True(t, seen["DELETE /tags/{tid}"])
}

func TestEveryOperationRefusesOtherPermissions(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	for _, o := range darktracetest.Operations() {
		for _, needed := range o.Permissions {
			var others []darktracetest.Permission
			for _, p := range darktracetest.AllPermissions() {
				if !strings.Contains(string(mustJSON(t, needed)), `"`+string(p)+`"`) {
					others = append(others, p)
				}
			}
			w.srv.SetPermissions(w.public, others...)
			path := strings.NewReplacer("{", "", "}", "").Replace(o.Path)
			assert.Equal(t, http.StatusForbidden, w.send(message{method: o.Method, path: path}).status, "%s %s", o.Method, o.Path)
			assert.Contains(t, w.last().Reason, string(needed[0]))
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	for path, member := range map[string]string{"/status": "version", "/summarystatistics": "devicecount"} {
		assert.Contains(t, w.get(path, "").body, `"`+member+`":`)
		cut := w.get(path, "responsedata="+member)
		var o map[string]any
		require.NoError(t, json.Unmarshal([]byte(cut.body), &o))
		assert.Len(t, o, 1, "cut to what was asked for")
		assert.Equal(t, "{}", w.get(path, "responsedata=nothing").body)
	}
	require.NoError(t, w.srv.SetCollection("status", []byte(`{"version":"6.2.1 (0a0b0c0d)"}`)))
	assert.Equal(t, `{"version":"6.2.1 (0a0b0c0d)"}`, w.get("/status", "").body)
	assert.Error(t, w.srv.SetCollection("status", []byte(`[1]`)))
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	all := w.names(w.get("/tags", "").body, "name")
	assert.Contains(t, all, "Admin")
	assert.Contains(t, w.get("/tags/9", "").body, `"name":"Admin"`)
	assert.Contains(t, w.get("/tags", "tag=Active%20Threat").body, `{"tid":31,`, "one object, no list")
	assert.JSONEq(t, `{"tid":9,"name":"Admin"}`, w.get("/tags/9", "responsedata=tid,name").body)
	for _, unknown := range []reply{w.get("/tags/4711", ""), w.get("/tags", "tag=None")} {
		assert.Equal(t, http.StatusNotFound, unknown.status)
	}

	made := w.json("/tags", `{"name":"Mine","data":{"color":7}}`)
	assert.JSONEq(t, `{"tid":119,"expiry":0,"thid":0,"name":"Mine","restricted":false,"data":{"color":7},"isReferenced":false}`, made.body)
	assert.True(t, w.last().CarriedOut)
	assert.Contains(t, string(w.srv.Collection("tags")), `"name":"Mine"`)
	assert.Contains(t, w.get("/tags/119", "").body, `"name":"Mine"`)
	assert.JSONEq(t, `{"response":"SUCCESS"}`, w.delete("/tags/119", "").body)
	assert.True(t, w.last().CarriedOut)
	assert.Equal(t, all, w.names(w.get("/tags", "").body, "name"))
	assert.Empty(t, w.srv.Unexpected())

	assert.Equal(t, http.StatusNotFound, w.delete("/tags/119", "").status)
	assert.Equal(t, darktracetest.Failed, w.last().Verdict)
	for _, bad := range []reply{w.json("/tags", `{"name":"Admin"}`), w.json("/tags", `{}`), w.json("/tags", `[`), w.form("/tags", "name=x")} {
		assert.Equal(t, http.StatusBadRequest, bad.status)
		assert.JSONEq(t, `{"tags":"INPUT ERROR"}`, bad.body)
	}
	w.srv.ResetRequests()

	other := newWire(t)
	assert.Equal(t, all, other.names(other.get("/tags", "").body, "name"), "each server has its own")
}

func TestADeleteThatTheGatewayLoses(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	w.srv.Inject(darktracetest.BadGateway().On("DELETE", "/tags/*").Next(1))
	assert.Equal(t, http.StatusBadGateway, w.delete("/tags/117", "").status)
	assert.Equal(t, http.StatusNotFound, w.get("/tags/117", "").status, "carried out all the same")
}

func TestHandle(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithPathPrefix("/tenant"))
	w.srv.Handle("POST /new/{id}", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.srv.AddEvents() // The server is not locked.
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		rw.Header().Set("X-Id", r.PathValue("id"))
		rw.WriteHeader(http.StatusCreated)
		rw.WriteHeader(http.StatusOK)
		_, _ = rw.Write(append([]byte(r.URL.String()+" "), body...)) //nolint:gosec // No browser reads it.
	}))
	w.srv.Handle("GET /tags", http.RedirectHandler("/elsewhere", http.StatusFound))
	r := w.json("/new/7%2F8", `{}`)
	assert.Equal(t, http.StatusCreated, r.status)
	assert.Equal(t, "7/8", r.header.Get("X-Id"))
	assert.Equal(t, "/new/7%2F8 {}", r.body)
	assert.True(t, w.last().CarriedOut)
	assert.Equal(t, "/elsewhere", w.get("/tags", "").header.Get("Location"), "in place of its own")

	assert.Equal(t, http.StatusBadRequest, w.send(message{method: "POST", path: "/new/7", body: "{}", signature: "no"}).status)
	w.srv.Inject(darktracetest.Fault{Path: "/new/*", Status: http.StatusServiceUnavailable, Times: 1})
	assert.Equal(t, http.StatusServiceUnavailable, w.json("/new/7", `{}`).status)
	assert.False(t, w.last().CarriedOut)
	assert.Equal(t, http.StatusFound, w.get("/new/7", "").status, "another method")
}
