package oktatest

import (
	"net/http"
	"net/url"
	"slices"
)

// Errors of the logout endpoint, shown to the person.
var (
	errHint      = oauthError{http.StatusUnauthorized, "invalid_token", "The id token is invalid."}
	errHintOther = oauthError{http.StatusBadRequest, "id_token_does_not_match_session", "The ID token subject does not match the current session's user."}
)

// logout ends the browser's session here (OpenID Connect RP-Initiated Logout).
// Without a session it only sends the browser on. An expired ID token will do
// where its subject is the session's. Tokens stay valid, as at Okta.
func (k *Okta) logout(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		params = r.PostForm
	}
	c, subject, expired, err := k.readHint(params.Get("id_token_hint"))
	if err != nil {
		k.showError(w, errHint)
		return
	}
	id, s, signedIn := k.sessions.of(r)
	switch {
	case signedIn && s.personID != subject:
		k.showError(w, errHintOther)
		return
	case expired && !signedIn:
		k.showError(w, errHint)
		return
	}
	to := params.Get("post_logout_redirect_uri")
	if to != "" && !slices.Contains(c.PostLogoutRedirectURIs, to) {
		k.showError(w, badRequest("The 'post_logout_redirect_uri' parameter must be a Logout redirect URI in the client app settings: "+to))
		return
	}
	k.endSession(id, s)
	k.setCookie(w, "", -1)
	if to == "" {
		k.show(w, http.StatusOK, "signedout", nil)
		return
	}
	http.Redirect(w, r, withState(to, params.Get("state")), http.StatusFound)
}

// readHint verifies an ID token of this org and returns its client and subject.
func (k *Okta) readHint(token string) (c *client, subject string, expired bool, err error) {
	claims, err := k.keys.verify(token)
	if err != nil {
		return nil, "", false, err
	}
	audience, _ := claims["aud"].(string)
	c, known := k.org.client(audience)
	if !known || claims["iss"] != k.url {
		return nil, "", false, errHint
	}
	subject, _ = claims["sub"].(string)
	exp, _ := claims["exp"].(float64)
	return c, subject, float64(k.clock.now().Unix()) >= exp, nil
}

func withState(uri, state string) string {
	to, err := url.Parse(uri)
	if err != nil || state == "" {
		return uri
	}
	query := to.Query()
	query.Set("state", state)
	to.RawQuery = query.Encode()
	return to.String()
}
