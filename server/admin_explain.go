package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

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
	// Email is of somebody, or their login or id: their newest session is asked
	// about, else somebody who has just signed in.
	Email     string      `json:"email,omitempty"`
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
	ss, note, err := s.whoIs(r, q)
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
	e = g.authz.Explain(route, ss, req)
	e.Config = g.cfg.Hash
	if note != "" && asksToken(e.Rules) {
		e.Notes = append(e.Notes, note)
	}
	return e, nil
}

// asksToken reports whether it matters to rules what a session's token says.
func asksToken(rules []authorize.ToldRule) bool {
	for _, r := range rules {
		for _, l := range r.Lists {
			for _, c := range l.Criteria {
				if strings.HasPrefix(c.Name, "claim/") || strings.HasPrefix(c.Name, "auth_") {
					return true
				}
			}
		}
	}
	return false
}

// whoIs finds the session that a question is about: one that lives, or one that
// somebody of that name would have. note says what of it was not asked for.
func (s *Server) whoIs(r *http.Request, q ExplainRequest) (ss *session.Session, note string, err error) {
	given := 0
	for _, g := range []bool{q.Email != "", q.Session != "", q.Anonymous} {
		if g {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, "", errors.New("expected exactly one of email, session and anonymous")
	case q.Anonymous:
		return nil, "", nil
	}
	all, err := s.state.sessions.List(r.Context())
	if err != nil {
		return nil, "", err
	}
	if q.Session != "" {
		i := slices.IndexFunc(all, func(ss *session.Session) bool { return telemetry.SessionLabel(ss.ID) == q.Session })
		if i < 0 {
			return nil, "", fmt.Errorf("no session is listed as %q", q.Session)
		}
		return all[i], "", nil
	}
	return s.somebody(q.Email, all)
}

// somebody finds the newest session of whoever is called so, or makes one.
func (s *Server) somebody(name string, all []*session.Session) (*session.Session, string, error) {
	people := s.peopleCalled(name)
	if len(people) > 1 {
		return nil, "", fmt.Errorf("%d people have the e-mail %q: name one by id or login, or a session", len(people), name)
	}
	theirs := slices.DeleteFunc(slices.Clone(all), func(ss *session.Session) bool {
		if len(people) == 1 {
			return ss.Subject.ID != people[0].ID
		}
		return ss.Subject.ID != name && !strings.EqualFold(ss.Subject.Email, name)
	})
	// A program's session is good for one host alone: one of a browser says more.
	slices.SortFunc(theirs, func(a, b *session.Session) int {
		if browser := a.Form == session.FormBrowser; browser != (b.Form == session.FormBrowser) {
			if browser {
				return -1
			}
			return 1
		}
		return b.Created.Compare(a.Created)
	})
	switch {
	case len(theirs) > 1:
		return theirs[0], fmt.Sprintf("they have %d sessions, and this is of the newest, %s: --session names another", len(theirs), telemetry.SessionLabel(theirs[0].ID)), nil
	case len(theirs) == 1:
		return theirs[0], "", nil
	case len(people) == 0:
		return nil, "", fmt.Errorf("nobody with the e-mail, login or id %q is signed in or in the directory", name)
	}
	return &session.Session{ID: "explained", Form: session.FormBrowser, Subject: identity.Subject{
		ID: people[0].ID, Email: people[0].Email, AuthenticatedAt: s.now(),
	}}, "they have no session, so that nothing is known of what their token would say", nil
}

// peopleCalled are those of an id, a login or an e-mail.
func (s *Server) peopleCalled(name string) []*identity.Person {
	snap := s.state.directory.Snapshot()
	if snap == nil {
		return nil
	}
	if p := snap.Person(name); p != nil {
		return []*identity.Person{p}
	}
	if people := snap.ByEmail(name); len(people) > 0 {
		return people
	}
	if p := snap.ByLogin(name); p != nil {
		return []*identity.Person{p}
	}
	return nil
}
