package identity

import (
	"slices"
	"strings"
)

// With returns p as it would be in one group more, which that id or name finds.
// Only what policies ask about groups is right in the copy.
func (p *Person) With(group string) *Person {
	out := *p
	out.Groups = append(slices.Clone(p.Groups), Group{ID: group, Name: group})
	slices.SortFunc(out.Groups, func(a, b Group) int { return strings.Compare(a.ID, b.ID) })
	out.names = NewNames(append(slices.Clone(p.names.texts), group))
	return &out
}

// Without returns p as it would be in none of the groups which that id or name
// finds.
func (p *Person) Without(group string) *Person {
	out := *p
	gone := map[string]bool{group: true}
	out.Groups = nil
	for _, g := range p.Groups {
		if g.ID == group || g.Name == group {
			gone[g.ID], gone[g.Name] = true, true
			continue
		}
		out.Groups = append(out.Groups, g)
	}
	for _, g := range out.Groups {
		gone[g.ID] = false
		gone[g.Name] = gone[g.Name] && g.Name == group
	}
	out.names = NewNames(slices.DeleteFunc(slices.Clone(p.names.texts), func(name string) bool { return gone[name] }))
	return &out
}

// Only returns p as it would be in that group and no other.
func (p *Person) Only(group string) *Person {
	out := *p
	out.Groups = []Group{{ID: group, Name: group}}
	out.names = NewNames([]string{group})
	return &out
}
