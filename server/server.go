// Package server fits Sallyport together: it is the only package that knows
// all others. New opens what lives as long as the process (log, store,
// sessions, directory, connections to upstreams), builds the first generation
// of everything that comes from the configuration, and Start listens. Reload
// builds a whole new generation and swaps one pointer; a bad file changes
// nothing. Stop drains and closes in reverse order.
//
// It decides nothing about requests: handler.go counts and names them and hands
// them to the generation's proxy, which asks authenticate and authorize.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
	"sallyport/telemetry"
)

// Version is set by the linker for releases.
var Version = "dev"

// Options are what New needs. Zero values are good except for Load.
type Options struct {
	// Load says where the configuration comes from; it is read again at reload.
	Load config.LoadOptions
	// Log receives JSON lines; nil is os.Stderr.
	Log io.Writer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// MaxConnections bounds what clients have open at once; 0: by the limit of open
	// files.
	MaxConnections int
	// Ready is called once the listeners accept connections.
	Ready func(*Server)
}

// Server is one running proxy.
type Server struct {
	opts     Options
	now      func() time.Time
	log      *telemetry.Log
	registry *prometheus.Registry
	metrics  *telemetry.Metrics
	health   *health
	state    *state
	gen      atomic.Pointer[generation]
	listen   listeners
	clients  *connections
	watcher  *config.Watcher
	changed  chan struct{}

	cleanup []func(context.Context) error // last in, first out
	reload  sync.Mutex
	stop    sync.Once
	stopErr error
}

// ConfigError carries everything that is wrong with a configuration.
type ConfigError struct{ Problems []config.Problem }

func (e *ConfigError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", e.Problems[0].Error(), len(e.Problems)-1)
}

// New loads the configuration and builds everything but the listeners. A
// configuration that does not validate is a *ConfigError, and nothing was
// opened.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{opts: o, now: o.Now}
	s.watcher = s.newWatcher()
	cfg, problems := config.Load(s.load())
	if len(problems) > 0 {
		return nil, &ConfigError{Problems: problems}
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.openLog(cfg)
	s.health = newHealth(s.now)
	s.clients = newConnections(s, o.MaxConnections)
	if err := s.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// load is how the configuration is read: through the watcher, unless a test
// reads it some other way.
func (s *Server) load() config.LoadOptions {
	o := s.opts.Load
	if o.ReadFile == nil {
		o.ReadFile = s.watcher.ReadFile
	}
	return o
}

// open builds what lives as long as the process, then the first generation.
func (s *Server) open(ctx context.Context, cfg *config.Config) error {
	state, err := openState(ctx, s, cfg)
	if err != nil {
		return err
	}
	s.state = state
	gen, err := s.build(cfg)
	if err != nil {
		return err
	}
	s.swap(gen)
	return s.state.start(ctx, s)
}

// openLog starts the log; the last thing that closes is what reports the rest.
func (s *Server) openLog(cfg *config.Config) {
	out := s.opts.Log
	if out == nil {
		out = os.Stderr
	}
	async := telemetry.NewAsyncWriter(out)
	s.log = telemetry.NewLog(async, cfg.Telemetry.LogLevel)
	s.registry = telemetry.NewRegistry(Version)
	s.metrics = telemetry.NewMetrics(s.registry)
	telemetry.CountDropped(s.registry, async)
	s.defers(func(context.Context) error { return async.Close() })
}

func (s *Server) defers(f func(context.Context) error) { s.cleanup = append(s.cleanup, f) }

// Start opens the listeners, serves in the background and watches the
// configuration. It returns once connections are accepted.
func (s *Server) Start(ctx context.Context) error {
	cfg := s.gen.Load().cfg
	if err := s.listen.open(s, cfg); err != nil {
		return errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	s.watch(ctx)
	s.health.started()
	s.log.Info("listening", slog.String("address", s.Addr()), slog.String("config", cfg.File),
		slog.String("hash", cfg.Hash), slog.Int("routes", len(cfg.Routes)), slog.String("version", Version))
	go debug.FreeOSMemory() // what reading the configuration took is not needed again
	if s.opts.Ready != nil {
		s.opts.Ready(s)
	}
	return nil
}

// Addr is where the main listener accepts, for ":0".
func (s *Server) Addr() string { return s.listen.addr() }

// HealthAddr and MetricsAddr are where those listeners accept, "" if off.
func (s *Server) HealthAddr() string { return s.listen.healthAddr() }

// MetricsAddr is where /metrics is served, "" if off.
func (s *Server) MetricsAddr() string { return s.listen.metricsAddr() }

// Run starts, waits for ctx and drains. It is what main calls.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	cfg := s.gen.Load().cfg
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Listen.DrainDelay+cfg.Listen.DrainTimeout)
	defer cancel()
	return s.Stop(drain)
}

// Stop drains: /readyz turns to 503 at once, connections are still accepted for
// drain_delay, requests in flight may finish until ctx ends, streams are closed.
// It may be called twice.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		s.health.draining()
		s.log.Info("draining")
		s.stopErr = errors.Join(s.listen.drain(ctx, s), s.close(context.WithoutCancel(ctx)))
	})
	return s.stopErr
}

// closeTimeout bounds the clean-ups: a refresh under way at a provider that hangs
// takes some five seconds to give up.
const closeTimeout = 8 * time.Second

// close runs the clean-ups, last first.
func (s *Server) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var errs []error
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		errs = append(errs, s.cleanup[i](ctx))
	}
	s.cleanup = nil
	return errors.Join(errs...)
}

// Handler is the whole of what the main listener serves, for tests and for
// embedding.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Describe lists the metrics of this process, for the reference page.
func (s *Server) Describe(to chan<- *prometheus.Desc) { s.registry.Describe(to) }
