package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/store"
	"sallyport/store/memory"
	"sallyport/store/storetest"
)

// fragile is a store whose calls a test can count, hold up and break.
type fragile struct {
	store.Store
	broken  atomic.Bool
	gets    atomic.Int32 // of session records
	written atomic.Int32 // records in PutAll

	mu       sync.Mutex
	afterGet func() // runs once, after the next Get of a session record
	afterPut func() // runs once, after the next Put of a session record
	lose     context.CancelFunc
}

var errBroken = errors.New("connection refused")

// unindexed compares sessions without what only makes them faster.
var unindexed = cmpopts.IgnoreUnexported(identity.Subject{})

func (f *fragile) once(hook *func()) {
	f.mu.Lock()
	run := *hook
	*hook = nil
	f.mu.Unlock()
	if run != nil {
		run()
	}
}

func (f *fragile) Get(ctx context.Context, kind store.Kind, key string) (store.Record, error) {
	if f.broken.Load() {
		return store.Record{}, errBroken
	}
	r, err := f.Store.Get(ctx, kind, key)
	if kind == KindSession {
		f.gets.Add(1)
		f.once(&f.afterGet)
	}
	return r, err
}

func (f *fragile) Put(ctx context.Context, r store.Record, expect store.Expect) (store.Record, error) {
	if f.broken.Load() {
		return store.Record{}, errBroken
	}
	r, err := f.Store.Put(ctx, r, expect)
	if r.Kind == KindSession {
		f.once(&f.afterPut)
	}
	return r, err
}

func (f *fragile) PutAll(ctx context.Context, rs []store.Record) error {
	if f.broken.Load() {
		return errBroken
	}
	f.written.Add(int32(len(rs)))
	return f.Store.PutAll(ctx, rs)
}

func (f *fragile) Scan(ctx context.Context, kind store.Kind, prefix string, fn func(store.Record) error) error {
	if f.broken.Load() {
		return errBroken
	}
	return f.Store.Scan(ctx, kind, prefix, fn)
}

func (f *fragile) Watch(ctx context.Context, kinds ...store.Kind) (<-chan store.Change, error) {
	if f.broken.Load() {
		return nil, errBroken
	}
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	f.lose = cancel
	f.mu.Unlock()
	return f.Store.Watch(ctx, kinds...)
}

// bench is a store with a clock and managers over it.
type bench struct {
	t     testing.TB
	clock *storetest.Clock
	store *fragile
}

func newBench(t testing.TB) *bench {
	clock := storetest.NewClock()
	return &bench{t: t, clock: clock, store: &fragile{Store: memory.New(memory.Options{Now: clock.Now})}}
}

// manager returns one that does not follow the store: what it sees of others it
// sees by asking.
func (b *bench) manager(change ...func(*Options)) *Manager {
	b.t.Helper()
	o := Options{Store: b.store, Now: b.clock.Now, RevocationBound: 30 * time.Second}
	for _, f := range change {
		f(&o)
	}
	m, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *bench) start(m *Manager) *Manager {
	b.t.Helper()
	if err := m.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { m.Stop(context.Background()) })
	return m
}

// ends gathers what OnEnd tells.
type ends chan ended

type ended struct {
	ID  string
	Why EndReason
}

func onEnd(m *Manager) ends {
	c := make(ends, 1000)
	m.OnEnd(func(id string, why EndReason) { c <- ended{id, why} })
	return c
}

// next waits for one end; the bound only ends a test that has failed anyway.
func (c ends) next(t *testing.T) ended {
	t.Helper()
	select {
	case e := <-c:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("no end told within 20 s")
	}
	panic("unreachable")
}

func (c ends) none(t *testing.T) {
	t.Helper()
	select {
	case e := <-c:
		t.Errorf("told of end %+v, expected none", e)
	default:
	}
}

func (b *bench) session(subject string) Session {
	return Session{
		Subject: identity.Subject{
			Issuer: "https://example.okta.com", ID: subject, ClientID: "client", Email: subject + "@example.com",
			Claims: identity.Claims{"groups": []any{"a", "b"}, "n": 1.5, "nested": map[string]any{"x": nil}},
		},
		Expires: b.clock.Now().Add(14 * time.Hour),
		Tokens:  idp.Tokens{Access: "access-secret", Refresh: "refresh-secret", ID: "id-secret"},
	}
}

func (b *bench) create(m *Manager, subject string) *Session {
	b.t.Helper()
	return b.createFrom(m, b.session(subject))
}

func (b *bench) createFrom(m *Manager, s Session) *Session {
	b.t.Helper()
	made, err := m.Create(b.t.Context(), s)
	if err != nil {
		b.t.Fatalf("Create: %v", err)
	}
	return made
}

func wantLive(t *testing.T, m *Manager, id string) *Session {
	t.Helper()
	s, err := m.Get(t.Context(), id)
	if err != nil || s.ID != id {
		t.Fatalf("Get = %+v, %v; want the session", s, err)
	}
	return s
}

func wantGone(t *testing.T, m *Manager, id string) {
	t.Helper()
	if s, err := m.Get(t.Context(), id); !errors.Is(err, ErrNone) {
		t.Fatalf("Get = %+v, %v; want ErrNone", s, err)
	}
}

func wantUnavailable(t *testing.T, m *Manager, id string) {
	t.Helper()
	if s, err := m.Get(t.Context(), id); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrNone) {
		t.Fatalf("Get = %+v, %v; want ErrUnavailable", s, err)
	}
}
