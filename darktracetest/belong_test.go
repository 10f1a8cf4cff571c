package darktracetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

// Incidents, alerts, devices and tags belong together.
func TestWhatAnEventPointsToCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWire(t, darktracetest.WithTB(t))
	read := func(path, query string) (o map[string]any) {
		r := w.get(path, query)
		require.Equal(t, http.StatusOK, r.status, "%s?%s", path, query)
		require.NoError(t, json.Unmarshal([]byte(r.body), &o), r.body)
		return o
	}
	tagged := 0
	events := darktracetest.Incidents(3, 16)
	for i, part := range [][2]int{{0, 8}, {8, 16}} { // Events that come later too.
		w.srv.AddEvents(events[part[0]:part[1]]...)
		for _, e := range events[part[0]:part[1]] {
			for _, d := range e.BreachDevices {
				device := read("/devices", fmt.Sprintf("did=%d", d.DID))
				assert.Equal(t, d.Hostname, device["hostname"], "part %d", i)
				if r := w.get("/tags/entities", fmt.Sprintf("did=%d", d.DID)); r.body != "[]" {
					tagged++
				}
			}
			for _, b := range e.RelatedBreaches {
				alert := read(fmt.Sprintf("/modelbreaches/%d", b.PBID), "deviceattop=true")
				assert.InDelta(t, float64(b.PBID), alert["pbid"], 0)
				assert.InDelta(t, float64(b.ThreatScore)/100, alert["score"], 0.001)
				if len(e.BreachDevices) > 0 {
					assert.InDelta(t, float64(e.BreachDevices[0].DID), alert["device"].(map[string]any)["did"], 0)
				}
			}
		}
	}
	assert.Positive(t, tagged, "some devices have tags")
}

// A device is what its name says, a model has one category, and alerts come in the
// order of time.
func TestWhatEventsPointToIsBelievable(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer(darktracetest.WithTB(t))
	srv.AddEvents(darktracetest.Incidents(7, 40)...)
	types := map[string]string{"ws": "Desktop", "laptop": "Laptop", "srv": "Server", "dc": "Server", "printer": "Printer"}
	for device, err := range srv.Client().Devices.SearchAll(t.Context(), &darktrace.DeviceSearchOptions{Query: darktrace.DeviceQuery{Hostname: []string{"*.example.com"}}}) {
		require.NoError(t, err)
		prefix, _, _ := strings.Cut(device.Hostname, "-")
		assert.Equal(t, types[prefix], device.TypeLabel, device.Hostname)
	}
	var last darktrace.Millis
	categories := map[string]darktrace.Category{}
	for alert, err := range srv.Client().ModelBreaches.All(t.Context(), &darktrace.BreachListOptions{Start: srv.Now().AddDate(0, 0, -14), End: srv.Now()}) {
		require.NoError(t, err)
		assert.GreaterOrEqual(t, alert.Time, last)
		name, category := alert.Model.Name(), alert.Model.Then.Category
		if known := categories[name]; known != "" {
			assert.Equal(t, known, category, name)
		}
		last, categories[name] = alert.Time, category
	}
	assert.NotEmpty(t, categories)
	actions, err := srv.Client().Antigena.ListActions(t.Context(), nil)
	require.NoError(t, err)
	for _, action := range actions {
		device, err := srv.Client().Devices.Get(t.Context(), action.DID)
		require.NoError(t, err)
		assert.NotEqual(t, "SaaS Provider", device.TypeLabel, "an account can't be quarantined")
	}
}
