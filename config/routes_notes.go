package config

import "strings"

// noteWildcards says what hosts with "*" stand for.
func (l *loader) noteWildcards(g *globals, drafts []*draft) {
	told := map[string]bool{}
	for _, d := range drafts {
		if !strings.Contains(d.From.Host, "*") || told[d.From.Host] {
			continue
		}
		told[d.From.Host] = true
		v := d.said["from"]
		v.warn("if that is too much, write one route for each host", "* is any text, dots included: %s, and not the name without that part", strings.ReplaceAll(d.From.Host, "*", "a.b"))
		if g.Authenticate.URL != nil && patternCovers(d.From.Host, g.Authenticate.URL.Hostname()) {
			v.warn("nothing to do, unless an application was meant to live there", "the authenticate host %s is not part of it", g.Authenticate.URL.Hostname())
		}
	}
}

// fewRoutes is how many routes are noted one by one.
const fewRoutes = 3

// noteIdentity tells which upstreams will not learn who is there.
func (l *loader) noteIdentity(drafts []*draft) {
	var silent []*draft
	for _, d := range drafts {
		if len(d.To) > 0 && !d.PassIdentityHeaders && !d.access.legacy.AllowPublic.On {
			silent = append(silent, d)
		}
	}
	const hint = "set pass_identity_headers: true, for the route or for all, where the application is to know who is there"
	if len(silent) <= fewRoutes {
		for _, d := range silent {
			l.warn(d.Position, hint, "route %s passes no identity headers", d.From.Host)
		}
		return
	}
	hosts := make([]string, fewRoutes)
	for i := range hosts {
		hosts[i] = silent[i].From.Host
	}
	l.warn(silent[0].Position, hint, "%d routes pass no identity headers: %s and %d more", len(silent), strings.Join(hosts, ", "), len(silent)-fewRoutes)
}
