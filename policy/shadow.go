package policy

// Shadow is what a decision would have been had the rules in shadow counted.
type Shadow uint8

// ShadowNone: the policy has no rules in shadow.
const (
	ShadowNone Shadow = iota
	ShadowAllow
	ShadowDeny
)

// String is "shadow-allow", "shadow-deny" or "".
func (s Shadow) String() string {
	switch s {
	case ShadowAllow:
		return "shadow-allow"
	case ShadowDeny:
		return "shadow-deny"
	}
	return ""
}

// cast notes on d what the decision with rules in shadow would be. Being asked to
// sign in is not being let in.
func (d *Decision) cast(full Decision) {
	d.Shadow, d.ShadowRule = ShadowDeny, full.Rule
	if full.Effect == Allow {
		d.Shadow = ShadowAllow
	}
}

// shadows reports whether any rule is in shadow.
func (p *Policy) shadows() bool {
	for _, r := range p.rules {
		if r.Shadow {
			return true
		}
	}
	return false
}

// inShadow returns the rules as rules in shadow.
func inShadow(rules []*Rule) []*Rule {
	out := make([]*Rule, len(rules))
	for i, r := range rules {
		shadowed := *r
		shadowed.Shadow = true
		out[i] = &shadowed
	}
	return out
}
