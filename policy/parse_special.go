package policy

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// fields reads a mapping of the known operators, each handed to read.
func (p *parser) fields(n *yaml.Node, c *criterion, known []string, read func(member, *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.problem(n, "known are "+strings.Join(known, ", "), "expected a mapping for %q, got %s", c.name(), describe(n))
		return
	}
	if len(n.Content) == 0 {
		p.problem(n, "known are "+strings.Join(known, ", "), "expected an operator for %q, got an empty mapping", c.name())
	}
	for _, m := range p.members(n) {
		if !slices.Contains(known, m.name) {
			p.problem(m.key, meant(closest(m.name, known, nil)), "unknown operator %q for %q, expected one of %s", m.name, c.name(), strings.Join(known, ", "))
			continue
		}
		if value := p.visit(m.value); value != nil {
			read(m, value)
		}
	}
}

// form is how a text must be written.
type form struct {
	what string
	good func(string) bool
	// hint says how to mend one that is not so; nil: there is nothing to say.
	hint func(string) string
}

// texted reads a scalar as text, however YAML would type it, and checks it.
func (p *parser) texted(n *yaml.Node, op string, c *criterion, f form) (operand, bool) {
	if n.Kind == yaml.ScalarNode && !isNull(n) && f.good(n.Value) {
		return operand{p.position(n), stringValue(n.Value)}, true
	}
	hint := ""
	if f.hint != nil {
		hint = f.hint(n.Value) // "" of a list or a mapping
	}
	p.problem(n, hint, "expected %s for %q of %q, got %s", f.what, op, c.name(), describe(n))
	return operand{}, false
}

func (c *criterion) match(at Position, op string, operands ...operand) {
	c.matchers = append(c.matchers, matcher{at, op, operands})
}

var certificateFields = []string{"fingerprint", "spki_hash", "san_email", "san_dns", "san_uri"}

// certificate reads the fields of client_certificate.
func (p *parser) certificate(n *yaml.Node, c *criterion) {
	p.fields(n, c, certificateFields, func(m member, v *yaml.Node) {
		switch m.name {
		case "fingerprint":
			p.digests(m, v, c, "a SHA-256 fingerprint: 64 digits in lower case, or pairs in upper case between colons", fingerprint)
		case "spki_hash":
			p.digests(m, v, c, "the base64 of a SHA-256 digest", func(s string) (string, bool) {
				b, err := base64.StdEncoding.DecodeString(s)
				return s, err == nil && len(b) == 32
			})
		default:
			names := &criterion{kind: &kind{name: c.kind.name + " " + m.name}}
			p.stringMatchers(v, names)
			for _, one := range names.matchers {
				c.match(one.pos, m.name+" "+one.op, one.operands...)
			}
		}
	})
}

// fingerprint reads both forms that people copy and returns the plain one.
func fingerprint(s string) (string, bool) {
	plain := s
	if strings.Contains(s, ":") {
		if s != strings.ToUpper(s) || len(s) != 95 {
			return "", false
		}
		plain = strings.ToLower(strings.ReplaceAll(s, ":", ""))
	}
	b, err := hex.DecodeString(plain)
	return plain, err == nil && len(b) == 32 && plain == strings.ToLower(plain)
}

// digests reads one digest or a list of them.
func (p *parser) digests(m member, v *yaml.Node, c *criterion, what string, normal func(string) (string, bool)) {
	list := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		if list = v.Content; len(list) == 0 {
			p.problem(v, "", "expected at least one value for %q of %q, got an empty list", m.name, c.name())
		}
	}
	var operands []operand
	for _, item := range list {
		if item != v {
			item = p.visit(item)
		}
		if item == nil {
			return
		}
		o, ok := p.texted(item, m.name, c, form{what: what, good: func(s string) bool { _, ok := normal(s); return ok }})
		if ok {
			o.value.str, _ = normal(o.value.str)
			operands = append(operands, o)
		}
	}
	c.match(p.position(m.key), m.name, operands...)
}

// device reads {is, approved, type}.
func (p *parser) device(n *yaml.Node, c *criterion) {
	forms := map[string]form{
		"is":       {what: "a credential id", good: func(s string) bool { return s != "" }},
		"approved": {what: "true or false", good: func(s string) bool { return s == "true" || s == "false" }},
		"type":     {what: "any or enclave_only", good: func(s string) bool { return s == "any" || s == "enclave_only" }},
	}
	p.fields(n, c, []string{"is", "approved", "type"}, func(m member, v *yaml.Node) {
		if o, ok := p.texted(v, m.name, c, forms[m.name]); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
}

// appMatchers reads has and exclude; how many applications somebody has is no
// matter of policy.
func (p *parser) appMatchers(n *yaml.Node, c *criterion) {
	p.matchers(n, c, "has", []string{"exclude", "has"})
}

// authAge reads {max: 15m}.
func (p *parser) authAge(n *yaml.Node, c *criterion) {
	p.fields(n, c, []string{"max"}, func(m member, v *yaml.Node) {
		o, ok := p.texted(v, m.name, c, form{what: `a duration such as "15m" or "12h", of a second at least`, good: func(s string) bool {
			d, _ := time.ParseDuration(s) // 0 where it is none
			return d >= time.Second
		}})
		if ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
}

func (p *parser) authMethod(n *yaml.Node, c *criterion) { p.matchers(n, c, "has", []string{"has"}) }

func (p *parser) authContext(n *yaml.Node, c *criterion) {
	p.matchers(n, c, "is", []string{"in", "is"})
	for _, m := range c.matchers {
		for _, o := range m.operands {
			if o.value.text() == "" || strings.ContainsAny(o.value.text(), " \t") {
				p.problem(n, "", "expected one authentication context for %q, got %s", c.name(), strconv.Quote(o.value.text()))
			}
		}
	}
}
