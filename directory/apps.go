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

// appReading is where the reading of the applications that policies name stands:
// the list of all, which says what is called what, the people and groups of each
// that is named, and single people of whom an event said something.
type appReading struct {
	at     time.Time // when the list was last read whole, by our clock
	again  bool      // something happened to an application itself
	list   *appList
	queue  []string // ids of those whose assignments are to be read
	groups []string // ids of those whose groups alone are
	now    *assignments
	people []assignment
	listed map[string]idp.App // that are followed, as last listed
}

// appList is a list of applications under way.
type appList struct {
	cursor string
	pages  int
	all    []idp.App
}

// assignments are those of one application, as far as they were read.
type assignments struct {
	id, cursor string
	pages      int
	groups     bool // the people were read, now its groups are
	onlyGroups bool
	made       app
	// late is what events said meanwhile, which a page read before does not have.
	late []func(e *edit)
}

// assignment is one person's of an application.
type assignment struct{ app, user string }

const (
	maxAppPages = 2000
	// maxAppPeople are so many single people that a listing is cheaper.
	maxAppPeople = 50
)

// due is when something about applications is read next: never where no policy
// names one.
func (a *appReading) due(s *syncer, never time.Time) time.Time {
	snap := s.d.snap.Load()
	named := s.d.relevant().Apps
	switch {
	case snap == nil || len(named) == 0 && len(snap.named) == 0:
		return never
	case a.again || a.list != nil || a.now != nil || len(a.queue)+len(a.groups)+len(a.people) > 0 || !knownApps(snap.named, named):
		return time.Time{}
	case s.logForbidden():
		return a.at.Add(appsUnlogged)
	}
	return a.at.Add(appsEvery)
}

// urgent reports whether something waits for what is read next: a decision, or
// news of one person.
func (a *appReading) urgent(s *syncer) bool {
	snap := s.d.snap.Load()
	if snap == nil || len(a.people) > 0 {
		return true
	}
	return snap.unclearApps(s.d.relevant().Apps) != nil
}

// knownApps reports whether every name was looked for in a list.
func knownApps(known map[string][]string, named []string) bool {
	return !slices.ContainsFunc(named, func(ref string) bool { _, ok := known[ref]; return !ok })
}

// readApps reads what is most urgent, with one request. What fails is asked for
// again where it was left.
func (s *syncer) readApps(ctx context.Context) error {
	a := &s.apps
	switch {
	case len(a.people) > 0:
		return s.readAssignment(ctx)
	case a.now != nil:
		return s.readAssignments(ctx)
	case len(a.queue) > 0:
		a.now = &assignments{id: a.queue[0], made: app{direct: map[string]bool{}}}
		a.queue = a.queue[1:]
		return s.readAssignments(ctx)
	case len(a.groups) > 0:
		a.now = &assignments{id: a.groups[0], groups: true, onlyGroups: true}
		a.groups = a.groups[1:]
		return s.readAssignments(ctx)
	case a.list == nil:
		a.list, a.again = &appList{}, false
	}
	return s.listApps(ctx)
}

// listApps reads a page of the list.
func (s *syncer) listApps(ctx context.Context) error {
	l := s.apps.list
	page, err := s.source.Apps(ctx, l.cursor)
	if l.pages++; err == nil && (page.Next != "" && page.Next == l.cursor || l.pages > maxAppPages) {
		err = errors.Join(idp.ErrCursor, &idp.InvalidError{What: "applications: " + errCircle.Error()})
	}
	if err != nil {
		if errors.Is(err, idp.ErrCursor) {
			s.apps.list, s.apps.again = nil, true
		}
		return err
	}
	l.all = append(l.all, page.Items...)
	if l.cursor = page.Next; l.cursor != "" {
		return nil
	}
	s.apps.list = nil
	if err := s.takeList(ctx, l.all); err != nil {
		s.apps.again = true
		return err
	}
	return nil
}

// takeList resolves what policies name and has the assignments read of what is
// new, and of all that is named where they were last read long ago.
func (s *syncer) takeList(ctx context.Context, all []idp.App) error {
	e := s.d.snap.Load().edit()
	named, wanted := resolveApps(all, s.d.relevant().Apps)
	stale := s.d.now().Sub(s.apps.at) >= min(appsEvery, appsUnlogged)
	var queue []string
	for id := range e.next.apps {
		if _, ok := wanted[id]; !ok {
			e.dropApp(id) // nobody names it, or it is no more
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		known := e.next.apps[id]
		if known != nil && known.App != wanted[id] {
			e.app(id).App = wanted[id]
		}
		if known == nil || stale {
			queue = append(queue, id)
		}
	}
	if !maps.EqualFunc(named, e.next.named, slices.Equal[[]string]) {
		e.next.named = named
		e.facts()
		s.tellApps(named)
	}
	was := s.st
	if s.apps.at = s.d.now(); len(queue) == 0 {
		s.st.AppsOK = s.apps.at
	}
	if err := s.apply(ctx, e); err != nil {
		s.st = was
		return err
	}
	s.apps.queue = queue
	s.apps.listed = wanted
	return nil
}

// tellApps tells the operator of names that mean nothing, or several things.
func (s *syncer) tellApps(named map[string][]string) {
	for _, ref := range slices.Sorted(maps.Keys(named)) {
		switch ids := named[ref]; {
		case len(ids) == 0:
			s.d.log.Warn("a policy names an application that the organisation does not have: nobody is assigned to it", slog.String("app", ref))
		case len(ids) > 1:
			s.d.log.Error("application label of a policy means several applications, so routes that name it deny", slog.String("label", ref), slog.Any("apps", ids))
		}
	}
}

// resolveApps returns the ids that each name means, sorted, and the applications
// that are to be followed: those whose name means them alone.
func resolveApps(all []idp.App, refs []string) (named map[string][]string, wanted map[string]idp.App) {
	named, wanted = map[string][]string{}, map[string]idp.App{}
	byID, byLabel := map[string]idp.App{}, map[string][]string{}
	for _, one := range all {
		if _, twice := byID[one.ID]; !twice {
			byLabel[one.Label] = append(byLabel[one.Label], one.ID)
		}
		byID[one.ID] = one
	}
	for _, ref := range refs {
		ids := slices.Sorted(slices.Values(byLabel[ref]))
		if _, isID := byID[ref]; isID {
			ids = []string{ref}
		}
		if named[ref] = ids; len(ids) == 1 {
			wanted[ids[0]] = byID[ids[0]]
		}
	}
	return named, wanted
}

// readAssignments reads a page of an application's people, then of its groups.
func (s *syncer) readAssignments(ctx context.Context) error {
	n := s.apps.now
	next, err := s.pageOfAssignments(ctx, n)
	if n.pages++; err == nil && (next != "" && next == n.cursor || n.pages > maxAppPages) {
		err = errors.Join(idp.ErrCursor, &idp.InvalidError{What: "assignments of " + n.id + ": " + errCircle.Error()})
	}
	switch {
	case errors.Is(err, idp.ErrNotFound):
		s.apps.now, s.apps.again = nil, true // deleted: the list tells
		return err
	case errors.Is(err, idp.ErrCursor):
		s.apps.now = nil
		s.rereadApp(n.id)
		return err
	case err != nil:
		return err
	}
	if n.cursor = next; next != "" {
		return nil
	}
	if !n.groups {
		n.groups = true
		return nil
	}
	return s.takeAssignments(ctx, n)
}

func (s *syncer) pageOfAssignments(ctx context.Context, n *assignments) (string, error) {
	if n.groups {
		page, err := s.source.AppGroups(ctx, n.id, n.cursor)
		n.made.groups = append(n.made.groups, page.Items...)
		return page.Next, err
	}
	page, err := s.source.AppUsers(ctx, n.id, n.cursor)
	for _, u := range page.Items {
		if u.Direct {
			n.made.direct[u.UserID] = true
		}
	}
	return page.Next, err
}

// takeAssignments makes what was read those of the application.
func (s *syncer) takeAssignments(ctx context.Context, n *assignments) error {
	e := s.d.snap.Load().edit()
	s.apps.now = nil
	if about, ok := s.apps.listed[n.id]; ok && (!n.onlyGroups || e.next.apps[n.id] != nil) {
		slices.Sort(n.made.groups)
		n.made.groups = slices.Compact(n.made.groups)
		n.made.App = about
		if was := e.next.apps[n.id]; n.onlyGroups && was != nil {
			n.made.direct = was.direct
		}
		if was := e.next.apps[n.id]; was == nil || !sameApp(was, &n.made) {
			made := n.made
			made.direct = maps.Clone(made.direct)
			*e.app(n.id) = made
		}
		for _, again := range n.late {
			again(e)
		}
	}
	was := s.st
	if len(s.apps.queue) == 0 {
		s.st.AppsOK = s.d.now()
	}
	if err := s.apply(ctx, e); err != nil {
		s.st = was
		s.rereadApp(n.id)
		return err
	}
	return nil
}

func sameApp(a, b *app) bool {
	return a.App == b.App && maps.Equal(a.direct, b.direct) && slices.Equal(a.groups, b.groups)
}

// readAssignment reads one person's: events do not say whether somebody is
// assigned directly or through a group.
func (s *syncer) readAssignment(ctx context.Context) error {
	one := s.apps.people[0]
	got, err := s.source.AppUser(ctx, one.app, one.user)
	if err != nil && !errors.Is(err, idp.ErrNotFound) {
		if !errors.Is(err, idp.ErrUnavailable) { // an answer that cannot be read: the listing will tell
			s.apps.people = s.apps.people[1:]
			s.rereadApp(one.app)
		}
		return err
	}
	e := s.d.snap.Load().edit()
	e.assign(one, err == nil && got.Direct)
	if err := s.apply(ctx, e); err != nil {
		return err
	}
	s.apps.people = s.apps.people[1:]
	return nil
}

// rereadApp has the assignments of one application read again.
func (s *syncer) rereadApp(id string) {
	if !slices.Contains(s.apps.queue, id) {
		s.apps.queue = append(s.apps.queue, id)
	}
}

func (s *syncer) rereadGroups(id string) {
	if !slices.Contains(s.apps.groups, id) && !slices.Contains(s.apps.queue, id) {
		s.apps.groups = append(s.apps.groups, id)
	}
}
