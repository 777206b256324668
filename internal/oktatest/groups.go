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

// group is a Group with members (person ids) and the traces of changes.
type group struct {
	Group
	members                          map[string]bool
	created, updated, membersUpdated time.Time
}

// AddGroup adds a group and returns its id.
func (k *Okta) AddGroup(g Group) string { return must(k.org.addGroup(g)) }

// RenameGroup changes a group's name; its id stays.
func (k *Okta) RenameGroup(which, name string) {
	must(k.org.changeGroup(which, func(g *group) { g.Name, g.updated = name, k.org.second() }))
}

// RemoveGroup deletes a group.
func (k *Okta) RemoveGroup(which string) {
	must(k.org.changeGroup(which, func(g *group) { delete(k.org.groups, g.ID) }))
}

// Join makes a person (id or login) a member of a group (id or unique name).
func (k *Okta) Join(who, group string) { must(k.org.setMembership(who, group, true)) }

// Leave ends a membership.
func (k *Okta) Leave(who, group string) { must(k.org.setMembership(who, group, false)) }

// GroupID is the id of the group with that id or name.
func (k *Okta) GroupID(which string) string {
	return must(k.org.changeGroup(which, func(*group) {}))
}

func (o *org) addGroup(g Group) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if g.Name == "" {
		return "", fmt.Errorf("group %q has no name", g.ID)
	}
	if g.ID == "" {
		g.ID = o.ids.next("00g")
	}
	if _, taken := o.groups[g.ID]; taken {
		return "", fmt.Errorf("group id %q is taken", g.ID)
	}
	now := o.second()
	g.Type, g.Profile = or(g.Type, OktaGroup), maps.Clone(g.Profile)
	o.groups[g.ID] = &group{Group: g, members: map[string]bool{}, created: now, updated: now, membersUpdated: now}
	return g.ID, nil
}

func (o *org) changeGroup(which string, change func(*group)) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, err := o.group(which)
	if err != nil {
		return "", err
	}
	change(g)
	return g.ID, nil
}

func (o *org) setMembership(who, which string, in bool) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, err := o.person(who)
	if err != nil {
		return "", err
	}
	g, err := o.group(which)
	if err != nil {
		return "", err
	}
	if g.ID == o.everyone {
		return "", fmt.Errorf("membership of %q cannot be set", g.Name)
	}
	o.setMember(g, p, in)
	return g.ID, nil
}

// setMember is the one place where a membership changes. The caller holds the
// lock.
func (o *org) setMember(g *group, p *person, in bool) {
	if g.ID == o.everyone || g.members[p.ID] == in {
		return
	}
	if in {
		g.members[p.ID] = true
	} else {
		delete(g.members, p.ID)
	}
	g.membersUpdated = o.second()
}
