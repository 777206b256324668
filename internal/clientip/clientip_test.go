package clientip

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func request(peer string, xff ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	if xff != nil {
		r.Header["X-Forwarded-For"] = xff
	}
	return r
}

func nets(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// T13, T15: what is believed, and how addresses are written.
func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name    string
		trusted []netip.Prefix
		hops    int
		peer    string
		xff     []string
		want    string
	}{
		{"nobody is believed", nil, 0, "192.0.2.1:99", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a stranger is not believed", nets("10.0.0.0/8"), 0, "192.0.2.1:99", []string{"203.0.113.9"}, "192.0.2.1"},
		{"a stranger is not believed with hops", nets("10.0.0.0/8"), 2, "192.0.2.1:99", []string{"203.0.113.9, 203.0.113.8"}, "192.0.2.1"},
		{"the right-most that is no proxy", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		{"over several headers", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9", "198.51.100.7,10.0.0.2"}, "198.51.100.7"},
		{"all are proxies", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no header", nets("10.0.0.0/8"), 0, "10.0.0.1:99", nil, "10.0.0.1"},
		{"empty header", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{""}, "10.0.0.1"},
		{"garbage ends the walk", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"garbage on the right", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9, _hidden"}, "10.0.0.1"},
		{"hops on top", nets("10.0.0.0/8"), 1, "10.0.0.1:99", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, "203.0.113.9"},
		{"hops alone", nil, 1, "192.0.2.1:99", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"two hops alone", nil, 2, "192.0.2.1:99", []string{"203.0.113.9, 198.51.100.7"}, "203.0.113.9"},
		{"fewer entries than hops", nil, 2, "192.0.2.1:99", []string{"203.0.113.9"}, "192.0.2.1"},
		{"negative hops", nil, -1, "192.0.2.1:99", []string{"203.0.113.9"}, "192.0.2.1"},

		{"IPv4-mapped peer", nets("10.0.0.0/8"), 0, "[::ffff:10.0.0.1]:99", []string{"203.0.113.9"}, "203.0.113.9"},
		{"IPv4-mapped entry", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9"},
		{"IPv4-mapped network", nets("::ffff:10.0.0.0/104"), 0, "10.0.0.1:99", []string{"203.0.113.9"}, "203.0.113.9"},
		{"IPv4-mapped client", nil, 0, "[::ffff:192.0.2.1]:99", nil, "192.0.2.1"},
		{"zone of the peer", nets("fe80::/10"), 0, "[fe80::1%eth0]:99", []string{"203.0.113.9"}, "203.0.113.9"},
		{"zone of a client", nil, 0, "[fe80::1%eth0]:99", nil, "fe80::1"},
		{"leading zeros are no address", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9, 010.0.0.2"}, "10.0.0.1"},
		{"hexadecimal is no address", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"0x7f.0.0.1"}, "10.0.0.1"},
		{"short form is no address", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"127.1"}, "10.0.0.1"},
		{"entry with a port", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6 entry", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 entry in brackets", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 entry with a port", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"unix socket", nets("0.0.0.0/0", "::/0"), 0, "@", []string{"203.0.113.9"}, "invalid IP"},
		{"unix socket, hops", nil, 1, "@", []string{"203.0.113.9"}, "203.0.113.9"},
		{"no peer", nil, 0, "", nil, "invalid IP"},
		{"very long chain", nets("10.0.0.0/8"), 0, "10.0.0.1:99", []string{"203.0.113.9" + strings.Repeat(",10.0.0.2", 5000)}, "10.0.0.2"},
	} {
		r := New(Options{Trusted: tt.trusted, Hops: tt.hops})
		if got := r.Addr(request(tt.peer, tt.xff...)).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhoseHeadersCount(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		peer string
		want bool
	}{
		{Options{}, "10.0.0.1:1", false},
		{Options{Trusted: nets("10.0.0.0/8")}, "10.0.0.1:1", true},
		{Options{Trusted: nets("10.0.0.0/8")}, "192.0.2.1:1", false},
		{Options{Trusted: nets("10.0.0.0/8"), Hops: 1}, "192.0.2.1:1", false},
		{Options{Hops: 1}, "192.0.2.1:1", true},
		{Options{Trusted: nets("0.0.0.0/0")}, "@", false},
	} {
		if got := New(tt.o).Trusts(request(tt.peer)); got != tt.want {
			t.Errorf("%+v, peer %s: %t", tt.o, tt.peer, got)
		}
	}
}

func FuzzAddr(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.9, 10.0.0.2")
	f.Add("[fe80::1%x]:1", "[::1]:80,,a")
	r := New(Options{Trusted: nets("10.0.0.0/8"), Hops: 1})
	f.Fuzz(func(t *testing.T, peer, xff string) {
		if a := r.Addr(request(peer, xff)); a.Zone() != "" || a.Is4In6() {
			t.Errorf("peer %q, chain %q: %v", peer, xff, a)
		}
	})
}
