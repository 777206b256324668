// Package storetest is what every engine of package store must pass: one suite
// that states the contract in tests. An engine's own tests call Run with a way
// to open an empty store, a clock to turn, and, where records outlive the
// process, a way to open the same store again.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sallyport/store"
)

// Engine is one freshly opened, empty store under test.
type Engine struct {
	Store store.Store
	// Advance turns the store's clock forward.
	Advance func(d time.Duration)
	// Now reads the store's clock.
	Now func() time.Time
	// Reopen closes the store and opens it anew over the same records; nil where
	// records end with the process.
	Reopen func(t *testing.T) store.Store
}

// Clock is a clock that tests turn by hand. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at a fixed instant.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now reads the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance turns the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the whole suite; open is called once per test.
func Run(t *testing.T, open func(t *testing.T) Engine) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, e Engine)
	}{
		{"VersionsGrowOverAllRecords", versionsGrow},
		{"PutDemandsWhatIsExpected", putExpects},
		{"ReturnedValuesAreTheCallersOwn", ownValues},
		{"ValuesOfAnyShapeComeBackWhole", anyValues},
		{"ImpossibleAddressesAreRefused", badAddresses},
		{"TakeSucceedsForExactlyOne", takeOnce},
		{"CompareAndSwapLosesNoUpdate", casCounter},
		{"ExpiredRecordsAreGone", expiry},
		{"RewritingChangesExpiry", expiryRewritten},
		{"ScanInKeyOrderWithinPrefix", scanOrder},
		{"ScanStopsAtError", scanStops},
		{"ScanSeesOneMoment", scanConsistent},
		{"PutAllIsOneStep", putAll},
		{"DeleteIsIdempotent", deleteTwice},
		{"CancelledCallsWriteNothing", cancelled},
		{"FeedInVersionOrder", feedOrder},
		{"FeedOfChosenKinds", feedKinds},
		{"FeedUnderConcurrentWriters", feedConcurrent},
		{"FeedResetsReaderThatLags", feedLag},
		{"FeedEndsWithItsContext", feedEnds},
		{"ExpiryMakesNoChange", feedExpiry},
		{"LeaseHasOneHolder", leaseExclusive},
		{"LeaseFencesGrow", leaseFences},
		{"LeaseRaceHasOneWinner", leaseRace},
		{"ClosedStoreSaysSo", closed},
		{"RecordsSurviveReopening", reopen},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t)
			t.Cleanup(func() { e.Store.Close() })
			tt.run(t, e)
		})
	}
}

func put(t *testing.T, s store.Store, r store.Record) store.Record {
	t.Helper()
	written, err := s.Put(t.Context(), r, store.Any)
	if err != nil {
		t.Fatalf("Put %s %q: %v", r.Kind, r.Key, err)
	}
	return written
}

func record(kind store.Kind, key, value string) store.Record {
	return store.Record{Kind: kind, Key: key, Value: []byte(value)}
}

func wantValue(t *testing.T, s store.Store, kind store.Kind, key, want string) {
	t.Helper()
	r, err := s.Get(t.Context(), kind, key)
	if err != nil || string(r.Value) != want {
		t.Errorf("Get %s %q = %q, %v; want %q", kind, key, r.Value, err, want)
	}
}

func wantNone(t *testing.T, s store.Store, kind store.Kind, key string) {
	t.Helper()
	if r, err := s.Get(t.Context(), kind, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get %s %q = %q, %v; want ErrNotFound", kind, key, r.Value, err)
	}
}

func keys(t *testing.T, s store.Store, kind store.Kind, prefix string) []string {
	t.Helper()
	var found []string
	err := s.Scan(t.Context(), kind, prefix, func(r store.Record) error {
		found = append(found, r.Key)
		return nil
	})
	if err != nil {
		t.Fatalf("Scan %s %q: %v", kind, prefix, err)
	}
	return found
}

// next waits for one change; the bound only ends a test that has failed anyway.
func next(t *testing.T, feed <-chan store.Change) store.Change {
	t.Helper()
	select {
	case c, ok := <-feed:
		if !ok {
			t.Fatal("feed closed, expected a change")
		}
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no change within 20 s")
	}
	panic("unreachable")
}

func watch(t *testing.T, s store.Store, kinds ...store.Kind) <-chan store.Change {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	feed, err := s.Watch(ctx, kinds...)
	if err != nil {
		t.Fatalf("Watch: %v", err)
	}
	return feed
}
