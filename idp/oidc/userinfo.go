package oidc

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"sallyport/identity"
)

// userinfo asks for the claims that the access token opens. There are none, and
// no error, where the provider has no such endpoint or says that the scopes
// asked for open nothing there. Signed answers are not asked for and not taken.
// An answer about somebody else is an *idp.InvalidError.
func (p *Provider) userinfo(ctx context.Context, e *endpoints, access, subject string) (identity.Claims, error) {
	if e.UserinfoURL == "" || access == "" {
		return nil, nil
	}
	body, err := p.get(ctx, endpointUserinfo, e.UserinfoURL, access)
	if insufficientScope(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	claims, err := decodeClaims(body)
	if err != nil {
		return nil, unavailable(err, "userinfo: %v", err)
	}
	if sub, _ := claims["sub"].(string); sub != subject {
		return nil, invalid("userinfo is about another subject than the id token")
	}
	return claims, nil
}

// insufficientScope recognises RFC 6750 §3.1's answer, with which Okta says that
// openid alone opens nothing at userinfo.
func insufficientScope(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.status == http.StatusForbidden &&
		strings.Contains(status.challenge, `error="insufficient_scope"`)
}
