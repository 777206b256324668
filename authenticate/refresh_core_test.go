package authenticate

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/idp"
	"sallyport/session"
	"sallyport/store"
	"sallyport/store/memory"
)

// newCore is a world without its servers: sessions, a store and providers.
func newCore(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), log: new(syncBuffer), registry: prometheus.NewRegistry()}
	w.faults = &faultyStore{Store: memory.New(memory.Options{Now: w.clock.now})}
	w.store = w.faults
	w.sessions = w.newManager(w.store)
	w.idp, w.second = newFakeProvider(w, "main"), newFakeProvider(w, "second")
	return w
}

// signedIn makes a session as a sign-in would; change may alter it before.
func (w *world) signedIn(change func(*session.Session)) *session.Session {
	w.t.Helper()
	now := w.clock.now()
	ss := session.Session{Form: session.FormBrowser, Created: now, Expires: now.Add(14 * time.Hour), LastUsed: now, Refreshed: now}
	w.idp.locked(func() { ss.Subject, ss.Tokens = w.idp.subject("alice"), w.idp.tokens("alice") })
	if change != nil {
		change(&ss)
	}
	made, err := w.sessions.Create(context.Background(), ss)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// program makes a session of a program that acts for parent.
func (w *world) program(parent *session.Session) *session.Session {
	return w.signedIn(func(ss *session.Session) {
		ss.Form, ss.Parent, ss.Host, ss.Subject, ss.Tokens = session.FormProgram, parent.ID, wiki, parent.Subject, idp.Tokens{}
	})
}

func (w *world) again(ss *session.Session) *session.Session {
	w.t.Helper()
	now, err := w.sessions.Get(context.Background(), ss.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

// hookedStore lets a test step in before a write and before a lease changes.
type hookedStore struct {
	store.Store
	put      func(store.Record) error
	acquire  func() error
	release  func() error
	acquired atomic.Int64
}

func (h *hookedStore) Put(ctx context.Context, r store.Record, e store.Expect) (store.Record, error) {
	if h.put != nil {
		if err := h.put(r); err != nil {
			return store.Record{}, err
		}
	}
	return h.Store.Put(ctx, r, e)
}

func (h *hookedStore) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (uint64, bool, error) {
	h.acquired.Add(1)
	if h.acquire != nil {
		if err := h.acquire(); err != nil {
			return 0, false, err
		}
	}
	return h.Store.Acquire(ctx, name, holder, ttl)
}

func (h *hookedStore) Release(ctx context.Context, name, holder string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if h.release != nil {
		if err := h.release(); err != nil {
			return err
		}
	}
	return h.Store.Release(ctx, name, holder)
}

// queued empties the queue of the workers.
func (f *Refresher) queued() (ids []string) {
	for len(f.queue) > 0 {
		id := <-f.queue
		f.busy.Delete(id)
		ids = append(ids, id)
	}
	return ids
}
