package server

import (
	"net/netip"
	"testing"
	"time"
)

func TestAddressesAreLimitedEachByItself(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := newAddressLimit(func() time.Time { return now })
	stranger, okta := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.7")
	passed := 0
	for range 10 * hookAddressBurst {
		if l.allow(stranger) {
			passed++
		}
	}
	if passed != hookAddressBurst {
		t.Errorf("%d requests of one address passed at once, expected %d", passed, hookAddressBurst)
	}
	if !l.allow(okta) {
		t.Error("another address is kept out")
	}
	if l.allow(netip.MustParseAddr("::ffff:192.0.2.1")) {
		t.Error("the same address in another spelling begins anew")
	}
	now = now.Add(time.Second)
	for range hookAddressPerSec {
		if !l.allow(stranger) {
			t.Fatal("a second later it may not ask again")
		}
	}
	if l.allow(stranger) {
		t.Error("more than a second's share passed")
	}
	now = now.Add(-time.Hour) // a clock that jumps back gives nothing and takes nothing
	if l.allow(stranger) {
		t.Error("a clock that went back lets more through")
	}
}

func TestManyAddressesKeepNobodyOutAndTakeBoundedMemory(t *testing.T) {
	l := newAddressLimit(time.Now)
	for i := range 3 * hookAddresses {
		from := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)})
		if !l.allow(from) {
			t.Fatalf("address %d is kept out", i)
		}
		if len(l.all) > hookAddresses {
			t.Fatalf("%d addresses are remembered, expected at most %d", len(l.all), hookAddresses)
		}
	}
	neighbour := netip.MustParseAddr("2001:db8:ffff::1")
	l.allow(neighbour)
	n := len(l.all)
	l.allow(netip.MustParseAddr("2001:db8:ffff::2"))
	if len(l.all) != n {
		t.Error("each address of one network counts for itself")
	}
}
