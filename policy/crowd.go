package policy

import (
	"math/bits"

	"sallyport/identity"
)

// crowdSet is a set of people by their number, one bit each. It is as long as its
// last member needs.
type crowdSet []uint64

func (s crowdSet) has(i int) bool { return i>>6 < len(s) && s[i>>6]>>(i&63)&1 == 1 }

func (s *crowdSet) set(i int) {
	for i>>6 >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[i>>6] |= 1 << (i & 63)
}

// word returns people 64*i to 64*i+63.
func (s crowdSet) word(i int) uint64 {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// size is how many people are in the set.
func (s crowdSet) size() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Crowd answers for many people at once what policies let them do. It is made for
// policies and then told of the people one by one; of each it keeps one bit for
// every criterion that a directory can answer, whatever number of policies has
// it, and nothing else. Not safe for concurrent use.
type Crowd struct {
	// MayPass says of which status people may pass at all; nil:
	// identity.Status.MayPass.
	MayPass func(identity.Status) bool
	people  int
	all     crowdSet // those who may pass anything at all
	asked   map[string]*asked
	// single are the criteria that have to be asked of everybody; the others are
	// found by what they compare with.
	single []*asked
	// unclear are those found by an e-mail that hold of every unclear one too.
	unclear                     []*asked
	groups, users, mails, hosts map[string][]*asked
}

// asked is one criterion and who meets it.
type asked struct {
	ask question
	met crowdSet
}

// NewCrowd makes an empty crowd that can be asked about these policies.
func NewCrowd(policies ...*Policy) *Crowd {
	c := &Crowd{
		asked: map[string]*asked{}, groups: map[string][]*asked{}, users: map[string][]*asked{},
		mails: map[string][]*asked{}, hosts: map[string][]*asked{},
	}
	for _, p := range policies {
		for k := range p.criteria() {
			if key := k.key(); !k.open() && c.asked[key] == nil {
				c.asked[key] = &asked{ask: k.kind.compile(k)}
				c.file(k, c.asked[key])
			}
		}
	}
	return c
}

// file puts a criterion where those who meet it find it: "groups has", and who
// is called something, need not be asked of anybody else.
func (c *Crowd) file(k *criterion, a *asked) {
	index := map[string]map[string][]*asked{"groups": c.groups, "user": c.users, "email": c.mails, "domain": c.hosts}[k.kind.name]
	if index == nil || len(k.matchers) != 1 {
		c.single = append(c.single, a)
		return
	}
	switch op := k.matchers[0].op; {
	case op == "has" && k.kind.name == "groups", (op == "is" || op == "in") && k.kind.name != "groups":
	default:
		c.single = append(c.single, a)
		return
	}
	if k.against && k.kind.mail {
		c.unclear = append(c.unclear, a)
	}
	for _, o := range k.matchers[0].operands {
		name := o.value.str
		if k.against && k.kind.mail && name == "" {
			c.single = append(c.single, a) // holds where there is no e-mail
		}
		if o.value.typ != typeString || name == "" {
			continue
		}
		if k.kind.mail {
			name = identity.Fold(name)
		}
		index[name] = append(index[name], a)
	}
}

// Add tells of the next person; the first has number 0. Those whose status lets
// them pass nothing are in no answer. Nothing of p is kept.
func (c *Crowd) Add(p *identity.Person) {
	i := c.people
	c.people++
	mayPass := c.MayPass
	if mayPass == nil {
		mayPass = identity.Status.MayPass
	}
	if !mayPass(p.Status) {
		return
	}
	c.all.set(i)
	subject := identity.Subject{ID: p.ID, Email: p.Email}
	f := facts{in: &Input{Subject: &subject, Person: p}}
	mail := f.mail().Fold()
	meet := func(index map[string][]*asked, name string) {
		for _, a := range index[name] {
			a.met.set(i)
		}
	}
	for name := range p.GroupNames().All() {
		meet(c.groups, name)
	}
	meet(c.users, p.ID)
	meet(c.mails, mail.Address)
	meet(c.hosts, mail.Domain)
	if f.unclearMail() {
		for _, a := range c.unclear {
			a.met.set(i)
		}
	}
	for _, a := range c.single {
		if a.ask(f) {
			a.met.set(i)
		}
	}
}

// Len is how many people were added.
func (c *Crowd) Len() int { return c.people }

func (c *Crowd) empty() crowdSet { return make(crowdSet, (c.people+63)/64) }

// open are the criteria that a directory cannot answer.
func (c *criterion) open() bool {
	switch {
	case c.kind.fixed:
		return false
	case c.kind.name == "claim", c.kind.name == "device", c.kind.stepUp:
		return true
	}
	return !c.kind.person
}

// answer is who surely meets something, and who may: whether they do depends on
// the request or on their token. sure is part of maybe.
type answer struct{ sure, maybe crowdSet }

// ask returns who meets one criterion.
func (c *Crowd) ask(k *criterion) answer {
	if k.open() {
		return answer{nil, c.all}
	}
	met := c.asked[k.key()].met
	return answer{met, met}
}

// not turns an answer round, for those who may pass at all.
func (c *Crowd) not(a answer) answer {
	out := answer{c.empty(), c.empty()}
	for i, all := range c.all {
		out.sure[i], out.maybe[i] = all&^a.maybe.word(i), all&^a.sure.word(i)
	}
	return out
}

// join puts b into a: for all of them, or for any.
func (a answer) join(b answer, all bool) {
	for i := range a.sure {
		if all {
			a.sure[i] &= b.sure.word(i)
			a.maybe[i] &= b.maybe.word(i)
		} else {
			a.sure[i] |= b.sure.word(i)
			a.maybe[i] |= b.maybe.word(i)
		}
	}
}

// list asks the criteria under one operator.
func (c *Crowd) list(l *list) answer {
	all := l.op.wantsAll()
	out := answer{c.empty(), c.empty()}
	if all {
		copy(out.sure, c.all)
		copy(out.maybe, c.all)
	}
	for _, k := range l.criteria {
		a := c.ask(k)
		if l.op.inverts() {
			a = c.not(a)
		}
		out.join(a, all)
	}
	return out
}
