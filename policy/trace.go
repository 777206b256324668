package policy

import (
	"fmt"
	"strings"
)

// Trace is a decision with every step that led to it, as the policy was written.
type Trace struct {
	Decision Decision
	Rules    []RuleTrace
}

// RuleTrace is what one rule came to.
type RuleTrace struct {
	Rule  *Rule
	Holds bool
	Lists []ListTrace
}

// ListTrace is what the criteria under one operator came to.
type ListTrace struct {
	Operator Operator
	Position Position
	Holds    bool
	Reasons  ReasonSet // those that count: of the members that made it so
	Criteria []CriterionTrace
}

// CriterionTrace is what one criterion came to.
type CriterionTrace struct {
	Name     string // "claim/department"
	Position Position
	// Holds is the criterion's own value, before "not" or "nor" turn it round.
	Holds  bool
	Reason Reason
	// Wanted is what the policy asks for ("in \"a\", \"b\""), "" if there is nothing
	// to compare with; Had is what was there, nil if nothing was. Had holds facts
	// about the person: show it only to those who may know them.
	Wanted string
	Had    []string
}

// Trace decides as Eval does and tells how. It asks every criterion as written,
// without what Compile folds.
func (g *Program) Trace(in *Input) Trace {
	if g == nil || g.policy == nil {
		return Trace{}
	}
	f := facts{in: in}
	t := Trace{Rules: g.policy.trace(f)}
	t.Decision = g.settle(f, t.Rules, false)
	if g.policy.shadows() {
		t.Decision.cast(g.settle(f, t.Rules, true))
	}
	return t
}

// trace asks every criterion of every rule.
func (p *Policy) trace(f facts) []RuleTrace {
	var out []RuleTrace
	for _, r := range p.rules {
		rt := RuleTrace{Rule: r}
		for _, l := range r.lists {
			lt := l.trace(f)
			rt.Lists = append(rt.Lists, lt)
			rt.Holds = rt.Holds || lt.Holds
		}
		out = append(out, rt)
	}
	return out
}

// settle decides from what the rules came to, those in shadow counted if shadow
// is set.
func (g *Program) settle(f facts, rules []RuleTrace, shadow bool) Decision {
	d := tallied(rules, shadow, g.rules)
	if d.Effect != Deny || f.in.Subject == nil || d.AllowHolds && !d.DenyHolds {
		return d
	}
	then := f
	then.assume = true
	met := g.policy.trace(then)
	if after := tallied(met, shadow, g.rules); after.Effect == Allow {
		d.Effect, d.SignIn, d.Rule = StepUp, g.lacking(f, d, rules, met, shadow), after.Rule
	}
	return d
}

func tallied(rules []RuleTrace, shadow bool, all []*Rule) Decision {
	allow, deny := newTally(), newTally()
	for i, r := range rules {
		if r.Rule.Shadow && !shadow {
			continue
		}
		for _, l := range r.Lists {
			if r.Rule.Effect == Allow {
				allow.add(i, l)
			} else {
				deny.add(i, l)
			}
		}
	}
	return conclude(allow.verdict(), deny.verdict(), all)
}

// lacking is what a new sign-in must bring for d to become what it is in met: for
// the first allow list that holds then, unless one holds already, and for every
// deny list that holds now.
func (g *Program) lacking(f facts, d Decision, now, met []RuleTrace, shadow bool) SignIn {
	var want SignIn
	allowed := d.AllowHolds
	for i, r := range g.policy.rules {
		if r.Shadow && !shadow {
			continue
		}
		for j, l := range r.lists {
			switch {
			case r.Effect == Deny && now[i].Lists[j].Holds:
				want = l.lacking(f, want)
			case r.Effect == Allow && !allowed && met[i].Lists[j].Holds:
				want, allowed = l.lacking(f, SignIn{}).and(want), true
			}
		}
	}
	return want
}

func (l *list) lacking(f facts, want SignIn) SignIn {
	for _, c := range l.criteria {
		if leaf := compileCriterion(c); leaf.wants != nil && !leaf.ask(f) {
			if want = want.and(*leaf.wants); l.op == Or {
				break
			}
		}
	}
	return want
}

func (l *list) trace(f facts) ListTrace {
	t := ListTrace{Operator: l.op, Position: l.pos}
	var held, failed ReasonSet
	holding := 0
	for _, c := range l.criteria {
		ct := c.trace(f)
		t.Criteria = append(t.Criteria, ct)
		if ct.Holds != l.op.inverts() {
			holding++
			held |= Reasons(ct.Reason)
		} else {
			failed |= Reasons(ct.Reason)
		}
	}
	// A list without criteria is as if it were not there: it never holds.
	t.Holds = holding > 0 && (!l.op.wantsAll() || holding == len(l.criteria))
	t.Reasons = failed
	if t.Holds {
		t.Reasons = held
	}
	return t
}

func (c *criterion) trace(f facts) CriterionTrace {
	leaf := compileCriterion(c)
	t := CriterionTrace{Name: c.name(), Position: c.pos, Wanted: c.wanted(), Reason: ReasonUserUnauthenticated}
	if !leaf.person || f.in.Subject != nil {
		t.Holds = leaf.holds(f)
		t.Reason = leaf.reason(f, t.Holds)
		t.Had = c.kind.had(f, c)
	}
	return t
}

// maxWanted bounds how many operands a trace spells out.
const maxWanted = 20

func (c *criterion) wanted() string {
	var parts []string
	for _, m := range c.matchers {
		var operands []string
		for _, o := range m.operands {
			operands = append(operands, o.value.quoted())
		}
		parts = append(parts, m.op+" "+spell(operands))
	}
	if len(c.networks) > 0 {
		var networks []string
		for _, n := range c.networks {
			networks = append(networks, n.String())
		}
		parts = append(parts, "in "+spell(networks))
	}
	return strings.Join(parts, " and ")
}

func spell(words []string) string {
	if more := len(words) - maxWanted; more > 0 {
		return strings.Join(words[:maxWanted], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(words, ", ")
}

// tally gathers the lists of one effect.
type tally struct {
	held, failed verdict
}

func newTally() *tally {
	return &tally{held: verdict{holds: true, rule: -1, asks: -1}, failed: verdict{rule: -1, asks: -1}}
}

func (t *tally) add(rule int, l ListTrace) {
	v := &t.failed
	if l.Holds {
		v = &t.held
		if v.rule < 0 {
			v.rule = rule
		}
	}
	v.why |= l.Reasons
	if v.asks < 0 && l.Reasons.Has(ReasonUserUnauthenticated) {
		v.asks = rule
	}
}

func (t *tally) verdict() verdict {
	if t.held.rule >= 0 {
		return t.held
	}
	return t.failed
}
