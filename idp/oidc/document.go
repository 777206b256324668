package oidc

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

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
