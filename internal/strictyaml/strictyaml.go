// Package strictyaml reads small YAML and JSON files that people write, so that
// nothing in them is overlooked: unknown and repeated keys and wrong types are
// problems with a place and, where a name is near, the name that was meant. All
// problems of a file are told at once.
//
// Configurations are read by config, policies by policy; both have more to say.
package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
)

// maxFollowed bounds how many values are read behind aliases, maxProblems how
// many problems are told, maxDepth how deep Any descends.
const (
	maxFollowed = 200_000
	maxProblems = 100
	maxDepth    = 50
)

// Reader gathers the problems of one file.
type Reader struct {
	file     string
	problems []policy.Problem
	followed int
}

// Read returns the root of a document; where the text is no YAML, a problem and
// a Value that is not Given. An empty text is not Given either, and no problem.
func Read(file string, text []byte) (Value, *Reader) {
	r := &Reader{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		at := policy.Position{File: file, Line: 1, Col: 1}
		message := err.Error()
		var load *yaml.LoadError
		if errors.As(err, &load) {
			at.Line, at.Col = max(load.Mark.Line, 1), max(load.Mark.Column, 1)
			message = load.Message
		}
		r.add(at, "", "not YAML: "+message)
		return Value{r: r}, r
	}
	if len(doc.Content) == 0 {
		return Value{r: r, name: "the file"}, r
	}
	return Value{r: r, node: r.follow(doc.Content[0], 0), name: "the file"}, r
}

// Problems are all that was found so far, in file order.
func (r *Reader) Problems() []policy.Problem {
	slices.SortStableFunc(r.problems, func(a, b policy.Problem) int {
		p, q := a.Position, b.Position
		return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	return r.problems
}

// Add takes over problems that another reader found.
func (r *Reader) Add(problems ...policy.Problem) { r.problems = append(r.problems, problems...) }

func (r *Reader) add(at policy.Position, hint, message string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, policy.Problem{Position: at, Message: cut(message), Hint: cut(hint)})
	}
}

// follow returns what a node stands for, nil once aliases led too far.
func (r *Reader) follow(n *yaml.Node, depth int) *yaml.Node {
	if n == nil || n.Kind != yaml.AliasNode {
		return n
	}
	if r.followed += size(n.Alias, maxFollowed-r.followed); r.followed >= maxFollowed || depth > maxDepth {
		r.add(policy.Position{File: r.file, Line: n.Line, Col: n.Column}, "write the values out", "aliases stand for far more than the file holds")
		return nil
	}
	return r.follow(n.Alias, depth+1)
}

// size counts nodes below n, up to most.
func size(n *yaml.Node, most int) int {
	count := 1
	for _, c := range n.Content {
		if count >= most {
			break
		}
		count += size(c, most-count)
	}
	return count
}

// Value is one node with the name that messages call it by. A Value that is not
// Given reads as nothing.
type Value struct {
	r    *Reader
	node *yaml.Node
	name string
}

// Given reports whether there is a value.
func (v Value) Given() bool {
	return v.node != nil && (v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!null")
}

// Node is what was read.
func (v Value) Node() *yaml.Node { return v.node }

// Position is where the value stands.
func (v Value) Position() policy.Position {
	if v.node == nil {
		return policy.Position{File: v.r.file, Line: 1, Col: 1}
	}
	return policy.Position{File: v.r.file, Line: v.node.Line, Col: v.node.Column}
}

// Fail notes a problem at the value.
func (v Value) Fail(hint, format string, args ...any) {
	v.r.add(v.Position(), hint, v.name+": "+fmt.Sprintf(format, args...))
}

// Expected notes that the value is not what it should be.
func (v Value) Expected(what, hint string) {
	v.Fail(hint, "expected %s, got %s", what, describe(v.node))
}

func (v Value) child(n *yaml.Node, name string) Value {
	return Value{r: v.r, node: v.r.follow(n, 0), name: name}
}

func describe(n *yaml.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return n.Value
	case "!!int", "!!float":
		return "the number " + cut(n.Value)
	}
	return fmt.Sprintf("%q", cut(n.Value))
}

// cut shortens what is quoted from a file.
func cut(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
