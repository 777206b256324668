package authenticate

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/policy"
)

// oktaSecondFactor is the context in which Okta asks for a second factor.
const oktaSecondFactor = "urn:okta:loa:2fa:any"

// StepUp answers the request of somebody who is signed in, and not as a policy
// wants. A browser on its way to a page is sent to sign in again; everybody else
// gets an error with the address to do that at. What comes back is checked in
// the new token: a sign-in that does not bring it ends there, so that nobody goes
// round in circles.
func (s *Service) StepUp(w http.ResponseWriter, r *http.Request, route *config.Route, want policy.SignIn) error {
	host, ok := authority(r.Host)
	if !ok {
		return weberr.BadRequest("The address of this request is not one that can be signed in to.", nil)
	}
	c := s.clients[route.ClientID]
	if c == nil {
		return weberr.Internal(errNoClient)
	}
	prompt := stepUpPrompt(want)
	if !s.presentsToken(r) && ui.IsNavigation(r) {
		if s.landed(r, host, c.key).Count >= maxLanded {
			return s.cookieLost(r, host)
		}
		return s.begin(w, r, host, attempt{Client: c.key, Target: requestTarget(r), Prompt: prompt})
	}
	e := weberr.SignInNeeded(host, s.startURL(r, prompt))
	e.Code, e.Title = "step-up-needed", "Sign in again"
	e.Message = "You are signed in, and " + host + " wants a more recent or a stronger sign-in for this."
	return e
}

// stepUpPrompt is what is wanted as it travels with a sign-in, signed.
func stepUpPrompt(want policy.SignIn) string {
	q := url.Values{}
	if want.Aged {
		q.Set("max_age", strconv.Itoa(int(want.MaxAge/time.Second)))
	}
	if want.Context != "" {
		q.Set("acr", want.Context)
	}
	if want.Method != "" {
		q.Set("amr", want.Method)
	}
	return q.Encode()
}

// parseStepUp reads what stepUpPrompt wrote; not ok for anything else.
func parseStepUp(prompt string) (want policy.SignIn, ok bool) {
	q, _ := url.ParseQuery(prompt) // what is left out is missed below
	if q.Encode() != prompt || len(prompt) > maxPrompt {
		return want, false
	}
	for name, values := range q {
		if len(values) != 1 {
			return policy.SignIn{}, false
		}
		switch value := q.Get(name); name {
		case "max_age":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return want, false
			}
			want.Aged, want.MaxAge = true, time.Duration(seconds)*time.Second
		case "acr":
			want.Context = value
		case "amr":
			want.Method = value
		default:
			return want, false
		}
	}
	return want, want != policy.SignIn{}
}

// maxPrompt bounds what a prompt may say: it travels in URLs and cookies.
const maxPrompt = 512

// goodPrompt reports whether a prompt is one of ours.
func goodPrompt(prompt string) bool {
	_, ok := parseStepUp(prompt)
	return prompt == promptLogin || ok
}

// providerParams are what asks the provider for the kind of sign-in.
func providerParams(prompt string) map[string]string {
	want, ok := parseStepUp(prompt)
	if !ok {
		return map[string]string{"prompt": prompt}
	}
	params := map[string]string{}
	if want.Aged {
		params["max_age"] = strconv.Itoa(int(want.MaxAge / time.Second))
	}
	switch {
	case want.Context != "":
		params["acr_values"] = want.Context
	case want.Method == "mfa":
		params["acr_values"] = oktaSecondFactor
	case want.Method != "":
		params["prompt"] = promptLogin
	}
	return params
}

var errStepUp = errors.New("the new sign-in is not what the policy wants")

// checkStepUp refuses a sign-in that did not bring what it was made for. When the
// person signed in is what the token says, and nothing where it says nothing.
func (s *Service) checkStepUp(prompt string, subject identity.Subject) error {
	want, ok := parseStepUp(prompt)
	if !ok {
		return nil
	}
	var authenticated time.Time
	if _, said := subject.Claims["auth_time"]; said {
		authenticated = subject.AuthenticatedAt
	}
	if want.Met(authenticated, s.now(), subject.Methods, subject.Context) {
		return nil
	}
	s.metrics.signIns.WithLabelValues("step-up-unmet").Inc()
	e := weberr.SignInFailed("You have signed in, but not in the way that this application requires: it wants a more recent sign-in, or another method.", errStepUp)
	e.Status, e.Code = http.StatusForbidden, "step-up-unmet"
	e.Next = "Sign in again with the method that your organisation requires. If that does not help, give your administrator the request id."
	return e
}
