package identity

import (
	"slices"
	"testing"
)

func TestWhoMayPassByStatus(t *testing.T) {
	for status, want := range map[Status]bool{
		StatusStaged: false, StatusProvisioned: false, StatusActive: true, StatusRecovery: true, StatusPasswordExpired: true,
		StatusLockedOut: true, StatusSuspended: false, StatusDeprovisioned: false, "": false, "active": false, "NEW_ONE": false,
	} {
		if got := status.MayPass(); got != want {
			t.Errorf("%q: got %v, want %v", status, got, want)
		}
	}
}

func TestTheFormOfGroupIDs(t *testing.T) {
	for text, want := range map[string]bool{
		"00g1a2b3c4d5e6f7g8h9": true, "00gAZaz0909090909090": true,
		"00g1a2b3c4d5e6f7g8h": false, "00g1a2b3c4d5e6f7g8h90": false, "00u1a2b3c4d5e6f7g8h9": false, "": false,
		"00g1a2b3c4d5e6f7g8/9": false, "00g1a2b3c4d5e6f7g8:9": false, "00g1a2b3c4d5e6f7g8@9": false,
		"00g1a2b3c4d5e6f7g8[9": false, "00g1a2b3c4d5e6f7g8`9": false, "00g1a2b3c4d5e6f7g8{9": false,
	} {
		if got := IsGroupID(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestAPersonKnowsGroupsAndApplications(t *testing.T) {
	given := []Group{{"00gz", "zoo"}, {"00ga", "admins"}, {"00gx", ""}}
	p := NewPerson(Person{Groups: given, Apps: []string{"0oawiki", "wiki"}})
	if !slices.IsSortedFunc(p.Groups, func(a, b Group) int { return byID(a, b.ID) }) {
		t.Errorf("groups are not sorted by id: %v", p.Groups)
	}
	if given[0].ID != "00gz" {
		t.Error("the caller's groups were sorted too")
	}
	for name, want := range map[string]bool{"00gz": true, "zoo": true, "admins": true, "00gx": true, "Zoo": false, "": false, "x": false} {
		if got := p.HasGroup(name); got != want {
			t.Errorf("group %q: got %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]bool{"0oawiki": true, "wiki": true, "Wiki": false, "": false, "mail": false} {
		if got := p.HasApp(name); got != want {
			t.Errorf("application %q: got %v, want %v", name, got, want)
		}
	}
	var nobody *Person
	if nobody.HasGroup("zoo") || nobody.HasApp("wiki") || NewPerson(Person{Apps: []string{""}}).HasApp("") {
		t.Error("nobody, or the empty name, is in something")
	}
}
