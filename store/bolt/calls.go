package bolt

import (
	"bytes"
	"context"
	"slices"

	"go.etcd.io/bbolt"

	"sallyport/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := store.CheckKey(kind, key); err != nil {
		return store.Record{}, err
	}
	var found raw
	var ok bool
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		found, ok = find(tx, kind, key, s.now())
		found.sealed = slices.Clone(found.sealed)
		return nil
	})
	switch {
	case err != nil:
		return store.Record{}, err
	case !ok:
		return store.Record{}, store.ErrNotFound
	}
	return found.open(s.sealer, kind, key)
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, r store.Record, expect store.Expect) (store.Record, error) {
	if err := store.CheckKey(r.Kind, r.Key); err != nil {
		return store.Record{}, err
	}
	var written store.Record
	err := s.submit(ctx, func(tx *writeTx) (err error) {
		if standing, _ := tx.find(r.Kind, r.Key); !expect.Holds(standing.version) {
			return store.ErrConflict
		}
		written, err = tx.put(r)
		return err
	})
	if err != nil {
		return store.Record{}, err
	}
	written.Value = slices.Clone(written.Value) // the feed has the other
	return written, nil
}

// PutAll implements store.Store.
func (s *Store) PutAll(ctx context.Context, rs []store.Record) error {
	for _, r := range rs {
		if err := store.CheckKey(r.Kind, r.Key); err != nil {
			return err
		}
	}
	return s.submit(ctx, func(tx *writeTx) error {
		for _, r := range rs {
			if _, err := tx.put(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := store.CheckKey(kind, key); err != nil {
		return store.Record{}, err
	}
	var taken store.Record
	var unreadable error
	err := s.submit(ctx, func(tx *writeTx) error {
		standing, ok := tx.find(kind, key)
		if !ok {
			return store.ErrNotFound
		}
		taken, unreadable = standing.open(s.sealer, kind, key)
		return tx.remove(kind, key)
	})
	if err != nil {
		return store.Record{}, err
	}
	return taken, unreadable
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, kind store.Kind, key string) error {
	if err := store.CheckKey(kind, key); err != nil {
		return err
	}
	return s.submit(ctx, func(tx *writeTx) error {
		if _, ok := tx.find(kind, key); !ok {
			return nil
		}
		return tx.remove(kind, key)
	})
}

// Scan implements store.Store, inside one read transaction.
func (s *Store) Scan(ctx context.Context, kind store.Kind, prefix string, f func(store.Record) error) error {
	unreadable := 0
	var stopped error // what f returned, as it is
	err := s.each(ctx, kind, prefix, func(key string, found raw) bool {
		r, err := found.open(s.sealer, kind, key)
		if err != nil {
			unreadable++
			return true
		}
		stopped = f(r)
		return stopped == nil
	})
	if unreadable > 0 {
		s.logger.Warn("passed over records that do not open", "kind", kind, "records", unreadable)
	}
	if stopped != nil {
		return stopped
	}
	return err
}

// Count implements store.Store.
func (s *Store) Count(ctx context.Context, kind store.Kind, prefix string) (n int, err error) {
	err = s.each(ctx, kind, prefix, func(string, raw) bool {
		n++
		return true
	})
	return n, err
}

// each walks the live records of one moment in key order until f has enough.
func (s *Store) each(ctx context.Context, kind store.Kind, prefix string, f func(key string, found raw) bool) error {
	return s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Bucket([]byte(kind))
		if b == nil {
			return nil
		}
		now, c := s.now(), b.Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if found, ok := parse(v); ok && found.alive(now) && !f(string(k), found) {
				return nil
			}
		}
		return nil
	})
}

// view runs f in a read transaction. f returns errors of its context only.
func (s *Store) view(ctx context.Context, f func(*bbolt.Tx) error) error {
	if s.isClosed() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.db.View(f)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return fault(err)
}

// Ping implements store.Store: it commits an empty transaction, which is an
// fsync as every write is.
func (s *Store) Ping(ctx context.Context) error {
	return s.submit(ctx, func(*writeTx) error { return nil })
}
