package directory

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"sallyport/idp"
)

// memberListing is the listing of one group's members under way.
type memberListing struct {
	group  string
	cursor string
	ids    []string
	began  int64
	urgent bool
	// pages bounds a listing whose pages go in circles.
	pages int
}

// maxMemberPages is 200,000 members of a group at the smallest page.
const maxMemberPages = 2000

var errCircle = errors.New("listing does not end")

// unread reports whether there is a group whose members were not read yet, and
// marks the directory ready when those that policies name are.
func (s *syncer) unread() bool {
	snap := s.d.snap.Load()
	if snap == nil {
		return false
	}
	if !s.st.Ready && s.nextRelevant(snap) == "" {
		s.st.Ready = true
		s.saved = time.Time{}
		s.d.ready(s.st)
	}
	return snap.counts.Unread > 0
}

// nextRelevant is an unread group that a policy names, "" when all were read.
func (s *syncer) nextRelevant(snap *Snapshot) string {
	for _, ref := range s.d.relevant().Groups {
		for _, id := range append(snap.resolve(ref), snap.GroupsNamed(ref)...) {
			if g := snap.group(id); g != nil && unread(g) {
				return id
			}
		}
	}
	return ""
}

// resolve returns the id that a policy means by ref: the pinned one, or ref
// itself where it is an id.
func (s *Snapshot) resolve(ref string) []string {
	if id, ok := s.pins[ref]; ok {
		return []string{id}
	}
	if s.group(ref) != nil {
		return []string{ref}
	}
	return nil
}

// beginUnread starts reading the next unread group, those of policies first.
func (s *syncer) beginUnread(ctx context.Context) error {
	snap := s.d.snap.Load()
	id := s.nextRelevant(snap)
	if id == "" {
		for h := range snap.groups.n {
			if g := snap.groups.at(handle(h)); unread(g) {
				id = g.ID
				break
			}
		}
	}
	if id == "" {
		return nil
	}
	s.members = &memberListing{group: id, urgent: !s.st.Ready}
	return s.readMembers(ctx)
}

// beginDoubt starts reading a group whose members are in doubt.
func (s *syncer) beginDoubt(ctx context.Context) error {
	id, _ := s.doubts.next(s.d.now().Add(time.Hour))
	snap := s.d.snap.Load()
	if g := snap.group(id); g == nil || g.gone || g.everyone() {
		delete(s.doubts.all, id)
		return nil
	}
	s.members = &memberListing{group: id, urgent: true}
	return s.readMembers(ctx)
}

// readMembers reads a page of members and, after the last one, takes them in.
func (s *syncer) readMembers(ctx context.Context) error {
	m := s.members
	page, err := s.source.Members(ctx, m.group, m.cursor)
	switch {
	case errors.Is(err, idp.ErrNotFound):
		e := s.d.snap.Load().edit()
		e.dropGroup(m.group)
		s.members = nil
		if err := s.apply(ctx, e); err != nil {
			return err
		}
		delete(s.doubts.all, m.group)
		return nil
	case errors.Is(err, idp.ErrCursor):
		s.members = &memberListing{group: m.group, urgent: m.urgent}
		return err
	case err != nil:
		return err
	}
	if date := s.date(page.Date); m.began == 0 {
		m.began = date
	}
	if m.pages++; m.pages > maxMemberPages || page.Next != "" && page.Next == m.cursor {
		s.members = nil
		return &idp.InvalidError{What: "members of group " + m.group + ": " + errCircle.Error()}
	}
	m.ids = append(m.ids, page.Items...)
	if m.cursor = page.Next; m.cursor != "" {
		return nil
	}
	s.members = nil
	return s.takeMembers(ctx, m)
}

// takeMembers makes the listed people the members, unless so many are missing,
// against Okta's own count, that it has to be read twice to be believed.
func (s *syncer) takeMembers(ctx context.Context, m *memberListing) error {
	e := s.d.snap.Load().edit()
	h, ok := e.gids.first(m.group)
	if !ok || e.grps.at(h).gone {
		return nil
	}
	was := e.grps.at(h)
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	d := s.doubts.all[m.group]
	if lost := len(was.members) - len(m.ids); lost*5 > len(was.members) && len(m.ids) < was.Users-was.offset && (d == nil || d.members != len(m.ids)) {
		s.d.log.Warn("listing of members is much shorter than before, reading it once more before it counts",
			slog.String("group", m.group), slog.Int("members", len(was.members)), slog.Int("listed", len(m.ids)))
		s.doubts.add(m.group, s.d.now().Add(5*time.Second)).members = len(m.ids)
		return nil
	}
	first := was.readAt == 0
	e.setMembers(m.group, m.ids, m.began)
	s.settleGroup(e, m.group)
	s.weigh(e, h, d, first)
	err := s.apply(ctx, e)
	if err != nil && !first {
		s.doubts.add(m.group, s.d.now())
	}
	return err
}

// weigh compares what was read with Okta's count. A difference that stays is one
// of people whom Okta counts and does not list.
func (s *syncer) weigh(e *edit, h handle, d *doubt, first bool) {
	g := e.group(h)
	diff := g.Users - len(g.members)
	switch {
	case g.Users < 0 || diff == 0:
		g.offset = 0
	case diff == g.offset:
	case s.quiet(g) && (first || d != nil && d.tries > 0 && d.members == len(g.members) && d.count == g.Users):
		g.offset = diff
	default:
		again := s.doubts.add(g.ID, time.Time{})
		again.at = s.d.now().Add(min(time.Minute, 5*time.Second<<min(again.tries, 4)))
		again.tries++
		again.members, again.count = len(g.members), g.Users
		s.lists.groupsDue = again.at.Add(-time.Millisecond) // statistics first
		return
	}
	delete(s.doubts.all, g.ID)
}

// quiet reports whether nothing is known to have happened to a group within a
// minute of its reading: a count and a reading can be compared then, though they
// were not made at the same time.
func (s *syncer) quiet(g *groupNode) bool {
	since := g.readAt - time.Minute.Milliseconds()
	for user := range s.recent.byGroup[g.ID] {
		if s.recent.pairs[pair{g.ID, user}].at >= since {
			return false
		}
	}
	return g.LastMembershipUpdated.UnixMilli() < since
}

// beginDrift starts reading the next group that has been followed by events alone
// for long: what two lost events hide from each other in the counts is found so.
func (s *syncer) beginDrift(ctx context.Context) error {
	id := s.drift[0]
	s.drift = s.drift[1:]
	if g := s.d.snap.Load().group(id); g == nil || g.gone || g.everyone() || !movedSince(g) {
		return nil
	}
	s.members = &memberListing{group: id}
	return s.readMembers(ctx)
}
