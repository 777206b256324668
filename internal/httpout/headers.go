package httpout

import (
	"net/http"
	"strconv"
	"time"
)

// maxWait bounds what an answer can make us wait; a header is outside input.
const maxWait = 10 * time.Minute

// Rate is what an answer said about its rate limit, by Okta's X-Rate-Limit
// headers (https://developer.okta.com/docs/reference/rl-best-practices/).
type Rate struct {
	Limit, Remaining int
	// Reset is when the count starts anew, by our clock.
	Reset time.Time
}

// RateOf reads the rate limit from h; false when it says none. Reset is told
// against the server's own Date, since the clocks may differ.
func RateOf(h http.Header, now time.Time) (Rate, bool) {
	limit, err1 := strconv.Atoi(h.Get("X-Rate-Limit-Limit"))
	remaining, err2 := strconv.Atoi(h.Get("X-Rate-Limit-Remaining"))
	reset, err3 := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || limit < 0 || remaining < 0 {
		return Rate{}, false
	}
	wait := epoch(reset).Sub(serverTime(h, now))
	return Rate{Limit: limit, Remaining: remaining, Reset: now.Add(clamp(wait))}, true
}

// RetryAfter is how long h asks to be left alone: Retry-After in seconds or as a
// date, else the time to X-Rate-Limit-Reset and one second more; 0: no word.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if s := h.Get("Retry-After"); s != "" {
		if n, err := strconv.ParseInt(s, 10, 32); err == nil {
			return clamp(time.Duration(n) * time.Second)
		}
		if at, err := http.ParseTime(s); err == nil {
			return clamp(at.Sub(serverTime(h, now)))
		}
	}
	if reset, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64); err == nil {
		return clamp(clamp(epoch(reset).Sub(serverTime(h, now))) + time.Second)
	}
	return 0
}

// Skew is how far the server's clock is ahead of ours by its Date header, whose
// resolution is a second; false when there is none.
func Skew(h http.Header, now time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(now.Truncate(time.Second)), true
}

// Outcome names how an exchange ended, as a label of a metric.
func Outcome(resp *http.Response, err error) string {
	switch {
	case err != nil:
		return "unreachable"
	case resp.StatusCode == http.StatusTooManyRequests:
		return "limited"
	case resp.StatusCode >= 500:
		return "server_error"
	case resp.StatusCode >= 400:
		return "refused"
	}
	return "ok"
}

func serverTime(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// epoch keeps a reset of any size within what time.Time can tell apart.
func epoch(seconds int64) time.Time { return time.Unix(min(max(seconds, 0), 1<<40), 0) }

func clamp(d time.Duration) time.Duration {
	return min(max(d, 0), maxWait)
}
