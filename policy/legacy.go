package policy

import (
	"fmt"

	"sallyport/identity"
)

// Legacy is what a route's older keys say, each with its place. The zero value
// says nothing.
type Legacy struct {
	AllowedUsers          []Valued     // allowed_users: user ids or e-mails
	AllowedDomains        []Valued     // allowed_domains
	AllowedGroups         []Valued     // allowed_groups: ids or names
	AllowedClaims         []ClaimValue // allowed_idp_claims, one entry per value
	AllowAnyAuthenticated Flag         // allow_any_authenticated_user
	AllowPublic           Flag         // allow_public_unauthenticated_access
	CORSPreflight         Flag         // cors_allow_preflight
}

// Valued is a string and where it stands.
type Valued struct {
	Value    string
	Position Position
}

// ClaimValue is one value that a claim may have. Value is a string, a bool, an
// int or a float64; a claim matches only a value of its own type.
type ClaimValue struct {
	Claim    string // name or path, without "claim/"
	Value    any
	Position Position
}

// Flag is a boolean key and where it stands.
type Flag struct {
	On       bool
	Position Position
}

// Problems returns the contradictions among the keys, and claims that no policy
// can compare. "policy" contradicts none of them.
func (l Legacy) Problems() []Problem {
	var out []Problem
	conflict := func(f Flag, key, other string) {
		out = append(out, Problem{
			Position: f.Position,
			Message:  fmt.Sprintf("%s and %s contradict each other", key, other),
			Hint:     "keep the one that says who may pass",
		})
	}
	const public, authenticated = "allow_public_unauthenticated_access", "allow_any_authenticated_user"
	if l.AllowPublic.On && l.AllowAnyAuthenticated.On {
		conflict(l.AllowPublic, public, authenticated)
	}
	for _, key := range l.lists() {
		if l.AllowPublic.On {
			conflict(l.AllowPublic, public, key)
		}
		if l.AllowAnyAuthenticated.On {
			conflict(l.AllowAnyAuthenticated, authenticated, key)
		}
	}
	for _, c := range l.AllowedClaims {
		if _, ok := legacyValue(c.Value); !ok {
			out = append(out, Problem{Position: c.Position, Message: fmt.Sprintf("expected text, a number or true or false for claim %q, got %v", c.Claim, c.Value)})
		}
	}
	return out
}

// lists returns the names of the keys that name who may pass.
func (l Legacy) lists() []string {
	var keys []string
	for _, k := range []struct {
		name string
		size int
	}{
		{"allowed_users", len(l.AllowedUsers)},
		{"allowed_domains", len(l.AllowedDomains)},
		{"allowed_groups", len(l.AllowedGroups)},
		{"allowed_idp_claims", len(l.AllowedClaims)},
	} {
		if k.size > 0 {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// WithLegacy returns a policy that allows what p or l allows and denies what p
// denies; p may be nil and stays as it is.
func (p *Policy) WithLegacy(l Legacy) *Policy {
	out := &Policy{}
	if p != nil {
		out.broken = p.broken
	}
	if criteria := l.criteria(); len(criteria) > 0 {
		at := criteria[0].pos
		out.rules = append(out.rules, &Rule{
			Effect: Allow, Position: at, lists: []*list{{pos: at, op: Or, criteria: criteria}},
		})
	}
	if p != nil {
		out.rules = append(out.rules, p.rules...)
	}
	return out
}

// criteria returns what the keys mean, as alternatives.
func (l Legacy) criteria() []*criterion {
	var out []*criterion
	flag := func(f Flag, name string) {
		if f.On {
			out = append(out, &criterion{pos: f.Position, kind: kinds[name]})
		}
	}
	match := func(name, op string, v value, at Position) *criterion {
		c := &criterion{pos: at, kind: kinds[name], matchers: []matcher{{pos: at, op: op, operands: []operand{{at, v}}}}}
		out = append(out, c)
		return c
	}
	flag(l.AllowPublic, "accept")
	flag(l.AllowAnyAuthenticated, "authenticated_user")
	flag(l.CORSPreflight, "cors_preflight")
	for _, u := range l.AllowedUsers {
		match("user", "is", stringValue(u.Value), u.Position)
		match("email", "is", stringValue(u.Value), u.Position)
	}
	for _, d := range l.AllowedDomains {
		match("domain", "is", stringValue(d.Value), d.Position)
	}
	for _, g := range l.AllowedGroups {
		match("groups", "has", stringValue(g.Value), g.Position)
	}
	for _, c := range l.AllowedClaims {
		if v, ok := legacyValue(c.Value); ok {
			m := match("claim", "has", v, c.Position)
			m.path, m.claim = c.Claim, identity.NewClaimPath(c.Claim)
		}
	}
	return out
}

// legacyValue returns v as policies compare it; not ok if they cannot.
func legacyValue(v any) (value, bool) {
	if n, ok := v.(int); ok {
		v = float64(n)
	}
	out := valueOf(v)
	return out, out.typ != typeOther && (out.typ != typeNumber || exactNumber(out.num))
}
