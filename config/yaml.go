package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// maxDepth bounds how deep a document nests; no key needs a tenth of it.
const maxDepth = 100

// parse reads one YAML document and returns its root without aliases, merges
// and repeated keys, columns in bytes; nil where there is none. name is what
// positions call the text.
func (l *loader) parse(name string, text []byte) *yaml.Node {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	src := newSource(text)
	l.sources[name] = src
	if !l.readable(name, src, text) {
		src.unread = true
		return nil
	}
	r, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		l.fail(Position{File: name}, "", "%v", err)
		return nil
	}
	var doc, more yaml.Node
	if err := r.Load(&doc); err != nil {
		src.unread = true
		if !errors.Is(err, io.EOF) {
			l.syntax(name, src, err)
		}
		return nil
	}
	switch err := r.Load(&more); {
	case err == nil:
		at := Position{File: name, Line: more.Line, Col: more.Column}
		l.fail(at, "keep one document a file: remove the \"---\" line and what does not belong", "unexpected second YAML document")
	case !errors.Is(err, io.EOF):
		src.unread = true
		l.syntax(name, src, err)
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return l.plain(name, src, doc.Content[0])
}

// readable reports whether text is UTF-8 without control characters, and says
// where it is not.
func (l *loader) readable(name string, src *source, text []byte) bool {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		l.fail(Position{File: name, Line: 1, Col: 1}, "save the file as UTF-8", "the text is UTF-16, expected UTF-8")
		src.lines = nil
		return false
	}
	for i, line := range src.lines {
		for j, c := range line {
			at := Position{File: name, Line: i + 1, Col: j + 1}
			if c == utf8.RuneError && !utf8.ValidString(line[j:min(j+3, len(line))]) {
				l.fail(at, "save the file as UTF-8", "byte %#x is not UTF-8", line[j])
				return false
			}
			if c < ' ' && c != '\t' || c == 0x7f {
				l.fail(at, "remove it, or write it as an escape in double quotes", "unexpected control character %#U", c)
				return false
			}
		}
	}
	return true
}

// syntax tells an error of the YAML reader in our words where we have some.
func (l *loader) syntax(name string, src *source, err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		l.fail(Position{File: name, Line: 1, Col: 1}, "", "not YAML: %v", err)
		return
	}
	mark, message, hint := e.Mark, e.Message, ""
	switch line := src.line(mark.Line); {
	case strings.Contains(message, "cannot start any token") && strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		message, hint = "a tab where only spaces may indent", "replace tabs by spaces"
	case strings.Contains(message, "cannot start any token"):
		message, hint = "a value cannot begin with this character", "put the value in quotes"
	case strings.Contains(message, "mapping values are not allowed"):
		message = "unexpected \":\""
		hint = "put a value that holds \": \" in quotes; a key must be indented like those beside it"
	case strings.Contains(message, "end of stream") && strings.Contains(e.ContextMsg, "quoted"):
		mark, message, hint = e.ContextMark, "the quote that opens here is never closed", "close it, or quote with the other kind"
	case strings.Contains(message, "could not find expected ':'"):
		message, hint = "expected \": \" after a key", "each line is \"key: value\""
	case strings.Contains(message, "did not find expected key"):
		message, hint = "expected a key", "indent it like the keys beside it, and look for a quote too many before it"
	case strings.Contains(message, "unknown anchor"):
		message, hint = "unknown anchor", "an alias (*name) needs an anchor (&name) before it; quote a value that begins with \"*\""
	case strings.Contains(message, "incompatible YAML document"):
		message, hint = "unexpected %YAML line", "remove it"
	}
	at := Position{File: name, Line: max(mark.Line, 1), Col: 1}
	at.Col = max(1, src.column(at.Line, mark.Column))
	l.fail(at, hint, "not YAML: %s", message)
}

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
		e.l.fail(e.at(n), "", "alias %q stands inside what it stands for", n.Value)
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
			e.l.fail(e.at(k), "a key is plain text", "expected a key, got %s", kindOf(k))
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

// kindOf names what a node is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "the boolean " + n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!str", "!!timestamp":
		return shortQuote(n.Value)
	}
	return fmt.Sprintf("a value tagged %s", n.ShortTag())
}

// shortQuote quotes s, cut where it is long.
func shortQuote(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
