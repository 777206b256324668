package proxy

import (
	"sallyport/config"
	"sallyport/internal/weberr"
)

// Finder tells on paper what requests meet: it reads targets and finds routes as
// a Handler of the same configuration does, and serves nothing.
type Finder struct {
	gate gate
}

// NewFinder indexes routes that NewRouter accepts.
func NewFinder(routes []*config.Route, hygiene config.Hygiene) (*Finder, error) {
	g, err := newGate(hygiene)
	if err != nil {
		return nil, err
	}
	if g.router, err = NewRouter(routes); err != nil {
		return nil, err
	}
	return &Finder{g}, nil
}

// Find returns the route of a request for target ("/a?b") at host, nil where
// there is none, with the path that policies see and the query. A target that
// the proxy refuses before it looks for a route is an error.
func (f *Finder) Find(host, target string) (route *config.Route, path, query string, err error) {
	t, err := f.gate.paths.read(target)
	if err != nil {
		return nil, "", "", err
	}
	if route, _ = f.gate.router.Match(host, t.match); route != nil {
		if err := f.gate.checkParameters(host, t, route); err != nil {
			return nil, "", "", weberr.As(err).Err
		}
	}
	return route, t.match, t.query, nil
}

// Readings are what servers may read in place of a path that Find returned.
func (f *Finder) Readings(path string) []string { return f.gate.readings(path) }
