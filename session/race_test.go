package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"sallyport/store"
)

// late is a store whose scans of sessions hand over what they read only after
// the hook has run: what a slow reader sees.
type late struct {
	store.Store
	meanwhile func()
}

func (l *late) Scan(ctx context.Context, kind store.Kind, prefix string, f func(store.Record) error) error {
	var read []store.Record
	err := l.Store.Scan(ctx, kind, prefix, func(r store.Record) error { read = append(read, r); return nil })
	if kind == KindSession && l.meanwhile != nil {
		l.meanwhile()
	}
	for _, r := range read {
		err = errors.Join(err, f(r))
	}
	return err
}

func TestScanUnderWayDoesNotBringAnEndedSessionBack(t *testing.T) {
	b := newBench(t)
	slow := &late{Store: b.store}
	m := b.manager(func(o *Options) { o.Store = slow })
	known, unknown, refused := b.create(m, "known"), b.create(b.manager(), "unknown"), b.create(m, "refused")
	b.store.broken.Store(true)
	if err := m.End(t.Context(), refused.ID, EndRevoked); err == nil {
		t.Fatal("End in a broken store succeeded")
	}
	b.store.broken.Store(false)
	slow.meanwhile = func() {
		for _, s := range []*Session{known, unknown} {
			if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
				t.Errorf("End: %v", err)
			}
		}
	}
	m.own["left to a feed that was lost"] = struct{}{}
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Live() {
		t.Errorf("session of %s is back in the view", s.Subject.ID)
	}
	if m.rescan != nil {
		t.Error("changes are still noted for a scan that is over")
	}
	if len(m.own) != 0 {
		t.Error("an end is still left to a feed that was lost")
	}
}

func TestCatchUpLeavesAFullViewToThoseInIt(t *testing.T) {
	b := newBench(t)
	m := b.manager(func(o *Options) { o.MaxInView = 3 })
	var mine []*Session
	for range 3 {
		mine = append(mine, b.create(m, "alice"))
	}
	for range 20 {
		b.create(b.manager(), "bob")
	}
	b.clock.Advance(time.Minute)
	m.Touch(mine[0])
	used := b.clock.Now()
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, s := range mine {
		if m.view.find(s.ID) == nil {
			t.Errorf("%s had to leave for one that nobody asked for", s.ID)
		}
	}
	if at := m.LastUsed(mine[0]); !at.Equal(used) {
		t.Errorf("last used %v, want %v: a scan knows no better", at, used)
	}
}

func TestCatchUpTellsEachSessionsOwnReason(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.manager()
	told := onEnd(m)
	parent := b.create(m, "alice")
	program := b.program(m, parent)
	if err := other.End(t.Context(), program.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	if _, err := other.writeEnd(t.Context(), parent.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if err := m.catchUp(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	got := map[ended]bool{told.next(t): true, told.next(t): true}
	if !got[ended{parent.ID, EndRevoked}] || !got[ended{program.ID, EndSignedOut}] {
		t.Errorf("told of %v, want each with its own reason", got)
	}
}

func TestReadUnderWayDoesNotBringAnOldVersionBack(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(b.manager(), "alice")
	b.store.afterGet = func() {
		if _, err := m.Update(t.Context(), s.ID, func(s *Session) error { s.Subject.Name = "new"; return nil }); err != nil {
			t.Errorf("Update: %v", err)
		}
	}
	for range 2 {
		if got := wantLive(t, m, s.ID); got.Subject.Name != "new" {
			t.Errorf("name %q, want the newer version", got.Subject.Name)
		}
	}
}

func TestReadUnderWayDoesNotMissWhatTheFeedBrings(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	id := newID()
	s := b.session("alice")
	s.ID = id
	r, err := encode(&s)
	if err != nil {
		t.Fatal(err)
	}
	appear := func() {
		written, err := b.store.Put(t.Context(), r, store.Any)
		if err != nil {
			t.Errorf("Put: %v", err)
		}
		m.apply(store.Change{Record: written})
	}
	b.store.afterGet = appear // after it was looked for and not found
	wantLive(t, m, id)

	// The same when the answer was remembered already.
	m = b.manager()
	if err := b.store.Delete(t.Context(), KindSession, id); err != nil {
		t.Fatal(err)
	}
	wantGone(t, m, id)
	appear()
	wantLive(t, m, id)
}

func TestEndWhileStoreIsDownHoldsForAReadUnderWay(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(b.manager(), "alice")
	b.store.afterGet = func() {
		b.store.broken.Store(true)
		if err := m.End(t.Context(), s.ID, EndRevoked); err == nil {
			t.Error("End in a broken store succeeded")
		}
		b.store.broken.Store(false)
	}
	wantGone(t, m, s.ID)
	b.store.gets.Store(0)
	wantGone(t, m, s.ID)
	if n := b.store.gets.Load(); n != 0 {
		t.Errorf("store was asked %d times for what is refused here, want never", n)
	}
}

func TestFeedIsNotBelievedOverWhatIsNewer(t *testing.T) {
	b := newBench(t)
	log := &ledger{}
	m := b.manager(func(o *Options) { o.Logger = log.logger() })
	told := onEnd(m)
	old := b.create(m, "alice")
	r, err := b.store.Store.Get(t.Context(), KindSession, old.ID)
	if err != nil {
		t.Fatal(err)
	}
	updated, err := m.Update(t.Context(), old.ID, func(s *Session) error { s.Subject.Name = "new"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	m.apply(store.Change{Record: r}) // a feed that lags
	if got := wantLive(t, m, old.ID); got.Version != updated.Version {
		t.Errorf("version %d in the view, want %d", got.Version, updated.Version)
	}
	m.apply(store.Change{Record: store.Record{Kind: KindSession, Key: old.ID}, Deleted: true})
	if got := told.next(t); got != (ended{old.ID, EndRevoked}) {
		t.Errorf("told of %+v, want the end of a deleted session", got)
	}
	if m.view.find(old.ID) != nil {
		t.Error("a deleted session is still in the view")
	}
	if log.has("level=") {
		t.Errorf("log: %s, want nothing said of a deletion", log.b.String())
	}
	m.apply(store.Change{Record: store.Record{Kind: KindSession, Key: old.ID, Value: []byte("{")}})
	if !log.has("session in the feed cannot be read") {
		t.Error("the log says nothing of a change that cannot be read")
	}
}

func TestOwnEndIsToldOnceAndTheNextOneAgain(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	told := onEnd(m)
	m.following.Store(true) // the feed's part is played by this test
	s := b.create(m, "alice")
	if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{s.ID, EndSignedOut}) {
		t.Errorf("told of %+v, want the end", got)
	}
	if err := m.End(t.Context(), s.ID, EndRevoked); err != nil { // before the feed came to it
		t.Fatal(err)
	}
	stub, err := b.store.Store.Get(t.Context(), KindSession, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	m.apply(store.Change{Record: stub})
	told.none(t)
	if len(m.own) != 0 {
		t.Errorf("%d ends left to the feed, want none", len(m.own))
	}
	m.apply(store.Change{Record: stub})
	if got := told.next(t); got != (ended{s.ID, EndSignedOut}) {
		t.Errorf("told of %+v, want what the feed says", got)
	}

	// What the store does not hold, or does not take, the feed will not bring.
	if err := m.End(t.Context(), newID(), EndRevoked); err != nil {
		t.Fatal(err)
	}
	other := b.create(m, "bob")
	b.store.broken.Store(true)
	if err := m.End(t.Context(), other.ID, EndRevoked); err == nil {
		t.Fatal("End in a broken store succeeded")
	}
	if len(m.own) != 0 {
		t.Errorf("%d ends left to the feed, want none", len(m.own))
	}
}

func TestEndElsewhereIsToldByWhoeverLearnsOfItFirst(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.manager()
	one, two := onEnd(m), onEnd(m)
	s := b.create(m, "alice")
	if err := other.End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	for _, told := range []ends{one, two} {
		if got := told.next(t); got.ID != s.ID {
			t.Errorf("told of %+v, want the end of what was known here", got)
		}
		told.none(t)
	}
}

func TestProgramOfARefusedParentIsNotMade(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	parent := b.create(m, "alice")
	b.store.broken.Store(true)
	if err := m.End(t.Context(), parent.ID, EndRevoked); err == nil {
		t.Fatal("End in a broken store succeeded")
	}
	b.store.broken.Store(false) // and nobody has told the store yet
	told := onEnd(m)
	s := b.session("alice")
	s.Form, s.Parent = FormProgram, parent.ID
	if made, err := m.Create(t.Context(), s); !errors.Is(err, ErrNone) {
		t.Errorf("Create = %+v, %v; want ErrNone", made, err)
	}
	if got := told.next(t); got.Why != EndSignedOut {
		t.Errorf("told of %+v, want the program's end", got)
	}
	list, err := b.manager().List(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != parent.ID {
		t.Errorf("List = %v, %v; want the parent alone, which the store still holds", list, err)
	}
}

func TestEndSubjectRefusesWhatItKnowsWhileTheStoreIsDown(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s, other := b.create(m, "alice"), b.create(m, "bob")
	b.store.broken.Store(true)
	n, err := m.EndSubject(t.Context(), "alice", EndRevoked)
	if n != 1 || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("EndSubject = %d, %v; want 1 and ErrUnavailable", n, err)
	}
	b.store.broken.Store(false)
	b.store.gets.Store(0)
	wantGone(t, m, s.ID)
	if n := b.store.gets.Load(); n != 0 {
		t.Errorf("store was asked %d times for what is refused here, want never", n)
	}
	wantLive(t, m, other.ID)
	// A stub that happens to say the subject's name is no session.
	if err := m.End(t.Context(), other.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if n, err := m.EndSubject(t.Context(), string(EndRevoked), EndRevoked); n != 0 || err != nil {
		t.Errorf("EndSubject of a subject named like a reason = %d, %v; want 0", n, err)
	}
}

func TestListSubjectListsThatSubjectOnly(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	mine := b.create(m, "00ualice")
	trap := b.session("00ubob")
	trap.Subject.Name = "00ualice"
	b.createFrom(m, trap)
	b.clock.Advance(time.Minute)
	m.Touch(mine) // and has not written it down
	list, err := m.ListSubject(t.Context(), "00ualice")
	if err != nil || len(list) != 1 || list[0].ID != mine.ID {
		t.Fatalf("ListSubject = %v, %v; want one session", list, err)
	}
	if !list[0].LastUsed.Equal(b.clock.Now()) {
		t.Errorf("last used %v, want %v", list[0].LastUsed, b.clock.Now())
	}
}

func TestWhatTheStoreSaysOfARecordCounts(t *testing.T) {
	b := newBench(t)
	s := b.session("alice")
	s.ID = newID()
	r, err := encode(&s)
	if err != nil {
		t.Fatal(err)
	}
	r.Key, r.Version, r.Expires = newID(), 7, s.Expires.Add(-time.Hour)
	got, _, err := decode(r)
	if err != nil || got.ID != r.Key || got.Version != 7 || !got.Expires.Equal(r.Expires) {
		t.Errorf("decode = %+v, %v; want id, version and end of the record it came in", got, err)
	}
	stub, err := encodeStub(s.ID, "", s.Expires)
	if err != nil {
		t.Fatal(err)
	}
	if _, why, err := decode(stub); err != nil || why != EndRevoked {
		t.Errorf("stub without a reason reads as %q, %v; want %q", why, err, EndRevoked)
	}
	for _, value := range []string{"", "1234567", "123456789"} {
		if at := decodeUse(store.Record{Value: []byte(value)}); at != 0 {
			t.Errorf("use of %d bytes = %d, want 0", len(value), at)
		}
	}
}

func TestProgramsAreFoundAsLongAsTheyLive(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	parent := b.create(m, "alice")
	program := b.program(m, parent)
	r, err := b.store.Get(t.Context(), kindChild, parent.ID+"/"+program.ID)
	if err != nil || !r.Expires.Equal(program.Expires) {
		t.Errorf("index of the program ends %v, %v; want %v", r.Expires, err, program.Expires)
	}
}

func TestUsesAreWrittenOnceWhereverTheyAreKept(t *testing.T) {
	flush := func(b *bench, m *Manager, want int32) {
		b.t.Helper()
		b.store.written.Store(0)
		if err := m.flush(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		if got := b.store.written.Load(); got != want {
			b.t.Errorf("flush wrote %d records, want %d", got, want)
		}
	}
	t.Run("back in the view", func(t *testing.T) {
		b := newBench(t)
		m := b.manager(func(o *Options) { o.MaxInView = 1 })
		s := b.create(m, "alice")
		b.clock.Advance(time.Minute)
		m.Touch(s)
		b.create(m, "bob") // has alice leave
		wantLive(t, m, s.ID)
		flush(b, m, 1)
	})
	t.Run("nobody used it", func(t *testing.T) {
		b := newBench(t)
		m := b.manager(func(o *Options) { o.MaxInView = 1 })
		b.create(m, "alice")
		b.create(m, "bob")
		flush(b, m, 0)
	})
	t.Run("ended", func(t *testing.T) {
		b := newBench(t)
		m := b.manager(func(o *Options) { o.MaxInView = 1 })
		s := b.create(m, "alice")
		b.clock.Advance(time.Minute)
		m.Touch(s)
		b.create(m, "bob")
		if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
			t.Fatal(err)
		}
		flush(b, m, 0)
	})
	t.Run("written elsewhere", func(t *testing.T) {
		for name, learn := range map[string]func(*bench, *Manager, store.Record){
			"by the feed": func(_ *bench, m *Manager, r store.Record) { m.apply(store.Change{Record: r}) },
			"by a scan": func(b *bench, m *Manager, _ store.Record) {
				if err := m.catchUp(b.t.Context(), true); err != nil {
					b.t.Fatal(err)
				}
			},
		} {
			b := newBench(t)
			m := b.manager()
			s := b.create(m, "alice")
			b.clock.Advance(time.Minute)
			at := b.clock.Now()
			r, err := b.store.Put(t.Context(), encodeUse(s.ID, use{at.UnixNano(), s.Expires}), store.Any)
			if err != nil {
				t.Fatal(err)
			}
			learn(b, m, r)
			if got := m.LastUsed(s); !got.Equal(at) {
				t.Errorf("%s: last used %v, want %v", name, got, at)
			}
			flush(b, m, 0)
		}
	})
}
