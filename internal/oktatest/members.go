package oktatest

import "fmt"

// cause is why a membership changes.
type cause struct {
	rule   bool // by a group rule, not by an administrator
	silent bool // it stood so from the start
}

// Join makes a person (id or login) a member of a group (id or unique name).
func (k *Okta) Join(who, group string) { must(k.org.setMembership(who, group, true)) }

// Leave ends a membership. One that a rule made is excluded from the rule, as at
// Okta, which would put the person back otherwise.
func (k *Okta) Leave(who, group string) { must(k.org.setMembership(who, group, false)) }

// MembersOf returns the ids of a group's members, sorted: the truth, whatever
// the answers say meanwhile.
func (k *Okta) MembersOf(which string) []string {
	o := k.org
	o.mu.RLock()
	defer o.mu.RUnlock()
	g := must(o.group(which))
	all := []string{}
	for _, p := range o.membersOf(g) {
		if o.isMember(g, p) {
			all = append(all, p.ID)
		}
	}
	return all
}

// membersOf is where the members of a group are among; of Everyone that is
// everybody.
func (o *org) membersOf(g *group) ordered[*person] {
	if g == o.everyone {
		return o.people
	}
	return g.members
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
	if g == o.everyone {
		return "", fmt.Errorf("membership of %q cannot be set", g.Name)
	}
	if !in && p.ruled.has(g.ID) {
		o.exclude(g, p)
	}
	o.setMember(g, p, in, cause{})
	return g.ID, nil
}

// setMember is the one place where a membership changes. The caller holds the
// lock.
func (o *org) setMember(g *group, p *person, in bool, why cause) {
	if g == o.everyone || g.members.has(p.ID) == in {
		return
	}
	apps := o.appsThrough(g, p)
	if in {
		g.members.put(p)
		p.in.put(g)
		if why.rule {
			p.ruled.put(g)
		}
	} else {
		g.members.drop(p)
		p.in.drop(g)
		p.ruled.drop(g)
	}
	if why.silent {
		return
	}
	o.stampMembers(g)
	o.writeMembership(g, p, in, why)
	for _, a := range apps {
		o.writeAppUser(a, p, in)
	}
}

// stampMembers moves lastMembershipUpdated to the present second, sooner or later.
func (o *org) stampMembers(g *group) {
	now, second := o.now(), o.second()
	lag := o.lags.Membership.next()
	if lag <= 0 && len(g.late) == 0 {
		g.membersUpdated = second
		return
	}
	kept := g.late[:0:0]
	for _, l := range g.late {
		if l.from.After(now) {
			kept = append(kept, l)
		} else if l.stamp.After(g.membersUpdated) {
			g.membersUpdated = l.stamp
		}
	}
	g.late = append(kept, lateStamp{now.Add(lag), second})
}

// everyoneChanged stamps the group whose members are derived.
func (o *org) everyoneChanged() { o.stampMembers(o.everyone) }

func (o *org) writeMembership(g *group, p *person, in bool, why cause) {
	e := Event{Type: memberAdded, Targets: []Entity{p.entity(), g.entity()}}
	if !in {
		e.Type = memberRemoved
	}
	e.uri = "/api/v1/groups/" + g.ID + "/users/" + p.ID
	if why.rule {
		e.Job = true
	}
	o.writeEvent(e)
}
