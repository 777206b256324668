package oktatest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authRequest is an authorization request that has been found valid.
type authRequest struct {
	client      *client
	redirectURI string
	scopes      []string
	state       string
	nonce       string
	challenge   string
	prompt      string
	maxAge      time.Duration // negative: none asked for
	loginHint   string
	acr         string
}

// scopesKnown are those of the org server that people can grant.
var scopesKnown = []string{"openid", "email", "profile", "address", "phone", "offline_access", "groups"}

// acrKnown maps Okta's acr values to whether they need a second factor.
var acrKnown = map[string]bool{
	"urn:okta:loa:1fa:any": false, "urn:okta:loa:1fa:pwd": false,
	"urn:okta:loa:2fa:any": true, "urn:okta:loa:2fa:any:ifpossible": false,
	"phr": true, "phrh": true,
}

// Errors of the authorize endpoint. Those about the client or where to answer
// are shown to the person; the others go back to the client.
var (
	errAuthorizeClient = oauthError{http.StatusBadRequest, "invalid_client", "Invalid value for 'client_id' parameter."}
	errState           = badRequest("The authentication request has an invalid 'state' parameter.")
	errDuplicate       = badRequest("The request contained multiple parameters with the same name.")
	errPrompt          = badRequest("Invalid value for 'prompt' parameter. Supported values: [none, consent, login]")
	errMaxAge          = badRequest("Invalid value for 'max_age' parameter. It should be within range 0 - 2^31-1.")
	errChallenge       = badRequest("PKCE code challenge contains illegal characters.")
	errMethodPKCE      = badRequest("PKCE code challenge method is not supported. Valid values: [S256]")
	errNeedsPKCE       = badRequest("PKCE code challenge is required by the application.")
	errResponseMode    = badRequest("Invalid value for 'response_mode' parameter. The stand-in knows: [query]")
	errResponseType    = oauthError{http.StatusBadRequest, "unsupported_response_type", "The response type is not supported by the authorization server. Configured response types: [code]."}
	errNoScopes        = oauthError{http.StatusBadRequest, "invalid_scope", "No scopes were requested."}
	errScope           = oauthError{http.StatusBadRequest, "invalid_scope", "One or more scopes are not configured for the authorization server resource."}
	errACR             = oauthError{http.StatusForbidden, "access_denied", "'acr_values' not supported."}
	errUnmetACR        = oauthError{http.StatusBadRequest, "unmet_authentication_requirements", "Unable to meet the authentication requirements imposed by 'acr_values' parameter."}
	errLoginRequired   = oauthError{http.StatusBadRequest, "login_required", "The client specified not to prompt, but the user is not logged in."}
	errUnassigned      = oauthError{http.StatusBadRequest, "access_denied", "User is not assigned to the client application."}
	errNoCodeGrant     = oauthError{http.StatusBadRequest, "unauthorized_client", "The client is not authorized to use the provided grant type. Configured grant types: [refresh_token]."}
)

func badRequest(description string) oauthError {
	return oauthError{http.StatusBadRequest, "invalid_request", description}
}

// parseAuthRequest checks an authorization request. The client and the redirect
// URI are set in what it returns once they are known good, whatever the error:
// then the error may be sent there.
func (k *Okta) parseAuthRequest(v url.Values) (authRequest, error) {
	var req authRequest
	c, ok := k.org.client(v.Get("client_id"))
	if !ok || len(v["client_id"]) > 1 {
		return req, errAuthorizeClient
	}
	uri := v.Get("redirect_uri")
	if !slices.Contains(c.RedirectURIs, uri) || len(v["redirect_uri"]) > 1 {
		return req, badRequest("The 'redirect_uri' parameter must be a Login redirect URI in the client app settings: " + uri)
	}
	req = authRequest{
		client: c, redirectURI: uri, state: v.Get("state"), nonce: v.Get("nonce"), prompt: v.Get("prompt"),
		scopes: strings.Fields(v.Get("scope")), loginHint: v.Get("login_hint"), challenge: v.Get("code_challenge"),
	}
	for _, values := range v {
		if len(values) > 1 {
			return req, errDuplicate
		}
	}
	return req, req.check(v)
}

func (r *authRequest) check(v url.Values) error {
	mode := v.Get("response_mode")
	switch {
	case r.state == "":
		return errState
	case v.Get("response_type") != "code":
		return errResponseType
	case mode != "" && mode != "query":
		return errResponseMode
	case !r.client.hasGrant(grantCode):
		return errNoCodeGrant
	case !slices.Contains([]string{"", "none", "consent", "login"}, r.prompt):
		return errPrompt
	case len(r.scopes) == 0:
		return errNoScopes
	}
	for _, scope := range r.scopes {
		if !slices.Contains(scopesKnown, scope) {
			return errScope
		}
	}
	if err := r.checkChallenge(v.Get("code_challenge_method")); err != nil {
		return err
	}
	if err := r.checkAge(v.Get("max_age")); err != nil {
		return err
	}
	return r.checkACR(v.Get("acr_values"))
}

func (r *authRequest) checkChallenge(method string) error {
	switch {
	case r.challenge == "" && (r.client.RequirePKCE || r.client.public()):
		return errNeedsPKCE
	case r.challenge == "":
		return nil
	case method != "S256":
		return errMethodPKCE
	case len(r.challenge) != 43 || strings.ContainsFunc(r.challenge, func(c rune) bool {
		return !strings.ContainsRune(base62+"-_", c)
	}):
		return errChallenge
	}
	return nil
}

func (r *authRequest) checkAge(value string) error {
	r.maxAge = -1
	if value == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(value, 10, 32)
	if err != nil || seconds < 0 {
		return errMaxAge
	}
	r.maxAge = time.Duration(seconds) * time.Second
	return nil
}

// checkACR takes the first value asked for: Okta chooses one and reflects it.
func (r *authRequest) checkACR(values string) error {
	for _, value := range strings.Fields(values) {
		if _, known := acrKnown[value]; !known {
			return errACR
		}
		r.acr = or(r.acr, value)
	}
	return nil
}

// satisfied reports whether a session at hand answers the request without
// asking the person again.
func (r authRequest) satisfied(s session, now time.Time) bool {
	return r.prompt != "login" && r.maxAge != 0 && (r.maxAge < 0 || now.Sub(s.authTime) <= r.maxAge)
}
