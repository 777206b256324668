package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// span is a network as its first and last address. IPv4 has its bits in lo, and
// hi is that of every other one: the two never meet.
type span struct{ first, last address }

type address struct{ hi, lo uint64 }

func (a address) before(b address) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// spans are sorted and apart, so that few steps find an address however many
// networks there are.
type spans []span

// newSpans makes spans of networks of one sort. Of two that meet, one is in the
// other: the wider one, which begins no later, is kept.
func newSpans(networks []netip.Prefix) spans {
	all := make(spans, 0, len(networks))
	for _, n := range networks {
		first := addressOf(n.Masked().Addr())
		all = append(all, span{first, first.lastOf(n.Addr().BitLen() - n.Bits())})
	}
	slices.SortFunc(all, func(a, b span) int {
		switch {
		case a.first.before(b.first) || a.first == b.first && b.last.before(a.last):
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	out := all[:0]
	for _, s := range all {
		if len(out) == 0 || out[len(out)-1].last.before(s.first) {
			out = append(out, s)
		}
	}
	return slices.Clip(out)
}

func addressOf(ip netip.Addr) address {
	if ip.Is4() {
		b := ip.As4()
		return address{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := ip.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// lastOf is the last address of the network that begins at a and leaves so many
// bits open.
func (a address) lastOf(open int) address {
	if open >= 64 {
		return address{a.hi | (1<<(open-64) - 1), ^uint64(0)}
	}
	return address{a.hi, a.lo | (1<<open - 1)}
}

func (s spans) has(a address) bool {
	from, to := 0, len(s)
	for from < to {
		middle := int(uint(from+to) >> 1)
		switch {
		case a.before(s[middle].first):
			to = middle
		case s[middle].last.before(a):
			from = middle + 1
		default:
			return true
		}
	}
	return false
}

// compileSourceIP asks whether the client's address is in one of the networks. An
// address that is not known is in none; a zone is an interface of ours and no
// matter.
func compileSourceIP(c *criterion) question {
	var four, six []netip.Prefix
	for _, n := range c.networks {
		if n.Addr().Is4() {
			four = append(four, n)
		} else {
			six = append(six, n)
		}
	}
	v4, v6 := newSpans(four), newSpans(six)
	return func(f facts) bool {
		ip := f.in.Request.IP.Unmap()
		switch {
		case ip.Is4():
			return v4.has(addressOf(ip))
		case ip.Is6():
			return v6.has(addressOf(ip))
		}
		return false
	}
}
