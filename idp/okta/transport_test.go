package okta

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/idp"
)

const (
	date     = "Mon, 29 Sep 2025 06:24:57 GMT"
	in3s     = "1759127100"
	in8s     = "1759127105"
	tooMany  = `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}`
	jsonType = "application/json"
)

var serverNow = time.Date(2025, 9, 29, 6, 24, 57, 0, time.UTC)

// failing answers with h the first n times.
func failing(n int32, h, then http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) <= n {
			h(w, r)
			return
		}
		then(w, r)
	}
}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func limited429(reset string, more ...string) http.HandlerFunc {
	return withHeaders(429, tooMany, append([]string{
		"Content-Type", jsonType, "Date", date, "X-Rate-Limit-Limit", "50",
		"X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Reset", reset,
	}, more...)...)
}

func TestPassingTroubleIsRiddenOutAndLastingTroubleIsNot(t *testing.T) {
	good := jsonAnswer(200, user(aliceID, "ACTIVE"))
	concurrent := withHeaders(429, tooMany, "Content-Type", jsonType, "Date", date, "X-Rate-Limit-Limit", "0", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Reset", "1759127097")
	for _, c := range []struct {
		name     string
		trouble  http.HandlerFunc
		times    int32
		ok       bool
		requests int           // for the user
		least    time.Duration // of the first pause
		most     time.Duration
	}{
		{"closed once", abort, 1, true, 2, firstPause, 2 * firstPause},
		{"closed twice", abort, 2, true, 3, firstPause, 2 * firstPause},
		{"closed always", abort, 99, false, attempts, firstPause, 2 * firstPause},
		{"500 once", jsonAnswer(500, `{"errorCode":"E0000009"}`), 1, true, 2, firstPause, 2 * firstPause},
		{"503 always", withHeaders(503, "<html>", "Content-Type", "text/html"), 99, false, attempts, firstPause, 2 * firstPause},
		{"limited for 3 s", limited429(in3s), 1, true, 2, 4 * time.Second, 4250 * time.Millisecond},
		{"limited for 8 s", limited429(in8s), 1, false, 1, 0, 0},
		{"limited always", limited429(in3s), 99, false, 0, 4 * time.Second, 4250 * time.Millisecond},
		{"too many at once", concurrent, 2, true, 3, time.Second, 1250 * time.Millisecond},
		{"429 without headers", withHeaders(429, ""), 1, true, 2, time.Second, 1250 * time.Millisecond},
		{"bad token", jsonAnswer(401, `{"errorCode":"E0000011"}`), 99, false, 1, 0, 0},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, 99, false, 1, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrg(t)
			o.handle(userPath, failing(c.times, c.trouble, good))
			d, slept := under(t, o.URL)
			now := serverNow
			d.transport.now = func() time.Time { return now }
			d.transport.sleep = func(ctx context.Context, pause time.Duration) error {
				now = now.Add(pause)
				return slept.sleep(ctx, pause)
			}
			_, err := d.Person(context.Background(), aliceID)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, idp.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			asked := 0
			for _, r := range o.asked() {
				if r.URL.Path == userPath {
					asked++
				}
			}
			if c.requests != 0 && asked != c.requests || asked > attempts {
				t.Errorf("asked %d times, want %d", asked, c.requests)
			}
			pauses := slept.pauses()
			if c.most == 0 && len(pauses) != 0 || c.most != 0 && (len(pauses) == 0 || pauses[0] < c.least || pauses[0] > c.most) {
				t.Errorf("paused %v, want first between %v and %v", pauses, c.least, c.most)
			}
		})
	}
}

func TestLimitThatIsTooFarAwayIsToldAndNotAskedAgain(t *testing.T) {
	o := newOrg(t)
	o.handle(userPath, limited429(in8s))
	d, _ := under(t, o.URL)
	now := serverNow
	d.transport.now = func() time.Time { return now }
	for i := range 3 {
		_, err := d.Person(context.Background(), aliceID)
		var u *idp.UnavailableError
		if !errors.As(err, &u) || u.RetryAfter < 9*time.Second || u.RetryAfter > 10*time.Second {
			t.Errorf("reading %d: got %v, want to be told to come again in 9 s", i, err)
		}
	}
	if n := len(o.asked()); n != 1 {
		t.Errorf("asked %d times while the limit was used up, want once", n)
	}
	o.handle(userPath, jsonAnswer(200, user(aliceID, "ACTIVE")))
	now = now.Add(8 * time.Second)
	if _, err := d.Person(context.Background(), aliceID); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

func TestRemainingIsCountedDownBetweenAnswers(t *testing.T) {
	l := newLimits(0, 0, newMetrics(nil))
	now := serverNow
	header := http.Header{"Date": {date}, "X-Rate-Limit-Limit": {"50"}, "X-Rate-Limit-Remaining": {"2"}, "X-Rate-Limit-Reset": {in8s}}
	l.learn("b", &http.Response{Header: header}, now)
	for i, want := range []bool{true, true, false} {
		if wait := l.reserve("b", urgent, now); (wait == 0) != want {
			t.Errorf("request %d waits %v", i+1, wait)
		}
	}
	header.Set("X-Rate-Limit-Remaining", "1") // an answer that was overtaken
	l.learn("b", &http.Response{Header: header}, now)
	if wait := l.reserve("b", urgent, now); wait < 8*time.Second {
		t.Errorf("an older answer gave requests back: wait %v", wait)
	}
	if wait := l.reserve("other", urgent, now); wait != 0 {
		t.Errorf("another bucket waits %v", wait)
	}
	if wait := l.reserve("b", urgent, now.Add(8*time.Second)); wait != 0 {
		t.Errorf("after the reset: wait %v", wait)
	}
}

func TestQPSBoundsFromAbove(t *testing.T) {
	o := newOrg(t)
	d, slept := under(t, o.URL, func(p *Options) { p.QPS = 2 })
	d.transport.now = func() time.Time { return serverNow }
	ctx, refused := context.Background(), 0
	for range 14 {
		_, err := d.User(ctx, aliceID)
		var u *idp.UnavailableError
		if errors.As(err, &u) && u.RetryAfter > maxWait {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	waits := slept.pauses()
	if len(waits) != 10 || waits[0] != 500*time.Millisecond || waits[9] != 5*time.Second || refused != 2 {
		t.Errorf("waits %v, %d refused; want ten from 0.5 to 5 s, and 2", waits, refused)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	o := newOrg(t)
	o.handle(userPath, limited429(in3s))
	d, _ := under(t, o.URL)
	d.transport.now = func() time.Time { return serverNow }
	d.transport.sleep = sleep
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := d.Person(ctx, aliceID); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v, though the context ended", took)
	}
}

func TestOktasErrorsInPlainWords(t *testing.T) {
	for _, c := range []struct {
		name     string
		h        http.HandlerFunc
		says     []string
		notFound bool
	}{
		{"no such user", jsonAnswer(404, `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: x (User)"}`), []string{"E0000007"}, true},
		{"404 of something else", withHeaders(404, `<html>`, "Content-Type", "text/html"), []string{"404", "idp_provider_url"}, false},
		{"404 in other JSON", jsonAnswer(404, `{"error":"not found"}`), []string{"404", "idp_provider_url"}, false},
		{"E0000007 that is no 404", jsonAnswer(500, `{"errorCode":"E0000007"}`), []string{"E0000007"}, false},
		{"revoked token", jsonAnswer(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`), []string{"Invalid token provided", "30 days", "idp_service_account"}, false},
		{"no session", jsonAnswer(403, `{"errorCode":"E0000005","errorSummary":"Invalid session"}`), []string{"not accepted", "idp_service_account"}, false},
		{"no role", withHeaders(403, `{"errorCode":"E0000006","errorSummary":"You do not have permission"}`, "Content-Type", jsonType, "X-Okta-Request-Id", "req-1"), []string{"Read-only Administrator", "network zone", "req-1"}, false},
		{"no feature", jsonAnswer(401, `{"errorCode":"E0000015","errorSummary":"x"}`), []string{"feature"}, false},
		{"bearer refused", withHeaders(401, ``, "WWW-Authenticate", `Bearer error="invalid_token", error_description="x"`), []string{"credentials refused"}, false},
		{"moved", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
		}, []string{"redirect", "idp_provider_url"}, false},
		{"lines and colours", jsonAnswer(400, `{"errorCode":"E1\n","errorSummary":"a\u001b[31m\nb"}`), []string{"a?[31m?b"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrg(t)
			o.handle(userPath, c.h)
			d, _ := under(t, o.URL)
			_, err := d.Person(context.Background(), aliceID)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %T: %v, want an *Error", err, err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("got %q, want it to say %q", err, says)
				}
			}
			if errors.Is(err, idp.ErrNotFound) != c.notFound || errors.Is(err, idp.ErrUnavailable) == c.notFound {
				t.Errorf("not found %v, unavailable %v", errors.Is(err, idp.ErrNotFound), errors.Is(err, idp.ErrUnavailable))
			}
		})
	}
}

func TestPersonGoneBetweenTwoRequestsIsNotFound(t *testing.T) {
	o := newOrg(t)
	o.handle(userPath+"/groups", jsonAnswer(404, `{"errorCode":"E0000007"}`))
	d, _ := under(t, o.URL)
	if _, err := d.Person(context.Background(), aliceID); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestCheckGoesByTheLastReadingOrAsks(t *testing.T) {
	o := newOrg(t)
	const list = "/api/v1/users"
	o.handle(list, jsonAnswer(200, `[`+user(aliceID, "ACTIVE")+`]`))
	d, _ := under(t, o.URL)
	now := serverNow
	d.now, d.transport.now = func() time.Time { return now }, func() time.Time { return now }
	check := func(step, says string, requests int) {
		t.Helper()
		err := d.Check(context.Background())
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want it to say %q", step, err, says)
		}
		if n := len(o.asked()); n != requests {
			t.Errorf("%s: %d requests in all, want %d", step, n, requests)
		}
	}
	check("first", "", 1)
	check("again", "", 1)
	now = now.Add(checkAge)
	o.handle(list, jsonAnswer(401, `{"errorCode":"E0000011"}`))
	check("token revoked", "revoked", 2)
	check("again", "revoked", 2)
	if _, err := d.Person(context.Background(), "00unobody"); !errors.Is(err, idp.ErrNotFound) {
		t.Fatal(err)
	}
	check("a reading that went well", "", 3)
	o.handle(userPath, jsonAnswer(403, `{"errorCode":"E0000006"}`))
	_, _ = d.Person(context.Background(), aliceID)
	check("a reading that failed", "Read-only", 4)
}

func TestMetricsCountByBucket(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 { // two generations
		o := newOrg(t)
		o.handle(userPath, withHeaders(200, user(aliceID, "ACTIVE"), "Content-Type", jsonType, "Date", date,
			"X-Rate-Limit-Limit", "50", "X-Rate-Limit-Remaining", "48", "X-Rate-Limit-Reset", in8s))
		d, _ := under(t, o.URL, func(p *Options) { p.Registry = reg })
		if _, err := d.Person(context.Background(), aliceID); err != nil {
			t.Fatal(err)
		}
	}
	want := `
# HELP sallyport_okta_rate_limit_remaining Requests Okta last said are left in the current minute, by bucket.
# TYPE sallyport_okta_rate_limit_remaining gauge
sallyport_okta_rate_limit_remaining{bucket="/api/v1/users/{id}"} 48
# HELP sallyport_okta_requests_total Requests to Okta's Management API, by rate-limit bucket and outcome.
# TYPE sallyport_okta_requests_total counter
sallyport_okta_requests_total{bucket="/api/v1",outcome="ok"} 2
sallyport_okta_requests_total{bucket="/api/v1/users/{id}",outcome="ok"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "sallyport_okta_requests_total", "sallyport_okta_rate_limit_remaining"); err != nil {
		t.Error(err)
	}
}

func TestBucketsAreOktas(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/users": "/api/v1/users", "/api/v1/users/00u1": "/api/v1/users/{id}", "/api/v1/users/00u1/groups": "/api/v1",
		"/api/v1/groups": "/api/v1/groups", "/api/v1/groups/00g1": "/api/v1/groups/{id}",
		"/api/v1/groups/00g1/users": "/api/v1/groups", "/api/v1/groups/00g1/apps": "/api/v1", "/api/v1/logs": "/api/v1/logs", "/": "/api/v1",
		"/api/v1/apps": "/api/v1/apps", "/api/v1/apps/0oa1": "/api/v1/apps/{id}", "/api/v1/apps/0oa1/users": "/api/v1/apps", "/oauth2/v1/clients": "/api/v1",
	} {
		if got := bucketOf(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
