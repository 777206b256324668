package authorize

import (
	"slices"
	"strings"

	"sallyport/policy"
)

// maxFacts bounds how many facts a record names.
const maxFacts = 5

// directoryKinds are the criteria that the directory answers.
var directoryKinds = []string{"groups", "app", "profile", "user_status"}

// lacked names what of the directory a denial goes by: what the person would have
// to be, and is not. It says what rules want, not what else is known of somebody.
func (a *Authorizer) lacked(r *Record) []string {
	d := &r.Decision
	switch {
	case d.Effect != policy.Deny, r.Session == nil, a.directory == nil:
		return nil
	case d.DenyReasons.Has(policy.ReasonUserUnknown):
		return []string{"not in the directory"}
	case d.DenyReasons.Has(policy.ReasonUserInactive):
		if p := a.directory.Person(r.Session.Subject.ID); p != nil {
			return []string{"status " + string(p.Status)}
		}
		return nil
	case d.DenyReasons.Has(policy.ReasonDirectoryStale), d.DenyReasons.Has(policy.ReasonDirectoryUnclear):
		return nil // no fact is known for certain
	case r.Person == nil, a.asked[r.Route] == nil:
		return nil
	}
	in := &policy.Input{Now: a.now(), Request: r.Request, Subject: &r.Session.Subject, Person: r.Person}
	var facts []string
	for _, rule := range a.programs[r.Route].Trace(in).Rules {
		deny := rule.Rule.Effect == policy.Deny
		if rule.Rule.Shadow || !deny && d.AllowHolds {
			continue
		}
		for _, l := range rule.Lists {
			if l.Holds == deny {
				facts = append(facts, wrong(l, deny)...)
			}
		}
	}
	return facts[:min(len(facts), maxFacts)]
}

// wrong are the facts that make a list hold, or keep it from holding.
func wrong(l policy.ListTrace, holds bool) []string {
	inverted := l.Operator == policy.Not || l.Operator == policy.Nor
	var facts []string
	for _, c := range l.Criteria {
		kind, _, _ := strings.Cut(c.Name, "/")
		if !slices.Contains(directoryKinds, kind) || (c.Holds != inverted) != holds {
			continue
		}
		fact := strings.TrimSpace(c.Name + " " + c.Wanted)
		if !c.Holds {
			fact = "not " + fact
		}
		facts = append(facts, fact)
	}
	return facts
}
