package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/config"
	"sallyport/idp"
	"sallyport/idp/oidc"
	"sallyport/idp/okta"
	"sallyport/internal/httpout"
	"sallyport/internal/oktaurl"
)

// Bounds of one exchange with the identity provider: a person waits for it.
const (
	providerTimeout = 10 * time.Second
	providerMaxBody = 4 << 20
)

// Bounds of one page of the directory, for which nobody waits; while somebody
// does, idp/okta takes the shorter time of its own.
const (
	listingTimeout = time.Minute
	listingMaxBody = 8 << 20
)

// providers builds identity providers and the directory's source, and keeps
// those whose settings a reload did not change, with what they have learned.
type providers struct {
	s      *Server
	mu     sync.Mutex
	byKey  map[providerKey]*oidc.Provider
	source idp.Directory
	from   sourceSettings
	now    atomic.Pointer[map[string]idp.Provider]
}

// sourceSettings are what a directory's source is made from.
type sourceSettings struct {
	provider   config.Provider
	share      float64
	attributes []string
}

type providerKey struct{ settings, client, secret string }

func newProviders(s *Server) *providers {
	p := &providers{s: s, byKey: map[providerKey]*oidc.Provider{}}
	p.now.Store(&map[string]idp.Provider{})
	return p
}

// current is what the generation in force uses, by client id.
func (p *providers) current() map[string]idp.Provider { return *p.now.Load() }

func (p *providers) use(m map[string]idp.Provider) { p.now.Store(&m) }

// build returns a provider for each client id that the configuration names.
func (p *providers) build(cfg *config.Config) (map[string]idp.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	client, err := p.client(cfg)
	if err != nil {
		return nil, err
	}
	clients := map[string]string{cfg.Provider.ClientID: cfg.Provider.ClientSecret}
	for _, r := range cfg.Routes {
		if r.ClientID != "" {
			clients[r.ClientID] = r.ClientSecret
		}
	}
	settings := fmt.Sprintf("%q %q %q %v %q %t", cfg.Provider.Name, cfg.Provider.URL, cfg.Provider.Scopes, cfg.Provider.RequestParams,
		cfg.Provider.CAFile, cfg.Provider.AllowUnverifiedEmail)
	kept, all := map[providerKey]*oidc.Provider{}, map[string]idp.Provider{}
	for id, secret := range clients {
		key := providerKey{settings, id, secret}
		provider, ok := p.byKey[key]
		if !ok {
			if provider, err = p.newProvider(cfg, id, secret, client); err != nil {
				return nil, err
			}
		}
		kept[key], all[id] = provider, provider
	}
	p.byKey = kept
	return all, nil
}

func (p *providers) client(cfg *config.Config) (*http.Client, error) {
	return httpout.New(httpout.Options{Timeout: providerTimeout, MaxBody: providerMaxBody, CAFile: cfg.Provider.CAFile})
}

func (p *providers) newProvider(cfg *config.Config, id, secret string, client *http.Client) (*oidc.Provider, error) {
	return oidc.New(oidc.Options{
		Issuer: cfg.Provider.URL, ClientID: id, ClientSecret: secret, Scopes: cfg.Provider.Scopes,
		Params: cfg.Provider.RequestParams, AllowUnverifiedEmail: cfg.Provider.AllowUnverifiedEmail, HTTP: client, Now: p.s.now,
		Logger: p.s.log.With(slog.String("client_id", id)), Registry: p.s.registry,
	})
}

// directory returns the source of people and groups, nil without a service
// account.
func (p *providers) directory(cfg *config.Config) (idp.Directory, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !cfg.Provider.ServiceAccount.Given() {
		p.source, p.from = nil, sourceSettings{}
		return nil, nil
	}
	from := sourceSettings{cfg.Provider, cfg.Directory.RateLimitShare, relevantTo(cfg).Attributes}
	if p.source != nil && reflect.DeepEqual(p.from, from) {
		return p.source, nil
	}
	client, err := httpout.New(httpout.Options{Timeout: listingTimeout, MaxBody: listingMaxBody, CAFile: cfg.Provider.CAFile})
	if err != nil {
		return nil, err
	}
	org, err := oktaurl.OrgURL(cfg.Provider.URL)
	if err != nil {
		return nil, err
	}
	source, err := okta.NewDirectory(okta.Options{
		OrgURL: org, APIKey: cfg.Provider.ServiceAccount.APIKey, ServiceAccount: cfg.Provider.ServiceAccount.Raw, HTTP: client, QPS: cfg.Provider.QPS,
		Share: from.share, Attributes: from.attributes, Now: p.s.now, Logger: p.s.log.Logger, Registry: p.s.registry,
	})
	if err != nil {
		return nil, err
	}
	p.source, p.from = source, from
	return source, nil
}

// check reports the first provider that cannot be used.
func (p *providers) check(ctx context.Context) error {
	for _, provider := range p.current() {
		if err := provider.Check(ctx); err != nil {
			return err
		}
	}
	return nil
}
