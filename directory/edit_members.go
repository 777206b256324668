package directory

import (
	"slices"

	"sallyport/identity"
	"sallyport/idp"
)

// setMembers makes exactly these people the members of a group.
func (e *edit) setMembers(id string, ids []string, readAt int64) {
	h, ok := e.gids.first(id)
	if !ok || e.grps.at(h).gone {
		return
	}
	members := make([]handle, 0, len(ids))
	for _, id := range ids {
		if m := e.intern(id); !e.ppl.at(m).gone {
			members = append(members, m)
		}
	}
	slices.Sort(members)
	members = slices.Compact(members)
	g := e.group(h)
	// A reading of one person alone that is later than this listing stands.
	later := func(m handle) bool { return e.ppl.at(m).groupsAsOf > readAt+dateGrain }
	members = slices.DeleteFunc(members, func(m handle) bool { return later(m) && !contains(g.members, m) })
	for _, m := range g.members {
		if later(m) && !contains(members, m) {
			members = append(members, m)
			slices.Sort(members)
		}
	}
	e.replaceMembers(h, members)
	g.readAt = readAt
}

// replaceMembers takes the list over, which need not be sorted.
func (e *edit) replaceMembers(h handle, members []handle) {
	slices.Sort(members)
	members = slices.Compact(members)
	g := e.group(h)
	diff(g.members, members,
		func(left handle) { e.removeGroup(e.person(left), h) },
		func(joined handle) { e.addGroup(joined, h) })
	g.members = members
}

func contains(sorted []handle, h handle) bool {
	_, ok := slices.BinarySearch(sorted, h)
	return ok
}

// diff walks two sorted lists and tells what only one of them has.
func diff(was, is []handle, left, joined func(handle)) {
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(is) == 0 || len(was) > 0 && was[0] < is[0]:
			left(was[0])
			was = was[1:]
		case len(was) == 0 || is[0] < was[0]:
			joined(is[0])
			is = is[1:]
		default:
			was, is = was[1:], is[1:]
		}
	}
}

// setGroupsOf makes exactly these groups those of a person, as read of them
// alone. A group of everybody is left out: it follows by itself.
func (e *edit) setGroupsOf(id string, groups []identity.Group, at int64) {
	m := e.intern(id)
	if was := e.ppl.at(m); was.gone || was.groupsAsOf > at {
		return
	}
	p := e.person(m)
	want := make([]handle, 0, len(groups))
	for _, g := range groups {
		h, ok := e.gids.first(g.ID)
		if !ok {
			h = e.putGroup(idp.Group{ID: g.ID, Name: g.Name, Type: idp.GroupOkta, Users: -1})
		}
		if known := e.grps.at(h); !known.everyone() && !known.gone {
			want = append(want, h)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	e.sortGroups(m)
	have := slices.Clone(p.groups)
	diff(have, want,
		func(left handle) { e.removeMember(e.group(left), m); e.removeGroup(p, left) },
		func(joined handle) { e.join(joined, m) })
	p.groupsAsOf = at
}

// join and leave change one membership and report whether it was not so.
func (e *edit) join(g, m handle) bool {
	if slices.Contains(e.ppl.at(m).groups, g) || e.ppl.at(m).gone || e.grps.at(g).gone {
		return false
	}
	mine := e.group(g)
	if i, ok := slices.BinarySearch(mine.members, m); !ok {
		mine.members = slices.Insert(mine.members, i, m)
	}
	e.addGroup(m, g)
	return true
}

func (e *edit) leave(g, m handle) bool {
	if !slices.Contains(e.ppl.at(m).groups, g) {
		return false
	}
	e.removeMember(e.group(g), m)
	e.removeGroup(e.person(m), g)
	return true
}

func (e *edit) addGroup(m, g handle) {
	p := e.person(m)
	if n := len(p.groups); n > 0 && p.groups[n-1] >= g {
		e.unsorted[m] = true
	}
	p.groups = append(p.groups, g)
}

func (e *edit) removeGroup(p *personNode, g handle) {
	if i := slices.Index(p.groups, g); i >= 0 {
		p.groups = slices.Delete(p.groups, i, i+1)
	}
}

func (e *edit) removeMember(g *groupNode, m handle) {
	if i, ok := slices.BinarySearch(g.members, m); ok {
		g.members = slices.Delete(g.members, i, i+1)
	}
}

func (e *edit) sortGroups(m handle) {
	if e.unsorted[m] {
		p := e.mine[m]
		slices.Sort(p.groups)
		p.groups = slices.Compact(p.groups)
		delete(e.unsorted, m)
	}
}
