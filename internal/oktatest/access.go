package oktatest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// caller is who asks the Management API.
type caller struct {
	id   string // tells callers apart where requests are counted
	role Role
}

type callerKey struct{}

// roleOf is the role of whoever sent r, which passed admit.
func roleOf(r *http.Request) Role {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c.role
}

// admit finds out who sent r by API token or access token, or what to refuse it
// with. A scope is wanted of access tokens alone.
func (k *Okta) admit(w http.ResponseWriter, r *http.Request, scope string) (*http.Request, func()) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	var who caller
	var refuse func()
	switch {
	case scheme == "":
		refuse = func() { errSession.write(w) }
	case strings.EqualFold(scheme, "Bearer"), strings.EqualFold(scheme, "DPoP"):
		who, refuse = k.admitOAuth(w, r, strings.ToLower(scheme), strings.TrimSpace(token), scope)
	case scheme == "SSWS":
		role, ok := k.org.tokenRole(token)
		if who = (caller{token, role}); !ok {
			who.id, refuse = anonymousCaller, func() { errBadToken.write(w) }
		}
	default:
		refuse = func() { errBadToken.write(w) }
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, who)), refuse
}

// admitOAuth checks an access token and, where it is bound to a key, the proof.
func (k *Okta) admitOAuth(w http.ResponseWriter, r *http.Request, scheme, token, scope string) (caller, func()) {
	refuse := func(status int, code, text string) func() {
		return func() { k.challengeAPI(w, r, scheme, scope, oauthError{status, code, text}) }
	}
	at, ok := k.grants.liveAccess(token)
	if !ok {
		return caller{}, refuse(http.StatusUnauthorized, "invalid_token", "The access token is invalid.")
	}
	c, ok := k.org.client(at.clientID)
	if !ok {
		return caller{}, refuse(http.StatusUnauthorized, "invalid_token", "The access token is invalid.")
	}
	who := caller{c.ID, c.Role}
	if err := k.checkBinding(w, r, scheme, token, at, c); err != nil {
		return who, func() { k.challengeAPI(w, r, scheme, scope, *err) }
	}
	if !slices.Contains(at.scopes, scope) {
		return who, refuse(http.StatusForbidden, "insufficient_scope", "The access token provided does not contain the required scopes.")
	}
	return who, nil
}

// checkBinding refuses a bound token without a proof of its key, and a proof for
// a token that is not bound.
func (k *Okta) checkBinding(w http.ResponseWriter, r *http.Request, scheme, token string, at accessToken, c *client) *oauthError {
	switch {
	case scheme == "bearer" && at.bound == "":
		return nil
	case scheme == "bearer":
		return &errNeedsDPoP
	case at.bound == "":
		return &errNotBound
	case len(r.Header.Values("DPoP")) == 0:
		return &errNeedsProof
	}
	bound, err := k.checkProof(w, r, proofWanted{nonce: c.DPoPNonceAtAPI, token: token})
	if e, ok := err.(oauthError); ok {
		if e == errProofNonce {
			e.status = http.StatusUnauthorized // RFC 9449 §9
		}
		return &e
	}
	if bound != at.bound {
		return &errProofOther
	}
	return nil
}

// challengeAPI refuses a request of the Management API as Okta does: everything
// is in the header, with http even for https, and the body is empty.
func (k *Okta) challengeAPI(w http.ResponseWriter, r *http.Request, scheme, scope string, e oauthError) {
	name := map[string]string{"bearer": "Bearer ", "dpop": `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", `}[scheme]
	_, host, _ := strings.Cut(k.url, "://")
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(
		`%sauthorization_uri="http://%s/oauth2/v1/authorize", realm="http://%s", scope="%s", error="%s", error_description="%s", resource="%s"`,
		name, host, host, scope, e.code, e.description, r.URL.Path))
	w.WriteHeader(e.status)
}
