package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/darktracetest"
)

func TestOneSpanForACallAndOneForAnAttempt(t *testing.T) {
	t.Parallel()
	srv := darktracetest.NewServer()
	defer srv.Close()
	srv.AddEvents(darktracetest.Incidents(1, 3)...)
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	options, err := instrument(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), metric.NewMeterProvider(metric.WithReader(reader)))
	require.NoError(t, err)
	client := srv.Client(append(options,
		darktrace.WithRetryPolicy(darktrace.RetryPolicy{MaxRetries: 2, MinBackoff: 1, MaxBackoff: 1}))...)

	srv.Inject(darktracetest.Fault{Status: http.StatusServiceUnavailable, Times: 2})
	events, err := client.AIAnalyst.ListEvents(t.Context(), nil)
	require.NoError(t, err)
	id := events[0].ID
	_, err = client.AIAnalyst.GetEvent(t.Context(), id)
	require.NoError(t, err)
	srv.SetPermissions(srv.PublicToken, darktracetest.Visualizer)
	require.ErrorIs(t, client.AIAnalyst.Acknowledge(t.Context(), id), darktrace.ErrPermission)

	attempts, calls := map[string]int{}, []tracetest.SpanStub{}
	for _, span := range spans.GetSpans() {
		if span.Parent.IsValid() {
			attempts[span.Parent.SpanID().String()]++
		} else {
			calls = append(calls, span)
		}
	}
	require.Len(t, calls, 3)
	for i, want := range []struct {
		name, path, outcome string
		attempts            int
	}{
		{"AIAnalyst.Events", "/aianalyst/incidentevents", "", 3},
		{"AIAnalyst.Events", "/aianalyst/incidentevents", "", 1},
		{"AIAnalyst.Acknowledge", "/aianalyst/acknowledge", "permission", 1},
	} {
		assert.Equal(t, want.name, calls[i].Name)
		assert.Equal(t, want.attempts, attempts[calls[i].SpanContext.SpanID().String()])
		set := attribute.NewSet(calls[i].Attributes...)
		path, _ := set.Value("url.template")
		assert.Equal(t, want.path, path.AsString())
		outcome, _ := set.Value("error.type")
		assert.Equal(t, want.outcome, outcome.AsString())
		n, _ := set.Value("darktrace.attempts")
		assert.EqualValues(t, want.attempts, n.AsInt64())
	}

	var measured metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &measured))
	points := measured.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64]).DataPoints
	require.Len(t, points, 2, "one for each operation and outcome")
	var count uint64
	for _, point := range points {
		count += point.Count
	}
	assert.EqualValues(t, 3, count)

	all := fmt.Sprintf("%+v %+v", spans.GetSpans(), measured)
	for _, secret := range []string{srv.PublicToken, srv.PrivateToken, id, "uuid="} {
		assert.NotContains(t, all, secret)
	}
}

func TestDemonstration(t *testing.T) {
	t.Setenv("DARKTRACE_URL", "")
	var out, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), &out, &stderr))
	assert.Contains(t, stderr.String(), "a fake appliance with invented incidents")
	assert.Contains(t, stderr.String(), `"Name": "AIAnalyst.Events"`)
	assert.Positive(t, strings.Count(out.String(), "\n"))
}
