package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/store"
)

// told is what a change says, for comparing.
type told struct {
	Kind    store.Kind
	Key     string
	Value   string
	Deleted bool
}

func tell(c store.Change) told {
	return told{c.Record.Kind, c.Record.Key, string(c.Record.Value), c.Deleted}
}

func feedOrder(t *testing.T, e Engine) {
	s, ctx := e.Store, t.Context()
	put(t, s, record("k", "before", "not seen"))
	feed := watch(t, s)
	first := put(t, s, store.Record{Kind: "k", Key: "a", Value: []byte("1"), Expires: e.Now().Add(time.Hour)})
	put(t, s, record("k", "a", "2"))
	if err := s.PutAll(ctx, []store.Record{record("k", "b", "3"), record("l", "c", "4")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "k", "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "k", "a"); err != nil { // of nothing: no change
		t.Fatal(err)
	}
	if _, err := s.Take(ctx, "k", "b"); err != nil {
		t.Fatal(err)
	}
	put(t, s, record("k", "last", "5"))

	var got []told
	var version uint64
	for range 7 {
		c := next(t, feed)
		if c.Reset {
			t.Fatal("Reset without lag")
		}
		if c.Record.Version <= version {
			t.Errorf("version %d after %d, expected a greater one", c.Record.Version, version)
		}
		if version == 0 && (c.Record.Version != first.Version || !c.Record.Expires.Equal(first.Expires)) {
			t.Errorf("first change has version %d, expiry %v; Put gave %d, %v", c.Record.Version, c.Record.Expires, first.Version, first.Expires)
		}
		version = c.Record.Version
		got = append(got, tell(c))
	}
	want := []told{
		{"k", "a", "1", false},
		{"k", "a", "2", false},
		{"k", "b", "3", false},
		{"l", "c", "4", false},
		{"k", "a", "", true},
		{"k", "b", "", true},
		{"k", "last", "5", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}

func feedKinds(t *testing.T, e Engine) {
	feed := watch(t, e.Store, "a", "c")
	for i := range 6 {
		put(t, e.Store, record(store.Kind([]string{"a", "b", "c"}[i%3]), fmt.Sprint(i), "v"))
	}
	for _, want := range []string{"0", "2", "3", "5"} {
		if c := next(t, feed); c.Record.Key != want {
			t.Errorf("change of %s %q, want key %q", c.Record.Kind, c.Record.Key, want)
		}
	}
}

func feedConcurrent(t *testing.T, e Engine) {
	const writers, each = 8, 25
	feeds := []<-chan store.Change{watch(t, e.Store, "k"), watch(t, e.Store)}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := e.Store.Put(t.Context(), record("k", fmt.Sprintf("%d/%d", w, i), "v"), store.Absent); err != nil {
					t.Errorf("Put: %v", err)
				}
			}
		})
	}
	for _, feed := range feeds {
		seen, version := map[string]bool{}, uint64(0)
		for range writers * each {
			c := next(t, feed)
			if c.Record.Version <= version {
				t.Fatalf("version %d after %d, expected a greater one", c.Record.Version, version)
			}
			version = c.Record.Version
			seen[c.Record.Key] = true
		}
		if len(seen) != writers*each {
			t.Errorf("feed told of %d records, want %d", len(seen), writers*each)
		}
	}
	wg.Wait()
}

// feedLag never reads until far more was written than a feed may hold, then
// checks that a Reset comes and that whoever scans after it has everything.
func feedLag(t *testing.T, e Engine) {
	feed := watch(t, e.Store, "k")
	const rounds, each = 60, 200
	for range rounds {
		rs := make([]store.Record, each)
		for i := range rs {
			rs[i] = record("k", fmt.Sprint(i), "old")
		}
		if err := e.Store.PutAll(t.Context(), rs); err != nil {
			t.Fatal(err)
		}
	}
	last := put(t, e.Store, record("k", "last", "new"))
	changes := 0
	for reset := false; ; changes++ {
		c := next(t, feed)
		if reset = reset || c.Reset; reset {
			wantValue(t, e.Store, "k", "last", "new")
			break
		}
		if c.Record.Version == last.Version {
			t.Fatalf("%d changes and no Reset, expected one after %d", changes, rounds*each)
		}
	}
	after := put(t, e.Store, record("k", "after", "v"))
	for c := next(t, feed); c.Record.Version != after.Version; c = next(t, feed) {
		if changes++; changes > rounds*each {
			t.Fatal("a write after the Reset never came")
		}
	}
}

func feedEnds(t *testing.T, e Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	feed, err := e.Store.Watch(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for {
		select {
		case _, ok := <-feed:
			if !ok {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("feed still open 20 s after its context ended")
		}
	}
}

func feedExpiry(t *testing.T, e Engine) {
	feed := watch(t, e.Store, "k")
	put(t, e.Store, store.Record{Kind: "k", Key: "short", Value: []byte("v"), Expires: e.Now().Add(time.Second)})
	e.Advance(time.Hour)
	if err := e.Store.Delete(t.Context(), "k", "short"); err != nil {
		t.Fatal(err)
	}
	put(t, e.Store, record("k", "next", "v"))
	want := []told{{"k", "short", "v", false}, {"k", "next", "v", false}}
	got := []told{tell(next(t, feed)), tell(next(t, feed))}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
}
