package config

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/internal/nearest"
)

// given is what an object says, by the name of the key; a value that came from
// a file stands under the key's own name.
type given map[string]value

// decode reads the object's entries into t and returns them, null ones left
// out. where is the object for messages about the whole of it.
func decode[T any](l *loader, tab *table[T], t *T, entries []pair) given {
	for i := range tab.keys {
		if k := &tab.keys[i]; k.Default != "" && k.read != nil {
			k.read(t, value{l: l, n: scalarNode(k.Default), name: k.Name})
		}
	}
	out := given{}
	for _, e := range entries {
		name := e.key.n.Value
		k := tab.byName[name]
		if k == nil {
			l.unknown(e, tab.where, names(tab.byName))
			continue
		}
		v := e.value
		v.name, v.secret = name, k.Secret
		if v.null() && k.Status == Works {
			l.warn(e.key.position(), "give it a value or remove it", "%s: has no value, as if it were not there", name)
			continue
		}
		if other, twice := out[k.Name]; twice {
			l.fail(e.key.position(), "keep one", "%s and %s are both given", other.name, name)
			continue
		}
		if k.File && name == k.Name+"_file" && k.read != nil {
			var ok bool
			if v, ok = v.content(k.Secret); !ok {
				out[k.Name] = v
				continue
			}
		}
		out[k.Name] = v
		k.apply(t, e, v)
	}
	return out
}

// apply does with a value what its key's status says.
func (k *key[T]) apply(t *T, e pair, v value) {
	l, at := v.l, e.key.position()
	if k.read != nil && !v.null() {
		k.read(t, v)
	}
	switch {
	case k.Status == Works:
	case harmless(k.Key, v):
	case k.Status == NoEffect:
		l.warn(at, cmp.Or(k.Hint, "safe to delete"), "%s has no effect: %s", e.key.n.Value, k.Doc)
	case k.Status == Removed:
		l.fail(at, cmp.Or(k.Hint, "delete it"), "%s was removed: %s", e.key.n.Value, k.Doc)
	default:
		l.fail(at, cmp.Or(k.Hint, "delete it"), "%s is %s: %s", e.key.n.Value, k.Status, k.Doc)
	}
}

// harmless reports whether a key that does nothing is given a value that asks
// for nothing.
func harmless(k Key, v value) bool {
	if k.Status == NoEffect {
		return false
	}
	switch v.n.Kind {
	case yaml.ScalarNode:
		s := strings.ToLower(v.n.Value)
		return v.null() || s == "" || s == "false" || s == "0" || s == k.Unset
	}
	return len(v.n.Content) == 0
}

// unknown reports a key that nobody knows, with the one that was meant.
func (l *loader) unknown(e pair, where string, known []string) {
	name := e.key.n.Value
	hint := ""
	if near := nearest.To(name, known); near != "" {
		hint = "did you mean \"" + near + "\"?"
	} else if place := l.homes[name]; place != "" && place != where {
		hint = "it is a key of " + place
	} else {
		hint = "delete it; all keys are in docs/reference/configuration.md"
	}
	l.fail(e.key.position(), hint, "unknown key %s in %s", shortQuote(name), where)
}

func names[T any](m map[string]*key[T]) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
