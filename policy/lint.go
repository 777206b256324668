package policy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport/identity"
)

// The codes of Lint, which "# sallyport:ignore CODE reason" names.
const (
	LintRejectDeniesNobody = "reject-denies-nobody"
	LintNeverHolds         = "never-holds"
	LintAlwaysHolds        = "always-holds"
)

// Lint tells what a policy says and can hardly mean: rules that never hold, rules
// that always do, and what they make pointless. It decides nothing.
func (p *Policy) Lint() []Problem {
	var out []Problem
	if p == nil || p.broken {
		return nil
	}
	note := func(at Position, code, hint, format string, args ...any) {
		out = append(out, Problem{Position: at, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	for _, r := range p.rules {
		for _, l := range r.lists {
			if len(l.criteria) == 0 {
				continue
			}
			never, always := l.extremes()
			switch {
			case never && r.Effect == Deny && l.criteria[0].kind.name == "reject":
				note(l.criteria[0].pos, LintRejectDeniesNobody, "to deny everybody write accept: true under deny", "reject never holds, so that this denies nobody")
			case never:
				note(l.pos, LintNeverHolds, "remove it, or ask for less", "this list can never hold: it %ss nobody", verb(r.Effect))
			case always && r.Effect == Deny:
				note(l.pos, LintAlwaysHolds, "remove the other rules, or narrow this one", "this list always holds: everybody is denied, whatever the other rules say")
			case always && len(l.criteria) > 1:
				note(l.pos, LintAlwaysHolds, "remove the other criteria, or accept", "this list always holds: the route is public, and its other criteria mean nothing")
			case always && p.allowsBeside(r):
				note(l.pos, LintAlwaysHolds, "remove the other allow rules, or this one", "this list always holds: the route is public, and its other allow rules mean nothing")
			}
		}
	}
	return slices.Concat(out, p.lintEmpty(), p.lintAddresses())
}

// lintEmpty finds rules and lists that say nothing.
func (p *Policy) lintEmpty() []Problem {
	var out []Problem
	note := func(at Position, what string, e Effect) {
		out = append(out, Problem{Position: at, Code: LintNeverHolds, Hint: "say whom, or remove it", Message: fmt.Sprintf("this %s: it %ss nobody", what, verb(e))})
	}
	for _, r := range p.rules {
		if len(r.lists) == 0 {
			note(r.Position, "rule says nothing", r.Effect)
		}
		for _, l := range r.lists {
			if len(l.criteria) == 0 {
				note(l.pos, "list is empty", r.Effect)
			}
		}
	}
	return out
}

// lintAddresses finds an address where a domain is asked for, and the reverse.
// Allowed users of Pomerium's older keys may be ids, and are asked for as both.
func (p *Policy) lintAddresses() []Problem {
	var out []Problem
	note := func(at Position, hint, format string, args ...any) {
		out = append(out, Problem{Position: at, Code: LintNeverHolds, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
	ids := map[Position]bool{}
	for _, ref := range p.Named("user") {
		ids[ref.Position] = true
	}
	for _, ref := range p.Named("email") {
		local, domain, whole := strings.Cut(ref.Name, "@")
		switch {
		case whole && local != "" && local != "*" && (identity.ReadMail(ref.Name).Address == "" || strings.ContainsAny(ref.Name, ",;<>")):
			note(ref.Position, "write one address, without spaces or anything else around it", "nobody has the e-mail %q", ref.Name)
		case whole && (local == "" || local == "*"):
			note(ref.Position, "write domain: {is: "+domain+"}", "email is a whole address, and nobody has %q", ref.Name)
		case !whole && !ids[ref.Position]:
			note(ref.Position, "write NAME@DOMAIN, or ask for the domain", "email is a whole address, and nobody has %q", ref.Name)
		}
	}
	for _, ref := range p.Named("http_method") {
		if upper := strings.ToUpper(ref.Name); upper != ref.Name && slices.Contains(MethodNames, upper) {
			note(ref.Position, "write "+upper, "methods are in capital letters, and no request has %q", ref.Name)
		}
	}
	for _, ref := range append(p.Named("http_path"), p.named("http_path", "starts_with")...) {
		if ref.Name != "" && ref.Name[0] != '/' {
			note(ref.Position, "write /"+ref.Name, "paths begin with a slash, and no request has %q", ref.Name)
		}
	}
	for _, ref := range p.Named("domain") {
		switch _, after, at := strings.Cut(ref.Name, "@"); {
		case at:
			note(ref.Position, "write "+after, "domain is what follows the @, and nobody has %q", ref.Name)
		case ref.Name == "*":
			note(ref.Position, "to let in everybody who signs in write authenticated_user: true", "domain knows no wildcards, and nobody has %q", ref.Name)
		case strings.HasPrefix(ref.Name, "*."):
			note(ref.Position, "write domain: {ends_with: "+ref.Name[1:]+"}, or is for the domain itself", "domain knows no wildcards, and nobody has %q", ref.Name)
		}
	}
	return out
}

func verb(e Effect) string {
	if e == Allow {
		return "allow"
	}
	return "denie"
}

// allowsBeside reports whether another rule allows too.
func (p *Policy) allowsBeside(r *Rule) bool {
	for _, other := range p.rules {
		if other != r && other.Effect == Allow && !other.Shadow && !r.Shadow {
			return true
		}
	}
	return false
}

// extremes reports whether a list never or always holds, whoever asks for
// whatever.
func (l *list) extremes() (never, always bool) {
	yes, no := 0, 0
	for _, c := range l.criteria {
		if !c.kind.fixed {
			continue
		}
		if c.kind.answer != l.op.inverts() {
			yes++
		} else {
			no++
		}
	}
	n := len(l.criteria)
	if l.op.wantsAll() {
		return no > 0 || l.op == And && l.contradicts(), yes == n
	}
	return no == n, yes > 0
}

// contradicts reports whether two criteria want one field to be two things.
func (l *list) contradicts() bool {
	wanted := map[string]value{}
	for _, c := range l.criteria {
		if c.kind.list || c.kind.own || len(c.matchers) != 1 || c.matchers[0].op != "is" {
			continue
		}
		v := c.matchers[0].operands[0].value
		if c.kind.mail {
			v.str = identity.Fold(v.str)
		}
		if before, ok := wanted[c.name()]; ok && before != v {
			return true
		}
		wanted[c.name()] = v
	}
	return false
}

// MethodNames are the methods of HTTP as requests have them.
var MethodNames = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

// Named returns the texts that a criterion asks for by "is", "in" and "has", with
// their places.
func (p *Policy) Named(criterion string) []GroupRef { return p.named(criterion, "is", "in", "has") }

func (p *Policy) named(criterion string, ops ...string) []GroupRef {
	var refs []GroupRef
	for c := range p.criteria() {
		if c.kind.name != criterion {
			continue
		}
		for _, m := range c.matchers {
			if !slices.Contains(ops, m.op) {
				continue
			}
			for _, o := range m.operands {
				refs = append(refs, GroupRef{o.value.text(), o.pos})
			}
		}
	}
	return refs
}
