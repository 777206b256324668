package authenticate

import (
	"encoding/json"
	"net/http"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

// hereSession is the session a page about oneself shows: the one of this host's
// cookie, of whichever client, or the one of a program's token.
func (s *Service) hereSession(r *http.Request, host string) (*session.Session, error) {
	if host != s.host {
		if raw, proof := s.token(r); proof != ProofNone {
			_, c, err := s.routeClient(host)
			if err != nil {
				return nil, err
			}
			ss, _, err := s.programSession(r, raw, proof, c.id)
			return ss, err
		}
		return s.browserSession(r, s.o.Codec.Name(), host, "")
	}
	all, err := s.endingSessions(r, "")
	if len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// userPage is /.pomerium/: who is signed in here. Looking at it does not keep a
// session awake.
func (s *Service) userPage(w http.ResponseWriter, r *http.Request, host string) error {
	ss, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	page := ui.UserPage{Host: host}
	if ss == nil {
		if host != s.host {
			page.SignInURL = "https://" + host + pathSignIn + "?" + paramRedirect + "=%2F.pomerium%2F"
		}
		s.o.Pages.User(w, r, page)
		return nil
	}
	page.SignedIn, page.SignOutURL, page.SessionsURL = true, pathSignOut, pathSessions
	page.Name, page.Email, page.ID, page.Claims = ss.Subject.Name, ss.Subject.Email, ss.Subject.ID, ss.Subject.Claims
	page.Created, page.Expires, page.LastUsed = ss.Created, ss.Expires, s.o.Sessions.LastUsed(ss)
	page.IdleTimeout = s.o.Settings.IdleTimeout
	if s.o.Person != nil {
		page.Directory = true
		if p := s.o.Person(ss.Subject.ID); p != nil {
			page.Groups = p.Groups
		}
	}
	s.o.Pages.User(w, r, page)
	return nil
}

// userJSON is /.pomerium/user: the assertion's claims without those about the
// token itself.
func (s *Service) userJSON(w http.ResponseWriter, r *http.Request, host string) error {
	ss, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	if ss == nil {
		return s.challengeHere(w, r, host)
	}
	claims := map[string]any{}
	if s.o.Identity != nil {
		for name, value := range s.o.Identity(ss, host) {
			claims[name] = value
		}
	}
	for _, name := range []string{"iss", "aud", "exp", "iat", "jti"} {
		delete(claims, name)
	}
	return writeJSON(w, r, claims)
}

// assertion is /.pomerium/jwt, off unless asked for.
func (s *Service) assertion(w http.ResponseWriter, r *http.Request, host string) error {
	if !s.o.Settings.AllowJWTEndpoint || s.o.Assertion == nil || s.o.Admit == nil {
		return s.notHere(host)
	}
	ss, err := s.hereSession(r, host)
	if err != nil {
		return err
	}
	if ss == nil {
		return s.challengeHere(w, r, host)
	}
	if err := s.o.Admit(r, ss); err != nil {
		return err
	}
	token, err := s.o.Assertion(ss, host)
	if err != nil {
		return weberr.Internal(err)
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, err = w.Write([]byte(token))
	return err
}

// challengeHere asks for a sign-in with the client of the host.
func (s *Service) challengeHere(w http.ResponseWriter, r *http.Request, host string) error {
	_, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	return s.challenge(w, r, host, c, requestTarget(r))
}

func (s *Service) notHere(host string) error { return weberr.NotFound(host) }

func writeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return weberr.Internal(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = w.Write(append(body, '\n'))
	return err
}
