package facts

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport/policy"
)

// CodeUnknown is the code of what Unknown tells.
const CodeUnknown = "not-in-directory"

// Unknown returns warnings for groups, people, applications and attributes that a
// policy names and the facts do not know. Applications are looked for only where
// somebody in the facts has one.
func (f *Facts) Unknown(p *policy.Policy) []policy.Problem {
	u := &unknown{f: f}
	u.groups(p)
	u.people(p)
	apps, attributes := map[string]bool{}, map[string]bool{}
	for _, person := range f.People {
		for _, app := range person.Apps {
			apps[app] = true
		}
		for name := range person.Profile {
			attributes[name] = true
		}
	}
	for _, ref := range p.Named("app") {
		if len(apps) > 0 && !apps[ref.Name] {
			u.warn(ref, "application", nearest(ref.Name, apps))
		}
	}
	for _, ref := range p.NeedsDirectory() {
		if name, ok := strings.CutPrefix(ref.Name, "profile/"); ok && !attributes[name] {
			u.warn(policy.GroupRef{Name: name, Position: ref.Position}, "attribute", nearest(name, attributes))
		}
	}
	return u.out
}

type unknown struct {
	f   *Facts
	out []policy.Problem
}

func (u *unknown) warn(ref policy.GroupRef, what, near string) {
	hint := ""
	if near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	u.out = append(u.out, policy.Problem{
		Position: ref.Position, Code: CodeUnknown, Message: fmt.Sprintf("%s %q is not in the directory", what, ref.Name), Hint: hint,
	})
}

func (u *unknown) groups(p *policy.Policy) {
	known := map[string]bool{}
	for _, g := range u.f.Groups {
		known[g.ID], known[g.Name] = true, true
	}
	for _, ref := range p.UsesGroups() {
		if !known[ref.Name] {
			u.warn(ref, "group", nearest(ref.Name, known))
		}
	}
}

// people looks for those named by id and by e-mail. Pomerium's older keys name
// somebody by one or the other, and are asked about as both.
func (u *unknown) people(p *policy.Policy) {
	users := p.Named("user")
	byID := map[policy.Position]bool{}
	for _, ref := range users {
		byID[ref.Position] = u.f.Person(ref.Name) != nil
	}
	both := map[policy.Position]bool{}
	for _, ref := range p.Named("email") {
		_, also := byID[ref.Position]
		both[ref.Position] = also
		if len(u.f.ByEmail(ref.Name)) == 0 && !byID[ref.Position] {
			u.warn(ref, "e-mail", u.f.NearEmail(ref.Name))
		}
	}
	ids := map[string]bool{}
	for _, person := range u.f.People {
		ids[person.ID] = true
	}
	for _, ref := range users {
		if !byID[ref.Position] && !both[ref.Position] {
			u.warn(ref, "user", nearest(ref.Name, ids))
		}
	}
}

func nearest(name string, known map[string]bool) string {
	return policy.Nearest(name, slices.Sorted(maps.Keys(known)))
}
