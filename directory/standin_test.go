package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp/okta"
	"sallyport/internal/httpout"
	"sallyport/internal/oktatest"
	"sallyport/store/memory"
)

// clock is one clock for the stand-in, its client and the directory.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// standIn is the stand-in Okta over HTTP, with the client that is shipped.
type standIn struct {
	*clock
	t      *testing.T
	okta   *oktatest.Okta
	source Source
	store  *memory.Store
	d      *Directory
	s      *syncer
	rng    *rand.Rand
	people []string
	status map[string]identity.Status
	groups []string
	next   int
}

func newStandIn(t *testing.T, seed uint64) *standIn {
	t.Helper()
	w := &standIn{clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, t: t, status: map[string]identity.Status{}, rng: rand.New(rand.NewPCG(seed, 3))}
	var err error
	w.okta, err = oktatest.New(oktatest.Options{
		Now: w.Now, APITokens: []string{"token"}, RateLimits: oktatest.WorkforceLimits(), Seed: seed,
		Lags: oktatest.Lags{Membership: oktatest.Between(seed, 0, 40*time.Second), Log: oktatest.Between(seed+1, 0, 20*time.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.okta.Close)
	client, err := httpout.New(httpout.Options{Timeout: 10 * time.Second, MaxBody: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	w.source, err = okta.NewDirectory(okta.Options{OrgURL: w.okta.URL(), APIKey: "token", HTTP: client, Now: w.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.store = memory.New(memory.Options{Now: w.Now})
	for range 12 {
		w.addPerson()
	}
	for i := range 6 {
		w.groups = append(w.groups, w.okta.AddGroup(oktatest.Group{Name: fmt.Sprintf("group %d", i)}))
	}
	w.start()
	return w
}

func (w *standIn) addPerson() {
	w.next++
	id := w.okta.AddPerson(oktatest.Person{Login: fmt.Sprintf("p%d@example.com", w.next), FirstName: "P", LastName: fmt.Sprint(w.next), Password: "x"})
	w.people, w.status[id] = append(w.people, id), identity.StatusActive
}

func (w *standIn) start() {
	w.t.Helper()
	w.tick(leaseFor + time.Second)
	d, err := New(Options{Source: w.source, Store: w.store, Now: w.Now, Listing: func() (Source, string) { return w.source, "org" }})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx := context.Background()
	fence, held, err := w.store.Acquire(ctx, leaseName, d.holder, leaseFor)
	if err != nil || !held {
		w.t.Fatalf("lease: %v, %v", held, err)
	}
	d.leading.Store(true)
	if err := d.prepare(ctx, "org"); err != nil {
		w.t.Fatal(err)
	}
	w.d, w.s = d, newSyncer(d, w.source, "org", fence)
}

func (w *standIn) run(d time.Duration) {
	for until := w.Now().Add(d); w.Now().Before(until); {
		if err := w.s.hold(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		wait := w.s.step(context.Background())
		w.tick(max(50*time.Millisecond, min(wait, 2*time.Second)))
	}
}

func (w *standIn) act() {
	p, g := w.people[w.rng.IntN(len(w.people))], w.groups[w.rng.IntN(len(w.groups))]
	in := slices.Contains(w.okta.MembersOf(g), p)
	switch n := w.rng.IntN(20); {
	case n < 12 && in:
		w.okta.Leave(p, g)
	case n < 12:
		w.okta.Join(p, g)
	case n < 14 && w.status[p] == identity.StatusActive:
		w.okta.Suspend(p)
		w.status[p] = identity.StatusSuspended
	case n < 14 && w.status[p] == identity.StatusSuspended:
		w.okta.Unsuspend(p)
		w.status[p] = identity.StatusActive
	case n == 14:
		w.addPerson()
	case n == 15 && len(w.people) > 6:
		w.okta.RemovePerson(p)
		w.people = slices.DeleteFunc(w.people, func(id string) bool { return id == p })
		delete(w.status, p)
	case n == 16 && len(w.groups) > 3:
		w.okta.RemoveGroup(g)
		w.groups = slices.DeleteFunc(w.groups, func(id string) bool { return id == g })
	case n == 17:
		w.next++
		w.groups = append(w.groups, w.okta.AddGroup(oktatest.Group{Name: fmt.Sprintf("new %d", w.next)}))
	case n == 18:
		w.next++
		w.okta.RenameGroup(g, fmt.Sprintf("called %d", w.next))
	case n == 19 && w.status[p] == identity.StatusActive:
		w.okta.Deactivate(p)
		w.status[p] = identity.StatusDeprovisioned
	}
}

// differences holds every person and group against the stand-in's truth.
func (w *standIn) differences() []string {
	snap := w.d.Snapshot()
	if snap == nil {
		return []string{fmt.Sprintf("not ready: %+v", w.s.st)}
	}
	wrong := snap.inconsistencies()
	for id, status := range w.status {
		if p := snap.Person(id); p == nil && status != identity.StatusDeprovisioned || p != nil && p.Status != status {
			wrong = append(wrong, fmt.Sprintf("%s: is %s, taken for %+v", id, status, p))
		}
	}
	for _, g := range w.groups {
		var got []string
		if node := snap.group(g); node != nil {
			for _, m := range node.members {
				got = append(got, snap.people.at(m).ID)
			}
		}
		slices.Sort(got)
		if want := w.okta.MembersOf(g); !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s: has %v, taken to have %v", g, want, got))
		}
	}
	for h := range snap.people.n {
		if p := snap.people.at(handle(h)); w.status[p.ID] == "" && snap.Person(p.ID) != nil {
			wrong = append(wrong, p.ID+": was deleted, is known")
		}
	}
	return wrong
}

// The client that is shipped, over HTTP, against the stand-in's lag, backdating,
// late log, rate limits, broken connections and errors, with restarts.
func TestStandInsHistoriesEndEqualToTheTruth(t *testing.T) {
	histories := uint64(6)
	if testing.Short() {
		histories = 2
	}
	for seed := range histories {
		w := newStandIn(t, seed)
		for round := range 4 {
			w.okta.ClearFaults()
			for _, path := range []string{"/api/v1/logs", "/api/v1/groups", "/api/v1/users"} {
				acts := []oktatest.Act{oktatest.ServerError(), oktatest.HTML(), oktatest.Truncate(20), oktatest.TooManyRequests(7 * time.Second), oktatest.TooManyConcurrent(), oktatest.Status(http.StatusOK, "application/json", "null")}
				w.okta.Fail(oktatest.Fault{Path: path, Skip: w.rng.IntN(8), Times: 1 + w.rng.IntN(3), Act: acts[w.rng.IntN(len(acts))]})
			}
			for range 8 {
				w.act()
				w.run(time.Duration(w.rng.IntN(6000)) * time.Millisecond)
			}
			if round == 2 {
				w.start()
			}
		}
		w.okta.ClearFaults()
		w.run(4 * time.Minute)
		if wrong := w.differences(); len(wrong) > 0 {
			t.Fatalf("history %d:\n  %s", seed, strings.Join(wrong, "\n  "))
		}
	}
}

// At 10,000 people and 1,000 groups it is 1,084 requests where the least is 1,071.
func TestEverybodyIsReadInAsFewRequestsAsTheAPIAllows(t *testing.T) {
	if testing.Short() {
		t.Skip("lists thousands of people over HTTP")
	}
	w := newStandIn(t, 1)
	w.okta.SetRateLimits(oktatest.RateLimits{})
	loaded := w.okta.Load(oktatest.Load{People: 3000, Groups: 300, Memberships: 30_000, Seed: 1})
	w.run(2 * time.Minute)
	snap := w.d.Snapshot()
	for began := w.Now(); snap == nil || snap.Counts().Unread > 0; snap = w.d.Snapshot() {
		w.run(10 * time.Second)
		if w.Now().Sub(began) > 3*time.Hour {
			t.Fatalf("not read whole: %+v", w.s.st)
		}
	}
	least, asked := 3012/200+1+307/200+1, 0
	for _, g := range append(loaded.Groups, w.groups...) {
		if n := len(w.okta.MembersOf(g)); n > 0 {
			least += (n + memberPage - 1) / memberPage
		}
	}
	for _, r := range w.okta.Requests() {
		if strings.HasPrefix(r.Path, "/api/v1/") && r.Path != "/api/v1/logs" && !slices.Contains(r.Query, "filter") {
			asked++
		}
	}
	t.Logf("%d requests, the least is %d; %+v", asked, least, snap.Counts())
	if float64(asked) > 1.05*float64(least) {
		t.Errorf("%d requests, expected at most 1.05 times %d", asked, least)
	}
	for i, g := range loaded.Groups {
		if i%37 == 0 {
			if got, want := len(snap.group(g).members), len(w.okta.MembersOf(g)); got != want {
				t.Errorf("%s has %d members, is taken to have %d", g, want, got)
			}
		}
	}
}

// memberPage is how many members a page has.
const memberPage = 1000
