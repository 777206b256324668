package directory

import (
	"maps"
	"slices"
	"time"

	"sallyport/idp"
)

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
