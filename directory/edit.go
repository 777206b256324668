package directory

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// edit is a successor of a snapshot in the making. What it touches it copies
// once, so that many changes cost what they change.
type edit struct {
	base  *Snapshot
	next  *Snapshot
	ppl   vectorEdit[*personNode]
	grps  vectorEdit[*groupNode]
	ids   tableEdit
	login tableEdit
	mail  tableEdit
	gids  tableEdit
	names tableEdit

	mine       map[handle]*personNode
	mineGroups map[handle]*groupNode
	mineApps   map[string]*app // nil values: gone
	unsorted   map[handle]bool // people whose groups have to be sorted
	// touched are people who differ only by what their groups are called.
	touched map[handle]bool
	// revived are people who were no more and are again: a whole listing leaves
	// deactivated ones out. Their groups are not known.
	revived []string
	renamed bool
	pinned  bool // the pins are this edit's own
	// restoring keeps the versions that nodes come with.
	restoring bool
	mark      *edited
}

// edited marks the nodes that an edit made, which it may change in place.
type edited struct{ _ byte }

// dateGrain is how exactly the source's clock is known, in milliseconds: a Date
// header has whole seconds, events have thousandths.
const dateGrain = 1000

// groupsUnread is the groupsAsOf of people whose groups have to be read: those who
// were no more and are again. It is stored, so that a successor reads them.
const groupsUnread = -1

// edit begins a successor of s; nil is the empty snapshot.
func (s *Snapshot) edit() *edit {
	if s == nil {
		s = &Snapshot{}
	}
	next := *s
	return &edit{
		base: s, next: &next,
		ppl: vectorEdit[*personNode]{vector: s.people}, grps: vectorEdit[*groupNode]{vector: s.groups},
		ids: tableEdit{table: s.ids}, login: tableEdit{table: s.logins}, mail: tableEdit{table: s.mails},
		gids: tableEdit{table: s.groupIDs}, names: tableEdit{table: s.groupNames},
		mark: new(edited),
		mine: map[handle]*personNode{}, mineGroups: map[handle]*groupNode{}, unsorted: map[handle]bool{}, touched: map[handle]bool{},
	}
}

// person returns the person at h for changing.
func (e *edit) person(h handle) *personNode {
	was := e.ppl.at(h)
	if was.mark == e.mark {
		return was
	}
	p := &personNode{
		mark: e.mark,
		User: was.User, groups: slices.Clone(was.groups), asOf: was.asOf, groupsAsOf: was.groupsAsOf, merged: was.merged,
		version: was.version, known: was.known, gone: was.gone,
	}
	p.made.Store(was.made.Load())
	e.mine[h] = p
	e.ppl.set(h, p)
	return p
}

// intern returns the handle of a person, who may not be known yet.
func (e *edit) intern(id string) handle {
	if h, ok := e.ids.first(id); ok {
		return h
	}
	id = strings.Clone(id) // it may be a piece of a whole page
	p := &personNode{User: idp.User{ID: id}, mark: e.mark}
	h := e.ppl.push(p)
	e.mine[h] = p
	e.ids.add(id, h)
	return h
}

func (e *edit) group(h handle) *groupNode {
	if g := e.mineGroups[h]; g != nil {
		return g
	}
	g := *e.grps.at(h)
	g.members = slices.Clone(g.members)
	e.mineGroups[h] = &g
	e.grps.set(h, &g)
	return &g
}

// putUser takes in what was read of a person at that time, unless something
// later is known.
func (e *edit) putUser(u idp.User, asOf int64) {
	h := e.intern(u.ID)
	was := e.ppl.at(h)
	if was.asOf > asOf+dateGrain || was.gone && was.asOf >= asOf {
		return // of somebody deleted in the second of the reading, the deletion counts
	}
	if was.known && !was.gone && sameUser(was.User, u) {
		if p := e.mine[h]; p != nil {
			p.asOf = asOf
		}
		return
	}
	p := e.person(h)
	if was.gone {
		e.revived, p.groupsAsOf = append(e.revived, was.ID), groupsUnread
	}
	e.unindex(p, h)
	u.ID = p.ID
	if u.Email == u.Login {
		u.Email = u.Login // one copy in memory
	}
	p.User, p.known, p.gone, p.asOf = u, true, false, asOf
	e.login.add(strings.ToLower(u.Login), h)
	e.mail.add(strings.ToLower(u.Email), h)
}

func (e *edit) unindex(p *personNode, h handle) {
	e.login.remove(strings.ToLower(p.Login), h)
	e.mail.remove(strings.ToLower(p.Email), h)
}

// setStatus is what an event said of a person.
func (e *edit) setStatus(id string, status identity.Status, at int64) {
	h, ok := e.ids.first(id)
	if !ok {
		return
	}
	if was := e.ppl.at(h); was.asOf > at+dateGrain || !was.known || was.gone {
		return
	}
	p := e.person(h)
	p.Status, p.asOf = status, at
}

// dropUser makes somebody be no more. Their id stays, so that older news of them
// is told from newer.
func (e *edit) dropUser(id string, at int64) {
	h, ok := e.ids.first(id)
	if !ok {
		h = e.intern(id)
	}
	was := e.ppl.at(h)
	if was.gone || was.known && was.asOf > at+dateGrain {
		return
	}
	p := e.person(h)
	e.unindex(p, h)
	for _, gh := range p.groups {
		e.removeMember(e.group(gh), h)
	}
	p.groups, p.gone, p.asOf, p.groupsAsOf = nil, true, at, at
	p.User = idp.User{ID: p.ID, Status: identity.StatusDeprovisioned}
}

// putGroup takes in a group without its members and returns its handle.
func (e *edit) putGroup(g idp.Group) handle {
	h, ok := e.gids.first(g.ID)
	if !ok {
		g.ID = strings.Clone(g.ID)
		fresh := &groupNode{Group: g}
		h = e.grps.push(fresh)
		e.mineGroups[h] = fresh
		e.gids.add(g.ID, h)
		e.names.add(g.Name, h)
		e.renamed = true
		return h
	}
	was := e.grps.at(h)
	if was.Group == g && !was.gone {
		return h
	}
	if was.gone { // ids are not used twice: an old listing
		return h
	}
	mine := e.group(h)
	if mine.Name != g.Name {
		e.names.remove(mine.Name, h)
		e.names.add(g.Name, h)
		e.touchMembers(mine)
		mine.version = 0
		e.renamed = true
	}
	g.ID = mine.ID
	if g.Users < 0 {
		g.Users = mine.Users
	}
	mine.Group = g
	return h
}

func (e *edit) touchMembers(g *groupNode) {
	for _, m := range g.members {
		e.touched[m] = true
	}
}

// dropGroup makes a group be no more, and everybody leave it. One that was never
// known is remembered as well: a listing that began before may still name it.
func (e *edit) dropGroup(id string) {
	h, ok := e.gids.first(id)
	if id == "" || ok && e.grps.at(h).gone {
		return
	}
	if !ok {
		h = e.putGroup(idp.Group{ID: id})
	}
	g := e.group(h)
	e.names.remove(g.Name, h)
	for _, m := range g.members {
		e.removeGroup(e.person(m), h)
	}
	g.members, g.gone, g.version = nil, true, 0
	e.renamed = true
}

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

// delta names what a commit changed, by id.
type delta struct {
	people []string // differ in what a decision could see
	saved  []string // differ in anything
	groups []string // differ in anything
	apps   []string // differ in anything
	facts  bool     // pins, names or applications
}

func (c delta) none() bool { return len(c.saved) == 0 && len(c.groups) == 0 && !c.facts }

// commit makes the snapshot. The edit is spent.
func (e *edit) commit(now time.Time) (*Snapshot, delta) {
	n := e.next
	n.version = max(e.base.version+1, uint64(max(now.UnixMilli(), 0)))
	var c delta
	for h := range e.unsorted {
		e.sortGroups(h)
	}
	e.commitGroups(n, &c)
	e.commitPeople(n, &c)
	for id := range e.mineApps {
		c.apps = append(c.apps, id)
	}
	for h := range e.touched {
		if p := e.ppl.at(h); e.mine[h] == nil && p.known {
			c.people = append(c.people, p.ID)
		}
	}
	if c.facts = n.factsAt != e.base.factsAt; c.facts {
		n.factsAt = n.version
	}
	if e.renamed || c.facts {
		n.epoch = n.version
	}
	n.people, n.groups = e.ppl.vector, e.grps.vector
	n.ids, n.logins, n.mails, n.groupIDs, n.groupNames = e.ids.table, e.login.table, e.mail.table, e.gids.table, e.names.table
	return n, c
}

func (e *edit) commitGroups(n *Snapshot, c *delta) {
	everyone := maps.Collect(func(yield func(handle, bool) bool) {
		for _, h := range n.everyone {
			yield(h, true)
		}
	})
	for h, g := range e.mineGroups {
		c.groups = append(c.groups, g.ID)
		if g.version == 0 {
			g.version = n.version
		}
		var was groupNode
		if int(h) < e.base.groups.n {
			was = *e.base.groups.at(h)
		}
		n.counts.Memberships += len(g.members) - len(was.members)
		n.counts.Groups += live(g.ID != "" && !g.gone) - live(was.ID != "" && !was.gone)
		n.counts.Unread += live(unread(g)) - live(unread(&was))
		if g.everyone() && !g.gone {
			everyone[h] = true
		} else {
			delete(everyone, h)
		}
	}
	n.everyone = slices.Sorted(maps.Keys(everyone))
}

func unread(g *groupNode) bool { return g.ID != "" && !g.gone && !g.everyone() && g.readAt == 0 }

func live(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *edit) commitPeople(n *Snapshot, c *delta) {
	total := 0
	for _, p := range e.mine {
		total += len(p.groups)
	}
	arena := make([]handle, 0, total) // one piece instead of a grown slice each
	for h, p := range e.mine {
		var was *personNode
		if int(h) < e.base.people.n {
			was = e.base.people.at(h)
		}
		from := len(arena)
		arena = append(arena, p.groups...)
		p.groups = arena[from:len(arena):len(arena)]
		wasThere := was != nil && was.known && !was.gone
		n.counts.People += live(p.known && !p.gone) - live(wasThere)
		c.saved = append(c.saved, p.ID)
		if was != nil && was.known == p.known && was.gone == p.gone && sameUser(was.User, p.User) && slices.Equal(was.groups, p.groups) {
			continue
		}
		if !e.restoring {
			p.version = n.version
		}
		p.made.Store(nil)
		if p.known || wasThere {
			c.people = append(c.people, p.ID)
		}
	}
}

// sameUser compares all but when it was updated.
func sameUser(a, b idp.User) bool {
	return a.ID == b.ID && a.Login == b.Login && a.Email == b.Email && a.Name == b.Name && a.Status == b.Status &&
		maps.EqualFunc(a.Profile, b.Profile, slices.Equal[[]string])
}
