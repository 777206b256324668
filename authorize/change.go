package authorize

import (
	"fmt"
	"strings"

	"sallyport/policy"
)

// maxAlternatives bounds how many ways in are told.
const maxAlternatives = 4

// change says what is missing: the fewest facts that would have to be different
// for the request to be allowed, in sentences. Nil where it is allowed, or where
// nothing about the person or the request would help.
func change(d policy.Decision, t policy.Trace, who ToldPerson) []string {
	switch {
	case d.DenyReasons.Has(policy.ReasonUserUnknown):
		return []string{"is not known to the directory"}
	case d.DenyReasons.Has(policy.ReasonUserInactive):
		return []string{fmt.Sprintf("has the status %s in the directory, and only active people may pass", who.Status)}
	case d.DenyReasons.Has(policy.ReasonDirectoryStale), d.DenyReasons.Has(policy.ReasonDirectoryUnclear):
		return nil // nothing about the person: the notes say what is in doubt
	case d.DenyReasons.Has(policy.ReasonPathAmbiguous):
		return []string{"asks for a path that some servers read as another one, which is not allowed: leave out what follows the semicolon"}
	case d.DenyReasons.Has(policy.ReasonRouteNotFound):
		return []string{"no route matches"}
	case d.Effect == policy.Unauthenticated:
		return []string{"is not signed in"}
	case d.Effect == policy.StepUp:
		return []string{"must sign in again: " + signIn(d.SignIn)}
	}
	var out []string
	for _, r := range t.Rules {
		if r.Rule.Effect != policy.Deny || r.Rule.Shadow {
			continue
		}
		for _, l := range r.Lists {
			if l.Holds {
				out = append(out, breaking(l)+" (denied at "+place(l.Position)+")")
			}
		}
	}
	if d.AllowHolds {
		return out
	}
	ways := waysIn(t)
	switch {
	case len(ways) == 0:
		return append(out, "no allow rule can hold for anybody")
	case len(ways) > maxAlternatives:
		ways = append(ways[:maxAlternatives], fmt.Sprintf("%d more", len(ways)-maxAlternatives))
	}
	return append(out, strings.Join(ways, "; or "))
}

// signIn says what a new sign-in must bring.
func signIn(s policy.SignIn) string {
	var parts []string
	if s.Aged {
		parts = append(parts, fmt.Sprintf("the sign-in may be %s old", s.MaxAge))
	}
	if s.Method != "" {
		parts = append(parts, "with "+s.Method)
	}
	if s.Context != "" {
		parts = append(parts, "as strong as "+s.Context)
	}
	return strings.Join(parts, ", ")
}

// waysIn are the changes that make one allow list hold, only the smallest.
func waysIn(t policy.Trace) []string {
	var ways []string
	least := 0
	for _, r := range t.Rules {
		if r.Rule.Effect != policy.Allow || r.Rule.Shadow {
			continue
		}
		for _, l := range r.Lists {
			for _, way := range making(l) {
				switch {
				case least == 0 || len(way) < least:
					least, ways = len(way), []string{strings.Join(way, " and ")}
				case len(way) == least:
					ways = append(ways, strings.Join(way, " and "))
				}
			}
		}
	}
	return unique(ways)
}

func unique(all []string) []string {
	seen := map[string]bool{}
	out := all[:0]
	for _, s := range all {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// making returns the changes of which any one makes the list hold.
func making(l policy.ListTrace) [][]string {
	var all []string // what must change, all of it for "and" and "not"
	joint := l.Operator == policy.And || l.Operator == policy.Not
	wanted := l.Operator == policy.And || l.Operator == policy.Or
	for _, c := range l.Criteria {
		if c.Holds == wanted {
			continue
		}
		if fixed(c) {
			if joint {
				return nil
			}
			continue
		}
		all = append(all, lacks(c, wanted))
	}
	switch {
	case len(all) == 0:
		return nil
	case joint:
		return [][]string{all}
	}
	var ways [][]string
	for _, one := range all {
		ways = append(ways, []string{one})
	}
	return ways
}

// breaking says what would have to change for a list not to hold.
func breaking(l policy.ListTrace) string {
	var parts []string
	wanted := l.Operator == policy.Not || l.Operator == policy.Nor // what members are now: false
	for _, c := range l.Criteria {
		if c.Holds != wanted {
			parts = append(parts, lacks(c, wanted))
		}
	}
	if l.Operator == policy.Or || l.Operator == policy.Nor {
		return strings.Join(parts, " and ")
	}
	return strings.Join(parts, " or ")
}

// fixed reports whether nothing can change what the criterion comes to.
func fixed(c policy.CriterionTrace) bool { return c.Name == "accept" || c.Name == "reject" }

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
