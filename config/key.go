package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Status is what a known key does here.
type Status string

// Works is the rule. NoEffect warns: nothing depends on it that an operator
// could miss. NotSupported and Removed fail, since silence would change who gets
// in, what upstreams trust, or what the operator relies on.
const (
	Works        Status = "works"
	NoEffect     Status = "no effect"
	NotSupported Status = "not supported yet"
	Removed      Status = "removed"
)

// Key describes one key: the table of them drives decoding, the environment and
// the reference page.
type Key struct {
	Name   string
	Alias  string // another name, still read
	Type   string // for people: "duration", "list of text", ...
	Status Status
	// Doc says what the key does, or, where it does nothing, why not.
	Doc string
	// Default is the value where none is given, as it would be written; Unset
	// says in words what holds then.
	Default, Unset string
	// Hint is what to do about a key that fails.
	Hint   string
	Secret bool
	File   bool // NAME_file reads the value from a file
	Ours   bool // not Pomerium's: its variable begins with SALLYPORT_
	Sub    []Key
}

// Env is the environment variable of a global key.
func (k Key) Env() string { return envName(k.Name, k.Ours) }

func envName(name string, ours bool) string {
	name = strings.ToUpper(name)
	if ours {
		return "SALLYPORT_" + name
	}
	return name
}

// key is a Key with how it enters a T; read is nil where it does not.
type key[T any] struct {
	Key
	read func(*T, value)
}

// kind is a type of value: what people call it and how it is read.
type kind[V any] struct {
	name string
	read func(value) (V, bool)
}

// works is a key that sets a field.
func works[T, V any](name string, k kind[V], field func(*T) *V, doc string) key[T] {
	return custom(name, k.name, func(t *T, v value) {
		if x, ok := k.read(v); ok {
			*field(t) = x
		}
	}, doc)
}

// checked is a key whose value is only looked at.
func checked[T, V any](name string, k kind[V], doc string) key[T] {
	return custom(name, k.name, func(_ *T, v value) { k.read(v) }, doc)
}

// custom is a key that does more than set a field.
func custom[T any](name, typ string, read func(*T, value), doc string) key[T] {
	return key[T]{Key{Name: name, Type: typ, Status: Works, Doc: doc}, read}
}

func (k key[T]) def(s string) key[T]   { k.Default = s; return k }
func (k key[T]) unset(s string) key[T] { k.Unset = s; return k }
func (k key[T]) as(s string) key[T]    { k.Alias = s; return k }
func (k key[T]) secret() key[T]        { k.Secret = true; return k }
func (k key[T]) file() key[T]          { k.File = true; return k }
func (k key[T]) ours() key[T]          { k.Ours = true; return k }
func (k key[T]) status(s Status, hint string) key[T] {
	k.Status, k.Hint = s, hint
	return k
}
func (k key[T]) sub(s []Key) key[T] { k.Sub = s; return k }

// table is the keys of one object. Read-only once made.
type table[T any] struct {
	where  string // for "unknown key": "a route", "the configuration"
	keys   []key[T]
	byName map[string]*key[T]
}

// newTable makes a table of keys that are read and of keys that are not.
func newTable[T any](where string, inert []Key, groups ...[]key[T]) *table[T] {
	t := &table[T]{where: where, keys: slices.Concat(groups...), byName: map[string]*key[T]{}}
	for _, k := range inert {
		t.keys = append(t.keys, key[T]{Key: k})
	}
	for i := range t.keys {
		k := &t.keys[i]
		t.byName[k.Name] = k
		if k.Alias != "" {
			t.byName[k.Alias] = k
		}
		if k.File {
			t.byName[k.Name+"_file"] = k
		}
	}
	return t
}

func (t *table[T]) list() []Key {
	return described(t.keys)
}

func scalarNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}
