package oktatest

import (
	"net/http"
	"slices"
	"strings"
)

// Errors of client_credentials, with Okta's texts.
var (
	errServiceOnly   = badClient("Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server.")
	errServiceMethod = badClient("Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.")
	errScopeNone     = oauthError{http.StatusBadRequest, "invalid_scope", "The authorization server resource does not have any configured default scopes, 'scope' must be provided."}
	errScopeOpenID   = oauthError{http.StatusBadRequest, "invalid_scope", "Cannot request 'openid' scopes using client credentials."}
	errScopeUnknown  = oauthError{http.StatusBadRequest, "invalid_scope", "One or more scopes are not configured for the authorization server resource."}
	errScopeNothing  = oauthError{http.StatusBadRequest, "consent_required", "You are not allowed any of the requested scopes."}
	errScopeDenied   = oauthError{http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner."}
)

// grantServiceToken is client_credentials: a token of the Management API for an
// API Services application, by private_key_jwt alone.
func (k *Okta) grantServiceToken(w http.ResponseWriter, r *http.Request, c *client) (tokenAnswer, error) {
	if !c.service() {
		if c.hasGrant(grantService) {
			return tokenAnswer{}, errServiceMethod
		}
		return tokenAnswer{}, errServiceOnly
	}
	scopes, err := c.serviceScopes(strings.Fields(parameter(r, "scope")))
	if err != nil {
		return tokenAnswer{}, err
	}
	bound := ""
	if c.DPoP || len(r.Header.Values("DPoP")) > 0 {
		if bound, err = k.checkProof(w, r, proofWanted{nonce: true}); err != nil {
			return tokenAnswer{}, err
		}
		w.Header().Set("DPoP-Nonce", k.nonces.current())
	}
	return k.issueService(c, scopes, bound), nil
}

// serviceScopes are the scopes of a token: those asked for that are granted, which
// must be one at least. Okta says nothing of the others but in "scope".
func (c *client) serviceScopes(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return nil, errScopeNone
	}
	var granted []string
	for _, scope := range asked {
		switch {
		case slices.Contains(scopesKnown, scope):
			return nil, errScopeOpenID
		case !strings.HasPrefix(scope, "okta.") && !strings.HasPrefix(scope, "ssf."):
			return nil, errScopeUnknown
		case slices.Contains(c.APIScopes, scope):
			granted = append(granted, scope)
		case c.AllScopesOrNone:
			return nil, errScopeDenied
		}
	}
	if len(granted) == 0 {
		return nil, errScopeNothing
	}
	return granted, nil
}

func (k *Okta) issueService(c *client, scopes []string, bound string) tokenAnswer {
	now, key := k.clock.now(), k.keys.current()
	at := accessToken{
		family: &family{clientID: c.ID, scopes: scopes, authTime: now}, id: "AT." + secret(32), scopes: scopes,
		issued: now, expires: now.Add(c.AccessLifetime), bound: bound,
	}
	claims := map[string]any{
		"ver": 1, "jti": at.id, "iss": k.url, "aud": k.url, "sub": c.ID, "iat": now.Unix(),
		"exp": at.expires.Unix(), "cid": c.ID, "scp": scopes,
	}
	answer := tokenAnswer{Type: "Bearer", Expires: int(c.AccessLifetime.Seconds()), Scope: strings.Join(scopes, " ")}
	if bound != "" {
		answer.Type, claims["cnf"] = "DPoP", map[string]string{"jkt": bound}
	}
	answer.Access = key.sign(key.header(accessType), claims, SignRS256)
	k.grants.addAccess(answer.Access, at)
	return answer
}

// RevokeClientTokens revokes every token that an application holds, as an
// administrator can.
func (k *Okta) RevokeClientTokens(clientID string) {
	k.grants.mu.Lock()
	defer k.grants.mu.Unlock()
	for _, t := range k.grants.access {
		if t.clientID == clientID {
			t.family.revoked = true
		}
	}
}
