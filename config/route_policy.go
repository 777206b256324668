package config

import "sallyport/policy"

// access is what a route says about who may pass.
type access struct {
	policy *policy.Policy
	legacy policy.Legacy
	more   []*policy.Policy // sub_policies
}

var policyKeys = []key[draft]{
	custom("policy", "policy", readPolicy,
		"Who may pass: allow and deny rules. Without a policy and the keys below nobody may."),
	custom("allowed_users", "list of text", func(d *draft, v value) { d.access.legacy.AllowedUsers = v.valued() },
		"E-mails or user ids that may pass."),
	custom("allowed_domains", "list of text", func(d *draft, v value) { d.access.legacy.AllowedDomains = v.valued() },
		"E-mail domains that may pass."),
	custom("allowed_groups", "list of text", func(d *draft, v value) { d.access.legacy.AllowedGroups = v.valued() },
		"Groups of the directory, by id or name, that may pass. Needs `idp_service_account`."),
	custom("allowed_idp_claims", "mapping of claim to list of values", readAllowedClaims,
		"Values of claims that may pass."),
	custom("allow_any_authenticated_user", boolKind.name, func(d *draft, v value) { d.access.legacy.AllowAnyAuthenticated = v.flag() },
		"Everybody who can sign in may pass."),
	custom("allow_public_unauthenticated_access", boolKind.name, func(d *draft, v value) { d.access.legacy.AllowPublic = v.flag() },
		"Everybody may pass, without signing in."),
	custom("cors_allow_preflight", boolKind.name, func(d *draft, v value) {
		d.access.legacy.CORSPreflight = v.flag()
		d.CORSPreflight = d.access.legacy.CORSPreflight.On
	}, "CORS preflight requests may pass without signing in."),
	custom("sub_policies", "list of {id, name, allowed_users, allowed_domains, allowed_idp_claims, source_ppl, explanation, remediation}", readSubPolicies,
		"Further policies, whose rules count beside those of `policy`; `source_ppl` is one as text. With `show_error_details` those whom they keep out read `explanation` and `remediation`."),
	works("show_error_details", boolKind, func(d *draft) *bool { return &d.ShowErrorDetails },
		"Tells people who are denied which rules said so.").def("false"),
}

func readPolicy(d *draft, v value) {
	if v.fromEnvironment() {
		return // a route is never a variable of its own
	}
	p, problems := policy.ParseWith(v.n, v.file, v.l.policyOptions())
	d.access.policy = p
	v.l.errors = append(v.l.errors, problems...)
}

// valued is a list of text with places.
func (v value) valued() []policy.Valued {
	items, _ := v.list()
	var out []policy.Valued
	for _, item := range items {
		if s, ok := item.word(); ok {
			out = append(out, policy.Valued{Value: s, Position: item.position()})
		}
	}
	return out
}

func (v value) flag() policy.Flag {
	on, _ := v.boolean()
	return policy.Flag{On: on, Position: v.position()}
}

// checkAccess makes one policy of all that the route says.
func (d *draft) checkAccess(g *globals) {
	l := d.at.l
	l.errors = append(l.errors, d.access.legacy.Problems()...)
	d.Policy = policy.Join(append([]*policy.Policy{d.access.policy.WithLegacy(d.access.legacy)}, d.access.more...)...)
	l.checkKnowable(g, d.Policy)
	if len(d.Policy.Rules()) == 0 {
		d.at.l.warnOf(codeNoPolicy, d.Position, "give it a policy, such as allow: {or: [authenticated_user: true]}", "nobody may pass this route: it has no policy")
	}
	d.checkCertificates(&g.ClientCertificates)
}

// checkKnowable refuses what a policy asks and nobody could answer.
func (l *loader) checkKnowable(g *globals, p *policy.Policy) {
	for _, at := range p.Uses("mcp_tool") {
		l.warnOf(policy.LintNeverHolds, at, "leave it out, and let the upstream decide which tools may be called",
			"mcp_tool never holds here: the Model Context Protocol is not read, so that it neither lets a tool be called nor keeps one from it")
	}
	for _, at := range p.Uses("device") {
		l.warnOf(policy.LintNeverHolds, at, "ask for a certificate of the device instead, with downstream_mtls and client_certificate",
			"device never holds here: sessions know of no device")
	}
	account := g.Provider.ServiceAccount
	if account.APIKey == "" && len(account.Raw) == 0 && !g.directory {
		l.checkVouched(g, p)
		for _, ref := range p.UsesGroups() {
			l.fail(ref.Position, "set idp_service_account to read groups from the directory, or write claim/groups to read them from the token",
				"group %s cannot be known: there is no idp_service_account", shortQuote(ref.Name))
		}
		for _, ref := range p.NeedsDirectory() {
			if ref.Name != "groups" {
				l.fail(ref.Position, "set idp_service_account to read the directory", "%s cannot be known: there is no idp_service_account", ref.Name)
			}
		}
	}
}

// checkVouched warns once where a policy goes by addresses that Okta vouches for
// only if their owner followed a link in a mail of Okta's: most never did.
func (l *loader) checkVouched(g *globals, p *policy.Policy) {
	at := append(p.Uses("email"), p.Uses("domain")...)
	if len(at) == 0 || g.warnedUnvouched || g.Provider.Name != "okta" || g.Provider.AllowUnverifiedEmail {
		return
	}
	g.warnedUnvouched = true
	l.warnOf(codeUnvouched, at[0], "set idp_service_account, so that the directory's addresses count, or idp_allow_unverified_email",
		"without idp_service_account only addresses that Okta vouches for (email_verified) count, and people from Active Directory or an HR system have none")
}
