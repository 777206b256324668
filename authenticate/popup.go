package authenticate

import (
	"net/http"
	"slices"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
)

const paramOrigin = "origin"

// popup is /.pomerium/sign_in_popup on a route host, for scripts whose session
// has ended: opened in a window of its own it signs in, tells the page that
// opened it and closes. The message says no more than that it happened, and it is
// sent to one origin only: the host's own, or one that its routes list.
func (s *Service) popup(w http.ResponseWriter, r *http.Request, host string) error {
	q, err := strictQuery(r.URL.RawQuery)
	if err != nil {
		return badLink(err)
	}
	route, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	origin := q.Get(paramOrigin)
	if origin == "" {
		origin = "https://" + host
	}
	if origin != "https://"+host && !slices.Contains(route.Origins, origin) {
		return weberr.BadRequest("The page that asked for this sign-in is not one that may ask.", nil)
	}
	ss, err := s.browserSession(r, s.o.Codec.Name(), host, c.id)
	if err != nil {
		return err
	}
	if ss == nil {
		return s.challenge(w, r, host, c, requestTarget(r))
	}
	s.o.Pages.Popup(w, r, ui.PopupPage{Host: host, Origin: origin})
	return nil
}
