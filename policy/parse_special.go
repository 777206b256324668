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

// texted reads a scalar as text, however YAML would type it, and checks it.
func (p *parser) texted(n *yaml.Node, op string, c *criterion, what string, good func(string) bool) (operand, bool) {
	if n.Kind != yaml.ScalarNode || isNull(n) || !good(n.Value) {
		p.problem(n, "", "expected %s for %q of %q, got %s", what, op, c.name(), describe(n))
		return operand{}, false
	}
	return operand{p.position(n), stringValue(n.Value)}, true
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
			names := &criterion{kind: c.kind}
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
		o, ok := p.texted(item, m.name, c, what, func(s string) bool { _, ok := normal(s); return ok })
		if ok {
			o.value.str, _ = normal(o.value.str)
			operands = append(operands, o)
		}
	}
	c.match(p.position(m.key), m.name, operands...)
}

// device reads {is, approved, type}.
func (p *parser) device(n *yaml.Node, c *criterion) {
	good := map[string]struct {
		what string
		test func(string) bool
	}{
		"is":       {"a credential id", func(s string) bool { return s != "" }},
		"approved": {"true or false", func(s string) bool { return s == "true" || s == "false" }},
		"type":     {"any or enclave_only", func(s string) bool { return s == "any" || s == "enclave_only" }},
	}
	p.fields(n, c, []string{"is", "approved", "type"}, func(m member, v *yaml.Node) {
		if o, ok := p.texted(v, m.name, c, good[m.name].what, good[m.name].test); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
}

// dates reads {after, before}.
func (p *parser) dates(n *yaml.Node, c *criterion) {
	p.fields(n, c, []string{"after", "before"}, func(m member, v *yaml.Node) {
		o, ok := p.texted(v, m.name, c, "a time such as 2026-01-31T12:00:00Z", func(s string) bool {
			_, err := time.Parse(time.RFC3339, s)
			return err == nil
		})
		if ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	after, _ := time.Parse(time.RFC3339, c.operandOf("after")) // long ago where it is not given
	before, err := time.Parse(time.RFC3339, c.operandOf("before"))
	if err == nil && !after.Before(before) {
		p.problem(n, "", "after is not before before: %q never holds", c.name())
	}
}

const daysForm = `days such as "mon-fri", "sat,sun" or "*"`

// days reads text, or {is, timezone}.
func (p *parser) days(n *yaml.Node, c *criterion) {
	good := func(s string) bool { _, ok := weekdaySet(s); return ok }
	if n.Kind != yaml.MappingNode {
		if o, ok := p.texted(n, "is", c, daysForm, good); ok {
			c.match(o.pos, "is", o)
		}
		return
	}
	p.fields(n, c, []string{"is", "timezone"}, func(m member, v *yaml.Node) {
		if m.name == "timezone" {
			p.timezone(m, v, c)
		} else if o, ok := p.texted(v, m.name, c, daysForm, good); ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	if c.operandOf("is") == "" {
		p.problem(n, "write is: mon-fri", "%q names no days", c.name())
	}
}

func (p *parser) timezone(m member, v *yaml.Node, c *criterion) {
	o, ok := p.texted(v, m.name, c, `a time zone such as "UTC" or "Europe/Zurich"`, func(s string) bool {
		_, err := time.LoadLocation(s)
		return err == nil && s != "" && s != "Local"
	})
	if ok {
		c.match(p.position(m.key), m.name, o)
	}
}

// timeOfDay reads {timezone, after, before}.
func (p *parser) timeOfDay(n *yaml.Node, c *criterion) {
	p.fields(n, c, []string{"timezone", "after", "before"}, func(m member, v *yaml.Node) {
		if m.name == "timezone" {
			p.timezone(m, v, c)
			return
		}
		o, ok := p.texted(v, m.name, c, `a time of day such as "16:30" or "4:30PM"`, func(s string) bool { _, ok := clock(s); return ok })
		if ok {
			c.match(p.position(m.key), m.name, o)
		}
	})
	after, before := c.operandOf("after"), c.operandOf("before")
	a, okA := clock(after)
	b, okB := clock(before)
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) > 0 && after == "" && before == "":
		p.problem(n, "give after, before or both", "%q names no time", c.name())
	case okA && okB && a == b:
		p.problem(n, "", "after and before are the same: %q never holds", c.name())
	}
}

// appMatchers reads has and exclude; how many applications somebody has is no
// matter of policy.
func (p *parser) appMatchers(n *yaml.Node, c *criterion) {
	p.matchers(n, c, "has", []string{"exclude", "has"})
}

// authAge reads {max: 15m}.
func (p *parser) authAge(n *yaml.Node, c *criterion) {
	p.fields(n, c, []string{"max"}, func(m member, v *yaml.Node) {
		o, ok := p.texted(v, m.name, c, `a duration such as "15m" or "12h", of a second at least`, func(s string) bool {
			d, _ := time.ParseDuration(s) // 0 where it is none
			return d >= time.Second
		})
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
