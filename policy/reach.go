package policy

import (
	"math/bits"
	"slices"
	"strings"
)

// Reach is who of a crowd a policy lets pass. Not safe for concurrent use.
type Reach struct {
	// Public says that somebody who is not signed in may pass for some request.
	Public bool
	// counted is what decides; full what would if rules in shadow counted, nil
	// where there are none.
	counted, full *reached
	words         int
	criteria      []crowdSet // those that tell people apart
	classes       map[string]*Access
	mark          []byte // of the class that is looked up
}

// reached is who passes by some rules.
type reached struct {
	crowd       *Crowd
	sure, maybe crowdSet
	allow, deny []reachList
}

type reachList struct {
	list   *list
	answer answer
}

// Access is how one person passes. Those who meet the same criteria share one:
// read only.
type Access struct {
	// May is false where the person passes only if rules in shadow counted, Sure
	// where it depends on Conditions.
	May, Sure bool
	// Why is the criteria that let them in, as the policy has them, and Position
	// where the first of them stands.
	Why      string
	Position Position
	// Conditions are what the request or the sign-in must bring, nil if nothing.
	Conditions []string
	// Shadow is what it would be if rules in shadow counted; nil: the same.
	Shadow *Access
}

// Reach tells who may pass one of the crowd's policies, or a nil one. The crowd
// does not keep it.
func (c *Crowd) Reach(p *Policy) *Reach {
	if p == nil {
		p = &Policy{}
	}
	r := &Reach{Public: p.Public(), counted: c.reached(p, false), words: len(c.all), classes: map[string]*Access{}}
	if p.shadows() {
		r.full = c.reached(p, true)
	}
	seen := map[string]bool{}
	for k := range p.criteria() {
		if key := k.key(); !k.open() && !seen[key] {
			seen[key] = true
			r.criteria = append(r.criteria, c.asked[key].met)
		}
	}
	return r
}

func (c *Crowd) reached(p *Policy, shadow bool) *reached {
	r := &reached{crowd: c, sure: c.empty(), maybe: c.empty()}
	if p.broken {
		return r
	}
	allow, deny := answer{c.empty(), c.empty()}, answer{c.empty(), c.empty()}
	for _, rule := range p.rules {
		for _, l := range rule.lists {
			if rule.Shadow && !shadow || len(l.criteria) == 0 {
				continue
			}
			a := c.list(l)
			if rule.Effect == Deny && l.refusesUnshown() {
				a.maybe = c.all
			}
			if rule.Effect == Allow {
				allow.join(a, false)
				r.allow = append(r.allow, reachList{l, a})
			} else {
				deny.join(a, false)
				r.deny = append(r.deny, reachList{l, a})
			}
		}
	}
	for i := range r.sure {
		r.sure[i] = allow.sure[i] &^ deny.maybe[i]
		r.maybe[i] = allow.maybe[i] &^ deny.sure[i]
	}
	return r
}

// Count is how many people may pass, and how many of them surely.
func (r *Reach) Count() (may, surely int) { return r.counted.maybe.size(), r.counted.sure.size() }

// Each tells of everybody who passes, or would if rules in shadow counted, in the
// order of their numbers, until yield returns false.
func (r *Reach) Each(yield func(person int, how *Access) bool) {
	for i := range r.words {
		word := r.counted.maybe.word(i)
		if r.full != nil {
			word |= r.full.maybe.word(i)
		}
		for ; word != 0; word &= word - 1 {
			person := i<<6 + bits.TrailingZeros64(word)
			if !yield(person, r.class(person)) {
				return
			}
		}
	}
}

// Of tells whether and how a person passes; nil for one who does not, whatever
// rules are in shadow.
func (r *Reach) Of(person int) *Access {
	if r.counted.maybe.has(person) || r.full != nil && r.full.maybe.has(person) {
		return r.class(person)
	}
	return nil
}

// class looks up how those pass who meet the same criteria as this person.
func (r *Reach) class(person int) *Access {
	r.mark = r.mark[:0]
	var b byte
	for n, met := range r.criteria {
		if met.has(person) {
			b |= 1 << (n & 7)
		}
		if n&7 == 7 {
			r.mark, b = append(r.mark, b), 0
		}
	}
	r.mark = append(r.mark, b)
	if a := r.classes[string(r.mark)]; a != nil {
		return a
	}
	a := r.access(person)
	r.classes[string(r.mark)] = a
	return a
}

func (r *Reach) access(person int) *Access {
	a := r.counted.of(person)
	if r.full == nil {
		return a
	}
	if full := r.full.of(person); !full.like(a) {
		a.Shadow = full
	}
	return a
}

// like compares what two ways in ask for, not which rule it is. What passes surely
// has no conditions, and everything else that passes has some.
func (a *Access) like(b *Access) bool {
	return a.May == b.May && slices.Equal(a.Conditions, b.Conditions)
}

// of tells how person i passes.
func (r *reached) of(i int) *Access {
	if !r.maybe.has(i) {
		return &Access{}
	}
	out := &Access{May: true, Sure: r.sure.has(i)}
	best := r.allow[0]
	found := false
	for _, l := range r.allow {
		if l.answer.sure.has(i) {
			best = l
			break
		}
		if !found && l.answer.maybe.has(i) {
			best, found = l, true
		}
	}
	out.Why, out.Position, out.Conditions = r.because(best, i)
	for _, l := range r.deny {
		if l.answer.maybe.has(i) {
			out.Conditions = appendNew(out.Conditions, l.list.unless((*criterion).open)...)
		}
	}
	return out
}

// refusesUnshown reports whether a deny list keeps out whoever shows no trusted
// certificate although it does not hold: its reason is enough.
func (l *list) refusesUnshown() bool {
	return l.op.inverts() && slices.ContainsFunc(l.criteria, (*criterion).refuses)
}

func (c *criterion) refuses() bool { return c.kind.name == "invalid_client_certificate" }

// unless is what must be the case for a list that may deny not to hold, by those
// criteria of which it is not known. The others are such that it depends on these.
func (l *list) unless(open func(*criterion) bool) []string {
	var texts []string
	refuses := l.refusesUnshown()
	for _, c := range l.criteria {
		if open(c) && !(refuses && c.refuses()) {
			texts = append(texts, c.short())
		}
	}
	if refuses {
		const shown = "not invalid_client_certificate"
		if len(texts) == 0 || l.op == Nor {
			return append([]string{shown}, texts...)
		}
		return []string{shown, strings.Join(texts, " or ")}
	}
	switch l.op {
	case And:
		return []string{"unless " + strings.Join(texts, " and ")}
	case Or:
		return []string{"unless " + strings.Join(texts, " or ")}
	case Not:
		return []string{strings.Join(texts, " or ")}
	}
	return texts
}

// appendNew appends the texts that are not there.
func appendNew(list []string, texts ...string) []string {
	for _, text := range texts {
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// because splits a list that lets person i in into what is known of them and what
// the request must bring. Of alternatives the first is named, a known one before
// one that is not.
func (r *reached) because(l reachList, i int) (why string, at Position, conditions []string) {
	var known, open []string
	joint := l.list.op.wantsAll()
	for _, c := range l.list.criteria {
		a := r.crowd.ask(c)
		sure, maybe := a.sure.has(i), a.maybe.has(i)
		text := c.short()
		if l.list.op.inverts() {
			sure, maybe = !maybe, !sure
			text = "not " + text
		}
		switch {
		case !maybe:
		case !sure:
			open = append(open, text)
		default:
			known = append(known, text)
			if len(known) == 1 {
				at = c.pos
			}
			if !joint {
				return text, at, nil
			}
		}
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
