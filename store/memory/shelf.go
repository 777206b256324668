package memory

import (
	"context"
	"slices"
	"strings"
	"time"

	"sallyport/store"
)

// shelf holds the records of one kind: by key, and the keys in order for scans.
type shelf struct {
	records map[string]store.Record
	keys    []string
}

func (h *shelf) put(r store.Record) {
	if _, ok := h.records[r.Key]; !ok {
		i, _ := slices.BinarySearch(h.keys, r.Key)
		h.keys = slices.Insert(h.keys, i, r.Key)
	}
	h.records[r.Key] = r
}

func (h *shelf) remove(key string) {
	if _, ok := h.records[key]; !ok {
		return
	}
	delete(h.records, key)
	i, _ := slices.BinarySearch(h.keys, key)
	h.keys = slices.Delete(h.keys, i, i+1)
}

func (h *shelf) scan(prefix string, f func(store.Record)) {
	if h == nil {
		return
	}
	i, _ := slices.BinarySearch(h.keys, prefix)
	for ; i < len(h.keys) && strings.HasPrefix(h.keys[i], prefix); i++ {
		f(h.records[h.keys[i]])
	}
}

func (h *shelf) sweep(now time.Time) {
	h.keys = slices.DeleteFunc(h.keys, func(key string) bool {
		if alive(h.records[key], now) {
			return false
		}
		delete(h.records, key)
		return true
	})
}

func alive(r store.Record, now time.Time) bool {
	return r.Expires.IsZero() || now.Before(r.Expires)
}

// The methods below are called with the lock held.

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// writable is usable, and the moment at which expired records go.
func (s *Store) writable(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	now := s.now()
	if now.Sub(s.swept) < sweepEvery {
		return nil
	}
	s.swept = now
	for kind, h := range s.kinds {
		if h.sweep(now); len(h.keys) == 0 {
			delete(s.kinds, kind)
		}
	}
	return nil
}

func (s *Store) live(kind store.Kind, key string) (store.Record, bool) {
	h := s.kinds[kind]
	if h == nil {
		return store.Record{}, false
	}
	r, ok := h.records[key]
	if !ok || !alive(r, s.now()) {
		return store.Record{}, false
	}
	return r, true
}

func (s *Store) put(r store.Record) store.Record {
	h := s.kinds[r.Kind]
	if h == nil {
		h = &shelf{records: make(map[string]store.Record)}
		s.kinds[r.Kind] = h
	}
	s.version++
	r.Version = s.version
	r.Value = slices.Clone(r.Value)
	h.put(r)
	return r
}

func (s *Store) remove(kind store.Kind, key string) {
	s.kinds[kind].remove(key)
	s.version++
	s.feed.Publish(store.Change{Deleted: true, Record: store.Record{Kind: kind, Key: key, Version: s.version}})
}
