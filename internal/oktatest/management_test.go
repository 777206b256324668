package oktatest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

type named struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Profile struct {
		Name  string `json:"name"`
		Login string `json:"login"`
	} `json:"profile"`
	LastUpdated           string  `json:"lastUpdated"`
	LastMembershipUpdated string  `json:"lastMembershipUpdated"`
	LastLogin             *string `json:"lastLogin"`
}

var nextLink = regexp.MustCompile(`^<([^>]+)>; rel="next"$`)

// listAll follows next links from path and returns the pages.
func (b *browser) listAll(path string) (pages [][]named) {
	b.t.Helper()
	for path != "" {
		r := b.api(path)
		if r.StatusCode != 200 {
			b.t.Fatalf("%s: got %d %s", path, r.StatusCode, r.body)
		}
		pages = append(pages, decode[[]named](b.t, r))
		path = ""
		for _, line := range r.Header.Values("Link") {
			if m := nextLink.FindStringSubmatch(line); m != nil {
				path = strings.TrimPrefix(m[1], b.k.URL())
			}
		}
	}
	return pages
}

func ids(pages [][]named) (all []string) {
	for _, page := range pages {
		for _, one := range page {
			all = append(all, one.ID)
		}
	}
	return all
}

func manyGroups(n int) func(*oktatest.Options) {
	return func(o *oktatest.Options) {
		for i := range n {
			name := fmt.Sprintf("team %03d", i)
			o.Groups = append(o.Groups, oktatest.Group{Name: name})
			o.People[0].Groups = append(o.People[0].Groups, name)
		}
	}
}

func TestUserGroupsComeInPagesOf200(t *testing.T) {
	b := newBrowser(t, start(t, manyGroups(450)))
	pages := b.listAll("/api/v1/users/alice@example.com/groups")
	var sizes []int
	for _, p := range pages {
		sizes = append(sizes, len(p))
	}
	if diff := cmp.Diff([]int{200, 200, 53}, sizes); diff != "" { // with admins, engineers, Everyone
		t.Errorf("(-want +got):\n%s", diff)
	}
	all := ids(pages)
	slices.Sort(all)
	if len(slices.Compact(all)) != 453 {
		t.Error("some group came twice")
	}
	first := b.api("/api/v1/users/alice/groups")
	links := first.Header.Values("Link")
	if len(links) != 2 || !strings.HasSuffix(links[0], `/groups?limit=200>; rel="self"`) || !nextLink.MatchString(links[1]) {
		t.Errorf("got Link lines %q, want self and next", links)
	}
}

func TestListingGoesOnWhereTheCursorsElementIsGone(t *testing.T) {
	k := start(t, manyGroups(10))
	b := newBrowser(t, k)
	before := ids(b.listAll("/api/v1/groups"))
	first := b.api("/api/v1/groups?limit=3")
	k.RemoveGroup(before[2])
	next := nextLink.FindStringSubmatch(first.Header.Values("Link")[1])[1]
	if got := ids(b.listAll(strings.TrimPrefix(next, k.URL()))); cmp.Diff(before[3:], got) != "" {
		t.Errorf("got %v, want %v", got, before[3:])
	}
}

func TestPeopleAreFoundByIDAndLogin(t *testing.T) {
	k := start(t, func(o *oktatest.Options) {
		o.People = append(o.People, oktatest.Person{Login: "bob@example.org"})
	})
	b := newBrowser(t, k)
	for who, status := range map[string]int{
		k.PersonID("alice"): 200, "alice@example.com": 200, "ALICE@example.com": 200, "alice": 200,
		"bob": 404 /* two of them */, "bob@example.com": 200, strings.ToLower(k.PersonID("alice")): 404, "nobody": 404,
	} {
		if got := b.api("/api/v1/users/" + who); got.StatusCode != status {
			t.Errorf("%s: got %d, want %d", who, got.StatusCode, status)
		}
	}
}

func TestListsLeaveDeprovisionedPeopleOut(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	bob := k.PersonID("bob")
	k.SetStatus("bob", identity.StatusDeprovisioned)
	if got := ids(b.listAll("/api/v1/users?limit=1")); cmp.Diff([]string{k.PersonID("alice")}, got) != "" {
		t.Errorf("got %v, want alice only", got)
	}
	if got := decode[named](t, b.api("/api/v1/users/"+bob)); got.Status != "DEPROVISIONED" {
		t.Errorf("got %q, want DEPROVISIONED", got.Status)
	}
	if got := ids(b.listAll("/api/v1/users/" + bob + "/groups")); len(got) != 0 {
		t.Errorf("got groups %v, want none", got)
	}
}

func TestChangesLeaveTheirTimestamps(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock))
	b := newBrowser(t, k)
	clock.advance(90*time.Second + 500*time.Millisecond)
	now := clock.now().Truncate(time.Second).Format("2006-01-02T15:04:05.000Z")
	k.Join("bob", "admins")
	k.Leave("alice", "admins")
	k.RenameGroup("engineers", "makers")
	b.signIn("alice", "wonderland")
	k.SetProfile("bob", map[string]any{"department": "engineering", "lastName": "Builder"})
	byName := map[string]named{}
	for _, g := range b.listAll("/api/v1/groups")[0] {
		byName[g.Profile.Name] = g
	}
	if got := byName["admins"]; got.LastMembershipUpdated != now || got.LastUpdated == now {
		t.Errorf("admins: got %+v", got)
	}
	if got := byName["makers"]; got.LastMembershipUpdated == now || got.LastUpdated != now {
		t.Errorf("makers: got %+v", got)
	}
	alice, bob := decode[named](t, b.api("/api/v1/users/alice")), decode[named](t, b.api("/api/v1/users/bob"))
	if alice.LastLogin == nil || *alice.LastLogin != now || alice.LastUpdated == now {
		t.Errorf("alice: got %+v, want a login that moves lastLogin alone", alice)
	}
	if bob.LastUpdated != now || bob.LastLogin != nil {
		t.Errorf("bob: got %+v", bob)
	}
	var of []string
	for _, g := range b.listAll("/api/v1/users/bob/groups")[0] {
		of = append(of, g.Profile.Name)
	}
	slices.Sort(of)
	if diff := cmp.Diff([]string{"Everyone", "admins"}, of); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManagementAPIRefusals(t *testing.T) {
	k := start(t)
	b := newBrowser(t, k)
	ask := func(method, path, auth string) reply {
		r := b.request(method, path, nil)
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		return b.do(r)
	}
	good := "SSWS " + apiToken
	for name, c := range map[string]struct {
		method, path, auth string
		status             int
		code               string
	}{
		"no token":          {"GET", "/api/v1/users", "", 403, "E0000005"},
		"wrong token":       {"GET", "/api/v1/users", "SSWS nonsense", 401, "E0000011"},
		"empty token":       {"GET", "/api/v1/users", "SSWS ", 401, "E0000011"},
		"basic":             {"GET", "/api/v1/users", "Basic " + apiToken, 401, "E0000011"},
		"unknown person":    {"GET", "/api/v1/users/00uNobody/groups", good, 404, "E0000007"},
		"bad limit":         {"GET", "/api/v1/users?limit=0", good, 400, "E0000001"},
		"made-up cursor":    {"GET", "/api/v1/users?after=00uSomething", good, 400, "E0000001"},
		"unknown parameter": {"GET", "/api/v1/users?nonsense=x", good, 400, "E0000001"},
		"method":            {"POST", "/api/v1/users", good, 405, "E0000022"},
	} {
		got := ask(c.method, c.path, c.auth)
		if code := decode[map[string]any](t, got)["errorCode"]; got.StatusCode != c.status || code != c.code {
			t.Errorf("%s: got %d %v, want %d %s", name, got.StatusCode, code, c.status, c.code)
		}
	}
	if got := ask("GET", "/api/v1/users", "Bearer x"); got.StatusCode != 401 || !strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("bearer: got %d %q", got.StatusCode, got.Header.Get("WWW-Authenticate"))
	}
	k.RemoveAPIToken(apiToken)
	if got := ask("GET", "/api/v1/users", good); got.StatusCode != 401 {
		t.Errorf("revoked token: got %d, want 401", got.StatusCode)
	}
}

func TestRateLimitsPerBucketAndToken(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), func(o *oktatest.Options) {
		o.APITokens = append(o.APITokens, "another")
		o.RateLimits = oktatest.RateLimits{PerMinute: map[string]int{oktatest.BucketUser: 6}}
	})
	b := newBrowser(t, k)
	clock.advance(17 * time.Second) // windows begin with the first request, not with the minute
	reset := strconv.FormatInt(clock.now().Add(time.Minute).Unix(), 10)
	for _, left := range []string{"2", "1", "0"} { // half of six
		got := b.api("/api/v1/users/alice")
		if h := got.Header; got.StatusCode != 200 || h.Get("X-Rate-Limit-Limit") != "3" || h.Get("X-Rate-Limit-Remaining") != left || h.Get("X-Rate-Limit-Reset") != reset {
			t.Fatalf("got %d %v, want 200, limit 3, remaining %s, reset %s", got.StatusCode, h, left, reset)
		}
		clock.advance(time.Second)
	}
	got := b.api("/api/v1/users/alice")
	if got.StatusCode != http.StatusTooManyRequests || !strings.Contains(got.body, "E0000047") || got.Header.Get("X-Rate-Limit-Reset") != reset || got.Header.Get("Retry-After") != "" {
		t.Errorf("got %d %v %s", got.StatusCode, got.Header, got.body)
	}
	if got.Header.Get("Date") != clock.now().Format(http.TimeFormat) {
		t.Errorf("got Date %q, want the org's time", got.Header.Get("Date"))
	}
	if got := b.api("/api/v1/users/alice/groups"); got.StatusCode != 200 {
		t.Errorf("other bucket: got %d, want 200", got.StatusCode)
	}
	r := b.request("GET", "/api/v1/users/alice", nil)
	r.Header.Set("Authorization", "SSWS another")
	if got := b.do(r); got.StatusCode != 200 {
		t.Errorf("other token: got %d, want 200", got.StatusCode)
	}
	clock.advance(50 * time.Second) // another minute of the clock, the same window
	if got := b.api("/api/v1/users/alice"); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("same window: got %d, want 429", got.StatusCode)
	}
	clock.advance(7 * time.Second)
	if got := b.api("/api/v1/users/alice"); got.StatusCode != 200 || got.Header.Get("X-Rate-Limit-Remaining") != "2" {
		t.Errorf("next window: got %d, remaining %s", got.StatusCode, got.Header.Get("X-Rate-Limit-Remaining"))
	}
	k.SetRateLimits(oktatest.FreeLimits())
	if got := b.api("/api/v1/groups"); got.Header.Get("X-Rate-Limit-Limit") != "50" {
		t.Errorf("free org: got limit %s, want the recorded 50", got.Header.Get("X-Rate-Limit-Limit"))
	}
}

func TestIDsComeFromTheSeed(t *testing.T) {
	of := func(seed uint64) []string {
		k := start(t, func(o *oktatest.Options) { o.Seed = seed })
		return []string{k.PersonID("alice"), k.PersonID("bob"), k.GroupID("admins"), k.GroupID("Everyone"), k.AddClient(oktatest.Client{})}
	}
	a, again, other := of(1), of(1), of(2)
	if diff := cmp.Diff(a, again); diff != "" {
		t.Errorf("same seed (-first +second):\n%s", diff)
	}
	for i, prefix := range []string{"00u", "00u", "00g", "00g", "0oa"} {
		if !regexp.MustCompile(`^` + prefix + `[0-9A-Za-z]{17}$`).MatchString(a[i]) {
			t.Errorf("got %q, want 20 characters from %s", a[i], prefix)
		}
		if a[i] == other[i] {
			t.Errorf("%q for both seeds", a[i])
		}
	}
}
