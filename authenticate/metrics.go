package authenticate

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the counters of sign-in. They live in the registry, so that a new
// generation goes on counting where the last one stopped.
type metrics struct {
	attempts       prometheus.Counter
	signIns        *prometheus.CounterVec
	signOuts       prometheus.Counter
	programs       prometheus.Counter
	loops          prometheus.Counter
	returnsRefused prometheus.Counter
	revokeFailures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return registered(reg, prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_" + name, Help: help}))
	}
	return &metrics{
		attempts: counter("sign_in_attempts_total", "Sign-ins begun on route hosts."),
		signIns: registered(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_sign_ins_total", Help: "How sign-ins went at the authenticate host.",
		}, []string{"result"})),
		signOuts:       counter("sign_outs_total", "Sign-outs confirmed by a person."),
		programs:       counter("program_sessions_total", "Programs that a person let in."),
		loops:          counter("sign_in_loops_total", "Browsers that were told that their cookies do not come back."),
		returnsRefused: counter("return_urls_refused_total", "Long return URLs not kept because of the bound per address or in all."),
		revokeFailures: counter("token_revocation_failures_total", "Tokens that the identity provider did not take back."),
	}
}

// registered registers c, or returns the one that an earlier generation
// registered under the same name. reg may be nil.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var before prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &before) {
		if old, ok := before.ExistingCollector.(C); ok {
			return old
		}
	}
	return c
}
