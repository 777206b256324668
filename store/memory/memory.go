// Package memory is the store that forgets: records live in this process and
// end with it. It is what `databroker_storage_type: memory` asks for, where
// everybody signing in again after a restart is acceptable and nothing may
// touch a disk. Nothing is sealed, since nothing leaves the process. Memory is
// bounded by what lives: expired records go with the writes that follow.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"sallyport/store"
)

// sweepEvery is how often, at most, a write first drops what has expired.
const sweepEvery = 30 * time.Second

// Options are what a Store needs.
type Options struct {
	Now func() time.Time // nil: time.Now
}

// Store keeps records in memory. It is safe for concurrent use.
type Store struct {
	now  func() time.Time
	feed store.Feed

	mu      sync.RWMutex
	kinds   map[store.Kind]*shelf
	version uint64
	swept   time.Time
	closed  bool
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{now: o.Now, kinds: make(map[store.Kind]*shelf), swept: o.Now()}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := store.CheckKey(kind, key); err != nil {
		return store.Record{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return store.Record{}, err
	}
	r, ok := s.live(kind, key)
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return own(r), nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, r store.Record, expect store.Expect) (store.Record, error) {
	if err := store.CheckKey(r.Kind, r.Key); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return store.Record{}, err
	}
	if standing, _ := s.live(r.Kind, r.Key); !expect.Holds(standing.Version) {
		return store.Record{}, store.ErrConflict
	}
	written := s.put(r)
	s.feed.Publish(store.Change{Record: written})
	return own(written), nil
}

// PutAll implements store.Store.
func (s *Store) PutAll(ctx context.Context, rs []store.Record) error {
	for _, r := range rs {
		if err := store.CheckKey(r.Kind, r.Key); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return err
	}
	changes := make([]store.Change, len(rs))
	for i, r := range rs {
		changes[i] = store.Change{Record: s.put(r)}
	}
	s.feed.Publish(changes...)
	return nil
}

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := store.CheckKey(kind, key); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return store.Record{}, err
	}
	r, ok := s.live(kind, key)
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	s.remove(kind, key)
	return r, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, kind store.Kind, key string) error {
	if err := store.CheckKey(kind, key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return err
	}
	if _, ok := s.live(kind, key); ok {
		s.remove(kind, key)
	}
	return nil
}

// Scan implements store.Store. The records are gathered first, so that f runs
// without a lock.
func (s *Store) Scan(ctx context.Context, kind store.Kind, prefix string, f func(store.Record) error) error {
	found, err := s.gather(ctx, kind, prefix)
	if err != nil {
		return err
	}
	for _, r := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f(own(r)); err != nil {
			return err
		}
	}
	return nil
}

// Count implements store.Store.
func (s *Store) Count(ctx context.Context, kind store.Kind, prefix string) (int, error) {
	found, err := s.gather(ctx, kind, prefix)
	return len(found), err
}

func (s *Store) gather(ctx context.Context, kind store.Kind, prefix string) ([]store.Record, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var found []store.Record
	now := s.now()
	s.kinds[kind].scan(prefix, func(r store.Record) {
		if alive(r, now) {
			found = append(found, r)
		}
	})
	return found, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, kinds ...store.Kind) (<-chan store.Change, error) {
	return s.feed.Watch(ctx, kinds...)
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.usable(ctx)
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.kinds = nil
	s.feed.Close()
	return nil
}

// own returns r with a value that the caller may change.
func own(r store.Record) store.Record {
	r.Value = slices.Clone(r.Value)
	return r
}
