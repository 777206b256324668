package authenticate

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/keyring"
	"sallyport/internal/requestid"
	"sallyport/internal/ui"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/store"
	"sallyport/store/memory"
)

const (
	homeAt = "login.localhost"
	wiki   = "wiki.localhost"
	admin  = "admin.localhost"
	metric = "metric.localhost" // of the second client
	evil   = "evil.localhost"
	idpAt  = "idp.localhost"
)

// clock is the time of a world.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ns.Store(time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time      { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.ns.Add(int64(d)) }
func (c *clock) at(t time.Time)      { c.ns.Store(t.UnixNano()) }

// world is a whole installation in one process: an authenticate host, routes, a
// provider, on one TLS listener that answers for every name.
type world struct {
	t         testing.TB
	clock     *clock
	store     store.Store
	faults    *faultyStore
	sessions  *session.Manager
	codec     *session.Codec
	ring      *keyring.Ring
	service   atomic.Pointer[Service]
	idp       *fakeProvider
	second    *fakeProvider
	people    *fakeDirectory
	server    *httptest.Server
	log       *syncBuffer
	registry  *prometheus.Registry
	routes    map[string]Route
	settings  Settings
	woken     sync.Map
	appHits   atomic.Int64
	refresh   *Refresher
	elsewhere map[string]string // authority -> address to dial
	providers map[string]idp.Provider
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type option func(*world)

func withSettings(s Settings) option        { return func(w *world) { w.settings = s } }
func withDirectory(d *fakeDirectory) option { return func(w *world) { w.people = d } }

func ringOf(t testing.TB, seeds ...string) *keyring.Ring {
	t.Helper()
	var secrets [][]byte
	for _, s := range seeds {
		secrets = append(secrets, bytes.Repeat([]byte(s), 32)[:32])
	}
	r, err := keyring.New(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newWorld(t testing.TB, opts ...option) *world {
	t.Helper()
	w := &world{
		t: t, clock: newClock(), log: new(syncBuffer), ring: ringOf(t, "k"), registry: prometheus.NewRegistry(),
		routes: map[string]Route{
			wiki: {ClientID: "main"}, admin: {ClientID: "main"}, metric: {ClientID: "second"},
		},
		settings: Settings{CookieExpire: 14 * time.Hour},
	}
	for _, o := range opts {
		o(w)
	}
	w.faults = &faultyStore{Store: memory.New(memory.Options{Now: w.clock.now})}
	w.store = w.faults
	w.sessions = w.newManager(w.store)
	w.idp, w.second = newFakeProvider(w, "main"), newFakeProvider(w, "second")
	w.codec = w.newCodec(w.ring)
	w.install(w.newService(nil))
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	w.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.server.EnableHTTP2 = true
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) newManager(st store.Store) *session.Manager {
	w.t.Helper()
	m, err := session.New(session.Options{Store: st, Now: w.clock.now, Logger: w.logger(), RevocationBound: 30 * time.Second})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := m.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = m.Stop(context.Background()); cancel() })
	return m
}

func (w *world) newCodec(ring *keyring.Ring) *session.Codec {
	w.t.Helper()
	c, err := session.NewCodec(session.CodecOptions{Ring: ring, Name: "__Host-sallyport", HTTPOnly: true, Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// newService builds a generation; change may alter its options.
func (w *world) newService(change func(*Options)) *Service {
	w.t.Helper()
	pages, err := ui.New(ui.Options{Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{
		URL: &url.URL{Scheme: "https", Host: homeAt}, Default: "main",
		Providers: map[string]idp.Provider{"main": w.idp, "second": w.second},
		Hosts: func(h string) (Route, bool) {
			r, ok := w.routes[h]
			return r, ok
		},
		Sessions: w.sessions, Codec: w.codec, Ring: w.ring, Store: w.store, Settings: w.settings, Pages: pages,
		JWKS: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"keys":[]}`) }),
		Identity: func(s *session.Session, host string) map[string]any {
			return map[string]any{"sub": s.Subject.ID, "aud": host, "iss": host, "exp": 1, "iat": 1, "jti": "x", "groups": []string{}}
		},
		Assertion: func(s *session.Session, host string) (string, error) { return "assertion-of-" + s.Subject.ID, nil },
		Admit:     func(*http.Request, *session.Session) error { return nil },
		ClientIP: func(r *http.Request) netip.Addr {
			if raw := r.Header.Get("X-Test-Addr"); raw != "" {
				return netip.MustParseAddr(raw)
			}
			return netip.MustParseAddr("192.0.2.7")
		},
		Wake: func(id string) {
			w.woken.Store(id, true)
			if w.refresh != nil {
				w.refresh.Wake(id)
			}
		},
		Now: w.clock.now, Logger: w.logger(), Registry: w.registry,
	}
	if w.providers != nil {
		o.Providers = w.providers
	}
	if w.people != nil {
		o.Directory = w.people
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) install(s *Service) { w.service.Store(s) }

// serve is the proxy's part, in short: reserved paths to authenticate, the rest
// to an application that says who is there.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	r = r.WithContext(requestid.With(r.Context(), requestid.New()))
	s := w.service.Load()
	route, isRoute := w.routes[r.Host]
	switch {
	case r.Host == idpAt:
		w.idp.serve(rw, r)
	case r.Host == evil:
		_, _ = io.WriteString(rw, "evil")
	case r.Host == homeAt, strings.HasPrefix(r.URL.Path, "/.pomerium"), strings.HasPrefix(r.URL.Path, "/.well-known/pomerium"):
		s.ServeHTTP(rw, r)
	case isRoute:
		w.app(s, rw, r, &config.Route{ClientID: route.ClientID})
	default:
		http.NotFound(rw, r)
	}
}

// strongAge is how old a sign-in may be on /strong.
const strongAge = 15 * time.Minute

func (w *world) app(s *Service, rw http.ResponseWriter, r *http.Request, route *config.Route) {
	ss, proof, err := s.Session(r, route)
	switch {
	case err != nil:
		s.o.Pages.Error(rw, r, err)
	case strings.HasPrefix(r.URL.Path, "/public"):
		w.appHits.Add(1)
		fmt.Fprintf(rw, "public host=%s signed-in=%v", r.Host, ss != nil)
	case ss == nil:
		if err := s.Challenge(rw, r, route); err != nil {
			s.o.Pages.Error(rw, r, err)
		}
	case strings.HasPrefix(r.URL.Path, "/strong") && w.clock.now().Sub(ss.Subject.AuthenticatedAt) > strongAge:
		if err := s.StepUp(rw, r, route, policy.SignIn{Aged: true, MaxAge: strongAge}); err != nil {
			s.o.Pages.Error(rw, r, err)
		}
	default:
		w.appHits.Add(1)
		fmt.Fprintf(rw, "app host=%s sub=%s session=%s proof=%d path=%s", r.Host, ss.Subject.ID, ss.ID, proof, r.URL.RequestURI())
	}
}

// transport dials the listener whatever the name.
func (w *world) transport() *http.Transport {
	addr := w.server.Listener.Addr().String()
	return &http.Transport{
		DialContext: func(ctx context.Context, network, name string) (net.Conn, error) {
			if other := w.elsewhere[name]; other != "" {
				name = other
			} else {
				name = addr
			}
			return (&net.Dialer{}).DialContext(ctx, network, name)
		},
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: true,
	}
}

func (w *world) live() []*session.Session {
	w.t.Helper()
	all, err := w.sessions.List(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// faultyStore fails on demand.
type faultyStore struct {
	store.Store
	down  atomic.Bool
	kinds sync.Map // store.Kind -> true: only these fail to be written
}

func (f *faultyStore) Get(ctx context.Context, k store.Kind, key string) (store.Record, error) {
	if f.down.Load() {
		return store.Record{}, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return f.Store.Get(ctx, k, key)
}

func (f *faultyStore) Put(ctx context.Context, r store.Record, e store.Expect) (store.Record, error) {
	if _, broken := f.kinds.Load(r.Kind); broken || f.down.Load() {
		return store.Record{}, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return f.Store.Put(ctx, r, e)
}

func (f *faultyStore) Take(ctx context.Context, k store.Kind, key string) (store.Record, error) {
	if f.down.Load() {
		return store.Record{}, fmt.Errorf("test: %w", store.ErrUnavailable)
	}
	return f.Store.Take(ctx, k, key)
}

// fakeDirectory knows people by id.
type fakeDirectory struct {
	mu    sync.Mutex
	known map[string]identity.Status
	err   error
	reads int
}

func (d *fakeDirectory) Read(_ context.Context, id string) (*identity.Person, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	if d.err != nil {
		return nil, d.err
	}
	status, ok := d.known[id]
	if !ok {
		return nil, idp.ErrNotFound
	}
	return identity.NewPerson(identity.Person{ID: id, Status: status}), nil
}

func (d *fakeDirectory) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads
}

// recorder catches what is answered outside a server.
type recorder struct {
	h      http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder            { return &recorder{h: http.Header{}} }
func (r *recorder) Header() http.Header { return r.h }
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(p)
}
func (r *recorder) WriteHeader(status int)  { r.status = status }
func (r *recorder) cookies() []*http.Cookie { return (&http.Response{Header: r.h}).Cookies() }

func routeOf(w *world, host string) *config.Route {
	return &config.Route{ClientID: w.routes[host].ClientID}
}
