package authenticate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

// maxLegs is how many other hosts one sign-in may serve, as in Pomerium.
const maxLegs = 5

// A leg is a sign-in on another host in the wake of one that just ended. Each
// host makes an attempt of its own, finds the session at the authenticate host
// and goes on to the next; the last leads back to where it began. No cookie
// crosses hosts, only a signed list of where to go.

// firstLeg returns where the legs of a sign-in on host begin, "" if it has none.
func (s *Service) firstLeg(host string, a attempt, ss *session.Session) string {
	route, _ := s.o.Hosts(host)
	home := callbackURL(host, a.ID, 0, "")
	return s.nextLeg(s.legHosts(route.DependsOn, host, ss.Subject.ClientID), home)
}

// legHosts keeps the hosts that the same sign-in is good for. Another client
// would stop the person at the provider on the way to something else.
func (s *Service) legHosts(hosts []string, from, clientID string) []string {
	var legs []string
	for _, raw := range hosts {
		host, ok := authority(raw)
		if !ok || host == from || slices.Contains(legs, host) || len(legs) == maxLegs {
			continue
		}
		if _, c, err := s.routeClient(host); err == nil && c.id == clientID {
			legs = append(legs, host)
		}
	}
	return legs
}

// nextLeg returns the signed URL of the first of legs, which knows the others
// and the way home; "" when there are none.
func (s *Service) nextLeg(legs []string, home string) string {
	if len(legs) == 0 {
		return ""
	}
	params := url.Values{paramRedirect: {home}}
	if len(legs) > 1 {
		params.Set(paramLegs, strings.Join(legs[1:], ","))
	}
	return s.urls.sign(legs[0], pathSignIn, params, signedURLLife)
}

// leg walks one leg on host.
func (s *Service) leg(w http.ResponseWriter, r *http.Request, host string) error {
	q, err := s.urls.verify(host, pathSignIn, r.URL.RawQuery, []string{paramRedirect}, []string{paramLegs})
	if err != nil {
		return badLink(err)
	}
	next, ok := foreignTarget(q.Get(paramRedirect), s.isRouteHost)
	if !ok {
		return badLink(errURLParams)
	}
	if raw := q.Get(paramLegs); raw != "" {
		legs := strings.Split(raw, ",")
		if len(legs) >= maxLegs || slices.ContainsFunc(legs, func(h string) bool { return !s.isRouteHost(h) }) {
			return badLink(errURLParams)
		}
		next = s.nextLeg(legs, next)
	}
	_, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	if !ui.IsNavigation(r) {
		return weberr.SignInNeeded(host, s.LoginURL(r))
	}
	ss, err := s.browserSession(r, s.o.Codec.Name(), host, c.id)
	if err != nil {
		return err
	}
	if ss != nil {
		redirect(w, r, next)
		return nil
	}
	return s.begin(w, r, host, attempt{Client: c.key, Next: next})
}
