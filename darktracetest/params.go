package darktracetest

import (
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

// number reads a number; anything else has no effect.
func (p *params) number(name string, byDefault float64) float64 {
	n, err := strconv.ParseFloat(p.text(name), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		p.known[name] = false
		return byDefault
	}
	return n
}

// integer reads a time or a count; nil if it is absent or not a whole number.
func (p *params) integer(name string) *int64 {
	n, err := strconv.ParseInt(p.text(name), 10, 64)
	if err != nil {
		p.known[name] = false
		return nil
	}
	return &n
}

// integers reads a comma list of devices, subnets or masters; nil if it is absent.
// Elements that are not numbers have no effect.
func (p *params) integers(name string) []int64 {
	var all []int64
	for _, text := range p.list(name) {
		if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
			all = append(all, n)
		}
	}
	p.known[name] = all != nil
	return all
}

// window is a span of time in epoch milliseconds, both ends included.
type window struct{ start, end int64 }

func (w window) contains(ms int64) bool { return w.start <= ms && ms <= w.end }

// window reads starttime and endtime. Without them it returns a week that ends now.
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
