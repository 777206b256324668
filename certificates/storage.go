package certificates

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"sallyport/store"
)

// Kind is the family of records that hold certificates, their keys, accounts
// at certificate authorities and challenges under way.
const Kind store.Kind = "certificate"

// Bounds of what is kept. A chain with its key is a few KiB.
const (
	maxValue      = 1 << 20
	transientLife = time.Hour // of challenges and of what tests the storage
	stampSize     = 8         // when it was written, in front of every value
)

// storage is certmagic.Storage over the store: keys are paths, a directory is
// whatever has keys below it. The three parts of a certificate (key, chain,
// description) are written in one step, and only by who still holds the lock of
// its issue; see site.go and lock.go.
type storage struct {
	store    store.Store
	now      func() time.Time
	log      *slog.Logger
	instance string
	timing   lockTiming

	mu      sync.Mutex
	serial  int
	pending map[string][]byte // parts of certificates that await the last one
	locks   map[string]*lock
}

var (
	_ certmagic.Storage   = (*storage)(nil)
	_ certmagic.TryLocker = (*storage)(nil)
)

func newStorage(st store.Store, now func() time.Time, log *slog.Logger, instance string) *storage {
	return &storage{
		store: st, now: now, log: log, instance: instance, timing: lockTimes,
		pending: map[string][]byte{}, locks: map[string]*lock{},
	}
}

// String keeps what is inside out of logs.
func (s *storage) String() string { return "store" }

// Store implements certmagic.Storage.
func (s *storage) Store(ctx context.Context, key string, value []byte) error {
	key, err := cleanKey(key)
	if err != nil {
		return err
	}
	if len(value) > maxValue {
		return fmt.Errorf("certificate storage: %q has %d bytes, expected at most %d", key, len(value), maxValue)
	}
	if site, ok := siteOf(key); ok {
		return s.storeSite(ctx, site, key, value)
	}
	_, err = s.store.Put(ctx, s.record(key, value), store.Any)
	return err
}

func (s *storage) record(key string, value []byte) store.Record {
	stamped := binary.BigEndian.AppendUint64(make([]byte, 0, stampSize+len(value)), uint64(s.now().UnixNano()))
	r := store.Record{Kind: Kind, Key: key, Value: append(stamped, value...)}
	if strings.HasPrefix(key, challengePrefix) || strings.HasPrefix(key, "rw_test_") {
		r.Expires = s.now().Add(transientLife) // a crash leaves nothing behind for ever
	}
	return r
}

// Load implements certmagic.Storage. A record that does not open any more
// counts as none, so that a new certificate is obtained in its place.
func (s *storage) Load(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.get(ctx, key)
	return value, err
}

func (s *storage) get(ctx context.Context, key string) (value []byte, written time.Time, err error) {
	if key, err = cleanKey(key); err != nil {
		return nil, written, err
	}
	r, err := s.store.Get(ctx, Kind, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, written, notExist(key)
	case errors.Is(err, store.ErrUnreadable) || err == nil && len(r.Value) < stampSize:
		s.log.Warn("a record of a certificate cannot be read and counts as none", slog.String("key", key))
		return nil, written, notExist(key)
	case err != nil:
		return nil, written, err
	}
	written = time.Unix(0, int64(binary.BigEndian.Uint64(r.Value)))
	return r.Value[stampSize:], written, nil
}

func notExist(key string) error {
	return fmt.Errorf("certificate storage: %q: %w", key, fs.ErrNotExist)
}

// Delete implements certmagic.Storage: the key and everything below it.
func (s *storage) Delete(ctx context.Context, key string) error {
	key, err := cleanKey(key)
	if err != nil {
		return err
	}
	if s.dropPending(key) {
		return nil // what stands in the store was not touched yet, and stays
	}
	keys, err := s.below(ctx, key)
	if err != nil {
		return err
	}
	for _, k := range append(keys, key) {
		if err := s.store.Delete(ctx, Kind, k); err != nil {
			return err
		}
	}
	return nil
}

// Exists implements certmagic.Storage.
func (s *storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// Stat implements certmagic.Storage.
func (s *storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	value, written, err := s.get(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Modified: written, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return certmagic.KeyInfo{}, err
	}
	keys, scanErr := s.below(ctx, strings.Trim(key, "/"))
	if scanErr != nil {
		return certmagic.KeyInfo{}, scanErr
	}
	if len(keys) == 0 {
		return certmagic.KeyInfo{}, err
	}
	return certmagic.KeyInfo{Key: key}, nil
}

// cleanKey refuses what is not a path of plain elements.
func cleanKey(key string) (string, error) {
	key = strings.Trim(key, "/")
	if key == "" || path.Clean(key) != key || strings.HasPrefix(key, "..") || strings.ContainsRune(key, 0) {
		return "", fmt.Errorf("certificate storage: %q is not a key", key)
	}
	return key, nil
}
