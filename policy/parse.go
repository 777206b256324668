package policy

import (
	"cmp"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"
)

// maxNodes bounds how many YAML nodes of one policy are read, those behind
// aliases counted each time; maxProblems how many problems are told.
const (
	maxNodes    = 200_000
	maxProblems = 100
)

// Parse reads a policy from a YAML node of the file named file. Problems are all
// that is wrong with it, in file order. A policy with problems holds what could
// be read, for UsesGroups and the like; it does not compile.
func Parse(node *yaml.Node, file string) (*Policy, []Problem) {
	return ParseWith(node, file, ParseOptions{})
}

// ParseWith is Parse for a policy that may use named policies and lists in files.
func ParseWith(node *yaml.Node, file string, o ParseOptions) (*Policy, []Problem) {
	p := &parser{file: file, left: maxNodes, told: make(map[Problem]bool), options: o}
	policy := &Policy{}
	if node != nil && node.Kind != 0 {
		policy.rules = p.document(node)
	}
	slices.SortStableFunc(p.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Col, b.Position.Col))
	})
	policy.broken = len(p.problems) > 0 || p.usesBroken
	return policy, p.problems
}

// parser gathers the problems of one policy.
type parser struct {
	file     string
	left     int // nodes that may still be read
	problems []Problem
	told     map[Problem]bool
	options  ParseOptions
	// usesBroken says that a policy it uses has problems of its own.
	usesBroken bool
}

// document reads one rule object or a list of them.
func (p *parser) document(n *yaml.Node) []*Rule {
	n = p.visit(n)
	switch {
	case n == nil || isNull(n):
		return nil
	case n.Kind == yaml.MappingNode:
		return p.ruleObject(n)
	case n.Kind == yaml.SequenceNode:
		var rules []*Rule
		for _, item := range n.Content {
			if item = p.visit(item); item == nil {
				break
			}
			rules = append(rules, p.ruleObject(item)...)
		}
		return rules
	}
	p.problem(n, p.hintText(n), "expected allow and deny rules or a list of them, got %s", describe(n))
	return nil
}

// ruleObject reads an object of allow and deny.
func (p *parser) ruleObject(n *yaml.Node) []*Rule {
	if n.Kind != yaml.MappingNode {
		p.problem(n, p.hintText(n), "expected allow or deny, got %s", describe(n))
		return nil
	}
	var rules []*Rule
	shadow := false
	for _, m := range p.members(n) {
		switch m.name {
		case "allow":
			rules = append(rules, p.rule(m, Allow))
		case "deny":
			rules = append(rules, p.rule(m, Deny))
		case "mode":
			shadow = p.mode(m)
		case "use":
			rules = append(rules, p.use(m)...)
		default:
			p.problem(m.key, hintRule(m.name), "unknown rule key %q, expected allow or deny", m.name)
		}
	}
	if shadow {
		return inShadow(rules)
	}
	return rules
}

// rule reads the operators under allow or deny.
func (p *parser) rule(m member, effect Effect) *Rule {
	rule := &Rule{Effect: effect, Position: p.position(m.key)}
	n := p.visit(m.value)
	if n == nil {
		return rule
	}
	if n.Kind != yaml.MappingNode {
		p.problem(n, fmt.Sprintf(`write "%s: {or: [...]}"`, m.name), "expected and, or, not or nor under %q, got %s", m.name, describe(n))
		return rule
	}
	for _, m := range p.members(n) {
		op := slices.Index(operatorNames[:], m.name)
		switch {
		case op >= 0:
			rule.lists = append(rule.lists, p.list(m, effect, Operator(op)))
		case m.name == "mode":
			rule.Shadow = p.mode(m)
		case m.name == "use":
			p.problem(m.key, "write it beside allow and deny", "a policy is used as a whole, not under %q", effect)
		default:
			p.problem(m.key, hintOperator(m.name), "unknown operator %q, expected and, or, not or nor", m.name)
		}
	}
	return rule
}

// list reads the criteria under one operator.
func (p *parser) list(m member, effect Effect, op Operator) *list {
	l := &list{pos: p.position(m.key), op: op}
	n := p.visit(m.value)
	if n == nil {
		return l
	}
	if n.Kind != yaml.SequenceNode {
		p.problem(n, `begin each criterion with "- "`, "expected a list of criteria under %q, got %s", m.name, describe(n))
		return l
	}
	for _, item := range n.Content {
		if item = p.visit(item); item == nil {
			break
		}
		if c := p.criterion(item); c != nil {
			c.against = (effect == Deny) != op.inverts()
			l.criteria = append(l.criteria, c)
		}
	}
	return l
}
