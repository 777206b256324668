package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/store"
)

// End ends the session, whoever holds it, and the programs' sessions made from
// it. It is effective here when it returns, whatever it returns, and at other
// replicas when the feed has told them. That there is no such session is no
// error. An error means that the end is not durable yet: it is tried again in the
// background, and End may be called again. A session that merely ran out of time
// leaves its programs theirs.
func (m *Manager) End(ctx context.Context, id string, why EndReason) error {
	if len(id) != idLen {
		return nil
	}
	// An end goes on when whoever asked for it hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	m.expectOwn(id)
	ended, err := m.writeEnd(ctx, id, why)
	if m.settleEnd(id, why, ended, err) {
		m.tell(id, why)
	}
	if err != nil {
		err = fmt.Errorf("end session: %w", err)
	}
	if why == EndIdle || why == EndExpired {
		return err
	}
	return errors.Join(err, m.endChildren(ctx, id, why))
}

// expectOwn has the feed leave it to End to tell of this end.
func (m *Manager) expectOwn(id string) {
	if !m.following.Load() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.own[id] = struct{}{}
}

// writeEnd puts a stub in the place of the session, over any version: an end
// wins against every other write. ended is false when there was nothing to end.
func (m *Manager) writeEnd(ctx context.Context, id string, why EndReason) (ended bool, err error) {
	standing, err := m.store.Get(ctx, KindSession, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case errors.Is(err, store.ErrUnreadable):
		if err := m.store.Delete(ctx, KindSession, id); err != nil {
			return false, unavailable(err)
		}
		return true, nil
	case err != nil:
		return false, unavailable(err)
	}
	if _, already, _ := decode(standing); already != "" {
		return false, nil
	}
	stub, err := encodeStub(id, why, standing.Expires)
	if err != nil {
		return false, err
	}
	if _, err := m.store.Put(ctx, stub, store.Any); err != nil {
		return false, unavailable(err)
	}
	return true, nil
}

// settleEnd makes the end effective here and reports whether it is to be told.
func (m *Manager) settleEnd(id string, why EndReason, ended bool, err error) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.drop(id)
	if !ended {
		delete(m.own, id)
	}
	_, again := m.refused[id]
	if err != nil {
		m.refused[id] = why
		return !again
	}
	delete(m.refused, id)
	return (ended || known) && !again
}

// drop takes a session out of the view; the caller holds mu.
func (m *Manager) drop(id string) (known bool) {
	m.note(id)
	delete(m.pending, id)
	return m.view.remove(id) != nil
}

func (m *Manager) endChildren(ctx context.Context, parent string, why EndReason) error {
	var children []string
	err := m.store.Scan(ctx, kindChild, parent+"/", func(r store.Record) error {
		children = append(children, strings.TrimPrefix(r.Key, parent+"/"))
		return nil
	})
	if err != nil {
		err = fmt.Errorf("end programs of session: %w", unavailable(err))
		// Those that are known here are refused at once all the same.
		for _, e := range m.view.all() {
			if s := e.session.Load(); s.Parent == parent {
				children = append(children, s.ID)
			}
		}
	}
	for _, child := range children {
		err = errors.Join(err, m.End(ctx, child, why))
	}
	return err
}

// EndSubject ends all sessions of the subject with that id and returns how many
// it found. With an error, those that are known here are refused all the same.
func (m *Manager) EndSubject(ctx context.Context, subjectID string, why EndReason) (int, error) {
	found := make(map[string]struct{})
	for _, e := range m.view.all() {
		if s := e.session.Load(); s.Subject.ID == subjectID {
			found[s.ID] = struct{}{}
		}
	}
	err := m.store.Scan(ctx, KindSession, "", func(r store.Record) error {
		if !mentions(r, subjectID) {
			return nil
		}
		if s, _, err := decode(r); err == nil && s != nil && s.Subject.ID == subjectID {
			found[s.ID] = struct{}{}
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("end sessions of a subject: %w", unavailable(err))
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		err = errors.Join(err, m.End(ctx, id, why))
	}
	return len(found), err
}

// retryEnds makes ends durable that the store did not take when they were made.
func (m *Manager) retryEnds(ctx context.Context) {
	m.mu.Lock()
	refused := maps.Clone(m.refused)
	m.mu.Unlock()
	for id, why := range refused {
		if err := m.End(ctx, id, why); err != nil {
			m.logger.Warn("an ended session is refused here, but the store does not know yet", "err", err, "sessions", len(refused))
			return
		}
	}
}

// OnEnd has f called whenever a session ends, here or at another replica, or
// expires; at times twice for one session. f must be quick: it runs where the
// end is made or where the feed is read. Streams of a session that left the view
// because it is full are not told when it merely expires.
func (m *Manager) OnEnd(f func(id string, why EndReason)) {
	for {
		old := m.enders.Load()
		var fs []func(string, EndReason)
		if old != nil {
			fs = slices.Clone(*old)
		}
		fs = append(fs, f)
		if m.enders.CompareAndSwap(old, &fs) {
			return
		}
	}
}

func (m *Manager) tell(id string, why EndReason) {
	if fs := m.enders.Load(); fs != nil {
		for _, f := range *fs {
			f(id, why)
		}
	}
}
