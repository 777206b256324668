package authenticate

import (
	"net/http"
	"net/url"

	"sallyport/internal/ui"
)

// signedOutState travels over the provider and says where to go from there.
type signedOutState struct {
	Host   string `json:"h,omitempty"` // route host it began on
	Target string `json:"t,omitempty"`
}

// afterSignOut is where a browser goes once its sessions have ended: over the
// route host it came from, which drops its dead cookie, or where it wanted to go.
func (s *Service) afterSignOut(host, target string) string {
	if target == "" && s.o.Settings.SignOutRedirectURL != nil {
		target = s.o.Settings.SignOutRedirectURL.String()
	}
	if s.isRouteHost(host) {
		params := url.Values{}
		if target != "" {
			params.Set(paramRedirect, target)
		}
		return s.urls.sign(host, pathSignedOut, params, signedURLLife)
	}
	if target != "" {
		return target
	}
	return "https://" + s.host + pathSignedOut
}

// signedOutHome is /.pomerium/signed_out on the authenticate host; the provider
// sends people here.
func (s *Service) signedOutHome(w http.ResponseWriter, r *http.Request) error {
	var state signedOutState
	if raw := r.URL.Query().Get("state"); raw != "" && s.o.Codec.Open(purposeSignedOut, s.host, raw, &state) == nil {
		if location := s.afterSignOut(state.Host, state.Target); location != "https://"+s.host+pathSignedOut {
			redirect(w, r, location)
			return nil
		}
	}
	s.o.Pages.SignedOut(w, r, ui.SignedOutPage{})
	return nil
}

// signedOutRoute is /.pomerium/signed_out on a route host. It drops a cookie
// that is worth nothing any more, never one that is: this is a GET.
func (s *Service) signedOutRoute(w http.ResponseWriter, r *http.Request, host string) error {
	ss, err := s.browserSession(r, s.o.Codec.Name(), host, "")
	if err != nil {
		return err
	}
	if _, had := s.o.Codec.SessionID(r, s.o.Codec.Name(), host); had && ss == nil {
		s.o.Codec.Clear(w, s.o.Codec.Name())
	}
	if r.URL.Query().Has(paramSignature) {
		q, err := s.urls.verify(host, pathSignedOut, r.URL.RawQuery, nil, []string{paramRedirect})
		if err != nil {
			return badLink(err)
		}
		if target := q.Get(paramRedirect); target != "" {
			redirect(w, r, target)
			return nil
		}
	}
	s.o.Pages.SignedOut(w, r, ui.SignedOutPage{SignInURL: "https://" + host + "/"})
	return nil
}
