package policy

import "slices"

// Advice is what the author of a policy says to those who may not pass, as
// sentences for people: why, and what they can do. The zero value says nothing.
type Advice struct{ Explanation, Remediation string }

// Advise returns the policy with the advice at every rule; p stays as it is.
func (p *Policy) Advise(a Advice) *Policy {
	if p == nil || a == (Advice{}) {
		return p
	}
	out := &Policy{broken: p.broken, rules: make([]*Rule, len(p.rules))}
	for i, r := range p.rules {
		advised := *r
		advised.Advice = a
		out.rules[i] = &advised
	}
	return out
}

// AdviceOn returns what the authors of rules say about a denial, each once: of the
// rule that denies, or else of those that could have let the person in. Nil for
// every other decision, and for a denial that no rule made.
func (p *Policy) AdviceOn(d Decision) []Advice {
	switch {
	case p == nil || d.Effect != Deny || d.Anonymous:
		return nil
	case d.Rule != nil:
		return advices(d.Rule)
	case d.DenyHolds:
		return nil
	}
	var allow []*Rule
	for _, r := range p.rules {
		if r.Effect == Allow && !r.Shadow {
			allow = append(allow, r)
		}
	}
	return advices(allow...)
}

func advices(rules ...*Rule) []Advice {
	var out []Advice
	for _, r := range rules {
		if r.Advice != (Advice{}) && !slices.Contains(out, r.Advice) {
			out = append(out, r.Advice)
		}
	}
	return out
}
