package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"

	"sallyport/store"
)

// maxBatch is how many writes at most share one transaction.
const maxBatch = 256

// write is one call that waits for the writer. do either changes nothing and
// returns what is wrong for this caller alone, or does all of its work; a
// failure of the file is a *fileError and ends the whole transaction.
type write struct {
	ctx  context.Context
	do   func(tx *writeTx) error
	err  error
	done chan struct{}
}

// fileError is a failure that leaves a transaction in doubt.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// submit has do run in a transaction and returns when that is durable. When ctx
// ends while the disk is slow, the outcome is unknown and the error says so.
func (s *Store) submit(ctx context.Context, do func(tx *writeTx) error) error {
	w := &write{ctx: ctx, do: do, done: make(chan struct{})}
	if err := s.enqueue(w); err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("%w: gave up on a write that may yet happen: %w", store.ErrUnavailable, ctx.Err())
	}
}

// enqueue holds the gate, so that Close shuts the queue when nobody is about to
// put something in. The writer empties it all the while.
func (s *Store) enqueue(w *write) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	if s.readOnly {
		return fmt.Errorf("%w: opened for reading", store.ErrUnavailable)
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writes <- w:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// runWriter owns all write transactions. It ends when Close has shut the queue
// and everything in it is answered.
func (s *Store) runWriter() {
	for w := range s.writes {
		s.commit(s.gather(w))
	}
}

// gather takes what waits by now: while one transaction syncs, the next fills.
func (s *Store) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < maxBatch {
		select {
		case w, ok := <-s.writes:
			if !ok {
				return batch
			}
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

func (s *Store) commit(batch []*write) {
	changes, err := s.transact(batch)
	if err != nil {
		s.logger.Error("store cannot write", "err", err, "writes", len(batch))
		for _, w := range batch {
			w.err = fault(err)
		}
		// A transaction whose last sync failed may stand all the same.
		changes = []store.Change{{Reset: true}}
	}
	s.feed.Publish(changes...)
	for _, w := range batch {
		close(w.done)
	}
}

// transact runs the batch in one transaction and gives the changes it made. An
// error means that no write of the batch can be relied on.
func (s *Store) transact(batch []*write) (changes []store.Change, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.logger.Error("panic in a store transaction", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a store transaction: %v", p)
		}
	}()
	tx := &writeTx{now: s.now(), sealer: s.sealer}
	err = s.db.Update(func(btx *bbolt.Tx) error {
		tx.bind(btx)
		for _, w := range batch {
			if w.err = w.ctx.Err(); w.err != nil {
				continue
			}
			w.err = w.do(tx)
			if broken := (*fileError)(nil); errors.As(w.err, &broken) {
				return broken.err
			}
		}
		return nil
	})
	return tx.changes, err
}
