package policy

import (
	"slices"

	"sallyport/identity"
)

// supposeMembers puts somebody into what a list names and takes them out of it.
func supposeMembers(c *wayCriterion, wanted bool, in *Input) []move {
	if c.kind.name != "auth_method" && in.Person == nil {
		return nil
	}
	moves := []move{{edit: func(*Input) {}}}
	if !wanted { // one matcher that fails is enough
		var out []move
		for _, m := range c.matchers {
			out = append(out, membersOf(c.kind.name, m, false, moves)...)
		}
		return out
	}
	for _, m := range c.matchers {
		moves = membersOf(c.kind.name, m, true, moves)
	}
	return moves
}

// membersOf changes each input so that a matcher holds, or does not.
func membersOf(what string, m matcher, wanted bool, from []move) []move {
	var out []move
	for _, start := range from {
		if m.op == "is" {
			out = append(out, only(m.operands[0].value.text(), wanted)...)
			continue
		}
		if (m.op == "exclude") == wanted { // in none of them
			next := start
			for _, o := range m.operands {
				next = next.member(what, o.value.text(), false)
			}
			out = append(out, next)
			continue
		}
		for _, o := range m.operands {
			out = append(out, start.member(what, o.value.text(), true))
		}
	}
	return out
}

// only makes "groups is" hold, or not: by leaving the group or joining another.
func only(name string, wanted bool) []move {
	then := func(change func(*identity.Person) *identity.Person) move {
		return move{func(in *Input) { in.Person = change(in.Person) }, []string{"groups"}}
	}
	if wanted {
		return []move{then(func(p *identity.Person) *identity.Person { return p.Only(name) })}
	}
	return []move{
		then(func(p *identity.Person) *identity.Person { return p.Without(name) }),
		then(func(p *identity.Person) *identity.Person { return p.With(elsewhere) }),
	}
}

// elsewhere is a word that no policy has.
const elsewhere = "something else"

// member joins or leaves one thing.
func (m move) member(what, name string, in bool) move {
	has := func(list []string) []string {
		list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
		if in {
			list = append(list, name)
		}
		slices.Sort(list)
		return list
	}
	return move{func(to *Input) {
		m.edit(to)
		switch {
		case what == "auth_method":
			to.Subject.Methods = has(to.Subject.Methods)
		case what == "app":
			withPerson(to, func(p *identity.Person) { p.Apps = has(p.Apps) })
		case in:
			to.Person = to.Person.With(name)
		default:
			to.Person = to.Person.Without(name)
		}
	}, append(slices.Clip(m.slots), what+"="+name)}
}
