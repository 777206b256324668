package proxy

import (
	"sallyport/config"
)

// Finder tells on paper what requests meet: it reads targets and finds routes as
// a Handler of the same configuration does, and serves nothing.
type Finder struct {
	router *Router
	paths  paths
}

// NewFinder indexes routes that NewRouter accepts.
func NewFinder(routes []*config.Route, hygiene config.Hygiene) (*Finder, error) {
	router, err := NewRouter(routes)
	if err != nil {
		return nil, err
	}
	rules, err := newPaths(hygiene)
	if err != nil {
		return nil, err
	}
	return &Finder{router, rules}, nil
}

// Find returns the route of a request for target ("/a?b") at host, nil where
// there is none, with the path that policies see and the query. A target that
// the proxy refuses before it looks for a route is an error.
func (f *Finder) Find(host, target string) (route *config.Route, path, query string, err error) {
	t, err := f.paths.read(target)
	if err != nil {
		return nil, "", "", err
	}
	route, _ = f.router.Match(host, t.match)
	return route, t.match, t.query, nil
}
