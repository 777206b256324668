package directory

import (
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// T31, T32: names of groups mean what they say letter by letter, and a name that
// is nothing means nobody: members of groups that are called almost the same gain
// nothing, in the directory of everybody and when they are read alone.
func TestT32GroupsThatAreCalledAlmostTheSameAreOthers(t *testing.T) {
	w := newWorld(t, 5)
	w.names = []string{"admins", "", "Zürich"}
	alice, mallory := w.org.addPerson(identity.StatusActive), w.org.addPerson(identity.StatusActive)
	w.org.join(w.org.addGroup("admins", idp.GroupOkta), alice)
	w.org.join(w.org.addGroup("Z\u00fcrich", idp.GroupOkta), alice)
	for _, name := range []string{
		"Admins", "ADMINS", "admins ", " admins", "admins\x00", "admin", "adminss", "\u0430dmins", "admins\u200b", "ad\u00admins",
		"\uff41dmins", "admins,x", "", " ", "Zu\u0308rich", "zürich",
	} {
		w.org.join(w.org.addGroup(name, idp.GroupOkta), mallory)
	}
	w.start()
	w.run(2 * time.Minute)
	alone, err := w.d.Read(t.Context(), mallory)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*identity.Person{w.d.snap.Load().Person(mallory), w.d.Person(mallory), alone} {
		for _, name := range w.names {
			if p.HasGroup(name) {
				t.Errorf("a member of groups called almost %q is in it: %v", name, p.Groups)
			}
		}
	}
	if p := w.d.snap.Load().Person(alice); !p.HasGroup("admins") || !p.HasGroup("Zürich") || p.HasGroup("") {
		t.Errorf("the member is in %v", p.Groups)
	}
	if err := w.d.Doubt(alone, Relevant{Groups: []string{"admins"}}, 0); err != nil {
		t.Errorf("groups called almost the same make the name unclear: %v", err)
	}
}
