package directory

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// readLog reads the next page of the System Log and applies it.
func (s *syncer) readLog(ctx context.Context) error {
	begin := s.st.Cursor == ""
	q := idp.LogQuery{Since: s.serverNow().Add(-logBegin).Truncate(time.Second), Types: logTypes}
	page, err := s.source.Log(ctx, q, s.st.Cursor)
	switch {
	case errors.Is(err, idp.ErrCursor) && !begin:
		// What happened meanwhile is lost: everything has to be listed again.
		s.d.log.Warn("the log cannot be read on from where it was left, listing everything again")
		s.st.Cursor, s.full, s.st.FullAt = "", nil, time.Time{}
		s.logDue = time.Time{}
		return nil
	case err != nil:
		return err
	case page.Next == "":
		return &idp.InvalidError{What: "the log has no next page"}
	}
	before := s.st.Skew
	s.date(page.Date)
	if begin && abs(s.st.Skew-before) > (5*time.Minute).Milliseconds() {
		return nil // our clock is wrong: begin again by theirs
	}
	s.behind = len(page.Items) >= 100
	now := s.d.now()
	s.logDue = now
	if !s.behind {
		s.logDue = now.Add(s.logPace())
		s.st.LogOK = now
	}
	s.st.Cursor = page.Next
	return s.applyEvents(ctx, page.Items)
}

func abs(v int64) int64 { return max(v, -v) }

// logPace is how often the log may be read within our share of its limit.
func (s *syncer) logPace() time.Duration {
	pace := logEvery
	if limit := s.source.Budget(idp.BucketLog).Limit; limit > 0 {
		pace = max(pace, time.Minute/time.Duration(limit))
	}
	if pace != s.pace {
		s.pace = pace
		level := slog.LevelInfo
		if pace > 3*time.Second {
			level = slog.LevelWarn
		}
		s.d.log.Log(context.Background(), level, "the System Log is read", slog.Duration("every", pace))
	}
	return pace
}

// applyEvents makes one change of all events of a page.
func (s *syncer) applyEvents(ctx context.Context, events []idp.Event) error {
	e := s.d.snap.Load().edit()
	var ended []idp.Event
	var seen []string
	now := s.d.now()
	for _, ev := range events {
		if !s.recent.first(ev.ID, now) {
			continue
		}
		seen = append(seen, ev.ID)
		if !ev.Success {
			continue
		}
		s.event(e, ev)
		if endsSessions(ev) {
			ended = append(ended, ev)
		}
	}
	s.recent.sweep(now)
	if err := s.apply(ctx, e); err != nil {
		// The page is read again: its events have to count again.
		for _, id := range seen {
			delete(s.recent.events, id)
		}
		return err
	}
	for _, ev := range ended {
		s.d.ended(ev)
	}
	for _, ev := range events {
		s.d.metrics.delay(s.serverNow().Sub(ev.Published))
	}
	return nil
}

// event applies one event. What it does not say exactly is read again.
func (s *syncer) event(e *edit, ev idp.Event) {
	user, at := ev.Target("User"), ev.Published.UnixMilli()
	group := ev.Target("UserGroup")
	switch {
	case ev.Type == eventJoin || ev.Type == eventLeave:
		if user == "" || group == "" {
			s.lists.now(s.d.now())
			return
		}
		s.membership(e, pair{group, user}, happened{at: at, in: ev.Type == eventJoin, seen: s.d.now()})
	case ev.Type == eventGroupDelete:
		e.dropGroup(group)
		delete(s.doubts.all, group)
		for _, id := range slices.Sorted(maps.Keys(e.next.apps)) {
			if slices.Contains(e.next.apps[id].groups, group) {
				s.rereadApp(id)
			}
		}
	case strings.HasPrefix(ev.Type, "group.lifecycle.") || ev.Type == "group.profile.update":
		s.lists.now(s.d.now())
	case strings.HasPrefix(ev.Type, "app.user_management."):
		s.imported(ev)
	case strings.HasPrefix(ev.Type, "application.") || strings.HasPrefix(ev.Type, "group.application_assignment."):
		s.appEvent(e, ev)
	case ev.Type == eventUserDelete:
		e.dropUser(user, at)
	case user == "":
		s.lists.now(s.d.now())
	case strings.HasPrefix(ev.Type, "user."):
		s.userEvent(e, ev, user, at)
	}
}

// userEvent shuts people out at once and reads them in any case: what the log
// says of a status is only that it changed.
func (s *syncer) userEvent(e *edit, ev idp.Event, user string, at int64) {
	switch ev.Type {
	case eventSuspend:
		e.setStatus(user, identity.StatusSuspended, at)
	case eventDeactivate:
		e.setStatus(user, identity.StatusDeprovisioned, at)
	case eventClear, eventUniversalLogout:
		return
	}
	if len(s.users.order) > 50 {
		s.lists.usersDue = time.Time{} // two hundred to a page
		return
	}
	s.users.add(user, false, s.d.now())
}

// imported is news of an import from another directory: its groups are read.
func (s *syncer) imported(ev idp.Event) {
	found := false
	for _, t := range ev.Targets {
		if t.Type == "UserGroup" {
			s.doubts.add(t.ID, s.d.now())
			found = true
		}
	}
	if user := ev.Target("User"); user != "" && !found {
		s.users.add(user, true, s.d.now())
	} else if !found {
		s.lists.now(s.d.now())
	}
}

// membership applies a join or a leave that is not in what was read later.
func (s *syncer) membership(e *edit, p pair, h happened) {
	last, known := s.recent.pairs[p]
	switch {
	case known && last.at > h.at:
		return // overtaken
	case known && last.at == h.at && last.in != h.in:
		s.users.add(p.user, true, s.d.now())
		h.in = false
	}
	s.recent.note(p, h)
	s.settle(e, p, h)
	if !h.in {
		s.leftGroup(e, p)
	}
}

// settle makes a pair what an event said, unless a reading began after it. An
// event of the second in which a reading was answered may be in it or not: what
// takes away counts, what gives is read.
func (s *syncer) settle(e *edit, p pair, h happened) {
	g, ok := e.gids.first(p.group)
	if !ok || e.grps.at(g).everyone() || e.grps.at(g).gone {
		if !ok {
			s.lists.now(s.d.now())
		}
		return
	}
	read := e.grps.at(g).readAt
	if m, ok := e.ids.first(p.user); ok {
		read = max(read, e.ppl.at(m).groupsAsOf)
	}
	if h.at < read {
		return
	}
	m := e.intern(p.user)
	in := slices.Contains(e.ppl.at(m).groups, g)
	switch {
	case in == h.in:
	case h.at < read+dateGrain:
		s.users.add(p.user, true, s.d.now().Add(time.Second))
		if !h.in {
			e.leave(g, m)
		}
	case h.in:
		e.join(g, m)
	default:
		e.leave(g, m)
	}
}

// settleGroup and settleUser repeat the events that a listing which began at that
// time may not hold.
func (s *syncer) settleGroup(e *edit, group string) {
	for _, user := range slices.Sorted(maps.Keys(s.recent.byGroup[group])) {
		p := pair{group, user}
		s.settle(e, p, s.recent.pairs[p])
	}
}

func (s *syncer) settleUser(e *edit, user string) {
	for _, group := range slices.Sorted(maps.Keys(s.recent.byUser[user])) {
		p := pair{group, user}
		s.settle(e, p, s.recent.pairs[p])
	}
}
