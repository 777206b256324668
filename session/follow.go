package session

import (
	"context"
	"time"

	"sallyport/store"
)

// reconnectAfter is how long to wait before asking a lost store for its feed.
const reconnectAfter = time.Second

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
