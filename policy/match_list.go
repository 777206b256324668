package policy

import (
	"slices"

	"sallyport/identity"
)

// valueSet holds the operands of "has", of which an element must be there, or of
// "exclude", of which none may. "has" may hold several, made by fold: any of them
// will do.
type valueSet struct {
	exclude bool
	// names are the texts but the empty one, which empty stands for.
	names identity.Names
	empty bool
	// others are the operands that are no text: numbers and booleans, few as a rule.
	others []value
}

func newValueSet(m matcher) valueSet {
	var texts []string
	set := valueSet{exclude: m.op == "exclude"}
	for _, o := range m.operands {
		if o.value.typ == typeString {
			texts, set.empty = append(texts, o.value.str), set.empty || o.value.str == ""
			continue
		}
		set.others = append(set.others, o.value)
	}
	set.names = identity.NewNames(texts)
	return set
}

func (s *valueSet) has(element any) bool {
	if text, ok := element.(string); ok {
		return text == "" && s.empty || s.names.Has(identity.NewName(text))
	}
	return slices.Contains(s.others, valueOf(element))
}

// meets reports whether an element of the list is in the set; names are those
// of the list, where they are known.
func (s *valueSet) meets(list []any, names *identity.Names) bool {
	if names != nil && len(s.others) == 0 && !s.empty {
		return s.names.Overlap(names)
	}
	for _, element := range list {
		if s.has(element) {
			return true
		}
	}
	return false
}

// claimTest asks a claim, which is a list, a scalar, which counts as a list of one,
// or nil, which counts as an empty list.
type claimTest struct {
	sets []valueSet
	// only are the operands of "is": there must be that element and no other.
	only []value
}

func newClaimTest(matchers []matcher) *claimTest {
	t := &claimTest{}
	for _, m := range matchers {
		if m.op == "is" {
			t.only = append(t.only, m.operands[0].value)
			continue
		}
		t.sets = append(t.sets, newValueSet(m))
	}
	return t
}

func (t *claimTest) holds(s *identity.Subject, v any) bool {
	list, isList := v.([]any)
	for _, want := range t.only {
		if isList && (len(list) != 1 || valueOf(list[0]) != want) || !isList && valueOf(v) != want {
			return false
		}
	}
	names := s.NamesOf(list)
	for i := range t.sets {
		set := &t.sets[i]
		if in := set.meets(list, names) || set.has(v); in == set.exclude {
			return false
		}
	}
	return true
}

func compileClaim(c *criterion) question {
	test, path := newClaimTest(c.matchers), c.claim
	return func(f facts) bool {
		v, _ := f.in.Subject.Claims.Lookup(path)
		return test.holds(f.in.Subject, v)
	}
}

// membership is a test of a person's groups, by id or name. "has" may hold several
// operands here, made by fold: any of them will do.
type membership struct {
	op string
	// one is the only name, where there is one only; the empty string names no group.
	one  identity.Name
	many *identity.Names
}

func newMembership(m matcher) membership {
	var names []string
	for _, o := range m.operands {
		if o.value.typ == typeString {
			names = append(names, o.value.str)
		}
	}
	if len(names) == 1 {
		return membership{op: m.op, one: identity.NewName(names[0])}
	}
	many := identity.NewNames(names)
	return membership{op: m.op, many: &many}
}

func (m *membership) in(groups *identity.Names) bool {
	if m.many == nil {
		return groups.Has(m.one)
	}
	return groups.Overlap(m.many)
}

func (m *membership) holds(p *identity.Person) bool {
	switch in := m.in(p.GroupNames()); m.op {
	case "exclude":
		return !in
	case "is":
		return in && len(p.Groups) == 1
	default:
		return in
	}
}

func compileGroups(c *criterion) question {
	tests := make([]membership, len(c.matchers))
	for i, m := range c.matchers {
		tests[i] = newMembership(m)
	}
	return func(f facts) bool {
		// Without a directory record nothing is known about groups, not even that
		// somebody is in none.
		if f.in.Person == nil {
			return false
		}
		for i := range tests {
			if !tests[i].holds(f.in.Person) {
				return false
			}
		}
		return true
	}
}
