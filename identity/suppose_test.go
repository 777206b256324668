package identity

import (
	"strings"
	"testing"
)

func TestSupposedGroupsAreFoundAndLost(t *testing.T) {
	p := NewPersonPinned(Person{ID: "a", Groups: []Group{{ID: "00gold", Name: "renamed"}, {ID: "00gdev", Name: "dev"}}}, map[string]string{"admins": "00gold"})
	for name, tt := range map[string]struct {
		p     *Person
		in    string
		out   string
		count int
	}{
		"as it is":              {p, "00gold renamed admins 00gdev dev", "ops", 2},
		"one more":              {p.With("ops"), "00gold renamed admins 00gdev dev ops", "", 3},
		"one less, by its name": {p.Without("dev"), "00gold renamed admins", "dev 00gdev", 1},
		"one less, by its id":   {p.Without("00gdev"), "00gold renamed admins", "dev 00gdev", 1},
		"a pinned name less":    {p.Without("admins"), "00gdev dev", "admins", 2},
		"one that is not there": {p.Without("ops"), "00gold renamed admins 00gdev dev", "ops", 2},
		"no other":              {p.Only("ops"), "ops", "00gold renamed admins 00gdev dev", 1},
	} {
		for _, group := range strings.Fields(tt.in) {
			if !tt.p.HasGroup(group) {
				t.Errorf("%s: not in %s", name, group)
			}
		}
		for _, group := range strings.Fields(tt.out) {
			if tt.p.HasGroup(group) {
				t.Errorf("%s: in %s", name, group)
			}
		}
		if len(tt.p.Groups) != tt.count {
			t.Errorf("%s: %d groups", name, len(tt.p.Groups))
		}
	}
}
