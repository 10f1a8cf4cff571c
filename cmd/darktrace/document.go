package main

import (
	"time"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/ecs"
	"github.com/darktrace-go/darktrace/ocsf"
)

// document maps an object to the schema of a format. Verbs offer only formats that
// have a mapping for their objects.
func document(f format, v any, baseURL string, now time.Time) any {
	switch f {
	case formatECS:
		return toECS(v, ecs.Options{BaseURL: baseURL, ReadAt: now})
	case formatOCSF:
		return toOCSF(v, ocsf.Options{BaseURL: baseURL, ReadAt: now})
	default:
		return v
	}
}

func toECS(v any, opts ecs.Options) any {
	switch v := v.(type) {
	case *darktrace.IncidentEvent:
		return ecs.FromEvent(v, opts)
	case darktrace.EventChange:
		return ecs.FromChange(&v, opts)
	case *darktrace.ModelBreach:
		return ecs.FromBreach(v, opts)
	case darktrace.BreachChange:
		return ecs.FromBreachChange(&v, opts)
	}
	return nil
}

func toOCSF(v any, opts ocsf.Options) any {
	switch v := v.(type) {
	case *darktrace.IncidentEvent:
		return ocsf.FromEvent(v, opts)
	case darktrace.EventChange:
		return ocsf.FromChange(&v, opts)
	case *darktrace.ModelBreach:
		return ocsf.FromBreach(v, opts)
	case darktrace.BreachChange:
		return ocsf.FromBreachChange(&v, opts)
	}
	return nil
}
