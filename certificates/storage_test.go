package certificates

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/keyring"
	"sallyport/store"
	"sallyport/store/bolt"
	"sallyport/store/memory"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// engines are the stores that the storage has to behave alike over.
func engines(t *testing.T, now func() time.Time) map[string]store.Store {
	t.Helper()
	ring, err := keyring.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bolt.Open(bolt.Options{Dir: t.TempDir(), Sealer: store.NewSealer(ring), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return map[string]store.Store{"memory": memory.New(memory.Options{Now: now}), "bolt": b}
}

// eachStorage runs f over every engine; the lock times are those of a test.
func eachStorage(t *testing.T, f func(t *testing.T, s *storage, c *clock)) {
	c := newClock()
	for name, st := range engines(t, c.now) {
		t.Run(name, func(t *testing.T) { f(t, testStorage(t, st, c, "one"), c) })
	}
}

func testStorage(t *testing.T, st store.Store, c *clock, instance string) *storage {
	s := newStorage(st, c.now, testLog(t), instance)
	s.timing = lockTiming{life: 30 * time.Second, renew: time.Millisecond, look: time.Millisecond}
	return s
}

func store1(t *testing.T, s *storage, key, value string) {
	t.Helper()
	if err := s.Store(t.Context(), key, []byte(value)); err != nil {
		t.Fatalf("Store %q: %v", key, err)
	}
}

func wantValue(t *testing.T, s *storage, key, want string) {
	t.Helper()
	if got, err := s.Load(t.Context(), key); err != nil || string(got) != want {
		t.Errorf("Load %q = %q, %v; want %q", key, got, err, want)
	}
}

func wantNone(t *testing.T, s *storage, key string) {
	t.Helper()
	if got, err := s.Load(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load %q = %q, %v; want fs.ErrNotExist", key, got, err)
	}
	if s.Exists(t.Context(), key) {
		t.Errorf("%q exists", key)
	}
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat %q: %v, want fs.ErrNotExist", key, err)
	}
}

func TestStorageKeepsWhatWasStoredLast(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, c *clock) {
		wantNone(t, s, "ocsp/a")
		store1(t, s, "ocsp/a", "first")
		store1(t, s, "ocsp/a", "second")
		wantValue(t, s, "ocsp/a", "second")
		wantValue(t, s, "/ocsp/a/", "second")
		store1(t, s, "ocsp/empty", "")
		wantValue(t, s, "ocsp/empty", "")
		info, err := s.Stat(t.Context(), "ocsp/a")
		if err != nil || !info.IsTerminal || info.Size != 6 || !info.Modified.Equal(c.now()) || info.Key != "ocsp/a" {
			t.Errorf("Stat = %+v, %v", info, err)
		}
		if info, err := s.Stat(t.Context(), "ocsp"); err != nil || info.IsTerminal || info.Key != "ocsp" {
			t.Errorf("Stat of a directory = %+v, %v", info, err)
		}
		big := make([]byte, maxValue+1)
		if err := s.Store(t.Context(), "ocsp/big", big); err == nil {
			t.Error("a value past the bound was stored")
		}
		store1(t, s, "ocsp/large", string(big[:maxValue]))
		wantValue(t, s, "ocsp/large", string(big[:maxValue]))
		for _, bad := range []string{"", "/", "a//b", "../a", "a/../b", "./a", "a\x00b"} {
			if err := s.Store(t.Context(), bad, nil); err == nil {
				t.Errorf("key %q was taken", bad)
			}
		}
	})
}

func TestStorageListsDirectoriesByElement(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, _ *clock) {
		for _, key := range []string{"a/x", "a/b/y", "a/b/c/z", "ab/n", "top"} {
			store1(t, s, key, key)
		}
		for _, tc := range []struct {
			dir       string
			recursive bool
			want      []string
		}{
			{"a", false, []string{"a/b", "a/x"}},
			{"a", true, []string{"a/b", "a/b/c", "a/b/c/z", "a/b/y", "a/x"}},
			{"a/b", false, []string{"a/b/c", "a/b/y"}},
			{"", false, []string{"a", "ab", "top"}},
			{"a/x", false, nil},
		} {
			got, err := s.List(t.Context(), tc.dir, tc.recursive)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("List(%q, %v) = %q, %v; want %q", tc.dir, tc.recursive, got, err, tc.want)
			}
		}
		if got, err := s.List(t.Context(), "none", false); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("List of nothing = %q, %v; want fs.ErrNotExist", got, err)
		}
	})
}

func TestStorageDeletesADirectoryWithAllBelowAndNothingBeside(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, _ *clock) {
		for _, key := range []string{"a/x", "a/b/y", "ab"} {
			store1(t, s, key, key)
		}
		if err := s.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "a/x", "a/b/y", "a/b"} {
			wantNone(t, s, key)
		}
		wantValue(t, s, "ab", "ab")
		if err := s.Delete(t.Context(), "a"); err != nil {
			t.Errorf("deleting what is gone: %v", err)
		}
	})
}

const siteKey = "certificates/ca/app.test/app.test"

func storeSite(t *testing.T, s *storage, value string) error {
	t.Helper()
	store1(t, s, siteKey+".key", "key "+value)
	store1(t, s, siteKey+".crt", "chain "+value)
	return s.Store(t.Context(), siteKey+".json", []byte("meta "+value))
}

func wantSite(t *testing.T, s *storage, value string) {
	t.Helper()
	wantValue(t, s, siteKey+".key", "key "+value)
	wantValue(t, s, siteKey+".crt", "chain "+value)
	wantValue(t, s, siteKey+".json", "meta "+value)
}

func TestTheThreePartsOfACertificateChangeTogether(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, _ *clock) {
		store1(t, s, siteKey+".key", "key 1")
		wantNone(t, s, siteKey+".key") // a crash here leaves nothing
		if err := storeSite(t, s, "1"); err != nil {
			t.Fatal(err)
		}
		wantSite(t, s, "1")
		store1(t, s, siteKey+".key", "key 2")
		store1(t, s, siteKey+".crt", "chain 2")
		wantSite(t, s, "1")
		store1(t, s, siteKey+".json", "meta 2")
		wantSite(t, s, "2")
		store1(t, s, siteKey+".json", "meta 3") // renewal information alone
		wantValue(t, s, siteKey+".json", "meta 3")
		wantValue(t, s, siteKey+".key", "key 2")
	})
}

func TestAFailedWriteAndItsRollbackLeaveTheOldCertificate(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, _ *clock) {
		if err := storeSite(t, s, "old"); err != nil {
			t.Fatal(err)
		}
		store1(t, s, siteKey+".key", "key new")
		store1(t, s, siteKey+".crt", "chain new")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Store(ended, siteKey+".json", []byte("meta new")); err == nil {
			t.Fatal("a write with an ended context succeeded")
		}
		for _, part := range []string{".crt", ".key"} { // as certmagic undoes it
			if err := s.Delete(t.Context(), siteKey+part); err != nil {
				t.Fatal(err)
			}
		}
		wantSite(t, s, "old")
		if err := s.Delete(t.Context(), siteKey+".key"); err != nil {
			t.Fatal(err)
		}
		wantNone(t, s, siteKey+".key")
	})
}

func TestALockLapsesWithItsHolderAndFencesItOff(t *testing.T) {
	c := newClock()
	for name, st := range engines(t, c.now) {
		t.Run(name, func(t *testing.T) {
			frozen, other := testStorage(t, st, c, "frozen"), testStorage(t, st, c, "other")
			frozen.timing.renew = time.Hour // it does not come round to renewing
			lock := issueLock("app.test")
			if err := frozen.Lock(t.Context(), lock); err != nil {
				t.Fatal(err)
			}
			if ok, err := other.TryLock(t.Context(), lock); ok || err != nil {
				t.Fatalf("TryLock of what is held = %v, %v", ok, err)
			}
			waiting, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := other.Lock(waiting, lock); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("waiting for what is held: %v", err)
			}
			c.advance(31 * time.Second)
			if err := other.Lock(t.Context(), lock); err != nil {
				t.Fatalf("after the holder's silence: %v", err)
			}
			if err := storeSite(t, other, "theirs"); err != nil {
				t.Fatal(err)
			}
			if err := storeSite(t, frozen, "late"); !errors.Is(err, errLockLost) {
				t.Errorf("writing under a lost lock: %v, want %v", err, errLockLost)
			}
			wantSite(t, other, "theirs")
			for _, s := range []*storage{other, frozen} {
				if err := s.Unlock(t.Context(), lock); err != nil {
					t.Error(err)
				}
			}
			if err := frozen.Unlock(t.Context(), lock); err == nil {
				t.Error("unlocking twice succeeded")
			}
			if err := storeSite(t, frozen, "next"); err != nil {
				t.Errorf("after giving the lost lock up: %v", err)
			}
		})
	}
}

func TestALockIsExclusiveWithinAProcess(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, _ *clock) {
		var order []string
		done := make(chan error)
		if err := s.Lock(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		go func() {
			err := s.Lock(t.Context(), "x")
			order = append(order, "second")
			if err == nil {
				err = s.Unlock(t.Context(), "x")
			}
			done <- err
		}()
		order = append(order, "first")
		if err := s.Unlock(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"first", "second"}, order); diff != "" {
			t.Error(diff)
		}
		if err := s.idle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestALockIsRenewedWhileItIsHeld(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, c *clock) {
		if err := s.Lock(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.advance(20 * time.Second)
			eventually(t, "the lease counts from now", func() bool {
				lease, err := s.store.Get(t.Context(), store.KindLease, leaseOf("x"))
				return err == nil && lease.Expires.Equal(c.now().Add(s.timing.life))
			})
		}
		if err := s.stillOurs(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		if err := s.Unlock(t.Context(), "x"); err != nil {
			t.Error(err)
		}
	})
}

// eventually waits for something that happens in the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not happen: %s", what)
}

func TestChallengesDoNotOutliveACrashForEver(t *testing.T) {
	eachStorage(t, func(t *testing.T, s *storage, c *clock) {
		store1(t, s, challengeKey("http-01", "app.test"), "x")
		store1(t, s, "accounts/ca/default", "x")
		c.advance(transientLife + time.Second)
		wantNone(t, s, challengeKey("http-01", "app.test"))
		wantValue(t, s, "accounts/ca/default", "x")
	})
}

func TestAValueWhoseKeyIsGoneCountsAsNone(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	open := func(secret string) *storage {
		ring, err := keyring.New([]byte(strings.Repeat(secret, 32)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := bolt.Open(bolt.Options{Dir: dir, Sealer: store.NewSealer(ring), Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return testStorage(t, b, c, secret)
	}
	s := open("a")
	store1(t, s, "accounts/ca/default", "x")
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	wantNone(t, open("b"), "accounts/ca/default")
	if _, err := s.Load(t.Context(), "accounts/ca/default"); errors.Is(err, fs.ErrNotExist) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that is down says %v, want that it is down", err)
	}
	if got := fmt.Sprint(s); got != "store" {
		t.Errorf("printed as %q", got)
	}
}
