package policy

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"sallyport/identity"
)

// Public reports whether somebody who is not signed in may pass for some
// request. What a request looks like is left open: each criterion about it may
// or may not hold, so for criteria that contradict each other the answer may be
// true too often, never too seldom.
func (p *Policy) Public() bool { return p.public(false) }

// public is Public, those in shadow counted if shadow is set.
func (p *Policy) public(shadow bool) bool {
	if p == nil || p.broken {
		return false
	}
	allow, deny := startOutcomes, startOutcomes
	for _, r := range p.rules {
		if r.Shadow && !shadow {
			continue
		}
		for _, l := range r.lists {
			if len(l.criteria) == 0 {
				continue
			}
			if r.Effect == Allow {
				allow = allow.with(l.strangers(), false)
			} else {
				deny = deny.with(l.strangers(), false)
			}
		}
	}
	return allow.settle(false)&outcomeHolds != 0 && deny.settle(false)&outcomeFails != 0
}

// AllowsAnybody reports whether somebody may pass who is signed in and of whom
// nothing is known that a rule could mean: no group, no attribute, a foreign
// address.
func (p *Policy) AllowsAnybody() bool {
	g, err := Compile(p)
	return err == nil && g.Eval(anybody(time.Unix(0, 0))).Effect == Allow
}

// anybody is a request by such a person.
func anybody(now time.Time) *Input {
	const mail = "x@elsewhere.invalid"
	return &Input{
		Now: now, Request: Request{Method: http.MethodGet, Path: "/", Header: http.Header{}, IP: netip.AddrFrom4([4]byte{192, 0, 2, 1})},
		Subject: &identity.Subject{ID: "x", Email: mail, AuthenticatedAt: now},
		Person:  identity.NewPerson(identity.Person{ID: "x", Email: mail, Status: identity.StatusActive}),
	}
}

// Strangers tells how those pass who are not signed in, as Reach tells of people;
// nil for not at all, whatever rules are in shadow.
func (p *Policy) Strangers() *Access {
	a := p.strangers(false)
	if p != nil && p.shadows() {
		if full := p.strangers(true); !full.like(a) {
			a.Shadow = full
		}
	}
	if !a.May && a.Shadow == nil {
		return nil
	}
	return a
}

func (p *Policy) strangers(shadow bool) *Access {
	if !p.public(shadow) {
		return &Access{}
	}
	conditions := p.publicConditions(shadow)
	return &Access{May: true, Sure: len(conditions) == 0, Conditions: conditions}
}

// publicConditions are what a request must bring for somebody to pass who is not
// signed in. It is only right of a policy that is public; none means that every
// request passes.
func (p *Policy) publicConditions(shadow bool) []string {
	open := func(c *criterion) bool { return !c.kind.person && !c.kind.fixed }
	var ways [][]string
	var out []string
	for _, r := range p.rules {
		for _, l := range r.lists {
			switch come := l.strangers(); {
			case r.Shadow && !shadow || len(l.criteria) == 0:
			case come&outcomeHoldsAsking != 0, r.Effect == Deny && (come&outcomeHolds != 0 || l.refusesUnshown()):
				out = appendNew(out, l.unless(open)...) // it denies, or asks for a sign-in
			case r.Effect == Allow && come&outcomeHolds != 0:
				ways = append(ways, l.brings(open, come == outcomeHolds))
			}
		}
	}
	var alternatives []string
	for _, way := range ways {
		if len(way) == 0 {
			return out
		}
		alternatives = append(alternatives, strings.Join(way, " and "))
	}
	if len(ways) == 1 {
		return append(ways[0], out...)
	}
	return append([]string{strings.Join(alternatives, " or ")}, out...)
}

// brings is what a request must bring for the list to hold, nothing if it always
// does.
func (l *list) brings(open func(*criterion) bool, always bool) []string {
	var texts []string
	for _, c := range l.criteria {
		switch {
		case always || !open(c):
		case l.op.inverts():
			texts = append(texts, "not "+c.short())
		default:
			texts = append(texts, c.short())
		}
	}
	if len(texts) > 1 && !l.op.wantsAll() {
		return []string{strings.Join(texts, " or ")}
	}
	return texts
}

// AsksWhoIsThere reports whether any rule that decides asks about the person: with
// one that is public as well, some requests need somebody and others nobody.
func (p *Policy) AsksWhoIsThere() bool {
	for c := range p.deciding() {
		if c.kind.person {
			return true
		}
	}
	return false
}

// outcomes is a set of what a criterion or list may come to for a stranger.
type outcomes uint8

// What something may come to: whether it holds, and whether it asks for a sign-in.
const (
	outcomeFails outcomes = 1 << iota
	outcomeFailsAsking
	outcomeHolds
	outcomeHoldsAsking
)

// strangers returns what the list may come to without a session.
func (l *list) strangers() outcomes {
	s := startOutcomes
	for _, c := range l.criteria {
		s = s.with(c.strangers(), l.op.inverts())
	}
	return s.settle(l.op.wantsAll())
}

func (c *criterion) strangers() outcomes {
	switch {
	case c.kind.person:
		return outcomeFailsAsking
	case !c.kind.fixed:
		return outcomeFails | outcomeHolds
	case c.kind.answer:
		return outcomeHolds
	}
	return outcomeFails
}

// mixes is the set of mixes of outcomes that the members of a list may come to,
// one bit for each subset of the four outcomes.
type mixes uint16

// startOutcomes is no members at all: the empty mix only.
const startOutcomes mixes = 1

// with adds a member.
func (s mixes) with(member outcomes, inverted bool) mixes {
	var out mixes
	for mix := outcomes(0); mix < 16; mix++ {
		if s&(1<<mix) == 0 {
			continue
		}
		for o := outcomeFails; o <= outcomeHoldsAsking; o <<= 1 {
			switch {
			case member&o == 0:
			case !inverted:
				out |= 1 << (mix | o)
			case o <= outcomeFailsAsking:
				out |= 1 << (mix | o<<2)
			default:
				out |= 1 << (mix | o>>2)
			}
		}
	}
	return out
}

// settle returns what the whole may come to: a whole that holds asks if a member
// that holds does, and so for one that fails.
func (s mixes) settle(wantsAll bool) outcomes {
	const fails, holds = outcomeFails | outcomeFailsAsking, outcomeHolds | outcomeHoldsAsking
	var out outcomes
	for mix := outcomes(0); mix < 16; mix++ {
		if s&(1<<mix) == 0 {
			continue
		}
		whole := mix&holds != 0
		if wantsAll {
			whole = mix&fails == 0
		}
		switch {
		case whole && mix&outcomeHoldsAsking != 0:
			out |= outcomeHoldsAsking
		case whole:
			out |= outcomeHolds
		case mix&outcomeFailsAsking != 0:
			out |= outcomeFailsAsking
		default:
			out |= outcomeFails
		}
	}
	return out
}
