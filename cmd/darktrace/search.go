package main

import (
	"context"
	"strings"

	"github.com/darktrace-go/darktrace"
)

// search streams the hits of Advanced Search, newest first.
func search(ctx context.Context, j *job) error {
	until := j.until
	if until.IsZero() {
		until = j.now()
	}
	hits := j.client.AdvancedSearch.All(ctx, &darktrace.AdvancedQuery{Search: j.args[0], Start: j.since, End: until, Size: min(max(j.limit, 50), 1000)})
	return list(j, "records", hits, []column[*darktrace.AdvancedHit]{
		{"TIME (UTC)", func(h *darktrace.AdvancedHit) string { return second(darktrace.MillisOf(h.Source.Time())) }},
		{"TYPE", func(h *darktrace.AdvancedHit) string { return h.Source.Type }},
		{"SOURCE", func(h *darktrace.AdvancedHit) string { return address(h, "source_ip", "source_port") }},
		{"DESTINATION", func(h *darktrace.AdvancedHit) string { return address(h, "dest_ip", "dest_port") }},
		{"MESSAGE", func(h *darktrace.AdvancedHit) string { return short(h.Source.Message, 80) }},
	})
}

func address(h *darktrace.AdvancedHit, host, port string) string {
	return strings.TrimSuffix(h.Source.Text(host)+":"+h.Source.Text(port), ":")
}
