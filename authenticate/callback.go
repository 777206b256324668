package authenticate

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/weberr"
	"sallyport/session"
	"sallyport/telemetry"
)

// maxCallbackBody bounds a callback that is posted (response_mode=form_post).
const maxCallbackBody = 64 << 10

// callbackParams are those of the provider's answer that are looked at.
var callbackParams = []string{"code", "state", "iss", "error", "error_description"}

// callback is /oauth2/callback: the provider sends the browser back here.
func (s *Service) callback(w http.ResponseWriter, r *http.Request) error {
	q, err := strictQuery(r.URL.RawQuery)
	if err != nil {
		return weberr.SignInFailed("The identity provider's answer could not be read.", err)
	}
	var state stateClaims
	if err := s.o.Codec.Open(purposeState, s.host, q.Get("state"), &state); err != nil {
		return weberr.SignInFailed("This sign-in was not started here, or it took too long.", err)
	}
	if !s.isRouteHost(state.Journey.Host) || !validAttemptID(state.Journey.Attempt) {
		return weberr.SignInFailed("The application that this sign-in was for is no longer published.", nil)
	}
	var p passage
	known := s.openAttempt(r, purposeJourney, s.host, state.ID, &p) &&
		subtle.ConstantTimeCompare([]byte(p.State), []byte(state.State)) == 1
	if !known {
		return s.lostPassage(w, r, state.Journey)
	}
	s.dropAttempt(w, p.ID)
	c := s.byKey[p.Journey.Client]
	if c == nil {
		return badLink(errNoClient)
	}
	if code := q.Get("error"); code != "" {
		return s.refusedAtProvider(r, p.Journey, code, q.Get("error_description"))
	}
	return s.finishSignIn(w, r, p, c, q)
}

// callbackPost turns form_post into a GET: the browser withheld our cookies
// from a POST that another site made, and brings them after this redirect.
func (s *Service) callbackPost(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxCallbackBody)
	if err := r.ParseForm(); err != nil {
		return weberr.BadRequest("The identity provider's answer could not be read.", err)
	}
	q := url.Values{}
	for _, name := range callbackParams {
		if values := r.PostForm[name]; len(values) == 1 {
			q.Set(name, values[0])
		} else if len(values) > 1 {
			return weberr.SignInFailed("The identity provider's answer could not be read.", errURLParams)
		}
	}
	redirect(w, r, s.redirectURI()+"?"+q.Encode())
	return nil
}

// lostPassage handles an answer whose cookie is gone: the back button, a late
// tab, somebody else's link. Nothing in it is used. The route host goes on from
// what this browser has: a session here brings it in, otherwise it begins again.
func (s *Service) lostPassage(w http.ResponseWriter, r *http.Request, j journey) error {
	s.metrics.signIns.WithLabelValues("restarted").Inc()
	redirect(w, r, j.restartURL())
	return nil
}

// finishSignIn redeems the code and makes the session.
func (s *Service) finishSignIn(w http.ResponseWriter, r *http.Request, p passage, c *client, q url.Values) error {
	old, err := s.browserSession(r, c.cookie, s.host, c.id)
	if err != nil {
		return err
	}
	// Another tab finished while this one was at the provider: one session is
	// enough, and a provider that counts requests per person stays friendly.
	if old != nil && p.Journey.Prompt == "" {
		return s.handOff(w, r, p.Journey, old)
	}
	address := addressKey(s.o.ClientIP(r))
	if s.strikes.out(address, s.now()) {
		return s.slowDown()
	}
	subject, tokens, err := s.exchange(r, p, c, q)
	if err != nil {
		if _, refused := errors.AsType[*idp.RefusedError](err); refused {
			s.strikes.add(address, s.now())
		}
		return s.providerDown(r, p.Journey, err)
	}
	if subject.ClientID != c.id || subject.ID == "" {
		return weberr.Internal(errors.New("provider answered for another client or nobody"))
	}
	if err := s.checkStepUp(p.Journey.Prompt, subject); err != nil {
		go s.revoke(r.Context(), c, tokens)
		return err
	}
	if err := s.readPerson(r, subject.ID); err != nil {
		go s.revoke(r.Context(), c, tokens)
		return err
	}
	ss, err := s.createSession(r, subject, tokens)
	if err != nil {
		go s.revoke(r.Context(), c, tokens)
		return storeError(err)
	}
	if old != nil {
		if err := s.o.Sessions.End(r.Context(), old.ID, session.EndReplaced); err != nil {
			s.o.Logger.WarnContext(r.Context(), "replaced session not ended", "error", err)
		}
	}
	s.o.Codec.SetSession(w, c.cookie, s.host, ss)
	s.metrics.signIns.WithLabelValues("ok").Inc()
	access := telemetry.AccessFrom(r.Context())
	access.SetUser(subject.Email, subject.ID)
	access.SetSession(ss.ID)
	s.o.Logger.InfoContext(r.Context(), "signed in", "user", subject.ID, "email", subject.Email, "host", p.Journey.Host)
	return s.handOff(w, r, p.Journey, ss)
}

// slowDown refuses an address that presents one bad code after the other.
func (s *Service) slowDown() error {
	s.metrics.signIns.WithLabelValues("too-many-bad-codes").Inc()
	return &weberr.Error{
		Status: http.StatusTooManyRequests, Code: "too-many-bad-codes", Title: "Too many failed sign-ins",
		Message: "Too many sign-ins from your network have failed one after the other.",
		Next:    "Wait a minute and start again from the application.", RetryAfter: time.Minute,
	}
}

func (s *Service) exchange(r *http.Request, p passage, c *client, q url.Values) (identity.Subject, idp.Tokens, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Settings.ProviderTimeout)
	defer cancel()
	return c.provider.Exchange(ctx, idp.Callback{
		RedirectURI: s.redirectURI(), Code: q.Get("code"), Issuer: q.Get("iss"), Nonce: p.Nonce, Verifier: p.Verifier,
	})
}

// readPerson asks the directory for whoever signs in, so that the first request
// is decided on what holds now. Somebody it does not know signs in and is denied
// by policy, with a page that says so. One that cannot be asked stops a sign-in:
// it would only end in a denial that nobody could explain.
func (s *Service) readPerson(r *http.Request, id string) error {
	if s.o.Directory == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Settings.DirectoryTimeout)
	defer cancel()
	_, err := s.o.Directory.Read(ctx, id)
	if err == nil || errors.Is(err, idp.ErrNotFound) {
		return nil
	}
	s.metrics.signIns.WithLabelValues("directory-unavailable").Inc()
	s.o.Logger.WarnContext(r.Context(), "sign-in failed", "reason", "directory-unavailable", "error", err)
	e := weberr.ProviderUnavailable(retryAfter, err)
	e.Code, e.Message = "directory-unavailable", "The directory that knows your groups cannot be reached at the moment. Anyone who is already signed in can carry on."
	return e
}

// maxUserAgent bounds what a session remembers of a browser.
const maxUserAgent = 256

func (s *Service) createSession(r *http.Request, subject identity.Subject, tokens idp.Tokens) (*session.Session, error) {
	now := s.now()
	// The tokens are here: a person who leaves now must not leave them ownerless.
	return s.o.Sessions.Create(context.WithoutCancel(r.Context()), session.Session{
		Form: session.FormBrowser, Subject: subject, Tokens: tokens,
		Created: now, Expires: now.Add(s.o.Settings.CookieExpire), LastUsed: now, Refreshed: now,
		ClientAddress: s.o.ClientIP(r).String(), UserAgent: bounded(r.UserAgent(), maxUserAgent),
	})
}

func bounded(text string, most int) string {
	if len(text) > most {
		return text[:most]
	}
	return text
}

// refusals are the error codes of RFC 6749 section 4.1.2.1 and OpenID Connect
// Core section 3.1.2.6 as a person may read them. Other codes, and every
// description, are for the log: whoever writes a link can put text in them.
var refusals = map[string]string{
	"access_denied":              "The identity provider did not let you in: the sign-in was cancelled, or your account is not assigned to this application.",
	"login_required":             "The identity provider wants you to sign in again.",
	"interaction_required":       "The identity provider needs something from you before it can sign you in.",
	"consent_required":           "The identity provider needs your consent before it can sign you in.",
	"account_selection_required": "The identity provider needs to know which account you want.",
	"invalid_scope":              "The identity provider does not know one of the scopes that were asked for. Only an administrator can correct this.",
	"unauthorized_client":        "The identity provider does not accept this kind of sign-in for this application. Only an administrator can correct this.",
}

func (s *Service) refusedAtProvider(r *http.Request, j journey, code, description string) error {
	s.o.Logger.WarnContext(r.Context(), "sign-in refused by the identity provider",
		"code", bounded(code, 64), "description", bounded(description, 512), "host", j.Host)
	if code == "temporarily_unavailable" || code == "server_error" {
		return s.providerDown(r, j, &idp.UnavailableError{What: "answered " + code, RetryAfter: time.Minute})
	}
	message, ok := refusals[code]
	if !ok {
		message = "The identity provider did not let you in."
	}
	s.metrics.signIns.WithLabelValues("refused").Inc()
	e := weberr.SignInFailed(message, &idp.RefusedError{Code: bounded(code, 64)})
	e.LoginURL, e.Route = j.retryURL(), j.Host
	return e
}
