package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/store"
	"sallyport/store/memory"
)

// following runs f on a started manager whose clock passes only when f sleeps.
func following(t *testing.T, f func(t *testing.T, m *Manager, store *faulty, log *ledger, s *Session)) {
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
		synctest.Wait() // all that Start began has ended, or the bubble says so
	})
}

func TestUsesAreWrittenEveryMinuteByThemselves(t *testing.T) {
	following(t, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
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
	following(t, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
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
	following(t, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
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
	following(t, func(t *testing.T, m *Manager, fs *faulty, _ *ledger, s *Session) {
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
	following(t, func(t *testing.T, m *Manager, fs *faulty, log *ledger, s *Session) {
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
