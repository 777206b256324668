package store_test

import (
	"context"
	"errors"
	"testing"

	"sallyport/store"
)

func TestExpectHolds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		expect   store.Expect
		standing uint64
		want     bool
	}{
		{"any, nothing", store.Any, 0, true},
		{"any, something", store.Any, 5, true},
		{"absent, nothing", store.Absent, 0, true},
		{"absent, something", store.Absent, 5, false},
		{"is 5, 5", store.Is(5), 5, true},
		{"is 5, 6", store.Is(5), 6, false},
		{"is 5, nothing", store.Is(5), 0, false},
		{"is 0, nothing", store.Is(0), 0, false},
	} {
		if got := tt.expect.Holds(tt.standing); got != tt.want {
			t.Errorf("%s: Holds(%d) = %v, want %v", tt.name, tt.standing, got, tt.want)
		}
	}
}

func TestClosedIsUnavailable(t *testing.T) {
	if !errors.Is(store.ErrClosed, store.ErrUnavailable) || errors.Is(store.ErrUnavailable, store.ErrClosed) {
		t.Error("ErrClosed is to be one kind of ErrUnavailable")
	}
}

func TestGrantOfDamagedLeaseIsAnError(t *testing.T) {
	if _, _, held, err := store.Grant([]byte("{"), "holder", 1); held || !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("Grant = %v, %v; want ErrUnreadable", held, err)
	}
}

// A reader that never reads costs a bounded queue, and others get everything.
func TestFeedKeepsReadersApart(t *testing.T) {
	var feed store.Feed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asleep, err := feed.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	awake, err := feed.Watch(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	const n = 10_000
	for i := range uint64(n) {
		feed.Publish(store.Change{Record: store.Record{Kind: "k", Version: i + 1}}, store.Change{Record: store.Record{Kind: "other", Version: i + 1}})
		if c := <-awake; c.Reset || c.Record.Version != i+1 {
			t.Fatalf("reader that keeps up gets %+v, want version %d", c, i+1)
		}
	}
	resets, read := 0, 0
	for c := range asleep {
		read++
		if c.Reset {
			resets++
		}
		if c.Record.Version == n && c.Record.Kind == "other" {
			break
		}
	}
	// One may have been on its way out already when the queue ran over again.
	if resets < 1 || resets > 2 || read > 5000 {
		t.Errorf("reader that slept got %d changes with %d resets, want one or two and no more changes than the queue holds", read, resets)
	}
	feed.Close()
	feed.Close()
	if c, ok := <-awake; ok {
		t.Errorf("closed feed gives %+v", c)
	}
	if _, err := feed.Watch(ctx); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Watch of a closed feed = %v, want ErrClosed", err)
	}
}
