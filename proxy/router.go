package proxy

import (
	"fmt"
	"strings"

	"sallyport/config"
)

// Outcome says what became of a match. The zero value is a refusal.
type Outcome uint8

// The outcomes of Router.Match.
const (
	BadHost Outcome = iota // no host at all: 400
	NoHost                 // a host of no route: 404
	NoPath                 // a host of ours, but a path that no route of it matches: 404
	Found
)

// Router finds the route of a request: the host's own routes if there are any,
// else those of the most specific wildcard; among them the first in file order
// whose port and path fit. A host that is found never falls back to a wildcard.
//
// Its cost does not grow with the number of routes: hosts are in a map,
// wildcards in maps by the literal text around their stars, the paths of a host
// in a tree of bytes. Only regular expressions that share a literal beginning
// are tried one after another. Immutable.
type Router struct {
	exact map[string]*hostRoutes
	wild  *wildcards
}

// NewRouter indexes routes, whose order is file order. Routes of tunnels
// (tcp+https) are no matter of paths and are left out. A host that no request
// could name and a regular expression that is not anchored are errors.
func NewRouter(routes []*config.Route) (*Router, error) {
	for _, r := range routes {
		if isTunnel(r) {
			continue
		}
		if err := checkMatch(r); err != nil {
			return nil, fmt.Errorf("%s: route %s: %w", r.Position, r.ID, err)
		}
	}
	return buildRouter(routes), nil
}

// isTunnel recognises routes that carry no requests.
func isTunnel(r *config.Route) bool {
	return r.From.Scheme != "" && r.From.Scheme != "https" && r.From.Scheme != "http"
}

func checkMatch(r *config.Route) error {
	host := strings.ReplaceAll(cleanPattern(r.From.Host), "*", "x")
	if _, ok := CleanHost(host); !ok {
		return fmt.Errorf("from: %q is no host name", r.From.Host)
	}
	if r.Match.Regex != nil && !anchored(r.Match.Regex.String()) {
		return fmt.Errorf("regex: %q is not anchored at both ends", r.Match.Regex)
	}
	return nil
}

func buildRouter(routes []*config.Route) *Router {
	t := &Router{exact: map[string]*hostRoutes{}, wild: newWildcards()}
	var patterns []string
	byPattern := map[string][]*config.Route{}
	for _, r := range routes {
		if isTunnel(r) {
			continue
		}
		pattern := cleanPattern(r.From.Host)
		if byPattern[pattern] == nil {
			patterns = append(patterns, pattern)
		}
		byPattern[pattern] = append(byPattern[pattern], r)
	}
	for i, pattern := range patterns {
		if h := newHostRoutes(byPattern[pattern]); strings.Contains(pattern, "*") {
			t.wild.add(pattern, i, h)
		} else {
			t.exact[pattern] = h
		}
	}
	t.wild.sort()
	return t
}

// Match returns the route of a request for path (decoded and normalised) at
// host (as in the Host header, with or without port). It does not allocate.
func (t *Router) Match(host, path string) (*config.Route, Outcome) {
	var buf hostBuffer
	name, port, ok := cleanHost(host, &buf)
	if !ok {
		return nil, BadHost
	}
	paths := t.find(name, port)
	if paths == nil {
		return nil, NoHost
	}
	if route := paths.match(path); route != nil {
		return route, Found
	}
	return nil, NoPath
}

// Knows reports whether any route's public URL has that authority.
func (t *Router) Knows(host string) bool {
	var buf hostBuffer
	name, port, ok := cleanHost(host, &buf)
	return ok && t.find(name, port) != nil
}

// public reports whether the authority of a request is one that a browser may be
// sent to: a route of that host names the port, or ports has it. The Host of a
// request is the client's word, and a route without a port is found under every
// port; what listens there on the same host is not ours.
func (t *Router) public(host string, ports map[string]bool) bool {
	var buf hostBuffer
	name, port, ok := cleanHost(host, &buf)
	if !ok {
		return false
	}
	paths := t.find(name, port)
	return paths != nil && (paths.named || port == "" || ports[port])
}

// servesName reports whether some route has that host, on whatever port.
func (t *Router) servesName(name string) bool {
	return t.exact[name] != nil || t.wild.any([]byte(name))
}

func (t *Router) find(name []byte, port string) *pathIndex {
	if h, ok := t.exact[string(name)]; ok {
		if paths := h.on(port); paths != nil {
			return paths
		}
	}
	return t.wild.find(name, port)
}

// Hosts answers which public authorities there are.
type Hosts struct {
	router *Router
	ports  map[string]bool
}

// NewHosts indexes the hosts of routes that NewRouter accepts. ports are those of
// Options.
func NewHosts(routes []*config.Route, ports []string) *Hosts {
	return &Hosts{buildRouter(routes), portSet(ports)}
}

func portSet(ports []string) map[string]bool {
	set := map[string]bool{}
	for _, p := range ports {
		set[p] = true
	}
	return set
}

// Lookup returns the first route of an authority, with ok false if there is
// none, or if its port is none of ours.
func (h *Hosts) Lookup(hostport string) (route *config.Route, ok bool) {
	var buf hostBuffer
	name, port, ok := cleanHost(hostport, &buf)
	if !ok {
		return nil, false
	}
	paths := h.router.find(name, port)
	if paths == nil || !h.router.public(hostport, h.ports) {
		return nil, false
	}
	return paths.routes[0], true
}
