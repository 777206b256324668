package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// value is one node on its way into the configuration. It knows its place, the
// name that messages call it by, and whether it may be quoted. Its readers
// report what is wrong themselves; ok false means that they did.
type value struct {
	l      *loader
	n      *yaml.Node
	file   string // what positions name
	name   string
	secret bool
	// path is the file whose content n holds, "" where n is as written.
	path string
}

func (v value) position() Position {
	if origin, ok := v.l.origins[v.n]; ok {
		return Position{File: origin}
	}
	return Position{File: v.file, Line: v.n.Line, Col: v.n.Column}
}

// given reports whether v stands for a value at all.
func (v value) given() bool { return v.n != nil }

// null reports whether the value is left empty.
func (v value) null() bool { return v.n.Kind == yaml.ScalarNode && v.n.ShortTag() == "!!null" }

// fromEnvironment reports whether v is an environment variable as a whole,
// which is text whatever it means.
func (v value) fromEnvironment() bool { return v.l.origins[v.n] != "" }

func (v value) fail(hint, format string, args ...any) {
	v.l.fail(v.position(), hint, v.name+": "+format, args...)
}

func (v value) warn(hint, format string, args ...any) {
	v.l.warn(v.position(), hint, v.name+": "+format, args...)
}

// shown is the value as a message may show it.
func (v value) shown() string {
	if v.secret {
		return "something else (not shown)"
	}
	if v.n.Kind == yaml.ScalarNode && strings.Contains(v.n.Value, "@") && strings.Contains(v.n.Value, "://") {
		return shortQuote(userinfo.ReplaceAllString(v.n.Value, "://"+mask+"@"))
	}
	return kindOf(v.n)
}

// expected reports that v is not what its key takes.
func (v value) expected(what, hint string) {
	v.fail(hint, "expected %s, got %s", what, v.shown())
}

// item is v's child n.
func (v value) item(n *yaml.Node, name string) value {
	return value{l: v.l, n: n, file: v.file, name: name, secret: v.secret || v.l.secretName(name)}
}

// text takes any scalar but booleans, as it is written: client ids may well be
// all digits.
func (v value) text() (string, bool) {
	if v.n.Kind == yaml.ScalarNode {
		switch v.n.ShortTag() {
		case "!!str", "!!int", "!!float", "!!timestamp":
			return v.n.Value, true
		case "!!bool":
			v.expected("text", "put it in quotes if it is meant as text")
			return "", false
		}
	}
	v.expected("text", "")
	return "", false
}

// word is text that is not empty and has no spaces around it.
func (v value) word() (string, bool) {
	s, ok := v.text()
	if !ok {
		return "", false
	}
	if s = strings.TrimSpace(s); s == "" {
		v.fail("write a value, or delete the key", "is empty")
		return "", false
	}
	return s, true
}

func (v value) boolean() (bool, bool) {
	if v.n.Kind == yaml.ScalarNode {
		switch s := strings.ToLower(v.n.Value); {
		case s == "true" || v.fromEnvironment() && (s == "1" || s == "t"):
			return true, true
		case s == "false" || v.fromEnvironment() && (s == "0" || s == "f"):
			return false, true
		case s == "yes" || s == "on":
			v.expected("true or false", "write true")
			return false, false
		case s == "no" || s == "off":
			v.expected("true or false", "write false")
			return false, false
		}
	}
	v.expected("true or false", "")
	return false, false
}

func (v value) integer() (int, bool) {
	if v.n.Kind == yaml.ScalarNode {
		if i, err := strconv.Atoi(v.n.Value); err == nil {
			return i, true
		}
	}
	v.expected("a whole number", "")
	return 0, false
}

// count is an integer of at least 0.
func (v value) count() (int, bool) {
	i, ok := v.integer()
	if ok && i < 0 {
		v.expected("a number of at least 0", "")
		return 0, false
	}
	return i, ok
}

func (v value) number() (float64, bool) {
	if v.n.Kind == yaml.ScalarNode {
		if f, err := strconv.ParseFloat(v.n.Value, 64); err == nil && f >= 0 && f <= 1e9 {
			return f, true
		}
	}
	v.expected("a number of at least 0", "")
	return 0, false
}

// duration takes Go's form. A bare number is refused, 0 apart: it could be
// seconds or milliseconds.
func (v value) duration() (time.Duration, bool) {
	const what = `a duration such as "30s", "5m" or "1h30m"`
	if v.n.Kind != yaml.ScalarNode {
		v.expected(what, "")
		return 0, false
	}
	s := v.n.Value
	d, err := time.ParseDuration(s)
	switch {
	case err == nil && d >= 0:
		return d, true
	case err == nil:
		v.expected("a duration of at least 0", "")
	case strings.HasSuffix(s, "d") && isNumber(strings.TrimSuffix(s, "d")):
		days, _ := strconv.ParseFloat(strings.TrimSuffix(s, "d"), 64)
		v.expected(what, "days are no unit: write "+strconv.FormatFloat(days*24, 'f', -1, 64)+"h")
	case isNumber(s):
		v.expected(what, "say the unit: "+s+"s, "+s+"m or "+s+"h")
	default:
		v.expected(what, "")
	}
	return 0, false
}

// positive is a duration above 0.
func (v value) positive() (time.Duration, bool) {
	d, ok := v.duration()
	if ok && d == 0 {
		v.fail("such as 30s", "must be longer than 0")
		return 0, false
	}
	return d, ok
}

func isNumber(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f >= 0 && f < 1e9
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
