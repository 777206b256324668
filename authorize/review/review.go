// Package review tells who may reach what: for each route the people who pass,
// why, and on which conditions. It asks the policies of a configuration about
// everybody in a directory at once; what a request or a token must bring is shown
// as a condition, never guessed.
//
//	review.go  New, Add, Each: one configuration and the people
//	write.go   as CSV and JSON
//	diff.go    two configurations and the same people
//
// Where the people come from is server's matter.
package review

import (
	"fmt"
	"strings"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

// Options choose what is told.
type Options struct {
	Route  string // name, id or public host of the only routes, "" for all
	Person string // id, e-mail or login of the only person, "" for all
	// Pins are the names of groups that mean one group each, as the directory has
	// them. One that is pinned to "" means several groups: a route that names it
	// lets nobody pass for who they are.
	Pins map[string]string
	// MayPass says of which status people may pass at all; nil:
	// identity.Status.MayPass.
	MayPass func(identity.Status) bool
}

// Source is where the people come from.
type Source struct {
	Name string    `json:"name"`
	AsOf time.Time `json:"as_of,omitzero"` // when they were last known to be so; zero: it was not said
}

// Entry is one person who may pass one route. An entry without a person stands
// for everybody, signed in or not.
type Entry struct {
	Route  string `json:"route"`
	From   string `json:"from"`
	Person string `json:"person"` // id, "*" for everybody
	Email  string `json:"email"`
	// Access is "allow" or "conditional", "none" for somebody who would pass only
	// if rules in shadow counted.
	Access     string   `json:"access"`
	Conditions []string `json:"conditions"`
	Why        string   `json:"why"`
	Rule       string   `json:"rule"` // place of the criterion
	// Shadow is what it would be if rules in shadow counted, "" for the same:
	// "shadow-allow", "shadow-deny", or "shadow-conditional: " and the conditions.
	Shadow string `json:"shadow,omitempty"`
}

// Review is who may reach what. Not safe for concurrent use.
type Review struct {
	o      Options
	routes []*config.Route
	names  []string // of all routes, chosen or not
	crowd  *policy.Crowd
	people []named
}

// named is what a review keeps of a person.
type named struct{ id, email string }

// New makes a review of the chosen routes, of nobody so far.
func New(routes []*config.Route, o Options) *Review {
	r := &Review{o: o}
	var policies []*policy.Policy
	for _, route := range routes {
		r.names = append(r.names, route.Name, route.From.Host)
		if o.Route == "" || o.Route == route.Name || o.Route == route.ID || strings.EqualFold(o.Route, route.From.Host) {
			r.routes = append(r.routes, route)
			policies = append(policies, route.Policy)
		}
	}
	r.crowd = policy.NewCrowd(policies...)
	r.crowd.MayPass = o.MayPass
	return r
}

// Add takes somebody in, if they were chosen. Nothing of p but its names is kept.
func (r *Review) Add(p *identity.Person) {
	if o := r.o.Person; o != "" && o != p.ID && !strings.EqualFold(o, p.Email) && !strings.EqualFold(o, p.Login) {
		return
	}
	r.crowd.Add(p)
	r.people = append(r.people, named{p.ID, p.Email})
}

// Empty is an error that says which choice leaves nothing to tell, nil if none
// does.
func (r *Review) Empty() error {
	switch {
	case r.o.Route != "" && len(r.routes) == 0:
		if near := policy.Nearest(r.o.Route, r.names); near != "" {
			return fmt.Errorf("no route is called %q: did you mean %q?", r.o.Route, near)
		}
		return fmt.Errorf("no route is called %q", r.o.Route)
	case r.o.Person != "" && len(r.people) == 0:
		return fmt.Errorf("nobody is called %q", r.o.Person)
	}
	return nil
}

// Unclear are the names of groups, of a route's policy, that mean several groups.
func (r *Review) Unclear(route *config.Route) []string {
	var names []string
	for _, ref := range route.Policy.UsesGroups() {
		if id, pinned := r.o.Pins[ref.Name]; pinned && id == "" {
			names = append(names, ref.Name)
		}
	}
	return names
}

// Warnings tell which routes let nobody pass because a name is unclear.
func (r *Review) Warnings() []string {
	var out []string
	for _, route := range r.routes {
		if names := r.Unclear(route); names != nil {
			out = append(out, fmt.Sprintf("route %s lets nobody pass: the group name %q means several groups; name the one you mean by its id", route.Name, names[0]))
		}
	}
	return out
}

// reach is who passes a route: nobody where there is none.
func (r *Review) reach(route *config.Route) *policy.Reach {
	if route == nil {
		return r.crowd.Reach(nil)
	}
	reach := r.crowd.Reach(route.Policy)
	if r.Unclear(route) != nil {
		nobody := r.crowd.Reach(nil)
		nobody.Public = reach.Public
		return nobody
	}
	return reach
}

// Routes is how many routes were chosen.
func (r *Review) Routes() int { return len(r.routes) }

// People is how many people were chosen.
func (r *Review) People() int { return len(r.people) }

// Each tells every entry, route by route, until yield returns false.
func (r *Review) Each(yield func(Entry) bool) {
	on := true
	for _, route := range r.routes {
		reach := r.reach(route)
		if how := route.Policy.Strangers(); how != nil {
			on = yield(everybody(route, how))
		}
		if on {
			reach.Each(func(i int, how *policy.Access) bool {
				on = yield(entry(route, how, r.people[i]))
				return on
			})
		}
		if !on {
			return
		}
	}
}

// everybody is how those pass who are not signed in.
func everybody(route *config.Route, how *policy.Access) Entry {
	const why = "public: nobody need be signed in"
	e := entry(route, how, named{id: "*"})
	e.Why, e.Rule = why, rulePlace(route)
	return e
}

func entry(route *config.Route, how *policy.Access, p named) Entry {
	e := Entry{
		Route: route.Name, From: publicURL(route), Person: p.id, Email: p.email, Access: "allow",
		Conditions: how.Conditions, Why: how.Why, Rule: how.Position.String(), Shadow: shadow(how.Shadow),
	}
	switch {
	case !how.May:
		e.Access, e.Why, e.Rule = "none", how.Shadow.Why, how.Shadow.Position.String()
	case !how.Sure:
		e.Access = "conditional"
	}
	if e.Conditions == nil {
		e.Conditions = []string{}
	}
	return e
}

func shadow(how *policy.Access) string {
	switch {
	case how == nil:
		return ""
	case !how.May:
		return policy.ShadowDeny.String()
	case how.Sure:
		return policy.ShadowAllow.String()
	}
	return "shadow-conditional: " + strings.Join(how.Conditions, "; ")
}

func rulePlace(r *config.Route) string {
	if rules := r.Policy.Rules(); len(rules) > 0 {
		return rules[0].Position.String()
	}
	return r.Position.String()
}

// publicURL tells a route apart from others: where it begins, and the expression of
// its paths.
func publicURL(r *config.Route) string {
	out := r.From.Scheme + "://" + r.From.Host
	if r.From.Port != "" {
		out += ":" + r.From.Port
	}
	if r.Match.Path != "" {
		out += r.Match.Path
	} else {
		out += r.Match.Prefix
	}
	if r.Match.Regex != nil {
		out += " ~ " + r.Match.Expression()
	}
	return out
}
