package authenticate

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/internal/weberr"
	"sallyport/session"
)

// promptLogin asks the provider to have the person sign in anew, with whichever
// account they like.
const promptLogin = "login"

// journey is the attempt of a route host as the authenticate host knows it.
type journey struct {
	Host    string `json:"h"` // route host to go back to
	Attempt string `json:"a"`
	Tries   int    `json:"x,omitempty"`
	Client  string `json:"c"` // key of the client
	Binding string `json:"b,omitempty"`
	Prompt  string `json:"p,omitempty"`
}

// restartURL sends the browser back to its route host with empty hands: that
// begins again, or goes to the application where somebody is signed in by now.
func (j journey) restartURL() string { return callbackURL(j.Host, j.Attempt, j.Tries+1, "") }

// retryURL is for a person to click, as often as they like.
func (j journey) retryURL() string { return callbackURL(j.Host, j.Attempt, 0, "") }

// signIn is /.pomerium/sign_in on the authenticate host. A route host signed
// the way here.
func (s *Service) signIn(w http.ResponseWriter, r *http.Request) error {
	q, err := s.urls.verify(s.host, pathSignIn, r.URL.RawQuery,
		[]string{paramRedirect, paramBinding, paramClient}, []string{paramPrompt})
	if err != nil {
		return badLink(err)
	}
	j, err := s.parseJourney(q)
	if err != nil {
		return badLink(err)
	}
	c := s.byKey[j.Client]
	if c == nil { // signed before a reload took the client away
		return badLink(errNoClient)
	}
	if j.Prompt == "" {
		ss, err := s.browserSession(r, c.cookie, s.host, c.id)
		if err != nil {
			return err
		}
		if ss != nil {
			return s.handOff(w, r, j, ss)
		}
	}
	return s.askProvider(w, r, j, c)
}

// parseJourney reads the signed parameters. They are ours, but hosts come and go
// with reloads, so what a redirect will follow is checked again.
func (s *Service) parseJourney(q url.Values) (journey, error) {
	j := journey{Client: q.Get(paramClient), Binding: q.Get(paramBinding), Prompt: q.Get(paramPrompt)}
	target, ok := foreignTarget(q.Get(paramRedirect), s.isRouteHost)
	if !ok {
		return j, errURLParams
	}
	rest := strings.TrimPrefix(target, "https://")
	i := strings.IndexByte(rest, '/')
	path, query, _ := strings.Cut(rest[i:], "?")
	back, err := strictQuery(query)
	if err != nil || path != pathCallback || !validAttemptID(back.Get(paramAttempt)) {
		return j, errURLParams
	}
	j.Host, j.Attempt, j.Tries = rest[:i], back.Get(paramAttempt), parseTries(back.Get(paramTries))
	if j.Prompt != "" && !goodPrompt(j.Prompt) {
		return j, errURLParams
	}
	return j, nil
}

// parseTries reads a count that anybody can write: what makes no sense counts
// as the most, which ends a circle and harms nobody.
func parseTries(raw string) int {
	if raw == "" {
		return 0
	}
	n, err := strconv.ParseUint(raw, 10, 8)
	if err != nil {
		return maxTries
	}
	return min(int(n), maxTries)
}

// isRouteHost reports whether redirects may lead to the host.
func (s *Service) isRouteHost(host string) bool {
	_, ok := s.o.Hosts(host)
	return ok
}

// routeClient returns what is configured for a route host.
func (s *Service) routeClient(host string) (Route, *client, error) {
	route, ok := s.o.Hosts(host)
	if !ok {
		return Route{}, nil, weberr.NotFound(host)
	}
	route.Host = host
	id := route.ClientID
	if id == "" {
		id = s.o.Default
	}
	c := s.clients[id]
	if c == nil {
		return route, nil, weberr.Internal(errNoClient)
	}
	return route, c, nil
}

// browserSession returns the living session that a cookie of this browser
// names, nil if there is none. clientID "" takes any client that is configured.
func (s *Service) browserSession(r *http.Request, cookie, host, clientID string) (*session.Session, error) {
	id, ok := s.o.Codec.SessionID(r, cookie, host)
	if !ok {
		return nil, nil
	}
	ss, err := s.living(r, id)
	if ss == nil || ss.Form != session.FormBrowser || s.clients[ss.Subject.ClientID] == nil {
		return nil, err
	}
	if clientID != "" && ss.Subject.ClientID != clientID {
		return nil, nil
	}
	return ss, nil
}

// living looks a session up and checks its lifetimes; nil if it has ended.
func (s *Service) living(r *http.Request, id string) (*session.Session, error) {
	ss, err := s.o.Sessions.Get(r.Context(), id)
	if errors.Is(err, session.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	now := s.now()
	if s.o.Sessions.Check(ss, now) != nil || outlived(ss, s.o.Settings.OutageGrace, now) {
		return nil, nil
	}
	return ss, nil
}
