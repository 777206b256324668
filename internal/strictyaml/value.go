package strictyaml

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
)

// Pair is one entry of a mapping.
type Pair struct {
	Key   string
	Value Value
}

// Pairs returns the entries of a mapping in file order, each key once.
func (v Value) Pairs() []Pair {
	if !v.Given() {
		return nil
	}
	if v.node.Kind != yaml.MappingNode {
		v.Expected("a mapping", `each key is followed by a colon and a space`)
		return nil
	}
	var out []Pair
	first := make(map[string]int, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.r.follow(v.node.Content[i], 0)
		switch {
		case key == nil:
			return out
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge":
			v.child(key, "key").Expected("plain text", "")
			continue
		case first[key.Value] > 0:
			v.child(key, "key").Fail("keep one of them", "%q stands twice, first on line %d", key.Value, first[key.Value])
			continue
		}
		first[key.Value] = key.Line
		out = append(out, Pair{key.Value, v.child(v.node.Content[i+1], key.Value)})
	}
	return out
}

// Fields returns the entries of a mapping that may hold the known keys only.
func (v Value) Fields(known ...string) map[string]Value {
	out := make(map[string]Value, len(known))
	for _, k := range known {
		out[k] = Value{r: v.r, name: k}
	}
	for i, p := range v.Pairs() {
		if !slices.Contains(known, p.Key) {
			hint := "known are " + strings.Join(known, ", ")
			if near := policy.Nearest(p.Key, known); near != "" {
				hint = "did you mean " + strconv.Quote(near) + "?"
			}
			v.child(v.keyNode(p.Key, i), v.name).Fail(hint, "unknown key %q", p.Key)
			continue
		}
		out[p.Key] = p.Value
	}
	return out
}

func (v Value) keyNode(name string, from int) *yaml.Node {
	for i := 2 * from; i < len(v.node.Content); i += 2 {
		if k := v.node.Content[i]; k.Value == name {
			return k
		}
	}
	return v.node
}

// Items returns the entries of a list.
func (v Value) Items() []Value {
	if !v.Given() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.Expected("a list", `write [a, b], or begin each entry with "- "`)
		return nil
	}
	out := make([]Value, 0, len(v.node.Content))
	for _, n := range v.node.Content {
		if item := v.child(n, v.name); item.node != nil {
			out = append(out, item)
		}
	}
	return out
}

// Text is a scalar as written, "" where none is given.
func (v Value) Text() string {
	if !v.Given() {
		return ""
	}
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() == "!!bool" {
		v.Expected("text", "")
		return ""
	}
	return v.node.Value
}

// Texts is a list of texts, or one text.
func (v Value) Texts() []string {
	if v.Given() && v.node.Kind == yaml.ScalarNode {
		return []string{v.Text()}
	}
	items := v.Items()
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, item.Text())
	}
	return out
}

// Flag is true or false; false where none is given.
func (v Value) Flag() bool {
	if !v.Given() {
		return false
	}
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!bool" {
		return strings.EqualFold(v.node.Value, "true")
	}
	v.Expected("true or false", "")
	return false
}

// Time is a moment as RFC 3339 writes it; zero where none is given.
func (v Value) Time() time.Time {
	if !v.Given() {
		return time.Time{}
	}
	if v.node.Kind == yaml.ScalarNode {
		if t, err := time.Parse(time.RFC3339, v.node.Value); err == nil {
			return t
		}
	}
	v.Expected("a time such as 2026-01-31T12:00:00Z", "")
	return time.Time{}
}

// Any is the value as encoding/json would decode it: numbers are float64.
func (v Value) Any() any { return v.any(0) }

func (v Value) any(depth int) any {
	if !v.Given() {
		return nil
	}
	if depth > maxDepth {
		v.Fail("", "nests deeper than %d levels", maxDepth)
		return nil
	}
	switch v.node.Kind {
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range v.Items() {
			out = append(out, item.any(depth+1))
		}
		return out
	case yaml.MappingNode:
		out := map[string]any{}
		for _, p := range v.Pairs() {
			out[p.Key] = p.Value.any(depth + 1)
		}
		return out
	}
	switch v.node.ShortTag() {
	case "!!bool":
		return strings.EqualFold(v.node.Value, "true")
	case "!!int", "!!float":
		var f float64
		if err := v.node.Decode(&f); err != nil {
			v.Expected("a number", "put it in quotes if it is text")
		}
		return f
	}
	return v.node.Value
}
