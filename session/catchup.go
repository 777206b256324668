package session

import (
	"context"

	"sallyport/store"
)

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
		case lives && takesPrograms(ended[s.Parent]):
			ended[s.ID] = ended[s.Parent] // by an end that was cut short
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
