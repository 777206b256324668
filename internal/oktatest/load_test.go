package oktatest_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"

	"sallyport/internal/oktatest"
)

func TestLoadedOrg(t *testing.T) {
	k := start(t)
	made := k.Load(oktatest.Load{People: 2000, Groups: 50, Memberships: 9000, Seed: 3})
	members, largest := 0, 0
	for _, id := range made.Groups {
		all := k.MembersOf(id)
		if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
			t.Fatalf("group %s: members are not a sorted set", id)
		}
		members, largest = members+len(all), max(largest, len(all))
	}
	if members != 9000 || largest < 3*9000/50 {
		t.Errorf("got %d memberships, the largest group %d; want 9000 and some group far above the mean", members, largest)
	}
	if len(k.Events()) != 0 {
		t.Errorf("got %d events, want none", len(k.Events()))
	}
	b := newBrowser(t, k)
	if got := ids(b.listAll("/api/v1/users")); len(got) != 2002 {
		t.Errorf("got %d people, want 2002", len(got))
	}
	if got := k.PersonID("person-001999@example.com"); got != made.People[1999] {
		t.Errorf("got %q, want %q", got, made.People[1999])
	}
	again := start(t)
	other := again.Load(oktatest.Load{People: 2000, Groups: 50, Memberships: 9000, Seed: 3})
	if !slices.Equal(again.MembersOf(other.Groups[7]), k.MembersOf(made.Groups[7])) {
		t.Error("the same seed makes another org")
	}
	inGroups := 0
	for _, id := range made.People[:20] {
		inGroups += len(ids(b.listAll("/api/v1/users/" + id + "/groups")))
	}
	if inGroups < 40 {
		t.Errorf("got %d groups of 20 people, want about 110", inGroups)
	}
}

// BenchmarkLoad makes the org of the performance figures and reports what it
// holds on to.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		o := options()
		k, err := oktatest.New(o)
		if err != nil {
			b.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		k.Load(oktatest.Load{People: 100_000, Groups: 10_000, Memberships: 1_000_000})
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		k.Close()
	}
}

func TestRateLimitSharesAndBuckets(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), service(t), func(o *oktatest.Options) {
		o.RateLimits = oktatest.WorkforceLimits()
		o.RateLimits.Shares = map[string]float64{serviceID: 0.1}
	})
	b := newBrowser(t, k)
	group := "/api/v1/groups/" + k.GroupID("admins")
	for path, limit := range map[string]string{
		"/api/v1/users": "300", "/api/v1/users/alice": "1000", "/api/v1/users/alice/groups": "600", "/api/v1/users/alice/appLinks": "600",
		"/api/v1/groups": "250", group: "500", group + "/users": "250", group + "/apps": "250",
		"/api/v1/apps": "50", "/api/v1/apps/" + appID: "250", "/api/v1/apps/" + appID + "/users": "50", "/api/v1/apps/" + appID + "/groups": "50",
		"/api/v1/logs":         "60",
		"/api/v1/users/nobody": "1000", "/api/v1/users?filter=x": "300", // refusals too
	} {
		if got := b.api(path).Header.Get("X-Rate-Limit-Limit"); got != limit {
			t.Errorf("%s: got limit %s, want %s", path, got, limit)
		}
	}
	left := func(path string) string { return b.api(path).Header.Get("X-Rate-Limit-Remaining") }
	if a, c := left("/api/v1/groups"), left(group+"/users"); a <= c {
		t.Errorf("got %s left of groups, then %s of members: want one bucket", a, c)
	}
	token := b.token(serviceForm(assertion(t, k, clock.now(), "one", nil), "okta.users.read")).Access
	other := b.token(serviceForm(assertion(t, k, clock.now(), "two", nil), "okta.users.read")).Access
	one, two := b.bearer(token, "/api/v1/users"), b.bearer(other, "/api/v1/users")
	if one.Header.Get("X-Rate-Limit-Limit") != "60" || one.Header.Get("X-Rate-Limit-Remaining") != "59" || two.Header.Get("X-Rate-Limit-Remaining") != "58" {
		t.Errorf("got %v and %v, want one share of 60 for all tokens of the application", one.Header, two.Header)
	}
	if got := b.bearer(token, "/api/v1/groups"); got.StatusCode != 403 || got.Header.Get("X-Rate-Limit-Remaining") == "" {
		t.Errorf("no scope: got %d %v, want 403 with limits", got.StatusCode, got.Header)
	}
}

func TestTooManyAtOnce(t *testing.T) {
	k := start(t, func(o *oktatest.Options) { o.RateLimits.Concurrent = 2 })
	held, release := make(chan struct{}, 2), make(chan struct{})
	k.Fail(oktatest.Fault{Path: "/api/", Times: 2, Act: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		held <- struct{}{}
		<-release
		next.ServeHTTP(w, r)
	}})
	answers := make(chan int, 2)
	for range 2 {
		b := newBrowser(t, k)
		go func() { answers <- b.api("/api/v1/logs").StatusCode }()
	}
	<-held
	<-held
	got := newBrowser(t, k).api("/api/v1/logs")
	if h := got.Header; got.StatusCode != http.StatusTooManyRequests || h.Get("X-Rate-Limit-Limit") != "0" || h.Get("X-Rate-Limit-Remaining") != "0" {
		t.Errorf("got %d %v, want 429 with limit and remaining 0", got.StatusCode, h)
	}
	close(release)
	for range 2 {
		if status := <-answers; status != 200 {
			t.Errorf("got %d, want 200", status)
		}
	}
	if got := newBrowser(t, k).api("/api/v1/logs"); got.StatusCode != 200 {
		t.Errorf("afterwards: got %d, want 200", got.StatusCode)
	}
}

func TestApplicationsPageAndAssign(t *testing.T) {
	k := start(t)
	made := k.Load(oktatest.Load{People: 130, Groups: 25, Memberships: 300})
	for i := range 45 {
		k.AddApp(oktatest.App{Label: fmt.Sprintf("app %02d", i)})
	}
	id := k.AddApp(oktatest.App{Label: "the one"})
	for _, g := range made.Groups {
		k.AssignGroup(id, g)
	}
	k.AssignPerson(id, "alice")
	k.AssignGroup(id, "engineers") // alice's own assignment goes first
	b := newBrowser(t, k)
	if pages := b.listAll("/api/v1/apps"); len(pages) != 3 || len(ids(pages)) != 47 {
		t.Errorf("got %d pages and %d applications, want 3 of 20 at most and 47", len(pages), len(ids(pages)))
	}
	groups := b.listAll("/api/v1/apps/" + id + "/groups")
	if len(groups) != 2 || !slices.Equal(ids(groups)[:25], made.Groups) {
		t.Errorf("got %d pages, want 2 in the order of priority", len(groups))
	}
	scopes := map[string]string{}
	path := "/api/v1/apps/" + id + "/users"
	for _, page := range b.listAll(path) {
		if len(page) > 50 {
			t.Errorf("got a page of %d, want 50 at most", len(page))
		}
	}
	for _, u := range decode[[]struct{ ID, Scope string }](t, b.api(path+"?limit=500")) {
		scopes[u.ID] = u.Scope
	}
	for _, g := range made.Groups {
		for _, p := range k.MembersOf(g) {
			if scopes[p] != "GROUP" {
				t.Fatalf("%s: got scope %q, want GROUP", p, scopes[p])
			}
		}
	}
	if scopes[k.PersonID("alice")] != "USER" || scopes[k.PersonID("bob")] != "" {
		t.Errorf("got alice %q, bob %q; want USER and nothing", scopes[k.PersonID("alice")], scopes[k.PersonID("bob")])
	}
	if got := decode[[]struct{ AppInstanceID string }](t, b.api("/api/v1/users/alice/appLinks")); len(got) != 1 || got[0].AppInstanceID != id {
		t.Errorf("got links %v, want one", got)
	}
}

func TestAssignmentsDecideWhoSignsIn(t *testing.T) {
	k := start(t)
	k.AssignGroup(appID, "admins")
	newBrowser(t, k).signInTokens("alice", "wonderland")
	b := newBrowser(t, k)
	if got := b.fill(b.authorize(), "bob", "builder").back(t).Get("error"); got != "access_denied" {
		t.Errorf("got %q, want access_denied", got)
	}
	k.AssignPerson(appID, "bob")
	newBrowser(t, k).signInTokens("bob", "builder")
}
