package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/darktrace-go/darktrace"
)

// printer prints the results as text.
type printer struct{ out io.Writer }

func (p printer) line(text string)  { fmt.Fprintln(p.out, text) }
func (p printer) title(text string) { fmt.Fprintf(p.out, "\n%s\n", cell(text)) }

// rows aligns the cells of rows that belong together.
func (p printer) rows(rows ...[]string) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, text := range row {
			row[i] = cell(text)
		}
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// events prints the table of events.
func (p printer) events(events []*darktrace.IncidentEvent, which string) {
	p.title(fmt.Sprintf("%d incident events %s", len(events), which))
	if len(events) == 0 {
		return
	}
	rows := [][]string{{"TIME (UTC)", "SCORE", "CATEGORY", "TITLE", "DEVICE", "INCIDENT"}}
	for _, e := range events {
		rows = append(rows, []string{
			minute(e.CreatedAt), column(e.AIAScore), string(e.Category), short(e.Title, 52), short(device(e), 40), e.CurrentGroup,
		})
	}
	p.rows(rows...)
}

// event prints one event in full.
func (p printer) event(e *darktrace.IncidentEvent, link string) {
	p.title("Event: " + e.Title)
	p.rows(
		[]string{"id", e.ID},
		[]string{"incident", fmt.Sprintf("%s, %s, score %s", e.CurrentGroup, e.GroupCategory, score(e.GroupScore))},
		[]string{"score", fmt.Sprintf("%s, %s", score(e.AIAScore), e.Category)},
		[]string{"created", minute(e.CreatedAt)},
		[]string{"MITRE tactics", orNone(names(e.MITRETactics))},
		[]string{"link", link})

	p.title("Summary")
	for paragraph := range strings.SplitSeq(e.Summary.String(), "\n") {
		if paragraph != "" {
			p.line(wrap(cell(paragraph), 96))
		}
	}

	var rows [][]string
	for _, period := range e.Periods {
		rows = append(rows, []string{minute(period.Start) + " – " + minute(period.End)})
	}
	p.section("Periods", rows)

	rows = nil
	for _, d := range e.BreachDevices {
		rows = append(rows, []string{d.Name(), fmt.Sprintf("did %d", d.DID), d.IP, d.MAC})
	}
	if e.Sender != "" {
		rows = append(rows, []string{"mail from " + e.Sender})
	}
	p.section("Devices", rows)

	rows = nil
	for _, b := range e.RelatedBreaches {
		rows = append(rows, []string{minute(b.Timestamp), column(b.ThreatScore), b.ModelName, fmt.Sprintf("pbid %d", b.PBID)})
	}
	p.section("Model breaches", rows)
	p.details(e)
}

// details prints the details, each run of rows below the header it belongs to.
func (p printer) details(e *darktrace.IncidentEvent) {
	header, rows := "", [][]string(nil)
	for h, detail := range e.AllDetails() {
		if h != header && rows != nil {
			p.section("Details: "+header, rows)
			rows = nil
		}
		header = h
		rows = append(rows, []string{detail.Key, strings.Join(detail.Strings(), ", ")})
	}
	p.section("Details: "+header, rows)
}

func (p printer) group(g *darktrace.IncidentGroup, link string) {
	p.title("Incident " + g.ID)
	p.rows(
		[]string{"score", fmt.Sprintf("%s, %s", score(g.GroupScore), g.Category)},
		[]string{"activity", minute(g.Start) + " – " + minute(g.End)},
		[]string{"active", yesNo(g.Active)},
		[]string{"devices", fmt.Sprint(len(g.Devices))},
		[]string{"MITRE tactics", orNone(names(g.MITRETactics))},
		[]string{"link", link})
	var rows [][]string
	for _, e := range g.Events {
		rows = append(rows, []string{minute(e.Start), e.ID, state(e.Acknowledged), e.Title})
	}
	p.section("Events of the incident", rows)
}

func (p printer) comments(title string, comments []*darktrace.Comment) {
	var rows [][]string
	for _, c := range comments {
		rows = append(rows, []string{minute(c.Time), c.Username, c.Message})
	}
	p.section(title, rows)
}

func (p printer) section(title string, rows [][]string) {
	p.title(title)
	if len(rows) == 0 {
		rows = [][]string{{"none"}}
	}
	p.rows(rows...)
}

// cell returns a text on one line, without characters that control a terminal:
// titles and names come from the network that is being attacked.
func cell(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
}

func short(text string, size int) string {
	if runes := []rune(text); len(runes) > size {
		return string(runes[:size-1]) + "…"
	}
	return text
}

// wrap breaks a paragraph into indented lines.
func wrap(paragraph string, width int) string {
	var b strings.Builder
	column := width
	for word := range strings.FieldsSeq(paragraph) {
		if column+1+len(word) > width {
			b.WriteString("\n ")
			column = 1
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// device names the first device of an event, or the sender of an e-mail.
func device(e *darktrace.IncidentEvent) string {
	switch {
	case len(e.BreachDevices) > 0:
		return e.BreachDevices[0].Name()
	case e.Sender != "":
		return e.Sender
	default:
		return "–"
	}
}

func minute(m darktrace.Millis) string {
	if m == 0 {
		return "unknown"
	}
	return m.Time().Format("2006-01-02 15:04")
}

func score(s darktrace.Score) string { return fmt.Sprintf("%.1f", float64(s)) }

// column is a score as text of a fixed width.
func column(s darktrace.Score) string { return fmt.Sprintf("%5.1f", float64(s)) }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// state reads the flag of a group's event, which appliances have since 6.1.
func state(acknowledged *bool) string {
	switch {
	case acknowledged == nil:
		return "unknown"
	case *acknowledged:
		return "acknowledged"
	default:
		return "open"
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func names(tactics []darktrace.Tactic) string {
	var names []string
	for _, tactic := range tactics {
		names = append(names, tactic.Name())
	}
	return strings.Join(names, ", ")
}
