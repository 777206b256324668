package authorize

import (
	"fmt"
	"io"
	"strings"

	"sallyport/policy"
)

// WriteText tells the explanation to a person: the decision first, then what
// would change it, then every rule as a tree.
func (e *Explanation) WriteText(out io.Writer) error {
	w := &textWriter{out: out}
	w.line("%s", e.Decision)
	w.line("  who      %s", e.Who)
	w.line("  request  %s %s%s%s", e.Request.Method, e.Request.Host, e.Request.Path, prefixed(" from ", e.Request.IP))
	if e.Who.Age != "" {
		w.line("  known    by the directory, %s old", e.Who.Age)
	}
	if e.Route != nil {
		w.line("  route    %s%s", e.Route.Name, prefixed(" at ", e.Route.Position))
	} else {
		w.line("  route    none matches")
	}
	if e.Rule != "" {
		w.line("  rule     %s", e.Rule)
	}
	if len(e.Reasons) > 0 {
		w.line("  reasons  %s", strings.Join(e.Reasons, ", "))
	}
	if e.Shadow != nil {
		w.line("  shadow   %s if rules in shadow counted%s", e.Shadow.Decision, prefixed(" at ", e.Shadow.Rule))
	}
	for _, n := range e.Notes {
		w.line("  note     %s", n)
	}
	for i, c := range e.Change {
		label := "and"
		if i == 0 {
			label = "because"
		}
		w.line("  %-8s %s", label, c)
	}
	for _, a := range e.Advice {
		w.line("  advice   %s", a)
	}
	if len(e.Rules) > 0 {
		w.line("")
	}
	for _, r := range e.Rules {
		w.rule(r)
	}
	return w.err
}

func (p ToldPerson) String() string {
	if p.Subject == "" {
		return "nobody signed in"
	}
	parts := []string{p.Subject}
	if p.Email != "" {
		parts = []string{p.Email, "(" + p.Subject + ")"}
	}
	if p.Status != "" {
		parts = append(parts, p.Status)
	}
	if len(p.Groups) > 0 {
		parts = append(parts, "in "+shortList(p.Groups))
	}
	return strings.Join(parts, " ")
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

type textWriter struct {
	out io.Writer
	err error
}

func (w *textWriter) line(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintln(w.out, strings.TrimRight(policy.Printable(fmt.Sprintf(format, args...)), " "))
	}
}

func (w *textWriter) rule(r ToldRule) {
	shadow := ""
	if r.Shadow {
		shadow = "  in shadow"
	}
	w.line("%s %s  %s%s", mark(r.Holds), r.Effect, r.Position, shadow)
	for i, l := range r.Lists {
		branch, trunk := "├─", "│ "
		if i == len(r.Lists)-1 {
			branch, trunk = "└─", "  "
		}
		w.line("%s %s %s  %s", branch, mark(l.Holds), l.Operator, l.Position)
		for j, c := range l.Criteria {
			leaf := "├─"
			if j == len(l.Criteria)-1 {
				leaf = "└─"
			}
			w.line("%s %s %s", trunk, leaf, c)
		}
	}
}

func (c ToldCriterion) String() string {
	s := mark(c.Holds) + " " + c.Name
	if c.Wanted != "" {
		s += " " + c.Wanted
	}
	if len(c.Had) > 0 {
		s += "; had " + shortList(c.Had)
	} else if c.Wanted != "" {
		s += "; had nothing"
	}
	return s + "  " + c.Reason + "  " + c.Position
}

// mark is the truth value at the beginning of a line.
func mark(holds bool) string {
	if holds {
		return "yes"
	}
	return "no "
}
