package policy

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// member is one key of a mapping with its value.
type member struct {
	name       string
	key, value *yaml.Node
}

// visit returns what the node stands for, aliases followed, or nil once too many
// nodes were read. The language nests no deeper than its own levels, so aliases
// that contain themselves end as a node of the wrong kind.
func (p *parser) visit(n *yaml.Node) *yaml.Node {
	if p.left == 0 {
		return nil
	}
	p.left--
	if p.left == 0 {
		p.problem(n, "split the policy, or write long lists once", "policy has more than %d values, aliases counted", maxNodes)
		return nil
	}
	switch {
	case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
		return p.visit(n.Content[0])
	case n.Kind == yaml.AliasNode && n.Alias != nil:
		return p.visit(n.Alias)
	}
	if !plainTag(n) {
		p.problem(n, "remove the tag", "tag %q is not known in policies", n.Tag)
	}
	return n
}

// plainTag reports whether the node is of a type that policies have.
func plainTag(n *yaml.Node) bool {
	switch tag := n.ShortTag(); n.Kind {
	case yaml.MappingNode:
		return tag == "!!map"
	case yaml.SequenceNode:
		return tag == "!!seq"
	default:
		switch tag {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
			return true
		}
	}
	return false
}

// members returns the keys of a mapping. Each may stand once; merge keys are
// refused, as what they bring in cannot be read where it counts.
func (p *parser) members(n *yaml.Node) []member {
	var out []member
	first := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := p.visit(n.Content[i])
		if key == nil {
			return out
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			p.problem(key, "", "expected a name as key, got %s", describe(key))
			continue
		case key.ShortTag() == "!!merge":
			p.problem(key, "write the rules out, or use an alias for a whole value", "merge keys are not supported in policies")
			continue
		case first[key.Value] != nil:
			p.problem(key, "join the two", "duplicate key %q, first at line %d", key.Value, first[key.Value].Line)
			continue
		}
		first[key.Value] = key
		out = append(out, member{key.Value, key, n.Content[i+1]})
	}
	return out
}

func (p *parser) position(n *yaml.Node) Position {
	return Position{File: p.file, Line: n.Line, Col: n.Column}
}

// maxMessage bounds a message, which quotes what stands in the file.
const maxMessage = 300

// problem notes something wrong, once, however often an alias leads there.
func (p *parser) problem(n *yaml.Node, hint, format string, args ...any) {
	problem := Problem{Position: p.position(n), Message: cut(fmt.Sprintf(format, args...), maxMessage), Hint: cut(hint, maxMessage)}
	if p.told[problem] || len(p.problems) >= maxProblems {
		return
	}
	p.told[problem] = true
	p.problems = append(p.problems, problem)
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe names what stands at a node, for "got ...".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	value := cut(n.Value, 60)
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + value
	case "!!bool":
		return value
	}
	return fmt.Sprintf("%q", value)
}

// cut shortens s to n bytes and shows that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
