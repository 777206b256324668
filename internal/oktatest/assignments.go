package oktatest

import (
	"cmp"
	"slices"
)

func (o *org) setPersonAssignment(appID, who string, on bool) (string, error) {
	return o.changeApp(appID, func(a *app) error {
		p, err := o.person(who)
		if err == nil {
			o.assignPerson(a, p, on)
		}
		return err
	})
}

// assignPerson changes a direct assignment. The caller holds the lock.
func (o *org) assignPerson(a *app, p *person, on bool) {
	_, was := a.people[p.ID]
	if was == on {
		return
	}
	had := o.uses(a, p)
	if on {
		a.assigned, a.people[p.ID] = true, o.second()
	} else {
		delete(a.people, p.ID)
	}
	if o.uses(a, p) != had {
		o.writeAppUser(a, p, on)
	}
}

func (o *org) setGroupAssignment(appID, which string, on bool) (string, error) {
	return o.changeApp(appID, func(a *app) error {
		g, err := o.group(which)
		if err != nil {
			return err
		}
		if _, was := a.groups[g.ID]; was == on {
			return nil
		}
		o.assignGroup(a, g, on)
		return nil
	})
}

// assignGroup changes an assignment and, with it, those of the members who have
// no other.
func (o *org) assignGroup(a *app, g *group, on bool) {
	var changed []*person
	before := map[*person]bool{}
	for _, p := range o.membersOf(g) {
		before[p] = o.uses(a, p)
	}
	event := groupAssigned
	if on {
		a.assigned, a.groups[g.ID] = true, groupAssignment{o.second(), len(a.groups)}
	} else {
		event = groupUnassigned
		delete(a.groups, g.ID)
	}
	o.write(event, g.entity(), a.entity())
	for _, p := range o.membersOf(g) {
		if o.uses(a, p) != before[p] {
			changed = append(changed, p)
		}
	}
	for _, p := range changed {
		o.writeAppUser(a, p, on)
	}
}

// uses reports whether an application is assigned to a person by name, directly
// or through a group. The caller holds the lock.
func (o *org) uses(a *app, p *person) bool {
	if _, direct := a.people[p.ID]; direct {
		return true
	}
	_, through := o.assignedThrough(a, p)
	return through
}

// assignedThrough is the assignment of a group that a person has an application
// through, that of the first in priority.
func (o *org) assignedThrough(a *app, p *person) (groupAssignment, bool) {
	if len(a.groups) == 0 {
		return groupAssignment{}, false
	}
	var found []groupAssignment
	for _, g := range o.groupsOf(p) {
		if assignment, ok := a.groups[g.ID]; ok {
			found = append(found, assignment)
		}
	}
	if len(found) == 0 {
		return groupAssignment{}, false
	}
	return slices.MinFunc(found, func(x, y groupAssignment) int { return cmp.Compare(x.priority, y.priority) }), true
}

// appsThrough are the applications that a person has, or would have, through
// that one group alone. The caller holds the lock.
func (o *org) appsThrough(g *group, p *person) []*app {
	var all []*app
	for _, a := range o.apps {
		if _, ok := a.groups[g.ID]; !ok {
			continue
		}
		_, direct := a.people[p.ID]
		other := slices.ContainsFunc(o.groupsOf(p), func(of *group) bool {
			_, ok := a.groups[of.ID]
			return ok && of != g
		})
		if !direct && !other {
			all = append(all, a)
		}
	}
	return all
}

func (o *org) writeAppUser(a *app, p *person, on bool) {
	e := Event{Type: appUserAdded, uri: "/api/v1/apps/" + a.ID + "/users"}
	if !on {
		e.Type = appUserRemoved
	}
	user := Entity{assignmentID(p), "AppUser", p.Login, p.displayName()}
	e.Targets = []Entity{user, a.entity(), p.entity()}
	o.writeEvent(e)
}
