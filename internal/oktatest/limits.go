package oktatest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Buckets of the rate limits, by the path Okta's dashboard shows.
const (
	BucketUsers  = "/api/v1/users"
	BucketUser   = "/api/v1/users/{id}"
	BucketGroups = "/api/v1/groups" // also /api/v1/groups/{id}/users and /apps
	BucketGroup  = "/api/v1/groups/{id}"
	BucketApps   = "/api/v1/apps" // also /api/v1/apps/{id}/users and /groups
	BucketApp    = "/api/v1/apps/{id}"
	BucketLogs   = "/api/v1/logs"
	BucketAPI    = "/api/v1"
	BucketToken  = "/oauth2/v1/token"
	BucketOAuth  = "/oauth2/v1"
)

const (
	window          = time.Minute
	generousLimit   = 200_000
	defaultShare    = 0.5
	anonymousCaller = ""
)

// RateLimits are requests per minute by bucket. Each caller (API token or
// application) gets Share of them, in windows of 60 s that start with its
// first request.
type RateLimits struct {
	PerMinute map[string]int // a bucket that is missing is generous
	Share     float64        // 0.5 if 0
	// Shares are those of single callers, by API token or client id.
	Shares map[string]float64
	// Concurrent bounds the requests in flight, of all callers together; 0 is
	// no bound. Past it the answer is a 429 whose limit and remaining are 0.
	Concurrent int
}

// WorkforceLimits are those Okta published for Workforce orgs.
func WorkforceLimits() RateLimits {
	return RateLimits{PerMinute: map[string]int{
		BucketUsers: 600, BucketUser: 2000, BucketGroups: 500, BucketGroup: 1000,
		BucketApps: 100, BucketApp: 500, BucketLogs: 120, BucketAPI: 1200, BucketToken: 2000, BucketOAuth: 1200,
	}, Concurrent: 75}
}

// FreeLimits are those of free developer orgs.
func FreeLimits() RateLimits {
	return RateLimits{PerMinute: map[string]int{
		BucketUsers: 100, BucketUser: 100, BucketGroups: 100, BucketGroup: 100,
		BucketApps: 20, BucketApp: 100, BucketLogs: 20, BucketAPI: 100, BucketToken: 300, BucketOAuth: 300,
	}, Concurrent: 35}
}

// SetRateLimits changes the limits; windows begin anew.
func (k *Okta) SetRateLimits(l RateLimits) { k.limits.set(l) }

type limits struct {
	now  func() time.Time
	mu   sync.Mutex
	conf RateLimits
	used map[limitKey]*limitState
	busy int // requests in flight
}

type limitKey struct{ bucket, caller string }

type limitState struct {
	limit, remaining int
	reset            time.Time
}

func newLimits(l RateLimits, now func() time.Time) *limits {
	return &limits{now: now, conf: l, used: map[limitKey]*limitState{}}
}

func (l *limits) set(conf RateLimits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conf, l.used = conf, map[limitKey]*limitState{}
}

// take counts one request and reports the state after it, and whether there was
// room.
func (l *limits) take(bucket, caller string) (limitState, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, now := limitKey{bucket, caller}, l.now()
	s, ok := l.used[key]
	if !ok || !now.Before(s.reset) {
		n := l.share(bucket, caller)
		s = &limitState{limit: n, remaining: n, reset: now.Add(window)}
		l.used[key] = s
	}
	if s.remaining == 0 {
		return *s, false
	}
	s.remaining--
	return *s, true
}

// enter counts a request in flight, or reports that there are too many.
func (l *limits) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conf.Concurrent > 0 && l.busy >= l.conf.Concurrent {
		return false
	}
	l.busy++
	return true
}

func (l *limits) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy--
}

func (l *limits) share(bucket, caller string) int {
	n, ok := l.conf.PerMinute[bucket]
	if !ok {
		n = generousLimit
	}
	share, single := l.conf.Shares[caller]
	if !single {
		share = l.conf.Share
	}
	if share == 0 {
		share = defaultShare
	}
	return int(float64(n) * share)
}

// writeLimit sets the three headers. Reset is in Unix seconds.
func writeLimit(w http.ResponseWriter, s limitState) {
	w.Header().Set("X-Rate-Limit-Limit", strconv.Itoa(s.limit))
	w.Header().Set("X-Rate-Limit-Remaining", strconv.Itoa(s.remaining))
	w.Header().Set("X-Rate-Limit-Reset", strconv.FormatInt(s.reset.Unix(), 10))
}

// concurrent refuses requests past the bound on those in flight, however long
// faults keep them there.
func (k *Okta) concurrent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, "/oauth2/") {
			next.ServeHTTP(w, r)
			return
		}
		if !k.limits.enter() {
			writeLimit(w, limitState{reset: k.clock.now().Add(time.Second)})
			errTooMany.write(w)
			return
		}
		defer k.limits.leave()
		next.ServeHTTP(w, r)
	})
}

// limited counts requests against a bucket and refuses those past it.
func (k *Okta) limited(bucket string, caller func(*http.Request) string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, room := k.limits.take(bucket, caller(r))
		writeLimit(w, s)
		if !room {
			errTooMany.write(w)
			return
		}
		next(w, r)
	}
}
