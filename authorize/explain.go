package authorize

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// Explanation is a decision told to an operator, and how it travels over the
// admin socket. It holds facts about a person: show it only to those who may
// know them.
type Explanation struct {
	// Decision is "allow", "deny", "unauthenticated" or "step-up".
	Decision string `json:"decision"`
	// Reasons are those of allow and deny together, sorted.
	Reasons []string `json:"reasons"`
	Allow   Verdict  `json:"allow"`
	Deny    Verdict  `json:"deny"`
	// Rule is the place of the rule that decided, "" if nothing allows.
	Rule    string      `json:"rule,omitempty"`
	Shadow  *ToldShadow `json:"shadow,omitempty"`
	Route   *ToldRoute  `json:"route"` // null where no route matches
	Who     ToldPerson  `json:"who"`
	Request ToldRequest `json:"request"`
	Change  []string    `json:"change,omitempty"` // the smallest change that would let them in
	Advice  []string    `json:"advice,omitempty"` // what the policy's authors say to those it keeps out
	Notes   []string    `json:"notes,omitempty"`
	Rules   []ToldRule  `json:"rules,omitempty"`
	// Config is the hash of the configuration that decides, "" on paper.
	Config string `json:"config,omitempty"`
}

// Verdict is what the rules of one effect came to.
type Verdict struct {
	Holds   bool     `json:"holds"`
	Reasons []string `json:"reasons"`
}

// ToldShadow is what the decision would have been had rules in shadow counted.
type ToldShadow struct {
	Decision string `json:"decision"` // "shadow-allow" or "shadow-deny"
	Rule     string `json:"rule,omitempty"`
}

// ToldRoute is the route that was matched.
type ToldRoute struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Position string `json:"position,omitempty"`
}

// ToldPerson is who asked: an empty Subject is nobody signed in.
type ToldPerson struct {
	Subject string   `json:"subject,omitempty"`
	Email   string   `json:"email,omitempty"`
	Status  string   `json:"status,omitempty"` // "" where the directory does not know them
	Groups  []string `json:"groups,omitempty"` // names, ids where there is none
	// Age is how old that is, as "12s"; "" where it cannot be said.
	Age string `json:"directory_age,omitempty"`
}

// ToldRequest is what was asked for.
type ToldRequest struct {
	Method string `json:"method"`
	Host   string `json:"host,omitempty"`
	Path   string `json:"path"`
	IP     string `json:"ip,omitempty"`
}

// ToldRule is one rule of the policy with what it came to.
type ToldRule struct {
	Effect   string     `json:"effect"`
	Position string     `json:"position"`
	Holds    bool       `json:"holds"`
	Shadow   bool       `json:"shadow,omitempty"`
	Lists    []ToldList `json:"lists"`
}

// ToldList is the criteria under one operator.
type ToldList struct {
	Operator string          `json:"operator"`
	Position string          `json:"position"`
	Holds    bool            `json:"holds"`
	Criteria []ToldCriterion `json:"criteria"`
}

// ToldCriterion is one criterion: Holds is its own value, before "not" and "nor".
type ToldCriterion struct {
	Name     string   `json:"name"`
	Position string   `json:"position"`
	Holds    bool     `json:"holds"`
	Reason   string   `json:"reason"`
	Wanted   string   `json:"wanted,omitempty"`
	Had      []string `json:"had,omitempty"`
}

// Explain decides as Check does and tells how, without a record.
func (a *Authorizer) Explain(route *config.Route, s *session.Session, req policy.Request) Explanation {
	trace, in := a.trace(route, s, req)
	d := trace.Decision
	e := tell(trace, req)
	if route != nil {
		e.Route = &ToldRoute{ID: route.ID, Name: route.Name, Position: place(route.Position)}
	}
	if s != nil {
		e.Who = ToldPerson{Subject: s.Subject.ID, Email: s.Subject.Email}
		if a.directory != nil {
			person := a.directory.Person(s.Subject.ID)
			e.known(person)
			if person != nil && a.age != nil {
				if age, ok := a.age(person.ID); ok {
					e.Who.Age = age.Round(time.Second).String()
				}
			}
			if doubt := cmp.Or(a.doubted(person, a.asked[route]), a.doubted(person, a.shadowed[route])); doubt != nil {
				e.Notes = append(e.Notes, doubt.Why)
			}
		}
	}
	e.Change = change(d, a.programs[route], in, e.Who)
	if route != nil {
		for _, a := range route.Policy.AdviceOn(d) {
			e.Advice = append(e.Advice, strings.TrimSpace(a.Explanation+" "+a.Remediation))
		}
	}
	return e
}

// Trace is Check with every step. Of somebody whose session does not count the
// steps are those of a stranger.
func (a *Authorizer) Trace(route *config.Route, s *session.Session, req policy.Request) policy.Trace {
	trace, _ := a.trace(route, s, req)
	return trace
}

// trace is Trace with the input it is of.
func (a *Authorizer) trace(route *config.Route, s *session.Session, req policy.Request) (policy.Trace, *policy.Input) {
	d, person := a.Check(route, s, req)
	in := &policy.Input{Now: a.now(), Request: req}
	if s != nil && !d.Anonymous {
		in.Subject, in.Person = &s.Subject, person
	}
	trace := a.programs[route].Trace(in)
	trace.Decision = d
	return trace, in
}

// known adds what the directory knows of the person.
func (e *Explanation) known(p *identity.Person) {
	if p == nil {
		return
	}
	e.Who.Email, e.Who.Status = p.Email, string(p.Status)
	for _, g := range p.Groups {
		name := g.Name
		if name == "" {
			name = g.ID
		}
		e.Who.Groups = append(e.Who.Groups, name)
	}
}

// tell puts a trace into words that need no program to read.
func tell(t policy.Trace, req policy.Request) Explanation {
	d := t.Decision
	e := Explanation{
		Decision: d.Effect.String(), Reasons: reasonNames(d.AllowReasons | d.DenyReasons),
		Allow: Verdict{d.AllowHolds, reasonNames(d.AllowReasons)}, Deny: Verdict{d.DenyHolds, reasonNames(d.DenyReasons)},
		Request: ToldRequest{Method: req.Method, Host: req.Host, Path: req.Path, IP: address(req.IP)},
	}
	if d.Rule != nil {
		e.Rule = place(d.Rule.Position)
	}
	if d.Shadow != policy.ShadowNone {
		e.Shadow = &ToldShadow{Decision: d.Shadow.String()}
		if d.ShadowRule != nil {
			e.Shadow.Rule = place(d.ShadowRule.Position)
		}
	}
	for _, r := range t.Rules {
		rule := ToldRule{Effect: r.Rule.Effect.String(), Position: place(r.Rule.Position), Holds: r.Holds, Shadow: r.Rule.Shadow, Lists: []ToldList{}}
		for _, l := range r.Lists {
			if len(l.Criteria) > 0 {
				rule.Lists = append(rule.Lists, tellList(l))
			}
		}
		e.Rules = append(e.Rules, rule)
	}
	return e
}

func tellList(l policy.ListTrace) ToldList {
	out := ToldList{Operator: l.Operator.String(), Position: place(l.Position), Holds: l.Holds}
	for _, c := range l.Criteria {
		out.Criteria = append(out.Criteria, ToldCriterion{
			Name: c.Name, Position: place(c.Position), Holds: c.Holds, Reason: c.Reason.String(), Wanted: c.Wanted, Had: c.Had,
		})
	}
	return out
}

func reasonNames(set policy.ReasonSet) []string {
	if names := set.Names(); names != nil {
		return names
	}
	return []string{}
}

// place is a position as editors read it; "" for none.
func place(p policy.Position) string { return strings.TrimPrefix(p.String(), ":") }

func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}
