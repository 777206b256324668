package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// LintNobodyPasses is the code of Examine for a policy as a whole.
const LintNobodyPasses = "nobody-passes"

// Examiner tells more of policies than Lint, for which it tries what people and
// requests there can be: lists that never hold or always do because of what they
// ask together, and policies that let nobody pass. What it does not find out it
// does not tell. It takes up to milliseconds for each that is not like one before,
// so it is for those who check a configuration, not for those who run it. Not safe
// for concurrent use.
type Examiner struct {
	Now   time.Time
	found map[string]finding
}

// finding is what was found of a list or a policy.
type finding uint8

const (
	foundNothing finding = iota
	foundNever
	foundAlways
)

// Examine tells of one policy.
func (e *Examiner) Examine(p *Policy) []Problem {
	if p == nil || p.broken || len(p.rules) == 0 {
		return nil
	}
	var out []Problem
	note := func(at Position, code, hint, format string, args ...any) {
		out = append(out, Problem{Position: at, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	told := p.Lint()
	for _, r := range p.rules {
		for _, l := range r.lists {
			if l.toldOf(told) {
				continue
			}
			switch found := e.list(l); {
			case l.past(e.Now):
				note(l.pos, LintNeverHolds, "remove it, or give it another date", "its date is past: this list will never hold again, it %ss nobody", verb(r.Effect))
			case found == foundNever:
				note(l.pos, LintNeverHolds, "remove it, or ask for less", "this list can never hold: it %ss nobody", verb(r.Effect))
			case found == foundAlways && r.Effect == Allow:
				note(l.pos, LintAlwaysHolds, "write accept: true if that is meant", "this list always holds: the route is public")
			case found == foundAlways:
				note(l.pos, LintAlwaysHolds, "remove the other rules, or narrow this one", "this list always holds: everybody is denied, whatever the other rules say")
			}
		}
	}
	return out
}

// NobodyPasses says why a policy lets nobody pass, "" where it may let somebody,
// or where a warning of Examine says enough.
func (e *Examiner) NobodyPasses(p *Policy) string {
	if p == nil || p.broken || len(p.rules) == 0 {
		return ""
	}
	empty := len(p.lintEmpty())
	allows := slices.ContainsFunc(p.rules, func(r *Rule) bool { return r.Effect == Allow && !r.Shadow && !r.empty() })
	switch {
	case len(p.Lint())+len(e.Examine(p))+len(p.Uses("device"))+len(p.Uses("mcp_tool")) > empty, !allows && empty > 0, e.policy(p) != foundNever:
		return ""
	case allows:
		return "whoever an allow rule lets in, a deny rule keeps out"
	}
	return "no rule that counts allows anybody"
}

func (r *Rule) empty() bool {
	return !slices.ContainsFunc(r.lists, func(l *list) bool { return len(l.criteria) > 0 })
}

// toldOf reports whether there is nothing to look for in a list, or something was
// told of it or of what stands in it.
func (l *list) toldOf(told []Problem) bool {
	at := map[Position]bool{l.pos: true}
	fixed := true
	for _, c := range l.criteria {
		if c.kind.name == "device" || c.kind.name == "mcp_tool" {
			return true // the configuration warns of them
		}
		at[c.pos] = true
		fixed = fixed && c.kind.fixed
		for _, m := range c.matchers {
			for _, o := range m.operands {
				at[o.pos] = true
			}
		}
	}
	return fixed || slices.ContainsFunc(told, func(p Problem) bool { return at[p.Position] })
}

// list tries whether a list can hold and whether it can fail.
func (e *Examiner) list(l *list) finding {
	keys := []string{l.op.String()}
	for _, c := range l.criteria {
		keys = append(keys, c.key())
	}
	return e.once(strings.Join(keys, " "), func() finding {
		person := slices.ContainsFunc(l.criteria, func(c *criterion) bool { return c.kind.person })
		switch {
		case !(person && l.op.inverts()) && !e.passable(&Rule{Effect: Allow, lists: []*list{l}}):
			return foundNever // what inverts a question about a person holds for strangers
		case !person && !e.passable(acceptRule, &Rule{Effect: Deny, lists: []*list{l}}):
			return foundAlways
		}
		return foundNothing
	})
}

func (e *Examiner) policy(p *Policy) finding {
	return e.once("policy "+p.key(), func() finding {
		if p.Public() || e.passable(p.rules...) {
			return foundNothing
		}
		return foundNever
	})
}

func (e *Examiner) once(key string, find func() finding) finding {
	if found, ok := e.found[key]; ok {
		return found
	}
	if e.found == nil {
		e.found = map[string]finding{}
	}
	found := find()
	e.found[key] = found
	return found
}

var acceptRule = &Rule{Effect: Allow, lists: []*list{{op: Or, criteria: []*criterion{{kind: kinds["accept"]}}}}}

// passable reports whether somebody passes by the rules, or that it was not found
// out.
func (e *Examiner) passable(rules ...*Rule) bool {
	g, err := Compile(&Policy{rules: rules})
	if err != nil {
		return true
	}
	in := anybody(e.Now)
	if g.Eval(in).Effect == Allow {
		return true
	}
	ways, whole := g.WaysIn(in)
	return len(ways) > 0 || !whole
}

// past reports whether the list needs a moment that is gone.
func (l *list) past(now time.Time) bool {
	return slices.ContainsFunc(l.criteria, func(c *criterion) bool {
		if c.kind.name != "date" || l.op.inverts() || l.op == Or && len(l.criteria) > 1 {
			return false
		}
		before, err := time.Parse(time.RFC3339, c.operandOf("before"))
		return err == nil && !now.Before(before)
	})
}
