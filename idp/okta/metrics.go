package okta

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests  *prometheus.CounterVec
	remaining *prometheus.GaugeVec
	limit     *prometheus.GaugeVec
}

// newMetrics registers with reg, which may be nil; directories of several
// generations share one set.
func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		requests: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_okta_requests_total", Help: "Requests to Okta's Management API, by rate-limit bucket and outcome.",
		}, []string{"bucket", "outcome"})),
		remaining: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sallyport_okta_rate_limit_remaining", Help: "Requests Okta last said are left in the current minute, by bucket.",
		}, []string{"bucket"})),
		limit: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sallyport_okta_rate_limit", Help: "Requests a minute Okta last said are allowed, by bucket.",
		}, []string{"bucket"})),
	}
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var already prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &already) {
		if known, ok := already.ExistingCollector.(C); ok {
			return known
		}
	}
	return c
}
