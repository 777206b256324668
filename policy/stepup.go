package policy

import "time"

// SignIn is what a new sign-in must bring that the present one lacks. The zero
// value asks for nothing.
type SignIn struct {
	// MaxAge is how old the sign-in may be when Aged is set; 0 is a sign-in now.
	MaxAge time.Duration
	Aged   bool
	// Context is the acr that must come back, "" for any.
	Context string
	// Method must be among the amr that comes back, "" for any.
	Method string
}

// and returns what asks for both.
func (s SignIn) and(other SignIn) SignIn {
	if other.Aged && (!s.Aged || other.MaxAge < s.MaxAge) {
		s.Aged, s.MaxAge = true, other.MaxAge
	}
	if s.Context == "" {
		s.Context = other.Context
	}
	if s.Method == "" {
		s.Method = other.Method
	}
	return s
}

// Met reports whether a sign-in brought what was asked for. Nothing is taken for
// granted: authenticated is zero where the provider did not say.
func (s SignIn) Met(authenticated, now time.Time, methods []string, context string) bool {
	if s.Aged && (authenticated.IsZero() || now.Sub(authenticated) > s.MaxAge+stepUpLeeway) {
		return false
	}
	if s.Context != "" && s.Context != context {
		return false
	}
	if s.Method == "" {
		return true
	}
	for _, m := range methods {
		if m == s.Method {
			return true
		}
	}
	return false
}

// stepUpLeeway is how long a sign-in may take to come back, and how far the
// provider's clock may be off.
const stepUpLeeway = time.Minute

// wants is what a criterion that a new sign-in can meet asks for.
func (c *criterion) wants() *SignIn {
	if len(c.matchers) == 0 || len(c.matchers[0].operands) == 0 {
		return &SignIn{}
	}
	first := c.matchers[0].operands[0].value.text()
	switch c.kind.name {
	case "auth_age":
		d, _ := time.ParseDuration(first)
		return &SignIn{MaxAge: d, Aged: true}
	case "auth_context":
		return &SignIn{Context: first}
	}
	return &SignIn{Method: first}
}

// stepUpTo makes d, a denial, ask for a new sign-in if that would be allowed in:
// if the policy allows once every criterion that a sign-in can meet is met. What
// is allowed already and denied for another reason, such as a device, no sign-in
// mends.
func (c *code) stepUpTo(f facts, rules []*Rule, d *Decision) {
	if d.AllowHolds && !d.DenyHolds {
		return
	}
	then := f
	then.assume = true
	allows, denies := c.lists[:c.allows], c.lists[c.allows:]
	met := conclude(c.judge(allows, then), c.judge(denies, then), rules)
	if met.Effect != Allow {
		return
	}
	var want SignIn
	if !d.AllowHolds {
		for i := range allows {
			if holds, _ := c.eval(&allows[i], then); holds {
				want = c.lacking(&allows[i], f, want)
				break
			}
		}
	}
	for i := range denies {
		if holds, _ := c.eval(&denies[i], f); holds {
			want = c.lacking(&denies[i], f, want)
		}
	}
	d.Effect, d.SignIn, d.Rule = StepUp, want, met.Rule
}

// lacking adds what the list's criteria ask for and do not have; of alternatives
// the first is enough.
func (c *code) lacking(l *codeList, f facts, want SignIn) SignIn {
	for _, leaf := range c.leaves[l.from:l.to] {
		if leaf.wants == nil || leaf.ask(f) {
			continue
		}
		want = want.and(*leaf.wants)
		if l.op == Or {
			break
		}
	}
	return want
}
