package policy

import (
	"strconv"
	"strings"
)

// maxShown is how many operands of a list are shown before "and N more".
const maxShown = 4

// String tells a policy in one line, for a table that people read:
// `allow groups has "admins" or domain is "example.com"; deny email is "x@y"`.
// A policy without rules is "nobody".
func (p *Policy) String() string {
	if p == nil || len(p.rules) == 0 {
		return "nobody"
	}
	parts := make([]string, 0, len(p.rules))
	for _, r := range p.rules {
		mode := ""
		if r.Shadow {
			mode = "in shadow "
		}
		parts = append(parts, mode+r.Effect.String()+" "+r.short())
	}
	return strings.Join(parts, "; ")
}

// short joins the lists of a rule, of which one is enough.
func (r *Rule) short() string {
	var parts []string
	for _, l := range r.lists {
		if len(l.criteria) == 0 {
			continue
		}
		text := l.short()
		if len(l.criteria) > 1 && l.op != Or {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(parts, " or ")
}

func (l *list) short() string {
	negated, joint := l.op == Not || l.op == Nor, " and "
	if l.op == Or || l.op == Nor {
		joint = " or "
	}
	parts := make([]string, 0, len(l.criteria))
	for _, c := range l.criteria {
		text := c.short()
		if negated {
			text = "not " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, joint)
}

func (c *criterion) short() string {
	text := c.name()
	for i, m := range c.matchers {
		if i > 0 {
			text += " and"
		}
		text += " " + m.short()
	}
	shown := make([]string, 0, len(c.networks))
	for _, n := range c.networks {
		shown = append(shown, n.String())
	}
	if len(shown) > 0 {
		text += " " + shorten(shown)
	}
	return text
}

func (m matcher) short() string {
	shown := make([]string, 0, len(m.operands))
	for _, o := range m.operands {
		shown = append(shown, o.value.quoted())
	}
	return m.op + " " + shorten(shown)
}

// shorten keeps a long list readable.
func shorten(all []string) string {
	if len(all) <= maxShown {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:maxShown], ", ") + " and " + strconv.Itoa(len(all)-maxShown) + " more"
}
