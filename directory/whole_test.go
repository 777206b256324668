package directory

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// settled is a world whose directory is up to date.
func settled(t *testing.T, names ...string) *world {
	t.Helper()
	w := newWorld(t, 3)
	w.names = names
	w.start()
	w.run(2 * time.Minute)
	if wrong := w.differences(); len(wrong) > 0 {
		t.Fatalf("not settled: %v", wrong)
	}
	return w
}

// shrinking lists only the first people, as a fault of a filter or a role does.
type shrinking struct {
	*organisation
	only int
}

func (s *shrinking) Users(ctx context.Context, q idp.UserQuery, cursor string) (idp.Page[idp.User], error) {
	p, err := s.organisation.Users(ctx, q, cursor)
	if q.Since.IsZero() && err == nil {
		p.Next, p.Items = "", p.Items[:min(len(p.Items), s.only)]
	}
	return p, err
}

func TestListThatShrankCountsWhenASecondOneAgrees(t *testing.T) {
	w := settled(t)
	for range 20 {
		w.org.addPerson(identity.StatusActive)
	}
	w.run(15 * time.Minute) // past what the filtered listing shows again
	before := w.d.snap.Load().counts.People
	source := &shrinking{w.org, 2}
	w.s.source = source
	w.s.st.FullAt = w.org.now.Add(-fullEvery)
	w.run(2 * time.Minute)
	if got := w.d.snap.Load().counts.People; got != before {
		t.Fatalf("after one short list %d people are known, expected %d", got, before)
	}
	// What the log says of one person is not held back meanwhile.
	victim := sortedKeys(w.org.people)[0]
	w.org.deletePerson(victim)
	w.run(10 * time.Second)
	if w.d.snap.Load().Person(victim) != nil {
		t.Error("somebody deleted is known while the guard holds")
	}
	w.run(shrinkAgain + time.Minute)
	if got := w.d.snap.Load().counts.People; got >= before-5 {
		t.Errorf("after a second short list %d people are known, expected far fewer than %d", got, before)
	}
}

func TestEverybodyStandsWhateverFails(t *testing.T) {
	w := settled(t)
	version := w.d.snap.Load().version
	w.org.faults = 1
	w.run(30 * time.Minute)
	if got := w.d.snap.Load().version; got != version {
		t.Errorf("version %d became %d though nothing could be read", version, got)
	}
	p := w.d.Person(sortedKeys(w.org.people)[0])
	if p == nil {
		t.Fatal("somebody known is forgotten")
	}
	if age, whole := w.d.Age(); !whole || age < 29*time.Minute {
		t.Errorf("age is %v, %v, expected half an hour", age, whole)
	}
	if err := w.d.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "old") {
		t.Errorf("check says %v, expected how old it is", err)
	}
	if !w.d.Fresh(p, time.Hour) || w.d.Fresh(p, 20*time.Minute) {
		t.Error("freshness does not go by the bound")
	}
	w.org.faults = 0
	w.run(3 * time.Minute)
	if wrong := w.differences(); len(wrong) > 0 {
		t.Errorf("afterwards: %v", wrong)
	}
	if err := w.d.Check(context.Background()); err != nil {
		t.Errorf("afterwards check says %v", err)
	}
}

func TestReplicaFollowsTheOneThatReads(t *testing.T) {
	w := settled(t)
	follower, err := New(Options{Source: w.org, Store: w.store, Now: func() time.Time { return time.Now() }})
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer follower.Stop()
	for i := range 30 {
		w.org.act()
		w.run(3 * time.Second)
		want := w.d.snap.Load()
		deadline := time.Now().Add(10 * time.Second)
		for follower.snap.Load().version != want.version {
			if time.Now().After(deadline) {
				t.Fatalf("after change %d the follower stands at %d, expected %d", i, follower.snap.Load().version, want.version)
			}
			time.Sleep(time.Millisecond)
		}
		got := follower.snap.Load()
		if wrong := got.inconsistencies(); len(wrong) > 0 {
			t.Fatal(wrong)
		}
		for id := range w.org.people {
			if a, b := got.Person(id), want.Person(id); !same(a, b) || a != nil && a.Version != b.Version {
				t.Fatalf("%s: the follower has %+v, expected %+v", id, a, b)
			}
		}
	}
}

func TestAnotherOrganisationsDirectoryIsDropped(t *testing.T) {
	w := settled(t)
	somebody := sortedKeys(w.org.people)[0]
	if err := w.d.prepare(t.Context(), "https://other.okta.com"); err != nil {
		t.Fatal(err)
	}
	if w.d.Person(somebody) != nil {
		t.Error("somebody of another organisation is known")
	}
	if n, err := w.store.Count(t.Context(), KindSnapshot, ""); err != nil || n != 0 {
		t.Errorf("%d records of it are left, %v", n, err)
	}
}

func TestRecordsThatWentMissingMakeNoDirectory(t *testing.T) {
	for name, damage := range map[string]func(*world, string){
		"missing": func(w *world, key string) { _ = w.store.Delete(context.Background(), KindSnapshot, key) },
		"cut": func(w *world, key string) {
			r, _ := w.store.Get(context.Background(), KindSnapshot, key)
			r.Value = r.Value[:len(r.Value)-1]
			_, _ = w.store.Put(context.Background(), r, store.Any)
		},
		"empty": func(w *world, key string) {
			_, _ = w.store.Put(context.Background(), store.Record{Kind: KindSnapshot, Key: key}, store.Any)
		},
	} {
		for _, prefix := range []string{"1/", "2/"} {
			w := settled(t)
			var key string
			_ = w.store.Scan(t.Context(), KindSnapshot, prefix, func(r store.Record) error { key = r.Key; return nil })
			damage(w, key)
			d, err := New(Options{Source: w.org, Store: w.store, Now: func() time.Time { return w.org.now }})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.loadWhole(t.Context()); err != nil || d.snap.Load() != nil {
				t.Errorf("%s %s: a directory was made of it (%v)", name, key, err)
			}
			w.start() // and whoever reads lists everything again
			w.run(2 * time.Minute)
			if wrong := w.differences(); len(wrong) > 0 {
				t.Errorf("%s %s: %v", name, key, wrong)
			}
		}
	}
}

func TestNameOfAPolicyStaysWithItsGroup(t *testing.T) {
	w := newWorld(t, 5)
	w.names = []string{"admins", "twins"}
	admins := w.org.addGroup("admins", idp.GroupOkta)
	w.org.addGroup("twins", idp.GroupOkta)
	w.org.addGroup("twins", idp.GroupApp)
	alice, mallory := w.org.addPerson(identity.StatusActive), w.org.addPerson(identity.StatusActive)
	w.org.join(admins, alice)
	w.start()
	w.run(2 * time.Minute)
	if !w.d.Person(alice).HasGroup("admins") || w.d.Person(mallory).HasGroup("admins") {
		t.Fatal("the name does not find its group")
	}
	doubt := func(groups ...string) error { return w.d.Doubt(w.d.Person(alice), Relevant{Groups: groups}, 0) }
	if err := doubt("admins"); err != nil {
		t.Error(err)
	}
	if err := doubt("twins"); err == nil || strings.Count(err.Error(), "00g") != 2 {
		t.Errorf("a name of two groups: %v, expected both ids", err)
	}
	w.org.rename(admins, "administrators")
	rival := w.org.addGroup("admins", idp.GroupOkta)
	w.org.join(rival, mallory)
	w.run(2 * time.Minute)
	if wrong := w.differences(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if !w.d.Person(alice).HasGroup("admins") || w.d.Person(mallory).HasGroup("admins") {
		t.Error("a later namesake took the name")
	}
	w.start() // and after a restart
	w.run(10 * time.Second)
	if w.d.Person(mallory).HasGroup("admins") {
		t.Error("a later namesake took the name over a restart")
	}
	var pin Pin
	for _, p := range w.d.Pins() {
		if p.Name == "admins" {
			pin = p
		}
	}
	if pin.ID != admins || pin.Called != "administrators" || len(pin.Rivals) != 1 {
		t.Errorf("pin is %+v", pin)
	}
	if _, err := w.d.Unpin(t.Context(), "nobody"); !errors.Is(err, ErrNoPin) {
		t.Errorf("a name that means nothing: %v", err)
	}
	confirmed := make(chan Pin, 1)
	go func() {
		pin, err := w.d.Unpin(context.Background(), "admins")
		if err != nil {
			t.Error(err)
		}
		confirmed <- pin
	}()
	for len(w.d.unpins) == 0 {
		time.Sleep(time.Millisecond)
	}
	w.run(time.Minute)
	if pin := <-confirmed; pin.ID != rival || pin.Odd() != "" {
		t.Errorf("confirmed is %+v", pin)
	}
	if !w.d.Person(mallory).HasGroup("admins") || w.d.Person(alice).HasGroup("admins") {
		t.Error("confirming the rename changes nothing")
	}
}

// forbidden lets nobody list groups.
type forbidden struct{ *organisation }

func (forbidden) Groups(context.Context, idp.GroupQuery, string) (idp.Page[idp.Group], error) {
	return idp.Page[idp.Group]{}, &idp.ForbiddenError{What: "groups", Scope: "okta.groups.read"}
}

// noUsers lets nobody list people.
type noUsers struct{ *organisation }

func (noUsers) Users(context.Context, idp.UserQuery, string) (idp.Page[idp.User], error) {
	return idp.Page[idp.User]{}, &idp.UnavailableError{Err: errors.New("for the test")}
}

// A directory is as old as the older of its listings: that one of them goes on
// does not hide that the other does not.
func TestTheDirectoryAgesWhereOneListingFails(t *testing.T) {
	for name, source := range map[string]func(*organisation) Source{
		"groups": func(o *organisation) Source { return forbidden{o} },
		"people": func(o *organisation) Source { return noUsers{o} },
	} {
		w := settled(t)
		w.s.source = source(w.org)
		w.run(20 * time.Minute)
		if age, whole := w.d.Age(); !whole || age < 18*time.Minute {
			t.Errorf("%s not listed for 20 minutes: the age is %v", name, age)
		}
		if err := w.d.Check(t.Context()); err == nil {
			t.Errorf("%s not listed: all is well", name)
		}
		w.s.source = w.org
		w.run(5 * time.Minute)
		if age, _ := w.d.Age(); age > 2*time.Minute {
			t.Errorf("%s listed again: the age is %v", name, age)
		}
	}
}

func TestWithoutListingGroupsPeopleWithSessionsAreReadAgain(t *testing.T) {
	w := newWorld(t, 3)
	w.start()
	w.s.source = forbidden{w.org}
	w.run(5 * time.Minute)
	if _, whole := w.d.Age(); whole {
		t.Fatal("a directory of everybody came of nothing")
	}
	if err := w.d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "okta.groups.read") {
		t.Errorf("check says %v, expected the scope that is missing", err)
	}
	alice := w.org.addPerson(identity.StatusActive)
	if _, err := w.d.Read(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	w.d.live = func() []string { return []string{alice} }
	w.org.status(alice, identity.StatusSuspended, eventSuspend)
	w.d.readLive(t.Context())
	if got := w.d.Person(alice).Status; got != identity.StatusActive {
		t.Errorf("read again at once: %s", got)
	}
	w.org.tick(liveAge + time.Second)
	w.d.readLive(t.Context())
	if got := w.d.Person(alice).Status; got != identity.StatusSuspended {
		t.Errorf("after %v status is %s", liveAge, got)
	}
}

// T63: losing the right to list groups while running leaves the last directory,
// what the log tells, and readings of people with sessions.
func TestLosingGroupsWhileRunningGoesOnPerPerson(t *testing.T) {
	w := settled(t)
	alice := w.org.addPerson(identity.StatusActive)
	old := w.org.addGroup("old", idp.GroupOkta)
	w.org.join(old, alice)
	w.run(2 * time.Minute)
	w.s.source = forbidden{w.org}
	w.run(10 * time.Minute)
	asked := Relevant{Groups: []string{"old"}}
	if err := w.d.Doubt(w.d.Person(alice), asked, time.Hour); err != nil || !w.d.Person(alice).HasGroup("old") {
		t.Fatalf("the last directory does not stand: %v", err)
	}
	if err := w.d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "okta.groups.read") {
		t.Errorf("check says %v, expected the scope that is missing", err)
	}
	w.org.leave(old, alice)
	w.run(10 * time.Second)
	if w.d.Person(alice).HasGroup("old") {
		t.Error("what the log tells does not count")
	}
	w.org.tick(2 * time.Hour)
	if err := w.d.Doubt(w.d.Person(alice), asked, time.Hour); !errors.Is(err, ErrStale) {
		t.Errorf("past the bound: %v", err)
	}
	w.org.groups[old].members[alice] = true // no event tells
	w.d.live = func() []string { return []string{alice} }
	w.d.readLive(t.Context())
	if err := w.d.Doubt(w.d.Person(alice), asked, time.Hour); err != nil || !w.d.Person(alice).HasGroup("old") {
		t.Errorf("read alone: %v, groups %v", err, w.d.Person(alice).Groups)
	}
}

// Without a list of groups, two that were seen with one name make it mean none.
func TestNamesakesSeenInSinglePeopleDeny(t *testing.T) {
	w := newWorld(t, 4)
	w.start()
	w.s.source = forbidden{w.org}
	alice, bob := w.org.addPerson(identity.StatusActive), w.org.addPerson(identity.StatusActive)
	w.org.join(w.org.addGroup("admins", idp.GroupOkta), alice)
	asked := Relevant{Groups: []string{"admins"}}
	p, err := w.d.Read(t.Context(), alice)
	if err != nil || w.d.Doubt(p, asked, time.Hour) != nil {
		t.Fatalf("%v, %v", err, w.d.Doubt(p, asked, time.Hour))
	}
	w.org.join(w.org.addGroup("admins", idp.GroupApp), bob)
	if p, err = w.d.Read(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	if err := w.d.Doubt(p, asked, time.Hour); err == nil || strings.Count(err.Error(), "00g") != 2 {
		t.Errorf("got %v, expected both ids", err)
	}
	if err := w.d.Doubt(p, Relevant{Apps: []string{"Wiki"}}, time.Hour); err == nil {
		t.Error("an application is decided about without a list of everybody")
	}
}

func TestSignInReadsTheGroupsInOneRequest(t *testing.T) {
	w := settled(t)
	alice := sortedKeys(w.org.people)[0]
	group := w.org.addGroup("fresh", idp.GroupOkta)
	w.org.join(group, alice)
	w.org.log = nil // the log has nothing yet
	clear(w.org.asked)
	p, err := w.d.Read(t.Context(), alice)
	if err != nil || !p.HasGroup(group) {
		t.Fatalf("%v, %v", p, err)
	}
	if w.org.asked["groups of"] != 1 || w.org.asked["user"] != 0 {
		t.Errorf("asked %v, expected the groups alone", w.org.asked)
	}
	if !w.d.Person(alice).HasGroup(group) {
		t.Error("the reading does not count at once")
	}
	w.s.merge(t.Context())
	if len(*w.d.overlay.Load()) != 0 || !w.d.snap.Load().Person(alice).HasGroup(group) {
		t.Error("the reading is not taken into the directory")
	}
	if _, err := w.d.Read(t.Context(), "00uunknown0000000000"); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("somebody unknown: %v", err)
	}
}

func TestNothingChangesForThreeRequestsATick(t *testing.T) {
	w := settled(t)
	w.run(12 * time.Minute) // past what the overlap lists again
	clear(w.org.asked)
	w.run(10 * time.Minute)
	ticks := int(10 * time.Minute / listsEvery)
	for name, most := range map[string]int{"groups": ticks + 1, "users": ticks + 1, "log": int(10*time.Minute/logEvery) + 1, "members": 0, "user": 0, "groups of": 0} {
		if got := w.org.asked[name]; got > most {
			t.Errorf("%s were asked for %d times, expected at most %d", name, got, most)
		}
	}
}

func TestLogIsReadWithinItsLimit(t *testing.T) {
	w := settled(t)
	for limit, want := range map[int]time.Duration{0: logEvery, 60: logEvery, 25: 2400 * time.Millisecond, 10: 6 * time.Second} {
		w.org.limits = map[idp.Bucket]idp.Budget{idp.BucketLog: {Limit: limit}}
		if got := w.s.logPace(); got != want {
			t.Errorf("at %d a minute: every %v, expected %v", limit, got, want)
		}
	}
}

func TestEventsEndSessions(t *testing.T) {
	w := settled(t)
	var ended []Ended
	w.d.OnEnd(func(e Ended) { ended = append(ended, e) })
	people := sortedKeys(w.org.people)
	w.org.event(eventClear, user(people[0]))
	w.org.event("user.session.end", user(people[1]))
	w.org.status(people[2], identity.StatusSuspended, eventSuspend)
	at := w.org.now
	w.run(5 * time.Second)
	if len(ended) != 2 || ended[0].Subject != people[0] || ended[1].Subject != people[2] || !ended[0].At.Equal(at) {
		t.Errorf("ended %+v", ended)
	}
	if got := w.d.Person(people[2]).Status; got != identity.StatusSuspended {
		t.Errorf("status %s", got)
	}
}
