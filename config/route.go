package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// draft is a Route being read: what other keys have a say in waits beside it.
type draft struct {
	*Route
	at     value // the route's node
	said   given
	pass   *bool
	issuer string
	client pemPair // tls_client_cert and tls_client_key
	access access
	// certificateHeaders are headers that a client certificate is told in.
	certificateHeaders []value
}

var routeTable = newTable("a route", inertRouteKeys,
	nameKeys, matchKeys, destinationKeys, policyKeys, answerKeys, rewriteKeys, routeHeaderKeys, timeKeys, routeIdentityKeys, tlsKeys)

var nameKeys = []key[draft]{
	works("id", textKind, func(d *draft) *string { return &d.ID },
		"Names the route in logs and metrics for good.").unset("a hash of what it matches and where it leads"),
	works("name", textKind, func(d *draft) *string { return &d.Name }, "Names it for people.").unset("its id"),
	works("description", textKind, func(d *draft) *string { return &d.Description }, "Says what it is, for people."),
	works("logo_url", textKind, func(d *draft) *string { return &d.LogoURL }, "A picture for it."),
}

var timeKeys = []key[draft]{
	works("timeout", optional(durationKind), func(d *draft) **time.Duration { return &d.Timeout },
		"How long the upstream may take to answer. 0 is no limit.").
		unset("`default_upstream_timeout`; no limit with allow_websockets, allow_spdy or idle_timeout"),
	works("idle_timeout", optional(durationKind), func(d *draft) **time.Duration { return &d.IdleTimeout },
		"How long an answer may pause. 0 is no limit.").unset("5m; no limit for WebSockets"),
	works("connect_timeout", positiveKind, func(d *draft) *time.Duration { return &d.ConnectTimeout },
		"How long connecting to the upstream may take.").def("5s").ours(),
	works("allow_websockets", boolKind, func(d *draft) *bool { return &d.WebSockets }, "Lets WebSockets through. Where a session counts, those of pages of other origins are refused, unless `cors` lists the origin.").def("false"),
	works("allow_spdy", boolKind, func(d *draft) *bool { return &d.SPDY }, "Lets SPDY upgrades through, for kubectl exec.").def("false"),
	works("allow_upgrades", upgradesKind, func(d *draft) *[]string { return &d.Upgrades }, "Further tokens of the Upgrade header to let through."),
}

var routeIdentityKeys = []key[draft]{
	works("pass_identity_headers", optional(boolKind), func(d *draft) **bool { return &d.pass },
		"Sends the upstream who is there.").unset("the global key"),
	works("jwt_groups_filter", groupsFilterKind, func(d *draft) *[]string { return &d.GroupsFilter },
		"The only groups that the upstream is told of, by id or by name, beside those of the global key.").unset("what the global key says"),
	works("jwt_issuer_format", issuerFormatKind, func(d *draft) *string { return &d.issuer },
		"What the assertion's iss is.").unset("the global key"),
	checked[draft]("bearer_token_format", bearerFormatKind, "Which bearer tokens count: the proxy's own only.").def("default"),
	works("idp_client_id", textKind, func(d *draft) *string { return &d.ClientID },
		"Another client of the same provider, with its own sessions.").unset("the global key"),
	works("idp_client_secret", textKind, func(d *draft) *string { return &d.ClientSecret },
		"Its secret.").unset("the global key").secret().file(),
	works("depends_on", textsKind, func(d *draft) *[]string { return &d.DependsOn },
		"Hosts of other routes to be signed in to at once, five at most, for pages that call them."),
}

// route reads one entry of routes; nil if it is not one.
func (l *loader) route(g *globals, v value) *draft {
	entries, ok := v.pairs()
	if !ok {
		return nil
	}
	d := &draft{Route: &Route{Position: v.position()}, at: v}
	d.said = decode(l, routeTable, d, entries)
	d.checkDestination()
	d.checkMatch(g.Hygiene)
	d.checkRewrite(g)
	d.checkTLS()
	d.checkTimes()
	d.checkIdentity(g)
	d.checkAccess(g)
	d.name()
	return d
}

// fail reports a problem of the route as a whole.
func (d *draft) fail(hint, format string, args ...any) {
	d.at.l.fail(d.Position, hint, format, args...)
}

// checkTimes lifts the time-out of routes that stream, as Pomerium does.
func (d *draft) checkTimes() {
	streams := d.WebSockets || d.SPDY || d.IdleTimeout != nil
	if d.Timeout == nil && streams {
		d.Timeout = new(time.Duration)
	}
}

// checkIdentity fills in what the global keys say.
func (d *draft) checkIdentity(g *globals) {
	d.PassIdentityHeaders = g.Identity.PassHeaders
	if d.pass != nil {
		d.PassIdentityHeaders = *d.pass
	}
	d.IssuerFormat = g.Identity.IssuerFormat
	if d.issuer != "" {
		d.IssuerFormat = d.issuer
	}
	d.GroupsFilter = slices.Concat(g.Identity.GroupsFilter, d.GroupsFilter)
	id, secret := d.said["idp_client_id"], d.said["idp_client_secret"]
	switch {
	case !id.given() && secret.given():
		secret.fail("add the idp_client_id that it belongs to", "given without idp_client_id")
	case id.given() && !secret.given() && d.ClientID != g.Provider.ClientID:
		id.fail("add the idp_client_secret of that client", "given without idp_client_secret")
	case d.ClientID == "" || d.ClientID == g.Provider.ClientID && !secret.given():
		d.ClientID, d.ClientSecret = g.Provider.ClientID, g.Provider.ClientSecret
	}
}

// name gives the route an id that stays the same whatever happens to others.
func (d *draft) name() {
	if d.ID == "" {
		h := sha256.New()
		fmt.Fprintf(h, "%q %q %q %q %q", d.From, d.Match.Prefix, d.Match.Path, regexText(d.Match.Regex), d.destination())
		d.ID = hex.EncodeToString(h.Sum(nil))[:16]
	}
	if d.Name == "" {
		d.Name = d.ID
	}
}

// destination is where the route leads, as text.
func (d *draft) destination() string {
	switch {
	case d.Redirect != nil:
		return fmt.Sprintf("redirect %+v", *d.Redirect)
	case d.Response != nil:
		return fmt.Sprintf("response %d %s", d.Response.Status, d.Response.Body)
	}
	s := "to"
	for _, u := range d.To {
		s += " " + urlText(u.URL)
	}
	return s
}

func urlText(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
