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
// background, and End may be called again.
func (m *Manager) End(ctx context.Context, id string, why EndReason) error {
	if len(id) != idLen {
		return nil
	}
	// An end goes on when whoever asked for it hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWait)
	defer cancel()
	expected := m.expectOwn(id)
	ended, err := m.writeEnd(ctx, id, why)
	if m.settleEnd(id, why, ended, expected, err) {
		m.tell(id, why)
	}
	if err != nil {
		err = fmt.Errorf("end session: %w", err)
	}
	if !takesPrograms(why) {
		return err
	}
	return errors.Join(err, m.endChildren(ctx, id, why))
}

// takesPrograms reports whether programs lose their sessions when the one they
// were made from ends so. One that merely ran out of time leaves them theirs.
func takesPrograms(why EndReason) bool { return why != "" && why != EndIdle && why != EndExpired }

// expectOwn has the feed leave it to End to tell of this end. It reports whether
// that was not so already.
func (m *Manager) expectOwn(id string) bool {
	if !m.following.Load() {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, already := m.own[id]
	m.own[id] = struct{}{}
	return !already
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
// ended is whether this call wrote it, expected whether it told the feed to.
func (m *Manager) settleEnd(id string, why EndReason, ended, expected bool, err error) (news bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.drop(id)
	if expected && !ended {
		delete(m.own, id) // the feed has nothing to bring
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
	children, err := m.Children(ctx, parent)
	if err != nil {
		err = fmt.Errorf("end programs of session: %w", err)
	}
	for _, child := range children {
		err = errors.Join(err, m.End(ctx, child, why))
	}
	return err
}

// Children are the ids of the sessions of programs that were made from the one of
// that id, ended ones included. With an error they are those that are known here.
func (m *Manager) Children(ctx context.Context, parent string) (children []string, err error) {
	err = m.store.Scan(ctx, kindChild, parent+"/", func(r store.Record) error {
		children = append(children, strings.TrimPrefix(r.Key, parent+"/"))
		return nil
	})
	if err == nil {
		return children, nil
	}
	for _, e := range m.view.all() {
		if s := e.session.Load(); s.Parent == parent {
			children = append(children, s.ID)
		}
	}
	return children, unavailable(err)
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
