package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"sallyport/store"
	"sallyport/store/storetest"
)

func TestDiskNeverHoldsPlaintext(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	const secret = "refresh-token-0123456789"
	for i := range 50 {
		mustPut(t, s, store.Record{Kind: "session", Key: fmt.Sprint(i), Value: bytes.Repeat([]byte(secret), 100)})
	}
	if _, held, err := s.Acquire(t.Context(), "sync", "holder-"+secret, time.Minute); !held || err != nil {
		t.Fatalf("Acquire = %v, %v", held, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds a value in plain", f.Name())
		}
		if !bytes.Contains(content, []byte("session")) {
			t.Errorf("%s does not even hold the kind: this test looks at the wrong file", f.Name())
		}
	}
}

// alter rewrites what is stored under a key behind the store's back.
func alter(t *testing.T, s *Store, key string, change func(stored []byte) []byte) {
	t.Helper()
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Bucket([]byte("session"))
		return b.Put([]byte(key), change(slices.Clone(b.Get([]byte(key)))))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, s *Store, key string) (value []byte) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		value = slices.Clone(tx.Bucket(bucketRecords).Bucket([]byte("session")).Get([]byte(key)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestValueChangedOnDiskDoesNotOpen(t *testing.T) {
	clock := storetest.NewClock()
	s := open(t, Options{Dir: t.TempDir(), Now: clock.Now})
	for name, change := range map[string]func(own, older, other []byte) []byte{
		"of another record": func(_, _, other []byte) []byte { return other },
		"older one under the version that stands": func(own, older, _ []byte) []byte {
			return append(own[:headerLen], older[headerLen:]...)
		},
		"version raised":   func(own, _, _ []byte) []byte { own[7]++; return own },
		"expiry prolonged": func(own, _, _ []byte) []byte { own[8+3]++; return own },
		"expiry removed": func(own, _, _ []byte) []byte {
			binary.BigEndian.PutUint64(own[8:], 0)
			return own
		},
		"bit flipped": func(own, _, _ []byte) []byte { own[len(own)-1] ^= 1; return own },
		"key id":      func(own, _, _ []byte) []byte { own[headerLen+1] ^= 1; return own },
		"format":      func(own, _, _ []byte) []byte { own[headerLen]++; return own },
		"truncated":   func(own, _, _ []byte) []byte { return own[:headerLen+20] },
	} {
		t.Run(name, func(t *testing.T) {
			rec := store.Record{Kind: "session", Key: "a", Value: []byte("one"), Expires: clock.Now().Add(time.Hour)}
			mustPut(t, s, rec)
			older := stored(t, s, "a")
			rec.Value = []byte("two")
			mustPut(t, s, rec)
			rec.Key = "b"
			mustPut(t, s, rec)
			other := stored(t, s, "b")
			alter(t, s, "a", func(own []byte) []byte { return change(own, older, other) })

			if r, err := s.Get(t.Context(), "session", "a"); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("Get = %q, %v; want ErrUnreadable", r.Value, err)
			}
			var seen []string
			err := s.Scan(t.Context(), "session", "", func(r store.Record) error { seen = append(seen, r.Key); return nil })
			if err != nil || !slices.Equal(seen, []string{"b"}) {
				t.Errorf("Scan sees %q, %v; want only b", seen, err)
			}
			if r, err := s.Take(t.Context(), "session", "a"); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("Take = %q, %v; want ErrUnreadable", r.Value, err)
			}
			if _, err := s.Get(t.Context(), "session", "a"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get after Take = %v, want ErrNotFound", err)
			}
		})
	}
}

func TestKeyRotationKeepsReadingUntilTheOldKeyLeaves(t *testing.T) {
	dir := t.TempDir()
	write := func(key string, fills ...byte) {
		s := open(t, Options{Dir: dir, Sealer: sealer(fills...)})
		mustPut(t, s, store.Record{Kind: "k", Key: key, Value: []byte(key)})
		s.Close()
	}
	write("old", 'a')
	write("new", 'b', 'a')
	for _, tt := range []struct {
		name     string
		fills    []byte
		old, new error
	}{
		{"both", []byte{'b', 'a'}, nil, nil},
		{"both, other first", []byte{'a', 'b'}, nil, nil},
		{"old gone", []byte{'b'}, store.ErrUnreadable, nil},
		{"new gone", []byte{'a'}, nil, store.ErrUnreadable},
		{"neither", []byte{'c'}, store.ErrUnreadable, store.ErrUnreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, Options{Dir: dir, Sealer: sealer(tt.fills...)})
			defer s.Close()
			for key, want := range map[string]error{"old": tt.old, "new": tt.new} {
				r, err := s.Get(t.Context(), "k", key)
				if !errors.Is(err, want) || (want == nil && string(r.Value) != key) {
					t.Errorf("Get %s = %q, %v; want error %v", key, r.Value, err, want)
				}
			}
		})
	}
}

func TestLeaseUnderLostKeyCountsAsFree(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	first, _, err := s.Acquire(t.Context(), "sync", "one", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, Options{Dir: dir, Sealer: sealer('z')})
	second, held, err := s.Acquire(t.Context(), "sync", "two", time.Hour)
	if err != nil || !held || second <= first {
		t.Errorf("Acquire = %d, %v, %v; want the lease with a fence over %d", second, held, err, first)
	}
}
