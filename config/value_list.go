package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// list takes a list, or text as a list of parts between commas; in the
// environment also JSON.
func (v value) list() ([]value, bool) {
	v, ok := v.unpacked("[")
	switch {
	case !ok:
		return nil, false
	case v.n.Kind == yaml.SequenceNode:
		items := make([]value, len(v.n.Content))
		for i, n := range v.n.Content {
			items[i] = v.item(n, v.name)
		}
		return items, true
	case v.n.Kind != yaml.ScalarNode || v.n.ShortTag() == "!!bool":
		v.expected("a list", "")
		return nil, false
	}
	var items []value
	for part := range strings.SplitSeq(v.n.Value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			items = append(items, v.derived(part))
		}
	}
	return items, true
}

// texts is a list of text without empty entries.
func (v value) texts() ([]string, bool) {
	items, ok := v.list()
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, good := item.word()
		out, ok = append(out, s), ok && good
	}
	if !ok {
		return nil, false
	}
	return out, true
}

// pair is one entry of a mapping.
type pair struct {
	key   value // its text is the name
	value value
}

// pairs takes a mapping; in the environment JSON.
func (v value) pairs() ([]pair, bool) {
	v, ok := v.unpacked("{")
	if !ok {
		return nil, false
	}
	if v.n.Kind != yaml.MappingNode {
		v.notMapping()
		return nil, false
	}
	out := make([]pair, 0, len(v.n.Content)/2)
	for i := 0; i+1 < len(v.n.Content); i += 2 {
		k, n := v.n.Content[i], v.n.Content[i+1]
		out = append(out, pair{v.item(k, v.name), v.item(n, v.name+"."+k.Value)})
	}
	return out, true
}

// notMapping reports text where a mapping belongs. It is quoted only where
// nothing in it could be a secret.
func (v value) notMapping() {
	if v.n.Kind == yaml.ScalarNode && maskUnread(v.n.Value) != v.n.Value {
		v.secret = true
	}
	if src := v.l.sources[v.file]; src != nil && v.n.Kind == yaml.ScalarNode {
		src.doubt(v.n)
	}
	hint := ""
	if v.n.Kind == yaml.ScalarNode {
		hint = "each key is followed by a colon and a space"
	}
	v.expected("a mapping", hint)
}

// scalar is text that may also be written as a boolean, as the values of
// headers and parameters are.
func (v value) scalar() (string, bool) {
	if v.n.Kind == yaml.ScalarNode && v.n.ShortTag() == "!!bool" {
		return v.n.Value, true
	}
	return v.text()
}

// unpacked is v, or, where v is an environment variable that begins with open,
// what it holds as JSON.
func (v value) unpacked(open string) (value, bool) {
	if !v.fromEnvironment() || !strings.HasPrefix(strings.TrimSpace(v.n.Value), open) {
		return v, true
	}
	return v.document([]byte(v.n.Value))
}

// document is the YAML that an environment variable holds.
func (v value) document(text []byte) (value, bool) {
	name := v.l.origins[v.n]
	n := v.l.parse(name, text)
	if n == nil {
		return v, false
	}
	if v.secret {
		v.l.sources[name].hide(n)
	}
	v.l.hideSecrets(name, n)
	return value{l: v.l, n: n, file: name, name: v.name, secret: v.secret}, true
}

// derived is text that comes from v and stands where v does.
func (v value) derived(text string) value {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: v.n.Line, Column: v.n.Column}
	if origin, ok := v.l.origins[v.n]; ok {
		v.l.origins[n] = origin
	}
	v.n = n
	return v
}
