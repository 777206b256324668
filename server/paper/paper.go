// Package paper decides without a running instance: routes of a configuration
// and a directory on paper stand for the real ones, and the engine is the one
// that answers requests. `sallyport explain`, `sallyport policy test` and
// `sallyport access review` work on it.
package paper

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"sallyport/authorize"
	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/clientcert"
	"sallyport/policy"
	"sallyport/policy/facts"
	"sallyport/proxy"
	"sallyport/session"
)

// World is what decisions are made from. Not safe for concurrent use.
type World struct {
	facts  *facts.Facts
	finder *proxy.Finder
	client *clientcert.Verifier // nil: no certificate is asked for
	only   *config.Route        // the one route of a policy without a configuration
	authz  *authorize.Authorizer
	now    func() time.Time
	passes func(identity.Status) bool // nil: the usual ones
	at     time.Time                  // set while a question has a time of its own
}

// New makes a world of a configuration's routes. Nil facts know nobody and have
// no directory.
func New(cfg *config.Config, f *facts.Facts, now func() time.Time) (*World, error) {
	finder, err := proxy.NewFinder(cfg.Routes, cfg.Hygiene)
	if err != nil {
		return nil, err
	}
	w := &World{facts: f, finder: finder, now: now, passes: cfg.Directory.MayPass}
	if cfg.ClientCertificates.Asked() {
		if w.client, err = clientcert.New(cfg.ClientCertificates.Rules); err != nil {
			return nil, fmt.Errorf("downstream_mtls: %w", err)
		}
	}
	return w, w.authorize(cfg.Routes)
}

// ForPolicy makes a world in which every request meets one policy.
func ForPolicy(p *policy.Policy, f *facts.Facts, now func() time.Time) (*World, error) {
	return forPolicy(p, f, now, nil)
}

func forPolicy(p *policy.Policy, f *facts.Facts, now func() time.Time, passes func(identity.Status) bool) (*World, error) {
	w := &World{facts: f, only: &config.Route{ID: "policy", Name: "policy", Policy: p}, now: now, passes: passes}
	return w, w.authorize([]*config.Route{w.only})
}

func (w *World) authorize(routes []*config.Route) (err error) {
	if w.now == nil {
		w.now = time.Now
	}
	o := authorize.Options{Routes: routes, Now: w.clock, MayPass: w.passes}
	if w.facts != nil && w.facts.Directory || needsDirectory(routes) {
		o.Directory = w.facts
	}
	w.authz, err = authorize.New(o)
	return err
}

// needsDirectory reports whether a policy cannot be without a directory.
func needsDirectory(routes []*config.Route) bool {
	for _, r := range routes {
		if len(r.Policy.NeedsDirectory()) > 0 {
			return true
		}
	}
	return false
}

func (w *World) clock() time.Time {
	if !w.at.IsZero() {
		return w.at
	}
	return w.now()
}

// Who asks: nobody, a session of the facts, or somebody by e-mail, login or id. The zero value
// is nobody.
type Who struct{ Session, Email string }

// Question is one request by somebody.
type Question struct {
	Who    Who
	Method string
	URL    *url.URL
	IP     netip.Addr
	Header http.Header
	// ClientCertificates are what the client shows, its own first. With a
	// configuration they are judged by its downstream_mtls, without one they are
	// good; CertificateProblem says why they are not.
	ClientCertificates []*x509.Certificate
	CertificateProblem error
	// At is when it is asked; zero: now.
	At time.Time
}

// Check decides.
func (w *World) Check(q Question) (policy.Decision, error) {
	route, s, req, err := w.read(q)
	if err != nil {
		return policy.Decision{}, err
	}
	defer func() { w.at = time.Time{} }()
	d, _ := w.authz.Check(route, s, req)
	return d, nil
}

// Explain decides and tells how.
func (w *World) Explain(q Question) (authorize.Explanation, error) {
	route, s, req, err := w.read(q)
	if err != nil {
		return authorize.Explanation{}, err
	}
	defer func() { w.at = time.Time{} }()
	e := w.authz.Explain(route, s, req)
	if q.Who.Email != "" && s != nil && w.facts.Person(s.Subject.ID) == nil {
		if near := w.facts.NearEmail(q.Who.Email); near != "" {
			e.Notes = append(e.Notes, fmt.Sprintf("nobody in the facts has the e-mail %s; did you mean %s?", q.Who.Email, near))
		}
	}
	if n := len(w.facts.SessionsOf(subjectOf(s))); q.Who.Email != "" && n > 1 {
		e.Notes = append(e.Notes, fmt.Sprintf("they have %d sessions in the facts, so that nothing is taken from their tokens: name one of these", n))
	}
	return e, nil
}

func subjectOf(s *session.Session) string {
	if s == nil {
		return ""
	}
	return s.Subject.ID
}

// Trace is what Check says with every step.
func (w *World) Trace(q Question) (policy.Trace, error) {
	route, s, req, err := w.read(q)
	if err != nil {
		return policy.Trace{}, err
	}
	defer func() { w.at = time.Time{} }()
	return w.authz.Trace(route, s, req), nil
}

// read finds the route and the session of a question.
func (w *World) read(q Question) (*config.Route, *session.Session, policy.Request, error) {
	w.at = q.At
	s, err := w.session(q.Who)
	if err != nil {
		return nil, nil, policy.Request{}, err
	}
	req := policy.Request{
		Method: q.Method, Host: q.URL.Host, Path: q.URL.Path, Query: q.URL.RawQuery, IP: q.IP.Unmap(), Header: q.Header,
	}
	w.show(&req, q)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Path == "" {
		req.Path = "/"
	}
	if w.only != nil {
		return w.only, s, req, nil
	}
	target := q.URL.EscapedPath()
	if target == "" {
		target = "/"
	}
	route, path, _, err := w.finder.Find(q.URL.Host, target)
	if err != nil {
		return nil, nil, req, fmt.Errorf("the proxy refuses %q: %w", q.URL, err)
	}
	req.Path, req.Readings = path, w.finder.Readings(path)
	return route, s, req, nil
}

// session makes the session of whoever asks, nil for nobody. Somebody by e-mail
// is somebody who signed in just now; what else their token says is taken from
// their session in the facts, if there is exactly one.
func (w *World) session(who Who) (*session.Session, error) {
	switch {
	case who.Session != "":
		s, ok := w.facts.Session(who.Session)
		if !ok {
			return nil, fmt.Errorf("there is no session %q in the facts", who.Session)
		}
		return &session.Session{ID: s.ID, Form: session.FormBrowser, Subject: s.Subject}, nil
	case who.Email == "":
		return nil, nil
	}
	s := &session.Session{ID: "paper", Form: session.FormBrowser}
	s.Subject.ID, s.Subject.Email = who.Email, who.Email
	switch people := w.facts.Called(who.Email); len(people) {
	case 0:
	case 1:
		if sessions := w.facts.SessionsOf(people[0].ID); len(sessions) == 1 {
			s.Subject = sessions[0].Subject
		}
		s.Subject.ID, s.Subject.Email = people[0].ID, people[0].Email
	default:
		return nil, fmt.Errorf("%d people in the facts have the e-mail %s: name one by id or login, or a session", len(people), who.Email)
	}
	s.Subject.AuthenticatedAt = w.clock()
	return s, nil
}
