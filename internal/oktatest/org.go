package oktatest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"sallyport/identity"
)

// org is what an administrator edits: people, groups, memberships, applications,
// rules, API tokens. Everything in it is guarded by mu; what leaves it is a
// copy. Every change goes through a method here or in people.go, groups.go,
// members.go, rules.go, apps.go and clients.go, which is where its traces
// (timestamps, System Log events) are left.
type org struct {
	mu       sync.RWMutex
	now      func() time.Time
	ids      ids
	id       string // "00o..."
	userType string // "oty..."
	schema   string // "osc..."
	people   ordered[*person]
	logins   map[string]*person // by login in lower case
	groups   ordered[*group]
	apps     ordered[*app]
	rules    []*rule
	clients  map[string]*client
	tokens   map[string]Role
	everyone *group // the built-in group
	lags     Lags
	log      *systemLog
	actor    Entity
}

func newOrg(seed uint64, now func() time.Time, lags Lags) *org {
	o := &org{
		now: now, ids: ids{seed: seed, made: map[string]int{}}, lags: lags,
		logins: map[string]*person{}, clients: map[string]*client{}, tokens: map[string]Role{},
		log: newSystemLog(seed, now, lags.Log),
	}
	o.id, o.userType, o.schema = o.ids.next("00o"), o.ids.next("oty"), o.ids.next("osc")
	o.everyone = &group{
		Group:   Group{ID: o.ids.next("00g"), Name: "Everyone", Description: "All users in your organization", Type: BuiltIn},
		created: o.second(), updated: o.second(), membersUpdated: o.second(),
	}
	o.groups.put(o.everyone)
	o.actor = Entity{ID: "00uOktaAdministrator", Type: "User", AlternateID: "admin@example.com", DisplayName: "Okta Admin"}
	return o
}

// second is the present at the one-second resolution of Okta's timestamps.
func (o *org) second() time.Time { return o.now().UTC().Truncate(time.Second) }

// person looks a person up by id, login or the part of the login before "@"
// where only one person has it, as Okta does. The caller holds the lock.
func (o *org) person(who string) (*person, error) {
	if p, ok := o.people.get(who); ok {
		return p, nil
	}
	if p, ok := o.logins[strings.ToLower(who)]; ok {
		return p, nil
	}
	var found []*person
	for _, p := range o.people {
		if short, _, _ := strings.Cut(p.Login, "@"); strings.EqualFold(short, who) {
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
	if g, ok := o.groups.get(which); ok {
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
func (o *org) groupsOf(p *person) ordered[*group] {
	if !o.isMember(o.everyone, p) {
		return p.in
	}
	all := append(ordered[*group](nil), p.in...)
	all.put(o.everyone)
	return all
}

// isMember reports membership. That of Everyone is derived, never kept.
func (o *org) isMember(g *group, p *person) bool {
	if g == o.everyone {
		return p.Status != identity.StatusDeprovisioned
	}
	return g.members.has(p.ID)
}
