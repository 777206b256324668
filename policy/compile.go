package policy

import (
	"fmt"
	"slices"
)

// Program is a compiled policy. Safe for concurrent use. Programs of equal
// policies made by one Compiler share their code.
type Program struct {
	code   *code
	rules  []*Rule
	policy *Policy
}

// code is what decides, without places. Rules are numbered in file order. It is
// kept small and in one piece, and leaves are shared with other programs: most of
// a decision's time goes into memory that was not in the cache.
type code struct {
	// lists are those that allow, then those that deny, and leaves those of the
	// first list, then of the second, and so on.
	lists  []codeList
	leaves []*leaf
	// allows is how many of lists allow.
	allows int32
	// stepUp says that a new sign-in can make a leaf hold.
	stepUp bool
	// full is the same with rules in shadow counted; nil: there are none.
	full *code
}

// codeList is a list of criteria: the leaves from that of number from on and
// before number to.
type codeList struct {
	from, to int32
	rule     int32
	op       Operator
	// held and failed are the reasons of criteria that hold, or do not, whatever
	// the input: these have no leaves.
	held, failed ReasonSet
}

// leaf is one criterion, ready to be asked.
type leaf struct {
	ask question
	// wants is what a new sign-in would have to bring; nil: none helps.
	wants *SignIn
	why   func(facts, bool) Reason
	// person says that it does not hold for nobody.
	person bool
	ok, no Reason
}

// Compile turns a policy into a program. A nil policy compiles to one that
// denies everybody; a policy in which Parse found problems does not compile.
func Compile(p *Policy) (*Program, error) { return new(Compiler).Compile(p) }

// Compiler compiles many policies, each distinct one and each distinct criterion
// once. The zero value is ready. Not safe for concurrent use; programs do not need
// it afterwards.
type Compiler struct {
	codes  map[string]*code
	leaves map[string]*leaf
}

// Compile is as the function Compile.
func (c *Compiler) Compile(p *Policy) (*Program, error) {
	if p == nil {
		p = &Policy{}
	}
	if p.broken {
		return nil, fmt.Errorf("policy has problems and cannot decide")
	}
	key := p.key()
	if c.codes[key] == nil {
		if c.codes == nil {
			c.codes, c.leaves = make(map[string]*code), make(map[string]*leaf)
		}
		c.codes[key] = c.compile(p)
	}
	return &Program{code: c.codes[key], rules: p.rules, policy: p}, nil
}

func (c *Compiler) compile(p *Policy) *code {
	out := c.lists(fold(p, false))
	if p.shadows() {
		out.full = c.lists(fold(p, true))
	}
	return out
}

// lists compiles the lists, those that allow first.
func (c *Compiler) lists(all []foldedList) *code {
	out := &code{lists: make([]codeList, 0, len(all))}
	for _, effect := range []Effect{Allow, Deny} {
		for _, l := range all {
			if l.effect == effect {
				c.list(out, l)
			}
		}
		if effect == Allow {
			out.allows = int32(len(out.lists))
		}
	}
	out.leaves = slices.Clip(slices.Clone(out.leaves))
	return out
}

func (c *Compiler) list(out *code, l foldedList) {
	list := codeList{from: int32(len(out.leaves)), rule: int32(l.rule), op: l.op}
	for _, k := range l.criteria {
		if k.kind.fixed {
			list.note(k.kind)
			continue
		}
		out.leaves = append(out.leaves, c.leaf(k))
		out.stepUp = out.stepUp || k.kind.stepUp
	}
	list.to = int32(len(out.leaves))
	out.lists = append(out.lists, list)
}

// note keeps the reason, which is one only, of a criterion whose answer is the
// same for every input.
func (l *codeList) note(k *kind) {
	if k.answer != l.op.inverts() {
		l.held |= 1 << k.ok
	} else {
		l.failed |= 1 << k.ok
	}
}

// leaf compiles a criterion, or returns what was made of an equal one.
func (c *Compiler) leaf(k *criterion) *leaf {
	key := k.key()
	l := c.leaves[key]
	if l == nil {
		l = compileCriterion(k)
		c.leaves[key] = l
	}
	return l
}

func compileCriterion(c *criterion) *leaf {
	l := &leaf{
		ask: c.kind.compile(c), why: c.kind.why, person: c.kind.person, ok: c.kind.ok, no: c.kind.no,
	}
	if c.kind.stepUp {
		l.wants = c.wants()
	}
	return l
}
