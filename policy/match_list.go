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

// listOperators make a test of a claim: a list, a scalar, which counts as a list
// of one, or nil, which counts as an empty list. "has" may hold several operands
// here, made by fold: any of them will do.
var listOperators = map[string]func([]operand) func(any) bool{
	"has": listHas,
	"exclude": func(o []operand) func(any) bool {
		has := listHas(o)
		return func(v any) bool { return !has(v) }
	},
	"is": func(o []operand) func(any) bool {
		want := o[0].value
		return func(v any) bool {
			if list, ok := v.([]any); ok {
				return len(list) == 1 && valueOf(list[0]) == want
			}
			return valueOf(v) == want
		}
	},
}

func listHas(operands []operand) func(any) bool {
	if want := operands[0].value; len(operands) == 1 && want.typ == typeString {
		return func(v any) bool { return hasWord(v, want.str) }
	}
	set := newValueSet(operands)
	return func(v any) bool {
		list, ok := v.([]any)
		if !ok {
			return set.has(v)
		}
		for _, element := range list {
			if set.has(element) {
				return true
			}
		}
		return false
	}
}

// hasWord is the usual case of listHas: one word, looked for in a claim of many.
func hasWord(v any, want string) bool {
	list, ok := v.([]any)
	if !ok {
		s, ok := v.(string)
		return ok && s == want
	}
	for _, element := range list {
		if s, ok := element.(string); ok && s == want {
			return true
		}
	}
	return false
}

func compileClaim(c *criterion) question {
	tests := make([]func(any) bool, len(c.matchers))
	for i, m := range c.matchers {
		tests[i] = listOperators[m.op](m.operands)
	}
	path := c.claim
	return func(f facts) bool {
		v, _ := f.in.Subject.Claims.Lookup(path)
		for _, test := range tests {
			if !test(v) {
				return false
			}
		}
		return true
	}
}

// groupOperators make a test of a person's groups, by id or name.
var groupOperators = map[string]func([]operand) func(*identity.Person) bool{
	"has": memberOf,
	"exclude": func(o []operand) func(*identity.Person) bool {
		in := memberOf(o)
		return func(p *identity.Person) bool { return !in(p) }
	},
	"is": func(o []operand) func(*identity.Person) bool {
		in := memberOf(o)
		return func(p *identity.Person) bool { return len(p.Groups) == 1 && in(p) }
	},
}

// memberOf asks whether a person is in any of the groups, walking the shorter of
// the two lists. The empty string names no group.
func memberOf(operands []operand) func(*identity.Person) bool {
	var names []string
	for _, o := range operands {
		if o.value.typ == typeString && o.value.str != "" {
			names = append(names, o.value.str)
		}
	}
	wanted := newWords(names)
	return func(p *identity.Person) bool {
		if len(names) > 2*len(p.Groups) {
			for i := range p.Groups {
				if wanted.has(p.Groups[i].ID) || wanted.has(p.Groups[i].Name) {
					return true
				}
			}
			return false
		}
		for _, name := range names {
			if p.HasGroup(name) {
				return true
			}
		}
		return false
	}
}

func compileGroups(c *criterion) question {
	tests := make([]func(*identity.Person) bool, len(c.matchers))
	for i, m := range c.matchers {
		tests[i] = groupOperators[m.op](m.operands)
	}
	return func(f facts) bool {
		// Without a directory record nothing is known about groups, not even that
		// somebody is in none.
		if f.in.Person == nil {
			return false
		}
		for _, test := range tests {
			if !test(f.in.Person) {
				return false
			}
		}
		return true
	}
}
