package okta

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sallyport/internal/httpout"
)

const (
	// maxInFlight stays far below the 35 concurrent requests that the smallest
	// organisations are allowed in all; maxListing of them are nobody's who waits.
	maxInFlight = 10
	maxListing  = 6
	// DefaultShare of the rate limit that Okta shows us is used where nobody
	// waits: the rest is for sign-ins and for whoever else has our credentials.
	DefaultShare = 0.8
)

// limits holds requests back by what Okta's headers said is left, by the
// configured rate, and by how many are under way.
type limits struct {
	metrics *metrics
	share   float64
	qps     *rate.Limiter // nil: no bound
	turn    chan struct{} // who may wait for qps where nobody waits for them
	slots   chan struct{}
	listing chan struct{}

	mu      sync.Mutex
	buckets map[string]httpout.Rate
}

func newLimits(qps, share float64, m *metrics) *limits {
	if share <= 0 || share > 1 {
		share = DefaultShare
	}
	l := &limits{
		metrics: m, share: share, slots: make(chan struct{}, maxInFlight), listing: make(chan struct{}, maxListing),
		turn: make(chan struct{}, 1), buckets: map[string]httpout.Rate{},
	}
	if qps > 0 {
		l.qps = rate.NewLimiter(rate.Limit(qps), max(1, int(qps)))
	}
	return l
}

// enter waits until a request may go out. A wait that would be too long is not
// begun: the error says how long it would have been.
func (l *limits) enter(ctx context.Context, t *transport, bucket, path string) (release func(), failed *Error) {
	p := priorityOf(ctx)
	if failed := l.pause(ctx, t, path, l.reserve(bucket, p, t.now())); failed != nil {
		return nil, failed
	}
	if failed := l.pace(ctx, t, path, p); failed != nil {
		return nil, failed
	}
	if p == steady {
		select {
		case l.listing <- struct{}{}:
		case <-ctx.Done():
			return nil, crowded(path, ctx)
		}
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		if p == steady {
			<-l.listing
		}
		return nil, crowded(path, ctx)
	}
	return func() {
		<-l.slots
		if p == steady {
			<-l.listing
		}
	}, nil
}

func crowded(path string, ctx context.Context) *Error {
	return &Error{Path: path, Summary: "too many requests to okta under way", RetryAfter: time.Second, Err: ctx.Err()}
}

func (l *limits) pause(ctx context.Context, t *transport, path string, wait time.Duration) *Error {
	if wait <= 0 {
		return nil
	}
	deadline, bounded := ctx.Deadline()
	if wait > longestWait(ctx) || bounded && time.Until(deadline) < wait {
		return limited(path, wait)
	}
	if err := t.sleep(ctx, wait); err != nil {
		return &Error{Path: path, Summary: "gave up waiting for the rate limit", RetryAfter: wait, Err: err}
	}
	return nil
}

// pace holds to the configured rate. Of the requests nobody waits for, one at a
// time stands in line, so that a sign-in comes second at most.
func (l *limits) pace(ctx context.Context, t *transport, path string, p priority) *Error {
	if l.qps == nil {
		return nil
	}
	if p == steady {
		select {
		case l.turn <- struct{}{}:
			defer func() { <-l.turn }()
		case <-ctx.Done():
			return crowded(path, ctx)
		}
	}
	now := t.now()
	r := l.qps.ReserveN(now, 1)
	failed := l.pause(ctx, t, path, r.DelayFrom(now))
	if failed != nil {
		r.CancelAt(now)
	}
	return failed
}

var errLimited = errors.New("rate limit used up")

func limited(path string, wait time.Duration) *Error {
	return &Error{Path: path, Code: codeRateLimit, Summary: "not asked: nothing is left for " + wait.Round(time.Second).String(), RetryAfter: wait, Err: errLimited}
}

// reserve takes one request from the bucket and returns how long it has to wait.
func (l *limits) reserve(bucket string, p priority, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[bucket]
	if !ok || !now.Before(b.Reset) {
		return 0
	}
	if b.Remaining <= l.floor(bucket, p, b.Limit) {
		return b.Reset.Sub(now) + time.Second + jitter(250*time.Millisecond)
	}
	b.Remaining--
	l.buckets[bucket] = b
	return 0
}

// floor is how much of a limit a priority leaves alone: nothing when a person
// waits, else what is beyond our share and, where sign-ins draw from the same
// bucket, a tenth more.
func (l *limits) floor(bucket string, p priority, limit int) int {
	if p == urgent {
		return 0
	}
	floor := limit - int(float64(limit)*l.share)
	if bucket == bucketUser || bucket == bucketOther {
		floor += (limit + 9) / 10
	}
	return min(floor, max(limit-1, 0))
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
