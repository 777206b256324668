package server

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of what one address may ask of the event hook, before the secret is
// looked at: several times what Okta delivers at most.
const (
	hookAddressPerSec = 100
	hookAddressBurst  = 200
	hookAddresses     = 4096 // remembered at once
)

// addressLimit counts requests by the address they come from, a network of 64
// bits for IPv6. It is bounded: once full it forgets somebody, who begins anew, so
// that many addresses never keep another out.
type addressLimit struct {
	now func() time.Time
	mu  sync.Mutex
	all map[netip.Addr]*allowance
}

// allowance is what an address has left.
type allowance struct {
	left float64
	at   time.Time
}

func newAddressLimit(now func() time.Time) *addressLimit {
	return &addressLimit{now: now, all: map[netip.Addr]*allowance{}}
}

// allow takes one request from an address's allowance.
func (l *addressLimit) allow(from netip.Addr) bool {
	from = wholeNetwork(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	a := l.all[from]
	if a == nil {
		if len(l.all) >= hookAddresses {
			l.forget(now)
		}
		a = &allowance{left: hookAddressBurst, at: now}
		l.all[from] = a
	}
	a.left = min(hookAddressBurst, a.left+max(0, now.Sub(a.at).Seconds())*hookAddressPerSec)
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// forget makes room: those whose allowance is whole again, else anybody.
func (l *addressLimit) forget(now time.Time) {
	for from, a := range l.all {
		if a.left+now.Sub(a.at).Seconds()*hookAddressPerSec >= hookAddressBurst {
			delete(l.all, from)
		}
	}
	for from := range l.all {
		if len(l.all) < hookAddresses {
			return
		}
		delete(l.all, from)
	}
}

// wholeNetwork is the address that stands for all that one client may have: itself,
// or the first of its network of 64 bits for IPv6.
func wholeNetwork(from netip.Addr) netip.Addr {
	if from = from.Unmap().WithZone(""); from.Is6() {
		if network, err := from.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return from
}
