package darktracetest

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const week = 7 * 24 * time.Hour

// params reads query parameters and remembers which of them had an effect.
type params struct {
	values url.Values
	known  map[string]bool
	err    error // the first value that makes no sense
}

func (p *params) text(name string) string {
	value := p.values.Get(name)
	p.known[name] = p.known[name] || value != ""
	return value
}

// flag reads "true" or "false"; anything else has no effect.
func (p *params) flag(name string, byDefault bool) bool {
	switch p.text(name) {
	case "true":
		return true
	case "false":
		return false
	}
	p.known[name] = false
	return byDefault
}

// list reads a comma list, nil when absent.
func (p *params) list(name string) []string {
	if value := p.text(name); value != "" {
		return strings.Split(value, ",")
	}
	return nil
}

func (p *params) number(name string, byDefault float64) float64 {
	value := p.text(name)
	if value == "" {
		return byDefault
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		p.fail("%s=%q is not a number", name, value)
	}
	return n
}

// integer reads a time, or the number of a device, subnet or master; nil when
// absent.
func (p *params) integer(name string) *int64 {
	value := p.text(name)
	if value == "" {
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		p.fail("%s=%q is not a number", name, value)
	}
	return &n
}

func (p *params) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// window is a span of time in epoch milliseconds, both ends included.
type window struct{ start, end int64 }

func (w window) contains(ms int64) bool { return w.start <= ms && ms <= w.end }

// window reads starttime and endtime: a week that ends now, unless told otherwise.
func (p *params) window(now time.Time) window {
	w := window{end: now.UnixMilli()}
	if end := p.integer("endtime"); end != nil {
		w.end = *end
	}
	w.start = w.end - week.Milliseconds()
	if start := p.integer("starttime"); start != nil {
		w.start = *start
	}
	return w
}

// ignored lists the parameters that had no effect, sorted.
func (p *params) ignored() []string {
	var names []string
	for name := range p.values {
		if !p.known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
