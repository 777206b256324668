package directory

import (
	"maps"
	"slices"
	"strings"

	"sallyport/idp"
)

// appEvent takes in what an event says of an application. What takes away counts
// at once; what gives is read first, since the event does not say how.
func (s *syncer) appEvent(e *edit, ev idp.Event) {
	id := ev.Target("AppInstance")
	if id == "" || strings.HasPrefix(ev.Type, "application.lifecycle.") {
		s.apps.again = true
		return
	}
	if e.next.apps[id] == nil && (s.apps.now == nil || s.apps.now.id != id) {
		return // nobody's policy names it, or its turn to be read comes
	}
	if strings.HasPrefix(ev.Type, "group.application_assignment.") {
		s.groupAssigned(e, id, ev)
		return
	}
	one := assignment{id, ev.Target("User")}
	if one.user == "" {
		s.rereadApp(id)
		return
	}
	if ev.Type == eventUnassign {
		s.toApp(e, id, func(e *edit) { e.assign(one, false) })
	}
	s.doubtAssignment(one)
}

// groupAssigned gives an application to a group or takes it away, and has that
// read again: whose it is by themselves, once their group has lost it, nothing
// tells.
func (s *syncer) groupAssigned(e *edit, id string, ev idp.Event) {
	group := ev.Target("UserGroup")
	switch {
	case group == "" || ev.Type == "group.application_assignment.update":
	case ev.Type == eventGroupAssign:
		s.toApp(e, id, func(e *edit) { e.assignGroup(id, group, true) })
		if s.apps.now == nil || s.apps.now.id != id {
			s.rereadGroups(id) // events come in any order
			return
		}
	default:
		s.toApp(e, id, func(e *edit) { e.assignGroup(id, group, false) })
	}
	s.rereadApp(id)
}

// toApp does something to an application as it stands, and again to what is being
// read of it.
func (s *syncer) toApp(e *edit, id string, do func(*edit)) {
	do(e)
	if n := s.apps.now; n != nil && n.id == id {
		n.late = append(n.late, do)
	}
}

// doubtAssignment has one person's assignment read, or all of the application's
// where there are many.
func (s *syncer) doubtAssignment(one assignment) {
	if n := s.apps.now; n != nil && n.id == one.app {
		s.rereadApp(one.app)
	}
	switch {
	case slices.Contains(s.apps.people, one):
	case len(s.apps.people) >= maxAppPeople:
		s.rereadApp(one.app)
	default:
		s.apps.people = append(s.apps.people, one)
	}
}

// leftGroup looks whether somebody who left a group has its applications by
// themselves: while they were in it nothing told of that.
func (s *syncer) leftGroup(e *edit, p pair) {
	for _, id := range slices.Sorted(maps.Keys(e.next.apps)) {
		if slices.Contains(e.next.apps[id].groups, p.group) {
			s.doubtAssignment(assignment{id, p.user})
		}
	}
}

// facts notes that something changed which is nobody's own.
func (e *edit) facts() { e.next.factsAt = e.base.factsAt + 1 }

// app returns an application for changing, a new one where there is none.
func (e *edit) app(id string) *app {
	if mine := e.mineApps[id]; mine != nil {
		return mine
	}
	mine := &app{direct: map[string]bool{}}
	if was := e.next.apps[id]; was != nil {
		mine = &app{App: was.App, direct: maps.Clone(was.direct), groups: slices.Clone(was.groups)}
	}
	e.ownApps()
	e.next.apps[id], e.mineApps[id] = mine, mine
	e.facts()
	return mine
}

func (e *edit) ownApps() {
	if e.mineApps != nil {
		return
	}
	e.mineApps = map[string]*app{}
	if e.next.apps = maps.Clone(e.next.apps); e.next.apps == nil {
		e.next.apps = map[string]*app{}
	}
}

func (e *edit) dropApp(id string) {
	e.ownApps()
	delete(e.next.apps, id)
	e.mineApps[id] = nil
	e.facts()
}

// assign makes somebody be assigned directly or not.
func (e *edit) assign(one assignment, direct bool) {
	if a := e.next.apps[one.app]; a == nil || a.direct[one.user] == direct {
		return
	}
	if direct {
		e.app(one.app).direct[one.user] = true
	} else {
		delete(e.app(one.app).direct, one.user)
	}
}

func (e *edit) assignGroup(id, group string, on bool) {
	a := e.next.apps[id]
	if a == nil || slices.Contains(a.groups, group) == on {
		return
	}
	mine := e.app(id)
	if !on {
		mine.groups = slices.DeleteFunc(mine.groups, func(g string) bool { return g == group })
		return
	}
	mine.groups = append(mine.groups, group)
	slices.Sort(mine.groups)
}
