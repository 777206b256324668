package certificates

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted as things happen; what stands is looked up when asked
// for, by Collect of the keeper.
type metrics struct {
	renewals prometheus.Counter
	errors   *prometheus.CounterVec
}

var (
	certificatesDesc = prometheus.NewDesc("sallyport_autocert_certificates",
		"Hosts that are served with a certificate obtained by ACME.", nil, nil)
	missingDesc = prometheus.NewDesc("sallyport_autocert_certificates_missing",
		"Hosts that have no certificate yet: clients are refused or warned.", nil, nil)
	expiredDesc = prometheus.NewDesc("sallyport_autocert_certificates_expired",
		"Hosts whose certificate has expired and is served all the same: clients refuse it. Alarm on anything but 0.", nil, nil)
	expiresDesc = prometheus.NewDesc("sallyport_autocert_certificate_next_expires_seconds",
		"When the first of the certificates expires, in seconds since 1970; +Inf without certificates.", nil, nil)
)

func newMetrics(r prometheus.Registerer, k *Keeper) (*metrics, error) {
	m := &metrics{
		renewals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sallyport_autocert_renewals_total", Help: "Certificates obtained by ACME, first ones and renewals.",
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_autocert_errors_total", Help: "Attempts to obtain a certificate that failed, by operation: obtain or renew.",
		}, []string{"operation"}),
	}
	m.errors.WithLabelValues(opObtain)
	m.errors.WithLabelValues(opRenew)
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.renewals, m.errors, collector{k}} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("certificate metrics: %w", err)
		}
	}
	return m, nil
}

const (
	opObtain = "obtain"
	opRenew  = "renew"
)

// collector is the keeper as prometheus.Collector.
type collector struct{ k *Keeper }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s := c.k.survey()
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(certificatesDesc, float64(s.served))
	gauge(missingDesc, float64(s.missing))
	gauge(expiredDesc, float64(s.expired))
	next := math.Inf(1)
	if s.served > 0 {
		next = float64(s.next.Unix())
	}
	gauge(expiresDesc, next)
}

// state is how the hosts stand.
type state struct {
	served, missing, expired int
	next                     time.Time // when the first of the served expires
	worst                    string    // a host whose certificate is missing or expired
}

func (k *Keeper) survey() (s state) {
	now := k.now()
	for name := range *k.hosts.Load() {
		pair := k.Get(name)
		if pair == nil {
			s.missing++
			s.worst = name
			continue
		}
		s.served++
		if end := pair.Leaf.NotAfter; s.next.IsZero() || end.Before(s.next) {
			s.next = end
		}
		if now.After(pair.Leaf.NotAfter) {
			s.expired++
			s.worst = name
		}
	}
	return s
}

// Check reports whether every host has a certificate that holds.
func (k *Keeper) Check(context.Context) error {
	s := k.survey()
	if s.missing+s.expired == 0 {
		return nil
	}
	return fmt.Errorf("%d hosts without a certificate, %d with an expired one, among them %q", s.missing, s.expired, s.worst)
}
