package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store/memory"
)

// world is an organisation and a directory that follows it, by hand.
type world struct {
	t     testing.TB
	org   *organisation
	store *memory.Store
	d     *Directory
	s     *syncer
	names []string
	apps  []string // names of applications in policies
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, org: newOrganisation(seed)}
	w.store = memory.New(memory.Options{Now: func() time.Time { return w.org.now }})
	w.org.addGroup("Everyone", idp.GroupBuiltIn)
	for range 8 {
		w.org.addPerson(identity.StatusActive)
	}
	for i := range 5 {
		w.org.addGroup(fmt.Sprintf("group %d", i), idp.GroupOkta)
	}
	for range 12 {
		w.org.act()
	}
	return w
}

// start is a process that begins with what is stored.
func (w *world) start() {
	w.t.Helper()
	d, err := New(Options{
		Source: w.org, Store: w.store, Now: func() time.Time { return w.org.now },
		Listing:  func() (Source, string) { return w.org, "https://example.okta.com" },
		Relevant: func() Relevant { return Relevant{Groups: w.names, Apps: w.apps, Attributes: w.org.asks} },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	d.jitter = func(most time.Duration) time.Duration { return time.Duration(w.org.rng.Int64N(int64(most))) }
	ctx := context.Background()
	if err := d.load(ctx); err != nil {
		w.t.Fatal(err)
	}
	if err := d.loadWhole(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.d = d
	w.lead()
}

func (w *world) lead() {
	w.t.Helper()
	ctx := context.Background()
	w.org.tick(leaseFor + time.Second) // of the process before
	fence, held, err := w.store.Acquire(ctx, leaseName, w.d.holder, leaseFor)
	if err != nil || !held {
		w.t.Fatalf("lease: %v, %v", held, err)
	}
	w.d.leading.Store(true)
	if err := w.d.prepare(ctx, "https://example.okta.com"); err != nil {
		w.t.Fatal(err)
	}
	w.s = newSyncer(w.d, w.org, "https://example.okta.com", fence)
}

// run steps until that much time has passed.
func (w *world) run(d time.Duration) {
	until := w.org.now.Add(d)
	for w.org.now.Before(until) {
		before := w.org.now
		if err := w.s.hold(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		wait := w.s.step(context.Background())
		if wait > 0 {
			w.org.tick(min(wait, 2*time.Second))
		} else if w.org.now.Equal(before) {
			w.org.tick(time.Millisecond)
		}
	}
}

// differences are what the directory has wrong, in words.
func (w *world) differences() []string {
	var wrong []string
	snap := w.d.snap.Load()
	if snap == nil || !w.s.st.Ready {
		return []string{fmt.Sprintf("not ready: %+v", w.s.st)}
	}
	for _, id := range sortedKeys(w.org.people) {
		want := w.org.people[id]
		got := snap.Person(id)
		switch {
		case got == nil && want.Status == identity.StatusDeprovisioned:
		case got == nil:
			wrong = append(wrong, id+": unknown, is "+string(want.Status))
		case got.Status != want.Status:
			wrong = append(wrong, fmt.Sprintf("%s: is %s, is taken for %s", id, want.Status, got.Status))
		case !slices.Equal(got.Apps, w.org.appsOf(id, w.apps)):
			wrong = append(wrong, fmt.Sprintf("%s: has the applications %v, is taken to have %v", id, w.org.appsOf(id, w.apps), got.Apps))
		case !slices.Equal(got.Groups, w.org.groupsOf(id)):
			wrong = append(wrong, fmt.Sprintf("%s: is in %v, is taken to be in %v", id, w.org.groupsOf(id), got.Groups))
		}
	}
	for h := range snap.people.n {
		if p := snap.people.at(handle(h)); w.org.people[p.ID] == nil && snap.Person(p.ID) != nil {
			wrong = append(wrong, p.ID+": was deleted, is known")
		}
	}
	for h := range snap.groups.n {
		g := snap.groups.at(handle(h))
		if is := w.org.groups[g.ID]; is == nil != g.gone || is != nil && is.Name != g.Name {
			wrong = append(wrong, fmt.Sprintf("group %s: gone %v, called %q", g.ID, g.gone, g.Name))
		}
	}
	return append(wrong, snap.inconsistencies()...)
}

// inconsistencies are where the two sides of a snapshot do not agree.
func (s *Snapshot) inconsistencies() []string {
	var wrong []string
	var c Counts
	for h := range s.people.n {
		p := s.people.at(handle(h))
		c.People += live(p.known && !p.gone)
		if !slices.IsSorted(p.groups) || len(slices.Compact(slices.Clone(p.groups))) != len(p.groups) {
			wrong = append(wrong, p.ID+": groups are no set")
		}
		for _, g := range p.groups {
			if !contains(s.groups.at(g).members, handle(h)) {
				wrong = append(wrong, p.ID+": has a group that does not have them")
			}
		}
	}
	for h := range s.groups.n {
		g := s.groups.at(handle(h))
		c.Groups += live(!g.gone)
		c.Unread += live(unread(g))
		c.Memberships += len(g.members)
		for _, m := range g.members {
			if !slices.Contains(s.people.at(m).groups, handle(h)) {
				wrong = append(wrong, g.ID+": has a member who does not have it")
			}
		}
	}
	if c != s.counts {
		wrong = append(wrong, fmt.Sprintf("counts are %+v, expected %+v", s.counts, c))
	}
	return wrong
}

// history is one random history, with everything that can go wrong.
func history(t testing.TB, seed uint64) *world {
	w := newWorld(t, seed)
	rng := rand.New(rand.NewPCG(seed, 99))
	w.org.lag, w.org.logLag = time.Duration(rng.IntN(60))*time.Second, time.Duration(rng.IntN(40))*time.Second
	w.names = []string{"group 1", "group 3"}
	if rng.IntN(2) == 0 {
		w.apps = []string{w.org.addApp("app 1"), "app 1", "app 2"}
		w.org.addApp("app 2")
	}
	if rng.IntN(3) == 0 {
		w.org.lost = .1
	}
	w.org.faults = rng.Float64() * .3
	w.org.between = func() {
		if rng.IntN(6) == 0 {
			w.org.act()
			w.org.actApp()
		}
	}
	w.start()
	for range 6 {
		w.run(time.Duration(rng.IntN(90)) * time.Second)
		switch rng.IntN(3) {
		case 0:
			w.start() // the process is gone, its successor begins
		case 1:
			people := sortedKeys(w.org.people)
			_, _ = w.d.Read(context.Background(), people[rng.IntN(len(people))]) // somebody signs in
		}
		w.org.act()
	}
	w.org.faults, w.org.between = 0, nil
	if w.org.lost > 0 {
		w.s.apps.at, w.s.st.FullAt = time.Time{}, time.Time{} // the regular readings find what no event told
	}
	w.run(5 * time.Minute)
	return w
}

// A history is told by its number alone: what fails once can be looked into.
func TestHistoriesRepeat(t *testing.T) {
	for seed := range uint64(30) {
		a, b := history(t, seed), history(t, seed)
		if a.org.trace.Sum64() != b.org.trace.Sum64() {
			t.Errorf("history %d: asks %v the first time, %v the second, or at other times", seed, a.org.asked, b.org.asked)
		}
	}
}

func TestDirectoryEndsEqualToTheTruth(t *testing.T) {
	histories := uint64(1000)
	if testing.Short() {
		histories = 60
	}
	failed := 0
	for seed := range histories {
		w := history(t, seed)
		if wrong := w.differences(); len(wrong) > 0 {
			failed++
			t.Errorf("history %d:\n  %s", seed, strings.Join(wrong, "\n  "))
			if failed > 3 {
				t.FailNow()
			}
		}
	}
}
