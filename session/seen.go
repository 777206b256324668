package session

import (
	"hash/maphash"
	"strings"
	"sync"
)

// seen remembers which id a cookie held, for cookies that opened, in bounded
// memory. It is found by a hash of the cookie and believed only if the cookie,
// its name and host are the very same. It says nothing about whether the session
// still is one.
type seen struct {
	seed   maphash.Seed
	shards [seenShards]seenShard
	each   int
}

const seenShards = 16

type seenCookie struct {
	name, host, value string
	id                string
}

func (k *seenCookie) is(name, host, value string) bool {
	return k.value == value && k.host == host && k.name == name
}

// seenShard has two maps that take turns: what is used moves to the younger, and
// what was not used since the last turn is forgotten.
type seenShard struct {
	mu    sync.RWMutex
	young map[uint64]*seenCookie
	old   map[uint64]*seenCookie
	_     [64]byte // keeps neighbours out of this lock's cache line
}

func newSeen(bound int) *seen {
	s := &seen{seed: maphash.MakeSeed(), each: max(1, bound/(2*seenShards))}
	for i := range s.shards {
		s.shards[i].young = make(map[uint64]*seenCookie)
	}
	return s
}

func (s *seen) get(name, host, value string) (id string, ok bool) {
	hash := maphash.String(s.seed, value)
	h := &s.shards[hash%seenShards]
	h.mu.RLock()
	k, young := h.young[hash]
	if !young {
		k = h.old[hash]
	}
	h.mu.RUnlock()
	if k == nil || !k.is(name, host, value) {
		return "", false
	}
	if !young {
		s.put(hash, k)
	}
	return k.id, true
}

func (s *seen) add(name, host, value, id string) {
	// Copies, since what came may be a part of a whole header.
	s.put(maphash.String(s.seed, value), &seenCookie{
		name: strings.Clone(name), host: strings.Clone(host), value: strings.Clone(value), id: id,
	})
}

func (s *seen) put(hash uint64, k *seenCookie) {
	h := &s.shards[hash%seenShards]
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.young) >= s.each {
		h.young, h.old = make(map[uint64]*seenCookie, s.each), h.young
	}
	h.young[hash] = k
}
