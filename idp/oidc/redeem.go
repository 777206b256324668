package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"sallyport/idp"
	"sallyport/internal/httpout"
)

// misconfigured are the OAuth errors (RFC 6749 §5.2) that speak of our client,
// not of the person: they end no session, and an operator must hear of them.
var misconfigured = map[string]string{
	"invalid_client":         "check the client id and secret",
	"unauthorized_client":    "the grant is not enabled for this client at the provider",
	"unsupported_grant_type": "the grant is not enabled for this client at the provider",
	"invalid_scope":          "check the scopes",
	"invalid_dpop_proof":     "switch off the requirement of DPoP for this client at the provider",
}

// redeemCode asks the token endpoint for what the code stands for.
func (p *Provider) redeemCode(ctx context.Context, e *endpoints, c idp.Callback) (idp.Tokens, error) {
	token, err := e.config(c.RedirectURI).Exchange(p.oauthContext(ctx), c.Code, oauth2.VerifierOption(c.Verifier))
	return p.granted(token, err, c.Code, c.Verifier)
}

// redeemRefresh asks for new tokens. Where none comes, the refresh token asked
// with stays in force.
func (p *Provider) redeemRefresh(ctx context.Context, e *endpoints, refresh string) (idp.Tokens, error) {
	token, err := e.config("").TokenSource(p.oauthContext(ctx), &oauth2.Token{RefreshToken: refresh}).Token()
	return p.granted(token, err, refresh)
}

// oauthContext carries our client and the endpoint's name into x/oauth2.
func (p *Provider) oauthContext(ctx context.Context) context.Context {
	return context.WithValue(at(ctx, endpointToken), oauth2.HTTPClient, p.http)
}

// granted reads the outcome; sent are the secrets of the request.
func (p *Provider) granted(token *oauth2.Token, err error, sent ...string) (idp.Tokens, error) {
	if err != nil {
		err = p.tokenError(err, append(sent, p.o.ClientSecret))
		p.health.report(p.now(), err)
		return idp.Tokens{}, err
	}
	p.health.report(p.now(), nil)
	t := idp.Tokens{Access: token.AccessToken, Refresh: token.RefreshToken}
	t.ID, _ = token.Extra("id_token").(string)
	if token.ExpiresIn > 0 {
		// Reckoned by our clock: x/oauth2's Expiry is by the machine's.
		t.AccessExpires = p.now().Add(time.Duration(token.ExpiresIn) * time.Second)
	}
	if token.TokenType != "" && !strings.EqualFold(token.TokenType, "Bearer") {
		return t, unavailable(nil, "token endpoint: expected a Bearer token, got type %q", clip(token.TokenType, 20))
	}
	return t, nil
}

// tokenError tells a definite refusal from everything that says nothing about
// the person. x/oauth2's error is not passed on: it prints the answer's body. A
// description that repeats what was sent is not passed on either.
func (p *Provider) tokenError(err error, sent []string) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) || answer.Response == nil {
		return unavailable(scrub(err), "token endpoint: %v", scrub(err))
	}
	status := answer.Response.StatusCode
	code, description := oauthError(answer.Response.Header, answer.Body)
	for _, secret := range sent {
		if secret != "" && strings.Contains(description, secret) {
			description = "withheld, since it repeats a secret"
		}
	}
	refused := status == http.StatusBadRequest || status == http.StatusUnauthorized
	if refused && code == "invalid_grant" {
		return &idp.RefusedError{Code: code, Description: description}
	}
	u := &idp.UnavailableError{
		What:       fmt.Sprintf("token endpoint: status %d", status),
		RetryAfter: httpout.RetryAfter(answer.Response.Header, p.now()),
		Err:        &statusError{status: status},
	}
	if refused || status == http.StatusForbidden {
		u.What = "token endpoint refused this client: " + code
		if advice := misconfigured[code]; advice != "" {
			u.What += ": " + advice
		}
		p.log.Error("identity provider refuses this client, not the person; correct its settings",
			"issuer", p.o.Issuer, "client_id", p.o.ClientID, "status", status, "code", code, "description", description)
	}
	return u
}

// scrub keeps of x/oauth2's plain errors only what cannot quote an answer.
func scrub(err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "oauth2: cannot parse") || strings.HasPrefix(text, "oauth2: server response") {
		return errors.New("the answer holds no token")
	}
	return err
}

var oauthCode = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)

// oauthError reads a JSON error answer. x/oauth2 takes plain text and forms for
// one as well, which any gateway in between could have written.
func oauthError(h http.Header, body []byte) (code, description string) {
	var answer struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if !isJSON(h) || json.Unmarshal(body, &answer) != nil || !oauthCode.MatchString(answer.Code) {
		return "unknown", ""
	}
	return answer.Code, clip(answer.Description, 200)
}
