// Package oidc signs people in at an OpenID Connect provider.
package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/identity"
	"sallyport/idp"
)

// Options for New.
type Options struct {
	Issuer, ClientID, ClientSecret string
	Scopes                         []string
	Params                         map[string]string
	HTTP                           *http.Client
	Now                            func() time.Time
	Logger                         *slog.Logger
	Registry                       prometheus.Registerer
}

// Provider implements idp.Provider and idp.Budgeted.
type Provider struct{ o Options }

var (
	_ idp.Provider = (*Provider)(nil)
	_ idp.Budgeted = (*Provider)(nil)
)

// New returns a provider; nothing is asked of the network yet.
func New(o Options) (*Provider, error) { return &Provider{o}, nil }

func (p *Provider) AuthURL(context.Context, idp.AuthRequest) (string, error) {
	return "", idp.ErrUnavailable
}

func (p *Provider) Exchange(context.Context, idp.Callback) (identity.Subject, idp.Tokens, error) {
	return identity.Subject{}, idp.Tokens{}, idp.ErrUnavailable
}

func (p *Provider) Refresh(context.Context, identity.Subject, idp.Tokens) (identity.Subject, idp.Tokens, error) {
	return identity.Subject{}, idp.Tokens{}, idp.ErrUnavailable
}

func (p *Provider) Revoke(context.Context, idp.Tokens) error                 { return idp.ErrUnavailable }
func (p *Provider) LogoutURL(context.Context, string, string, string) string { return "" }
func (p *Provider) Check(context.Context) error { return idp.ErrUnavailable }

func (p *Provider) TokenBudget() (remaining, limit int, reset time.Time) { return 0, 0, time.Time{} }
