// Package oidc signs people in at an OpenID Connect provider and keeps their
// sign-in fresh. It decides one thing: whether what the provider sent may be
// believed. It holds no sessions (session) and starts no flows (authenticate).
//
//	discovery.go  which endpoints, lazily, again as it ages
//	keyset.go     which keys, one by one, no storm towards the provider
//	redeem.go     the token endpoint: what refuses, what is only unavailable
//	verify.go     every claim of an ID token that matters
//	userinfo.go   the claims an ID token is too thin for
//	claims.go     claims to a subject; when an e-mail address counts
//	signout.go    revocation and the way out
//	observe.go    metrics, clock skew, the token endpoint's budget
//
// All exchanges go through a bounded client without redirects. Errors are those
// of package idp and hold no secrets.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/oauth2"

	"sallyport/idp"
	"sallyport/internal/httpout"
)

// Bounds of one exchange with the provider.
const (
	maxAnswer        = 1 << 20                 // bytes of any answer
	exchangeTimeout  = 20 * time.Second        // a sign-in's or refresh's requests together
	fetchTimeout     = 10 * time.Second        // discovery or keys
	patience         = 2500 * time.Millisecond // how long a person waits for discovery
	minVerifierBytes = 43                      // RFC 7636 §4.1
)

// defaultScopes are asked for when Options name none.
var defaultScopes = []string{"openid", "profile", "email", "offline_access"}

// reserved are the parameters of an authorization request that are ours alone.
var reserved = []string{
	"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "client_secret",
}

// Options for New. Issuer and ClientID are required.
type Options struct {
	// Issuer must equal, byte for byte, what the provider calls itself; for Okta
	// what oktaurl.Canonical returned.
	Issuer string
	// ClientID and ClientSecret are of the OAuth client; without a secret it is a
	// public client.
	ClientID, ClientSecret string
	// Scopes are asked for, openid always; nil: openid profile email
	// offline_access, the last one only if the provider does not rule it out.
	Scopes []string
	// Params are sent with every authorization request; those that are part of the
	// protocol (state, scope, ...) are an error.
	Params map[string]string
	// HTTP is made by httpout; nil: with its defaults. Size bound and the refusal
	// of redirects are laid over any other client as well.
	HTTP *http.Client
	// AllowUnverifiedEmail takes addresses that the provider does not vouch for.
	// It is safe only where administrators set every address; where people type
	// theirs in, it lets them be whoever they like. Okta's own authorization server
	// says "email_verified": false of everybody who came from a directory or an HR
	// system and never clicked a link in a mail of Okta's.
	AllowUnverifiedEmail bool

	Now      func() time.Time      // nil: time.Now
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // nil: no metrics
}

// Provider implements idp.Provider and idp.Budgeted. It is safe for concurrent
// use; nothing is asked of the network before it is needed.
type Provider struct {
	o         Options
	now       func() time.Time
	log       *slog.Logger
	http      *http.Client
	seen      observed
	health    health
	discovery *cached[*endpoints]
	patience  time.Duration // a constant but for tests
}

var (
	_ idp.Provider = (*Provider)(nil)
	_ idp.Budgeted = (*Provider)(nil)
)

// New returns a provider. It fails on what no answer of the network could mend.
func New(o Options) (*Provider, error) {
	if o.ClientID == "" {
		return nil, errors.New("oidc: expected a client id, got none")
	}
	if err := checkEndpoint(o.Issuer, o.Issuer); err != nil {
		return nil, fmt.Errorf("oidc: issuer: %w", err)
	}
	if err := checkParams(o.Params); err != nil {
		return nil, err
	}
	o.Scopes, o.Params = slices.Clone(o.Scopes), maps.Clone(o.Params)
	p := &Provider{o: o, now: o.Now, log: o.Logger, patience: patience}
	if p.now == nil {
		p.now = time.Now
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		client, err := httpout.New(httpout.Options{})
		if err != nil {
			return nil, err
		}
		o.HTTP = client
	}
	p.seen.metrics = newMetrics(o.Registry)
	p.http = &http.Client{
		Timeout:       o.HTTP.Timeout,
		Transport:     &observer{base: httpout.Bound(o.HTTP.Transport, maxAnswer), p: p},
		CheckRedirect: func(*http.Request, []*http.Request) error { return httpout.ErrRedirect },
	}
	p.discovery = &cached[*endpoints]{fetch: p.discover, now: p.now}
	return p, nil
}

// AuthURL returns where to send the browser. While the provider cannot be
// discovered it gives up within three seconds, since a person waits.
func (p *Provider) AuthURL(ctx context.Context, r idp.AuthRequest) (string, error) {
	if r.RedirectURI == "" || r.State == "" || r.Nonce == "" || len(r.Verifier) < minVerifierBytes {
		return "", errors.New("oidc: expected redirect URI, state, nonce and a PKCE verifier of 43 characters or more")
	}
	if err := checkParams(r.Params); err != nil {
		return "", err
	}
	e, err := p.endpoints(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(r.Verifier),
		oauth2.SetAuthURLParam("nonce", r.Nonce),
	}
	for _, params := range []map[string]string{p.o.Params, r.Params} {
		for name, value := range params {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	return e.config(r.RedirectURI).AuthCodeURL(r.State, options...), nil
}

func checkParams(params map[string]string) error {
	for name := range params {
		if slices.Contains(reserved, name) {
			return fmt.Errorf("oidc: request parameter %q is part of the protocol and cannot be set", name)
		}
	}
	return nil
}

// unavailable makes an *idp.UnavailableError of a failure that says nothing
// about any person.
func unavailable(err error, format string, args ...any) error {
	return &idp.UnavailableError{What: fmt.Sprintf(format, args...), Err: err}
}

// invalid makes an *idp.InvalidError.
func invalid(format string, args ...any) error {
	return &idp.InvalidError{What: fmt.Sprintf(format, args...)}
}
