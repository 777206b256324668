package authenticate

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/session"
)

const (
	purposeLeaving   = "leaving"
	purposeSignedOut = "signed-out"
)

// A sign-out is asked for on any host, agreed to on the authenticate host and
// done there: sessions end in the store, so every host loses them at once,
// whatever cookies remain. No GET ends anything.

// leaving names the session of the route host a sign-out was asked for on,
// sealed: the authenticate host may not know it.
type leaving struct {
	Session string `json:"s"`
}

// leaveRoute is /.pomerium/sign_out on a route host: the authenticate host asks.
func (s *Service) leaveRoute(w http.ResponseWriter, r *http.Request, host string) error {
	params := url.Values{paramHost: {host}}
	if target := s.signOutTarget(r.URL.Query()); target != "" {
		params.Set(paramRedirect, target)
	}
	ss, err := s.browserSession(r, s.o.Codec.Name(), host, "")
	if err != nil {
		return err
	}
	if ss != nil {
		sealed, err := s.o.Codec.Seal(purposeLeaving, s.host, signedURLLife, leaving{Session: ss.ID})
		if err != nil {
			return weberr.Internal(err)
		}
		params.Set(paramSession, sealed)
	}
	redirect(w, r, s.urls.sign(s.host, pathSignOut, params, signedURLLife))
	return nil
}

// signOutTarget returns where a sign-out may end by a query: nowhere but on the
// host of a route. Other wishes are not heard, and where none is, the sign-out
// ends at the configured address.
func (s *Service) signOutTarget(q url.Values) string {
	raws := q[paramRedirect]
	if len(raws) != 1 {
		return ""
	}
	allowed := s.isRouteHost
	if s.o.Settings.AllowAnySignOutRedirect {
		allowed = func(string) bool { return true }
	}
	target, _ := foreignTarget(raws[0], allowed)
	return target
}

// confirmSignOut is GET /.pomerium/sign_out on the authenticate host. The way
// here is signed by a route host; without a signature only the address to end at
// is read, which is checked either way.
func (s *Service) confirmSignOut(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	values := map[string]string{}
	if q.Has(paramSignature) {
		var err error
		if q, err = s.urls.verify(s.host, pathSignOut, r.URL.RawQuery, nil, []string{paramRedirect, paramHost, paramSession}); err != nil {
			return badLink(err)
		}
		values["host"], values["session"] = q.Get(paramHost), s.openLeaving(q.Get(paramSession))
	}
	values["target"] = s.signOutTarget(q)
	ending, err := s.endingSessions(r, values["session"])
	if err != nil {
		return err
	}
	if len(ending) == 0 {
		redirect(w, r, s.signedOutURL(signedOutState{Host: values["host"], Target: values["target"]}))
		return nil
	}
	token, err := s.newForm(w, r, s.host, pathSignOut, values)
	if err != nil {
		return err
	}
	page := ui.SignOutPage{Account: accountOf(ending[0]), Form: ui.Form{
		Action: pathSignOut, Fields: []ui.Field{{Name: fieldToken, Value: token}}, Targets: s.signOutTargets(r.Context(), ending, values),
	}}
	if s.isRouteHost(values["host"]) {
		page.CancelURL = "https://" + values["host"] + "/"
	}
	s.o.Pages.SignOut(w, r, page)
	return nil
}

func accountOf(ss *session.Session) string {
	if ss.Subject.Email != "" {
		return ss.Subject.Email
	}
	if ss.Subject.Name != "" {
		return ss.Subject.Name
	}
	return ss.Subject.ID
}

// openLeaving returns the session id that a route host sealed, "" for anything
// else.
func (s *Service) openLeaving(sealed string) string {
	var l leaving
	if sealed == "" || s.o.Codec.Open(purposeLeaving, s.host, sealed, &l) != nil {
		return ""
	}
	return l.Session
}

// signOutTargets are the hosts that the answer to the form may lead over; a
// browser that heeds the page's policy follows no others.
func (s *Service) signOutTargets(ctx context.Context, ending []*session.Session, values map[string]string) []string {
	targets := []string{"https://" + s.host}
	if values["host"] != "" {
		targets = append(targets, "https://"+values["host"])
	}
	if values["target"] != "" {
		targets = append(targets, values["target"])
	}
	if u := s.o.Settings.SignOutRedirectURL; u != nil {
		targets = append(targets, u.String())
	}
	if location := s.providerLogout(ctx, ending, "", ""); location != "" {
		targets = append(targets, location)
	}
	return targets
}

// endingSessions are the living sessions of this browser at the authenticate
// host, of every client, and the one of the route host.
func (s *Service) endingSessions(r *http.Request, also string) ([]*session.Session, error) {
	var ending []*session.Session
	for _, c := range s.clients {
		ss, err := s.browserSession(r, c.cookie, s.host, c.id)
		if err != nil {
			return nil, err
		}
		if ss != nil {
			ending = append(ending, ss)
		}
	}
	if also != "" && !slices.ContainsFunc(ending, func(ss *session.Session) bool { return ss.ID == also }) {
		ss, err := s.living(r, also)
		if err != nil {
			return nil, err
		}
		if ss != nil {
			ending = append(ending, ss)
		}
	}
	// The client of most routes first: one provider can be visited to sign out.
	slices.SortStableFunc(ending, func(a, b *session.Session) int {
		return rank(b.Subject.ClientID == s.o.Default) - rank(a.Subject.ClientID == s.o.Default)
	})
	return ending, nil
}

func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// signOut is POST /.pomerium/sign_out on the authenticate host, the only thing
// that ends a session.
func (s *Service) signOut(w http.ResponseWriter, r *http.Request) error {
	values, err := s.readForm(w, r, s.host, pathSignOut)
	if err != nil {
		return err
	}
	ending, err := s.endingSessions(r, values["session"])
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // leaving early ends it all the same
	for _, ss := range ending {
		if err := s.o.Sessions.End(ctx, ss.ID, session.EndSignedOut); err != nil {
			return storeError(err)
		}
		s.o.Logger.InfoContext(ctx, "signed out", "user", ss.Subject.ID, "email", ss.Subject.Email)
	}
	for _, c := range s.clients {
		s.o.Codec.Clear(w, c.cookie)
	}
	s.o.Codec.Clear(w, s.o.Codec.CSRFName())
	s.revokeAll(ctx, ending)
	s.metrics.signOuts.Inc()
	redirect(w, r, s.signOutLocation(ctx, ending, values))
	return nil
}

// signOutLocation leads over the provider, which ends its own session, back to
// /.pomerium/signed_out; or there at once.
func (s *Service) signOutLocation(ctx context.Context, ended []*session.Session, values map[string]string) string {
	st := signedOutState{Host: values["host"], Target: values["target"]}
	state, err := s.o.Codec.Seal(purposeSignedOut, s.host, attemptLife, st)
	if err == nil {
		if location := s.providerLogout(ctx, ended, "https://"+s.host+pathSignedOut, state); location != "" {
			return location
		}
	}
	st.Still = len(ended) > 0
	return s.signedOutURL(st)
}
