// Package review tells who may reach what: for each route the people who pass,
// why, and on which conditions. It asks the policies of a configuration about
// everybody in a directory at once; what a request or a token must bring is shown
// as a condition, never guessed.
package review

import (
	"slices"
	"strings"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

// Options choose what is told.
type Options struct {
	Route  string // name, id or public host of the only routes, "" for all
	Person string // id, e-mail or login of the only person, "" for all
}

// Entry is one person who may pass one route. An entry without a person stands
// for everybody, signed in or not.
type Entry struct {
	Route      string   `json:"route"`
	From       string   `json:"from"`
	Person     string   `json:"person"` // id, "*" for everybody
	Email      string   `json:"email"`
	Access     string   `json:"access"` // "allow" or "conditional"
	Conditions []string `json:"conditions"`
	Why        string   `json:"why"`
	Rule       string   `json:"rule"` // place of the criterion
}

// Review is who may reach what.
type Review struct {
	routes []*config.Route
	people []*identity.Person
	reach  []*policy.Reach
}

// New asks all policies of the chosen routes about the chosen people.
func New(routes []*config.Route, people []*identity.Person, o Options) *Review {
	r := &Review{}
	for _, route := range routes {
		if o.Route == "" || o.Route == route.Name || o.Route == route.ID || strings.EqualFold(o.Route, route.From.Host) {
			r.routes = append(r.routes, route)
		}
	}
	r.people = people
	if o.Person != "" {
		r.people = slices.DeleteFunc(slices.Clone(people), func(p *identity.Person) bool {
			return o.Person != p.ID && !strings.EqualFold(o.Person, p.Email) && !strings.EqualFold(o.Person, p.Login)
		})
	}
	crowd := policy.NewCrowd(r.people)
	for _, route := range r.routes {
		r.reach = append(r.reach, crowd.Reach(route.Policy))
	}
	return r
}

// Routes and People are how many were chosen.
func (r *Review) Routes() int { return len(r.routes) }

// People is how many people were chosen.
func (r *Review) People() int { return len(r.people) }

// Each tells every entry, route by route, until yield returns false.
func (r *Review) Each(yield func(Entry) bool) {
	for n, route := range r.routes {
		reach := r.reach[n]
		if reach.Public && !yield(Entry{
			Route: route.Name, From: publicURL(route), Person: "*", Access: publicAccess(route), Conditions: []string{},
			Why: "public: nobody need be signed in", Rule: rulePlace(route),
		}) {
			return
		}
		for i, p := range r.people {
			access, ok := reach.Of(i)
			if !ok {
				continue
			}
			e := Entry{
				Route: route.Name, From: publicURL(route), Person: p.ID, Email: p.Email, Access: "allow",
				Conditions: access.Conditions, Why: access.Why, Rule: access.Position.String(),
			}
			if !access.Sure {
				e.Access = "conditional"
			}
			if e.Conditions == nil {
				e.Conditions = []string{}
			}
			if !yield(e) {
				return
			}
		}
	}
}

// publicAccess is sure only where a policy has nothing but "accept".
func publicAccess(r *config.Route) string {
	if r.Policy.String() == "allow accept" {
		return "allow"
	}
	return "conditional"
}

func rulePlace(r *config.Route) string {
	if rules := r.Policy.Rules(); len(rules) > 0 {
		return rules[0].Position.String()
	}
	return r.Position.String()
}

func publicURL(r *config.Route) string {
	out := r.From.Scheme + "://" + r.From.Host
	if r.From.Port != "" {
		out += ":" + r.From.Port
	}
	if r.Match.Path != "" {
		return out + r.Match.Path
	}
	return out + r.Match.Prefix
}
