package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"sallyport/store"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 1000 // records a transaction, so that others come in between
)

// runSweeper ends with stop.
func (s *Store) runSweeper() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ticks := time.NewTicker(sweepEvery)
	defer ticks.Stop()
	for {
		if err := s.sweep(ctx); err != nil && !errors.Is(err, store.ErrClosed) {
			s.logger.Warn("cannot sweep expired records", "err", err)
		}
		select {
		case <-ticks.C:
		case <-s.stop:
			return
		}
	}
}

// sweep erases what has expired by now. It writes only if there is something.
func (s *Store) sweep(ctx context.Context) error {
	for {
		due, err := s.due(ctx)
		if err != nil || len(due) == 0 {
			return err
		}
		err = s.submit(ctx, func(tx *writeTx) error {
			for _, k := range due {
				if err := tx.expire(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// due gives up to sweepBatch keys of the expiry index whose time has come.
func (s *Store) due(ctx context.Context) (due [][]byte, err error) {
	now := uint64(s.now().UnixNano())
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketExpiry).Cursor()
		for k, _ := c.First(); k != nil && len(due) < sweepBatch; k, _ = c.Next() {
			if len(k) >= 8 && binary.BigEndian.Uint64(k) > now {
				return nil
			}
			due = append(due, append([]byte(nil), k...))
		}
		return nil
	})
	return due, err
}

// expire erases the record that the index names, if it has not been rewritten
// since, and the index entry in any case.
func (t *writeTx) expire(index []byte) error {
	if err := t.expiry.Delete(index); err != nil {
		return &fileError{err}
	}
	if len(index) < 8 {
		return nil
	}
	kind, key, _ := strings.Cut(string(index[8:]), "\x00")
	b := t.records.Bucket([]byte(kind))
	if b == nil {
		return nil
	}
	standing, ok := parse(b.Get([]byte(key)))
	if ok && uint64(standing.expires) == binary.BigEndian.Uint64(index) && !standing.alive(t.now) {
		return t.erase(store.Kind(kind), key)
	}
	return nil
}
