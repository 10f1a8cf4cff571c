package main

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/darktrace-go/darktrace"
)

const scope = "github.com/darktrace-go/darktrace/examples/otel"

// instrument returns the options that trace and measure a client. Names and
// attributes have few values and hold no ids: operations and path templates, never
// URLs.
func instrument(traces trace.TracerProvider, metrics metric.MeterProvider) ([]darktrace.Option, error) {
	tracer := traces.Tracer(scope)
	durations, err := metrics.Meter(scope).Float64Histogram("darktrace.client.call.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of calls, their attempts and pauses included."))
	if err != nil {
		return nil, err
	}
	hook := func(ctx context.Context, info darktrace.CallInfo) (context.Context, func(darktrace.CallResult)) {
		ctx, span := tracer.Start(ctx, info.Operation, trace.WithAttributes(
			attribute.String("http.request.method", info.Method), attribute.String("url.template", info.Path)))
		return ctx, func(result darktrace.CallResult) {
			outcome := "ok"
			if result.Err != nil {
				outcome = kind(result.Err)
				span.SetStatus(codes.Error, outcome)
				span.SetAttributes(attribute.String("error.type", outcome))
			}
			span.SetAttributes(attribute.Int("darktrace.attempts", result.Attempts))
			span.End()
			durations.Record(ctx, result.Duration.Seconds(), metric.WithAttributes(
				attribute.String("darktrace.operation", info.Operation), attribute.String("darktrace.outcome", outcome)))
		}
	}
	return []darktrace.Option{
		darktrace.WithCallHook(hook),
		darktrace.WithMiddleware(func(next http.RoundTripper) http.RoundTripper { return attempts{tracer, next} }),
	}, nil
}

// attempts makes a span for each attempt. otelhttp would do so too, but would add
// the URL, which has ids.
type attempts struct {
	tracer trace.Tracer
	next   http.RoundTripper
}

func (a attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, span := a.tracer.Start(req.Context(), req.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", req.Method), attribute.String("server.address", req.URL.Hostname())))
	defer span.End()
	resp, err := a.next.RoundTrip(req.WithContext(ctx))
	switch {
	case err != nil: // Its text may contain the URL.
		span.SetStatus(codes.Error, "no response")
	case resp.StatusCode >= http.StatusBadRequest:
		span.SetStatus(codes.Error, resp.Status)
		fallthrough
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	return resp, err
}

// kind names the kind of an error in one word.
func kind(err error) string {
	for _, k := range []struct {
		err  error
		name string
	}{
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "deadline"},
		{darktrace.ErrOutcomeUnknown, "outcome unknown"},
		{darktrace.ErrRateLimited, "rate limited"},
		{darktrace.ErrSignature, "signature"},
		{darktrace.ErrDate, "date"},
		{darktrace.ErrLogin, "login"},
		{darktrace.ErrPermission, "permission"},
		{darktrace.ErrNotFound, "not found"},
		{darktrace.ErrRejected, "rejected"},
		{darktrace.ErrInput, "input"},
		{darktrace.ErrEndpoint, "endpoint"},
		{darktrace.ErrServer, "server"},
		{darktrace.ErrConnection, "connection"},
		{darktrace.ErrDecode, "decode"},
	} {
		if errors.Is(err, k.err) {
			return k.name
		}
	}
	return "other"
}
