package oktatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/identity"
)

// org is what an administrator edits: people, groups, memberships,
// applications, API tokens. Everything in it is guarded by mu; what leaves it is a
// copy. Every change goes through a method here or in people.go, groups.go and
// clients.go, which is where its traces (timestamps) are left.
type org struct {
	mu       sync.RWMutex
	now      func() time.Time
	ids      ids
	id       string // "00o..."
	userType string // "oty..."
	schema   string // "osc..."
	people   map[string]*person
	groups   map[string]*group
	clients  map[string]*client
	tokens   map[string]bool
	everyone string // id of the built-in group
}

func newOrg(seed uint64, now func() time.Time) *org {
	o := &org{
		now: now, ids: ids{seed: seed, made: map[string]int{}},
		people: map[string]*person{}, groups: map[string]*group{}, clients: map[string]*client{}, tokens: map[string]bool{},
	}
	o.id, o.userType, o.schema = o.ids.next("00o"), o.ids.next("oty"), o.ids.next("osc")
	o.everyone = o.ids.next("00g")
	o.groups[o.everyone] = &group{
		Group:   Group{ID: o.everyone, Name: "Everyone", Description: "All users in your organization", Type: BuiltIn},
		created: o.second(), updated: o.second(), membersUpdated: o.second(),
	}
	return o
}

// second is the present at the one-second resolution of Okta's timestamps.
func (o *org) second() time.Time { return o.now().UTC().Truncate(time.Second) }

// person looks a person up by id, login or the part of the login before "@"
// where only one person has it, as Okta does. The caller holds the lock.
func (o *org) person(who string) (*person, error) {
	if p, ok := o.people[who]; ok {
		return p, nil
	}
	var found []*person
	for _, p := range o.people {
		short, _, _ := strings.Cut(p.Login, "@")
		switch {
		case strings.EqualFold(p.Login, who):
			return p, nil
		case strings.EqualFold(short, who):
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("no person with id or login %q", who)
	}
	return found[0], nil
}

// group looks a group up by id, else by name where only one has it. The caller
// holds the lock.
func (o *org) group(which string) (*group, error) {
	if g, ok := o.groups[which]; ok {
		return g, nil
	}
	var found *group
	for _, g := range o.groups {
		if g.Name != which {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("two groups are named %q: use the id", which)
		}
		found = g
	}
	if found == nil {
		return nil, fmt.Errorf("no group with id or name %q", which)
	}
	return found, nil
}

// groupsOf returns the person's groups, Everyone included, by id. The caller
// holds the lock.
func (o *org) groupsOf(p *person) []*group {
	var all []*group
	for _, g := range o.groups {
		if o.isMember(g, p) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *group) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// isMember reports membership. That of Everyone is derived, never kept.
func (o *org) isMember(g *group, p *person) bool {
	if g.ID == o.everyone {
		return p.Status != identity.StatusDeprovisioned
	}
	return g.members[p.ID]
}
