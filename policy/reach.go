package policy

import "strings"

// Reach is who of a crowd a policy lets pass. Read-only.
type Reach struct {
	// Public says that somebody who is not signed in may pass for some request.
	Public      bool
	crowd       *Crowd
	sure, maybe crowdSet
	allow, deny []reachList
}

type reachList struct {
	list   *list
	answer answer
}

// Access is how one person passes.
type Access struct {
	// Sure is false where it depends on Conditions.
	Sure bool
	// Why is the criteria that let them in, as the policy has them, and Position
	// where the first of them stands.
	Why      string
	Position Position
	// Conditions are what the request or the sign-in must bring, nil if nothing.
	Conditions []string
}

// Reach tells who may pass a policy. Rules in shadow do not count. Equal policies
// are asked once.
func (c *Crowd) Reach(p *Policy) *Reach {
	if p == nil {
		p = &Policy{}
	}
	key := p.placedKey()
	if r := c.known[key]; r != nil {
		return r
	}
	r := &Reach{Public: p.Public(), crowd: c}
	allow, deny := answer{c.empty(), c.empty()}, answer{c.empty(), c.empty()}
	for _, rule := range p.rules {
		for _, l := range rule.lists {
			if rule.Shadow || len(l.criteria) == 0 {
				continue
			}
			a := c.list(l)
			if rule.Effect == Allow {
				allow.join(a, false)
				r.allow = append(r.allow, reachList{l, a})
			} else {
				deny.join(a, false)
				r.deny = append(r.deny, reachList{l, a})
			}
		}
	}
	r.sure, r.maybe = c.empty(), c.empty()
	for i := range r.sure {
		r.sure[i] = allow.sure[i] &^ deny.maybe[i]
		r.maybe[i] = allow.maybe[i] &^ deny.sure[i]
	}
	if p.broken {
		r.sure, r.maybe = c.empty(), c.empty()
	}
	c.known[key] = r
	return r
}

// placedKey tells policies apart that decide alike and stand in different places,
// since a review names places.
func (p *Policy) placedKey() string {
	key := p.key()
	for _, r := range p.rules {
		key += r.Position.String() + " "
	}
	return key
}

// Count is how many people may pass, and how many of them surely.
func (r *Reach) Count() (may, surely int) { return r.maybe.size(), r.sure.size() }

// Of tells whether and how person i of the crowd passes.
func (r *Reach) Of(i int) (Access, bool) {
	if !r.maybe.has(i) {
		return Access{}, false
	}
	out := Access{Sure: r.sure.has(i)}
	best := r.allow[0]
	found := false
	for _, l := range r.allow {
		if l.answer.sure.has(i) {
			best, found = l, true
			break
		}
		if !found && l.answer.maybe.has(i) {
			best, found = l, true
		}
	}
	out.Why, out.Position, out.Conditions = r.because(best, i)
	for _, l := range r.deny {
		if l.answer.maybe.has(i) {
			out.Conditions = append(out.Conditions, "unless "+l.list.short())
		}
	}
	return out, true
}

// because splits a list that lets person i in into what is known of them and what
// the request must bring. Of alternatives the first is named, a known one before
// one that is not.
func (r *Reach) because(l reachList, i int) (why string, at Position, conditions []string) {
	var known, open []string
	joint := l.list.op.wantsAll()
	for _, c := range l.list.criteria {
		a := r.crowd.ask(c)
		if l.list.op.inverts() {
			a = a.not(r.crowd.all)
		}
		if !a.maybe.has(i) {
			continue
		}
		text := c.short()
		if l.list.op.inverts() {
			text = "not " + text
		}
		if a.sure.has(i) {
			known = append(known, text)
			if len(known) == 1 {
				at = c.pos
			}
			if !joint {
				return text, at, nil
			}
			continue
		}
		open = append(open, text)
	}
	if at == (Position{}) {
		at = l.list.criteria[0].pos
	}
	if !joint && len(open) > 0 {
		open = []string{strings.Join(open, " or ")}
	}
	if len(known) == 0 {
		known = []string{"anybody who is signed in"}
	}
	return strings.Join(known, " and "), at, open
}
