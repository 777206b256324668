// Package clientip says which address a request came from, and which of the
// addresses it claims to have passed may be believed. X-Forwarded-For is read
// from the right, where the proxies nearest to us wrote, and only as far as the
// operator said it can be trusted; what a client wrote itself is never reached.
package clientip

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are looked at.
const maxHops = 64

// Options say whom to believe. The zero value believes nobody: the address is
// that of the connection.
type Options struct {
	// Trusted are the networks of the proxies in front of us. If there are any, a
	// connection from elsewhere is not believed.
	Trusted []netip.Prefix
	// Hops are further proxies to step over, counted from the right: Envoy's
	// xff_num_trusted_hops. Without Trusted they are counted from the connection.
	Hops int
}

// Resolver answers for one set of options. It is immutable.
type Resolver struct {
	trusted []netip.Prefix
	hops    int
}

// New returns a resolver; prefixes are brought to their IPv4 form where they
// are IPv4-mapped.
func New(o Options) *Resolver {
	r := &Resolver{hops: max(o.Hops, 0)}
	for _, p := range o.Trusted {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		r.trusted = append(r.trusted, p.Masked())
	}
	return r
}

// Addr is the client's address: unmapped, without zone. It is the zero Addr
// where there is none, as on a unix socket; such an address is in no network.
func (r *Resolver) Addr(req *http.Request) netip.Addr {
	peer := Peer(req)
	if !r.believes(peer) {
		return peer
	}
	chain := chainOf(req)
	if len(r.trusted) == 0 && len(chain) < r.hops {
		return peer // fewer hops than promised: somebody came around the proxies
	}
	addr, left := peer, len(chain)
	step := func() bool {
		if left == 0 {
			return false
		}
		next, ok := parse(chain[left-1])
		if ok {
			addr, left = next, left-1
		}
		return ok
	}
	for r.contains(addr) && step() {
	}
	for range r.hops {
		if !step() {
			break
		}
	}
	return addr
}

// Trusts reports whether the connection is one whose forwarding headers count.
func (r *Resolver) Trusts(req *http.Request) bool { return r.believes(Peer(req)) }

// believes: with networks given, a peer inside one; with hops alone, any peer.
func (r *Resolver) believes(peer netip.Addr) bool {
	if len(r.trusted) == 0 {
		return r.hops > 0
	}
	return r.contains(peer)
}

// Contains reports whether a is the address of a proxy in front.
func (r *Resolver) Contains(a netip.Addr) bool { return r.contains(clean(a)) }

func (r *Resolver) contains(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	for _, p := range r.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Peer is the address of the connection itself.
func Peer(req *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(req.RemoteAddr); err == nil {
		return clean(ap.Addr())
	}
	a, _ := parse(req.RemoteAddr)
	return a
}

// chainOf are the last entries of X-Forwarded-For in order, over all headers of
// that name.
func chainOf(req *http.Request) []string {
	values := req.Header["X-Forwarded-For"]
	if len(values) == 0 {
		return nil
	}
	chain := strings.Split(strings.Join(values, ","), ",")
	if len(chain) > maxHops {
		chain = chain[len(chain)-maxHops:]
	}
	return chain
}

// parse reads an entry: an address, with a port as some proxies write it.
// Leading zeros, which some read as octal, are no address.
func parse(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(s); err == nil {
		return clean(a), true
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	}
	a, err := netip.ParseAddr(host)
	return clean(a), err == nil
}

func clean(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
