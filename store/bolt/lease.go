package bolt

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
	var fence uint64
	var held bool
	err := s.submit(ctx, func(tx *writeTx) (err error) {
		var value []byte
		value, fence, held, err = store.Grant(s.standingLease(tx, name), holder, tx.nextVersion())
		if err != nil || !held {
			return err
		}
		_, err = tx.put(store.Record{Kind: store.KindLease, Key: name, Value: value, Expires: tx.now.Add(ttl)})
		return err
	})
	if err != nil {
		return 0, false, err
	}
	return fence, held, nil
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, name, holder string) error {
	if err := store.CheckKey(store.KindLease, name); err != nil {
		return err
	}
	return s.submit(ctx, func(tx *writeTx) error {
		standing := s.standingLease(tx, name)
		if standing == nil {
			return nil
		}
		if _, _, held, err := store.Grant(standing, holder, 0); err != nil || !held {
			return err
		}
		return tx.remove(store.KindLease, name)
	})
}

// standingLease gives the value of the lease that stands, nil if none does. One
// that does not open was written under keys that have gone, by a process that
// has gone too, since the file is locked: it counts as none.
func (s *Store) standingLease(tx *writeTx, name string) []byte {
	found, ok := tx.find(store.KindLease, name)
	if !ok {
		return nil
	}
	r, err := found.open(s.sealer, store.KindLease, name)
	if err != nil {
		return nil
	}
	return r.Value
}
