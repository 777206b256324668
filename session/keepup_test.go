package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/store"
	"sallyport/store/memory"
)

// following runs f on a started manager whose clock passes only when f sleeps;
// lost is whether f has it lose the feed.
func following(t *testing.T, lost bool, f func(t *testing.T, m *Manager, store *faulty, log *ledger, s *Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fs, log := &faulty{Store: memory.New(memory.Options{Now: time.Now})}, &ledger{}
		m, err := New(Options{Store: fs, Logger: log.logger(), RevocationBound: 30 * time.Second, IdleTimeout: func() time.Duration { return time.Hour }})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := m.Create(t.Context(), Session{Expires: time.Now().Add(14 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		f(t, m, fs, log, s)
		if err := m.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if err := fs.Close(); err != nil {
			t.Error(err)
		}
		if log.has("is lost") != lost {
			t.Errorf("log: %s, want a lost feed told only where it was lost: %v", log.b.String(), lost)
		}
		synctest.Wait() // all that Start began has ended, or the bubble says so
	})
}

func TestUsesAreWrittenEveryMinuteByThemselves(t *testing.T) {
	following(t, false, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
		time.Sleep(30 * time.Second)
		m.Touch(s)
		used := m.LastUsed(s)
		if _, err := fs.Get(t.Context(), kindUse, s.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("use after 30 s: %v, want none written yet", err)
		}
		time.Sleep(31 * time.Second)
		r, err := fs.Get(t.Context(), kindUse, s.ID)
		if err != nil || decodeUse(r) != used.UnixNano() {
			t.Errorf("use = %v, %v; want %v", decodeUse(r), err, used)
		}
		if !r.Expires.Equal(s.Expires) {
			t.Errorf("use is kept until %v, want as long as the session, %v", r.Expires, s.Expires)
		}
		if log.has("level=") {
			t.Errorf("log: %s, want nothing said", log.b.String())
		}
	})
}

func TestUseThatIsNotWrittenIsToldAndWrittenLater(t *testing.T) {
	following(t, false, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
		time.Sleep(time.Second)
		m.Touch(s)
		fs.fail("put session-use", errBroken)
		time.Sleep(flushEvery)
		if !log.has("cannot write when sessions were used") {
			t.Error("the log says nothing of a use that was not written")
		}
		fs.fail("", nil)
		time.Sleep(flushEvery)
		if _, err := fs.Get(t.Context(), kindUse, s.ID); err != nil {
			t.Errorf("use: %v, want it written at the next turn", err)
		}
	})
}

func TestStoreThatIsDownIsNoticedByAskingAndTrustComesBack(t *testing.T) {
	following(t, false, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
		fs.fail("get session", errBroken)
		time.Sleep(6 * time.Second)
		if !log.has("store does not answer") {
			t.Error("the log does not say that the store is down")
		}
		wantLive(t, m, s.ID)
		time.Sleep(30 * time.Second)
		wantUnavailable(t, m, s.ID)
		if err := m.End(t.Context(), s.ID, EndSignedOut); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("End = %v, want ErrUnavailable", err)
		}
		wantGone(t, m, s.ID)
		time.Sleep(6 * time.Second)
		if !log.has("the store does not know yet") {
			t.Error("the log says nothing of an end that is not durable")
		}
		fs.fail("", nil)
		time.Sleep(6 * time.Second)
		if !log.has("store answers again") {
			t.Error("the log does not say that the store is back")
		}
		r, err := fs.Get(t.Context(), KindSession, s.ID)
		if _, why, _ := decode(r); err != nil || why != EndSignedOut {
			t.Errorf("stub = %q, %v; want the end made durable by itself", why, err)
		}
	})
}

func TestIdleSessionsAreEndedByThemselves(t *testing.T) {
	following(t, false, func(t *testing.T, m *Manager, fs *faulty, _ *ledger, s *Session) {
		time.Sleep(time.Hour + idleSlack - time.Minute)
		if r, err := fs.Get(t.Context(), KindSession, s.ID); err != nil || !holds(r) {
			t.Errorf("record: %v, want the session while another replica may know better", err)
		}
		time.Sleep(2 * time.Minute)
		if r, err := fs.Get(t.Context(), KindSession, s.ID); err != nil || holds(r) {
			t.Errorf("record: %v, want the stub of an idle session", err)
		}
	})
}

func holds(r store.Record) bool {
	s, _, err := decode(r)
	return err == nil && s != nil
}

func TestLostFeedIsToldAndTrustIsCountedFromItsReturn(t *testing.T) {
	following(t, true, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
		time.Sleep(20 * time.Second)
		fs.fail("watch session", errBroken)
		fs.lose()
		synctest.Wait()
		if !m.feedDown.Load() || !log.has("feed of sessions is lost") {
			t.Errorf("feed down %v, log %q; want the loss told", m.feedDown.Load(), log.b.String())
		}
		time.Sleep(25 * time.Second)
		wantLive(t, m, s.ID)
		fs.fail("scan session", errBroken)
		time.Sleep(2 * time.Second)
		if !m.feedDown.Load() {
			t.Error("feed counts as found although the view could not be brought up to date")
		}
		fs.fail("", nil)
		time.Sleep(2 * time.Second)
		if m.feedDown.Load() || !log.has("feed of sessions is back") {
			t.Errorf("feed down %v, log %q; want its return told", m.feedDown.Load(), log.b.String())
		}
		if age := time.Since(time.Unix(0, m.lastGood.Load())); age > 2*time.Second {
			t.Errorf("trust is counted from %s ago, want from the feed's return", age)
		}
	})
}

func TestSweepEndsSomeAtATimeAndStopsWhenTheStoreDoes(t *testing.T) {
	b, f, log, manager := faultyBench(t)
	m := manager(func(o *Options) { o.IdleTimeout = func() time.Duration { return time.Minute } })
	for range idleBatch + 3 {
		b.create(m, "alice")
	}
	b.clock.Advance(time.Minute + idleSlack)
	f.fail("put session", errBroken)
	m.sweep(t.Context())
	if n := f.count("put session"); n != 1 || !log.has("cannot end an idle session") {
		t.Errorf("%d ends tried in a store that is down, log %q; want one, and a line about it", n, log.b.String())
	}
	f.fail("", nil)
	m.sweep(t.Context())
	if n := len(m.Live()); n != 2 {
		t.Errorf("%d sessions left, want 2: one sweep ends %d", n, idleBatch)
	}
}

// batches is a store that fails its first batch of writes and measures the rest.
type batches struct {
	store.Store
	sizes []int
}

func (b *batches) PutAll(ctx context.Context, rs []store.Record) error {
	b.sizes = append(b.sizes, len(rs))
	if len(b.sizes) == 1 {
		return errBroken
	}
	return b.Store.PutAll(ctx, rs)
}

func TestUsesAreWrittenInBatchesUntilOneFails(t *testing.T) {
	b := newBench(t)
	counted := &batches{Store: b.store}
	m := b.manager(func(o *Options) { o.Store = counted })
	var sessions []*Session
	for range 2*flushBatch + 1 {
		sessions = append(sessions, b.create(m, "alice"))
	}
	b.clock.Advance(time.Minute)
	for _, s := range sessions {
		m.Touch(s)
	}
	if err := m.flush(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("flush = %v, want the error of its first batch", err)
	}
	if err := m.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{flushBatch, flushBatch, flushBatch, 1}, counted.sizes); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}
