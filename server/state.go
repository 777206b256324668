package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"sallyport/authenticate"
	"sallyport/certificates"
	"sallyport/config"
	"sallyport/directory"
	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/keyring"
	"sallyport/proxy"
	"sallyport/session"
	"sallyport/store"
	"sallyport/store/bolt"
	"sallyport/store/memory"
)

// state is what lives as long as the process and survives every reload.
type state struct {
	dataDir       string
	rings         rings
	sealer        *currentSealer
	store         store.Store
	sessions      *session.Manager
	source        *currentDirectory
	directory     *directory.Directory
	transports    *proxy.Transports
	streams       *proxy.Streams
	refresher     *authenticate.Refresher
	providers     *providers
	certs         *proxy.Certificates
	follower      *follower
	hookLimit     *rate.Limiter
	hookAddresses *addressLimit
	autocert      *certificates.Keeper
}

// openState opens the store and what stands on it, and registers how each is
// closed.
func openState(ctx context.Context, s *Server, cfg *config.Config) (*state, error) {
	st := &state{dataDir: cfg.Storage.DataDir, source: new(currentDirectory), providers: newProviders(s)}
	var err error
	if st.rings, err = openRings(cfg, s.log.Logger); err != nil {
		return nil, err
	}
	st.sealer = newCurrentSealer(st.rings.shared)
	if st.store, err = openStore(s, cfg, st.sealer); err != nil {
		return nil, err
	}
	s.defers(func(context.Context) error { return st.store.Close() })
	s.health.check("store", st.store.Ping)
	if err := st.openSessions(s, cfg); err != nil {
		return nil, err
	}
	if err := st.openDirectory(s); err != nil {
		return nil, err
	}
	st.transports = proxy.NewTransports(s.registry)
	st.streams = proxy.NewStreams(s.registry)
	s.defers(func(context.Context) error { st.transports.Close(); return nil })
	st.sessions.OnEnd(func(id string, why session.EndReason) { st.streams.CutSession(id, string(why)) })
	st.certs = proxy.NewCertificates(s.now)
	return st, st.openCertificates(s, cfg)
}

func openStore(s *Server, cfg *config.Config, sealer store.Sealer) (store.Store, error) {
	if cfg.Storage.Type == "memory" {
		return memory.New(memory.Options{Now: s.now}), nil
	}
	st, err := bolt.Open(bolt.Options{Dir: cfg.Storage.DataDir, Sealer: sealer, Now: s.now, Logger: s.log.Logger})
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return st, nil
}

func (st *state) openSessions(s *Server, cfg *config.Config) (err error) {
	st.sessions, err = session.New(session.Options{
		Store: st.store, Now: s.now, Logger: s.log.Logger, RevocationBound: cfg.Session.RevocationBound,
		IdleTimeout: func() time.Duration {
			if gen := s.gen.Load(); gen != nil {
				return gen.cfg.Session.IdleTimeout
			}
			return 0
		},
	})
	return err
}

func (st *state) openDirectory(s *Server) (err error) {
	st.directory, err = directory.New(directory.Options{
		Source: st.source, Listing: st.source.listing, Relevant: s.relevant, Live: s.liveSubjects, Store: st.store,
		Now: s.now, Logger: s.log.Logger, Registry: s.registry,
	})
	if err != nil {
		return err
	}
	st.follower = newFollower(s)
	st.directory.OnChange(st.follower.changed)
	st.directory.OnEnd(s.sessionsEnded)
	st.hookLimit, st.hookAddresses = rate.NewLimiter(hookPerSec, hookBurst), newAddressLimit(s.now)
	s.health.check("directory", func(ctx context.Context) error {
		if !st.source.on() {
			return nil
		}
		return st.directory.Check(ctx)
	})
	s.health.check("directory-names", func(context.Context) error {
		if unknown := st.directory.Unknown(); st.source.on() && len(unknown) > 0 {
			return errors.New(strings.Join(unknown, "; "))
		}
		return nil
	})
	return err
}

// start runs the background parts once the first generation is in force.
func (st *state) start(ctx context.Context, s *Server) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.defers(func(context.Context) error { cancel(); return nil })
	if err := st.sessions.Start(ctx); err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	s.defers(st.sessions.Stop)
	if err := st.directory.Start(ctx); err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	following := make(chan struct{})
	go func() { defer close(following); st.follower.run(ctx) }()
	s.defers(func(context.Context) error { cancel(); <-following; st.directory.Stop(); return nil })
	refresher, err := authenticate.NewRefresher(authenticate.RefreshOptions{
		Sessions: st.sessions, Store: st.store, Providers: st.providers.current, Directory: st.personReader,
		OutageGrace: func() time.Duration { return s.gen.Load().cfg.Provider.OutageGrace },
		Now:         s.now, Logger: s.log.Logger, Registry: s.registry,
	})
	if err != nil {
		return err
	}
	st.refresher = refresher
	done := make(chan struct{})
	go func() { defer close(done); refresher.Run(ctx) }()
	s.defers(func(context.Context) error { cancel(); <-done; return nil })
	return s.openAdmin(st.dataDir)
}

// wake tells the refresher of a session that was used again; before it runs
// there is nothing to wake.
func (st *state) wake(id string) {
	if st.refresher != nil {
		st.refresher.Wake(id)
	}
}

// personReader is what sign-in and refresh ask for a person, nil without a
// directory.
func (st *state) personReader() authenticate.PersonReader {
	if !st.source.on() {
		return nil
	}
	return st.directory
}

// rings are the two secrets everything is derived from.
type rings struct{ cookie, shared *keyring.Ring }

// openRings takes the secrets of the configuration, or those it made once and
// keeps in the data directory.
func openRings(cfg *config.Config, log *slog.Logger) (r rings, err error) {
	if r.cookie, err = openRing(cfg, cfg.Session.CookieSecret, "cookie_secret", log); err != nil {
		return r, err
	}
	r.shared, err = openRing(cfg, cfg.Session.SharedSecret, "shared_secret", log)
	return r, err
}

func openRing(cfg *config.Config, secrets [][]byte, key string, log *slog.Logger) (*keyring.Ring, error) {
	if len(secrets) == 0 {
		made, created, err := keyring.LoadOrCreate(cfg.Storage.DataDir, key)
		if err != nil {
			return nil, fmt.Errorf("%s is not set, and none can be kept in data_dir: %w", key, err)
		}
		if created {
			log.Info("no "+key+" configured: made one and keep it in the data directory", slog.String("data_dir", cfg.Storage.DataDir))
		}
		secrets = made
	}
	return keyring.New(secrets...)
}

// currentSealer lets a reload change the key ring under an open store.
type currentSealer struct{ p atomic.Pointer[store.Sealer] }

func newCurrentSealer(ring *keyring.Ring) *currentSealer {
	c := new(currentSealer)
	c.set(ring)
	return c
}

func (c *currentSealer) set(ring *keyring.Ring) {
	sealer := store.NewSealer(ring)
	c.p.Store(&sealer)
}

func (c *currentSealer) Seal(k store.Kind, key string, v uint64, plain []byte) ([]byte, error) {
	return (*c.p.Load()).Seal(k, key, v, plain)
}

func (c *currentSealer) Open(k store.Kind, key string, v uint64, sealed []byte) ([]byte, error) {
	return (*c.p.Load()).Open(k, key, v, sealed)
}

// errNoDirectory answers while no service account is configured.
var errNoDirectory = errors.New("no directory configured: set idp_service_account")

// currentDirectory lets a reload change the credentials under the directory.
type currentDirectory struct {
	p atomic.Pointer[idp.Directory]
	l atomic.Pointer[listed]
}

// listed is a directory that lists everybody, and whose it is.
type listed struct {
	source directory.Source
	org    string
}

func (c *currentDirectory) set(d idp.Directory, org string) {
	c.p.Store(nil)
	c.l.Store(nil)
	if d == nil {
		return
	}
	if source, ok := d.(directory.Source); ok {
		c.l.Store(&listed{source, org})
	}
	c.p.Store(&d)
}

func (c *currentDirectory) listing() (directory.Source, string) {
	l := c.l.Load()
	if l == nil {
		return nil, ""
	}
	return l.source, l.org
}

func (c *currentDirectory) on() bool { return c.p.Load() != nil }

func (c *currentDirectory) Person(ctx context.Context, id string) (*identity.Person, error) {
	d := c.p.Load()
	if d == nil {
		return nil, errNoDirectory
	}
	return (*d).Person(ctx, id)
}

func (c *currentDirectory) Check(ctx context.Context) error {
	d := c.p.Load()
	if d == nil {
		return nil
	}
	return (*d).Check(ctx)
}
