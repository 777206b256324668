package memory

import (
	"context"
	"time"

	"sallyport/store"
)

// Acquire implements store.Store.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (uint64, bool, error) {
	if err := store.CheckKey(store.KindLease, name); err != nil {
		return 0, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return 0, false, err
	}
	standing, _ := s.live(store.KindLease, name)
	value, fence, held, err := store.Grant(standing.Value, holder, s.version+1)
	if err != nil || !held {
		return fence, false, err
	}
	r := s.put(store.Record{Kind: store.KindLease, Key: name, Value: value, Expires: s.now().Add(ttl)})
	s.feed.Publish(store.Change{Record: r})
	return fence, true, nil
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	if err := store.CheckKey(store.KindLease, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(ctx); err != nil {
		return err
	}
	standing, ok := s.live(store.KindLease, name)
	if !ok {
		return nil
	}
	if _, _, held, err := store.Grant(standing.Value, holder, 0); err != nil || !held {
		return err
	}
	s.remove(store.KindLease, name)
	return nil
}
