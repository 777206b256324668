package identity

import (
	"fmt"
	"testing"
)

func TestNamesHoldTheirMembersOnly(t *testing.T) {
	for _, size := range []int{0, 1, 2, 5, 100, 3000} {
		var texts []string
		for i := range size {
			texts = append(texts, fmt.Sprintf("00g%d", i), "", fmt.Sprintf("00g%d", i))
		}
		n := NewNames(texts)
		if n.Len() != size {
			t.Errorf("%d names: the set has %d", size, n.Len())
		}
		for i := range size {
			if !n.Has(NewName(fmt.Sprintf("00g%d", i))) {
				t.Errorf("%d names: 00g%d is not found", size, i)
			}
			if other := fmt.Sprintf("00G%d", i); n.Has(NewName(other)) {
				t.Errorf("%d names: %s is found", size, other)
			}
		}
		if n.Has(NewName("")) || n.Has(Name{}) {
			t.Errorf("%d names: the empty name is found", size)
		}
		all := 0
		for range n.All() {
			all++
		}
		if all != size {
			t.Errorf("%d names: told %d", size, all)
		}
	}
}

func TestNamesOfOneHashAreToldApart(t *testing.T) {
	n := Names{filter: []uint64{^uint64(0)}, hashes: []uint32{7, 7, 7, 9}, texts: []string{"a", "b", "c", "d"}}
	for text, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "e": false} {
		if got := n.Has(Name{text, 7}); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if !n.Has(Name{"d", 9}) || n.Has(Name{"d", 8}) || n.Has(Name{"d", 1 << 31}) || n.Has(Name{"d", 0}) {
		t.Error("d is not where its hash is, or elsewhere too")
	}
}

func TestNamesOverlap(t *testing.T) {
	set := func(from, to int) *Names {
		var texts []string
		for i := from; i < to; i++ {
			texts = append(texts, fmt.Sprint("n", i))
		}
		n := NewNames(texts)
		return &n
	}
	for _, tt := range []struct {
		a, b *Names
		want bool
	}{
		{set(0, 0), set(0, 0), false},
		{set(0, 1), set(0, 0), false},
		{set(0, 1), set(0, 1), true},
		{set(0, 100), set(99, 2000), true},
		{set(0, 100), set(100, 2000), false},
		{set(0, 2000), set(1999, 2000), true},
	} {
		if tt.a.Overlap(tt.b) != tt.want || tt.b.Overlap(tt.a) != tt.want {
			t.Errorf("%d and %d names: want %v", tt.a.Len(), tt.b.Len(), tt.want)
		}
	}
}

func TestAPinnedNameFindsOneGroup(t *testing.T) {
	ours, theirs := Group{"00g1", "admins"}, Group{"00g2", "admins"}
	for _, tt := range []struct {
		name   string
		groups []Group
		pins   map[string]string
		want   bool
	}{
		{"not pinned", []Group{theirs}, nil, true},
		{"pinned to it", []Group{ours}, map[string]string{"admins": "00g1"}, true},
		{"pinned to another", []Group{theirs}, map[string]string{"admins": "00g1"}, false},
		{"pinned to one that is called otherwise now", []Group{{"00g1", "Admins (old)"}}, map[string]string{"admins": "00g1"}, true},
		{"pinned to none", []Group{ours}, map[string]string{"admins": ""}, false},
		{"pinned to the id that another group bears as its name", []Group{{"00g3", "00g1"}}, map[string]string{"admins": "00g1"}, false},
		{"pinned to the name of another group", []Group{{"00g3", "x"}}, map[string]string{"admins": "y", "y": "00g3"}, false},
	} {
		p := NewPersonPinned(Person{Groups: tt.groups}, tt.pins)
		if got := p.HasGroup("admins"); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// A group may be called anything, also what another group's id is.
func TestAGroupThatIsCalledLikeAnIDIsNotThatGroup(t *testing.T) {
	const id = "00g1a2B3c4D5e6F7g8H9"
	impostor, alike := Group{"00g00000000000000001", id}, Group{"00g00000000000000002", "00g1a2B3c4D5e6F7g8-9"}
	for _, pins := range []map[string]string{nil, {"admins": id}, {id: impostor.ID}} {
		p := NewPersonPinned(Person{Groups: []Group{impostor, alike}}, pins)
		if p.HasGroup(id) || p.HasGroup("admins") {
			t.Errorf("pins %v: whoever named a group after the id is in the group", pins)
		}
		if !p.HasGroup(impostor.ID) || !p.HasGroup(alike.Name) {
			t.Errorf("pins %v: the groups of the person are lost", pins)
		}
		if p := NewPersonPinned(Person{Groups: []Group{{ID: id}}}, pins); !p.HasGroup(id) {
			t.Errorf("pins %v: a member of the group itself is not in it", pins)
		}
	}
}
