package telemetry

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are those of the server itself; every other package registers its
// own with the registry it is given. The label route is a route's id or name,
// never a path, so that a crawler cannot grow the set.
type Metrics struct {
	Requests      *prometheus.CounterVec   // route, method class, code
	Duration      *prometheus.HistogramVec // route
	InFlight      prometheus.Gauge
	ReloadSuccess prometheus.Gauge
	ReloadTime    prometheus.Gauge
	Panics        prometheus.Counter
	// Shadow counts decisions of routes that have rules in shadow.
	Shadow *prometheus.CounterVec
}

// NewRegistry returns a registry with Go's and the process's own metrics and
// sallyport_build_info.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sallyport_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return reg
}

// NewMetrics registers the server's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_requests_total", Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		Duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sallyport_request_duration_seconds", Help: "Time from a request's arrival to its last byte, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		InFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sallyport_requests_in_flight", Help: "Requests being answered.",
		}),
		ReloadSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sallyport_config_last_reload_success", Help: "1 if the configuration on disk is the one in force, 0 if the last reload was refused.",
		}),
		ReloadTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sallyport_config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was loaded.",
		}),
		Shadow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_shadow_decisions_total",
			Help: "Decisions on routes with rules in shadow: what was decided, and what it would be if those rules counted (shadow-allow, shadow-deny).",
		}, []string{"route", "effect", "shadow"}),
		Panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sallyport_panics_total", Help: "Requests that ended in a contained panic.",
		}),
	}
	reg.MustRegister(m.Requests, m.Duration, m.InFlight, m.ReloadSuccess, m.ReloadTime, m.Panics, m.Shadow)
	return m
}

// Observe counts one answered request.
func (m *Metrics) Observe(route string, status int, d time.Duration) {
	m.Requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.Duration.WithLabelValues(route).Observe(d.Seconds())
}

// CountDropped exposes the lines a log lost.
func CountDropped(reg prometheus.Registerer, w *AsyncWriter) {
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sallyport_log_dropped_total", Help: "Log lines dropped because the log was slow or failed.",
	}, func() float64 { return float64(w.Dropped()) }))
}
