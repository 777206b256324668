package policy

import (
	"strings"

	"sallyport/identity"
)

// comparer is how strings of one sort compare; operands have gone through fold.
type comparer struct {
	fold                            func(string) string
	equal, prefix, suffix, contains func(s, want string) bool
	set                             func(members []string) func(string) bool
}

var exact = comparer{
	fold:     func(s string) string { return s },
	equal:    func(s, want string) bool { return s == want },
	prefix:   strings.HasPrefix,
	suffix:   strings.HasSuffix,
	contains: strings.Contains,
	set:      func(members []string) func(string) bool { return newWords(members).has },
}

var anyCase = comparer{
	fold:     identity.Fold,
	equal:    equalFolded,
	prefix:   hasPrefixFolded,
	suffix:   hasSuffixFolded,
	contains: containsFolded,
	set:      func(members []string) func(string) bool { return newFoldedSet(members).has },
}

// folded compares what is folded as anyCase would, and faster.
var folded = comparer{
	fold: identity.Fold, equal: exact.equal, prefix: exact.prefix, suffix: exact.suffix, contains: exact.contains, set: exact.set,
}

// stringOperators make a test from operands. An operand that is no string equals
// no string.
var stringOperators = map[string]func(comparer, []operand) func(string) bool{
	"is":     func(c comparer, o []operand) func(string) bool { return equals(c, o[0].value) },
	"not":    func(c comparer, o []operand) func(string) bool { return negate(equals(c, o[0].value)) },
	"in":     oneOf,
	"not_in": func(c comparer, o []operand) func(string) bool { return negate(oneOf(c, o)) },
	"contains": func(c comparer, o []operand) func(string) bool {
		return with(c.contains, c.fold(o[0].value.str))
	},
	"starts_with": func(c comparer, o []operand) func(string) bool {
		return with(c.prefix, c.fold(o[0].value.str))
	},
	"ends_with": func(c comparer, o []operand) func(string) bool {
		return with(c.suffix, c.fold(o[0].value.str))
	},
}

func with(compare func(s, want string) bool, want string) func(string) bool {
	return func(s string) bool { return compare(s, want) }
}

func negate(test func(string) bool) func(string) bool {
	return func(s string) bool { return !test(s) }
}

func equals(c comparer, v value) func(string) bool {
	if v.typ != typeString {
		return func(string) bool { return false }
	}
	return with(c.equal, c.fold(v.str))
}

func oneOf(c comparer, operands []operand) func(string) bool {
	var members []string
	for _, o := range operands {
		if o.value.typ == typeString {
			members = append(members, c.fold(o.value.str))
		}
	}
	return c.set(members)
}

// stringTest joins matchers: all must hold.
func stringTest(c comparer, matchers []matcher) func(string) bool {
	tests := make([]func(string) bool, len(matchers))
	for i, m := range matchers {
		tests[i] = stringOperators[m.op](c, m.operands)
	}
	if len(tests) == 1 {
		return tests[0]
	}
	return func(s string) bool {
		for _, test := range tests {
			if !test(s) {
				return false
			}
		}
		return true
	}
}
