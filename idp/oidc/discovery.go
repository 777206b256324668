package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
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
		p.log.Warn("identity provider discovery failed", "issuer", p.o.Issuer, "error", err)
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

// accept checks a discovery document and readies it.
func (p *Provider) accept(body []byte) (*endpoints, error) {
	e := &endpoints{}
	if err := json.Unmarshal(body, &e.document); err != nil {
		return nil, fmt.Errorf("not a discovery document: %w", err)
	}
	if e.Issuer != p.o.Issuer {
		return nil, fmt.Errorf("the provider calls itself %q, configured is %q; the two must be the same", e.Issuer, p.o.Issuer)
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

func (d *document) checkEndpoints() error {
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", d.AuthURL, true},
		{"token_endpoint", d.TokenURL, true},
		{"jwks_uri", d.KeysURL, true},
		{"userinfo_endpoint", d.UserinfoURL, false},
		{"revocation_endpoint", d.RevokeURL, false},
		{"end_session_endpoint", d.LogoutURL, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := checkEndpoint(e.url, d.Issuer); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}

// checkEndpoint demands https, or http on loopback where the issuer itself is
// there (a stand-in on a developer's machine).
func checkEndpoint(raw, issuer string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("expected an absolute URL without user and fragment, got %q", raw)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()) && strings.HasPrefix(issuer, "http://"):
		return nil
	}
	return fmt.Errorf("expected https, got %q", raw)
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// authStyle never leaves x/oauth2 to find out by trying, which sends code and
// secret twice. Absent means client_secret_basic (Discovery §3).
func authStyle(methods []string, secret string) (oauth2.AuthStyle, error) {
	switch {
	case secret == "":
		return oauth2.AuthStyleInParams, nil
	case len(methods) == 0 || slices.Contains(methods, "client_secret_basic"):
		return oauth2.AuthStyleInHeader, nil
	case slices.Contains(methods, "client_secret_post"):
		return oauth2.AuthStyleInParams, nil
	}
	return 0, fmt.Errorf("the token endpoint takes a client secret neither in the header nor in the form, only %q", methods)
}

// asymmetric are the signatures that may be verified at all: never none, never
// HS*, whose key would be our client secret or, by confusion, a public key.
var asymmetric = []string{
	gooidc.RS256, gooidc.RS384, gooidc.RS512, gooidc.ES256, gooidc.ES384, gooidc.ES512,
	gooidc.PS256, gooidc.PS384, gooidc.PS512, gooidc.EdDSA,
}

func allowedAlgorithms(announced []string) ([]string, error) {
	if len(announced) == 0 {
		return []string{gooidc.RS256}, nil
	}
	var allowed []string
	for _, a := range announced {
		if slices.Contains(asymmetric, a) {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 {
		return nil, fmt.Errorf("ID tokens are signed with none of %q, got %q", asymmetric, announced)
	}
	return allowed, nil
}

func scopes(configured, supported []string) []string {
	if configured != nil {
		if slices.Contains(configured, gooidc.ScopeOpenID) {
			return configured
		}
		return append([]string{gooidc.ScopeOpenID}, configured...)
	}
	if len(supported) == 0 || slices.Contains(supported, gooidc.ScopeOfflineAccess) {
		return defaultScopes
	}
	return defaultScopes[:len(defaultScopes)-1]
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
