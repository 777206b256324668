package okta

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"sallyport/internal/httpout"
)

// maxInFlight stays far below the 35 concurrent requests that the smallest
// organisations are allowed in all.
const maxInFlight = 10

// bucketOf names the rate limit that a path counts against
// (https://developer.okta.com/docs/reference/rl-additional-limits/).
func bucketOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/") // api v1 users ID groups
	if len(parts) < 3 || len(parts) > 4 {
		return "/api/v1"
	}
	switch {
	case parts[2] == "users" && len(parts) == 3:
		return "/api/v1/users"
	case parts[2] == "users":
		return "/api/v1/users/{id}"
	case parts[2] == "groups" && len(parts) == 3:
		return "/api/v1/groups"
	case parts[2] == "groups":
		return "/api/v1/groups/{id}"
	}
	return "/api/v1"
}

// limits holds requests back by what Okta's headers said is left, by the
// configured rate, and by how many are under way.
type limits struct {
	metrics *metrics
	qps     *rate.Limiter // nil: no bound
	slots   chan struct{}

	mu      sync.Mutex
	buckets map[string]httpout.Rate
}

func newLimits(qps float64, m *metrics) *limits {
	l := &limits{metrics: m, slots: make(chan struct{}, maxInFlight), buckets: map[string]httpout.Rate{}}
	if qps > 0 {
		l.qps = rate.NewLimiter(rate.Limit(qps), max(1, int(qps)))
	}
	return l
}

// enter waits until a request may go out. A wait that would be too long is not
// begun: the error says how long it would have been.
func (l *limits) enter(ctx context.Context, t *transport, bucket, path string) (release func(), failed *Error) {
	if wait := l.reserve(bucket, t.now()); wait > 0 {
		deadline, bounded := ctx.Deadline()
		if wait > maxWait || bounded && time.Until(deadline) < wait {
			return nil, limited(path, wait)
		}
		if err := t.sleep(ctx, wait); err != nil {
			return nil, &Error{Path: path, Summary: "gave up waiting for the rate limit", RetryAfter: wait, Err: err}
		}
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	case <-ctx.Done():
		return nil, &Error{Path: path, Summary: "too many requests to okta under way", RetryAfter: time.Second, Err: ctx.Err()}
	}
}

var errLimited = errors.New("rate limit used up")

func limited(path string, wait time.Duration) *Error {
	return &Error{Path: path, Code: codeRateLimit, Summary: "not asked: nothing is left for " + wait.Round(time.Second).String(), RetryAfter: wait, Err: errLimited}
}

// reserve takes one request from the bucket and the rate, and returns how long it
// has to wait.
func (l *limits) reserve(bucket string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[bucket]; ok && now.Before(b.Reset) {
		if b.Remaining <= 0 {
			return b.Reset.Sub(now) + time.Second + jitter(250*time.Millisecond)
		}
		b.Remaining--
		l.buckets[bucket] = b
	}
	if l.qps == nil {
		return 0
	}
	r := l.qps.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > maxWait {
		r.CancelAt(now)
	}
	return wait
}

// learn takes in what an answer says is left. Within one window the lower count
// is the newer one, since answers overtake each other.
func (l *limits) learn(bucket string, resp *http.Response, now time.Time) {
	seen, ok := httpout.RateOf(resp.Header, now)
	if !ok || seen.Limit == 0 { // a limit of 0 is the one on concurrent requests
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known, there := l.buckets[bucket]
	if there && seen.Reset.Sub(known.Reset).Abs() < 2*time.Second {
		seen.Remaining = min(seen.Remaining, known.Remaining)
	}
	l.buckets[bucket] = seen
	l.metrics.remaining.WithLabelValues(bucket).Set(float64(seen.Remaining))
	l.metrics.limit.WithLabelValues(bucket).Set(float64(seen.Limit))
}

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
