package config

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// plain turns the tree as read into one that needs no knowledge of YAML: no
// aliases, no merge keys, every key once, columns in bytes.
func (l *loader) plain(name string, src *source, root *yaml.Node) *yaml.Node {
	e := &expander{l: l, name: name, open: map[*yaml.Node]bool{}}
	e.measure(src, root)
	slices.SortFunc(src.starts, comparePlaces)
	e.budget = 10*len(src.starts) + 10_000
	tree := e.copy(root, false)
	if e.burst {
		return nil
	}
	return tree
}

// expander copies a tree, following aliases inside a budget: a few hundred
// bytes of YAML can otherwise stand for gigabytes.
type expander struct {
	l      *loader
	name   string
	open   map[*yaml.Node]bool // anchors being copied, to see those that hold themselves
	budget int
	burst  bool // the budget is spent
	told   bool
}

// measure makes columns bytes and notes where nodes begin.
func (e *expander) measure(src *source, n *yaml.Node) {
	n.Column = src.column(n.Line, n.Column)
	src.starts = append(src.starts, place{n.Line, n.Column})
	for _, c := range n.Content {
		e.measure(src, c)
	}
}

func (e *expander) at(n *yaml.Node) Position {
	return Position{File: e.name, Line: n.Line, Col: n.Column}
}

// copy returns n without aliases. aliased says that an alias led here, which
// the budget pays for.
func (e *expander) copy(n *yaml.Node, aliased bool) *yaml.Node {
	if aliased {
		e.budget--
	}
	if e.budget < 0 {
		e.burst = true
		return n
	}
	if n.Anchor != "" {
		e.open[n] = true
		defer delete(e.open, n)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return e.alias(n)
	case yaml.MappingNode:
		return e.mapping(n, aliased)
	case yaml.SequenceNode:
		c := *n
		c.Content = make([]*yaml.Node, len(n.Content))
		for i, item := range n.Content {
			c.Content[i] = e.copy(item, aliased)
		}
		return &c
	}
	c := *n
	return &c
}

func (e *expander) alias(n *yaml.Node) *yaml.Node {
	if e.open[n.Alias] {
		e.l.spoil(e.at(n), e.at(n), "write the value out in one of the two places", "alias %q stands inside what it stands for", n.Value)
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}
	c := e.copy(n.Alias, true)
	if e.burst && !e.told {
		e.told = true
		e.l.fail(e.at(n), "write the values out", "aliases stand for far more than the file holds")
	}
	return c
}

// mapping copies a mapping: explicit keys first, then what merge keys add.
func (e *expander) mapping(n *yaml.Node, aliased bool) *yaml.Node {
	c := *n
	c.Content = nil
	first := map[string]int{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		switch {
		case k.Kind != yaml.ScalarNode:
			e.l.spoil(e.at(k), e.at(n), "a key is plain text", "expected a key, got %s", kindOf(k))
		case k.ShortTag() == "!!merge":
			merges = append(merges, v)
		case first[k.Value] > 0:
			e.l.fail(e.at(k), "keep one of them", "key %s stands twice, first on line %d", shortQuote(k.Value), first[k.Value])
		default:
			first[k.Value] = k.Line
			c.Content = append(c.Content, e.copy(k, aliased), e.copy(v, aliased))
		}
	}
	for _, m := range merges {
		e.merge(&c, first, m)
	}
	return &c
}

// merge adds to c the pairs of m, a mapping or a list of mappings, whose keys
// it does not have.
func (e *expander) merge(c *yaml.Node, have map[string]int, m *yaml.Node) {
	m = e.copy(m, false)
	list := []*yaml.Node{m}
	if m.Kind == yaml.SequenceNode {
		list = m.Content
	}
	for _, m := range list {
		if m.Kind != yaml.MappingNode {
			e.l.fail(e.at(m), "\"<<\" takes an alias of a mapping", "expected a mapping to merge, got %s", kindOf(m))
			continue
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			if k := m.Content[i]; have[k.Value] == 0 {
				have[k.Value] = max(k.Line, 1)
				c.Content = append(c.Content, k, m.Content[i+1])
			}
		}
	}
}
