package policy

import "sallyport/identity"

// valueSet holds operands of a list matcher; strings apart, as they are most.
type valueSet struct {
	words  *words
	others map[value]struct{}
}

func newValueSet(operands []operand) valueSet {
	var members []string
	var others map[value]struct{}
	for _, o := range operands {
		if o.value.typ == typeString {
			members = append(members, o.value.str)
			continue
		}
		if others == nil {
			others = make(map[value]struct{})
		}
		others[o.value] = struct{}{}
	}
	return valueSet{newWords(members), others}
}

func (s valueSet) has(v any) bool {
	if str, ok := v.(string); ok {
		return s.words.has(str)
	}
	if s.others == nil {
		return false
	}
	_, ok := s.others[valueOf(v)]
	return ok
}

// claimTest asks a claim, which is a list, a scalar, which counts as a list of one,
// or nil, which counts as an empty list. Lists are long and hold little that is
// asked for, so that one pass answers all operators and most elements fall at a
// glance.
type claimTest struct {
	// glance has a bit for the look of every string that a set holds.
	glance [4]uint64
	// sets are the operands of "has" and "exclude"; "has" may hold several, made by
	// fold: any of them will do. others says that some hold more than strings.
	sets   []valueSet
	others bool
	// want has a bit for each set of which an element must be there; of every other
	// none may. enough says that there are no others.
	want   uint64
	enough bool
	// only are the operands of "is": there must be that element and no other.
	only []value
}

func newClaimTest(matchers []matcher) *claimTest {
	t := &claimTest{enough: true}
	for _, m := range matchers {
		if m.op == "is" {
			t.only = append(t.only, m.operands[0].value)
			continue
		}
		if m.op == "has" {
			t.want |= 1 << len(t.sets)
		} else {
			t.enough = false
		}
		set := newValueSet(m.operands)
		t.sets, t.others = append(t.sets, set), t.others || set.others != nil
		for _, o := range m.operands {
			if o.value.typ == typeString {
				l := look(o.value.str)
				t.glance[l>>6] |= 1 << (l & 63)
			}
		}
	}
	return t
}

// look is what a string looks like at a glance: its length, and letters where
// names differ.
func look(s string) uint8 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return uint8((uint32(n)*0x9e37 + uint32(s[n-1])*0x79b9 + uint32(s[n/2])*0x7f4b) >> 6)
}

func (t *claimTest) holds(v any) bool {
	list, isList := v.([]any)
	for _, want := range t.only {
		if isList && (len(list) != 1 || valueOf(list[0]) != want) || !isList && valueOf(v) != want {
			return false
		}
	}
	if len(t.sets) == 0 {
		return true
	}
	if !isList {
		return t.found(v) == t.want
	}
	var found uint64
	for _, element := range list {
		if s, ok := element.(string); ok {
			if l := look(s); t.glance[l>>6]>>(l&63)&1 == 0 {
				continue
			}
		} else if !t.others {
			continue
		}
		if found |= t.found(element); t.enough && found == t.want {
			return true
		}
	}
	return found == t.want
}

// found has a bit for every set that holds the element.
func (t *claimTest) found(element any) uint64 {
	var found uint64
	for i := range t.sets {
		if t.sets[i].has(element) {
			found |= 1 << i
		}
	}
	return found
}

func compileClaim(c *criterion) question {
	test, path := newClaimTest(c.matchers), c.claim
	return func(f facts) bool {
		v, _ := f.in.Subject.Claims.Lookup(path)
		return test.holds(v)
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
