package authenticate

import (
	"sync"
	"time"
)

const (
	// maxStrikes is how many codes that the provider refuses an address may
	// present at once; strikeLife is how soon one of them is forgotten.
	maxStrikes = 30
	strikeLife = 2 * time.Second
	// maxStriking bounds the addresses that are remembered.
	maxStriking = 8192
)

// strikes counts refused codes per client address. Whoever makes codes up has us
// ask the provider for each, at the expense of everybody's rate limit; people
// who really come from the provider do not count, however many share an address.
// Lists of sessions are counted alike, per person: each goes through all there are.
type strikes struct {
	mu sync.Mutex
	by map[string]strike
}

type strike struct {
	count float64
	at    time.Time
}

func newStrikes() *strikes { return &strikes{by: map[string]strike{}} }

// left returns what of a count remains at now.
func (k strike) left(now time.Time) float64 {
	return max(k.count-float64(now.Sub(k.at))/float64(strikeLife), 0)
}

// out reports whether the address has to wait.
func (s *strikes) out(address string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[address].left(now) >= maxStrikes
}

// add counts one refused code.
func (s *strikes) add(address string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.by[address]; !known && len(s.by) >= maxStriking {
		s.makeRoom(now)
	}
	s.by[address] = strike{count: s.by[address].left(now) + 1, at: now}
}

// makeRoom forgets those that are clean again, or else the cleanest.
func (s *strikes) makeRoom(now time.Time) {
	var cleanest string
	least := -1.0
	for address, k := range s.by {
		left := k.left(now)
		if left == 0 {
			delete(s.by, address)
		}
		if least < 0 || left < least {
			cleanest, least = address, left
		}
	}
	delete(s.by, cleanest)
}
