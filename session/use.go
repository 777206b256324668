package session

import (
	"context"
	"time"

	"sallyport/store"
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

// flush writes down the uses that the store does not have, in batches. What
// fails is kept for the next flush. A use is no part of the session's record:
// one that is written late brings no ended session back.
func (m *Manager) flush(ctx context.Context) error {
	var batch []store.Record
	var done []func()
	write := func() error {
		if err := m.store.PutAll(ctx, batch); err != nil {
			return err
		}
		for _, f := range done {
			f()
		}
		batch, done = batch[:0], done[:0]
		return nil
	}
	add := func(id string, u use, after func()) error {
		batch, done = append(batch, encodeUse(id, u)), append(done, after)
		if len(batch) < flushBatch {
			return nil
		}
		return write()
	}
	for id, u := range m.pendingUses() {
		if err := add(id, u, func() { m.settle(id, u) }); err != nil {
			return err
		}
	}
	for _, e := range m.view.all() {
		if !e.dirty() {
			continue
		}
		s, at := e.session.Load(), e.used.Load()
		if err := add(s.ID, use{at, s.Expires}, func() { raise(&e.written, at) }); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return write()
}

func (m *Manager) pendingUses() map[string]use {
	m.mu.Lock()
	defer m.mu.Unlock()
	uses := make(map[string]use, len(m.pending))
	for id, u := range m.pending {
		uses[id] = u
	}
	return uses
}

func (m *Manager) settle(id string, written use) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending[id].at == written.at {
		delete(m.pending, id)
	}
}

// sweep drops expired sessions from the view and ends idle ones, unless others
// may have used them without our learning of it.
func (m *Manager) sweep(ctx context.Context) {
	now, idle := m.now(), m.idle()
	if m.feedDown.Load() || m.storeDown.Load() {
		idle = 0
	}
	ended := 0
	for _, e := range m.view.all() {
		s := e.session.Load()
		switch {
		case !now.Before(s.Expires):
			m.expire(s)
		case idle > 0 && now.Sub(time.Unix(0, e.used.Load())) >= idle+idleSlack && ended < idleBatch && ctx.Err() == nil:
			ended++
			if err := m.End(ctx, s.ID, EndIdle); err != nil {
				m.logger.Warn("cannot end an idle session; it is refused here all the same", "err", err)
				return
			}
		}
	}
}

// expire drops s from the view if it is still the one there: the store forgets
// it by itself.
func (m *Manager) expire(s *Session) {
	m.mu.Lock()
	e := m.view.find(s.ID)
	over := e != nil && e.session.Load() == s
	if over {
		m.view.remove(s.ID)
	}
	m.mu.Unlock()
	if over {
		m.tell(s.ID, EndExpired)
	}
}
