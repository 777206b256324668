package policy

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// ParseOptions are what a policy may refer to.
type ParseOptions struct {
	// Named are the policies that "use: NAME" may stand for.
	Named map[string]*Policy
	// Pending are the names of policies that stand further down and cannot be used.
	Pending []string
	// Used, where it is not nil, gets the names that are used.
	Used map[string]bool
	// ReadFile reads the files of in_file and the like; nil: none can be read.
	ReadFile func(path string) ([]byte, error)
}

// mode reads "mode: shadow" or "mode: enforce"; true for shadow.
func (p *parser) mode(m member) bool {
	n := p.visit(m.value)
	switch {
	case n == nil:
	case n.Value == "shadow":
		return true
	case n.Value == "enforce":
	default:
		p.problem(n, "a rule in shadow is evaluated and recorded, and never decides", "expected shadow or enforce for %q, got %s", m.name, describe(n))
	}
	return false
}

// use returns the rules of the named policy.
func (p *parser) use(m member) []*Rule {
	n := p.visit(m.value)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode || !isText(n) {
		p.problem(n, "write use: NAME, and the policy under policies:", "expected the name of a policy, got %s", describe(n))
		return nil
	}
	named := p.options.Named[n.Value]
	if p.options.Used != nil {
		p.options.Used[n.Value] = true
	}
	if named == nil {
		hint := meant(closest(n.Value, slices.Sorted(maps.Keys(p.options.Named)), nil))
		switch {
		case slices.Contains(p.options.Pending, n.Value):
			hint = "a policy uses those that stand before it: move it up"
		case hint == "":
			hint = "policies are named at the top of the configuration, under policies:"
		}
		p.problem(n, hint, "there is no policy %q", cut(n.Value, 60))
		return nil
	}
	if named.broken {
		p.usesBroken = true
	}
	return slices.Clone(named.rules)
}

// hintText says how to write what is text where rules belong.
func (p *parser) hintText(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.ScalarNode && p.options.Named[n.Value] != nil:
		return "write use: " + n.Value
	case strings.Contains(n.Value, ":"):
		return `write the policy itself, without quotes around it and without "|"`
	}
	return `a policy looks like "allow: {and: [...]}"`
}

// fileOperators are those whose values stand in a file, one a line.
var fileOperators = map[string]string{"in_file": "in", "not_in_file": "not_in", "has_file": "has", "exclude_file": "exclude"}

// fromFile reads the operands of in_file and the like: one a line, without empty
// lines and what begins with "#".
func (p *parser) fromFile(n *yaml.Node, op string, c *criterion) []operand {
	switch {
	case n.Kind != yaml.ScalarNode || !isText(n) || n.Value == "":
		p.problem(n, "write "+op+": /etc/sallyport/list.txt", "expected the path of a file for %q of %q, got %s", op, c.name(), describe(n))
		return nil
	case p.options.ReadFile == nil:
		p.problem(n, "write the values out", "files cannot be read here: %q of %q", op, c.name())
		return nil
	}
	text, err := p.options.ReadFile(n.Value)
	if err != nil {
		p.problem(n, "paths are relative to the working directory", "%q of %q: %v", op, c.name(), err)
		return nil
	}
	// What is read as other characters than were meant would never match, and a
	// deny rule on it deny nobody.
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		p.problem(n, "save the file as UTF-8", "%q of %q: the file %q is not UTF-8", op, c.name(), n.Value)
		return nil
	}
	var out []operand
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		if value := strings.TrimSpace(line); value != "" && value[0] != '#' {
			out = append(out, operand{Position{n.Value, number, 1}, stringValue(value)})
		}
	}
	if len(out) == 0 {
		p.problem(n, "one value a line", "%q of %q: the file %q holds no values", op, c.name(), n.Value)
	}
	return out
}
