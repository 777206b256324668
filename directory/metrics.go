package directory

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the directory holds and how late it learns.
type metrics struct {
	people, groups, memberships prometheus.Gauge
	failures                    prometheus.Counter
	late                        prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, d *Directory) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_directory_" + name, Help: help})
	}
	m := &metrics{
		people:      gauge("people", "People in the directory."),
		groups:      gauge("groups", "Groups in the directory."),
		memberships: gauge("memberships", "Memberships in the directory, those that everybody has not counted."),
		failures:    prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_directory_failures_total", Help: "Attempts to read the directory that failed."}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sallyport_directory_event_delay_seconds", Help: "Time from an event in Okta to its taking effect here.",
			Buckets: []float64{.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800},
		}),
	}
	if reg == nil {
		return m
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sallyport_directory_age_seconds", Help: "How long ago the directory was last known to be up to date; -1 without a directory of everybody.",
	}, func() float64 {
		if age, whole := d.Age(); whole {
			return age.Seconds()
		}
		return -1
	})
	last := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sallyport_directory_last_success_timestamp_seconds", Help: "When the directory was last known to be up to date; 0 without a directory of everybody.",
	}, func() float64 {
		if age, whole := d.Age(); whole {
			return float64(d.now().Add(-age).Unix())
		}
		return 0
	})
	var mu sync.Mutex
	var of uint64 // the version that held is of
	var held int64
	bytes := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sallyport_directory_bytes", Help: "Memory that the directory of everybody holds, about.",
	}, func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if snap := d.snap.Load(); snap == nil {
			of, held = 0, 0
		} else if snap.version != of {
			of, held = snap.version, snap.Bytes()
		}
		return float64(held)
	})
	reg.MustRegister(last, bytes, m.people, m.groups, m.memberships, m.failures, m.late, age)
	return m
}

func (m *metrics) snapshot(c Counts) {
	m.people.Set(float64(c.People))
	m.groups.Set(float64(c.Groups))
	m.memberships.Set(float64(c.Memberships))
}

func (m *metrics) failure() { m.failures.Inc() }

func (m *metrics) delay(d time.Duration) { m.late.Observe(max(d, 0).Seconds()) }
