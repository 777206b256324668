package directory

import (
	"slices"
	"strings"

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
