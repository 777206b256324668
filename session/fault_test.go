package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/store"
)

// faulty is a store that fails single calls, named "put session" and the like.
type faulty struct {
	store.Store
	mu    sync.Mutex
	errs  map[string]error
	calls map[string]int
	lose  context.CancelFunc // ends the latest feed
}

func (f *faulty) fail(call string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = map[string]error{call: err}
	f.calls = map[string]int{}
}

func (f *faulty) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

func (f *faulty) err(op string, kind store.Kind) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := op + " " + string(kind)
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[call]++
	return f.errs[call]
}

func (f *faulty) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if err := f.err("get", kind); err != nil {
		return store.Record{}, err
	}
	return f.Store.Get(ctx, kind, key)
}

func (f *faulty) Put(ctx context.Context, r store.Record, expect store.Expect) (store.Record, error) {
	if err := f.err("put", r.Kind); err != nil {
		return store.Record{}, err
	}
	return f.Store.Put(ctx, r, expect)
}

func (f *faulty) Delete(ctx context.Context, kind store.Kind, key string) error {
	if err := f.err("delete", kind); err != nil {
		return err
	}
	return f.Store.Delete(ctx, kind, key)
}

func (f *faulty) PutAll(ctx context.Context, rs []store.Record) error {
	if err := f.err("put", rs[0].Kind); err != nil {
		return err
	}
	return f.Store.PutAll(ctx, rs)
}

func (f *faulty) Scan(ctx context.Context, kind store.Kind, prefix string, fn func(store.Record) error) error {
	if err := f.err("scan", kind); err != nil {
		return err
	}
	return f.Store.Scan(ctx, kind, prefix, fn)
}

func (f *faulty) Watch(ctx context.Context, kinds ...store.Kind) (<-chan store.Change, error) {
	if err := f.err("watch", kinds[0]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	f.lose = cancel
	f.mu.Unlock()
	return f.Store.Watch(ctx, kinds...)
}

// ledger keeps the log's lines.
type ledger struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *ledger) has(words string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), words)
}

func (l *ledger) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// faultyBench is a bench whose managers see its store through faults.
func faultyBench(t *testing.T) (*bench, *faulty, *ledger, func(...func(*Options)) *Manager) {
	b, log := newBench(t), &ledger{}
	f := &faulty{Store: b.store}
	return b, f, log, func(change ...func(*Options)) *Manager {
		return b.manager(append(change, func(o *Options) { o.Store, o.Logger = f, log.logger() })...)
	}
}

func (b *bench) program(m *Manager, parent *Session) *Session {
	b.t.Helper()
	s := b.session("alice")
	s.Form, s.Parent = FormProgram, parent.ID
	return b.createFrom(m, s)
}

// Whatever the store fails at, the answer says nothing about the session, keeps
// the engine's words and is no success.
func TestEachFailureOfTheStoreIsUnavailable(t *testing.T) {
	rename := func(s *Session) error { s.Subject.Name = "new"; return nil }
	type things struct {
		m, fresh        *Manager
		parent, program *Session
		another         Session
	}
	for _, tt := range []struct {
		call string
		do   func(context.Context, things) error
	}{
		{"put session", func(ctx context.Context, x things) error {
			x.another.Parent = ""
			_, err := x.m.Create(ctx, x.another)
			return err
		}},
		{"put session-child", func(ctx context.Context, x things) error { _, err := x.m.Create(ctx, x.another); return err }},
		{"get session", func(ctx context.Context, x things) error { _, err := x.m.Create(ctx, x.another); return err }},
		{"get session", func(ctx context.Context, x things) error { _, err := x.m.Update(ctx, x.parent.ID, rename); return err }},
		{"put session", func(ctx context.Context, x things) error { _, err := x.m.Update(ctx, x.parent.ID, rename); return err }},
		{"get session", func(ctx context.Context, x things) error { _, err := x.fresh.Get(ctx, x.parent.ID); return err }},
		{"get session-use", func(ctx context.Context, x things) error { _, err := x.fresh.Get(ctx, x.parent.ID); return err }},
		{"get session", func(ctx context.Context, x things) error { return x.m.End(ctx, x.parent.ID, EndRevoked) }},
		{"put session", func(ctx context.Context, x things) error { return x.m.End(ctx, x.parent.ID, EndRevoked) }},
		{"put session", func(ctx context.Context, x things) error { return x.m.End(ctx, x.parent.ID, EndIdle) }},
		{"scan session-child", func(ctx context.Context, x things) error { return x.m.End(ctx, x.parent.ID, EndRevoked) }},
		{"scan session", func(ctx context.Context, x things) error {
			_, err := x.m.EndSubject(ctx, "alice", EndRevoked)
			return err
		}},
		{"put session", func(ctx context.Context, x things) error {
			_, err := x.m.EndSubject(ctx, "alice", EndRevoked)
			return err
		}},
		{"scan session", func(ctx context.Context, x things) error { _, err := x.m.List(ctx); return err }},
		{"scan session-use", func(ctx context.Context, x things) error { _, err := x.m.List(ctx); return err }},
		{"scan session", func(ctx context.Context, x things) error { _, err := x.m.ListSubject(ctx, "alice"); return err }},
		{"watch session", func(ctx context.Context, x things) error { return x.fresh.Start(ctx) }},
		{"scan session", func(ctx context.Context, x things) error { return x.fresh.Start(ctx) }},
		{"scan session-use", func(ctx context.Context, x things) error { return x.fresh.Start(ctx) }},
		{"scan session", func(ctx context.Context, x things) error { _, err := x.m.reconnect(ctx); return err }},
		{"watch session", func(ctx context.Context, x things) error { _, err := x.m.reconnect(ctx); return err }},
		{"scan session", func(ctx context.Context, x things) error {
			changes := make(chan store.Change, 1)
			changes <- store.Change{Reset: true}
			return x.m.drain(ctx, feed{changes: changes})
		}},
	} {
		for _, cause := range []error{errBroken, store.ErrClosed} {
			t.Run(tt.call+" "+cause.Error(), func(t *testing.T) {
				b, f, _, manager := faultyBench(t)
				x := things{m: manager(), fresh: manager(), another: b.session("alice")}
				x.parent = b.create(x.m, "alice")
				x.program = b.program(x.m, x.parent)
				x.another.Form, x.another.Parent = FormProgram, x.parent.ID
				f.fail(tt.call, cause)
				err := tt.do(t.Context(), x)
				if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, cause) || errors.Is(err, ErrNone) {
					t.Fatalf("%v, want ErrUnavailable with its cause", err)
				}
				if first, _, _ := strings.Cut(err.Error(), "\n"); strings.Count(first, store.ErrUnavailable.Error()) != 1 {
					t.Errorf("%q, want the sentinel said once", err)
				}
			})
		}
	}
}

func TestAProgramsParentThatCannotBeReadDecides(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*bench, *Session)
		fault error
		want  error
	}{
		{"store down", func(*bench, *Session) {}, errBroken, store.ErrUnavailable},
		{"does not open", func(*bench, *Session) {}, store.ErrUnreadable, ErrNone},
		{"damaged", func(b *bench, parent *Session) {
			r := store.Record{Kind: KindSession, Key: parent.ID, Value: []byte("{"), Expires: parent.Expires}
			if _, err := b.store.Put(b.t.Context(), r, store.Any); err != nil {
				b.t.Fatal(err)
			}
		}, nil, ErrNone},
		{"ran out of time", func(b *bench, parent *Session) {
			if err := b.store.Delete(b.t.Context(), KindSession, parent.ID); err != nil {
				b.t.Fatal(err)
			}
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, f, _, manager := faultyBench(t)
			m := manager()
			parent := b.create(m, "alice")
			program := b.program(m, parent)
			tt.spoil(b, parent)
			f.fail("get session", tt.fault)
			if err := m.checkParent(t.Context(), parent.ID); !errors.Is(err, tt.want) {
				t.Errorf("checkParent = %v, want %v", err, tt.want)
			}
			f.fail("", nil)
			if tt.want != nil && tt.fault != nil {
				return // the same call would fail for the program itself
			}
			if s, err := b.manager().Get(t.Context(), program.ID); !errors.Is(err, tt.want) {
				t.Errorf("Get of the program = %+v, %v; want %v", s, err, tt.want)
			}
		})
	}
}

func TestUpdateGivesUpWhenOthersAreAlwaysFaster(t *testing.T) {
	b, f, _, manager := faultyBench(t)
	m := manager()
	s := b.create(m, "alice")
	f.fail("put session", fmt.Errorf("%w: version 7", store.ErrConflict))
	got, err := m.Update(t.Context(), s.ID, func(*Session) error { return nil })
	if got != nil || !errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update = %+v, %v; want ErrConflict", got, err)
	}
	if n := f.count("put session"); n != updateTries {
		t.Errorf("%d tries, want %d", n, updateTries)
	}
}

func TestClaimsThatCannotBeStoredAreAnError(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	bad := b.session("bob")
	bad.Subject.Claims["f"] = func() {}
	if made, err := m.Create(t.Context(), bad); err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Create = %+v, %v; want an error that does not blame the store", made, err)
	}
	got, err := m.Update(t.Context(), s.ID, func(s *Session) error { s.Subject.Claims["f"] = func() {}; return nil })
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update = %+v, %v; want an error that does not blame the store", got, err)
	}
	if got := wantLive(t, b.manager(), s.ID); got.Version != s.Version {
		t.Errorf("version %d in the store, want %d: nothing was to be written", got.Version, s.Version)
	}
}

func TestStartThatFailedMayBeTriedAgainAndLeavesNoFeed(t *testing.T) {
	b, f, _, manager := faultyBench(t)
	m := manager()
	told := onEnd(m)
	f.fail("scan session", errBroken)
	if err := m.Start(t.Context()); err == nil {
		t.Fatal("Start of a manager whose store cannot be read succeeded")
	}
	f.fail("", nil)
	b.start(m)
	s := b.create(m, "alice")
	if err := b.manager().End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{s.ID, EndRevoked}) {
		t.Errorf("told of %+v, want the end at another replica", got)
	}
}

func TestStopWritesUsesOrSaysWhyNot(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := onEnd(m)
	s, other := b.create(m, "alice"), b.create(m, "bob")
	b.clock.Advance(time.Minute)
	m.Touch(s)
	b.store.broken.Store(true)
	if err := m.Stop(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("Stop = %v, want the store's error: a use was not written", err)
	}
	if err := m.Stop(t.Context()); err != nil {
		t.Errorf("second Stop = %v, want nil", err)
	}
	b.store.broken.Store(false)
	// It follows no more, so it tells of its own ends itself, once.
	if err := b.manager().End(t.Context(), other.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{s.ID, EndSignedOut}) {
		t.Errorf("told of %+v after Stop, want its own end alone", got)
	}
	told.none(t)
	if len(m.own) != 0 {
		t.Errorf("%d ends left to a feed that has ended, want none", len(m.own))
	}
}

func TestRecordThatDoesNotOpenIsDeletedByItsEnd(t *testing.T) {
	b, f, log, manager := faultyBench(t)
	m := manager()
	told := onEnd(m)
	s := b.create(m, "alice")
	f.fail("get session", store.ErrUnreadable)
	wantGone(t, manager(), s.ID)
	if !log.has("does not open") {
		t.Error("the log says nothing of a record that does not open")
	}
	f.errs["delete session"] = errBroken
	if err := m.End(t.Context(), s.ID, EndRevoked); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("End = %v, want ErrUnavailable: the record stands", err)
	}
	if got := told.next(t); got != (ended{s.ID, EndRevoked}) {
		t.Errorf("told of %+v, want the end", got)
	}
	delete(f.errs, "delete session")
	m.retryEnds(t.Context())
	told.none(t)
	if _, err := b.store.Store.Get(t.Context(), KindSession, s.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("record: %v, want it deleted", err)
	}
	// One that nobody here knew is news when it is deleted.
	stranger := b.create(b.manager(), "bob")
	if err := m.End(t.Context(), stranger.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if got := told.next(t); got != (ended{stranger.ID, EndRevoked}) {
		t.Errorf("told of %+v, want the end of what did not open", got)
	}
}

// A program known here is refused with its parent even if the store cannot say
// which programs there are.
func TestProgramsAreRefusedWhenTheIndexCannotBeRead(t *testing.T) {
	b, f, _, manager := faultyBench(t)
	m := manager()
	parent, stranger := b.create(m, "alice"), b.create(m, "alice")
	program, others := b.program(m, parent), b.program(m, stranger)
	f.fail("scan session-child", errBroken)
	if err := m.End(t.Context(), parent.ID, EndRevoked); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("End = %v, want ErrUnavailable", err)
	}
	wantGone(t, m, program.ID)
	wantLive(t, m, others.ID)
}

func TestUnreadableRecordsAreCountedInTheLog(t *testing.T) {
	b, _, log, manager := faultyBench(t)
	m := manager()
	s := b.create(m, "alice")
	if err := m.catchUp(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if log.has("cannot be read") {
		t.Error("the log tells of unreadable records where there are none")
	}
	for _, id := range []string{s.ID, newID()} {
		r := store.Record{Kind: KindSession, Key: id, Value: []byte("{"), Expires: s.Expires}
		if _, err := b.store.Put(t.Context(), r, store.Any); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.catchUp(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if !log.has("records=2") {
		t.Error("the log does not say that 2 records cannot be read")
	}
	wantGone(t, m, s.ID)
	if !log.has("session record cannot be read") {
		fresh := manager()
		wantGone(t, fresh, s.ID)
		if !log.has("session record cannot be read") {
			t.Error("the log says nothing of the record that was asked for")
		}
	}
}
