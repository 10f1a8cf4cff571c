package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// pageTable is a table of the report.
type pageTable struct {
	Title   string
	Columns []pageColumn
	Rows    [][]pageCell
}

// pageColumn is a column: its head, and how its cells are set.
type pageColumn struct{ Name, Class string }

type pageCell struct {
	Text, Note, Link string
	Tags             []string
	Label, Class     string // of the column
}

func (c *pageCell) empty() bool { return c.Text == "" && c.Note == "" && len(c.Tags) == 0 }

// Classes of columns. Neither wraps, and numbers are on the right.
const (
	aTime   = "time"
	aNumber = "number"
)

func (t *pageTable) add(cells ...pageCell) {
	for i := range cells {
		cells[i].Label, cells[i].Class = t.Columns[i].Name, t.Columns[i].Class
	}
	t.Rows = append(t.Rows, cells)
}

// done leaves out columns that have nothing, and returns nil for a table without rows.
func (t *pageTable) done() *pageTable {
	if len(t.Rows) == 0 {
		return nil
	}
	for i := len(t.Columns) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(t.Rows, func(row []pageCell) bool { return !row[i].empty() }) {
			t.Columns = slices.Delete(t.Columns, i, i+1)
			for k := range t.Rows {
				t.Rows[k] = slices.Delete(t.Rows[k], i, i+1)
			}
		}
	}
	return t
}

// plain returns cells without links.
func plain(texts ...string) []pageCell {
	cells := make([]pageCell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	return cells
}

// devices lists the devices of the incident's events, first those with which it
// began. It counts the devices that took part and those that they were connected
// with.
func (j *job) devices(d *dossier, known names) (table *pageTable, took, connected int) {
	t := &pageTable{Title: "Devices and accounts", Columns: []pageColumn{
		{"Name", ""}, {"Part", aTime}, {"Address", aTime}, {"MAC", aTime}, {"Last seen (UTC)", aTime}, {"Tags", ""}, {"Id", aNumber},
	}}
	inventory := map[int64]*darktrace.Device{}
	for _, device := range d.devices {
		inventory[device.DID] = device
	}
	seen := map[int64]bool{0: true}
	add := func(did int64, role string) bool {
		if seen[did] {
			return false
		}
		seen[did] = true
		device, ok := known[did]
		if !ok {
			device.DID = did
		}
		row := plain(device.Name(), role, device.IP, device.MAC, "", "", fmt.Sprint(did))
		row[6].Link = j.client.DeviceURL(did)
		if more := inventory[did]; more != nil {
			_, last := more.Seen()
			row[0].Note = strings.Trim(cmp.Or(more.TypeLabel, more.TypeName)+", "+more.OS, ", ")
			row[2].Text, row[3].Text = cmp.Or(device.IP, more.IP), cmp.Or(device.MAC, more.MAC)
			row[4].Text, row[5].Tags = clock(last), tagNames(more.Tags)
		}
		t.add(row...)
		return true
	}
	for _, initial := range []bool{true, false} {
		for _, e := range d.Events {
			for _, device := range e.BreachDevices {
				role := map[bool]string{true: "where it began", false: "took part"}[initial]
				if slices.Contains(d.Incident.InitialDevices, device.DID) == initial && add(device.DID, role) {
					took++
				}
			}
		}
	}
	for _, edge := range d.edges() {
		for _, node := range []darktrace.Node{edge.Source, edge.Target} {
			if did, ok := node.Value.(darktrace.IntegerValue); ok && add(int64(did), "in contact") {
				connected++
			}
		}
	}
	return t.done(), took, connected
}

// alerts lists the model alerts of the events by time.
func (j *job) alerts(d *dossier) *pageTable {
	t := &pageTable{Title: "Model alerts", Columns: []pageColumn{
		{"Time (UTC)", aTime}, {"Score", aNumber}, {"Model", ""}, {"Event", ""}, {"State", ""}, {"Id", aNumber},
	}}
	states := map[int64]string{}
	for _, alert := range d.alerts {
		states[alert.PBID] = alertState(alert)
	}
	type related struct {
		darktrace.RelatedBreach

		event string
	}
	var all []related
	for _, e := range d.Events {
		for _, alert := range e.RelatedBreaches {
			all = append(all, related{alert, e.Title})
		}
	}
	slices.SortStableFunc(all, func(a, b related) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	for _, a := range all {
		row := plain(clock(a.Timestamp), oneDecimal(a.ThreatScore), a.ModelName, a.event, states[a.PBID], fmt.Sprint(a.PBID))
		row[5].Link = j.client.BreachURL(a.PBID)
		t.add(row...)
	}
	return t.done()
}

// actions lists what RESPOND did or proposes.
func (j *job) actions(d *dossier, known names) *pageTable {
	t := &pageTable{Title: "What RESPOND did", Columns: []pageColumn{
		{"State", aTime}, {"Began (UTC)", aTime}, {"Until (UTC)", aTime}, {"Action", ""}, {"Device", ""}, {"Why", ""}, {"Id", aNumber},
	}}
	for _, a := range d.actions {
		t.add(plain(string(a.State(j.now())), clock(a.Start), clock(a.Expires), actionName(a), known.of(a.DID, a.IP), actionReason(a), fmt.Sprint(a.CodeID))...)
	}
	return t.done()
}

// hosts lists the external hosts that the appliance knows.
func (d *dossier) hosts() *pageTable {
	t := &pageTable{Title: "Hosts outside", Columns: []pageColumn{
		{"Host", ""}, {"Address", aTime}, {"First seen (UTC)", aTime}, {"Place", ""}, {"Network", ""},
	}}
	for _, e := range d.endpoints {
		var addresses, places []string
		for _, address := range e.IPs {
			addresses = append(addresses, address.IP)
		}
		for _, location := range append([]darktrace.EndpointLocation{{City: e.City, Country: e.Country}}, e.Locations...) {
			if place := strings.Trim(location.City+", "+location.Country, ", "); place != "" && !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
		row := plain(cmp.Or(e.Hostname, e.IP), strings.Join(addresses, ", "), clock(e.FirstTime), strings.Join(places, "; "), e.ASN)
		if slices.ContainsFunc(row[1:], func(c pageCell) bool { return !c.empty() }) {
			t.add(row...)
		}
	}
	return t.done()
}

// others lists other open incidents of the devices.
func (j *job) others(d *dossier) *pageTable {
	t := &pageTable{Title: "Other open incidents of the same devices", Columns: []pageColumn{
		{"First event", ""}, {"Activity (UTC)", aTime}, {"Score", aNumber}, {"Category", ""},
	}}
	for _, g := range d.others {
		row := plain(cmp.Or(firstTitle(g), g.ID), clock(g.Start)+" – "+clock(g.End), oneDecimal(g.GroupScore), string(g.Category))
		row[0].Link = j.client.GroupURL(g.ID)
		t.add(row...)
	}
	return t.done()
}

func (d *dossier) comments() *pageTable {
	t := &pageTable{Title: "Comments", Columns: []pageColumn{{"Time (UTC)", aTime}, {"Who", ""}, {"Comment", ""}, {"Event", ""}}}
	for _, c := range d.Comments {
		t.add(plain(clock(c.Time), c.Username, c.Message, d.title(c.EventID))...)
	}
	return t.done()
}

// connections lists the edges of the graph, all of them.
func (d *dossier) connections(edges []darktrace.Edge, known names) *pageTable {
	t := &pageTable{Title: "Connections", Columns: []pageColumn{{"Time (UTC)", aTime}, {"From", ""}, {"To", ""}, {"What", ""}, {"Event", ""}}}
	for _, e := range edges {
		from, _, _ := known.ofNode(e.Source)
		to, _, _ := known.ofNode(e.Target)
		event := d.title(e.EventID)
		if event == e.Description {
			event = "" // A repeated title adds nothing.
		}
		t.add(plain(clock(e.Start), from, to, e.Description, event)...)
	}
	return t.done()
}
