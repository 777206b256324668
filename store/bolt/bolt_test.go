package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sallyport/internal/keyring"
	"sallyport/store"
	"sallyport/store/storetest"
)

func sealer(fills ...byte) store.Sealer {
	var secrets [][]byte
	for _, fill := range fills {
		secrets = append(secrets, []byte(strings.Repeat(string(rune(fill)), 32)))
	}
	ring, err := keyring.New(secrets...)
	if err != nil {
		panic(err)
	}
	return store.NewSealer(ring)
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Sealer == nil {
		o.Sealer = sealer('a')
	}
	s, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustPut(t testing.TB, s *Store, r store.Record) store.Record {
	t.Helper()
	written, err := s.Put(t.Context(), r, store.Any)
	if err != nil {
		t.Fatalf("Put %q: %v", r.Key, err)
	}
	return written
}

func TestBoltKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Engine {
		clock, dir := storetest.NewClock(), t.TempDir()
		s := open(t, Options{Dir: dir, Now: clock.Now})
		return storetest.Engine{
			Store: s, Advance: clock.Advance, Now: clock.Now,
			Reopen: func(t *testing.T) store.Store {
				if err := s.Close(); err != nil {
					t.Fatalf("Close: %v", err)
				}
				return open(t, Options{Dir: dir, Now: clock.Now})
			},
		}
	})
}

func TestOpenMakesPrivateDirectoryAndFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, Options{Dir: dir})
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %#o, want %#o", path, got, want)
		}
	}
}

func TestOpenWarnsOfDirectoryOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	open(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "open to other users") || !strings.Contains(log.String(), "0755") {
		t.Errorf("log says %q, want a warning that names mode 0755", log.String())
	}
}

func TestOpenNamesTheDirectoryThatIsInUse(t *testing.T) {
	dir := t.TempDir()
	first := open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir, Sealer: sealer('a')})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("Open of a directory in use = %v, want an error that names %s", err, dir)
	}
	first.Close()
	open(t, Options{Dir: dir})
}

func TestOpenRefusesWhatIsNotAStore(t *testing.T) {
	whole := t.TempDir()
	s := open(t, Options{Dir: whole})
	mustPut(t, s, store.Record{Kind: "k", Key: "a", Value: []byte("v")})
	s.Close()
	good, err := os.ReadFile(filepath.Join(whole, fileName))
	if err != nil {
		t.Fatal(err)
	}
	later := func(path string) {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyFormat, []byte{9}) })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		content []byte
		alter   func(path string)
		want    string
	}{
		"text":          {content: []byte(strings.Repeat("not a store at all\n", 2000)), want: "open store file"},
		"short":         {content: []byte("x"), want: "open store file"},
		"both metas":    {content: append(make([]byte, 8192), good[8192:]...), want: "open store file"},
		"later release": {content: good, alter: later, want: "format [9], expected [1]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if tt.alter != nil {
				tt.alter(path)
			}
			s, err := Open(Options{Dir: dir, Sealer: sealer('a')})
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want an error with %q that names the file", err, tt.want)
			}
		})
	}
}

func TestOpenDemandsDirectoryAndSealer(t *testing.T) {
	for _, o := range []Options{{Dir: t.TempDir()}, {Sealer: sealer('a')}} {
		if s, err := Open(o); err == nil {
			s.Close()
			t.Errorf("Open(%+v) succeeded, want an error", o)
		}
	}
}

func TestSweepErasesExpiredRecordsAndTheirIndex(t *testing.T) {
	clock := storetest.NewClock()
	s := open(t, Options{Dir: t.TempDir(), Now: clock.Now})
	var rs []store.Record
	for i := range 2*sweepBatch + 10 {
		rs = append(rs, store.Record{Kind: "k", Key: fmt.Sprint(i), Expires: clock.Now().Add(time.Minute)})
	}
	if err := s.PutAll(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, store.Record{Kind: "k", Key: "0", Expires: clock.Now().Add(time.Hour)})
	mustPut(t, s, store.Record{Kind: "k", Key: "1"})
	mustPut(t, s, store.Record{Kind: "k", Key: "ancient", Expires: time.Unix(0, 0)})
	if records, index := sizes(t, s); records != len(rs)+1 || index != len(rs) {
		t.Fatalf("%d records and %d index entries before, want %d and %d", records, index, len(rs)+1, len(rs))
	}
	clock.Advance(2 * time.Minute)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if records, index := sizes(t, s); records != 2 || index != 1 {
		t.Errorf("%d records and %d index entries after, want the 2 that live and 1", records, index)
	}
}

func sizes(t *testing.T, s *Store) (records, index int) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		records = tx.Bucket(bucketRecords).Bucket([]byte("k")).Stats().KeyN
		index = tx.Bucket(bucketExpiry).Stats().KeyN
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, index
}

func TestManyWritersShareTransactions(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	// The writer is held up once, as by a slow disk, until all have queued.
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.submit(t.Context(), func(*writeTx) error { close(entered); <-release; return nil }); err != nil {
			t.Errorf("held write: %v", err)
		}
	})
	<-entered
	const writers = 100
	var conflicts atomic.Int32
	for i := range writers {
		wg.Go(func() {
			_, err := s.Put(t.Context(), store.Record{Kind: "k", Key: fmt.Sprint(i / 2)}, store.Absent)
			if errors.Is(err, store.ErrConflict) {
				conflicts.Add(1)
			} else if err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	for len(s.writes) < writers {
		time.Sleep(time.Millisecond)
	}
	txs := txID(t, s)
	close(release)
	wg.Wait()
	if n := conflicts.Load(); n != writers/2 {
		t.Errorf("%d conflicts, want %d: of two writers to a key one", n, writers/2)
	}
	if n := txID(t, s) - txs; n != 2 {
		t.Errorf("the held write and %d others took %d transactions, want 2", writers, n)
	}
}

func txID(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPanicInTransactionFailsItsCallersOnly(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	feed, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = s.submit(t.Context(), func(tx *writeTx) error {
		if _, err := tx.put(store.Record{Kind: "k", Key: "half"}); err != nil {
			return err
		}
		panic("boom")
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write that panics = %v, want ErrUnavailable", err)
	}
	if _, err := s.Get(t.Context(), "k", "half"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what the panic left = %v, want ErrNotFound", err)
	}
	if c := <-feed; !c.Reset {
		t.Errorf("feed after a failed transaction gives %+v, want a Reset", c)
	}
	mustPut(t, s, store.Record{Kind: "k", Key: "after"})
}

func TestCloseAnswersEveryWriter(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	var wg sync.WaitGroup
	var acknowledged sync.Map
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				if _, err := s.Put(t.Context(), store.Record{Kind: "k", Key: key}, store.Any); err != nil {
					if !errors.Is(err, store.ErrClosed) {
						t.Errorf("Put during Close = %v, want ErrClosed", err)
					}
					return
				}
				acknowledged.Store(key, true)
			}
		})
	}
	for {
		if n, err := s.Count(t.Context(), "k", ""); err != nil {
			t.Fatal(err)
		} else if n > 20 {
			break
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	again := open(t, Options{Dir: s.dir})
	acknowledged.Range(func(key, _ any) bool {
		if _, err := again.Get(t.Context(), "k", key.(string)); err != nil {
			t.Errorf("acknowledged record %v after Close: %v", key, err)
		}
		return true
	})
}

func TestReadOnlyReadsAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if s, err := Open(Options{Dir: filepath.Join(dir, "none"), Sealer: sealer('a'), ReadOnly: true}); err == nil {
		s.Close()
		t.Fatal("a store was made for reading")
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory was made for reading: %v", err)
	}
	first := open(t, Options{Dir: dir})
	put := mustPut(t, first, store.Record{Kind: "k", Key: "a", Value: []byte("v")})
	if s, err := Open(Options{Dir: dir, Sealer: sealer('a'), ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("opened for reading while another has it: %v", err)
		s.Close()
	}
	first.Close()
	before, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir, ReadOnly: true})
	if got, err := s.Get(t.Context(), "k", "a"); err != nil || string(got.Value) != "v" || got.Version != put.Version {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Put(t.Context(), put, store.Any); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put: %v, want ErrUnavailable", err)
	}
	if _, err := s.Take(t.Context(), "k", "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Take: %v, want ErrUnavailable", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, fileName)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file changed (%v)", err)
	}
}
