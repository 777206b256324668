package oktatest

import (
	"maps"

	"sallyport/identity"
)

// Rule is a group rule: whoever's profile fits is put in the groups, and taken
// out again when it does not fit any more.
type Rule struct {
	Name   string
	Groups []string // ids or names
	// When is asked, while the org is locked, with the profile: Okta's names, "login", "email", "firstName"
	// and "lastName" among them.
	When func(profile map[string]any) bool
}

type rule struct {
	name     string
	groups   []*group
	when     func(map[string]any) bool
	excluded map[string]bool // people an administrator took out
}

// AddRule adds a group rule and applies it to everybody. Deactivated people are
// not looked at again: they stay where rules put them, as at Okta.
func (k *Okta) AddRule(r Rule) { must(k.org.addRule(r)) }

func (o *org) addRule(r Rule) (*rule, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := &rule{name: r.Name, when: r.When, excluded: map[string]bool{}}
	for _, which := range r.Groups {
		g, err := o.group(which)
		if err != nil {
			return nil, err
		}
		kept.groups = append(kept.groups, g)
	}
	o.rules = append(o.rules, kept)
	for _, p := range o.people {
		o.applyRules(p, false)
	}
	return kept, nil
}

// applyRules puts a person where rules want them, and takes them out where only
// rules had put them. The caller holds the lock.
func (o *org) applyRules(p *person, silent bool) {
	if len(o.rules) == 0 || p.Status == identity.StatusDeprovisioned {
		return
	}
	profile, wanted := p.profile(), map[*group]bool{}
	for _, r := range o.rules {
		if r.excluded[p.ID] || !r.when(profile) {
			continue
		}
		for _, g := range r.groups {
			wanted[g] = o.groups.has(g.ID)
		}
	}
	why := cause{rule: true, silent: silent}
	for _, g := range append(ordered[*group](nil), p.ruled...) {
		if !wanted[g] {
			o.setMember(g, p, false, why)
		}
	}
	for _, r := range o.rules { // in their order, so that events come in one order
		for _, g := range r.groups {
			if wanted[g] {
				o.setMember(g, p, true, why)
			}
		}
	}
}

// exclude keeps the rules of a group from putting a person back.
func (o *org) exclude(g *group, p *person) {
	for _, r := range o.rules {
		for _, of := range r.groups {
			if of == g {
				r.excluded[p.ID] = true
			}
		}
	}
}

// profile is every attribute by Okta's name.
func (p *person) profile() map[string]any {
	all := map[string]any{
		"firstName": orNull(p.FirstName), "lastName": orNull(p.LastName), "mobilePhone": nil, "secondEmail": nil,
		"login": p.Login, "email": p.Email,
	}
	maps.Copy(all, p.Profile)
	return all
}
