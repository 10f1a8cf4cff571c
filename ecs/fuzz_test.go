package ecs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/ecs"
	"github.com/darktrace-go/darktrace/internal/siem/siemtest"
)

// FuzzFromEvent: for any event, the document is one that a SIEM accepts.
func FuzzFromEvent(f *testing.F) {
	siemtest.Fuzz(f, siemtest.EventFiles(f), func(t *testing.T, e *darktrace.IncidentEvent) {
		if e.ID != "" {
			assert.Empty(t, newChecker().check(siemtest.Encode(t, ecs.FromEvent(e, options))))
		}
	})
}

// FuzzFromBreach is the same for model alerts.
func FuzzFromBreach(f *testing.F) {
	siemtest.Fuzz(f, siemtest.BreachFiles(), func(t *testing.T, b *darktrace.ModelBreach) {
		assert.Empty(t, newChecker().check(siemtest.Encode(t, ecs.FromBreach(b, options))))
	})
}
