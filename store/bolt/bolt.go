// Package bolt is the default store: one bbolt file, sallyport.db, in the data
// directory, for one process at a time. It needs no server and survives the
// death of the process at any instant: what a write acknowledged is on the disk.
//
// Writes queue for one writer that puts all that wait into one transaction, so
// that many writers share an fsync and a lone one never waits for others
// (writer.go). Values are sealed before they reach the file, together with the
// expiry, under the version they are written in (record.go). Expired records
// are invisible at once and swept later, by an index in order of expiry
// (sweep.go). Changes go to the feed after they are durable.
//
// A full or failing disk makes writes fail with store.ErrUnavailable; reads go
// on, and so does whatever comes after space is there again.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"sallyport/store"
)

const (
	fileName = "sallyport.db"
	// lockWait is how long Open waits for another process to let go, as one that
	// is being replaced does.
	lockWait = time.Second
	// mapSize is address space, not memory, reserved for the file. While the file
	// fits, no writer waits for a reader to end so that it can be mapped anew.
	mapSize = 256 << 20
)

// Options are what Open needs.
type Options struct {
	Dir    string           // data directory, made with mode 0700 if absent
	Sealer store.Sealer     // required; values never reach the disk without it
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: none
	// ReadOnly opens a store that is there and that no process has, changes
	// nothing in it and refuses every write.
	ReadOnly bool
}

// Store keeps records in a file. It is safe for concurrent use.
type Store struct {
	dir    string
	now    func() time.Time
	logger *slog.Logger
	sealer store.Sealer
	db     *bbolt.DB
	feed   store.Feed
	// readOnly: there is neither a writer nor a sweeper.
	readOnly bool

	gate   sync.RWMutex // guards closed, and writes against being shut under a sender
	closed bool
	writes chan *write
	writer sync.WaitGroup

	stop    chan struct{} // ends the sweeper
	sweeper sync.WaitGroup

	closing sync.Once
	err     error // of Close
}

var _ store.Store = (*Store)(nil)

// Open opens the store in o.Dir, making both as needed, and locks it. It fails
// when another process has it, when the file is not a store, and when its
// format is of a later program.
func Open(o Options) (*Store, error) {
	if o.Dir == "" || o.Sealer == nil {
		return nil, errors.New("bolt store needs a directory and a sealer")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if !o.ReadOnly {
		if err := prepareDir(o.Dir, o.Logger); err != nil {
			return nil, err
		}
	}
	db, err := openFile(o.Dir, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: o.Dir, now: o.Now, logger: o.Logger, sealer: o.Sealer, db: db, readOnly: o.ReadOnly,
		writes: make(chan *write, maxBatch), stop: make(chan struct{}),
	}
	if o.ReadOnly {
		return s, nil
	}
	s.writer.Go(s.runWriter)
	s.sweeper.Go(s.runSweeper)
	return s, nil
}

func prepareDir(dir string, logger *slog.Logger) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("inspect data directory: %w", err)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		logger.Warn("data directory is open to other users, expected mode 0700", "dir", dir, "mode", fmt.Sprintf("%#o", perm))
	}
	return nil
}

func openFile(dir string, readOnly bool) (db *bbolt.DB, err error) {
	path := filepath.Join(dir, fileName)
	defer func() {
		// bbolt checks what it reads, but a file damaged in the right place can
		// still lead it astray; that is an error of the file, not of the program.
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("store file %q is damaged: %v", path, p)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockWait, FreelistType: bbolt.FreelistMapType, InitialMmapSize: mapSize, ReadOnly: readOnly,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("data directory %q is in use by another process: stop it, or give this one another directory", dir)
	case err != nil:
		return nil, fmt.Errorf("open store file %q: %w", path, err)
	}
	prepare := db.Update
	if readOnly {
		prepare = db.View
	}
	if err := prepare(prepareFile); err != nil {
		db.Close()
		return nil, fmt.Errorf("prepare store file %q: %w", path, err)
	}
	return db, nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, kinds ...store.Kind) (<-chan store.Change, error) {
	return s.feed.Watch(ctx, kinds...)
}

// Close refuses new calls, finishes the writes that wait, ends the feeds and
// releases the file. It is safe to call twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.gate.Lock()
		s.closed = true
		s.gate.Unlock()
		close(s.writes)
		close(s.stop)
		s.writer.Wait()
		s.sweeper.Wait()
		s.feed.Close()
		if err := s.db.Close(); err != nil {
			s.err = fmt.Errorf("close store in %q: %w", s.dir, err)
		}
	})
	return s.err
}

func (s *Store) isClosed() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.closed
}

// fault turns an error of bbolt or of the disk into one that callers know.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return store.ErrClosed
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
