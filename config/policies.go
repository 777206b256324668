package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
)

// policyOptions are what a policy of this configuration may refer to.
func (l *loader) policyOptions() policy.ParseOptions {
	return policy.ParseOptions{Named: l.policies, ReadFile: l.read}
}

var namedPolicyKeys = custom("policies", "mapping of name to policy", (*globals).readPolicies,
	"Policies by name, for `use: NAME` in the policy of a route or of a later one here.").ours()

// readPolicies reads every named policy, each of which may use those before it.
func (g *globals) readPolicies(v value) {
	pairs, ok := v.pairs()
	if !ok {
		return
	}
	v.l.policies = make(map[string]*policy.Policy, len(pairs))
	for _, p := range pairs {
		name := p.key.n.Value
		parsed, problems := policy.ParseWith(p.value.n, p.value.file, v.l.policyOptions())
		v.l.errors = append(v.l.errors, problems...)
		v.l.policies[name] = parsed
	}
}

// subPolicyKeys are those of one of Pomerium's sub-policies.
var subPolicyKeys = []string{"id", "name", "allowed_users", "allowed_domains", "allowed_idp_claims", "rego", "source_ppl", "explanation", "remediation"}

// readSubPolicies reads further policies of a route, all of whose rules count
// beside its own.
func readSubPolicies(d *draft, v value) {
	items, ok := v.list()
	if !ok {
		return
	}
	for _, item := range items {
		pairs, ok := item.pairs()
		if !ok {
			continue
		}
		var legacy policy.Legacy
		var source *policy.Policy
		var advice policy.Advice
		for _, p := range pairs {
			switch p.key.n.Value {
			case "allowed_users":
				legacy.AllowedUsers = p.value.valued()
			case "allowed_domains":
				legacy.AllowedDomains = p.value.valued()
			case "allowed_idp_claims":
				legacy.AllowedClaims = p.value.claims()
			case "source_ppl":
				source = p.value.sourcePPL()
			case "explanation":
				advice.Explanation = p.value.sentence()
			case "remediation":
				advice.Remediation = p.value.sentence()
			case "rego":
				if !harmless(Key{}, p.value) {
					v.l.fail(p.key.position(), "write the rules as a policy, under source_ppl or policy", "rego is not supported: programs are not run to decide who may pass")
				}
			default:
				if !slices.Contains(subPolicyKeys, p.key.n.Value) {
					v.l.unknown(p, "a sub-policy", subPolicyKeys)
				}
			}
		}
		v.l.errors = append(v.l.errors, legacy.Problems()...)
		d.access.more = append(d.access.more, source.WithLegacy(legacy).Advise(advice))
	}
}

// maxSentence bounds what people are told on a page, in bytes.
const maxSentence = 1000

// sentence is text for people; nothing may stand for none, as consoles write it.
func (v value) sentence() string {
	if v.null() || v.n.Kind == yaml.ScalarNode && v.n.Value == "" {
		return ""
	}
	s, _ := v.text()
	if len(s) > maxSentence {
		v.fail("make it shorter: a person reads it on a page", "expected at most %d bytes, got %d", maxSentence, len(s))
		return ""
	}
	return strings.TrimSpace(s)
}

// sourcePPL is a policy, as it is or as text that holds it as YAML or JSON.
func (v value) sourcePPL() *policy.Policy {
	n := v.n
	if n.Kind == yaml.ScalarNode && !v.null() {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(n.Value), &doc); err != nil || len(doc.Content) != 1 {
			v.fail("such as allow: {or: [domain: {is: example.com}]}", "expected a policy as YAML or JSON")
			return nil
		}
		n = doc.Content[0]
		standAt(n, v.n)
	}
	p, problems := policy.ParseWith(n, v.file, v.l.policyOptions())
	v.l.errors = append(v.l.errors, problems...)
	return p
}

// standAt makes all of n stand where at does: what is inside a text has no lines
// of its own.
func standAt(n, at *yaml.Node) {
	n.Line, n.Column = at.Line, at.Column
	for _, c := range n.Content {
		standAt(c, at)
	}
}

func (v value) claims() (out []policy.ClaimValue) {
	ps, _ := v.pairs()
	for _, p := range ps {
		items, _ := p.value.list()
		for _, item := range items {
			out = append(out, policy.ClaimValue{Claim: p.key.n.Value, Value: item.native(), Position: item.position()})
		}
	}
	return out
}
