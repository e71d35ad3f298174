// Package telemetry is what can be watched from outside: metrics for
// Prometheus and traces for OpenTelemetry.
package telemetry

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is a process's registry with the figures every service has.
type Metrics struct {
	Registry *prometheus.Registry
	requests *prometheus.HistogramVec
	steps    *prometheus.HistogramVec
	events   prometheus.Counter
}

// NewMetrics makes a registry with the Go runtime's and the process's own figures.
func NewMetrics() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "nacre_http_request_duration_seconds",
			Help: "Time to answer an API request.", Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}},
			[]string{"service", "route", "status"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "nacre_flow_step_duration_seconds",
			Help: "Time of a step of a flow.", Buckets: prometheus.ExponentialBuckets(.001, 4, 8)},
			[]string{"flow", "step", "result"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{Name: "nacre_events_dropped_total", Help: "Notifications that the bus did not take."}),
	}
	m.Registry.MustRegister(m.requests, m.steps, m.events, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observer records the requests of one service.
func (m *Metrics) Observer(service string) func(r *http.Request, route string, status int, seconds float64) {
	if m == nil {
		return nil
	}
	return func(_ *http.Request, route string, status int, seconds float64) {
		m.requests.WithLabelValues(service, route, strconv.Itoa(status)).Observe(seconds)
	}
}

// Step records a step of a flow.
func (m *Metrics) Step(flow, step string, seconds float64, err error) {
	if m == nil {
		return
	}
	result := "done"
	if err != nil {
		result = "failed"
	}
	m.steps.WithLabelValues(flow, step, result).Observe(seconds)
}

// EventDropped counts a notification that the bus did not take.
func (m *Metrics) EventDropped() { m.events.Inc() }

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
}
