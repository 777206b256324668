package directory

import (
	"context"
	"errors"
	"time"

	"sallyport/idp"
)

// listing is where the filtered listings stand. They find what the log does not
// tell, and what it told wrongly.
type listing struct {
	groupsDue, usersDue time.Time
	groups, users       pass
	// groupsOK and usersOK are when the last passes that went through began.
	groupsOK, usersOK time.Time
}

// pass is one listing under way.
type pass struct {
	query  time.Time // since when
	cursor string
	began  time.Time // by the source's clock
	at     time.Time // by ours
}

// now makes both due.
func (l *listing) now(now time.Time) {
	if l.groups.at.IsZero() || now.Sub(l.groups.at) > time.Second {
		l.groupsDue = now
	}
	if l.users.at.IsZero() || now.Sub(l.users.at) > time.Second {
		l.usersDue = now
	}
}

// begin starts a pass unless one is under way.
func (p *pass) begin(mark, now time.Time) {
	if p.cursor == "" {
		*p = pass{query: mark.Add(-overlap).Truncate(time.Second), at: now}
	}
}

// page takes in what a page says of the pass; over when it was the last.
func (p *pass) page(date, now time.Time, next string) (over bool) {
	if p.began.IsZero() {
		if p.began = date; date.IsZero() {
			p.began = now
		}
	}
	p.cursor = next
	return next == ""
}

// listsPace is how often the filtered listings are read.
func (s *syncer) listsPace() time.Duration {
	if limit := s.source.Budget(idp.BucketGroups).Limit; limit > 0 && limit < 50 {
		return listsSlow
	}
	return listsEvery
}

// listGroups reads a page of the groups that changed lately.
func (s *syncer) listGroups(ctx context.Context) error {
	p := &s.lists.groups
	p.begin(s.st.GroupsMark, s.d.now())
	page, err := s.source.Groups(ctx, idp.GroupQuery{Since: p.query}, p.cursor)
	if err != nil {
		return s.passFailed(p, err)
	}
	s.date(page.Date)
	e := s.d.snap.Load().edit()
	for _, g := range page.Items {
		s.changedGroup(e, g)
	}
	was := s.lists.groupsOK
	if p.page(page.Date, s.serverNow(), page.Next) {
		s.lists.groupsOK = p.at
		if p.began.After(s.st.GroupsMark) {
			s.st.GroupsMark = p.began
		}
		s.lists.groupsDue = s.d.now().Add(s.listsPace())
		s.listed()
	}
	return p.taken(s.apply(ctx, e), &s.lists.groupsDue, &s.lists.groupsOK, was)
}

// taken begins a pass anew of which a page could not be taken in; it has not gone
// through then.
func (p *pass) taken(err error, due, ok *time.Time, was time.Time) error {
	if err != nil {
		p.cursor, *due, *ok = "", time.Time{}, was
	}
	return err
}

// passFailed begins a listing anew whose cursor went bad.
func (s *syncer) passFailed(p *pass, err error) error {
	if errors.Is(err, idp.ErrCursor) {
		p.cursor = ""
	}
	return err
}

// listed notes that the listings went through: as of the older of the two.
func (s *syncer) listed() {
	at := s.lists.groupsOK
	if s.lists.usersOK.Before(at) {
		at = s.lists.usersOK
	}
	if at.After(s.st.ListsOK) {
		s.st.ListsOK = at
	}
}

// changedGroup takes in a group's statistics and doubts its members where they
// do not agree with them.
func (s *syncer) changedGroup(e *edit, g idp.Group) {
	var was groupNode
	if h, ok := e.gids.first(g.ID); ok {
		was = *e.grps.at(h)
	}
	if was.gone {
		return
	}
	now := e.grps.at(e.putGroup(g))
	if now.everyone() || now.readAt == 0 {
		return // unread: its turn comes
	}
	counted := g.Users < 0 || len(now.members)+now.offset == g.Users
	// A date that was seen before says nothing where another process saw it, which
	// may have ended before it read the group.
	news := g.LastMembershipUpdated.After(was.LastMembershipUpdated) || was.readAt < s.began
	moved := news && movedSince(now) && !s.recent.explains(g.ID, g.LastMembershipUpdated)
	if d := s.doubts.all[g.ID]; d != nil {
		d.count = g.Users
	}
	if !counted || moved {
		s.doubts.add(g.ID, s.d.now())
	}
}

// movedSince reports whether a group's members may have changed since they were
// read, by its date, which comes late.
func movedSince(g *groupNode) bool {
	return g.readAt < g.LastMembershipUpdated.Add(time.Minute).UnixMilli()
}

// listUsers reads a page of the people who changed lately.
func (s *syncer) listUsers(ctx context.Context) error {
	p := &s.lists.users
	p.begin(s.st.UsersMark, s.d.now())
	page, err := s.source.Users(ctx, idp.UserQuery{Since: p.query}, p.cursor)
	if err != nil {
		return s.passFailed(p, err)
	}
	date := s.date(page.Date)
	e := s.d.snap.Load().edit()
	for _, u := range page.Items {
		e.putUser(u, date)
	}
	was := s.lists.usersOK
	if p.page(page.Date, s.serverNow(), page.Next) {
		s.lists.usersOK = p.at
		if p.began.After(s.st.UsersMark) {
			s.st.UsersMark = p.began
		}
		s.lists.usersDue = s.d.now().Add(s.listsPace())
		s.listed()
	}
	return p.taken(s.apply(ctx, e), &s.lists.usersDue, &s.lists.usersOK, was)
}

// readUser reads one person again: status and profile, or their groups.
func (s *syncer) readUser(ctx context.Context) error {
	id := s.users.order[0]
	due := s.users.all[id]
	if due.groups {
		return s.readGroupsOf(ctx, id)
	}
	u, err := s.source.User(ctx, id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return s.skipUser(err)
	}
	e := s.d.snap.Load().edit()
	at := s.serverNow().UnixMilli()
	if err != nil {
		e.dropUser(id, at)
	} else if u.ID == id {
		e.putUser(u, at)
	}
	s.users.pop() // what is taken in may ask for this person's groups
	if err := s.apply(ctx, e); err != nil {
		s.users.add(id, false, s.d.now())
		return err
	}
	return nil
}

func (s *syncer) readGroupsOf(ctx context.Context, id string) error {
	at := s.serverNow().Add(-dateGrain * time.Millisecond).UnixMilli()
	groups, err := s.source.GroupsOf(ctx, id)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		return s.skipUser(err)
	}
	e := s.d.snap.Load().edit()
	if err != nil {
		e.dropUser(id, at)
	} else {
		e.setGroupsOf(id, groups, at)
	}
	s.users.pop()
	s.settleUser(e, id)
	if err := s.apply(ctx, e); err != nil {
		s.users.add(id, true, s.d.now())
		return err
	}
	// The status too: whoever is in doubt is read whole.
	s.users.add(id, false, s.d.now())
	return nil
}

// skipUser lets somebody who cannot be read wait behind the others, unless it is
// the source that cannot be read.
func (s *syncer) skipUser(err error) error {
	if !errors.Is(err, idp.ErrUnavailable) {
		id, due := s.users.pop()
		s.users.add(id, due.groups, s.d.now().Add(maxBackOff))
	}
	return err
}
