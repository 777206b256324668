package policy

import "slices"

// Asked is what a policy asks the directory, by the names that it uses, each once.
type Asked struct {
	Groups     []string // ids or names
	Apps       []string // ids or labels
	Attributes []string // of the profile
	// Status is true where it asks for the status.
	Status bool
}

// Any reports whether the directory is asked for anything.
func (a *Asked) Any() bool {
	return a != nil && (a.Status || len(a.Groups)+len(a.Apps)+len(a.Attributes) > 0)
}

// AsksDirectory returns what the policy asks the directory, in rules of either
// effect and by operators of either sense: what is not known would decide wrongly
// in both.
func (p *Policy) AsksDirectory() Asked {
	var a Asked
	for c := range p.criteria() {
		a.add(c)
	}
	return a
}

// DecidesOn returns what of that decides: what rules in shadow ask is left out, or
// a fact that is in doubt would have them deny.
func (p *Policy) DecidesOn() Asked {
	var a Asked
	for c := range p.deciding() {
		a.add(c)
	}
	return a
}

func (a *Asked) add(c *criterion) {
	switch c.kind.name {
	case "groups":
		a.Groups = once(a.Groups, c.asked()...)
	case "app":
		a.Apps = once(a.Apps, c.asked()...)
	case "profile":
		a.Attributes = once(a.Attributes, c.path)
	case "user_status":
		a.Status = true
	}
}

// asked are the operands of all matchers.
func (c *criterion) asked() []string {
	var all []string
	for _, m := range c.matchers {
		all = append(all, textsOf(m.operands)...)
	}
	return all
}

func once(all []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
