package oktatest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
)

// authorize is the authorization endpoint, by GET or POST.
func (k *Okta) authorize(w http.ResponseWriter, r *http.Request) {
	params := r.URL.Query()
	if r.Method == http.MethodPost {
		params = r.PostForm
	}
	req, err := k.parseAuthRequest(params)
	if err != nil {
		k.refuse(w, r, req, err)
		return
	}
	if _, s, ok := k.sessions.of(r); ok && req.satisfied(s, k.clock.now()) {
		k.answer(w, r, req, s)
		return
	}
	if req.prompt == "none" {
		k.refuse(w, r, req, errLoginRequired)
		return
	}
	http.Redirect(w, r, signInPath+"?okta_key="+k.sessions.begin(req), http.StatusFound)
}

// answer sends the browser back with a code for the person of s.
func (k *Okta) answer(w http.ResponseWriter, r *http.Request, req authRequest, s session) {
	switch {
	case !k.org.assigned(req.client, s.personID):
		k.refuse(w, r, req, errUnassigned)
		return
	case acrKnown[req.acr] && !slices.Contains(s.methods, "mfa"):
		k.refuse(w, r, req, errUnmetACR)
		return
	}
	value := k.grants.addCode(code{
		family: &family{
			personID: s.personID, clientID: req.client.ID, scopes: req.scopes, nonce: req.nonce,
			methods: s.methods, acr: req.acr, authTime: s.authTime,
			expires: k.clock.now().Add(req.client.RefreshLifetime),
		},
		redirectURI: req.redirectURI, challenge: req.challenge,
	}, req.client.CodeLifetime)
	k.redirect(w, r, req, url.Values{"code": {value}})
}

// refuse sends an error back to the client or, where it is not known to whom,
// shows it.
func (k *Okta) refuse(w http.ResponseWriter, r *http.Request, req authRequest, err error) {
	var e oauthError
	if !errors.As(err, &e) {
		e = oauthError{http.StatusInternalServerError, "server_error", err.Error()}
	}
	if req.client == nil {
		k.showError(w, e)
		return
	}
	k.redirect(w, r, req, url.Values{"error": {e.code}, "error_description": {e.description}})
}

func (k *Okta) redirect(w http.ResponseWriter, r *http.Request, req authRequest, params url.Values) {
	to, err := url.Parse(req.redirectURI)
	if err != nil {
		k.showError(w, badRequest("The 'redirect_uri' parameter must be a Login redirect URI in the client app settings: "+req.redirectURI))
		return
	}
	query := to.Query()
	for name, values := range params {
		query[name] = values
	}
	if req.state != "" {
		query.Set("state", req.state)
	}
	if k.opts.AuthorizeIssuer {
		query.Set("iss", k.url)
	}
	to.RawQuery = query.Encode()
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-cache, no-store")
	http.Redirect(w, r, to.String(), http.StatusFound)
}
