package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sallyport/store"
)

func TestStartTakesLiveSessionsUpToTheBound(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	for i := range 10 {
		s := b.create(m, fmt.Sprint(i))
		if i < 3 {
			if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
				t.Fatal(err)
			}
		}
	}
	for bound, want := range map[int]int{100: 7, 5: 5} {
		next := b.manager(func(o *Options) { o.MaxInView = bound })
		told := onEnd(next)
		b.start(next)
		if n := len(next.Live()); n != want {
			t.Errorf("bound %d: %d sessions in the view, want %d", bound, n, want)
		}
		told.none(t) // of what ended before it was there
	}
	if err := b.start(b.manager()).Start(t.Context()); err == nil {
		t.Error("second Start succeeded, want an error")
	}
}

func TestCatchUpLearnsWhatWasMissed(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.manager()
	told := onEnd(m)
	kept, changed, gone, deleted := b.create(m, "kept"), b.create(m, "changed"), b.create(m, "gone"), b.create(m, "deleted")
	short := b.session("short")
	short.Expires = b.clock.Now().Add(time.Minute)
	expired := b.createFrom(m, short)

	updated, err := other.Update(t.Context(), changed.ID, func(s *Session) error { s.Subject.Name = "new"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := other.End(t.Context(), gone.ID, EndRefused); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Delete(t.Context(), KindSession, deleted.ID); err != nil {
		t.Fatal(err)
	}
	fresh := b.create(other, "fresh")
	b.clock.Advance(time.Hour)
	other.Touch(kept)
	if err := other.flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	changes := make(chan store.Change, 1)
	changes <- store.Change{Reset: true}
	close(changes)
	if err := m.drain(t.Context(), feed{changes: changes}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("drain = %v, want ErrClosed", err)
	}
	if got := m.view.find(changed.ID).session.Load(); got.Version != updated.Version {
		t.Errorf("version %d in the view, want %d", got.Version, updated.Version)
	}
	if m.view.find(fresh.ID) == nil {
		t.Error("a session made meanwhile is not in the view")
	}
	if at := m.LastUsed(kept); !at.Equal(b.clock.Now()) {
		t.Errorf("last used %v, want %v", at, b.clock.Now())
	}
	want := map[ended]bool{{gone.ID, EndRefused}: true, {deleted.ID, EndRevoked}: true, {expired.ID, EndExpired}: true}
	for range 3 {
		if got := told.next(t); !want[got] {
			t.Errorf("told of %+v, want one of %v", got, want)
		} else {
			delete(want, got)
		}
	}
	told.none(t)
	for _, s := range []*Session{gone, deleted, expired} {
		wantGone(t, m, s.ID)
	}
}

// scanning runs a hook while a scan of sessions is under way.
type scanning struct {
	store.Store
	during func()
}

func (s *scanning) Scan(ctx context.Context, kind store.Kind, prefix string, f func(store.Record) error) error {
	err := s.Store.Scan(ctx, kind, prefix, f)
	if kind == KindSession {
		s.during()
	}
	return err
}

func TestCatchUpDoesNotUndoWhatHappensMeanwhile(t *testing.T) {
	b := newBench(t)
	slow := &scanning{Store: b.store, during: func() {}}
	m := b.manager(func(o *Options) { o.Store = slow })
	told := onEnd(m)
	ending := b.create(m, "ending")
	var created, asked *Session
	slow.during = func() {
		created = b.create(m, "created")
		asked = wantLive(t, m, b.create(b.manager(), "elsewhere").ID)
		if err := m.End(t.Context(), ending.ID, EndSignedOut); err != nil {
			t.Errorf("End: %v", err)
		}
	}
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{ending.ID, EndSignedOut}) {
		t.Errorf("told of %+v, want the end", got)
	}
	told.none(t)
	wantGone(t, m, ending.ID)
	for _, s := range []*Session{created, asked} {
		if m.view.find(s.ID) == nil {
			t.Errorf("session of %s, made while the scan ran, has left the view", s.Subject.ID)
		}
	}
}

func TestLostFeedIsFoundAgain(t *testing.T) {
	b := newBench(t)
	m := b.start(b.manager())
	told := onEnd(m)
	s, known := b.create(m, "alice"), b.create(m, "bob")
	b.store.broken.Store(true)
	b.store.lose()
	deadline := time.Now().Add(20 * time.Second)
	for !m.feedDown.Load() {
		if time.Now().After(deadline) {
			t.Fatal("nobody noticed the loss of the feed within 20 s")
		}
		time.Sleep(time.Millisecond)
	}
	wantLive(t, m, known.ID)
	b.clock.Advance(31 * time.Second)
	wantUnavailable(t, m, known.ID)

	b.store.broken.Store(false)
	if err := b.manager().End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{s.ID, EndRevoked}) {
		t.Errorf("told of %+v, want the end made meanwhile", got)
	}
	wantGone(t, m, s.ID)
	wantLive(t, m, known.ID)
}

func TestDamagedRecordsCountAsNone(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	for name, value := range map[string]string{"not JSON": "{", "neither": "{}", "other type": `{"session":[]}`, "empty": ""} {
		r := store.Record{Kind: KindSession, Key: s.ID, Value: []byte(value), Expires: s.Expires}
		written, err := b.store.Put(t.Context(), r, store.Any)
		if err != nil {
			t.Fatal(err)
		}
		wantGone(t, b.manager(), s.ID)
		b.start(b.manager())
		m.apply(store.Change{Record: written})
		wantGone(t, m, s.ID)
		if list, err := m.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%s: List = %v, %v; want nothing", name, list, err)
		}
	}
}

func TestProbeIntervalFollowsTheBound(t *testing.T) {
	for bound, want := range map[time.Duration]time.Duration{
		0: time.Second, time.Second: time.Second, 9 * time.Second: 3 * time.Second, time.Hour: 5 * time.Second,
	} {
		if got := probeEvery(bound); got != want {
			t.Errorf("probeEvery(%s) = %s, want %s", bound, got, want)
		}
	}
}
