// Package policy is Sallyport's policy language (Pomerium's PPL), pure: it reads
// no clock, file or network, and the same [Input] always gives the same [Decision].
//
//	Parse    YAML node -> Policy, every problem at once with its place    parse*.go
//	Policy   rules of criteria with positions; legacy keys join as a rule  policy.go, legacy.go
//	Compile  folds equal and mergeable criteria, then makes closures       fold.go, compile*.go
//	Eval     closures over interned operands; allocates nothing            eval.go
//	Trace    the same decision, told criterion by criterion                trace.go
//
// What a route's policy is and where it stands is config's to say; who is asking
// (session, person, request) is gathered in authorize, which also keeps people
// out whose status in the directory forbids it.
//
// # What decides
//
// A policy is a list of rules that allow or deny; each holds lists of criteria
// under "and", "or", "not" or "nor". All lists of all rules of one effect are
// alternatives. Every criterion gives a truth value and one [Reason]; a list or a
// set of lists that holds keeps the reasons of its members that hold, one that
// does not hold keeps those of its members that do not. "not" is true when no
// criterion holds, "nor" when at least one does not (Pomerium's meaning); both
// turn the values of their members round and keep the reasons.
//
// Then, in this order: a client certificate that the deny rules refuse is a
// denial; [ReasonUserUnauthenticated] among the reasons of either effect asks
// for a sign-in; a deny rule that holds denies; an allow rule that holds allows;
// everything else is denied.
//
// A criterion on the person never holds without a session, whatever its
// operator, and one on groups never without a directory record. One on the
// e-mail, the domain or a header never lets anybody in without a usable one, nor
// past a rule: where holding counts against whoever asks (under deny, or under
// "not" of allow), "not" and "not_in" hold of what is missing, and everything
// holds of an e-mail that can be read in two ways.
package policy

import "slices"

// Policy is a policy as written, with positions. Read-only once made. A nil or
// empty Policy denies everybody.
type Policy struct {
	rules []*Rule
	// broken says that problems were found: what is here is only what could be
	// read, and must never decide.
	broken bool
}

// Rule is one allow or deny object of a policy.
type Rule struct {
	// Effect is Allow or Deny: what the rule says when it holds.
	Effect Effect
	// Position is that of the key "allow" or "deny", or of the first legacy key.
	Position Position
	// Shadow says that the rule is evaluated and recorded, and never decides.
	Shadow bool
	// Advice is what people read whom the rule denies or does not let in.
	Advice Advice

	lists []*list
}

// Operator joins the criteria of a list.
type Operator uint8

// The operators: Or wants one that holds, And all, Not none, and Nor one that
// does not hold.
const (
	Or Operator = iota
	And
	Not
	Nor
)

var operatorNames = [...]string{Or: "or", And: "and", Not: "not", Nor: "nor"}

func (o Operator) String() string { return operatorNames[o] }

// inverts reports whether the operator turns its members' values round.
func (o Operator) inverts() bool { return o == Not || o == Nor }

// wantsAll reports whether, after that, every member must hold.
func (o Operator) wantsAll() bool { return o == And || o == Not }

// list is the criteria under one operator of a rule.
type list struct {
	pos      Position
	op       Operator
	criteria []*criterion
}

// GroupRef is a group that a policy names, by id or by name.
type GroupRef struct {
	Name string
	Position
}

// UsesGroups returns every group named by a groups criterion, in file order.
// It is not empty if and only if the policy has such a criterion.
func (p *Policy) UsesGroups() []GroupRef {
	var refs []GroupRef
	for c := range p.criteria() {
		if c.kind.name != "groups" {
			continue
		}
		for _, m := range c.matchers {
			for _, o := range m.operands {
				refs = append(refs, GroupRef{o.value.text(), o.pos})
			}
		}
	}
	return refs
}

// Rules returns the rules in file order, those of legacy keys first.
func (p *Policy) Rules() []*Rule {
	if p == nil {
		return nil
	}
	return slices.Clone(p.rules)
}

// criteria ranges over all criteria in file order.
func (p *Policy) criteria() func(yield func(*criterion) bool) {
	return p.criteriaOf(func(*Rule) bool { return true })
}

// deciding ranges over those of rules that decide.
func (p *Policy) deciding() func(yield func(*criterion) bool) {
	return p.criteriaOf(func(r *Rule) bool { return !r.Shadow })
}

func (p *Policy) criteriaOf(which func(*Rule) bool) func(yield func(*criterion) bool) {
	return func(yield func(*criterion) bool) {
		if p == nil {
			return
		}
		for _, r := range p.rules {
			if !which(r) {
				continue
			}
			for _, l := range r.lists {
				for _, c := range l.criteria {
					if !yield(c) {
						return
					}
				}
			}
		}
	}
}

// NeedsDirectory returns the criteria that ask the directory, in file order, each
// by its name: without a directory they never hold, so that a deny rule on one
// would deny nobody.
func (p *Policy) NeedsDirectory() []GroupRef {
	var refs []GroupRef
	for c := range p.criteria() {
		switch c.kind.name {
		case "groups", "app", "profile", "user_status":
			refs = append(refs, GroupRef{c.name(), c.pos})
		}
	}
	return refs
}

// Uses returns where a criterion stands, by its name without a path.
func (p *Policy) Uses(name string) []Position {
	var at []Position
	for c := range p.criteria() {
		if c.kind.name == name {
			at = append(at, c.pos)
		}
	}
	return at
}

// DecidesBy reports whether a rule that decides has a criterion of that name; one in
// shadow does not.
func (p *Policy) DecidesBy(name string) bool {
	for c := range p.deciding() {
		if c.kind.name == name {
			return true
		}
	}
	return false
}

// Join returns a policy with the rules of all; nil ones have none.
func Join(all ...*Policy) *Policy {
	out := &Policy{}
	for _, p := range all {
		if p != nil {
			out.broken = out.broken || p.broken
			out.rules = append(out.rules, p.rules...)
		}
	}
	return out
}
