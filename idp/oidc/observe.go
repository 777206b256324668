package oidc

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/httpout"
)

// The endpoints, as labels of the metrics and in messages.
const (
	endpointDiscovery = "discovery"
	endpointKeys      = "keys"
	endpointToken     = "token"
	endpointUserinfo  = "userinfo"
	endpointRevoke    = "revoke"
)

// toleratedSkew is how far the two clocks may differ without a word.
const toleratedSkew = 60 * time.Second

type endpointKey struct{}

// at says in ctx which endpoint a request goes to.
func at(ctx context.Context, endpoint string) context.Context {
	return context.WithValue(ctx, endpointKey{}, endpoint)
}

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	skew     prometheus.Gauge
}

// newMetrics registers with reg, which may be nil. Providers of several clients
// and of several generations share one set.
func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		requests: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_idp_requests_total", Help: "Requests to the identity provider, by endpoint and outcome.",
		}, []string{"endpoint", "outcome"})),
		duration: register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sallyport_idp_request_duration_seconds", Help: "Time to the identity provider's answer, by endpoint.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"endpoint"})),
		skew: register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sallyport_idp_clock_skew_seconds", Help: "How far the identity provider's clock is ahead of ours, by its Date header.",
		})),
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

// observed is what the answers' headers taught, beside the metrics.
type observed struct {
	metrics *metrics
	rate    atomic.Pointer[httpout.Rate]
	skew    atomic.Int64 // nanoseconds the provider is ahead
	skewed  atomic.Bool  // the warning was given
}

// observer is the RoundTripper that looks at every exchange.
type observer struct {
	base http.RoundTripper
	p    *Provider
}

// RoundTrip implements http.RoundTripper.
func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	endpoint, _ := r.Context().Value(endpointKey{}).(string)
	start := time.Now()
	resp, err := o.base.RoundTrip(r)
	m := o.p.seen.metrics
	m.duration.WithLabelValues(endpoint).Observe(time.Since(start).Seconds())
	m.requests.WithLabelValues(endpoint, httpout.Outcome(resp, err)).Inc()
	if err == nil {
		o.p.observe(endpoint, resp.Header)
	}
	return resp, err
}

func (p *Provider) observe(endpoint string, h http.Header) {
	now := p.now()
	if endpoint == endpointToken {
		if rate, ok := httpout.RateOf(h, now); ok {
			p.seen.rate.Store(&rate)
		}
	}
	skew, ok := httpout.Skew(h, now)
	if !ok {
		return
	}
	p.seen.skew.Store(int64(skew))
	p.seen.metrics.skew.Set(skew.Seconds())
	beyond := skew.Abs() > toleratedSkew
	if p.seen.skewed.Swap(beyond) != beyond && beyond {
		p.log.Warn("clock skew "+skew.Abs().String()+": this machine's clock and the identity provider's differ; sign-ins may fail",
			"issuer", p.o.Issuer, "provider_ahead_seconds", skew.Seconds())
	}
}

// skew is how far the provider was ahead of us at its last answer with a Date.
func (p *Provider) skew() time.Duration { return time.Duration(p.seen.skew.Load()) }

// TokenBudget implements idp.Budgeted.
func (p *Provider) TokenBudget() (remaining, limit int, reset time.Time) {
	rate := p.seen.rate.Load()
	if rate == nil {
		return 0, 0, time.Time{}
	}
	return rate.Remaining, rate.Limit, rate.Reset
}
