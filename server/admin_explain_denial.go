package server

import (
	"sallyport/authorize"
	"sallyport/config"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
)

// detailsRoute stands for error_details_policy where routes are asked about; nil
// where there is none.
func detailsRoute(cfg *config.Config) *config.Route {
	if cfg.ErrorDetails == nil {
		return nil
	}
	return &config.Route{ID: "error_details_policy", Name: "error_details_policy", Policy: cfg.ErrorDetails}
}

// trace returns what tells somebody how they were denied: nil where nobody may
// know. Whoever may must be signed in, count for the directory, and pass
// error_details_policy by the same request.
func (g *generation) trace() func(*config.Route, *session.Session, policy.Request) *weberr.Trace {
	if g.details == nil {
		return nil
	}
	return func(route *config.Route, s *session.Session, req policy.Request) *weberr.Trace {
		if s == nil {
			return nil
		}
		if d, _ := g.authz.Check(g.details, s, req); d.Effect != policy.Allow || d.Anonymous {
			return nil
		}
		return shown(g.authz.Explain(route, s, req))
	}
}

// shown is an explanation as a page shows it.
func shown(e authorize.Explanation) *weberr.Trace {
	out := &weberr.Trace{Change: e.Change, DirectoryAge: e.Who.Age, Rules: []weberr.TraceRule{}}
	for _, r := range e.Rules {
		rule := weberr.TraceRule{Effect: r.Effect, Position: r.Position, Holds: r.Holds, Shadow: r.Shadow, Lists: []weberr.TraceList{}}
		for _, l := range r.Lists {
			list := weberr.TraceList{Operator: l.Operator, Position: l.Position, Holds: l.Holds, Criteria: []weberr.TraceCriterion{}}
			for _, c := range l.Criteria {
				list.Criteria = append(list.Criteria, weberr.TraceCriterion(c))
			}
			rule.Lists = append(rule.Lists, list)
		}
		out.Rules = append(out.Rules, rule)
	}
	return out
}
