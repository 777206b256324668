package config

import (
	"cmp"
	"fmt"
	"slices"

	"sallyport/policy"
)

// problems gathers everything that is wrong, so that all of it is told at once.
type problems struct {
	errors, warnings []Problem
	// spoilt are the places of values that could not be read as YAML wants them.
	// What else is said of them follows from that.
	spoilt map[Position]bool
}

// spoil reports a problem of the YAML and keeps to itself what follows from it:
// everything else about the value at spoilt.
func (ps *problems) spoil(at, spoilt Position, hint, format string, args ...any) {
	ps.fail(at, hint, format, args...)
	if ps.spoilt == nil {
		ps.spoilt = map[Position]bool{}
	}
	ps.spoilt[spoilt] = at == spoilt
}

// causes are the errors without those that follow from others.
func (ps *problems) causes() []Problem {
	told := map[Position]bool{}
	return slices.DeleteFunc(ps.errors, func(p Problem) bool {
		tells, spoilt := ps.spoilt[p.Position]
		follows := spoilt && (!tells || told[p.Position])
		told[p.Position] = true
		return follows
	})
}

func (ps *problems) fail(at Position, hint, format string, args ...any) {
	ps.errors = append(ps.errors, Problem{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (ps *problems) warn(at Position, hint, format string, args ...any) {
	ps.warnings = append(ps.warnings, Problem{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// finish puts a list in reading order without repetitions and gives each
// problem the line it is about. main is the file that comes first; what the
// environment said comes last.
func finish(list []policy.Problem, main string, sources map[string]*source) []Problem {
	rank := func(file string) int {
		if file == main {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		p, q := a.Position, b.Position
		return cmp.Or(cmp.Compare(rank(p.File), rank(q.File)), cmp.Compare(p.File, q.File),
			cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	list = slices.CompactFunc(list, func(a, b Problem) bool {
		return a.Position == b.Position && a.Message == b.Message
	})
	for i, p := range list {
		if s := sources[p.Position.File]; s != nil && p.Excerpt == "" && !missing(p) {
			list[i].Excerpt = s.excerpt(p.Position.Line)
		}
	}
	return list
}

// missingSuffix ends the message of a problem about a key that is not there:
// its position is the file's first byte, whose line would tell nothing.
const missingSuffix = " is missing"

func missing(p Problem) bool {
	n := len(p.Message) - len(missingSuffix)
	return n >= 0 && p.Message[n:] == missingSuffix && p.Position.Line == 1 && p.Position.Col == 1
}
