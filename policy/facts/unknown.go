package facts

import (
	"fmt"
	"strconv"

	"sallyport/policy"
)

// Unknown returns warnings for groups, people and attributes that a policy names
// and the facts do not know.
func (f *Facts) Unknown(p *policy.Policy) []policy.Problem {
	var out []policy.Problem
	warn := func(ref policy.GroupRef, what, near string) {
		hint := ""
		if near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		out = append(out, policy.Problem{Position: ref.Position, Message: fmt.Sprintf("%s %q is not in the directory", what, ref.Name), Hint: hint})
	}
	var groups []string
	known := map[string]bool{}
	for _, g := range f.Groups {
		groups = append(groups, g.ID, g.Name)
		known[g.ID], known[g.Name] = true, true
	}
	for _, ref := range p.UsesGroups() {
		if !known[ref.Name] {
			warn(ref, "group", policy.Nearest(ref.Name, groups))
		}
	}
	for _, ref := range p.Named("email") {
		if len(f.ByEmail(ref.Name)) == 0 {
			warn(ref, "e-mail", f.NearEmail(ref.Name))
		}
	}
	attributes := map[string]bool{}
	for _, person := range f.People {
		for name := range person.Profile {
			attributes[name] = true
		}
	}
	for _, ref := range p.NeedsDirectory() {
		if name, ok := profileAttribute(ref.Name); ok && !attributes[name] {
			warn(policy.GroupRef{Name: name, Position: ref.Position}, "attribute", "")
		}
	}
	return out
}

func profileAttribute(criterion string) (string, bool) {
	const prefix = "profile/"
	if len(criterion) > len(prefix) && criterion[:len(prefix)] == prefix {
		return criterion[len(prefix):], true
	}
	return "", false
}
