package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"sallyport/internal/keyring"
	"sallyport/store"
)

func sealer(t testing.TB, fills ...string) store.Sealer {
	t.Helper()
	var secrets [][]byte
	for _, fill := range fills {
		secrets = append(secrets, []byte(strings.Repeat(fill, 32)))
	}
	ring, err := keyring.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return store.NewSealer(ring)
}

func TestSealedValueOpensAsItsOwnRecordOnly(t *testing.T) {
	s := sealer(t, "a")
	plain := []byte("refresh-token")
	sealed, err := s.Seal("session", "key", 7, plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, plain) {
		t.Error("sealed value holds the plain one")
	}
	for _, tt := range []struct {
		name    string
		kind    store.Kind
		key     string
		version uint64
		want    bool
	}{
		{"its own", "session", "key", 7, true},
		{"other kind", "handoff", "key", 7, false},
		{"other key", "session", "key2", 7, false},
		{"later version", "session", "key", 8, false},
		{"earlier version", "session", "key", 6, false},
		{"boundary moved", "sessionk", "ey", 7, false},
	} {
		got, err := s.Open(tt.kind, tt.key, tt.version, sealed)
		if tt.want && (err != nil || !bytes.Equal(got, plain)) {
			t.Errorf("%s: Open = %q, %v; want the plain value", tt.name, got, err)
		}
		if !tt.want && !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: Open = %q, %v; want ErrUnreadable", tt.name, got, err)
		}
	}
}

func TestSealingTwiceDiffers(t *testing.T) {
	s := sealer(t, "a")
	one, err1 := s.Seal("k", "a", 1, nil)
	two, err2 := s.Seal("k", "a", 1, nil)
	if err1 != nil || err2 != nil || bytes.Equal(one, two) {
		t.Errorf("two seals of one value: %x, %x (%v, %v); want them to differ", one, two, err1, err2)
	}
	if got, err := s.Open("k", "a", 1, one); err != nil || len(got) != 0 {
		t.Errorf("Open of an empty value = %q, %v", got, err)
	}
}

func TestSealerRotation(t *testing.T) {
	old, err := sealer(t, "a").Seal("k", "a", 1, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := sealer(t, "b", "a").Seal("k", "a", 1, []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		ring       string
		old, fresh bool
	}{{"a", true, false}, {"b a", true, true}, {"a b", true, true}, {"b", false, true}, {"c", false, false}} {
		s := sealer(t, strings.Fields(tt.ring)...)
		if _, err := s.Open("k", "a", 1, old); (err == nil) != tt.old {
			t.Errorf("ring %q: old value: %v, want success %v", tt.ring, err, tt.old)
		}
		if _, err := s.Open("k", "a", 1, fresh); (err == nil) != tt.fresh {
			t.Errorf("ring %q: fresh value: %v, want success %v", tt.ring, err, tt.fresh)
		}
	}
}

// FuzzSealOpen changes a sealed value: nothing opens but the value itself.
func FuzzSealOpen(f *testing.F) {
	s := sealer(f, "a")
	sealed, err := s.Seal("k", "key", 1, []byte("plain"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(1), 0)
	f.Add(5, byte(0x80), 0)
	f.Add(40, byte(3), 2)
	f.Add(0, byte(0), len(sealed))
	f.Fuzz(func(t *testing.T, at int, flip byte, cut int) {
		value := bytes.Clone(sealed)
		value[uint(at)%uint(len(value))] ^= flip
		value = value[:len(value)-int(uint(cut)%uint(len(value)+1))]
		plain, err := s.Open("k", "key", 1, value)
		if same := bytes.Equal(value, sealed); same != (err == nil) || (same && string(plain) != "plain") {
			t.Errorf("Open = %q, %v for a value that is the sealed one: %v", plain, err, same)
		}
	})
}

func BenchmarkSealOpen4KiB(b *testing.B) {
	s := sealer(b, "a")
	plain := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := s.Seal("session", "key", 1, plain)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Open("session", "key", 1, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
