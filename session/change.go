package session

import (
	"context"
	"errors"
	"fmt"

	"sallyport/store"
)

// updateTries bounds how often Update starts over because others write the same
// session.
const updateTries = 16

// Create stores a new session made of s and returns it with ID and Version. The
// ID that s has is not used: every sign-in gets a fresh one. Created and LastUsed
// default to now; Expires must be ahead. For a program's session whose parent
// has ended it returns ErrNone.
func (m *Manager) Create(ctx context.Context, s Session) (*Session, error) {
	now := m.now()
	if !s.Expires.After(now) {
		return nil, fmt.Errorf("create session that expires at %s, expected a time after %s", s.Expires, now)
	}
	s.ID = newID()
	if s.Form == "" {
		s.Form = FormBrowser
	}
	if s.Created.IsZero() {
		s.Created = now
	}
	if s.LastUsed.IsZero() {
		s.LastUsed = now
	}
	if s.Parent != "" {
		// The index comes first: if the parent ends from here on, it finds the child.
		child := store.Record{Kind: kindChild, Key: s.Parent + "/" + s.ID, Expires: s.Expires}
		if _, err := m.store.Put(ctx, child, store.Any); err != nil {
			return nil, fmt.Errorf("create session: %w", unavailable(err))
		}
	}
	r, err := encode(&s)
	if err != nil {
		return nil, err
	}
	if _, err := m.store.Put(ctx, r, store.Absent); err != nil {
		return nil, fmt.Errorf("create session: %w", unavailable(err))
	}
	if s.Parent != "" {
		if err := m.underLiveParent(ctx, &s); err != nil {
			return nil, err
		}
	}
	// Reading it back gives what every later reader gets, and cannot bring it back
	// into the view if somebody has ended it in between.
	return m.load(ctx, s.ID)
}

// underLiveParent ends s if its parent has ended before it could find s.
func (m *Manager) underLiveParent(ctx context.Context, s *Session) error {
	_, err := m.fetch(ctx, s.Parent)
	if err == nil && !m.isRefused(s.Parent) {
		return nil
	}
	if err == nil {
		err = ErrNone
	}
	return errors.Join(fmt.Errorf("parent of session: %w", err), m.End(ctx, s.ID, EndSignedOut))
}

// Update has change alter a fresh copy of the session and stores it, and starts
// over when somebody else was faster; change may run several times and must not
// keep what it is given. ID, Form and Parent stay as they are. An error of
// change is returned as it is and nothing is stored. ErrNone: it has ended.
func (m *Manager) Update(ctx context.Context, id string, change func(*Session) error) (*Session, error) {
	for range updateTries {
		s, err := m.tryUpdate(ctx, id, change)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return s, err
	}
	return nil, fmt.Errorf("update session: %w %d times in a row", store.ErrConflict, updateTries)
}

func (m *Manager) tryUpdate(ctx context.Context, id string, change func(*Session) error) (*Session, error) {
	if m.isRefused(id) || len(id) != idLen {
		return nil, ErrNone
	}
	s, err := m.fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	s.LastUsed = m.LastUsed(s)
	fixed := *s
	if err := change(s); err != nil {
		return nil, err
	}
	s.ID, s.Form, s.Parent = fixed.ID, fixed.Form, fixed.Parent
	r, err := encode(s)
	if err != nil {
		return nil, err
	}
	written, err := m.store.Put(ctx, r, store.Is(fixed.Version))
	if err != nil {
		return nil, fmt.Errorf("update session: %w", unavailable(err))
	}
	if s, _, err = decode(written); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replace(s)
	return s, nil
}

// replace puts s in the place of an older version in the view; the caller holds
// mu. It never inserts: whoever is not there may have ended, and the next Get
// asks the store.
func (m *Manager) replace(s *Session) {
	m.note(s.ID)
	m.gone.remove(s.ID)
	if e := m.view.find(s.ID); e != nil && e.session.Load().Version < s.Version {
		e.keep(s)
	}
}

// note tells whoever is reading the store at this moment that what they read of
// id may be out of date; the caller holds mu.
func (m *Manager) note(id string) {
	if f := m.flights[id]; f != nil {
		f.stale = true
	}
	if m.rescan != nil {
		m.rescan[id] = struct{}{}
	}
}

func (m *Manager) isRefused(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, refused := m.refused[id]
	return refused
}
