package proxy

import (
	"math"
	"regexp/syntax"
	"strings"

	"sallyport/config"
)

// pathIndex finds the first route in file order that a path matches, by walking
// the path once down a tree of prefixes. A node knows the first route whose
// prefix ends there, the first whose path does, and those that have a further
// condition; subtrees that hold no earlier route than the one found are not
// entered.
type pathIndex struct {
	routes []*config.Route
	root   *pathNode
	named  bool // some route names the port that was asked for
}

// none is the index of no route: later than every one.
const none = math.MaxInt32

// pathNode is a node of the tree; label is the text from its parent to it.
type pathNode struct {
	label    string
	prefix   int32   // first route that matches everything below
	exact    int32   // first route that matches exactly here
	checked  []int32 // routes below whose regexp or pair of conditions is to be tried, in file order
	first    int32   // least of all three, here and below
	heads    string  // first bytes of the children's labels, sorted
	children []*pathNode
}

// newPathIndex returns nil for no routes.
func newPathIndex(routes []*config.Route) *pathIndex {
	if len(routes) == 0 {
		return nil
	}
	t := &pathIndex{routes: routes, root: &pathNode{prefix: none, exact: none}}
	for i, r := range routes {
		t.add(int32(i), r.Match)
	}
	t.root.finish()
	return t
}

// add puts a route at the node of the longest text that all its paths begin
// with.
func (t *pathIndex) add(i int32, m config.Match) {
	switch {
	case m.Regex == nil && m.Path == "":
		n := t.root.insert(m.Prefix)
		n.prefix = min(n.prefix, i)
	case m.Regex == nil && m.Prefix == "":
		n := t.root.insert(m.Path)
		n.exact = min(n.exact, i)
	default:
		key := m.Prefix
		if m.Path != "" {
			key = m.Path
		} else if m.Regex != nil {
			if literal := literalPrefix(m.Regex.String()); len(literal) > len(key) {
				key = literal
			}
		}
		n := t.root.insert(key)
		n.checked = append(n.checked, i)
	}
}

// insert returns the node of key, splitting edges on the way.
func (n *pathNode) insert(key string) *pathNode {
	if key == "" {
		return n
	}
	i := strings.IndexByte(n.heads, key[0])
	if i < 0 {
		child := &pathNode{label: key, prefix: none, exact: none}
		n.heads += key[:1]
		n.children = append(n.children, child)
		return child
	}
	child := n.children[i]
	common := commonLength(child.label, key)
	if common < len(child.label) {
		upper := &pathNode{label: child.label[:common], prefix: none, exact: none, heads: child.label[common : common+1], children: []*pathNode{child}}
		child.label = child.label[common:]
		n.children[i] = upper
		child = upper
	}
	return child.insert(key[common:])
}

func commonLength(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// finish computes first, bottom up.
func (n *pathNode) finish() int32 {
	n.first = min(n.prefix, n.exact)
	if len(n.checked) > 0 {
		n.first = min(n.first, n.checked[0])
	}
	for _, c := range n.children {
		n.first = min(n.first, c.finish())
	}
	return n.first
}

// match returns the first route that path matches, nil for none.
func (t *pathIndex) match(path string) *config.Route {
	best, rest := int32(none), path
	for n := t.root; ; {
		best = min(best, n.prefix)
		if rest == "" {
			best = min(best, n.exact)
		}
		for _, i := range n.checked {
			if i >= best {
				break
			}
			if fits(t.routes[i].Match, path) {
				best = i
			}
		}
		if rest == "" {
			break
		}
		i := strings.IndexByte(n.heads, rest[0])
		if i < 0 {
			break
		}
		n = n.children[i]
		if n.first >= best || !strings.HasPrefix(rest, n.label) {
			break
		}
		rest = rest[len(n.label):]
	}
	if best == none {
		return nil
	}
	return t.routes[best]
}

// fits asks all conditions.
func fits(m config.Match, path string) bool {
	return strings.HasPrefix(path, m.Prefix) &&
		(m.Path == "" || path == m.Path) &&
		(m.Regex == nil || m.Regex.MatchString(path))
}

// anchored reports whether an expression can only match a whole text.
func anchored(expr string) bool {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || re.Op != syntax.OpConcat {
		return false
	}
	return re.Sub[0].Op == syntax.OpBeginText && re.Sub[len(re.Sub)-1].Op == syntax.OpEndText
}

// literalPrefix is text that every match of an anchored expression begins with.
func literalPrefix(expr string) string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	leading(re.Simplify(), &b)
	return b.String()
}

// leading appends the literal beginning of re and reports whether all of re was
// literal, so that what follows may be appended as well.
func leading(re *syntax.Regexp, b *strings.Builder) bool {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpEmptyMatch:
		return true
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return false
		}
		b.WriteString(string(re.Rune))
		return true
	case syntax.OpCapture:
		return leading(re.Sub[0], b)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !leading(sub, b) {
				return false
			}
		}
		return true
	}
	return false
}
