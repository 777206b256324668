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
	// Still says that the provider could not be told, or has no way to be.
	Still bool `json:"s,omitempty"`
}

// afterSignOut is where a browser goes once its sessions have ended: over the
// route host it came from, which drops its dead cookie, or where it wanted to
// go; "" if it is to stay on the signed-out page of the authenticate host.
func (s *Service) afterSignOut(st signedOutState) string {
	target := st.Target
	if target == "" && s.o.Settings.SignOutRedirectURL != nil {
		target = s.o.Settings.SignOutRedirectURL.String()
	}
	if !s.isRouteHost(st.Host) {
		return target
	}
	params := url.Values{}
	if target != "" {
		params.Set(paramRedirect, target)
	}
	if st.Still {
		params.Set(paramStill, "1")
	}
	return s.urls.sign(st.Host, pathSignedOut, params, signedURLLife)
}

// signedOutURL is afterSignOut as an address to redirect to.
func (s *Service) signedOutURL(st signedOutState) string {
	if location := s.afterSignOut(st); location != "" {
		return location
	}
	location := "https://" + s.host + pathSignedOut
	if sealed, err := s.o.Codec.Seal(purposeSignedOut, s.host, attemptLife, st); err == nil && st.Still {
		location += "?state=" + url.QueryEscape(sealed)
	}
	return location
}

// signedOutHome is /.pomerium/signed_out on the authenticate host; the provider
// sends people here.
func (s *Service) signedOutHome(w http.ResponseWriter, r *http.Request) error {
	var st signedOutState
	if raw := r.URL.Query().Get("state"); raw != "" && s.o.Codec.Open(purposeSignedOut, s.host, raw, &st) == nil {
		if location := s.afterSignOut(st); location != "" {
			redirect(w, r, location)
			return nil
		}
	}
	s.o.Pages.SignedOut(w, r, ui.SignedOutPage{StillAtProvider: st.Still})
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
	page := ui.SignedOutPage{SignInURL: "https://" + host + "/"}
	if r.URL.Query().Has(paramSignature) {
		q, err := s.urls.verify(host, pathSignedOut, r.URL.RawQuery, nil, []string{paramRedirect, paramStill})
		if err != nil {
			return badLink(err)
		}
		if target := q.Get(paramRedirect); target != "" {
			redirect(w, r, target)
			return nil
		}
		page.StillAtProvider = q.Get(paramStill) != ""
	}
	s.o.Pages.SignedOut(w, r, page)
	return nil
}
