package config

import "sallyport/policy"

var errorDetailsKey = custom("error_details_policy", "policy", func(g *globals, v value) { g.details = v },
	"Who sees on a denial, of whichever route, how it was decided: every rule with its place, what it wanted and what they have. "+
		"The person who was denied must be signed in and pass this policy. Name operators only: rules name groups and people.").
	unset("nobody").ours()

// errorDetails reads the policy that says who sees how a denial was decided.
func (l *loader) errorDetails(g *globals) {
	if !g.details.given() || g.details.null() {
		return
	}
	p, problems := policy.ParseWith(g.details.n, g.details.file, l.policyOptions())
	l.errors = append(l.errors, problems...)
	l.checkKnowable(g, p)
	l.warnings = append(l.warnings, p.Lint()...)
	if p.Public() || p.AllowsAnybody() {
		l.warn(g.details.position(), "name a group of operators, such as allow: {or: [groups: operators]}",
			"error_details_policy: everybody who is signed in sees the rules of every route that denies them")
	}
	l.cfg.ErrorDetails = p
}
