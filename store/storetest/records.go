package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/store"
)

func versionsGrow(t *testing.T, e Engine) {
	var last uint64
	for i := range 20 {
		kind := store.Kind([]string{"red", "blue"}[i%2])
		r := put(t, e.Store, record(kind, fmt.Sprintf("k%d", i%3), "v"))
		if r.Version <= last {
			t.Fatalf("write %d got version %d after %d, expected a greater one", i, r.Version, last)
		}
		last = r.Version
		got, err := e.Store.Get(t.Context(), kind, r.Key)
		if err != nil || got.Version != r.Version {
			t.Fatalf("Get gives version %d, %v; Put gave %d", got.Version, err, r.Version)
		}
	}
}

func putExpects(t *testing.T, e Engine) {
	first := put(t, e.Store, record("session", "stands", "1"))
	second := put(t, e.Store, record("session", "stands", "2"))
	for _, tt := range []struct {
		name   string
		key    string
		expect store.Expect
		want   error
	}{
		{"absent over a record", "stands", store.Absent, store.ErrConflict},
		{"older version", "stands", store.Is(first.Version), store.ErrConflict},
		{"version zero", "stands", store.Is(0), store.ErrConflict},
		{"version never given", "stands", store.Is(1 << 60), store.ErrConflict},
		{"any version of nothing", "missing", store.Is(second.Version), store.ErrConflict},
		{"version zero of nothing", "missing", store.Is(0), store.ErrConflict},
		{"absent over nothing", "new", store.Absent, nil},
		{"standing version", "stands", store.Is(second.Version), nil},
		{"any over nothing", "newer", store.Any, nil},
	} {
		_, err := e.Store.Put(t.Context(), record("session", tt.key, tt.name), tt.expect)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: Put = %v, want %v", tt.name, err, tt.want)
		}
		r, err := e.Store.Get(t.Context(), "session", tt.key)
		if wrote := err == nil && string(r.Value) == tt.name; wrote != (tt.want == nil) {
			t.Errorf("%s: written = %v (%v), want %v", tt.name, wrote, err, tt.want == nil)
		}
	}
}

func ownValues(t *testing.T, e Engine) {
	value := []byte("abc")
	written, err := e.Store.Put(t.Context(), store.Record{Kind: "k", Key: "a", Value: value}, store.Any)
	if err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	written.Value[1] = 'X'
	wantValue(t, e.Store, "k", "a", "abc")
	got, err := e.Store.Get(t.Context(), "k", "a")
	if err != nil {
		t.Fatal(err)
	}
	got.Value[2] = 'X'
	wantValue(t, e.Store, "k", "a", "abc")
}

func anyValues(t *testing.T, e Engine) {
	for name, value := range map[string][]byte{
		"empty":    {},
		"zero":     make([]byte, 64),
		"one byte": {0xff},
		"1 MiB":    bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
	} {
		if _, err := e.Store.Put(t.Context(), store.Record{Kind: "k", Key: name, Value: value}, store.Absent); err != nil {
			t.Errorf("%s: Put: %v", name, err)
			continue
		}
		if got, err := e.Store.Get(t.Context(), "k", name); err != nil || !bytes.Equal(got.Value, value) {
			t.Errorf("%s: Get gives %d bytes, %v; want the %d that were put", name, len(got.Value), err, len(value))
		}
	}
}

func badAddresses(t *testing.T, e Engine) {
	for _, tt := range []struct {
		name string
		kind store.Kind
		key  string
	}{
		{"no kind", "", "key"},
		{"NUL in kind", "a\x00b", "key"},
		{"long kind", store.Kind(strings.Repeat("k", 65)), "key"},
		{"no key", "kind", ""},
		{"long key", "kind", strings.Repeat("k", 1025)},
	} {
		ctx := t.Context()
		_, getErr := e.Store.Get(ctx, tt.kind, tt.key)
		_, putErr := e.Store.Put(ctx, record(tt.kind, tt.key, "v"), store.Any)
		_, takeErr := e.Store.Take(ctx, tt.kind, tt.key)
		for call, err := range map[string]error{
			"Get": getErr, "Put": putErr, "Take": takeErr,
			"Delete": e.Store.Delete(ctx, tt.kind, tt.key),
			"PutAll": e.Store.PutAll(ctx, []store.Record{record("kind", "good", "v"), record(tt.kind, tt.key, "v")}),
		} {
			if err == nil || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %s = %v, want a plain error", tt.name, call, err)
			}
		}
	}
	wantNone(t, e.Store, "kind", "good")
}

func takeOnce(t *testing.T, e Engine) {
	const records, takers = 20, 8
	for i := range records {
		put(t, e.Store, record("handoff", fmt.Sprint(i), fmt.Sprint("value ", i)))
	}
	var won [records]atomic.Int32
	var wg sync.WaitGroup
	for range takers {
		wg.Go(func() {
			for i := range records {
				r, err := e.Store.Take(t.Context(), "handoff", fmt.Sprint(i))
				switch {
				case err == nil && string(r.Value) == fmt.Sprint("value ", i):
					won[i].Add(1)
				case !errors.Is(err, store.ErrNotFound):
					t.Errorf("Take = %q, %v; want the value or ErrNotFound", r.Value, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("record %d was taken %d times, want once", i, n)
		}
		wantNone(t, e.Store, "handoff", fmt.Sprint(i))
	}
}

func casCounter(t *testing.T, e Engine) {
	const writers, each = 6, 15
	put(t, e.Store, store.Record{Kind: "k", Key: "counter", Value: nil})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				r, err := e.Store.Get(t.Context(), "k", "counter")
				if err != nil {
					t.Errorf("Get: %v", err)
					return
				}
				r.Value = append(r.Value, 'x')
				switch _, err := e.Store.Put(t.Context(), r, store.Is(r.Version)); {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("Put: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantValue(t, e.Store, "k", "counter", strings.Repeat("x", writers*each))
}

func expiry(t *testing.T, e Engine) {
	ctx, s := t.Context(), e.Store
	standing := put(t, s, store.Record{Kind: "k", Key: "short", Value: []byte("s"), Expires: e.Now().Add(time.Minute)})
	put(t, s, store.Record{Kind: "k", Key: "shorter", Value: []byte("t"), Expires: e.Now().Add(time.Minute)})
	put(t, s, record("k", "eternal", "e"))
	put(t, s, store.Record{Kind: "k", Key: "born dead", Value: []byte("b"), Expires: e.Now()})
	wantNone(t, s, "k", "born dead")
	got, err := s.Get(ctx, "k", "short")
	if err != nil || !got.Expires.Equal(standing.Expires) || !got.Expires.Equal(e.Now().Add(time.Minute)) {
		t.Errorf("Get gives expiry %v, %v; want %v", got.Expires, err, e.Now().Add(time.Minute))
	}

	e.Advance(time.Minute - time.Nanosecond)
	wantValue(t, s, "k", "short", "s")
	e.Advance(time.Nanosecond)
	wantNone(t, s, "k", "short")
	if r, err := s.Take(ctx, "k", "shorter"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Take of an expired record = %q, %v; want ErrNotFound", r.Value, err)
	}
	if diff := cmp.Diff([]string{"eternal"}, keys(t, s, "k", "")); diff != "" {
		t.Errorf("scan after expiry (-want +got):\n%s", diff)
	}
	if n, err := s.Count(ctx, "k", ""); n != 1 || err != nil {
		t.Errorf("Count = %d, %v; want 1", n, err)
	}
	if _, err := s.Put(ctx, record("k", "short", "x"), store.Is(standing.Version)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Put over the version of an expired record = %v, want ErrConflict", err)
	}
	if _, err := s.Put(ctx, record("k", "short", "again"), store.Absent); err != nil {
		t.Errorf("Put where a record has expired = %v, want success", err)
	}
	e.Advance(24 * time.Hour)
	wantValue(t, s, "k", "short", "again")
}

func expiryRewritten(t *testing.T, e Engine) {
	at := func(d time.Duration) store.Record {
		return store.Record{Kind: "k", Key: "a", Value: []byte("v"), Expires: e.Now().Add(d)}
	}
	put(t, e.Store, at(time.Minute))
	put(t, e.Store, at(time.Hour))
	e.Advance(2 * time.Minute)
	put(t, e.Store, record("k", "unrelated", "x"))
	wantValue(t, e.Store, "k", "a", "v")
	put(t, e.Store, at(time.Minute))
	e.Advance(2 * time.Minute)
	wantNone(t, e.Store, "k", "a")
}

func scanOrder(t *testing.T, e Engine) {
	for _, key := range []string{"b/2", "a", "b/10", "b", "b/1", "c", "b0", "\xff\xff", "\xff", "ä"} {
		put(t, e.Store, record("k", key, "v"))
	}
	put(t, e.Store, record("other", "b/3", "v"))
	for prefix, want := range map[string][]string{
		"":      {"a", "b", "b/1", "b/10", "b/2", "b0", "c", "ä", "\xff", "\xff\xff"},
		"b/":    {"b/1", "b/10", "b/2"},
		"b":     {"b", "b/1", "b/10", "b/2", "b0"},
		"\xff":  {"\xff", "\xff\xff"},
		"zebra": nil,
	} {
		if diff := cmp.Diff(want, keys(t, e.Store, "k", prefix)); diff != "" {
			t.Errorf("scan of %q (-want +got):\n%s", prefix, diff)
		}
		if n, err := e.Store.Count(t.Context(), "k", prefix); n != len(want) || err != nil {
			t.Errorf("Count of %q = %d, %v; want %d", prefix, n, err, len(want))
		}
	}
	if got := keys(t, e.Store, "never written", ""); len(got) != 0 {
		t.Errorf("scan of a kind without records gives %q", got)
	}
}

func scanStops(t *testing.T, e Engine) {
	for i := range 5 {
		put(t, e.Store, record("k", fmt.Sprint(i), "v"))
	}
	stop, calls := errors.New("enough"), 0
	err := e.Store.Scan(t.Context(), "k", "", func(store.Record) error {
		if calls++; calls == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 2 {
		t.Errorf("Scan = %v after %d calls, want %v after 2", err, calls, stop)
	}
}

// scanConsistent writes while a scan runs: the scan must see all ten records of
// one round, never some of a later one.
func scanConsistent(t *testing.T, e Engine) {
	round := func(n int) []store.Record {
		rs := make([]store.Record, 10)
		for i := range rs {
			rs[i] = record("k", fmt.Sprint(i), fmt.Sprint(n))
		}
		return rs
	}
	if err := e.Store.PutAll(t.Context(), round(0)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			if err := e.Store.PutAll(t.Context(), round(n)); err != nil {
				t.Errorf("PutAll: %v", err)
				return
			}
		}
	})
	for range 50 {
		seen := map[string]bool{}
		err := e.Store.Scan(t.Context(), "k", "", func(r store.Record) error {
			seen[string(r.Value)] = true
			return nil
		})
		if err != nil || len(seen) != 1 {
			t.Errorf("one scan saw the rounds %v, %v; want one round", seen, err)
		}
	}
	cancel()
	wg.Wait()
}

func putAll(t *testing.T, e Engine) {
	old := put(t, e.Store, record("a", "1", "old"))
	err := e.Store.PutAll(t.Context(), []store.Record{
		record("a", "1", "new"), record("b", "1", "n"),
		{Kind: "b", Key: "2", Value: []byte("short"), Expires: e.Now().Add(time.Second)},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, e.Store, "a", "1", "new")
	wantValue(t, e.Store, "b", "1", "n")
	wantValue(t, e.Store, "b", "2", "short")
	if _, err := e.Store.Put(t.Context(), record("a", "1", "x"), store.Is(old.Version)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Put over the version before PutAll = %v, want ErrConflict", err)
	}
	e.Advance(time.Second)
	wantNone(t, e.Store, "b", "2")
	if err := e.Store.PutAll(t.Context(), nil); err != nil {
		t.Errorf("PutAll of nothing = %v", err)
	}
}

func deleteTwice(t *testing.T, e Engine) {
	put(t, e.Store, record("k", "a", "v"))
	for range 2 {
		if err := e.Store.Delete(t.Context(), "k", "a"); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantNone(t, e.Store, "k", "a")
	}
}

func cancelled(t *testing.T, e Engine) {
	standing := put(t, e.Store, record("k", "stands", "v"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := e.Store.Get(ctx, "k", "stands")
	_, putErr := e.Store.Put(ctx, record("k", "stands", "w"), store.Is(standing.Version))
	_, takeErr := e.Store.Take(ctx, "k", "stands")
	for call, err := range map[string]error{
		"Get": getErr, "Put": putErr, "Take": takeErr,
		"Delete": e.Store.Delete(ctx, "k", "stands"),
		"PutAll": e.Store.PutAll(ctx, []store.Record{record("k", "stands", "w")}),
		"Scan":   e.Store.Scan(ctx, "k", "", func(store.Record) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context = %v, want context.Canceled", call, err)
		}
	}
	wantValue(t, e.Store, "k", "stands", "v")
}
