package session

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/keyring"
	"sallyport/store"
	"sallyport/store/bolt"
)

func TestMissAsksTheStoreOnceHoweverManyWait(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(b.manager(), "alice")
	b.store.gets.Store(0)
	asked, answer := make(chan struct{}), make(chan struct{})
	b.store.afterGet = func() { close(asked); <-answer }
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got, err := m.Get(t.Context(), s.ID); err != nil || got.ID != s.ID {
				t.Errorf("Get = %+v, %v", got, err)
			}
		})
	}
	<-asked
	close(answer)
	wg.Wait()
	wantLive(t, m, s.ID)
	if n := b.store.gets.Load(); n != 1 {
		t.Errorf("store was asked %d times, want once", n)
	}
}

func TestCallerThatHangsUpLeavesTheQuestionToOthers(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(b.manager(), "alice")
	asked, answer := make(chan struct{}), make(chan struct{})
	b.store.afterGet = func() { close(asked); <-answer }
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := m.Get(ctx, s.ID)
		first <- err
	}()
	<-asked
	cancel()
	if err := <-first; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Get of who hung up = %v, want ErrUnavailable and context.Canceled", err)
	}
	second := make(chan error)
	go func() {
		_, err := m.Get(t.Context(), s.ID)
		second <- err
	}()
	close(answer)
	if err := <-second; err != nil {
		t.Errorf("Get of who still waits = %v, want the session", err)
	}
}

func TestUnknownIDsAreRememberedForAWhileInBounds(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	id := newID()
	ask := func(want int32) {
		t.Helper()
		b.store.gets.Store(0)
		wantGone(t, m, id)
		if n := b.store.gets.Load(); n != want {
			t.Errorf("store was asked %d times, want %d", n, want)
		}
	}
	ask(1)
	ask(0)
	b.clock.Advance(bygoneFor)
	ask(0)
	b.clock.Advance(2 * bygoneFor)
	ask(1)
	for range 4 * bygoneBound {
		m.gone.add(newID(), b.clock.Now())
	}
	if n := len(m.gone.young) + len(m.gone.old); n > 2*bygoneBound {
		t.Errorf("%d ids remembered, want at most %d", n, 2*bygoneBound)
	}
}

func TestImpossibleIDsNeverReachTheStore(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	for _, id := range []string{"", "x", strings.Repeat("x", idLen-1), strings.Repeat("x", 1<<16), "probe"} {
		wantGone(t, m, id)
	}
	if n := b.store.gets.Load(); n != 0 {
		t.Errorf("store was asked %d times, want never", n)
	}
}

func TestKnownSessionsOutliveTheStoreByTheRevocationBound(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bound time.Duration
	}{{"30 s", 30 * time.Second}, {"not at all", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			m := b.manager(func(o *Options) { o.RevocationBound = tt.bound })
			known, unknown := b.create(m, "alice"), b.create(b.manager(), "bob")
			ended := b.create(m, "carol")
			if err := m.End(t.Context(), ended.ID, EndSignedOut); err != nil {
				t.Fatal(err)
			}
			b.clock.Advance(time.Hour)
			m.probe(t.Context())

			b.store.broken.Store(true)
			m.probe(t.Context())
			wantUnavailable(t, m, unknown.ID)
			if tt.bound > 0 {
				wantLive(t, m, known.ID)
				b.clock.Advance(tt.bound - 1)
				wantLive(t, m, known.ID)
				b.clock.Advance(1)
			}
			wantUnavailable(t, m, known.ID)
			if s, err := m.Get(t.Context(), ended.ID); err == nil {
				t.Errorf("ended session is served while the store is down: %+v", s)
			}
			m.probe(t.Context())
			wantUnavailable(t, m, known.ID)

			b.store.broken.Store(false)
			wantLive(t, m, known.ID) // by asking, before anybody noticed
			m.probe(t.Context())
			wantLive(t, m, known.ID)
			wantLive(t, m, unknown.ID)
		})
	}
}

func TestExpiryIsHeldWhileTheStoreIsDown(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.session("alice")
	s.Expires = b.clock.Now().Add(10 * time.Second)
	made := b.createFrom(m, s)
	b.store.broken.Store(true)
	m.probe(t.Context())
	wantLive(t, m, made.ID)
	b.clock.Advance(10 * time.Second)
	wantGone(t, m, made.ID)
}

func TestChangesInTheStoreFailAsUnavailable(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	b.store.broken.Store(true)
	_, createErr := m.Create(t.Context(), b.session("bob"))
	_, updateErr := m.Update(t.Context(), s.ID, func(*Session) error { return nil })
	_, subjectErr := m.EndSubject(t.Context(), "alice", EndRevoked)
	for call, err := range map[string]error{
		"Create": createErr, "Update": updateErr, "EndSubject": subjectErr,
		"End": m.End(t.Context(), s.ID, EndRevoked), "Start": m.Start(t.Context()),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s = %v, want ErrUnavailable", call, err)
		}
	}
	wantGone(t, m, s.ID) // EndSubject refused what it knew
	b.store.broken.Store(false)
	b.start(m)
	wantGone(t, m, s.ID)
}

func TestSessionsSurviveRestartOnDiskButNotTheLossOfTheirKey(t *testing.T) {
	dir := t.TempDir()
	open := func(fill string) *bolt.Store {
		ring, err := keyring.New([]byte(strings.Repeat(fill, 32)))
		if err != nil {
			t.Fatal(err)
		}
		s, err := bolt.Open(bolt.Options{Dir: dir, Sealer: store.NewSealer(ring)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	manager := func(s store.Store) *Manager {
		m, err := New(Options{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Stop(context.Background()) })
		return m
	}
	first := open("a")
	m := manager(first)
	s, err := m.Create(t.Context(), Session{Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Close()

	second := open("a")
	m = manager(second)
	if n := len(m.Live()); n != 1 {
		t.Errorf("%d sessions in the view after a restart, want 1", n)
	}
	wantLive(t, m, s.ID)
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.Close()

	m = manager(open("b"))
	wantGone(t, m, s.ID)
	if err := m.End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Errorf("End of a session that does not open = %v, want nil", err)
	}
}

func TestNewDemandsAStore(t *testing.T) {
	b := newBench(t)
	for name, o := range map[string]Options{
		"no store":       {},
		"negative view":  {Store: b.store, MaxInView: -1},
		"negative bound": {Store: b.store, RevocationBound: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: New succeeded, want an error", name)
		}
	}
}
