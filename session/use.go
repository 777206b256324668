package session

import (
	"time"
)

const (
	// touchGrain is how exactly use is known: touching a session again within it
	// changes nothing, so that parallel requests do not fight over a word.
	touchGrain = time.Second
	// flushBatch is how many uses go into one transaction.
	flushBatch = 256
	// idleSlack is how much longer than the timeout a session must have been idle
	// before it is ended for good: another replica may have seen it used and not
	// yet have written that down.
	idleSlack = 2 * flushEvery
	// pendingBound is how many uses outside the view may wait for the next flush
	// without calling for one.
	pendingBound = 8192
	// idleBatch is how many idle sessions one sweep ends at most.
	idleBatch = 256
)

// use is a moment at which a session was used, in nanoseconds since 1970.
type use struct {
	at      int64
	expires time.Time // of the session
}

// Touch notes that s was used now. It costs a look-up and an atomic store; the
// store learns of it within a minute.
func (m *Manager) Touch(s *Session) {
	now := m.now().UnixNano()
	if e := m.view.find(s.ID); e != nil {
		if now-e.used.Load() >= int64(touchGrain) {
			raise(&e.used, now)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pend(s, now)
}

// pend keeps a use of a session that is not in the view until the next flush;
// the caller holds mu.
func (m *Manager) pend(s *Session, at int64) {
	if p := m.pending[s.ID]; p.at >= at {
		return
	}
	m.pending[s.ID] = use{at: at, expires: s.Expires}
	if len(m.pending) >= pendingBound {
		select {
		case m.full <- struct{}{}:
		default:
		}
	}
}

// LastUsed returns when s was last used, as far as is known here.
func (m *Manager) LastUsed(s *Session) time.Time {
	var at int64
	if e := m.view.find(s.ID); e != nil {
		at = e.used.Load()
	} else {
		m.mu.Lock()
		at = m.pending[s.ID].at
		m.mu.Unlock()
	}
	return later(s.LastUsed, at)
}

// Check reports whether s is over at now: ErrExpired, ErrIdle or nil. Ask it
// before Touch.
func (m *Manager) Check(s *Session, now time.Time) error {
	if !now.Before(s.Expires) {
		return ErrExpired
	}
	if idle := m.idle(); idle > 0 && now.Sub(m.LastUsed(s)) >= idle {
		return ErrIdle
	}
	return nil
}
