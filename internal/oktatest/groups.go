package oktatest

import (
	"fmt"
	"maps"
	"time"
)

// Types of groups.
const (
	OktaGroup = "OKTA_GROUP" // made in Okta
	AppGroup  = "APP_GROUP"  // imported from an application, e.g. Active Directory
	BuiltIn   = "BUILT_IN"   // Everyone, whose members are derived
)

// Group is a group of the org.
type Group struct {
	ID          string // "00g..."; made if empty
	Name        string // required; not unique
	Description string // "" is null
	Type        string // OktaGroup if empty
	// Source is the id of the application an AppGroup comes from.
	Source string
	// Profile holds further attributes, e.g. "samAccountName" of an AppGroup.
	Profile map[string]any
}

// group is a Group with members and the traces of changes.
type group struct {
	Group
	members ordered[*person]
	past    past[group]
	// membersUpdated is what lastMembershipUpdated shows, but for the late ones.
	created, updated, membersUpdated time.Time
	late                             []lateStamp
}

// lateStamp is a membership change that lastMembershipUpdated shows from a
// moment on.
type lateStamp struct{ from, stamp time.Time }

func (g *group) key() string { return g.ID }

// entity is the group in an event. Recorded events know no alternate id.
func (g *group) entity() Entity { return Entity{g.ID, "UserGroup", "unknown", g.Name} }

// AddGroup adds a group and returns its id.
func (k *Okta) AddGroup(g Group) string { return must(k.org.addGroup(g, true)) }

// RenameGroup changes a group's name; its id stays.
func (k *Okta) RenameGroup(which, name string) {
	must(k.org.changeGroup(which, func(g *group) { g.Name = name }))
}

// SetGroupProfile lays attributes over a group's profile; "name" and
// "description" are among them.
func (k *Okta) SetGroupProfile(which string, attributes map[string]any) {
	must(k.org.changeGroup(which, func(g *group) {
		named := map[string]*string{"name": &g.Name, "description": &g.Description}
		g.Profile = maps.Clone(g.Profile)
		if g.Profile == nil {
			g.Profile = map[string]any{}
		}
		for name, value := range attributes {
			if field, ok := named[name]; ok {
				*field, _ = value.(string)
				continue
			}
			g.Profile[name] = value
		}
	}))
}

// RemoveGroup deletes a group. The System Log tells of the group alone, not of
// its members.
func (k *Okta) RemoveGroup(which string) { must(k.org.removeGroup(which)) }

// GroupID is the id of the group with that id or name.
func (k *Okta) GroupID(which string) string {
	k.org.mu.RLock()
	defer k.org.mu.RUnlock()
	return must(k.org.group(which)).ID
}

func (o *org) addGroup(g Group, logged bool) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if g.Name == "" {
		return "", fmt.Errorf("group %q has no name", g.ID)
	}
	if g.ID == "" {
		g.ID = o.ids.next("00g")
	}
	if o.groups.has(g.ID) {
		return "", fmt.Errorf("group id %q is taken", g.ID)
	}
	now := o.second()
	g.Type, g.Profile = or(g.Type, OktaGroup), maps.Clone(g.Profile)
	kept := &group{Group: g, created: now, updated: now, membersUpdated: now}
	o.groups.put(kept)
	if logged {
		kept.past.keep(nil, o.now(), o.lags.Search.next())
		o.write(groupCreated, kept.entity())
	}
	return g.ID, nil
}

// changeGroup changes the profile of a group and leaves the traces.
func (o *org) changeGroup(which string, change func(*group)) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, err := o.group(which)
	if err != nil {
		return "", err
	}
	if lag := o.lags.Search.next(); lag > 0 {
		was := g.copy()
		g.past.keep(&was, o.now(), lag)
	}
	change(g)
	g.updated = o.second()
	o.write(groupChanged, g.entity())
	return g.ID, nil
}

func (o *org) removeGroup(which string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, err := o.group(which)
	if err != nil {
		return "", err
	}
	if g == o.everyone {
		return "", fmt.Errorf("the built-in group %q cannot be deleted", g.Name)
	}
	for _, p := range g.members {
		p.in.drop(g)
		p.ruled.drop(g)
	}
	for _, a := range o.apps {
		delete(a.groups, g.ID)
	}
	o.groups.drop(g)
	o.write(groupDeleted, g.entity())
	return g.ID, nil
}

// membershipStamp is lastMembershipUpdated as it shows now.
func (g *group) membershipStamp(now time.Time) time.Time {
	shown := g.membersUpdated
	for _, l := range g.late {
		if !l.from.After(now) && l.stamp.After(shown) {
			shown = l.stamp
		}
	}
	return shown
}

// copy leaves members and the past behind: no answer shows them.
func (g *group) copy() group {
	c := *g
	c.members, c.past, c.Profile = nil, nil, maps.Clone(g.Profile)
	return c
}
