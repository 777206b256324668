package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/store"
)

func acquire(t *testing.T, s store.Store, name, holder string) (uint64, bool) {
	t.Helper()
	fence, held, err := s.Acquire(t.Context(), name, holder, time.Minute)
	if err != nil {
		t.Fatalf("Acquire %q for %q: %v", name, holder, err)
	}
	return fence, held
}

func wantHeld(t *testing.T, s store.Store, name, holder string, want bool) uint64 {
	t.Helper()
	fence, held := acquire(t, s, name, holder)
	if held != want {
		t.Errorf("%q holds %q = %v, want %v", holder, name, held, want)
	}
	return fence
}

func leaseExclusive(t *testing.T, e Engine) {
	s := e.Store
	wantHeld(t, s, "sync", "one", true)
	wantHeld(t, s, "sync", "two", false)
	wantHeld(t, s, "other", "two", true)
	if err := s.Release(t.Context(), "sync", "two"); err != nil {
		t.Errorf("Release by somebody else = %v, want nil and no effect", err)
	}
	wantHeld(t, s, "sync", "two", false)

	// Renewing counts from now.
	e.Advance(50 * time.Second)
	wantHeld(t, s, "sync", "one", true)
	e.Advance(50 * time.Second)
	wantHeld(t, s, "sync", "two", false)
	e.Advance(10 * time.Second)
	wantHeld(t, s, "sync", "two", true)
	wantHeld(t, s, "sync", "one", false)

	if err := s.Release(t.Context(), "sync", "two"); err != nil {
		t.Errorf("Release: %v", err)
	}
	if err := s.Release(t.Context(), "sync", "two"); err != nil {
		t.Errorf("Release of a free lease: %v", err)
	}
	wantHeld(t, s, "sync", "one", true)
}

func leaseFences(t *testing.T, e Engine) {
	s := e.Store
	first := wantHeld(t, s, "sync", "one", true)
	put(t, s, record("k", "unrelated", "v"))
	if renewed := wantHeld(t, s, "sync", "one", true); renewed != first {
		t.Errorf("renewing changed the fence from %d to %d", first, renewed)
	}
	e.Advance(time.Hour)
	second := wantHeld(t, s, "sync", "two", true)
	if second <= first {
		t.Errorf("fence after a lapse is %d, expected more than %d", second, first)
	}
	if err := s.Release(t.Context(), "sync", "two"); err != nil {
		t.Fatal(err)
	}
	if third := wantHeld(t, s, "sync", "one", true); third <= second {
		t.Errorf("fence after a release is %d, expected more than %d", third, second)
	}
}

func leaseRace(t *testing.T, e Engine) {
	var winners atomic.Int32
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if _, held := acquire(t, e.Store, "sync", fmt.Sprint(i)); held {
				winners.Add(1)
			}
		})
	}
	wg.Wait()
	if n := winners.Load(); n != 1 {
		t.Errorf("%d holders of one lease, want 1", n)
	}
}

func closed(t *testing.T, e Engine) {
	s, ctx := e.Store, t.Context()
	put(t, s, record("k", "a", "v"))
	if err := s.Ping(ctx); err != nil {
		t.Errorf("Ping of an open store = %v", err)
	}
	feed := watch(t, s, "k")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close = %v, want nil", err)
	}
	if c, ok := <-feed; ok {
		t.Errorf("feed of a closed store gives %+v, expected it closed", c)
	}
	for call, err := range callAll(ctx, s) {
		if !errors.Is(err, store.ErrClosed) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s of a closed store = %v, want ErrClosed, a kind of ErrUnavailable", call, err)
		}
	}
}

func callAll(ctx context.Context, s store.Store) map[string]error {
	_, getErr := s.Get(ctx, "k", "a")
	_, putErr := s.Put(ctx, record("k", "a", "v"), store.Any)
	_, takeErr := s.Take(ctx, "k", "a")
	_, countErr := s.Count(ctx, "k", "")
	_, watchErr := s.Watch(ctx, "k")
	_, _, acquireErr := s.Acquire(ctx, "lease", "holder", time.Minute)
	return map[string]error{
		"Get": getErr, "Put": putErr, "Take": takeErr, "Count": countErr, "Watch": watchErr, "Acquire": acquireErr,
		"PutAll":  s.PutAll(ctx, []store.Record{record("k", "a", "v")}),
		"Delete":  s.Delete(ctx, "k", "a"),
		"Scan":    s.Scan(ctx, "k", "", func(store.Record) error { return nil }),
		"Release": s.Release(ctx, "lease", "holder"),
		"Ping":    s.Ping(ctx),
	}
}

func reopen(t *testing.T, e Engine) {
	if e.Reopen == nil {
		t.Skip("records of this engine end with the process")
	}
	put(t, e.Store, record("k", "kept", "v"))
	put(t, e.Store, store.Record{Kind: "k", Key: "short", Value: []byte("s"), Expires: e.Now().Add(time.Minute)})
	deleted := put(t, e.Store, record("k", "deleted", "d"))
	if err := e.Store.Delete(t.Context(), "k", "deleted"); err != nil {
		t.Fatal(err)
	}
	fence := wantHeld(t, e.Store, "sync", "one", true)

	s := e.Reopen(t)
	t.Cleanup(func() { s.Close() })
	wantValue(t, s, "k", "kept", "v")
	wantValue(t, s, "k", "short", "s")
	wantNone(t, s, "k", "deleted")
	wantHeld(t, s, "sync", "two", false)
	if renewed := wantHeld(t, s, "sync", "one", true); renewed != fence {
		t.Errorf("fence is %d after reopening, want %d as before", renewed, fence)
	}
	if r := put(t, s, record("k", "deleted", "again")); r.Version <= deleted.Version {
		t.Errorf("version %d after reopening, expected more than %d", r.Version, deleted.Version)
	}
	e.Advance(2 * time.Minute)
	wantNone(t, s, "k", "short")
}
