package policy

// Way is one of the smallest sets of changes that let a request pass.
type Way struct {
	// Changes is how many there are, Lacks what they are for: what only another of
	// the changes would break is not told.
	Changes int
	Lacks   []Lack
	// With is the input with these changes made, as an example: Eval allows it.
	With *Input
}

// Lack is a criterion that would have to come to something else, and for which
// list. A change that mends one may mend others with it.
type Lack struct {
	Criterion CriterionTrace // as it is
	Wanted    bool           // what it would have to come to
	Effect    Effect         // of the list
	List      Position
}

// MaxWays bounds how many ways WaysIn tells.
const MaxWays = 64

const (
	// maxChanges bounds how many changes a way may have, and maxSteps how many
	// states are looked at.
	maxChanges = 8
	maxSteps   = 4_000
)

// WaysIn tells which facts about the person and the request would have to be
// different for the input to be allowed: of all sets of changes, those with the
// fewest. Each was tried. Without ways, whole says that none
// exists, else that the search was given up.
func (g *Program) WaysIn(in *Input) (ways []Way, whole bool) { return g.waysIn(in, true) }

// Satisfiable reports whether the allow rules alone could hold, or that was not
// found out.
func (g *Program) Satisfiable(in *Input) bool {
	ways, whole := g.waysIn(in, false)
	return len(ways) > 0 || !whole
}

func (g *Program) waysIn(in *Input, denies bool) ([]Way, bool) {
	if g == nil || g.policy == nil {
		return nil, true
	}
	s := newWaySearch(g, in, denies)
	for s.most = 1; s.most <= maxChanges; s.most++ {
		s.cut = false
		s.look(wayState{in: in, target: -1})
		if len(s.found) > 0 || !s.cut {
			return s.ways(), !s.cut
		}
	}
	return nil, false
}
