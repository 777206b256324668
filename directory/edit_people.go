package directory

import (
	"strings"

	"sallyport/identity"
	"sallyport/idp"
)

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
