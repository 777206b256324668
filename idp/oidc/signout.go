package oidc

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"sallyport/idp"
)

// maxHint keeps the logout address below what servers take for a request line;
// an ID token with thousands of groups in it goes without.
const maxHint = 7000

// Revoke gives up the refresh token, which ends its access tokens as well, or
// the access token where there is no other (RFC 7009). It is nil where the
// provider has no endpoint for it.
func (p *Provider) Revoke(ctx context.Context, t idp.Tokens) error {
	e, err := p.endpoints(ctx)
	if err != nil {
		return err
	}
	form := url.Values{"token": {t.Refresh}, "token_type_hint": {"refresh_token"}}
	if t.Refresh == "" {
		form = url.Values{"token": {t.Access}, "token_type_hint": {"access_token"}}
	}
	if e.RevokeURL == "" || form.Get("token") == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(at(ctx, endpointRevoke), fetchTimeout)
	defer cancel()
	req, err := e.clientRequest(ctx, e.RevokeURL, form)
	if err != nil {
		return unavailable(err, "revoke: %v", err)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return unavailable(err, "revoke: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096)) // lets the connection be used again
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return unavailable(&statusError{status: resp.StatusCode}, "revoke: expected status 200, got %d", resp.StatusCode)
	}
	return nil
}

// clientRequest is a form POST with the client's authentication, in the form
// the token endpoint takes it (RFC 6749 §2.3.1).
func (e *endpoints) clientRequest(ctx context.Context, address string, form url.Values) (*http.Request, error) {
	if e.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInParams {
		form.Set("client_id", e.oauth.ClientID)
		if e.oauth.ClientSecret != "" {
			form.Set("client_secret", e.oauth.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(e.oauth.ClientID), url.QueryEscape(e.oauth.ClientSecret))
	}
	return req, nil
}

// LogoutURL returns where to send the browser to end its session at the provider
// too (OpenID Connect RP-Initiated Logout 1.0), or "" where that is not known.
func (p *Provider) LogoutURL(ctx context.Context, idToken, postLogoutRedirectURI, state string) string {
	e, err := p.endpoints(ctx)
	if err != nil || e.LogoutURL == "" {
		return ""
	}
	u, err := url.Parse(e.LogoutURL)
	if err != nil {
		return ""
	}
	q := u.Query()
	if idToken != "" && len(idToken) <= maxHint {
		q.Set("id_token_hint", idToken)
	} else {
		q.Set("client_id", p.o.ClientID)
	}
	if postLogoutRedirectURI != "" {
		q.Set("post_logout_redirect_uri", postLogoutRedirectURI)
		if state != "" {
			q.Set("state", state)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
