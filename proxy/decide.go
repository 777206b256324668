package proxy

import (
	"net/http"
	"slices"
	"strings"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/telemetry"
)

// authorize asks who is there and whether they may. Where they may not, the
// answer is an error or has been given.
func (h *Handler) authorize(x *exchange) (allowed bool, err error) {
	route := x.plan.route
	x.round = h.o.Streams.round.Load()
	s, outage := h.o.Authenticator.Session(x.r, route)
	if outage != nil {
		s = nil
	}
	req := h.policyRequest(x)
	d, person := h.o.Authorizer.Decide(route, s, req)
	h.note(x, s, d)
	telemetry.AccessFrom(x.r.Context()).SetCertificate(req.ClientCertificateFingerprint)
	if d.Effect == policy.Allow {
		if x.session, x.person = s, person; d.Anonymous {
			x.session, x.person = nil, nil
		}
		return true, nil
	}
	switch {
	case isRobots(x):
		h.plainText(x, robots)
		return false, nil
	case d.Effect == policy.Unauthenticated && h.gate.wrongPort(x.host) != nil,
		d.Effect == policy.StepUp && h.gate.wrongPort(x.host) != nil:
		return false, h.gate.wrongPort(x.host)
	case d.DenyReasons.Has(policy.ReasonPathAmbiguous):
		return false, refuse(http.StatusBadRequest, ambiguity(x.target.match))
	case outage != nil: // with a session it might have been allowed
		return false, outage
	case d.Effect == policy.Unauthenticated:
		h.dress(x)
		return false, h.o.Authenticator.Challenge(x.w, x.r, route)
	case d.Effect == policy.StepUp:
		h.dress(x)
		return false, h.o.Authenticator.StepUp(x.w, x.r, route, d.SignIn)
	}
	e := denial(x.host, route, s, person, d)
	if h.o.Trace != nil && s != nil {
		e.Trace = func() *weberr.Trace { return h.o.Trace(route, s, h.policyRequest(x)) }
	}
	return false, e
}

// Admit decides for the Authenticator whether somebody may have what it would give
// them on a route's host in the application's name: as if the route that the path
// would belong to had been asked for it. nil: they may.
func (h *Handler) Admit(r *http.Request, s *session.Session) error {
	x := &exchange{h: h, r: r, host: r.Host, ip: h.clientIP(r), target: target{match: r.URL.Path, query: r.URL.RawQuery}}
	route, outcome := h.gate.router.Match(x.host, x.target.match)
	if outcome != Found {
		return weberr.NotFound(x.host)
	}
	if s.Subject.ClientID != route.ClientID {
		return weberr.Denied(x.host, "")
	}
	d, person := h.o.Authorizer.Decide(route, s, h.policyRequest(x))
	if d.Effect == policy.Allow && !d.Anonymous {
		return nil
	}
	return denial(x.host, route, s, person, d)
}

func (h *Handler) policyRequest(x *exchange) policy.Request {
	req := policy.Request{
		ID: requestid.From(x.r.Context()), Query: x.target.query,
		Method: x.r.Method, Host: x.host, Path: x.target.match, Readings: h.gate.readings(x.target.match), IP: x.ip, Header: x.r.Header,
	}
	if shown := h.certificate(x); shown != nil {
		req.ClientCertificate, req.ClientCertificateTrusted, req.ClientCertificateError = shown.Leaf, shown.Trusted(), shown.Err
		req.ClientCertificateFacts, req.ClientCertificateFingerprint = shown.Facts, shown.Fingerprint
	}
	return req
}

// note writes down who asked and what was decided.
func (h *Handler) note(x *exchange, s *session.Session, d policy.Decision) {
	access := telemetry.AccessFrom(x.r.Context())
	access.SetEffect(d.Effect.String())
	if s != nil {
		access.SetSession(s.ID)
		access.SetUser(s.Subject.Email, s.Subject.ID)
	}
}

// denial names the account and, where the route allows it, the reasons.
func denial(host string, route *config.Route, s *session.Session, p *identity.Person, d policy.Decision) *weberr.Error {
	account := ""
	if s != nil {
		account = factsOf(s, p).email
	}
	e := denied(host, account, d)
	if route.ShowErrorDetails {
		advise(e, route.Policy.AdviceOn(d))
		if names := d.AllowReasons.Names(); len(names) > 0 {
			e.Details = append(e.Details, "allow: "+strings.Join(names, ", "))
		}
		if names := d.DenyReasons.Names(); len(names) > 0 {
			e.Details = append(e.Details, "deny: "+strings.Join(names, ", "))
		}
	}
	return e
}

// denied picks the words: those about the directory and the account come first,
// since nothing that the application's people could change would help.
func denied(host, account string, d policy.Decision) *weberr.Error {
	switch why := d.DenyReasons; {
	case why.Has(policy.ReasonDirectoryUnclear):
		return weberr.DirectoryUnclear(host, account)
	case why.Has(policy.ReasonDirectoryStale):
		return weberr.DirectoryStale(host, account)
	case why.Has(policy.ReasonUserInactive):
		return weberr.AccountInactive(host, account)
	case why.Has(policy.ReasonUserUnknown):
		return weberr.AccountUnknown(host, account)
	}
	if refused := certificateRefused(host, d); refused != nil {
		return refused
	}
	return weberr.Denied(host, account)
}

// advise puts what the authors of the policy say in place of our own words.
func advise(e *weberr.Error, all []policy.Advice) {
	var why, next []string
	for _, a := range all {
		if a.Explanation != "" && !slices.Contains(why, a.Explanation) {
			why = append(why, a.Explanation)
		}
		if a.Remediation != "" && !slices.Contains(next, a.Remediation) {
			next = append(next, a.Remediation)
		}
	}
	if len(why) > 0 {
		e.Message = strings.Join(why, " ")
	}
	if len(next) > 0 {
		e.Next = strings.Join(next, " ")
	}
}
