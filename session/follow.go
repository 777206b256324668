package session

import (
	"context"
	"errors"
	"time"

	"sallyport/store"
)

// reconnectAfter is how long to wait before asking a lost store for its feed.
const reconnectAfter = time.Second

// probeEvery is how often the store is asked whether it is there: often enough
// that the revocation bound means what it says.
func probeEvery(bound time.Duration) time.Duration {
	return min(max(bound/3, time.Second), 5*time.Second)
}

// feed is one watch of the store and how to end it.
type feed struct {
	changes <-chan store.Change
	cancel  context.CancelFunc
}

func (m *Manager) watch(ctx context.Context) (feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	changes, err := m.store.Watch(ctx, KindSession, kindUse)
	if err != nil {
		cancel()
		return feed{}, unavailable(err)
	}
	return feed{changes, cancel}, nil
}

// follow applies the feed until ctx ends. When the feed is lost it gets a new
// one; until then the view is trusted for the revocation bound only.
func (m *Manager) follow(ctx context.Context, f feed) {
	for {
		err := m.drain(ctx, f)
		f.cancel()
		if ctx.Err() != nil {
			return
		}
		m.feedDown.Store(true)
		m.logger.Warn("store's feed of sessions is lost; sessions in memory are served for a while", "err", err, "revocation_bound", m.bound)
		for again := true; again; again = err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(reconnectAfter):
			}
			f, err = m.reconnect(ctx)
		}
		m.lastGood.Store(m.now().UnixNano())
		m.feedDown.Store(false)
		m.logger.Info("store's feed of sessions is back")
	}
}

// reconnect watches anew and then brings the view up to date: changes that come
// during the scan wait in the feed.
func (m *Manager) reconnect(ctx context.Context) (feed, error) {
	f, err := m.watch(ctx)
	if err != nil {
		return feed{}, err
	}
	if err := m.catchUp(ctx, true); err != nil {
		f.cancel()
		return feed{}, err
	}
	return f, nil
}

// drain applies changes until the feed ends or cannot be trusted any more.
func (m *Manager) drain(ctx context.Context, f feed) error {
	for c := range f.changes {
		if !c.Reset {
			m.apply(c)
			continue
		}
		if err := m.catchUp(ctx, true); err != nil {
			return err
		}
	}
	return store.ErrClosed
}

// apply takes one change of the feed into the view.
func (m *Manager) apply(c store.Change) {
	id := c.Record.Key
	if c.Record.Kind == kindUse {
		if e := m.view.find(id); e != nil && !c.Deleted {
			at := decodeUse(c.Record)
			raise(&e.used, at) // first, or it looks as if there were something to write
			raise(&e.written, at)
		}
		return
	}
	if c.Deleted {
		m.applyEnd(id, EndRevoked)
		return
	}
	s, ended, err := decode(c.Record)
	switch {
	case err != nil:
		m.logger.Warn("session in the feed cannot be read; it counts as none", "err", err)
		m.applyEnd(id, EndRevoked)
	case ended != "":
		m.applyEnd(id, ended)
	default:
		m.mu.Lock()
		m.replace(s)
		m.mu.Unlock()
	}
}

func (m *Manager) applyEnd(id string, why EndReason) {
	m.mu.Lock()
	m.drop(id)
	_, told := m.own[id]
	delete(m.own, id)
	m.mu.Unlock()
	if !told {
		m.tell(id, why)
	}
}

// catchUp compares the view with the whole store: it learns new versions, fills
// up with live sessions, and drops and tells of those that ended unseen. What
// changes meanwhile is left to whoever changes it.
func (m *Manager) catchUp(ctx context.Context, tell bool) error {
	uses, err := m.scanUses(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.rescan = make(map[string]struct{})
	clear(m.own)
	m.mu.Unlock()
	live, ended, err := m.scan(ctx, uses)

	m.mu.Lock()
	changed := m.rescan
	m.rescan = nil
	if err != nil {
		m.mu.Unlock()
		return err
	}
	for _, e := range m.view.all() {
		s := e.session.Load()
		_, lives := live[s.ID]
		_, known := ended[s.ID]
		switch {
		case lives || known:
		case !m.now().Before(s.Expires):
			ended[s.ID] = EndExpired
		default:
			ended[s.ID] = EndRevoked
		}
	}
	for id := range ended {
		if _, ok := changed[id]; ok {
			delete(ended, id)
			continue
		}
		m.drop(id)
	}
	m.mu.Unlock()
	for id, why := range ended {
		if tell {
			m.tell(id, why)
		}
	}
	return nil
}

// scan reads all sessions: the live ones go into the view while there is room,
// the ended ones are returned with their reasons.
func (m *Manager) scan(ctx context.Context, uses map[string]int64) (live map[string]struct{}, ended map[string]EndReason, err error) {
	live, ended = make(map[string]struct{}), make(map[string]EndReason)
	unreadable := 0
	err = m.store.Scan(ctx, KindSession, "", func(r store.Record) error {
		s, why, err := decode(r)
		switch {
		case err != nil:
			unreadable++
		case why != "":
			ended[r.Key] = why
		default:
			live[r.Key] = struct{}{}
			m.takeScanned(s, uses[r.Key])
		}
		return nil
	})
	if unreadable > 0 {
		m.logger.Warn("session records cannot be read; they count as none", "records", unreadable)
	}
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return live, ended, nil
}

func (m *Manager) takeScanned(s *Session, written int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, changed := m.rescan[s.ID]
	_, refused := m.refused[s.ID]
	if changed || refused || !m.view.hasRoom(s.ID) {
		return
	}
	s.LastUsed = later(s.LastUsed, written)
	m.admit(s, written)
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
