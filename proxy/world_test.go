package proxy

import (
	"bufio"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/keyring"
	"sallyport/internal/upstreamtest"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
)

// world is a proxy on real sockets in front of a recording upstream.
type world struct {
	t       *testing.T
	o       Options
	up      *upstreamtest.Server
	people  *people
	streams *Streams
	certs   *Certificates
	roots   *x509.CertPool
	plain   string // address of the listener without TLS
	tls     string // address of the listener with TLS
	handler *Handler
}

// people signs in by a cookie "__Host-sp=NAME" and lets everybody in whom the
// route's id does not begin with "deny" or "login".
type people struct {
	mu       sync.Mutex
	sessions map[string]*session.Session
	persons  map[string]*identity.Person
	outage   error
	decided  []policy.Request
	recorded []string // effect, path and reasons of denial
	served   []string // reserved paths
	panics   bool
	anon     bool                   // decisions do not count the session
	denied   func(path string) bool // paths that the policy of every route denies; nil: none
	onDecide func()
}

func (p *people) Session(r *http.Request, _ *config.Route) (*session.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outage != nil {
		return nil, p.outage
	}
	for _, c := range r.Cookies() {
		if c.Name == "__Host-sp" {
			return p.sessions[c.Value], nil
		}
	}
	return nil, nil
}

func (p *people) Challenge(w http.ResponseWriter, r *http.Request, _ *config.Route) error {
	if r.Header.Get("Accept") == "text/html" {
		http.Redirect(w, r, "https://login.test/sign-in", http.StatusFound)
		return nil
	}
	return weberr.SignInNeeded(r.Host, "https://login.test/")
}

func (p *people) StepUp(w http.ResponseWriter, r *http.Request, _ *config.Route, want policy.SignIn) error {
	http.Redirect(w, r, "https://login.test/again?max_age="+want.MaxAge.String(), http.StatusFound)
	return nil
}

func (p *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.served = append(p.served, r.Host+r.URL.Path)
	p.mu.Unlock()
	_, _ = io.WriteString(w, "authenticator")
}

func (p *people) Owns(name string) bool {
	return name == "__Host-sp" || strings.HasPrefix(name, "__Host-sp_")
}

func (p *people) Check(r *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decided = append(p.decided, req)
	if p.onDecide != nil {
		p.onDecide()
	}
	if p.panics {
		panic("secret: decision failed")
	}
	var person *identity.Person
	if s != nil {
		person = p.persons[s.Subject.ID]
	}
	d := policy.Decision{Effect: policy.Allow, Anonymous: p.anon}
	switch {
	case strings.HasPrefix(r.ID, "deny"), p.denied != nil && p.denied(req.Path):
		d.Effect = policy.Deny
	case p.denied != nil && slices.ContainsFunc(req.Readings, p.denied):
		d.Effect, d.DenyReasons = policy.Deny, policy.Reasons(policy.ReasonPathAmbiguous)
	case strings.HasPrefix(r.ID, "login") && s == nil:
		d.Effect = policy.Unauthenticated
	case strings.HasPrefix(r.ID, "fresh"):
		d.Effect, d.SignIn = policy.StepUp, policy.SignIn{Aged: true, MaxAge: time.Minute}
	}
	return d, person
}

// Decide is Check, written down.
func (p *people) Decide(r *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	d, person := p.Check(r, s, req)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recorded = append(p.recorded, fmt.Sprint(d.Effect, " ", req.Path, " ", d.DenyReasons.Names()))
	return d, person
}

func (p *people) lastDecided(t *testing.T) policy.Request {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.decided) == 0 {
		t.Fatal("nothing was decided")
	}
	return p.decided[len(p.decided)-1]
}

func aSession(name string) *session.Session {
	s := &session.Session{ID: "session-of-" + name, Version: 1, Subject: identity.Subject{
		Issuer: "https://okta.test", ID: "00u" + name, Email: name + "@example.com", Name: strings.ToUpper(name[:1]) + name[1:],
		Claims: identity.Claims{"groups": []any{"everyone"}},
	}}
	s.Tokens.Access, s.Tokens.ID = "access-of-"+name, "id-of-"+name
	return s
}

// setup is what a test changes about its world.
type setup struct {
	o      Options
	up     upstreamtest.Options
	routes []*config.Route // those without To and answer go to the upstream
	server ServerOptions
	claims []config.ClaimHeader
}

func newWorld(t *testing.T, change func(*setup)) *world {
	t.Helper()
	w := &world{t: t, streams: NewStreams(nil), certs: NewCertificates(time.Now)}
	w.people = &people{
		sessions: map[string]*session.Session{"alice": aSession("alice"), "bob": aSession("bob")},
		persons:  map[string]*identity.Person{},
	}
	s := &setup{routes: []*config.Route{route("app", "app.test")}}
	s.o.Hygiene = config.Hygiene{MergeSlashes: true, NormalizePath: true}
	s.o.Ports = []string{"443", "80", "8443"}
	s.o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(s)
	}
	var err error
	if w.up, err = upstreamtest.Start(s.up); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.up.Close)
	w.build(s)
	w.serve(s)
	return w
}

func (w *world) build(s *setup) {
	w.t.Helper()
	for _, r := range s.routes {
		if r.To == nil && r.Redirect == nil && r.Response == nil {
			r.To = []config.Upstream{{URL: w.up.URL()}}
		}
	}
	o := s.o
	o.Routes, o.AuthenticateHost = s.routes, "login.test"
	o.Authenticator, o.Authorizer = w.people, w.people
	o.Identity.ClaimsHeaders = s.claims
	o.Streams, o.Certificates = w.streams, w.certs
	if o.Transports == nil {
		o.Transports = NewTransports(nil)
	}
	o.Assertions = assertions(w.t, AssertionOptions{ClaimsHeaders: s.claims, Now: o.Now})
	if o.Render == nil {
		o.Render = renderCode
	}
	w.o = o
	var err error
	if w.handler, err = New(o); err != nil {
		w.t.Fatal(err)
	}
}

// renderCode tells status and code and nothing else.
func renderCode(w http.ResponseWriter, _ *http.Request, err error) {
	e := weberr.As(err)
	w.Header().Set("X-Code", e.Code)
	w.WriteHeader(e.HTTPStatus())
	fmt.Fprintln(w, e.Code)
}

func assertions(t testing.TB, o AssertionOptions) *Assertions {
	t.Helper()
	if o.Ring == nil && o.Keys == nil {
		ring, err := keyring.New([]byte(strings.Repeat("k", 32)))
		if err != nil {
			t.Fatal(err)
		}
		o.Ring = ring
	}
	a, err := NewAssertions(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) serve(s *setup) {
	w.t.Helper()
	cert, roots := certificate(w.t, "app.test", "*.wild.test")
	other, _ := certificate(w.t, "other.test")
	w.roots = roots
	if err := w.certs.Set([]config.Certificate{cert, other}); err != nil {
		w.t.Fatal(err)
	}
	s.server.ErrorLog = slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug)
	insecure := s.server
	insecure.Insecure = true
	w.plain = w.listen(NewServer(w.handler, insecure), nil)
	w.tls = w.listen(NewServer(w.handler, s.server), w.certs.TLSConfig())
}

// conn is a raw connection of a test.
type conn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

var errTest = errors.New("for the test")
