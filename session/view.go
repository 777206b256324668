package session

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// manyShards is how many locks the view is spread over.
const manyShards = 64

// evictSample is how many entries a full shard looks at to find one to drop.
const evictSample = 8

// entry is one session in the view. What is used on every request is atomic.
type entry struct {
	session atomic.Pointer[Session]
	used    atomic.Int64 // nanoseconds since 1970
	written atomic.Int64 // used, as the store has it
}

func newEntry(s *Session, used, written int64) *entry {
	e := &entry{}
	e.keep(s)
	e.used.Store(used)
	e.written.Store(written)
	return e
}

// keep puts s, which nobody else holds yet, where every request finds it.
func (e *entry) keep(s *Session) {
	s.Subject.Index()
	e.session.Store(s)
}

func (e *entry) dirty() bool { return e.used.Load() > e.written.Load() }

// raise sets a to at unless it is there or later already.
func raise(a *atomic.Int64, at int64) {
	for {
		old := a.Load()
		if old >= at || a.CompareAndSwap(old, at) {
			return
		}
	}
}

// view holds up to a bounded number of sessions, those used last.
type view struct {
	seed   maphash.Seed
	shards []shard
	each   int // bound of one shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[string]*entry
	_       [64]byte // keeps neighbours out of this lock's cache line
}

func newView(bound int) *view {
	n := manyShards
	if bound < 16*manyShards {
		n = 1 // too few to spread without dropping some early
	}
	v := &view{seed: maphash.MakeSeed(), shards: make([]shard, n), each: (bound + n - 1) / n}
	for i := range v.shards {
		v.shards[i].entries = make(map[string]*entry)
	}
	return v
}

func (v *view) shard(id string) *shard {
	return &v.shards[maphash.String(v.seed, id)%uint64(len(v.shards))]
}

func (v *view) find(id string) *entry {
	h := v.shard(id)
	h.mu.RLock()
	e := h.entries[id]
	h.mu.RUnlock()
	return e
}

// insert puts e in and returns the entry that had to leave for it, or nil.
func (v *view) insert(e *entry) (evicted *entry) {
	id := e.session.Load().ID
	h := v.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.entries[id]; !ok && len(h.entries) >= v.each {
		evicted = h.oldest()
		delete(h.entries, evicted.session.Load().ID)
	}
	h.entries[id] = e
	return evicted
}

// oldest picks the one used longest ago among a few at random, as maps range.
func (h *shard) oldest() (oldest *entry) {
	n := 0
	for _, e := range h.entries {
		if oldest == nil || e.used.Load() < oldest.used.Load() {
			oldest = e
		}
		if n++; n == evictSample {
			break
		}
	}
	return oldest
}

// hasRoom reports whether id can be inserted without dropping another.
func (v *view) hasRoom(id string) bool {
	h := v.shard(id)
	h.mu.RLock()
	defer h.mu.RUnlock()
	_, ok := h.entries[id]
	return ok || len(h.entries) < v.each
}

func (v *view) remove(id string) *entry {
	h := v.shard(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.entries[id]
	delete(h.entries, id)
	return e
}

// all returns every entry, in no order.
func (v *view) all() []*entry {
	var all []*entry
	for i := range v.shards {
		h := &v.shards[i]
		h.mu.RLock()
		for _, e := range h.entries {
			all = append(all, e)
		}
		h.mu.RUnlock()
	}
	return all
}
