package directory

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sallyport/idp"
)

// stage is what a whole listing reads.
type stage int

const (
	stageUsers stage = iota
	stageGroups
)

// fullListing is a listing of everybody and of all groups under way. Nothing of
// it counts before it is whole.
type fullListing struct {
	stage  stage
	cursor string
	began  int64 // by the source's clock
	at     time.Time
	date   int64 // of the page
	users  []idp.User
	// attributes are those of the profile that people are listed with.
	attributes []string
	asOf       []int64
	groups     []idp.Group
	pages      int
}

// shrink is a whole listing that has so much less than what is known that a
// second one has to agree.
type shrink struct{ people, groups int }

const maxListPages = 100_000

// fullDue is when the next page of that stage is due.
func (s *syncer) fullDue(st stage, never time.Time) time.Time {
	switch {
	case s.full != nil && s.full.stage == st:
		return time.Time{}
	case s.full == nil && st == stageUsers && !s.st.Whole:
		return time.Time{}
	case s.full == nil && st == stageUsers && s.shrunk == nil && unreadAttribute(s.d.relevant().Attributes, s.st.Attributes) != nil:
		return time.Time{} // everybody has more than was asked for
	case s.full == nil && st == stageUsers && s.st.FullAt.Sub(s.d.now()) > WarnAge:
		return time.Time{} // the clock was ahead then
	case s.full == nil && st == stageUsers:
		return s.st.FullAt.Add(fullEvery)
	}
	return never
}

// listAll reads a page of everybody, then of all groups.
func (s *syncer) listAll(ctx context.Context) error {
	if s.full == nil {
		s.full = &fullListing{at: s.d.now(), attributes: s.d.relevant().Attributes}
	}
	f := s.full
	if f.pages++; f.pages > maxListPages {
		s.full = nil
		return &idp.InvalidError{What: "list of people and groups: " + errCircle.Error()}
	}
	next, err := s.pageOfAll(ctx, f)
	switch {
	case errors.Is(err, idp.ErrCursor), err == nil && next != "" && next == f.cursor:
		s.full = nil // from the beginning
		return errors.Join(err, errCircle)
	case err != nil:
		return err
	}
	if f.cursor = next; next != "" {
		return nil
	}
	if f.stage == stageUsers {
		f.stage = stageGroups
		return nil
	}
	s.full = nil
	return s.takeAll(ctx, f)
}

func (s *syncer) pageOfAll(ctx context.Context, f *fullListing) (next string, err error) {
	if f.stage == stageUsers {
		page, err := s.source.Users(ctx, idp.UserQuery{}, f.cursor)
		if err != nil {
			return "", err
		}
		f.note(s.date(page.Date))
		for _, u := range page.Items {
			f.users = append(f.users, u)
			f.asOf = append(f.asOf, f.date)
		}
		return page.Next, nil
	}
	page, err := s.source.Groups(ctx, idp.GroupQuery{}, f.cursor)
	if err != nil {
		return "", err
	}
	f.note(s.date(page.Date))
	f.groups = append(f.groups, page.Items...)
	return page.Next, nil
}

func (f *fullListing) note(date int64) {
	if f.date = date; f.began == 0 {
		f.began = date
	}
}

// takeAll makes what was listed the directory: everybody else is gone. A list
// that is shorter by a fifth counts when a second one agrees.
func (s *syncer) takeAll(ctx context.Context, f *fullListing) error {
	base := s.d.snap.Load()
	e := base.edit()
	users, groups := map[string]bool{}, map[string]bool{}
	for i, u := range f.users {
		users[u.ID] = true
		e.putUser(u, f.asOf[i])
	}
	for _, g := range f.groups {
		groups[g.ID] = true
		h := e.putGroup(g)
		if known := e.grps.at(h); known.readAt == 0 && g.Users == 0 && !known.everyone() {
			e.setMembers(g.ID, nil, f.date)
			s.settleGroup(e, g.ID)
		}
	}
	missingPeople, missingGroups := missing(e, users, groups, f.began)
	if s.st.Whole && s.tooFew(base, f, len(missingPeople), len(missingGroups)) {
		return nil
	}
	for _, id := range missingPeople {
		e.dropUser(id, f.began)
	}
	for _, id := range missingGroups {
		e.dropGroup(id)
	}
	for _, group := range slices.Sorted(maps.Keys(s.recent.byGroup)) {
		s.settleGroup(e, group)
	}
	was := s.st
	s.st.Whole, s.st.Begun, s.st.FullAt = true, f.began, s.d.now()
	s.st.ListsOK, s.st.Attributes = f.at, f.attributes
	began := time.UnixMilli(f.began)
	if s.st.GroupsMark.IsZero() {
		s.st.GroupsMark, s.st.UsersMark = began, began
	}
	s.saved = time.Time{}
	if err := s.apply(ctx, e); err != nil {
		s.st = was
		return err
	}
	if was.Whole {
		s.drift = s.d.snap.Load().drifted()
	}
	s.d.log.Info("directory was listed whole", slog.Int("people", len(f.users)), slog.Int("groups", len(f.groups)),
		slog.Int("requests", f.pages), slog.Duration("took", s.d.now().Sub(f.at)))
	return nil
}

// drifted are the groups that events have changed since their members were read.
func (s *Snapshot) drifted() []string {
	var ids []string
	for h := range s.groups.n {
		if g := s.groups.at(handle(h)); g.readAt != 0 && !g.gone && !g.everyone() && movedSince(g) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// groupsUnread are the people of whom that is noted.
func (s *Snapshot) groupsUnread() []string {
	var ids []string
	for h := range s.size() {
		if p := s.people.at(handle(h)); p.groupsAsOf == groupsUnread && !p.gone {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

func (s *Snapshot) size() int {
	if s == nil {
		return 0
	}
	return s.people.n
}

// missing are those known who were not listed and of whom nothing later is known.
func missing(e *edit, users, groups map[string]bool, began int64) (people, gone []string) {
	for h := range e.base.people.n {
		p := e.base.people.at(handle(h))
		if p.known && !p.gone && !users[p.ID] && p.asOf <= began {
			people = append(people, p.ID)
		}
	}
	for h := range e.base.groups.n {
		g := e.base.groups.at(handle(h))
		if !g.gone && !groups[g.ID] && g.readAt <= began {
			gone = append(gone, g.ID)
		}
	}
	return people, gone
}

// tooFew refuses a list that lost more than a fifth, the first time.
func (s *syncer) tooFew(base *Snapshot, f *fullListing, people, groups int) bool {
	if few(people, base.counts.People) && few(groups, base.counts.Groups) {
		s.shrunk = nil
		return false
	}
	now := shrink{len(f.users), len(f.groups)}
	if s.shrunk != nil && near(s.shrunk.people, now.people) && near(s.shrunk.groups, now.groups) {
		s.shrunk = nil
		return false
	}
	s.shrunk = &now
	// The second reading comes after a while, so that a fault has time to end.
	s.st.FullAt = s.d.now().Add(shrinkAgain - fullEvery)
	s.d.log.Error("directory lists far fewer than before: not taken over before a second reading agrees",
		slog.Int("people", base.counts.People), slog.Int("people_missing", people),
		slog.Int("groups", base.counts.Groups), slog.Int("groups_missing", groups))
	s.d.failed(errShrunk)
	return true
}

// shrinkAgain is when a list that shrank is read again.
const shrinkAgain = 5 * time.Minute

var errShrunk = errors.New("the directory lists over a fifth fewer people or groups than before; waiting for a second reading to agree")

// few are so many that an afternoon explains them: a fifth, or a handful where
// there are few at all.
func few(missing, of int) bool { return missing <= max(3, of/5) }

// near are two counts that differ by what happens between two readings.
func near(a, b int) bool { return max(a-b, b-a) <= max(3, max(a, b)/20) }
