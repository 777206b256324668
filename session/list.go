package session

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sallyport/store"
)

// Live returns the sessions in the view, in no order.
func (m *Manager) Live() []*Session {
	var live []*Session
	now := m.now()
	for _, e := range m.view.all() {
		if s := e.session.Load(); now.Before(s.Expires) {
			live = append(live, s)
		}
	}
	return live
}

// List returns all sessions in the store, oldest first, with when they were last
// used. It reads all of them: it is for people, not for requests.
func (m *Manager) List(ctx context.Context) ([]*Session, error) {
	return m.list(ctx, func(store.Record) bool { return true })
}

// ListSubject returns those of List that are of the subject with that id.
func (m *Manager) ListSubject(ctx context.Context, subjectID string) ([]*Session, error) {
	list, err := m.list(ctx, func(r store.Record) bool { return mentions(r, subjectID) })
	return slices.DeleteFunc(list, func(s *Session) bool { return s.Subject.ID != subjectID }), err
}

// Programs returns how many sessions of programs were made from the one of that id
// and have not run out of time, ended ones included.
func (m *Manager) Programs(ctx context.Context, parent string) (int, error) {
	n, err := m.store.Count(ctx, kindChild, parent+"/")
	if err != nil {
		return 0, unavailable(err)
	}
	return n, nil
}

// list reads the records that may be wanted.
func (m *Manager) list(ctx context.Context, wanted func(store.Record) bool) ([]*Session, error) {
	uses, err := m.scanUses(ctx)
	if err != nil {
		return nil, err
	}
	var list []*Session
	err = m.store.Scan(ctx, KindSession, "", func(r store.Record) error {
		if !wanted(r) {
			return nil
		}
		// One bad record does not hide the others.
		if s, ended, err := decode(r); err == nil && ended == "" {
			s.LastUsed = later(s.LastUsed, uses[s.ID])
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	list = slices.DeleteFunc(list, func(s *Session) bool { return m.isRefused(s.ID) })
	for _, s := range list {
		s.LastUsed = m.LastUsed(s)
	}
	slices.SortFunc(list, func(a, b *Session) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// later returns the later of t and the nanoseconds since 1970.
func later(t time.Time, nanos int64) time.Time {
	if at := time.Unix(0, nanos).UTC(); at.After(t) {
		return at
	}
	return t
}

func (m *Manager) scanUses(ctx context.Context) (map[string]int64, error) {
	uses := make(map[string]int64)
	err := m.store.Scan(ctx, kindUse, "", func(r store.Record) error {
		uses[r.Key] = decodeUse(r)
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return uses, nil
}
