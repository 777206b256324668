package config

import (
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"sallyport/policy"
)

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
				if !harmless(Key{}, p.value) && !p.value.blanks() {
					v.l.fail(p.key.position(), "write the rules as a policy under source_ppl, which counts here, and remove rego", "rego is not supported: programs are not run to decide who may pass")
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
		if n = v.documentInText(); n == nil {
			return nil
		}
		standAt(n, v.n)
	}
	p, problems := policy.ParseWith(n, v.file, v.l.policyOptions())
	v.l.errors = append(v.l.errors, problems...)
	return p
}

// documentInText is the one document that text holds as YAML; nil where it holds
// none, which consoles write for nothing, or is no YAML.
func (v value) documentInText() *yaml.Node {
	r, err := yaml.NewLoader(strings.NewReader(v.n.Value), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		v.fail("", "%v", err)
		return nil
	}
	var doc, more yaml.Node
	if err = r.Load(&doc); err == nil {
		if err = r.Load(&more); err == nil {
			v.fail("keep what stands before \"---\", and make another sub-policy of the rest", "expected one policy, got several YAML documents")
			return nil
		}
	}
	var bad *yaml.LoadError
	switch {
	case errors.Is(err, io.EOF) && len(doc.Content) == 1:
		return doc.Content[0]
	case errors.Is(err, io.EOF):
	case errors.As(err, &bad):
		last := 1 + strings.Count(strings.TrimRight(v.n.Value, "\n"), "\n")
		v.fail("such as allow: {or: [domain: {is: example.com}]}", "expected a policy as YAML or JSON: line %d of the text: %s", min(max(bad.Mark.Line, 1), last), bad.Message)
	default:
		v.fail("such as allow: {or: [domain: {is: example.com}]}", "expected a policy as YAML or JSON: %v", err)
	}
	return nil
}

// standAt makes all of n stand where at does: what is inside a text has no lines
// of its own.
func standAt(n, at *yaml.Node) {
	n.Line, n.Column = at.Line, at.Column
	for _, c := range n.Content {
		standAt(c, at)
	}
}
