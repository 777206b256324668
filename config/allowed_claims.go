package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
)

func readAllowedClaims(d *draft, v value) {
	d.access.legacy.AllowedClaims = v.claims()
}

func (v value) claims() (out []policy.ClaimValue) {
	ps, _ := v.pairs()
	for _, p := range ps {
		name := p.key.n.Value
		if name == "" {
			p.key.fail("", "expected the name of a claim, got nothing")
		}
		if bare, prefixed := strings.CutPrefix(name, "claim/"); prefixed {
			v.l.warnOf(policy.LintNeverHolds, p.key.position(), "write "+bare, "claims are named without claim/ here, and hardly any is called %s", shortQuote(name))
		}
		for _, item := range p.value.scalars() {
			value := item.native()
			if value == nil {
				item.expected("text, a number or true or false", "")
				continue
			}
			out = append(out, policy.ClaimValue{Claim: name, Value: value, Position: item.position()})
		}
	}
	return out
}

// blanks reports whether a list holds empty text and nothing else.
func (v value) blanks() bool {
	return v.n.Kind == yaml.SequenceNode && !slices.ContainsFunc(v.n.Content, func(n *yaml.Node) bool {
		return n.Kind != yaml.ScalarNode || n.Value != ""
	})
}

// scalars is list, but a number or boolean alone keeps its type.
func (v value) scalars() []value {
	if v.n.Kind == yaml.ScalarNode {
		switch v.n.ShortTag() {
		case "!!int", "!!float", "!!bool":
			return []value{v}
		}
	}
	items, _ := v.list()
	return items
}

// native is a scalar as the Go value that claims are compared with; nil for
// anything else.
func (v value) native() any {
	if v.n.Kind != yaml.ScalarNode {
		return nil
	}
	switch v.n.ShortTag() {
	case "!!bool":
		return strings.EqualFold(v.n.Value, "true")
	case "!!int", "!!float":
		var number float64
		if v.n.Decode(&number) == nil {
			return number
		}
	case "!!null":
		return nil
	}
	return v.n.Value
}
