package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/internal/nearest"
)

// environment is the variables that are set to something. Empty ones count as
// unset, as Pomerium has it.
func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok && text != "" {
			env[name] = text
		}
	}
	return env
}

// overlay lays the environment over the entries of the file: a variable takes
// the place of its key, and of the key's _file twin.
func (l *loader) overlay(entries []pair, keys []Key) []pair {
	for _, k := range keys {
		if text, ok := l.take(k.Env()); ok {
			entries = replace(entries, l.variable(k.Name, k.Env(), text), twins(k)...)
		} else if text, ok := l.take(strings.ToUpper(k.Alias)); ok && k.Alias != "" {
			entries = replace(entries, l.variable(k.Name, strings.ToUpper(k.Alias), text), twins(k)...)
		}
		if !k.File {
			entries = l.overlayParts(entries, k)
			continue
		}
		if text, ok := l.take(k.Env() + "_FILE"); ok {
			entries = l.overlayFile(entries, k, text)
		}
	}
	return entries
}

// overlayFile lays NAME_FILE over the entries. With NAME beside it both stand,
// for decode to refuse.
func (l *loader) overlayFile(entries []pair, k Key, text string) []pair {
	gone := []string{k.Name + "_file"}
	if _, both := l.env[k.Env()]; !both {
		gone = append(gone, k.Name)
	}
	return replace(entries, l.variable(k.Name+"_file", k.Env()+"_FILE", text), gone...)
}

// overlayParts lays the variables of an object's own keys over it:
// DIRECTORY_MAX_STALENESS over directory.max_staleness.
func (l *loader) overlayParts(entries []pair, k Key) []pair {
	for _, sub := range partsOf(k) {
		env := envName(k.Name+"_"+sub.name, k.Ours)
		text, ok := l.take(env)
		if !ok {
			continue
		}
		part := l.variable(sub.name, env, text)
		i := slices.IndexFunc(entries, func(e pair) bool { return e.key.n.Value == k.Name })
		if i < 0 || entries[i].value.n.Kind != yaml.MappingNode {
			whole := l.variable(k.Name, env, "")
			whole.value.n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			l.origins[whole.value.n] = "env " + env
			entries, i = append(entries, whole), len(entries)
		}
		n := entries[i].value.n
		for j := 0; j+1 < len(n.Content); j += 2 {
			if name := n.Content[j].Value; name == sub.name || name == sub.twin && l.origins[n.Content[j]] == "" {
				n.Content = slices.Delete(n.Content, j, j+2)
				j -= 2
			}
		}
		n.Content = append(n.Content, part.key.n, part.value.n)
	}
	return entries
}

// part is a name under which a key of an object is read; twin is the other one,
// "" where there is none. Where both come from the environment both stand, for
// decode to refuse.
type part struct{ name, twin string }

func partsOf(k Key) []part {
	var all []part
	for _, sub := range k.Sub {
		if !sub.File {
			all = append(all, part{sub.Name, ""})
			continue
		}
		all = append(all, part{sub.Name, sub.Name + "_file"}, part{sub.Name + "_file", sub.Name})
	}
	return all
}

// take returns a variable and adds it to the hash of the configuration.
func (l *loader) take(name string) (string, bool) {
	text, ok := l.env[name]
	if ok {
		fmt.Fprintf(l.hash, "env %s %d\n%s\n", name, len(text), text)
	}
	return text, ok
}

// variable is an entry that says what a variable says.
func (l *loader) variable(name, env, text string) pair {
	k, n := scalarNode(name), scalarNode(text)
	l.origins[k], l.origins[n] = "env "+env, "env "+env
	return pair{value{l: l, n: k, name: name}, value{l: l, n: n, name: name}}
}

func twins(k Key) []string {
	if k.File {
		return []string{k.Name, k.Alias, k.Name + "_file"}
	}
	return []string{k.Name, k.Alias}
}

// replace appends e in place of the entries of those names.
func replace(entries []pair, e pair, names ...string) []pair {
	entries = slices.DeleteFunc(entries, func(old pair) bool { return slices.Contains(names, old.key.n.Value) })
	return append(entries, e)
}

// Kubernetes sets these for a service called sallyport.
var kubernetesService = regexp.MustCompile(`^SALLYPORT_(SERVICE_(HOST|PORT.*)|PORT(_.*)?)$`)

// strangers warns of variables with our prefix that mean nothing.
func (l *loader) strangers(keys []Key) {
	var known []string
	for _, k := range keys {
		if !k.Ours {
			continue
		}
		known = append(known, k.Env())
		for _, sub := range partsOf(k) {
			known = append(known, envName(k.Name+"_"+sub.name, true))
		}
	}
	for _, name := range known {
		if short := strings.TrimPrefix(name, "SALLYPORT_"); l.env[short] != "" {
			l.warn(Position{File: "env " + short}, "write "+name, "has no effect: variables of keys that Pomerium does not have begin with SALLYPORT_")
		}
	}
	for name := range l.env {
		if !strings.HasPrefix(name, "SALLYPORT_") || slices.Contains(known, name) || kubernetesService.MatchString(name) {
			continue
		}
		hint := "variables of keys that are Pomerium's have no prefix"
		if near := nearest.To(strings.ToLower(name), lower(known)); near != "" {
			hint = fmt.Sprintf("did you mean %s?", strings.ToUpper(near))
		}
		l.warn(Position{File: "env " + name}, hint, "unknown variable, it has no effect")
	}
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}
