package certificates

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// lockTiming says how long a lock outlives its holder, how often a holder
// renews it and how often one who waits looks.
type lockTiming struct{ life, renew, look time.Duration }

var lockTimes = lockTiming{life: 30 * time.Second, renew: 10 * time.Second, look: time.Second}

// errLockLost says that somebody else may have had the lock in between: what is
// written under it would be written over theirs.
var errLockLost = errors.New("the lock was lost")

// lock is one that this process holds: a lease, renewed until it is given up.
// A process that dies stops renewing, and the lease lapses.
type lock struct {
	holder string
	fence  uint64
	stop   context.CancelFunc
	done   chan struct{}
}

// Lock implements certmagic.Locker: it waits until nobody else has the lock.
func (s *storage) Lock(ctx context.Context, name string) error {
	for {
		ok, err := s.TryLock(ctx, name)
		if ok || err != nil {
			return err
		}
		if err := wait(ctx, s.timing.look); err != nil {
			return err
		}
	}
}

// wait returns after d, or with ctx's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// TryLock implements certmagic.TryLocker.
func (s *storage) TryLock(ctx context.Context, name string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	s.serial++
	holder := s.instance + "-" + strconv.Itoa(s.serial) // two of one process exclude each other too
	s.mu.Unlock()
	fence, held, err := s.store.Acquire(ctx, leaseOf(name), holder, s.timing.life)
	if err != nil || !held {
		return false, err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &lock{holder: holder, fence: fence, stop: stop, done: make(chan struct{})}
	s.mu.Lock()
	s.locks[name] = l
	s.mu.Unlock()
	go s.keepLock(renewing, name, l)
	return true, nil
}

func leaseOf(name string) string { return "certificate/" + name }

// keepLock renews the lease until ctx ends. One that was lost is not taken
// back: whoever writes under it is told.
func (s *storage) keepLock(ctx context.Context, name string, l *lock) {
	defer close(l.done)
	for wait(ctx, s.timing.renew) == nil {
		fence, held, err := s.store.Acquire(ctx, leaseOf(name), l.holder, s.timing.life)
		if err == nil && (!held || fence != l.fence) {
			s.log.Warn("a lock on certificates was lost", slog.String("lock", name))
			return
		}
	}
}

// stillOurs is the fence: it fails unless the lock was ours all along. Where
// this process never took the lock there is nothing to lose.
func (s *storage) stillOurs(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.locks[name]
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	fence, held, err := s.store.Acquire(ctx, leaseOf(name), l.holder, s.timing.life)
	if err != nil {
		return err
	}
	if !held || fence != l.fence {
		return errLockLost
	}
	return nil
}

// Unlock implements certmagic.Locker.
func (s *storage) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	l := s.locks[name]
	delete(s.locks, name)
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("certificate storage: lock %q is not held", name)
	}
	l.stop()
	<-l.done
	return s.store.Release(ctx, leaseOf(name), l.holder)
}

// idle waits until nothing of this process holds a lock, at most until ctx ends.
func (s *storage) idle(ctx context.Context) error {
	for {
		s.mu.Lock()
		n := len(s.locks)
		s.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%d orders of certificates did not end: %w", n, err)
		}
	}
}
