package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/store"
)

func TestEndIsEffectiveAtOnceHereAndThroughTheFeedThere(t *testing.T) {
	b := newBench(t)
	one, two := b.start(b.manager()), b.start(b.manager())
	here, there := onEnd(one), onEnd(two)
	s := b.create(one, "alice")
	wantLive(t, two, s.ID)

	if err := one.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	wantGone(t, one, s.ID)
	want := ended{s.ID, EndSignedOut}
	if got := here.next(t); got != want {
		t.Errorf("own manager told of %+v, want %+v", got, want)
	}
	if got := there.next(t); got != want {
		t.Errorf("other manager told of %+v, want %+v", got, want)
	}
	wantGone(t, two, s.ID)

	// Again, with another reason, from the other one: nothing happens.
	for _, m := range []*Manager{one, two} {
		if err := m.End(t.Context(), s.ID, EndRevoked); err != nil {
			t.Errorf("End of an ended session = %v, want nil", err)
		}
	}
	// Whatever the feeds still had to tell of the first comes before this.
	last := b.create(one, "bob")
	if err := two.End(t.Context(), last.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	want = ended{last.ID, EndRevoked}
	for name, told := range map[string]ends{"own": here, "other": there} {
		if got := told.next(t); got != want {
			t.Errorf("%s manager told of %+v, want %+v", name, got, want)
		}
	}
}

func TestEndOfNothingIsNoError(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	told := onEnd(m)
	for _, id := range []string{"", "x", newID(), strings.Repeat("x", 4000)} {
		if err := m.End(t.Context(), id, EndRevoked); err != nil {
			t.Errorf("End of %.50q = %v, want nil", id, err)
		}
	}
	told.none(t)
}

func TestEndLeavesNoTokenInTheStore(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	r, err := b.store.Store.Get(t.Context(), KindSession, s.ID)
	if err != nil {
		t.Fatalf("stub: %v, want it to stand until the session would have expired", err)
	}
	if strings.Contains(string(r.Value), "secret") || strings.Contains(string(r.Value), "alice") {
		t.Errorf("stub is %q, want nothing of the session in it", r.Value)
	}
	b.clock.Advance(14 * time.Hour)
	if _, err := b.store.Store.Get(t.Context(), KindSession, s.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("stub after the session's lifetime: %v, want ErrNotFound", err)
	}
}

func TestEndGoesOnWhenTheCallerHangsUp(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.End(ctx, s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	wantGone(t, b.manager(), s.ID)
}

func TestReadUnderWayDoesNotBringAnEndedSessionBack(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(b.manager(), "alice")
	b.store.afterGet = func() { // the record was read, but has not landed
		if err := m.End(t.Context(), s.ID, EndRevoked); err != nil {
			t.Errorf("End: %v", err)
		}
	}
	wantGone(t, m, s.ID)
	wantGone(t, m, s.ID)
	if live := m.Live(); len(live) != 0 {
		t.Errorf("view has %d sessions, want none", len(live))
	}
}

func TestUpdateUnderWayDoesNotBringAnEndedSessionBack(t *testing.T) {
	end := func(b *bench, m *Manager, id string) func() {
		return func() {
			if err := m.End(b.t.Context(), id, EndRevoked); err != nil {
				b.t.Errorf("End: %v", err)
			}
		}
	}
	rename := func(s *Session) error { s.Subject.Name = "new"; return nil }
	t.Run("ended between read and write", func(t *testing.T) {
		b := newBench(t)
		m := b.manager()
		s := b.create(m, "alice")
		b.store.afterGet = end(b, m, s.ID)
		if got, err := m.Update(t.Context(), s.ID, rename); !errors.Is(err, ErrNone) {
			t.Errorf("Update = %+v, %v; want ErrNone", got, err)
		}
		wantGone(t, m, s.ID)
		wantGone(t, b.manager(), s.ID)
	})
	t.Run("ended between write and view", func(t *testing.T) {
		b := newBench(t)
		m := b.manager()
		s := b.create(m, "alice")
		b.store.afterPut = end(b, m, s.ID)
		if _, err := m.Update(t.Context(), s.ID, rename); err != nil {
			t.Errorf("Update: %v", err)
		}
		wantGone(t, m, s.ID)
		wantGone(t, b.manager(), s.ID)
	})
}

func TestLateUseDoesNotBringAnEndedSessionBack(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.manager()
	s := b.create(m, "alice")
	b.clock.Advance(time.Minute)
	m.Touch(s)
	if err := other.End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if err := m.flush(t.Context()); err != nil { // has not heard of the end
		t.Fatal(err)
	}
	wantGone(t, other, s.ID)
	wantGone(t, b.manager(), s.ID)
	if list, err := other.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v; want nothing", list, err)
	}
}

func TestEndTakesThePrograms(t *testing.T) {
	program := func(b *bench, m *Manager, parent *Session) *Session {
		s := b.session("alice")
		s.Form, s.Parent, s.Host, s.Program = FormProgram, parent.ID, "app.example.com", "backup"
		return b.createFrom(m, s)
	}
	for _, tt := range []struct {
		why   EndReason
		takes bool
	}{
		{EndSignedOut, true},
		{EndRevoked, true},
		{EndRefused, true},
		{EndReplaced, true},
		{EndIdle, false},
		{EndExpired, false},
	} {
		t.Run(string(tt.why), func(t *testing.T) {
			b := newBench(t)
			m := b.manager()
			parent, stranger := b.create(m, "alice"), b.create(m, "alice")
			children := []*Session{program(b, m, parent), program(b, m, parent)}
			others := program(b, m, stranger)
			if err := m.End(t.Context(), parent.ID, tt.why); err != nil {
				t.Fatal(err)
			}
			for _, reader := range []*Manager{m, b.manager()} {
				wantGone(t, reader, parent.ID)
				wantLive(t, reader, others.ID)
				for _, child := range children {
					if tt.takes {
						wantGone(t, reader, child.ID)
					} else {
						wantLive(t, reader, child.ID)
					}
				}
			}
		})
	}
	t.Run("its own end leaves the parent", func(t *testing.T) {
		b := newBench(t)
		m := b.manager()
		parent := b.create(m, "alice")
		child := program(b, m, parent)
		if err := m.End(t.Context(), child.ID, EndRevoked); err != nil {
			t.Fatal(err)
		}
		wantGone(t, m, child.ID)
		wantLive(t, m, parent.ID)
	})
}

func TestProgramOfAnEndedParentIsNotMade(t *testing.T) {
	for name, when := range map[string]func(b *bench, end func()){
		"before":              func(_ *bench, end func()) { end() },
		"while it is written": func(b *bench, end func()) { b.store.afterPut = end },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.manager()
			parent := b.create(m, "alice")
			when(b, func() {
				if err := m.End(t.Context(), parent.ID, EndSignedOut); err != nil {
					t.Errorf("End: %v", err)
				}
			})
			s := b.session("alice")
			s.Form, s.Parent = FormProgram, parent.ID
			if made, err := m.Create(t.Context(), s); !errors.Is(err, ErrNone) {
				t.Errorf("Create = %+v, %v; want ErrNone", made, err)
			}
			if list, err := b.manager().List(t.Context()); err != nil || len(list) != 0 {
				t.Errorf("List = %v, %v; want nothing live", list, err)
			}
		})
	}
}

// The process dies after the parent's end is written and before its programs'.
func TestProgramOfAParentWhoseEndWasCutShortIsNone(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	parent := b.create(m, "alice")
	s := b.session("alice")
	s.Form, s.Parent = FormProgram, parent.ID
	child := b.createFrom(m, s)
	if _, err := m.writeEnd(t.Context(), parent.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	wantGone(t, b.manager(), child.ID)
	next := b.start(b.manager())
	if n := len(next.Live()); n != 0 {
		t.Errorf("%d sessions in the view after a restart, want none", n)
	}
	wantGone(t, next, child.ID)
	told := onEnd(m)
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	got := map[ended]bool{told.next(t): true, told.next(t): true}
	if !got[ended{parent.ID, EndRevoked}] || !got[ended{child.ID, EndRevoked}] {
		t.Errorf("told of %v, want parent and program", got)
	}
	wantGone(t, m, child.ID)
}

func TestEndSubjectEndsAllOfThatSubjectOnly(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.manager()
	mine := []*Session{b.create(m, "00ualice"), b.create(other, "00ualice")}
	trap := b.session("00ubob")
	trap.Subject.Name = "00ualice" // mentioned, but not the subject
	others := []*Session{b.createFrom(m, trap), b.create(m, "00ualice2"), b.create(m, "00uALICE")}
	n, err := m.EndSubject(t.Context(), "00ualice", EndRevoked)
	if n != 2 || err != nil {
		t.Errorf("EndSubject = %d, %v; want 2", n, err)
	}
	for _, s := range mine {
		wantGone(t, m, s.ID)
		wantGone(t, b.manager(), s.ID)
	}
	for _, s := range others {
		wantLive(t, m, s.ID)
	}
	if n, err := m.EndSubject(t.Context(), "00ualice", EndRevoked); n != 0 || err != nil {
		t.Errorf("second EndSubject = %d, %v; want 0", n, err)
	}
}

func TestEndWhileStoreIsDownRefusesAtOnceAndIsMadeDurableLater(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	told := onEnd(m)
	s := b.create(m, "alice")
	b.store.broken.Store(true)
	if err := m.End(t.Context(), s.ID, EndSignedOut); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("End = %v, want ErrUnavailable", err)
	}
	if got := told.next(t); got != (ended{s.ID, EndSignedOut}) {
		t.Errorf("told of %+v, want the end", got)
	}
	wantGone(t, m, s.ID)
	m.retryEnds(t.Context())
	wantGone(t, m, s.ID)

	b.store.broken.Store(false)
	wantLive(t, b.manager(), s.ID) // which is why the error matters
	wantGone(t, m, s.ID)
	if _, err := m.Update(t.Context(), s.ID, func(*Session) error { return nil }); !errors.Is(err, ErrNone) {
		t.Errorf("Update = %v, want ErrNone", err)
	}
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	wantGone(t, m, s.ID)
	m.retryEnds(t.Context())
	wantGone(t, b.manager(), s.ID)
	told.none(t)
	if len(m.refused) != 0 {
		t.Errorf("%d ends still to be retried, want none", len(m.refused))
	}
}
