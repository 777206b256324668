package authenticate

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Dashboards and alerts go by these names.
func TestCountersAreNamedAndGoOnAcrossReloads(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	w.install(w.newService(nil))
	w.browser().signIn(wiki)
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		if names = append(names, f.GetName()); f.GetHelp() == "" {
			t.Errorf("%s says not what it counts", f.GetName())
		}
	}
	want := []string{
		"sallyport_program_sessions_total", "sallyport_return_urls_refused_total", "sallyport_sign_in_attempts_total",
		"sallyport_sign_in_loops_total", "sallyport_sign_ins_total", "sallyport_sign_outs_total", "sallyport_token_revocation_failures_total",
	}
	if !slices.Equal(names, want) {
		t.Errorf("counters %v\nwant %v", names, want)
	}
	m := w.service.Load().metrics
	if began, ok := testutil.ToFloat64(m.attempts), testutil.ToFloat64(m.signIns.WithLabelValues("ok")); began != 2 || ok != 2 {
		t.Errorf("%v begun and %v done after a reload, want 2 and 2", began, ok)
	}
	// A name that somebody else has taken for something else stops nothing.
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_sign_outs_total", Help: "Sign-outs confirmed by a person."}))
	for name, m := range map[string]*metrics{"taken": newMetrics(reg), "no registry": newMetrics(nil)} {
		m.signOuts.Inc()
		if testutil.ToFloat64(m.signOuts) != 1 {
			t.Errorf("%s: nothing is counted", name)
		}
	}
}
