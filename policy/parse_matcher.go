package policy

import (
	"maps"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	stringOperatorNames = slices.Sorted(maps.Keys(stringOperators))
	listOperatorNames   = []string{"exclude", "has", "is"}
)

// stringMatchers reads a scalar, which means "is", or string operators.
func (p *parser) stringMatchers(n *yaml.Node, c *criterion) {
	p.matchers(n, c, "is", stringOperatorNames)
}

// listMatchers reads a scalar, which means "has", or list operators.
func (p *parser) listMatchers(n *yaml.Node, c *criterion) {
	p.matchers(n, c, "has", listOperatorNames)
}

func (p *parser) matchers(n *yaml.Node, c *criterion, bare string, known []string) {
	if n.Kind != yaml.MappingNode {
		if o, ok := p.operand(n, bare, c); ok {
			c.matchers = append(c.matchers, matcher{pos: o.pos, op: bare, operands: []operand{o}})
		}
		return
	}
	if len(n.Content) == 0 {
		p.problem(n, "known are "+strings.Join(known, ", "), "expected an operator for %q, got an empty mapping", c.name())
	}
	for _, m := range p.members(n) {
		if op := fileOperators[m.name]; op != "" && slices.Contains(known, op) {
			if value := p.visit(m.value); value != nil {
				c.matchers = append(c.matchers, matcher{p.position(m.key), op, p.fromFile(value, m.name, c)})
			}
			continue
		}
		if !slices.Contains(known, m.name) {
			p.problem(m.key, hintMatcher(m.name, known), "unknown operator %q for %q, expected one of %s", m.name, c.name(), strings.Join(known, ", "))
			continue
		}
		if value := p.visit(m.value); value != nil {
			c.matchers = append(c.matchers, matcher{p.position(m.key), m.name, p.operands(value, m.name, c)})
		}
	}
}

// operands reads what follows an operator: a list for in and not_in, text for
// those that look inside text, else any scalar.
func (p *parser) operands(n *yaml.Node, op string, c *criterion) []operand {
	switch op {
	case "in", "not_in":
		return p.operandList(n, op, c)
	case "contains", "starts_with", "ends_with":
		if n.Kind == yaml.ScalarNode && !isText(n) {
			p.problem(n, "put it in quotes", "expected text for %q of %q, got %s", op, c.name(), describe(n))
			return nil
		}
	}
	if o, ok := p.operand(n, op, c); ok {
		return []operand{o}
	}
	return nil
}

func (p *parser) operandList(n *yaml.Node, op string, c *criterion) []operand {
	if n.Kind != yaml.SequenceNode {
		p.problem(n, "write "+op+": [a, b]", "expected a list for %q of %q, got %s", op, c.name(), describe(n))
		return nil
	}
	if len(n.Content) == 0 {
		p.problem(n, "an empty list says nothing about who may pass", "expected at least one value for %q of %q, got an empty list", op, c.name())
	}
	var out []operand
	for _, item := range n.Content {
		if item = p.visit(item); item == nil {
			break
		}
		if o, ok := p.operand(item, op, c); ok {
			out = append(out, o)
		}
	}
	return out
}

// operand reads the scalar that op compares with.
func (p *parser) operand(n *yaml.Node, op string, c *criterion) (operand, bool) {
	o := operand{pos: p.position(n)}
	switch {
	case n.Kind == yaml.SequenceNode:
		p.problem(n, hintList(op, c.kind), "expected one value for %q of %q, got a list", op, c.name())
		return o, false
	case n.Kind != yaml.ScalarNode || isNull(n):
		p.problem(n, "", "expected a value for %q of %q, got %s", op, c.name(), describe(n))
		return o, false
	}
	switch n.ShortTag() {
	case "!!bool":
		o.value = value{typ: typeBool, flag: strings.EqualFold(n.Value, "true")}
	case "!!int", "!!float":
		v, ok := number(n)
		if !ok {
			p.problem(n, "put it in quotes if it is text", "number %s for %q of %q cannot be compared exactly", n.Value, op, c.name())
			return o, false
		}
		o.value = value{typ: typeNumber, num: v}
	default:
		o.value = stringValue(n.Value)
	}
	return o, true
}

func isText(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!bool", "!!int", "!!float", "!!null":
		return false
	}
	return true
}

// number reads a scalar number; not ok if it cannot be compared exactly.
func number(n *yaml.Node) (float64, bool) {
	var v float64
	if err := n.Decode(&v); err != nil {
		return 0, false
	}
	return v, exactNumber(v)
}

// maxExact is up to where a float64, which is what JSON numbers become, tells
// integers apart.
const maxExact = 1 << 53

// exactNumber reports whether v equals no other number of a claim; NaN and the
// infinities, which JSON does not have, are not.
func exactNumber(v float64) bool { return math.Abs(v) < maxExact }
