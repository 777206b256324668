package oktatest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// tokenAnswer is the token endpoint's answer.
type tokenAnswer struct {
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"` // seconds
	Access  string `json:"access_token"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token,omitempty"`
	ID      string `json:"id_token,omitempty"`
}

// token is the token endpoint.
func (k *Okta) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache, no-store")
	w.Header().Set("Pragma", "no-cache")
	c, ok := k.authenticate(w, r)
	if !ok {
		return
	}
	answer, err := k.grant(w, r, c)
	if err != nil {
		writeOAuth(w, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (k *Okta) grant(w http.ResponseWriter, r *http.Request, c *client) (tokenAnswer, error) {
	grant := parameter(r, "grant_type")
	if len(r.PostForm["grant_type"]) > 1 {
		return tokenAnswer{}, errDuplicate
	}
	switch {
	case grant == "":
		return tokenAnswer{}, badRequest("The token request must specify a 'grant_type'. Valid values: [authorization_code, refresh_token]")
	case grant == grantService:
		return k.grantServiceToken(w, r, c)
	case grant != grantCode && grant != grantRefresh:
		return tokenAnswer{}, oauthError{http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server. Configured grant types: [authorization_code, refresh_token]."}
	case !c.hasGrant(grant):
		return tokenAnswer{}, oauthError{http.StatusBadRequest, "unauthorized_client", fmt.Sprintf("The client is not authorized to use the provided grant type. Configured grant types: [%s].", strings.Join(c.GrantTypes, ", "))}
	case grant == grantCode:
		return k.grantCode(r, c)
	}
	return k.grantRefresh(r, c)
}

// grantCode redeems an authorization code.
func (k *Okta) grantCode(r *http.Request, c *client) (tokenAnswer, error) {
	form := r.PostForm
	for _, name := range []string{"code", "redirect_uri"} {
		if form.Get(name) == "" {
			return tokenAnswer{}, badRequest(fmt.Sprintf("The required parameter '%s' is missing.", name))
		}
	}
	f, err := k.grants.redeem(form.Get("code"), c.ID, form.Get("redirect_uri"), form.Get("code_verifier"))
	if err != nil {
		return tokenAnswer{}, err
	}
	p, err := k.holder(f, c)
	if err != nil {
		return tokenAnswer{}, errCode
	}
	answer := k.issue(grantCode, p, c, f, f.scopes)
	if slices.Contains(f.scopes, "offline_access") && c.hasGrant(grantRefresh) {
		answer.Refresh = k.grants.addRefresh(f)
	}
	return answer, nil
}

// grantRefresh redeems a refresh token. The client may ask for fewer scopes.
func (k *Okta) grantRefresh(r *http.Request, c *client) (tokenAnswer, error) {
	value := r.PostForm.Get("refresh_token")
	if value == "" {
		return tokenAnswer{}, badRequest("The required parameter 'refresh_token' is missing.")
	}
	f, err := k.grants.useRefresh(value, c)
	if err != nil {
		return tokenAnswer{}, err
	}
	p, err := k.holder(f, c)
	if err != nil {
		return tokenAnswer{}, errRefresh
	}
	scopes, err := narrow(f.scopes, strings.Fields(r.PostForm.Get("scope")))
	if err != nil {
		return tokenAnswer{}, err
	}
	answer := k.issue(grantRefresh, p, c, f, scopes)
	answer.Refresh = value
	if c.RotateRefresh {
		answer.Refresh = k.grants.addRefresh(f)
	}
	return answer, nil
}

// holder returns the person of a family who may still have tokens: not
// suspended or deactivated, and assigned to the application.
func (k *Okta) holder(f *family, c *client) (person, error) {
	p, err := k.org.findPerson(f.personID)
	if err != nil {
		return person{}, err
	}
	if !p.Status.MayPass() || !k.org.assigned(c, p.ID) {
		return person{}, errUnassigned
	}
	return p, nil
}

func narrow(granted, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return granted, nil
	}
	var denied []string
	for _, scope := range asked {
		if !slices.Contains(granted, scope) {
			denied = append(denied, scope)
		}
	}
	if denied != nil {
		return nil, oauthError{http.StatusBadRequest, "access_denied", fmt.Sprintf("Some of the scopes requested for the refresh request were not granted in the original authorize request. Denied scopes: %s.", strings.Join(denied, ", "))}
	}
	return asked, nil
}

func writeOAuth(w http.ResponseWriter, err error) {
	var e oauthError
	if !errors.As(err, &e) {
		e = oauthError{http.StatusInternalServerError, "server_error", "The authorization server encountered an unexpected condition that prevented it from fulfilling the request."}
	}
	e.write(w)
}
