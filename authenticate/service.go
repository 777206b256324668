// Package authenticate signs people in, keeps them signed in and signs them
// out. It answers one question for the rest of the proxy, "whose session is
// this request's?", and serves the pages and hops that make the answer yes.
//
// One sign-in is six steps, each in the file of its name, each bound to the
// browser that took the one before:
//
//	challenge.go  route host: attempt cookie, 302 to the authenticate host
//	signin.go     authenticate host: verify the signed URL; a session there goes
//	              straight to step 5
//	provider.go   authenticate host: its own attempt cookie, 302 to the provider
//	callback.go   authenticate host: state, exchange, directory, new session
//	handoff.go    authenticate host: one-time code bound to the attempt, 302 back
//	land.go       route host: code and attempt cookie together give the cookie
//
// Beside them: legs.go (depends_on hosts), signout.go, program.go and token.go
// (sessions for programs), user.go and sessions.go (pages about oneself),
// popup.go (sign-in from a script), refresh*.go (keeping
// sessions fresh, process-long), signedurl.go, returnurl.go, attempt.go.
//
// It decides nothing about routes: who may pass is authorize's. Cookies are
// encoded by session, tokens are checked by idp/oidc.
package authenticate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/keyring"
	"sallyport/internal/ui"
	"sallyport/session"
	"sallyport/store"
)

// Route is what sign-in has to know of a route host.
type Route struct {
	// Host is the public authority as browsers spell it.
	Host string
	// ClientID is the client that signs people in to it.
	ClientID string
	// DependsOn are hosts that get a cookie in the same sign-in.
	DependsOn []string
	// Origins are those whose scripts may use the host, beside its own.
	Origins []string
}

// PersonReader asks the directory for a person, stores and publishes the
// answer, then returns it. Errors are those of idp.Directory.
type PersonReader interface {
	Read(ctx context.Context, id string) (*identity.Person, error)
}

// Settings are the parts of the configuration that sign-in follows. Zero values
// take the default in brackets.
type Settings struct {
	// CookieExpire is the absolute lifetime of a session [14 h].
	CookieExpire time.Duration
	// StrictCookies says that session cookies are SameSite=Strict.
	StrictCookies bool
	// IdleTimeout is for the page about oneself; the session manager applies it.
	IdleTimeout time.Duration
	// OutageGrace is how long past its access token's expiry a session lives
	// while the provider cannot be asked [1 h].
	OutageGrace time.Duration
	// ProviderTimeout bounds what a person waits for the provider in one step of
	// a sign-in [2.7 s], DirectoryTimeout for the directory [5 s].
	ProviderTimeout  time.Duration
	DirectoryTimeout time.Duration
	// SignOutRedirectURL is where a sign-out without an address of its own ends;
	// nil shows the signed-out page.
	SignOutRedirectURL *url.URL
	// AllowAnySignOutRedirect lets a sign-out end at any https address.
	AllowAnySignOutRedirect bool
	// ProgrammaticRedirectDomains are the hosts that a program may wait at
	// ["localhost", which covers loopback addresses].
	ProgrammaticRedirectDomains []string
	// AllowSessionTokenInQuery accepts ?pomerium_session=.
	AllowSessionTokenInQuery bool
	// AllowJWTEndpoint serves /.pomerium/jwt.
	AllowJWTEndpoint bool
}

// Options are what New needs; all but those said to be optional.
type Options struct {
	URL       *url.URL                // the authenticate host; path ignored
	Default   string                  // client id of most routes
	Providers map[string]idp.Provider // by client id
	// Hosts says whether an authority ("app.example.com", "app.localhost:8443")
	// is the public one of a route. Redirects go nowhere else.
	Hosts     func(hostport string) (Route, bool)
	Directory PersonReader // optional: nil where no directory is configured
	Sessions  *session.Manager
	Codec     *session.Codec
	Ring      *keyring.Ring // shared secret: signed URLs, program tokens
	Store     store.Store
	Settings  Settings
	Pages     *ui.Renderer
	JWKS      http.Handler
	// Identity gives the claims of the assertion an upstream on host would get.
	Identity func(s *session.Session, host string) map[string]any
	// Person is for the page about oneself; optional, nil where no directory is
	// configured.
	Person func(id string) *identity.Person
	// Assertion gives that assertion signed; optional, for /.pomerium/jwt. Admit
	// returns why the policy would not let the session's request in: whoever is kept
	// out gets no assertion to go past the proxy with.
	Assertion func(s *session.Session, host string) (string, error)
	Admit     func(r *http.Request, s *session.Session) error
	ClientIP  func(*http.Request) netip.Addr
	// Wake tells the Refresher that a session was used again; optional.
	Wake     func(id string)
	Now      func() time.Time
	Logger   *slog.Logger
	Registry prometheus.Registerer
}

// Service is sign-in for one generation of the configuration. What outlives a
// request is in cookies and in the store; the service itself remembers nothing
// but who presents made-up codes, and who lists sessions.
type Service struct {
	o       Options
	host    string             // authority of the authenticate host
	clients map[string]*client // by client id
	byKey   map[string]*client // by the key that stands in URLs
	urls    *urlSigner
	tokens  *tokenSigner
	endsAt  map[string]endpoints // tables of the two kinds of hosts
	metrics *metrics
	strikes *strikes
	// listings counts lists of sessions per person.
	listings *strikes
}

// client is one OAuth client with its names.
type client struct {
	id       string
	key      string // stands in URLs: the id is nobody's business
	cookie   string // session cookie at the authenticate host
	provider idp.Provider
}

// New checks o and builds the service. It does no input or output.
func New(o Options) (*Service, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.setDefaults()
	host, ok := authority(o.URL.Host)
	if !ok {
		return nil, fmt.Errorf("authenticate: URL: expected a host, got %q", o.URL.Host)
	}
	s := &Service{
		o: o, host: host, clients: map[string]*client{}, byKey: map[string]*client{},
		urls: newURLSigner(o.Ring, o.Now), tokens: newTokenSigner(o.Ring, o.Now, host),
		metrics: newMetrics(o.Registry), strikes: newStrikes(), listings: newStrikes(),
	}
	for id, provider := range o.Providers {
		c := &client{id: id, key: clientKey(id), provider: provider}
		c.cookie = o.Codec.AuthenticateName(c.key)
		if id == o.Default {
			c.cookie = o.Codec.AuthenticateName("")
		}
		s.clients[id], s.byKey[c.key] = c, c
	}
	s.endsAt = s.endpointTables()
	return s, nil
}

func (o *Options) check() error {
	switch {
	case o.URL == nil:
		return errors.New("authenticate: URL is missing")
	case len(o.Providers) == 0:
		return errors.New("authenticate: no provider")
	case o.Hosts == nil, o.Sessions == nil, o.Codec == nil, o.Ring == nil, o.Store == nil, o.Pages == nil:
		return errors.New("authenticate: Hosts, Sessions, Codec, Ring, Store and Pages are needed")
	}
	return nil
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Wake == nil {
		o.Wake = func(string) {}
	}
	if o.ClientIP == nil {
		o.ClientIP = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	t := &o.Settings
	orDefault(&t.CookieExpire, 14*time.Hour)
	orDefault(&t.OutageGrace, time.Hour)
	orDefault(&t.ProviderTimeout, 2700*time.Millisecond)
	orDefault(&t.DirectoryTimeout, 5*time.Second)
	if t.ProgrammaticRedirectDomains == nil {
		t.ProgrammaticRedirectDomains = []string{"localhost"}
	}
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// clientKey is the name of a client in URLs and cookie names.
func clientKey(id string) string {
	sum := sha256.Sum256([]byte("client/" + id))
	return hex.EncodeToString(sum[:8])
}

func (s *Service) now() time.Time { return s.o.Now() }
