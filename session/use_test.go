package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCheckHoldsBothLifetimes(t *testing.T) {
	b := newBench(t)
	idle := 30 * time.Minute
	m := b.manager(func(o *Options) { o.IdleTimeout = func() time.Duration { return idle } })
	s := b.create(m, "alice")
	start := b.clock.Now()
	for _, tt := range []struct {
		name  string
		after time.Duration
		idle  time.Duration
		want  error
	}{
		{"fresh", 0, 30 * time.Minute, nil},
		{"just not idle", 30*time.Minute - 1, 30 * time.Minute, nil},
		{"idle", 30 * time.Minute, 30 * time.Minute, ErrIdle},
		{"no idle timeout", 13 * time.Hour, 0, nil},
		{"last moment", 14*time.Hour - 1, 0, nil},
		{"expired", 14 * time.Hour, 0, ErrExpired},
		{"expired and idle", 20 * time.Hour, time.Minute, ErrExpired},
	} {
		idle = tt.idle
		if err := m.Check(s, start.Add(tt.after)); !errors.Is(err, tt.want) || (tt.want != nil && !errors.Is(err, ErrNone)) {
			t.Errorf("%s: Check = %v, want %v", tt.name, err, tt.want)
		}
	}
	idle = 30 * time.Minute
	b.clock.Advance(20 * time.Minute)
	m.Touch(s)
	if err := m.Check(s, start.Add(45*time.Minute)); err != nil {
		t.Errorf("Check of a session used 25 minutes ago = %v, want nil", err)
	}
	if err := m.Check(s, start.Add(50*time.Minute)); !errors.Is(err, ErrIdle) {
		t.Errorf("Check of a session used 30 minutes ago = %v, want ErrIdle", err)
	}
}

func TestGetRefusesWhatHasExpired(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	b.clock.Advance(14 * time.Hour)
	if _, err := m.Get(t.Context(), s.ID); !errors.Is(err, ErrExpired) {
		t.Errorf("Get from the view = %v, want ErrExpired", err)
	}
	wantGone(t, b.manager(), s.ID)
}

func TestUseIsWrittenOncePerFlushAndOnlyIfThereWasAny(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	var sessions []*Session
	for i := range flushBatch + 10 {
		sessions = append(sessions, b.create(m, fmt.Sprint(i)))
	}
	flush := func(want int) {
		t.Helper()
		b.store.written.Store(0)
		if err := m.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := int(b.store.written.Load()); got != want {
			t.Errorf("flush wrote %d records, want %d", got, want)
		}
	}
	flush(0) // creation wrote it
	b.clock.Advance(time.Minute)
	for range 100 {
		for _, s := range sessions {
			m.Touch(s)
		}
	}
	if got := b.store.written.Load(); got != 0 {
		t.Errorf("Touch wrote %d records, want it to touch memory only", got)
	}
	flush(len(sessions))
	flush(0)
	b.clock.Advance(time.Minute)
	m.Touch(sessions[3])
	flush(1)
}

func TestUseSurvivesRestartAsOfTheLastFlush(t *testing.T) {
	b := newBench(t)
	m := b.start(b.manager())
	s := b.create(m, "alice")
	b.clock.Advance(10 * time.Minute)
	m.Touch(s)
	used := b.clock.Now()
	if err := m.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(5 * time.Minute)
	for name, next := range map[string]*Manager{"started": b.start(b.manager()), "asked": b.manager()} {
		got := wantLive(t, next, s.ID)
		if at := next.LastUsed(got); !at.Equal(used) || !got.LastUsed.Equal(used) {
			t.Errorf("%s: last used %v (%v), want %v", name, at, got.LastUsed, used)
		}
	}
}

func TestUseThatCannotBeWrittenIsKept(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	b.clock.Advance(time.Minute)
	m.Touch(s)
	b.store.broken.Store(true)
	if err := m.flush(t.Context()); err == nil {
		t.Fatal("flush to a broken store succeeded")
	}
	b.store.broken.Store(false)
	if err := m.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := b.manager().LastUsed(wantLive(t, b.manager(), s.ID)); !at.Equal(b.clock.Now()) {
		t.Errorf("last used %v, want %v", at, b.clock.Now())
	}
}

func TestUseAtTheOtherReplicaCounts(t *testing.T) {
	b := newBench(t)
	idle := func(o *Options) { o.IdleTimeout = func() time.Duration { return 10 * time.Minute } }
	one, two := b.start(b.manager(idle)), b.start(b.manager(idle))
	s := b.create(one, "alice")
	b.clock.Advance(8 * time.Minute)
	two.Touch(wantLive(t, two, s.ID))
	if err := two.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	used := b.clock.Now()
	deadline := time.Now().Add(20 * time.Second)
	for !one.LastUsed(s).Equal(used) {
		if time.Now().After(deadline) {
			t.Fatal("the feed has not told of the use within 20 s")
		}
		time.Sleep(time.Millisecond)
	}
	b.clock.Advance(8 * time.Minute)
	if err := one.Check(s, b.clock.Now()); err != nil {
		t.Errorf("Check = %v, want nil: it was used elsewhere 8 minutes ago", err)
	}
}

func TestSessionsBeyondTheViewKeepTheirUse(t *testing.T) {
	b := newBench(t)
	m := b.manager(func(o *Options) { o.MaxInView = 4 })
	var sessions []*Session
	for i := range 12 {
		s := b.create(m, fmt.Sprint(i))
		b.clock.Advance(time.Minute)
		m.Touch(s)
		sessions = append(sessions, s)
	}
	if n := len(m.Live()); n != 4 {
		t.Errorf("%d sessions in the view, want its bound of 4", n)
	}
	check := func(m *Manager) {
		t.Helper()
		for i, s := range sessions {
			want := b.clock.Now().Add(-time.Duration(len(sessions)-1-i) * time.Minute)
			if at := m.LastUsed(wantLive(t, m, s.ID)); !at.Equal(want) {
				t.Errorf("session %d last used %v, want %v", i, at, want)
			}
		}
	}
	check(m)
	if err := m.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.pending) != 0 {
		t.Errorf("%d uses pending after a flush, want none", len(m.pending))
	}
	check(m)
	check(b.manager())
}

func TestManyPendingUsesCallForAFlush(t *testing.T) {
	b := newBench(t)
	m := b.manager(func(o *Options) { o.MaxInView = 1 })
	s := b.session("alice")
	for range pendingBound {
		s.ID = newID()
		m.Touch(&s)
	}
	select {
	case <-m.full:
	default:
		t.Errorf("%d uses pending and no flush called for", len(m.pending))
	}
}

func TestSweepEndsWhatRanOutOfTime(t *testing.T) {
	b := newBench(t)
	m := b.manager(func(o *Options) { o.IdleTimeout = func() time.Duration { return time.Hour } })
	told := onEnd(m)
	short := b.session("short")
	short.Expires = b.clock.Now().Add(30 * time.Minute)
	expiring, idle, busy := b.createFrom(m, short), b.create(m, "idle"), b.create(m, "busy")

	b.clock.Advance(time.Hour)
	m.Touch(busy)
	m.sweep(t.Context())
	if got := told.next(t); got != (ended{expiring.ID, EndExpired}) {
		t.Errorf("told of %+v, want the expired one", got)
	}
	told.none(t) // idle by the clock, but another replica may know better
	if err := m.Check(idle, b.clock.Now()); !errors.Is(err, ErrIdle) {
		t.Errorf("Check of an idle session = %v, want ErrIdle at once", err)
	}
	b.clock.Advance(idleSlack)
	m.sweep(t.Context())
	if got := told.next(t); got != (ended{idle.ID, EndIdle}) {
		t.Errorf("told of %+v, want the idle one", got)
	}
	told.none(t)
	wantGone(t, b.manager(), idle.ID)
	wantLive(t, m, busy.ID)
	if n := len(m.Live()); n != 1 {
		t.Errorf("%d sessions in the view, want 1", n)
	}
}

func TestSweepEndsNoIdleSessionWhileItMayBeUsedUnseen(t *testing.T) {
	b := newBench(t)
	m := b.manager(func(o *Options) { o.IdleTimeout = func() time.Duration { return time.Minute } })
	s := b.create(m, "alice")
	b.clock.Advance(time.Hour)
	for _, down := range []*atomic.Bool{&m.feedDown, &m.storeDown} {
		down.Store(true)
		m.sweep(t.Context())
		down.Store(false)
		wantLive(t, b.manager(), s.ID)
	}
}

func TestConcurrentUse(t *testing.T) {
	b := newBench(t)
	m := b.start(b.manager(func(o *Options) { o.MaxInView = 8 }))
	var sessions []*Session
	for i := range 16 {
		sessions = append(sessions, b.create(m, fmt.Sprint(i)))
	}
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := range 200 {
				s := sessions[(i+w)%len(sessions)]
				got, err := m.Get(t.Context(), s.ID)
				if err != nil && !errors.Is(err, ErrNone) {
					t.Errorf("Get: %v", err)
				}
				if err == nil {
					m.Touch(got)
					_ = m.Check(got, b.clock.Now())
				}
				switch {
				case i == 100 && w < 2:
					if err := m.End(t.Context(), sessions[w].ID, EndRevoked); err != nil {
						t.Errorf("End: %v", err)
					}
				case i%50 == w || i > 100 && i < 110:
					_, _ = m.Update(t.Context(), s.ID, func(s *Session) error { s.Subject.Name += "n"; return nil })
				case i%70 == 0:
					b.clock.Advance(time.Second)
					m.sweep(t.Context())
					if err := m.flush(t.Context()); err != nil {
						t.Errorf("flush: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	for i, s := range sessions {
		if i < 2 {
			wantGone(t, m, s.ID)
		} else {
			wantLive(t, m, s.ID)
		}
	}
}
