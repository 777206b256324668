package oktatest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"sallyport/identity"
)

// Load is a large org, made at once and without events: people "person-000042@",
// groups "group 00042" whose sizes differ as those of real orgs do (lognormal:
// most are small, a few hold thousands).
type Load struct {
	People, Groups, Memberships int
	Domain                      string // "example.com" if empty
	// Password is everybody's; "" signs in nowhere.
	Password string
	Seed     uint64 // varies who is where
}

// Loaded are the ids of what was loaded, in the order of the numbers in names.
type Loaded struct{ People, Groups []string }

// spread is the deviation of the logarithm of group sizes.
const spread = 1.5

var (
	firstNames = []string{"Ada", "Ben", "Chloe", "Dev", "Emil", "Fay", "Gus", "Hana", "Ivan", "Jun", "Kira", "Liam"}
	lastNames  = []string{"Abel", "Baker", "Castro", "Dahl", "Engel", "Fox", "Garcia", "Hale", "Ito", "Jones", "Kumar"}
)

// Load adds a large org to what is there. As many memberships are made as asked,
// which must be at most People x Groups.
func (k *Okta) Load(l Load) Loaded {
	o := k.org
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.Memberships > l.People*l.Groups {
		panic(fmt.Sprintf("oktatest: load %d memberships: %d people and %d groups have room for fewer", l.Memberships, l.People, l.Groups))
	}
	people, groups := o.loadPeople(l), o.loadGroups(l)
	o.loadMembers(l, slices.Clone(people), slices.Clone(groups))
	var made Loaded
	for _, p := range people {
		made.People = append(made.People, p.ID)
	}
	for _, g := range groups {
		made.Groups = append(made.Groups, g.ID)
	}
	return made
}

func (o *org) loadPeople(l Load) []*person {
	now, domain := o.second(), or(l.Domain, "example.com")
	all := make([]*person, l.People)
	for i := range all {
		login := fmt.Sprintf("person-%06d@%s", i, domain)
		p := &person{
			Person: Person{
				ID: o.ids.next("00u"), Login: login, Email: login, Password: l.Password, Status: identity.StatusActive,
				FirstName: firstNames[i%len(firstNames)], LastName: lastNames[i%len(lastNames)],
			},
			created: now, activated: now, statusChanged: now, updated: now, passwordChanged: now,
		}
		all[i], o.logins[strings.ToLower(login)] = p, p
	}
	o.people = append(o.people, all...)
	o.people.sort()
	return all
}

func (o *org) loadGroups(l Load) []*group {
	now := o.second()
	all := make([]*group, l.Groups)
	for i := range all {
		all[i] = &group{
			Group:   Group{ID: o.ids.next("00g"), Name: fmt.Sprintf("group %05d", i), Type: OktaGroup},
			created: now, updated: now, membersUpdated: now,
		}
	}
	o.groups = append(o.groups, all...)
	o.groups.sort()
	return all
}

// loadMembers fills the groups in proportion to lognormal weights. Both are gone
// through in the order of their ids, so that nothing needs sorting but numbers.
func (o *org) loadMembers(l Load, people ordered[*person], groups ordered[*group]) {
	people.sort()
	groups.sort()
	random := rand.New(rand.NewPCG(l.Seed, 1))
	sizes := shares(random, l)
	seen := make([]int, len(people)) // the last group that a person was put in
	for i, g := range groups {
		chosen := make([]int, 0, sizes[i])
		for len(chosen) < sizes[i] {
			n := random.IntN(len(people))
			for seen[n] == i+1 { // the next who is free
				n = (n + 1) % len(people)
			}
			seen[n] = i + 1
			chosen = append(chosen, n)
		}
		slices.Sort(chosen)
		g.members = make(ordered[*person], len(chosen))
		for at, n := range chosen {
			g.members[at] = people[n]
			people[n].in = append(people[n].in, g)
		}
	}
}

// shares splits the memberships among the groups; no group gets more than
// everybody.
func shares(random *rand.Rand, l Load) []int {
	weights, sum := make([]float64, l.Groups), 0.0
	for i := range weights {
		weights[i] = math.Exp(random.NormFloat64() * spread)
		sum += weights[i]
	}
	sizes, left := make([]int, l.Groups), l.Memberships
	for i, w := range weights {
		sizes[i] = min(int(float64(l.Memberships)*w/sum), l.People)
		left -= sizes[i]
	}
	for i := 0; left > 0; i = (i + 1) % l.Groups {
		if sizes[i] < l.People {
			sizes[i]++
			left--
		}
	}
	return sizes
}
