package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/internal/nearest"
)

// routes reads all routes and what must hold between them.
func (l *loader) routes(g *globals, said given) {
	if !g.routes.given() {
		l.warn(l.start(), "give routes: each names a public URL (from) and an upstream (to)", "routes: there are none")
		return
	}
	list, ok := l.routeList(g.routes)
	if !ok {
		return
	}
	var drafts []*draft
	for _, item := range list {
		if d := l.route(g, item); d != nil {
			drafts = append(drafts, d)
		}
	}
	drafts = l.withoutAuthenticateRoute(g, said, drafts)
	if g.exactPorts {
		exactPorts(drafts)
	}
	l.checkTwins(drafts)
	l.checkShadows(drafts)
	l.lint(drafts)
	l.checkDependencies(g, drafts)
	l.noteWildcards(g, drafts)
	l.noteIdentity(drafts)
	for _, d := range drafts {
		l.cfg.Routes = append(l.cfg.Routes, d.Route)
	}
}

// routeList is the list of routes; in the environment base64 of YAML.
func (l *loader) routeList(v value) ([]value, bool) {
	if v.fromEnvironment() {
		text, err := decode64(v.n.Value)
		if err != nil {
			v.fail("make it with: base64 -w0 routes.yaml", "expected base64 of a YAML list of routes")
			return nil, false
		}
		var ok bool
		if v, ok = v.document(text); !ok {
			return nil, false
		}
	}
	if v.n.Kind != yaml.SequenceNode {
		v.expected("a list of routes", "each begins with \"- from: ...\"")
		return nil, false
	}
	list, ok := v.list()
	for i := range list {
		list[i].name = fmt.Sprintf("route %d", i+1)
	}
	return list, ok
}

// withoutAuthenticateRoute refuses routes on the authenticate host, but for the
// one that Pomerium needs when its services are separate: that is left out.
func (l *loader) withoutAuthenticateRoute(g *globals, said given, drafts []*draft) []*draft {
	if g.Authenticate.URL == nil {
		return drafts
	}
	internal := ""
	if v := said["authenticate_internal_service_url"]; v.given() {
		internal = strings.TrimSuffix(v.n.Value, "/")
	}
	out := drafts[:0]
	for _, d := range drafts {
		from := d.said["from"]
		if d.From.Host != g.Authenticate.URL.Hostname() || !from.given() {
			out = append(out, d)
			continue
		}
		if len(d.To) == 1 && internal != "" && strings.TrimSuffix(d.To[0].URL.String(), "/") == internal {
			from.warn("remove the route", "the authenticate host is served by the proxy itself: the route is left out")
			continue
		}
		from.fail("give the application a host of its own", "%s is the host of authenticate_service_url, which the proxy serves itself", d.From.Host)
	}
	return out
}

// exactPorts makes routes without a port mean their scheme's own.
func exactPorts(drafts []*draft) {
	for _, d := range drafts {
		if d.From.Port == "" && d.From.Scheme == "http" {
			d.From.Port = "80"
		} else if d.From.Port == "" {
			d.From.Port = "443"
		}
	}
}

// checkTwins refuses routes that match the same requests, and ids given twice.
func (l *loader) checkTwins(drafts []*draft) {
	byMatch, byID := map[string]*draft{}, map[string]*draft{}
	for _, d := range drafts {
		if !d.said["from"].given() || d.From.Host == "" {
			continue
		}
		match := strings.Join([]string{d.From.Host, d.From.Port, d.Match.Path, regexText(d.Match.Regex), strings.TrimPrefix(d.Match.Prefix, "/")}, "\x00")
		if first := byMatch[match]; first != nil {
			d.fail("join them, or tell them apart by prefix, path or regex", "the same requests as the route on line %d, so this one is never reached", first.Position.Line)
			continue
		}
		byMatch[match] = d
		if first := byID[d.ID]; first != nil {
			d.fail("give each route an id of its own, or none", "id %s is that of the route on line %d", shortQuote(d.ID), first.Position.Line)
		}
		byID[d.ID] = d
	}
}

// checkShadows warns of routes that an earlier one of the same host leaves
// nothing to.
func (l *loader) checkShadows(drafts []*draft) {
	type opening struct{ host, port, prefix string }
	earlier := map[opening]*draft{} // routes that take all that begins with a prefix
	for _, d := range drafts {
		start := startOf(d)
		for n := 1; n <= len(start); n++ {
			e := earlier[opening{d.From.Host, "", start[:n]}]
			if e == nil {
				e = earlier[opening{d.From.Host, d.From.Port, start[:n]}]
			}
			if e != nil && e.Match != d.Match {
				l.warnOf(codeNeverReached, d.Position, "put it before that route: the first that matches is taken",
					"never reached: the route on line %d takes every path that begins with %s", e.Position.Line, prefixOf(e))
				break
			}
		}
		if d.Match.Path == "" && (d.Match.Regex == nil || everyPath(d.Match.Regex)) {
			earlier[opening{d.From.Host, d.From.Port, prefixOf(d)}] = d
		}
	}
}

// startOf is what all paths of a route begin with.
func startOf(d *draft) string {
	if d.Match.Path != "" {
		return d.Match.Path
	}
	start := prefixOf(d)
	if d.Match.Regex != nil {
		if literal := literalStart(d.Match.Regex.String()); strings.HasPrefix(literal, start) {
			return literal
		}
	}
	return start
}

func prefixOf(d *draft) string {
	if d.Match.Prefix == "" {
		return "/"
	}
	return d.Match.Prefix
}

// maxDependencies is how many hosts a sign-in may take along.
const maxDependencies = 5

func (l *loader) checkDependencies(g *globals, drafts []*draft) {
	for _, d := range drafts {
		v := d.said["depends_on"]
		if !v.given() {
			continue
		}
		if len(d.DependsOn) > maxDependencies {
			v.fail("name those whose scripts are called first; the others sign in when they are opened", "expected %d hosts at most, got %d", maxDependencies, len(d.DependsOn))
		}
		items, _ := v.list()
		for i, item := range items {
			if i < len(d.DependsOn) {
				d.DependsOn[i] = l.dependency(g, drafts, d, item)
			}
		}
	}
}

// dependency is one host of depends_on, which must be that of a route.
func (l *loader) dependency(g *globals, drafts []*draft, d *draft, v value) string {
	s, ok := v.word()
	if !ok {
		return ""
	}
	if rest, found := strings.CutPrefix(s, "https://"); found {
		v.fail("write "+strings.TrimSuffix(rest, "/"), "expected a host, got a URL")
		return ""
	}
	host := strings.ToLower(s)
	bareHost, _, _ := strings.Cut(host, ":")
	if g.Authenticate.URL != nil && bareHost == g.Authenticate.URL.Hostname() {
		v.fail("leave it out: it is part of every sign-in", "%q is the authenticate host", s)
		return ""
	}
	var hosts []string
	for _, other := range drafts {
		if patternCovers(other.From.Host, bareHost) {
			return host
		}
		hosts = append(hosts, other.From.Host)
	}
	hint := ""
	if near := nearest.To(bareHost, hosts); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	v.fail(hint, "there is no route for host %q", s)
	return ""
}
