package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// discoverySoftAge is when the document is asked for again, beside its use;
// there is no hard age, since a provider that is down has no better one.
const discoverySoftAge = time.Hour

// document is the part of the discovery document that is used
// (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata).
type document struct {
	Issuer      string   `json:"issuer"`
	AuthURL     string   `json:"authorization_endpoint"`
	TokenURL    string   `json:"token_endpoint"`
	KeysURL     string   `json:"jwks_uri"`
	UserinfoURL string   `json:"userinfo_endpoint"`
	RevokeURL   string   `json:"revocation_endpoint"`
	LogoutURL   string   `json:"end_session_endpoint"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	Scopes      []string `json:"scopes_supported"`
	// IssuerParam is RFC 9207's promise to name the issuer in every callback.
	IssuerParam bool `json:"authorization_response_iss_parameter_supported"`
}

// endpoints is a discovery document that passed, ready for use. Read-only.
type endpoints struct {
	document
	oauth    oauth2.Config
	keys     *keySet
	verifier *gooidc.IDTokenVerifier
}

// config returns the OAuth client for one redirect URI.
func (e *endpoints) config(redirectURI string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: e.oauth.ClientID, ClientSecret: e.oauth.ClientSecret,
		Endpoint: e.oauth.Endpoint, Scopes: e.oauth.Scopes, RedirectURL: redirectURI,
	}
}

// endpoints returns what discovery found. Someone who waits for it waits no
// longer than a person would.
func (p *Provider) endpoints(ctx context.Context) (*endpoints, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	e, _, err := p.discovery.current(ctx, discoverySoftAge, 0)
	return e, err
}

func (p *Provider) discover(ctx context.Context) (*endpoints, error) {
	body, err := p.get(ctx, endpointDiscovery, strings.TrimSuffix(p.o.Issuer, "/")+"/.well-known/openid-configuration", "")
	if err != nil {
		p.log.Warn("identity provider discovery failed", "issuer", p.o.Issuer, "error", err, "hint", discoveryHint(err))
		return nil, err
	}
	e, err := p.accept(body)
	if err != nil {
		err = unavailable(err, "discovery: %v", err)
		p.log.Error("identity provider discovery refused", "issuer", p.o.Issuer, "error", err)
		return nil, err
	}
	return e, nil
}

// discoveryHint is what an operator can do about a document that did not come.
func discoveryHint(err error) string {
	var answered *statusError
	switch {
	case errors.As(err, &answered) && answered.status == http.StatusNotFound:
		return "there is no issuer at idp_provider_url: open ISSUER/.well-known/openid-configuration in a browser to find the right one"
	case errors.As(err, &answered), errors.Is(err, errNotJSON):
		return "what answers at idp_provider_url may not be the identity provider"
	}
	return "check idp_provider_url, DNS and firewalls; HTTPS_PROXY is honoured, and a private authority goes into idp_ca_file"
}

// accept checks a discovery document and readies it.
func (p *Provider) accept(body []byte) (*endpoints, error) {
	e := &endpoints{}
	if err := json.Unmarshal(body, &e.document); err != nil {
		return nil, fmt.Errorf("not a discovery document: %w", err)
	}
	if e.Issuer != p.o.Issuer {
		return nil, fmt.Errorf("the provider calls itself %q, idp_provider_url is %q; the two must be the same", e.Issuer, p.o.Issuer)
	}
	if err := e.checkEndpoints(); err != nil {
		return nil, err
	}
	style, err := authStyle(e.AuthMethods, p.o.ClientSecret)
	if err != nil {
		return nil, err
	}
	algorithms, err := allowedAlgorithms(e.Algorithms)
	if err != nil {
		return nil, err
	}
	e.oauth = oauth2.Config{
		ClientID: p.o.ClientID, ClientSecret: p.o.ClientSecret, Scopes: scopes(p.o.Scopes, e.Scopes),
		Endpoint: oauth2.Endpoint{AuthURL: e.AuthURL, TokenURL: e.TokenURL, AuthStyle: style},
	}
	e.keys = p.keySetFor(e.KeysURL, algorithms)
	e.verifier = gooidc.NewVerifier(e.Issuer, e.keys, &gooidc.Config{
		ClientID: p.o.ClientID, SupportedSigningAlgs: algorithms,
		// Times are checked in verify.go, with a leeway both ways.
		SkipExpiryCheck: true,
	})
	return e, nil
}

// keySetFor keeps the key set, and with it what is known of the keys, while
// discovery says the same about them.
func (p *Provider) keySetFor(keysURL string, algorithms []string) *keySet {
	p.discovery.mu.Lock()
	last := p.discovery.value
	p.discovery.mu.Unlock()
	if last != nil && last.KeysURL == keysURL && slices.Equal(last.keys.algorithms, algorithms) {
		return last.keys
	}
	return newKeySet(p, keysURL, algorithms)
}

// get fetches a JSON document, with a bearer token where one is given.
func (p *Provider) get(ctx context.Context, endpoint, address, bearer string) ([]byte, error) {
	req, err := http.NewRequestWithContext(at(ctx, endpoint), http.MethodGet, address, nil)
	if err != nil {
		return nil, unavailable(err, "%s: %v", endpoint, err)
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, unavailable(err, "%s: %v", endpoint, err)
	}
	return readJSON(resp, endpoint, p.now())
}
