package directory

import (
	"log/slog"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
)

// Whoever ranges over everybody meets those whom Person knows, each once, as it
// knows them, whether the directory runs or is read from the disk; and the
// snapshot keeps nothing of it.
func TestEverybodyIsAllWhomPersonKnows(t *testing.T) {
	w := settled(t)
	w.start()
	stored, err := Stored(t.Context(), w.store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string]Everybody{"running": w.d.Everybody(), "stored": stored} {
		seen := map[string]bool{}
		all.Each(func(p *identity.Person) bool {
			if seen[p.ID] || !same(p, w.d.Person(p.ID)) {
				t.Errorf("%s: %s is told twice or differs", name, p.ID)
			}
			seen[p.ID] = true
			return true
		})
		for id := range w.org.people {
			if seen[id] != (w.d.Person(id) != nil) {
				t.Errorf("%s: %s is told of: %v", name, id, seen[id])
			}
		}
		if len(seen) == 0 || !all.Whole || !all.AsOf.Equal(w.d.state.Load().upTo()) {
			t.Errorf("%s: %d people, whole %v, as of %s", name, len(seen), all.Whole, all.AsOf)
		}
		n := 0
		all.Each(func(*identity.Person) bool { n++; return false })
		if n != 1 {
			t.Errorf("%s: told of %d after the first was enough", name, n)
		}
	}
	w.start()
	w.d.Everybody().Each(func(*identity.Person) bool { return true })
	snap := w.d.Snapshot()
	for h := range handle(snap.people.n) {
		if p := snap.people.at(h); p != nil && p.made.Load() != nil {
			t.Fatalf("%s is kept in memory after ranging", p.ID)
		}
	}
}

func TestEverybodyWithoutAListingIsThoseWhoWereRead(t *testing.T) {
	r := newRig(t)
	d := r.started()
	if all := d.Everybody(); all.Whole || !all.AsOf.IsZero() {
		t.Errorf("%+v before anybody was read", all)
	}
	at := r.now()
	r.read(d)
	r.advance(time.Minute)
	stored, err := Stored(t.Context(), r.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, all := range map[string]Everybody{"running": d.Everybody(), "stored": stored} {
		var ids []string
		all.Each(func(p *identity.Person) bool { ids = append(ids, p.ID); return true })
		if len(ids) != 1 || ids[0] != alice || all.Whole || !all.AsOf.Equal(at) || all.Pins() != nil {
			t.Errorf("%s: %v, whole %v, as of %s", name, ids, all.Whole, all.AsOf)
		}
	}
	if age, ok := d.AgeOf(alice); !ok || age != time.Minute {
		t.Errorf("age %s, %v, want a minute", age, ok)
	}
	if _, ok := d.AgeOf("nobody"); ok {
		t.Error("somebody who was never read has an age")
	}
}

func TestStoredDirectoryWithMissingRecordsIsAnError(t *testing.T) {
	w := settled(t)
	var key string
	_ = w.store.Scan(t.Context(), KindSnapshot, "1/", func(r store.Record) error { key = r.Key; return nil })
	if err := w.store.Delete(t.Context(), KindSnapshot, key); err != nil {
		t.Fatal(err)
	}
	if _, err := Stored(t.Context(), w.store, nil); err == nil {
		t.Error("part of a directory was taken for a whole one")
	}
}

func TestAgeIsThatOfTheLastPassOrOfALaterReading(t *testing.T) {
	w := settled(t)
	id := sortedKeys(w.org.people)[0]
	whole, _ := w.d.Age()
	if age, ok := w.d.AgeOf(id); !ok || age > whole {
		t.Errorf("age %s, %v, want at most that of the whole, %s", age, ok, whole)
	}
	w.org.now = w.org.now.Add(time.Hour)
	if age, _ := w.d.AgeOf(id); age < time.Hour {
		t.Errorf("age %s after an hour without a pass", age)
	}
}

// A name that is pinned to one group means that group also for somebody who was
// read alone a moment ago.
func TestPinnedNameHoldsForSingleReadings(t *testing.T) {
	w := newWorld(t, 5)
	w.names = []string{"admins"}
	admins := w.org.addGroup("admins", idp.GroupOkta)
	alice, mallory := w.org.addPerson(identity.StatusActive), w.org.addPerson(identity.StatusActive)
	w.org.join(admins, alice)
	w.start()
	w.run(2 * time.Minute)
	w.org.rename(admins, "administrators")
	w.org.join(w.org.addGroup("admins", idp.GroupOkta), mallory)
	w.run(2 * time.Minute)
	for _, id := range []string{alice, mallory} {
		p, err := w.d.Read(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if known := w.d.Person(id); known.HasGroup("admins") != (id == alice) {
			t.Errorf("%s after a reading of its own: groups %v, in admins %v (read: %v)", id, known.Groups, known.HasGroup("admins"), p.HasGroup("admins"))
		}
	}
}

func TestWhoNamesAGroupAfterAnIDGainsNothing(t *testing.T) {
	const absent = "00gNotThereAtAll0000"
	w := newWorld(t, 5)
	admins := w.org.addGroup("admins", idp.GroupOkta)
	mallory := w.org.addPerson(identity.StatusActive)
	w.names = []string{admins, absent}
	for _, name := range w.names {
		w.org.join(w.org.addGroup(name, idp.GroupOkta), mallory)
	}
	w.start()
	w.run(2 * time.Minute)
	alone, err := w.d.Read(t.Context(), mallory)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*identity.Person{w.d.snap.Load().Person(mallory), w.d.Person(mallory), alone} {
		if len(p.Groups) < 2 || p.HasGroup(admins) || p.HasGroup(absent) {
			t.Errorf("groups %v: in the group of that id %v, of the id that is not there %v", p.Groups, p.HasGroup(admins), p.HasGroup(absent))
		}
	}
	if pins := w.d.Pins(); len(pins) != 0 {
		t.Errorf("an id is pinned as if it were a name: %+v", pins)
	}
}

// A policy that is taken away and comes back must not find people of whom its
// attribute was not read meanwhile: to a rule that denies they have none.
func TestAnAttributeThatIsAskedForAgainIsReadAgain(t *testing.T) {
	w := newWorld(t, 5)
	w.org.asks = []string{"department"}
	bob := w.org.addPerson(identity.StatusActive)
	w.org.people[bob].Profile = map[string][]string{"department": {"contractors"}}
	w.start()
	w.run(2 * time.Minute)
	known := func() (bool, error) {
		return len(w.d.Person(bob).Profile["department"]) > 0, w.d.Doubt(w.d.Person(bob), Relevant{Attributes: []string{"department"}}, 0)
	}
	if there, err := known(); !there || err != nil {
		t.Fatalf("read at first: %v, doubt %v", there, err)
	}
	w.org.asks = nil
	w.run(time.Minute)
	w.org.people[bob].Name, w.org.people[bob].LastUpdated = "Bob", w.org.now.Truncate(time.Second)
	w.run(2 * time.Minute)
	w.org.asks = []string{"department"}
	for range 200 {
		if there, err := known(); !there && err == nil {
			t.Fatal("somebody of whom the attribute is not known is decided about")
		}
		w.s.step(t.Context())
		w.org.now = w.org.now.Add(time.Second)
	}
	if there, err := known(); !there || err != nil {
		t.Errorf("in the end: %v, doubt %v", there, err)
	}
}
