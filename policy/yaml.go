package policy

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// MarshalYAML writes the policy as Parse reads it, one object a rule; places are
// lost, and so is where a list of values came from.
func (p *Policy) MarshalYAML() (any, error) {
	out := []any{}
	for _, r := range p.Rules() {
		body := ordered()
		for _, l := range r.lists {
			criteria := ordered()
			criteria.Kind, criteria.Tag = yaml.SequenceNode, "!!seq"
			for _, c := range l.criteria {
				one := ordered()
				put(one, c.name(), c.node())
				criteria.Content = append(criteria.Content, one)
			}
			put(body, l.op.String(), criteria)
		}
		object := ordered()
		put(object, r.Effect.String(), body)
		if r.Shadow {
			put(object, "mode", scalar(stringValue("shadow")))
		}
		out = append(out, object)
	}
	return out, nil
}

func ordered() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func put(m *yaml.Node, key string, v *yaml.Node) {
	m.Content = append(m.Content, scalar(stringValue(key)), v)
}

func scalar(v value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.text()}
	switch v.typ {
	case typeNumber:
		n.Tag = "!!float"
	case typeBool:
		n.Tag = "!!bool"
	default:
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// node is the criterion's data.
func (c *criterion) node() *yaml.Node {
	if len(c.networks) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, n := range c.networks {
			list.Content = append(list.Content, scalar(stringValue(n.String())))
		}
		return list
	}
	if len(c.matchers) == 0 {
		return scalar(value{typ: typeBool, flag: true})
	}
	out := ordered()
	for _, m := range c.matchers {
		at, op := out, m.op
		if field, inner, nested := strings.Cut(m.op, " "); nested {
			at, op = within(out, field), inner
		}
		put(at, op, m.data(op))
	}
	return out
}

// within returns the mapping under a key, made where it is missing.
func within(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	inner := ordered()
	put(m, key, inner)
	return inner
}

func (m matcher) data(op string) *yaml.Node {
	if len(m.operands) == 1 && op != "in" && op != "not_in" {
		return scalar(m.operands[0].value)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, o := range m.operands {
		list.Content = append(list.Content, scalar(o.value))
	}
	return list
}
