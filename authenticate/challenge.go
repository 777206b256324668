package authenticate

import (
	"net/http"
	"net/url"
	"strconv"

	"sallyport/config"
	"sallyport/internal/ui"
	"sallyport/internal/weberr"
)

// Challenge answers a request that needs somebody to be signed in. A browser on
// its way to a page is sent to sign in and nil is returned; a form that was
// posted is told that it was not delivered; everybody else gets an error with
// status 401 and an address to sign in at, which the caller renders.
func (s *Service) Challenge(w http.ResponseWriter, r *http.Request, route *config.Route) error {
	host, ok := authority(r.Host)
	if !ok {
		return weberr.BadRequest("The address of this request is not one that can be signed in to.", nil)
	}
	c := s.clients[route.ClientID]
	if c == nil {
		return weberr.Internal(errNoClient)
	}
	return s.challenge(w, r, host, c, requestTarget(r))
}

func (s *Service) challenge(w http.ResponseWriter, r *http.Request, host string, c *client, target string) error {
	switch {
	case s.presentsToken(r):
		// A program with a token that is no good gains nothing from a page.
	case ui.IsNavigation(r):
		if s.landed(r, host, c.key).Count >= maxLanded {
			return s.cookieLost(r, host)
		}
		return s.begin(w, r, host, attempt{Client: c.key, Target: target})
	case isFormPost(r):
		s.o.Pages.SignInAgain(w, r, ui.LapsedPage{Host: host, LoginURL: s.LoginURL(r)})
		return nil
	}
	return weberr.SignInNeeded(host, s.LoginURL(r))
}

// isFormPost reports whether a person's browser sent a form and will show what
// comes back.
func isFormPost(r *http.Request) bool {
	as := *r
	as.Method = http.MethodGet
	return ui.IsNavigation(&as)
}

// begin makes an attempt, remembers it in the browser and sends it to sign in.
func (s *Service) begin(w http.ResponseWriter, r *http.Request, host string, a attempt) error {
	if a.Tries >= maxTries {
		return s.cookieLost(r, host)
	}
	a.ID, a.Secret = newAttemptID(s.now()), randomText(32)
	if !fitsCookie(a.Target) {
		a.Stored = s.keepReturn(r.Context(), s.o.ClientIP(r), a.Target)
		a.Target = ""
	}
	if err := s.sealAttempt(w, r, purposeAttempt, host, a.ID, a); err != nil {
		return weberr.Internal(err)
	}
	s.metrics.attempts.Inc()
	params := url.Values{
		paramRedirect: {callbackURL(host, a.ID, a.Tries, "")},
		paramBinding:  {binding(a.Secret)},
		paramClient:   {a.Client},
	}
	if a.Prompt != "" {
		params.Set(paramPrompt, a.Prompt)
	}
	redirect(w, r, s.urls.sign(s.host, pathSignIn, params, signedURLLife))
	return nil
}

// callbackURL is where the authenticate host sends a browser back to, with the
// one-time code once there is one.
func callbackURL(host, id string, tries int, code string) string {
	q := url.Values{paramAttempt: {id}}
	if tries > 0 {
		q.Set(paramTries, strconv.Itoa(tries))
	}
	if code != "" {
		q.Set(paramCode, code)
	}
	return "https://" + host + pathCallback + "?" + q.Encode()
}

// cookieLost ends a circle that a browser would go round for ever, and tells
// which cookie did not come back.
func (s *Service) cookieLost(r *http.Request, host string) error {
	s.metrics.loops.Inc()
	lost := s.lostCookie(r, host)
	e := weberr.SignInLoop(host, s.o.Codec.Name(), lost)
	e.LoginURL = s.LoginURL(r)
	s.o.Logger.WarnContext(r.Context(), "sign-in goes round in circles", "host", host, "lost", lost.String(), "cookies", len(r.Cookies()))
	return e
}

// lostCookie looks at what the browser did bring.
func (s *Service) lostCookie(r *http.Request, host string) weberr.Lost {
	if _, ok := s.o.Codec.SessionID(r, s.o.Codec.Name(), host); ok {
		return weberr.LostSession
	}
	lost := weberr.LostAll
	for _, c := range r.Cookies() {
		if c.Name == s.o.Codec.Name() {
			return weberr.LostUnreadable
		}
		if s.o.Codec.OwnsCookie(c.Name) {
			lost = weberr.LostOne
		}
	}
	return lost
}

// LoginURL is an address on the route host that signs in and comes back: to the
// page the request was sent from where that is known, else to the root.
func (s *Service) LoginURL(r *http.Request) string { return s.startURL(r, "") }

// AccountURL is LoginURL for another account: the provider asks anew.
func (s *Service) AccountURL(r *http.Request) string { return s.startURL(r, promptLogin) }

func (s *Service) startURL(r *http.Request, prompt string) string {
	host, ok := authority(r.Host)
	if !ok || !s.isRouteHost(host) {
		return "" // the Host is the client's word
	}
	target := "/"
	if ui.IsNavigation(r) {
		target = requestTarget(r)
	} else if t, ok := ownTarget(r.Referer(), host); ok && fitsCookie(t) {
		target = t
	}
	q := url.Values{paramRedirect: {target}}
	if prompt != "" {
		q.Set(paramPrompt, prompt)
	}
	return "https://" + host + pathSignIn + "?" + q.Encode()
}

// startSignIn is /.pomerium/sign_in on a route host: LoginURL and AccountURL
// lead to it. It starts what any protected page would start; nothing needs to
// be signed, since it only leads to this host's own pages. A signed one is a leg
// of a sign-in on another host.
func (s *Service) startSignIn(w http.ResponseWriter, r *http.Request, host string) error {
	q, err := strictQuery(r.URL.RawQuery)
	if err != nil {
		return badLink(err)
	}
	if q.Has(paramSignature) {
		return s.leg(w, r, host)
	}
	route, c, err := s.routeClient(host)
	if err != nil {
		return err
	}
	target, prompt := "/", q.Get(paramPrompt)
	if raw := q.Get(paramRedirect); raw != "" {
		var ok bool
		if target, ok = ownTarget(raw, route.Host); !ok {
			return weberr.BadRequest("The address to return to is not one of this host.", nil)
		}
	}
	if prompt != "" && !goodPrompt(prompt) {
		return weberr.BadRequest("This kind of sign-in is not known.", nil)
	}
	if !ui.IsNavigation(r) {
		return weberr.SignInNeeded(host, s.LoginURL(r))
	}
	return s.begin(w, r, host, attempt{Client: c.key, Target: target, Prompt: prompt})
}
