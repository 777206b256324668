package policy

import (
	"math/bits"
	"slices"

	"sallyport/identity"
)

// crowdSet is a set of people by their number, one bit each.
type crowdSet []uint64

func (s crowdSet) has(i int) bool { return s[i>>6]>>(i&63)&1 == 1 }
func (s crowdSet) set(i int)      { s[i>>6] |= 1 << (i & 63) }

// size is how many people are in the set.
func (s crowdSet) size() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Crowd answers for many people at once what policies let them do, by sets: a
// criterion is asked of everybody once, whatever number of policies has it. Not
// safe for concurrent use.
type Crowd struct {
	people []*identity.Person
	all    crowdSet // those who may pass anything at all
	facts  []facts  // of everybody, made once
	groups map[string]crowdSet
	// names are the numbers of people by id, by folded e-mail and by its domain.
	names map[string]map[string][]int
	asked map[string]crowdSet // by criterion key
	known map[string]*Reach   // by policy key
}

// NewCrowd makes a crowd of people. Those whose status lets them pass nothing are
// in no answer.
func NewCrowd(people []*identity.Person) *Crowd {
	c := &Crowd{people: people, groups: map[string]crowdSet{}, names: map[string]map[string][]int{"user": {}, "email": {}, "domain": {}}, asked: map[string]crowdSet{}, known: map[string]*Reach{}}
	c.all = c.empty()
	c.facts = make([]facts, len(people))
	inputs, subjects := make([]Input, len(people)), make([]identity.Subject, len(people))
	for i, p := range people {
		subjects[i] = identity.Subject{ID: p.ID, Email: p.Email}
		inputs[i] = Input{Subject: &subjects[i], Person: p}
		f := factsOf(&inputs[i], true)
		f.mail, f.domain = foldMail(f.mail), foldMail(f.domain)
		c.facts[i] = f
		for kind, name := range map[string]string{"user": p.ID, "email": f.mail, "domain": f.domain} {
			if name != "" {
				c.names[kind][name] = append(c.names[kind][name], i)
			}
		}
		if p.Status.MayPass() {
			c.all.set(i)
		}
		for _, g := range p.Groups {
			c.member(g.ID, i)
			c.member(g.Name, i)
		}
	}
	return c
}

func (c *Crowd) member(name string, i int) {
	if name == "" {
		return
	}
	s := c.groups[name]
	if s == nil {
		s = c.empty()
		c.groups[name] = s
	}
	s.set(i)
}

func (c *Crowd) empty() crowdSet { return make(crowdSet, (len(c.people)+63)/64) }

// answer is who surely meets something, and who may: whether they do depends on
// the request or on their token. sure is part of maybe.
type answer struct{ sure, maybe crowdSet }

func (a answer) not(all crowdSet) answer {
	out := answer{make(crowdSet, len(all)), make(crowdSet, len(all))}
	for i := range all {
		out.sure[i], out.maybe[i] = all[i]&^a.maybe[i], all[i]&^a.sure[i]
	}
	return out
}

// join puts b into a: for all of them, or for any.
func (a answer) join(b answer, all bool) {
	for i := range a.sure {
		if all {
			a.sure[i] &= b.sure[i]
			a.maybe[i] &= b.maybe[i]
		} else {
			a.sure[i] |= b.sure[i]
			a.maybe[i] |= b.maybe[i]
		}
	}
}

// open are the criteria that a directory cannot answer.
func (c *criterion) open() bool {
	switch {
	case c.kind.fixed, c.kind.name == "authenticated_user":
		return false
	case c.kind.name == "claim", c.kind.name == "device", c.kind.stepUp:
		return true
	}
	return !c.kind.person
}

// ask asks one criterion of everybody.
func (c *Crowd) ask(k *criterion) answer {
	if k.open() {
		return answer{c.empty(), c.all}
	}
	key := k.key()
	if s, ok := c.asked[key]; ok {
		return answer{s, s}
	}
	s := c.empty()
	if !c.fromIndex(k, s) {
		question := c.question(k)
		for i := range c.people {
			if !c.all.has(i) {
				continue
			}
			if question(c.facts[i]) {
				s.set(i)
			}
		}
	}
	c.asked[key] = s
	return answer{s, s}
}

// folded compares as anyCase does what is folded already.
var folded = comparer{
	fold: foldMail, equal: exact.equal, prefix: exact.prefix, suffix: exact.suffix, contains: exact.contains, set: exact.set,
}

// question is the criterion's, quicker where e-mails have been folded.
func (c *Crowd) question(k *criterion) question {
	if !k.kind.mail {
		return k.kind.compile(k)
	}
	test := stringTest(folded, k.matchers)
	if k.kind.name == "email" {
		return func(f facts) bool { return f.mail != "" && test(f.mail) }
	}
	return func(f facts) bool { return f.domain != "" && test(f.domain) }
}

// fromIndex answers "groups has", and who is called something, without asking
// anybody.
func (c *Crowd) fromIndex(k *criterion, s crowdSet) bool {
	if len(k.matchers) != 1 {
		return false
	}
	op := k.matchers[0].op
	names := c.names[k.kind.name]
	switch {
	case names != nil && (op == "is" || op == "in"):
	case k.kind.name == "groups" && op == "has":
	default:
		return false
	}
	for _, o := range k.matchers[0].operands {
		if o.value.typ != typeString {
			continue
		}
		name := o.value.str
		if k.kind.mail {
			name = foldMail(name)
		}
		for _, i := range names[name] {
			if c.all.has(i) {
				s.set(i)
			}
		}
		if names != nil {
			continue
		}
		for i, w := range c.groups[o.value.str] {
			s[i] |= w & c.all[i]
		}
	}
	return true
}

// list asks the criteria under one operator.
func (c *Crowd) list(l *list) answer {
	all := l.op.wantsAll()
	out := answer{c.empty(), c.empty()}
	if all {
		out = answer{slices.Clone(c.all), slices.Clone(c.all)}
	}
	for _, k := range l.criteria {
		a := c.ask(k)
		if l.op.inverts() {
			a = a.not(c.all)
		}
		out.join(a, all)
	}
	return out
}
