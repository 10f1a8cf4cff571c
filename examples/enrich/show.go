package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/darktrace-go/darktrace"
)

// most is the most rows of a section, so that all sections fit on a screen.
const most = 6

// show prints an event and everything around it.
func show(out io.Writer, c *darktrace.Context, now time.Time) {
	e := c.Event
	fmt.Fprintf(out, "%s\n%s, score %.0f, created %s, incident %s\n", cell(e.Title), e.Category, float64(e.AIAScore), minute(e.CreatedAt), cell(e.CurrentGroup))

	rows := [][]string{}
	for _, b := range c.Breaches {
		rows = append(rows, []string{fmt.Sprint(b.PBID), minute(b.Time), fmt.Sprintf("%3.0f %%", 100*float64(b.Score)), severity(b), b.Model.Name(), state(b.Acknowledged)})
	}
	section(out, "Model alerts", rows)

	rows = nil
	for _, d := range c.Devices {
		_, seen := d.Seen()
		rows = append(rows, []string{fmt.Sprint(d.DID), d.Name(), d.IP, d.TypeLabel, "seen " + minute(seen), tags(d)})
	}
	section(out, "Devices", rows)

	rows = nil
	for _, g := range c.Incidents {
		rows = append(rows, []string{g.ID, fmt.Sprintf("%.0f", float64(g.GroupScore)), string(g.Category), fmt.Sprintf("%d events", len(g.Events)), "since " + minute(g.Start)})
	}
	section(out, "Other open incidents of these devices", rows)

	rows = nil
	for _, a := range c.Actions {
		rows = append(rows, []string{fmt.Sprint(a.CodeID), string(a.State(now)), a.Label, fmt.Sprintf("device %d", a.DID), "until " + minute(a.Expires)})
	}
	section(out, "RESPOND actions", rows)

	rows = nil
	for _, b := range c.Breaches {
		for _, entry := range c.Connections[b.PBID] {
			if l := entry.Connection; l != nil {
				rows = append(rows, []string{minute(l.Time), l.Source, "→ " + l.Destination, fmt.Sprintf("%s %d", l.ApplicationProtocol, l.DestinationPort), l.Status})
			}
		}
	}
	section(out, "Connections", rows)

	rows = nil
	for _, h := range c.Endpoints {
		first := "never seen before"
		if h.FirstTime != 0 {
			first = "first seen " + minute(h.FirstTime)
		}
		where := h.Country
		if len(h.Locations) > 0 {
			where = h.Locations[0].Country
		}
		rows = append(rows, []string{h.Hostname + h.IP, first, fmt.Sprintf("DGA score %.0f", float64(h.DGAScore)), where})
	}
	section(out, "External hosts", rows)

	rows = nil
	for _, m := range c.Missing {
		rows = append(rows, []string{fmt.Sprintf("%d %s", len(m.IDs), m.Part), m.Err.Error()})
	}
	for part, n := range c.LeftOut {
		rows = append(rows, []string{fmt.Sprintf("%d %s", n, part), "more than this program asks for"})
	}
	slices.SortFunc(rows, slices.Compare)
	section(out, "Not read", rows)
}

// section prints rows below a title, or nothing if there are no rows.
func section(out io.Writer, title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s (%d)\n", title, len(rows))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows[:min(len(rows), most)] {
		for i, text := range row {
			row[i] = cell(text)
		}
		fmt.Fprintln(w, "  "+strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	_ = w.Flush()
	if more := len(rows) - most; more > 0 {
		fmt.Fprintf(out, "  and %d more\n", more)
	}
}

// cell returns a text on one line, without characters that control a terminal.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

func minute(m darktrace.Millis) string {
	if m == 0 {
		return "unknown"
	}
	return m.Time().Format("2006-01-02 15:04")
}

func severity(b *darktrace.ModelBreach) string {
	if b.Model.Then == nil {
		return ""
	}
	return string(b.Model.Then.EffectiveCategory())
}

func state(acknowledged *bool) string {
	switch {
	case acknowledged == nil:
		return ""
	case *acknowledged:
		return "acknowledged"
	}
	return "open"
}

func tags(d *darktrace.Device) string {
	var names []string
	for _, tag := range d.Tags {
		names = append(names, tag.Name)
	}
	return strings.Join(names, ", ")
}
