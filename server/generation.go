package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"sallyport/authenticate"
	"sallyport/authorize"
	"sallyport/config"
	"sallyport/directory"
	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/clientcert"
	"sallyport/internal/clientip"
	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/proxy"
	"sallyport/session"
	"sallyport/store"
	"sallyport/telemetry"
)

// generation is one immutable build of the configuration: what a request sees
// from its first byte to its last. Nothing in it changes after build.
type generation struct {
	cfg       *config.Config
	rings     rings
	providers map[string]idp.Provider
	source    idp.Directory
	pages     *ui.Renderer
	proxy     *proxy.Handler
	authz     *authorize.Authorizer
	handler   http.Handler // proxy, and what comes before it
	relevant  directory.Relevant
	clients   *clientcert.Verifier // nil: no certificates are asked for
	details   *config.Route        // stands for error_details_policy; nil: there is none
	clientIP  func(*http.Request) netip.Addr

	accessFields []string
}

// build makes a generation without touching the one in force; an error leaves
// no trace.
func (s *Server) build(cfg *config.Config) (*generation, error) {
	g := &generation{cfg: cfg, accessFields: cfg.Telemetry.AccessLogFields}
	if g.accessFields == nil {
		g.accessFields = telemetry.DefaultAccessFields
	}
	var err error
	if g.rings, err = openRings(cfg, s.log.Logger); err != nil {
		return nil, err
	}
	if g.providers, err = s.state.providers.build(cfg); err != nil {
		return nil, fmt.Errorf("identity provider: %w", err)
	}
	if g.source, err = s.state.providers.directory(cfg); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if g.pages, err = ui.New(pageOptions(cfg.Branding, s.now)); err != nil {
		return nil, err
	}
	resolver := clientip.New(clientip.Options{Trusted: cfg.Hygiene.TrustedProxies, Hops: cfg.Hygiene.XFFTrustedHops})
	g.clientIP = resolver.Addr
	if cfg.ClientCertificates.Asked() {
		if g.clients, err = clientcert.New(cfg.ClientCertificates.Rules); err != nil {
			return nil, fmt.Errorf("downstream_mtls: %w", err)
		}
	}
	return g, s.buildHandler(g)
}

// buildHandler fits the three services together.
func (s *Server) buildHandler(g *generation) error {
	codec, err := session.NewCodec(session.CodecOptions{
		Ring: g.rings.cookie, Name: g.cfg.Session.CookieName, SameSite: sameSite(g.cfg.Session.CookieSameSite),
		HTTPOnly: g.cfg.Session.CookieHTTPOnly, Now: s.now,
	})
	if err != nil {
		return err
	}
	assertions, err := proxy.NewAssertions(proxy.AssertionOptions{
		Ring: g.rings.shared, Keys: g.cfg.Identity.SigningKeys, ClaimsHeaders: g.cfg.Identity.ClaimsHeaders, GroupsFilter: g.cfg.Identity.GroupsFilter, Now: s.now,
	})
	if err != nil {
		return fmt.Errorf("signing_key: %w", err)
	}
	authn, err := s.buildAuthenticate(g, codec, assertions)
	if err != nil {
		return err
	}
	authz, err := s.buildAuthorize(g)
	if err != nil {
		return err
	}
	g.authz = authz
	g.proxy, err = proxy.New(proxy.Options{
		Routes: g.cfg.Routes, AuthenticateHost: g.cfg.Authenticate.URL.Host, Ports: publicPorts(g.cfg),
		Authenticator: authenticator{authn, codec, s.state.sessions}, Authorizer: authz, Assertions: assertions,
		Transports: s.state.transports, Streams: s.state.streams,
		Hygiene: g.cfg.Hygiene, Identity: g.cfg.Identity, SetResponseHeaders: g.cfg.SetResponseHeaders,
		Upstream: g.cfg.Upstream, Render: offerAnotherAccount(g.pages.Error, authn), Trace: g.trace(), ClientIP: g.clientIP, Certificates: s.state.certs,
		ClientCertificates: g.clients, RejectConnections: g.cfg.ClientCertificates.Enforcement == config.RejectConnection, Panicked: s.metrics.Panics.Inc, Now: s.now, Logger: s.log.Logger,
	})
	if err != nil {
		return err
	}
	g.relevant = relevantTo(g.cfg)
	g.handler = newEventHook(s, g, g.proxy)
	return nil
}

func (s *Server) buildAuthorize(g *generation) (*authorize.Authorizer, error) {
	o := authorize.Options{Routes: g.cfg.Routes, Now: s.now, Logger: s.log.Logger, Fields: g.cfg.Telemetry.AuthorizeLogFields, MayPass: g.cfg.Directory.MayPass}
	if g.details = detailsRoute(g.cfg); g.details != nil {
		o.Routes = append(slices.Clip(o.Routes), g.details)
	}
	if g.source != nil {
		o.Directory, o.Doubt, o.Age = s.state.directory, s.doubt(g.cfg.Directory.MaxStaleness), s.state.directory.AgeOf
	}
	o.Record = s.countShadow
	return authorize.New(o)
}

// countShadow counts what rules in shadow would have made of a decision.
func (s *Server) countShadow(r authorize.Record) {
	if r.Decision.Shadow != policy.ShadowNone && r.Route != nil {
		s.metrics.Shadow.WithLabelValues(r.Route.Name, r.Decision.Effect.String(), r.Decision.Shadow.String()).Inc()
	}
}

func (s *Server) buildAuthenticate(g *generation, codec *session.Codec, assertions *proxy.Assertions) (*authenticate.Service, error) {
	person := func(ss *session.Session) *identity.Person { return s.state.directory.Person(ss.Subject.ID) }
	format := g.cfg.Identity.IssuerFormat
	o := authenticate.Options{
		URL: g.cfg.Authenticate.URL, Default: g.cfg.Provider.ClientID, Providers: g.providers,
		Hosts: routeHosts(g.cfg), Sessions: s.state.sessions, Codec: codec, Ring: g.rings.shared, Store: s.state.store,
		Settings: authenticateSettings(g.cfg), Pages: g.pages, JWKS: assertions.JWKS(), ClientIP: g.clientIP,
		Identity: func(ss *session.Session, host string) map[string]any {
			return assertions.Claims(ss, person(ss), host, format)
		},
		Assertion: func(ss *session.Session, host string) (string, error) {
			return assertions.Header(ss, person(ss), host, format)
		},
		Admit: func(r *http.Request, ss *session.Session) error { return g.proxy.Admit(r, ss) },
		Wake:  s.state.wake, Now: s.now, Logger: s.log.Logger, Registry: s.registry,
	}
	if g.source != nil {
		o.Directory, o.Person = s.state.directory, s.state.directory.Person
	}
	return authenticate.New(o)
}

// authenticateSettings hands over the part that sign-in follows.
func authenticateSettings(cfg *config.Config) authenticate.Settings {
	return authenticate.Settings{
		CookieExpire: cfg.Session.CookieExpire, StrictCookies: cfg.Session.CookieSameSite == "strict",
		IdleTimeout: cfg.Session.IdleTimeout, OutageGrace: cfg.Provider.OutageGrace,
		SignOutRedirectURL: cfg.Authenticate.SignOutRedirectURL, AllowAnySignOutRedirect: cfg.Authenticate.AllowAnySignOutRedirect,
		ProgrammaticRedirectDomains: cfg.Authenticate.ProgrammaticRedirectDomains, DirectoryTimeout: directoryTimeout(cfg),
		AllowSessionTokenInQuery: cfg.Authenticate.AllowSessionTokenInQuery, AllowJWTEndpoint: cfg.Authenticate.AllowJWTEndpoint,
	}
}

// authenticator adds to authenticate what proxy asks of cookies.
type authenticator struct {
	*authenticate.Service
	codec    *session.Codec
	sessions *session.Manager
}

// Current returns what a session is by now, session.ErrNone when it is no more.
// While the store is down it is what it was for as long as memory is trusted.
func (a authenticator) Current(ctx context.Context, s *session.Session) (*session.Session, error) {
	now, err := a.Service.Current(ctx, s)
	if errors.Is(err, store.ErrUnavailable) && a.sessions.Trusted() {
		return s, nil
	}
	return now, err
}

func (a authenticator) Owns(cookie string) bool { return a.codec.OwnsCookie(cookie) }

func (a authenticator) Session(r *http.Request, route *config.Route) (*session.Session, error) {
	s, _, err := a.Service.Session(r, route)
	return s, err
}

// offerAnotherAccount adds to a denial the way to sign in as somebody else, which
// only authenticate knows.
func offerAnotherAccount(render func(http.ResponseWriter, *http.Request, error), authn *authenticate.Service) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if e := weberr.As(err); e.Status == http.StatusForbidden && e.Account != "" && e.AccountURL == "" {
			with := *e
			with.AccountURL = authn.AccountURL(r)
			err = &with
		}
		render(w, r, err)
	}
}

func pageOptions(b config.Branding, now func() time.Time) ui.Options {
	return ui.Options{Templates: b.Templates, Now: now, Brand: ui.Brand{
		Name: b.Name, Logo: b.Logo, Accent: b.Accent, AccentDark: b.AccentDark, SupportURL: b.SupportURL, SupportText: b.SupportText,
	}}
}

func sameSite(name string) http.SameSite {
	switch name {
	case "strict":
		return http.SameSiteStrictMode
	case "none":
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// directoryTimeout is how long a person who signs in waits for the directory:
// less than a whole synchronisation may take.
func directoryTimeout(cfg *config.Config) time.Duration {
	const patience = 5 * time.Second
	if t := cfg.Provider.RefreshTimeout; t > 0 {
		return min(t, patience)
	}
	return patience
}
