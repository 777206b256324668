package directory

import (
	"strings"

	"sallyport/idp"
)

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
