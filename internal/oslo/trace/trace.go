// Package trace marks the parts of a request's work in OpenTelemetry.
//
// The trace of a request is named by its request ID: "req-" and a UUID, whose
// 16 bytes are the trace ID. So every layer that knows the request ID (a call
// to another service, a message to a host, a step of a flow that runs after a
// crash) adds to the same trace without anything else being carried along.
package trace

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"nacre/internal/oslo/auth"
)

// Span is a part of a request's work; the zero Span is not recorded.
type Span struct{ span trace.Span }

// idle is the provider while no traces are recorded.
var idle = otel.GetTracerProvider()

// Start begins a part of the work for ctx's request. Attributes are pairs of
// name and value. It costs next to nothing while no traces are recorded.
func Start(ctx context.Context, name string, attributes ...string) (context.Context, Span) {
	if otel.GetTracerProvider() == idle {
		return ctx, Span{}
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if parent, ok := root(auth.RequestID(ctx)); ok {
			ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		}
	}
	ctx, span := otel.Tracer("nacre").Start(ctx, name)
	if span.IsRecording() {
		for i := 0; i+1 < len(attributes); i += 2 {
			span.SetAttributes(attribute.String(attributes[i], attributes[i+1]))
		}
	}
	return ctx, Span{span}
}

// Rename gives the span the name that is known only now.
func (s Span) Rename(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// End ends the part; err, when not nil, is what it failed of.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// root is the span that a request ID stands for.
func root(requestID string) (trace.SpanContext, bool) {
	id, err := uuid.Parse(strings.TrimPrefix(requestID, "req-"))
	if err != nil {
		return trace.SpanContext{}, false
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID(id), SpanID: trace.SpanID(id[8:]),
		TraceFlags: trace.FlagsSampled, Remote: true}), true
}
