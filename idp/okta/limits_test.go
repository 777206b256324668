package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
	"sallyport/internal/oktatest"
)

func seen(l *limits, bucket string, limit, remaining int, reset string) {
	l.learn(bucket, &http.Response{Header: http.Header{
		"Date": {date}, "X-Rate-Limit-Limit": {fmt.Sprint(limit)}, "X-Rate-Limit-Remaining": {fmt.Sprint(remaining)}, "X-Rate-Limit-Reset": {reset},
	}}, serverNow)
}

func TestListingsLeaveRoomForSignIns(t *testing.T) {
	for _, c := range []struct {
		bucket       string
		limit, share int // of it that listings use at the default share
	}{
		{bucketGroups, 250, 200},
		{bucketUsers, 300, 240},
		{bucketLogs, 60, 48},
		{bucketLogs, 10, 8},
		{bucketUser, 1000, 700},
		{bucketOther, 600, 420},
		{bucketLogs, 1, 1},
		{bucketUser, 1, 1},
	} {
		l := newLimits(0, 0, newMetrics(nil))
		seen(l, c.bucket, c.limit, c.limit, in8s)
		if b := l.budget(c.bucket, serverNow); b.Limit != c.share || b.Remaining != c.share {
			t.Errorf("%s of %d: budget %+v, want %d", c.bucket, c.limit, b, c.share)
		}
		n := 0
		for l.reserve(c.bucket, steady, serverNow) == 0 {
			n++
		}
		if n != c.share {
			t.Errorf("%s of %d: listings made %d requests, want %d", c.bucket, c.limit, n, c.share)
		}
		for range c.limit - c.share {
			if wait := l.reserve(c.bucket, urgent, serverNow); wait != 0 {
				t.Fatalf("%s of %d: a sign-in waits %v", c.bucket, c.limit, wait)
			}
		}
		if l.reserve(c.bucket, urgent, serverNow) == 0 {
			t.Errorf("%s of %d: more than the limit", c.bucket, c.limit)
		}
		if b := l.budget(c.bucket, serverNow); b.Remaining != 0 {
			t.Errorf("budget %+v, want nothing left", b)
		}
		if b := l.budget(c.bucket, serverNow.Add(8*time.Second)); b.Remaining != c.share {
			t.Errorf("after the reset: budget %+v", b)
		}
	}
}

func TestBudgetIsThePoorerBuckets(t *testing.T) {
	o := newOrg(t)
	d, _ := under(t, o.URL, func(p *Options) { p.Share = 0.5 })
	d.now = func() time.Time { return serverNow }
	if b := d.Budget(idp.BucketUser); b != (idp.Budget{}) {
		t.Errorf("before any answer: %+v", b)
	}
	seen(d.transport.limits, bucketUser, 1000, 1000, in8s)
	seen(d.transport.limits, bucketOther, 100, 80, in8s)
	if b := d.Budget(idp.BucketUser); b.Limit != 40 || b.Remaining != 20 {
		t.Errorf("got %+v, want 20 of 40", b)
	}
	if b := d.Budget("nothing"); b != (idp.Budget{}) {
		t.Errorf("unknown bucket: %+v", b)
	}
}

// A listing that has used its share up is told when to come again, while people
// who sign in go on, and the log too, whose bucket is another.
func TestListingEndsWhereSignInsGoOn(t *testing.T) {
	k := standIn(t, 1)
	k.SetRateLimits(oktatest.RateLimits{PerMinute: map[string]int{oktatest.BucketGroups: 20, oktatest.BucketUser: 100, oktatest.BucketAPI: 100}})
	d, slept := under(t, k.URL())
	for range 8 { // of 10 that are ours
		if _, err := d.Groups(context.Background(), idp.GroupQuery{}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(slept.pauses()); n != 0 {
		t.Fatalf("%d pauses within the share", n)
	}
	_, err := d.Groups(context.Background(), idp.GroupQuery{}, "")
	var u *idp.UnavailableError
	if !errors.As(err, &u) || u.RetryAfter < 50*time.Second || u.RetryAfter > 62*time.Second {
		t.Errorf("past the share: got %v, want to be told of the reset", err)
	}
	if _, err := d.Person(context.Background(), aliceID); err != nil {
		t.Errorf("sign-in: %v", err)
	}
	if _, err := d.Log(context.Background(), idp.LogQuery{Since: time.Now()}, ""); err != nil {
		t.Errorf("log: %v", err)
	}
	if n := len(slept.pauses()); n != 0 {
		t.Errorf("%d pauses, though the others have limits of their own", n)
	}
}

func TestWaitLongerThanTheContextIsNotBegun(t *testing.T) {
	o := newOrg(t)
	d, slept := under(t, o.URL)
	d.transport.now = func() time.Time { return serverNow }
	seen(d.transport.limits, bucketGroups, 100, 0, "1759127150") // in 53 s
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := d.Groups(ctx, idp.GroupQuery{}, "")
	var u *idp.UnavailableError
	if !errors.As(err, &u) || u.RetryAfter < 53*time.Second || len(slept.pauses()) != 0 || len(o.asked()) != 0 {
		t.Errorf("got %v after %v", err, slept.pauses())
	}
}

func TestSignInsPassListingsThatWaitForTheConfiguredRate(t *testing.T) {
	o := newOrg(t)
	o.handle("/api/v1/groups", jsonAnswer(200, `[]`))
	d, _ := under(t, o.URL, func(p *Options) { p.QPS = 1 })
	d.transport.now = func() time.Time { return serverNow }
	waiting, release := map[priority]chan time.Duration{urgent: make(chan time.Duration, 10), steady: make(chan time.Duration, 10)}, make(chan struct{})
	d.transport.sleep = func(ctx context.Context, pause time.Duration) error {
		waiting[priorityOf(ctx)] <- pause
		if priorityOf(ctx) == steady {
			<-release
		}
		return ctx.Err()
	}
	if _, err := d.User(context.Background(), aliceID); err != nil { // the one that is free
		t.Fatal(err)
	}
	done := make(chan error, 5)
	list := func() { _, err := d.Groups(context.Background(), idp.GroupQuery{}, ""); done <- err }
	go list()
	if first := <-waiting[steady]; first != time.Second {
		t.Errorf("the first listing waits %v", first)
	}
	for range 4 {
		go list()
	}
	for range 100 { // let them come as far as they get
		runtime.Gosched()
	}
	if _, err := d.User(context.Background(), aliceID); err != nil {
		t.Error(err)
	}
	if second := <-waiting[urgent]; second != 2*time.Second || len(waiting[steady]) != 0 {
		t.Errorf("a sign-in waits %v behind five listings, want to be second", second)
	}
	close(release)
	for range 5 {
		// The clock stands still, so that the later ones are told to come again.
		if err := <-done; err != nil && !errors.Is(err, errLimited) {
			t.Error(err)
		}
	}
}

func TestLimitsOf429AndConcurrencyAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		act   oktatest.Act
		retry time.Duration // told; 0: ridden out
	}{
		"bucket":      {oktatest.TooManyRequests(40 * time.Second), 40 * time.Second},
		"concurrency": {oktatest.TooManyConcurrent(), 0},
	} {
		k := standIn(t, 1)
		d, slept := under(t, k.URL())
		k.Fail(oktatest.Fault{Path: "/api/v1/groups", Act: c.act, Times: 1})
		_, err := d.Groups(context.Background(), idp.GroupQuery{}, "")
		var u *idp.UnavailableError
		told := errors.As(err, &u) && u.RetryAfter >= c.retry && u.RetryAfter < c.retry+5*time.Second
		if c.retry > 0 && !told || c.retry == 0 && (err != nil || len(slept.pauses()) != 1) {
			t.Errorf("%s: got %v after %v", name, err, slept.pauses())
		}
	}
}

func TestNoSecretOrPathIsInTheBucketNames(t *testing.T) {
	for _, path := range []string{"/api/v1/users/00u1/groups", "/api/v1/apps/0oa1/groups", "/api/v1/x/../../etc", "/api/v1/groups/00g1/users/00u1/x"} {
		if b := bucketOf(path); strings.Contains(b, "00") || strings.Contains(b, "etc") {
			t.Errorf("%s counts as %s", path, b)
		}
	}
}
