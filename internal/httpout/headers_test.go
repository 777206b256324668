package httpout

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 30, 7, 55, 0, 0, time.UTC)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func TestRateIsReckonedAgainstTheServersOwnClock(t *testing.T) {
	ahead := now.Add(5 * time.Minute) // the server's clock
	h := header("X-Rate-Limit-Limit", "50", "X-Rate-Limit-Remaining", "49",
		"X-Rate-Limit-Reset", "1774857630", "Date", ahead.Format(http.TimeFormat))
	got, ok := RateOf(h, now)
	if want := (Rate{Limit: 50, Remaining: 49, Reset: now.Add(30 * time.Second)}); !ok || got != want {
		t.Errorf("got %+v, %v; want %+v", got, ok, want)
	}
	for _, bad := range []http.Header{
		{},
		header("X-Rate-Limit-Limit", "50"),
		header("X-Rate-Limit-Limit", "x", "X-Rate-Limit-Remaining", "1", "X-Rate-Limit-Reset", "1"),
		header("X-Rate-Limit-Limit", "-1", "X-Rate-Limit-Remaining", "1", "X-Rate-Limit-Reset", "1"),
	} {
		if r, ok := RateOf(bad, now); ok {
			t.Errorf("%v: got %+v, want none", bad, r)
		}
	}
}

func TestRetryAfterReadsEveryFormAndIsBounded(t *testing.T) {
	date := now.Format(http.TimeFormat)
	for _, c := range []struct {
		h    http.Header
		want time.Duration
	}{
		{header(), 0},
		{header("Retry-After", "7"), 7 * time.Second},
		{header("Retry-After", "-7"), 0},
		{header("Retry-After", "99999999"), maxWait},
		{header("Retry-After", now.Add(20*time.Second).Format(http.TimeFormat), "Date", date), 20 * time.Second},
		{header("X-Rate-Limit-Reset", "1774857308", "Date", date), 9 * time.Second},
		{header("X-Rate-Limit-Reset", "1774857308"), 9 * time.Second},
		{header("X-Rate-Limit-Reset", "9223372036854775807", "Date", date), maxWait},
		{header("Retry-After", "soon", "X-Rate-Limit-Reset", "x"), 0},
	} {
		if got := RetryAfter(c.h, now); got != c.want {
			t.Errorf("%v: got %v, want %v", c.h, got, c.want)
		}
	}
}

func TestSkewIsTheServersLead(t *testing.T) {
	if d, ok := Skew(header("Date", now.Add(95*time.Second).Format(http.TimeFormat)), now.Add(400*time.Millisecond)); !ok || d != 95*time.Second {
		t.Errorf("got %v, %v; want 95s", d, ok)
	}
	if _, ok := Skew(header(), now); ok {
		t.Error("skew without a Date")
	}
}

func TestOutcomeLabelsAreFew(t *testing.T) {
	for status, want := range map[int]string{200: "ok", 400: "refused", 429: "limited", 503: "server_error"} {
		if got := Outcome(&http.Response{StatusCode: status}, nil); got != want {
			t.Errorf("status %d: got %q, want %q", status, got, want)
		}
	}
	if got := Outcome(nil, errors.New("x")); got != "unreachable" {
		t.Errorf("error: got %q", got)
	}
}
