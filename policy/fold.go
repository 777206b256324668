package policy

import (
	"slices"
	"strconv"
	"strings"
)

// foldedList is a list as it is compiled.
type foldedList struct {
	effect   Effect
	rule     int
	op       Operator
	criteria []*criterion
}

// fold returns the lists that decide as the policy does, reasons included, with
// less to ask:
//
//   - lists without criteria are left out;
//   - a criterion repeated in a list, or a list repeated in an effect, is asked once;
//   - under "or" and "not", criteria that want one field to equal one of some
//     values become one with all values: a thousand allowed_users are two look-ups.
//
// Nothing is cut short at "accept" or "reject": the reasons of the others are
// wanted too.
//
// Rules in shadow are left out unless shadow is set.
func fold(p *Policy, shadow bool) []foldedList {
	var out []foldedList
	seen := make(map[string]bool)
	for i, r := range p.rules {
		if r.Shadow && !shadow {
			continue
		}
		for _, l := range r.lists {
			if len(l.criteria) == 0 {
				continue
			}
			f := foldedList{effect: r.Effect, rule: i, op: l.op, criteria: unique(l.criteria)}
			if l.op == Or || l.op == Not {
				f.criteria = mergeAlternatives(f.criteria)
			}
			if key := f.key(); !seen[key] {
				seen[key] = true
				out = append(out, f)
			}
		}
	}
	return out
}

// unique drops repeated criteria and keeps the order.
func unique(criteria []*criterion) []*criterion {
	seen := make(map[string]bool)
	out := make([]*criterion, 0, len(criteria))
	for _, c := range criteria {
		if key := c.key(); !seen[key] {
			seen[key] = true
			out = append(out, c)
		}
	}
	return out
}

// mergeAlternatives joins criteria of which any one will do.
func mergeAlternatives(criteria []*criterion) []*criterion {
	var out []*criterion
	joined := make(map[string]*criterion)
	for _, c := range criteria {
		if !c.alternative() {
			out = append(out, c)
			continue
		}
		first := joined[c.name()]
		if first == nil {
			first = c.widened()
			joined[c.name()] = first
			out = append(out, first)
			continue
		}
		first.join(c)
	}
	return out
}

// alternative reports whether the criterion asks only for equality with one of
// some values.
func (c *criterion) alternative() bool {
	if len(c.networks) > 0 {
		return true
	}
	if len(c.matchers) != 1 || c.kind.own {
		return false
	}
	switch c.matchers[0].op {
	case "has", "in":
		return true
	case "is":
		// On a list "is" asks that there be nothing else.
		return !c.kind.list
	}
	return false
}

// widened returns a copy that join may change.
func (c *criterion) widened() *criterion {
	w := *c
	w.networks = slices.Clone(c.networks)
	w.matchers = slices.Clone(c.matchers)
	for i := range w.matchers {
		w.matchers[i].operands = slices.Clone(w.matchers[i].operands)
	}
	return &w
}

// join makes c, which is widened, hold wherever other does.
func (c *criterion) join(other *criterion) {
	c.networks = append(c.networks, other.networks...)
	for i := range c.matchers {
		m := &c.matchers[i]
		if m.op == "is" {
			m.op = "in"
		}
		m.operands = append(m.operands, other.matchers[i].operands...)
	}
}

// key returns what two policies have in common if and only if they decide alike
// step by step, whatever their places.
func (p *Policy) key() string {
	var b strings.Builder
	for _, r := range p.rules {
		b.WriteString(r.Effect.String())
		if r.Shadow {
			b.WriteString(" shadow ")
		}
		for _, l := range r.lists {
			b.WriteString(l.op.String())
			for _, c := range l.criteria {
				c.writeKey(&b)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (l foldedList) key() string {
	var b strings.Builder
	b.WriteString(l.effect.String())
	b.WriteString(l.op.String())
	for _, c := range l.criteria {
		c.writeKey(&b)
	}
	return b.String()
}

func (c *criterion) key() string {
	var b strings.Builder
	c.writeKey(&b)
	return b.String()
}

// writeKey writes the criterion so that no two differing ones read alike: what
// an operator wrote is quoted.
func (c *criterion) writeKey(b *strings.Builder) {
	b.WriteByte('(')
	b.WriteString(strconv.Quote(c.name()))
	if c.against && c.kind.wary {
		b.WriteString(" wary")
	}
	for _, m := range c.matchers {
		b.WriteByte(' ')
		b.WriteString(m.op)
		for _, o := range m.operands {
			b.WriteByte(' ')
			b.WriteString(o.value.quoted())
		}
	}
	for _, n := range c.networks {
		b.WriteByte(' ')
		b.WriteString(n.String())
	}
	b.WriteByte(')')
}
