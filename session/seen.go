package session

import (
	"crypto/sha256"
	"sync"
)

// seen remembers which id a cookie held, for cookies that opened, in bounded
// memory. It keeps no cookie, only hashes, and says nothing about whether the
// session still is one.
type seen struct {
	shards [seenShards]seenShard
	each   int
}

const seenShards = 16

// seenShard has two maps that take turns: what is used moves to the younger, and
// what was not used since the last turn is forgotten.
type seenShard struct {
	mu    sync.RWMutex
	young map[[32]byte]string
	old   map[[32]byte]string
	_     [64]byte // keeps neighbours out of this lock's cache line
}

func newSeen(bound int) *seen {
	s := &seen{each: max(1, bound/(2*seenShards))}
	for i := range s.shards {
		s.shards[i].young = make(map[[32]byte]string)
	}
	return s
}

// fingerprint is a hash that nobody can find a second cookie for. Lengths keep
// its parts apart.
func fingerprint(name, host, value string) [32]byte {
	var stack [maxName + len("_authenticate_00000000") + maxHost + maxSessionCookie + 4]byte
	b := append(stack[:0], byte(len(name)>>8), byte(len(name)), byte(len(host)>>8), byte(len(host)))
	b = append(b, name...)
	b = append(b, host...)
	b = append(b, value...)
	return sha256.Sum256(b)
}

func (s *seen) shard(key [32]byte) *seenShard { return &s.shards[key[0]%seenShards] }

func (s *seen) get(key [32]byte) (id string, ok bool) {
	h := s.shard(key)
	h.mu.RLock()
	id, ok = h.young[key]
	aged := false
	if !ok {
		id, aged = h.old[key]
	}
	h.mu.RUnlock()
	if aged {
		s.add(key, id)
	}
	return id, ok || aged
}

func (s *seen) add(key [32]byte, id string) {
	h := s.shard(key)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.young) >= s.each {
		h.young, h.old = make(map[[32]byte]string, s.each), h.young
	}
	h.young[key] = id
}
