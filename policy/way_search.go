package policy

import (
	"slices"
	"strings"
)

// waySearch looks for ways by mending one broken list after the other.
type waySearch struct {
	g      *Program
	in     *Input
	denies bool // deny rules count
	lists  []wayList
	slots  map[string][]*wayCriterion
	known  map[wayKey]wayMoves
	most   int
	steps  int
	cut    bool // there may be more than was looked at
	found  []wayState
	seen   map[string]bool
}

type wayList struct {
	*list
	effect   Effect
	criteria []*wayCriterion
}

type wayCriterion struct {
	*criterion
	leaf *leaf
	key  string
}

// wayChoice is one criterion to be changed.
type wayChoice struct {
	list, criterion int
	wanted          bool
}

// wayState is an input with some changes. target is the allow list that is to
// hold, -1 while none was chosen.
type wayState struct {
	in      *Input
	target  int
	touched []string
	choices []wayChoice
}

func newWaySearch(g *Program, in *Input, denies bool) *waySearch {
	s := &waySearch{g: g, in: in, denies: denies, known: map[wayKey]wayMoves{}, slots: map[string][]*wayCriterion{}, seen: map[string]bool{}}
	known := map[string]*wayCriterion{}
	for _, r := range g.policy.rules {
		if r.Shadow || r.Effect == Deny && !denies {
			continue
		}
		for _, l := range r.lists {
			if len(l.criteria) == 0 {
				continue
			}
			w := wayList{list: l, effect: r.Effect}
			for _, c := range l.criteria {
				key := c.key()
				if known[key] == nil {
					known[key] = &wayCriterion{c, compileCriterion(c), key}
					s.slots[c.slot()] = append(s.slots[c.slot()], known[key])
				}
				w.criteria = append(w.criteria, known[key])
			}
			s.lists = append(s.lists, w)
		}
	}
	return s
}

// holds is the criterion's own value.
func (c *wayCriterion) holds(f facts) bool {
	return (!c.leaf.person || f.in.Subject != nil) && c.leaf.ask(f)
}

// holds is whether the list does.
func (l *wayList) holds(f facts) bool {
	for _, c := range l.criteria {
		if holds := c.holds(f) != l.op.inverts(); holds != l.op.wantsAll() {
			return holds
		}
	}
	return l.op.wantsAll()
}

// look mends the first thing that is in the way, in every way there is.
func (s *waySearch) look(st wayState) {
	if s.steps++; s.steps > maxSteps || len(s.found) >= MaxWays {
		s.cut = true
		return
	}
	f := facts{in: st.in}
	for i := range s.lists {
		if l := &s.lists[i]; l.effect == Deny && l.holds(f) {
			s.turn(st, f, i, false)
			return
		}
	}
	allowed := slices.ContainsFunc(s.lists, func(l wayList) bool { return l.holds(f) })
	switch {
	case allowed && (!s.denies || s.g.Eval(st.in).Effect == Allow):
		s.keep(st)
	case allowed: // a reason denies, such as that of a device: no list is in the way
		s.cut = true
	case st.target >= 0:
		s.turn(st, f, st.target, true)
	default:
		for i := range s.lists {
			if s.lists[i].effect == Allow {
				st.target = i
				s.turn(st, f, i, true)
			}
		}
	}
}

// turn changes members of a list that ought to hold, or not to. Where all members
// must come to something the first that does not is enough: the others follow.
func (s *waySearch) turn(st wayState, f facts, list int, wanted bool) {
	if len(st.choices) == s.most {
		s.cut = true
		return
	}
	l := &s.lists[list]
	every := l.op.wantsAll() == wanted
	for i, c := range l.criteria {
		if (c.holds(f) != l.op.inverts()) == wanted {
			continue
		}
		s.change(st, wayChoice{list, i, wanted != l.op.inverts()})
		if every {
			return
		}
	}
}

// change makes every change of the input that gives the criterion the value, and
// goes on from there.
func (s *waySearch) change(st wayState, choice wayChoice) {
	c := s.lists[choice.list].criteria[choice.criterion]
	moves, whole := s.moves(c, choice.wanted)
	s.cut = s.cut || !whole
	for _, m := range moves {
		if slices.ContainsFunc(m.slots, func(slot string) bool { return slices.Contains(st.touched, slot) }) {
			continue
		}
		s.look(wayState{
			in: edited(st.in, m.edit), target: st.target,
			touched: append(slices.Clip(st.touched), m.slots...), choices: append(slices.Clip(st.choices), choice),
		})
	}
}

// keep takes a way down, once.
func (s *waySearch) keep(st wayState) {
	var keys []string
	for _, c := range st.choices {
		key := s.lists[c.list].criteria[c.criterion].key
		if c.wanted {
			key = "!" + key
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	if key := strings.Join(keys, " "); !s.seen[key] {
		s.seen[key] = true
		s.found = append(s.found, st)
	}
}

// ways tells what was found in the words of the policy.
func (s *waySearch) ways() []Way {
	f := facts{in: s.in}
	var out []Way
	for _, st := range s.found {
		way := Way{Changes: len(st.choices), With: st.in}
		for _, c := range st.choices {
			l := &s.lists[c.list]
			if l.criteria[c.criterion].holds(f) == c.wanted {
				continue
			}
			way.Lacks = append(way.Lacks, Lack{l.criteria[c.criterion].at(l.list.criteria[c.criterion].pos).trace(f), c.wanted, l.effect, l.pos})
		}
		out = append(out, way)
	}
	return out
}

// at is the criterion as it stands in another place.
func (c *wayCriterion) at(pos Position) *criterion {
	out := *c.criterion
	out.pos = pos
	return &out
}
