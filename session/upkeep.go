package session

import (
	"context"
	"errors"
	"time"

	"sallyport/store"
)

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

// probeEvery is how often the store is asked whether it is there: often enough
// that the revocation bound means what it says.
func probeEvery(bound time.Duration) time.Duration {
	return min(max(bound/3, time.Second), 5*time.Second)
}

// probe asks the store a question whose answer is known.
func (m *Manager) probe(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	_, err := m.store.Get(short, KindSession, "probe")
	if ctx.Err() != nil {
		return
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		if !m.storeDown.Swap(true) {
			m.logger.Warn("store does not answer; sessions in memory are served for a while", "err", err, "revocation_bound", m.bound)
		}
		return
	}
	if !m.feedDown.Load() {
		m.lastGood.Store(m.now().UnixNano())
	}
	if m.storeDown.Swap(false) {
		m.logger.Info("store answers again")
	}
}
