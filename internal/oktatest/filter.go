package oktatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// filter is a filter or search expression, read. It is asked with what gives
// the values of a field; a list has several.
type filter func(field func(name string) []any) bool

// parseFilter reads an expression: conditions joined by and, or, not and
// parentheses; and binds closer than or.
func (g grammar) parseFilter(text string) (filter, error) {
	p := &filterParser{grammar: g, text: text}
	f, err := p.either()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(p.text) {
		return nil, p.mistake("expected end of expression")
	}
	return f, nil
}

type filterParser struct {
	grammar
	text string
	at   int
}

func (p *filterParser) mistake(what string) error {
	return p.syntax(fmt.Sprintf("Invalid filter '%s': %s at position %d.", p.text, what, p.at))
}

func (p *filterParser) skip() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// word reads up to a space or parenthesis without taking it, where want is given
// only if it is that word.
func (p *filterParser) word(want string) (string, bool) {
	p.skip()
	end := p.at
	for end < len(p.text) && !strings.ContainsRune(" ()", rune(p.text[end])) {
		end++
	}
	w := p.text[p.at:end]
	if want != "" && !strings.EqualFold(w, want) {
		return "", false
	}
	p.at = end
	return w, w != ""
}

func (p *filterParser) sign(c byte) bool {
	p.skip()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *filterParser) either() (filter, error) {
	return p.joined("or", p.both, func(a, b filter) filter {
		return func(field func(string) []any) bool { return a(field) || b(field) }
	})
}

func (p *filterParser) both() (filter, error) {
	return p.joined("and", p.single, func(a, b filter) filter {
		return func(field func(string) []any) bool { return a(field) && b(field) }
	})
}

func (p *filterParser) joined(by string, part func() (filter, error), join func(a, b filter) filter) (filter, error) {
	f, err := part()
	for err == nil {
		if _, more := p.word(by); !more {
			return f, nil
		}
		var next filter
		if next, err = part(); err == nil {
			f = join(f, next)
		}
	}
	return nil, err
}

func (p *filterParser) single() (filter, error) {
	if p.not {
		if _, ok := p.word("not"); ok {
			f, err := p.single()
			return func(field func(string) []any) bool { return !f(field) }, err
		}
	}
	if p.sign('(') {
		f, err := p.either()
		if err == nil && !p.sign(')') {
			err = p.mistake("expected ')'")
		}
		return f, err
	}
	return p.condition()
}

func (p *filterParser) condition() (filter, error) {
	field, ok := p.word("")
	if !ok {
		return nil, p.mistake("expected a field")
	}
	start := p.at + 1
	op, _ := p.word("")
	op = strings.ToLower(op)
	if !slices.Contains(operators, op) {
		return nil, p.syntax(fmt.Sprintf("Invalid filter '%s': Unrecognized attribute operator '%s' at position %d. Expected: %s", p.text, op, start, logSummary))
	}
	allowed := p.operators(field)
	switch {
	case allowed == nil:
		return nil, p.unknown(field)
	case !slices.Contains(allowed, op):
		return nil, p.operator(field, op)
	case op == "pr":
		return func(get func(string) []any) bool { return slices.ContainsFunc(get(field), present) }, nil
	}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	return p.compare(field, op, value)
}

func present(v any) bool { return v != nil && v != "" }

// value reads a quoted string, or a bare word.
func (p *filterParser) value() (string, error) {
	p.skip()
	if p.at < len(p.text) && p.text[p.at] == '"' {
		quoted, err := strconv.QuotedPrefix(p.text[p.at:])
		if err != nil {
			return "", p.mistake("expected the end of a string")
		}
		p.at += len(quoted)
		return strconv.Unquote(quoted)
	}
	w, ok := p.word("")
	if !ok || strings.ContainsFunc(w, unicode.IsSpace) {
		return "", p.mistake("expected a value")
	}
	return w, nil
}

// compare makes a condition. What is a time in the data is compared as one.
func (p *filterParser) compare(field, op, value string) (filter, error) {
	when, errTime := time.Parse(time.RFC3339Nano, value)
	if slices.Contains([]string{"lastUpdated", "lastMembershipUpdated", "created", "activated", "statusChanged"}, field) && errTime != nil {
		return nil, p.syntax(fmt.Sprintf("Invalid filter '%s': '%s' is not a date.", p.text, value))
	}
	one := func(v any) bool {
		switch v := v.(type) {
		case nil:
			return false
		case time.Time:
			return !v.IsZero() && compares(op, v.Compare(when))
		case string:
			return comparesText(op, v, value)
		}
		return comparesText(op, fmt.Sprint(v), value)
	}
	if op == "ne" {
		return func(get func(string) []any) bool { return !slices.ContainsFunc(get(field), one) }, nil
	}
	return func(get func(string) []any) bool { return slices.ContainsFunc(get(field), one) }, nil
}

func compares(op string, c int) bool {
	switch op {
	case "eq", "ne":
		return c == 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	}
	return false
}

func comparesText(op, v, value string) bool {
	switch op {
	case "co":
		return strings.Contains(strings.ToLower(v), strings.ToLower(value))
	case "sw":
		return strings.HasPrefix(strings.ToLower(v), strings.ToLower(value))
	case "ew":
		return strings.HasSuffix(strings.ToLower(v), strings.ToLower(value))
	}
	return compares(op, strings.Compare(v, value))
}
