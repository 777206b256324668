package session

import (
	"context"
	"errors"
	"fmt"

	"sallyport/store"
)

// Get returns the session of that id: from the view, else from the store, which
// is asked once however many wait. ErrNone (ErrExpired where that is known)
// means that there is no such session; store.ErrUnavailable means that nobody
// can tell at this moment. Whether it has been idle for too long is for Check.
func (m *Manager) Get(ctx context.Context, id string) (*Session, error) {
	if s := m.known(id); s != nil {
		if !m.now().Before(s.Expires) {
			return nil, ErrExpired
		}
		return s, nil
	}
	if len(id) != idLen {
		return nil, ErrNone
	}
	return m.load(ctx, id)
}

// known returns the session in the view, if there is one to be trusted.
func (m *Manager) known(id string) *Session {
	if e := m.view.find(id); e != nil && m.trusted() {
		return e.session.Load()
	}
	return nil
}

// trusted reports whether the view is as good as the store: it is while the feed
// tells of revocations, and for the revocation bound after that was last so.
func (m *Manager) trusted() bool {
	if !m.feedDown.Load() && !m.storeDown.Load() {
		return true
	}
	return m.now().UnixNano()-m.lastGood.Load() < int64(m.bound)
}

// Trusted reports whether sessions in memory are as good as those of the store.
// Where they are not, every look-up asks the store, and nobody is told any more
// of what ends elsewhere: whoever holds on to a session has to ask again.
func (m *Manager) Trusted() bool { return m.trusted() }

// flight is one question to the store that any number of callers wait for.
type flight struct {
	done    chan struct{}
	stale   bool // something changed since the question was asked; under Manager.mu
	session *Session
	err     error
}

func (m *Manager) load(ctx context.Context, id string) (*Session, error) {
	m.mu.Lock()
	if _, refused := m.refused[id]; refused || m.gone.has(id, m.now()) {
		m.mu.Unlock()
		return nil, ErrNone
	}
	if s := m.known(id); s != nil { // somebody else's question was just answered
		m.mu.Unlock()
		return s, nil
	}
	f := m.flights[id]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		m.flights[id] = f
		// The question outlives the caller who asked first: others wait too.
		go m.fly(context.WithoutCancel(ctx), id, f)
	}
	m.mu.Unlock()
	select {
	case <-f.done:
		return f.session, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: gave up on a session: %w", store.ErrUnavailable, ctx.Err())
	}
}

func (m *Manager) fly(ctx context.Context, id string, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	for {
		s, written, err := m.read(ctx, id)
		if m.land(id, f, s, written, err) {
			close(f.done)
			return
		}
	}
}

// land takes what was read into the view, unless it may be out of date already:
// then the store is to be asked again.
func (m *Manager) land(id string, f *flight, s *Session, written int64, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.stale && (err == nil || errors.Is(err, ErrNone)) {
		f.stale = false
		return false
	}
	delete(m.flights, id)
	if _, refused := m.refused[id]; refused {
		s, err = nil, ErrNone
	}
	f.session, f.err = s, err
	switch {
	case err == nil:
		m.admit(s, written)
		if m.rescan != nil { // a scan under way may have begun before it was made
			m.rescan[id] = struct{}{}
		}
	case errors.Is(err, ErrNone):
		m.gone.add(id, m.now())
	}
	return true
}

// admit puts s into the view; the caller holds mu. What is known of its use is
// kept, be it in the view, pending or in the store.
func (m *Manager) admit(s *Session, written int64) {
	written = max(written, s.LastUsed.UnixNano())
	if e := m.view.find(s.ID); e != nil {
		if e.session.Load().Version < s.Version {
			e.keep(s)
		}
		raise(&e.used, written)
		raise(&e.written, written)
		return
	}
	used := max(written, m.pending[s.ID].at)
	delete(m.pending, s.ID)
	if evicted := m.view.insert(newEntry(s, used, written)); evicted != nil && evicted.dirty() {
		m.pend(evicted.session.Load(), evicted.used.Load())
	}
}

// read asks the store for a session and when it was used.
func (m *Manager) read(ctx context.Context, id string) (s *Session, written int64, err error) {
	s, err = m.fetch(ctx, id)
	if err == nil && s.Parent != "" {
		err = m.checkParent(ctx, s.Parent)
	}
	if err != nil {
		return nil, 0, err
	}
	switch r, err := m.store.Get(ctx, kindUse, id); {
	case err == nil:
		written = decodeUse(r)
	case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable):
		return nil, 0, unavailable(err)
	}
	s.LastUsed = later(s.LastUsed, written)
	return s, written, nil
}

// checkParent catches the program whose parent's end was cut short by the death
// of a process before it came to its programs.
func (m *Manager) checkParent(ctx context.Context, parent string) error {
	r, err := m.store.Get(ctx, KindSession, parent)
	switch {
	case errors.Is(err, store.ErrNotFound): // it ran out of time
		return nil
	case errors.Is(err, store.ErrUnreadable):
		return ErrNone
	case err != nil:
		return unavailable(err)
	}
	if _, ended, err := decode(r); err != nil || takesPrograms(ended) {
		return ErrNone
	}
	return nil
}

// fetch asks the store for a live session. One that cannot be read, because its
// key is gone or the disk was tampered with, is none.
func (m *Manager) fetch(ctx context.Context, id string) (*Session, error) {
	r, err := m.store.Get(ctx, KindSession, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNone
	case errors.Is(err, store.ErrUnreadable):
		m.logger.Warn("session record does not open; it counts as none", "err", err)
		return nil, ErrNone
	case err != nil:
		return nil, unavailable(err)
	}
	s, ended, err := decode(r)
	switch {
	case err != nil:
		m.logger.Warn("session record cannot be read; it counts as none", "err", err)
		return nil, ErrNone
	case ended != "":
		return nil, ErrNone
	}
	return s, nil
}

// unavailable makes err one that says nothing about a session, whatever the
// engine called it.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
