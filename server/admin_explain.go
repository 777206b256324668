package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"sallyport/authorize"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/proxy"
	"sallyport/session"
	"sallyport/telemetry"
)

// ExplainRequest asks a running instance what it would decide. Exactly one of
// Email, Session and Anonymous is given.
type ExplainRequest struct {
	Email     string      `json:"email,omitempty"`   // of somebody who has just signed in
	Session   string      `json:"session,omitempty"` // as a listing names it
	Anonymous bool        `json:"anonymous,omitempty"`
	Method    string      `json:"method"`
	URL       string      `json:"url"`
	IP        string      `json:"ip,omitempty"`
	Header    http.Header `json:"header,omitempty"`
	// ClientCertificate is PEM: the client's own first, then what it sends along.
	ClientCertificate string `json:"client_certificate,omitempty"`
}

// adminExplain decides with the generation and the directory in force, and
// records nothing.
func (s *Server) adminExplain(w http.ResponseWriter, r *http.Request) {
	var q ExplainRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	e, err := s.explain(r, q)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, e)
}

func (s *Server) explain(r *http.Request, q ExplainRequest) (e authorize.Explanation, err error) {
	g := s.gen.Load()
	u, err := url.Parse(q.URL)
	if err != nil || u.Host == "" {
		return e, fmt.Errorf("expected a URL such as https://wiki.example.com/x, got %q", q.URL)
	}
	ss, err := s.whoIs(r, q)
	if err != nil {
		return e, err
	}
	finder, err := proxy.NewFinder(g.cfg.Routes, g.cfg.Hygiene)
	if err != nil {
		return e, err
	}
	target := u.EscapedPath()
	if target == "" {
		target = "/"
	}
	route, path, _, err := finder.Find(u.Host, target)
	if err != nil {
		return e, fmt.Errorf("the proxy refuses %q: %w", q.URL, err)
	}
	req := policy.Request{Method: q.Method, Host: u.Host, Path: path, Readings: finder.Readings(path), Header: http.Header{}}
	for name, values := range q.Header {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	if q.IP != "" {
		if req.IP, err = netip.ParseAddr(q.IP); err != nil {
			return e, fmt.Errorf("expected an address, got %q", q.IP)
		}
	}
	if err := g.shown(&req, q.ClientCertificate, s.now()); err != nil {
		return e, err
	}
	return g.authz.Explain(route, ss, req), nil
}

// whoIs finds the session that a question is about: one that lives, or one that
// somebody of that e-mail would have.
func (s *Server) whoIs(r *http.Request, q ExplainRequest) (*session.Session, error) {
	given := 0
	for _, g := range []bool{q.Email != "", q.Session != "", q.Anonymous} {
		if g {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errors.New("expected exactly one of email, session and anonymous")
	case q.Anonymous:
		return nil, nil
	}
	all, err := s.state.sessions.List(r.Context())
	if err != nil {
		return nil, err
	}
	for _, ss := range all {
		if q.Session != "" && telemetry.SessionLabel(ss.ID) == q.Session || q.Email != "" && (RevokeRequest{Email: q.Email}).matches(ss) {
			return ss, nil
		}
	}
	if q.Session != "" {
		return nil, fmt.Errorf("no session is listed as %q", q.Session)
	}
	people := s.peopleCalled(q.Email)
	switch len(people) {
	case 0:
		return nil, fmt.Errorf("nobody with the e-mail %q is signed in or in the directory", q.Email)
	case 1:
		return &session.Session{ID: "explained", Form: session.FormBrowser, Subject: identity.Subject{
			ID: people[0].ID, Email: people[0].Email, AuthenticatedAt: s.now(),
		}}, nil
	}
	return nil, fmt.Errorf("%d people have the e-mail %q: name a session", len(people), q.Email)
}

func (s *Server) peopleCalled(email string) []*identity.Person {
	if snap := s.state.directory.Snapshot(); snap != nil {
		return snap.ByEmail(email)
	}
	return nil
}
