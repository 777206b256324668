package policy

import (
	"fmt"
)

// Program is a compiled policy. Safe for concurrent use. Programs of equal
// policies made by one Compiler share their code.
type Program struct {
	code   *code
	rules  []*Rule
	policy *Policy
}

// code is what decides, without places. Rules are numbered in file order.
type code struct {
	allow, deny []codeList
	// mail says that a leaf needs the e-mail, stepUp that a new sign-in can make
	// one hold.
	mail, stepUp bool
	// full is the same with rules in shadow counted; nil: there are none.
	full *code
}

type codeList struct {
	op     Operator
	rule   int
	leaves []leaf
}

// leaf is one criterion, ready to be asked.
type leaf struct {
	ask    question
	person bool
	ok, no Reason
	why    func(facts, bool) Reason
	// wants is what a new sign-in would have to bring; nil: none helps.
	wants *SignIn
}

// Compile turns a policy into a program. A nil policy compiles to one that
// denies everybody; a policy in which Parse found problems does not compile.
func Compile(p *Policy) (*Program, error) { return new(Compiler).Compile(p) }

// Compiler compiles many policies, each distinct one once. The zero value is
// ready. Not safe for concurrent use; programs do not need it afterwards.
type Compiler struct {
	codes map[string]*code
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
			c.codes = make(map[string]*code)
		}
		c.codes[key] = compile(p)
	}
	return &Program{code: c.codes[key], rules: p.rules, policy: p}, nil
}

func compile(p *Policy) *code {
	out := compileLists(fold(p, false))
	if p.shadows() {
		out.full = compileLists(fold(p, true))
		out.mail = out.full.mail
	}
	return out
}

func compileLists(lists []foldedList) *code {
	out := &code{}
	for _, l := range lists {
		cl := codeList{op: l.op, rule: l.rule, leaves: make([]leaf, len(l.criteria))}
		for i, c := range l.criteria {
			cl.leaves[i] = compileCriterion(c)
			out.mail, out.stepUp = out.mail || c.kind.mail, out.stepUp || c.kind.stepUp
		}
		if l.effect == Allow {
			out.allow = append(out.allow, cl)
		} else {
			out.deny = append(out.deny, cl)
		}
	}
	return out
}

func compileCriterion(c *criterion) leaf {
	l := leaf{ask: c.kind.compile(c), person: c.kind.person, ok: c.kind.ok, no: c.kind.no, why: c.kind.why}
	if c.kind.stepUp {
		l.wants = c.wants()
	}
	return l
}
