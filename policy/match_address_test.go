package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"sallyport/identity"
)

func TestSpansHoldWhatTheNetworksHold(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(six bool) netip.Addr {
		var b [16]byte
		for i := range b {
			b[i] = byte(r.IntN(3)) * 127 // few values, so that networks meet
		}
		if six {
			return netip.AddrFrom16(b)
		}
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	for _, six := range []bool{false, true} {
		for range 500 {
			var networks []netip.Prefix
			for range r.IntN(12) {
				a := some(six)
				networks = append(networks, netip.PrefixFrom(a, r.IntN(a.BitLen()+1)))
			}
			s := newSpans(slices.Clone(networks))
			for range 50 {
				a := some(six)
				want := slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
				if got := s.has(addressOf(a)); got != want {
					t.Fatalf("%v has %s: got %v, want %v", networks, a, got, want)
				}
			}
		}
	}
}

// A name that is pinned to another group must not find this one, however many
// names the rule has.
func TestLongListsOfGroupsKnowPinnedNames(t *testing.T) {
	in := alice()
	in.Person = identity.NewPersonPinned(identity.Person{ID: "00ualice", Groups: []identity.Group{{ID: "00gfake", Name: "admins"}}}, map[string]string{"admins": "00gadmins"})
	for _, text := range []string{"groups: admins", "groups: a}, {groups: b}, {groups: c}, {groups: d}, {groups: admins"} {
		if got := compiled(t, "allow: {or: [{"+text+"}]}").Eval(in).Effect; got == Allow {
			t.Errorf("%s: a group that is only called admins is let in", text)
		}
	}
}
