package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// timeline holds the positions of periods and alerts between the first and the last
// time. It leaves out times that no calendar has.
type timeline struct {
	First, Last string
	Ticks       []tick
	Rows        []timelineRow
}

type tick struct {
	At    float64 // percent
	Label string
}

type timelineRow struct {
	Anchor, Title, Category string
	Bars                    []span
	Alerts                  []span
}

// span is a part of the timeline, in percent of its length.
type span struct {
	At, Width float64
	Label     string
}

func newTimeline(events []*darktrace.IncidentEvent) timeline {
	var t timeline
	var first, last darktrace.Millis
	known := func(m darktrace.Millis) darktrace.Millis {
		if siem.Valid(m) {
			return m
		}
		return 0
	}
	reach := func(m darktrace.Millis) {
		if m = known(m); m != 0 {
			first, last = min(cmp.Or(first, m), m), max(cmp.Or(last, m), m)
		}
	}
	for _, e := range events {
		for _, p := range e.Periods {
			reach(p.Start)
			reach(p.End)
		}
		for _, a := range e.RelatedBreaches {
			reach(a.Timestamp)
		}
	}
	if first == 0 {
		return t
	}
	t.First, t.Last = clock(first), clock(last)
	if last-first < darktrace.Millis(time.Minute.Milliseconds()) { // Put a single moment in the middle.
		first, last = first-30_000, last+30_000
	}
	length := float64(last - first)
	percent := func(m darktrace.Millis) float64 { return round(float64(m-first) / length * 100) }
	layout := "2 Jan 15:04"
	switch spread := last.Time().Sub(first.Time()); {
	case spread < 10*time.Minute:
		layout = "15:04:05"
	case spread > 300*day:
		layout = "2 Jan 2006"
	}
	const ticks = 4
	for i := range ticks + 1 {
		at := first + (last-first)*darktrace.Millis(i)/ticks
		t.Ticks = append(t.Ticks, tick{percent(at), at.Time().Format(layout)})
	}
	for i, e := range events {
		row := timelineRow{Anchor: fmt.Sprintf("event-%d", i+1), Title: titleOf(e), Category: string(e.Category)}
		for _, p := range e.Periods {
			start, end := known(p.Start), known(p.End)
			begin, end := cmp.Or(start, end), cmp.Or(end, start)
			if begin != 0 {
				row.Bars = append(row.Bars, span{percent(begin), round(percent(max(begin, end)) - percent(begin)), clock(begin) + " – " + clock(end)})
			}
		}
		for _, a := range e.RelatedBreaches {
			if known(a.Timestamp) != 0 {
				row.Alerts = append(row.Alerts, span{At: percent(a.Timestamp), Label: clock(a.Timestamp) + " " + a.ModelName})
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
