package policy

// Decision is what a policy says about an input. The zero value denies.
type Decision struct {
	Effect Effect
	// AllowHolds and DenyHolds say whether the allow and the deny rules held,
	// whatever came of it.
	AllowHolds, DenyHolds bool
	// AllowReasons and DenyReasons are why they did or did not.
	AllowReasons, DenyReasons ReasonSet
	// Rule decided: the first that denies, allows or asks for a sign-in; nil if
	// nothing allows.
	Rule *Rule
	// SignIn is what a new sign-in must bring, where the Effect is StepUp.
	SignIn SignIn
	// Shadow is what would come of it if the rules in shadow counted too, and
	// ShadowRule which would decide; ShadowNone where there are no such rules.
	Shadow     Shadow
	ShadowRule *Rule
	// Anonymous says that a session was there but did not count, because its
	// person may not pass: whoever acts on the decision must not speak in that
	// person's name. Set by authorize.
	Anonymous bool
}

// Eval decides. It is pure and allocates nothing. A nil or zero program denies.
func (g *Program) Eval(in *Input) Decision {
	if g == nil || g.code == nil {
		return Decision{}
	}
	f := facts{in: in}
	d := g.code.decide(f, g.rules)
	if g.code.full != nil {
		d.cast(g.code.full.decide(f, g.rules))
	}
	return d
}

// decide asks every list, and where that ends in a denial, whether a new sign-in
// would change it.
func (c *code) decide(f facts, rules []*Rule) Decision {
	d := conclude(c.judge(c.lists[:c.allows], f), c.judge(c.lists[c.allows:], f), rules)
	if d.Effect == Deny && c.stepUp && f.in.Subject != nil {
		c.stepUpTo(f, rules, &d)
	}
	return d
}

// verdict is what the lists of one effect come to.
type verdict struct {
	holds bool
	why   ReasonSet
	// rule is the first whose list holds, asks the first whose kept reasons ask
	// for a sign-in; -1 if there is none.
	rule, asks int
}

// judge asks every list: reasons are wanted from all, so none is skipped.
func (c *code) judge(lists []codeList, f facts) verdict {
	held, failed := verdict{holds: true, rule: -1, asks: -1}, verdict{rule: -1, asks: -1}
	for i := range lists {
		l := &lists[i]
		holds, why := c.eval(l, f)
		v := &failed
		if holds {
			v = &held
			if v.rule < 0 {
				v.rule = int(l.rule)
			}
		}
		v.why |= why
		if v.asks < 0 && why.Has(ReasonUserUnauthenticated) {
			v.asks = int(l.rule)
		}
	}
	if held.rule >= 0 {
		return held
	}
	return failed
}

// eval returns the list's value and the reasons that go with it.
func (c *code) eval(l *codeList, f facts) (bool, ReasonSet) {
	held, failed, inverts := l.held, l.failed, l.op.inverts()
	signedIn := f.in.Subject != nil
	for _, leaf := range c.leaves[l.from:l.to] {
		holds, why := false, ReasonUserUnauthenticated
		if signedIn || !leaf.person {
			holds = leaf.holds(f)
			why = leaf.reason(f, holds)
		}
		if holds != inverts {
			held |= 1 << why
		} else {
			failed |= 1 << why
		}
	}
	// Every criterion gives a reason, so an empty set means that there was none.
	holds := held != 0
	if l.op.wantsAll() {
		holds = failed == 0
	}
	if holds {
		return true, held
	}
	return false, failed
}

// holds is for criteria that do not ask about a person, or with a session.
func (l *leaf) holds(f facts) bool { return f.assume && l.wants != nil || l.ask(f) }

func (l *leaf) reason(f facts, holds bool) Reason {
	switch {
	case l.why != nil:
		return l.why(f, holds)
	case holds:
		return l.ok
	}
	return l.no
}

// refusesCertificate are the reasons that make a denial of a sign-in.
var refusesCertificate = Reasons(ReasonClientCertificateRequired, ReasonInvalidClientCertificate)

// conclude puts both verdicts together in the order of the language.
func conclude(allow, deny verdict, rules []*Rule) Decision {
	d := Decision{AllowHolds: allow.holds, DenyHolds: deny.holds, AllowReasons: allow.why, DenyReasons: deny.why}
	rule := -1
	switch {
	case deny.why&refusesCertificate != 0:
		rule = deny.rule
	case allow.asks >= 0:
		d.Effect, rule = Unauthenticated, allow.asks
	case deny.asks >= 0:
		d.Effect, rule = Unauthenticated, deny.asks
	case (allow.why | deny.why).Has(ReasonDeviceUnauthenticated):
		// No device can be enrolled here, so that nobody passes who would have to.
		rule = deny.rule
	case deny.holds:
		rule = deny.rule
	case allow.holds:
		d.Effect, rule = Allow, allow.rule
	}
	if rule >= 0 {
		d.Rule = rules[rule]
	}
	return d
}
