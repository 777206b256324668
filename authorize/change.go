package authorize

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"sallyport/policy"
)

// maxAlternatives bounds how many ways in are told.
const maxAlternatives = 4

// change says what is missing: the fewest facts that would have to be different
// for the request to be allowed, in sentences. Nil where it is allowed, or where
// nothing about the person or the request would help.
func change(d policy.Decision, program *policy.Program, in *policy.Input, who ToldPerson) []string {
	switch {
	case d.Effect == policy.Allow:
		return nil
	case d.DenyReasons.Has(policy.ReasonUserUnknown):
		return []string{"is not known to the directory"}
	case d.DenyReasons.Has(policy.ReasonUserInactive):
		return []string{fmt.Sprintf("has the status %s in the directory, and only active people may pass", who.Status)}
	case d.DenyReasons.Has(policy.ReasonDirectoryStale), d.DenyReasons.Has(policy.ReasonDirectoryUnclear):
		return nil // nothing about the person: the notes say what is in doubt
	case d.DenyReasons.Has(policy.ReasonPathAmbiguous):
		if strings.Contains(in.Request.Path, ";") {
			return []string{"asks for a path that some servers read as another one, which is not allowed: leave out what follows the semicolon"}
		}
		return []string{"asks for a path that some servers read as another one, which is not allowed: write its slashes without escapes"}
	case d.DenyReasons.Has(policy.ReasonRouteNotFound):
		return []string{"no route matches"}
	case d.Effect == policy.Unauthenticated:
		return []string{"is not signed in"}
	case d.Effect == policy.StepUp:
		return []string{"must sign in again: " + signIn(d.SignIn)}
	}
	return waysIn(d, program, in)
}

// waysIn are the smallest changes that let the request pass, in sentences: what
// each deny rule wants and, last, what an allow rule does.
func waysIn(d policy.Decision, program *policy.Program, in *policy.Input) []string {
	ways, whole := program.WaysIn(in)
	switch {
	case len(ways) > 0:
		if out := parted(ways); out != nil {
			return out
		}
		return []string{alternatives(ways)}
	case !whole:
		return []string{"more is missing than can be told in short: the rules below say what they want"}
	case d.AllowHolds || program.Satisfiable(in):
		return []string{"whoever an allow rule lets in, a deny rule keeps out"}
	}
	return []string{"no allow rule can hold for anybody"}
}

// part is what one deny list, or the allow rules, may be met by.
type part struct {
	place   string // of the deny list, "" for the allow rules
	choices []string
}

// parted tells ways part by part, where every choice of one goes with every choice
// of the others; else it returns nil.
func parted(ways []policy.Way) []string {
	var parts []*part
	for _, way := range ways {
		for place, text := range byList(way) {
			i := slices.IndexFunc(parts, func(p *part) bool { return p.place == place })
			if i < 0 {
				i = len(parts)
				parts = append(parts, &part{place: place})
			}
			if !slices.Contains(parts[i].choices, text) {
				parts[i].choices = append(parts[i].choices, text)
			}
		}
	}
	n := 1
	for _, p := range parts {
		n *= len(p.choices)
	}
	if n != len(ways) {
		return nil
	}
	var out, allow []string
	for _, p := range parts {
		if p.place == "" {
			allow = []string{strings.Join(few(p.choices), "; or ")}
			continue
		}
		out = append(out, strings.Join(few(p.choices), " or ")+" (denied at "+p.place+")")
	}
	return append(out, allow...)
}

// byList is what a way changes for each deny list and for the allow rules, in
// order.
func byList(way policy.Way) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		var places []string
		texts := map[string][]string{}
		for _, l := range way.Lacks {
			at := ""
			if l.Effect == policy.Deny {
				at = place(l.List)
			}
			if texts[at] == nil {
				places = append(places, at)
			}
			texts[at] = append(texts[at], lacks(l.Criterion, l.Wanted))
		}
		for _, at := range places {
			if !yield(at, strings.Join(texts[at], " and ")) {
				return
			}
		}
	}
}

// alternatives tells ways one after the other.
func alternatives(ways []policy.Way) string {
	var all []string
	for _, way := range ways {
		var texts []string
		for at, text := range byList(way) {
			if at != "" {
				text += " (denied at " + at + ")"
			}
			texts = append(texts, text)
		}
		all = append(all, strings.Join(texts, " and "))
	}
	return strings.Join(few(all), "; or ")
}

// few keeps a list of ways readable.
func few(all []string) []string {
	if more := len(all) - maxAlternatives; more > 0 {
		rest := fmt.Sprintf("%d more", more)
		if more >= policy.MaxWays-maxAlternatives {
			rest = "many more"
		}
		return append(slices.Clone(all[:maxAlternatives]), rest)
	}
	return all
}

// signIn says what a new sign-in must bring.
func signIn(s policy.SignIn) string {
	var parts []string
	if s.Aged {
		parts = append(parts, fmt.Sprintf("the sign-in may be %s old", policy.Span(s.MaxAge)))
	}
	if s.Method != "" {
		parts = append(parts, "with "+s.Method)
	}
	if s.Context != "" {
		parts = append(parts, "as strong as "+s.Context)
	}
	return strings.Join(parts, ", ")
}

// lacks says what is the case and ought not to be: wanted is the value that the
// criterion should have.
func lacks(c policy.CriterionTrace, wanted bool) string {
	operands, plain := strings.CutPrefix(c.Wanted, "has ")
	switch {
	case c.Name == "groups" && plain && !strings.Contains(c.Wanted, " and "):
		if wanted {
			return "is not in group " + unquoted(operands)
		}
		return "is in group " + unquoted(operands)
	case c.Wanted == "" && wanted:
		return "is not " + c.Name
	case c.Wanted == "":
		return "is " + c.Name
	}
	had := "nothing"
	if len(c.Had) > 0 {
		had = shortList(c.Had)
	}
	if wanted {
		return fmt.Sprintf("%s is %s, the rule wants %s", c.Name, had, c.Wanted)
	}
	return fmt.Sprintf("%s is %s, which the rule excludes (%s)", c.Name, had, c.Wanted)
}

// unquoted takes the quotes from a single plain word.
func unquoted(s string) string {
	if inner := strings.Trim(s, `"`); !strings.ContainsAny(inner, ` "\,`) {
		return inner
	}
	return s
}

func shortList(had []string) string {
	const most = 5
	if len(had) > most {
		return strings.Join(had[:most], ", ") + fmt.Sprintf(" and %d more", len(had)-most)
	}
	return strings.Join(had, ", ")
}
